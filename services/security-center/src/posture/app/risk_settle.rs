//! Risks that were accepted until now are open again: before anything of them is read, and from time to time.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex as Locked, PoisonError},
};

use bailiwick_core::AccountId;
use bailiwick_db::{Db, DbError, Tx};
use tokio::sync::Mutex;

use super::risk_write;
use crate::posture::{
    domain::RiskId,
    store::{self, Whose},
};

/// The method of such changes.
const METHOD: &str = "settle";
/// Most rounds before one read: what is left, if so much is due at once, the upkeep opens.
const ROUNDS: u32 = 10;

/// Opens what was accepted until now. Cheap to clone; clones take turns.
#[derive(Clone)]
pub(crate) struct Settling {
    db: Db,
    turns: Arc<Locked<BTreeMap<String, Arc<Mutex<()>>>>>,
}

impl Settling {
    pub(crate) fn new(db: Db) -> Self {
        Self { db, turns: Arc::default() }
    }

    /// Opens what was accepted until now of some risks, and of no others: nobody waits for whoever writes the risks of
    /// another tenant. Costs one look at an index where nothing is due.
    pub(crate) async fn settle(&self, whose: &Whose) -> Result<(), DbError> {
        for round in 0..ROUNDS {
            if self.due(whose).await?.is_empty() {
                break;
            }
            // One of all readers of the same does it; the others wait, and find it done.
            let turn = self.turn(whose);
            let _turn = turn.lock().await;
            let due = self.due(whose).await?;
            if due.is_empty() {
                break;
            }
            tracing::debug!(risks = due.len(), round, "acknowledgements have run out");
            let mut by_account = BTreeMap::<_, BTreeSet<_>>::new();
            for (account, id) in due {
                by_account.entry(account).or_default().insert(id);
            }
            for (account, ids) in &by_account {
                self.open_again(*account, ids).await?;
            }
        }
        Ok(())
    }

    /// Whose turn it is, among those who read the same.
    fn turn(&self, whose: &Whose) -> Arc<Mutex<()>> {
        let of = match whose {
            Whose::Account(account) => account.name(),
            Whose::List(list) => list.directory().name(),
            Whose::All => String::new(),
        };
        let mut turns = self.turns.lock().unwrap_or_else(PoisonError::into_inner);
        turns.retain(|_, turn| Arc::strong_count(turn) > 1);
        Arc::clone(turns.entry(of).or_default())
    }

    async fn due(&self, whose: &Whose) -> Result<Vec<(AccountId, RiskId)>, DbError> {
        store::risks_due(self.db.reader(), whose, self.db.clock().now(), risk_write::BATCH).await
    }

    async fn open_again(&self, account: AccountId, ids: &BTreeSet<RiskId>) -> Result<(), DbError> {
        let work = |tx: Tx| async move {
            store::accounts_lock(tx.conn(), &BTreeSet::from([account])).await?;
            let now = self.db.clock().now();
            let (mut before, mut after) = (Vec::new(), Vec::new());
            for risk in store::risks_lock(tx.conn(), ids).await? {
                let mut changed = risk.clone();
                if changed.expire(now) {
                    before.push(risk);
                    after.push(changed);
                }
            }
            risk_write::save(&tx, &before, &after).await?;
            risk_write::record(&tx, &after, None, METHOD, now);
            Ok::<_, DbError>(())
        };
        self.db.write("risks_settle", work).await.map(drop)
    }
}
