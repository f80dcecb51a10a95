//! A world with every kind of caller in it: who they are, and what they call about.

use bailiwick_core::{AccountId, DirectoryId, TrustedService};

/// An account with its identities `root`, `full` (AdministratorAccess) and `bare` (no policy).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Who {
    /// Management account of the directory.
    Management,
    /// Delegated administrator of Security Center and Threat Analysis.
    CenterAdministrator,
    /// Delegated administrator of SASE.
    SaseAdministrator,
    /// Delegated administrator of Bastionhost.
    BastionAdministrator,
    /// A member of type cloud account, in the scope of all services.
    Member,
    /// Management account of another directory, of another enterprise.
    OtherDirectory,
    /// An account without directory.
    Standalone,
    /// An account without directory that the directory has invited.
    Invitee,
}

impl Who {
    pub const ALL: [Self; 8] = [
        Self::Management,
        Self::CenterAdministrator,
        Self::SaseAdministrator,
        Self::BastionAdministrator,
        Self::Member,
        Self::OtherDirectory,
        Self::Standalone,
        Self::Invitee,
    ];

    /// The delegated administrator of a service.
    pub fn administrator(service: TrustedService) -> Self {
        match service {
            TrustedService::SecurityCenter | TrustedService::ThreatAnalysis => Self::CenterAdministrator,
            TrustedService::Sase => Self::SaseAdministrator,
            TrustedService::Bastionhost => Self::BastionAdministrator,
        }
    }
}

/// The names of what is in the world.
#[derive(Clone, Debug)]
pub struct Names {
    pub accounts: [AccountId; 8],
    pub directory: DirectoryId,
    pub other_directory: DirectoryId,
    /// A member of type resource account, in the scope of all services; nobody signs in there.
    pub created: AccountId,
    /// Id of an invitation of the directory to the invitee, which it has declined.
    pub invitation: String,
    /// Id of an access key of the member's user `full`.
    pub access_key: String,
}

impl Names {
    pub fn account(&self, who: Who) -> AccountId {
        self.accounts[Who::ALL.iter().position(|w| *w == who).unwrap()]
    }

    /// Fixed names, for what is compared with a golden file.
    pub fn fixed() -> Self {
        let account = |n: u64| AccountId::try_from(1_000_000_000_000_000 + n).unwrap();
        Self {
            accounts: std::array::from_fn(|n| account(n as u64 + 1)),
            directory: "rd-0000000000001".parse().unwrap(),
            other_directory: "rd-0000000000002".parse().unwrap(),
            created: account(9),
            invitation: "i1".to_owned(),
            access_key: "AK1".to_owned(),
        }
    }
}
