//! Streams: admitted before their first message, ended by the drain.

use bailiwick_api::audit::v1::{FollowChangesRequest, change_log_service_client::ChangeLogServiceClient};
use bailiwick_core::{Operator, Role};
use futures::StreamExt;
use tokio::{sync::mpsc, time::Instant};
use tonic::Code;
use tonic_types::StatusExt;

use super::fixture::*;
use crate::on_behalf;

async fn a_stream_ends_with_the_drain(mut served: Served) {
    let channel = served.layout.network_of(Role::Delegation).channel(Role::Delegation, Role::Directory);
    let mut client = ChangeLogServiceClient::new(channel);
    let (pings, receiver) = mpsc::channel::<FollowChangesRequest>(1);
    let outgoing = futures::stream::unfold(receiver, |mut pings| async { Some((pings.recv().await?, pings)) });
    // Nothing has been sent yet: the head of the answer comes nevertheless.
    let mut pongs = client.follow_changes(outgoing).await.unwrap().into_inner();
    assert_eq!(served.calls.recv().await.unwrap().permit.service(), Some(Role::Delegation));
    pings.send(FollowChangesRequest::default()).await.unwrap();
    assert!(pongs.next().await.unwrap().is_ok());
    served.shutdown.cancel();
    let status = pongs.next().await.unwrap().unwrap_err();
    assert_eq!(status.code(), Code::Unavailable);
    assert!(status.get_details_retry_info().is_some());
    assert!(status.get_details_request_info().is_some());
    drop((pongs, pings));
    assert_eq!(served.server.await.unwrap(), Ok(()));
}

#[tokio::test]
async fn a_stream_ends_with_the_drain_in_one_process() {
    a_stream_ends_with_the_drain(Served::memory().await).await;
}

#[tokio::test]
async fn a_stream_ends_with_the_drain_over_tcp() {
    a_stream_ends_with_the_drain(Served::tcp().await).await;
}

#[tokio::test]
async fn a_role_that_may_not_follow_is_refused() {
    let served = Served::memory().await;
    let (status, _) = served.call(Role::Gateway, FOLLOW_CHANGES, on_behalf_of_alice(), framed(&[])).await;
    assert_eq!(status.code(), Code::PermissionDenied);
}

#[tokio::test]
async fn a_channel_connects_again() {
    let (layout, listener) = Layout::memory().await;
    let network = layout.network_of(Role::Delegation);
    let channel = network.channel(Role::Delegation, Role::Directory);
    let mut client = bailiwick_api::directory::v1::claim_service_client::ClaimServiceClient::new(channel);
    let request = || {
        let deadline = Instant::now() + std::time::Duration::from_secs(20);
        on_behalf(&Operator::service(Role::Delegation), "c-1", deadline, Default::default())
    };
    let limits = crate::Limits::default();
    let mut first = Served::start((layout, listener), limits, std::sync::Arc::new(crate::NoPositions));
    client.place_claims(request()).await.unwrap();
    let call = first.calls.recv().await.unwrap();
    assert_eq!((call.call_id.as_str(), call.operator.principal.as_str()), ("c-1", "roles/delegation"));
    first.shutdown.cancel();
    first.server.await.unwrap().unwrap();

    let refused = client.place_claims(request()).await.unwrap_err();
    assert_eq!(refused.code(), Code::Unavailable);

    let listener = network.listener(Role::Directory).await.unwrap();
    let again = Served::start((first.layout, listener), limits, std::sync::Arc::new(crate::NoPositions));
    client.place_claims(request()).await.unwrap();
    again.shutdown.cancel();
    again.server.await.unwrap().unwrap();
}
