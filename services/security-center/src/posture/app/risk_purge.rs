//! Removing risks that are fixed for good, and texts that no risk has.

use std::time::Duration;

use bailiwick_core::{AccountId, Timestamp};
use bailiwick_db::{Db, DbError, Tx};

use super::{import_sweep::before, risk_write, risk_write::BATCH};
use crate::posture::{
    domain::{Risk, RiskId, Tally},
    store::{self, RiskAccount},
};

/// How long a risk is kept after it was fixed.
const KEPT: Duration = Duration::from_hours(400 * 24);
/// Accounts of one round.
const ROUND: u64 = 100;
/// The method of such changes.
const METHOD: &str = "purge";

/// Removes at most `limit` fixed risks of an account, whose row the transaction has locked and which is saved; those first
/// that were fixed first, and none that `stays`. A risk whose next id is taken stays as well: the risk there may be one that
/// had to make way for it, and would not be found behind a gap.
pub(super) async fn remove(
    (tx, now): (&Tx, Timestamp),
    of: &mut RiskAccount,
    before: Option<Timestamp>,
    limit: usize,
    stays: impl Fn(RiskId) -> bool,
) -> Result<usize, DbError> {
    let fixed = store::risks_fixed_lock(tx.conn(), of.account, before, 2 * BATCH).await?;
    // Read after they are locked: whoever makes way for one of them locks it as well.
    let taken = store::ids_taken(tx.conn(), fixed.iter().map(|risk| risk.id.next())).await?;
    let go = fixed.into_iter().filter(|risk| !stays(risk.id) && !taken.contains(&risk.id.next()));
    let go: Vec<Risk> = go.take(limit).collect();
    let mut tally = Tally::default();
    go.iter().for_each(|risk| tally.remove(risk));
    store::risks_remove(tx.conn(), go.iter().map(|risk| risk.id)).await?;
    store::tally_add(tx.conn(), tally).await?;
    of.risks -= i64::try_from(go.len()).unwrap_or_default();
    store::risk_account_save(tx.conn(), of).await?;
    risk_write::record(tx, &go, None, METHOD, now);
    Ok(go.len())
}

/// One round: the next accounts after one; returns the last of them, none at the end.
pub(crate) async fn purge(db: &Db, after: Option<AccountId>) -> Result<Option<AccountId>, DbError> {
    let accounts = store::risk_accounts_after(db.reader(), after, ROUND).await?;
    for account in &accounts {
        while purge_risks(db, *account).await? {}
        while purge_texts(db, *account).await? {}
    }
    Ok(accounts.last().copied())
}

/// Tells whether there may be more.
async fn purge_risks(db: &Db, account: AccountId) -> Result<bool, DbError> {
    let now = db.clock().now();
    let before = before(now, KEPT);
    if !store::has_fixed(db.reader(), account, before).await? {
        return Ok(false);
    }
    let limit = usize::try_from(BATCH).unwrap_or_default();
    let work = |tx: Tx| async move {
        let mut of = store::risk_account_lock(tx.conn(), account).await?;
        remove((&tx, now), &mut of, Some(before), limit, |_| false).await
    };
    Ok(db.write("risks_purge", work).await?.value == limit)
}

async fn purge_texts(db: &Db, account: AccountId) -> Result<bool, DbError> {
    let unused = &store::texts_unused(db.reader(), account, BATCH).await?;
    if unused.is_empty() {
        return Ok(false);
    }
    let work = |tx: Tx| async move {
        store::accounts_lock(tx.conn(), &[account].into()).await?;
        store::texts_remove(tx.conn(), account, unused).await
    };
    db.write("risk_texts_purge", work).await?;
    Ok(u64::try_from(unused.len()).ok() == Some(BATCH))
}
