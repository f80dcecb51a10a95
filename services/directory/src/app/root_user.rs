//! What others are told of root users (R-DIR-36).

use bailiwick_core::{AccountId, IdentityName};
use sea_orm::ConnectionTrait;

use super::{Error, user};
use crate::{events, store};

/// What is known of the root user of an account: for the change record of whatever changed it, as its last step.
pub(super) async fn fact(conn: &impl ConnectionTrait, of: AccountId) -> Result<events::Fact, Error> {
    let root = user::find(conn, of, IdentityName::ROOT).await?;
    let keys = store::access_key::of_users(conn, of, &[IdentityName::ROOT]).await?;
    let in_use = keys.iter().filter(|key| key.enabled).count();
    let reachable = !store::security_info::get(conn, of).await?.destinations().is_empty();
    Ok(events::root_user(&root, in_use, reachable))
}

/// As [`fact`], of a change of this user's keys: none if it is another user.
pub(super) async fn fact_of_keys(
    conn: &impl ConnectionTrait,
    of: AccountId,
    user: &str,
) -> Result<Option<events::Fact>, Error> {
    if user == IdentityName::ROOT { Ok(Some(fact(conn, of).await?)) } else { Ok(None) }
}
