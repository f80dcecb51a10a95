//! `risk_texts`: what the rules of scanners say, once for all risks of an account that say the same.

use std::collections::{BTreeMap, BTreeSet};

use bailiwick_core::AccountId;
use bailiwick_db::DbError;
use sea_orm::{ColumnTrait, Condition, ConnectionTrait, EntityTrait, QueryFilter, QuerySelect, Statement, Value};
use sha2::{Digest, Sha256};

use super::{
    CHUNK,
    bulk::{Bulk, Cells},
    entity::risk_text::{Column, Entity, Model},
    number,
};
use crate::posture::domain::Finding;

/// Account, and id.
pub(super) type Key = (i64, i64);

/// The text of a finding in an account. Its id is half of a hash, and the digest the other half: one of the same id with
/// another digest is another text.
pub(super) fn text(account: i64, finding: &Finding) -> Model {
    let references = serde_json::to_string(&finding.references).unwrap_or_default();
    let mut hash = Sha256::new();
    hash.update(account.to_be_bytes());
    for part in [&finding.description, &finding.remediation, &references] {
        hash.update(u64::try_from(part.len()).unwrap_or(u64::MAX).to_be_bytes());
        hash.update(part);
    }
    let bytes: [u8; 32] = hash.finalize().into();
    let [a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p, ..] = bytes;
    Model {
        id: i64::from_be_bytes([a, b, c, d, e, f, g, h]),
        account,
        digest: i64::from_be_bytes([i, j, k, l, m, n, o, p]),
        description: finding.description.clone(),
        remediation: finding.remediation.clone(),
        reference_urls: references,
    }
}

/// Inserts those that are not there. The accounts are locked: nobody else writes their texts.
///
/// # Errors
/// [`DbError::Conflict`] if another text has the id of one.
pub(super) async fn save(conn: &impl ConnectionTrait, all: Vec<Model>) -> Result<(), DbError> {
    let mut texts = BTreeMap::<Key, Model>::new();
    for text in all {
        let digest = text.digest;
        if texts.entry((text.account, text.id)).or_insert(text).digest != digest {
            return Err(taken());
        }
    }
    let keys: Vec<_> = texts.keys().copied().collect();
    for chunk in keys.chunks(CHUNK) {
        let known = Entity::find().select_only().columns([Column::Account, Column::Id, Column::Digest]);
        let known = known.filter(among(chunk)).into_tuple::<(i64, i64, i64)>();
        for (account, id, digest) in known.all(conn).await? {
            if texts.remove(&(account, id)).is_some_and(|text| text.digest != digest) {
                return Err(taken());
            }
        }
    }
    if texts.is_empty() {
        return Ok(());
    }
    let (asked, written) = (texts.len(), bulk(&texts).write(conn).await?);
    if u64::try_from(asked).ok() == Some(written) { Ok(()) } else { Err(taken()) }
}

/// Some texts by account and id.
pub(super) async fn read(
    conn: &impl ConnectionTrait,
    keys: impl Iterator<Item = Key>,
) -> Result<BTreeMap<Key, Model>, DbError> {
    let keys: Vec<_> = keys.collect::<BTreeSet<_>>().into_iter().collect();
    let mut texts = BTreeMap::new();
    for chunk in keys.chunks(CHUNK) {
        let some = Entity::find().filter(among(chunk)).all(conn).await?;
        texts.extend(some.into_iter().map(|text| ((text.account, text.id), text)));
    }
    Ok(texts)
}

/// Those with some keys, which are in their order: by account, since of many ids of all accounts a database would rather
/// read the table.
fn among(keys: &[Key]) -> Condition {
    let of_accounts = keys.chunk_by(|(account, _), (other, _)| account == other);
    of_accounts.fold(Condition::any(), |any, keys| {
        let account = keys.first().map(|(account, _)| *account);
        any.add(Condition::all().add(Column::Account.eq(account)).add(Column::Id.is_in(keys.iter().map(|(_, id)| *id))))
    })
}

/// At most `limit` texts of an account that none of its risks has.
pub(crate) async fn texts_unused(conn: &impl ConnectionTrait, of: AccountId, limit: u64) -> Result<Vec<i64>, DbError> {
    let sql = "SELECT id FROM risk_texts WHERE account = $1 AND id NOT IN (SELECT text_id FROM risks WHERE account = $1) \
               ORDER BY id LIMIT $2";
    let values: [Value; 2] = [number(of)?.into(), i64::try_from(limit).unwrap_or(i64::MAX).into()];
    let select = Statement::from_sql_and_values(conn.get_database_backend(), sql, values);
    Ok(conn.query_all_raw(select).await?.iter().map(|row| row.try_get("", "id")).collect::<Result<_, _>>()?)
}

/// Removes those of some texts of an account, which the transaction has locked, that none of its risks has.
pub(crate) async fn texts_remove(conn: &impl ConnectionTrait, of: AccountId, ids: &[i64]) -> Result<(), DbError> {
    for chunk in ids.chunks(CHUNK) {
        let places: Vec<_> = (2..chunk.len() + 2).map(|at| format!("${at}")).collect();
        let places = places.join(", ");
        let sql = format!(
            "DELETE FROM risk_texts WHERE account = $1 AND id IN ({places}) \
             AND id NOT IN (SELECT text_id FROM risks WHERE account = $1 AND text_id IN ({places}))"
        );
        let values = [Value::from(number(of)?)].into_iter().chain(chunk.iter().map(|id| Value::from(*id)));
        conn.execute_raw(Statement::from_sql_and_values(conn.get_database_backend(), sql, values)).await?;
    }
    Ok(())
}

fn taken() -> DbError {
    DbError::Conflict("the id of a text is that of another one".into())
}

fn bulk(texts: &BTreeMap<Key, Model>) -> Bulk {
    let numbers = |of: fn(&Model) -> i64| Cells::Numbers(texts.values().map(of).collect());
    let strings = |of: fn(&Model) -> &String| Cells::Texts(texts.values().map(of).cloned().collect());
    let columns = vec![
        ("id", numbers(|text| text.id)),
        ("account", numbers(|text| text.account)),
        ("digest", numbers(|text| text.digest)),
        ("description", strings(|text| &text.description)),
        ("remediation", strings(|text| &text.remediation)),
        ("reference_urls", strings(|text| &text.reference_urls)),
    ];
    Bulk { table: "risk_texts", columns, on_conflict: "(id, account) DO NOTHING".to_owned() }
}
