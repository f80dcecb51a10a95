//! Suppression rules, and how far they are applied.

use bailiwick_core::{DirectoryId, Timestamp};
use bailiwick_db::{DbError, Place};
use bailiwick_roster::Listed;
use sea_orm::{
    ActiveModelTrait, ColumnTrait, ConnectionTrait, EntityTrait, ExprTrait, IntoActiveModel, QueryFilter, QueryOrder,
    QuerySelect,
    sea_query::{Expr, LockType, OnConflict},
};
use std::collections::{BTreeMap, BTreeSet};

use super::{
    broken,
    entity::{risk, suppression_head, suppression_rule},
    risk_view,
};
use crate::posture::domain::{State, SuppressionRule};

/// How far the rules of a directory are applied to what there is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Head {
    pub(crate) directory: DirectoryId,
    /// How many times its rules have changed.
    pub(crate) generation: i64,
    /// As far as which of these changes they are applied to everything.
    pub(crate) applied: i64,
    /// Where applying them goes on; the beginning if none.
    pub(crate) place: Option<Place>,
    /// When it last went on.
    pub(crate) done: Timestamp,
}

/// The rules of a directory, by id.
pub(crate) async fn rules(
    conn: &impl ConnectionTrait,
    directory: DirectoryId,
) -> Result<Vec<SuppressionRule>, DbError> {
    use suppression_rule::{Column, Entity};

    let of_directory = Entity::find().filter(Column::Directory.eq(directory.to_string()));
    let mut rules: Vec<SuppressionRule> =
        of_directory.all(conn).await?.into_iter().map(read).collect::<Result<_, _>>()?;
    // Neither database need compare texts as bytes.
    rules.sort_by(|a, b| a.id.cmp(&b.id));
    Ok(rules)
}

/// Inserts a rule, or replaces it whole. One that does not expire any more, or later, has not expired.
pub(crate) async fn rule_save(conn: &impl ConnectionTrait, rule: &SuppressionRule) -> Result<(), DbError> {
    use suppression_rule::{Column, Entity, Model};

    let row = Model {
        directory: rule.directory.to_string(),
        id: rule.id.clone(),
        filter: rule.filter.clone(),
        reason: rule.reason.clone(),
        expire_us: rule.expire.map_or(0, Timestamp::as_micros),
        disabled: rule.disabled,
        expired: rule.expire.is_none(),
        operator: rule.operator.clone(),
        create_us: rule.create_time.as_micros(),
        version: rule.version,
        generation: rule.generation,
    };
    let rest = [
        Column::Filter,
        Column::Reason,
        Column::ExpireUs,
        Column::Disabled,
        Column::Expired,
        Column::Version,
        Column::Generation,
    ];
    let replace = OnConflict::columns([Column::Directory, Column::Id]).update_columns(rest).to_owned();
    let row = row.into_active_model().reset_all();
    Entity::insert(row).on_conflict(replace).exec_without_returning(conn).await?;
    Ok(())
}

/// Removes a rule.
pub(crate) async fn rule_remove(conn: &impl ConnectionTrait, rule: &SuppressionRule) -> Result<(), DbError> {
    suppression_rule::Entity::delete_by_id((rule.directory.to_string(), rule.id.clone())).exec(conn).await?;
    Ok(())
}

/// The directories of rules that have expired unseen, at most `limit` rules.
pub(crate) async fn rules_due(
    conn: &impl ConnectionTrait,
    now: Timestamp,
    limit: u64,
) -> Result<BTreeSet<DirectoryId>, DbError> {
    use suppression_rule::{Column, Entity};

    let due = Entity::find().filter(Column::Expired.eq(false)).filter(Column::ExpireUs.lte(now.as_micros()));
    let rows = due.order_by_asc(Column::ExpireUs).limit(limit).all(conn).await?;
    rows.into_iter().map(|row| row.directory.parse().map_err(broken)).collect()
}

/// The expiry of the rules of a directory has been seen. Tells whether there was one. The transaction holds its head.
pub(crate) async fn rules_expire(
    conn: &impl ConnectionTrait,
    directory: DirectoryId,
    now: Timestamp,
) -> Result<bool, DbError> {
    use suppression_rule::{Column, Entity};

    let due = Entity::update_many().col_expr(Column::Expired, Expr::val(true));
    let due = due.filter(Column::Directory.eq(directory.to_string())).filter(Column::Expired.eq(false));
    Ok(due.filter(Column::ExpireUs.lte(now.as_micros())).exec(conn).await?.rows_affected > 0)
}

/// How many risks of a list each of its directory's rules suppresses.
pub(crate) async fn suppressed(conn: &impl ConnectionTrait, list: &Listed) -> Result<BTreeMap<String, i64>, DbError> {
    use risk::{Column, Entity};

    let of_directory = Entity::find().filter(Column::Directory.eq(list.directory().to_string()));
    // As the partial index says it, so that it is used.
    let suppressed = of_directory.filter(Expr::cust("risks.suppression_rule <> ''"));
    let suppressed = suppressed.filter(Column::State.eq(State::Suppressed.code()));
    let suppressed = suppressed.filter(risk_view::within(list, Expr::col((Entity, Column::Account))));
    let counts = suppressed.select_only().column(Column::SuppressionRule).expr(Expr::cust("COUNT(*)"));
    let rows: Vec<(String, i64)> = counts.group_by(Column::SuppressionRule).into_tuple().all(conn).await?;
    Ok(rows.into_iter().collect())
}

/// The head of a directory, locked until the transaction ends against all that writes rules or risks by them.
pub(crate) async fn head_lock(conn: &impl ConnectionTrait, directory: DirectoryId) -> Result<Head, DbError> {
    head_locked(conn, directory, LockType::Update).await
}

/// As [`head_lock`], shared with others that write risks by the rules: nobody changes them meanwhile.
pub(crate) async fn head_share(conn: &impl ConnectionTrait, directory: DirectoryId) -> Result<Head, DbError> {
    head_locked(conn, directory, LockType::Share).await
}

async fn head_locked(conn: &impl ConnectionTrait, directory: DirectoryId, lock: LockType) -> Result<Head, DbError> {
    use suppression_head::{Entity, Model};

    let find = || Entity::find_by_id(directory.to_string()).lock(lock);
    if let Some(found) = find().one(conn).await? {
        return head_of(found);
    }
    let row = Model { directory: directory.to_string(), generation: 0, applied: 0, place: String::new(), done_us: 0 };
    let none = OnConflict::new().do_nothing().to_owned();
    Entity::insert(row.into_active_model().reset_all()).on_conflict(none).exec_without_returning(conn).await?;
    head_of(find().one(conn).await?.ok_or_else(|| broken("a row that was inserted is not there"))?)
}

/// The head of a directory; none if it never had a rule.
pub(crate) async fn head(conn: &impl ConnectionTrait, directory: DirectoryId) -> Result<Option<Head>, DbError> {
    suppression_head::Entity::find_by_id(directory.to_string()).one(conn).await?.map(head_of).transpose()
}

/// Heads whose rules are not applied to everything, at most `limit`: those first that have not gone on for longest.
pub(crate) async fn heads_pending(conn: &impl ConnectionTrait, limit: u64) -> Result<Vec<Head>, DbError> {
    use suppression_head::{Column, Entity};

    let pending = Entity::find().filter(Expr::col(Column::Applied).lt(Expr::col(Column::Generation)));
    let pending = pending.order_by_asc(Column::DoneUs).order_by_asc(Column::Directory);
    pending.limit(limit).all(conn).await?.into_iter().map(head_of).collect()
}

/// Replaces a head, which the transaction holds.
pub(crate) async fn head_save(conn: &impl ConnectionTrait, head: &Head) -> Result<(), DbError> {
    let row = suppression_head::Model {
        directory: head.directory.to_string(),
        generation: head.generation,
        applied: head.applied,
        place: head.place.as_ref().map(Place::to_string).unwrap_or_default(),
        done_us: head.done.as_micros(),
    };
    suppression_head::Entity::update(row.into_active_model().reset_all()).exec(conn).await?;
    Ok(())
}

fn head_of(row: suppression_head::Model) -> Result<Head, DbError> {
    let directory = row.directory.parse().map_err(broken)?;
    let done = Timestamp::from_micros(row.done_us);
    Ok(Head { directory, generation: row.generation, applied: row.applied, place: place(&row.place)?, done })
}

fn place(text: &str) -> Result<Option<Place>, DbError> {
    if text.is_empty() { Ok(None) } else { text.parse().map(Some).map_err(broken) }
}

fn read(row: suppression_rule::Model) -> Result<SuppressionRule, DbError> {
    Ok(SuppressionRule {
        directory: row.directory.parse().map_err(broken)?,
        id: row.id,
        filter: row.filter,
        reason: row.reason,
        expire: (row.expire_us != 0).then(|| Timestamp::from_micros(row.expire_us)),
        disabled: row.disabled,
        operator: row.operator,
        create_time: Timestamp::from_micros(row.create_us),
        version: row.version,
        generation: row.generation,
    })
}

// === impl Head ===

impl Head {
    /// The rules have changed: applying them begins anew.
    pub(crate) fn begin(&mut self) {
        self.generation += 1;
        self.place = None;
    }
}
