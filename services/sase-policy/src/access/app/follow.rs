//! What a change in the log of `delegation` says of administrators and RAM users, and which directories decide otherwise
//! after it. To be applied before the lists are: it looks at where accounts were.

use std::collections::BTreeSet;

use bailiwick_api::{
    audit::v1::Change,
    r#type::v1::{AccessFactChange, LogPosition, access_fact::Kind},
};
use bailiwick_changelog::{Apply, HeldFact};
use bailiwick_core::{DirectoryId, IdentityName, PrincipalKind, TrustedService, authz::Fact};
use bailiwick_db::{DbError, Tx};
use futures::future::BoxFuture;

use crate::access::store;

/// Keeps what decisions must know of the facts.
pub(crate) struct AccessFacts;

impl AccessFacts {
    async fn follow(tx: &Tx, facts: &[AccessFactChange]) -> Result<(), DbError> {
        let mut touched = BTreeSet::new();
        for change in facts {
            if let Some(directories) = follow_one(tx, change).await? {
                touched.extend(directories);
            }
        }
        for directory in touched {
            store::generation_followed(tx.conn(), Some(directory)).await?;
        }
        Ok(())
    }

    async fn replace_all(tx: &Tx, facts: &[HeldFact]) -> Result<(), DbError> {
        store::facts_remove_all(tx.conn()).await?;
        for held in facts {
            let change = AccessFactChange { fact: Some(held.fact.clone()), removed: false };
            follow_one(tx, &change).await?;
        }
        store::generation_followed(tx.conn(), None).await
    }
}

/// The directories that a fact is about, if decisions look at it.
async fn follow_one(tx: &Tx, change: &AccessFactChange) -> Result<Option<Vec<DirectoryId>>, DbError> {
    let kind = change.fact.as_ref().and_then(|fact| fact.kind.as_ref());
    let relevant = matches!(
        kind,
        Some(Kind::Account(_) | Kind::Folder(_) | Kind::Delegation(_) | Kind::Enrolment(_) | Kind::Identity(_))
    );
    if !relevant {
        return Ok(None);
    }
    let read = change.to_core().map_err(|error| DbError::Other(error.into()))?;
    Ok(match read.fact {
        Fact::Account { account, membership, .. } => {
            let before = store::directory_of(tx.conn(), account).await?;
            let now = membership.filter(|_| !read.removed).map(|(directory, _)| directory);
            Some(before.into_iter().chain(now).collect())
        }
        Fact::Folder { directory, .. } => Some(vec![directory]),
        Fact::Enrolment { directory, service: TrustedService::Sase, .. } => Some(vec![directory]),
        Fact::Delegation { directory, service: TrustedService::Sase, account, .. } => {
            match read.removed {
                true => store::administrator_remove(tx.conn(), directory, account).await?,
                false => store::administrator_save(tx.conn(), directory, account).await?,
            }
            None
        }
        Fact::Identity { identity: identity @ IdentityName::User(account, _), fact } => {
            let user = fact.filter(|fact| !read.removed && fact.enabled && fact.kind == PrincipalKind::User);
            match user {
                Some(_) => store::ram_user_save(tx.conn(), &identity.to_string(), account).await?,
                None => store::ram_user_remove(tx.conn(), &identity.to_string()).await?,
            }
            Some(store::directory_of(tx.conn(), account).await?.into_iter().collect())
        }
        _ => None,
    })
}

impl Apply for AccessFacts {
    fn apply(&self, tx: Tx, _: LogPosition, change: Change) -> BoxFuture<'_, Result<(), DbError>> {
        Box::pin(async move { Self::follow(&tx, &change.facts).await })
    }

    fn replace<'a>(&'a self, tx: Tx, _: LogPosition, facts: &'a [HeldFact]) -> BoxFuture<'a, Result<(), DbError>> {
        Box::pin(async move { Self::replace_all(&tx, facts).await })
    }
}
