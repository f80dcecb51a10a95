//! A role with a few methods, served on either network, and a client that can send what no stub would.

use std::{collections::BTreeMap, path::Path, sync::Arc, time::Duration};

use bailiwick_api::{
    audit::v1::{
        FollowChangesRequest, FollowChangesResponse,
        change_log_service_server::{ChangeLogService, ChangeLogServiceServer},
    },
    directory::v1::{
        ClaimedMembership, CreateMemberRequest, GetMemberRequest, ListClaimsRequest, ListClaimsResponse,
        ListMembersRequest, ListMembersResponse, Member, PlaceClaimsRequest, PlaceClaimsResponse, ReleaseClaimsRequest,
        ReleaseClaimsResponse, RemoveMemberRequest,
        claim_service_server::{ClaimService, ClaimServiceServer},
        member_service_server::{MemberService, MemberServiceServer},
    },
};
use bailiwick_core::{
    Clock, IdentityName, Operator, PrincipalKind, Role, SystemEntropy, Timestamp,
    authz::{
        Caller, CallerContext, ContextKey, Environment, Fact, FactChange, IdentityFact, Placement, Principal, Snapshot,
        SystemPolicy, Targets, decide,
    },
};
use bailiwick_testkit::ManualClock;
use bytes::{BufMut, Bytes, BytesMut};
use futures::{StreamExt, stream::BoxStream};
use http::{HeaderMap, Request};
use http_body_util::{BodyExt, Full};
use hyper_util::rt::{TokioExecutor, TokioIo};
use prost::Message;
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair, SanType};
use tempfile::TempDir;
use tokio::{
    sync::{mpsc, watch},
    task::JoinHandle,
};
use tokio_util::sync::CancellationToken;
use tonic::{Response, Status, Streaming, metadata::MetadataValue, service::Routes};

use crate::{
    CALLER_CONTEXT, Call, Connector, Guard, Limits, Listener, Module, Network, NoPositions, OPERATOR, Positions,
    ServeError, TcpConfig, respond, serve_within, split,
};

pub const GET_MEMBER: &str = "/bailiwick.directory.v1.MemberService/GetMember";
pub const CREATE_MEMBER: &str = "/bailiwick.directory.v1.MemberService/CreateMember";
pub const REMOVE_MEMBER: &str = "/bailiwick.directory.v1.MemberService/RemoveMember";
pub const LIST_MEMBERS: &str = "/bailiwick.directory.v1.MemberService/ListMembers";
pub const PLACE_CLAIMS: &str = "/bailiwick.directory.v1.ClaimService/PlaceClaims";
pub const FOLLOW_CHANGES: &str = "/bailiwick.audit.v1.ChangeLogService/FollowChanges";
pub const DIRECTORY: &str = "directories/rd-0000000000001";
pub const MEMBER: &str = "directories/rd-0000000000001/members/1000000000000002";

// === the role under test ===

/// Shows each call that reaches a handler. `ListMembers` never ends, and says when it is given up.
#[derive(Clone)]
pub struct Handlers {
    calls: mpsc::UnboundedSender<Call>,
    given_up: mpsc::UnboundedSender<()>,
}

struct OnDrop(mpsc::UnboundedSender<()>);

impl Drop for OnDrop {
    fn drop(&mut self) {
        let _ = self.0.send(());
    }
}

impl Handlers {
    fn enter<T>(&self, request: tonic::Request<T>) -> Result<T, Status> {
        let (call, message) = split(request)?;
        self.calls.send(call).unwrap();
        Ok(message)
    }
}

#[tonic::async_trait]
impl MemberService for Handlers {
    async fn create_member(&self, r: tonic::Request<CreateMemberRequest>) -> Result<Response<Member>, Status> {
        self.enter(r)?;
        let position =
            bailiwick_api::r#type::v1::LogPosition { role: "directory".to_owned(), epoch: "e".to_owned(), revision: 7 };
        Ok(respond(Member::default(), Some(position)))
    }

    async fn get_member(&self, r: tonic::Request<GetMemberRequest>) -> Result<Response<Member>, Status> {
        let name = self.enter(r)?.name;
        Ok(respond(Member { name, ..Member::default() }, None))
    }

    async fn list_members(
        &self,
        r: tonic::Request<ListMembersRequest>,
    ) -> Result<Response<ListMembersResponse>, Status> {
        let _on_drop = OnDrop(self.given_up.clone());
        self.enter(r)?;
        std::future::pending().await
    }

    async fn remove_member(&self, _: tonic::Request<RemoveMemberRequest>) -> Result<Response<()>, Status> {
        panic!("as a defect would")
    }

    async fn update_member(
        &self,
        _: tonic::Request<bailiwick_api::directory::v1::UpdateMemberRequest>,
    ) -> Result<Response<Member>, Status> {
        Err(Status::unimplemented("update_member"))
    }

    async fn move_member(
        &self,
        _: tonic::Request<bailiwick_api::directory::v1::MoveMemberRequest>,
    ) -> Result<Response<Member>, Status> {
        Err(Status::unimplemented("move_member"))
    }

    async fn leave_directory(
        &self,
        _: tonic::Request<bailiwick_api::directory::v1::LeaveDirectoryRequest>,
    ) -> Result<Response<()>, Status> {
        Err(Status::unimplemented("leave_directory"))
    }

    async fn request_type_switch_verification(
        &self,
        _: tonic::Request<bailiwick_api::directory::v1::RequestTypeSwitchVerificationRequest>,
    ) -> Result<Response<bailiwick_api::directory::v1::TypeSwitchVerification>, Status> {
        Err(Status::unimplemented("request_type_switch_verification"))
    }

    async fn switch_member_type(
        &self,
        _: tonic::Request<bailiwick_api::directory::v1::SwitchMemberTypeRequest>,
    ) -> Result<Response<Member>, Status> {
        Err(Status::unimplemented("switch_member_type"))
    }

    async fn check_member_deletion(
        &self,
        _: tonic::Request<bailiwick_api::directory::v1::CheckMemberDeletionRequest>,
    ) -> Result<Response<bailiwick_api::directory::v1::MemberDeletionCheck>, Status> {
        Err(Status::unimplemented("check_member_deletion"))
    }

    async fn delete_member(
        &self,
        _: tonic::Request<bailiwick_api::directory::v1::DeleteMemberRequest>,
    ) -> Result<Response<Member>, Status> {
        Err(Status::unimplemented("delete_member"))
    }

    async fn undelete_member(
        &self,
        _: tonic::Request<bailiwick_api::directory::v1::UndeleteMemberRequest>,
    ) -> Result<Response<Member>, Status> {
        Err(Status::unimplemented("undelete_member"))
    }
}

#[tonic::async_trait]
impl ClaimService for Handlers {
    async fn place_claims(
        &self,
        r: tonic::Request<PlaceClaimsRequest>,
    ) -> Result<Response<PlaceClaimsResponse>, Status> {
        let accounts = self.enter(r)?.accounts;
        let claimed = |account| ClaimedMembership { account, incarnation: "i".to_owned() };
        Ok(respond(PlaceClaimsResponse { memberships: accounts.into_iter().map(claimed).collect() }, None))
    }

    async fn release_claims(
        &self,
        _: tonic::Request<ReleaseClaimsRequest>,
    ) -> Result<Response<ReleaseClaimsResponse>, Status> {
        #[expect(clippy::disallowed_methods, reason = "what a careless handler would do")]
        Err(Status::internal("connection to postgres://user:secret@db failed"))
    }

    async fn list_claims(&self, _: tonic::Request<ListClaimsRequest>) -> Result<Response<ListClaimsResponse>, Status> {
        Ok(respond(ListClaimsResponse::default(), None))
    }
}

#[tonic::async_trait]
impl ChangeLogService for Handlers {
    type FollowChangesStream = BoxStream<'static, Result<FollowChangesResponse, Status>>;

    async fn follow_changes(
        &self,
        request: tonic::Request<Streaming<FollowChangesRequest>>,
    ) -> Result<Response<Self::FollowChangesStream>, Status> {
        let pings = self.enter(request)?;
        let pongs = pings.map(|ping| ping.map(|_| FollowChangesResponse::default()));
        Ok(Response::new(pongs.chain(futures::stream::pending()).boxed()))
    }
}

// === the two networks ===

/// A network as each role sees it.
pub enum Layout {
    Memory(Network),
    Tcp { certificates: Box<Certificates>, address: std::net::SocketAddr },
}

pub struct Certificates {
    pub folder: TempDir,
    issuer: Issuer<'static, KeyPair>,
}

impl Certificates {
    pub fn new() -> Self {
        let folder = TempDir::new().unwrap();
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().unwrap();
        let ca = params.self_signed(&key).unwrap();
        std::fs::write(folder.path().join("ca.pem"), ca.pem()).unwrap();
        Self { folder, issuer: Issuer::new(params, key) }
    }

    /// Writes `{name}.pem` and `{name}.key` with the alternative names given.
    pub fn issue(&self, name: &str, dns: &str, uris: &[&str]) {
        let mut params = CertificateParams::new(vec![dns.to_owned()]).unwrap();
        params.subject_alt_names.extend(uris.iter().map(|uri| SanType::URI((*uri).try_into().unwrap())));
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        std::fs::write(self.folder.path().join(format!("{name}.pem")), certificate.pem()).unwrap();
        std::fs::write(self.folder.path().join(format!("{name}.key")), key.serialize_pem()).unwrap();
    }

    pub fn config(&self, role: Role, address: Option<std::net::SocketAddr>) -> TcpConfig {
        self.issue(role.as_str(), role.as_str(), &[&format!("spiffe://bailiwick.dev/role/{role}")]);
        let file = |name: &str| Path::new(self.folder.path()).join(name);
        TcpConfig {
            role,
            listen: "127.0.0.1:0".parse().unwrap(),
            peers: address.map(|a| (Role::Directory, a.to_string())).into_iter().collect::<BTreeMap<_, _>>(),
            ca_file: file("ca.pem"),
            certificate_file: file(&format!("{role}.pem")),
            key_file: file(&format!("{role}.key")),
        }
    }
}

impl Layout {
    pub async fn memory() -> (Self, Listener) {
        let network = Network::in_process();
        let listener = network.listener(Role::Directory).await.unwrap();
        (Self::Memory(network), listener)
    }

    pub async fn tcp() -> (Self, Listener) {
        let certificates = Certificates::new();
        let network = Network::tcp(certificates.config(Role::Directory, None)).unwrap();
        let listener = network.listener(Role::Directory).await.unwrap();
        let address = listener.local_addr().unwrap();
        (Self::Tcp { certificates: Box::new(certificates), address }, listener)
    }

    pub fn network_of(&self, role: Role) -> Network {
        match self {
            Self::Memory(network) => network.clone(),
            Self::Tcp { certificates, address } => Network::tcp(certificates.config(role, Some(*address))).unwrap(),
        }
    }

    pub fn connector(&self, from: Role) -> Connector {
        self.network_of(from).connector(from, Role::Directory)
    }
}

// === the server ===

pub struct Served {
    pub layout: Layout,
    pub clock: Arc<ManualClock>,
    pub calls: mpsc::UnboundedReceiver<Call>,
    pub given_up: mpsc::UnboundedReceiver<()>,
    pub ready: watch::Sender<bool>,
    pub shutdown: CancellationToken,
    pub server: JoinHandle<Result<(), ServeError>>,
}

pub fn key() -> ContextKey {
    ContextKey::new([7; 32])
}

impl Served {
    pub async fn memory() -> Self {
        Self::start(Layout::memory().await, Limits::default(), Arc::new(NoPositions))
    }

    pub async fn tcp() -> Self {
        Self::start(Layout::tcp().await, Limits::default(), Arc::new(NoPositions))
    }

    pub fn start((layout, listener): (Layout, Listener), limits: Limits, positions: Arc<dyn Positions>) -> Self {
        let (calls_sender, calls) = mpsc::unbounded_channel();
        let (given_up_sender, given_up) = mpsc::unbounded_channel();
        let handlers = Handlers { calls: calls_sender, given_up: given_up_sender };
        let clock = Arc::new(ManualClock::default());
        let (ready, is_ready) = watch::channel(false);
        let shutdown = CancellationToken::new();
        let module = Module {
            role: Role::Directory,
            routes: Routes::new(MemberServiceServer::new(handlers.clone()))
                .add_service(ClaimServiceServer::new(handlers.clone()))
                .add_service(ChangeLogServiceServer::new(handlers)),
            background: Vec::new(),
            ready: is_ready,
        };
        let guard = Guard {
            role: Role::Directory,
            context_key: key(),
            clock: clock.clone(),
            entropy: Arc::new(SystemEntropy),
            positions,
        };
        let server = tokio::spawn(serve_within(module, listener, guard, shutdown.clone(), limits));
        Self { layout, clock, calls, given_up, ready, shutdown, server }
    }

    /// One call over a connection of its own.
    pub async fn call(&self, from: Role, path: &str, headers: HeaderMap, body: Bytes) -> (Status, HeaderMap) {
        call(&self.layout.connector(from), path, headers, body).await
    }

    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }
}

/// Sends bytes as the body of a call and waits for its status, with nothing of a client's own (no deadline, no codec).
pub async fn call(connector: &Connector, path: &str, headers: HeaderMap, body: Bytes) -> (Status, HeaderMap) {
    // A server that never answers fails the test instead of hanging it.
    tokio::time::timeout(Duration::from_secs(300), exchange(connector, path, headers, body)).await.unwrap()
}

async fn exchange(connector: &Connector, path: &str, headers: HeaderMap, body: Bytes) -> (Status, HeaderMap) {
    let stream = connector.connect().await.unwrap();
    let (mut sender, connection) =
        hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(stream)).await.unwrap();
    let driver = tokio::spawn(connection);
    let mut request = Request::post(format!("http://directory{path}")).body(Full::new(body)).unwrap();
    *request.headers_mut() = headers;
    request.headers_mut().insert("content-type", "application/grpc".parse().unwrap());
    request.headers_mut().insert("te", "trailers".parse().unwrap());
    let (head, body) = sender.send_request(request).await.unwrap().into_parts();
    let status = match Status::from_header_map(&head.headers) {
        Some(status) => status,
        None => {
            let trailers = body.collect().await.unwrap().trailers().cloned().unwrap_or_default();
            Status::from_header_map(&trailers).unwrap()
        }
    };
    driver.abort();
    (status, head.headers)
}

// === requests ===

pub fn framed(message: &[u8]) -> Bytes {
    let mut frame = BytesMut::new();
    frame.put_u8(0);
    frame.put_u32(u32::try_from(message.len()).unwrap());
    frame.put_slice(message);
    frame.freeze()
}

pub fn get_member(name: &str) -> Bytes {
    framed(&GetMemberRequest { name: name.to_owned() }.encode_to_vec())
}

pub fn place_claims() -> Bytes {
    let request = PlaceClaimsRequest {
        directory: DIRECTORY.to_owned(),
        accounts: vec!["accounts/1000000000000002".to_owned()],
        ..PlaceClaimsRequest::default()
    };
    framed(&request.encode_to_vec())
}

pub fn operator() -> Operator {
    Operator {
        principal: "accounts/1000000000000001/users/alice".to_owned(),
        kind: PrincipalKind::User,
        account: Some("1000000000000001".parse().unwrap()),
        access_key_id: "key".to_owned(),
        source_ip: "192.0.2.1".to_owned(),
        call_id: "the-call".to_owned(),
        via: Vec::new(),
        session_name: String::new(),
        source_identity: String::new(),
        identity_provider: String::new(),
        subject: String::new(),
    }
}

/// The context of a call of alice of the management account, as the gateway makes it.
pub fn context(path: &str, resource: &str, audience: Role, now: Timestamp, key: &ContextKey) -> Vec<u8> {
    let management_account = "1000000000000001".parse().unwrap();
    let directory = "rd-0000000000001".parse().unwrap();
    let alice = IdentityName::User(management_account, "alice".to_owned());
    let fact = IdentityFact {
        kind: PrincipalKind::User,
        enabled: true,
        generation: 1,
        policies: [SystemPolicy::AdministratorAccess.into()].into(),
        trust_policy: None,
    };
    let facts = [
        Fact::Directory { directory, management_account: Some(management_account), control_policies_enabled: false },
        Fact::Account {
            account: management_account,
            membership: Some((directory, "i".to_owned())),
            placement: Placement::default(),
        },
        Fact::Identity { identity: alice.clone(), fact: Some(fact) },
    ];
    let mut snapshot = Snapshot::empty();
    snapshot.apply(1, facts.into_iter().map(|fact| FactChange { fact, removed: false }));
    let caller = Caller::Identity(Principal::new(alice, 1, "key"));
    let targets = Targets { resource: resource.to_owned(), ..Targets::default() };
    let permit =
        decide(bailiwick_api::rule(path).unwrap(), &caller, &snapshot, &targets, &Environment::at(now)).unwrap();
    CallerContext::new(&permit.with_operator(operator()), audience, now).sign(key)
}

pub fn binary(key: &'static str, bytes: &[u8]) -> (http::HeaderName, http::HeaderValue) {
    let value = MetadataValue::from_bytes(bytes);
    (key.parse().unwrap(), http::HeaderValue::from_bytes(value.as_encoded_bytes()).unwrap())
}

/// The headers of a user's call with a sound context.
pub fn as_user(path: &str, resource: &str, now: Timestamp) -> HeaderMap {
    HeaderMap::from_iter([binary(CALLER_CONTEXT, &context(path, resource, Role::Directory, now, &key()))])
}

/// The headers of a role's call on behalf of alice.
pub fn on_behalf_of_alice() -> HeaderMap {
    HeaderMap::from_iter([binary(OPERATOR, &postcard::to_allocvec(&operator()).unwrap())])
}
