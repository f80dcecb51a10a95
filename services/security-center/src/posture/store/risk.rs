//! Risks.

use std::{collections::BTreeSet, mem::take};

use bailiwick_core::{AccountId, Timestamp};
use bailiwick_db::DbError;
use sea_orm::{
    ColumnTrait, ConnectionTrait, EntityTrait, ExprTrait, QueryFilter, QueryOrder, QuerySelect, Select, sea_query::Expr,
};

use super::{
    CHUNK, account, broken,
    bulk::{Bulk, Cells, replace},
    entity::{
        risk::{Column, Entity, Model},
        risk_text::Model as TextModel,
    },
    number, risk_text,
};
use crate::posture::domain::{Acknowledgement, Category, Finding, Risk, RiskId, Severity, State};

/// One risk.
pub(crate) async fn risk(conn: &impl ConnectionTrait, id: RiskId) -> Result<Option<Risk>, DbError> {
    Ok(read(conn, Entity::find_by_id(id.number())).await?.pop())
}

/// Some risks, locked until the transaction ends, in the order of their ids.
pub(crate) async fn risks_lock(conn: &impl ConnectionTrait, ids: &BTreeSet<RiskId>) -> Result<Vec<Risk>, DbError> {
    let (ids, mut found): (Vec<_>, _) = (ids.iter().map(|id| id.number()).collect(), Vec::new());
    for chunk in ids.chunks(CHUNK) {
        let some = Entity::find().filter(Column::Id.is_in(chunk.iter().copied()));
        found.extend(read(conn, some.order_by_asc(Column::Id).lock_exclusive()).await?);
    }
    Ok(found)
}

/// Some risks, in the order of their ids. The row of their account must be locked.
pub(crate) async fn risks_known(
    conn: &impl ConnectionTrait,
    ids: impl Iterator<Item = RiskId>,
) -> Result<Vec<Risk>, DbError> {
    let (ids, mut found): (Vec<_>, _) = (ids.map(RiskId::number).collect(), Vec::new());
    for chunk in ids.chunks(CHUNK) {
        let some = Entity::find().filter(Column::Id.is_in(chunk.iter().copied()));
        found.extend(read(conn, some.order_by_asc(Column::Id)).await?);
    }
    Ok(found)
}

/// At most `limit` risks of a scanner and a scope that are not fixed, and were not seen since a time, after one, in
/// the order of their ids.
pub(crate) async fn risks_unseen(
    conn: &impl ConnectionTrait,
    (of, source, scope): (AccountId, &str, &str),
    since: Timestamp,
    after: Option<RiskId>,
    limit: u64,
) -> Result<Vec<Risk>, DbError> {
    let mut select = Entity::find()
        .filter(Column::Account.eq(number(of)?))
        .filter(Column::Source.eq(source))
        .filter(Column::Scope.eq(scope))
        .filter(Column::LastSeenUs.lt(since.as_micros()))
        .filter(Column::FixUs.eq(0));
    if let Some(id) = after {
        select = select.filter(Column::Id.gt(id.number()));
    }
    read(conn, select.order_by_asc(Column::Id).limit(limit)).await
}

/// The risks were found again at a time, and are the same otherwise.
pub(crate) async fn risks_seen(
    conn: &impl ConnectionTrait,
    ids: impl Iterator<Item = RiskId>,
    at: Timestamp,
) -> Result<(), DbError> {
    let ids: Vec<_> = ids.map(RiskId::number).collect();
    for chunk in ids.chunks(CHUNK) {
        Entity::update_many()
            .col_expr(Column::LastSeenUs, at.as_micros().into())
            .col_expr(Column::Version, Expr::col(Column::Version).add(1))
            .filter(Column::Id.is_in(chunk.iter().copied()))
            .exec(conn)
            .await?;
    }
    Ok(())
}

/// A scan at a time said again of fixed risks that all is well, and they are the same otherwise.
pub(crate) async fn risks_absent(
    conn: &impl ConnectionTrait,
    ids: impl Iterator<Item = RiskId>,
    at: Timestamp,
) -> Result<(), DbError> {
    let ids: Vec<_> = ids.map(RiskId::number).collect();
    for chunk in ids.chunks(CHUNK) {
        let these = Column::Id.is_in(chunk.iter().copied());
        Entity::update_many().col_expr(Column::AbsentUs, at.as_micros().into()).filter(these).exec(conn).await?;
    }
    Ok(())
}

/// Inserts the risks, or replaces them whole; never another that has the id of one.
///
/// # Errors
/// [`DbError::Conflict`] if another has.
pub(crate) async fn risks_save<'a>(
    conn: &impl ConnectionTrait,
    risks: impl IntoIterator<Item = &'a Risk>,
) -> Result<(), DbError> {
    let (mut texts, mut rows) = (BTreeSet::new(), Vec::new());
    let mut new = Vec::new();
    for risk in risks {
        let text = risk_text::text(number(risk.account)?, &risk.finding);
        rows.push(row(risk, text.id)?);
        if texts.insert((text.account, text.id, text.digest)) {
            new.push(text);
        }
    }
    if rows.is_empty() {
        return Ok(());
    }
    risk_text::save(conn, new).await?;
    let (asked, written) = (rows.len(), bulk_of_risks(rows).write(conn).await?);
    if u64::try_from(asked).ok() == Some(written) {
        return Ok(());
    }
    // A transaction about another account has taken one of the ids since they were looked up.
    Err(DbError::Conflict("an id of a risk was taken meanwhile".into()))
}

fn bulk_of_risks(mut rows: Vec<Model>) -> Bulk {
    let numbers = |of: fn(&Model) -> i64| Cells::Numbers(rows.iter().map(of).collect());
    let numbered = vec![
        ("id", numbers(|row| row.id)),
        ("account", numbers(|row| row.account)),
        ("category", numbers(|row| row.category)),
        ("severity", numbers(|row| row.severity)),
        ("state", numbers(|row| row.state)),
        ("text_id", numbers(|row| row.text_id)),
        ("first_seen_us", numbers(|row| row.first_seen_us)),
        ("last_seen_us", numbers(|row| row.last_seen_us)),
        ("open_us", numbers(|row| row.open_us)),
        ("fix_us", numbers(|row| row.fix_us)),
        ("absent_us", numbers(|row| row.absent_us)),
        ("reopen_count", numbers(|row| row.reopen_count)),
        ("ack_until_us", numbers(|row| row.ack_until_us)),
        ("ack_us", numbers(|row| row.ack_us)),
        ("version", numbers(|row| row.version)),
    ];
    let mut texts =
        |of: fn(&mut Model) -> &mut String| Cells::Texts(rows.iter_mut().map(|row| take(of(row))).collect());
    let texts = vec![
        ("directory", texts(|row| &mut row.directory)),
        ("title", texts(|row| &mut row.title)),
        ("detail", texts(|row| &mut row.detail)),
        ("source", texts(|row| &mut row.source)),
        ("rule", texts(|row| &mut row.rule)),
        ("finding_uid", texts(|row| &mut row.finding_uid)),
        ("scope", texts(|row| &mut row.scope)),
        ("resource", texts(|row| &mut row.resource)),
        ("resource_type", texts(|row| &mut row.resource_type)),
        ("region", texts(|row| &mut row.region)),
        ("ack_reason", texts(|row| &mut row.ack_reason)),
        ("ack_operator", texts(|row| &mut row.ack_operator)),
        ("suppression_rule", texts(|row| &mut row.suppression_rule)),
    ];
    let columns: Vec<_> = numbered.into_iter().chain(texts).collect();
    let rest = columns.iter().map(|(name, _)| *name).filter(|name| *name != "id");
    let on_conflict = format!(
        "{} WHERE risks.account = excluded.account AND risks.source = excluded.source \
         AND risks.finding_uid = excluded.finding_uid",
        replace("id", rest)
    );
    Bulk { table: "risks", columns, on_conflict }
}

/// The risks of a selection, with their texts, in its order.
pub(super) async fn read(conn: &impl ConnectionTrait, select: Select<Entity>) -> Result<Vec<Risk>, DbError> {
    let rows = select.all(conn).await?;
    let texts = risk_text::read(conn, rows.iter().map(|row| (row.account, row.text_id))).await?;
    let parts = rows.into_iter().map(|row| {
        let text = texts.get(&(row.account, row.text_id)).ok_or_else(|| broken("a risk has no text"))?;
        risk_of(row, text)
    });
    parts.collect()
}

fn row(risk: &Risk, text_id: i64) -> Result<Model, DbError> {
    let (finding, ack) = (&risk.finding, risk.acknowledgement.as_ref());
    Ok(Model {
        id: risk.id.number(),
        account: number(risk.account)?,
        directory: risk.directory.map(|directory| directory.to_string()).unwrap_or_default(),
        category: finding.category.code().into(),
        severity: finding.severity.code().into(),
        state: risk.state.code().into(),
        title: finding.title.clone(),
        detail: finding.detail.clone(),
        text_id,
        source: finding.source.clone(),
        rule: finding.rule.clone(),
        finding_uid: finding.uid.clone(),
        scope: risk.scope.clone(),
        resource: finding.resource.clone(),
        resource_type: finding.resource_type.clone(),
        region: finding.region.clone(),
        first_seen_us: risk.first_seen.as_micros(),
        last_seen_us: risk.last_seen.as_micros(),
        open_us: risk.open_time.as_micros(),
        fix_us: risk.fix_time.map_or(0, Timestamp::as_micros),
        absent_us: risk.absent.map_or(0, Timestamp::as_micros),
        reopen_count: risk.reopen_count,
        ack_reason: ack.map(|ack| ack.reason.clone()).unwrap_or_default(),
        ack_until_us: ack.map_or(0, |ack| ack.until.as_micros()),
        ack_operator: ack.map(|ack| ack.operator.clone()).unwrap_or_default(),
        ack_us: ack.map_or(0, |ack| ack.time.as_micros()),
        suppression_rule: risk.suppression_rule.clone(),
        version: risk.version,
    })
}

fn risk_of(row: Model, text: &TextModel) -> Result<Risk, DbError> {
    let code = |number: i64| i32::try_from(number).unwrap_or_default();
    let time = Timestamp::from_micros;
    let acknowledgement = Acknowledgement {
        reason: row.ack_reason,
        until: time(row.ack_until_us),
        operator: row.ack_operator,
        time: time(row.ack_us),
    };
    Ok(Risk {
        id: RiskId::from_number(row.id),
        account: account(row.account)?,
        directory: if row.directory.is_empty() { None } else { Some(row.directory.parse().map_err(broken)?) },
        finding: Finding {
            uid: row.finding_uid,
            source: row.source,
            rule: row.rule,
            category: Category::of(code(row.category)).ok_or_else(|| broken("unknown category"))?,
            severity: Severity::of(code(row.severity)).ok_or_else(|| broken("unknown severity"))?,
            title: row.title,
            detail: row.detail,
            description: text.description.clone(),
            remediation: text.remediation.clone(),
            references: serde_json::from_str(&text.reference_urls).map_err(broken)?,
            resource: row.resource,
            resource_type: row.resource_type,
            region: row.region,
            passed: false,
        },
        scope: row.scope,
        state: State::of(code(row.state)).ok_or_else(|| broken("unknown state"))?,
        first_seen: time(row.first_seen_us),
        last_seen: time(row.last_seen_us),
        open_time: time(row.open_us),
        fix_time: (row.fix_us != 0).then(|| time(row.fix_us)),
        absent: (row.absent_us != 0).then(|| time(row.absent_us)),
        reopen_count: row.reopen_count,
        acknowledgement: (row.ack_until_us != 0).then_some(acknowledgement),
        suppression_rule: row.suppression_rule,
        version: row.version,
    })
}
