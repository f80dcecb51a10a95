//! What happens to all identities of an account at once. Every kind of identity, and every credential that is stored, must
//! be here: what is forgotten outlives the account.

use bailiwick_core::AccountId;
use sea_orm::ConnectionTrait;

use super::{Error, Locked};
use crate::{domain::user::User, events, store};

/// Users that are read at once.
const USERS: u64 = 500;

/// Makes the tokens of all identities of an account dead, and returns the facts that say so.
pub(super) async fn revoke_all(conn: &impl ConnectionTrait, locked: &mut Locked) -> Result<Vec<events::Fact>, Error> {
    let generation = locked.account.next_generation();
    store::account::save(conn, &locked.account).await?;
    store::user::set_generation(conn, locked.account.id, generation).await?;
    Ok(users(conn, locked.account.id).await?.iter().map(events::user).collect())
}

/// Deletes all identities of an account with their credentials, and returns the facts that say so. Service-linked roles
/// have ended with the membership.
pub(super) async fn delete_all(conn: &impl ConnectionTrait, of: AccountId) -> Result<Vec<events::Fact>, Error> {
    let users = users(conn, of).await?;
    store::access_key::delete_of_account(conn, of).await?;
    store::identity_provider::delete_all(conn, of).await?;
    store::user::delete_all(conn, of).await?;
    Ok(users.iter().map(events::user_gone).collect())
}

async fn users(conn: &impl ConnectionTrait, of: AccountId) -> Result<Vec<User>, Error> {
    let mut users: Vec<User> = Vec::new();
    loop {
        let after = users.last().map(|user| user.id.clone()).unwrap_or_default();
        let page = store::user::page(conn, of, &after, USERS).await?;
        if page.is_empty() {
            return Ok(users);
        }
        users.extend(page);
    }
}
