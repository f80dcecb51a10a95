//! A role that has nothing but a change log.

use std::sync::Arc;

use bailiwick_api::{
    audit::v1::{Change, change_log_service_server::ChangeLogServiceServer},
    r#type::v1::LogPosition,
};
use bailiwick_changelog::{ChangeLogServer, change_payload, log_position};
use bailiwick_core::{Clock, Role, SystemEntropy, Timestamp};
use bailiwick_db::{Db, DbDeps, DbError, DbOptions, Sealer, Tx};
use sea_orm::{ConnectionTrait, Statement};
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

    /// Takes the log back to a revision and renews its epoch, as a restore from a backup does.
    pub async fn restore(&self, revision: i64) {
        let work = |tx: Tx| async move {
            let backend = tx.conn().get_database_backend();
            for sql in ["DELETE FROM change_log WHERE revision > $1", "UPDATE log_head SET revision = $1"] {
                tx.conn().execute_raw(Statement::from_sql_and_values(backend, sql, [revision.into()])).await?;
            }
            Ok::<_, DbError>(())
        };
        self.db.write("restore", work).await.expect("the log is restored");
        self.db.renew_epoch().await.expect("the epoch is renewed");
    }

    /// Its end.
    pub async fn head(&self) -> LogPosition {
        log_position(self.role, &self.db.head().await.expect("the log has an end"))
    }

    /// Now.
    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }
}
