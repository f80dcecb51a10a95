//! Policies as they are asked for.

use bailiwick_api::sase::v1 as pb;
use bailiwick_conditions::TimeWindow;
use bailiwick_core::{Owner, Timestamp};
use bailiwick_rpc::{Call, InvalidFields};

use super::{
    devices::read_os,
    parse::{self, DISPLAY_NAME_MAX},
};
use crate::access::domain::{
    AccessPolicy, Action, Conditions, DeviceCondition, Members, Meta, ResourceKind, Selection, Strength, Subjects,
    Targets,
};

/// The fields that an update can name.
pub(super) const FIELDS: &[&str] = &[
    "display_name",
    "priority",
    "action",
    "enabled",
    "start_time",
    "end_time",
    "subjects",
    "targets",
    "members",
    "conditions",
];
const PRIORITY_MAX: i32 = 1_000;
const LIST_MAX: usize = 100;
const ATTRIBUTES_MAX: usize = 10;
const USERS_MAX: usize = 1_000;
const GROUPS_MAX: usize = 2_000;
const ACCOUNTS_MAX: usize = 1_000;
const WINDOWS_MAX: usize = 20;
/// A month of 31 days.
const AGE_MAX: i32 = 44_640;

/// What of a policy is asked for; none for what is not named, or wrong.
#[derive(Clone, Debug, Default)]
pub(super) struct Read {
    display_name: Option<String>,
    priority: Option<u16>,
    action: Option<Action>,
    enabled: Option<bool>,
    start: Option<Option<Timestamp>>,
    end: Option<Option<Timestamp>>,
    selection: Selection,
    conditions: Option<Conditions>,
}

impl Read {
    /// Makes a policy what is asked for.
    pub(super) fn take(self, policy: &mut AccessPolicy) {
        let before = policy.clone();
        policy.display_name = self.display_name.unwrap_or(before.display_name);
        policy.priority = self.priority.unwrap_or(before.priority);
        policy.action = self.action.unwrap_or(before.action);
        policy.enabled = self.enabled.unwrap_or(before.enabled);
        policy.start = self.start.unwrap_or(before.start);
        policy.end = self.end.unwrap_or(before.end);
        policy.conditions = self.conditions.unwrap_or(before.conditions);
        policy.replace(self.selection);
    }

    /// The policy, if all of it is asked for.
    pub(super) fn complete(self) -> Option<impl Fn(Meta) -> AccessPolicy + Send + Sync> {
        let Self { display_name, priority, action, enabled, start, end, selection, conditions } = self;
        let (display_name, priority, action, enabled) = (display_name?, priority?, action?, enabled?);
        let (start, end, conditions) = (start?, end?, conditions?);
        let (subjects, targets, members) = (selection.subjects?, selection.targets?, selection.members?);
        Some(move |meta| AccessPolicy {
            meta,
            display_name: display_name.clone(),
            priority,
            action,
            enabled,
            start,
            end,
            subjects: subjects.clone(),
            targets: targets.clone(),
            members: members.clone(),
            conditions: conditions.clone(),
        })
    }
}

/// What is named of a policy.
pub(super) fn read(
    fields: &mut InvalidFields,
    call: &Call,
    asked: &pb::AccessPolicy,
    named: &impl Fn(&str) -> bool,
) -> Read {
    let mut read = Read::default();
    if named("display_name") {
        read.display_name = fields.text("access_policy.display_name", &asked.display_name, 1..=DISPLAY_NAME_MAX);
    }
    if named("priority") {
        read.priority = priority(fields, "access_policy.priority", asked.priority);
    }
    if named("action") {
        read.action = fields.enumeration("access_policy.action", asked.action).and_then(action);
    }
    if named("enabled") {
        read.enabled = Some(asked.enabled);
    }
    if named("start_time") {
        read.start = Some(parse::moment(fields, "access_policy.start_time", asked.start_time.as_ref()));
    }
    if named("end_time") {
        read.end = Some(parse::moment(fields, "access_policy.end_time", asked.end_time.as_ref()));
    }
    let part = |field: &str| named(field);
    let subjects = asked.subjects.clone().filter(|_| part("subjects"));
    let targets = asked.targets.clone().filter(|_| part("targets"));
    let members = asked.members.clone().filter(|_| part("members"));
    for (field, missing) in [
        ("subjects", part("subjects") && subjects.is_none()),
        ("targets", part("targets") && targets.is_none()),
        ("members", part("members") && members.is_none()),
    ] {
        fields.check(format!("access_policy.{field}"), !missing, "must be set");
    }
    read.selection = select(fields, call, "access_policy.", (subjects, targets, members));
    if named("conditions") {
        read.conditions = Some(conditions(fields, asked.conditions.clone().unwrap_or_default()));
    }
    read
}

/// What is to be replaced of a selection, or added to it.
pub(super) fn selection(
    fields: &mut InvalidFields,
    call: &Call,
    parts: (Option<pb::SubjectSelection>, Option<pb::TargetSelection>, Option<pb::MemberSelection>),
) -> Selection {
    let any = parts.0.is_some() || parts.1.is_some() || parts.2.is_some();
    fields.check("subjects", any, "or `targets`, or `members` must be set");
    select(fields, call, "", parts)
}

fn select(
    fields: &mut InvalidFields,
    call: &Call,
    prefix: &str,
    (subjects, targets, members): (
        Option<pb::SubjectSelection>,
        Option<pb::TargetSelection>,
        Option<pb::MemberSelection>,
    ),
) -> Selection {
    Selection {
        subjects: subjects.map(|asked| read_subjects(fields, call, &format!("{prefix}subjects"), asked)),
        targets: targets.map(|asked| read_targets(fields, call, &format!("{prefix}targets"), &asked)),
        members: members.map(|asked| read_members(fields, call, &format!("{prefix}members"), &asked)),
    }
}

fn read_subjects(fields: &mut InvalidFields, call: &Call, field: &str, asked: pb::SubjectSelection) -> Subjects {
    let pb::SubjectSelection { all_users, users, groups, attributes } = asked;
    let none = users.is_empty() && groups.is_empty() && attributes.is_empty();
    if all_users {
        fields.check(field, none, "must have nothing beside `all_users`");
        return Subjects::All;
    }
    fields.check(field, !none, "must select somebody");
    let at = |part: &str| format!("{field}.{part}");
    fields.check(
        at("attributes"),
        groups.is_empty() || attributes.is_empty(),
        "must not be set beside groups (E-SASE-03)",
    );
    Subjects::Some {
        users: parse::ids(fields, call, &at("users"), (ResourceKind::SaseUser, USERS_MAX), &users),
        groups: parse::ids(fields, call, &at("groups"), (ResourceKind::UserGroup, GROUPS_MAX), &groups),
        attributes: parse::attributes(fields, &at("attributes"), &attributes, ATTRIBUTES_MAX),
    }
}

fn read_targets(fields: &mut InvalidFields, call: &Call, field: &str, asked: &pb::TargetSelection) -> Targets {
    let one = asked.applications.is_empty() != asked.tags.is_empty();
    fields.check(field, one, "must select either applications or tags (E-SASE-03)");
    let at = |part: &str| format!("{field}.{part}");
    if asked.tags.is_empty() {
        let kind = (ResourceKind::Application, LIST_MAX);
        Targets::Applications(parse::ids(fields, call, &at("applications"), kind, &asked.applications))
    } else {
        Targets::Tags(parse::tags(fields, &at("tags"), &asked.tags, LIST_MAX))
    }
}

fn read_members(fields: &mut InvalidFields, call: &Call, field: &str, asked: &pb::MemberSelection) -> Members {
    let set = usize::from(asked.all) + usize::from(!asked.folders.is_empty()) + usize::from(!asked.accounts.is_empty());
    fields.check(field, set == 1, "must have one of `all`, `folders` and `accounts`");
    let at = |part: &str, n: usize| format!("{field}.{part}[{n}]");
    if asked.all {
        return Members::All;
    }
    if !asked.folders.is_empty() {
        parse::at_most(fields, &format!("{field}.folders"), asked.folders.len(), LIST_MAX);
        let own = call.permit.tenant_directory().ok();
        let mut read = |(n, name): (usize, &String)| {
            const PATTERN: &str = "directories/{directory}/folders/{folder}";
            let (owner, [id]) = fields.name::<1>(at("folders", n), name, PATTERN)?;
            let same = matches!((owner, own), (Owner::Directory(one), Some(other)) if one == other);
            fields.check(at("folders", n), same, "must be of the directory of the call");
            same.then(|| id.to_owned())
        };
        return Members::Folders(asked.folders.iter().enumerate().filter_map(&mut read).collect());
    }
    parse::at_most(fields, &format!("{field}.accounts"), asked.accounts.len(), ACCOUNTS_MAX);
    let accounts = asked.accounts.iter().enumerate();
    Members::Accounts(accounts.filter_map(|(n, name)| fields.account(at("accounts", n), name)).collect())
}

fn conditions(fields: &mut InvalidFields, asked: pb::AccessConditions) -> Conditions {
    const FIELD: &str = "access_policy.conditions";
    parse::at_most(fields, &format!("{FIELD}.networks"), asked.networks.len(), LIST_MAX);
    let networks = asked.networks.iter().take(LIST_MAX).enumerate();
    let networks = networks.filter_map(|(n, range)| fields.parse(format!("{FIELD}.networks[{n}]"), range)).collect();
    parse::at_most(fields, &format!("{FIELD}.windows"), asked.windows.len(), WINDOWS_MAX);
    let windows = asked.windows.iter().take(WINDOWS_MAX).enumerate();
    let mut window = |(n, asked): (usize, &_)| {
        let read = TimeWindow::read(asked);
        read.map_err(|(part, problem)| fields.violation(format!("{FIELD}.windows[{n}].{part}"), problem)).ok()
    };
    let windows = windows.filter_map(&mut window).collect();
    let min_strength = match asked.min_authentication_strength {
        0 => None,
        number => fields.enumeration(format!("{FIELD}.min_authentication_strength"), number).and_then(strength),
    };
    let device = asked.device.map(|asked| device(fields, &format!("{FIELD}.device"), &asked));
    Conditions { device, networks, windows, min_strength }
}

fn device(fields: &mut InvalidFields, field: &str, asked: &pb::DeviceCondition) -> DeviceCondition {
    let age = asked.max_report_age_minutes;
    let known = format!("must be 1 to {AGE_MAX}, or 0");
    fields.check(format!("{field}.max_report_age_minutes"), (0..=AGE_MAX).contains(&age), known);
    let mut os = |number: &i32| fields.enumeration(format!("{field}.os"), *number).and_then(read_os);
    let os = asked.os.iter().filter_map(&mut os).collect();
    let min_version = match asked.min_os_version.as_str() {
        "" => None,
        text => fields.parse(format!("{field}.min_os_version"), text),
    };
    DeviceCondition {
        os,
        min_version,
        disk_encrypted: asked.disk_encrypted,
        managed: asked.managed,
        max_age_minutes: u32::try_from(age).ok().filter(|age| *age != 0),
    }
}

/// A priority, 1 to 1,000 (E-SASE-01).
pub(super) fn priority(fields: &mut InvalidFields, field: &str, asked: i32) -> Option<u16> {
    let priority = u16::try_from(asked).ok().filter(|_| (1..=PRIORITY_MAX).contains(&asked));
    fields.check(field, priority.is_some(), format!("must be 1 to {PRIORITY_MAX}"));
    priority
}

/// An action of the contract.
pub(super) fn action(action: pb::AccessAction) -> Option<Action> {
    match action {
        pb::AccessAction::Unspecified => None,
        pb::AccessAction::Allow => Some(Action::Allow),
        pb::AccessAction::Block => Some(Action::Block),
    }
}

/// A strength of the contract.
pub(super) fn strength(strength: pb::AuthenticationStrength) -> Option<Strength> {
    match strength {
        pb::AuthenticationStrength::Unspecified => None,
        pb::AuthenticationStrength::SingleFactor => Some(Strength::SingleFactor),
        pb::AuthenticationStrength::MultiFactor => Some(Strength::MultiFactor),
        pb::AuthenticationStrength::PhishingResistant => Some(Strength::PhishingResistant),
    }
}
