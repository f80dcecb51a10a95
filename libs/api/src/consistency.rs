//! Consistency tokens: the positions that a caller wants to be seen.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use prost::Message;

use crate::r#type::v1::{ConsistencyToken, LogPosition};

/// The metadata key of consistency tokens, in requests and answers.
pub const CONSISTENCY_TOKEN: &str = "bailiwick-consistency-token";

/// Longest token, in bytes of text: six positions fit many times over.
const MAX_LEN: usize = 2_048;

/// A text that is no consistency token.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the consistency token is malformed")]
pub struct TokenError;

/// The token of some positions.
pub fn encode_token(positions: Vec<LogPosition>) -> String {
    URL_SAFE_NO_PAD.encode(ConsistencyToken { positions }.encode_to_vec())
}

/// The positions of a token.
///
/// # Errors
/// If the text is no token, is over 2,048 bytes, or a position lacks its epoch or has a revision below 0.
pub fn decode_token(text: &str) -> Result<Vec<LogPosition>, TokenError> {
    if text.len() > MAX_LEN {
        return Err(TokenError);
    }
    let bytes = URL_SAFE_NO_PAD.decode(text).map_err(|_| TokenError)?;
    let token = ConsistencyToken::decode(bytes.as_slice()).map_err(|_| TokenError)?;
    let sound = |p: &LogPosition| !p.epoch.is_empty() && p.revision >= 0;
    if token.positions.iter().all(sound) { Ok(token.positions) } else { Err(TokenError) }
}
