//! What the tokens of callers say: made by `directory`, read by the gateway.

use serde::{Deserialize, Serialize};

/// The `iss` of every token.
pub const TOKEN_ISSUER: &str = "bailiwick.dev/directory";
/// The `aud` of every token.
pub const TOKEN_AUDIENCE: &str = "bailiwick.dev/gateway";
/// Longest token, in bytes: it is sent with each call, whose metadata has at most 8 KiB.
pub const TOKEN_LEN_MAX: usize = 6_656;

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
    /// Of a session of a role: its name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ses: Option<String>,
    /// Of a session of a role: the policy document that narrows it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pol: Option<String>,
    /// Of a session of a role: the identity that began it, the first one if sessions began sessions; or the identity
    /// provider, `accounts/{account}/identityProviders/{identity_provider}`, that vouched for the person.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub src: Option<String>,
    /// Of a session of a role: the generation of that identity at which it began; 0 for an identity provider.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sgen: Option<i64>,
    /// Whether the person was authenticated by more than one factor.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub mfa: bool,
}
