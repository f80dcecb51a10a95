//! The served role, and those who call it.

use std::{sync::Arc, time::Duration};

use bailiwick_api::{
    CONSISTENCY_TOKEN, decode_token,
    delegation::v1::{
        FactChange, FactListEnd, FactPong, WatchFactsRequest, WatchFactsResponse,
        delegated_administrator_service_client::DelegatedAdministratorServiceClient,
        enrolment_service_client::EnrolmentServiceClient, fact_service_client::FactServiceClient,
        trusted_service_service_client::TrustedServiceServiceClient, watch_facts_response::Event,
    },
    r#type::v1::{AccessFact, LogPosition},
};
use bailiwick_core::{
    AccountId, Clock, DirectoryId, IdentityName, Operator, PrincipalKind, Role, SystemEntropy, Timestamp,
    authz::{
        Caller, CallerContext, ContextKey, Environment, Fact, FactChange as CoreChange, IdentityFact, Placement,
        Principal, Snapshot, decide,
    },
};
use bailiwick_db::{Db, DbDeps, DbOptions, PageTokens, Position, Sealer};
use bailiwick_rpc::{CALLER_CONTEXT, Guard, Network, serve};
use bailiwick_testkit::{ManualClock, TestDatabase, databases, sqlite};
use prost::Message;
use tokio::{sync::mpsc, time::timeout};
use tokio_stream::wrappers::ReceiverStream;
use tokio_util::sync::{CancellationToken, DropGuard};
use tonic::{Code, Request, Response, Status, Streaming, metadata::MetadataValue, transport::Channel};
use tonic_types::StatusExt;

use super::fake_directory::FakeDirectory;
use crate::{
    Config, Deps,
    app::{App, Pass, Reconciled},
    build,
    grpc::{claims::DirectoryClaims, linked_roles::DirectoryLinkedRoles},
    migrations,
};

pub const PATIENCE: Duration = Duration::from_secs(60);

pub struct World {
    pub directory: FakeDirectory,
    pub app: App,
    pub clock: Arc<ManualClock>,
    pub at: DirectoryId,
    pub management: AccountId,
    network: Network,
    _stop: DropGuard,
    _database: TestDatabase,
}

/// The account with a number.
pub fn account(number: u64) -> AccountId {
    AccountId::try_from(1_000_000_000_000_000 + number).unwrap()
}

/// One world on each engine.
pub async fn worlds() -> Vec<World> {
    let mut worlds = Vec::new();
    for database in databases().await {
        worlds.push(World::new(database).await);
    }
    worlds
}

fn key() -> ContextKey {
    ContextKey::new([9; 32])
}

impl World {
    pub async fn on_sqlite() -> Self {
        Self::new(sqlite()).await
    }

    async fn new(database: TestDatabase) -> Self {
        let (clock, entropy) = (Arc::new(ManualClock::default()), Arc::new(SystemEntropy));
        let sealer = Sealer::new([7; 32], entropy.clone());
        let deps = DbDeps {
            role: "delegation",
            migrations,
            clock: clock.clone(),
            entropy: entropy.clone(),
            sealer: sealer.clone(),
        };
        let db = Db::open(&database.url.parse().unwrap(), &DbOptions::default(), deps).await.unwrap();
        db.migrate().await.unwrap();
        let (network, shutdown) = (Network::in_process(), CancellationToken::new());
        let directory = FakeDirectory::new(clock.clone()).await;
        directory.serve(&network, &shutdown).await;
        let app = App {
            db: db.clone(),
            claims: Arc::new(DirectoryClaims::new(network.channel(Role::Delegation, Role::Directory))),
            linked_roles: Arc::new(DirectoryLinkedRoles::new(network.channel(Role::Delegation, Role::Directory))),
            limits: Config::default().limits,
            deletions: Arc::default(),
            clock: clock.clone(),
            entropy: entropy.clone(),
            pages: PageTokens::new(sealer.clone()),
        };
        let deps = Deps {
            db,
            network: network.clone(),
            clock: clock.clone(),
            entropy: entropy.clone(),
            sealer,
            shutdown: shutdown.clone(),
        };
        let built = build(deps, &Config::default());
        let guard = Guard {
            role: Role::Delegation,
            context_key: key(),
            clock: clock.clone(),
            entropy,
            positions: built.positions,
        };
        let mut ready = built.module.ready.clone();
        let listener = network.listener(Role::Delegation).await.unwrap();
        tokio::spawn(serve(built.module, listener, guard, shutdown.clone()));
        timeout(PATIENCE, ready.wait_for(|ready| *ready)).await.expect("the role gets ready").unwrap();
        let (at, management) = (DirectoryId::random(&SystemEntropy), account(1));
        directory.directory(at, management).await;
        let stop = shutdown.drop_guard();
        let world = Self { directory, app, clock, at, management, network, _stop: stop, _database: database };
        world.mirrored().await;
        world
    }

    /// Waits until everything that directory has committed is mirrored.
    pub async fn mirrored(&self) {
        let head = self.directory.head().await;
        let at = Position { epoch: head.epoch, revision: head.revision };
        let waited = self.app.db.wait_cursor("directory", &at, PATIENCE).await.unwrap();
        assert_eq!(waited, bailiwick_db::CursorWait::Reached);
    }

    /// Waits until directory's facts are those of its present epoch.
    pub async fn resynced(&self) {
        let epoch = self.directory.head().await.epoch;
        let resynced = async {
            while self.app.db.cursor("directory").await.unwrap().is_none_or(|at| at.epoch != epoch) {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        timeout(PATIENCE, resynced).await.expect("delegation goes over to the new epoch");
        self.mirrored().await;
    }

    /// Compares all claims with all rows once.
    pub async fn reconcile(&self) -> Reconciled {
        let (mut pass, mut done) = (Pass::default(), Reconciled::default());
        loop {
            let of = self.app.reconcile(&mut pass, 2).await.unwrap();
            done.seen += of.seen;
            done.released += of.released;
            done.confirmed += of.confirmed;
            if pass.is_complete() {
                return done;
            }
        }
    }

    pub fn service(&self, id: &str) -> String {
        format!("{}/trustedServices/{id}", self.at.name())
    }

    pub fn designation(&self, id: &str, account: AccountId) -> String {
        format!("{}/delegatedAdministrators/{account}", self.service(id))
    }

    /// A request of the management account's root user, with the gateway's word for it.
    pub fn by_management<T: Message>(&self, method: &str, message: T) -> Request<T> {
        self.by_root(self.management, method, message)
    }

    /// A request of the root user of an account, with the gateway's word for it.
    pub fn by_root<T: Message>(&self, of: AccountId, method: &str, message: T) -> Request<T> {
        let path = format!("/bailiwick.delegation.v1.{method}");
        let rule = bailiwick_api::rule(&path).unwrap();
        let targets = bailiwick_api::inspect(rule, &message.encode_to_vec()).unwrap().targets;
        let identity = IdentityName::root(of);
        let root = IdentityFact {
            kind: PrincipalKind::Root,
            enabled: true,
            generation: 0,
            policies: Box::default(),
            trust_policy: None,
        };
        let mut facts = vec![
            Fact::Directory {
                directory: self.at,
                management_account: Some(self.management),
                control_policies_enabled: false,
            },
            Fact::Identity { identity: identity.clone(), fact: Some(root) },
            Fact::Account { account: of, membership: Some((self.at, "i".to_owned())), placement: Placement::default() },
        ];
        for name in &targets.accounts {
            let account = name.strip_prefix("accounts/").and_then(|id| id.parse().ok());
            facts.extend(account.map(|account| Fact::Account {
                account,
                membership: Some((self.at, "i".to_owned())),
                placement: Placement::default(),
            }));
        }
        let mut snapshot = Snapshot::empty();
        snapshot.apply(1, facts.into_iter().map(|fact| CoreChange { fact, removed: false }));
        let principal = Principal::new(identity.clone(), 0, "");
        let permit =
            decide(rule, &Caller::Identity(principal), &snapshot, &targets, &Environment::at(Timestamp::default()))
                .unwrap();
        let operator = Operator {
            principal: identity.to_string(),
            kind: PrincipalKind::Root,
            account: Some(of),
            access_key_id: String::new(),
            source_ip: String::new(),
            call_id: "test".to_owned(),
            via: vec![Role::Gateway],
            session_name: String::new(),
            source_identity: String::new(),
            identity_provider: String::new(),
            subject: String::new(),
        };
        let context = CallerContext::new(&permit.with_operator(operator), Role::Delegation, self.clock.now());
        let mut request = Request::new(message);
        request.metadata_mut().insert_bin(CALLER_CONTEXT, MetadataValue::from_bytes(&context.sign(&key())));
        request
    }

    pub fn channel(&self, from: Role) -> Channel {
        self.network.channel(from, Role::Delegation)
    }

    pub fn trusted_services(&self) -> TrustedServiceServiceClient<Channel> {
        TrustedServiceServiceClient::new(self.network.channel(Role::Gateway, Role::Delegation))
    }

    pub fn administrators(&self) -> DelegatedAdministratorServiceClient<Channel> {
        DelegatedAdministratorServiceClient::new(self.network.channel(Role::Gateway, Role::Delegation))
    }

    pub fn enrolments_by(&self, role: Role) -> EnrolmentServiceClient<Channel> {
        EnrolmentServiceClient::new(self.network.channel(role, Role::Delegation))
    }

    pub async fn watch(&self, after: Option<LogPosition>) -> Watcher {
        let (requests, receiver) = mpsc::channel(8);
        requests.send(WatchFactsRequest { after, ping: 0 }).await.unwrap();
        let mut client = FactServiceClient::new(self.network.channel(Role::Gateway, Role::Delegation));
        let answers = client.watch_facts(ReceiverStream::new(receiver)).await.unwrap().into_inner();
        Watcher { requests, answers }
    }
}

/// The reason in an error's details, with its code.
pub fn reason(status: &Status) -> (Code, String) {
    (status.code(), status.get_error_details().error_info().map(|info| info.reason.clone()).unwrap_or_default())
}

/// The same of an answer that must be an error.
pub fn refused<T: std::fmt::Debug>(answer: Result<Response<T>, Status>) -> (Code, String) {
    reason(&answer.unwrap_err())
}

/// The revision of the position that came with an answer.
pub fn revision<T>(answer: &Response<T>) -> i64 {
    let token = answer.metadata().get(CONSISTENCY_TOKEN).unwrap().to_str().unwrap();
    decode_token(token).unwrap().into_iter().find(|of| of.role == "delegation").unwrap().revision
}

/// A gateway.
pub struct Watcher {
    requests: mpsc::Sender<WatchFactsRequest>,
    answers: Streaming<WatchFactsResponse>,
}

impl Watcher {
    /// The error that ends the watch.
    pub async fn ended(&mut self) -> Status {
        timeout(PATIENCE, self.answers.message()).await.expect("the watch ends").unwrap_err()
    }

    pub async fn next(&mut self) -> Event {
        let message = timeout(PATIENCE, self.answers.message()).await.expect("a message comes").unwrap();
        message.expect("the watch goes on").event.unwrap()
    }

    pub async fn list(&mut self) -> (Vec<AccessFact>, FactListEnd) {
        let mut facts = Vec::new();
        loop {
            match self.next().await {
                Event::List(part) => {
                    assert!(part.facts.len() <= 1_024);
                    facts.extend(part.facts);
                }
                Event::ListEnd(end) => return (facts, end),
                other => panic!("not of a list: {other:?}"),
            }
        }
    }

    /// The changes until the answer to a ping that is sent now.
    pub async fn catch_up(&mut self) -> (Vec<FactChange>, FactPong) {
        self.requests.send(WatchFactsRequest { after: None, ping: 5 }).await.unwrap();
        let mut changes = Vec::new();
        loop {
            match self.next().await {
                Event::Change(change) => changes.push(change),
                Event::Pong(pong) => return (changes, pong),
                other => panic!("not after a list: {other:?}"),
            }
        }
    }
}
