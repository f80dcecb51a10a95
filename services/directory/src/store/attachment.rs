//! What policies are attached to.

use std::collections::BTreeMap;

use bailiwick_core::{AccountId, Timestamp};
use sea_orm::{
    ActiveValue::Set, ColumnTrait, Condition, ConnectionTrait, EntityTrait, PaginatorTrait, QueryFilter, QueryOrder,
    QuerySelect, Select,
};

use super::{Result, account, count, entity::policy_attachments as attachments, key, time};
use crate::domain::{
    attachment::{Attachment, Target},
    policy::PolicyId,
};

/// The policies of targets of an account, each target as [`Target::within`] has it. Those of each are in order.
pub async fn of_targets(
    conn: &impl ConnectionTrait,
    of: AccountId,
    targets: Vec<String>,
) -> Result<BTreeMap<String, Vec<PolicyId>>> {
    let mut policies: BTreeMap<String, Vec<PolicyId>> = BTreeMap::new();
    if targets.is_empty() {
        return Ok(policies);
    }
    for row in in_account(of).filter(attachments::Column::Target.is_in(targets)).all(conn).await? {
        policies.entry(row.target).or_default().push(PolicyId::from(row.policy));
    }
    policies.values_mut().for_each(|policies| policies.sort_unstable());
    Ok(policies)
}

/// What a policy is attached to, after `after`, in the order of the targets.
pub async fn page(
    conn: &impl ConnectionTrait,
    of: AccountId,
    policy: &PolicyId,
    after: &str,
    limit: u64,
) -> Result<Vec<Attachment>> {
    let query = of_policy(of, policy).filter(attachments::Column::Target.gt(after));
    let rows = query.order_by_asc(attachments::Column::Target).limit(limit).all(conn).await?;
    rows.into_iter().map(from_row).collect()
}

/// How many targets have a policy.
pub async fn count_of(conn: &impl ConnectionTrait, of: AccountId, policy: &PolicyId) -> Result<u32> {
    Ok(count(of_policy(of, policy).count(conn).await?))
}

/// How many targets have each of some policies; those that nobody has are left out.
pub async fn counts(
    conn: &impl ConnectionTrait,
    of: AccountId,
    policies: &[PolicyId],
) -> Result<BTreeMap<PolicyId, u32>> {
    let ids = policies.iter().map(PolicyId::id);
    let rows: Vec<(String, i64)> = in_account(of)
        .select_only()
        .column(attachments::Column::Policy)
        .column_as(attachments::Column::Target.count(), "targets")
        .filter(attachments::Column::Policy.is_in(ids))
        .group_by(attachments::Column::Policy)
        .into_tuple()
        .all(conn)
        .await?;
    Ok(rows.into_iter().map(|(id, targets)| (PolicyId::from(id), u32::try_from(targets).unwrap_or(u32::MAX))).collect())
}

/// Attaches a policy.
pub async fn insert(conn: &impl ConnectionTrait, target: Target<'_>, policy: &PolicyId, now: Timestamp) -> Result<()> {
    let row = attachments::ActiveModel {
        account: Set(key(target.account)),
        target: Set(target.within()),
        policy: Set(policy.id().to_owned()),
        attach_us: Set(now.as_micros()),
    };
    attachments::Entity::insert(row).exec_without_returning(conn).await?;
    Ok(())
}

/// Detaches a policy.
pub async fn delete(conn: &impl ConnectionTrait, target: Target<'_>, policy: &PolicyId) -> Result<()> {
    let one = on(target).add(attachments::Column::Policy.eq(policy.id()));
    attachments::Entity::delete_many().filter(one).exec(conn).await?;
    Ok(())
}

/// Detaches all policies of a target.
pub async fn delete_of(conn: &impl ConnectionTrait, target: Target<'_>) -> Result<()> {
    attachments::Entity::delete_many().filter(on(target)).exec(conn).await?;
    Ok(())
}

/// Detaches everything in an account.
pub async fn delete_all(conn: &impl ConnectionTrait, of: AccountId) -> Result<()> {
    attachments::Entity::delete_many().filter(attachments::Column::Account.eq(key(of))).exec(conn).await?;
    Ok(())
}

fn on(target: Target<'_>) -> Condition {
    Condition::all()
        .add(attachments::Column::Account.eq(key(target.account)))
        .add(attachments::Column::Target.eq(target.within()))
}

fn in_account(of: AccountId) -> Select<attachments::Entity> {
    attachments::Entity::find().filter(attachments::Column::Account.eq(key(of)))
}

fn of_policy(of: AccountId, policy: &PolicyId) -> Select<attachments::Entity> {
    in_account(of).filter(attachments::Column::Policy.eq(policy.id()))
}

fn from_row(row: attachments::Model) -> Result<Attachment> {
    Ok(Attachment { account: account(row.account)?, target: row.target, attach_time: time(row.attach_us) })
}
