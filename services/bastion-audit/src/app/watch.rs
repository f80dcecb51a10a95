//! Following the trail: entries in the order in which they come into it.

use std::time::Duration;

use bailiwick_core::filter::Filter;
use bailiwick_db::{Db, PageQuery, PageTokenError, PageTokens};
use bailiwick_rpc::Call;
use tokio::{sync::watch, time::Instant};
use tokio_util::sync::CancellationToken;

use super::TrailError;
use crate::{domain::AuditEntry, store};

/// How often the database is asked for arrivals, by all watchers together: other replicas add to the trail as well.
const POLL: Duration = Duration::from_millis(200);
/// How long a watcher hears nothing.
const SIGN_OF_LIFE: Duration = Duration::from_secs(15);
/// Most entries at once.
const BATCH: u64 = 100;

/// The last arrival, as the database had it at most 200 ms ago while anybody watches.
#[derive(Clone)]
pub(crate) struct Arrivals {
    db: Db,
    last: watch::Sender<i64>,
}

/// What is asked for.
pub(crate) struct WatchRequest {
    /// Whose trail: `directories/{directory}` or `accounts/{account}`.
    pub(crate) viewer: String,
    /// Which entries.
    pub(crate) filter: Filter,
    /// Of an earlier batch; empty to begin now.
    pub(crate) resume_token: String,
}

/// One watcher.
pub(crate) struct Watch {
    arrivals: Arrivals,
    seen: watch::Receiver<i64>,
    pages: PageTokens,
    asked: WatchRequest,
    method: &'static str,
    epoch: String,
    /// The arrival up to which everything was sent.
    after: i64,
    /// Whether anything was sent.
    begun: bool,
}

/// Some entries.
pub(crate) struct Batch {
    /// In their order; may be none.
    pub(crate) entries: Vec<AuditEntry>,
    /// Where a later watch goes on.
    pub(crate) resume_token: String,
}

// === impl Arrivals ===

impl Arrivals {
    pub(crate) fn new(db: Db) -> Self {
        Self { db, last: watch::Sender::new(0) }
    }

    /// Keeps them up to date until `shutdown`.
    pub(crate) async fn run(self, shutdown: CancellationToken) {
        let work = async {
            loop {
                if self.last.receiver_count() > 0 {
                    match store::last_arrival(self.db.reader()).await {
                        Ok(last) => drop(self.last.send_if_modified(|known| std::mem::replace(known, last) != last)),
                        Err(error) => tracing::warn!(%error, "arrivals in the audit trail cannot be read"),
                    }
                }
                tokio::time::sleep(POLL).await;
            }
        };
        shutdown.run_until_cancelled(work).await;
    }

    /// A new watcher.
    ///
    /// # Errors
    /// If the resume token is of another watch, or too old.
    pub(crate) async fn watch(&self, pages: PageTokens, call: &Call, asked: WatchRequest) -> Result<Watch, TrailError> {
        let (seen, epoch) = (self.last.subscribe(), self.db.epoch().await?);
        let (arrivals, method) = (self.clone(), call.permit.path());
        let mut watch = Watch { arrivals, seen, pages, asked, method, epoch, after: 0, begun: false };
        watch.after = match watch.asked.resume_token.as_str() {
            "" => store::last_arrival(self.db.reader()).await?,
            token => watch.resume(token)?,
        };
        Ok(watch)
    }
}

// === impl Watch ===

impl Watch {
    /// The next entries; waits for some, or for the time of a sign of life. The first answer comes at once.
    pub(crate) async fn next(&mut self) -> Result<Batch, TrailError> {
        let silent = Instant::now() + SIGN_OF_LIFE;
        loop {
            self.seen.borrow_and_update();
            let db = &self.arrivals.db;
            let (after, until) = (self.after, store::last_arrival(db.reader()).await?);
            let (viewer, range) = (self.asked.viewer.as_str(), (after, until));
            let found = store::audit_entries_arrived(db.reader(), viewer, &self.asked.filter, range, BATCH).await?;
            let full = u64::try_from(found.len()).unwrap_or(BATCH) == BATCH;
            let reached = found.last().filter(|_| full).map_or(until.max(after), |(arrival, _)| *arrival);
            self.after = reached;
            if !found.is_empty() || !self.begun || Instant::now() >= silent {
                self.begun = true;
                let entries = found.into_iter().map(|(_, entry)| entry.shown_to(viewer)).collect();
                return Ok(Batch { entries, resume_token: self.token(reached)? });
            }
            // Ends early when something has come; an error means that the role is shutting down.
            drop(tokio::time::timeout_at(silent, self.seen.changed()).await);
        }
    }

    fn token(&self, reached: i64) -> Result<String, TrailError> {
        let now = self.arrivals.db.clock().now();
        Ok(self.pages.seal(&self.query(&self.fingerprint()), &reached.to_string(), now)?)
    }

    fn resume(&self, token: &str) -> Result<i64, TrailError> {
        let now = self.arrivals.db.clock().now();
        let reached = self.pages.open(&self.query(&self.fingerprint()), token, now)?;
        Ok(reached.parse().map_err(|_| PageTokenError::Invalid)?)
    }

    fn fingerprint(&self) -> Vec<u8> {
        self.asked.filter.to_string().into_bytes()
    }

    fn query<'a>(&'a self, fingerprint: &'a [u8]) -> PageQuery<'a> {
        PageQuery { epoch: &self.epoch, tenant: &self.asked.viewer, method: self.method, fingerprint }
    }
}
