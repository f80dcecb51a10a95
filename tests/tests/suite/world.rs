//! A world with every kind of caller in it: who they are, and what they call about.

use bailiwick_core::{AccountId, DirectoryId, TrustedService};
use serde_json::json;

use crate::live::Account;

/// Id of a group of the member, with its user `full` in it and no policy.
pub const GROUP: &str = "team";
/// Id of a custom policy of the member that nobody has. Its only version is `v1`.
pub const POLICY: &str = "reading";
/// Id of an identity provider of the member.
pub const PROVIDER: &str = "example";
/// Id of a user of the member that never signs in, so that its tokens can be revoked.
pub const SPARE: &str = "spare";
/// A service-linked role of the member. It is in use while the member is in the scope of Security Center.
pub const LINKED_ROLE: &str = "AliyunServiceRoleForSas";

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
    /// Id of a single-purpose credential of the member's user `full`.
    pub credential: String,
    /// Id of a deletion of the member's [`LINKED_ROLE`], which fails because the role is in use.
    pub deletion: String,
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
            credential: "credential1".to_owned(),
            deletion: "deletion1".to_owned(),
        }
    }
}

/// Creates what the member has under fixed names: [`GROUP`], [`POLICY`], [`PROVIDER`] and [`SPARE`].
pub async fn furnish(member: &Account) {
    let parent = &member.name;
    let statement = json!({"Effect": "Allow", "Action": "ram:List*", "Resource": "*"});
    let document = json!({"Version": "1", "Statement": [statement]}).to_string();
    let provider =
        json!({"issuer": "https://id.example.com", "client_ids": ["bailiwick"], "user_claim": "preferred_username"});
    let create_provider = json!({"parent": parent, "identity_provider_id": PROVIDER, "identity_provider": provider});
    let group = format!("{parent}/groups/{GROUP}");
    for (method, request) in [
        ("UserService/CreateUser", json!({"parent": parent, "user_id": SPARE})),
        ("GroupService/CreateGroup", json!({"parent": parent, "group_id": GROUP})),
        ("GroupService/AddGroupMember", json!({"group": group, "user": format!("{parent}/users/full")})),
        (
            "PolicyService/CreatePolicy",
            json!({"parent": parent, "policy_id": POLICY, "policy": {"document": document}}),
        ),
        ("IdentityProviderService/CreateIdentityProvider", create_provider),
    ] {
        member.root.call(&format!("directory.v1.{method}"), request).await.unwrap();
    }
}
