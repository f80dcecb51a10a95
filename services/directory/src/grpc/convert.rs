//! Domain state as the contract shows it.

use bailiwick_api::{directory::v1 as pb, r#type::v1::PrincipalKind};
use bailiwick_core::{AccountId, DirectoryId, Timestamp, TrustedService};

use crate::{
    app::{NewAccessKey, NewCredentialSecret, NewSession, Rotated},
    domain::{
        access_key::AccessKey,
        account::{AccountView, EnterpriseIdentity},
        attachment::Attachment,
        claim::Claim,
        control_policy::{self, ControlPolicyView, Effective, FULL_ACCESS},
        credential::Credential,
        destination::{Channel, Destination},
        directory::{Directory, ROOT_FOLDER},
        folder::{self, FolderView},
        group::{Group, GroupMember},
        invitation::{Invitation, State},
        linked_role::LinkedRole,
        member::{Finding, Member, MemberDeletionCheck, Recommendation},
        policy::{PolicyId, PolicyVersion, PolicyView, VersionId},
        role::{AnyRole, Role},
        security_info::{ChangeState, Contact, ContactChange, SecurityInfo},
        user::User,
        verification::Verification,
    },
    events::{account_type, folder as member_folder, join_method},
};

pub(super) use crate::events::timestamp;

pub(super) fn account(view: AccountView) -> pb::Account {
    let AccountView { account, directory, root_user_enabled } = view;
    pb::Account {
        name: account.id.name(),
        etag: account.etag(),
        display_name: account.display_name,
        provider: account.provider,
        external_id: account.external_id,
        r#type: account_type(account.kind).into(),
        enterprise_identity: account.enterprise.map(enterprise),
        root_user_enabled,
        directory: directory.map(|id| id.name()).unwrap_or_default(),
        create_time: Some(timestamp(account.create_time)),
        update_time: Some(timestamp(account.update_time)),
    }
}

fn enterprise(enterprise: EnterpriseIdentity) -> pb::EnterpriseIdentity {
    pb::EnterpriseIdentity {
        legal_name: enterprise.legal_name,
        registration_number: enterprise.registration_number,
        verifier: enterprise.verifier,
        verify_time: Some(timestamp(enterprise.verify_time)),
    }
}

pub(super) fn directory(directory: Directory) -> pb::Directory {
    pb::Directory {
        name: directory.id.name(),
        management_account: directory.management_account.name(),
        root_folder: format!("{}/folders/{ROOT_FOLDER}", directory.id.name()),
        create_time: Some(timestamp(directory.create_time)),
        etag: directory.etag(),
        member_deletion_enabled: directory.member_deletion_enabled,
        control_policies_enabled: directory.control_policies_enabled,
        update_time: Some(timestamp(directory.update_time)),
    }
}

pub(super) fn folder(view: FolderView) -> pb::Folder {
    let FolderView { folder, depth } = view;
    pb::Folder {
        name: folder.name(),
        etag: folder.etag(),
        parent: folder.parent.map(|parent| folder::name(folder.directory, &parent)).unwrap_or_default(),
        display_name: folder.display_name,
        depth: i32::try_from(depth).unwrap_or(i32::MAX),
        create_time: Some(timestamp(folder.create_time)),
        update_time: Some(timestamp(folder.update_time)),
    }
}

pub(super) fn control_policy(view: ControlPolicyView) -> pb::ControlPolicy {
    let ControlPolicyView { policy, attachments } = view;
    pb::ControlPolicy {
        name: policy.name(),
        etag: policy.etag(),
        system: policy.id == FULL_ACCESS,
        attachment_count: i32::try_from(attachments).unwrap_or(i32::MAX),
        create_time: Some(timestamp(policy.create_time)),
        update_time: Some(timestamp(policy.update_time)),
        description: policy.description,
        document: policy.document,
    }
}

pub(super) fn attachment(
    directory: DirectoryId,
    attachment: control_policy::Attachment,
) -> pb::ControlPolicyAttachment {
    pb::ControlPolicyAttachment {
        control_policy: control_policy::name(directory, &attachment.policy),
        target: attachment.node.name(directory),
        attach_time: attachment.attach_time.map(timestamp),
    }
}

pub(super) fn effective(directory: DirectoryId, member: String, effective: Effective) -> pb::EffectiveControlPolicy {
    let nodes = effective.nodes.into_iter().map(|node| pb::EffectiveControlPolicyNode {
        target: node.node.name(directory),
        control_policies: node.policies.into_iter().map(control_policy).collect(),
    });
    pb::EffectiveControlPolicy { member, enabled: effective.enabled, nodes: nodes.collect() }
}

pub(super) fn member(member: Member) -> pb::Member {
    let recommendation = |of: Recommendation| match of {
        Recommendation::SwitchToResourceAccount => pb::MemberRecommendation::SwitchToResourceAccount.into(),
    };
    let recommendations = member.recommendations().into_iter().map(recommendation).collect();
    let Member { membership, kind, root_user_enabled } = member;
    pb::Member {
        name: membership.name(),
        account: membership.account.name(),
        folder: member_folder(&membership),
        etag: membership.etag(),
        r#type: account_type(kind).into(),
        join_method: join_method(membership.join_method).into(),
        join_time: Some(timestamp(membership.join_time)),
        display_name: membership.display_name,
        incarnation: membership.incarnation,
        state: if membership.purge_time.is_some() {
            pb::MemberState::PendingDeletion.into()
        } else {
            pb::MemberState::Active.into()
        },
        purge_time: membership.purge_time.map(timestamp),
        root_user_enabled,
        recommendations,
        labels: membership.labels.into_iter().collect(),
    }
}

pub(super) fn member_deletion_check(check: &MemberDeletionCheck) -> pb::MemberDeletionCheck {
    let finding = |finding: &Finding| pb::MemberDeletionFinding {
        id: finding.to_string(),
        ignorable: finding.kind.is_ignorable(),
        trusted_service: finding.service.map(|service| service.id().to_owned()).unwrap_or_default(),
        description: finding.describe(),
    };
    pb::MemberDeletionCheck {
        name: check.member.membership.name(),
        allowed: check.is_allowed(),
        findings: check.findings.iter().map(finding).collect(),
    }
}

pub(super) fn security_info(info: &SecurityInfo, now: Timestamp) -> pb::SecurityInfo {
    let masked = |contact: &Contact| contact.current.as_ref().map(Destination::masked).unwrap_or_default();
    let change = |change: &ContactChange| pb::ContactChange {
        channel: security_channel(change.to.channel()).into(),
        address: change.to.masked(),
        state: contact_change_state(change.state_at(now)).into(),
        expire_time: Some(timestamp(change.expire_time)),
    };
    pb::SecurityInfo {
        name: info.name(),
        phone: masked(&info.phone),
        email: masked(&info.email),
        changes: [&info.phone, &info.email]
            .into_iter()
            .filter_map(|contact| contact.change.as_ref())
            .map(change)
            .collect(),
    }
}

fn contact_change_state(state: ChangeState) -> pb::ContactChangeState {
    match state {
        ChangeState::WaitModify => pb::ContactChangeState::WaitModify,
        ChangeState::Confirmed => pb::ContactChangeState::Confirmed,
        ChangeState::Cancelled => pb::ContactChangeState::Cancelled,
        ChangeState::Expired => pb::ContactChangeState::Expired,
    }
}

fn security_channel(channel: Channel) -> pb::SecurityChannel {
    match channel {
        Channel::Phone => pb::SecurityChannel::Phone,
        Channel::Email => pb::SecurityChannel::Email,
    }
}

pub(super) fn type_switch_verification(member: String, sent: &Verification) -> pb::TypeSwitchVerification {
    let destination = &sent.subject.destination;
    pb::TypeSwitchVerification {
        name: member,
        channel: security_channel(destination.channel()).into(),
        masked_destination: destination.masked(),
        expire_time: Some(timestamp(sent.expire_time)),
    }
}

pub(super) fn invitation(invitation: Invitation, now: Timestamp) -> pb::Invitation {
    let state = match invitation.state_at(now) {
        State::Pending => pb::InvitationState::Pending,
        State::Accepted => pb::InvitationState::Accepted,
        State::Declined => pb::InvitationState::Declined,
        State::Cancelled => pb::InvitationState::Cancelled,
        State::Expired => pb::InvitationState::Expired,
    };
    pb::Invitation {
        name: invitation.name(),
        account: invitation.account.name(),
        etag: invitation.etag(now),
        state: state.into(),
        management_account: invitation.management_account.name(),
        create_time: Some(timestamp(invitation.create_time)),
        expire_time: Some(timestamp(invitation.expire_time)),
        respond_time: invitation.respond_time.map(timestamp),
        note: invitation.note,
        sender_legal_name: invitation.sender_legal_name,
        recipient_legal_name: invitation.recipient_legal_name,
        folder: folder::name(invitation.directory, &invitation.folder),
        labels: invitation.labels.into_iter().collect(),
    }
}

pub(super) fn user(user: User) -> pb::User {
    pb::User {
        name: user.name(),
        kind: PrincipalKind::from(user.kind()).into(),
        enabled: user.enabled,
        policies: policies(user.account, &user.policies),
        create_time: Some(timestamp(user.create_time)),
        etag: user.etag(),
        display_name: user.display_name,
        last_sign_in_time: user.last_sign_in_time.map(timestamp),
        update_time: Some(timestamp(user.update_time)),
    }
}

pub(super) fn policies(account: AccountId, attached: &[PolicyId]) -> Vec<String> {
    attached.iter().map(|policy| policy.name(account)).collect()
}

/// Counts of bounded things.
fn count(of: u32) -> i32 {
    i32::try_from(of).unwrap_or(i32::MAX)
}

pub(super) fn policy(view: PolicyView) -> pb::Policy {
    let shown = pb::Policy {
        name: view.id.name(view.account),
        attachment_count: count(view.attachments),
        ..pb::Policy::default()
    };
    match (view.id, view.custom) {
        (PolicyId::System(policy), _) => pb::Policy {
            description: policy.description().to_owned(),
            document: policy.document().text().to_owned(),
            system: true,
            ..shown
        },
        (PolicyId::Custom(_), None) => shown,
        (PolicyId::Custom(_), Some((policy, document))) => pb::Policy {
            etag: policy.etag(),
            description: policy.description,
            document,
            default_version: VersionId(policy.default_version).to_string(),
            create_time: Some(timestamp(policy.create_time)),
            update_time: Some(timestamp(policy.update_time)),
            ..shown
        },
    }
}

pub(super) fn policy_version((version, is_default): (PolicyVersion, bool)) -> pb::PolicyVersion {
    pb::PolicyVersion {
        name: version.name(),
        document: version.document,
        is_default,
        create_time: Some(timestamp(version.create_time)),
    }
}

pub(super) fn policy_attachment(attachment: Attachment) -> pb::PolicyAttachment {
    pb::PolicyAttachment { target: attachment.target_name(), attach_time: Some(timestamp(attachment.attach_time)) }
}

pub(super) fn group(group: Group) -> pb::Group {
    pb::Group {
        name: group.name(),
        etag: group.etag(),
        policies: policies(group.account, &group.policies),
        member_count: count(group.users),
        create_time: Some(timestamp(group.create_time)),
        update_time: Some(timestamp(group.update_time)),
        description: group.description,
    }
}

pub(super) fn group_member(member: GroupMember) -> pb::GroupMember {
    pb::GroupMember {
        group: member.group_name(),
        user: member.user_name(),
        join_time: Some(timestamp(member.join_time)),
    }
}

pub(super) fn access_key(key: AccessKey) -> pb::AccessKey {
    pb::AccessKey {
        name: key.name(),
        etag: key.etag(),
        secret: String::new(),
        enabled: key.enabled,
        create_time: Some(timestamp(key.create_time)),
        last_use_time: key.last_use.as_ref().map(|last| timestamp(last.time)),
        last_use_source_ip: key.last_use.map(|last| last.source_ip).unwrap_or_default(),
        disable_time: key.disable_time.map(timestamp),
        access_key_id: key.id,
    }
}

pub(super) fn new_access_key(new: NewAccessKey) -> pb::AccessKey {
    pb::AccessKey { secret: new.secret.to_string(), ..access_key(new.key) }
}

pub(super) fn rotated(rotated: Rotated) -> pb::RotateAccessKeyResponse {
    pb::RotateAccessKeyResponse {
        successor: Some(new_access_key(rotated.successor)),
        predecessor: Some(access_key(rotated.predecessor)),
    }
}

pub(super) fn credential(credential: Credential) -> pb::Credential {
    pb::Credential {
        name: credential.name(),
        etag: credential.etag(),
        bearer: String::new(),
        create_time: Some(timestamp(credential.create_time)),
        expire_time: Some(timestamp(credential.expire_time)),
        action: credential.action,
    }
}

pub(super) fn new_credential(new: NewCredentialSecret) -> pb::Credential {
    pb::Credential { bearer: new.bearer.to_string(), ..credential(new.credential) }
}

pub(super) fn session(session: NewSession) -> pb::RoleSession {
    pb::RoleSession {
        access_token: session.token.text.to_string(),
        principal: session.principal,
        session_name: session.session_name,
        expire_time: Some(timestamp(session.token.expire_time)),
    }
}

pub(super) fn root_access_key(new: NewAccessKey) -> pb::RootAccessKey {
    pb::RootAccessKey { name: new.key.name(), secret: new.secret.to_string(), access_key_id: new.key.id }
}

pub(super) fn role(role: AnyRole) -> pb::Role {
    match role {
        AnyRole::Own(role) => own_role(role),
        AnyRole::Linked(role) => linked_role(role),
    }
}

fn own_role(role: Role) -> pb::Role {
    pb::Role {
        name: role.name(),
        etag: role.etag(),
        kind: PrincipalKind::Role.into(),
        policies: policies(role.account, &role.policies),
        description: role.description,
        trust_policy: role.trust_policy,
        max_session_seconds: count(role.max_session_seconds),
        create_time: Some(timestamp(role.create_time)),
        update_time: Some(timestamp(role.update_time)),
        last_use_time: role.last_use_time.map(timestamp),
        ..pb::Role::default()
    }
}

fn linked_role(role: LinkedRole) -> pb::Role {
    let template = TrustedService::of_role(&role.id).map(|(_, template)| template);
    pb::Role {
        name: role.name(),
        kind: PrincipalKind::ServiceLinkedRole.into(),
        trusted_service: role.service.id().to_owned(),
        description: template.map(|t| t.description.to_owned()).unwrap_or_default(),
        actions: template.map_or(&[] as &[&str], |t| t.actions).iter().map(|a| (*a).to_owned()).collect(),
        create_time: Some(timestamp(role.create_time)),
        ..pb::Role::default()
    }
}

pub(super) fn claim(claim: Claim) -> pb::Claim {
    pb::Claim {
        directory: claim.directory.name(),
        account: claim.account.name(),
        incarnation: claim.incarnation,
        trusted_service: claim.service.id().to_owned(),
        kind: claim.kind.as_str().to_owned(),
        create_time: Some(timestamp(claim.create_time)),
    }
}
