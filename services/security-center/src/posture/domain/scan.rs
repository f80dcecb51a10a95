//! What a scan means for the risks of an account.

use std::collections::{BTreeMap, BTreeSet};

use bailiwick_core::{AccountId, Timestamp};

use super::{Finding, Risk, RiskId, Seen};

/// Numbers of an import, or by how much they change.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    pub(crate) findings: i64,
    pub(crate) created: i64,
    pub(crate) seen: i64,
    pub(crate) reopened: i64,
    pub(crate) fixed: i64,
    pub(crate) duplicates: i64,
    pub(crate) passed: i64,
    /// New ones for which the account had no room.
    pub(crate) dropped: i64,
}

/// What findings of one scan mean for the risks of an account.
pub(crate) struct Scan<'a> {
    pub(crate) account: AccountId,
    pub(crate) scope: &'a str,
    pub(crate) time: Timestamp,
    pub(crate) now: Timestamp,
    /// By scanner, the last full scan of the scope where it was later than this one.
    pub(crate) full: &'a BTreeMap<String, Timestamp>,
}

/// A risk that changed, and what it was before; nothing if it was not known.
pub(crate) struct Changed {
    pub(crate) before: Option<Risk>,
    pub(crate) risk: Risk,
}

impl Scan<'_> {
    /// The findings in the order of their ids, each once. Of several in a file the first counts, but that one that is a
    /// risk counts more than one that is none.
    pub(crate) fn by_risk(&self, findings: Vec<Finding>, counts: &mut Counts) -> Vec<(RiskId, Finding)> {
        let key = |finding: &Finding| RiskId::of(self.account, &finding.source, &finding.uid);
        let mut all: Vec<_> = findings.into_iter().map(|finding| (key(&finding), finding)).collect();
        let number = |of: usize| i64::try_from(of).unwrap_or(i64::MAX);
        counts.findings += number(all.len());
        counts.passed += number(all.iter().filter(|(_, finding)| finding.passed).count());
        all.sort_by(|(a, x), (b, y)| (a, &x.source, &x.uid, x.passed).cmp(&(b, &y.source, &y.uid, y.passed)));
        let before = all.len();
        all.dedup_by(|(_, x), (_, kept)| x.source == kept.source && x.uid == kept.uid);
        counts.duplicates += number(before - all.len());
        all
    }

    /// The ids that findings have: each that of its risk, or of the first that is free from its own on. `looked_up` has
    /// what is at the ids that were looked up. What passes and is no risk yet has none: it would leave a gap.
    ///
    /// # Errors
    /// The ids that must be looked up as well.
    pub(crate) fn place<'f>(
        &self,
        findings: &'f [(RiskId, Finding)],
        looked_up: &BTreeMap<RiskId, Option<Risk>>,
    ) -> Result<Vec<(RiskId, &'f Finding)>, BTreeSet<RiskId>> {
        let (mut placed, mut unknown) = (Vec::with_capacity(findings.len()), BTreeSet::new());
        let mut taken = BTreeSet::new();
        for (first, finding) in findings {
            let mut id = *first;
            loop {
                match looked_up.get(&id) {
                    None => drop(unknown.insert(id)),
                    Some(Some(risk)) if risk.is_of(self.account, finding) => placed.push((id, finding)),
                    Some(None) if finding.passed => {}
                    Some(None) if taken.insert(id) => placed.push((id, finding)),
                    Some(_) => {
                        id = id.next();
                        continue;
                    }
                }
                break;
            }
        }
        if unknown.is_empty() { Ok(placed) } else { Err(unknown) }
    }

    /// How many of the findings that were placed are new risks.
    pub(crate) fn count_new(placed: &[(RiskId, &Finding)], looked_up: &BTreeMap<RiskId, Option<Risk>>) -> usize {
        placed.iter().filter(|(id, _)| looked_up.get(id).is_none_or(Option::is_none)).count()
    }

    /// The risks that are new or change by findings that were placed. Of the new ones there are at most `room`, the first in
    /// the order of their ids: none that is kept has the id after one that is dropped.
    pub(crate) fn see(
        &self,
        placed: Vec<(RiskId, &Finding)>,
        mut looked_up: BTreeMap<RiskId, Option<Risk>>,
        mut room: usize,
        counts: &mut Counts,
    ) -> Vec<Changed> {
        let mut changed = Vec::with_capacity(placed.len());
        for (id, finding) in placed {
            match looked_up.remove(&id).flatten() {
                None if room == 0 => counts.dropped += 1,
                None => {
                    room -= 1;
                    counts.created += 1;
                    let mut risk = Risk { id, ..Risk::begin(self.account, finding.clone(), self.scope, self.time) };
                    self.lacked_since(&mut risk);
                    changed.push(Changed { before: None, risk });
                }
                Some(before) => {
                    let mut risk = before.clone();
                    let seen = risk.seen(finding.clone(), self.scope, self.time, self.now);
                    let stands = matches!(seen, Seen::Again | Seen::Reopened | Seen::Restored);
                    match seen {
                        _ if stands && self.lacked_since(&mut risk) => {
                            counts.fixed += i64::from(before.fix_time.is_none());
                        }
                        Seen::Again => counts.seen += 1,
                        Seen::Reopened => counts.reopened += 1,
                        Seen::Restored => {
                            counts.seen += 1;
                            counts.fixed -= 1;
                        }
                        Seen::Fixed => counts.fixed += 1,
                        Seen::Duplicate => counts.duplicates += 1,
                        Seen::Stale => {}
                    }
                    if risk != before {
                        changed.push(Changed { before: Some(before), risk });
                    }
                }
            }
        }
        changed
    }

    /// Whether a later full scan has lacked what this one found, and so fixed it.
    fn lacked_since(&self, risk: &mut Risk) -> bool {
        let later = self.full.get(&risk.finding.source).filter(|full| **full > self.time);
        later.is_some_and(|full| risk.missed(*full, self.now))
    }

    /// The risks that change because a full scan lacked them.
    pub(crate) fn miss(&self, known: Vec<Risk>, counts: &mut Counts) -> Vec<Changed> {
        let missed = known.into_iter().filter_map(|before| {
            let mut risk = before.clone();
            risk.missed(self.time, self.now).then_some(Changed { before: Some(before), risk })
        });
        let changed: Vec<_> = missed.collect();
        counts.fixed += i64::try_from(changed.len()).unwrap_or_default();
        changed
    }
}

impl Counts {
    /// Adds others. What a scan fixed in one file and found in another is taken from neither below zero.
    pub(crate) fn add(&mut self, by: &Self) {
        self.findings += by.findings;
        self.created += by.created;
        self.seen += by.seen;
        self.reopened += by.reopened;
        self.fixed = (self.fixed + by.fixed).max(0);
        self.duplicates += by.duplicates;
        self.passed += by.passed;
        self.dropped += by.dropped;
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::posture::domain::{Category, Severity, State, testing};

    fn scan(account: AccountId) -> Scan<'static> {
        static NONE: BTreeMap<String, Timestamp> = BTreeMap::new();
        let (time, now) = (Timestamp::from_micros(2_000_000), Timestamp::from_micros(3_000_000));
        Scan { account, scope: "", time, now, full: &NONE }
    }

    fn risk(n: u8, uid: &str) -> Risk {
        testing::risk(n, uid, Category::Baseline, Severity::High)
    }

    fn looked_up(known: &[Risk], ids: &[RiskId]) -> BTreeMap<RiskId, Option<Risk>> {
        let found = known.iter().map(|risk| (risk.id, Some(risk.clone())));
        ids.iter().map(|id| (*id, None)).chain(found).collect()
    }

    #[test]
    fn of_several_findings_of_one_risk_that_which_is_a_risk_counts() {
        let (a, b) = (risk(11, "a").finding, risk(11, "b").finding);
        let passed = Finding { passed: true, detail: "passed".into(), ..a.clone() };
        let later = Finding { detail: "later".into(), ..a.clone() };
        let mut counts = Counts::default();
        let found = scan(risk(11, "a").account).by_risk(vec![passed, b.clone(), a.clone(), later], &mut counts);
        let mut kept: Vec<_> = found.into_iter().map(|(_, finding)| finding).collect();
        kept.sort_by(|x, y| x.uid.cmp(&y.uid));
        assert_eq!(kept, [a, b]);
        assert_eq!((counts.findings, counts.duplicates, counts.passed), (4, 2, 1));
    }

    #[test]
    fn a_risk_whose_id_is_taken_has_the_next_that_is_free_in_each_scan() {
        let mine = risk(11, "a");
        let (account, id) = (mine.account, mine.id);
        let foreign = Risk { id, ..risk(12, "z") };
        let findings = [(id, mine.finding.clone())];
        let (scan, mut counts) = (scan(account), Counts::default());
        assert_eq!(scan.place(&findings, &looked_up(&[], &[])), Err(BTreeSet::from([id])));
        let known = looked_up(std::slice::from_ref(&foreign), &[]);
        assert_eq!(scan.place(&findings, &known), Err(BTreeSet::from([id.next()])));

        let known = looked_up(std::slice::from_ref(&foreign), &[id.next()]);
        let created = scan.see(scan.place(&findings, &known).unwrap(), known.clone(), 9, &mut counts);
        assert_eq!((created[0].risk.id, created[0].before.as_ref()), (id.next(), None));
        let kept = created[0].risk.clone();
        let later = Scan { time: Timestamp::from_micros(2_500_000), ..scan };
        let known = looked_up(&[foreign.clone(), kept.clone()], &[]);
        let again = later.see(later.place(&findings, &known).unwrap(), known, 9, &mut counts);
        assert_eq!((again[0].risk.id, again[0].before.as_ref()), (id.next(), Some(&kept)));
        assert_eq!((counts.created, counts.seen), (1, 1));
    }

    #[test]
    fn two_findings_of_a_file_with_one_id_are_two_risks_and_what_passes_leaves_no_gap() {
        let (mine, mut other) = (risk(11, "a"), risk(11, "b").finding);
        let (account, id) = (mine.account, mine.id);
        let known = looked_up(&[], &[id, id.next()]);
        let findings = [(id, mine.finding.clone()), (id, other.clone())];
        let placed = scan(account).place(&findings, &known).unwrap();
        assert_eq!(placed.iter().map(|(id, _)| *id).collect::<Vec<_>>(), [id, id.next()]);
        other.passed = true;
        let findings = [(id, other), (id, mine.finding.clone())];
        let placed = scan(account).place(&findings, &known).unwrap();
        assert_eq!(placed.iter().map(|(id, f)| (*id, f.uid.as_str())).collect::<Vec<_>>(), [(id, "a")]);
    }

    #[test]
    fn beyond_the_room_new_risks_are_dropped_and_known_ones_are_seen() {
        let (known, mut counts) = (risk(11, "a"), Counts::default());
        let (scan, ids) = (scan(known.account), [risk(11, "b").id, risk(11, "c").id]);
        let at = looked_up(std::slice::from_ref(&known), &ids);
        let all = ["a", "b", "c"].map(|uid| risk(11, uid).finding);
        let findings = scan.by_risk(all.to_vec(), &mut counts);
        let placed = scan.place(&findings, &at).unwrap();
        assert_eq!(Scan::count_new(&placed, &at), 2);
        let changed = scan.see(placed, at, 1, &mut counts);
        assert_eq!((changed.len(), counts.created, counts.dropped, counts.seen), (2, 1, 1, 1));
    }

    fn second(n: i64) -> Timestamp {
        Timestamp::from_micros(n * 1_000_000)
    }

    /// What full scans, that each found one risk or lacked it, make of it in the order in which they come.
    fn after(scans: &[(i64, bool)]) -> (Option<Risk>, Counts) {
        let (mut full, mut counts, mut known) = (BTreeMap::new(), Counts::default(), None::<Risk>);
        let finding = risk(11, "a").finding;
        for (time, found) in scans {
            let (id, account) = (risk(11, "a").id, risk(11, "a").account);
            let scan = Scan { account, scope: "", time: second(*time), now: second(1_000), full: &full };
            let findings: Vec<_> = found.then(|| (id, finding.clone())).into_iter().collect();
            let looked_up = BTreeMap::from([(id, known.clone())]);
            let placed = scan.place(&findings, &looked_up).unwrap();
            let mut changed = scan.see(placed, looked_up, 9, &mut counts);
            known = changed.pop().map(|changed| changed.risk).or(known);
            let unseen = known.clone().filter(|risk| risk.fix_time.is_none() && risk.last_seen < scan.time);
            known = scan.miss(unseen.into_iter().collect(), &mut counts).pop().map(|changed| changed.risk).or(known);
            let last = full.entry(finding.source.clone()).or_insert(second(*time));
            *last = second(*time).max(*last);
        }
        (known, counts)
    }

    #[test]
    fn a_risk_that_only_an_older_scan_knows_is_fixed_where_a_later_full_one_lacked_it() {
        let (risk, counts) = after(&[(20, false), (10, true)]);
        let risk = risk.unwrap();
        assert_eq!((risk.state, risk.fix_time, risk.last_seen), (State::Fixed, Some(second(20)), second(10)));
        assert_eq!((counts.created, counts.fixed), (1, 0));
        let (risk, counts) = after(&[(10, true), (20, false), (30, false), (25, true)]);
        let risk = risk.unwrap();
        assert_eq!((risk.state, risk.fix_time, risk.last_seen), (State::Fixed, Some(second(30)), second(25)));
        assert_eq!((counts.reopened, counts.fixed), (0, 1));
    }

    proptest! {
        #[test]
        fn in_whatever_order_full_scans_come_the_state_is_that_of_the_order_of_time(
            scans in prop::collection::vec(any::<bool>(), 1..8).prop_flat_map(|found| {
                let timed: Vec<_> = (1..).zip(found).collect();
                Just(timed).prop_shuffle()
            }),
        ) {
            let mut ordered = scans.clone();
            ordered.sort_unstable();
            let ((came, _), (in_order, _)) = (after(&scans), after(&ordered));
            prop_assert_eq!(came.is_some(), in_order.is_some());
            if let (Some(came), Some(in_order)) = (came, in_order) {
                let latest = ordered.last().is_some_and(|(_, found)| *found);
                prop_assert_eq!(came.state == State::Open, latest);
                prop_assert_eq!((came.state, came.first_seen), (in_order.state, in_order.first_seen));
                if latest {
                    prop_assert_eq!(came.last_seen, in_order.last_seen);
                }
            }
        }
    }
}
