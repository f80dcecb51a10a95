//! Reading the trail.

use std::time::Duration;

use bailiwick_core::{
    AccountId, DirectoryId, Owner, Role,
    authz::{Refusal, Tenant},
    filter::Filter,
};
use bailiwick_db::{CursorWait, Db, DbError, PageQuery, PageTokenError, PageTokens, Position};
use bailiwick_rpc::Call;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::{Arrivals, Watch, WatchRequest};
use crate::{ROLE, domain::AuditEntry, store, store::Place};

/// How long before the deadline waiting for the projection ends, so that the caller learns why.
const MARGIN: Duration = Duration::from_millis(150);

/// The trail, for calls.
pub(crate) struct Trail {
    db: Db,
    pages: PageTokens,
    arrivals: Arrivals,
    shutdown: CancellationToken,
}

/// What of a list is asked for.
pub(crate) struct PageRequest {
    /// Which entries.
    pub(crate) filter: Filter,
    /// Most entries.
    pub(crate) size: u32,
    /// Ended the page before; empty for the first.
    pub(crate) token: String,
}

/// A part of a list.
pub(crate) struct Page {
    /// Newest first.
    pub(crate) entries: Vec<AuditEntry>,
    /// Continues the list; empty at its end.
    pub(crate) next: String,
}

/// Why the trail cannot be read.
#[derive(Debug, thiserror::Error)]
pub(crate) enum TrailError {
    /// The call is about another kind of tenant.
    #[error(transparent)]
    Refusal(#[from] Refusal),
    /// By the database.
    #[error(transparent)]
    Db(#[from] DbError),
    /// The page token continues another list, or none.
    #[error(transparent)]
    PageToken(#[from] PageTokenError),
    /// A change of this role's own is not in the trail by the deadline.
    #[error("the audit trail has not reached the consistency token yet")]
    NotReached(Role),
}

impl Trail {
    pub(crate) fn new(db: Db, pages: PageTokens, arrivals: Arrivals, shutdown: CancellationToken) -> Self {
        Self { db, pages, arrivals, shutdown }
    }

    /// Follows the trail of the directory or account that the call is about.
    pub(crate) async fn watch(&self, call: &Call, filter: Filter, resume_token: String) -> Result<Watch, TrailError> {
        let viewer = match call.permit.tenant() {
            Tenant::Directory(directory) => directory.name(),
            Tenant::Account(_) | Tenant::Platform => call.permit.tenant_account()?.name(),
        };
        self.arrivals.watch(self.pages.clone(), call, WatchRequest { viewer, filter, resume_token }).await
    }

    /// Ends streams when the role shuts down.
    pub(crate) fn shutdown(&self) -> CancellationToken {
        self.shutdown.clone()
    }

    /// A page of the directory's trail.
    pub(crate) async fn of_directory(
        &self,
        call: &Call,
        asked: &PageRequest,
        own: &[Position],
    ) -> Result<Page, TrailError> {
        let directory: DirectoryId = call.permit.tenant_directory()?;
        self.page(call, Owner::Directory(directory), asked, own).await
    }

    /// A page of what the account did and of what was done to it.
    pub(crate) async fn of_account(
        &self,
        call: &Call,
        asked: &PageRequest,
        own: &[Position],
    ) -> Result<Page, TrailError> {
        let account: AccountId = call.permit.tenant_account()?;
        self.page(call, Owner::Account(account), asked, own).await
    }

    /// `own` are the positions of this role's log that must be in the trail: the guard has waited for those of others.
    async fn page(
        &self,
        call: &Call,
        viewer: Owner,
        asked: &PageRequest,
        own: &[Position],
    ) -> Result<Page, TrailError> {
        self.reached(call, own).await?;
        let viewer = match viewer {
            Owner::Directory(directory) => directory.name(),
            Owner::Account(account) => account.name(),
        };
        let (epoch, now) = (self.db.epoch().await?, self.db.clock().now());
        let fingerprint = asked.filter.to_string().into_bytes();
        let query = PageQuery { epoch: &epoch, tenant: &viewer, method: call.permit.path(), fingerprint: &fingerprint };
        let before = match asked.token.as_str() {
            "" => Place::end(),
            token => self.pages.open(&query, token, now)?.parse().map_err(|_| PageTokenError::Invalid)?,
        };
        let (reader, limit) = (self.db.reader(), u64::from(asked.size) + 1);
        let mut entries = store::audit_entries_before(reader, &viewer, &asked.filter, &before, limit).await?;
        let next = if entries.len() > usize::try_from(asked.size).unwrap_or(usize::MAX) {
            entries.pop();
            let last = entries.last().map(Place::of).unwrap_or_else(Place::end);
            self.pages.seal(&query, &last.to_string(), now)?
        } else {
            String::new()
        };
        Ok(Page { entries: entries.into_iter().map(|entry| entry.shown_to(&viewer)).collect(), next })
    }

    async fn reached(&self, call: &Call, own: &[Position]) -> Result<(), TrailError> {
        for position in own {
            let left = call.deadline.saturating_duration_since(Instant::now()).saturating_sub(MARGIN);
            match self.db.wait_cursor(ROLE.as_str(), position, left).await? {
                CursorWait::Reached => {}
                CursorWait::Behind(_) | CursorWait::OtherEpoch(_) => return Err(TrailError::NotReached(ROLE)),
            }
        }
        Ok(())
    }
}
