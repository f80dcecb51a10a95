use std::collections::BTreeSet;

use bailiwick_api::{
    directory::v1::{CallerIdentity, GetCallerIdentityRequest},
    gateway::v1::{AccessExplanation, ExplainAccessRequest},
};
use base64::{Engine, engine::general_purpose::STANDARD};
use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tonic::{Code, transport::Channel};
use tonic_health::pb::{HealthCheckRequest, health_check_response::ServingStatus, health_client::HealthClient};
use tonic_reflection::pb::{v1, v1alpha};

use super::{client::encoded, world::*};
use crate::{GatewayConfig, StartError, TlsFiles};

const EXPLAIN: &str = "/bailiwick.gateway.v1.AccessService/ExplainAccess";

async fn channel(world: &World) -> Channel {
    Channel::from_shared(format!("http://{}", world.address())).unwrap().connect().await.unwrap()
}

#[tokio::test]
async fn a_caller_is_told_how_its_call_would_be_decided() {
    // covers: E-GW-01, R-GW-11
    let world = World::new().await;
    let mut client = world.client().await;
    let ask = |method: &str, resource: &str| ExplainAccessRequest {
        method: method.to_owned(),
        resource: resource.to_owned(),
        ..ExplainAccessRequest::default()
    };
    let create = ask("bailiwick.directory.v1.MemberService/CreateMember", DIRECTORY);
    let carol = world.token(&user(ADMIN, "carol"));
    let explained: AccessExplanation = client.unary(EXPLAIN, &carol, &create).await.message();
    assert!(!explained.allowed && explained.revision == 1);
    assert_eq!((explained.reason.as_str(), explained.required_seat.as_str()), ("SEAT_REQUIRED", "MANAGEMENT_ACCOUNT"));
    assert!(explained.steps.last().is_some_and(|step| !step.holds));
    let alice = world.token(&user(MANAGEMENT, "alice"));
    let explained: AccessExplanation = client.unary(EXPLAIN, &alice, &create).await.message();
    assert!(explained.allowed && explained.steps.iter().all(|step| step.holds));
    let internal = ask("bailiwick.directory.v1.SigningKeyService/ListSigningKeys", "");
    let explained: AccessExplanation = client.unary(EXPLAIN, &alice, &internal).await.message();
    assert_eq!(explained.reason, "INTERNAL_METHOD");
    let unknown = client.unary(EXPLAIN, &alice, &ask("nope", "")).await;
    assert_eq!(unknown.refused(), (Code::InvalidArgument, "INVALID_FIELD".to_owned()));
    let nobody = client.call(EXPLAIN, &[], encoded(&create)).await;
    assert_eq!(nobody.refused().1, "CREDENTIAL_MISSING");
}

#[tokio::test]
async fn health_is_that_of_roles_and_facts() {
    let world = World::without_facts(config()).await;
    let mut health = HealthClient::new(channel(&world).await);
    let of = |service: &str| HealthCheckRequest { service: service.to_owned() };
    let mut check = async |service: &str| health.check(of(service)).await.map(|answer| answer.into_inner().status());
    assert_eq!(check("").await.unwrap(), ServingStatus::NotServing);
    assert_eq!(check("bailiwick.soc.v1.ScopeService").await.unwrap(), ServingStatus::NotServing);
    // Internal services are nobody's to know of.
    let internal = check("bailiwick.delegation.v1.FactService").await.unwrap_err();
    assert_eq!(internal.code(), Code::NotFound);
    world.facts.begin();
    for service in ["", "bailiwick.gateway.v1.AccessService", "bailiwick.directory.v1.MemberService"] {
        within(async {
            while check(service).await.unwrap() != ServingStatus::Serving {
                tokio::time::sleep(std::time::Duration::from_millis(5)).await;
            }
        })
        .await;
    }
}

#[tokio::test]
async fn reflection_lists_every_service() {
    let world = World::without_facts(config()).await;
    let channel = channel(&world).await;
    let mut expected: BTreeSet<String> = prost_reflect::DescriptorPool::decode(bailiwick_api::DESCRIPTORS)
        .unwrap()
        .services()
        .map(|service| service.full_name().to_owned())
        .collect();
    let others =
        ["grpc.health.v1.Health", "grpc.reflection.v1.ServerReflection", "grpc.reflection.v1alpha.ServerReflection"];
    expected.extend(others.map(str::to_owned));

    let list = v1::server_reflection_request::MessageRequest::ListServices(String::new());
    let request = v1::ServerReflectionRequest { host: String::new(), message_request: Some(list) };
    let mut client = v1::server_reflection_client::ServerReflectionClient::new(channel.clone());
    let stream = client.server_reflection_info(tokio_stream::once(request)).await.unwrap();
    let answer = stream.into_inner().message().await.unwrap().unwrap().message_response.unwrap();
    let v1::server_reflection_response::MessageResponse::ListServicesResponse(listed) = answer else { panic!() };
    assert_eq!(listed.service.into_iter().map(|service| service.name).collect::<BTreeSet<_>>(), expected);

    let list = v1alpha::server_reflection_request::MessageRequest::ListServices(String::new());
    let request = v1alpha::ServerReflectionRequest { host: String::new(), message_request: Some(list) };
    let mut client = v1alpha::server_reflection_client::ServerReflectionClient::new(channel);
    let stream = client.server_reflection_info(tokio_stream::once(request)).await.unwrap();
    let answer = stream.into_inner().message().await.unwrap().unwrap().message_response.unwrap();
    let v1alpha::server_reflection_response::MessageResponse::ListServicesResponse(listed) = answer else { panic!() };
    assert_eq!(listed.service.into_iter().map(|service| service.name).collect::<BTreeSet<_>>(), expected);
}

/// A request over HTTP/1.1.
async fn http1(world: &World, path: &str, headers: &[(&str, &str)], body: Bytes) -> (http::response::Parts, Bytes) {
    let stream = TcpStream::connect(world.address()).await.unwrap();
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.unwrap();
    tokio::spawn(connection);
    let mut request = http::Request::post(path).header("host", "gateway");
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let response = within(sender.send_request(request.body(Full::new(body)).unwrap())).await.unwrap();
    let (parts, body) = response.into_parts();
    (parts, within(body.collect()).await.unwrap().to_bytes())
}

#[tokio::test]
async fn browsers_call_as_others_do() {
    let world = World::new().await;
    let token = world.token(&user(MANAGEMENT, "alice"));
    let body = encoded(&GetCallerIdentityRequest {});
    let spoofed = [("bw-caller-bin", "AAAA"), ("x-forwarded-for", "10.0.0.1"), ("x-grpc-web", "1")];
    for (kind, text) in [("application/grpc-web+proto", false), ("application/grpc-web-text", true)] {
        let mut headers = vec![("content-type", kind), ("accept", kind), ("authorization", token.as_str())];
        headers.extend(spoofed);
        let sent = if text { Bytes::from(STANDARD.encode(&body)) } else { body.clone() };
        let (parts, answer) = http1(&world, WHO, &headers, sent).await;
        assert_eq!(parts.status, 200);
        assert!(parts.headers.contains_key("bailiwick-request-id"));
        // Each piece of text is padded by itself.
        let decoded = |four: &[u8]| STANDARD.decode(four).unwrap();
        let answer = if text { answer.chunks(4).flat_map(decoded).collect() } else { answer.to_vec() };
        let length = usize::from(answer[4]);
        let who = <CallerIdentity as prost::Message>::decode(&answer[5..5 + length]).unwrap();
        assert_eq!(who.principal, user(MANAGEMENT, "alice"));
        // Trailers are the last frame of the body.
        assert_eq!(answer[5 + length], 0x80);
        assert!(String::from_utf8_lossy(&answer[5 + length..]).contains("grpc-status:0"));
    }
    let headers = [("content-type", "application/grpc-web+proto")];
    let (parts, _) = http1(&world, WHO, &headers, body.clone()).await;
    assert_eq!((parts.status.as_u16(), &parts.headers["grpc-status"]), (200, &"16".parse().unwrap()));
    // gRPC itself needs HTTP/2.
    let headers = [("content-type", "application/grpc"), ("authorization", token.as_str())];
    assert_eq!(http1(&world, WHO, &headers, body).await.0.status, 505);
}

async fn start_error(config: GatewayConfig) -> StartError {
    let dependencies = crate::Dependencies {
        network: bailiwick_rpc::Network::in_process(),
        context_key: bailiwick_core::authz::ContextKey::new([7; 32]),
        clock: std::sync::Arc::new(bailiwick_core::SystemClock),
        entropy: std::sync::Arc::new(bailiwick_core::SystemEntropy),
        routing: crate::Routing::of_contract().unwrap(),
    };
    crate::serve(config, dependencies, Default::default()).await.unwrap_err()
}

#[tokio::test]
async fn other_machines_are_served_over_tls_alone() {
    for listen in ["0.0.0.0:0", "[::]:0", "192.0.2.1:0"] {
        let error = start_error(GatewayConfig::new(listen.parse().unwrap())).await;
        assert!(matches!(error, StartError::PlainText(_)), "{listen}");
    }
    let files = TlsFiles { certificate: "/nonexistent/chain.pem".into(), key: "/nonexistent/key.pem".into() };
    let error = start_error(GatewayConfig { tls: Some(files), ..config() }).await;
    assert!(error.to_string().starts_with("`/nonexistent/chain.pem`"), "{error}");
}

#[tokio::test]
async fn calls_come_over_tls() {
    let folder = tempfile::tempdir().unwrap();
    let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    let files = TlsFiles { certificate: folder.path().join("chain.pem"), key: folder.path().join("key.pem") };
    std::fs::write(&files.certificate, made.cert.pem()).unwrap();
    std::fs::write(&files.key, made.signing_key.serialize_pem()).unwrap();
    let world = World::with(GatewayConfig { tls: Some(files), ..config() }).await;

    let mut roots = rustls::RootCertStore::empty();
    roots.add(made.cert.der().clone()).unwrap();
    let provider = std::sync::Arc::new(rustls::crypto::ring::default_provider());
    let mut tls = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    tls.alpn_protocols = vec![b"h2".to_vec()];
    let stream = TcpStream::connect(world.address()).await.unwrap();
    let connector = tokio_rustls::TlsConnector::from(std::sync::Arc::new(tls));
    let stream = connector.connect("localhost".try_into().unwrap(), stream).await.unwrap();
    assert_eq!(stream.get_ref().1.alpn_protocol(), Some(&b"h2"[..]));
    let executor = hyper_util::rt::TokioExecutor::new();
    let (mut sender, connection) = hyper::client::conn::http2::handshake(executor, TokioIo::new(stream)).await.unwrap();
    tokio::spawn(connection);
    let request = http::Request::post(format!("https://localhost{WHO}"))
        .header("content-type", "application/grpc")
        .header("authorization", world.token(&user(MANAGEMENT, "alice")))
        .body(Full::new(encoded(&GetCallerIdentityRequest {})))
        .unwrap();
    let body = within(sender.send_request(request)).await.unwrap().into_body();
    let collected = within(body.collect()).await.unwrap();
    assert_eq!(collected.trailers().unwrap()["grpc-status"], "0");
}

#[tokio::test]
async fn a_connection_that_says_nothing_is_closed() {
    let mut config = config();
    config.port.handshake = std::time::Duration::from_millis(200);
    let world = World::with(config).await;
    for beginning in ["", "P", "PRI * HTTP/2.0\r\n"] {
        let mut stream = TcpStream::connect(world.address()).await.unwrap();
        tokio::io::AsyncWriteExt::write_all(&mut stream, beginning.as_bytes()).await.unwrap();
        let mut rest = Vec::new();
        let _ = within(tokio::io::AsyncReadExt::read_to_end(&mut stream, &mut rest)).await;
        assert!(rest.is_empty(), "{beginning}");
    }
}
