//! The structured policies, evaluated one after the other.

use std::net::IpAddr;

use bailiwick_conditions::TimeWindow;
use bailiwick_core::Timestamp;

use crate::access::domain::*;

pub(super) fn decide(world: &World, query: &AccessQuery, now: Timestamp) -> (Action, String, DecisionReason) {
    let blocked = |reason| (Action::Block, String::new(), reason);
    let Wanted::Application(wanted) = &query.wanted else { panic!("targets have tests of their own") };
    let Some(application) = world.applications.get(wanted) else { return blocked(DecisionReason::NoApplication) };
    let Some(folder) = world.members.get(&application.account) else {
        return blocked(DecisionReason::MemberNotManaged);
    };
    let active = world
        .users
        .get(&query.user)
        .filter(|user| !user.disabled && (user.ram_user.is_empty() || world.ram_users.contains(&user.ram_user)));
    let Some(user) = active else { return blocked(DecisionReason::UserInactive) };
    for block in world.blocks.values() {
        let about = match &block.blocked {
            Blocked::User(id) => *id == query.user,
            Blocked::Device(id) => *id == query.device_id,
            Blocked::Application(id) => id == wanted,
            Blocked::Address(range) => query.source.is_some_and(|source| within(&range.to_string(), source)),
        };
        let here = block.account.is_none() || block.account == Some(application.account);
        if about && here && (block.expire.is_none() || now.as_micros() < block.expire.unwrap().as_micros()) {
            return (Action::Block, block.name(), DecisionReason::AccessBlock);
        }
    }
    let mut first: Option<&AccessPolicy> = None;
    for policy in world.policies.values() {
        if !policy.enabled || !matches(world, query, policy, (user, application, folder), now) {
            continue;
        }
        let before = first.is_none_or(|other| {
            policy.priority < other.priority
                || policy.priority == other.priority && policy.action == Action::Block && other.action == Action::Allow
                || policy.priority == other.priority && policy.action == other.action && policy.meta.id < other.meta.id
        });
        if before {
            first = Some(policy);
        }
    }
    match first {
        Some(policy) => (policy.action, policy.name(), DecisionReason::Policy),
        None => blocked(DecisionReason::NoPolicy),
    }
}

fn matches(
    world: &World,
    query: &AccessQuery,
    policy: &AccessPolicy,
    (user, application, folder): (&SaseUser, &Application, &String),
    now: Timestamp,
) -> bool {
    let subject = match &policy.subjects {
        Subjects::All => true,
        Subjects::Some { users, groups, attributes } => {
            users.contains(&user.meta.id)
                || groups.iter().any(|group| in_group(world, group, &user.meta.id, 0))
                || groups.iter().any(|group| contains(world, group, &query.groups, 0))
                || attributes.iter().any(|attribute| user.attributes.contains(attribute))
                || attributes.iter().any(|attribute| query.attributes.contains(attribute))
        }
    };
    let target = match &policy.targets {
        Targets::Applications(ids) => ids.contains(&application.meta.id),
        Targets::Tags(tags) => tags.iter().any(|tag| application.tags.contains(tag)),
    };
    let member = match &policy.members {
        Members::All => true,
        Members::Accounts(accounts) => accounts.contains(&application.account),
        Members::Folders(folders) => {
            let mut folder = folder;
            loop {
                let Some(parent) = world.folders.get(folder) else { break false };
                if folders.contains(folder) {
                    break true;
                }
                folder = parent;
            }
        }
    };
    let valid = policy.start.is_none_or(|start| start <= now) && policy.end.is_none_or(|end| end > now);
    let Conditions { device, networks, windows, min_strength } = &policy.conditions;
    let network = networks.is_empty()
        || query.source.is_some_and(|source| networks.iter().any(|range| within(&range.to_string(), source)));
    let window = windows.is_empty() || windows.iter().any(|window| in_window(window, now));
    let strength = match (min_strength, query.strength) {
        (None, _) => true,
        (Some(_), None) => false,
        (Some(least), Some(has)) => has >= *least,
    };
    let device = device.as_ref().is_none_or(|asked| suits(asked, query, now));
    subject && target && member && valid && network && window && strength && device
}

fn in_group(world: &World, group: &str, user: &str, depth: usize) -> bool {
    let Some(group) = world.groups.get(group).filter(|_| depth < 20) else { return false };
    group.users.contains(user) || group.groups.iter().any(|inner| in_group(world, inner, user, depth + 1))
}

fn contains(world: &World, group: &str, said: &std::collections::BTreeSet<String>, depth: usize) -> bool {
    let inner = world.groups.get(group).filter(|_| depth < 20);
    said.contains(group)
        || inner.is_some_and(|group| group.groups.iter().any(|inner| contains(world, inner, said, depth + 1)))
}

fn suits(asked: &DeviceCondition, query: &AccessQuery, now: Timestamp) -> bool {
    let Some(device) = query.device.as_ref().filter(|device| device.user == query.user) else { return false };
    if asked.managed && !device.managed {
        return false;
    }
    let says_nothing =
        asked.os.is_empty() && asked.min_version.is_none() && !asked.disk_encrypted && asked.max_age_minutes.is_none();
    let Some(posture) = device.posture else { return says_nothing };
    let numbers = |version: OsVersion| {
        let mut numbers: Vec<u32> = version.to_string().split('.').map(|n| n.parse().unwrap()).collect();
        numbers.resize(4, 0);
        numbers
    };
    (asked.os.is_empty() || asked.os.contains(&posture.os))
        && asked.min_version.is_none_or(|least| numbers(posture.version) >= numbers(least))
        && (!asked.disk_encrypted || posture.disk_encrypted)
        && asked
            .max_age_minutes
            .is_none_or(|minutes| now.as_micros() - posture.reported.as_micros() <= i64::from(minutes) * 60 * 1_000_000)
}

/// Bit for bit.
fn within(range: &str, address: IpAddr) -> bool {
    let bits = |address: IpAddr| match address {
        IpAddr::V4(address) => format!("{:032b}", address.to_bits()),
        IpAddr::V6(address) => format!("{:0128b}", address.to_bits()),
    };
    let (network, prefix) = range.split_once('/').unwrap();
    let (network, address) = (bits(network.parse().unwrap()), bits(address.to_canonical()));
    let prefix: usize = prefix.parse().unwrap();
    network.len() == address.len() && network[..prefix] == address[..prefix]
}

/// By minutes of the week.
fn in_window(window: &TimeWindow, now: Timestamp) -> bool {
    const WEEK: i64 = 7 * 24 * 60;
    let local = jiff::Timestamp::from_microsecond(now.as_micros()).unwrap().in_tz(&window.zone).unwrap();
    let day = i64::from(local.weekday().to_monday_zero_offset());
    let minute = day * 1_440 + i64::from(local.hour()) * 60 + i64::from(local.minute());
    window.weekdays.iter().any(|day| {
        let begins = (i64::from(*day) - 1) * 1_440 + i64::from(window.start);
        let length = i64::from(window.end) - i64::from(window.start);
        let length = if length > 0 { length } else { length + 1_440 };
        (minute - begins).rem_euclid(WEEK) < length
    })
}
