//! OpenID providers of accounts.

use bailiwick_core::AccountId;
use sea_orm::{
    ActiveValue::Set, ColumnTrait, ConnectionTrait, EntityTrait, PaginatorTrait, QueryFilter, QueryOrder, QuerySelect,
    Select,
};

use super::{Result, account, count, entity::identity_providers as providers, key, malformed, time};
use crate::domain::identity_provider::IdentityProvider;

/// A provider of an account.
pub async fn get(conn: &impl ConnectionTrait, of: AccountId, id: &str) -> Result<Option<IdentityProvider>> {
    let found = providers::Entity::find_by_id((key(of), id.to_owned())).one(conn).await?;
    found.map(from_row).transpose()
}

/// The providers of an account after `after`, by id.
pub async fn page(
    conn: &impl ConnectionTrait,
    of: AccountId,
    after: &str,
    limit: u64,
) -> Result<Vec<IdentityProvider>> {
    let query = in_account(of).filter(providers::Column::IdentityProvider.gt(after));
    let rows = query.order_by_asc(providers::Column::IdentityProvider).limit(limit).all(conn).await?;
    rows.into_iter().map(from_row).collect()
}

/// How many providers an account has.
pub async fn count_all(conn: &impl ConnectionTrait, of: AccountId) -> Result<u32> {
    Ok(count(in_account(of).count(conn).await?))
}

/// Adds a provider.
pub async fn insert(conn: &impl ConnectionTrait, new: &IdentityProvider) -> Result<()> {
    let row = providers::ActiveModel {
        account: Set(key(new.account)),
        identity_provider: Set(new.id.clone()),
        create_us: Set(new.create_time.as_micros()),
        ..changing(new)?
    };
    providers::Entity::insert(row).exec_without_returning(conn).await?;
    Ok(())
}

/// Writes what changes of a provider.
pub async fn save(conn: &impl ConnectionTrait, changed: &IdentityProvider) -> Result<()> {
    providers::Entity::update_many()
        .set(changing(changed)?)
        .filter(providers::Column::Account.eq(key(changed.account)))
        .filter(providers::Column::IdentityProvider.eq(&changed.id))
        .exec(conn)
        .await?;
    Ok(())
}

/// Deletes a provider.
pub async fn delete(conn: &impl ConnectionTrait, of: AccountId, id: &str) -> Result<()> {
    providers::Entity::delete_by_id((key(of), id.to_owned())).exec(conn).await?;
    Ok(())
}

/// Deletes all providers of an account.
pub async fn delete_all(conn: &impl ConnectionTrait, of: AccountId) -> Result<()> {
    providers::Entity::delete_many().filter(providers::Column::Account.eq(key(of))).exec(conn).await?;
    Ok(())
}

fn in_account(of: AccountId) -> Select<providers::Entity> {
    providers::Entity::find().filter(providers::Column::Account.eq(key(of)))
}

fn changing(provider: &IdentityProvider) -> Result<providers::ActiveModel> {
    let settings = serde_json::to_string(&provider.settings);
    Ok(providers::ActiveModel {
        settings: Set(settings.map_err(|error| malformed("settings of identity provider", error))?),
        update_us: Set(provider.update_time.as_micros()),
        version: Set(provider.version),
        ..Default::default()
    })
}

fn from_row(row: providers::Model) -> Result<IdentityProvider> {
    let settings = serde_json::from_str(&row.settings);
    Ok(IdentityProvider {
        account: account(row.account)?,
        settings: settings.map_err(|_| malformed("settings of identity provider", &row.identity_provider))?,
        id: row.identity_provider,
        create_time: time(row.create_us),
        update_time: time(row.update_us),
        version: row.version,
    })
}
