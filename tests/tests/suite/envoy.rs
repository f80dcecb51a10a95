//! A real Envoy with the configuration of `docs/envoy`, a real HTTP and a real gRPC upstream, and clients of them.

use std::{
    convert::Infallible,
    fs::{self, File},
    path::{Path, PathBuf},
    process::{Child, Command},
    time::Duration,
};

use http_body_util::{BodyExt, Empty, Full};
use hyper::{
    HeaderMap, Request, Response,
    body::{Bytes, Incoming},
    client::conn::http1::{SendRequest, handshake},
    server::conn::http1,
    service::service_fn,
};
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::{
    net::{TcpListener, TcpStream},
    time::{Instant, sleep},
};
use tokio_stream::wrappers::TcpListenerStream;
use tonic::transport::Server;

use crate::{checkout, patience::PATIENCE, tools};

/// A running Envoy.
pub struct Envoy {
    child: Child,
    /// Where its listener is.
    pub address: String,
    folder: TempDir,
}

/// A connection of a client, on which it asks again and again.
pub struct Connection(SendRequest<Empty<Bytes>>);

/// What a client was answered.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub headers: HeaderMap,
    pub body: Value,
}

impl Envoy {
    /// With the ports of the configuration replaced: those of the decisions, `shop` and `till`.
    pub async fn start(credential: &str, decisions: &str, shop: &str, till: &str) -> Self {
        let folder = TempDir::new().unwrap();
        let root = checkout::root();
        let mut configuration = fs::read_to_string(root.join("docs/envoy/envoy.yaml")).unwrap();
        let port = |address: &str| address.rsplit(':').next().unwrap().to_owned();
        for (port, other) in [
            ("9901", "0".to_owned()),
            ("10000", "0".to_owned()),
            ("7114", port(decisions)),
            ("8080", port(shop)),
            ("8081", port(till)),
        ] {
            let (port, other) = (format!("port_value: {port} "), format!("port_value: {other} "));
            assert_eq!(configuration.matches(&port).count(), 1, "{port}");
            configuration = configuration.replace(&port, &other);
        }
        // A busy machine is no fault of what is configured.
        for (time, other) in [("                        timeout: 2s", "30s"), ("      connect_timeout: 1s", "20s")] {
            assert!(configuration.contains(time), "{time}");
            let name = time.split(':').next().unwrap();
            configuration = configuration.replace(time, &format!("{name}: {other}"));
        }
        let (file, admin) = (folder.path().join("envoy.yaml"), folder.path().join("admin"));
        fs::write(&file, configuration).unwrap();
        let child = Command::new(binary())
            .args(["--disable-hot-restart", "--concurrency", "1", "--log-level", "warn", "--config-path"])
            .arg(&file)
            .arg("--admin-address-path")
            .arg(&admin)
            .env("BAILIWICK_CREDENTIAL", credential)
            .stderr(File::create(folder.path().join("log")).unwrap())
            .spawn()
            .unwrap();
        let mut envoy = Self { child, address: String::new(), folder };
        envoy.address = envoy.listening(&admin).await;
        envoy
    }

    /// The address of the listener, which its administration tells.
    async fn listening(&mut self, admin: &Path) -> String {
        let until = Instant::now() + PATIENCE;
        loop {
            assert!(Instant::now() < until && self.child.try_wait().unwrap().is_none(), "{}", self.log());
            let address = fs::read_to_string(admin).unwrap_or_default();
            if !address.is_empty() && TcpStream::connect(&address).await.is_ok() {
                let mut connection = Connection::open(&address).await;
                let listeners = connection.get("localhost", "/listeners?format=json", &[]).await.body;
                let port = &listeners["listener_statuses"][0]["local_address"]["socket_address"]["port_value"];
                if let Some(port) = port.as_u64().filter(|port| *port != 0) {
                    return format!("127.0.0.1:{port}");
                }
            }
            sleep(Duration::from_millis(20)).await;
        }
    }

    pub fn log(&self) -> String {
        fs::read_to_string(self.folder.path().join("log")).unwrap_or_default()
    }
}

impl Drop for Envoy {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Connection {
    pub async fn open(address: &str) -> Self {
        let stream = TcpStream::connect(address).await.unwrap();
        let (send, connection) = handshake(TokioIo::new(stream)).await.unwrap();
        tokio::spawn(connection);
        Self(send)
    }

    /// The answer to a GET. That of an upstream which echoes is what reached it.
    pub async fn get(&mut self, host: &str, path: &str, headers: &[(&str, &str)]) -> Answer {
        let mut request = Request::get(path).header("host", host);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        self.0.ready().await.unwrap();
        let (head, body) = self.0.send_request(request.body(Empty::new()).unwrap()).await.unwrap().into_parts();
        let body = body.collect().await.unwrap().to_bytes();
        let body = serde_json::from_slice(&body).unwrap_or_else(|_| json!(String::from_utf8_lossy(&body)));
        Answer { status: head.status.as_u16(), headers: head.headers, body }
    }

    /// As the bearer of a token.
    pub async fn get_as(&mut self, host: &str, path: &str, token: &str) -> Answer {
        self.get(host, path, &[("authorization", &format!("Bearer {token}"))]).await
    }
}

/// An HTTP upstream that echoes the path and the headers of what reached it. Returns its address.
pub async fn http_upstream() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let echo = service_fn(|request: Request<Incoming>| async move {
                let headers: Value = request
                    .headers()
                    .iter()
                    .map(|(name, value)| (name.to_string(), json!(value.to_str().unwrap())))
                    .collect::<serde_json::Map<_, _>>()
                    .into();
                let body = json!({"path": request.uri().path(), "headers": headers});
                Ok::<_, Infallible>(Response::new(Full::new(Bytes::from(body.to_string()))))
            });
            tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), echo));
        }
    });
    address
}

/// A gRPC upstream, which says of its health that it serves. Returns its address.
pub async fn grpc_upstream() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let (_, health) = tonic_health::server::health_reporter();
    tokio::spawn(Server::builder().add_service(health).serve_with_incoming(TcpListenerStream::new(listener)));
    address
}

/// The program in the package that `scripts/setup` installs.
fn binary() -> PathBuf {
    let python = fs::read_dir(tools::installed("envoy/lib")).unwrap().next().unwrap().unwrap().path();
    let binary = python.join("site-packages/envoy/_bin/envoy");
    assert!(binary.exists(), "`{}` is missing: run scripts/setup", binary.display());
    binary
}
