//! Usage claims: how a service that uses a member says so (E-DIR-16, E-DIR-17).

use std::{collections::BTreeMap, fmt, str::FromStr};

use bailiwick_core::{AccountId, DirectoryId, IdentityName, Timestamp, TrustedService};
use serde::{Deserialize, Serialize};

use super::{Error, member::Membership};

/// Most accounts in one request.
pub const ACCOUNTS_MAX: usize = 1_000;

/// What a claim stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// The member is delegated administrator of the service.
    Designation,
    /// The member is in the scope of the service.
    Enrolment,
}

/// Whether a claim keeps the member in its directory.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Strength {
    /// The member can leave; the holder learns of it from the change log.
    Informative,
    /// The member cannot be removed.
    Blocking,
}

/// A claim.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claim {
    /// Unique id.
    pub id: String,
    /// The directory.
    pub directory: DirectoryId,
    /// The member.
    pub account: AccountId,
    /// The membership that it stands on.
    pub incarnation: String,
    /// The service that holds it.
    pub service: TrustedService,
    /// What it stands for.
    pub kind: Kind,
    /// Whether it blocks.
    pub strength: Strength,
    /// When it was placed.
    pub create_time: Timestamp,
}

impl Kind {
    /// The name in the contract.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Designation => "designation",
            Self::Enrolment => "enrolment",
        }
    }
}

impl FromStr for Kind {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let known = [Self::Designation, Self::Enrolment].into_iter().find(|kind| kind.as_str() == text);
        known.ok_or_else(|| format!("there is no kind of claims `{text}`"))
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Claim {
    /// A claim on a membership.
    pub fn new(
        id: String,
        on: &Membership,
        service: TrustedService,
        kind: Kind,
        strength: Strength,
        now: Timestamp,
    ) -> Self {
        Self {
            id,
            directory: on.directory,
            account: on.account,
            incarnation: on.incarnation.clone(),
            service,
            kind,
            strength,
            create_time: now,
        }
    }
}

/// The memberships of the accounts, in their order: proof that all are members. The management account is none.
pub fn prove_members(accounts: &[AccountId], found: Vec<Membership>) -> Result<Vec<Membership>, Error> {
    let mut found: BTreeMap<AccountId, Membership> = found.into_iter().map(|m| (m.account, m)).collect();
    let mut members = Vec::with_capacity(accounts.len());
    for account in accounts {
        match found.remove(account) {
            None => return Err(Error::AccountNotInDirectory(*account)),
            Some(membership) if !membership.join_method.is_listed() => {
                return Err(Error::ManagementAccountNotEligible(*account));
            }
            Some(membership) => members.push(membership),
        }
    }
    Ok(members)
}

/// The memberships on which a new claim is to stand: none does on a member that waits for its deletion (E-DEL-05).
pub fn prove_usable<'a>(members: impl Iterator<Item = &'a Membership>) -> Result<Vec<&'a Membership>, Error> {
    let usable = |member: &'a Membership| match member.is_suspended() {
        true => Err(Error::MemberPendingDeletion(member.account)),
        false => Ok(member),
    };
    members.map(usable).collect()
}

/// Of memberships, the accounts of those that have not ended: not of those that joined again since.
pub fn still_present(memberships: &[(AccountId, String)], found: Vec<Membership>) -> Vec<AccountId> {
    let found: BTreeMap<AccountId, String> = found.into_iter().map(|m| (m.account, m.incarnation)).collect();
    let present = memberships.iter().filter(|(account, incarnation)| found.get(account) == Some(incarnation));
    present.map(|(account, _)| *account).collect()
}

/// Whether a service-linked role may be deleted, of an account that has these claims: not while its service has the
/// account in its scope (E-DEL-11).
pub fn may_delete_role(account: AccountId, id: &str, service: TrustedService, claims: &[Claim]) -> Result<(), Error> {
    match claims.iter().any(|claim| claim.service == service && claim.kind == Kind::Enrolment) {
        true => Err(Error::LinkedRoleInUse(IdentityName::Role(account, id.to_owned()).to_string())),
        false => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::{super::member::JoinMethod, *};

    fn membership(account: u64, join_method: JoinMethod) -> Membership {
        let directory = "rd-0000000000001".parse().unwrap();
        let now = Timestamp::from_micros(1);
        let account = account.try_into().unwrap();
        let membership = Membership::invited(directory, account, "some".to_owned(), "one".to_owned(), now);
        Membership { join_method, ..membership }
    }

    // covers: E-DEL-01, R-DEL-03
    #[test]
    fn all_must_be_members() {
        let (management, member) = (1_000_000_000_000_001, 1_000_000_000_000_002);
        let found =
            || vec![membership(management, JoinMethod::EnabledDirectory), membership(member, JoinMethod::Created)];
        let id = |account: u64| AccountId::try_from(account).unwrap();
        assert_eq!(prove_members(&[id(member)], found()).unwrap().len(), 1);
        let refused = prove_members(&[id(member), id(management)], found());
        assert_eq!(refused, Err(Error::ManagementAccountNotEligible(id(management))));
        let stranger = id(1_000_000_000_000_003);
        assert_eq!(prove_members(&[id(member), stranger], found()), Err(Error::AccountNotInDirectory(stranger)));
    }

    #[test]
    fn only_the_same_membership_is_still_present() {
        let of = |account: u64, incarnation: &str| (AccountId::try_from(account).unwrap(), incarnation.to_owned());
        let (one, two, three) = (1_000_000_000_000_001, 1_000_000_000_000_002, 1_000_000_000_000_003);
        let asked = [of(one, "one"), of(two, "earlier"), of(three, "one"), of(one, "")];
        let found = vec![membership(one, JoinMethod::Invited), membership(two, JoinMethod::Invited)];
        assert_eq!(still_present(&asked, found), [asked[0].0]);
    }
}
