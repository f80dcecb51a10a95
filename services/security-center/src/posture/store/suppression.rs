//! Suppression rules, and how far they are applied.

use bailiwick_core::{AccountId, DirectoryId, Timestamp};
use bailiwick_db::{DbError, Place};
use bailiwick_roster::Listed;
use sea_orm::{
    ActiveModelTrait, ColumnTrait, ConnectionTrait, EntityTrait, ExprTrait, IntoActiveModel, QueryFilter, QueryOrder,
    QuerySelect,
    sea_query::{Expr, LockType, OnConflict},
};
use std::collections::{BTreeMap, BTreeSet};

use super::{
    CHUNK, account, broken,
    entity::{risk, suppression_account, suppression_head, suppression_rule},
    number, risk_view,
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
}

/// An account whose risks other rules hold for now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Moved {
    pub(crate) account: AccountId,
    pub(crate) changes: i64,
    pub(crate) place: Option<Place>,
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
    let row = Model { directory: directory.to_string(), generation: 0, applied: 0, place: String::new() };
    let none = OnConflict::new().do_nothing().to_owned();
    Entity::insert(row.into_active_model().reset_all()).on_conflict(none).exec_without_returning(conn).await?;
    head_of(find().one(conn).await?.ok_or_else(|| broken("a row that was inserted is not there"))?)
}

/// The head of a directory; none if it never had a rule.
pub(crate) async fn head(conn: &impl ConnectionTrait, directory: DirectoryId) -> Result<Option<Head>, DbError> {
    suppression_head::Entity::find_by_id(directory.to_string()).one(conn).await?.map(head_of).transpose()
}

/// Heads whose rules are not applied to everything, at most `limit`.
pub(crate) async fn heads_pending(conn: &impl ConnectionTrait, limit: u64) -> Result<Vec<Head>, DbError> {
    use suppression_head::{Column, Entity};

    let pending = Entity::find().filter(Expr::col(Column::Applied).lt(Expr::col(Column::Generation)));
    pending.order_by_asc(Column::Directory).limit(limit).all(conn).await?.into_iter().map(head_of).collect()
}

/// Replaces a head, which the transaction holds.
pub(crate) async fn head_save(conn: &impl ConnectionTrait, head: &Head) -> Result<(), DbError> {
    let row = suppression_head::Model {
        directory: head.directory.to_string(),
        generation: head.generation,
        applied: head.applied,
        place: head.place.as_ref().map(Place::to_string).unwrap_or_default(),
    };
    suppression_head::Entity::update(row.into_active_model().reset_all()).exec(conn).await?;
    Ok(())
}

/// The risks of these accounts are to be looked at from their beginning.
pub(crate) async fn moved_add(conn: &impl ConnectionTrait, accounts: &BTreeSet<AccountId>) -> Result<(), DbError> {
    use suppression_account::{Column, Entity, Model};

    let again = OnConflict::column(Column::Account)
        .value(Column::Changes, Expr::col((Entity, Column::Changes)).add(1))
        .value(Column::Place, "")
        .to_owned();
    let numbers = accounts.iter().copied().map(number).collect::<Result<Vec<_>, _>>()?;
    for chunk in numbers.chunks(CHUNK) {
        let rows = chunk.iter().map(|account| Model { account: *account, changes: 1, place: String::new() });
        let rows = rows.map(|row| row.into_active_model().reset_all());
        Entity::insert_many(rows).on_conflict(again.clone()).exec_without_returning(conn).await?;
    }
    Ok(())
}

/// Accounts whose risks are to be looked at, at most `limit`.
pub(crate) async fn moved_pending(conn: &impl ConnectionTrait, limit: u64) -> Result<Vec<Moved>, DbError> {
    use suppression_account::{Column, Entity};

    let rows = Entity::find().order_by_asc(Column::Account).limit(limit).all(conn).await?;
    let read = |row: suppression_account::Model| {
        Ok(Moved { account: account(row.account)?, changes: row.changes, place: place(&row.place)? })
    };
    rows.into_iter().map(read).collect()
}

/// Sets where it goes on with an account, or that it is done with, if it has neither come nor left since it was read.
/// Tells whether it has not.
pub(crate) async fn moved_save(
    conn: &impl ConnectionTrait,
    moved: &Moved,
    place: Option<&Place>,
) -> Result<bool, DbError> {
    use suppression_account::{Column, Entity};

    let same = |column: Expr| column.eq(moved.changes);
    let account = number(moved.account)?;
    let rows = match place {
        Some(place) => {
            let on = Entity::update_many().col_expr(Column::Place, Expr::val(place.to_string()));
            let on = on.filter(Column::Account.eq(account)).filter(same(Expr::col(Column::Changes)));
            on.exec(conn).await?.rows_affected
        }
        None => {
            let done = Entity::delete_many().filter(Column::Account.eq(account));
            done.filter(same(Expr::col(Column::Changes))).exec(conn).await?.rows_affected
        }
    };
    Ok(rows == 1)
}

fn head_of(row: suppression_head::Model) -> Result<Head, DbError> {
    let directory = row.directory.parse().map_err(broken)?;
    Ok(Head { directory, generation: row.generation, applied: row.applied, place: place(&row.place)? })
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
