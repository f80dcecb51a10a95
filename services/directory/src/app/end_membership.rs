//! The end of a membership, however it comes.

use bailiwick_core::{AccountId, DirectoryId};
use sea_orm::ConnectionTrait;

use super::Error;
use crate::{events, store};

/// Ends the membership of an account, and with it what others had in the account through it: the claims on it, the roles of
/// trusted services, and the role that the management account was given when it created the account. The account's own
/// users, groups, policies and roles stay. Directory and account must be locked, and the membership must be one that may
/// end. Returns the facts of the identities that are no more; the fact of the account is the caller's.
pub(super) async fn end_membership(
    conn: &impl ConnectionTrait,
    directory: DirectoryId,
    account: AccountId,
) -> Result<Vec<events::Fact>, Error> {
    let linked = store::linked_role::of_account(conn, account).await?;
    let access = store::role::access_from(conn, account, directory).await?;
    store::claim::delete_all(conn, directory, account).await?;
    store::linked_role::delete_all(conn, account).await?;
    for role in &access {
        store::role::delete(conn, account, &role.id).await?;
    }
    store::member::delete(conn, directory, account).await?;
    let linked = linked.iter().map(events::linked_role_gone);
    Ok(linked.chain(access.iter().map(events::role_gone)).collect())
}
