use super::*;

fn account() -> AccountId {
    AccountId::try_from(1_000_000_000_000_001).unwrap()
}

fn at(n: i64) -> Timestamp {
    Timestamp::from_micros(n * 1_000_000)
}

fn finding(passed: bool) -> Finding {
    Finding {
        uid: "u".into(),
        source: "s".into(),
        rule: "r".into(),
        category: Category::Baseline,
        severity: Severity::High,
        title: "t".into(),
        detail: String::new(),
        description: String::new(),
        remediation: String::new(),
        references: Vec::new(),
        resource: String::new(),
        resource_type: String::new(),
        region: String::new(),
        passed,
    }
}

/// What a scan at a time says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Says {
    Found(i64),
    Passed(i64),
    Lacks(i64),
}
use Says::{Found, Lacks, Passed};

/// A risk found at 10, and what further scans made of it.
fn life(scans: &[Says]) -> (Risk, Vec<Seen>) {
    let mut risk = Risk::begin(account(), finding(false), "scope", at(10));
    let seen = scans.iter().map(|says| match *says {
        Found(time) => risk.seen(finding(false), "scope", at(time), at(100)),
        Passed(time) => risk.seen(finding(true), "scope", at(time), at(100)),
        Lacks(time) if risk.missed(at(time), at(100)) => Seen::Fixed,
        Lacks(_) => Seen::Stale,
    });
    let seen = seen.collect();
    (risk, seen)
}

#[test]
fn a_risk_is_what_the_latest_scan_said_in_whatever_order_they_come() {
    use Seen::{Again, Duplicate, Fixed, Reopened, Restored, Stale};
    let table: &[(&[Says], &[Seen], State)] = &[
        (&[Found(20)], &[Again], State::Open),
        (&[Found(10)], &[Duplicate], State::Open),
        (&[Found(5)], &[Stale], State::Open),
        (&[Lacks(20)], &[Fixed], State::Fixed),
        (&[Passed(20)], &[Fixed], State::Fixed),
        (&[Lacks(10)], &[Stale], State::Open),
        (&[Passed(10)], &[Stale], State::Open),
        (&[Lacks(5), Passed(5)], &[Stale, Stale], State::Open),
        (&[Lacks(20), Lacks(30)], &[Fixed, Stale], State::Fixed),
        (&[Lacks(20), Lacks(30), Found(25)], &[Fixed, Stale, Stale], State::Fixed),
        (&[Passed(20), Passed(30), Found(25)], &[Fixed, Stale, Stale], State::Fixed),
        (&[Lacks(20), Lacks(30), Found(30)], &[Fixed, Stale, Reopened], State::Open),
        (&[Lacks(30), Lacks(20), Found(25)], &[Fixed, Stale, Stale], State::Fixed),
        (&[Lacks(20), Lacks(30), Found(25), Found(40)], &[Fixed, Stale, Stale, Reopened], State::Open),
        (&[Passed(20), Found(20)], &[Fixed, Restored], State::Open),
        (&[Found(20), Passed(20)], &[Again, Stale], State::Open),
        (&[Lacks(20), Found(15)], &[Fixed, Stale], State::Fixed),
        (&[Lacks(20), Found(30)], &[Fixed, Reopened], State::Open),
        (&[Lacks(20), Found(20)], &[Fixed, Restored], State::Open),
        (&[Found(20), Lacks(20), Lacks(15)], &[Again, Stale, Stale], State::Open),
    ];
    for (scans, expected, state) in table {
        let (risk, seen) = life(scans);
        assert_eq!((seen.as_slice(), risk.state), (*expected, *state), "{scans:?}");
        let changes = seen.iter().filter(|seen| matches!(seen, Again | Reopened | Restored | Fixed)).count();
        let late = scans.contains(&Found(25)) && risk.last_seen >= at(25);
        let earlier = usize::from(risk.first_seen < at(10)) + usize::from(late);
        assert_eq!(risk.version, 1 + (changes + earlier) as i64, "{scans:?}");
    }
}

#[test]
fn times_of_a_risk() {
    let (risk, _) = life(&[Found(20), Lacks(30), Found(40), Found(50)]);
    assert_eq!((risk.first_seen, risk.last_seen, risk.open_time), (at(10), at(50), at(40)));
    assert_eq!((risk.reopen_count, risk.fix_time), (1, None));
    let (risk, _) = life(&[Lacks(20), Found(20)]);
    assert_eq!((risk.reopen_count, risk.open_time), (0, at(10)), "one scan does not fix and reopen");
    let (risk, _) = life(&[Found(3)]);
    assert_eq!((risk.first_seen, risk.last_seen), (at(3), at(10)));
}

#[test]
fn an_acknowledgement_holds_until_its_time_and_ends_with_the_risk() {
    let (mut risk, _) = life(&[]);
    let acknowledgement = Acknowledgement { reason: "r".into(), until: at(200), operator: "o".into(), time: at(90) };
    risk.acknowledgement = Some(acknowledgement);
    assert!(risk.settle(at(199)));
    assert_eq!((risk.state, risk.state_at(at(200))), (State::Acknowledged, State::Open));
    risk.seen(finding(false), "scope", at(20), at(100));
    assert_eq!(risk.state, State::Acknowledged, "a scan that finds it again does not open it");
    assert!(risk.missed(at(30), at(100)));
    assert_eq!(risk.state, State::Fixed);
    assert!(risk.clone().withdraw("", at(100)).is_err(), "of what is fixed nothing is accepted");
    let mut same = risk.clone();
    assert_eq!(same.seen(finding(false), "scope", at(30), at(100)), Seen::Restored);
    assert_eq!(same.state, State::Acknowledged, "the scan that fixed it found it after all");
    risk.seen(finding(false), "scope", at(40), at(100));
    assert_eq!((risk.state, risk.acknowledgement.as_ref()), (State::Open, None));
}

#[test]
fn ids_of_an_account_lie_together_and_are_told_apart() {
    let ids: Vec<_> = (0..2_000).map(|n| RiskId::of(account(), "s", &n.to_string())).collect();
    let bucket = ids[0].number() >> HASH_BITS;
    assert!(ids.iter().all(|id| id.number() >= 0 && id.number() >> HASH_BITS == bucket));
    assert_eq!(ids.iter().collect::<std::collections::BTreeSet<_>>().len(), ids.len());
    let other = AccountId::try_from(1_000_000_000_000_002).unwrap();
    assert_ne!(RiskId::of(other, "s", "0").number() >> HASH_BITS, bucket);
    assert_ne!(RiskId::of(account(), "s0", "").number(), ids[0].number());
    assert_eq!(RiskId::parse(&ids[7].to_string()), Some(ids[7]));
    let own = RiskId::of(account(), OWN_SOURCE, "0");
    assert_eq!(own.number() >> HASH_BITS, bucket + 1, "apart from what is imported");
    let last = RiskId(bucket << HASH_BITS | ((1 << HASH_BITS) - 1));
    assert_eq!((ids[7].next().number(), last.next().number()), (ids[7].number() + 1, bucket << HASH_BITS));
}
