//! The deletion of a resource account: what stands against it, how it is taken back, and when it is done (E-DIR-19,
//! E-DIR-20).

use std::{fmt, str::FromStr, time::Duration};

use bailiwick_core::{Timestamp, TrustedService};

use super::{
    super::{
        Error,
        account::AccountType,
        check_etag,
        claim::{Claim, Kind, Strength},
    },
    Member,
};

/// What can stand against a deletion; the gravest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum FindingKind {
    /// The deletion waits already.
    PendingDeletion,
    /// A cloud account can only be removed (E-DIR-15).
    CloudAccount,
    /// Members of the directory cannot be deleted (E-DIR-19).
    DeletionDisabled,
    /// The member is delegated administrator of a service (E-DIR-16).
    Designation,
    /// A service uses the member in another way that blocks (E-DIR-17).
    Claim,
    /// The member is in the scope of a service.
    Enrolment,
    /// Users of the account have access keys that work.
    AccessKey,
}

/// Something that stands against a deletion.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Finding {
    /// What it is.
    pub kind: FindingKind,
    /// The service concerned; none of findings that concern none.
    pub service: Option<TrustedService>,
}

/// What a deletion has to look at beside the member itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Obstacles<'a> {
    /// Whether members of the directory can be deleted.
    pub deletion_enabled: bool,
    /// The claims on the member.
    pub claims: &'a [Claim],
    /// Whether a user of the account has an access key that works.
    pub keys_in_use: bool,
}

/// What stands against the deletion of a member.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MemberDeletionCheck {
    /// The member.
    pub member: Member,
    /// The findings, each once, the gravest first.
    pub findings: Vec<Finding>,
}

/// How a deletion is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MemberDeletion {
    /// The findings to ignore.
    pub ignored: Vec<Finding>,
    /// How long it can be taken back; not at all if zero.
    pub silence: Duration,
    /// The etag that was read; empty for none.
    pub etag: String,
}

impl FindingKind {
    const ALL: [Self; 7] = [
        Self::PendingDeletion,
        Self::CloudAccount,
        Self::DeletionDisabled,
        Self::Designation,
        Self::Claim,
        Self::Enrolment,
        Self::AccessKey,
    ];

    /// The id in the contract.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::PendingDeletion => "pending-deletion",
            Self::CloudAccount => "cloud-account",
            Self::DeletionDisabled => "member-deletion-disabled",
            Self::Designation => "designation",
            Self::Claim => "claim",
            Self::Enrolment => "enrolment",
            Self::AccessKey => "access-key",
        }
    }

    /// Whether a deletion can be told to ignore it.
    pub const fn is_ignorable(self) -> bool {
        matches!(self, Self::Enrolment | Self::AccessKey)
    }

    const fn is_of_service(self) -> bool {
        matches!(self, Self::Designation | Self::Claim | Self::Enrolment)
    }
}

impl fmt::Display for Finding {
    /// The id in the contract: the kind, and after a `/` the service, if it concerns one.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.kind.as_str())?;
        self.service.map_or(Ok(()), |service| write!(f, "/{service}"))
    }
}

impl FromStr for Finding {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let unknown = || format!("there is no finding `{text}`");
        let (kind, service) = text.split_once('/').map_or((text, None), |(kind, service)| (kind, Some(service)));
        let kind = FindingKind::ALL.into_iter().find(|known| known.as_str() == kind).ok_or_else(unknown)?;
        let service = service.map(|id| id.parse().map_err(|_| unknown())).transpose()?;
        if service.is_some() == kind.is_of_service() { Ok(Self { kind, service }) } else { Err(unknown()) }
    }
}

impl Finding {
    /// The finding in words.
    pub fn describe(&self) -> String {
        let service = self.service.map_or("a service", TrustedService::id);
        match self.kind {
            FindingKind::PendingDeletion => "the member waits for its deletion already".to_owned(),
            FindingKind::CloudAccount => "a cloud account cannot be deleted, only removed".to_owned(),
            FindingKind::DeletionDisabled => "member_deletion_enabled of the directory is off".to_owned(),
            FindingKind::Designation => format!("the member is delegated administrator of {service}"),
            FindingKind::Claim => format!("{service} uses the member and must let it go first"),
            FindingKind::Enrolment => format!("the member is in the scope of {service}"),
            FindingKind::AccessKey => "users of the account have access keys that are enabled".to_owned(),
        }
    }

    fn of_claim(claim: &Claim) -> Self {
        let kind = match (claim.strength, claim.kind) {
            (Strength::Blocking, Kind::Designation) => FindingKind::Designation,
            (Strength::Blocking, Kind::Enrolment) => FindingKind::Claim,
            (Strength::Informative, _) => FindingKind::Enrolment,
        };
        Self { kind, service: Some(claim.service) }
    }
}

impl MemberDeletionCheck {
    /// Looks at all that can stand against the deletion of a member (E-DIR-20).
    pub fn new(member: Member, found: Obstacles<'_>) -> Self {
        let plain = [
            (FindingKind::PendingDeletion, member.membership.is_suspended()),
            (FindingKind::CloudAccount, member.kind == AccountType::Cloud),
            (FindingKind::DeletionDisabled, !found.deletion_enabled),
            (FindingKind::AccessKey, found.keys_in_use),
        ];
        let plain = plain.into_iter().filter(|(_, holds)| *holds).map(|(kind, _)| Finding { kind, service: None });
        let mut findings: Vec<Finding> = plain.chain(found.claims.iter().map(Finding::of_claim)).collect();
        findings.sort_unstable();
        findings.dedup();
        Self { member, findings }
    }

    /// Whether nothing blocks.
    pub fn is_allowed(&self) -> bool {
        self.findings.iter().all(|finding| finding.kind.is_ignorable())
    }

    /// Decides the deletion: the member that waits for it now, or is due at once. Each finding must be one that can be
    /// ignored, and must be named.
    pub fn delete(self, asked: &MemberDeletion, now: Timestamp) -> Result<Member, Error> {
        let Self { mut member, findings } = self;
        check_etag(&asked.etag, &member.membership.etag(), || member.membership.name())?;
        let stands = |finding: &Finding| !(finding.kind.is_ignorable() && asked.ignored.contains(finding));
        let standing: Vec<Finding> = findings.into_iter().filter(stands).collect();
        if !standing.is_empty() {
            return Err(Error::MemberDeletionRefused { account: member.membership.account, findings: standing });
        }
        member.membership.purge_time = Some(now.after(asked.silence));
        member.membership.version += 1;
        Ok(member)
    }
}

impl Member {
    /// Takes a deletion back that waits and is not due.
    pub fn undelete(mut self, asked_etag: &str, now: Timestamp) -> Result<Self, Error> {
        if self.membership.is_over(now) {
            return Err(Error::NotFound(self.membership.name()));
        }
        check_etag(asked_etag, &self.membership.etag(), || self.membership.name())?;
        if !self.membership.is_suspended() {
            return Err(Error::MemberNotPendingDeletion(self.membership.account));
        }
        self.membership.purge_time = None;
        self.membership.version += 1;
        Ok(self)
    }
}

#[cfg(test)]
mod tests {
    use super::{
        super::departure::tests::{NOW, claim, member},
        *,
    };

    const DAY: Duration = Duration::from_hours(24);

    fn asked(ignored: &[&str]) -> MemberDeletion {
        let ignored = ignored.iter().map(|id| id.parse().unwrap()).collect();
        MemberDeletion { ignored, silence: DAY, etag: String::new() }
    }

    fn clear(claims: &[Claim]) -> Obstacles<'_> {
        Obstacles { deletion_enabled: true, claims, keys_in_use: false }
    }

    fn ids(findings: &[Finding]) -> Vec<String> {
        findings.iter().map(ToString::to_string).collect()
    }

    // covers: E-DIR-15, E-DIR-16, E-DIR-17, E-DIR-19, E-DIR-20
    #[test]
    fn each_obstacle_is_found_and_most_cannot_be_ignored() {
        let resource = member(AccountType::Resource);
        let designation = claim(&resource, Kind::Designation, Strength::Blocking);
        let usage = claim(&resource, Kind::Enrolment, Strength::Blocking);
        let enrolment = claim(&resource, Kind::Enrolment, Strength::Informative);
        let mut waiting = resource.clone();
        waiting.membership.purge_time = Some(NOW.after(DAY));
        let cases: [(Member, Obstacles<'_>, &str, bool); 8] = [
            (resource.clone(), clear(&[]), "", true),
            (member(AccountType::Cloud), clear(&[]), "cloud-account", false),
            (resource.clone(), Obstacles { deletion_enabled: false, ..clear(&[]) }, "member-deletion-disabled", false),
            (waiting, clear(&[]), "pending-deletion", false),
            (resource.clone(), clear(std::slice::from_ref(&designation)), "designation/sase", false),
            (resource.clone(), clear(std::slice::from_ref(&usage)), "claim/sase", false),
            (resource.clone(), clear(std::slice::from_ref(&enrolment)), "enrolment/sase", true),
            (resource.clone(), Obstacles { keys_in_use: true, ..clear(&[]) }, "access-key", true),
        ];
        for (member, found, id, ignorable) in cases {
            let check = MemberDeletionCheck::new(member, found);
            assert_eq!(ids(&check.findings).concat(), id);
            assert_eq!(check.is_allowed(), ignorable, "{id}");
            let plainly = check.clone().delete(&asked(&[]), NOW);
            assert_eq!(plainly.is_ok(), id.is_empty(), "{id}");
            if !id.is_empty() {
                assert_eq!(check.delete(&asked(&[id]), NOW).is_ok(), ignorable, "{id}");
            }
        }
    }

    #[test]
    fn all_that_stands_is_told_and_each_must_be_named() {
        let cloud = member(AccountType::Cloud);
        let claims = [
            claim(&cloud, Kind::Enrolment, Strength::Informative),
            claim(&cloud, Kind::Designation, Strength::Informative),
            claim(&cloud, Kind::Designation, Strength::Blocking),
        ];
        let all = Obstacles { deletion_enabled: false, claims: &claims, keys_in_use: true };
        let check = MemberDeletionCheck::new(cloud, all);
        let told = ["cloud-account", "member-deletion-disabled", "designation/sase", "enrolment/sase", "access-key"];
        assert_eq!(ids(&check.findings), told);
        let refused = check.delete(&asked(&["enrolment/sase"]), NOW);
        let Err(Error::MemberDeletionRefused { findings, .. }) = refused else { panic!("{refused:?}") };
        assert_eq!(ids(&findings), [&told[..3], &told[4..]].concat());
    }

    #[test]
    fn another_service_is_another_finding() {
        let resource = member(AccountType::Resource);
        let enrolment = claim(&resource, Kind::Enrolment, Strength::Informative);
        let check = MemberDeletionCheck::new(resource, clear(std::slice::from_ref(&enrolment)));
        assert!(check.delete(&asked(&["enrolment/bastionhost"]), NOW).is_err());
    }

    #[test]
    fn ids_are_read_as_they_are_written() {
        for kind in FindingKind::ALL {
            let service = kind.is_of_service().then_some(TrustedService::Bastionhost);
            let finding = Finding { kind, service };
            assert_eq!(finding.to_string().parse(), Ok(finding));
        }
        for wrong in
            ["", "claims", "claim", "enrolment", "enrolment/", "enrolment/nope", "access-key/sase", "claim/sase/"]
        {
            assert!(wrong.parse::<Finding>().is_err(), "{wrong}");
        }
    }

    // covers: E-DIR-20
    #[test]
    fn a_deletion_is_taken_back_until_it_is_due() {
        let check = MemberDeletionCheck::new(member(AccountType::Resource), clear(&[]));
        let before = check.member.membership.clone();
        let waiting = check.clone().delete(&asked(&[]), NOW).unwrap();
        assert_eq!(waiting.membership.purge_time, Some(NOW.after(DAY)));
        assert!(waiting.membership.is_suspended() && waiting.membership.etag() != before.etag());
        let last = Timestamp::from_micros(NOW.after(DAY).as_micros() - 1);
        assert!(!waiting.membership.is_over(last) && waiting.membership.is_over(NOW.after(DAY)));
        let back = waiting.clone().undelete("", last).unwrap();
        assert!(!back.membership.is_suspended() && back.membership.etag() != waiting.membership.etag());
        let name = before.name();
        assert_eq!(waiting.clone().undelete("", NOW.after(DAY)), Err(Error::NotFound(name.clone())));
        assert_eq!(waiting.undelete(&before.etag(), last), Err(Error::EtagMismatch(name.clone())));
        assert_eq!(back.clone().undelete("", last), Err(Error::MemberNotPendingDeletion(before.account)));
        let stale = MemberDeletion { etag: "stale".to_owned(), ..asked(&[]) };
        assert_eq!(check.clone().delete(&stale, NOW), Err(Error::EtagMismatch(name)));
        let at_once = MemberDeletion { silence: Duration::ZERO, ..asked(&[]) };
        assert!(check.delete(&at_once, NOW).unwrap().membership.is_over(NOW));
    }
}
