//! Directory's database was restored from a backup: what it says now takes the place of what was mirrored, as changes of
//! the own log, so that those who follow it see nothing but changes.
//!
//! A large difference takes several revisions. No call may be decided by some of them: the origin of all but the last
//! names no epoch, and the gateway honours no token that is not of the epoch that its facts come from.

use std::collections::BTreeMap;

use bailiwick_api::{
    audit::v1::Change,
    r#type::v1::{AccessFact, AccessFactChange, LogPosition, access_fact::Kind},
};
use bailiwick_changelog::{FOLLOW, HeldFact, change_payload};
use bailiwick_core::{Operator, Role, Timestamp};
use bailiwick_db::{DbError, Tx};
use prost::Message;

use super::mirror::settle;
use crate::{events, store};

/// Facts that one query reads.
const PAGE: u64 = 1_024;
/// Most bytes of facts in one revision: a change has 2 MiB at most.
const PART_BYTES: usize = 1 << 20;

/// Replaces what was mirrored by `held`, all facts of directory at `at`. At least one revision is recorded, so that
/// everybody learns of the new epoch.
pub(super) async fn replace(tx: &Tx, at: LogPosition, held: &[HeldFact], now: Timestamp) -> Result<(), DbError> {
    let mut facts = difference(tx, held).await?;
    settle(tx, &mut facts).await?;
    let count = facts.len();
    let mut parts = parts(facts).into_iter().peekable();
    while let Some(facts) = parts.next() {
        let origin = match parts.peek() {
            Some(_) => LogPosition { epoch: String::new(), revision: 0, ..at.clone() },
            None => at.clone(),
        };
        tx.record(change_payload(change(facts, origin, now), now));
    }
    tracing::warn!(facts.changed = count, "directory was restored from a backup; its facts were mirrored anew");
    Ok(())
}

fn change(facts: Vec<AccessFactChange>, origin: LogPosition, now: Timestamp) -> Change {
    let operator = Operator::service(Role::Delegation);
    Change {
        time: Some(events::timestamp(now)),
        operator: Some((&operator).into()),
        method: FOLLOW.to_owned(),
        resource: operator.principal,
        facts,
        origin: Some(origin),
        ..Change::default()
    }
}

/// What of directory's facts is gone, and what is new or otherwise: accounts first.
async fn difference(tx: &Tx, held: &[HeldFact]) -> Result<Vec<AccessFactChange>, DbError> {
    let mut missing: BTreeMap<_, _> = held.iter().map(|held| (held.fact.key(), &held.fact)).collect();
    let (mut differing, mut after) = (Vec::new(), None::<(i32, String)>);
    loop {
        let from = after.as_ref().map(|(kind, key)| (*kind, key.as_str()));
        let rows = store::facts::page(tx.conn(), from, PAGE).await?;
        let Some(last) = rows.last() else { break };
        after = Some((last.kind, last.key.clone()));
        for row in rows {
            let stored = row.value.unwrap_or_default();
            let fact = AccessFact::decode(stored.as_slice()).map_err(|error| DbError::Other(error.into()))?;
            // What directory cannot say is delegation's own.
            if events::mirrored(&AccessFactChange { fact: Some(fact.clone()), removed: false }).is_err() {
                continue;
            }
            match missing.remove(&row.key) {
                Some(now) if now.encode_to_vec() == stored => {}
                Some(now) => differing.push(AccessFactChange { fact: Some(now.clone()), removed: false }),
                None => differing.push(AccessFactChange { fact: Some(fact), removed: true }),
            }
        }
    }
    let new = missing.into_values().map(|fact| AccessFactChange { fact: Some(fact.clone()), removed: false });
    differing.extend(new);
    differing.sort_by_key(|change| !matches!(kind(change), Some(Kind::Account(_))));
    Ok(differing)
}

fn kind(change: &AccessFactChange) -> Option<&Kind> {
    change.fact.as_ref().and_then(|fact| fact.kind.as_ref())
}

/// The facts of each revision: one at least, and none of too many bytes.
fn parts(facts: Vec<AccessFactChange>) -> Vec<Vec<AccessFactChange>> {
    let (mut parts, mut part, mut bytes) = (Vec::new(), Vec::new(), 0);
    for fact in facts {
        let size = fact.encoded_len();
        if bytes + size > PART_BYTES && !part.is_empty() {
            parts.push(std::mem::take(&mut part));
            bytes = 0;
        }
        bytes += size;
        part.push(fact);
    }
    parts.push(part);
    parts
}
