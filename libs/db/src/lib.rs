//! What every service with a database needs: pools, retrying named transactions, the change log, idempotent requests,
//! cursors of followed logs, leases, sealed values and page tokens, on SQLite and PostgreSQL alike.
//!
//! Invariants:
//! - A revision is taken in the last statements of the transaction that it numbers, from a row that stays locked until
//!   the commit: commit order is revision order, without gaps, on both engines.
//! - A response stored for a request id, the change that it reports and the position of that change are one transaction.
//! - A cursor moves in the transaction that applies what was read up to it, and only from where the caller believes it.
//!
//! What it does not do: it knows no service's tables and no protobuf (the payload of a change is bytes), it decides no
//! access, and nothing here opens a second connection inside a transaction; nor may the work given to [`Db::write`].

mod db;
mod error;
mod filter;
mod follow;
mod idempotency;
mod lease;
mod log;
mod migrate;
mod paging;
mod pool;
mod seal;
mod snapshot;
#[cfg(test)]
mod testing;
mod tx;
mod url;

pub use db::{Db, DbDeps};
pub use error::{DbError, TxError};
pub use filter::{Columns, Entries, ItemId, Place, Source};
pub use follow::{Applied, CursorWait};
pub use idempotency::{IDEMPOTENCY_TTL, IdempotencyKey};
pub use lease::Lease;
pub use log::{ChangeRow, FOLLOWED_MAX, LoggedChange, PAYLOAD_MAX, Position};
pub use migrate::Migrations;
pub use paging::{PageQuery, PageSize, PageSizeError, PageTokenError, PageTokens};
pub use pool::DbOptions;
pub use seal::{SealError, Sealer};
pub use snapshot::{At, Snapshot};
pub use tx::{Committed, Tx};
pub use url::{DatabaseUrl, DatabaseUrlError, Engine};
