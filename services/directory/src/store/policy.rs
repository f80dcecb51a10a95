//! Custom policies and their versions.

use std::collections::BTreeMap;

use bailiwick_core::AccountId;
use sea_orm::{
    ActiveValue::Set, ColumnTrait, Condition, ConnectionTrait, EntityTrait, PaginatorTrait, QueryFilter, QueryOrder,
    QuerySelect, Select,
};

use super::{
    Result, account, count,
    entity::{policies, policy_versions as versions},
    key, malformed, time,
};
use crate::domain::policy::{Policy, PolicyVersion};

/// A custom policy of an account.
pub async fn get(conn: &impl ConnectionTrait, of: AccountId, id: &str) -> Result<Option<Policy>> {
    in_account(of).filter(policies::Column::Policy.eq(id)).one(conn).await?.map(from_row).transpose()
}

/// The custom policies of an account after `after`, by id.
pub async fn page(conn: &impl ConnectionTrait, of: AccountId, after: &str, limit: u64) -> Result<Vec<Policy>> {
    let query = in_account(of).filter(policies::Column::Policy.gt(after)).order_by_asc(policies::Column::Policy);
    query.limit(limit).all(conn).await?.into_iter().map(from_row).collect()
}

/// How many custom policies an account has.
pub async fn count_all(conn: &impl ConnectionTrait, of: AccountId) -> Result<u32> {
    Ok(count(in_account(of).count(conn).await?))
}

/// The documents of the versions that count of some policies of an account, by the ids of the policies.
pub async fn documents(conn: &impl ConnectionTrait, of: &[Policy]) -> Result<BTreeMap<String, String>> {
    let mut documents = BTreeMap::new();
    // One query for each hundred: each has its number in the condition.
    for some in of.chunks(100) {
        let any = some.iter().fold(Condition::any(), |any, policy| {
            any.add(these(policy.account, &policy.id).add(versions::Column::Number.eq(number(policy.default_version))))
        });
        let rows = versions::Entity::find().filter(any).all(conn).await?;
        documents.extend(rows.into_iter().map(|row| (row.policy, row.document)));
    }
    Ok(documents)
}

/// Adds a policy.
pub async fn insert(conn: &impl ConnectionTrait, policy: &Policy) -> Result<()> {
    let row = policies::ActiveModel {
        account: Set(key(policy.account)),
        policy: Set(policy.id.clone()),
        description: Set(policy.description.clone()),
        create_us: Set(policy.create_time.as_micros()),
        ..changing(policy)
    };
    policies::Entity::insert(row).exec_without_returning(conn).await?;
    Ok(())
}

/// Writes what changes of a policy.
pub async fn save(conn: &impl ConnectionTrait, policy: &Policy) -> Result<()> {
    let this = Condition::all()
        .add(policies::Column::Account.eq(key(policy.account)))
        .add(policies::Column::Policy.eq(&policy.id));
    policies::Entity::update_many().set(changing(policy)).filter(this).exec(conn).await?;
    Ok(())
}

/// Deletes a policy with its versions.
pub async fn delete(conn: &impl ConnectionTrait, of: AccountId, id: &str) -> Result<()> {
    versions::Entity::delete_many().filter(these(of, id)).exec(conn).await?;
    let this = Condition::all().add(policies::Column::Account.eq(key(of))).add(policies::Column::Policy.eq(id));
    policies::Entity::delete_many().filter(this).exec(conn).await?;
    Ok(())
}

/// Deletes the policies of an account with their versions.
pub async fn delete_all(conn: &impl ConnectionTrait, of: AccountId) -> Result<()> {
    versions::Entity::delete_many().filter(versions::Column::Account.eq(key(of))).exec(conn).await?;
    policies::Entity::delete_many().filter(policies::Column::Account.eq(key(of))).exec(conn).await?;
    Ok(())
}

/// A version of a policy.
pub async fn get_version(
    conn: &impl ConnectionTrait,
    of: AccountId,
    id: &str,
    version: u32,
) -> Result<Option<PolicyVersion>> {
    let query = versions::Entity::find().filter(these(of, id).add(versions::Column::Number.eq(number(version))));
    query.one(conn).await?.map(version_from_row).transpose()
}

/// The versions of a policy, newest first: there are few.
pub async fn versions(conn: &impl ConnectionTrait, of: AccountId, id: &str) -> Result<Vec<PolicyVersion>> {
    let query = versions::Entity::find().filter(these(of, id)).order_by_desc(versions::Column::Number);
    query.all(conn).await?.into_iter().map(version_from_row).collect()
}

/// How many versions a policy has.
pub async fn count_versions(conn: &impl ConnectionTrait, of: AccountId, id: &str) -> Result<u32> {
    Ok(count(versions::Entity::find().filter(these(of, id)).count(conn).await?))
}

/// Adds a version.
pub async fn insert_version(conn: &impl ConnectionTrait, version: &PolicyVersion) -> Result<()> {
    let row = versions::ActiveModel {
        account: Set(key(version.account)),
        policy: Set(version.policy.clone()),
        number: Set(number(version.number)),
        document: Set(version.document.clone()),
        create_us: Set(version.create_time.as_micros()),
    };
    versions::Entity::insert(row).exec_without_returning(conn).await?;
    Ok(())
}

/// Deletes a version.
pub async fn delete_version(conn: &impl ConnectionTrait, version: &PolicyVersion) -> Result<()> {
    let this = these(version.account, &version.policy).add(versions::Column::Number.eq(number(version.number)));
    versions::Entity::delete_many().filter(this).exec(conn).await?;
    Ok(())
}

fn in_account(of: AccountId) -> Select<policies::Entity> {
    policies::Entity::find().filter(policies::Column::Account.eq(key(of)))
}

fn these(of: AccountId, id: &str) -> Condition {
    Condition::all().add(versions::Column::Account.eq(key(of))).add(versions::Column::Policy.eq(id))
}

/// Nobody makes so many versions that a column cannot hold their number.
fn number(of: u32) -> i32 {
    i32::try_from(of).unwrap_or(i32::MAX)
}

fn unsigned(what: &str, value: i32) -> Result<u32> {
    u32::try_from(value).map_err(|_| malformed(what, value))
}

fn changing(policy: &Policy) -> policies::ActiveModel {
    policies::ActiveModel {
        default_version: Set(number(policy.default_version)),
        last_version: Set(number(policy.last_version)),
        update_us: Set(policy.update_time.as_micros()),
        version: Set(policy.version),
        ..Default::default()
    }
}

fn from_row(row: policies::Model) -> Result<Policy> {
    Ok(Policy {
        account: account(row.account)?,
        id: row.policy,
        description: row.description,
        default_version: unsigned("default version", row.default_version)?,
        last_version: unsigned("last version", row.last_version)?,
        create_time: time(row.create_us),
        update_time: time(row.update_us),
        version: row.version,
    })
}

fn version_from_row(row: versions::Model) -> Result<PolicyVersion> {
    Ok(PolicyVersion {
        account: account(row.account)?,
        policy: row.policy,
        number: unsigned("number of a version", row.number)?,
        document: row.document,
        create_time: time(row.create_us),
    })
}
