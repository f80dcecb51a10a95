//! The switch of a member's type: a cloud account becomes a resource account (document 003), or the other way round
//! (R-DIR-34).

use bailiwick_core::Timestamp;

use super::{
    super::{
        Error,
        account::{Account, AccountType},
        check_etag,
        security_info::SecurityInfo,
        user::User,
        verification::Purpose,
    },
    Membership,
};

/// What is looked at before the type of a member is switched.
#[derive(Clone, Copy, Debug)]
pub struct Candidate<'a> {
    /// The membership.
    pub membership: &'a Membership,
    /// The account.
    pub account: &'a Account,
    /// The management account of its directory.
    pub management: &'a Account,
    /// The account's security information.
    pub security: &'a SecurityInfo,
    /// How many access keys of users of the account are enabled, those of the root user counted.
    pub keys_in_use: u32,
}

/// How a switch is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TypeSwitch {
    /// The type to switch to.
    pub to: AccountType,
    /// Whether the operator says that they know the risk (R-DIR-26).
    pub risk_acknowledged: bool,
    /// The etag that was read; empty for none.
    pub etag: String,
}

impl AccountType {
    /// What a code confirms that is sent for a switch to this type.
    pub const fn switching(self) -> Purpose {
        match self {
            Self::Resource => Purpose::SwitchToResourceAccount,
            Self::Cloud => Purpose::SwitchToCloudAccount,
        }
    }
}

impl Candidate<'_> {
    /// Refuses what document 003 refuses, each for a reason of its own (E-DIR-21): by type (R-DIR-33), enterprise
    /// (R-DIR-20), security information (R-DIR-21) and access keys in use (R-DIR-22). An account that becomes a cloud
    /// account keeps the keys of its users.
    pub fn check(&self, to: AccountType) -> Result<(), Error> {
        let id = self.account.id;
        if self.membership.is_suspended() {
            return Err(Error::MemberPendingDeletion(id));
        }
        if self.account.kind == to {
            return Err(Error::MemberTypeMismatch(to));
        }
        let to_resource = to == AccountType::Resource;
        if to_resource && !self.account.verified()?.same_enterprise(self.management.verified()?) {
            return Err(Error::LegalEntityMismatch(id));
        }
        self.security.reach(None)?;
        if to_resource && self.keys_in_use > 0 {
            return Err(Error::AccessKeyInUse { account: id, keys: self.keys_in_use });
        }
        Ok(())
    }
}

impl TypeSwitch {
    /// Decides the switch, but for its code.
    pub fn decide(&self, candidate: &Candidate<'_>) -> Result<(), Error> {
        let membership = candidate.membership;
        check_etag(&self.etag, &membership.etag(), || membership.name())?;
        candidate.check(self.to)?;
        if self.risk_acknowledged { Ok(()) } else { Err(Error::RiskNotAcknowledged) }
    }

    /// Does what was decided (R-DIR-29, R-DIR-30): the root user is enabled or not as the type has it, and its tokens are
    /// dead. Its access keys must be deleted with it: what it had before is good for nothing after.
    pub fn apply(&self, account: &mut Account, root: &mut User, membership: &mut Membership, now: Timestamp) {
        account.kind = self.to;
        account.update_time = now;
        account.version += 1;
        root.enabled = self.to == AccountType::Cloud;
        root.version += 1;
        root.revoke_tokens(account);
        membership.version += 1;
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{
        super::super::{
            account::{Attestation, NewAccount},
            destination::{Channel, Destination},
        },
        *,
    };

    const NOW: Timestamp = Timestamp::from_micros(100);

    fn account(id: u64, legal_name: &str) -> Account {
        let new =
            NewAccount { display_name: "an account".to_owned(), provider: String::new(), external_id: String::new() };
        let attested = Attestation {
            legal_name: legal_name.to_owned(),
            registration_number: "HRB 1".to_owned(),
            verifier: "a clerk".to_owned(),
        };
        Account::register(id.try_into().unwrap(), new, NOW).verify(attested, None, "", NOW).unwrap()
    }

    struct Scene {
        account: Account,
        management: Account,
        membership: Membership,
        security: SecurityInfo,
        keys_in_use: u32,
    }

    fn scene() -> Scene {
        let account = account(1_000_000_000_000_002, "Acme");
        let membership = Membership::invited(
            "rd-0000000000001".parse().unwrap(),
            account.id,
            "payments".to_owned(),
            "first".to_owned(),
            NOW,
        );
        let phone = Destination::new(Channel::Phone, "+4930123456").unwrap();
        let later = NOW.after(Duration::from_secs(1));
        let waiting = SecurityInfo::none(account.id).sent(phone, later);
        let (security, _) = waiting.confirm(Channel::Phone, AccountType::Cloud, NOW).unwrap();
        let management = self::account(1_000_000_000_000_001, "Acme");
        Scene { account, management, membership, security, keys_in_use: 0 }
    }

    impl Scene {
        fn decide(&self, asked: &TypeSwitch) -> Result<(), Error> {
            asked.decide(&Candidate {
                membership: &self.membership,
                account: &self.account,
                management: &self.management,
                security: &self.security,
                keys_in_use: self.keys_in_use,
            })
        }
    }

    fn to(to: AccountType) -> TypeSwitch {
        TypeSwitch { to, risk_acknowledged: true, etag: String::new() }
    }

    // covers: R-DIR-20, R-DIR-21, R-DIR-22, R-DIR-26, R-DIR-33, E-DIR-21
    #[test]
    fn each_obstacle_is_told_by_itself() {
        let id = scene().account.id;
        let resource = to(AccountType::Resource);
        assert_eq!(scene().decide(&resource), Ok(()));
        type Spoil = fn(&mut Scene);
        let cases: [(Spoil, Error); 6] = [
            (|s| s.membership.purge_time = Some(NOW), Error::MemberPendingDeletion(id)),
            (|s| s.account.kind = AccountType::Resource, Error::MemberTypeMismatch(AccountType::Resource)),
            (|s| s.management = account(1_000_000_000_000_001, "Evil"), Error::LegalEntityMismatch(id)),
            (|s| s.account.enterprise = None, Error::EnterpriseIdentityRequired(id)),
            (|s| s.security = SecurityInfo::none(s.account.id), Error::MissingSecurityInfo(id)),
            (|s| s.keys_in_use = 2, Error::AccessKeyInUse { account: id, keys: 2 }),
        ];
        for (change, expected) in cases {
            let mut scene = scene();
            change(&mut scene);
            assert_eq!(scene.decide(&resource), Err(expected));
        }
        let unread = TypeSwitch { risk_acknowledged: false, ..resource.clone() };
        assert_eq!(scene().decide(&unread), Err(Error::RiskNotAcknowledged));
        let stale = TypeSwitch { etag: "stale".to_owned(), ..resource };
        assert_eq!(scene().decide(&stale), Err(Error::EtagMismatch(scene().membership.name())));
    }

    // covers: R-DIR-34
    #[test]
    fn a_resource_account_becomes_a_cloud_account_whatever_keys_it_has() {
        let cloud = to(AccountType::Cloud);
        let mut scene = scene();
        assert_eq!(scene.decide(&cloud), Err(Error::MemberTypeMismatch(AccountType::Cloud)));
        scene.account.kind = AccountType::Resource;
        scene.keys_in_use = 2;
        assert_eq!(scene.decide(&cloud), Ok(()));
        scene.security = SecurityInfo::none(scene.account.id);
        assert_eq!(scene.decide(&cloud), Err(Error::MissingSecurityInfo(scene.account.id)));
    }

    // covers: R-DIR-29, R-DIR-30
    #[test]
    fn the_root_user_follows_the_type_and_its_tokens_die() {
        let Scene { mut account, mut membership, .. } = scene();
        let mut root = User::root(&account, true);
        for (kind, enabled) in [(AccountType::Resource, false), (AccountType::Cloud, true)] {
            let before = (account.etag(), root.generation, membership.etag());
            to(kind).apply(&mut account, &mut root, &mut membership, NOW);
            assert_eq!((account.kind, root.enabled), (kind, enabled));
            assert!(root.generation > before.1 && root.generation == account.last_generation);
            assert!(account.etag() != before.0 && membership.etag() != before.2);
        }
    }
}
