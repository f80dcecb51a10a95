//! Requests with a request id are done once: a repetition gets the first one's response.
//!
//! The key's row is inserted first, which makes a concurrent repetition wait for the outcome, and completed last, when the
//! position is known.

use std::time::Duration;

use bailiwick_core::Timestamp;
use sea_orm::{ConnectionTrait, DatabaseTransaction, DbErr, QueryResult, Statement, Value};
use serde::{Serialize, de::DeserializeOwned};

use crate::{Committed, Db, DbError, Engine, Position, Sealer, Tx, TxError};

/// How long a request id is remembered.
pub const IDEMPOTENCY_TTL: Duration = Duration::from_hours(24);

/// What makes two requests the same one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IdempotencyKey {
    /// Whose request ids these are: the caller's identity, so that nobody reads the response of another.
    pub scope: String,
    /// The method called.
    pub method: String,
    /// The request id; none makes the request an ordinary one.
    pub request_id: Option<String>,
    /// SHA-256 of the request's content, without the request id.
    pub fingerprint: [u8; 32],
}

/// A sealed response, to be stored with the position of its change.
pub(crate) struct StoredResponse {
    scope: String,
    method: String,
    request_id: String,
    sealed: Vec<u8>,
}

/// A key of which the request id is there.
#[derive(Clone, Copy)]
struct Key<'a> {
    scope: &'a str,
    method: &'a str,
    request_id: &'a str,
    fingerprint: &'a [u8; 32],
}

impl Db {
    /// As [`Db::write`], once for each key within 24 hours: a repetition of the same content returns the stored value
    /// and position with `replayed` set, and another content fails with [`DbError::RequestIdReused`]. What fails is not
    /// remembered. The value is stored sealed, for it may hold secrets.
    pub async fn write_once<T, E, F, Fut>(
        &self,
        operation: &'static str,
        key: &IdempotencyKey,
        work: F,
    ) -> Result<Committed<T>, E>
    where
        T: Serialize + DeserializeOwned + Send,
        E: TxError,
        F: Fn(Tx) -> Fut + Send + Sync,
        Fut: Future<Output = Result<T, E>> + Send,
    {
        let Some(request_id) = &key.request_id else {
            return self.write(operation, work).await;
        };
        let key = Key { scope: &key.scope, method: &key.method, request_id, fingerprint: &key.fingerprint };
        let sealer = &self.0.deps.sealer;
        let work = &work;
        self.run(operation, move |tx| async move {
            if let Some((value, position)) = claim(tx.conn(), key, self.clock().now(), sealer).await? {
                return Ok((value, Some(position)));
            }
            let value = work(tx.clone()).await?;
            tx.respond(key.seal(&value, sealer)?);
            Ok((value, None))
        })
        .await
    }

    /// Deletes at most `limit` rows of expired request ids, the oldest first, and returns how many it were.
    pub async fn purge_expired(&self, limit: u32) -> Result<u64, DbError> {
        let skip = if self.engine() == Engine::Postgres { "FOR UPDATE SKIP LOCKED" } else { "" };
        let sql = format!(
            "DELETE FROM idempotency WHERE (scope, method, request_id) IN (SELECT scope, method, request_id \
             FROM idempotency WHERE expires_us <= $1 ORDER BY expires_us LIMIT $2 {skip})"
        );
        let values = [self.clock().now().as_micros().into(), i64::from(limit).into()];
        let delete = Statement::from_sql_and_values(self.writer().get_database_backend(), sql, values);
        Ok(self.writer().execute_raw(delete).await?.rows_affected())
    }
}

/// Makes the key's row, or returns what is stored in it.
async fn claim<T: DeserializeOwned>(
    conn: &DatabaseTransaction,
    key: Key<'_>,
    now: Timestamp,
    sealer: &Sealer,
) -> Result<Option<(T, Position)>, DbError> {
    key.execute(
        conn,
        "DELETE FROM idempotency WHERE scope = $1 AND method = $2 AND request_id = $3 AND expires_us <= $4",
        [now.as_micros().into()],
    )
    .await?;
    let inserted = key
        .execute(
            conn,
            "INSERT INTO idempotency (scope, method, request_id, fingerprint, response, epoch, revision, expires_us) \
             VALUES ($1, $2, $3, $4, $5, '', 0, $6) ON CONFLICT DO NOTHING",
            [key.fingerprint.to_vec().into(), Vec::<u8>::new().into(), now.after(IDEMPOTENCY_TTL).as_micros().into()],
        )
        .await?;
    if inserted == 1 {
        return Ok(None);
    }
    let select = key.statement(
        conn,
        "SELECT fingerprint, response, epoch, revision FROM idempotency \
         WHERE scope = $1 AND method = $2 AND request_id = $3",
        [],
    );
    // Between the two statements the row can expire and be purged: the transaction is then tried again.
    let row = conn
        .query_one_raw(select)
        .await?
        .ok_or_else(|| DbError::Conflict("the row of a request id vanished".into()))?;
    if row.try_get::<Vec<u8>>("", "fingerprint")? != key.fingerprint {
        return Err(DbError::RequestIdReused);
    }
    key.open(&row, sealer).map(Some)
}

impl Key<'_> {
    fn statement<const N: usize>(&self, conn: &DatabaseTransaction, sql: &str, more: [Value; N]) -> Statement {
        let mut values: Vec<Value> = vec![self.scope.into(), self.method.into(), self.request_id.into()];
        values.extend(more);
        Statement::from_sql_and_values(conn.get_database_backend(), sql, values)
    }

    async fn execute<const N: usize>(
        &self,
        conn: &DatabaseTransaction,
        sql: &str,
        more: [Value; N],
    ) -> Result<u64, DbErr> {
        Ok(conn.execute_raw(self.statement(conn, sql, more)).await?.rows_affected())
    }

    /// A response moved to another row does not open.
    fn bound(&self) -> [&[u8]; 5] {
        [
            b"idempotency",
            self.scope.as_bytes(),
            self.method.as_bytes(),
            self.request_id.as_bytes(),
            self.fingerprint.as_slice(),
        ]
    }

    fn seal(&self, value: &impl Serialize, sealer: &Sealer) -> Result<StoredResponse, DbError> {
        let plain = zeroize::Zeroizing::new(serde_json::to_vec(value).map_err(DbError::other)?);
        Ok(StoredResponse {
            scope: self.scope.to_owned(),
            method: self.method.to_owned(),
            request_id: self.request_id.to_owned(),
            sealed: sealer.seal(&self.bound(), &plain).map_err(DbError::other)?,
        })
    }

    fn open<T: DeserializeOwned>(&self, row: &QueryResult, sealer: &Sealer) -> Result<(T, Position), DbError> {
        let sealed: Vec<u8> = row.try_get("", "response")?;
        let plain = sealer.open(&self.bound(), &sealed).map_err(DbError::other)?;
        let value = serde_json::from_slice(&plain).map_err(DbError::other)?;
        Ok((value, Position { epoch: row.try_get("", "epoch")?, revision: row.try_get("", "revision")? }))
    }
}

impl StoredResponse {
    pub(crate) async fn store(self, conn: &DatabaseTransaction, position: &Position) -> Result<(), DbErr> {
        let update = Statement::from_sql_and_values(
            conn.get_database_backend(),
            "UPDATE idempotency SET response = $4, epoch = $5, revision = $6 \
             WHERE scope = $1 AND method = $2 AND request_id = $3",
            [
                self.scope.into(),
                self.method.into(),
                self.request_id.into(),
                self.sealed.into(),
                position.epoch.as_str().into(),
                position.revision.into(),
            ],
        );
        conn.execute_raw(update).await.map(drop)
    }
}

#[cfg(test)]
mod tests;
