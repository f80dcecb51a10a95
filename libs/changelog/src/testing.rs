//! What the tests of this crate share: two databases on each engine, a follower that notes what it applies, and servers.

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicI64, Ordering},
    },
    time::Duration,
};

use bailiwick_api::{
    audit::v1::{
        Change, ChangeBatch, FollowChangesRequest, FollowChangesResponse, Pong,
        change_log_service_server::{ChangeLogService, ChangeLogServiceServer},
        follow_changes_response::Event,
    },
    r#type::v1::{AccessFactChange, LogPosition},
};
use bailiwick_core::{Clock, Role, SystemEntropy, authz::Tenant};
use bailiwick_db::{Db, DbDeps, DbError, DbOptions, Position, Sealer, Tx};
use bailiwick_rpc::Network;
use bailiwick_testkit::{ManualClock, TestDatabase, databases};
use futures::{StreamExt, future::BoxFuture, stream::BoxStream};
use sea_orm::{ConnectionTrait, Statement};
use sea_orm_migration::{
    MigrationName, MigrationTrait, SchemaManager,
    async_trait::async_trait,
    sea_query::{Alias, ColumnDef, Table},
};
use tokio::{sync::mpsc, task::JoinHandle, time::timeout};
use tokio_stream::wrappers::ReceiverStream;
use tokio_util::sync::CancellationToken;
use tonic::{Request, Response, Status, Streaming, transport::Server};

use crate::{Apply, ChangeLogServer, Follower, HeldFact, Recorded};

/// Long enough for whatever is awaited, short enough for a failing test.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// A service that is followed and one that follows it.
pub(crate) struct World {
    pub(crate) upstream: Db,
    pub(crate) downstream: Db,
    pub(crate) network: Network,
    downstream_database: TestDatabase,
    _upstream_database: TestDatabase,
}

pub(crate) async fn worlds() -> Vec<World> {
    let mut worlds = Vec::new();
    for (one, other) in databases().await.into_iter().zip(databases().await) {
        let (upstream, downstream) = (open(&one).await, open(&other).await);
        upstream.migrate().await.unwrap();
        downstream.migrate().await.unwrap();
        let network = Network::in_process();
        worlds.push(World { upstream, downstream, network, downstream_database: other, _upstream_database: one });
    }
    worlds
}

async fn open(database: &TestDatabase) -> Db {
    let deps = DbDeps {
        role: "test",
        migrations: || vec![Box::new(AppliedTable)],
        clock: Arc::new(ManualClock::default()),
        entropy: Arc::new(SystemEntropy),
        sealer: Sealer::new([7; 32], Arc::new(SystemEntropy)),
    };
    Db::open(&database.url.parse().unwrap(), &DbOptions::default(), deps).await.unwrap()
}

impl World {
    /// Another handle of the following database, as another replica has it.
    pub(crate) async fn replica(&self) -> Db {
        open(&self.downstream_database).await
    }

    pub(crate) async fn commit(&self, resource: &str) -> Position {
        commit(&self.upstream, resource).await
    }

    /// Serves the upstream's log until the handle is aborted.
    pub(crate) async fn serve(&self, shutdown: &CancellationToken) -> JoinHandle<()> {
        let server = ChangeLogServer::new(Role::Directory, self.upstream.clone(), None, shutdown.clone());
        serve(&self.network, server).await
    }

    pub(crate) fn follower(&self, db: &Db, apply: Arc<Note>) -> Follower {
        let from = self.network.channel(Role::Delegation, Role::Directory);
        Follower::new(db.clone(), from, Role::Directory, apply, Arc::new(SystemEntropy))
    }

    /// What was applied, in order.
    pub(crate) async fn applied(&self) -> Vec<i64> {
        let conn = self.downstream.reader();
        let select = Statement::from_string(conn.get_database_backend(), "SELECT revision FROM applied ORDER BY id");
        let rows = conn.query_all_raw(select).await.unwrap();
        rows.iter().map(|row| row.try_get("", "revision").unwrap()).collect()
    }

    pub(crate) async fn wait_cursor(&self, revision: i64) {
        let epoch = self.upstream.epoch().await.unwrap();
        self.wait_cursor_in(epoch, revision).await;
    }

    /// Waits until the follower has gone over to the upstream's new epoch.
    pub(crate) async fn wait_resync(&self, revision: i64) {
        let epoch = self.upstream.epoch().await.unwrap();
        let resynced = async {
            while self.downstream.cursor("directory").await.unwrap().is_none_or(|at| at.epoch != epoch) {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        timeout(PATIENCE, resynced).await.expect("the follower goes over to the new epoch");
        self.wait_cursor_in(epoch, revision).await;
    }

    pub(crate) async fn wait_cursor_in(&self, epoch: String, revision: i64) {
        let waited = self.downstream.wait_cursor("directory", &Position { epoch, revision }, PATIENCE).await;
        assert_eq!(waited.unwrap(), bailiwick_db::CursorWait::Reached, "revision {revision}");
    }
}

pub(crate) async fn commit(db: &Db, resource: &str) -> Position {
    commit_facts(db, resource, Vec::new()).await
}

pub(crate) async fn commit_facts(db: &Db, resource: &str, facts: Vec<AccessFactChange>) -> Position {
    let facts = &facts;
    let work = |tx: Tx| async move {
        let recorded = Recorded {
            resource: resource.to_owned(),
            tenant: Tenant::Platform,
            accounts: Vec::new(),
            request_id: String::new(),
            facts: facts.clone(),
        };
        tx.record(recorded.by_service(Role::Directory, "test", ManualClock::default().now()));
        Ok::<_, DbError>(())
    };
    db.write("commit", work).await.unwrap().position
}

async fn serve(network: &Network, service: impl ChangeLogService) -> JoinHandle<()> {
    let listener = network.listener(Role::Directory).await.unwrap();
    let server = Server::builder().add_service(ChangeLogServiceServer::new(service));
    tokio::spawn(async move { drop(server.serve_with_incoming(listener.map(Ok::<_, std::io::Error>)).await) })
}

/// Takes a database back to a revision, as a restore from a backup does.
pub(crate) async fn restore(db: &Db, revision: i64) {
    let work = |tx: Tx| async move {
        let backend = tx.conn().get_database_backend();
        for sql in ["DELETE FROM change_log WHERE revision > $1", "UPDATE log_head SET revision = $1"] {
            tx.conn().execute_raw(Statement::from_sql_and_values(backend, sql, [revision.into()])).await?;
        }
        Ok::<_, DbError>(())
    };
    db.write("restore", work).await.unwrap();
}

/// Notes each change it is given, once for each time; fails first for one of them if told to.
#[derive(Default)]
pub(crate) struct Note {
    pub(crate) fail_once_at: AtomicI64,
    /// Epoch and revision of each change of a restored log that was seen.
    pub(crate) again: Mutex<Vec<(String, i64)>>,
    /// What replaced what was made of a restored log.
    pub(crate) replaced: Mutex<Vec<(LogPosition, Vec<HeldFact>)>>,
}

impl Apply for Note {
    fn apply(&self, tx: Tx, at: LogPosition, change: Change) -> BoxFuture<'_, Result<(), DbError>> {
        Box::pin(async move {
            assert_eq!(at.revision, change.revision);
            let backend = tx.conn().get_database_backend();
            let insert = "INSERT INTO applied (revision) VALUES ($1)";
            tx.conn().execute_raw(Statement::from_sql_and_values(backend, insert, [at.revision.into()])).await?;
            match self.fail_once_at.compare_exchange(at.revision, 0, Ordering::SeqCst, Ordering::SeqCst) {
                Ok(_) => Err(DbError::Other("cannot read it".into())),
                Err(_) => Ok(()),
            }
        })
    }

    fn again<'a>(&'a self, _tx: Tx, epoch: &'a str, changes: &'a [Change]) -> BoxFuture<'a, Result<(), DbError>> {
        let seen = changes.iter().map(|change| (epoch.to_owned(), change.revision));
        self.again.lock().unwrap().extend(seen);
        Box::pin(async { Ok(()) })
    }

    fn replace<'a>(&'a self, tx: Tx, at: LogPosition, facts: &'a [HeldFact]) -> BoxFuture<'a, Result<(), DbError>> {
        self.replaced.lock().unwrap().push((at, facts.to_vec()));
        Box::pin(async move {
            let backend = tx.conn().get_database_backend();
            tx.conn().execute_raw(Statement::from_string(backend, "DELETE FROM applied")).await?;
            Ok(())
        })
    }
}

struct AppliedTable;

impl MigrationName for AppliedTable {
    fn name(&self) -> &str {
        "test_0001_applied"
    }
}

#[async_trait]
impl MigrationTrait for AppliedTable {
    async fn up(&self, manager: &SchemaManager) -> Result<(), sea_orm::DbErr> {
        let id = ColumnDef::new(Alias::new("id")).integer().not_null().auto_increment().primary_key().to_owned();
        let revision = ColumnDef::new(Alias::new("revision")).big_integer().not_null().to_owned();
        manager.create_table(Table::create().table(Alias::new("applied")).col(id).col(revision).to_owned()).await
    }
}

/// A server whose words the test speaks.
pub(crate) struct Scripted {
    sessions: mpsc::Sender<ScriptedSession>,
}

/// One stream of a follower.
pub(crate) struct ScriptedSession {
    pub(crate) requests: Streaming<FollowChangesRequest>,
    responses: mpsc::Sender<Result<FollowChangesResponse, Status>>,
}

impl Scripted {
    pub(crate) async fn serve(network: &Network) -> (JoinHandle<()>, mpsc::Receiver<ScriptedSession>) {
        let (sessions, opened) = mpsc::channel(8);
        (serve(network, Self { sessions }).await, opened)
    }
}

#[tonic::async_trait]
impl ChangeLogService for Scripted {
    type FollowChangesStream = BoxStream<'static, Result<FollowChangesResponse, Status>>;

    async fn follow_changes(
        &self,
        request: Request<Streaming<FollowChangesRequest>>,
    ) -> Result<Response<Self::FollowChangesStream>, Status> {
        let (responses, receiver) = mpsc::channel(8);
        let session = ScriptedSession { requests: request.into_inner(), responses };
        self.sessions.send(session).await.map_err(|_| Status::unavailable("the test has ended"))?;
        Ok(Response::new(ReceiverStream::new(receiver).boxed()))
    }
}

impl ScriptedSession {
    /// The next session, and the revision that its follower begins after.
    pub(crate) async fn opened(sessions: &mut mpsc::Receiver<Self>) -> (Self, i64) {
        let mut session = timeout(PATIENCE, sessions.recv()).await.expect("a session is opened").unwrap();
        let first = session.requests.message().await.unwrap().unwrap();
        let after = first.after.unwrap().revision;
        (session, after)
    }

    /// The number of the next ping.
    pub(crate) async fn ping(&mut self) -> i64 {
        let message = timeout(PATIENCE, self.requests.message()).await.expect("a ping comes");
        message.unwrap().unwrap().ping
    }

    pub(crate) async fn changes(&self, revisions: impl IntoIterator<Item = i64>) {
        let changes = revisions.into_iter().map(|revision| Change { revision, ..Change::default() }).collect();
        self.say(Event::Changes(ChangeBatch { epoch: "e".to_owned(), changes })).await;
    }

    pub(crate) async fn pong(&self, ping: i64, head: i64) {
        let head = Some(LogPosition { role: "directory".to_owned(), epoch: "e".to_owned(), revision: head });
        self.say(Event::Pong(Pong { ping, head, upstream_age: None, upstream: None })).await;
    }

    async fn say(&self, event: Event) {
        // The follower may have hung up already.
        drop(self.responses.send(Ok(FollowChangesResponse { event: Some(event) })).await);
    }
}
