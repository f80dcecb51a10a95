//! Policies as they are answered.

use bailiwick_api::sase::v1 as pb;
use bailiwick_core::DirectoryId;

use super::{devices::write_os, parse::timestamp};
use crate::access::domain::{
    AccessPolicy, Action, Conditions, DeviceCondition, DryRun, DryRunChange, Members, PolicyVersion, Resource,
    ResourceKind, Strength, Subjects, Targets, cedar,
};

/// A policy.
pub(super) fn policy(policy: AccessPolicy) -> pb::AccessPolicy {
    let directory = policy.meta.directory;
    pb::AccessPolicy {
        name: policy.name(),
        cedar: cedar::policy_text(&policy),
        etag: policy.meta.etag(),
        version: policy.meta.version,
        create_time: Some(timestamp(policy.meta.create_time)),
        update_time: Some(timestamp(policy.meta.update_time)),
        operator: policy.meta.operator,
        display_name: policy.display_name,
        priority: policy.priority.into(),
        action: action(policy.action).into(),
        enabled: policy.enabled,
        start_time: policy.start.map(timestamp),
        end_time: policy.end.map(timestamp),
        subjects: Some(subjects(directory, policy.subjects)),
        targets: Some(targets(directory, policy.targets)),
        members: Some(members(directory, policy.members)),
        conditions: Some(conditions(policy.conditions)),
    }
}

/// A version of a policy.
pub(super) fn version(version: PolicyVersion) -> pb::AccessPolicyVersion {
    let number = version.policy.meta.version;
    pb::AccessPolicyVersion {
        version: number,
        access_policy: Some(pb::AccessPolicy { etag: String::new(), ..policy(version.policy) }),
        operator: version.operator,
        create_time: Some(timestamp(version.time)),
    }
}

/// What a policy would have changed.
pub(super) fn dry_run(directory: DirectoryId, run: DryRun) -> pb::DryRunAccessPolicyResponse {
    let change = |DryRunChange { past, action: new, certain }: DryRunChange| pb::DryRunChange {
        sase_user: ResourceKind::SaseUser.name(directory, &past.user),
        application: ResourceKind::Application.name(directory, &past.application),
        decided_by: past.decided_by,
        past_action: action(past.action).into(),
        new_action: action(new).into(),
        certain,
        decisions: past.count,
    };
    pb::DryRunAccessPolicyResponse {
        decisions: run.decisions,
        certain_changes: run.certain,
        possible_changes: run.possible,
        changes: run.changes.into_iter().map(change).collect(),
    }
}

fn subjects(directory: DirectoryId, subjects: Subjects) -> pb::SubjectSelection {
    match subjects {
        Subjects::All => pb::SubjectSelection { all_users: true, ..pb::SubjectSelection::default() },
        Subjects::Some { users, groups, attributes } => pb::SubjectSelection {
            all_users: false,
            users: users.iter().map(|id| ResourceKind::SaseUser.name(directory, id)).collect(),
            groups: groups.iter().map(|id| ResourceKind::UserGroup.name(directory, id)).collect(),
            attributes: attributes.into_iter().collect(),
        },
    }
}

fn targets(directory: DirectoryId, targets: Targets) -> pb::TargetSelection {
    let mut message = pb::TargetSelection::default();
    match targets {
        Targets::Applications(ids) => {
            message.applications = ids.iter().map(|id| ResourceKind::Application.name(directory, id)).collect();
        }
        Targets::Tags(tags) => message.tags = tags.into_iter().collect(),
    }
    message
}

fn members(directory: DirectoryId, members: Members) -> pb::MemberSelection {
    let mut message = pb::MemberSelection::default();
    match members {
        Members::All => message.all = true,
        Members::Folders(ids) => {
            message.folders = ids.iter().map(|id| format!("{}/folders/{id}", directory.name())).collect();
        }
        Members::Accounts(accounts) => message.accounts = accounts.into_iter().map(|account| account.name()).collect(),
    }
    message
}

fn conditions(conditions: Conditions) -> pb::AccessConditions {
    let strength = match conditions.min_strength {
        None => pb::AuthenticationStrength::Unspecified,
        Some(Strength::SingleFactor) => pb::AuthenticationStrength::SingleFactor,
        Some(Strength::MultiFactor) => pb::AuthenticationStrength::MultiFactor,
        Some(Strength::PhishingResistant) => pb::AuthenticationStrength::PhishingResistant,
    };
    pb::AccessConditions {
        device: conditions.device.map(device),
        networks: conditions.networks.iter().map(ToString::to_string).collect(),
        windows: conditions.windows.into_iter().map(Into::into).collect(),
        min_authentication_strength: strength.into(),
    }
}

fn device(condition: DeviceCondition) -> pb::DeviceCondition {
    pb::DeviceCondition {
        os: condition.os.into_iter().map(|os| write_os(os).into()).collect(),
        min_os_version: condition.min_version.map(|version| version.to_string()).unwrap_or_default(),
        disk_encrypted: condition.disk_encrypted,
        managed: condition.managed,
        max_report_age_minutes: condition.max_age_minutes.and_then(|age| age.try_into().ok()).unwrap_or_default(),
    }
}

/// An action as the contract has it.
pub(super) fn action(action: Action) -> pb::AccessAction {
    match action {
        Action::Allow => pb::AccessAction::Allow,
        Action::Block => pb::AccessAction::Block,
    }
}
