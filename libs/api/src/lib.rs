//! The contract, from `proto/`: messages and stubs, the descriptor set for reflection, and the table of authorization
//! rules.
//!
//! Everything generated is checked when it is built (`build/check.rs`): a method without a sound rule does not build.
//! This crate decides nothing; it says what the contract says.

#[allow(dead_code, reason = "google messages that only the descriptors need")]
mod contract {
    include!(concat!(env!("OUT_DIR"), "/contract.rs"));
}
mod consistency;
mod fact;
mod inspect;
mod operator;
mod rules;
mod token;

pub use consistency::{CONSISTENCY_TOKEN, TokenError, decode_token, encode_token};
pub use contract::bailiwick::{
    audit, bastion, delegation, directory, errors, gateway, options, sase, securitycenter, soc, r#type,
};
pub use fact::FactError;
pub use inspect::{InspectError, Inspected, inspect, to_json};
pub use rules::{DESCRIPTORS, FOREIGN, rule, rules};
pub use token::{TOKEN_AUDIENCE, TOKEN_ISSUER, TOKEN_LEN_MAX, TokenClaims};

/// The domain of every `google.rpc.ErrorInfo`.
pub const ERROR_DOMAIN: &str = "bailiwick.dev";
