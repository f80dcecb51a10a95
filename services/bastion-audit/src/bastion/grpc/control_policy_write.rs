//! Control policies as they are answered.

use bailiwick_api::bastion::v1 as pb;

use super::parse::timestamp;
use crate::bastion::domain::{
    Accounts, AssetScope, CommandControl, CommandPattern, ControlPolicy, Dimension, Home, ListMode, ProtocolControl,
    Resource, ResourceKind, Ruling, SessionChannel, SourceControl, UserScope, Verdict,
};

/// A policy.
pub(super) fn policy(policy: ControlPolicy) -> pb::ControlPolicy {
    let home = policy.meta.home.clone();
    let asked =
        |patterns: &std::collections::BTreeSet<CommandPattern>| patterns.iter().map(ToString::to_string).collect();
    let access = !policy.windows.is_empty() || policy.sources.is_some();
    let approval = (!policy.approved_commands.is_empty())
        .then(|| pb::CommandApproval { patterns: asked(&policy.approved_commands) });
    pb::ControlPolicy {
        name: policy.name(),
        priority: policy.priority.into(),
        asset_scope: Some(asset_scope(&home, &policy.assets)),
        user_scope: Some(user_scope(&home, &policy.users)),
        command_control: policy.commands.as_ref().map(|control| {
            let CommandControl { mode, patterns, on_opaque } = control;
            pb::CommandControl {
                mode: list_mode(*mode).into(),
                patterns: asked(patterns),
                on_opaque: on_opaque.map_or(pb::ControlVerdict::Unspecified, verdict).into(),
            }
        }),
        command_approval: approval,
        protocol_control: policy.protocols.map(protocols),
        access_control: access.then(|| pb::AccessControl {
            time_windows: policy.windows.into_iter().map(Into::into).collect(),
            source_control: policy.sources.map(|SourceControl { mode, ranges }| pb::SourceControl {
                mode: list_mode(mode).into(),
                ranges: ranges.iter().map(ToString::to_string).collect(),
            }),
        }),
        session_approval: policy.session_approval.map(|required| pb::SessionApprovalControl { required }),
        etag: policy.meta.etag(),
        create_time: Some(timestamp(policy.meta.create_time)),
        update_time: Some(timestamp(policy.meta.update_time)),
        operator: policy.meta.operator,
        display_name: policy.display_name,
        comment: policy.comment,
    }
}

/// What becomes of a session.
pub(super) fn evaluated(instance: &str, rulings: Vec<Ruling>) -> pb::EvaluateControlPolicyResponse {
    let gravest = rulings.iter().map(|ruling| ruling.verdict).max().unwrap_or(Verdict::Allow);
    let name = |id: String| format!("{instance}/{}/{id}", ResourceKind::ControlPolicy.collection());
    let ruling = |ruling: Ruling| pb::ControlRuling {
        dimension: dimension(ruling.dimension).into(),
        verdict: verdict(ruling.verdict).into(),
        control_policy: ruling.policy.map(name).unwrap_or_default(),
        subject: ruling.subject,
        reason: ruling.reason,
    };
    pb::EvaluateControlPolicyResponse {
        verdict: verdict(gravest).into(),
        rulings: rulings.into_iter().map(ruling).collect(),
    }
}

fn asset_scope(home: &Home, scope: &AssetScope) -> pb::ControlAssetScope {
    let AssetScope::Some { assets, groups } = scope else {
        return pb::ControlAssetScope { all_assets: true, ..Default::default() };
    };
    let named = |accounts: &Accounts| match accounts {
        Accounts::All => Vec::new(),
        Accounts::Some(some) => some.iter().cloned().collect(),
    };
    let asset = |(id, accounts): (&String, &Accounts)| {
        let inside = Home::of_asset(home.directory, &home.place, id);
        let name = |id: String| ResourceKind::AssetAccount.name(&inside, &id);
        pb::ControlledAsset {
            asset: ResourceKind::Asset.name(home, id),
            asset_accounts: named(accounts).into_iter().map(name).collect(),
        }
    };
    let group = |(id, accounts): (&String, &Accounts)| pb::ControlledAssetGroup {
        asset_group: ResourceKind::AssetGroup.name(home, id),
        login_names: named(accounts),
    };
    pb::ControlAssetScope {
        all_assets: false,
        assets: assets.iter().map(asset).collect(),
        asset_groups: groups.iter().map(group).collect(),
    }
}

fn user_scope(home: &Home, scope: &UserScope) -> pb::ControlUserScope {
    let UserScope::Some { users, groups } = scope else {
        return pb::ControlUserScope { all_users: true, ..Default::default() };
    };
    pb::ControlUserScope {
        all_users: false,
        bastion_users: users.iter().map(|id| ResourceKind::User.name(home, id)).collect(),
        user_groups: groups.iter().map(|id| ResourceKind::UserGroup.name(home, id)).collect(),
    }
}

fn protocols(protocols: ProtocolControl) -> pb::ProtocolControl {
    pb::ProtocolControl {
        channels: protocols.channels.into_iter().map(|of| channel(of).into()).collect(),
        forward_targets: protocols.forward_targets.iter().map(ToString::to_string).collect(),
        environment: protocols.environment.into_iter().collect(),
    }
}

fn list_mode(mode: ListMode) -> pb::ControlListMode {
    match mode {
        ListMode::Deny => pb::ControlListMode::Deny,
        ListMode::Allow => pb::ControlListMode::Allow,
    }
}

fn verdict(verdict: Verdict) -> pb::ControlVerdict {
    match verdict {
        Verdict::Allow => pb::ControlVerdict::Allow,
        Verdict::Approve => pb::ControlVerdict::Approve,
        Verdict::Reject => pb::ControlVerdict::Reject,
    }
}

fn dimension(dimension: Dimension) -> pb::ControlDimension {
    match dimension {
        Dimension::User => pb::ControlDimension::User,
        Dimension::Asset => pb::ControlDimension::Asset,
        Dimension::Grant => pb::ControlDimension::Grant,
        Dimension::Time => pb::ControlDimension::Time,
        Dimension::Source => pb::ControlDimension::Source,
        Dimension::SessionApproval => pb::ControlDimension::SessionApproval,
        Dimension::Channel => pb::ControlDimension::Channel,
        Dimension::Command => pb::ControlDimension::Command,
    }
}

fn channel(channel: SessionChannel) -> pb::SessionChannel {
    use pb::SessionChannel as Pb;
    match channel {
        SessionChannel::Shell => Pb::Shell,
        SessionChannel::Exec => Pb::Exec,
        SessionChannel::SftpRead => Pb::SftpRead,
        SessionChannel::SftpWrite => Pb::SftpWrite,
        SessionChannel::SftpRename => Pb::SftpRename,
        SessionChannel::SftpRemove => Pb::SftpRemove,
        SessionChannel::SftpMakeDirectory => Pb::SftpMakeDirectory,
        SessionChannel::SftpSetAttributes => Pb::SftpSetAttributes,
        SessionChannel::SftpLink => Pb::SftpLink,
        SessionChannel::ScpUpload => Pb::ScpUpload,
        SessionChannel::ScpDownload => Pb::ScpDownload,
        SessionChannel::RsyncUpload => Pb::RsyncUpload,
        SessionChannel::RsyncDownload => Pb::RsyncDownload,
        SessionChannel::LocalForward => Pb::LocalForward,
        SessionChannel::DynamicForward => Pb::DynamicForward,
        SessionChannel::RemoteForward => Pb::RemoteForward,
        SessionChannel::AgentForward => Pb::AgentForward,
        SessionChannel::X11Forward => Pb::X11Forward,
        SessionChannel::Rdp => Pb::Rdp,
        SessionChannel::RdpClipboardUpload => Pb::RdpClipboardUpload,
        SessionChannel::RdpClipboardDownload => Pb::RdpClipboardDownload,
        SessionChannel::RdpDriveUpload => Pb::RdpDriveUpload,
        SessionChannel::RdpDriveDownload => Pb::RdpDriveDownload,
        SessionChannel::Database => Pb::Database,
    }
}
