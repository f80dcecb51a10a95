//! What connectors report. The inventory of an account is locked before the directory, as imports do.

use std::collections::{BTreeMap, BTreeSet};

use bailiwick_core::{AccountId, DirectoryId};
use bailiwick_db::{Committed, IdempotencyKey, Tx};
use bailiwick_rpc::Call;
use sea_orm::ConnectionTrait;
use serde::{Deserialize, Serialize};

use super::{
    Bastion, Error,
    claim::{inventory_claims, owner_claim},
    record::By,
};
use crate::bastion::{
    domain::{Asset, BastionError, Discovered, Home, Instance, ListingPart, Listings, Progress, Resource},
    store::{self, Inventory},
};

/// Most assets of an account. While a listing is open, as many again that it has not named: it replaces them when it is
/// complete.
const ITEMS_MAX: i64 = 20_000;
/// Most that is released in one transaction.
const SETTLE_BATCH: i64 = 200;

/// What a connector says.
pub(crate) struct Report {
    /// What there is, each id once.
    pub(crate) items: Vec<Discovered>,
    /// The ids of what is there no more.
    pub(crate) released: BTreeSet<String>,
    /// Of a listing of everything.
    pub(crate) part: ListingPart,
}

/// What a report changed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Reported {
    pub(crate) added: i32,
    pub(crate) changed: i32,
    pub(crate) released: i32,
}

impl Bastion {
    /// Takes a report.
    ///
    /// # Errors
    /// [`BastionError::NoMember`], [`BastionError::ListingNotOpen`], [`BastionError::InventoryQuota`].
    pub(crate) async fn inventory_report(
        &self,
        call: &Call,
        key: &IdempotencyKey,
        report: &Report,
    ) -> Result<Committed<Reported>, Error> {
        let account = call.permit.tenant_account()?;
        let directory = call.permit.directory().ok_or(BastionError::NoMember(account))?;
        let of = (directory, account);
        self.inventory_renew(of).await?;
        // What an interrupted call has left: nothing is named anew before it is settled.
        self.inventory_settle((call, key).into(), of, usize::MAX).await?;
        let work = |tx: Tx| async move {
            let mut inventory = store::inventory_lock(tx.conn(), directory, account).await?;
            if !check_reporter(tx.conn(), of).await?.contains(&inventory.claim) {
                // It has left and come back since it was looked at.
                return Err(BastionError::NoMember(account).into());
            }
            let reported = self.take(&tx, (call, key), &mut inventory, report).await?;
            store::inventory_save(tx.conn(), &inventory).await?;
            Ok::<_, Error>(reported)
        };
        let done = self.db().write_once("bastion_inventory", key, work).await?;
        let settled = self.inventory_settle((call, key).into(), of, usize::MAX).await?;
        Ok(Committed { position: settled.unwrap_or(done.position), ..done })
    }

    /// Begins the inventory of an account anew that has left and come back since: what is known of it is gone.
    async fn inventory_renew(&self, (directory, account): (DirectoryId, AccountId)) -> Result<(), Error> {
        let renew = |tx: Tx| async move {
            let mut inventory = store::inventory_lock(tx.conn(), directory, account).await?;
            let claims = check_reporter(tx.conn(), (directory, account)).await?;
            if let Some(claim) = claims.first().filter(|_| !claims.contains(&inventory.claim)) {
                inventory.report += 1;
                inventory.settle_before = inventory.report;
                inventory.listings = Listings::default();
                inventory.claim.clone_from(claim);
                store::inventory_save(tx.conn(), &inventory).await?;
            }
            Ok::<_, Error>(())
        };
        self.db().write("bastion_inventory_renew", renew).await?;
        Ok(())
    }

    async fn take(
        &self,
        tx: &Tx,
        by: (&Call, &IdempotencyKey),
        inventory: &mut Inventory,
        report: &Report,
    ) -> Result<Reported, Error> {
        let (directory, account) = (inventory.directory, inventory.account);
        inventory.report += 1;
        let listings = &mut inventory.listings;
        let since = match listings.take(&report.part, inventory.report)? {
            Progress::Takes => (!listings.open.is_empty()).then_some(listings.begin),
            Progress::Completes(begin) => {
                inventory.settle_before = begin.max(inventory.settle_before);
                Some(begin)
            }
            // What it names may be otherwise by now.
            Progress::Repeats => return Ok(Reported::default()),
        };
        let named: BTreeSet<_> = report.items.iter().map(|item| item.source_id.clone()).collect();
        let asked = named.union(&report.released).cloned().collect();
        let known = store::discovered(tx.conn(), (directory, account, 0), &asked).await?;
        let gone: BTreeSet<_> = report.released.iter().filter(|id| known.contains_key(*id)).cloned().collect();
        let added = named.iter().filter(|id| !known.contains_key(*id)).count();
        let mut changed: BTreeMap<String, Option<&Discovered>> = gone.iter().map(|id| (id.clone(), None)).collect();
        for item in report.items.iter().filter(|item| known.get(&item.source_id) != Some(item)) {
            changed.insert(item.source_id.clone(), Some(item));
        }
        inventory.items += number(added) - number(gone.len());
        store::discovered_remove(tx.conn(), directory, account, &gone).await?;
        store::discovered_save(tx.conn(), directory, &report.items, inventory.report).await?;
        if added > gone.len() && inventory.items > ITEMS_MAX {
            check_room(tx.conn(), inventory, since).await?;
        }
        let count = |n: usize| i32::try_from(n).unwrap_or(i32::MAX);
        let reported = Reported {
            added: count(added),
            changed: count(changed.len() - gone.len() - added),
            released: count(gone.len()),
        };
        self.inventory_changed(tx, by.into(), (directory, account), &changed).await?;
        Ok(reported)
    }

    /// Releases what a complete listing did not name, in at most so many small steps. Tells where the last of them is in the
    /// log.
    pub(super) async fn inventory_settle(
        &self,
        by: By<'_>,
        (directory, account): (DirectoryId, AccountId),
        steps: usize,
    ) -> Result<Option<bailiwick_db::Position>, Error> {
        let mut last = None;
        for _ in 0..steps {
            if !store::inventory_settling(self.db().reader(), directory, account).await? {
                break;
            }
            let step = |tx: Tx| async move {
                let mut inventory = store::inventory_lock(tx.conn(), directory, account).await?;
                let gone = store::not_named_since(tx.conn(), &inventory, SETTLE_BATCH).await?;
                // Another call may have settled it meanwhile: nothing is then before its end.
                let more = number(gone.len()) == SETTLE_BATCH;
                store::discovered_remove(tx.conn(), directory, account, &gone).await?;
                inventory.items -= number(gone.len());
                inventory.settle_before = if more { inventory.settle_before } else { 0 };
                store::inventory_save(tx.conn(), &inventory).await?;
                let changed = gone.into_iter().map(|id| (id, None)).collect();
                self.inventory_changed(&tx, by, (directory, account), &changed).await
            };
            last = Some(self.db().write("bastion_inventory_settle", step).await?.position);
        }
        Ok(last)
    }

    /// Lets what was imported follow what has changed, and records it: the change of the inventory, and of the assets of each
    /// bastion host.
    async fn inventory_changed(
        &self,
        tx: &Tx,
        by: By<'_>,
        (directory, account): (DirectoryId, AccountId),
        changed: &BTreeMap<String, Option<&Discovered>>,
    ) -> Result<(), Error> {
        if changed.is_empty() {
            return Ok(());
        }
        self.record(tx, by, directory, account.name(), [account]);
        let ids = changed.keys().cloned().collect();
        if store::imported_as(tx.conn(), directory, account, &ids).await?.is_empty() {
            return Ok(());
        }
        store::head_lock(tx.conn(), directory).await?;
        let mut followed: BTreeMap<String, Vec<Asset>> = BTreeMap::new();
        for before in store::imported_as(tx.conn(), directory, account, &ids).await? {
            let mut after = before.clone();
            let now = before.source_id().and_then(|id| changed.get(id)).copied().flatten();
            after.follow(now.map(|item| &item.seen));
            if after.changed_from(&before, self.now()) {
                followed.entry(after.meta.home.place.clone()).or_default().push(after);
            }
        }
        for (instance, assets) in followed {
            store::assets_save(tx.conn(), &assets).await?;
            let names = assets.iter().map(Resource::name).collect();
            self.record_assets(tx, by, &Home::within(directory, &instance), names, [account]);
        }
        Ok(())
    }
}

/// Whether there is use for the inventory of an account: it is a member of the bastion host, or one belongs to it. In which
/// rights it can be reported.
async fn check_reporter(
    conn: &impl ConnectionTrait,
    (directory, account): (DirectoryId, AccountId),
) -> Result<Vec<String>, Error> {
    let claims = inventory_claims(conn, (directory, account)).await?;
    if store::enrolment(conn, directory, account).await?.is_some() {
        return Ok(claims);
    }
    let instances: Vec<Instance> = store::all(conn, &Home::of_instances(directory)).await?;
    for own in instances.iter().filter(|instance| instance.owner == account) {
        if owner_claim(conn, own, None).await?.is_some() {
            return Ok(claims);
        }
    }
    Err(BastionError::NoMember(account).into())
}

/// Whether what an account has fits, after a report that added to it: all of it, or what was named since the beginning of a
/// listing that will replace the rest.
async fn check_room(conn: &impl ConnectionTrait, inventory: &Inventory, since: Option<i64>) -> Result<(), Error> {
    let stays = match since {
        Some(begin) => store::named_since(conn, inventory, begin).await?,
        None => inventory.items,
    };
    if stays > ITEMS_MAX || inventory.items > 2 * ITEMS_MAX {
        return Err(BastionError::InventoryQuota(ITEMS_MAX).into());
    }
    Ok(())
}

/// A report has a bound, far below what fits.
fn number(count: usize) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}
