//! One function for each call, with its transaction; and the mirror of directory's facts.
//!
//! A transaction that decides over a directory first locks its row, as the mirror does: what is decided over a
//! membership is decided before or after the membership ends, never beside it.

pub mod claims;
mod delegated_administrator;
mod enrolment;
mod error;
mod fact;
pub mod linked_roles;
mod mirror;
mod page;
mod parts;
mod reconcile;
mod resync;
mod role_deletion;
mod service_linked_role;
mod trusted_service;

use std::sync::Arc;

use bailiwick_api::r#type::v1::AccessFactChange;
use bailiwick_core::{AccountId, Clock, DirectoryId, Entropy, Timestamp};
use bailiwick_db::{Db, DbError, PageTokens, Tx};
use sea_orm::ConnectionTrait;
use tokio::sync::Notify;

pub use delegated_administrator::{Changed, Ended, Shown};
pub use error::Error;
pub use fact::ListPart;
pub use mirror::Mirror;
pub use page::{Page, PageRequest};
#[cfg(test)]
pub use reconcile::{Pass, Reconciled};
pub use trusted_service::Disabled;

use crate::{config::Limits, domain, events, store};
use claims::Claims;
use linked_roles::LinkedRoles;

/// What the calls work with. Cheap to clone.
#[derive(Clone)]
pub struct App {
    /// The own database.
    pub db: Db,
    /// Directory's claims.
    pub claims: Arc<dyn Claims>,
    /// Directory's service-linked roles.
    pub linked_roles: Arc<dyn LinkedRoles>,
    /// How many delegated administrators a service can have.
    pub limits: Limits,
    /// Wakes what deletes service-linked roles.
    pub deletions: Arc<Notify>,
    /// Now.
    pub clock: Arc<dyn Clock>,
    /// For uids and etags.
    pub entropy: Arc<dyn Entropy>,
    /// Page tokens.
    pub pages: PageTokens,
}

/// Digits of uids and etags: 100 bits.
const TOKEN_DIGITS: usize = 20;

impl App {
    fn now(&self) -> Timestamp {
        self.clock.now()
    }

    fn token(&self) -> String {
        bailiwick_core::random_token(self.entropy.as_ref(), TOKEN_DIGITS)
    }
}

/// Locks a directory, which must exist, and returns its management account.
async fn lock(tx: &Tx, directory: DirectoryId) -> Result<AccountId, Error> {
    let found = store::directories::lock(tx.conn(), directory).await?;
    Ok(found.ok_or_else(|| domain::Error::NotFound(directory.name()))?)
}

/// The management account of a directory, which must exist.
async fn management_account(conn: &impl ConnectionTrait, directory: DirectoryId) -> Result<AccountId, Error> {
    let found = store::directories::management_account(conn, directory).await?;
    Ok(found.ok_or_else(|| domain::Error::NotFound(directory.name()))?)
}

/// Makes facts part of the full list.
async fn keep<'a>(tx: &Tx, facts: impl IntoIterator<Item = &'a AccessFactChange>) -> Result<(), DbError> {
    store::facts::write(tx.conn(), events::rows(facts)).await
}
