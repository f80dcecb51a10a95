//! The port to what else a service has of its members.

use bailiwick_core::{AccountId, DirectoryId};
use bailiwick_db::{DbError, Tx};
use futures::future::BoxFuture;

/// Whether a member can be removed from the list by a call. It is asked in the transaction that decides it, and again when
/// a removal that was interrupted goes on; a member that leaves the directory is not asked for.
pub trait Departure: Send + Sync {
    /// The name of something that must be removed before. If there is none, nothing of the member is added any more, as far
    /// as it is in the enrolment of this unique id.
    fn begin(
        &self,
        tx: Tx,
        directory: DirectoryId,
        account: AccountId,
        uid: String,
    ) -> BoxFuture<'_, Result<Option<String>, DbError>>;

    /// Those of some members of which a removal was begun, with the unique ids of the enrolments that it is of.
    fn leaving(
        &self,
        tx: Tx,
        directory: DirectoryId,
        accounts: Vec<AccountId>,
    ) -> BoxFuture<'_, Result<Vec<(AccountId, String)>, DbError>>;

    /// These enrolments have ended: that removals of them were begun need not be known any more.
    fn end(&self, tx: Tx, directory: DirectoryId, left: Vec<(AccountId, String)>)
    -> BoxFuture<'_, Result<(), DbError>>;
}
