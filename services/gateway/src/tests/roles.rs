//! The roles behind, as tests want them.

use std::{
    convert::Infallible,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
};

use bailiwick_api::{
    delegation::v1::{
        FactChange, FactList, FactListEnd, FactPong, WatchFactsRequest, WatchFactsResponse,
        fact_service_server::FactService, watch_facts_response::Event,
    },
    directory::v1::*,
    sase::v1::{sase_member_service_server::SaseMemberService, *},
    r#type::v1::{AccessFact, AccessFactChange, LogPosition},
};
use bailiwick_rpc::{Call, Listener};
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Request, Response};
use http_body::Frame;
use http_body_util::{BodyExt, StreamBody};
use hyper::{body::Incoming, service::service_fn};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::sync::mpsc;
use tokio_stream::wrappers::UnboundedReceiverStream;
use tonic::{Status, Streaming};

use super::client::{Body, open_body};

/// MemberService: keeps what it is called with.
#[derive(Clone, Default)]
pub struct Members {
    pub calls: Arc<Mutex<Vec<Call>>>,
    /// The position that the next change is answered with.
    pub position: Arc<Mutex<Option<LogPosition>>>,
}

impl Members {
    fn note<T>(&self, request: tonic::Request<T>) -> Result<T, Status> {
        let (call, message) = bailiwick_rpc::split(request)?;
        self.calls.lock().unwrap().push(call);
        Ok(message)
    }

    pub fn count(&self) -> usize {
        self.calls.lock().unwrap().len()
    }

    pub fn last(&self) -> Call {
        self.calls.lock().unwrap().last().unwrap().clone()
    }
}

#[tonic::async_trait]
impl member_service_server::MemberService for Members {
    async fn create_member(
        &self,
        request: tonic::Request<CreateMemberRequest>,
    ) -> Result<tonic::Response<Member>, Status> {
        let message = self.note(request)?;
        Ok(bailiwick_rpc::respond(message.member.unwrap_or_default(), self.position.lock().unwrap().clone()))
    }

    async fn get_member(&self, request: tonic::Request<GetMemberRequest>) -> Result<tonic::Response<Member>, Status> {
        let message = self.note(request)?;
        Ok(tonic::Response::new(Member { name: message.name, ..Default::default() }))
    }

    async fn list_members(
        &self,
        request: tonic::Request<ListMembersRequest>,
    ) -> Result<tonic::Response<ListMembersResponse>, Status> {
        self.note(request)?;
        Ok(tonic::Response::new(ListMembersResponse::default()))
    }

    async fn remove_member(&self, request: tonic::Request<RemoveMemberRequest>) -> Result<tonic::Response<()>, Status> {
        self.note(request)?;
        Err(bailiwick_rpc::Problem::new(
            bailiwick_rpc::Kind::FailedPrecondition,
            bailiwick_api::errors::v1::ErrorReason::MemberInUse,
            "a service holds a claim",
        )
        .with("trusted_service", "sase")
        .into())
    }

    async fn update_member(&self, _: tonic::Request<UpdateMemberRequest>) -> Result<tonic::Response<Member>, Status> {
        Err(Status::unimplemented("update_member"))
    }

    async fn move_member(&self, _: tonic::Request<MoveMemberRequest>) -> Result<tonic::Response<Member>, Status> {
        Err(Status::unimplemented("move_member"))
    }

    async fn leave_directory(&self, _: tonic::Request<LeaveDirectoryRequest>) -> Result<tonic::Response<()>, Status> {
        Err(Status::unimplemented("leave_directory"))
    }

    async fn request_type_switch_verification(
        &self,
        _: tonic::Request<RequestTypeSwitchVerificationRequest>,
    ) -> Result<tonic::Response<TypeSwitchVerification>, Status> {
        Err(Status::unimplemented("request_type_switch_verification"))
    }

    async fn switch_member_type(
        &self,
        _: tonic::Request<SwitchMemberTypeRequest>,
    ) -> Result<tonic::Response<Member>, Status> {
        Err(Status::unimplemented("switch_member_type"))
    }

    async fn check_member_deletion(
        &self,
        _: tonic::Request<CheckMemberDeletionRequest>,
    ) -> Result<tonic::Response<MemberDeletionCheck>, Status> {
        Err(Status::unimplemented("check_member_deletion"))
    }

    async fn delete_member(&self, _: tonic::Request<DeleteMemberRequest>) -> Result<tonic::Response<Member>, Status> {
        Err(Status::unimplemented("delete_member"))
    }

    async fn undelete_member(
        &self,
        _: tonic::Request<UndeleteMemberRequest>,
    ) -> Result<tonic::Response<Member>, Status> {
        Err(Status::unimplemented("undelete_member"))
    }
}

pub struct TokenIssuer;

#[tonic::async_trait]
impl token_service_server::TokenService for TokenIssuer {
    async fn create_token(
        &self,
        request: tonic::Request<CreateTokenRequest>,
    ) -> Result<tonic::Response<Token>, Status> {
        let (call, message) = bailiwick_rpc::split(request)?;
        assert_eq!(call.permit.identity(), None);
        Ok(tonic::Response::new(Token { access_token: message.access_key_id, expire_time: None }))
    }

    async fn get_caller_identity(
        &self,
        request: tonic::Request<GetCallerIdentityRequest>,
    ) -> Result<tonic::Response<CallerIdentity>, Status> {
        let (call, _) = bailiwick_rpc::split(request)?;
        let principal = call.permit.identity().map(ToString::to_string).unwrap_or_default();
        Ok(tonic::Response::new(CallerIdentity { principal, ..Default::default() }))
    }

    async fn assume_role(&self, _: tonic::Request<AssumeRoleRequest>) -> Result<tonic::Response<RoleSession>, Status> {
        Err(Status::unimplemented("assume_role"))
    }

    async fn sign_in(&self, _: tonic::Request<SignInRequest>) -> Result<tonic::Response<RoleSession>, Status> {
        Err(Status::unimplemented("sign_in"))
    }

    async fn get_sign_in_options(
        &self,
        _: tonic::Request<GetSignInOptionsRequest>,
    ) -> Result<tonic::Response<SignInOptions>, Status> {
        Err(Status::unimplemented("get_sign_in_options"))
    }

    async fn revoke_tokens(
        &self,
        _: tonic::Request<RevokeTokensRequest>,
    ) -> Result<tonic::Response<RevokeTokensResponse>, Status> {
        Err(Status::unimplemented("revoke_tokens"))
    }
}

pub struct SigningKeys(pub SigningKey);

#[tonic::async_trait]
impl signing_key_service_server::SigningKeyService for SigningKeys {
    async fn list_signing_keys(
        &self,
        _: tonic::Request<ListSigningKeysRequest>,
    ) -> Result<tonic::Response<ListSigningKeysResponse>, Status> {
        Ok(tonic::Response::new(ListSigningKeysResponse { signing_keys: vec![self.0.clone()] }))
    }
}

/// SaseMemberService: counts.
#[derive(Clone, Default)]
pub struct SaseMembers {
    pub calls: Arc<Mutex<Vec<Call>>>,
}

macro_rules! sase {
    ($($name:ident: $request:ty => $response:ty),* $(,)?) => {
        #[tonic::async_trait]
        impl SaseMemberService for SaseMembers {
            $(async fn $name(&self, request: tonic::Request<$request>) -> Result<tonic::Response<$response>, Status> {
                let (call, _) = bailiwick_rpc::split(request)?;
                self.calls.lock().unwrap().push(call);
                Ok(tonic::Response::new(Default::default()))
            })*
        }
    };
}
sase! {
    create_sase_member: CreateSaseMemberRequest => SaseMember,
    batch_create_sase_members: BatchCreateSaseMembersRequest => BatchCreateSaseMembersResponse,
    get_sase_member: GetSaseMemberRequest => SaseMember,
    list_eligible_sase_members: ListEligibleSaseMembersRequest => ListEligibleSaseMembersResponse,
    list_sase_members: ListSaseMembersRequest => ListSaseMembersResponse,
    update_sase_member: UpdateSaseMemberRequest => SaseMember,
    delete_sase_member: DeleteSaseMemberRequest => (),
}

type FactSender = mpsc::UnboundedSender<Result<WatchFactsResponse, Status>>;

/// FactService by hand.
#[derive(Clone)]
pub struct Facts(Arc<Mutex<Log>>, Arc<AtomicBool>);

struct Log {
    silent: bool,
    epoch: String,
    revision: i64,
    /// The last revision that watchers were told.
    told: i64,
    upstream: i64,
    upstream_epoch: String,
    facts: Vec<AccessFact>,
    watchers: Vec<FactSender>,
}

impl Log {
    fn at(&self) -> LogPosition {
        LogPosition { role: "delegation".to_owned(), epoch: self.epoch.clone(), revision: self.revision }
    }

    fn above(&self) -> LogPosition {
        LogPosition { role: "directory".to_owned(), epoch: self.upstream_epoch.clone(), revision: self.upstream }
    }

    fn list(&self) -> [Event; 2] {
        let list = Event::List(FactList { facts: self.facts.clone() });
        [list, Event::ListEnd(FactListEnd { position: Some(self.at()), upstream: Some(self.above()) })]
    }

    fn tell(&mut self, event: &Event) {
        self.told = self.revision;
        self.watchers.retain(|watcher| watcher.send(Ok(WatchFactsResponse { event: Some(event.clone()) })).is_ok());
    }
}

impl Facts {
    pub fn new(facts: Vec<AccessFact>) -> Self {
        let log = Log {
            silent: true,
            epoch: "e".to_owned(),
            revision: 1,
            told: 1,
            upstream: 1,
            upstream_epoch: "d".to_owned(),
            facts,
            watchers: Vec::new(),
        };
        Self(Arc::new(Mutex::new(log)), Arc::default())
    }

    /// Sends the list to whoever waits for it.
    pub fn begin(&self) {
        let mut log = self.0.lock().unwrap();
        log.silent = false;
        for event in log.list() {
            log.tell(&event);
        }
    }

    /// The epoch of directory that the facts are of.
    pub fn directory_epoch(&self) -> String {
        self.0.lock().unwrap().upstream_epoch.clone()
    }

    /// The next changes are of another epoch of directory.
    pub fn restore_directory(&self, epoch: &str) {
        let mut log = self.0.lock().unwrap();
        (log.upstream, log.upstream_epoch) = (0, epoch.to_owned());
    }

    /// The log of facts itself was restored: those who watch learn of it by the answer to a ping, and new ones get a list.
    pub fn restore(&self, epoch: &str, facts: Vec<AccessFact>) {
        let mut log = self.0.lock().unwrap();
        (log.epoch, log.revision, log.told, log.facts) = (epoch.to_owned(), 1, 1, facts);
        log.watchers.clear();
    }

    /// Whether pings are answered.
    pub fn answer_pings(&self, answer: bool) {
        self.1.store(!answer, Ordering::SeqCst);
    }

    /// A change that is made but not told; the position of it.
    pub fn make(&self, changes: Vec<AccessFactChange>) -> (LogPosition, FactChange) {
        let mut log = self.0.lock().unwrap();
        log.revision += 1;
        log.upstream += 1;
        for change in &changes {
            let fact = change.fact.clone().unwrap();
            log.facts.retain(|old| old.key() != fact.key());
            if !change.removed {
                log.facts.push(fact);
            }
        }
        (log.at(), FactChange { position: Some(log.at()), upstream: Some(log.above()), changes })
    }

    pub fn tell(&self, change: FactChange) {
        self.0.lock().unwrap().tell(&Event::Change(change));
    }

    pub fn change(&self, changes: Vec<AccessFactChange>) -> LogPosition {
        let (position, change) = self.make(changes);
        self.tell(change);
        position
    }
}

#[tonic::async_trait]
impl FactService for Facts {
    type WatchFactsStream = UnboundedReceiverStream<Result<WatchFactsResponse, Status>>;

    async fn watch_facts(
        &self,
        request: tonic::Request<Streaming<WatchFactsRequest>>,
    ) -> Result<tonic::Response<Self::WatchFactsStream>, Status> {
        let mut incoming = request.into_inner();
        let (sender, stream) = mpsc::unbounded_channel();
        incoming.message().await?;
        {
            let mut log = self.0.lock().unwrap();
            if !log.silent {
                for event in log.list() {
                    let _ = sender.send(Ok(WatchFactsResponse { event: Some(event) }));
                }
            }
            log.watchers.push(sender.clone());
        }
        let this = self.clone();
        tokio::spawn(async move {
            while let Ok(Some(message)) = incoming.message().await {
                let log = this.0.lock().unwrap();
                if !log.silent && !this.1.load(Ordering::SeqCst) {
                    let pong = FactPong {
                        ping: message.ping,
                        head: Some(LogPosition { revision: log.told, ..log.at() }),
                        upstream: Some(log.above()),
                        upstream_age: Some(prost_types::Duration::default()),
                    };
                    let _ = sender.send(Ok(WatchFactsResponse { event: Some(Event::Pong(pong)) }));
                }
            }
        });
        Ok(tonic::Response::new(UnboundedReceiverStream::new(stream)))
    }
}

/// A role in bytes, without guard: what the name of the method says.
#[derive(Clone)]
pub struct Echo {
    /// The heads of the requests.
    pub heads: Arc<Mutex<Vec<http::request::Parts>>>,
    /// A message for each call that begins, and for each that is given up.
    pub events: Arc<tokio::sync::Mutex<mpsc::UnboundedReceiver<&'static str>>>,
    /// What `Open` sends.
    pub open: Arc<Mutex<Vec<mpsc::UnboundedSender<Bytes>>>>,
    told: mpsc::UnboundedSender<&'static str>,
    kill: Arc<tokio::sync::Notify>,
}

struct Given(mpsc::UnboundedSender<&'static str>);

impl Drop for Given {
    fn drop(&mut self) {
        let _ = self.0.send("given up");
    }
}

impl Echo {
    pub fn start(mut listener: Listener) -> Self {
        let (told, events) = mpsc::unbounded_channel();
        let events = Arc::new(tokio::sync::Mutex::new(events));
        let echo = Self { heads: Arc::default(), events, open: Arc::default(), told, kill: Arc::default() };
        let this = echo.clone();
        tokio::spawn(async move {
            while let Some(stream) = listener.accept().await {
                let this = this.clone();
                let kill = Arc::clone(&this.kill);
                let service = service_fn(move |request| {
                    let this = this.clone();
                    async move { Ok::<_, Infallible>(this.answer(request).await) }
                });
                let connection = hyper::server::conn::http2::Builder::new(TokioExecutor::new())
                    .max_header_list_size(64 << 10)
                    .serve_connection(TokioIo::new(stream), service);
                tokio::spawn(async move {
                    tokio::select! {
                        _ = connection => {}
                        () = kill.notified() => {}
                    }
                });
            }
        });
        echo
    }

    pub async fn event(&self) -> &'static str {
        super::world::within(self.events.lock().await.recv()).await.unwrap()
    }

    /// Ends all connections.
    pub fn kill(&self) {
        self.kill.notify_waiters();
    }

    async fn answer(&self, request: Request<Incoming>) -> Response<Body> {
        let (head, body) = request.into_parts();
        if head.uri.path().starts_with("/grpc.health.v1.") {
            let mut response = Response::new(super::client::full(Bytes::new()));
            response.headers_mut().insert("grpc-status", HeaderValue::from_static("12"));
            return response;
        }
        let name = head.uri.path().rsplit('/').next().unwrap().to_owned();
        self.heads.lock().unwrap().push(head);
        let _ = self.told.send("begun");
        let mut response = Response::new(super::client::full(Bytes::new()));
        response.headers_mut().insert("content-type", HeaderValue::from_static("application/grpc"));
        response.headers_mut().insert("bw-secret", HeaderValue::from_static("of the roles"));
        response.headers_mut().insert("x-kept", HeaderValue::from_static("1"));
        match name.as_str() {
            "Echo" => *response.body_mut() = echoed(body),
            "Hang" => {
                let _given = Given(self.told.clone());
                std::future::pending::<()>().await;
            }
            "Open" => *response.body_mut() = self.opened(body),
            "TrailersOnly" => {
                let headers = response.headers_mut();
                headers.insert("grpc-status", HeaderValue::from_static("9"));
                headers.insert("grpc-message", HeaderValue::from_static("not%20now"));
                headers.insert("grpc-status-details-bin", HeaderValue::from_static("CAkSB25vdCBub3c"));
            }
            "Details" => {
                let mut trailers = HeaderMap::new();
                trailers.insert("grpc-status", HeaderValue::from_static("5"));
                trailers.insert("grpc-status-details-bin", HeaderValue::from_str(&"A".repeat(8_000)).unwrap());
                trailers.insert("x-trailer", HeaderValue::from_static("1"));
                let frames = [Frame::data(Bytes::from_static(&[0, 0, 0, 0, 0])), Frame::trailers(trailers)];
                let frames = futures::stream::iter(frames.map(Ok));
                *response.body_mut() = BodyExt::boxed(StreamBody::new(frames));
            }
            "Html" => {
                response.headers_mut().remove("content-type");
                *response.status_mut() = http::StatusCode::SERVICE_UNAVAILABLE;
            }
            // A body that ends without a status.
            "NoStatus" => *response.body_mut() = super::client::full(Bytes::from_static(&[0, 0, 0, 0, 0])),
            other => panic!("{other}"),
        }
        response
    }

    fn opened(&self, mut body: Incoming) -> Body {
        let (sender, answer) = open_body();
        self.open.lock().unwrap().push(sender);
        let told = self.told.clone();
        // Reads the request to its end, whichever it is.
        tokio::spawn(async move {
            let end = loop {
                match body.frame().await {
                    Some(Ok(_)) => {}
                    Some(Err(_)) => break "request broken off",
                    None => break "request ended",
                }
            };
            let _ = told.send(end);
        });
        answer
    }
}

fn echoed(body: Incoming) -> Body {
    let mut trailers = HeaderMap::new();
    trailers.insert("grpc-status", HeaderValue::from_static("0"));
    let (sender, answer) = mpsc::unbounded_channel();
    tokio::spawn(async move {
        let mut body = body;
        while let Some(Ok(frame)) = body.frame().await {
            let _ = sender.send(Ok(frame));
        }
        let _ = sender.send(Ok(Frame::trailers(trailers)));
    });
    BodyExt::boxed(StreamBody::new(UnboundedReceiverStream::new(answer)))
}
