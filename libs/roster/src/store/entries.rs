//! The lists.

use std::collections::BTreeSet;

use bailiwick_core::filter::Listing;
use bailiwick_core::{AccountId, DirectoryId, Timestamp, TrustedService};
use bailiwick_db::{Columns, DbError, Place, Source};
use sea_orm::{
    ActiveModelTrait, ColumnTrait, ConnectionTrait, EntityTrait, IntoActiveModel, PaginatorTrait, QueryFilter,
    QueryOrder, QuerySelect, Select,
    sea_query::{Expr, OnConflict},
};

use super::{
    CHUNK,
    entity::entry::{Column, Entity, Model},
};
use crate::domain::{AccountType, Entry, JoinMethod, Key, Profile, Spec};

/// One entry.
pub(crate) async fn entry(conn: &impl ConnectionTrait, key: Key) -> Result<Option<Entry>, DbError> {
    let (service, directory, account) = key;
    let row = of_list(service, directory).filter(Column::Account.eq(number(account)?)).one(conn).await?;
    row.map(Entry::try_from).transpose()
}

/// At most `limit` entries of a list, in some folders or in all, after a place.
pub(crate) async fn entries_page(
    conn: &impl ConnectionTrait,
    (spec, directory, folders): (&Spec, DirectoryId, Option<&BTreeSet<String>>),
    listing: &Listing,
    after: Option<&Place>,
    limit: u64,
) -> Result<Vec<Entry>, DbError> {
    let columns = Columns { schema: spec.schema(), id: || column(Column::Account), source };
    let list = within(of_list(spec.service, directory), folders);
    let page = columns.select(list, listing, after, conn.get_database_backend())?;
    read(page.limit(limit).all(conn).await?)
}

/// At most `limit` entries of a list after an account, in some folders or in all, by account.
pub(crate) async fn entries_after(
    conn: &impl ConnectionTrait,
    (service, directory): (TrustedService, DirectoryId),
    folders: Option<&BTreeSet<String>>,
    after: Option<AccountId>,
    limit: u64,
) -> Result<Vec<Entry>, DbError> {
    let after = after.map(number).transpose()?.unwrap_or_default();
    let page = within(of_list(service, directory), folders).filter(Column::Account.gt(after));
    read(page.order_by_asc(Column::Account).limit(limit).all(conn).await?)
}

/// The place of an entry in a list.
pub(crate) fn entry_place(entry: &Entry, listing: &Listing) -> Result<Place, DbError> {
    Ok(Place::of(number(entry.account)?, listing, |field| entry.sort_value(field)))
}

fn source(field: &str) -> Option<Source> {
    const TYPES: &[(&str, &str)] = &[
        ("ACCOUNT_TYPE_RESOURCE", AccountType::Resource.as_str()),
        ("ACCOUNT_TYPE_CLOUD", AccountType::Cloud.as_str()),
    ];
    const JOIN_METHODS: &[(&str, &str)] =
        &[("JOIN_METHOD_CREATED", JoinMethod::Created.as_str()), ("JOIN_METHOD_INVITED", JoinMethod::Invited.as_str())];
    Some(match field {
        "display_name" => Source::Text(column(Column::DisplayName)),
        "account" => Source::Text(Expr::cust("('accounts/' || CAST(roster_entries.account AS TEXT))")),
        "remark" => Source::Text(column(Column::Remark)),
        "type" => Source::Code(column(Column::AccountType), TYPES),
        "join_method" => Source::Code(column(Column::JoinMethod), JOIN_METHODS),
        "add_time" => Source::Time(column(Column::AddTimeUs)),
        "marked" => Source::Bool(column(Column::Marked)),
        _ => return None,
    })
}

fn column(column: Column) -> Expr {
    Expr::col((Entity, column))
}

/// How many entries a list has, in some folders or in all.
pub(crate) async fn entry_count(
    conn: &impl ConnectionTrait,
    service: TrustedService,
    directory: DirectoryId,
    folders: Option<&BTreeSet<String>>,
) -> Result<u64, DbError> {
    Ok(within(of_list(service, directory), folders).count(conn).await?)
}

/// Of the members in some folders, given by their names; of all without them.
fn within(list: Select<Entity>, folders: Option<&BTreeSet<String>>) -> Select<Entity> {
    match folders {
        Some(folders) => list.filter(Column::Folder.is_in(folders)),
        None => list,
    }
}

/// The entries of some accounts in a list, locked until the transaction ends.
pub(crate) async fn lock_entries(
    conn: &impl ConnectionTrait,
    service: TrustedService,
    directory: DirectoryId,
    accounts: &[AccountId],
) -> Result<Vec<Entry>, DbError> {
    lock(conn, of_list(service, directory), accounts).await
}

/// The entries of some accounts in all lists, locked until the transaction ends.
pub(crate) async fn entries_of_accounts(
    conn: &impl ConnectionTrait,
    accounts: &[AccountId],
) -> Result<Vec<Entry>, DbError> {
    lock(conn, Entity::find(), accounts).await
}

/// All entries of all lists, locked until the transaction ends.
pub(crate) async fn entries_all(conn: &impl ConnectionTrait) -> Result<Vec<Entry>, DbError> {
    let all = Entity::find().order_by_asc(Column::Account).order_by_asc(Column::Service);
    read(all.lock_exclusive().all(conn).await?)
}

/// By account, so that two transactions lock in the same order.
async fn lock(
    conn: &impl ConnectionTrait,
    select: Select<Entity>,
    accounts: &[AccountId],
) -> Result<Vec<Entry>, DbError> {
    let mut numbers = accounts.iter().copied().map(number).collect::<Result<Vec<_>, _>>()?;
    numbers.sort_unstable();
    let mut found = Vec::with_capacity(numbers.len());
    for chunk in numbers.chunks(CHUNK) {
        let chosen = select.clone().filter(Column::Account.is_in(chunk.iter().copied()));
        let rows =
            chosen.order_by_asc(Column::Account).order_by_asc(Column::Service).lock_exclusive().all(conn).await?;
        found.extend(read(rows)?);
    }
    Ok(found)
}

/// Inserts the entries, or replaces them whole.
pub(crate) async fn entries_save(conn: &impl ConnectionTrait, entries: &[Entry]) -> Result<(), DbError> {
    let key = [Column::Service, Column::Directory, Column::Account];
    let rest = [
        Column::Uid,
        Column::Incarnation,
        Column::DisplayName,
        Column::AccountType,
        Column::JoinMethod,
        Column::Folder,
        Column::Remark,
        Column::Marked,
        Column::AddOperator,
        Column::AddTimeUs,
        Column::Version,
    ];
    for chunk in entries.chunks(CHUNK) {
        let rows = chunk.iter().map(row).collect::<Result<Vec<_>, _>>()?;
        Entity::insert_many(rows.into_iter().map(|row| row.into_active_model().reset_all()))
            .on_conflict(OnConflict::columns(key).update_columns(rest).to_owned())
            .exec_without_returning(conn)
            .await?;
    }
    Ok(())
}

/// Removes the entries.
pub(crate) async fn entries_remove(conn: &impl ConnectionTrait, keys: &[Key]) -> Result<(), DbError> {
    let mut rest = keys;
    while let Some((service, directory, _)) = rest.first() {
        let of_one_list = |key: &&Key| key.0 == *service && key.1 == *directory;
        let (chunk, others) = rest.split_at(rest.iter().take(CHUNK).take_while(of_one_list).count());
        rest = others;
        let accounts = chunk.iter().map(|(_, _, account)| number(*account)).collect::<Result<Vec<_>, _>>()?;
        Entity::delete_many()
            .filter(Column::Service.eq(service.id()))
            .filter(Column::Directory.eq(directory.to_string()))
            .filter(Column::Account.is_in(accounts))
            .exec(conn)
            .await?;
    }
    Ok(())
}

fn of_list(service: TrustedService, directory: DirectoryId) -> Select<Entity> {
    Entity::find().filter(Column::Service.eq(service.id())).filter(Column::Directory.eq(directory.to_string()))
}

fn read(rows: Vec<Model>) -> Result<Vec<Entry>, DbError> {
    rows.into_iter().map(Entry::try_from).collect()
}

/// An account id has 16 digits, which fit.
pub(super) fn number(account: AccountId) -> Result<i64, DbError> {
    i64::try_from(account.get()).map_err(broken)
}

pub(super) fn account(number: i64) -> Result<AccountId, DbError> {
    AccountId::try_from(u64::try_from(number).map_err(broken)?).map_err(broken)
}

pub(super) fn broken(error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> DbError {
    DbError::Other(error.into())
}

fn row(entry: &Entry) -> Result<Model, DbError> {
    Ok(Model {
        service: entry.service.id().to_owned(),
        directory: entry.directory.to_string(),
        account: number(entry.account)?,
        uid: entry.uid.clone(),
        incarnation: entry.incarnation.clone(),
        display_name: entry.profile.display_name.clone(),
        account_type: entry.profile.account_type.map_or("", AccountType::as_str).to_owned(),
        join_method: entry.profile.join_method.map_or("", JoinMethod::as_str).to_owned(),
        folder: entry.profile.folder.clone(),
        remark: entry.remark.clone(),
        marked: entry.marked,
        add_operator: entry.add_operator.clone(),
        add_time_us: entry.add_time.as_micros(),
        version: entry.version,
    })
}

impl TryFrom<Model> for Entry {
    type Error = DbError;

    fn try_from(row: Model) -> Result<Self, DbError> {
        Ok(Self {
            service: row.service.parse().map_err(|e: String| broken(e))?,
            directory: row.directory.parse().map_err(broken)?,
            account: account(row.account)?,
            uid: row.uid,
            incarnation: row.incarnation,
            profile: Profile {
                display_name: row.display_name,
                account_type: AccountType::of(&row.account_type),
                join_method: JoinMethod::of(&row.join_method),
                folder: row.folder,
            },
            remark: row.remark,
            marked: row.marked,
            add_operator: row.add_operator,
            add_time: Timestamp::from_micros(row.add_time_us),
            version: row.version,
        })
    }
}
