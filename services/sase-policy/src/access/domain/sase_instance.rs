//! The instance of a directory, and the steps that SASE is set up by.

use bailiwick_core::{DirectoryId, Timestamp};
use serde::{Deserialize, Serialize};

use super::{Meta, SaseError};

/// An activated instance.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct SaseInstance {
    /// Its id is empty: a directory has one.
    pub(crate) meta: Meta,
    /// Of this many decisions that allow, one is logged.
    pub(crate) allow_sample_every: u32,
    pub(crate) decision_retention_days: u32,
}

/// The steps, in order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum SetupStep {
    Instance,
    Directory,
    Members,
    DelegatedAdministrator,
    SaseMembers,
}

/// How far a directory is set up.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct SetUp {
    pub(crate) instance: bool,
    pub(crate) directory: bool,
    pub(crate) members: bool,
    pub(crate) administrator: bool,
    pub(crate) sase_members: bool,
}

// === impl SaseInstance ===

impl SaseInstance {
    /// `directories/{directory}/saseInstance`.
    pub(crate) fn name_in(directory: DirectoryId) -> String {
        format!("{}/saseInstance", directory.name())
    }

    /// Whether it is as the caller read it.
    ///
    /// # Errors
    /// [`SaseError::EtagMismatch`].
    pub(crate) fn check_etag(&self, etag: &str) -> Result<(), SaseError> {
        let same = etag.is_empty() || self.meta.etag() == etag;
        if same { Ok(()) } else { Err(SaseError::EtagMismatch(Self::name_in(self.meta.directory))) }
    }

    /// Sets what is not none. Tells whether that changes anything.
    pub(crate) fn change(&mut self, sample: Option<u32>, retention: Option<u32>, now: Timestamp) -> bool {
        let before = self.clone();
        self.allow_sample_every = sample.unwrap_or(self.allow_sample_every);
        self.decision_retention_days = retention.unwrap_or(self.decision_retention_days);
        let changed = *self != before;
        if changed {
            self.meta.version += 1;
            self.meta.update_time = now;
        }
        changed
    }
}

// === impl SetupStep ===

impl SetupStep {
    /// All of them, in order.
    pub(crate) const ALL: [Self; 5] =
        [Self::Instance, Self::Directory, Self::Members, Self::DelegatedAdministrator, Self::SaseMembers];

    /// The name in the contract.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Instance => "SASE_SETUP_STEP_INSTANCE",
            Self::Directory => "SASE_SETUP_STEP_DIRECTORY",
            Self::Members => "SASE_SETUP_STEP_MEMBERS",
            Self::DelegatedAdministrator => "SASE_SETUP_STEP_DELEGATED_ADMINISTRATOR",
            Self::SaseMembers => "SASE_SETUP_STEP_SASE_MEMBERS",
        }
    }
}

// === impl SetUp ===

impl SetUp {
    /// Whether a step is done.
    pub(crate) fn done(self, step: SetupStep) -> bool {
        match step {
            SetupStep::Instance => self.instance,
            SetupStep::Directory => self.directory,
            SetupStep::Members => self.members,
            SetupStep::DelegatedAdministrator => self.administrator,
            SetupStep::SaseMembers => self.sase_members,
        }
    }

    /// Whether all steps before `step` are done. Where there is no delegated administrator, whoever holds the seat is the
    /// management account, which may do all that one may (R-DEL-11): that step is shown, and nothing waits for it.
    ///
    /// # Errors
    /// [`SaseError::SetupIncomplete`] with the first that is not.
    pub(crate) fn before(self, step: SetupStep) -> Result<(), SaseError> {
        let binding = |step: &SetupStep| *step != SetupStep::DelegatedAdministrator;
        let mut earlier = SetupStep::ALL.into_iter().filter(binding);
        let missing = earlier.find(|earlier| *earlier < step && !self.done(*earlier));
        missing.map_or(Ok(()), |missing| Err(SaseError::SetupIncomplete(missing)))
    }

    /// Whether all steps are done.
    ///
    /// # Errors
    /// [`SaseError::SetupIncomplete`] with the first that is not.
    pub(crate) fn complete(self) -> Result<(), SaseError> {
        self.before(SetupStep::SaseMembers)?;
        if self.sase_members { Ok(()) } else { Err(SaseError::SetupIncomplete(SetupStep::SaseMembers)) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_missing_step_is_named() {
        let all = SetUp { instance: true, directory: true, members: true, administrator: true, sase_members: true };
        all.complete().unwrap();
        for (setup, missing) in [
            (SetUp { instance: false, members: false, ..all }, SetupStep::Instance),
            (SetUp { members: false, administrator: false, ..all }, SetupStep::Members),
            (SetUp { sase_members: false, ..all }, SetupStep::SaseMembers),
        ] {
            assert_eq!(setup.complete(), Err(SaseError::SetupIncomplete(missing)));
        }
        SetUp { administrator: false, ..all }.complete().unwrap();
        let first = SetUp { instance: true, directory: true, ..SetUp::default() };
        first.before(SetupStep::Members).unwrap();
        let refused = first.before(SetupStep::SaseMembers);
        assert_eq!(refused, Err(SaseError::SetupIncomplete(SetupStep::Members)));
    }
}
