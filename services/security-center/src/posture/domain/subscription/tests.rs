use proptest::prelude::*;

use super::*;

const NOW: Timestamp = Timestamp::from_micros(1_700_000_000_000_000);
const DAY: Duration = Duration::from_hours(24);

fn account() -> AccountId {
    AccountId::try_from(1_000_000_000_000_001).unwrap()
}

fn days(days: u32) -> Timestamp {
    NOW.after(DAY * days)
}

fn wanted(edition: Edition, servers: i64) -> Wanted {
    Wanted { edition, servers }
}

/// One month of Enterprise for 100 servers.
fn bought() -> Subscription {
    Subscription::none(account()).purchase(wanted(Edition::Enterprise, 100), 1, NOW).unwrap()
}

fn life(subscription: &Subscription, day: u32) -> (Life, Edition, i64) {
    let standing = subscription.at(days(day));
    (standing.life, standing.edition, standing.servers)
}

// covers: R-SC-06, E-SC-07
#[test]
fn a_period_is_followed_by_seven_days_of_grace_and_then_by_basic() {
    let none = Subscription::none(account());
    assert_eq!(life(&none, 0), (Life::None, Edition::Basic, 0));
    let bought = bought();
    for (day, expected) in [
        (0, (Life::Active, Edition::Enterprise, 100)),
        (29, (Life::Active, Edition::Enterprise, 100)),
        (30, (Life::Grace, Edition::Enterprise, 100)),
        (36, (Life::Grace, Edition::Enterprise, 100)),
        (37, (Life::Expired, Edition::Basic, 0)),
        (9_999, (Life::Expired, Edition::Basic, 0)),
    ] {
        assert_eq!(life(&bought, day), expected, "day {day}");
    }
    let just_before = Timestamp::from_micros(days(37).as_micros() - 1);
    assert_eq!(bought.at(just_before).life, Life::Grace);
    assert_eq!((bought.at(NOW).expire, bought.at(NOW).grace_end), (days(30), days(37)));
}

// covers: R-SC-06
#[test]
fn only_an_account_without_a_running_subscription_can_buy() {
    let again = |day| bought().purchase(wanted(Edition::Ultimate, 5), 2, days(day));
    let exists = SubscriptionError::Exists { account: account(), buy_type: BuyType::Own };
    assert_eq!(again(0), Err(exists.clone()));
    assert_eq!(again(36), Err(exists));
    let anew = again(37).unwrap();
    assert_eq!((anew.version, anew.start, anew.expire), (2, days(37), days(97)));
}

// covers: R-SC-06, R-SC-07
#[test]
fn upgrades_take_effect_at_once_and_go_up_only() {
    use Edition::{Advanced, Enterprise, Ultimate};
    let invalid = SubscriptionError::ChangeInvalid { edition: Enterprise, servers: 100 };
    for (edition, servers, expected) in [
        (Ultimate, 0, Ok((Ultimate, 100))),
        (Ultimate, 150, Ok((Ultimate, 150))),
        (Enterprise, 101, Ok((Enterprise, 101))),
        (Enterprise, 0, Err(invalid.clone())),
        (Enterprise, 100, Err(invalid.clone())),
        (Enterprise, 99, Err(invalid.clone())),
        (Ultimate, 99, Err(invalid.clone())),
        (Advanced, 200, Err(invalid.clone())),
    ] {
        let done = bought().upgrade(wanted(edition, servers), days(3));
        assert_eq!(done.map(|s| (s.edition, s.servers)), expected, "{edition:?} {servers}");
    }
    let done = bought().upgrade(wanted(Ultimate, 0), days(33)).unwrap();
    assert_eq!(life(&done, 33), (Life::Grace, Ultimate, 100));
    let required = SubscriptionError::Required { account: account(), life: Life::Expired };
    assert_eq!(bought().upgrade(wanted(Ultimate, 0), days(37)), Err(required));
}

// covers: R-SC-06
#[test]
fn downgrades_take_effect_at_once_or_at_the_end_of_the_period() {
    use Edition::{Advanced, Basic, Enterprise};
    let later = bought().downgrade(wanted(Advanced, 50), false, 50, days(3)).unwrap();
    assert_eq!(life(&later, 29), (Life::Active, Enterprise, 100));
    assert_eq!(later.assignable(days(3)), 50);
    assert_eq!(later.pending_at(days(29)).unwrap().at, days(30));
    assert_eq!((later.pending_at(days(30)), life(&later, 30)), (None, (Life::Grace, Advanced, 50)));
    let renewed = later.renew(1, days(20)).unwrap();
    assert_eq!(
        (life(&renewed, 29), life(&renewed, 30)),
        ((Life::Active, Enterprise, 100), (Life::Active, Advanced, 50))
    );
    let taken_back = later.cancel_change(days(20)).unwrap();
    assert_eq!(life(&taken_back, 30), (Life::Grace, Enterprise, 100));
    assert!(matches!(later.cancel_change(days(31)), Err(SubscriptionError::ChangeInvalid { .. })));
    assert_eq!(later.upgrade(wanted(Enterprise, 101), days(4)).unwrap().pending, None);

    let now = bought().downgrade(wanted(Advanced, 0), true, 0, days(3)).unwrap();
    assert_eq!(life(&now, 3), (Life::Active, Advanced, 100));
    let ended = bought().downgrade(wanted(Basic, 0), true, 0, days(3)).unwrap();
    assert_eq!((life(&ended, 3), ended.expire), ((Life::Expired, Basic, 0), days(3)));
    let ends = bought().downgrade(wanted(Basic, 0), false, 0, days(3)).unwrap();
    assert_eq!((life(&ends, 29), life(&ends, 30)), ((Life::Active, Enterprise, 100), (Life::Expired, Basic, 0)));
    assert!(matches!(ends.renew(1, days(20)), Err(SubscriptionError::ChangeInvalid { .. })));
    let in_grace = bought().downgrade(wanted(Advanced, 0), false, 0, days(33)).unwrap();
    assert_eq!(life(&in_grace, 33), (Life::Grace, Advanced, 100));

    for (edition, servers) in [(Edition::Ultimate, 0), (Enterprise, 0), (Enterprise, 101), (Advanced, 101)] {
        let refused = bought().downgrade(wanted(edition, servers), true, 0, NOW);
        assert!(matches!(refused, Err(SubscriptionError::ChangeInvalid { .. })), "{edition:?} {servers}");
    }
    for (edition, servers, assigned) in [(Enterprise, 79, 80), (Basic, 0, 1), (Advanced, 0, 101)] {
        let refused = bought().downgrade(wanted(edition, servers), true, assigned, NOW);
        assert_eq!(refused, Err(SubscriptionError::InUse { account: account(), assigned }));
    }
}

// covers: E-SC-07
#[test]
fn renewing_goes_on_from_the_end_of_the_period_and_revives_in_the_days_of_grace() {
    for (day, months, expire) in [(0, 1, 60), (29, 2, 90), (36, 1, 60)] {
        let renewed = bought().renew(months, days(day)).unwrap();
        assert_eq!((renewed.expire, renewed.at(days(day)).life), (days(expire), Life::Active), "day {day}");
    }
    assert!(matches!(bought().renew(1, days(37)), Err(SubscriptionError::Required { .. })));
    let long = bought().renew(60, NOW).and_then(|s| s.renew(60, NOW)).and_then(|s| s.renew(1, NOW));
    assert_eq!(long, Err(SubscriptionError::TooFar));
}

#[test]
fn an_etag_is_of_one_version() {
    let bought = bought();
    assert_eq!((bought.check_etag(""), bought.check_etag("1")), (Ok(()), Ok(())));
    assert_eq!(bought.check_etag("2"), Err(SubscriptionError::EtagMismatch(bought.name())));
}

#[derive(Clone, Copy, Debug)]
enum Step {
    Purchase(Wanted, u32),
    Upgrade(Wanted),
    Downgrade(Wanted, bool, i64),
    Renew(u32),
    Cancel,
}

fn steps() -> impl Strategy<Value = Vec<(Step, u32)>> {
    let edition = prop::sample::select(Edition::ALL.to_vec());
    let asked = (edition, 0..50_i64).prop_map(|(edition, servers)| Wanted { edition, servers });
    let bought = (prop::sample::select(Edition::ALL[1..].to_vec()), 1..50_i64);
    let bought = bought.prop_map(|(edition, servers)| Wanted { edition, servers });
    let step = prop_oneof![
        (bought, 1..4_u32).prop_map(|(wanted, months)| Step::Purchase(wanted, months)),
        asked.clone().prop_map(Step::Upgrade),
        (asked, any::<bool>(), 0..20_i64).prop_map(|(wanted, now, assigned)| Step::Downgrade(wanted, now, assigned)),
        (1..4_u32).prop_map(Step::Renew),
        Just(Step::Cancel),
    ];
    prop::collection::vec((step, 0..40_u32), 1..20)
}

proptest! {
    /// Whatever happens: Basic and no servers exactly when it does not run, an upgrade never takes anything away, a
    /// downgrade never goes below what is assigned, and each change is of the next version.
    #[test]
    fn any_life_keeps_the_rules(steps in steps()) {
        let (mut subscription, mut day) = (Subscription::none(account()), 0);
        for (step, later) in steps {
            day += later;
            let now = days(day);
            let before = subscription.at(now);
            let changed = match step {
                Step::Purchase(wanted, months) => subscription.purchase(wanted, months, now),
                Step::Upgrade(wanted) => subscription.upgrade(wanted, now),
                Step::Downgrade(wanted, immediately, assigned) => subscription.downgrade(wanted, immediately, assigned, now),
                Step::Renew(months) => subscription.renew(months, now),
                Step::Cancel => subscription.cancel_change(now),
            };
            prop_assert!(before.runs() != matches!(step, Step::Purchase(..)) || changed.is_err());
            let Ok(changed) = changed else { continue };
            prop_assert_eq!(changed.version, subscription.version + 1);
            let after = changed.at(now);
            prop_assert_eq!(after.runs(), after.edition != Edition::Basic);
            prop_assert!(after.runs() || after.servers == 0);
            match step {
                Step::Upgrade(_) => prop_assert!(after.edition >= before.edition && after.servers >= before.servers),
                Step::Downgrade(_, _, assigned) => {
                    prop_assert!(after.edition <= before.edition && after.servers <= before.servers);
                    prop_assert!(changed.assignable(now) >= assigned);
                }
                Step::Renew(_) => prop_assert_eq!((after.life, after.edition), (Life::Active, before.edition)),
                Step::Purchase(..) | Step::Cancel => {}
            }
            subscription = changed;
        }
    }
}
