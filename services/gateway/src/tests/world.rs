//! A directory with a management account and two members, behind a gateway.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use bailiwick_api::{
    TOKEN_AUDIENCE, TOKEN_ISSUER, TokenClaims,
    delegation::v1::fact_service_server::FactServiceServer,
    directory::v1::{
        GetCallerIdentityRequest, member_service_server::MemberServiceServer,
        signing_key_service_server::SigningKeyServiceServer, token_service_server::TokenServiceServer,
    },
    sase::v1::sase_member_service_server::SaseMemberServiceServer,
    r#type::v1::{
        AccessFact, AccessFactChange, AccountFact, DelegationFact, DirectoryFact, EnrolmentFact, IdentityFact,
        PrincipalKind, TrustedAccessFact, access_fact::Kind,
    },
};
use bailiwick_core::{
    Clock, Role, SystemClock, SystemEntropy,
    authz::{Audit, ContextKey, FieldPath, Rule, Seat},
};
use bailiwick_rpc::{Guard, Module, Network, NoPositions};
use prost_reflect::DescriptorPool;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tonic::service::Routes;

use super::{
    client::{Client, encoded},
    roles::{Echo, Facts, Members, SaseMembers, SigningKeys, TokenIssuer},
};
use crate::{Dependencies, Gateway, GatewayConfig, Plan, Route, Routing, serve, testing::SigningPair};

pub const DIRECTORY: &str = "directories/rd-0000000000001";
pub const MANAGEMENT: &str = "accounts/1000000000000001";
/// Delegated administrator of SASE, and enrolled in it.
pub const ADMIN: &str = "accounts/1000000000000002";
/// A member that is not enrolled.
pub const MEMBER: &str = "accounts/1000000000000003";
/// In no directory.
pub const STRANGER: &str = "accounts/1000000000000009";

pub const CREATE: &str = "/bailiwick.directory.v1.MemberService/CreateMember";
pub const WHO: &str = "/bailiwick.directory.v1.TokenService/GetCallerIdentity";
pub const GET: &str = "/bailiwick.directory.v1.MemberService/GetMember";

pub struct World {
    pub gateway: Gateway,
    pub members: Members,
    pub sase: SaseMembers,
    pub facts: Facts,
    pub echo: Echo,
    pair: SigningPair,
    shutdown: CancellationToken,
}

impl Drop for World {
    fn drop(&mut self) {
        self.shutdown.cancel();
    }
}

pub fn config() -> GatewayConfig {
    // Wide, so that a busy machine is not taken for a stale gateway.
    let mut config = GatewayConfig::new("127.0.0.1:0".parse().unwrap());
    config.freshness = Duration::from_secs(30);
    config.times.consistency = Duration::from_secs(10);
    config
}

impl World {
    /// All roles run, and the gateway is ready.
    pub async fn new() -> Self {
        Self::with(config()).await
    }

    pub async fn with(config: GatewayConfig) -> Self {
        let mut world = Self::without_facts(config).await;
        world.facts.begin();
        within(world.gateway.ready.wait_for(|ready| *ready)).await.unwrap();
        world
    }

    /// `delegation` says nothing until [`Facts::begin`].
    pub async fn without_facts(config: GatewayConfig) -> Self {
        let network = Network::in_process();
        let shutdown = CancellationToken::new();
        let pair = SigningPair::new("k1");
        let (members, sase) = (Members::default(), SaseMembers::default());
        let facts = Facts::new(facts());
        let routes = Routes::new(MemberServiceServer::new(members.clone()))
            .add_service(TokenServiceServer::new(TokenIssuer))
            .add_service(SigningKeyServiceServer::new(SigningKeys(pair.public())));
        start(&network, Role::Directory, routes, &shutdown).await;
        start(&network, Role::Delegation, Routes::new(FactServiceServer::new(facts.clone())), &shutdown).await;
        start(&network, Role::SasePolicy, Routes::new(SaseMemberServiceServer::new(sase.clone())), &shutdown).await;
        let echo = Echo::start(network.listener(Role::BastionAudit).await.unwrap());
        let dependencies = Dependencies {
            network,
            context_key: ContextKey::new([7; 32]),
            clock: Arc::new(SystemClock),
            entropy: Arc::new(SystemEntropy),
            routing: routing(),
        };
        let gateway = serve(config, dependencies, shutdown.clone()).await.unwrap();
        Self { gateway, members, sase, facts, echo, pair, shutdown }
    }

    pub async fn client(&self) -> Client {
        Client::connect(self.gateway.address).await
    }

    pub fn address(&self) -> SocketAddr {
        self.gateway.address
    }

    pub fn token(&self, identity: &str) -> String {
        self.token_for(identity, 600)
    }

    pub fn token_for(&self, identity: &str, seconds: i64) -> String {
        self.token_with(identity, seconds, |_| {})
    }

    /// A token that says something else than usual.
    pub fn token_with(&self, identity: &str, seconds: i64, edit: impl FnOnce(&mut TokenClaims)) -> String {
        let now = SystemClock.now().as_seconds();
        let mut claims = TokenClaims {
            iss: TOKEN_ISSUER.to_owned(),
            aud: TOKEN_AUDIENCE.to_owned(),
            sub: identity.to_owned(),
            exp: now + seconds,
            iat: now,
            jti: "j".to_owned(),
            generation: 1,
            epoch: self.facts.directory_epoch(),
            akid: "AK1".to_owned(),
            ..TokenClaims::default()
        };
        edit(&mut claims);
        format!("Bearer {}", self.pair.sign(&claims))
    }

    /// Makes a change of the facts, and returns when the gateway decides by it.
    pub async fn settle(&self, changes: Vec<AccessFactChange>) {
        let position = bailiwick_api::encode_token(vec![self.facts.change(changes)]);
        let dave = self.token(&user(MEMBER, "dave"));
        let headers = [("authorization", dave.as_str()), (bailiwick_api::CONSISTENCY_TOKEN, position.as_str())];
        let answered = self.client().await.call(WHO, &headers, encoded(&GetCallerIdentityRequest {})).await;
        assert_eq!(answered.status().code(), tonic::Code::Ok, "{:?}", answered.status());
    }

    pub async fn stop(&mut self) {
        self.shutdown.cancel();
        within(&mut self.gateway.running).await.unwrap();
    }
}

async fn start(network: &Network, role: Role, routes: Routes, shutdown: &CancellationToken) {
    let guard = Guard {
        role,
        context_key: ContextKey::new([7; 32]),
        clock: Arc::new(SystemClock),
        entropy: Arc::new(SystemEntropy),
        positions: Arc::new(NoPositions),
    };
    let (ready, is_ready) = watch::channel(true);
    let module = Module { role, routes, background: Vec::new(), ready: is_ready };
    let listener = network.listener(role).await.unwrap();
    let shutdown = shutdown.clone();
    tokio::spawn(async move {
        let _ready = ready;
        bailiwick_rpc::serve(module, listener, guard, shutdown).await
    });
}

/// Bounds what a test waits for.
pub async fn within<F: Future>(future: F) -> F::Output {
    tokio::time::timeout(Duration::from_secs(20), future).await.expect("in time")
}

/// The contract, and methods of every streaming kind.
fn routing() -> Routing {
    let mut routing = Routing::of_contract().unwrap();
    let pool = DescriptorPool::decode(bailiwick_api::DESCRIPTORS).unwrap();
    let input = pool.get_message_by_name("bailiwick.directory.v1.ListMembersRequest").unwrap();
    for name in ["Echo", "Hang", "Open", "TrailersOnly", "Details", "Html", "Die", "NoStatus"] {
        for (kind, client, server) in
            [("Unary", false, false), ("Client", true, false), ("Server", false, true), ("Bidi", true, true)]
        {
            let rule = echo_rule(format!("/test.{kind}/{name}").leak(), client, server);
            let plan = Plan::of_message(&input, rule).unwrap();
            routing.insert(Route { rule, plan });
        }
    }
    routing
}

fn echo_rule(path: &'static str, client_streaming: bool, server_streaming: bool) -> &'static Rule {
    Box::leak(Box::new(Rule {
        path,
        role: Some(Role::BastionAudit),
        action: "directory:ListEchoes",
        seat: Seat::Administrator,
        trusted_service: None,
        resource: Some(FieldPath { text: "parent", numbers: &[1] }),
        accounts: &[],
        enrolled: false,
        operator_required: false,
        also_requires: &[],
        audit: Audit::Read,
        callers: &[],
        scope_filtered: false,
        external_id: None,
        client_streaming,
        server_streaming,
    }))
}

pub fn identity(name: &str, kind: PrincipalKind, policies: &[&str]) -> Kind {
    Kind::Identity(IdentityFact {
        identity: name.to_owned(),
        kind: kind.into(),
        enabled: true,
        generation: 1,
        policies: policies.iter().map(|policy| (*policy).to_owned()).collect(),
        ..IdentityFact::default()
    })
}

pub fn account(name: &str, directory: &str) -> Kind {
    let incarnation = if directory.is_empty() { "" } else { "i1" };
    Kind::Account(AccountFact {
        account: name.to_owned(),
        directory: directory.to_owned(),
        incarnation: incarnation.to_owned(),
        ..Default::default()
    })
}

pub fn designation() -> Kind {
    Kind::Delegation(DelegationFact {
        directory: DIRECTORY.to_owned(),
        trusted_service: "sase".to_owned(),
        account: ADMIN.to_owned(),
        incarnation: "i1".to_owned(),
        ..DelegationFact::default()
    })
}

pub fn trusted_access() -> Kind {
    Kind::TrustedAccess(TrustedAccessFact { directory: DIRECTORY.to_owned(), trusted_service: "sase".to_owned() })
}

pub fn user(account: &str, user: &str) -> String {
    format!("{account}/users/{user}")
}

fn facts() -> Vec<AccessFact> {
    let all = ["AliyunResourceDirectoryFullAccess", "AliyunCSASFullAccess"];
    let kinds = vec![
        Kind::Directory(DirectoryFact {
            directory: DIRECTORY.to_owned(),
            management_account: MANAGEMENT.to_owned(),
            ..DirectoryFact::default()
        }),
        account(MANAGEMENT, DIRECTORY),
        account(ADMIN, DIRECTORY),
        account(MEMBER, DIRECTORY),
        account(STRANGER, ""),
        identity(&user(MANAGEMENT, "alice"), PrincipalKind::User, &all),
        identity(&user(MANAGEMENT, "root"), PrincipalKind::Root, &[]),
        identity(&user(MANAGEMENT, "bob"), PrincipalKind::User, &[]),
        identity(&user(ADMIN, "carol"), PrincipalKind::User, &all),
        identity(&user(MEMBER, "dave"), PrincipalKind::User, &all),
        identity(&user(STRANGER, "eve"), PrincipalKind::User, &["AdministratorAccess"]),
        trusted_access(),
        designation(),
        Kind::Enrolment(EnrolmentFact {
            directory: DIRECTORY.to_owned(),
            trusted_service: "sase".to_owned(),
            account: ADMIN.to_owned(),
            incarnation: "i1".to_owned(),
            uid: "u1".to_owned(),
        }),
    ];
    kinds.into_iter().map(|kind| AccessFact { kind: Some(kind) }).collect()
}

pub fn gone(kind: Kind) -> Vec<AccessFactChange> {
    vec![AccessFactChange::gone(kind)]
}
