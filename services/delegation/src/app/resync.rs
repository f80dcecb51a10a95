//! Directory's database was restored from a backup: what it says now takes the place of what was mirrored, as changes of
//! the own log, so that those who follow it see nothing but changes.
//!
//! A large difference takes several revisions: no call is decided by some of them.

use std::collections::BTreeMap;

use bailiwick_api::{
    audit::v1::Change,
    r#type::v1::{AccessFact, AccessFactChange, LogPosition, access_fact::Kind},
};
use bailiwick_changelog::{FOLLOW, HeldFact, change_payload};
use bailiwick_core::{Operator, Role, Timestamp};
use bailiwick_db::{DbError, Tx};
use prost::Message;

use super::{mirror::settle, parts};
use crate::{events, store};

/// Facts that one query reads.
const PAGE: u64 = 1_024;

/// Replaces what was mirrored by `held`, all facts of directory at `at`. At least one revision is recorded, so that
/// everybody learns of the new epoch.
pub(super) async fn replace(tx: &Tx, at: LogPosition, held: &[HeldFact], now: Timestamp) -> Result<(), DbError> {
    let facts = settle(tx, difference(tx, held).await?).await?;
    let count: usize = facts.iter().map(Vec::len).sum();
    for part in parts::mirrored(change(at, now), facts) {
        tx.record(change_payload(part, now));
    }
    tracing::warn!(facts.changed = count, "directory was restored from a backup; its facts were mirrored anew");
    Ok(())
}

fn change(origin: LogPosition, now: Timestamp) -> Change {
    let operator = Operator::service(Role::Delegation);
    Change {
        time: Some(events::timestamp(now)),
        operator: Some((&operator).into()),
        method: FOLLOW.to_owned(),
        resource: operator.principal,
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
                None => differing.extend(fact.kind.map(AccessFactChange::gone)),
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
