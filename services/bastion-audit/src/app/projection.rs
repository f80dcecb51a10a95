//! What a change of a followed log does to the trail.

use bailiwick_api::{audit::v1::Change, r#type::v1::LogPosition};
use bailiwick_changelog::{Apply, HeldFact};
use bailiwick_core::Role;
use bailiwick_db::{DbError, Tx};
use futures::future::BoxFuture;

use crate::{events, store};

/// Adds the changes of one role's log to the trail.
#[derive(Clone, Copy)]
pub(crate) struct Projection(Role);

impl Projection {
    /// Of the log of `role`.
    pub(crate) fn new(role: Role) -> Self {
        Self(role)
    }

    /// Adds a change.
    pub(crate) async fn project(&self, tx: &Tx, at: &LogPosition, change: Change) -> Result<(), DbError> {
        match events::audit_entry(self.0, at, change)? {
            Some(entry) => store::audit_entry_insert(tx.conn(), &entry).await,
            None => Ok(()),
        }
    }

    /// Adds those of the first changes of a restored log that the trail does not have. It has those that were in the
    /// backup, under the epoch in which they were made; what it has beyond was lost there, and stays here.
    async fn complete(&self, tx: &Tx, epoch: &str, changes: &[Change]) -> Result<(), DbError> {
        let (Some(first), Some(last)) = (changes.first(), changes.last()) else { return Ok(()) };
        let known = store::audit_entries_between(tx.conn(), self.0, first.revision, last.revision).await?;
        for change in changes {
            let at = LogPosition { role: self.0.to_string(), epoch: epoch.to_owned(), revision: change.revision };
            let Some(entry) = events::audit_entry(self.0, &at, change.clone())? else { continue };
            if !known.iter().any(|known| known.is_the_change_of(&entry)) {
                store::audit_entry_insert(tx.conn(), &entry).await?;
            }
        }
        Ok(())
    }
}

impl Apply for Projection {
    fn apply(&self, tx: Tx, at: LogPosition, change: Change) -> BoxFuture<'_, Result<(), DbError>> {
        Box::pin(async move { self.project(&tx, &at, change).await })
    }

    fn again<'a>(&'a self, tx: Tx, epoch: &'a str, changes: &'a [Change]) -> BoxFuture<'a, Result<(), DbError>> {
        Box::pin(async move { self.complete(&tx, epoch, changes).await })
    }

    /// The trail is of changes: those that it lacked were added one by one.
    fn replace<'a>(&'a self, tx: Tx, _at: LogPosition, _facts: &'a [HeldFact]) -> BoxFuture<'a, Result<(), DbError>> {
        drop(tx);
        Box::pin(async { Ok(()) })
    }
}
