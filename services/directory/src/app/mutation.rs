//! Changes: once for each request id, or only tried.

use bailiwick_db::{Committed, DbError, IdempotencyKey, Position, Tx, TxError};
use serde::{Serialize, de::DeserializeOwned};

use super::{App, Error};

/// How a change is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mutation {
    /// What makes a repetition of the request one (E-GW-06).
    pub key: IdempotencyKey,
    /// Check everything, change nothing (E-DIR-22).
    pub validate_only: bool,
}

/// What came of a change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Done<T> {
    /// The result.
    pub value: T,
    /// Where the change stands in the log; none if it was only tried.
    pub position: Option<Position>,
}

/// The end of a transaction that is rolled back: its result, if it would have been committed.
enum Rehearsed<T> {
    Well(T),
    Failed(Error),
}

impl<T> From<DbError> for Rehearsed<T> {
    fn from(error: DbError) -> Self {
        Self::Failed(error.into())
    }
}

impl<T: Send> TxError for Rehearsed<T> {
    fn db(&self) -> Option<&DbError> {
        match self {
            Self::Well(_) => None,
            Self::Failed(error) => error.db(),
        }
    }
}

impl Mutation {
    /// The request id; empty if there was none.
    pub fn request_id(&self) -> &str {
        self.key.request_id.as_deref().unwrap_or_default()
    }
}

impl<T> From<Committed<T>> for Done<T> {
    fn from(committed: Committed<T>) -> Self {
        Self { value: committed.value, position: Some(committed.position) }
    }
}

impl App {
    /// Runs `work` in a transaction, once for each request id. Of a change that is only tried, everything is done and
    /// then rolled back, so that it meets every check that the change itself would.
    pub(super) async fn mutate<T, F, Fut>(
        &self,
        operation: &'static str,
        change: &Mutation,
        work: F,
    ) -> Result<Done<T>, Error>
    where
        T: Serialize + DeserializeOwned + Send,
        F: Fn(Tx) -> Fut + Send + Sync,
        Fut: Future<Output = Result<T, Error>> + Send,
    {
        // On the heap: nested in each other, these futures are more than the stack of a thread holds without optimization.
        let work = |tx| Box::pin(work(tx));
        if !change.validate_only {
            let done = self.db.write_once(operation, &change.key, work).await;
            return done.map(Done::from).map_err(|error| match error {
                Error::Db(DbError::RequestIdReused) => Error::RequestIdReused(change.request_id().to_owned()),
                error => error,
            });
        }
        let rehearsal = |tx| {
            let work = work(tx);
            async move {
                match work.await {
                    Ok(value) => Err::<(), _>(Rehearsed::Well(value)),
                    Err(error) => Err(Rehearsed::Failed(error)),
                }
            }
        };
        match self.db.write(operation, rehearsal).await {
            Err(Rehearsed::Well(value)) => Ok(Done { value, position: None }),
            Err(Rehearsed::Failed(error)) => Err(error),
            Ok(_) => Err(DbError::from(sea_orm::DbErr::Custom("a rehearsal was committed".to_owned())).into()),
        }
    }
}
