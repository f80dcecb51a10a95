//! What connectors have found in accounts.

use std::collections::{BTreeMap, BTreeSet};

use bailiwick_core::{AccountId, DirectoryId, TrustedService};
use bailiwick_db::DbError;
use sea_orm::{ConnectionTrait, DbBackend, QueryResult, Value};

use super::{CHUNK, OWN, account, broken, number, statement};
use crate::bastion::domain::{AssetKind, Discovered, Home, Listings};

/// How far the reports of an account have come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Inventory {
    pub(crate) directory: DirectoryId,
    pub(crate) account: AccountId,
    /// The last report.
    pub(crate) report: i64,
    pub(crate) listings: Listings,
    /// In which right it was reported.
    pub(crate) claim: String,
    /// What was last named before this report is to be released; 0 if nothing is.
    pub(crate) settle_before: i64,
    /// How many there are.
    pub(crate) items: i64,
}

/// What of the discovered assets is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct DiscoveredFilter {
    /// Of one account, or of all that can be imported from.
    pub(crate) account: Option<AccountId>,
    pub(crate) kind: Option<AssetKind>,
    pub(crate) not_imported: bool,
}

/// The inventory of an account, locked until the transaction ends.
pub(crate) async fn inventory_lock(
    conn: &impl ConnectionTrait,
    directory: DirectoryId,
    account: AccountId,
) -> Result<Inventory, DbError> {
    let values = of(directory, account)?;
    let insert = "INSERT INTO bastion_inventories \
                  (directory, account, report, listing, listing_begin, completed, settle_before, items, claim) \
                  VALUES ($1, $2, 0, '', 0, '', 0, 0, '') ON CONFLICT (directory, account) DO NOTHING";
    conn.execute_raw(statement(conn, insert, values.clone())).await?;
    let lock = if conn.get_database_backend() == DbBackend::Postgres { " FOR UPDATE" } else { "" };
    let sql = format!(
        "SELECT report, listing, listing_begin, completed, settle_before, items, claim FROM bastion_inventories \
         WHERE directory = $1 AND account = $2{lock}"
    );
    let row = conn.query_one_raw(statement(conn, sql, values)).await?;
    let row = row.ok_or_else(|| broken("the row of an inventory is not there"))?;
    Ok(Inventory {
        directory,
        account,
        report: row.try_get("", "report")?,
        listings: Listings {
            open: row.try_get("", "listing")?,
            begin: row.try_get("", "listing_begin")?,
            completed: row.try_get("", "completed")?,
        },
        claim: row.try_get("", "claim")?,
        settle_before: row.try_get("", "settle_before")?,
        items: row.try_get("", "items")?,
    })
}

/// Whether a complete listing of an account is still to be settled.
pub(crate) async fn inventory_settling(
    conn: &impl ConnectionTrait,
    directory: DirectoryId,
    account: AccountId,
) -> Result<bool, DbError> {
    let sql =
        "SELECT settle_before FROM bastion_inventories WHERE directory = $1 AND account = $2 AND settle_before > 0";
    Ok(conn.query_one_raw(statement(conn, sql, of(directory, account)?)).await?.is_some())
}

/// Saves how far the reports of an account have come.
pub(crate) async fn inventory_save(conn: &impl ConnectionTrait, inventory: &Inventory) -> Result<(), DbError> {
    let sql = "UPDATE bastion_inventories SET report = $3, listing = $4, listing_begin = $5, settle_before = $6, \
               items = $7, completed = $8, claim = $9 WHERE directory = $1 AND account = $2";
    let mut values = of(inventory.directory, inventory.account)?;
    let Listings { open, begin, completed } = &inventory.listings;
    values.extend([inventory.report.into(), open.as_str().into(), (*begin).into()]);
    values.extend([inventory.settle_before.into(), inventory.items.into(), completed.as_str().into()]);
    values.push(inventory.claim.as_str().into());
    conn.execute_raw(statement(conn, sql, values)).await?;
    Ok(())
}

/// Those of some ids that an account has.
pub(crate) async fn discovered(
    conn: &impl ConnectionTrait,
    directory: DirectoryId,
    account: AccountId,
    source_ids: &BTreeSet<String>,
) -> Result<BTreeMap<String, Discovered>, DbError> {
    let mut found = BTreeMap::new();
    for chunk in source_ids.iter().collect::<Vec<_>>().chunks(CHUNK) {
        let (mut values, places) = (of(directory, account)?, places(3, chunk.len()));
        values.extend(chunk.iter().map(|id| Value::from(id.as_str())));
        let sql = format!(
            "SELECT body FROM bastion_inventory_items WHERE directory = $1 AND account = $2 AND source_id IN ({places})"
        );
        for row in conn.query_all_raw(statement(conn, sql, values)).await? {
            let item = read(&row)?;
            found.insert(item.source_id.clone(), item);
        }
    }
    Ok(found)
}

/// Inserts what a report names, or replaces it.
pub(crate) async fn discovered_save(
    conn: &impl ConnectionTrait,
    directory: DirectoryId,
    items: &[Discovered],
    report: i64,
) -> Result<(), DbError> {
    for chunk in items.chunks(CHUNK) {
        let mut values: Vec<Value> = vec![directory.to_string().into(), report.into()];
        let mut rows = Vec::new();
        for item in chunk {
            let at = values.len();
            rows.push(format!("($1, ${}, ${}, ${}, $2, ${})", at + 1, at + 2, at + 3, at + 4));
            values.extend([number(item.account)?.into(), item.source_id.as_str().into()]);
            values.extend([item.seen.kind.code().into(), serde_json::to_string(item).map_err(broken)?.into()]);
        }
        let sql = format!(
            "INSERT INTO bastion_inventory_items (directory, account, source_id, kind, report, body) VALUES {} \
             ON CONFLICT (directory, account, source_id) \
             DO UPDATE SET kind = excluded.kind, report = excluded.report, body = excluded.body",
            rows.join(", ")
        );
        conn.execute_raw(statement(conn, sql, values)).await?;
    }
    Ok(())
}

/// Removes what an account has no more.
pub(crate) async fn discovered_remove(
    conn: &impl ConnectionTrait,
    directory: DirectoryId,
    account: AccountId,
    source_ids: &BTreeSet<String>,
) -> Result<(), DbError> {
    for chunk in source_ids.iter().collect::<Vec<_>>().chunks(CHUNK) {
        let (mut values, places) = (of(directory, account)?, places(3, chunk.len()));
        values.extend(chunk.iter().map(|id| Value::from(id.as_str())));
        let sql = format!(
            "DELETE FROM bastion_inventory_items WHERE directory = $1 AND account = $2 AND source_id IN ({places})"
        );
        conn.execute_raw(statement(conn, sql, values)).await?;
    }
    Ok(())
}

/// At most `limit` ids of what was last named before a report.
pub(crate) async fn not_named_since(
    conn: &impl ConnectionTrait,
    inventory: &Inventory,
    limit: i64,
) -> Result<BTreeSet<String>, DbError> {
    let sql = "SELECT source_id FROM bastion_inventory_items \
               WHERE directory = $1 AND account = $2 AND report < $3 ORDER BY report, source_id LIMIT $4";
    let mut values = of(inventory.directory, inventory.account)?;
    values.extend([inventory.settle_before.into(), limit.into()]);
    let rows = conn.query_all_raw(statement(conn, sql, values)).await?;
    rows.iter().map(|row| Ok(row.try_get("", "source_id")?)).collect()
}

/// Where an item is in the list of a bastion host.
pub(crate) type DiscoveredPlace = (i64, String);

/// At most `limit` of what can be imported into a bastion host, of an owner if it has one, or was, by account and id, with the id of
/// the asset that it became.
pub(crate) async fn discovered_page(
    conn: &impl ConnectionTrait,
    (home, owner): (&Home, Option<AccountId>),
    filter: &DiscoveredFilter,
    after: &DiscoveredPlace,
    limit: i64,
) -> Result<Vec<(Discovered, Option<String>)>, DbError> {
    let mut values: Vec<Value> = vec![
        home.directory.to_string().into(),
        home.place.as_str().into(),
        owner.map(number).transpose()?.unwrap_or_default().into(),
        TrustedService::Bastionhost.id().into(),
        after.0.into(),
        after.1.as_str().into(),
        limit.into(),
        OWN.into(),
    ];
    let mut narrower = String::new();
    if let Some(account) = filter.account {
        values.push(number(account)?.into());
        narrower.push_str(&format!(" AND i.account = ${}", values.len()));
    }
    if let Some(kind) = filter.kind {
        values.push(kind.code().into());
        narrower.push_str(&format!(" AND i.kind = ${}", values.len()));
    }
    if filter.not_imported {
        narrower.push_str(" AND a.id IS NULL");
    }
    let sql = format!(
        "SELECT i.body, a.id FROM bastion_inventory_items i LEFT JOIN bastion_assets a ON a.directory = i.directory \
         AND a.owner = i.account AND a.source_key = i.source_id AND a.instance = $2 WHERE i.directory = $1 \
         AND EXISTS (SELECT 1 FROM bastion_inventories h LEFT JOIN roster_entries e ON e.service = $4 \
         AND e.directory = h.directory AND e.account = h.account LEFT JOIN roster_accounts m \
         ON m.directory = h.directory AND m.account = h.account WHERE h.directory = i.directory \
         AND h.account = i.account AND (h.claim = e.uid OR h.claim = $8 || m.incarnation)) \
         AND (i.account = $3 OR EXISTS (SELECT 1 FROM roster_entries e \
         WHERE e.service = $4 AND e.directory = i.directory AND e.account = i.account)) \
         AND (i.account > $5 OR i.account = $5 AND i.source_id > $6){narrower} \
         ORDER BY i.account, i.source_id LIMIT $7"
    );
    let rows = conn.query_all_raw(statement(conn, sql, values)).await?;
    rows.iter().map(|row| Ok((read(row)?, row.try_get("", "id")?))).collect()
}

/// The place of an item in the list.
pub(crate) fn discovered_place(item: &Discovered) -> String {
    format!("{} {}", item.account.get(), item.source_id)
}

/// The place of a text.
pub(crate) fn read_place(text: &str) -> Option<DiscoveredPlace> {
    let (number, id) = text.split_once(' ')?;
    let number: u64 = number.parse().ok()?;
    account(i64::try_from(number).ok()?).ok()?;
    Some((i64::try_from(number).ok()?, id.to_owned()))
}

fn of(directory: DirectoryId, account: AccountId) -> Result<Vec<Value>, DbError> {
    Ok(vec![directory.to_string().into(), number(account)?.into()])
}

/// `$3, $4, $5` for three values from the third on.
fn places(first: usize, count: usize) -> String {
    (first..first + count).map(|at| format!("${at}")).collect::<Vec<_>>().join(", ")
}

fn read(row: &QueryResult) -> Result<Discovered, DbError> {
    serde_json::from_str(&row.try_get::<String>("", "body")?).map_err(broken)
}
