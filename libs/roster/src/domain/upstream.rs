//! What the log of `delegation` says, as far as the lists depend on it, and what becomes of the entries.

use std::collections::{BTreeMap, BTreeSet};

use bailiwick_core::{AccountId, DirectoryId, Timestamp, TrustedService};

use super::{Entry, Key, Profile};

/// One step of an upstream change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// A member was enrolled.
    Enrolled(Enrolled),
    /// An enrolment ended.
    Ended(Ended),
    /// An account is as said.
    Profiled(Profiled),
}

/// A member was enrolled.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Enrolled {
    /// The trusted service.
    pub service: TrustedService,
    /// The directory.
    pub directory: DirectoryId,
    /// The member.
    pub account: AccountId,
    /// Unique id of the enrolment.
    pub uid: String,
    /// The incarnation of the membership.
    pub incarnation: String,
}

/// An enrolment ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ended {
    /// The trusted service.
    pub service: TrustedService,
    /// The directory.
    pub directory: DirectoryId,
    /// The account that was enrolled.
    pub account: AccountId,
    /// The incarnation of the membership; empty for any.
    pub incarnation: String,
    /// Unique id of the enrolment; empty for any.
    pub uid: String,
}

/// An account is as said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Profiled {
    /// The account.
    pub account: AccountId,
    /// None for a standalone account, and for one that is gone.
    pub membership: Option<Membership>,
}

/// The membership of an account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Membership {
    /// The directory.
    pub directory: DirectoryId,
    /// Another one after leaving and joining again.
    pub incarnation: String,
    /// What the directory says of the member.
    pub profile: Profile,
}

/// Who made an upstream change, and when.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Origin {
    /// Name of the identity.
    pub operator: String,
    /// When.
    pub time: Timestamp,
}

/// The entries and memberships of some accounts, while an upstream change is applied to them.
#[derive(Debug, Default)]
pub struct Working {
    before: State,
    /// By account, so that a restored log with many accounts does not look at all entries for each.
    entries: BTreeMap<AccountId, BTreeMap<Key, Entry>>,
    memberships: BTreeMap<AccountId, Membership>,
}

#[derive(Debug, Default)]
struct State {
    entries: BTreeMap<Key, Entry>,
    memberships: BTreeMap<AccountId, Membership>,
}

/// What an upstream change made of the entries and memberships.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Changes {
    /// Entries that are new or otherwise, whole.
    pub saved: Vec<Entry>,
    /// Entries that are gone.
    pub removed: Vec<Key>,
    /// Memberships that are new or otherwise.
    pub joined: Vec<(AccountId, Membership)>,
    /// Accounts without a membership now.
    pub left: Vec<AccountId>,
}

// === impl Step ===

impl Step {
    /// The account that it is about.
    pub fn account(&self) -> AccountId {
        match self {
            Self::Enrolled(enrolled) => enrolled.account,
            Self::Ended(ended) => ended.account,
            Self::Profiled(profiled) => profiled.account,
        }
    }
}

// === impl Membership ===

impl Membership {
    fn is_of(&self, entry: &Entry) -> bool {
        self.directory == entry.directory && self.incarnation == entry.incarnation
    }
}

// === impl Working ===

impl Working {
    /// Begins with all entries and memberships of the accounts that the steps are about.
    pub fn new(entries: Vec<Entry>, memberships: Vec<(AccountId, Membership)>) -> Self {
        let memberships: BTreeMap<_, _> = memberships.into_iter().collect();
        let mut by_account = BTreeMap::<_, BTreeMap<_, _>>::new();
        for entry in &entries {
            by_account.entry(entry.account).or_default().insert(entry.key(), entry.clone());
        }
        let entries = entries.into_iter().map(|entry| (entry.key(), entry)).collect();
        Self { before: State { entries, memberships: memberships.clone() }, entries: by_account, memberships }
    }

    /// Applies the steps of one change: what is said of accounts first, whatever their order, as every reader of these
    /// facts does. What was applied before changes nothing.
    pub fn apply(&mut self, steps: Vec<Step>, origin: &Origin) {
        let (profiled, rest): (Vec<_>, Vec<_>) = steps.into_iter().partition(|step| matches!(step, Step::Profiled(_)));
        profiled.into_iter().chain(rest).for_each(|step| self.apply_one(step, origin));
    }

    /// Drops all that is not among what holds: entries of other enrolments, and memberships of other accounts.
    pub fn retain<'a>(&mut self, holds: impl IntoIterator<Item = &'a Step>) {
        let (mut enrolments, mut accounts) = (BTreeSet::new(), BTreeSet::new());
        for step in holds {
            match step {
                Step::Enrolled(Enrolled { service, directory, account, uid, .. }) => {
                    enrolments.insert((*service, *directory, *account, uid.as_str()));
                }
                Step::Profiled(Profiled { account, membership: Some(_) }) => drop(accounts.insert(*account)),
                Step::Profiled(_) | Step::Ended(_) => {}
            }
        }
        for of in self.entries.values_mut() {
            of.retain(|(service, directory, account), entry| {
                enrolments.contains(&(*service, *directory, *account, entry.uid.as_str()))
            });
        }
        self.memberships.retain(|account, _| accounts.contains(account));
    }

    fn apply_one(&mut self, step: Step, origin: &Origin) {
        match step {
            Step::Enrolled(enrolled) => self.enrolled(enrolled, origin),
            Step::Ended(ended) => self.ended(&ended),
            Step::Profiled(profiled) => self.profiled(profiled),
        }
    }

    /// Begins an entry: without what was said of the member in an earlier enrolment.
    fn enrolled(&mut self, enrolled: Enrolled, origin: &Origin) {
        let Enrolled { service, directory, account, uid, incarnation } = enrolled;
        let key = (service, directory, account);
        let of = self.entries.entry(account).or_default();
        if of.get(&key).is_some_and(|entry| entry.uid == uid) {
            return;
        }
        let mut entry = Entry {
            service,
            directory,
            account,
            uid,
            incarnation,
            profile: Profile::default(),
            remark: String::new(),
            marked: false,
            add_operator: origin.operator.clone(),
            add_time: origin.time,
            version: 1,
        };
        if let Some(known) = self.memberships.get(&account).filter(|known| known.is_of(&entry)) {
            entry.profile = known.profile.clone();
        }
        of.insert(key, entry);
    }

    fn ended(&mut self, ended: &Ended) {
        let key = (ended.service, ended.directory, ended.account);
        let means = |said: &str, of: &str| said.is_empty() || said == of;
        let meant = |entry: &Entry| means(&ended.incarnation, &entry.incarnation) && means(&ended.uid, &entry.uid);
        if let Some(of) = self.entries.get_mut(&ended.account)
            && of.get(&key).is_some_and(meant)
        {
            of.remove(&key);
        }
    }

    /// Entries of another membership than the present one end, as they do in every reader of these facts.
    fn profiled(&mut self, Profiled { account, membership }: Profiled) {
        let of = self.entries.entry(account).or_default();
        of.retain(|_, entry| membership.as_ref().is_some_and(|present| present.is_of(entry)));
        let Some(membership) = membership else {
            self.memberships.remove(&account);
            return;
        };
        for entry in of.values_mut() {
            if entry.profile != membership.profile {
                entry.profile = membership.profile.clone();
                entry.version += 1;
            }
        }
        self.memberships.insert(account, membership);
    }

    /// What became of them.
    pub fn finish(self) -> Changes {
        let Self { before, entries, memberships } = self;
        let now = State { entries: entries.into_values().flatten().collect(), memberships };
        Changes {
            removed: before.entries.keys().filter(|key| !now.entries.contains_key(key)).copied().collect(),
            left: before.memberships.keys().filter(|key| !now.memberships.contains_key(key)).copied().collect(),
            saved: now
                .entries
                .into_iter()
                .filter(|(key, e)| before.entries.get(key) != Some(e))
                .map(|(_, e)| e)
                .collect(),
            joined: now.memberships.into_iter().filter(|(key, m)| before.memberships.get(key) != Some(m)).collect(),
        }
    }
}

// === impl Changes ===

impl Changes {
    /// The accounts whose entries changed, by the list that they are in.
    pub fn touched(&self) -> BTreeMap<(TrustedService, DirectoryId), BTreeSet<AccountId>> {
        let mut touched = BTreeMap::<_, BTreeSet<_>>::new();
        for (service, directory, account) in self.saved.iter().map(Entry::key).chain(self.removed.iter().copied()) {
            touched.entry((service, directory)).or_default().insert(account);
        }
        touched
    }
}

#[cfg(test)]
mod tests;
