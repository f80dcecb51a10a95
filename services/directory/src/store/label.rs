//! Labels of members.

use std::collections::BTreeMap;

use bailiwick_core::AccountId;
use sea_orm::{ActiveValue::Set, ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter};

use super::{Result, account, entity::member_labels, key, keys};
use crate::domain::Labels;

/// The labels of some members.
pub(super) async fn of(conn: &impl ConnectionTrait, members: &[AccountId]) -> Result<BTreeMap<AccountId, Labels>> {
    let of = member_labels::Column::Account.is_in(keys(members));
    let mut found: BTreeMap<AccountId, Labels> = BTreeMap::new();
    for row in member_labels::Entity::find().filter(of).all(conn).await? {
        found.entry(account(row.account)?).or_default().insert(row.label, row.value);
    }
    Ok(found)
}

/// Makes these the labels of a member.
pub(super) async fn put(conn: &impl ConnectionTrait, member: AccountId, labels: &Labels) -> Result<()> {
    let of = member_labels::Column::Account.eq(key(member));
    member_labels::Entity::delete_many().filter(of).exec(conn).await?;
    if labels.is_empty() {
        return Ok(());
    }
    let rows = labels.iter().map(|(label, value)| member_labels::ActiveModel {
        account: Set(key(member)),
        label: Set(label.clone()),
        value: Set(value.clone()),
    });
    member_labels::Entity::insert_many(rows).exec_without_returning(conn).await?;
    Ok(())
}
