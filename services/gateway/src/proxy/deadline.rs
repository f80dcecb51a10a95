//! `grpc-timeout`: read, bounded, and written again with what is left.

use std::time::Duration;

use bailiwick_api::errors::v1::ErrorReason;
use bailiwick_rpc::{Kind, Problem};
use http::{HeaderMap, HeaderValue};

/// The header.
pub const GRPC_TIMEOUT: &str = "grpc-timeout";

/// How long the caller gives; none if it does not say.
///
/// # Errors
/// INVALID_ARGUMENT if it is malformed, or there are two: a caller that thinks it has a deadline must not be without.
pub fn requested(headers: &HeaderMap) -> Result<Option<Duration>, Problem> {
    let mut values = headers.get_all(GRPC_TIMEOUT).iter();
    let Some(value) = values.next() else { return Ok(None) };
    let timeout = value.to_str().ok().filter(|_| values.next().is_none()).and_then(parse);
    timeout.map(Some).ok_or_else(|| {
        Problem::new(Kind::InvalidArgument, ErrorReason::RequestUndecodable, "`grpc-timeout` is malformed")
    })
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

/// A time as the header has it, in 8 digits at most, rounded down.
pub fn header(left: Duration) -> HeaderValue {
    let scales = [(left.as_micros(), 'u'), (left.as_millis(), 'm'), (u128::from(left.as_secs()), 'S')];
    let fitting = scales.into_iter().find(|(count, _)| *count < 100_000_000);
    let (count, unit) = fitting.unwrap_or((99_999_999, 'S'));
    HeaderValue::from_str(&format!("{count}{unit}")).unwrap_or(HeaderValue::from_static("0u"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(value: &[u8]) -> Option<Duration> {
        let headers = HeaderMap::from_iter([(GRPC_TIMEOUT.parse().unwrap(), HeaderValue::from_bytes(value).unwrap())]);
        requested(&headers).ok().flatten()
    }

    #[test]
    fn timeouts_are_read_exactly_or_refused() {
        assert_eq!(read(b"5S"), Some(Duration::from_secs(5)));
        assert_eq!(read(b"99999999H"), Some(Duration::from_secs(99_999_999 * 3600)));
        assert_eq!(read(b"1500m"), Some(Duration::from_millis(1500)));
        assert_eq!(read(b"00000007u"), Some(Duration::from_micros(7)));
        assert_eq!(read(b"0n"), Some(Duration::ZERO));
        let malformed: [&[u8]; 9] = [b"", b"5", b"S", b"-5S", b"+5S", b"5 S", b"123456789m", b"5s", b"5\xc3\xa9"];
        for value in malformed {
            assert_eq!(read(value), None, "{value:?}");
        }
        let mut twice = HeaderMap::new();
        twice.append(GRPC_TIMEOUT, HeaderValue::from_static("1S"));
        twice.append(GRPC_TIMEOUT, HeaderValue::from_static("2S"));
        assert!(requested(&twice).is_err());
        assert_eq!(requested(&HeaderMap::new()).unwrap(), None);
    }

    #[test]
    fn what_is_written_is_read_again_and_never_more() {
        for micros in [0, 1, 999, 99_999_999, 100_000_000, 86_400_000_000] {
            let left = Duration::from_micros(micros);
            let read = read(header(left).as_bytes()).unwrap();
            assert!(read <= left && left - read <= left / 1_000, "{left:?} {read:?}");
        }
    }
}
