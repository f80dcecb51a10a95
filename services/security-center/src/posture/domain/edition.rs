//! Editions of Security Center, and what an account has by whom.

use bailiwick_core::AccountId;
use serde::{Deserialize, Serialize};

use super::Standing;

/// Editions, the smallest first (E-SC-07).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub(crate) enum Edition {
    /// What every account has.
    Basic,
    AntiVirus,
    Advanced,
    Enterprise,
    Ultimate,
}

/// How an account came to its edition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum BuyType {
    Free,
    Own,
    Allocated,
}

/// What an account has now, whoever paid for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Holding {
    pub(crate) edition: Edition,
    pub(crate) buy_type: BuyType,
    /// The subscription that it follows from; the account's own where it has none that runs.
    pub(crate) standing: Standing,
    /// How many servers it may protect.
    pub(crate) servers: i64,
    /// Whose subscription pays, if it is another's.
    pub(crate) payer: Option<AccountId>,
}

// === impl Edition ===

impl Edition {
    pub(crate) const ALL: [Self; 5] = [Self::Basic, Self::AntiVirus, Self::Advanced, Self::Enterprise, Self::Ultimate];

    /// The number in the database and in the contract.
    pub(crate) const fn code(self) -> i32 {
        match self {
            Self::Basic => 1,
            Self::AntiVirus => 2,
            Self::Advanced => 3,
            Self::Enterprise => 4,
            Self::Ultimate => 5,
        }
    }

    /// The edition of a number; none for any other number.
    pub(crate) fn of(code: i32) -> Option<Self> {
        Self::ALL.into_iter().find(|known| known.code() == code)
    }

    /// The name in metadata of refusals.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Basic => "BASIC",
            Self::AntiVirus => "ANTI_VIRUS",
            Self::Advanced => "ADVANCED",
            Self::Enterprise => "ENTERPRISE",
            Self::Ultimate => "ULTIMATE",
        }
    }

    /// The name that people know it by.
    pub(crate) const fn display_name(self) -> &'static str {
        match self {
            Self::Basic => "Basic",
            Self::AntiVirus => "Anti-virus",
            Self::Advanced => "Advanced",
            Self::Enterprise => "Enterprise",
            Self::Ultimate => "Ultimate",
        }
    }

    /// Whether it has multi-account control (R-SC-05).
    pub(crate) fn multi_account(self) -> bool {
        self >= Self::Enterprise
    }

    /// The editions that have multi-account control, by their names.
    pub(crate) fn with_multi_account() -> String {
        let names: Vec<_> = Self::ALL.into_iter().filter(|e| e.multi_account()).map(Self::as_str).collect();
        names.join(",")
    }
}

impl BuyType {
    /// The number in the contract.
    pub(crate) const fn code(self) -> i32 {
        match self {
            Self::Free => 1,
            Self::Own => 2,
            Self::Allocated => 3,
        }
    }

    /// The name in metadata of refusals.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Free => "FREE",
            Self::Own => "OWN",
            Self::Allocated => "ALLOCATED",
        }
    }
}

// === impl Holding ===

impl Holding {
    /// What an account has by its own subscription and by the quota of a payer, if it has any: the payer's account, its
    /// standing, and the servers of the quota. The own subscription comes first.
    pub(crate) fn of(own: Standing, quota: Option<(AccountId, Standing, i64)>) -> Self {
        if own.runs() {
            return Self {
                edition: own.edition,
                buy_type: BuyType::Own,
                servers: own.servers,
                standing: own,
                payer: None,
            };
        }
        match quota.filter(|(_, payer, _)| payer.runs()) {
            Some((payer, standing, servers)) => {
                Self { edition: standing.edition, buy_type: BuyType::Allocated, standing, servers, payer: Some(payer) }
            }
            None => Self { edition: Edition::Basic, buy_type: BuyType::Free, servers: 0, standing: own, payer: None },
        }
    }
}

#[cfg(test)]
mod tests {
    use bailiwick_core::Timestamp;

    use super::*;
    use crate::posture::domain::Life;

    fn standing(life: Life, edition: Edition) -> Standing {
        let at = Timestamp::default();
        Standing { life, edition, servers: 10, start: at, expire: at, grace_end: at }
    }

    // covers: R-SC-05, E-SC-07
    #[test]
    fn only_the_two_highest_editions_have_multi_account_control() {
        assert_eq!(Edition::ALL.map(Edition::multi_account), [false, false, false, true, true]);
        assert_eq!(Edition::with_multi_account(), "ENTERPRISE,ULTIMATE");
        assert!(Edition::ALL.is_sorted());
        for edition in Edition::ALL {
            assert_eq!(Edition::of(edition.code()), Some(edition));
        }
        assert_eq!((Edition::of(0), Edition::of(6)), (None, None));
    }

    #[test]
    fn the_own_subscription_comes_before_the_quota_of_another() {
        use {BuyType as B, Edition as E, Life as L};
        let payer = AccountId::try_from(1_000_000_000_000_002).unwrap();
        for (own, quota, expected) in [
            (L::None, None, (E::Basic, B::Free, 0)),
            (L::Expired, None, (E::Basic, B::Free, 0)),
            (L::Active, None, (E::Advanced, B::Own, 10)),
            (L::Grace, None, (E::Advanced, B::Own, 10)),
            (L::Active, Some(L::Active), (E::Advanced, B::Own, 10)),
            (L::None, Some(L::Active), (E::Ultimate, B::Allocated, 3)),
            (L::Expired, Some(L::Grace), (E::Ultimate, B::Allocated, 3)),
            (L::None, Some(L::Expired), (E::Basic, B::Free, 0)),
            (L::None, Some(L::None), (E::Basic, B::Free, 0)),
        ] {
            let quota = quota.map(|life| (payer, standing(life, E::Ultimate), 3));
            let held = Holding::of(standing(own, E::Advanced), quota);
            assert_eq!((held.edition, held.buy_type, held.servers), expected, "{own:?}");
            assert_eq!(held.payer.is_some(), expected.1 == B::Allocated);
        }
    }
}
