//! What the compiled policies decide, against an evaluation that was written from the documents and knows no Cedar.

mod naive;
mod requests;
mod worlds;

use proptest::prelude::*;

use super::*;

/// How many random worlds are tried: `SASE_WORLDS`.
fn worlds() -> u32 {
    std::env::var("SASE_WORLDS").ok().and_then(|text| text.parse().ok()).unwrap_or(2_000)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: worlds(), ..ProptestConfig::default() })]

    #[test]
    fn compiled_policies_decide_as_they_are_written(seed in any::<u64>()) {
        let mut random = worlds::Random::new(seed);
        let world = worlds::world(&mut random);
        let decider = Decider::new(world.clone()).unwrap();
        for _ in 0..12 {
            let (query, now) = worlds::query(&mut random, &world);
            let decision = decider.decide(&query, now);
            let expected = naive::decide(&world, &query, now);
            prop_assert_eq!(
                (decision.action, decision.decided_by.as_str(), decision.reason),
                (expected.0, expected.1.as_str(), expected.2),
                "{:?} at {:?} in {:#?}", query, now, world
            );
        }
    }
}

#[test]
fn the_random_worlds_meet_every_outcome() {
    let mut seen = std::collections::BTreeMap::<String, u32>::new();
    for seed in 0..400 {
        let mut random = worlds::Random::new(seed);
        let world = worlds::world(&mut random);
        for _ in 0..12 {
            let (query, now) = worlds::query(&mut random, &world);
            let (action, _, reason) = naive::decide(&world, &query, now);
            *seen.entry(format!("{action:?} {reason:?}")).or_default() += 1;
        }
    }
    for outcome in [
        "Allow Policy",
        "Block Policy",
        "Block AccessBlock",
        "Block NoPolicy",
        "Block UserInactive",
        "Block MemberNotManaged",
        "Block NoApplication",
    ] {
        assert!(seen.get(outcome).is_some_and(|count| *count >= 50), "{outcome}: {seen:?}");
    }
}

#[test]
fn a_text_of_every_condition_is_allowed_by_the_schema() {
    let mut random = worlds::Random::new(7);
    let mut world = worlds::world(&mut random);
    let mut policy = world.policies.values().next().unwrap().clone();
    policy.subjects = Subjects::Some {
        users: ["u0".to_owned()].into(),
        groups: ["g0".to_owned()].into(),
        attributes: ["dep\"art\\ment=\u{1F600}\n".to_owned()].into(),
    };
    policy.conditions.device = Some(DeviceCondition {
        os: [Os::Linux, Os::Macos].into(),
        min_version: Some("14.2.1".parse().unwrap()),
        disk_encrypted: true,
        managed: true,
        max_age_minutes: Some(10),
    });
    policy.conditions.networks = (0..100).map(|n| format!("10.{n}.0.0/16").parse().unwrap()).collect();
    policy.enabled = true;
    world.policies.insert(policy.meta.id.clone(), policy);
    Decider::new(world).unwrap();
}
