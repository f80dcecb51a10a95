//! Invitations.

use bailiwick_core::{AccountId, DirectoryId, Timestamp, filter::Filter};
use bailiwick_db::{Columns, Source};
use sea_orm::{
    ActiveValue::Set, ColumnTrait, Condition, ConnectionTrait, EntityTrait, PaginatorTrait, QueryFilter, QueryOrder,
    QuerySelect, Select, sea_query::Expr,
};

use super::{Result, account, code, coded, count, entity::invitations, key, malformed, time};
use crate::domain::invitation::{Invitation, SCHEMA, State};

const STATES: [(State, &str); 5] = [
    (State::Pending, "pending"),
    (State::Accepted, "accepted"),
    (State::Declined, "declined"),
    (State::Cancelled, "cancelled"),
    (State::Expired, "expired"),
];

/// Where a list of invitations, newest first, goes on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct After {
    /// When the last one was sent.
    pub create_time: Timestamp,
    /// Its id.
    pub id: String,
}

/// An invitation of a directory.
pub async fn get(conn: &impl ConnectionTrait, directory: DirectoryId, id: &str) -> Result<Option<Invitation>> {
    sent_by(directory).filter(invitations::Column::Invitation.eq(id)).one(conn).await?.map(from_row).transpose()
}

/// The invitations that a directory sent and that are asked for by a filter over what is stored, newest first.
pub async fn page_sent(
    conn: &impl ConnectionTrait,
    directory: DirectoryId,
    filter: &Filter,
    after: Option<After>,
    limit: u64,
) -> Result<Vec<Invitation>> {
    page(conn, sent_by(directory), filter, after, limit).await
}

/// The invitations that an account received and that are asked for, newest first.
pub async fn page_received(
    conn: &impl ConnectionTrait,
    by: AccountId,
    filter: &Filter,
    after: Option<After>,
    limit: u64,
) -> Result<Vec<Invitation>> {
    let received = invitations::Entity::find().filter(invitations::Column::Account.eq(key(by)));
    page(conn, received, filter, after, limit).await
}

/// How many invitations of a directory are pending at a time.
pub async fn count_pending(conn: &impl ConnectionTrait, directory: DirectoryId, now: Timestamp) -> Result<u32> {
    Ok(count(sent_by(directory).filter(pending(now)).count(conn).await?))
}

/// Whether an invitation of a directory to an account is pending at a time.
pub async fn is_pending_to(
    conn: &impl ConnectionTrait,
    directory: DirectoryId,
    to: AccountId,
    now: Timestamp,
) -> Result<bool> {
    let query = sent_by(directory).filter(pending(now)).filter(invitations::Column::Account.eq(key(to)));
    Ok(query.count(conn).await? > 0)
}

/// How many invitations a directory has sent after a time, those that were accepted not counted.
pub async fn count_sent(conn: &impl ConnectionTrait, directory: DirectoryId, after: Timestamp) -> Result<u32> {
    let query = sent_by(directory)
        .filter(invitations::Column::CreateUs.gt(after.as_micros()))
        .filter(invitations::Column::State.ne(code(&STATES, State::Accepted)));
    Ok(count(query.count(conn).await?))
}

/// For the platform: directories with invitations that were finished before a time.
pub async fn directories_to_purge(
    conn: &impl ConnectionTrait,
    before: Timestamp,
    limit: u64,
) -> Result<Vec<DirectoryId>> {
    let texts: Vec<String> = invitations::Entity::find()
        .select_only()
        .column(invitations::Column::Directory)
        .filter(finished(before))
        .distinct()
        .limit(limit)
        .into_tuple()
        .all(conn)
        .await?;
    texts.iter().map(|text| super::directory(text)).collect()
}

/// The invitations of a directory that were finished before a time.
pub async fn finished_before(
    conn: &impl ConnectionTrait,
    directory: DirectoryId,
    before: Timestamp,
    limit: u64,
) -> Result<Vec<Invitation>> {
    let query = sent_by(directory).filter(finished(before)).order_by_asc(invitations::Column::CreateUs);
    query.limit(limit).all(conn).await?.into_iter().map(from_row).collect()
}

/// Adds an invitation.
pub async fn insert(conn: &impl ConnectionTrait, invitation: &Invitation) -> Result<()> {
    let row = invitations::ActiveModel {
        invitation: Set(invitation.id.clone()),
        directory: Set(invitation.directory.to_string()),
        account: Set(key(invitation.account)),
        note: Set(invitation.note.clone()),
        management_account: Set(key(invitation.management_account)),
        sender_legal_name: Set(invitation.sender_legal_name.clone()),
        recipient_legal_name: Set(invitation.recipient_legal_name.clone()),
        folder: Set(invitation.folder.clone()),
        labels: Set(serde_json::to_string(&invitation.labels).unwrap_or_default()),
        create_us: Set(invitation.create_time.as_micros()),
        expire_us: Set(invitation.expire_time.as_micros()),
        ..changing(invitation)
    };
    invitations::Entity::insert(row).exec_without_returning(conn).await?;
    Ok(())
}

/// Writes what changes of an invitation.
pub async fn save(conn: &impl ConnectionTrait, invitation: &Invitation) -> Result<()> {
    invitations::Entity::update_many()
        .set(changing(invitation))
        .filter(invitations::Column::Directory.eq(invitation.directory.to_string()))
        .filter(invitations::Column::Invitation.eq(&invitation.id))
        .exec(conn)
        .await?;
    Ok(())
}

/// The ids of all invitations of a directory, finished ones among them.
pub async fn ids(conn: &impl ConnectionTrait, directory: DirectoryId) -> Result<Vec<String>> {
    let ids = sent_by(directory).select_only().column(invitations::Column::Invitation);
    Ok(ids.order_by_asc(invitations::Column::Invitation).into_tuple().all(conn).await?)
}

/// Forgets all invitations of a directory.
pub async fn delete_all(conn: &impl ConnectionTrait, directory: DirectoryId) -> Result<()> {
    let all = invitations::Column::Directory.eq(directory.to_string());
    invitations::Entity::delete_many().filter(all).exec(conn).await?;
    Ok(())
}

/// Forgets invitations of a directory.
pub async fn delete(conn: &impl ConnectionTrait, directory: DirectoryId, ids: Vec<String>) -> Result<()> {
    invitations::Entity::delete_many()
        .filter(invitations::Column::Directory.eq(directory.to_string()))
        .filter(invitations::Column::Invitation.is_in(ids))
        .exec(conn)
        .await?;
    Ok(())
}

fn sent_by(directory: DirectoryId) -> Select<invitations::Entity> {
    invitations::Entity::find().filter(invitations::Column::Directory.eq(directory.to_string()))
}

fn pending(now: Timestamp) -> Condition {
    Condition::all()
        .add(invitations::Column::State.eq(code(&STATES, State::Pending)))
        .add(invitations::Column::ExpireUs.gt(now.as_micros()))
}

/// Answered, or out of time, before a time.
fn finished(before: Timestamp) -> Condition {
    let before = before.as_micros();
    let expired = Condition::all()
        .add(invitations::Column::State.eq(code(&STATES, State::Pending)))
        .add(invitations::Column::ExpireUs.lt(before));
    Condition::any().add(invitations::Column::RespondUs.lt(before)).add(expired)
}

async fn page(
    conn: &impl ConnectionTrait,
    query: Select<invitations::Entity>,
    filter: &Filter,
    after: Option<After>,
    limit: u64,
) -> Result<Vec<Invitation>> {
    let columns = Columns { schema: &SCHEMA, id: || column(invitations::Column::CreateUs), source };
    let mut query = query.filter(columns.condition(filter, conn.get_database_backend())?);
    if let Some(After { create_time, id }) = after {
        let create_us = create_time.as_micros();
        let same_time = Condition::all()
            .add(invitations::Column::CreateUs.eq(create_us))
            .add(invitations::Column::Invitation.lt(id));
        query = query.filter(Condition::any().add(invitations::Column::CreateUs.lt(create_us)).add(same_time));
    }
    let query = query.order_by_desc(invitations::Column::CreateUs).order_by_desc(invitations::Column::Invitation);
    query.limit(limit).all(conn).await?.into_iter().map(from_row).collect()
}

fn source(field: &str) -> Option<Source> {
    const CODES: &[(&str, &str)] = &[
        ("INVITATION_STATE_PENDING", "pending"),
        ("INVITATION_STATE_ACCEPTED", "accepted"),
        ("INVITATION_STATE_DECLINED", "declined"),
        ("INVITATION_STATE_CANCELLED", "cancelled"),
    ];
    Some(match field {
        "account" => Source::Text(Expr::cust("('accounts/' || CAST(account AS TEXT))")),
        "state" => Source::Code(column(invitations::Column::State), CODES),
        "create_time" => Source::Time(column(invitations::Column::CreateUs)),
        "expire_time" => Source::Time(column(invitations::Column::ExpireUs)),
        _ => return None,
    })
}

fn column(column: invitations::Column) -> Expr {
    Expr::col((invitations::Entity, column))
}

fn changing(invitation: &Invitation) -> invitations::ActiveModel {
    invitations::ActiveModel {
        state: Set(code(&STATES, invitation.state)),
        respond_us: Set(invitation.respond_time.map(Timestamp::as_micros)),
        version: Set(invitation.version),
        ..Default::default()
    }
}

fn from_row(row: invitations::Model) -> Result<Invitation> {
    Ok(Invitation {
        directory: super::directory(&row.directory)?,
        id: row.invitation,
        account: account(row.account)?,
        note: row.note,
        state: coded("state", &STATES, &row.state)?,
        management_account: account(row.management_account)?,
        sender_legal_name: row.sender_legal_name,
        recipient_legal_name: row.recipient_legal_name,
        folder: row.folder,
        labels: serde_json::from_str(&row.labels).map_err(|_| malformed("labels", &row.labels))?,
        create_time: time(row.create_us),
        expire_time: time(row.expire_us),
        respond_time: row.respond_us.map(time),
        version: row.version,
    })
}
