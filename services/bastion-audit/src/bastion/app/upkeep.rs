//! What no call may come back to: listings that were completed by a call that broke off, inventories of accounts that have
//! left, and marks of removals whose enrolment has ended otherwise.

use std::time::Duration;

use bailiwick_core::{AccountId, DirectoryId};
use bailiwick_db::{DbError, Tx};
use bailiwick_rpc::BackgroundTask;
use tokio_util::sync::CancellationToken;

use super::{Bastion, Error, claim::inventory_claims, record::By};
use crate::bastion::store::{self, Inventory};

const EVERY: Duration = Duration::from_mins(1);
/// Inventories that are looked for at once, and marks in a round.
const PAGE: u64 = 100;
/// Most that is removed in one transaction.
const BATCH: i64 = 200;
/// Most transactions for one account in a round: others wait as well.
const STEPS: usize = 25;

/// Looks after them now and then.
pub(crate) fn upkeep(bastion: Bastion, shutdown: CancellationToken) -> BackgroundTask {
    let task = async move {
        let work = async {
            loop {
                if let Err(error) = bastion.upkeep().await {
                    tracing::warn!(%error, "inventories that nobody reports were not looked after");
                }
                tokio::time::sleep(EVERY).await;
            }
        };
        shutdown.run_until_cancelled(work).await;
    };
    ("bastion-upkeep", Box::pin(task))
}

impl Bastion {
    /// One round. An account where it fails keeps no other waiting.
    pub(crate) async fn upkeep(&self) -> Result<(), DbError> {
        let mut after = (String::new(), 0);
        loop {
            let waiting = store::inventories_waiting(self.db().reader(), &after, PAGE).await?;
            let Some((directory, account)) = waiting.last() else { break };
            after = store::inventory_place(*directory, *account)?;
            for of in waiting {
                if let Err(error) = self.look_after(of).await {
                    let (directory, account) = of;
                    tracing::warn!(%directory, %account, %error, "an inventory was not looked after");
                }
            }
        }
        for (directory, account, uid) in store::departures_ended(self.db().reader(), PAGE).await? {
            let uid = uid.as_str();
            let forget = |tx: Tx| async move { store::departure_remove(tx.conn(), directory, account, uid).await };
            self.db().write("bastion_departure_ended", forget).await?;
        }
        Ok(())
    }

    async fn look_after(&self, of: (DirectoryId, AccountId)) -> Result<(), Error> {
        for _ in 0..STEPS {
            if !self.inventory_forget(of).await? {
                return self.inventory_settle(By::Upkeep, of, STEPS).await.map(drop);
            }
        }
        Ok(())
    }

    /// Forgets some of what an account has that reports in no right any more. What was imported stays, suspended: of that it
    /// is not known whether it is still there. Tells whether there was anything.
    async fn inventory_forget(&self, (directory, account): (DirectoryId, AccountId)) -> Result<bool, Error> {
        let forget = |tx: Tx| async move {
            let mut inventory = store::inventory_lock(tx.conn(), directory, account).await?;
            if inventory_claims(tx.conn(), (directory, account)).await?.contains(&inventory.claim) {
                return Ok::<_, Error>(false);
            }
            let all = Inventory { settle_before: i64::MAX, ..inventory.clone() };
            let gone = store::not_named_since(tx.conn(), &all, BATCH).await?;
            if gone.is_empty() {
                store::inventory_remove(tx.conn(), directory, account).await?;
                return Ok(false);
            }
            store::discovered_remove(tx.conn(), directory, account, &gone).await?;
            inventory.items -= i64::try_from(gone.len()).unwrap_or(i64::MAX);
            store::inventory_save(tx.conn(), &inventory).await?;
            Ok(true)
        };
        Ok(self.db().write("bastion_inventory_forget", forget).await?.value)
    }
}
