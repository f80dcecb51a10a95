//! Accounts.

use std::collections::BTreeMap;

use bailiwick_core::{AccountId, Timestamp};
use sea_orm::{
    ActiveValue::Set, ColumnTrait, ConnectionTrait, EntityTrait, ExprTrait, QueryFilter, QueryOrder, QuerySelect,
    Select, sea_query::Expr,
};

use super::{Result, code, coded, entity::accounts, key, keys, malformed, time};
use crate::domain::account::{Account, AccountType, EnterpriseIdentity};

const KINDS: [(AccountType, &str); 2] = [(AccountType::Resource, "resource"), (AccountType::Cloud, "cloud")];

/// Reads an account that was not deleted, and keeps others from changing it until the transaction ends.
pub async fn lock(conn: &impl ConnectionTrait, id: AccountId) -> Result<Option<Account>> {
    standing().filter(accounts::Column::Account.eq(key(id))).lock_exclusive().one(conn).await?.map(from_row).transpose()
}

/// Reads an account that was not deleted.
pub async fn get(conn: &impl ConnectionTrait, id: AccountId) -> Result<Option<Account>> {
    standing().filter(accounts::Column::Account.eq(key(id))).one(conn).await?.map(from_row).transpose()
}

/// The types of some accounts.
pub async fn types(conn: &impl ConnectionTrait, ids: &[AccountId]) -> Result<BTreeMap<AccountId, AccountType>> {
    let rows: Vec<(i64, String)> = accounts::Entity::find()
        .select_only()
        .columns([accounts::Column::Account, accounts::Column::Kind])
        .filter(accounts::Column::Account.is_in(keys(ids)))
        .into_tuple()
        .all(conn)
        .await?;
    rows.into_iter().map(|(id, kind)| Ok((super::account(id)?, coded("type", &KINDS, &kind)?))).collect()
}

/// For the platform: the accounts after `after` that were not deleted, by id.
pub async fn page(conn: &impl ConnectionTrait, after: Option<AccountId>, limit: u64) -> Result<Vec<Account>> {
    let after = after.map_or(0, key);
    let query = standing().filter(accounts::Column::Account.gt(after));
    let rows = query.order_by_asc(accounts::Column::Account).limit(limit).all(conn).await?;
    rows.into_iter().map(from_row).collect()
}

/// Adds an account.
pub async fn insert(conn: &impl ConnectionTrait, account: &Account) -> Result<()> {
    let row = accounts::ActiveModel {
        account: Set(key(account.id)),
        display_name: Set(account.display_name.clone()),
        provider: Set(account.provider.clone()),
        external_id: Set(Some(account.external_id.clone()).filter(|id| !id.is_empty())),
        create_us: Set(account.create_time.as_micros()),
        ..changing(account)
    };
    accounts::Entity::insert(row).exec_without_returning(conn).await?;
    Ok(())
}

/// Writes what changes of an account, which is locked.
pub async fn save(conn: &impl ConnectionTrait, account: &Account) -> Result<()> {
    accounts::Entity::update_many()
        .set(changing(account))
        .filter(accounts::Column::Account.eq(key(account.id)))
        .exec(conn)
        .await?;
    Ok(())
}

/// Ends an account, which is locked. Its row stays, so that its id is never given again.
pub async fn delete(conn: &impl ConnectionTrait, account: &Account) -> Result<()> {
    let ended = accounts::ActiveModel {
        external_id: Set(None),
        delete_us: Set(account.delete_time.map(Timestamp::as_micros)),
        ..changing(account)
    };
    accounts::Entity::update_many().set(ended).filter(accounts::Column::Account.eq(key(account.id))).exec(conn).await?;
    Ok(())
}

/// Takes the next generation of each of some accounts, which are members of one directory that is locked: no other
/// transaction locks several of them.
pub async fn take_generations(conn: &impl ConnectionTrait, ids: &[AccountId]) -> Result<BTreeMap<AccountId, i64>> {
    let of_these = accounts::Column::Account.is_in(keys(ids));
    accounts::Entity::update_many()
        .col_expr(accounts::Column::LastGeneration, Expr::col(accounts::Column::LastGeneration).add(1))
        .filter(of_these.clone())
        .exec(conn)
        .await?;
    let rows: Vec<(i64, i64)> = accounts::Entity::find()
        .select_only()
        .columns([accounts::Column::Account, accounts::Column::LastGeneration])
        .filter(of_these)
        .into_tuple()
        .all(conn)
        .await?;
    rows.into_iter().map(|(id, generation)| Ok((super::account(id)?, generation))).collect()
}

fn standing() -> Select<accounts::Entity> {
    accounts::Entity::find().filter(accounts::Column::DeleteUs.is_null())
}

fn changing(account: &Account) -> accounts::ActiveModel {
    let enterprise = account.enterprise.clone();
    accounts::ActiveModel {
        kind: Set(code(&KINDS, account.kind)),
        legal_name: Set(enterprise.as_ref().map(|e| e.legal_name.clone())),
        registration_number: Set(enterprise.as_ref().map(|e| e.registration_number.clone())),
        verifier: Set(enterprise.as_ref().map(|e| e.verifier.clone())),
        verify_us: Set(enterprise.map(|e| e.verify_time.as_micros())),
        last_generation: Set(account.last_generation),
        update_us: Set(account.update_time.as_micros()),
        version: Set(account.version),
        ..Default::default()
    }
}

fn from_row(row: accounts::Model) -> Result<Account> {
    let enterprise = match (row.legal_name, row.registration_number, row.verifier, row.verify_us) {
        (Some(legal_name), Some(registration_number), Some(verifier), Some(verify_us)) => {
            Some(EnterpriseIdentity { legal_name, registration_number, verifier, verify_time: time(verify_us) })
        }
        (None, None, None, None) => None,
        _ => return Err(malformed("enterprise identity of account", row.account)),
    };
    Ok(Account {
        id: super::account(row.account)?,
        display_name: row.display_name,
        provider: row.provider,
        external_id: row.external_id.unwrap_or_default(),
        kind: coded("type", &KINDS, &row.kind)?,
        enterprise,
        last_generation: row.last_generation,
        create_time: time(row.create_us),
        update_time: time(row.update_us),
        version: row.version,
        delete_time: row.delete_us.map(time),
    })
}
