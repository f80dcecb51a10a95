//! A role that has nothing but a change log.

use std::sync::Arc;

use bailiwick_api::{
    audit::v1::{Change, change_log_service_server::ChangeLogServiceServer},
    r#type::v1::LogPosition,
};
use bailiwick_changelog::{ChangeLogServer, change_payload, log_position};
use bailiwick_core::{Clock, Role, SystemEntropy, Timestamp};
use bailiwick_db::{Db, DbDeps, DbError, DbOptions, Sealer, Tx};
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;

/// A change log that is written to by tests.
pub struct FakeLog {
    role: Role,
    db: Db,
    clock: Arc<dyn Clock>,
    _folder: TempDir,
}

impl FakeLog {
    /// Empty, for `role`.
    pub async fn new(role: Role, clock: Arc<dyn Clock>) -> Self {
        let folder = TempDir::with_prefix("bailiwick-").expect("a temporary directory can be made");
        let deps = DbDeps {
            role: role.as_str(),
            migrations: Vec::new,
            clock: clock.clone(),
            entropy: Arc::new(SystemEntropy),
            sealer: Sealer::new([3; 32], Arc::new(SystemEntropy)),
        };
        let url = format!("sqlite:{}?mode=rwc", folder.path().join("log.db").display());
        let url = url.parse().expect("an address");
        let db = Db::open(&url, &DbOptions::default(), deps).await.expect("the database opens");
        db.migrate().await.expect("the database is migrated");
        Self { role, db, clock, _folder: folder }
    }

    /// The service over it.
    pub(super) fn server(&self, shutdown: CancellationToken) -> ChangeLogServiceServer<ChangeLogServer> {
        ChangeLogServiceServer::new(ChangeLogServer::new(self.role, self.db.clone(), None, shutdown))
    }

    /// Makes a change; its time is now if it has none.
    pub async fn commit(&self, change: Change) -> LogPosition {
        let now = self.clock.now();
        let time = Some(change.time.unwrap_or_else(|| crate::events::timestamp(now)));
        let row = change_payload(Change { time, ..change }, now);
        let row = &row;
        let work = |tx: Tx| async move {
            tx.record(row.clone());
            Ok::<_, DbError>(())
        };
        let done = self.db.write("commit", work).await.expect("the change is committed");
        log_position(self.role, &done.position)
    }

    /// Now.
    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }
}
