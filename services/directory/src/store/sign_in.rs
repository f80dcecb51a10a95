//! What signing in leaves behind, and the roles that people are signed in as.

use bailiwick_core::{
    AccountId, Timestamp,
    authz::{Document, PolicyKind},
};
use sea_orm::{ActiveValue::Set, ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter, QuerySelect};

use super::{Result, entity::sign_ins, malformed, role};
use crate::domain::{role::Role, sign_in::TrustingRole};

/// Notes that an ID token, of which this is the SHA-256 without its signature, was used. Another one who does so meanwhile
/// waits, and fails as with any row that exists already.
pub async fn insert(conn: &impl ConnectionTrait, token_hash: [u8; 32], expire_time: Timestamp) -> Result<()> {
    let row = sign_ins::ActiveModel { token_hash: Set(token_hash.to_vec()), expire_us: Set(expire_time.as_micros()) };
    sign_ins::Entity::insert(row).exec_without_returning(conn).await?;
    Ok(())
}

/// For the platform: forgets up to `limit` ID tokens that nobody would accept any more.
pub async fn delete_expired(conn: &impl ConnectionTrait, now: Timestamp, limit: u64) -> Result<()> {
    let due: Vec<Vec<u8>> = sign_ins::Entity::find()
        .select_only()
        .column(sign_ins::Column::TokenHash)
        .filter(sign_ins::Column::ExpireUs.lt(now.as_micros()))
        .limit(limit)
        .into_tuple()
        .all(conn)
        .await?;
    if !due.is_empty() {
        sign_ins::Entity::delete_many().filter(sign_ins::Column::TokenHash.is_in(due)).exec(conn).await?;
    }
    Ok(())
}

/// A role of an account with its trust policy. Service-linked roles have none: nobody is signed in as one.
pub async fn role(conn: &impl ConnectionTrait, of: AccountId, id: &str) -> Result<Option<TrustingRole>> {
    let Some(role) = role::get(conn, of, id).await? else { return Ok(None) };
    let session_seconds_max = role.max_session_seconds;
    Ok(Some(TrustingRole { generation: role.generation, session_seconds_max, trust: trust(&role)? }))
}

/// The trust policy of a role.
pub fn trust(role: &Role) -> Result<Document> {
    Document::parse(PolicyKind::Trust, &role.trust_policy).map_err(|_| malformed("trust policy", &role.trust_policy))
}
