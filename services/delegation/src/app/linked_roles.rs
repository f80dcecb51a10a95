//! Service-linked roles, which directory keeps beside the other identities of an account.

use bailiwick_core::{AccountId, DirectoryId};
use bailiwick_db::Position;
use futures::future::BoxFuture;

use super::claims::{Behalf, ClaimsError};
use crate::domain::LinkedRole;

/// Directory's `LinkedRoleService`. Each call ends by the deadline.
pub trait LinkedRoles: Send + Sync {
    /// Creates a role in a member, or returns the one that is there; and the position of directory's log that has it.
    fn create<'a>(
        &'a self,
        behalf: &'a Behalf,
        directory: DirectoryId,
        account: AccountId,
        role: &'a str,
    ) -> BoxFuture<'a, Result<(LinkedRole, Position), ClaimsError>>;
    /// A page of the roles of an account by name, and the token of the next: empty at the end.
    fn list<'a>(
        &'a self,
        behalf: &'a Behalf,
        account: AccountId,
        size: i32,
        token: &'a str,
    ) -> BoxFuture<'a, Result<(Vec<LinkedRole>, String), ClaimsError>>;
    /// Deletes a role that an account has in the membership of an incarnation, unless a claim needs it.
    fn delete<'a>(
        &'a self,
        behalf: &'a Behalf,
        account: AccountId,
        incarnation: &'a str,
        role: &'a str,
    ) -> BoxFuture<'a, Result<Deleted, ClaimsError>>;
}

/// What came of a deletion.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Deleted {
    /// The membership has no such role, or has ended, at this position of directory's log.
    Gone(Position),
    /// A claim needs it.
    InUse,
}
