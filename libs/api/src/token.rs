//! What the tokens of callers say: made by `directory`, read by the gateway.

use serde::{Deserialize, Serialize};

/// The `iss` of every token.
pub const TOKEN_ISSUER: &str = "bailiwick.dev/directory";
/// The `aud` of every token.
pub const TOKEN_AUDIENCE: &str = "bailiwick.dev/gateway";

/// The claims of a token: a JWT, signed with EdDSA, its header `kid` the id of the signing key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TokenClaims {
    /// [`TOKEN_ISSUER`].
    pub iss: String,
    /// [`TOKEN_AUDIENCE`].
    pub aud: String,
    /// The identity: `accounts/{account}/users/{user}` or `operators/{operator}`.
    pub sub: String,
    /// Until when it is accepted, in seconds since 1970-01-01 UTC.
    pub exp: i64,
    /// When it was issued, in seconds since 1970-01-01 UTC.
    pub iat: i64,
    /// Unique id of the token.
    pub jti: String,
    /// The generation of the identity at which it was issued: a later one revokes it.
    #[serde(rename = "gen")]
    pub generation: i64,
    /// Id of the access key that it was had with.
    pub akid: String,
}
