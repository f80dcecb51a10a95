//! How a cloud account leaves its directory: removed by the management account, or by itself.

use super::{
    super::{
        Blocker, Error,
        account::AccountType,
        check_etag,
        claim::{Claim, Strength},
    },
    Member,
};

impl Member {
    /// Decides a removal, or that the member leaves by itself (E-DIR-33): of cloud accounts only (E-DIR-15), and not
    /// while a claim blocks (E-DIR-16, E-DIR-17) or a deletion waits.
    pub fn depart(&self, claims: &[Claim], asked_etag: &str) -> Result<(), Error> {
        check_etag(asked_etag, &self.membership.etag(), || self.membership.name())?;
        if self.membership.is_suspended() {
            return Err(Error::MemberPendingDeletion(self.membership.account));
        }
        if self.kind != AccountType::Cloud {
            return Err(Error::MemberTypeMismatch(self.kind));
        }
        let blockers: Vec<Blocker> = claims
            .iter()
            .filter(|claim| claim.strength == Strength::Blocking)
            .map(|claim| Blocker { service: claim.service, kind: claim.kind })
            .collect();
        if blockers.is_empty() { Ok(()) } else { Err(Error::MemberInUse(blockers)) }
    }
}

#[cfg(test)]
pub(super) mod tests {
    use std::time::Duration;

    use bailiwick_core::{Timestamp, TrustedService};

    use super::{
        super::{super::claim::Kind, Membership},
        *,
    };

    pub(in super::super) const NOW: Timestamp = Timestamp::from_micros(5);

    pub(in super::super) fn member(kind: AccountType) -> Member {
        let membership = Membership::invited(
            "rd-0000000000001".parse().unwrap(),
            1_000_000_000_000_002.try_into().unwrap(),
            "payments".to_owned(),
            "one".to_owned(),
            NOW,
        );
        Member { membership, kind, root_user_enabled: kind == AccountType::Cloud }
    }

    pub(in super::super) fn claim(member: &Member, kind: Kind, strength: Strength) -> Claim {
        Claim::new("c".to_owned(), &member.membership, TrustedService::Sase, kind, strength, NOW)
    }

    // covers: E-DIR-15, E-DIR-16, E-DIR-17
    #[test]
    fn only_unused_cloud_accounts_are_removed() {
        let resource = member(AccountType::Resource);
        assert_eq!(resource.depart(&[], ""), Err(Error::MemberTypeMismatch(AccountType::Resource)));
        let cloud = member(AccountType::Cloud);
        assert_eq!(cloud.depart(&[], ""), Ok(()));
        let informative = claim(&cloud, Kind::Enrolment, Strength::Informative);
        assert_eq!(cloud.depart(std::slice::from_ref(&informative), ""), Ok(()));
        let blocking = claim(&cloud, Kind::Designation, Strength::Blocking);
        assert_eq!(
            cloud.depart(&[informative, blocking], ""),
            Err(Error::MemberInUse(vec![Blocker { service: TrustedService::Sase, kind: Kind::Designation }]))
        );
    }

    #[test]
    fn a_member_that_waits_for_its_deletion_stays() {
        for kind in [AccountType::Cloud, AccountType::Resource] {
            let mut waiting = member(kind);
            waiting.membership.purge_time = Some(NOW);
            assert_eq!(waiting.depart(&[], ""), Err(Error::MemberPendingDeletion(waiting.membership.account)));
        }
    }

    // covers: E-GW-07
    #[test]
    fn a_later_membership_has_another_etag() {
        let mut later = member(AccountType::Cloud);
        let before = later.membership.etag();
        later.membership.join_time = NOW.after(Duration::from_micros(1));
        assert_eq!(later.depart(&[], &before), Err(Error::EtagMismatch(later.membership.name())));
    }
}
