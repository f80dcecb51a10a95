//! Root users as risks (R-DIR-36, document 003).

use bailiwick_core::AccountId;

use super::{Category, Finding, Severity};

/// The scanner of these risks.
pub(crate) const SOURCE: &str = "Bailiwick";

/// What is known of the root user of an account.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct RootUser {
    pub(crate) account: AccountId,
    pub(crate) enabled: bool,
    /// How many of its access keys are in use.
    pub(crate) access_keys: i64,
    /// Whether the account has a confirmed phone number or address.
    pub(crate) security_info: bool,
}

/// What can be wrong with a root user.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum RootUserRule {
    Enabled,
    AccessKeys,
    NoSecurityInformation,
}

impl RootUserRule {
    pub(crate) const ALL: [Self; 3] = [Self::Enabled, Self::AccessKeys, Self::NoSecurityInformation];

    /// The id of the rule, which is also that of the finding: there is one root user in an account.
    pub(crate) const fn id(self) -> &'static str {
        match self {
            Self::Enabled => "root-user-enabled",
            Self::AccessKeys => "root-user-access-keys",
            Self::NoSecurityInformation => "root-user-no-security-information",
        }
    }

    fn breaks(self, of: &RootUser) -> bool {
        match self {
            Self::Enabled => of.enabled,
            Self::AccessKeys => of.access_keys > 0,
            Self::NoSecurityInformation => !of.security_info,
        }
    }

    fn finding(self, of: &RootUser) -> Finding {
        let (severity, title, detail) = match self {
            Self::Enabled => {
                (Severity::High, "The root user of a cloud account is enabled", "It can sign in.".to_owned())
            }
            Self::AccessKeys => (
                Severity::Critical,
                "The root user of a cloud account has access keys in use",
                format!("Access keys in use: {}.", of.access_keys),
            ),
            Self::NoSecurityInformation => (
                Severity::Medium,
                "A cloud account has no security information",
                "Neither a phone number nor an e-mail address is confirmed.".to_owned(),
            ),
        };
        let (description, remediation) = match self {
            Self::Enabled => (
                "The root user has full permissions, which no policy bounds. If its name and password are leaked, \
                 irreparable losses will occur.",
                "Switch the cloud account to a resource account, which disables its root user, and work with RAM users \
                 that have the least permissions they need. For the switch the account must have the real-name \
                 information of the management account, security information, and no access key in use.",
            ),
            Self::AccessKeys => (
                "Whoever has an access key of the root user can do everything in the account, without a password. An \
                 account with a key in use cannot be switched to a resource account.",
                "Disable the access keys of the root user, use those of RAM users with the least permissions they need, \
                 and switch the cloud account to a resource account.",
            ),
            Self::NoSecurityInformation => (
                "Nobody can be asked to confirm what endangers the account, and it cannot be switched to a resource \
                 account.",
                "Have the owner of the account confirm a phone number or an e-mail address, and switch the cloud \
                 account to a resource account.",
            ),
        };
        Finding {
            uid: self.id().to_owned(),
            source: SOURCE.to_owned(),
            rule: self.id().to_owned(),
            category: Category::Baseline,
            severity,
            title: title.to_owned(),
            detail,
            description: description.to_owned(),
            remediation: remediation.to_owned(),
            references: Vec::new(),
            resource: format!("{}/users/root", of.account.name()),
            resource_type: "RootUser".to_owned(),
            region: String::new(),
            passed: false,
        }
    }
}

impl RootUser {
    /// What is wrong with the root user of a cloud account that is a member. A resource account has none that can sign in,
    /// and the management account cannot be switched.
    pub(crate) fn findings(&self) -> Vec<Finding> {
        let broken = RootUserRule::ALL.into_iter().filter(|rule| rule.breaks(self));
        broken.map(|rule| rule.finding(self)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_rule_is_about_one_thing() {
        let account = AccountId::try_from(1_000_000_000_000_001).unwrap();
        let well = RootUser { account, enabled: false, access_keys: 0, security_info: true };
        for (of, rules) in [
            (well, &[][..]),
            (RootUser { enabled: true, ..well }, &["root-user-enabled"]),
            (RootUser { access_keys: 1, ..well }, &["root-user-access-keys"]),
            (RootUser { security_info: false, ..well }, &["root-user-no-security-information"]),
            (
                RootUser { enabled: true, access_keys: 2, security_info: false, ..well },
                &["root-user-enabled", "root-user-access-keys", "root-user-no-security-information"],
            ),
        ] {
            let found = of.findings();
            assert_eq!(found.iter().map(|finding| finding.rule.as_str()).collect::<Vec<_>>(), rules, "{of:?}");
            assert!(
                found.iter().all(|f| f.category == Category::Baseline && f.remediation.contains("resource account"))
            );
        }
    }
}
