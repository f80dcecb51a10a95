//! Policies in the language of Cedar.
//!
//! Cedar knows no priorities, and in it a forbid wins over every permit. So each policy and each block is a permit, whether
//! it allows or not: it says when the policy matches. Which of those that match decides is up to [`super::Decider`]. The
//! annotations are for those who read the text.

use std::{
    collections::{BTreeSet, HashMap, HashSet},
    fmt::{Display, Write},
    sync::LazyLock,
};

use cedar_policy::{
    Context, Entities, Entity, EntityId, EntityTypeName, EntityUid, Policy, PolicyId, PolicySet, RestrictedExpression,
    Schema, ValidationMode, Validator,
};

use bailiwick_core::Timestamp;

use super::{
    AccessBlock, AccessPolicy, AccessQuery, Action, Application, Blocked, Members, SaseUser, Strength, Subjects,
    Targets, World,
};

const SCHEMA: &str = include_str!("sase.cedarschema");
/// The one entity that all managed members are in.
const MANAGED: &str = "managed";
const MINUTE_US: i64 = 60_000_000;

/// What could not be compiled: a fault of ours.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a policy could not be compiled: {0}")]
pub(crate) struct Uncompiled(String);

/// The schema that policies are checked against; it is the same each time.
pub(crate) fn schema() -> Result<&'static Schema, Uncompiled> {
    static READ: LazyLock<Result<Schema, Uncompiled>> =
        LazyLock::new(|| Schema::from_cedarschema_str(SCHEMA).map(|(schema, _)| schema).map_err(uncompiled));
    READ.as_ref().map_err(Clone::clone)
}

/// The text of a policy.
pub(crate) fn policy_text(policy: &AccessPolicy) -> String {
    let mut conditions = Vec::new();
    subjects(&mut conditions, &policy.subjects);
    conditions.push(match &policy.targets {
        Targets::Applications(ids) => format!("resource in [{}]", uids("Application", ids)),
        Targets::Tags(tags) => format!("resource in [{}]", uids("Tag", tags)),
    });
    conditions.push(match &policy.members {
        Members::All => format!("resource in {}", uid("Members", MANAGED)),
        Members::Folders(ids) => format!("resource in [{}]", uids("Folder", ids)),
        Members::Accounts(ids) => format!("resource in [{}]", uids("Account", ids)),
    });
    if let Some(start) = policy.start {
        conditions.push(format!("context.now >= {}", start.as_micros()));
    }
    if let Some(end) = policy.end {
        conditions.push(format!("context.now < {}", end.as_micros()));
    }
    circumstances(&mut conditions, policy);
    text(&policy.meta.id, (policy.priority, policy.action), &conditions)
}

/// The text of a block.
pub(crate) fn block_text(block: &AccessBlock) -> String {
    let mut conditions = vec![match &block.blocked {
        Blocked::User(id) => format!("principal == {}", uid("User", id)),
        Blocked::Device(id) => format!("context has device_id && context.device_id == {}", quoted(id)),
        Blocked::Address(range) => {
            format!("context has source && context.source.isInRange(ip({}))", quoted(&range.to_string()))
        }
        Blocked::Application(id) => format!("resource == {}", uid("Application", id)),
    }];
    conditions.push(match block.account {
        None => format!("resource in {}", uid("Members", MANAGED)),
        Some(account) => format!("resource in {}", uid("Account", account)),
    });
    if let Some(expire) = block.expire {
        conditions.push(format!("context.now < {}", expire.as_micros()));
    }
    text(&block.meta.id, (0, Action::Block), &conditions)
}

fn subjects(conditions: &mut Vec<String>, subjects: &Subjects) {
    let Subjects::Some { users, groups, attributes } = subjects else { return };
    let mut any = Vec::new();
    if !users.is_empty() {
        any.push(format!("principal in [{}]", uids("User", users)));
    }
    if !groups.is_empty() {
        any.push(format!("principal in [{}]", uids("Group", groups)));
        any.push(format!("context.groups.containsAny([{}])", list(groups.iter().map(|id| quoted(id)))));
    }
    if !attributes.is_empty() {
        let attributes = list(attributes.iter().map(|attribute| quoted(attribute)));
        any.push(format!("principal.attributes.containsAny([{attributes}])"));
        any.push(format!("context.attributes.containsAny([{attributes}])"));
    }
    conditions.push(format!("({})", any.join(" || ")));
}

fn circumstances(conditions: &mut Vec<String>, policy: &AccessPolicy) {
    let asked = &policy.conditions;
    if let Some(strength) = asked.min_strength {
        conditions.push(format!("context.strength >= {}", strength_code(Some(strength))));
    }
    if !asked.windows.is_empty() {
        let keys = list(asked.windows.iter().map(|window| quoted(&window.key())));
        conditions.push(format!("context.windows.containsAny([{keys}])"));
    }
    if !asked.networks.is_empty() {
        let ranges = asked.networks.iter().map(|range| format!("context.source.isInRange(ip(\"{range}\"))"));
        conditions.push(format!("context has source && ({})", ranges.collect::<Vec<_>>().join(" || ")));
    }
    let Some(device) = &asked.device else { return };
    conditions.push("context has device".to_owned());
    if device.managed {
        conditions.push("context.device.managed".to_owned());
    }
    let mut posture = Vec::new();
    if !device.os.is_empty() {
        posture.push(format!("[{}].contains(context.device.posture.os)", list(device.os.iter().map(|os| os.code()))));
    }
    if let Some(version) = device.min_version {
        posture.push(format!("context.device.posture.version >= {}", version.number()));
    }
    if device.disk_encrypted {
        posture.push("context.device.posture.disk_encrypted".to_owned());
    }
    if let Some(minutes) = device.max_age_minutes {
        let age = i64::from(minutes) * MINUTE_US;
        posture.push(format!("context.now - context.device.posture.reported <= {age}"));
    }
    if !posture.is_empty() {
        conditions.push(format!("context.device has posture && {}", posture.join(" && ")));
    }
}

fn text(id: &str, (priority, action): (u16, Action), conditions: &[String]) -> String {
    let action = if action == Action::Allow { "allow" } else { "block" };
    let mut text = format!("@id({})\n@priority(\"{priority}\")\n@action(\"{action}\")\n", quoted(id));
    text.push_str("permit (principal, action == Sase::Action::\"connect\", resource)\nwhen {\n  ");
    // A string takes whatever is written to it.
    let _ = write!(text, "{}\n}};", conditions.join(" &&\n  "));
    text
}

/// A policy of a text, which the schema allows.
///
/// # Errors
/// [`Uncompiled`].
pub(crate) fn compile(id: &str, text: &str, validator: &Validator) -> Result<Policy, Uncompiled> {
    let policy = Policy::parse(Some(PolicyId::new(id)), text).map_err(uncompiled)?;
    let set = PolicySet::from_policies([policy.clone()]).map_err(uncompiled)?;
    let checked = validator.validate(&set, ValidationMode::Strict);
    match checked.validation_errors().next() {
        None => Ok(policy),
        Some(error) => Err(uncompiled(error)),
    }
}

/// The world as entities. Applications of accounts that SASE does not manage are in nothing.
///
/// # Errors
/// [`Uncompiled`].
pub(crate) fn entities(world: &World, schema: &Schema) -> Result<Entities, Uncompiled> {
    let mut all = Vec::new();
    for (id, parent) in &world.folders {
        let parents = world.folders.contains_key(parent).then(|| entity_uid("Folder", parent)).transpose()?;
        all.push(Entity::new_no_attrs(entity_uid("Folder", id)?, parents.into_iter().collect()));
    }
    all.push(Entity::new_no_attrs(entity_uid("Members", MANAGED)?, HashSet::new()));
    for (account, folder) in &world.members {
        let mut parents = HashSet::from([entity_uid("Members", MANAGED)?]);
        if world.folders.contains_key(folder) {
            parents.insert(entity_uid("Folder", folder)?);
        }
        all.push(Entity::new_no_attrs(entity_uid("Account", account)?, parents));
    }
    let tags: HashSet<_> = world.applications.values().flat_map(|application| &application.tags).collect();
    for tag in tags {
        all.push(Entity::new_no_attrs(entity_uid("Tag", tag)?, HashSet::new()));
    }
    for application in world.applications.values() {
        all.push(application_entity(world, application)?);
    }
    let mut groups_of = HashMap::<&str, HashSet<EntityUid>>::new();
    let mut within = HashMap::<&str, HashSet<EntityUid>>::new();
    for (id, group) in &world.groups {
        let uid = entity_uid("Group", id)?;
        for user in &group.users {
            groups_of.entry(user).or_default().insert(uid.clone());
        }
        for inner in &group.groups {
            within.entry(inner).or_default().insert(uid.clone());
        }
    }
    for id in world.groups.keys() {
        all.push(Entity::new_no_attrs(entity_uid("Group", id)?, within.remove(id.as_str()).unwrap_or_default()));
    }
    for user in world.users.values() {
        all.push(user_entity(user, groups_of.remove(user.meta.id.as_str()).unwrap_or_default())?);
    }
    Entities::from_entities(all, Some(schema)).map_err(uncompiled)
}

fn application_entity(world: &World, application: &Application) -> Result<Entity, Uncompiled> {
    let mut parents = HashSet::new();
    if world.members.contains_key(&application.account) {
        parents.insert(entity_uid("Account", application.account)?);
    }
    for tag in &application.tags {
        parents.insert(entity_uid("Tag", tag)?);
    }
    Ok(Entity::new_no_attrs(entity_uid("Application", &application.meta.id)?, parents))
}

fn user_entity(user: &SaseUser, groups: HashSet<EntityUid>) -> Result<Entity, Uncompiled> {
    let attributes = user.attributes.iter().cloned().map(RestrictedExpression::new_string);
    let attributes = HashMap::from([("attributes".to_owned(), RestrictedExpression::new_set(attributes))]);
    Entity::new(entity_uid("User", &user.meta.id)?, attributes, groups).map_err(uncompiled)
}

/// The circumstances of a call.
///
/// # Errors
/// [`Uncompiled`].
pub(crate) fn context<'a>(
    query: &AccessQuery,
    groups: BTreeSet<&str>,
    windows: impl Iterator<Item = &'a str>,
    now: Timestamp,
) -> Result<Context, Uncompiled> {
    use RestrictedExpression as E;

    let mut pairs = vec![
        ("now".to_owned(), E::new_long(now.as_micros())),
        ("windows".to_owned(), E::new_set(windows.map(|key| E::new_string(key.to_owned())))),
        ("groups".to_owned(), E::new_set(groups.into_iter().map(|id| E::new_string(id.to_owned())))),
        ("attributes".to_owned(), E::new_set(query.attributes.iter().cloned().map(E::new_string))),
        ("strength".to_owned(), E::new_long(strength_code(query.strength))),
    ];
    if let Some(source) = query.source {
        pairs.push(("source".to_owned(), E::new_ip(source.to_canonical().to_string())));
    }
    if !query.device_id.is_empty() {
        pairs.push(("device_id".to_owned(), E::new_string(query.device_id.clone())));
    }
    if let Some(device) = query.device.as_ref().filter(|device| device.user == query.user) {
        let mut fields = vec![("managed".to_owned(), E::new_bool(device.managed))];
        if let Some(posture) = device.posture {
            let posture = [
                ("os".to_owned(), E::new_long(posture.os.code())),
                ("version".to_owned(), E::new_long(posture.version.number())),
                ("disk_encrypted".to_owned(), E::new_bool(posture.disk_encrypted)),
                ("reported".to_owned(), E::new_long(posture.reported.as_micros())),
            ];
            fields.push(("posture".to_owned(), E::new_record(posture).map_err(uncompiled)?));
        }
        pairs.push(("device".to_owned(), E::new_record(fields).map_err(uncompiled)?));
    }
    Context::from_pairs(pairs).map_err(uncompiled)
}

/// The entity of a kind with an id.
pub(crate) fn entity_uid(kind: &str, id: impl Display) -> Result<EntityUid, Uncompiled> {
    let kind: EntityTypeName = format!("Sase::{kind}").parse().map_err(uncompiled)?;
    Ok(EntityUid::from_type_name_and_id(kind, EntityId::new(id.to_string())))
}

pub(crate) fn uncompiled(error: impl Display) -> Uncompiled {
    Uncompiled(error.to_string())
}

fn strength_code(strength: Option<Strength>) -> i64 {
    match strength {
        None => 0,
        Some(Strength::SingleFactor) => 1,
        Some(Strength::MultiFactor) => 2,
        Some(Strength::PhishingResistant) => 3,
    }
}

fn uid(kind: &str, id: impl Display) -> String {
    format!("Sase::{kind}::{}", quoted(&id.to_string()))
}

fn uids(kind: &str, ids: impl IntoIterator<Item = impl Display>) -> String {
    list(ids.into_iter().map(|id| uid(kind, id)))
}

fn list(items: impl Iterator<Item = impl Display>) -> String {
    items.map(|item| item.to_string()).collect::<Vec<_>>().join(", ")
}

/// A text as Cedar has it: its escapes are those of Rust.
fn quoted(text: &str) -> String {
    format!("\"{}\"", text.escape_default())
}
