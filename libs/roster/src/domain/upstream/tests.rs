use super::*;

const SERVICE: TrustedService = TrustedService::Sase;

fn directory() -> DirectoryId {
    "rd-0000000000001".parse().unwrap()
}

fn account(n: u64) -> AccountId {
    AccountId::try_from(1_000_000_000_000_000 + n).unwrap()
}

fn enrolled(n: u64, uid: &str, incarnation: &str) -> Step {
    let (uid, incarnation) = (uid.to_owned(), incarnation.to_owned());
    Step::Enrolled(Enrolled { service: SERVICE, directory: directory(), account: account(n), uid, incarnation })
}

fn ended(n: u64) -> Step {
    ended_as(n, "", "")
}

fn ended_as(n: u64, uid: &str, incarnation: &str) -> Step {
    let (uid, incarnation) = (uid.to_owned(), incarnation.to_owned());
    Step::Ended(Ended { service: SERVICE, directory: directory(), account: account(n), uid, incarnation })
}

fn profiled(n: u64, incarnation: &str, name: &str) -> Step {
    let profile = Profile { display_name: name.into(), ..Profile::default() };
    let membership = Membership { directory: directory(), incarnation: incarnation.into(), profile };
    Step::Profiled(Profiled { account: account(n), membership: Some(membership) })
}

fn left(n: u64) -> Step {
    Step::Profiled(Profiled { account: account(n), membership: None })
}

/// The entries and memberships after each change, and what each change touched.
struct World {
    entries: BTreeMap<Key, Entry>,
    memberships: BTreeMap<AccountId, Membership>,
}

impl World {
    fn new() -> Self {
        Self { entries: BTreeMap::new(), memberships: BTreeMap::new() }
    }

    fn change(&mut self, steps: Vec<Step>) -> Changes {
        let entries = self.entries.values().cloned().collect();
        let mut working = Working::new(entries, self.memberships.clone().into_iter().collect());
        working.apply(steps, &Origin { operator: "alice".into(), time: Timestamp::from_micros(5) });
        let changes = working.finish();
        self.entries.retain(|key, _| !changes.removed.contains(key));
        self.memberships.retain(|key, _| !changes.left.contains(key));
        self.entries.extend(changes.saved.iter().map(|entry| (entry.key(), entry.clone())));
        self.memberships.extend(changes.joined.iter().cloned());
        changes
    }

    fn entry(&self, n: u64) -> &Entry {
        &self.entries[&(SERVICE, directory(), account(n))]
    }
}

// covers: E-SC-03, R-SASE-10
#[test]
fn an_entry_begins_with_what_is_known_of_the_member() {
    let mut world = World::new();
    world.change(vec![profiled(1, "i1", "payments")]);
    world.change(vec![enrolled(1, "u1", "i1"), enrolled(2, "u2", "i2")]);
    let entry = world.entry(1);
    assert_eq!((entry.profile.display_name.as_str(), entry.add_operator.as_str()), ("payments", "alice"));
    assert_eq!(entry.add_time.as_micros(), 5);
    assert_eq!(world.entry(2).profile, Profile::default());
}

#[test]
fn an_entry_follows_its_membership_and_ends_with_it() {
    let mut world = World::new();
    world.change(vec![enrolled(1, "u1", "i1"), profiled(1, "i1", "old")]);
    assert_eq!(world.entry(1).profile.display_name, "old");
    let changes = world.change(vec![profiled(1, "i1", "new")]);
    assert_eq!(changes.touched().len(), 1);
    assert_eq!((world.entry(1).profile.display_name.as_str(), world.entry(1).version), ("new", 2));
    // Left and joined again: the entry of the earlier membership is not that member's.
    let changes = world.change(vec![profiled(1, "i2", "newest")]);
    assert_eq!(changes.removed.len(), 1);
    world.change(vec![enrolled(1, "u2", "i2")]);
    assert_eq!(world.change(vec![left(1)]).removed.len(), 1);
}

#[test]
fn a_step_that_was_applied_changes_nothing() {
    let mut world = World::new();
    let steps = || vec![profiled(1, "i1", "a"), enrolled(1, "u1", "i1")];
    world.change(steps());
    assert_eq!(world.change(steps()), Changes::default());
    assert_eq!(world.change(vec![ended(7), left(7)]), Changes::default());
}

#[test]
fn another_enrolment_begins_anew_even_within_one_change() {
    let mut world = World::new();
    world.change(vec![profiled(1, "i1", "a"), enrolled(1, "u1", "i1")]);
    let mut remarked = world.entry(1).clone();
    remarked.remark = "kept?".into();
    world.entries.insert(remarked.key(), remarked);
    world.change(vec![ended(1), enrolled(1, "u2", "i1")]);
    assert_eq!((world.entry(1).uid.as_str(), world.entry(1).remark.as_str()), ("u2", ""));
    let changes = world.change(vec![ended(1)]);
    assert_eq!(changes.removed, [(SERVICE, directory(), account(1))]);
    assert_eq!(world.change(vec![left(1)]).left, [account(1)]);
}

#[test]
fn the_end_of_another_enrolment_ends_nothing() {
    let mut world = World::new();
    world.change(vec![enrolled(1, "u2", "i2")]);
    assert_eq!(world.change(vec![ended_as(1, "u1", "i2"), ended_as(1, "", "i1")]), Changes::default());
    assert_eq!(world.change(vec![ended_as(1, "", "i2")]).removed.len(), 1);
}
