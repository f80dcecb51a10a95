//! Usage claims.

use bailiwick_core::{AccountId, DirectoryId, TrustedService};
use sea_orm::{
    ActiveValue::Set, ColumnTrait, Condition, ConnectionTrait, EntityTrait, PaginatorTrait, QueryFilter, QueryOrder,
};

use super::{Result, account, count, entity::claims, key, keys, parse, time};
use crate::domain::claim::{Claim, Kind, Strength};

/// Where a claim is in the order of its kind.
pub type Place = (DirectoryId, AccountId, TrustedService);

/// The claims on a member: there is a fixed number of kinds and services.
pub async fn on_member(conn: &impl ConnectionTrait, directory: DirectoryId, of: AccountId) -> Result<Vec<Claim>> {
    let query = claims::Entity::find().filter(on(directory, &[of]));
    let rows = query.order_by_asc(claims::Column::TrustedService).order_by_asc(claims::Column::Kind).all(conn).await?;
    rows.into_iter().map(from_row).collect()
}

/// How many claims there are in a directory.
pub async fn count_all(conn: &impl ConnectionTrait, directory: DirectoryId) -> Result<u32> {
    let of = claims::Column::Directory.eq(directory.to_string());
    Ok(count(claims::Entity::find().filter(of).count(conn).await?))
}

/// The claims of one service and kind on some members of a directory.
pub async fn find(
    conn: &impl ConnectionTrait,
    directory: DirectoryId,
    of: &[AccountId],
    service: TrustedService,
    kind: Kind,
) -> Result<Vec<Claim>> {
    let rows = claims::Entity::find().filter(these(directory, of, service, kind)).all(conn).await?;
    rows.into_iter().map(from_row).collect()
}

/// For the holder of claims: all of one kind after a claim, by directory, account and service.
pub async fn page(conn: &impl ConnectionTrait, kind: Kind, after: Option<&Place>, limit: u64) -> Result<Vec<Claim>> {
    let all = claims::Entity::find().filter(claims::Column::Kind.eq(kind.as_str()));
    let mut rows = all.cursor_by((claims::Column::Directory, claims::Column::Account, claims::Column::TrustedService));
    if let Some((directory, account, service)) = after {
        rows.after((directory.to_string(), key(*account), service.id().to_owned()));
    }
    rows.first(limit).all(conn).await?.into_iter().map(from_row).collect()
}

/// Adds claims.
pub async fn insert(conn: &impl ConnectionTrait, new: &[Claim]) -> Result<()> {
    if new.is_empty() {
        return Ok(());
    }
    let rows = new.iter().map(|claim| claims::ActiveModel {
        claim: Set(claim.id.clone()),
        directory: Set(claim.directory.to_string()),
        account: Set(key(claim.account)),
        incarnation: Set(claim.incarnation.clone()),
        trusted_service: Set(claim.service.id().to_owned()),
        kind: Set(claim.kind.as_str().to_owned()),
        blocking: Set(claim.strength == Strength::Blocking),
        create_us: Set(claim.create_time.as_micros()),
    });
    claims::Entity::insert_many(rows).exec_without_returning(conn).await?;
    Ok(())
}

/// Deletes the claims of one service and kind on some members of a directory.
pub async fn delete(
    conn: &impl ConnectionTrait,
    directory: DirectoryId,
    of: &[AccountId],
    service: TrustedService,
    kind: Kind,
) -> Result<()> {
    claims::Entity::delete_many().filter(these(directory, of, service, kind)).exec(conn).await?;
    Ok(())
}

/// Deletes all claims on a member.
pub async fn delete_all(conn: &impl ConnectionTrait, directory: DirectoryId, of: AccountId) -> Result<()> {
    claims::Entity::delete_many().filter(on(directory, &[of])).exec(conn).await?;
    Ok(())
}

fn on(directory: DirectoryId, of: &[AccountId]) -> Condition {
    Condition::all()
        .add(claims::Column::Directory.eq(directory.to_string()))
        .add(claims::Column::Account.is_in(keys(of)))
}

fn these(directory: DirectoryId, of: &[AccountId], service: TrustedService, kind: Kind) -> Condition {
    on(directory, of).add(claims::Column::TrustedService.eq(service.id())).add(claims::Column::Kind.eq(kind.as_str()))
}

fn from_row(row: claims::Model) -> Result<Claim> {
    Ok(Claim {
        id: row.claim,
        directory: super::directory(&row.directory)?,
        account: account(row.account)?,
        incarnation: row.incarnation,
        service: parse("trusted service", &row.trusted_service)?,
        kind: parse("kind of a claim", &row.kind)?,
        strength: if row.blocking { Strength::Blocking } else { Strength::Informative },
        create_time: time(row.create_us),
    })
}
