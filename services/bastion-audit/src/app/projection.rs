//! What a change of a followed log does to the trail.

use bailiwick_api::{audit::v1::Change, r#type::v1::LogPosition};
use bailiwick_changelog::Apply;
use bailiwick_core::Role;
use bailiwick_db::{DbError, Tx};
use bailiwick_roster::RosterFollower;
use futures::future::BoxFuture;

use crate::{events, store};

/// Adds the changes of one role's log to the trail.
#[derive(Clone, Copy)]
pub(crate) struct Projection(Role);

/// Applies `delegation`'s log to the members and to the trail, with the one cursor that it has.
pub(crate) struct DelegationLog {
    members: RosterFollower,
    trail: Projection,
}

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
}

impl Apply for Projection {
    fn apply(&self, tx: Tx, at: LogPosition, change: Change) -> BoxFuture<'_, Result<(), DbError>> {
        Box::pin(async move { self.project(&tx, &at, change).await })
    }
}

impl DelegationLog {
    pub(crate) fn new(members: RosterFollower, trail: Projection) -> Self {
        Self { members, trail }
    }
}

impl Apply for DelegationLog {
    fn apply(&self, tx: Tx, at: LogPosition, change: Change) -> BoxFuture<'_, Result<(), DbError>> {
        Box::pin(async move {
            self.members.apply(tx.clone(), at.clone(), change.clone()).await?;
            self.trail.project(&tx, &at, change).await
        })
    }
}
