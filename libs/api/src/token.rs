//! What the tokens of callers say: made by `directory`, read by the gateway.

use serde::{Deserialize, Serialize};

/// The `iss` of every token.
pub const TOKEN_ISSUER: &str = "bailiwick.dev/directory";
/// The `aud` of every token.
pub const TOKEN_AUDIENCE: &str = "bailiwick.dev/gateway";
/// Longest token, in bytes: it is sent with each call, whose metadata has at most 8 KiB.
pub const TOKEN_LEN_MAX: usize = 6_656;

/// The claims of a token: a JWT, signed with EdDSA, its header `kid` the id of the signing key.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
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
    /// The epoch of directory's database at which it was issued. Generations of different epochs cannot be compared: after
    /// a restore from a backup they have gone back.
    pub epoch: String,
    /// Id of the access key that it was had with.
    pub akid: String,
    /// Of a role session: its name (E-GW-02).
    #[serde(rename = "ses", default, skip_serializing_if = "Option::is_none")]
    pub session: Option<String>,
    /// Of a role session: the policy document that bounds it.
    #[serde(rename = "pol", default, skip_serializing_if = "Option::is_none")]
    pub session_policy: Option<String>,
    /// Of a role session: the identity that it began with, through however many roles; none if an identity provider
    /// signed somebody in.
    #[serde(rename = "src", default, skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
    /// The generation of that identity at that time.
    #[serde(rename = "sgen", default, skip_serializing_if = "Option::is_none")]
    pub source_generation: Option<i64>,
    /// The identity provider that signed in the person at the beginning of the chain of sessions,
    /// `accounts/{account}/identityProviders/{identity_provider}`; none if none did.
    #[serde(rename = "idp", default, skip_serializing_if = "Option::is_none")]
    pub provider: Option<String>,
    /// Who signed in there: the subject of the ID token. Provider and subject go on through all sessions that are begun.
    #[serde(rename = "isub", default, skip_serializing_if = "Option::is_none")]
    pub subject: Option<String>,
    /// Whether the caller signed in with a second factor.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub mfa: bool,
}
