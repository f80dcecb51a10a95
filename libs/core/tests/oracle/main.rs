//! Decisions against a naive oracle, in random worlds in which random things happen.
//!
//! The oracle (`naive`) is written from the product documents and keeps its own list of relations; `world` and `calls`
//! make what is asked. `PROPTEST_CASES` sets the number of worlds.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

mod calls;
mod naive;
mod world;

use std::collections::HashSet;

use bailiwick_core::{
    TrustedService,
    authz::{Caller, Facts, Permit, Principal, Reason, Refusal, Seat, Snapshot, decide, explain},
};
use calls::{Call, call};
use naive::Relations;
use proptest::{collection::vec, prelude::*, strategy::ValueTree, test_runner::TestRunner};
use world::{ACCOUNTS, Event, Scribe, What, Which, Who, account, directory, event, world};

const WORLDS: u32 = 120;

fn config() -> ProptestConfig {
    let cases = std::env::var("PROPTEST_CASES").ok().and_then(|text| text.parse().ok()).unwrap_or(WORLDS);
    ProptestConfig { cases, failure_persistence: None, ..ProptestConfig::default() }
}

/// The snapshot under test, the oracle, and who tells both what happens.
#[derive(Default)]
struct Stage {
    snapshot: Snapshot,
    relations: Relations,
    scribe: Scribe,
}

impl Stage {
    fn of(world: &[Event]) -> Self {
        let mut stage = Self::default();
        world.iter().for_each(|event| stage.happen(event));
        stage
    }

    fn happen(&mut self, event: &Event) {
        let changes = self.scribe.write(event);
        changes.iter().for_each(|change| self.relations.learn(change));
        self.snapshot.apply(self.snapshot.revision() + 1, changes);
    }

    /// The decision, if it is the oracle's and its explanation's too.
    fn decide(&self, call: &Call) -> Result<Result<Permit, Refusal>, TestCaseError> {
        let Call { rule, caller, targets } = call;
        let decided = decide(rule, caller, &self.snapshot, targets);
        let expected = self.relations.verdict(rule, caller, targets);
        match &decided {
            Ok(permit) => {
                prop_assert_eq!(Ok(permit.tenant()), expected, "allowed: {:?}", call);
                prop_assert!(permit.covers(&targets.resource, &targets.accounts));
                prop_assert_eq!(permit.revision(), self.snapshot.revision());
            }
            Err(refusal) => prop_assert_eq!(Err(refusal.reason), expected, "refused: {}: {:?}", refusal, call),
        }
        let (explained, steps) = explain(rule, caller, &self.snapshot, targets);
        prop_assert_eq!(&explained, &decided);
        let (last, before) = steps.split_last().map_or((true, &[][..]), |(last, before)| (last.holds, before));
        prop_assert_eq!(last, decided.is_ok(), "the last step: {:?}", steps);
        prop_assert!(before.iter().all(|step| step.holds), "the steps before the last: {:?}", steps);
        Ok(decided)
    }
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn every_decision_is_the_one_of_the_documents(
        world in world(),
        history in vec((event(), vec(call(), 8)), 1..24),
    ) {
        let mut stage = Stage::of(&world);
        let mut earlier = Vec::new();
        for (event, calls) in &history {
            stage.happen(event);
            for draft in calls {
                let call = draft.aimed(&stage.scribe);
                let decided = stage.decide(&call)?;
                earlier.push((stage.snapshot.clone(), call, decided));
            }
        }
        // What happened since must not show in a snapshot that was taken before.
        for (snapshot, Call { rule, caller, targets }, decided) in earlier {
            prop_assert_eq!(decide(&rule, &caller, &snapshot, &targets), decided);
        }
    }

    #[test]
    fn an_account_that_comes_again_revives_nothing(
        world in world(),
        number in 0..ACCOUNTS,
        leaves in any::<bool>(),
        tidily in any::<bool>(),
        calls in vec(call(), 8),
    ) {
        let mut stage = Stage::of(&world);
        let Some(home) = stage.scribe.directory_of(number) else { return Ok(()) };
        if leaves {
            stage.happen(&Event::Leave { account: number, tidily, reversed: false });
        }
        stage.happen(&Event::Join { account: number, directory: home, enrolled: Vec::new(), reversed: false });
        for service in TrustedService::ALL {
            for what in [What::Designation, What::Enrolment] {
                for of in [Which::Past, Which::Unsaid] {
                    stage.happen(&Event::Told { what, account: number, service, of, removed: false });
                }
            }
            let (home, id) = (directory(home), account(number));
            prop_assert!(!stage.snapshot.is_administrator(home, service, id), "{}", service);
            prop_assert!(!stage.snapshot.is_enrolled(home, service, id), "{}", service);
        }
        let root = Who::Root(number).name();
        let generation = i64::MAX;
        let caller = Caller::Identity(Principal::of_key(root, generation, String::new()));
        let manages = stage.snapshot.management_account(directory(home)) == Some(account(number));
        for draft in calls {
            let call = Call { caller: caller.clone(), ..draft.aimed(&stage.scribe) };
            let allowed = stage.decide(&call)?.is_ok();
            prop_assert!(!allowed || manages || call.rule.seat != Seat::Administrator, "{:?}", call);
        }
    }
}

/// A comparison is worth as much as what it compares: each reason occurs, and each kind of seat is held by somebody.
#[test]
fn the_worlds_are_varied_enough() {
    let mut runner = TestRunner::deterministic();
    let worlds = (world(), vec((event(), vec(call(), 8)), 12));
    let (mut reasons, mut seats) = (HashSet::new(), HashSet::new());
    let (mut all, mut allowed) = (0, 0);
    for _ in 0..80 {
        let (world, history) = worlds.new_tree(&mut runner).unwrap().current();
        let mut stage = Stage::of(&world);
        for (event, calls) in history {
            stage.happen(&event);
            for draft in calls {
                let call = draft.aimed(&stage.scribe);
                all += 1;
                match stage.decide(&call).unwrap() {
                    Ok(_) => {
                        allowed += 1;
                        seats.insert((call.rule.seat, call.rule.trusted_service.is_some(), call.rule.enrolled));
                    }
                    Err(refusal) => {
                        reasons.insert(refusal.reason);
                    }
                }
            }
        }
    }
    assert_eq!(reasons.len(), Reason::ALL.len(), "{reasons:?}");
    // Ten seats, and the two of administrators for any service, for one, and for one with its scope.
    assert_eq!(seats.len(), 14, "{seats:?}");
    assert!((all / 8..all / 2).contains(&allowed), "{allowed} of {all} calls are allowed");
}
