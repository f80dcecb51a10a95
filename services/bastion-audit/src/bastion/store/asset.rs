//! Assets.

use std::collections::BTreeSet;

use bailiwick_core::{
    AccountId, DirectoryId, Owner, ResourceName,
    filter::{Filter, Listing},
};
use bailiwick_db::{Columns, DbError, Place, Source};
use sea_orm::{
    ActiveModelTrait, ColumnTrait, ConnectionTrait, EntityTrait, ExprTrait, IntoActiveModel, PaginatorTrait,
    QueryFilter, QueryOrder, QuerySelect, Select,
    sea_query::{Expr, OnConflict, Query, SelectStatement},
};

use super::{
    CHUNK, account, broken,
    entity::asset::{Column, Entity, Model},
    number,
};
use crate::bastion::domain::{Asset, AssetKind, Home, Origin, Resource, SOURCES, STATES, asset_filter::ASSETS};

const KINDS: &[(&str, i64)] = &{
    let [a, b, c] = AssetKind::ALL;
    [(a.name(), a.code()), (b.name(), b.code()), (c.name(), c.code())]
};
/// Most accounts that a change tells of.
const OWNERS_MAX: u64 = 1_000;
const SOURCE_ID: &str = "CASE WHEN bastion_assets.source = 2 THEN bastion_assets.source_key ELSE '' END";

static COLUMNS: Columns = Columns { schema: &ASSETS, id: || column(Column::Id), source };

fn source(field: &str) -> Option<Source> {
    Some(match field {
        "owner_account" => Source::Named(column(Column::Owner), account_number),
        "kind" => Source::Rank(column(Column::Kind), KINDS),
        "source" => Source::Rank(column(Column::Source), &SOURCES),
        "state" => Source::Rank(column(Column::State), &STATES),
        "display_name" => Source::Text(column(Column::DisplayName)),
        "comment" => Source::Text(column(Column::Comment)),
        "source_id" => Source::Text(Expr::cust(SOURCE_ID)),
        "source_region" => Source::Text(column(Column::Region)),
        "private_address" => Source::Text(column(Column::PrivateAddress)),
        "public_address" => Source::Text(column(Column::PublicAddress)),
        "create_time" => Source::Time(column(Column::CreateUs)),
        _ => return None,
    })
}

fn column(column: Column) -> Expr {
    Expr::col((Entity, column))
}

/// The number of `accounts/{account}`.
fn account_number(name: &str) -> Option<i64> {
    match ResourceName::parse(name).ok()?.owner() {
        Owner::Account(account) if account.name() == name => number(account).ok(),
        _ => None,
    }
}

/// An asset, if it is there.
pub(crate) async fn asset(conn: &impl ConnectionTrait, home: &Home, id: &str) -> Result<Option<Asset>, DbError> {
    within(home).filter(Column::Id.eq(id)).one(conn).await?.map(read).transpose()
}

/// Those of some ids that are there.
pub(crate) async fn assets_existing(
    conn: &impl ConnectionTrait,
    home: &Home,
    ids: &BTreeSet<&str>,
) -> Result<BTreeSet<String>, DbError> {
    let mut found = BTreeSet::new();
    for chunk in ids.iter().collect::<Vec<_>>().chunks(CHUNK) {
        let some = within(home).filter(Column::Id.is_in(chunk.iter().map(|id| **id)));
        let some: Vec<String> = some.select_only().column(Column::Id).into_tuple().all(conn).await?;
        found.extend(some);
    }
    Ok(found)
}

/// How many of some assets are of a kind.
pub(crate) async fn assets_of_kind(
    conn: &impl ConnectionTrait,
    home: &Home,
    ids: &BTreeSet<&str>,
    kind: AssetKind,
) -> Result<usize, DbError> {
    let mut count = 0;
    for chunk in ids.iter().collect::<Vec<_>>().chunks(CHUNK) {
        let some = within(home).filter(Column::Id.is_in(chunk.iter().map(|id| **id)));
        count += some.filter(Column::Kind.eq(kind.code())).count(conn).await?;
    }
    usize::try_from(count).map_err(broken)
}

/// The id of the asset that people call so.
pub(crate) async fn asset_called(
    conn: &impl ConnectionTrait,
    home: &Home,
    display_name: &str,
) -> Result<Option<String>, DbError> {
    Ok(within(home).filter(Column::DisplayName.eq(display_name)).one(conn).await?.map(|row| row.id))
}

/// Those of some ids that are there and asked for.
pub(crate) async fn assets_among(
    conn: &impl ConnectionTrait,
    home: &Home,
    ids: &BTreeSet<String>,
    filter: &Filter,
) -> Result<Vec<Asset>, DbError> {
    let wanted = COLUMNS.condition(filter, conn.get_database_backend())?;
    let select = within(home).filter(Column::Id.is_in(ids)).filter(wanted).order_by_asc(Column::Id);
    select.all(conn).await?.into_iter().map(read).collect()
}

/// Which assets of a bastion host a list is of: those that are in all of these that are given.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Part<'a> {
    pub(crate) owner: Option<AccountId>,
    /// By its id; empty for none.
    pub(crate) group: &'a str,
    /// By its id; empty for none.
    pub(crate) domain: &'a str,
}

/// At most `limit` assets of a part that are asked for, after a place.
pub(crate) async fn assets_page(
    conn: &impl ConnectionTrait,
    (home, part): (&Home, Part<'_>),
    listing: &Listing,
    after: Option<&Place>,
    limit: u64,
) -> Result<Vec<Asset>, DbError> {
    let mut select = within(home);
    if let Some(owner) = part.owner {
        select = select.filter(Column::Owner.eq(number(owner)?));
    }
    if !part.domain.is_empty() {
        select = select.filter(Column::NetworkDomain.eq(part.domain));
    }
    if !part.group.is_empty() {
        select = select.filter(Column::Id.in_subquery(grouped(home, &[part.group])));
    }
    let select = COLUMNS.select(select, listing, after, conn.get_database_backend())?;
    select.limit(limit).all(conn).await?.into_iter().map(read).collect()
}

/// The place of an asset in a list.
pub(crate) fn asset_place(asset: &Asset, listing: &Listing) -> Place {
    Place::of(asset.meta.id.as_str(), listing, |field| asset.sort_value(field))
}

/// How many there are in a bastion host.
pub(crate) async fn asset_count(conn: &impl ConnectionTrait, home: &Home) -> Result<usize, DbError> {
    usize::try_from(within(home).count(conn).await?).map_err(broken)
}

/// The name of an asset of an owner, in any bastion host of a directory.
pub(crate) async fn asset_of(
    conn: &impl ConnectionTrait,
    directory: DirectoryId,
    owner: AccountId,
) -> Result<Option<String>, DbError> {
    let of_owner = Entity::find().filter(Column::Directory.eq(directory.to_string()));
    let row = of_owner.filter(Column::Owner.eq(number(owner)?)).one(conn).await?;
    row.map(|row| read(row).map(|asset| asset.name())).transpose()
}

/// The accounts that assets of a bastion host belong to.
pub(crate) async fn owners_in(conn: &impl ConnectionTrait, home: &Home) -> Result<BTreeSet<AccountId>, DbError> {
    let owned = within(home).filter(Column::Owner.ne(0)).select_only().column(Column::Owner).distinct();
    let owners: Vec<i64> = owned.into_tuple().all(conn).await?;
    owners.into_iter().map(account).collect()
}

/// The accounts that some assets of a bastion host belong to.
pub(crate) async fn owners_of(
    conn: &impl ConnectionTrait,
    home: &Home,
    ids: &BTreeSet<String>,
) -> Result<BTreeSet<AccountId>, DbError> {
    let mut found = BTreeSet::new();
    for chunk in ids.iter().collect::<Vec<_>>().chunks(CHUNK) {
        let of = Column::Id.is_in(chunk.iter().map(|id| id.as_str()));
        found.extend(owners_where(conn, within(home).filter(of)).await?);
    }
    Ok(found)
}

/// The accounts that the assets of some groups belong to, [`OWNERS_MAX`] at most.
pub(crate) async fn owners_in_groups(
    conn: &impl ConnectionTrait,
    home: &Home,
    groups: &BTreeSet<String>,
) -> Result<BTreeSet<AccountId>, DbError> {
    let groups: Vec<_> = groups.iter().map(String::as_str).collect();
    owners_where(conn, within(home).filter(Column::Id.in_subquery(grouped(home, &groups)))).await
}

/// The accounts that the assets of a network domain belong to, [`OWNERS_MAX`] at most.
pub(crate) async fn owners_in_domain(
    conn: &impl ConnectionTrait,
    home: &Home,
    domain: &str,
) -> Result<BTreeSet<AccountId>, DbError> {
    owners_where(conn, within(home).filter(Column::NetworkDomain.eq(domain))).await
}

async fn owners_where(conn: &impl ConnectionTrait, assets: Select<Entity>) -> Result<BTreeSet<AccountId>, DbError> {
    let owned = assets.filter(Column::Owner.ne(0)).select_only().column(Column::Owner).distinct().limit(OWNERS_MAX);
    let owners: Vec<i64> = owned.into_tuple().all(conn).await?;
    owners.into_iter().map(account).collect()
}

/// The assets of some groups, by their ids.
fn grouped(home: &Home, groups: &[&str]) -> SelectStatement {
    let column = |name: &'static str| Expr::col(("bastion_group_assets", name));
    let mut grouped = Query::select();
    grouped.expr(column("asset")).from("bastion_group_assets");
    grouped.and_where(column("directory").eq(home.directory.to_string()));
    grouped.and_where(column("instance").eq(home.place.as_str()));
    grouped.and_where(column("asset_group").is_in(groups.iter().copied()));
    grouped
}

/// Whether a bastion host has an asset of another account than this one.
pub(crate) async fn has_assets_of_others(
    conn: &impl ConnectionTrait,
    home: &Home,
    owner: AccountId,
) -> Result<bool, DbError> {
    let others = within(home).filter(Column::Owner.is_not_in([0, number(owner)?]));
    Ok(others.one(conn).await?.is_some())
}

/// Whether a bastion host has an asset.
pub(crate) async fn asset_in(conn: &impl ConnectionTrait, home: &Home) -> Result<Option<String>, DbError> {
    let row = within(home).one(conn).await?;
    row.map(|row| read(row).map(|asset| asset.name())).transpose()
}

/// The name of an asset in a network domain.
pub(crate) async fn asset_in_domain(
    conn: &impl ConnectionTrait,
    home: &Home,
    domain: &str,
) -> Result<Option<String>, DbError> {
    let row = within(home).filter(Column::NetworkDomain.eq(domain)).one(conn).await?;
    row.map(|row| read(row).map(|asset| asset.name())).transpose()
}

/// What was imported from an account under these ids, in all bastion hosts of a directory.
pub(crate) async fn imported_as(
    conn: &impl ConnectionTrait,
    directory: DirectoryId,
    owner: AccountId,
    source_ids: &BTreeSet<String>,
) -> Result<Vec<Asset>, DbError> {
    let mut found = Vec::new();
    for chunk in source_ids.iter().collect::<Vec<_>>().chunks(CHUNK) {
        let select = Entity::find()
            .filter(Column::Directory.eq(directory.to_string()))
            .filter(Column::Owner.eq(number(owner)?))
            .filter(Column::SourceKey.is_in(chunk.iter().map(|id| id.as_str())));
        for row in select.order_by_asc(Column::Instance).order_by_asc(Column::Id).all(conn).await? {
            found.push(read(row)?);
        }
    }
    Ok(found)
}

/// Inserts assets, or replaces them.
pub(crate) async fn assets_save(conn: &impl ConnectionTrait, assets: &[Asset]) -> Result<(), DbError> {
    let key = [Column::Directory, Column::Instance, Column::Id];
    let rest = [
        Column::Kind,
        Column::Source,
        Column::State,
        Column::Owner,
        Column::SourceKey,
        Column::Region,
        Column::DisplayName,
        Column::Comment,
        Column::PrivateAddress,
        Column::PublicAddress,
        Column::NetworkDomain,
        Column::CreateUs,
        Column::Body,
    ];
    for chunk in assets.chunks(CHUNK) {
        let rows = chunk.iter().map(row).collect::<Result<Vec<_>, _>>()?;
        Entity::insert_many(rows.into_iter().map(|row| row.into_active_model().reset_all()))
            .on_conflict(OnConflict::columns(key).update_columns(rest).to_owned())
            .exec_without_returning(conn)
            .await?;
    }
    Ok(())
}

/// Removes an asset.
pub(crate) async fn asset_remove(conn: &impl ConnectionTrait, home: &Home, id: &str) -> Result<(), DbError> {
    let key = (home.directory.to_string(), home.place.clone(), id.to_owned());
    Entity::delete_by_id(key).exec(conn).await?;
    Ok(())
}

fn within(home: &Home) -> Select<Entity> {
    let of_directory = Entity::find().filter(Column::Directory.eq(home.directory.to_string()));
    of_directory.filter(Column::Instance.eq(home.place.as_str()))
}

fn row(asset: &Asset) -> Result<Model, DbError> {
    let (source, owner, source_key) = match &asset.origin {
        Origin::Local => (SOURCES[0].1, 0, format!("/{}", asset.meta.id)),
        Origin::Imported { owner, source_id, .. } => (SOURCES[1].1, number(*owner)?, source_id.clone()),
    };
    Ok(Model {
        directory: asset.meta.home.directory.to_string(),
        instance: asset.meta.home.place.clone(),
        id: asset.meta.id.clone(),
        kind: asset.seen.kind.code(),
        source,
        state: if asset.released { STATES[1].1 } else { STATES[0].1 },
        owner,
        source_key,
        region: asset.seen.region.clone(),
        display_name: asset.display_name.clone(),
        comment: asset.comment.clone(),
        private_address: asset.seen.private_address.clone(),
        public_address: asset.seen.public_address.clone(),
        network_domain: asset.network_domain.clone(),
        create_us: asset.meta.create_time.as_micros(),
        body: serde_json::to_string(asset).map_err(broken)?,
    })
}

fn read(row: Model) -> Result<Asset, DbError> {
    serde_json::from_str(&row.body).map_err(broken)
}
