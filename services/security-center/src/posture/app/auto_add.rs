//! Adds the members that wait to be added of themselves (R-SC-13), one replica at a time.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use bailiwick_core::{AccountId, DirectoryId, Entropy, Role, Timestamp, TrustedService};
use bailiwick_db::{Db, DbError, Tx};
use bailiwick_roster::{Behalf, Enrolments, Refused};
use tokio_util::sync::CancellationToken;
use tonic::Code;

use super::edition::{Closed, multi_account_of};
use crate::posture::store::{self, Addition};

const LEASE: &str = "auto-add";
const LEASE_TTL: Duration = Duration::from_secs(30);
/// How often is looked whether somebody waits.
const PAUSE: Duration = Duration::from_millis(200);
/// Pause after a failure of the database, or while another replica works.
const LONG_PAUSE: Duration = Duration::from_secs(1);
/// Members looked at in one round.
const ROUND: u64 = 500;
/// Members enrolled by one call.
const BATCH: usize = 100;
const CALL: Duration = Duration::from_secs(10);
/// When it is tried again; doubled after each failure.
const BACKOFF: Duration = Duration::from_secs(1);
const BACKOFF_MAX: Duration = Duration::from_secs(60);
/// When it is looked again whether the feature is open in a directory.
const CLOSED: Duration = Duration::from_secs(2);

/// The worker. What it does twice is done once: `delegation` keeps an enrolment that is there, and the follower of its
/// log lets nobody wait who was in the list.
pub(crate) struct AutoAdder {
    db: Db,
    enrolments: Arc<dyn Enrolments>,
    holder: String,
}

impl AutoAdder {
    pub(crate) fn new(db: Db, enrolments: Arc<dyn Enrolments>, entropy: &dyn Entropy) -> Self {
        let mut random = [0; 8];
        entropy.fill(&mut random);
        Self { db, enrolments, holder: format!("{:016x}", u64::from_be_bytes(random)) }
    }

    /// Works until `shutdown`.
    pub(crate) async fn run(self, shutdown: CancellationToken) {
        loop {
            let pause = match self.round(&shutdown).await {
                Ok(true) => Duration::ZERO,
                Ok(false) => PAUSE,
                Err(error) => {
                    tracing::warn!(%error, "members were not added of themselves; it is tried again");
                    LONG_PAUSE
                }
            };
            if shutdown.run_until_cancelled(tokio::time::sleep(pause)).await.is_none() {
                return;
            }
        }
    }

    /// Adds those whose time has come, if no other replica does. Tells whether there were any.
    async fn round(&self, shutdown: &CancellationToken) -> Result<bool, DbError> {
        let due = store::additions_due(self.db.reader(), self.db.clock().now(), ROUND).await?;
        if due.is_empty() {
            return Ok(false);
        }
        let Some(lease) = self.db.try_lease(LEASE, &self.holder, LEASE_TTL).await? else { return Ok(false) };
        let done = shutdown.run_until_cancelled(self.add_all(due)).await;
        // Others need not wait for its end.
        self.db.release_lease(&lease).await?;
        done.transpose().map(|done| done.is_some())
    }

    async fn add_all(&self, due: Vec<Addition>) -> Result<(), DbError> {
        let mut by_directory = BTreeMap::<DirectoryId, Vec<Addition>>::new();
        for addition in due {
            by_directory.entry(addition.directory).or_default().push(addition);
        }
        for (directory, additions) in by_directory {
            if let Err(error) = self.add_some(directory, additions).await {
                tracing::warn!(%directory, %error, "members of a directory were not added of themselves");
                self.close(directory, "the database failed; it is tried again").await?;
            }
        }
        Ok(())
    }

    async fn add_some(&self, directory: DirectoryId, additions: Vec<Addition>) -> Result<(), DbError> {
        if let Some(closed) = self.open(directory).await? {
            return self.close(directory, &closed).await;
        }
        for batch in additions.chunks(BATCH) {
            self.db.try_lease(LEASE, &self.holder, LEASE_TTL).await?;
            self.add(directory, batch).await?;
        }
        Ok(())
    }

    /// Leaves a directory alone for a while, however many of its members wait.
    async fn close(&self, directory: DirectoryId, problem: &str) -> Result<(), DbError> {
        let until = self.db.clock().now().after(CLOSED);
        let work = |tx: Tx| async move { store::additions_close(tx.conn(), directory, problem, until).await };
        self.db.write("auto_add_closed", work).await.map(drop)
    }

    async fn add(&self, directory: DirectoryId, batch: &[Addition]) -> Result<(), DbError> {
        match self.enrol(directory, batch).await {
            Ok(()) => self.added(directory, batch).await,
            // One of them is the reason: the others need not wait for it.
            Err(refused) if batch.len() > 1 && !passing(&refused) => {
                for one in batch.chunks(1) {
                    match self.enrol(directory, one).await {
                        Ok(()) => self.added(directory, one).await?,
                        Err(refused) => self.postpone(one.to_vec(), &refused.message, backoff).await?,
                    }
                }
                Ok(())
            }
            Err(refused) => self.postpone(batch.to_vec(), &refused.message, backoff).await,
        }
    }

    async fn enrol(&self, directory: DirectoryId, batch: &[Addition]) -> Result<(), Refused> {
        let behalf = Behalf::own(Role::SecurityCenter, CALL);
        let accounts: Vec<_> = batch.iter().map(|addition| addition.account).collect();
        let enrolling = self.enrolments.enrol(&behalf, TrustedService::SecurityCenter, directory, &accounts);
        match tokio::time::timeout_at(behalf.deadline, enrolling).await {
            Ok(enrolled) => enrolled.map(drop),
            Err(_) => Err(Refused {
                code: Code::DeadlineExceeded.into(),
                message: format!("`{}` did not answer in time", Role::Delegation),
                details: Vec::new(),
            }),
        }
    }

    async fn added(&self, directory: DirectoryId, batch: &[Addition]) -> Result<(), DbError> {
        let accounts: &Vec<AccountId> = &batch.iter().map(|addition| addition.account).collect();
        let work = |tx: Tx| async move {
            store::settings_lock(tx.conn(), directory).await?;
            store::places_settle(tx.conn(), directory, accounts).await?;
            store::additions_remove(tx.conn(), batch).await?;
            if store::additions_count(tx.conn(), directory).await? == 0 {
                store::problem_save(tx.conn(), directory, "").await?;
            }
            Ok::<_, DbError>(())
        };
        self.db.write("auto_add_done", work).await.map(drop)
    }

    async fn postpone(
        &self,
        additions: Vec<Addition>,
        problem: &str,
        pause: impl Fn(i64) -> Duration + Send + Sync,
    ) -> Result<(), DbError> {
        let (now, additions, pause): (Timestamp, _, _) = (self.db.clock().now(), &additions, &pause);
        let work = |tx: Tx| async move {
            let Some(first) = additions.first() else { return Ok(()) };
            store::settings_lock(tx.conn(), first.directory).await?;
            for addition in additions {
                let later = Addition { attempts: addition.attempts + 1, ..addition.clone() };
                let due = now.after(pause(addition.attempts));
                store::additions_postpone(tx.conn(), std::slice::from_ref(&later), due).await?;
            }
            store::problem_save(tx.conn(), first.directory, problem).await
        };
        self.db.write("auto_add_postponed", work).await.map(drop)
    }

    /// Why the feature is not open in a directory: it is, if it is to the management account or to an administrator of
    /// the whole directory.
    async fn open(&self, directory: DirectoryId) -> Result<Option<String>, DbError> {
        let (conn, now) = (self.db.reader(), self.db.clock().now());
        let administrators = store::administrators_of(conn, directory).await?.into_iter();
        let administrators = administrators
            .filter(|known| known.service == TrustedService::SecurityCenter && known.folder.is_empty())
            .map(|known| known.account);
        let management = store::management_account(conn, directory).await?;
        let mut closed = "the directory has no management account".to_owned();
        for account in administrators.chain(management) {
            match multi_account_of(conn, account, now).await {
                Ok(()) => return Ok(None),
                Err(Closed::Db(error)) => return Err(error),
                Err(error) => closed = error.to_string(),
            }
        }
        Ok(Some(closed))
    }
}

/// Whether it is the same for all members, and passes.
fn passing(refused: &Refused) -> bool {
    matches!(
        Code::from_i32(refused.code),
        Code::Unavailable | Code::DeadlineExceeded | Code::Cancelled | Code::Internal | Code::Unknown
    )
}

fn backoff(attempts: i64) -> Duration {
    let doublings = u32::try_from(attempts.clamp(0, 10)).unwrap_or_default();
    BACKOFF.saturating_mul(1 << doublings).min(BACKOFF_MAX)
}
