//! Health as the outside sees it: of each service, what its role says of itself; of the gateway, and of the empty name,
//! whether its facts are fresh.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use bailiwick_core::Role;
use tokio::{
    sync::watch,
    time::{Instant, MissedTickBehavior},
};
use tokio_util::sync::CancellationToken;
use tonic::transport::Channel;
use tonic_health::{
    ServingStatus,
    pb::{HealthCheckRequest, health_check_response::ServingStatus as Wire, health_client::HealthClient},
    server::HealthReporter,
};

use crate::{facts::Facts, routing::Routing};

const OPEN_WITHIN: Duration = Duration::from_secs(5);
const RETRY: Duration = Duration::from_secs(1);
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// Says that nothing serves yet.
pub async fn nothing_serves(reporter: &HealthReporter, routing: &Routing) {
    reporter.set_service_status("", ServingStatus::NotServing).await;
    for names in routing.services().values() {
        set(reporter, names, false).await;
    }
}

/// Follows the health of one role until the shutdown.
pub async fn follow_role(
    reporter: HealthReporter,
    role: Role,
    names: BTreeSet<&'static str>,
    channel: Channel,
    shutdown: CancellationToken,
) {
    loop {
        tokio::select! {
            () = watch_role(&reporter, &names, channel.clone()) => {}
            () = shutdown.cancelled() => return set(&reporter, &names, false).await,
        }
        set(&reporter, &names, false).await;
        tracing::debug!(%role, "the health of a role is not known");
        tokio::select! {
            () = tokio::time::sleep(RETRY) => {}
            () = shutdown.cancelled() => return,
        }
    }
}

/// Returns when the role says nothing any more.
async fn watch_role(reporter: &HealthReporter, names: &BTreeSet<&'static str>, channel: Channel) {
    let mut client = HealthClient::new(channel);
    let opened = tokio::time::timeout(OPEN_WITHIN, client.watch(HealthCheckRequest::default())).await;
    let Ok(Ok(stream)) = opened else { return };
    let mut stream = stream.into_inner();
    while let Ok(Some(answer)) = stream.message().await {
        set(reporter, names, answer.status() == Wire::Serving).await;
    }
}

/// Follows the freshness of the facts until the shutdown: the gateway's own health.
pub async fn follow_facts(
    reporter: HealthReporter,
    names: BTreeSet<&'static str>,
    facts: Arc<Facts>,
    ready: watch::Sender<bool>,
    shutdown: CancellationToken,
) {
    let names = names.into_iter().chain([""]).collect::<BTreeSet<_>>();
    let mut look = tokio::time::interval(LOOK_EVERY);
    look.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            _ = look.tick() => {}
            () = shutdown.cancelled() => break,
        }
        let fresh = facts.fresh(Instant::now()).is_ok();
        if *ready.borrow() != fresh {
            set(&reporter, &names, fresh).await;
            ready.send_replace(fresh);
        }
    }
    set(&reporter, &names, false).await;
    ready.send_replace(false);
}

async fn set(reporter: &HealthReporter, names: &BTreeSet<&'static str>, serving: bool) {
    let status = if serving { ServingStatus::Serving } else { ServingStatus::NotServing };
    for name in names {
        reporter.set_service_status(name, status).await;
    }
}
