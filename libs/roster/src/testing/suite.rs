//! The roles of a test, and calls as the gateway makes them.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use bailiwick_api::{
    delegation::v1::{
        enrolment_service_server::EnrolmentServiceServer, trusted_access_service_server::TrustedAccessServiceServer,
    },
    inspect,
    r#type::v1::{
        AccessFactChange, AccountFact, DirectoryFact, IdentityFact, PrincipalKind, TrustedAccessFact, access_fact::Kind,
    },
};
use bailiwick_core::{
    AccountId, Clock, IdentityName, Operator, Role, SystemEntropy, Timestamp, TrustedService,
    authz::{Caller, CallerContext, ContextKey, Environment, Permit, Principal, Refusal, Snapshot, decide},
};
use bailiwick_db::{Db, DbDeps, DbOptions, Migrations, Sealer};
use bailiwick_rpc::{CALLER_CONTEXT, Call, Guard, Module, Network, NoPositions, Positions, ServeError, serve};
use prost::Message;
use tokio::{
    sync::watch,
    task::JoinHandle,
    time::{Instant, timeout},
};
use tokio_util::sync::CancellationToken;
use tonic::{Request, metadata::MetadataValue, service::Routes, transport::Channel};

use super::{FakeDelegation, FakeLog, account, directory};
use crate::Deps;

/// Long enough for whatever is awaited, short enough for a failing test.
const PATIENCE: Duration = Duration::from_secs(60);

/// Two directories, `delegation`, a gateway, and a database for the role that is tested.
pub struct Suite {
    /// The database of the role.
    pub db: Db,
    /// How the roles reach each other.
    pub network: Network,
    /// Now, for all of them.
    pub clock: Arc<dyn Clock>,
    /// The role below.
    pub delegation: FakeDelegation,
    facts: Arc<Mutex<Snapshot>>,
    key: ContextKey,
    running: Vec<Running>,
}

/// A role that is served.
pub struct Running {
    shutdown: CancellationToken,
    task: JoinHandle<Result<(), ServeError>>,
}

impl Suite {
    /// Around an empty database, at `url`, of the role that is tested.
    pub async fn new(url: &str, clock: Arc<dyn Clock>, migrations: Migrations) -> Self {
        let deps = DbDeps {
            role: "test",
            migrations,
            clock: clock.clone(),
            entropy: Arc::new(SystemEntropy),
            sealer: Sealer::new([4; 32], Arc::new(SystemEntropy)),
        };
        let url = url.parse().expect("an address");
        let db = Db::open(&url, &DbOptions::default(), deps).await.expect("the database opens");
        db.migrate().await.expect("the database is migrated");
        let facts = Arc::new(Mutex::new(Snapshot::empty()));
        let log = FakeLog::new(Role::Delegation, clock.clone()).await;
        let delegation = FakeDelegation::new(log, facts.clone());
        let mut suite = Self {
            db,
            network: Network::in_process(),
            clock,
            delegation,
            facts,
            key: ContextKey::new([5; 32]),
            running: Vec::new(),
        };
        let shutdown = CancellationToken::new();
        let routes = Routes::new(EnrolmentServiceServer::new(suite.delegation.clone()));
        let routes = routes.add_service(TrustedAccessServiceServer::new(suite.delegation.clone()));
        let routes = routes.add_service(suite.delegation.log().server(shutdown.clone()));
        let running = suite.serve_routes(Role::Delegation, routes, shutdown).await;
        suite.running.push(running);
        for n in [1, 2] {
            suite.delegation.say(world(n)).await;
        }
        suite
    }

    /// What the role is given.
    pub fn deps(&self, shutdown: CancellationToken) -> Deps {
        Deps {
            db: self.db.clone(),
            network: self.network.clone(),
            sealer: Sealer::new([6; 32], Arc::new(SystemEntropy)),
            entropy: Arc::new(SystemEntropy),
            shutdown,
        }
    }

    /// Serves a role until [`Running::stop`]; returns when it is ready. `shutdown` is the one that the module has.
    pub async fn serve(&self, module: Module, positions: Arc<dyn Positions>, shutdown: CancellationToken) -> Running {
        let mut ready = module.ready.clone();
        let running = self.spawn(module, positions, shutdown).await;
        let waited = timeout(PATIENCE, ready.wait_for(|ready| *ready)).await;
        waited.expect("the role becomes ready").expect("the role is up");
        running
    }

    /// Serves the log of a role that has nothing else.
    pub async fn serve_log(&mut self, role: Role) -> FakeLog {
        let log = FakeLog::new(role, self.clock.clone()).await;
        let shutdown = CancellationToken::new();
        let running = self.serve_routes(role, Routes::new(log.server(shutdown.clone())), shutdown).await;
        self.running.push(running);
        log
    }

    async fn serve_routes(&self, role: Role, routes: Routes, shutdown: CancellationToken) -> Running {
        let module = Module { role, routes, background: Vec::new(), ready: watch::channel(true).1 };
        self.spawn(module, Arc::new(NoPositions), shutdown).await
    }

    async fn spawn(&self, module: Module, positions: Arc<dyn Positions>, shutdown: CancellationToken) -> Running {
        let guard = Guard {
            role: module.role,
            context_key: self.key.clone(),
            clock: self.clock.clone(),
            entropy: Arc::new(SystemEntropy),
            positions,
        };
        let listener = self.network.listener(module.role).await.expect("the role can be listened for");
        let task = tokio::spawn(serve(module, listener, guard, shutdown.clone()));
        Running { shutdown, task }
    }

    /// The gateway's channel to a role.
    pub fn channel(&self, role: Role) -> Channel {
        self.network.channel(Role::Gateway, role)
    }

    /// A request that the gateway lets through to a role, for a user of an account.
    ///
    /// # Errors
    /// If it does not.
    pub fn request<M: Message>(
        &self,
        user: (AccountId, &str),
        path: &'static str,
        message: M,
    ) -> Result<Request<M>, Refusal> {
        let (permit, _) = self.permit(user, path, &message)?;
        let rule = bailiwick_api::rule(path).unwrap_or_else(|| panic!("`{path}` has a rule"));
        let audience = rule.role.unwrap_or_else(|| panic!("`{path}` has a role"));
        let signed = CallerContext::new(&permit, audience, self.clock.now()).sign(&self.key);
        let mut request = Request::new(message);
        request.metadata_mut().insert_bin(CALLER_CONTEXT, MetadataValue::from_bytes(&signed));
        request.set_timeout(PATIENCE);
        Ok(request)
    }

    /// A call as a handler has it, for a user of an account, until a deadline from now.
    ///
    /// # Errors
    /// If the gateway does not let it through.
    pub fn call<M: Message>(
        &self,
        user: (AccountId, &str),
        path: &'static str,
        message: &M,
        within: Duration,
    ) -> Result<Call, Refusal> {
        let (permit, request_json) = self.permit(user, path, message)?;
        let operator = permit.operator().cloned().unwrap_or_else(|| Operator::service(Role::Gateway));
        let deadline = Instant::now() + within;
        Ok(Call { permit, operator, request_json, call_id: "call".into(), deadline, consistency: Vec::new() })
    }

    fn permit<M: Message>(
        &self,
        (of, user): (AccountId, &str),
        path: &'static str,
        message: &M,
    ) -> Result<(Permit, String), Refusal> {
        let rule = bailiwick_api::rule(path).unwrap_or_else(|| panic!("`{path}` has a rule"));
        let inspected = inspect(rule, &message.encode_to_vec()).expect("a message of the method");
        let identity = IdentityName::User(of, user.to_owned());
        let operator = Operator {
            principal: identity.to_string(),
            kind: bailiwick_core::PrincipalKind::User,
            account: Some(of),
            access_key_id: "key".into(),
            source_ip: "192.0.2.1".into(),
            call_id: "call".into(),
            via: vec![Role::Gateway],
            session_name: String::new(),
            source_identity: String::new(),
            identity_provider: String::new(),
            subject: String::new(),
        };
        let caller = Caller::Identity(Principal::new(identity, 0, "key"));
        let facts = self.facts.lock().unwrap_or_else(PoisonError::into_inner);
        let permit = decide(rule, &caller, &*facts, &inspected.targets, &Environment::at(Timestamp::default()))?;
        Ok((permit.with_operator(operator), inspected.json))
    }
}

impl Running {
    /// Stops the role, and waits until it has.
    pub async fn stop(self) {
        self.shutdown.cancel();
        let stopped = timeout(PATIENCE, self.task).await.expect("the role stops");
        stopped.expect("the role does not panic").expect("the role ends by its shutdown");
    }
}

/// Waits until `what` is true, asked again and again.
pub async fn eventually<F: Future<Output = bool>>(what: impl Fn() -> F) {
    let asking = async {
        while !what().await {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    timeout(PATIENCE, asking).await.expect("it becomes true in time");
}

/// Directory `n`: management account with the users alice and bob, five members, every service trusted.
fn world(n: u8) -> Vec<AccessFactChange> {
    let (of, management) = (directory(n), account(n * 10));
    let mut facts = vec![Kind::Directory(DirectoryFact {
        directory: of.name(),
        management_account: management.name(),
        ..DirectoryFact::default()
    })];
    for member in n * 10..=n * 10 + 5 {
        facts.push(Kind::Account(AccountFact {
            account: account(member).name(),
            directory: of.name(),
            incarnation: "i1".into(),
            folder: format!("{}/folders/root", of.name()),
            r#type: bailiwick_api::r#type::v1::AccountType::Resource.into(),
            join_method: bailiwick_api::r#type::v1::JoinMethod::Created.into(),
            display_name: format!("member {member}"),
            ..AccountFact::default()
        }));
        for user in ["alice", "bob"] {
            facts.push(Kind::Identity(IdentityFact {
                identity: format!("{}/users/{user}", account(member).name()),
                kind: PrincipalKind::User.into(),
                enabled: true,
                policies: vec!["AdministratorAccess".into()],
                ..IdentityFact::default()
            }));
        }
    }
    for service in TrustedService::ALL {
        let fact = TrustedAccessFact { directory: of.name(), trusted_service: service.to_string() };
        facts.push(Kind::TrustedAccess(fact));
    }
    facts.into_iter().map(AccessFactChange::holds).collect()
}
