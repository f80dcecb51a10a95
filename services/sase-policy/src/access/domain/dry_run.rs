//! What a policy would have changed.
//!
//! Of the past, who wanted to reach which application and what decided is known, but not under which circumstances. So a
//! change is certain where nothing but the selection of the policy matters, and possible otherwise.

use super::{AccessPolicy, Action, Resource, World};

/// Decisions of the past that were alike.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct PastDecisions {
    pub(crate) user: String,
    pub(crate) application: String,
    /// Name of what decided; empty if nothing did.
    pub(crate) decided_by: String,
    pub(crate) action: Action,
    pub(crate) count: i64,
}

/// Past decisions that would be others.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct DryRunChange {
    pub(crate) past: PastDecisions,
    pub(crate) action: Action,
    pub(crate) certain: bool,
}

/// What would be otherwise.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct DryRun {
    pub(crate) decisions: i64,
    pub(crate) certain: i64,
    pub(crate) possible: i64,
    /// The most frequent first.
    pub(crate) changes: Vec<DryRunChange>,
}

/// What `policy` would have changed in a world, which has the policy as it is now, if it is there.
pub(crate) fn dry_run(policy: &AccessPolicy, world: &World, past: Vec<PastDecisions>) -> DryRun {
    let mut run = DryRun::default();
    for past in past {
        run.decisions = run.decisions.saturating_add(past.count);
        let Some((action, certain)) = changed(policy, world, &past) else { continue };
        let sum = if certain { &mut run.certain } else { &mut run.possible };
        *sum = sum.saturating_add(past.count);
        run.changes.push(DryRunChange { past, action, certain });
    }
    run.changes.sort_by(|a, b| {
        let key = |change: &DryRunChange| (change.past.user.clone(), change.past.application.clone());
        b.past.count.cmp(&a.past.count).then_with(|| key(a).cmp(&key(b)))
    });
    run
}

/// What a past decision would be instead, and whether certainly.
fn changed(policy: &AccessPolicy, world: &World, past: &PastDecisions) -> Option<(Action, bool)> {
    let other = if past.action == Action::Allow { Action::Block } else { Action::Allow };
    let matches = policy.enabled && world.selects(policy, &past.user, &past.application);
    if past.decided_by == policy.name() {
        // It decided. As it would be now, it decides in the same cases, in others, or leaves them to another policy.
        if !matches {
            return Some((other, false));
        }
        return match (policy.action == past.action, policy.is_conditional()) {
            (true, false) => None,
            (true, true) => Some((other, false)),
            (false, conditional) => Some((policy.action, !conditional)),
        };
    }
    if !matches || policy.action == past.action {
        return None;
    }
    let certain = !policy.is_conditional();
    match world.policies.values().find(|other| past.decided_by == other.name()) {
        Some(deciding) if deciding.rank() < policy.rank() => None,
        Some(_) => Some((policy.action, certain)),
        None if past.decided_by.is_empty() => Some((policy.action, certain)),
        // A block, which comes before every policy.
        None if past.decided_by.contains("/accessBlocks/") => None,
        // A policy that is not there any more.
        None => Some((policy.action, false)),
    }
}
