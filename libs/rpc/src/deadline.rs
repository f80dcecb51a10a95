//! How long a call may take: `grpc-timeout`, and what applies without.

use std::time::Duration;

use bailiwick_api::errors::v1::ErrorReason;
use http::HeaderMap;
use tokio::time::Instant;

use crate::{Kind, Problem};

/// Of a call without a deadline.
const DEFAULT: Duration = Duration::from_secs(30);
/// Of any unary call.
const MAX: Duration = Duration::from_secs(60);
/// Of any stream, so that the arithmetic cannot overflow.
const MAX_STREAM: Duration = Duration::from_hours(24);
const HEADER: &str = "grpc-timeout";

/// The deadline of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Deadline {
    /// Until when; of a stream without `grpc-timeout`, until when it may take to begin.
    pub(crate) at: Instant,
    /// Whether the handler must have answered by then.
    pub(crate) binds_handler: bool,
}

impl Deadline {
    /// The deadline that the headers ask for.
    ///
    /// # Errors
    /// INVALID_ARGUMENT if `grpc-timeout` is malformed.
    pub(crate) fn of(headers: &HeaderMap, unary: bool, now: Instant) -> Result<Self, Problem> {
        let Some(value) = headers.get(HEADER) else {
            return Ok(Self { at: now + DEFAULT, binds_handler: unary });
        };
        let timeout = value.to_str().ok().and_then(parse).ok_or_else(|| {
            Problem::new(Kind::InvalidArgument, ErrorReason::RequestUndecodable, "`grpc-timeout` is malformed")
        })?;
        Ok(Self { at: now + timeout.min(if unary { MAX } else { MAX_STREAM }), binds_handler: true })
    }
}

/// 1 to 8 digits and a unit.
fn parse(text: &str) -> Option<Duration> {
    let (digits, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
    if digits.is_empty() || digits.len() > 8 || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let count = digits.parse::<u64>().ok()?;
    Some(match unit {
        "H" => Duration::from_secs(count * 3600),
        "M" => Duration::from_secs(count * 60),
        "S" => Duration::from_secs(count),
        "m" => Duration::from_millis(count),
        "u" => Duration::from_micros(count),
        "n" => Duration::from_nanos(count),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn timeouts_are_read_and_bounded() {
        let now = Instant::now();
        let deadline = |value: &str, unary| {
            let headers = HeaderMap::from_iter([(HEADER.parse().unwrap(), value.parse().unwrap())]);
            Deadline::of(&headers, unary, now).map(|d| d.at - now).ok()
        };
        assert_eq!(deadline("5S", true), Some(Duration::from_secs(5)));
        assert_eq!(deadline("1500m", true), Some(Duration::from_millis(1500)));
        assert_eq!(deadline("2M", true), Some(MAX));
        assert_eq!(deadline("99999999H", true), Some(MAX));
        assert_eq!(deadline("99999999H", false), Some(MAX_STREAM));
        assert_eq!(deadline("2M", false), Some(Duration::from_secs(120)));
        for malformed in ["", "5", "S", "-5S", "5 S", "123456789m", "5s", "5é", "1.5S"] {
            let header = http::HeaderValue::from_bytes(malformed.as_bytes()).unwrap();
            let headers = HeaderMap::from_iter([(HEADER.parse().unwrap(), header)]);
            assert!(Deadline::of(&headers, true, now).is_err(), "{malformed}");
        }
        let without = Deadline::of(&HeaderMap::new(), true, now).unwrap();
        assert_eq!(without, Deadline { at: now + DEFAULT, binds_handler: true });
        assert!(!Deadline::of(&HeaderMap::new(), false, now).unwrap().binds_handler);
    }
}
