use std::time::Duration;

use bailiwick_core::Role;

use super::world::{account, worlds};

/// A crash between claim and use leaves a claim; it goes, and nothing else does.
#[tokio::test(flavor = "multi_thread")]
async fn old_claims_without_use_are_released() {
    for world in worlds().await {
        for number in 2..=9 {
            world.directory.join(world.at, account(number), "i1").await;
        }
        world.enable("sase").await;
        world.designate("sase", account(2)).await.unwrap();
        world.enrol(Role::SasePolicy, "sase", &[account(3)]).await.unwrap();
        for number in 4..=8 {
            world.directory.forget_a_claim("enrolment", world.at, "sase", account(number));
        }
        world.directory.forget_a_claim("designation", world.at, "sase", account(9));
        assert_eq!(world.app.reconcile().await.unwrap().released, 0, "they may be on their way");
        world.clock.advance(Duration::from_secs(61));
        world.directory.forget_a_claim("designation", world.at, "security-center", account(9));
        while world.app.reconcile().await.unwrap().released > 0 {}
        let left: Vec<_> = world.directory.claims().into_iter().map(|(kind, _, _, account)| (kind, account)).collect();
        let of = |kind: &str, number| (kind.to_owned(), account(number).name());
        assert_eq!(left, [of("designation", 2), of("designation", 9), of("enrolment", 3)]);
    }
}
