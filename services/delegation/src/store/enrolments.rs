//! Enrolments.

use std::collections::BTreeSet;

use bailiwick_core::{AccountId, DirectoryId, Timestamp, TrustedService};
use bailiwick_db::DbError;
use sea_orm::{
    ColumnTrait, ConnectionTrait, EntityTrait, PaginatorTrait, QueryFilter, QuerySelect, Set, sea_query::Query,
};

use super::{
    CHUNK, Place, by_list,
    entity::{
        enrolment::{ActiveModel, Column, Entity, Model},
        member,
    },
    read,
};
use crate::domain::Enrolment;

/// Of some accounts, those that are enrolled in a service of a directory.
pub async fn among(
    conn: &impl ConnectionTrait,
    directory: DirectoryId,
    service: TrustedService,
    accounts: &[AccountId],
) -> Result<Vec<Enrolment>, DbError> {
    let mut enrolments = Vec::new();
    for chunk in accounts.chunks(CHUNK) {
        let rows = Entity::find()
            .filter(Column::Directory.eq(directory.to_string()))
            .filter(Column::Service.eq(service.id()))
            .filter(Column::Account.is_in(chunk.iter().map(ToString::to_string)));
        for row in rows.all(conn).await? {
            enrolments.push(domain(&row)?);
        }
    }
    Ok(enrolments)
}

/// The enrolments of an account, in whatever directory: one for each service at most.
pub async fn of_account(conn: &impl ConnectionTrait, account: AccountId) -> Result<Vec<Enrolment>, DbError> {
    let rows = Entity::find().filter(Column::Account.eq(account.to_string())).all(conn).await?;
    rows.iter().map(domain).collect()
}

/// The enrolments of accounts, in whatever directory.
pub async fn of_accounts(conn: &impl ConnectionTrait, accounts: &[AccountId]) -> Result<Vec<Enrolment>, DbError> {
    let mut enrolments = Vec::new();
    for chunk in accounts.chunks(CHUNK) {
        let rows = Entity::find().filter(Column::Account.is_in(chunk.iter().map(ToString::to_string)));
        for row in rows.all(conn).await? {
            enrolments.push(domain(&row)?);
        }
    }
    Ok(enrolments)
}

/// At most `limit` enrolments of a directory.
pub async fn of_directory(
    conn: &impl ConnectionTrait,
    directory: DirectoryId,
    limit: u64,
) -> Result<Vec<Enrolment>, DbError> {
    let rows = Entity::find().filter(Column::Directory.eq(directory.to_string())).limit(limit).all(conn).await?;
    rows.iter().map(domain).collect()
}

/// The enrolments in some services of a directory: at most one of each for a member.
pub async fn of_services(
    conn: &impl ConnectionTrait,
    directory: DirectoryId,
    services: &[TrustedService],
) -> Result<Vec<Enrolment>, DbError> {
    let rows = Entity::find()
        .filter(Column::Directory.eq(directory.to_string()))
        .filter(Column::Service.is_in(services.iter().map(|service| service.id())));
    rows.all(conn).await?.iter().map(domain).collect()
}

/// Deletes the enrolments in some services of a directory.
pub async fn delete_of_services(
    conn: &impl ConnectionTrait,
    directory: DirectoryId,
    services: &[TrustedService],
) -> Result<(), DbError> {
    Entity::delete_many()
        .filter(Column::Directory.eq(directory.to_string()))
        .filter(Column::Service.is_in(services.iter().map(|service| service.id())))
        .exec(conn)
        .await?;
    Ok(())
}

/// For the reconciler: at most `limit` enrolments of all directories after a place, by directory, account and service.
pub async fn all_after(
    conn: &impl ConnectionTrait,
    after: Option<&Place>,
    limit: u64,
) -> Result<Vec<Enrolment>, DbError> {
    let mut rows = Entity::find().cursor_by((Column::Directory, Column::Account, Column::Service));
    if let Some((directory, account, service)) = after {
        rows.after((directory.as_str(), account.as_str(), service.as_str()));
    }
    rows.first(limit).all(conn).await?.iter().map(domain).collect()
}

/// How many accounts are enrolled in any of some services of a directory: of those in some folders, if these are given.
pub async fn count_accounts(
    conn: &impl ConnectionTrait,
    directory: DirectoryId,
    services: &[TrustedService],
    folders: Option<&BTreeSet<String>>,
) -> Result<u64, DbError> {
    let mut accounts = Entity::find()
        .select_only()
        .column(Column::Account)
        .distinct()
        .filter(Column::Directory.eq(directory.to_string()))
        .filter(Column::Service.is_in(services.iter().map(|service| service.id())));
    if let Some(folders) = folders {
        let inside = Query::select()
            .column(member::Column::Account)
            .from(member::Entity)
            .and_where(member::Column::Directory.eq(directory.to_string()))
            .and_where(member::Column::Folder.is_in(folders))
            .to_owned();
        accounts = accounts.filter(Column::Account.in_subquery(inside));
    }
    Ok(accounts.count(conn).await?)
}

/// Stores enrolments.
pub async fn insert(conn: &impl ConnectionTrait, enrolments: &[Enrolment]) -> Result<(), DbError> {
    for chunk in enrolments.chunks(CHUNK) {
        let rows = chunk.iter().map(|enrolment| ActiveModel {
            directory: Set(enrolment.directory.to_string()),
            service: Set(enrolment.service.id().to_owned()),
            account: Set(enrolment.account.to_string()),
            incarnation: Set(enrolment.incarnation.clone()),
            uid: Set(enrolment.uid.clone()),
            created_us: Set(enrolment.created.as_micros()),
        });
        Entity::insert_many(rows).exec_without_returning(conn).await?;
    }
    Ok(())
}

/// Deletes enrolments.
pub async fn delete(conn: &impl ConnectionTrait, enrolments: &[Enrolment]) -> Result<(), DbError> {
    let keys = enrolments.iter().map(|of| (of.directory, of.service, of.account));
    for ((directory, service), accounts) in by_list(keys) {
        for accounts in accounts.chunks(CHUNK) {
            Entity::delete_many()
                .filter(Column::Directory.eq(directory.to_string()))
                .filter(Column::Service.eq(service.id()))
                .filter(Column::Account.is_in(accounts))
                .exec(conn)
                .await?;
        }
    }
    Ok(())
}

fn domain(row: &Model) -> Result<Enrolment, DbError> {
    Ok(Enrolment {
        directory: read(&row.directory)?,
        service: read(&row.service)?,
        account: read(&row.account)?,
        incarnation: row.incarnation.clone(),
        uid: row.uid.clone(),
        created: Timestamp::from_micros(row.created_us),
    })
}
