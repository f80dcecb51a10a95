//! Facts for the change log: what others need to know of a change. The one place besides `grpc` that knows proto types.

use bailiwick_api::r#type::v1 as pb;
use bailiwick_core::Timestamp;
use pb::{AccessFactChange, access_fact::Kind};
use prost::Message;

use bailiwick_core::AccountId;

use crate::domain::{
    account::{Account, AccountType},
    control_policy::{self, ControlPolicy},
    credential::Credential,
    directory::Directory,
    folder::Folder,
    invitation::Invitation,
    linked_role::LinkedRole,
    member::{JoinMethod, Membership},
    operator::Operator,
    policy::{Policy, PolicyId},
    role::Role,
    user::User,
};

/// A fact, as the change log carries it.
pub(crate) type Fact = AccessFactChange;

/// How many bytes facts have in the log.
pub(crate) fn bytes(facts: &[Fact]) -> usize {
    facts.iter().map(Message::encoded_len).sum()
}

/// An account, and its membership.
pub(crate) fn account(account: &Account, membership: Option<&Membership>) -> AccessFactChange {
    AccessFactChange::holds(Kind::Account(pb::AccountFact {
        account: account.id.name(),
        directory: membership.map(|m| m.directory.name()).unwrap_or_default(),
        incarnation: membership.map(|m| m.incarnation.clone()).unwrap_or_default(),
        folder: membership.map(folder).unwrap_or_default(),
        r#type: account_type(account.kind).into(),
        join_method: membership.map_or(pb::JoinMethod::Unspecified, |m| join_method(m.join_method)).into(),
        display_name: membership.map_or(&account.display_name, |m| &m.display_name).clone(),
        suspended: membership.is_some_and(Membership::is_suspended),
        control_policies: membership.map(own_policies).unwrap_or_default(),
        enterprise_unverified: account.enterprise.is_none(),
    }))
}

/// An account that is no more.
pub(crate) fn account_gone(account: &Account) -> AccessFactChange {
    AccessFactChange::gone(Kind::Account(pb::AccountFact { account: account.id.name(), ..pb::AccountFact::default() }))
}

/// The root user of an account: how many of its keys are in use, and whether the account has security information.
pub(crate) fn root_user(root: &User, access_keys: usize, security_info: bool) -> AccessFactChange {
    AccessFactChange::holds(Kind::RootUser(pb::RootUserFact {
        account: root.account.name(),
        enabled: root.enabled,
        access_keys: i32::try_from(access_keys).unwrap_or(i32::MAX),
        security_info,
    }))
}

/// The root user of an account that is no more.
pub(crate) fn root_user_gone(account: AccountId) -> AccessFactChange {
    AccessFactChange::gone(Kind::RootUser(pb::RootUserFact { account: account.name(), ..pb::RootUserFact::default() }))
}

/// A directory.
pub(crate) fn directory(directory: &Directory) -> AccessFactChange {
    AccessFactChange::holds(Kind::Directory(directory_fact(directory)))
}

/// A directory that is no more.
pub(crate) fn directory_gone(directory: &Directory) -> AccessFactChange {
    AccessFactChange::gone(Kind::Directory(directory_fact(directory)))
}

/// A folder, and the control policies attached to it.
pub(crate) fn folder_holds(folder: &Folder) -> AccessFactChange {
    AccessFactChange::holds(Kind::Folder(folder_fact(folder)))
}

/// A folder that is no more.
pub(crate) fn folder_gone(folder: &Folder) -> AccessFactChange {
    AccessFactChange::gone(Kind::Folder(folder_fact(folder)))
}

/// A custom control policy.
pub(crate) fn control_policy(policy: &ControlPolicy) -> AccessFactChange {
    AccessFactChange::holds(Kind::Policy(policy_fact(policy)))
}

/// A custom control policy that is no more, by its name.
pub(crate) fn control_policy_gone(policy: String) -> AccessFactChange {
    AccessFactChange::gone(Kind::Policy(pb::PolicyFact { policy, ..pb::PolicyFact::default() }))
}

/// A user.
pub(crate) fn user(user: &User) -> AccessFactChange {
    AccessFactChange::holds(Kind::Identity(user_fact(user)))
}

/// A user who is no more.
pub(crate) fn user_gone(user: &User) -> AccessFactChange {
    AccessFactChange::gone(Kind::Identity(user_fact(user)))
}

/// A service-linked role.
pub(crate) fn linked_role(role: &LinkedRole) -> AccessFactChange {
    AccessFactChange::holds(Kind::Identity(linked_role_fact(role)))
}

/// A service-linked role that is no more.
pub(crate) fn linked_role_gone(role: &LinkedRole) -> AccessFactChange {
    AccessFactChange::gone(Kind::Identity(linked_role_fact(role)))
}

/// A role of an account's own.
pub(crate) fn role(role: &Role) -> AccessFactChange {
    AccessFactChange::holds(Kind::Identity(role_fact(role)))
}

/// A role of an account's own that is no more.
pub(crate) fn role_gone(role: &Role) -> AccessFactChange {
    AccessFactChange::gone(Kind::Identity(role_fact(role)))
}

/// A custom policy, with the document that counts. It comes with or before the identities that have it.
pub(crate) fn policy(policy: &Policy, document: &str) -> AccessFactChange {
    let document = document.to_owned();
    AccessFactChange::holds(Kind::Policy(pb::PolicyFact { policy: policy.name(), document }))
}

/// A custom policy that is no more; nobody has it.
pub(crate) fn policy_gone(policy: &Policy) -> AccessFactChange {
    AccessFactChange::gone(Kind::Policy(pb::PolicyFact { policy: policy.name(), document: String::new() }))
}

/// An operator of the platform.
pub(crate) fn operator(operator: &Operator) -> AccessFactChange {
    AccessFactChange::holds(Kind::Identity(pb::IdentityFact {
        identity: operator.identity().to_string(),
        kind: pb::PrincipalKind::PlatformOperator.into(),
        enabled: operator.enabled,
        generation: operator.generation,
        policies: Vec::new(),
        ..pb::IdentityFact::default()
    }))
}

/// A single-purpose credential.
pub(crate) fn credential(credential: &Credential) -> AccessFactChange {
    AccessFactChange::holds(Kind::Credential(pb::CredentialFact {
        credential: credential.name(),
        secret_sha256: credential.secret_hash.to_vec(),
        action: credential.action.clone(),
        expire_time: Some(timestamp(credential.expire_time)),
    }))
}

/// A single-purpose credential that is no more.
pub(crate) fn credential_gone(credential: &Credential) -> AccessFactChange {
    let name = credential.name();
    AccessFactChange::gone(Kind::Credential(pb::CredentialFact { credential: name, ..Default::default() }))
}

/// An invitation.
pub(crate) fn invitation(invitation: &Invitation) -> AccessFactChange {
    AccessFactChange::holds(Kind::Invitation(invitation_fact(invitation)))
}

/// An invitation that is no longer kept, by its name.
pub(crate) fn invitation_gone(invitation: String) -> AccessFactChange {
    AccessFactChange::gone(Kind::Invitation(pb::InvitationFact { invitation, ..pb::InvitationFact::default() }))
}

/// The resource name of the folder of a membership.
pub(crate) fn folder(membership: &Membership) -> String {
    format!("{}/folders/{}", membership.directory.name(), membership.folder)
}

pub(crate) fn account_type(kind: AccountType) -> pb::AccountType {
    match kind {
        AccountType::Resource => pb::AccountType::Resource,
        AccountType::Cloud => pb::AccountType::Cloud,
    }
}

pub(crate) fn join_method(method: JoinMethod) -> pb::JoinMethod {
    match method {
        JoinMethod::Created => pb::JoinMethod::Created,
        JoinMethod::Invited => pb::JoinMethod::Invited,
        JoinMethod::EnabledDirectory => pb::JoinMethod::EnabledDirectory,
    }
}

/// A moment, as the contract has it.
pub(crate) fn timestamp(time: Timestamp) -> prost_types::Timestamp {
    let nanos = time.as_micros().rem_euclid(1_000_000) * 1_000;
    prost_types::Timestamp { seconds: time.as_seconds(), nanos: i32::try_from(nanos).unwrap_or_default() }
}

fn directory_fact(directory: &Directory) -> pb::DirectoryFact {
    pb::DirectoryFact {
        directory: directory.id.name(),
        management_account: directory.management_account.name(),
        control_policies_enabled: directory.control_policies_enabled,
    }
}

fn folder_fact(folder: &Folder) -> pb::FolderFact {
    let directory = folder.directory;
    let parent = folder.parent.as_ref().map(|parent| crate::domain::folder::name(directory, parent));
    pb::FolderFact {
        folder: folder.name(),
        parent: parent.unwrap_or_default(),
        control_policies: folder.control_policies.iter().map(|id| control_policy::name(directory, id)).collect(),
    }
}

fn policy_fact(policy: &ControlPolicy) -> pb::PolicyFact {
    pb::PolicyFact { policy: policy.name(), document: policy.document.clone() }
}

fn own_policies(membership: &Membership) -> Vec<String> {
    membership.control_policies.iter().map(|id| control_policy::name(membership.directory, id)).collect()
}

fn user_fact(user: &User) -> pb::IdentityFact {
    pb::IdentityFact {
        identity: user.name(),
        kind: pb::PrincipalKind::from(user.kind()).into(),
        enabled: user.enabled,
        generation: user.generation,
        policies: policies(user.account, user.effective_policies()),
        ..pb::IdentityFact::default()
    }
}

fn role_fact(role: &Role) -> pb::IdentityFact {
    pb::IdentityFact {
        identity: role.name(),
        kind: pb::PrincipalKind::Role.into(),
        enabled: true,
        generation: role.generation,
        policies: policies(role.account, &role.policies),
        trust_policy: role.trust_policy.clone(),
        ..pb::IdentityFact::default()
    }
}

fn linked_role_fact(role: &LinkedRole) -> pb::IdentityFact {
    pb::IdentityFact {
        identity: role.name(),
        kind: pb::PrincipalKind::ServiceLinkedRole.into(),
        enabled: true,
        generation: role.generation,
        policies: Vec::new(),
        trusted_service: role.service.id().to_owned(),
        ..pb::IdentityFact::default()
    }
}

/// Policies as facts name them: system policies by their names alone.
fn policies<'a>(account: AccountId, policies: impl IntoIterator<Item = &'a PolicyId>) -> Vec<String> {
    let name = |policy: &PolicyId| match policy {
        PolicyId::System(policy) => policy.name().to_owned(),
        PolicyId::Custom(_) => policy.name(account),
    };
    policies.into_iter().map(name).collect()
}

fn invitation_fact(invitation: &Invitation) -> pb::InvitationFact {
    pb::InvitationFact { invitation: invitation.name(), account: invitation.account.name() }
}
