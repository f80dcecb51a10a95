//! What the followed log says of the members of all directories.

use bailiwick_core::AccountId;
use bailiwick_db::DbError;
use sea_orm::{
    ActiveModelTrait, ColumnTrait, ConnectionTrait, EntityTrait, IntoActiveModel, QueryFilter, sea_query::OnConflict,
};

use super::{
    CHUNK,
    entity::account::{Column, Entity, Model},
    entries::{account, broken, number},
};
use crate::domain::{AccountType, JoinMethod, Membership, Profile};

/// The memberships of some accounts. Only the follower writes them, one transaction at a time.
pub(crate) async fn memberships_of(
    conn: &impl ConnectionTrait,
    accounts: &[AccountId],
) -> Result<Vec<(AccountId, Membership)>, DbError> {
    let mut found = Vec::new();
    for chunk in accounts.chunks(CHUNK) {
        let numbers = chunk.iter().copied().map(number).collect::<Result<Vec<_>, _>>()?;
        let rows = Entity::find().filter(Column::Account.is_in(numbers)).all(conn).await?;
        for row in rows {
            found.push(read(row)?);
        }
    }
    Ok(found)
}

/// All memberships.
pub(crate) async fn memberships_all(conn: &impl ConnectionTrait) -> Result<Vec<(AccountId, Membership)>, DbError> {
    Entity::find().all(conn).await?.into_iter().map(read).collect()
}

/// Inserts the memberships, or replaces them.
pub(crate) async fn memberships_save(
    conn: &impl ConnectionTrait,
    memberships: &[(AccountId, Membership)],
) -> Result<(), DbError> {
    let rest = [
        Column::Directory,
        Column::Incarnation,
        Column::DisplayName,
        Column::AccountType,
        Column::JoinMethod,
        Column::Folder,
    ];
    for chunk in memberships.chunks(CHUNK) {
        let rows =
            chunk.iter().map(|(account, membership)| row(*account, membership)).collect::<Result<Vec<_>, _>>()?;
        Entity::insert_many(rows.into_iter().map(|row| row.into_active_model().reset_all()))
            .on_conflict(OnConflict::column(Column::Account).update_columns(rest).to_owned())
            .exec_without_returning(conn)
            .await?;
    }
    Ok(())
}

/// Removes the memberships of some accounts.
pub(crate) async fn memberships_remove(conn: &impl ConnectionTrait, accounts: &[AccountId]) -> Result<(), DbError> {
    for chunk in accounts.chunks(CHUNK) {
        let numbers = chunk.iter().copied().map(number).collect::<Result<Vec<_>, _>>()?;
        Entity::delete_many().filter(Column::Account.is_in(numbers)).exec(conn).await?;
    }
    Ok(())
}

fn row(account: AccountId, membership: &Membership) -> Result<Model, DbError> {
    let profile = &membership.profile;
    Ok(Model {
        account: number(account)?,
        directory: membership.directory.to_string(),
        incarnation: membership.incarnation.clone(),
        display_name: profile.display_name.clone(),
        account_type: profile.account_type.map_or("", AccountType::as_str).to_owned(),
        join_method: profile.join_method.map_or("", JoinMethod::as_str).to_owned(),
        folder: profile.folder.clone(),
    })
}

pub(super) fn read(row: Model) -> Result<(AccountId, Membership), DbError> {
    let profile = Profile {
        display_name: row.display_name,
        account_type: AccountType::of(&row.account_type),
        join_method: JoinMethod::of(&row.join_method),
        folder: row.folder,
    };
    let directory = row.directory.parse().map_err(broken)?;
    Ok((account(row.account)?, Membership { directory, incarnation: row.incarnation, profile }))
}
