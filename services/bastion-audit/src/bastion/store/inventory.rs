//! What connectors have found in accounts.

use std::collections::{BTreeMap, BTreeSet};

use bailiwick_core::{AccountId, DirectoryId, TrustedService};
use bailiwick_db::DbError;
use sea_orm::{ConnectionTrait, DbBackend, QueryResult, Value};

use super::{CHUNK, OWN, account, broken, number, statement};
use crate::bastion::domain::{Discovered, Home, Listings};

/// How often the row of an inventory is made before it is locked.
const LOCK_TRIES: usize = 3;

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
    let lock = if conn.get_database_backend() == DbBackend::Postgres { " FOR UPDATE" } else { "" };
    let sql = format!(
        "SELECT report, listing, listing_begin, completed, settle_before, items, claim FROM bastion_inventories \
         WHERE directory = $1 AND account = $2{lock}"
    );
    let mut found = None;
    // One that is empty can be removed between the two.
    for _ in 0..LOCK_TRIES {
        conn.execute_raw(statement(conn, insert, values.clone())).await?;
        found = conn.query_one_raw(statement(conn, sql.as_str(), values.clone())).await?;
        if found.is_some() {
            break;
        }
    }
    let row = found.ok_or_else(|| broken("the row of an inventory is not there"))?;
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

/// Those of some ids that an account has, as far as they were named in a report or after it: 0 for all.
pub(crate) async fn discovered(
    conn: &impl ConnectionTrait,
    (directory, account, since): (DirectoryId, AccountId, i64),
    source_ids: &BTreeSet<String>,
) -> Result<BTreeMap<String, Discovered>, DbError> {
    let mut found = BTreeMap::new();
    for chunk in source_ids.iter().collect::<Vec<_>>().chunks(CHUNK) {
        let (mut values, places) = (of(directory, account)?, places(4, chunk.len()));
        values.push(since.into());
        values.extend(chunk.iter().map(|id| Value::from(id.as_str())));
        let sql = format!(
            "SELECT body FROM bastion_inventory_items \
             WHERE directory = $1 AND account = $2 AND report >= $3 AND source_id IN ({places})"
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

/// How many were named in a report or after it.
pub(crate) async fn named_since(
    conn: &impl ConnectionTrait,
    inventory: &Inventory,
    report: i64,
) -> Result<i64, DbError> {
    let sql = "SELECT COUNT(*) AS count FROM bastion_inventory_items \
               WHERE directory = $1 AND account = $2 AND report >= $3";
    let mut values = of(inventory.directory, inventory.account)?;
    values.push(report.into());
    let row = conn.query_one_raw(statement(conn, sql, values)).await?;
    Ok(row.map(|row| row.try_get("", "count")).transpose()?.unwrap_or_default())
}

/// Removes an inventory that has nothing.
pub(crate) async fn inventory_remove(
    conn: &impl ConnectionTrait,
    directory: DirectoryId,
    account: AccountId,
) -> Result<(), DbError> {
    let sql = "DELETE FROM bastion_inventories WHERE directory = $1 AND account = $2";
    conn.execute_raw(statement(conn, sql, of(directory, account)?)).await?;
    Ok(())
}

/// The enrolment `e` and the membership `m` of the account of an inventory `h`; the first value is the service's.
const RIGHTS: &str = "LEFT JOIN roster_entries e ON e.service = $1 AND e.directory = h.directory AND e.account = h.account \
                      LEFT JOIN roster_accounts m ON m.directory = h.directory AND m.account = h.account";

/// At most `limit` inventories, after one, of which something is to be settled, or which are reported in no right any more.
pub(crate) async fn inventories_waiting(
    conn: &impl ConnectionTrait,
    after: &(String, i64),
    limit: u64,
) -> Result<Vec<(DirectoryId, AccountId)>, DbError> {
    let sql = format!(
        "SELECT h.directory, h.account FROM bastion_inventories h {RIGHTS} \
         WHERE (h.directory, h.account) > ($2, $3) AND (h.settle_before > 0 \
         OR NOT (h.claim = COALESCE(e.uid, '') OR h.claim = COALESCE($4 || m.incarnation, '')) OR h.claim = '') \
         ORDER BY h.directory, h.account LIMIT $5"
    );
    let values = vec![
        TrustedService::Bastionhost.id().into(),
        after.0.as_str().into(),
        after.1.into(),
        OWN.into(),
        i64::try_from(limit).map_err(broken)?.into(),
    ];
    let rows = conn.query_all_raw(statement(conn, sql, values)).await?;
    let read = |row: &QueryResult| {
        let directory: String = row.try_get("", "directory")?;
        Ok((directory.parse().map_err(broken)?, account(row.try_get("", "account")?)?))
    };
    rows.iter().map(read).collect()
}

/// The place of an inventory among those.
pub(crate) fn inventory_place(directory: DirectoryId, account: AccountId) -> Result<(String, i64), DbError> {
    Ok((directory.to_string(), number(account)?))
}

/// Where an item is in the list of a bastion host.
pub(crate) type DiscoveredPlace = (i64, String);

/// The inventories, from an account on, that can be imported from: of members, and of an owner if it has one. Each with the
/// report since which its assets must have been named. At most `limit`, by account.
pub(crate) async fn inventories_from(
    conn: &impl ConnectionTrait,
    (directory, owner): (DirectoryId, Option<AccountId>),
    of: Option<AccountId>,
    from: i64,
    limit: u64,
) -> Result<Vec<(AccountId, i64)>, DbError> {
    let mut values: Vec<Value> = vec![
        TrustedService::Bastionhost.id().into(),
        directory.to_string().into(),
        from.into(),
        OWN.into(),
        owner.map(number).transpose()?.unwrap_or_default().into(),
        i64::try_from(limit).map_err(broken)?.into(),
    ];
    let mut narrower = "";
    if let Some(account) = of {
        values.push(number(account)?.into());
        narrower = " AND h.account = $7";
    }
    let sql = format!(
        "SELECT h.account, h.settle_before FROM bastion_inventories h {RIGHTS} \
         WHERE h.directory = $2 AND h.account >= $3 AND h.items > 0 AND (h.claim = e.uid OR h.claim = $4 || m.incarnation) \
         AND (h.account = $5 OR e.account IS NOT NULL){narrower} ORDER BY h.account LIMIT $6"
    );
    let rows = conn.query_all_raw(statement(conn, sql, values)).await?;
    rows.iter().map(|row| Ok((account(row.try_get("", "account")?)?, row.try_get("", "settle_before")?))).collect()
}

/// At most `limit` of what an account has, as far as it was named since a report, after an id and by it, with the id of the
/// asset of a bastion host that it became.
pub(crate) async fn discovered_after(
    conn: &impl ConnectionTrait,
    home: &Home,
    (account, since): (AccountId, i64),
    after: &str,
    limit: u64,
) -> Result<Vec<(Discovered, Option<String>)>, DbError> {
    let mut values = of(home.directory, account)?;
    values.extend([home.place.as_str().into(), since.into(), after.into()]);
    values.push(i64::try_from(limit).map_err(broken)?.into());
    let sql = "SELECT i.body, a.id FROM bastion_inventory_items i LEFT JOIN bastion_assets a \
               ON a.directory = i.directory AND a.owner = i.account AND a.source_key = i.source_id AND a.instance = $3 \
               WHERE i.directory = $1 AND i.account = $2 AND i.report >= $4 AND i.source_id > $5 \
               ORDER BY i.source_id LIMIT $6";
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
