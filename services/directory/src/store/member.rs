//! Memberships.

use std::collections::{BTreeMap, BTreeSet};

use bailiwick_core::{AccountId, DirectoryId, Timestamp, filter::Listing};
use bailiwick_db::{Columns, Entries, Place, Source};
use sea_orm::{
    ActiveValue::Set,
    ColumnTrait, Condition, ConnectionTrait, EntityTrait, ExprTrait, PaginatorTrait, QueryFilter, QueryOrder,
    QuerySelect, QueryTrait, Select,
    sea_query::{Expr, Query, SelectStatement},
};

use super::{
    Result, account, code, coded, control_policy, count,
    entity::{accounts, members},
    key, keys, label, malformed, time, user,
};
use crate::domain::{
    control_policy::Node,
    member::{JoinMethod, Member, Membership, SCHEMA},
};

const JOIN_METHODS: [(JoinMethod, &str); 3] = [
    (JoinMethod::Created, "created"),
    (JoinMethod::Invited, "invited"),
    (JoinMethod::EnabledDirectory, "enabled-directory"),
];

/// The membership of an account, in whatever directory.
pub async fn of_account(conn: &impl ConnectionTrait, id: AccountId) -> Result<Option<Membership>> {
    let row = members::Entity::find_by_id(key(id)).one(conn).await?;
    Ok(from_rows(conn, row.into_iter().collect()).await?.pop())
}

/// The directories that some accounts belong to.
pub async fn of_accounts(conn: &impl ConnectionTrait, ids: &[AccountId]) -> Result<BTreeMap<AccountId, DirectoryId>> {
    let rows: Vec<(i64, String)> = members::Entity::find()
        .select_only()
        .columns([members::Column::Account, members::Column::Directory])
        .filter(members::Column::Account.is_in(keys(ids)))
        .into_tuple()
        .all(conn)
        .await?;
    rows.into_iter().map(|(id, directory)| Ok((account(id)?, super::directory(&directory)?))).collect()
}

/// The memberships of some accounts in one directory, that of the management account among them, but none that is over.
pub async fn find(
    conn: &impl ConnectionTrait,
    directory: DirectoryId,
    ids: &[AccountId],
    now: Timestamp,
) -> Result<Vec<Membership>> {
    let query = of(directory).filter(not_due(now)).filter(members::Column::Account.is_in(keys(ids)));
    from_rows(conn, query.all(conn).await?).await
}

/// A member of a directory; not its management account, and none that is over.
pub async fn get(
    conn: &impl ConnectionTrait,
    directory: DirectoryId,
    id: AccountId,
    now: Timestamp,
) -> Result<Option<Member>> {
    let row = listed(directory).filter(not_due(now)).filter(members::Column::Account.eq(key(id))).one(conn).await?;
    let found = with_types(conn, from_rows(conn, row.into_iter().collect()).await?).await?;
    Ok(found.into_iter().next())
}

/// The members of a directory that are asked for, after `after`, in some folders if these are given; not its
/// management account, and not those whose deletion is due.
pub async fn page(
    conn: &impl ConnectionTrait,
    directory: DirectoryId,
    within: Option<&BTreeSet<String>>,
    listing: &Listing,
    (after, limit): (Option<&Place>, u64),
    now: Timestamp,
) -> Result<Vec<Member>> {
    let columns = Columns { schema: &SCHEMA, id: || column(members::Column::Account), source };
    let mut query =
        columns.select(listed(directory).filter(not_due(now)), listing, after, conn.get_database_backend())?;
    let same_account = column(members::Column::Account).eq(Expr::col((accounts::Entity, accounts::Column::Account)));
    QueryTrait::query(&mut query).inner_join(accounts::Entity, same_account);
    if let Some(folders) = within {
        query = query.filter(members::Column::Folder.is_in(folders));
    }
    let rows = query.limit(limit).all(conn).await?;
    with_types(conn, from_rows(conn, rows).await?).await
}

/// The place of a member in a list.
pub fn place(member: &Member, listing: &Listing) -> Place {
    Place::of(key(member.membership.account), listing, |field| member.sort_value(field))
}

fn source(field: &str) -> Option<Source> {
    const METHODS: &[(&str, &str)] = &[("JOIN_METHOD_CREATED", "created"), ("JOIN_METHOD_INVITED", "invited")];
    const TYPES: &[(&str, &str)] = &[("ACCOUNT_TYPE_RESOURCE", "resource"), ("ACCOUNT_TYPE_CLOUD", "cloud")];
    Some(match field {
        "display_name" => Source::Text(column(members::Column::DisplayName)),
        "account" => Source::Text(Expr::cust("('accounts/' || CAST(members.account AS TEXT))")),
        "type" => Source::Code(Expr::col((accounts::Entity, accounts::Column::Kind)), TYPES),
        "join_method" => Source::Code(column(members::Column::JoinMethod), METHODS),
        "join_time" => Source::Time(column(members::Column::JoinUs)),
        "folder" => Source::Text(Expr::cust("('directories/' || members.directory || '/folders/' || members.folder)")),
        "labels" => Source::Entries(Entries { table: "member_labels", key: "label", text: "value", item: "account" }),
        _ => return None,
    })
}

fn column(column: members::Column) -> Expr {
    Expr::col((members::Entity, column))
}

/// How many members a directory has, neither its management account counted nor those that are over.
pub async fn count_listed(conn: &impl ConnectionTrait, directory: DirectoryId, now: Timestamp) -> Result<u32> {
    Ok(count(listed(directory).filter(not_due(now)).count(conn).await?))
}

/// The same with those that are over and have not been ended.
pub async fn count_stored(conn: &impl ConnectionTrait, directory: DirectoryId) -> Result<u32> {
    Ok(count(listed(directory).count(conn).await?))
}

/// How many accounts are in a folder, the management account counted, those that are over not.
pub async fn count_in(
    conn: &impl ConnectionTrait,
    directory: DirectoryId,
    folder: &str,
    now: Timestamp,
) -> Result<u32> {
    Ok(count(of(directory).filter(not_due(now)).filter(members::Column::Folder.eq(folder)).count(conn).await?))
}

/// Whether an account of the directory has the display name. A member that is over gives it up by this: names are unique
/// in the table, and how long such a row stays must not matter to anyone.
pub async fn has_name(conn: &impl ConnectionTrait, directory: DirectoryId, name: &str, now: Timestamp) -> Result<bool> {
    let named = || of(directory).filter(members::Column::DisplayName.eq(name));
    let Some(row) = named().one(conn).await? else { return Ok(false) };
    if row.purge_us.is_none_or(|due| due > now.as_micros()) {
        return Ok(true);
    }
    // A name that nobody can choose: none begins with a space.
    members::Entity::update_many()
        .set(members::ActiveModel { display_name: Set(format!(" {}", row.account)), ..Default::default() })
        .filter(members::Column::Account.eq(row.account))
        .exec(conn)
        .await?;
    Ok(false)
}

/// Adds a membership, with its labels and what is attached to it from the first.
pub async fn insert(conn: &impl ConnectionTrait, membership: &Membership) -> Result<()> {
    let row = members::ActiveModel {
        account: Set(key(membership.account)),
        directory: Set(membership.directory.to_string()),
        incarnation: Set(membership.incarnation.clone()),
        join_method: Set(code(&JOIN_METHODS, membership.join_method)),
        join_us: Set(membership.join_time.as_micros()),
        purge_us: Set(membership.purge_time.map(Timestamp::as_micros)),
        ..changing(membership)
    };
    members::Entity::insert(row).exec_without_returning(conn).await?;
    label::put(conn, membership.account, &membership.labels).await?;
    let node = Node::Member(membership.account);
    control_policy::attach(conn, membership.directory, &node, &membership.control_policies, None).await
}

/// Writes when the membership of an account ends; none if it does not.
pub async fn set_purge_time(conn: &impl ConnectionTrait, membership: &Membership) -> Result<()> {
    let changing = members::ActiveModel {
        purge_us: Set(membership.purge_time.map(Timestamp::as_micros)),
        version: Set(membership.version),
        ..Default::default()
    };
    members::Entity::update_many()
        .set(changing)
        .filter(members::Column::Account.eq(key(membership.account)))
        .exec(conn)
        .await?;
    Ok(())
}

/// Writes that the membership of an account, or what is shown beside it, has changed.
pub async fn set_version(conn: &impl ConnectionTrait, membership: &Membership) -> Result<()> {
    members::Entity::update_many()
        .set(members::ActiveModel { version: Set(membership.version), ..Default::default() })
        .filter(members::Column::Account.eq(key(membership.account)))
        .exec(conn)
        .await?;
    Ok(())
}

/// Whether an account waits for its deletion.
pub async fn is_suspended(conn: &impl ConnectionTrait, id: AccountId) -> Result<bool> {
    let waiting = members::Entity::find_by_id(key(id)).filter(members::Column::PurgeUs.is_not_null());
    Ok(waiting.count(conn).await? > 0)
}

/// The members whose deletion is due, those first that are due longest; of one directory, or for the sweeper of all.
pub async fn due(
    conn: &impl ConnectionTrait,
    directory: Option<DirectoryId>,
    now: Timestamp,
    limit: u64,
) -> Result<Vec<(DirectoryId, AccountId)>> {
    let all = match directory {
        Some(directory) => of(directory),
        None => members::Entity::find(),
    };
    let rows: Vec<(String, i64)> = all
        .select_only()
        .columns([members::Column::Directory, members::Column::Account])
        .filter(members::Column::PurgeUs.lte(now.as_micros()))
        .order_by_asc(members::Column::PurgeUs)
        .order_by_asc(members::Column::Account)
        .limit(limit)
        .into_tuple()
        .all(conn)
        .await?;
    rows.iter().map(|(directory, id)| Ok((super::directory(directory)?, account(*id)?))).collect()
}

/// Writes what changes of a membership, but for what is attached to it.
pub async fn save(conn: &impl ConnectionTrait, membership: &Membership) -> Result<()> {
    members::Entity::update_many()
        .set(changing(membership))
        .filter(members::Column::Directory.eq(membership.directory.to_string()))
        .filter(members::Column::Account.eq(key(membership.account)))
        .exec(conn)
        .await?;
    label::put(conn, membership.account, &membership.labels).await
}

/// Ends a membership, with its labels and attachments.
pub async fn delete(conn: &impl ConnectionTrait, directory: DirectoryId, id: AccountId) -> Result<()> {
    label::put(conn, id, &Default::default()).await?;
    control_policy::detach_all(conn, directory, &Node::Member(id)).await?;
    members::Entity::delete_many()
        .filter(members::Column::Directory.eq(directory.to_string()))
        .filter(members::Column::Account.eq(key(id)))
        .exec(conn)
        .await?;
    Ok(())
}

/// The accounts whose membership of a directory is over and has not been ended, each as `members/{account}`.
pub(super) fn nodes_due(directory: DirectoryId, now: Timestamp) -> SelectStatement {
    Query::select()
        .expr(Expr::cust("'members/' || CAST(account AS TEXT)"))
        .from(members::Entity)
        .and_where(members::Column::Directory.eq(directory.to_string()))
        .and_where(members::Column::PurgeUs.lte(now.as_micros()))
        .to_owned()
}

fn of(directory: DirectoryId) -> Select<members::Entity> {
    members::Entity::find().filter(members::Column::Directory.eq(directory.to_string()))
}

fn not_due(now: Timestamp) -> Condition {
    Condition::any().add(members::Column::PurgeUs.is_null()).add(members::Column::PurgeUs.gt(now.as_micros()))
}

fn listed(directory: DirectoryId) -> Select<members::Entity> {
    let unlisted = JOIN_METHODS.iter().filter(|(method, _)| !method.is_listed()).map(|(_, code)| *code);
    of(directory).filter(members::Column::JoinMethod.is_not_in(unlisted))
}

async fn with_types(conn: &impl ConnectionTrait, memberships: Vec<Membership>) -> Result<Vec<Member>> {
    let ids: Vec<AccountId> = memberships.iter().map(|m| m.account).collect();
    let types = account::types(conn, &ids).await?;
    let roots = user::roots(conn, &ids).await?;
    let member = |membership: Membership| {
        let kind = types.get(&membership.account).copied();
        let kind = kind.ok_or_else(|| malformed("account of a member", membership.account))?;
        let root_user_enabled = roots.get(&membership.account).copied().unwrap_or(false);
        Ok(Member { membership, kind, root_user_enabled })
    };
    memberships.into_iter().map(member).collect()
}

fn changing(membership: &Membership) -> members::ActiveModel {
    members::ActiveModel {
        display_name: Set(membership.display_name.clone()),
        folder: Set(membership.folder.clone()),
        version: Set(membership.version),
        ..Default::default()
    }
}

/// Memberships of one directory.
async fn from_rows(conn: &impl ConnectionTrait, rows: Vec<members::Model>) -> Result<Vec<Membership>> {
    let Some(first) = rows.first() else { return Ok(Vec::new()) };
    let directory = super::directory(&first.directory)?;
    let mut memberships = rows.into_iter().map(from_row).collect::<Result<Vec<_>>>()?;
    let accounts: Vec<AccountId> = memberships.iter().map(|m| m.account).collect();
    let mut labels = label::of(conn, &accounts).await?;
    let nodes = accounts.iter().map(|account| Node::Member(*account));
    let mut attached = control_policy::on(conn, directory, nodes).await?;
    for membership in &mut memberships {
        membership.labels = labels.remove(&membership.account).unwrap_or_default();
        membership.control_policies = attached.remove(&Node::Member(membership.account)).unwrap_or_default();
    }
    Ok(memberships)
}

fn from_row(row: members::Model) -> Result<Membership> {
    Ok(Membership {
        directory: super::directory(&row.directory)?,
        account: account(row.account)?,
        incarnation: row.incarnation,
        join_method: coded("join method", &JOIN_METHODS, &row.join_method)?,
        display_name: row.display_name,
        folder: row.folder,
        labels: Default::default(),
        control_policies: Vec::new(),
        join_time: time(row.join_us),
        version: row.version,
        purge_time: row.purge_us.map(time),
    })
}
