//! The settings of the multi-account feature in a directory, and which members are added of themselves (R-SC-11).

use std::collections::BTreeSet;

use bailiwick_core::{AccountId, DirectoryId};
use bailiwick_roster::JoinMethod;
use serde::{Deserialize, Serialize};

use super::SubscriptionError;

/// Which members are added to the control list of themselves.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum AutoAdd {
    #[default]
    Off,
    New,
    All,
}

/// The settings in a directory.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Settings {
    pub(crate) directory: DirectoryId,
    pub(crate) auto_add: AutoAdd,
    /// Ids of the folders in which, or below which, members must be; in any if empty.
    pub(crate) folders: Vec<String>,
    /// How members must have joined; created or invited if empty.
    pub(crate) join_methods: Vec<JoinMethod>,
    /// Why the last automatic addition failed; empty if it did not.
    pub(crate) problem: String,
    /// Number of changes.
    pub(crate) version: i64,
}

/// What of the settings a call sets.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub(crate) struct SettingsChange {
    pub(crate) auto_add: Option<AutoAdd>,
    pub(crate) folders: Option<Vec<String>>,
    pub(crate) join_methods: Option<Vec<JoinMethod>>,
}

/// A member of a directory, beside what is in its control list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Member {
    pub(crate) account: AccountId,
    pub(crate) incarnation: String,
    pub(crate) join_method: Option<JoinMethod>,
    /// `directories/{directory}/folders/{folder}`.
    pub(crate) folder: String,
}

impl AutoAdd {
    /// The number in the database and in the contract.
    pub(crate) const fn code(self) -> i32 {
        match self {
            Self::Off => 1,
            Self::New => 2,
            Self::All => 3,
        }
    }

    /// The value of a number; none for any other number.
    pub(crate) fn of(code: i32) -> Option<Self> {
        [Self::Off, Self::New, Self::All].into_iter().find(|known| known.code() == code)
    }
}

impl Settings {
    /// Those of a directory in which none were made: off (R-SC-12).
    pub(crate) fn none(directory: DirectoryId) -> Self {
        let (folders, join_methods) = (Vec::new(), Vec::new());
        Self { directory, auto_add: AutoAdd::Off, folders, join_methods, problem: String::new(), version: 0 }
    }

    /// `directories/{directory}/multiAccount`.
    pub(crate) fn name(&self) -> String {
        format!("{}/multiAccount", self.directory.name())
    }

    /// Changes with each change.
    pub(crate) fn etag(&self) -> String {
        self.version.to_string()
    }

    /// With what a call sets.
    ///
    /// # Errors
    /// [`SubscriptionError::EtagMismatch`].
    pub(crate) fn changed(&self, change: &SettingsChange, etag: &str) -> Result<Self, SubscriptionError> {
        if !etag.is_empty() && etag != self.etag() {
            return Err(SubscriptionError::EtagMismatch(self.name()));
        }
        Ok(Self {
            directory: self.directory,
            auto_add: change.auto_add.unwrap_or(self.auto_add),
            folders: change.folders.clone().unwrap_or_else(|| self.folders.clone()),
            join_methods: change.join_methods.clone().unwrap_or_else(|| self.join_methods.clone()),
            problem: String::new(),
            version: self.version + 1,
        })
    }

    /// Whether a member is one that is added of itself, if it is new or all are. `within` are the names of the folders of
    /// the settings and of all below them; none where there is no such limit. Nobody adds the management account.
    pub(crate) fn wants(
        &self,
        member: &Member,
        within: Option<&BTreeSet<String>>,
        management: Option<AccountId>,
    ) -> bool {
        let joined = |method| match self.join_methods.as_slice() {
            [] => matches!(method, JoinMethod::Created | JoinMethod::Invited),
            some => some.contains(&method),
        };
        self.auto_add != AutoAdd::Off
            && management != Some(member.account)
            && member.join_method.is_some_and(joined)
            && within.is_none_or(|within| within.contains(&member.folder))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // covers: R-SC-11, R-SC-12, E-SC-02
    #[test]
    fn who_is_added_of_itself() {
        use {AutoAdd as A, JoinMethod as J};
        let directory: DirectoryId = "rd-0000000000001".parse().unwrap();
        let account = |n: u64| AccountId::try_from(1_000_000_000_000_000 + n).unwrap();
        let within: BTreeSet<_> = ["f/a".to_owned(), "f/b".to_owned()].into();
        for (auto_add, methods, folders, joined, folder, expected) in [
            (A::Off, vec![], false, J::Created, "f/a", false),
            (A::New, vec![], false, J::Created, "f/c", true),
            (A::All, vec![], false, J::Invited, "f/c", true),
            (A::All, vec![], false, J::EnabledDirectory, "f/c", false),
            (A::All, vec![J::Invited], false, J::Created, "f/c", false),
            (A::New, vec![J::Invited], false, J::Invited, "f/c", true),
            (A::New, vec![], true, J::Created, "f/b", true),
            (A::New, vec![], true, J::Created, "f/c", false),
        ] {
            let settings = Settings { auto_add, join_methods: methods, ..Settings::none(directory) };
            let member = |n| Member {
                account: account(n),
                incarnation: "i1".into(),
                join_method: Some(joined),
                folder: folder.into(),
            };
            let within = folders.then_some(&within);
            assert_eq!(settings.wants(&member(2), within, Some(account(1))), expected, "{settings:?}");
            assert!(!settings.wants(&member(1), within, Some(account(1))));
        }
        assert_eq!(Settings::none(directory).auto_add, A::Off);
    }
}
