//! Many calls at once: whatever their order, invariants hold, no claim is orphaned, and every loser is told why.

use std::collections::BTreeSet;

use futures::future::join_all;
use tonic::{Code, Response, Status};

use super::world::{World, account, reason, worlds};

/// Each answer that is no success is one of these refusals.
fn explained<T>(answers: &[Result<Response<T>, Status>], reasons: &[&str]) -> usize {
    let losers: Vec<_> = answers.iter().filter_map(|answer| answer.as_ref().err()).map(reason).collect();
    assert!(losers.iter().all(|(_, reason)| reasons.contains(&reason.as_str())), "{losers:?}");
    answers.len() - losers.len()
}

impl World {
    /// Each designation has its claim, and each claim its designation.
    async fn claims_match(&self, id: &str) {
        let designated: BTreeSet<_> = self.designated(id).await.into_iter().map(|of| of.account).collect();
        let claimed: BTreeSet<_> = self.directory.claims().into_iter().map(|(_, _, _, account)| account).collect();
        assert_eq!(claimed, designated);
    }
}

// covers: E-DEL-03, E-DEL-10
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn at_the_limit_as_many_are_designated_as_may_be() {
    for world in worlds().await {
        for number in 2..12 {
            world.directory.join(world.at, account(number), "i1").await;
        }
        world.enable("sase").await;
        let answers = join_all((2..12).map(|number| world.designate("sase", account(number)))).await;
        let limit = ["DELEGATED_ADMINISTRATOR_LIMIT", "CONCURRENT_CHANGE"];
        let won = explained(&answers, &limit);
        assert_eq!(world.designated("sase").await.len(), won);
        assert!((1..=3).contains(&won), "{won}");
        world.claims_match("sase").await;
    }
}

// covers: E-DEL-07, E-DEL-10
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn without_trusted_access_nobody_is_designated_whatever_ran_beside_it() {
    for world in worlds().await {
        for number in 2..5 {
            world.directory.join(world.at, account(number), "i1").await;
        }
        for _ in 0..5 {
            world.enable("sase").await;
            let designating = join_all((2..5).map(|number| world.designate("sase", account(number))));
            let disabling = async {
                let mut disabled = Vec::new();
                for _ in 0..3 {
                    disabled.push(world.try_disable("sase").await);
                }
                disabled
            };
            let (designated, disabled) = futures::future::join(designating, disabling).await;
            explained(&designated, &["TRUSTED_ACCESS_NOT_ENABLED", "CONCURRENT_CHANGE"]);
            for refused in disabled.iter().filter_map(|answer| answer.as_ref().err()) {
                assert!(["TRUSTED_ACCESS_IN_USE", "CONCURRENT_CHANGE"].contains(&refused.1.as_str()), "{refused:?}");
            }
            if disabled.iter().any(Result::is_ok) {
                assert!(world.designated("sase").await.is_empty());
            }
            world.claims_match("sase").await;
            for of in world.designated("sase").await {
                let account = of.account.trim_start_matches("accounts/").parse().unwrap();
                world.undesignate("sase", account, "", false).await.unwrap();
            }
        }
    }
}

// covers: R-DEL-03, E-DEL-10
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn who_leaves_while_being_designated_is_no_administrator() {
    for world in worlds().await {
        world.enable("sase").await;
        for round in 0..5 {
            world.directory.join(world.at, account(2), &format!("i{round}")).await;
            world.mirrored().await;
            let directory = world.directory.clone();
            let leaving = async move { directory.leave(account(2)).await };
            let (designated, _) = futures::future::join(world.designate("sase", account(2)), leaving).await;
            if let Err(refused) = designated {
                let known = [Code::Aborted, Code::PermissionDenied];
                assert!(known.contains(&refused.code()), "{refused}");
            }
            world.mirrored().await;
            assert!(world.designated("sase").await.is_empty());
            assert!(world.directory.claims().is_empty());
        }
    }
}
