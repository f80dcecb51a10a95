//! Time, readiness, draining, and what a fault looks like from outside.

use std::{sync::Arc, time::Duration};

use bailiwick_api::directory::v1::{ListMembersRequest, RemoveMemberRequest};
use bailiwick_core::Role;
use bytes::Bytes;
use futures::StreamExt;
use http::HeaderMap;
use prost::Message;
use tokio::{sync::watch, time::Instant};
use tokio_util::sync::CancellationToken;
use tonic::{Code, service::Routes};
use tonic_health::pb::{HealthCheckRequest, health_check_response::ServingStatus, health_client::HealthClient};
use tonic_types::StatusExt;

use super::fixture::*;
use crate::{Guard, Limits, Module, Network, NoPositions, ServeError, serve};

fn list_members() -> Bytes {
    framed(&ListMembersRequest { parent: DIRECTORY.to_owned(), ..Default::default() }.encode_to_vec())
}

#[tokio::test(start_paused = true)]
async fn a_unary_call_ends_at_its_deadline() {
    let mut served = Served::memory().await;
    for (timeout, expected) in [(None, 30_000), (Some("250m"), 250), (Some("2M"), 60_000)] {
        let mut headers = as_user(LIST_MEMBERS, DIRECTORY, served.now());
        if let Some(timeout) = timeout {
            headers.insert("grpc-timeout", timeout.parse().unwrap());
        }
        let start = Instant::now();
        let (status, _) = served.call(Role::Gateway, LIST_MEMBERS, headers, list_members()).await;
        assert_eq!(status.code(), Code::DeadlineExceeded);
        assert_eq!(start.elapsed().as_millis() / 10, expected / 10);
        served.given_up.recv().await.unwrap();
        let call = served.calls.recv().await.unwrap();
        assert_eq!((call.deadline - start).as_millis() / 10, expected / 10);
    }
    let mut headers = as_user(LIST_MEMBERS, DIRECTORY, served.now());
    headers.insert("grpc-timeout", "soon".parse().unwrap());
    let (status, _) = served.call(Role::Gateway, LIST_MEMBERS, headers, list_members()).await;
    assert_eq!(status.code(), Code::InvalidArgument);
}

#[tokio::test]
async fn faults_do_not_speak_for_themselves() {
    let served = Served::memory().await;
    let path = "/bailiwick.directory.v1.ClaimService/ReleaseClaims";
    let (status, _) = served.call(Role::Delegation, path, HeaderMap::new(), framed(&[])).await;
    let remove = framed(&RemoveMemberRequest { name: MEMBER.to_owned(), ..Default::default() }.encode_to_vec());
    let headers = as_user(REMOVE_MEMBER, MEMBER, served.now());
    let (panicked, _) = served.call(Role::Gateway, REMOVE_MEMBER, headers, remove).await;
    for status in [status, panicked] {
        assert_eq!(status.code(), Code::Internal);
        assert_eq!(status.message(), "a fault of bailiwick's own; the log has the details under the call id");
        assert_eq!(status.get_details_error_info().unwrap().reason, "INTERNAL");
        assert!(status.get_details_request_info().is_some());
    }
}

#[tokio::test]
async fn too_many_calls_at_once_are_refused() {
    let limits = Limits { calls: 1, ..Limits::default() };
    let mut served = Served::start(Layout::memory().await, limits, Arc::new(NoPositions));
    let headers = as_user(LIST_MEMBERS, DIRECTORY, served.now());
    let connector = served.layout.connector(Role::Gateway);
    let hanging = tokio::spawn(async move { call(&connector, LIST_MEMBERS, headers, list_members()).await });
    served.calls.recv().await.unwrap();
    let get = || as_user(GET_MEMBER, MEMBER, served.now());
    let (status, _) = served.call(Role::Gateway, GET_MEMBER, get(), get_member(MEMBER)).await;
    assert_eq!(status.code(), Code::Unavailable);
    assert!(status.get_details_retry_info().is_some());
    // The client that hangs goes away: its place is free when its handler has been given up.
    hanging.abort();
    served.given_up.recv().await.unwrap();
    let get = || as_user(GET_MEMBER, MEMBER, served.now());
    while served.call(Role::Gateway, GET_MEMBER, get(), get_member(MEMBER)).await.0.code() != Code::Ok {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn health_follows_readiness_until_the_drain() {
    let served = Served::memory().await;
    let channel = served.layout.network_of(Role::Gateway).channel(Role::Gateway, Role::Directory);
    let mut health = HealthClient::new(channel);
    let mut watches = Vec::new();
    for service in ["", "bailiwick.directory.v1.MemberService", "bailiwick.audit.v1.ChangeLogService"] {
        let request = HealthCheckRequest { service: service.to_owned() };
        watches.push(health.watch(request).await.unwrap().into_inner());
    }
    for watch in &mut watches {
        assert_eq!(watch.next().await.unwrap().unwrap().status(), ServingStatus::NotServing);
    }
    served.ready.send(true).unwrap();
    for watch in &mut watches {
        assert_eq!(watch.next().await.unwrap().unwrap().status(), ServingStatus::Serving);
    }
    served.ready.send(false).unwrap();
    for watch in &mut watches {
        assert_eq!(watch.next().await.unwrap().unwrap().status(), ServingStatus::NotServing);
    }
    served.ready.send(true).unwrap();
    for watch in &mut watches {
        assert_eq!(watch.next().await.unwrap().unwrap().status(), ServingStatus::Serving);
    }
    served.shutdown.cancel();
    for watch in &mut watches {
        assert_eq!(watch.next().await.unwrap().unwrap().status(), ServingStatus::NotServing);
        assert_eq!(watch.next().await.unwrap().unwrap_err().code(), Code::Unavailable);
    }
    assert_eq!(served.server.await.unwrap(), Ok(()));
}

#[tokio::test(start_paused = true)]
async fn calls_that_do_not_end_are_cut_off() {
    let mut served = Served::memory().await;
    let headers = as_user(LIST_MEMBERS, DIRECTORY, served.now());
    let connector = served.layout.connector(Role::Gateway);
    let hanging = tokio::spawn(async move { call(&connector, LIST_MEMBERS, headers, list_members()).await });
    served.calls.recv().await.unwrap();
    let start = Instant::now();
    served.shutdown.cancel();
    assert_eq!(served.server.await.unwrap(), Ok(()));
    assert_eq!(start.elapsed().as_secs(), 10);
    served.given_up.recv().await.unwrap();
    assert!(hanging.await.is_err(), "the connection was cut");
}

fn module(background: Vec<crate::BackgroundTask>) -> (Module, Guard) {
    let module = Module { role: Role::Directory, routes: Routes::default(), background, ready: watch::channel(true).1 };
    let guard = Guard {
        role: Role::Directory,
        context_key: key(),
        clock: Arc::new(bailiwick_testkit::ManualClock::default()),
        entropy: Arc::new(bailiwick_core::SystemEntropy),
        positions: Arc::new(NoPositions),
    };
    (module, guard)
}

#[tokio::test]
async fn a_background_task_that_panics_ends_the_server() {
    let network = Network::in_process();
    let listener = network.listener(Role::Directory).await.unwrap();
    let shutdown = CancellationToken::new();
    let other = shutdown.clone();
    let (module, guard) = module(vec![
        ("done", Box::pin(async {})),
        ("waits", Box::pin(async move { other.cancelled().await })),
        ("fails", Box::pin(async { panic!("as a defect would") })),
    ]);
    let ended = serve(module, listener, guard, shutdown).await;
    assert_eq!(ended, Err(ServeError::Background("fails", Role::Directory)));
}

#[tokio::test(start_paused = true)]
async fn background_tasks_are_waited_for_and_then_cut_off() {
    let network = Network::in_process();
    let listener = network.listener(Role::Directory).await.unwrap();
    let shutdown = CancellationToken::new();
    let (module, guard) = module(vec![("hangs", Box::pin(std::future::pending()))]);
    shutdown.cancel();
    let start = Instant::now();
    assert_eq!(serve(module, listener, guard, shutdown).await, Ok(()));
    assert_eq!(start.elapsed(), Duration::from_secs(10));
}
