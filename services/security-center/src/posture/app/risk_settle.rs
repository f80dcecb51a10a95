//! Risks that were accepted until now are open again: before anything is read, and from time to time.

use std::{collections::BTreeSet, sync::Arc};

use bailiwick_core::AccountId;
use bailiwick_db::{Db, DbError, Tx};
use tokio::sync::Mutex;

use super::risk_write;
use crate::posture::{domain::RiskId, store};

/// The method of such changes.
const METHOD: &str = "settle";
/// Most batches before one read: what is left, if so much is due at once, the sweep opens.
const ROUNDS: u32 = 10;

/// Opens what was accepted until now. Cheap to clone; clones take turns.
#[derive(Clone)]
pub(crate) struct Settling {
    db: Db,
    turn: Arc<Mutex<()>>,
}

impl Settling {
    pub(crate) fn new(db: Db) -> Self {
        Self { db, turn: Arc::default() }
    }

    /// Opens what was accepted until now. Costs one look at an index where nothing is.
    pub(crate) async fn settle(&self) -> Result<(), DbError> {
        for round in 0..ROUNDS {
            if self.due().await?.is_empty() {
                break;
            }
            // One of all readers does it; the others wait, and find it done.
            let _turn = self.turn.lock().await;
            let due = self.due().await?;
            if due.is_empty() {
                break;
            }
            tracing::debug!(risks = due.len(), round, "acknowledgements have run out");
            let (accounts, ids): (BTreeSet<_>, BTreeSet<_>) = due.into_iter().unzip();
            let (accounts, ids) = (&accounts, &ids);
            let work = |tx: Tx| async move {
                store::accounts_lock(tx.conn(), accounts).await?;
                self.open_again(&tx, ids).await
            };
            self.db.write("risks_settle", work).await?;
        }
        Ok(())
    }

    async fn due(&self) -> Result<Vec<(AccountId, RiskId)>, DbError> {
        store::risks_due(self.db.reader(), self.db.clock().now(), risk_write::BATCH).await
    }

    async fn open_again(&self, tx: &Tx, ids: &BTreeSet<RiskId>) -> Result<(), DbError> {
        let now = self.db.clock().now();
        let (mut before, mut after) = (Vec::new(), Vec::new());
        for risk in store::risks_lock(tx.conn(), ids).await? {
            let mut changed = risk.clone();
            if changed.expire(now) {
                before.push(risk);
                after.push(changed);
            }
        }
        risk_write::save(tx, &before, &after).await?;
        risk_write::record(tx, &after, None, METHOD, now);
        Ok(())
    }
}
