//! One function for each call, with its transaction; and the mirror of directory's facts.
//!
//! A transaction that decides over a directory first locks its row, as the mirror does: what is decided over a
//! membership is decided before or after the membership ends, never beside it.

pub mod claims;
mod delegated_administrator;
mod enrolment;
mod error;
mod fact;
mod mirror;
mod page;
mod reconcile;
mod resync;
mod trusted_service;

use std::sync::Arc;

use bailiwick_api::r#type::v1::AccessFactChange;
use bailiwick_core::{AccountId, Clock, DirectoryId, Entropy, Timestamp};
use bailiwick_db::{Db, DbError, PageTokens, Tx};
use sea_orm::ConnectionTrait;

pub use delegated_administrator::Ended;
pub use error::Error;
pub use fact::ListPart;
pub use mirror::Mirror;
pub use page::{Page, PageRequest};

use crate::{domain, events, store};
use claims::Claims;

/// What the calls work with. Cheap to clone.
#[derive(Clone)]
pub struct App {
    /// The own database.
    pub db: Db,
    /// Directory's claims.
    pub claims: Arc<dyn Claims>,
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
async fn keep(tx: &Tx, facts: &[AccessFactChange]) -> Result<(), DbError> {
    store::facts::write(tx.conn(), events::rows(facts)).await
}
