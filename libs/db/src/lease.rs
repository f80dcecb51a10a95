//! Leases: who of the replicas runs what must run once, such as a sweeper.
//!
//! A lease saves work; it is no fence. It is compared by the clocks of the replicas, and its holder may be paused past its
//! end: what runs under one must stay correct when two run it, which transactions see to.

use std::time::Duration;

use bailiwick_core::Timestamp;
use sea_orm::{ConnectionTrait, Statement};

use crate::{Db, DbError};

/// A lease that was obtained.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lease {
    /// What is leased.
    pub name: String,
    /// Who holds it: unique to the process.
    pub holder: String,
    /// When others may take it. To keep it, ask again well before.
    pub expires: Timestamp,
}

impl Db {
    /// Takes or renews the lease `name` for `ttl`; none if another holds it.
    pub async fn try_lease(&self, name: &str, holder: &str, ttl: Duration) -> Result<Option<Lease>, DbError> {
        let now = self.clock().now();
        let expires = now.after(ttl);
        let upsert = Statement::from_sql_and_values(
            self.writer().get_database_backend(),
            "INSERT INTO leases (name, holder, expires_us) VALUES ($1, $2, $3) \
             ON CONFLICT (name) DO UPDATE SET holder = excluded.holder, expires_us = excluded.expires_us \
             WHERE leases.holder = excluded.holder OR leases.expires_us <= $4",
            [name.into(), holder.into(), expires.as_micros().into(), now.as_micros().into()],
        );
        let taken = self.writer().execute_raw(upsert).await?.rows_affected() == 1;
        Ok(taken.then(|| Lease { name: name.to_owned(), holder: holder.to_owned(), expires }))
    }

    /// Gives the lease back before its time, if it is still held.
    pub async fn release_lease(&self, lease: &Lease) -> Result<(), DbError> {
        let delete = Statement::from_sql_and_values(
            self.writer().get_database_backend(),
            "DELETE FROM leases WHERE name = $1 AND holder = $2",
            [lease.name.as_str().into(), lease.holder.as_str().into()],
        );
        self.writer().execute_raw(delete).await?;
        Ok(())
    }
}

#[cfg(test)]
mod tests;
