//! Protected servers of an administrator's subscription that a member has (E-SC-11).

use bailiwick_core::{AccountId, DirectoryId, Timestamp};
use serde::{Deserialize, Serialize};

use super::SubscriptionError;

/// Quota that a member has of an administrator. It is for one entry of the control list and of one membership of the
/// payer: with either it ends.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct QuotaAssignment {
    pub(crate) directory: DirectoryId,
    pub(crate) account: AccountId,
    /// Unique id of the entry's enrolment.
    pub(crate) uid: String,
    pub(crate) payer: AccountId,
    pub(crate) payer_incarnation: String,
    pub(crate) servers: i64,
    pub(crate) create_time: Timestamp,
    /// Number of changes.
    pub(crate) version: i64,
}

impl QuotaAssignment {
    /// `directories/{directory}/quotaAssignments/{account}`.
    pub(crate) fn name_of(directory: DirectoryId, account: AccountId) -> String {
        format!("{}/quotaAssignments/{account}", directory.name())
    }

    /// Its name.
    pub(crate) fn name(&self) -> String {
        Self::name_of(self.directory, self.account)
    }

    /// Changes with each change, and with each assignment.
    pub(crate) fn etag(&self) -> String {
        format!("{}.{}", self.create_time.as_micros(), self.version)
    }

    /// Whether it is as the caller read it.
    ///
    /// # Errors
    /// [`SubscriptionError::EtagMismatch`].
    pub(crate) fn check_etag(&self, etag: &str) -> Result<(), SubscriptionError> {
        if etag.is_empty() || etag == self.etag() { Ok(()) } else { Err(SubscriptionError::EtagMismatch(self.name())) }
    }
}

/// Whether `wanted` servers can be assigned to a member that has `had` of them, when `assigned` of the `assignable` ones
/// of the payer are.
///
/// # Errors
/// [`SubscriptionError::QuotaExceeded`].
pub(crate) fn may_assign(
    payer: AccountId,
    assignable: i64,
    assigned: i64,
    (had, wanted): (i64, i64),
) -> Result<(), SubscriptionError> {
    let left = assignable.saturating_sub(assigned.saturating_sub(had)).max(0);
    if wanted <= left { Ok(()) } else { Err(SubscriptionError::QuotaExceeded { account: payer, left }) }
}

#[cfg(test)]
mod tests {
    use super::*;

    // covers: E-SC-11
    #[test]
    fn no_more_is_assigned_than_there_is() {
        let payer = AccountId::try_from(1_000_000_000_000_001).unwrap();
        for (assignable, assigned, had, wanted, left) in [
            (100, 0, 0, 100, None),
            (100, 0, 0, 101, Some(100)),
            (100, 80, 0, 20, None),
            (100, 80, 0, 21, Some(20)),
            (100, 80, 30, 50, None),
            (100, 80, 30, 51, Some(50)),
            (50, 80, 0, 1, Some(0)),
            (50, 80, 30, 1, Some(0)),
            (0, 0, 0, 1, Some(0)),
        ] {
            let refused = left.map(|left| SubscriptionError::QuotaExceeded { account: payer, left });
            assert_eq!(
                may_assign(payer, assignable, assigned, (had, wanted)).err(),
                refused,
                "{assignable} {assigned}"
            );
        }
    }
}
