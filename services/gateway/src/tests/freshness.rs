use std::time::Duration;

use bailiwick_api::directory::v1::GetCallerIdentityRequest;
use tonic::Code;
use tonic_types::StatusExt;

use super::world::*;

#[tokio::test]
async fn stale_facts_decide_nothing_until_they_are_fresh_again() {
    let world = World::with(crate::GatewayConfig { freshness: Duration::from_millis(1_000), ..config() }).await;
    let mut client = world.client().await;
    let token = world.token(&user(MANAGEMENT, "alice"));
    // Changes still come: that something is received proves nothing.
    world.facts.answer_pings(false);
    let stale = within(async {
        loop {
            world.facts.change(vec![]);
            let answered = client.unary(WHO, &token, &GetCallerIdentityRequest {}).await;
            if answered.status().code() != Code::Ok {
                return answered;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    })
    .await;
    assert_eq!(stale.refused(), (Code::Unavailable, "FACTS_STALE".to_owned()));
    let details = stale.status().get_error_details();
    assert_eq!(details.error_info().unwrap().metadata["bound_ms"], "1000");
    assert!(details.retry_info().is_some());
    let mut ready = world.gateway.ready.clone();
    within(ready.wait_for(|ready| !ready)).await.unwrap();
    world.facts.answer_pings(true);
    within(ready.wait_for(|ready| *ready)).await.unwrap();
    within(async {
        while client.unary(WHO, &token, &GetCallerIdentityRequest {}).await.status().code() != Code::Ok {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    })
    .await;
}

#[tokio::test]
async fn a_gap_is_mended_by_a_new_list() {
    let world = World::new().await;
    let mut client = world.client().await;
    let token = world.token(&user(MANAGEMENT, "alice"));
    let mut alice = vec![bailiwick_api::r#type::v1::AccessFactChange::gone(identity(
        &user(MANAGEMENT, "alice"),
        bailiwick_api::r#type::v1::PrincipalKind::User,
        &[],
    ))];
    // The change itself is lost; the next one shows that something is missing.
    world.facts.make(std::mem::take(&mut alice));
    world.facts.change(vec![]);
    within(async {
        while client.unary(WHO, &token, &GetCallerIdentityRequest {}).await.status().code() == Code::Ok {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    })
    .await;
}
