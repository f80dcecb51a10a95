//! The head of the own log together with the cursor of a followed one.

use bailiwick_core::Role;
use bailiwick_db::{DbError, Position};
use sea_orm::{ConnectionTrait, Statement};

/// The head of the log, and how much of `upstream`'s log is in it: one statement, so that both are of one moment. `conn`
/// is the reader of the database, or a snapshot of it. The cursor is none where nothing was followed yet.
pub async fn head_with_cursor(
    conn: &impl ConnectionTrait,
    upstream: Role,
) -> Result<(Position, Option<Position>), DbError> {
    let select = Statement::from_sql_and_values(
        conn.get_database_backend(),
        "SELECT h.epoch AS epoch, h.revision AS revision, c.epoch AS upstream_epoch, c.revision AS upstream_revision \
         FROM log_head h LEFT JOIN cursors c ON c.upstream = $1 AND c.epoch <> ''",
        [upstream.as_str().into()],
    );
    let row = conn.query_one_raw(select).await?.ok_or_else(|| DbError::Other("the database has no log head".into()))?;
    let head = Position { epoch: row.try_get("", "epoch")?, revision: row.try_get("", "revision")? };
    let epoch: Option<String> = row.try_get("", "upstream_epoch")?;
    let revision: Option<i64> = row.try_get("", "upstream_revision")?;
    let cursor = epoch.zip(revision).map(|(epoch, revision)| Position { epoch, revision });
    Ok((head, cursor))
}
