//! The numbers of risks.

use bailiwick_db::DbError;
use sea_orm::ConnectionTrait;

use super::{
    bulk::{Bulk, Cells},
    number, score_due_add,
};
use crate::posture::domain::Tally;

/// Adds to the numbers, of which scores are made. The transaction holds the accounts that they are of.
pub(crate) async fn tally_add(conn: &impl ConnectionTrait, tally: Tally) -> Result<(), DbError> {
    let changes: Vec<_> = tally.into_changes().collect();
    if changes.is_empty() {
        return Ok(());
    }
    score_due_add(conn, &changes.iter().map(|(key, _)| key.account).collect()).await?;
    let accounts = changes.iter().map(|(key, _)| number(key.account)).collect::<Result<_, _>>()?;
    let columns = vec![
        ("account", Cells::Numbers(accounts)),
        ("category", Cells::Numbers(changes.iter().map(|(key, _)| key.category.code().into()).collect())),
        ("severity", Cells::Numbers(changes.iter().map(|(key, _)| key.severity.code().into()).collect())),
        ("state", Cells::Numbers(changes.iter().map(|(key, _)| key.state.code().into()).collect())),
        ("day", Cells::Numbers(changes.iter().map(|(key, _)| key.day).collect())),
        ("risks", Cells::Numbers(changes.iter().map(|(_, by)| *by).collect())),
    ];
    let on_conflict =
        "(account, category, severity, state, day) DO UPDATE SET risks = risk_tallies.risks + excluded.risks";
    Bulk { table: "risk_tallies", columns, on_conflict: on_conflict.to_owned() }.write(conn).await.map(drop)
}
