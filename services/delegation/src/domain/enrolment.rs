//! Enrolments: members in the scope of a trusted service.

use std::collections::BTreeMap;

use bailiwick_core::{AccountId, DirectoryId, Role, Timestamp, TrustedService};

use super::{Error, Membership};

/// A member in the scope of a service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Enrolment {
    /// The directory.
    pub directory: DirectoryId,
    /// The service.
    pub service: TrustedService,
    /// The member.
    pub account: AccountId,
    /// The incarnation of the membership that was enrolled.
    pub incarnation: String,
    /// Another one after removing and enrolling again.
    pub uid: String,
    /// When it was enrolled.
    pub created: Timestamp,
}

impl Enrolment {
    /// Whether it is the one that is meant: any, if `uid` is empty.
    pub fn is(&self, uid: &str) -> bool {
        uid.is_empty() || self.uid == uid
    }
}

/// Whether a role of the suite enrols members for a service.
pub fn may_call(role: Option<Role>, service: TrustedService) -> Result<(), Error> {
    if role == Some(service.owner()) { Ok(()) } else { Err(Error::ForeignService(service)) }
}

/// Whether accounts may be enrolled, if they are members: not without trusted access, and never the management account.
pub fn may_enrol(
    service: TrustedService,
    trusted: bool,
    management_account: AccountId,
    accounts: &[AccountId],
) -> Result<(), Error> {
    if !trusted {
        return Err(Error::TrustedAccessNotEnabled(service));
    }
    if accounts.contains(&management_account) {
        return Err(Error::ManagementAccount(management_account));
    }
    Ok(())
}

/// Whether none of the members waits for its deletion (E-DEL-05).
pub fn none_suspended(members: &[Membership]) -> Result<(), Error> {
    match members.iter().find(|member| member.suspended) {
        Some(member) => Err(Error::MemberSuspended(member.account)),
        None => Ok(()),
    }
}

/// Whether each account's membership is still the one that its claim proved.
pub fn still_members(
    directory: DirectoryId,
    accounts: &[AccountId],
    proved: &BTreeMap<AccountId, String>,
    members: &[Membership],
) -> Result<(), Error> {
    let by_account: BTreeMap<_, _> = members.iter().map(|member| (member.account, member)).collect();
    let holds = |account: &AccountId| match (by_account.get(account), proved.get(account)) {
        (Some(member), Some(incarnation)) => member.is(directory, incarnation),
        _ => false,
    };
    if accounts.iter().all(holds) { Ok(()) } else { Err(Error::ConcurrentChange) }
}
