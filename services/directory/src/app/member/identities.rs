//! What happens to all identities of an account at once. Every kind of identity, and every credential that is stored, must
//! be here: what is forgotten outlives the account.

use bailiwick_core::{AccountId, IdentityName};
use sea_orm::ConnectionTrait;

use super::{
    super::{credential, user},
    Error, Locked, end_account,
};
use crate::{domain::user::User, events, store};

/// Users that are read at once.
const USERS: u64 = 500;

/// Makes the tokens of all identities of an account dead, and returns the facts that say so.
pub(super) async fn revoke_all(conn: &impl ConnectionTrait, locked: &mut Locked) -> Result<Vec<events::Fact>, Error> {
    let generation = locked.account.next_generation();
    store::account::save(conn, &locked.account).await?;
    let of = locked.account.id;
    store::user::set_generation(conn, of, generation).await?;
    store::role::set_generation(conn, of, generation).await?;
    let roles = store::role::page(conn, of, "", u64::MAX >> 1).await?;
    let users = users(conn, of).await?;
    Ok(users.iter().map(events::user).chain(roles.iter().map(events::role)).collect())
}

/// Deletes all identities of an account with their credentials, and returns the facts that say so. Service-linked roles
/// have ended with the membership.
pub(super) async fn delete_all(conn: &impl ConnectionTrait, of: AccountId) -> Result<Vec<events::Fact>, Error> {
    let users = users(conn, of).await?;
    let mut gone = end_account(conn, of).await?;
    gone.extend(store::credential::of_account(conn, of).await?.iter().map(events::credential_gone));
    store::credential::delete_of_account(conn, of).await?;
    store::access_key::delete_of_account(conn, of).await?;
    store::security_info::delete(conn, of).await?;
    store::identity_provider::delete_all(conn, of).await?;
    store::user::delete_all(conn, of).await?;
    gone.push(events::root_user_gone(of));
    Ok(users.iter().map(events::user_gone).chain(gone).collect())
}

/// The root user of an account.
pub(super) async fn root(conn: &impl ConnectionTrait, of: AccountId) -> Result<User, Error> {
    user::find(conn, of, IdentityName::ROOT).await
}

/// Deletes all credentials of a user, and returns the facts that say so. Its tokens are another matter: they die with its
/// generation.
pub(super) async fn delete_credentials(conn: &impl ConnectionTrait, user: &User) -> Result<Vec<events::Fact>, Error> {
    store::access_key::delete_all(conn, user.account, &user.id).await?;
    credential::delete_all(conn, user.account, &user.id).await
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
