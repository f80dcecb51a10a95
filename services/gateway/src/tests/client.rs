//! A caller that speaks gRPC in bytes.

use std::net::SocketAddr;

use bytes::{BufMut, Bytes, BytesMut};
use futures::StreamExt;
use http::{HeaderMap, HeaderName, HeaderValue, Request, Response};
use http_body::Frame;
use http_body_util::{BodyExt, StreamBody, combinators::BoxBody};
use hyper::{body::Incoming, client::conn::http2::SendRequest};
use hyper_util::rt::{TokioExecutor, TokioIo};
use prost::Message;
use tokio::{net::TcpStream, sync::mpsc};
use tonic::{Code, Status};
use tonic_types::StatusExt;

use super::world::within;

pub type Body = BoxBody<Bytes, std::convert::Infallible>;

#[derive(Clone)]
pub struct Client {
    sender: SendRequest<Body>,
    address: SocketAddr,
}

/// A whole answer.
#[derive(Debug)]
pub struct Answered {
    pub http: http::StatusCode,
    pub headers: HeaderMap,
    pub body: Bytes,
    pub trailers: Option<HeaderMap>,
}

/// A message as gRPC sends it.
pub fn framed(message: &[u8]) -> Bytes {
    let mut out = BytesMut::new();
    out.put_u8(0);
    out.put_u32(u32::try_from(message.len()).unwrap());
    out.put_slice(message);
    out.freeze()
}

pub fn encoded(message: &impl Message) -> Bytes {
    framed(&message.encode_to_vec())
}

/// A request body that is sent piece by piece, and open until the sender is dropped.
pub fn open_body() -> (mpsc::UnboundedSender<Bytes>, Body) {
    let (pieces, body) = mpsc::unbounded_channel::<Bytes>();
    let frames = tokio_stream::wrappers::UnboundedReceiverStream::new(body).map(|piece| Ok(Frame::data(piece)));
    (pieces, BodyExt::boxed(StreamBody::new(SyncStream(frames))))
}

/// What a boxed body wants.
struct SyncStream<S>(S);

impl<S: futures::Stream + Unpin> futures::Stream for SyncStream<S> {
    type Item = S::Item;

    fn poll_next(
        mut self: std::pin::Pin<&mut Self>,
        cx: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Option<S::Item>> {
        self.0.poll_next_unpin(cx)
    }
}

pub fn full(bytes: Bytes) -> Body {
    BodyExt::boxed(http_body_util::Full::new(bytes))
}

impl Client {
    pub async fn connect(address: SocketAddr) -> Self {
        let stream = TcpStream::connect(address).await.unwrap();
        let (sender, connection) =
            hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(stream)).await.unwrap();
        tokio::spawn(connection);
        Self { sender, address }
    }

    pub fn request(&self, path: &str, headers: &[(&str, &str)], body: Body) -> Request<Body> {
        let mut request = Request::post(format!("http://{}{path}", self.address)).body(body).unwrap();
        let all = request.headers_mut();
        all.insert("content-type", HeaderValue::from_static("application/grpc"));
        all.insert("te", HeaderValue::from_static("trailers"));
        for (name, value) in headers {
            all.append(name.parse::<HeaderName>().unwrap(), HeaderValue::from_str(value).unwrap());
        }
        request
    }

    /// The head of the answer.
    pub async fn begin(&mut self, path: &str, headers: &[(&str, &str)], body: Body) -> Response<Incoming> {
        let request = self.request(path, headers, body);
        within(self.sender.send_request(request)).await.unwrap()
    }

    pub async fn send(&mut self, request: Request<Body>) -> Answered {
        Answered::read(within(self.sender.send_request(request)).await.unwrap()).await
    }

    pub async fn call(&mut self, path: &str, headers: &[(&str, &str)], body: Bytes) -> Answered {
        let request = self.request(path, headers, full(body));
        self.send(request).await
    }

    /// A unary call with a token.
    pub async fn unary(&mut self, path: &str, token: &str, message: &impl Message) -> Answered {
        self.call(path, &[("authorization", token)], encoded(message)).await
    }
}

impl Answered {
    pub async fn read(response: Response<Incoming>) -> Self {
        let (parts, body) = response.into_parts();
        let collected = within(body.collect()).await.unwrap();
        let trailers = collected.trailers().cloned();
        Self { http: parts.status, headers: parts.headers, body: collected.to_bytes(), trailers }
    }

    pub fn status(&self) -> Status {
        let headers = self.trailers.as_ref().unwrap_or(&self.headers);
        Status::from_header_map(headers).unwrap_or_else(|| panic!("no status: {self:?}"))
    }

    /// Code and reason.
    #[track_caller]
    pub fn refused(&self) -> (Code, String) {
        let status = self.status();
        let details = status.get_error_details();
        let info = details.error_info().unwrap_or_else(|| panic!("no reason: {status:?}"));
        assert_eq!(info.domain, "bailiwick.dev");
        assert!(details.request_info().is_some_and(|r| self.headers["bailiwick-request-id"] == *r.request_id));
        (status.code(), info.reason.clone())
    }

    #[track_caller]
    pub fn message<M: Message + Default>(&self) -> M {
        assert_eq!(self.status().code(), Code::Ok, "{:?}", self.status());
        M::decode(&self.body[5..]).unwrap()
    }
}
