//! What a change in the log of `delegation` says of who administers bastion hosts, and of RAM users.

use bailiwick_api::{
    audit::v1::Change,
    r#type::v1::{AccessFactChange, LogPosition, access_fact::Kind},
};
use bailiwick_changelog::{Apply, HeldFact};
use bailiwick_core::{IdentityName, PrincipalKind, TrustedService, authz::Fact};
use bailiwick_db::{DbError, Tx};
use futures::future::BoxFuture;

use crate::bastion::store;

/// Keeps what the bastion must know of the facts. It locks nothing that a call locks.
pub(crate) struct BastionFacts;

impl BastionFacts {
    async fn replace_all(tx: &Tx, facts: &[HeldFact]) -> Result<(), DbError> {
        store::administrators_remove_all(tx.conn()).await?;
        store::ram_users_remove_all(tx.conn()).await?;
        for held in facts {
            follow(tx, &AccessFactChange { fact: Some(held.fact.clone()), removed: false }).await?;
        }
        Ok(())
    }
}

async fn follow(tx: &Tx, change: &AccessFactChange) -> Result<(), DbError> {
    let kind = change.fact.as_ref().and_then(|fact| fact.kind.as_ref());
    if !matches!(kind, Some(Kind::Delegation(_) | Kind::Identity(_))) {
        return Ok(());
    }
    let read = change.to_core().map_err(|error| DbError::Other(error.into()))?;
    match read.fact {
        Fact::Delegation { directory, service: TrustedService::Bastionhost, account, .. } => match read.removed {
            true => store::administrator_remove(tx.conn(), directory, account).await,
            false => store::administrator_save(tx.conn(), directory, account).await,
        },
        Fact::Identity { identity: identity @ IdentityName::User(account, _), fact } => {
            let user = fact.filter(|fact| !read.removed && fact.enabled && fact.kind == PrincipalKind::User);
            match user {
                Some(_) => store::ram_user_save(tx.conn(), &identity.to_string(), account).await,
                None => store::ram_user_remove(tx.conn(), &identity.to_string()).await,
            }
        }
        _ => Ok(()),
    }
}

impl Apply for BastionFacts {
    fn apply(&self, tx: Tx, _: LogPosition, change: Change) -> BoxFuture<'_, Result<(), DbError>> {
        Box::pin(async move {
            for fact in &change.facts {
                follow(&tx, fact).await?;
            }
            Ok(())
        })
    }

    fn replace<'a>(&'a self, tx: Tx, _: LogPosition, facts: &'a [HeldFact]) -> BoxFuture<'a, Result<(), DbError>> {
        Box::pin(async move { Self::replace_all(&tx, facts).await })
    }
}
