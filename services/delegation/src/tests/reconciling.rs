use std::time::Duration;

use bailiwick_core::{Role, TrustedService};

use super::world::{PATIENCE, account, worlds};
use crate::app::claims::{Behalf, ClaimKind, Held};

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
        assert_eq!(world.reconcile().await.released, 0, "they may be on their way");
        world.clock.advance(Duration::from_secs(61));
        world.directory.forget_a_claim("designation", world.at, "security-center", account(9));
        world.reconcile().await;
        let left: Vec<_> = world.directory.claims().into_iter().map(|(kind, _, _, account)| (kind, account)).collect();
        let of = |kind: &str, number| (kind.to_owned(), account(number).name());
        assert_eq!(left, [of("designation", 2), of("designation", 9), of("enrolment", 3)]);
    }
}

/// A crash between a release and the look after it may leave a row without a claim; the claim comes back.
#[tokio::test(flavor = "multi_thread")]
async fn claims_that_rows_lack_are_placed() {
    for world in worlds().await {
        for number in 2..=4 {
            world.directory.join(world.at, account(number), "i1").await;
        }
        world.enable("security-center").await;
        world.designate("security-center", account(2)).await.unwrap();
        let by = Role::SecurityCenter;
        world.enrol(by, "security-center", &[account(3), account(4)]).await.unwrap();
        world.enrol(by, "threat-analysis", &[account(3)]).await.unwrap();
        let (claims, roles) = (world.directory.claims(), world.directory.roles());
        assert_eq!((claims.len(), roles.len()), (4, 4));
        world.directory.lose_claims();
        world.reconcile().await;
        assert_eq!((world.directory.claims(), world.directory.roles()), (claims, roles));
        let again = world.reconcile().await;
        assert_eq!((again.seen, again.released, again.confirmed), (4, 0, 0), "what is right is left alone");
    }
}

/// What directory refuses of one directory does not stop the others.
#[tokio::test(flavor = "multi_thread")]
async fn a_refusal_of_one_directory_does_not_stop_the_run() {
    for world in worlds().await {
        world.directory.join(world.at, account(2), "i1").await;
        world.directory.join(world.at, account(3), "i1").await;
        world.enable("bastionhost").await;
        world.enable("sase").await;
        world.enrol(Role::BastionAudit, "bastionhost", &[account(2)]).await.unwrap();
        world.enrol(Role::SasePolicy, "sase", &[account(3)]).await.unwrap();
        let claims = world.directory.claims();
        world.directory.lose_claims();
        world.directory.refuse(account(2));
        world.reconcile().await;
        assert_eq!(world.directory.claims(), claims[1..]);
    }
}

/// Between the list of claims and the release, the directory goes: so do its claims, and nothing is left to be done.
#[tokio::test(flavor = "multi_thread")]
async fn claims_of_a_directory_that_is_gone_count_as_released() {
    for world in worlds().await {
        world.directory.join(world.at, account(2), "i1").await;
        world.directory.forget_a_claim("designation", world.at, "sase", account(2));
        world.clock.advance(Duration::from_secs(61));
        world.directory.disable(world.at, world.management, &[]).await;
        world.mirrored().await;
        let done = world.reconcile().await;
        assert_eq!((done.seen, done.released), (1, 1));
        let held = Held {
            directory: world.at,
            service: TrustedService::Sase,
            kind: ClaimKind::Designation,
            memberships: vec![(account(2), "i1".to_owned())],
        };
        world.app.claims.release(&Behalf::own(PATIENCE), &held).await.unwrap();
    }
}
