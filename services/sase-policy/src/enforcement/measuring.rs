//! What the benchmark of the listener runs: a client of it, and a server beside it that answers without deciding.

#![expect(clippy::expect_used, reason = "a measurement that cannot be set up must fail loudly")]

use std::{
    convert::Infallible,
    net::SocketAddr,
    task::{Context, Poll},
};

use futures::future::BoxFuture;
use http::{Request, Response, uri::PathAndQuery};
use tokio::net::TcpListener;
use tonic::{
    Code,
    body::Body,
    client::Grpc as Client,
    metadata::{Ascii, MetadataValue},
    server::{Grpc, NamedService},
    transport::{Channel, Endpoint, Server, server::TcpIncoming},
};
use tonic_prost::ProstCodec;
use tower::{Service, service_fn};

use super::{
    MAX_STREAMS,
    envoy::{
        Address, AttributeContext, AttributeRequest, CHECK, CheckRequest, CheckResponse, HeaderValueOption,
        HttpRequest, HttpResponse, OkHttpResponse, Peer, RpcStatus, SocketAddress,
    },
};

/// Asks as an enforcement point does, over one connection.
#[derive(Clone)]
pub struct Asker {
    channel: Channel,
    credential: MetadataValue<Ascii>,
}

impl Asker {
    /// Connects.
    pub async fn connect(address: SocketAddr, credential: &str) -> Self {
        let endpoint = Endpoint::from_shared(format!("http://{address}")).expect("an address").tcp_nodelay(true);
        let channel = endpoint.connect().await.expect("the server listens");
        Self { channel, credential: format!("Bearer {credential}").parse().expect("a credential") }
    }

    /// Whether a request to a host with an ID token may pass.
    pub async fn ask(&self, host: &str, token: &str) -> bool {
        let headers = [
            (":method", "GET"),
            ("accept", "application/json"),
            ("user-agent", "bench"),
            ("x-request-id", "11e6f3b0-4d0a-4f0e-9f43-0f3c5b6f7a11"),
        ];
        let mut headers: std::collections::HashMap<_, _> =
            headers.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
        headers.insert("authorization".to_owned(), format!("Bearer {token}"));
        let http = HttpRequest {
            method: "GET".to_owned(),
            headers,
            path: "/orders/1?full=true".to_owned(),
            host: host.to_owned(),
            scheme: "https".to_owned(),
        };
        let socket_address = Some(SocketAddress { address: "10.1.2.3".to_owned() });
        let context = AttributeContext {
            source: Some(Peer { address: Some(Address { socket_address }) }),
            request: Some(AttributeRequest { http: Some(http) }),
            ..AttributeContext::default()
        };
        let mut request = tonic::Request::new(CheckRequest { attributes: Some(context) });
        request.metadata_mut().insert("authorization", self.credential.clone());
        let mut client = Client::new(self.channel.clone());
        client.ready().await.expect("the connection lasts");
        let codec = ProstCodec::<CheckRequest, CheckResponse>::default();
        let answer = client.unary(request, PathAndQuery::from_static(CHECK), codec).await.expect("an answer");
        matches!(answer.into_inner().http_response, Some(HttpResponse::Ok(_)))
    }
}

/// Serves answers of the same size as those that allow, as fast as a server does that looks at nothing.
pub async fn serve_bare() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("an address");
    let server = Server::builder().max_concurrent_streams(MAX_STREAMS).add_service(Bare);
    let incoming = TcpIncoming::from(listener).with_nodelay(Some(true));
    tokio::spawn(server.serve_with_incoming(incoming));
    address
}

#[derive(Clone)]
struct Bare;

impl NamedService for Bare {
    const NAME: &'static str = "envoy.service.auth.v3.Authorization";
}

impl Service<Request<Body>> for Bare {
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = BoxFuture<'static, Result<Response<Body>, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        Box::pin(async move {
            let check = service_fn(|request: tonic::Request<CheckRequest>| async move {
                let known = request.into_inner().attributes.is_some();
                let ok = OkHttpResponse {
                    headers: vec![
                        HeaderValueOption::set("x-bailiwick-user", "u1"),
                        HeaderValueOption::set("x-bailiwick-decision", "0123456789abcdefghij"),
                        HeaderValueOption::set(
                            "x-bailiwick-decided-by",
                            "directories/rd-0000000000001/accessPolicies/p1",
                        ),
                    ],
                    headers_to_remove: vec!["authorization".to_owned()],
                };
                let status = RpcStatus { code: if known { Code::Ok } else { Code::InvalidArgument }.into() };
                let answer = CheckResponse { status: Some(status), http_response: Some(HttpResponse::Ok(ok)) };
                Ok(tonic::Response::new(answer))
            });
            Ok(Grpc::new(ProstCodec::default()).unary(check, request).await)
        })
    }
}
