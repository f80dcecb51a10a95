//! Pages of a list: their size, and the token that continues one.
//!
//! A list is paged by the last key that was returned, never by a number of rows. The token holds that key, sealed.

use std::time::Duration;

use bailiwick_core::Timestamp;
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};

use crate::Sealer;

const SIZE_DEFAULT: u32 = 50;
const SIZE_MAX: u32 = 1000;
const TOKEN_TTL: Duration = Duration::from_hours(24);
/// Longest token that is looked at, in characters.
const TOKEN_MAX: usize = 8 << 10;

/// How many items a page has: from 1 to 1000.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PageSize(u32);

/// The size asked for is negative.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a page size is not negative")]
pub struct PageSizeError;

/// What a page token belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PageQuery<'a> {
    /// The epoch of the database that the list is read from.
    pub epoch: &'a str,
    /// The tenant that bounds the list.
    pub tenant: &'a str,
    /// The method that lists.
    pub method: &'a str,
    /// All that selects and orders the list: filter, order, parent.
    pub fingerprint: &'a [u8],
}

/// Why a page token does not continue a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PageTokenError {
    /// Not a token of this list: forged, damaged, of another query or of another tenant.
    #[error("the page token does not belong to this list")]
    Invalid,
    /// Older than 24 hours.
    #[error("the page token has expired")]
    Expired,
}

/// Makes and opens page tokens.
#[derive(Clone, Debug)]
pub struct PageTokens(Sealer);

impl TryFrom<i32> for PageSize {
    type Error = PageSizeError;

    /// 0 is 50, and more than 1000 is 1000.
    fn try_from(asked: i32) -> Result<Self, PageSizeError> {
        match u32::try_from(asked).map_err(|_| PageSizeError)? {
            0 => Ok(Self(SIZE_DEFAULT)),
            size => Ok(Self(size.min(SIZE_MAX))),
        }
    }
}

impl PageSize {
    /// The number of items.
    pub fn get(self) -> u32 {
        self.0
    }
}

impl PageTokens {
    /// Tokens that open wherever `sealer` has the same key.
    pub fn new(sealer: Sealer) -> Self {
        Self(sealer)
    }

    /// The token that continues the list of `query` after `last_key`, for 24 hours.
    pub fn seal(&self, query: &PageQuery<'_>, last_key: &str, now: Timestamp) -> Result<String, PageTokenError> {
        let expires = now.after(TOKEN_TTL).as_micros().to_le_bytes();
        let plain = [expires.as_slice(), last_key.as_bytes()].concat();
        let sealed = self.0.seal(&query.bound(), &plain).map_err(|_| PageTokenError::Invalid)?;
        Ok(URL_SAFE_NO_PAD.encode(sealed))
    }

    /// The key after which the list of `query` continues.
    pub fn open(&self, query: &PageQuery<'_>, token: &str, now: Timestamp) -> Result<String, PageTokenError> {
        if token.len() > TOKEN_MAX {
            return Err(PageTokenError::Invalid);
        }
        let sealed = URL_SAFE_NO_PAD.decode(token).map_err(|_| PageTokenError::Invalid)?;
        let plain = self.0.open(&query.bound(), &sealed).map_err(|_| PageTokenError::Invalid)?;
        let (expires, key) = plain.split_first_chunk::<8>().ok_or(PageTokenError::Invalid)?;
        if now.as_micros() >= i64::from_le_bytes(*expires) {
            return Err(PageTokenError::Expired);
        }
        String::from_utf8(key.to_vec()).map_err(|_| PageTokenError::Invalid)
    }
}

impl<'a> PageQuery<'a> {
    fn bound(&self) -> [&'a [u8]; 5] {
        [b"page", self.epoch.as_bytes(), self.tenant.as_bytes(), self.method.as_bytes(), self.fingerprint]
    }
}

#[cfg(test)]
mod tests;
