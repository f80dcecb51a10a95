//! A relay between two roles, with the certificates of both. Calls pass through it as they are; one of them can be kept
//! from being passed on, or its answer from being told, so that a role is killed at just that point.

use std::{
    collections::BTreeMap,
    convert::Infallible,
    path::Path,
    pin::Pin,
    sync::{Arc, Mutex},
    task::{Context, Poll},
};

use bailiwick_core::Role;
use bailiwick_rpc::{Network, TcpConfig};
use tokio::sync::oneshot;
use tonic::{
    Status,
    body::Body,
    codegen::{Bytes, Service, StdError, http, tokio_stream::StreamExt},
    transport::{Channel, Server},
};

use crate::patience::PATIENCE;

/// A relay that runs as long as the test.
pub struct Relay {
    /// Where it listens.
    pub address: String,
    points: Points,
}

type Points = Arc<Mutex<Vec<Point>>>;

/// Which part of a call is withheld.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// The callee never hears of it.
    Request,
    /// The callee has done it.
    Answer,
}

/// Where a call is to be stopped: taken out by the call that is.
struct Point {
    part: Part,
    paths: Vec<String>,
    passing: usize,
    reached: oneshot::Sender<()>,
    passed: oneshot::Receiver<()>,
}

/// A part of a call that is withheld. If this is dropped, the caller is told that the connection broke.
pub struct Withheld {
    reached: Option<oneshot::Receiver<()>>,
    pass: oneshot::Sender<()>,
}

impl Relay {
    /// Starts one for calls of `from` to `to`, which listens at `upstream`. `mesh` has the certificates.
    pub async fn start(mesh: &Path, from: Role, to: Role, upstream: &str) -> Self {
        let network = |role: Role| {
            let config = TcpConfig {
                role,
                listen: "127.0.0.1:0".parse().unwrap(),
                peers: BTreeMap::from([(to, upstream.to_owned())]),
                ca_file: mesh.join("ca.pem"),
                certificate_file: mesh.join(format!("{role}.pem")),
                key_file: mesh.join(format!("{role}.key")),
            };
            Network::tcp(config).unwrap()
        };
        let listener = network(to).listener(to).await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let points = Points::default();
        let passing = Passing { channel: network(from).channel(from, to), points: points.clone() };
        let accepted = listener.map(Ok::<_, Infallible>);
        tokio::spawn(async move { Server::builder().serve_with_incoming(passing, accepted).await.unwrap() });
        Self { address, points }
    }

    /// Withholds a part of the next call of one of the methods, such as `directory.v1.ClaimService/PlaceClaims`.
    pub fn withhold(&self, part: Part, methods: &[&str]) -> Withheld {
        self.withhold_after(0, part, methods)
    }

    /// The same, once so many calls of the methods have passed.
    pub fn withhold_after(&self, passing: usize, part: Part, methods: &[&str]) -> Withheld {
        let ((reached, wait), (pass, passed)) = (oneshot::channel(), oneshot::channel());
        let paths = methods.iter().map(|method| format!("/bailiwick.{method}")).collect();
        self.points.lock().unwrap().push(Point { part, paths, passing, reached, passed });
        Withheld { reached: Some(wait), pass }
    }
}

impl Withheld {
    /// Waits until a call has come to the point.
    pub async fn reached(&mut self) {
        let reached = self.reached.take().expect("it is waited for once");
        tokio::time::timeout(PATIENCE, reached).await.expect("no call came to the point").unwrap();
    }

    /// Lets the call go on, if its caller still waits.
    pub fn pass(self) {
        let _ = self.pass.send(());
    }
}

/// What passes calls on.
#[derive(Clone)]
struct Passing {
    channel: Channel,
    points: Points,
}

impl Passing {
    /// The point at which a call is to be stopped.
    fn point(&self, path: &str) -> Option<Point> {
        let mut points = self.points.lock().unwrap();
        let at = points.iter().position(|point| point.paths.iter().any(|of| of == path))?;
        if points[at].passing == 0 {
            return Some(points.remove(at));
        }
        points[at].passing -= 1;
        None
    }
}

impl Point {
    /// Waits until the call may go on, or its connection is as broken.
    async fn withheld(self) -> Result<(), Status> {
        let _ = self.reached.send(());
        self.passed.await.map_err(|_| Status::unavailable("the connection broke"))
    }
}

impl<B> Service<http::Request<B>> for Passing
where
    B: tonic::codegen::Body<Data = Bytes> + Send + 'static,
    B::Error: Into<StdError>,
{
    type Response = http::Response<Body>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Infallible>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<B>) -> Self::Future {
        let point = self.point(request.uri().path());
        let mut channel = self.channel.clone();
        Box::pin(async move {
            let passed = async {
                let (before, after) = match point {
                    Some(point) if point.part == Part::Request => (Some(point), None),
                    point => (None, point),
                };
                if let Some(point) = before {
                    point.withheld().await?;
                }
                let ready = std::future::poll_fn(|context| channel.poll_ready(context)).await;
                ready.map_err(|error| Status::from_error(error.into()))?;
                let answer = channel.call(request.map(Body::new)).await;
                if let Some(point) = after {
                    point.withheld().await?;
                }
                answer.map_err(|error| Status::from_error(error.into()))
            };
            Ok(passed.await.unwrap_or_else(Status::into_http))
        })
    }
}
