//! Several that follow one log together.

use std::sync::Arc;

use bailiwick_api::{audit::v1::Change, r#type::v1::LogPosition};
use bailiwick_db::{DbError, Tx};
use futures::future::BoxFuture;

use crate::{Apply, HeldFact};

/// Each change made one's own by all of these in order, in one transaction: a later one sees what an earlier one made.
pub struct Chain(pub Vec<Arc<dyn Apply>>);

impl Apply for Chain {
    fn apply(&self, tx: Tx, at: LogPosition, change: Change) -> BoxFuture<'_, Result<(), DbError>> {
        Box::pin(async move {
            for part in &self.0 {
                part.apply(tx.clone(), at.clone(), change.clone()).await?;
            }
            Ok(())
        })
    }

    fn again<'a>(&'a self, tx: Tx, epoch: &'a str, changes: &'a [Change]) -> BoxFuture<'a, Result<(), DbError>> {
        Box::pin(async move {
            for part in &self.0 {
                part.again(tx.clone(), epoch, changes).await?;
            }
            Ok(())
        })
    }

    fn replace<'a>(&'a self, tx: Tx, at: LogPosition, facts: &'a [HeldFact]) -> BoxFuture<'a, Result<(), DbError>> {
        Box::pin(async move {
            for part in &self.0 {
                part.replace(tx.clone(), at.clone(), facts).await?;
            }
            Ok(())
        })
    }
}
