//! What strangers, and points that ask too much, can use up; and that what is said is encrypted.

use rcgen::{CertifiedKey, generate_simple_self_signed};
use tokio::{
    io::AsyncReadExt,
    net::{TcpListener, TcpStream},
    time::timeout,
};
use tonic::transport::{Certificate, ClientTlsConfig};

use super::*;
use crate::enforcement::{Limits, Listener};

const PATIENCE: Duration = Duration::from_secs(20);

fn limited(limits: Limits) -> EnforcementConfig {
    EnforcementConfig { limits, ..EnforcementConfig::default() }
}

#[tokio::test(flavor = "multi_thread")]
async fn points_ask_by_tls_if_there_is_a_certificate() {
    let folder = tempfile::tempdir().unwrap();
    let CertifiedKey { cert, signing_key } = generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let (tls_certificate, tls_key) = (folder.path().join("cert.pem"), folder.path().join("key.pem"));
    std::fs::write(&tls_certificate, cert.pem()).unwrap();
    std::fs::write(&tls_key, signing_key.serialize_pem()).unwrap();
    let config = EnforcementConfig { tls_certificate, tls_key, ..EnforcementConfig::default() };
    let database = databases().await.remove(0);
    let edge = Edge::start_with(&database.url, config.clone()).await;
    let bearer = format!("Bearer {}", edge.token(json!({})));
    let request = || http(&[("authorization", &bearer)]);
    let trusting = |pem: String| {
        let tls = ClientTlsConfig::new().ca_certificate(Certificate::from_pem(pem)).domain_name("localhost");
        endpoint(&edge.scene, "https").tls_config(tls).unwrap().connect_lazy()
    };
    let answer = ask(trusting(cert.pem()), &edge.credential, request()).await.unwrap();
    assert_eq!(seen(&answer), Seen::Passed);
    let other = generate_simple_self_signed(["localhost".to_owned()]).unwrap().cert.pem();
    for channel in [edge.channel.clone(), trusting(other)] {
        // As the bytes of TLS or its absence are taken for by the other end.
        assert!(timeout(PATIENCE, ask(channel, &edge.credential, request())).await.unwrap().is_err());
    }
    edge.scene.running.stop().await;

    let missing = folder.path().join("none.pem");
    for (wrong, setting) in [
        (EnforcementConfig { tls_key: missing.clone(), ..config.clone() }, "`enforcement.tls_key`"),
        (EnforcementConfig { tls_certificate: missing, ..config.clone() }, "`enforcement.tls_certificate`"),
        (
            EnforcementConfig { tls_key: config.tls_certificate.clone(), ..config.clone() },
            "`enforcement.tls_certificate`",
        ),
    ] {
        let listen = "127.0.0.1:0".to_owned();
        let refused = Listener::bind(&EnforcementConfig { listen, ..wrong }).await.err().unwrap().to_string();
        assert!(refused.starts_with(setting), "{refused}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn strangers_keep_no_connection_and_points_do() {
    let limits = Limits { connections: 1, handshake: Duration::from_secs(3), ..Limits::default() };
    let database = databases().await.remove(0);
    let edge = Edge::start_with(&database.url, limited(limits)).await;
    let address = edge.scene.enforcement.unwrap();
    let bearer = format!("Bearer {}", edge.token(json!({})));
    let request = || http(&[("authorization", &bearer)]);
    // One that says nothing, and one whose credential is none: each has the only place for a while.
    let mut silent = TcpStream::connect(address).await.unwrap();
    let _ = timeout(PATIENCE, silent.read_to_end(&mut Vec::new())).await.expect("it is cut");
    let stranger = endpoint(&edge.scene, "http").connect_lazy();
    let refused = timeout(PATIENCE, ask(stranger.clone(), "bwep.x.y.z", request())).await.unwrap();
    assert_eq!(refused.unwrap_err().code(), Code::Unauthenticated);
    let passed = timeout(PATIENCE, ask(edge.channel.clone(), &edge.credential, request())).await.unwrap();
    assert_eq!(seen(&passed.unwrap()), Seen::Passed);
    // The point has the place now, and keeps it: the next one is not even accepted, so nobody cuts it.
    let mut next = TcpStream::connect(address).await.unwrap();
    assert!(timeout(limits.handshake + Duration::from_secs(1), next.read(&mut [0; 64])).await.is_err());
    let passed = timeout(PATIENCE, ask(edge.channel.clone(), &edge.credential, request())).await.unwrap();
    assert_eq!(seen(&passed.unwrap()), Seen::Passed);
    drop(stranger);
    edge.scene.running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_point_that_asks_too_much_at_once_waits_or_is_refused() {
    let limits = Limits { calls: 1, waiting: 1, within: Duration::from_secs(5), ..Limits::default() };
    let database = databases().await.remove(0);
    let edge = Edge::start_with(&database.url, limited(limits)).await;
    // An issuer that takes connections and answers nothing.
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let issuer = format!("http://{}", listener.local_addr().unwrap());
    edge.register("mute", provider(&issuer)).await.unwrap();
    let token = format!("Bearer {}", edge.token(json!({"iss": issuer})));
    let asked = (0..3).map(|_| ask(edge.channel.clone(), &edge.credential, http(&[("authorization", &token)])));
    let answers = timeout(PATIENCE, futures::future::join_all(asked)).await.unwrap();
    let told = |part: &str| {
        let of = |answer: &&Result<_, Status>| {
            answer.as_ref().is_err_and(|status| status.code() == Code::Unavailable && status.message().contains(part))
        };
        answers.iter().filter(of).count()
    };
    // The one that waited has its turn when the first one's time is over, and may be told of the issuer before its own is.
    let issuer = answers.iter().flatten().filter(|answer| seen(answer) == stopped(503, "ISSUER_UNAVAILABLE")).count();
    assert_eq!((told("too many"), told("in time") + issuer), (1, 2), "{answers:?}");
    assert!(told("in time") >= 1, "{answers:?}");
    // The places are free again.
    assert_eq!(edge.with_token(&edge.token(json!({}))).await, Seen::Passed);
    edge.scene.running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_asked_has_a_bound_and_nothing_else_is_answered() {
    let database = databases().await.remove(0);
    let edge = Edge::start(&database.url).await;
    let long = "a".repeat(300 << 10);
    let refused = edge.ask(&edge.credential, http(&[("x-long", &long)])).await.unwrap_err();
    assert_eq!(refused.code(), Code::OutOfRange);
    let mut client = Grpc::new(edge.channel.clone());
    let codec = ProstCodec::<CheckRequest, CheckResponse>::default();
    for path in ["/envoy.service.auth.v3.Authorization/Other", "/bailiwick.sase.v1.SaseAccessService/EvaluateAccess"] {
        let mut request = Request::new(CheckRequest::default());
        request.metadata_mut().insert("authorization", format!("Bearer {}", edge.credential).parse().unwrap());
        client.ready().await.unwrap();
        let refused = client.unary(request, PathAndQuery::from_static(path), codec.clone()).await.unwrap_err();
        assert_eq!(refused.code(), Code::Unimplemented, "{path}");
    }
    edge.scene.running.stop().await;
}
