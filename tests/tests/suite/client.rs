//! A client of the gateway as any user would have it: methods by name, messages as JSON, the errors' details read.

use std::{
    collections::BTreeMap,
    sync::{Arc, LazyLock, Mutex},
    time::Duration,
};

use bailiwick_api::{CONSISTENCY_TOKEN, decode_token, encode_token, r#type::v1::LogPosition};

use prost_reflect::{
    DescriptorPool, DynamicMessage, MethodDescriptor, SerializeOptions,
    prost::{
        Message,
        bytes::{Buf, BufMut},
    },
};
use serde_json::Value;
use tokio::{sync::mpsc, task::JoinHandle, time::Instant};
use tokio_stream::wrappers::ReceiverStream;
use tonic::{
    Code, Request, Response, Status, Streaming,
    codec::{Codec, DecodeBuf, Decoder, EncodeBuf, Encoder},
    metadata::MetadataMap,
    transport::{Channel, Endpoint},
};
use tonic_types::StatusExt;

use crate::patience::PATIENCE;

static POOL: LazyLock<DescriptorPool> = LazyLock::new(|| DescriptorPool::decode(bailiwick_api::DESCRIPTORS).unwrap());

/// What all clients of a suite together have seen: as somebody does who writes with one client and reads with another, they
/// send each other's consistency tokens. By role, the last position.
#[derive(Clone, Default)]
pub struct Seen(Arc<Mutex<BTreeMap<String, LogPosition>>>);

/// A connection to a gateway, and whom it calls as.
#[derive(Clone)]
pub struct Client {
    channel: Channel,
    token: Option<String>,
    seen: Option<Seen>,
}

/// A call that failed.
#[derive(Clone, Debug, PartialEq)]
pub struct Failure {
    pub code: Code,
    pub reason: String,
    pub message: String,
    pub metadata: BTreeMap<String, String>,
    /// The fields that BadRequest names.
    pub fields: Vec<String>,
    /// The subjects that PreconditionFailure names.
    pub preconditions: Vec<String>,
}

impl Client {
    /// One that sends no consistency tokens but those that it is given.
    pub fn new(endpoint: Endpoint) -> Self {
        Self { channel: endpoint.connect_lazy(), token: None, seen: None }
    }

    /// One that sees what these have seen.
    pub fn seeing(endpoint: Endpoint, seen: Seen) -> Self {
        Self { seen: Some(seen), ..Self::new(endpoint) }
    }

    /// The same connection, as whoever has the token.
    pub fn with_token(&self, token: &str) -> Self {
        Self { token: Some(token.to_owned()), ..self.clone() }
    }

    /// The token that it calls with.
    pub fn token(&self) -> &str {
        self.token.as_deref().unwrap()
    }

    /// The same connection, as nobody.
    pub fn anonymous(&self) -> Self {
        Self { token: None, ..self.clone() }
    }

    /// The same connection, as the owner of an access key.
    pub async fn sign_in(&self, access_key_id: &str, secret: &str) -> Result<Self, Failure> {
        let request = serde_json::json!({"access_key_id": access_key_id, "secret": secret});
        let token = self.anonymous().call("directory.v1.TokenService/CreateToken", request).await?;
        Ok(self.with_token(token["accessToken"].as_str().unwrap()))
    }

    /// Calls a unary method, `directory.v1.MemberService/CreateMember`.
    pub async fn call(&self, method: &str, request: Value) -> Result<Value, Failure> {
        Ok(self.call_with(method, request, &[]).await?.0)
    }

    /// The same with further metadata, and with the metadata of the answer.
    pub async fn call_with(
        &self,
        method: &str,
        request: Value,
        metadata: &[(&'static str, String)],
    ) -> Result<(Value, MetadataMap), Failure> {
        let descriptor = method_descriptor(method);
        let message = DynamicMessage::deserialize(descriptor.input(), request).expect(method);
        let path = format!("/bailiwick.{method}");
        let answered = self.decided(&path, &message.encode_to_vec(), metadata).await;
        let (answer, metadata) = answered.map_err(|e| Failure::of(&e))?;
        let answer = DynamicMessage::decode(descriptor.output(), answer.as_slice()).expect(method);
        let options = SerializeOptions::new().skip_default_fields(false);
        Ok((answer.serialize_with_options(serde_json::value::Serializer, &options).unwrap(), metadata))
    }

    /// Opens a stream of answers.
    pub async fn watch(&self, method: &str, request: Value) -> Result<Answers, Failure> {
        let descriptor = method_descriptor(method);
        let message = DynamicMessage::deserialize(descriptor.input(), request).expect(method);
        let path = format!("/bailiwick.{method}");
        let message = message.encode_to_vec();
        let open = || self.open(&path, message.clone(), self.token_of_seen(&[]));
        let (stream, _) = once_decided(open).await.map_err(|e| Failure::of(&e))?;
        Ok(Answers { stream, descriptor })
    }

    /// Opens a stream in both directions.
    pub async fn talk(&self, method: &str) -> Result<Talk, Failure> {
        let (requests, receiver) = mpsc::channel(1);
        let mut request = Request::new(ReceiverStream::new(receiver));
        if let Some(token) = &self.token {
            request.metadata_mut().insert("authorization", format!("Bearer {token}").parse().unwrap());
        }
        for (key, value) in self.token_of_seen(&[]) {
            request.metadata_mut().append(key, value.parse().unwrap());
        }
        let path = format!("/bailiwick.{method}").parse().unwrap();
        let mut grpc = tonic::client::Grpc::new(self.channel.clone());
        grpc.ready().await.map_err(|e| Failure::of(&Status::unavailable(e.to_string())))?;
        // Its answer begins when the first message is decided over.
        let answered = tokio::spawn(async move { grpc.streaming(request, path, Raw).await });
        Ok(Talk { requests, answered: Some(answered), answers: None, descriptor: method_descriptor(method) })
    }

    /// The same as [`Client::raw`], once the gateway can decide by what was seen.
    pub async fn decided(
        &self,
        path: &str,
        message: &[u8],
        metadata: &[(&'static str, String)],
    ) -> Result<(Vec<u8>, MetadataMap), Status> {
        let attempt = move || async move {
            let metadata = [metadata, &self.token_of_seen(metadata)].concat();
            self.raw(path, message.to_vec(), &metadata).await
        };
        let (answer, metadata) = once_decided(attempt).await?;
        if let Some(Seen(seen)) = &self.seen {
            let tokens = metadata.get_all(CONSISTENCY_TOKEN).iter().map(|token| token.to_str().unwrap());
            let mut seen = seen.lock().unwrap();
            for position in tokens.flat_map(|token| decode_token(token).unwrap()) {
                let known = seen.get(&position.role);
                if known.is_none_or(|known| known.epoch != position.epoch || known.revision < position.revision) {
                    seen.insert(position.role.clone(), position);
                }
            }
        }
        Ok((answer, metadata))
    }

    /// The token of what was seen, unless there is one already.
    fn token_of_seen(&self, metadata: &[(&'static str, String)]) -> Vec<(&'static str, String)> {
        let seen = self.seen.iter().flat_map(|Seen(seen)| seen.lock().unwrap().values().cloned().collect::<Vec<_>>());
        let positions: Vec<_> = seen.collect();
        let own = positions.is_empty() || metadata.iter().any(|(key, _)| *key == CONSISTENCY_TOKEN);
        if own { Vec::new() } else { vec![(CONSISTENCY_TOKEN, encode_token(positions))] }
    }

    /// Calls a method with the bytes of a message and further metadata; returns the bytes of the answer, of a stream the
    /// first, and its metadata.
    pub async fn raw(
        &self,
        path: &str,
        message: Vec<u8>,
        metadata: &[(&'static str, String)],
    ) -> Result<(Vec<u8>, MetadataMap), Status> {
        let (mut stream, metadata) = self.open(path, message, metadata.to_vec()).await?;
        let answer = stream.message().await?.expect("an answer");
        if !bailiwick_api::rule(path).is_some_and(|rule| rule.server_streaming) {
            assert!(stream.message().await?.is_none(), "{path}: more than one answer");
        }
        Ok((answer, metadata))
    }

    async fn open(
        &self,
        path: &str,
        message: Vec<u8>,
        metadata: Vec<(&'static str, String)>,
    ) -> Result<(Streaming<Vec<u8>>, MetadataMap), Status> {
        let mut request = Request::new(message);
        if let Some(token) = &self.token {
            request.metadata_mut().insert("authorization", format!("Bearer {token}").parse().unwrap());
        }
        for (key, value) in metadata {
            request.metadata_mut().append(key, value.parse().unwrap());
        }
        let mut grpc = tonic::client::Grpc::new(self.channel.clone());
        grpc.ready().await.map_err(|e| Status::unavailable(e.to_string()))?;
        let answer = grpc.server_streaming(request, path.parse().unwrap(), Raw).await?;
        let (metadata, stream, _) = answer.into_parts();
        Ok((stream, metadata))
    }

    /// Calls a method that must be refused; returns how.
    pub async fn refused(&self, method: &str, request: Value) -> Failure {
        match self.call(method, request.clone()).await {
            Ok(answer) => panic!("`{method}` {request} was not refused: {answer}"),
            Err(failure) => failure,
        }
    }
}

/// Tries again while the gateway has no facts, or none that are new enough. It says so before it does anything.
async fn once_decided<T, F: Future<Output = Result<T, Status>>>(attempt: impl Fn() -> F) -> Result<T, Status> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let answered = attempt().await;
        let undecided = |status: &Status| {
            let reason = Failure::of(status).reason;
            ["FACTS_NOT_READY", "FACTS_STALE", "REVISION_NOT_REACHED"].contains(&reason.as_str())
        };
        if Instant::now() >= deadline || !answered.as_ref().err().is_some_and(undecided) {
            return answered;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

type Answered = Result<Response<Streaming<Vec<u8>>>, Status>;

/// A stream in both directions.
pub struct Talk {
    requests: mpsc::Sender<Vec<u8>>,
    answered: Option<JoinHandle<Answered>>,
    answers: Option<Answers>,
    descriptor: MethodDescriptor,
}

impl Talk {
    /// Sends a message; one that nobody takes any more is lost, and the next answer says why.
    pub async fn send(&self, message: Vec<u8>) {
        drop(self.requests.send(message).await);
    }

    /// The next answer; none at the end.
    pub async fn next(&mut self) -> Result<Option<Value>, Failure> {
        if let Some(answered) = self.answered.take() {
            let stream = answered.await.unwrap().map_err(|e| Failure::of(&e))?.into_inner();
            self.answers = Some(Answers { stream, descriptor: self.descriptor.clone() });
        }
        self.answers.as_mut().unwrap().next().await
    }
}

/// A stream of answers.
pub struct Answers {
    stream: Streaming<Vec<u8>>,
    descriptor: MethodDescriptor,
}

impl Answers {
    /// The next; none at the end.
    pub async fn next(&mut self) -> Result<Option<Value>, Failure> {
        let Some(answer) = self.stream.message().await.map_err(|e| Failure::of(&e))? else { return Ok(None) };
        let answer = DynamicMessage::decode(self.descriptor.output(), answer.as_slice()).unwrap();
        let options = SerializeOptions::new().skip_default_fields(false);
        Ok(Some(answer.serialize_with_options(serde_json::value::Serializer, &options).unwrap()))
    }
}

fn method_descriptor(method: &str) -> MethodDescriptor {
    let (service, name) = method.split_once('/').unwrap();
    let service = POOL.get_service_by_name(&format!("bailiwick.{service}")).unwrap_or_else(|| panic!("{method}"));
    service.methods().find(|m| m.name() == name).unwrap_or_else(|| panic!("{method}"))
}

impl Failure {
    pub fn of(status: &Status) -> Self {
        let details = status.get_error_details();
        let info = details.error_info();
        let fields = details.bad_request().map(|b| b.field_violations.iter().map(|v| v.field.clone()).collect());
        let preconditions =
            details.precondition_failure().map(|p| p.violations.iter().map(|v| v.subject.clone()).collect());
        Self {
            code: status.code(),
            reason: info.map(|i| i.reason.clone()).unwrap_or_default(),
            message: status.message().to_owned(),
            metadata: info.map(|i| i.metadata.clone().into_iter().collect()).unwrap_or_default(),
            fields: fields.unwrap_or_default(),
            preconditions: preconditions.unwrap_or_default(),
        }
    }
}

/// Messages as the bytes that they are.
#[derive(Clone, Copy)]
pub struct Raw;

impl Codec for Raw {
    type Encode = Vec<u8>;
    type Decode = Vec<u8>;
    type Encoder = Self;
    type Decoder = Self;

    fn encoder(&mut self) -> Self {
        Self
    }

    fn decoder(&mut self) -> Self {
        Self
    }
}

impl Encoder for Raw {
    type Item = Vec<u8>;
    type Error = Status;

    fn encode(&mut self, item: Vec<u8>, out: &mut EncodeBuf<'_>) -> Result<(), Status> {
        out.put_slice(&item);
        Ok(())
    }
}

impl Decoder for Raw {
    type Item = Vec<u8>;
    type Error = Status;

    fn decode(&mut self, from: &mut DecodeBuf<'_>) -> Result<Option<Vec<u8>>, Status> {
        let length = from.remaining();
        Ok(Some(from.copy_to_bytes(length).to_vec()))
    }
}
