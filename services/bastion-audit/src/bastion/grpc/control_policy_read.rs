//! Control policies as they are asked for.

use std::{
    collections::{BTreeMap, BTreeSet},
    str::FromStr,
};

use bailiwick_api::bastion::v1 as pb;
use bailiwick_conditions::{Cidr, TimeWindow};
use bailiwick_rpc::{Call, InvalidFields};

use super::parse::{self, Named};
use crate::bastion::{
    app::Secrets,
    domain::{
        Accounts, AssetScope, CommandControl, CommandPattern, ControlPolicy, ForwardTarget, ListMode, Meta,
        ProtocolControl, ResourceKind, SessionChannel, SourceControl, UserScope, Verdict,
    },
};

/// The fields that an update can name.
pub(super) const FIELDS: &[&str] = &[
    "display_name",
    "comment",
    "priority",
    "asset_scope",
    "user_scope",
    "command_control",
    "command_approval",
    "protocol_control",
    "access_control",
    "session_approval",
];
/// Most assets of a policy, and most accounts of them together and of each.
const ASSETS_MAX: usize = 1_000;
const NAMED_ACCOUNTS_MAX: usize = 2_000;
const ACCOUNTS_MAX: usize = 9;
/// Most groups, of assets or of users (E-BAS-07).
const GROUPS_MAX: usize = 100;
/// Most users (E-BAS-07).
const USERS_MAX: usize = 500;
/// Most patterns, and most ranges.
const LIST_MAX: usize = 200;
const WINDOWS_MAX: usize = 20;
const TARGETS_MAX: usize = 100;
const ENVIRONMENT_MAX: usize = 50;
/// Longest name of an environment variable.
const VARIABLE_MAX: usize = 64;
/// Variables by which whoever sets them has other programs run than those that are named.
const LEADING: &[&str] = &[
    "BASH_ENV",
    "BASHOPTS",
    "ENV",
    "GCONV_PATH",
    "GIT_SSH_COMMAND",
    "IFS",
    "LD_AUDIT",
    "LD_LIBRARY_PATH",
    "LD_PRELOAD",
    "NODE_OPTIONS",
    "PATH",
    "PERL5LIB",
    "PERL5OPT",
    "PROMPT_COMMAND",
    "PS4",
    "PYTHONPATH",
    "PYTHONSTARTUP",
    "RUBYOPT",
    "SHELLOPTS",
];
const POLICY: &str = "control_policy";

/// What is asked of a policy. What is not named is none.
pub(super) struct Draft {
    display_name: Option<String>,
    comment: Option<String>,
    priority: Option<u8>,
    assets: Option<AssetScope>,
    users: Option<UserScope>,
    commands: Option<Option<CommandControl>>,
    approved_commands: Option<BTreeSet<CommandPattern>>,
    protocols: Option<Option<ProtocolControl>>,
    windows: Option<BTreeSet<TimeWindow>>,
    sources: Option<Option<SourceControl>>,
    session_approval: Option<Option<bool>>,
}

impl Draft {
    pub(super) fn read(fields: &mut InvalidFields, call: &Call, asked: pb::ControlPolicy, named: &Named) -> Self {
        let at = |part: &str| format!("{POLICY}.{part}");
        // Of the request's own bastion host: that is its parent, or what the name of the policy begins with.
        let resource = call.permit.resource();
        let parent = resource.split("/controlPolicies/").next().unwrap_or_default();
        let access = named.is("access_control").then(|| access(fields, asked.access_control));
        let (windows, sources) = access.unzip();
        Self {
            display_name: named
                .is("display_name")
                .then(|| parse::display_name(fields, at("display_name"), &asked.display_name)),
            comment: named.is("comment").then(|| parse::comment(fields, at("comment"), &asked.comment)),
            priority: named.is("priority").then(|| priority(fields, asked.priority)),
            assets: named.is("asset_scope").then(|| asset_scope(fields, parent, asked.asset_scope)),
            users: named.is("user_scope").then(|| user_scope(fields, parent, asked.user_scope)),
            commands: named
                .is("command_control")
                .then(|| asked.command_control.map(|control| commands(fields, &control))),
            approved_commands: named.is("command_approval").then(|| {
                let Some(approval) = asked.command_approval else { return BTreeSet::new() };
                list(fields, &at("command_approval.patterns"), &approval.patterns, (1, LIST_MAX))
            }),
            protocols: named
                .is("protocol_control")
                .then(|| asked.protocol_control.map(|control| protocols(fields, &control))),
            windows,
            sources,
            session_approval: named.is("session_approval").then(|| asked.session_approval.map(|of| of.required)),
        }
    }

    pub(super) fn made(&self, meta: Meta) -> (ControlPolicy, Secrets) {
        let mut made = ControlPolicy {
            meta,
            display_name: String::new(),
            comment: String::new(),
            priority: 1,
            assets: AssetScope::All,
            users: UserScope::All,
            commands: None,
            approved_commands: BTreeSet::new(),
            protocols: None,
            windows: BTreeSet::new(),
            sources: None,
            session_approval: None,
        };
        let secrets = self.take(&mut made);
        (made, secrets)
    }

    pub(super) fn take(&self, policy: &mut ControlPolicy) -> Secrets {
        parse::set(&mut policy.display_name, self.display_name.as_ref());
        parse::set(&mut policy.comment, self.comment.as_ref());
        parse::set(&mut policy.priority, self.priority.as_ref());
        parse::set(&mut policy.assets, self.assets.as_ref());
        parse::set(&mut policy.users, self.users.as_ref());
        parse::set(&mut policy.commands, self.commands.as_ref());
        parse::set(&mut policy.approved_commands, self.approved_commands.as_ref());
        parse::set(&mut policy.protocols, self.protocols.as_ref());
        parse::set(&mut policy.windows, self.windows.as_ref());
        parse::set(&mut policy.sources, self.sources.as_ref());
        parse::set(&mut policy.session_approval, self.session_approval.as_ref());
        Secrets::new()
    }
}

/// A channel that somebody asks about, with where it leads if it forwards.
pub(super) fn channel_asked<'a>(
    fields: &mut InvalidFields,
    number: i32,
    target: &'a str,
) -> Option<(SessionChannel, Option<(&'a str, u16)>)> {
    let channel = (number != 0).then(|| fields.enumeration("channel", number).and_then(channel)).flatten();
    let forwards = channel == Some(SessionChannel::LocalForward);
    fields.check(
        "forward_target",
        forwards != target.is_empty(),
        "must be set with SESSION_CHANNEL_LOCAL_FORWARD alone",
    );
    if !forwards {
        return channel.map(|channel| (channel, None));
    }
    let read = target.rsplit_once(':').and_then(|(host, port)| Some((host, port.parse::<u16>().ok()?)));
    fields.check("forward_target", read.is_some(), "must be `HOST:PORT`");
    let (host, port) = read?;
    Some((SessionChannel::LocalForward, Some((host.trim_matches(['[', ']']), port))))
}

fn priority(fields: &mut InvalidFields, asked: i32) -> u8 {
    let priority = u8::try_from(asked.max(1)).ok().filter(|priority| asked >= 0 && *priority <= 100);
    fields.check(format!("{POLICY}.priority"), priority.is_some(), "must be 1 to 100, or 0 for 1");
    priority.unwrap_or(1)
}

fn asset_scope(fields: &mut InvalidFields, parent: &str, asked: Option<pb::ControlAssetScope>) -> AssetScope {
    let field = format!("{POLICY}.asset_scope");
    let asked = asked.unwrap_or_default();
    if asked.all_assets {
        let none = asked.assets.is_empty() && asked.asset_groups.is_empty();
        fields.check(format!("{field}.all_assets"), none, "must not be set where some are named");
        return AssetScope::All;
    }
    let named = asked.assets.iter().map(|one| one.asset_accounts.len()).sum();
    let bounded = parse::at_most(fields, &format!("{field}.assets"), asked.assets.len(), ASSETS_MAX)
        && parse::at_most(fields, &format!("{field}.assets.asset_accounts"), named, NAMED_ACCOUNTS_MAX)
        && parse::at_most(fields, &format!("{field}.asset_groups"), asked.asset_groups.len(), GROUPS_MAX);
    let (mut assets, mut groups) = (BTreeMap::new(), BTreeMap::new());
    if !bounded {
        return AssetScope::Some { assets, groups };
    }
    for (n, one) in asked.assets.iter().enumerate() {
        let field = format!("{field}.assets[{n}]");
        let id = parse::id_within(fields, &format!("{field}.asset"), ResourceKind::Asset, parent, &one.asset);
        let names = format!("{field}.asset_accounts");
        let mut ids = BTreeSet::new();
        if parse::at_most(fields, &names, one.asset_accounts.len(), ACCOUNTS_MAX) {
            for (m, name) in one.asset_accounts.iter().enumerate() {
                let (of, kind) = (format!("{names}[{m}]"), ResourceKind::AssetAccount);
                ids.extend(parse::id_within(fields, &of, kind, &one.asset, name));
            }
        }
        let Some(id) = id else { continue };
        let accounts = accounts(ids);
        fields.check(field, assets.insert(id, accounts).is_none(), "must be there once");
    }
    for (n, one) in asked.asset_groups.iter().enumerate() {
        let field = format!("{field}.asset_groups[{n}]");
        let (of, kind) = (format!("{field}.asset_group"), ResourceKind::AssetGroup);
        let id = parse::id_within(fields, &of, kind, parent, &one.asset_group);
        let names = format!("{field}.login_names");
        let mut logins = BTreeSet::new();
        if parse::at_most(fields, &names, one.login_names.len(), ACCOUNTS_MAX) {
            for (m, name) in one.login_names.iter().enumerate() {
                logins.insert(parse::login_name(fields, format!("{names}[{m}]"), name));
            }
        }
        let Some(id) = id else { continue };
        fields.check(field, groups.insert(id, accounts(logins)).is_none(), "must be there once");
    }
    AssetScope::Some { assets, groups }
}

fn accounts(some: BTreeSet<String>) -> Accounts {
    if some.is_empty() { Accounts::All } else { Accounts::Some(some) }
}

fn user_scope(fields: &mut InvalidFields, parent: &str, asked: Option<pb::ControlUserScope>) -> UserScope {
    let field = format!("{POLICY}.user_scope");
    let asked = asked.unwrap_or_default();
    if asked.all_users {
        let none = asked.bastion_users.is_empty() && asked.user_groups.is_empty();
        fields.check(format!("{field}.all_users"), none, "must not be set where some are named");
        return UserScope::All;
    }
    let mut some = |part: &str, kind, names: &[String], most| {
        let field = format!("{field}.{part}");
        if !parse::at_most(fields, &field, names.len(), most) {
            return BTreeSet::new();
        }
        let id = |(n, name): (usize, &String)| parse::id_within(fields, &format!("{field}[{n}]"), kind, parent, name);
        names.iter().enumerate().filter_map(id).collect()
    };
    let users = some("bastion_users", ResourceKind::User, &asked.bastion_users, USERS_MAX);
    let groups = some("user_groups", ResourceKind::UserGroup, &asked.user_groups, GROUPS_MAX);
    UserScope::Some { users, groups }
}

fn commands(fields: &mut InvalidFields, asked: &pb::CommandControl) -> CommandControl {
    let field = format!("{POLICY}.command_control");
    let mode = list_mode(fields, &format!("{field}.mode"), asked.mode);
    // Without any, nothing would be allowed, or nothing said.
    let patterns = list(fields, &format!("{field}.patterns"), &asked.patterns, (1, LIST_MAX));
    let on_opaque = match asked.on_opaque {
        0 => None,
        number => fields.enumeration(format!("{field}.on_opaque"), number).and_then(verdict),
    };
    CommandControl { mode, patterns, on_opaque }
}

fn protocols(fields: &mut InvalidFields, asked: &pb::ProtocolControl) -> ProtocolControl {
    let field = format!("{POLICY}.protocol_control");
    let mut channels = BTreeSet::new();
    for (n, number) in asked.channels.iter().enumerate() {
        let field = format!("{field}.channels[{n}]");
        let Some(read) = fields.enumeration(&field, *number).and_then(channel) else {
            fields.check(field, false, "must be a channel");
            continue;
        };
        fields.check(field, channels.insert(read), "must be there once");
    }
    let targets = format!("{field}.forward_targets");
    let forward_targets: BTreeSet<ForwardTarget> = list(fields, &targets, &asked.forward_targets, (0, TARGETS_MAX));
    let mut environment = BTreeSet::new();
    if parse::at_most(fields, &format!("{field}.environment"), asked.environment.len(), ENVIRONMENT_MAX) {
        for (n, name) in asked.environment.iter().enumerate() {
            let plain = name.strip_suffix('*').unwrap_or(name);
            let letters = plain.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
            let sound = letters && !plain.is_empty() && name.len() <= VARIABLE_MAX;
            let told = "must have 1 to 64 characters of A-Z, a-z, 0-9 and _, and may end with `*`";
            fields.check(format!("{field}.environment[{n}]"), sound, told);
            let leads = |variable: &str| match name.strip_suffix('*') {
                Some(begin) => variable.starts_with(begin),
                None => variable == name,
            };
            if let Some(variable) = LEADING.iter().find(|variable| leads(variable)) {
                let told = format!("must not be `{variable}`: it says what programs run");
                fields.violation(format!("{field}.environment[{n}]"), told);
            }
            environment.insert(name.clone());
        }
    }
    let control = ProtocolControl { channels, forward_targets, environment };
    if let Err((part, problem)) = control.check() {
        fields.violation(format!("{field}.{part}"), problem);
    }
    control
}

fn access(
    fields: &mut InvalidFields,
    asked: Option<pb::AccessControl>,
) -> (BTreeSet<TimeWindow>, Option<SourceControl>) {
    let field = format!("{POLICY}.access_control");
    let Some(asked) = asked else { return (BTreeSet::new(), None) };
    let says = !asked.time_windows.is_empty() || asked.source_control.is_some();
    fields.check(&field, says, "must have time windows or a source control, or not be set");
    let mut windows = BTreeSet::new();
    if parse::at_most(fields, &format!("{field}.time_windows"), asked.time_windows.len(), WINDOWS_MAX) {
        for (n, window) in asked.time_windows.iter().enumerate() {
            match TimeWindow::read(window) {
                Ok(window) => drop(windows.insert(window)),
                Err((part, problem)) => fields.violation(format!("{field}.time_windows[{n}].{part}"), problem),
            }
        }
    }
    let sources = asked.source_control.map(|asked| {
        let field = format!("{field}.source_control");
        let ranges: BTreeSet<Cidr> = list(fields, &format!("{field}.ranges"), &asked.ranges, (1, LIST_MAX));
        SourceControl { mode: list_mode(fields, &format!("{field}.mode"), asked.mode), ranges }
    });
    (windows, sources)
}

/// What is read of some texts, each once.
fn list<T: FromStr<Err = String> + Ord>(
    fields: &mut InvalidFields,
    field: &str,
    texts: &[String],
    (least, most): (usize, usize),
) -> BTreeSet<T> {
    let mut read = BTreeSet::new();
    let bounded = (least..=most).contains(&texts.len());
    fields.check(field, bounded, format!("must have {least} to {most}"));
    for (n, text) in texts.iter().take(most).enumerate() {
        let field = format!("{field}[{n}]");
        let Some(one) = fields.parse(&field, text) else { continue };
        fields.check(field, read.insert(one), "must be there once");
    }
    read
}

fn list_mode(fields: &mut InvalidFields, field: &str, number: i32) -> ListMode {
    match fields.enumeration(field, number) {
        Some(pb::ControlListMode::Allow) => ListMode::Allow,
        _ => ListMode::Deny,
    }
}

fn verdict(verdict: pb::ControlVerdict) -> Option<Verdict> {
    match verdict {
        pb::ControlVerdict::Unspecified => None,
        pb::ControlVerdict::Allow => Some(Verdict::Allow),
        pb::ControlVerdict::Approve => Some(Verdict::Approve),
        pb::ControlVerdict::Reject => Some(Verdict::Reject),
    }
}

fn channel(channel: pb::SessionChannel) -> Option<SessionChannel> {
    use pb::SessionChannel as Pb;
    Some(match channel {
        Pb::Unspecified => return None,
        Pb::Shell => SessionChannel::Shell,
        Pb::Exec => SessionChannel::Exec,
        Pb::SftpRead => SessionChannel::SftpRead,
        Pb::SftpWrite => SessionChannel::SftpWrite,
        Pb::SftpRename => SessionChannel::SftpRename,
        Pb::SftpRemove => SessionChannel::SftpRemove,
        Pb::SftpMakeDirectory => SessionChannel::SftpMakeDirectory,
        Pb::SftpSetAttributes => SessionChannel::SftpSetAttributes,
        Pb::SftpLink => SessionChannel::SftpLink,
        Pb::ScpUpload => SessionChannel::ScpUpload,
        Pb::ScpDownload => SessionChannel::ScpDownload,
        Pb::RsyncUpload => SessionChannel::RsyncUpload,
        Pb::RsyncDownload => SessionChannel::RsyncDownload,
        Pb::LocalForward => SessionChannel::LocalForward,
        Pb::DynamicForward => SessionChannel::DynamicForward,
        Pb::RemoteForward => SessionChannel::RemoteForward,
        Pb::AgentForward => SessionChannel::AgentForward,
        Pb::X11Forward => SessionChannel::X11Forward,
        Pb::Rdp => SessionChannel::Rdp,
        Pb::RdpClipboardUpload => SessionChannel::RdpClipboardUpload,
        Pb::RdpClipboardDownload => SessionChannel::RdpClipboardDownload,
        Pb::RdpDriveUpload => SessionChannel::RdpDriveUpload,
        Pb::RdpDriveDownload => SessionChannel::RdpDriveDownload,
        Pb::Database => SessionChannel::Database,
    })
}
