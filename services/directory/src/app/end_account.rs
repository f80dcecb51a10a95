//! The end of an account: what its identities had.

use bailiwick_core::AccountId;
use sea_orm::ConnectionTrait;

use super::Error;
use crate::{events, store};

/// Deletes the groups, policies and roles of an account with all attachments; its users are left without any. The account
/// must be locked. Returns the facts of what is no more, identities before the policies that they had; those of the users
/// are the caller's.
pub(super) async fn end_account(conn: &impl ConnectionTrait, of: AccountId) -> Result<Vec<events::Fact>, Error> {
    let roles = store::role::page(conn, of, "", u64::MAX >> 1).await?;
    let policies = store::policy::page(conn, of, "", u64::MAX >> 1).await?;
    store::attachment::delete_all(conn, of).await?;
    store::group::delete_all(conn, of).await?;
    store::role::delete_all(conn, of).await?;
    store::policy::delete_all(conn, of).await?;
    let roles = roles.iter().map(events::role_gone);
    Ok(roles.chain(policies.iter().map(events::policy_gone)).collect())
}
