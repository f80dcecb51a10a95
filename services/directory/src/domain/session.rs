//! Sessions of roles (E-GW-02).

use std::time::Duration;

use super::Error;

/// The shortest session, in seconds.
pub const SECONDS_MIN: u32 = 900;
/// The longest session of all, in seconds: no role allows more.
pub const SECONDS_MAX: u32 = 43_200;
/// How long a session lasts if nobody says, in seconds.
pub const SECONDS_DEFAULT: u32 = 3_600;
/// The longest session that a session may begin, in seconds, whatever its role allows.
pub const SECONDS_CHAINED_MAX: u32 = 3_600;

/// Whether a text may be the name of a session: 2 to 64 letters, digits and `.@-_=`.
pub fn is_session_name(text: &str) -> bool {
    (2..=64).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_alphanumeric() || b".@-_=".contains(&b))
}

/// Whether a text may be an external id: 2 to 1,224 characters that can be seen, as trust policies compare it.
pub fn is_external_id(text: &str) -> bool {
    // Four bytes is the longest character: a longer text need not be counted.
    text.len() <= 1_224 * 4
        && (2..=1_224).contains(&text.chars().count())
        && !text.chars().any(bailiwick_core::is_unseen)
}

/// The seconds that are asked for: what a session lasts by default if that is zero; none out of bounds.
pub fn asked_seconds(asked: i32) -> Option<u32> {
    match u32::try_from(asked).ok()? {
        0 => Some(SECONDS_DEFAULT),
        seconds => (SECONDS_MIN..=SECONDS_MAX).contains(&seconds).then_some(seconds),
    }
}

/// How long the session lasts. `chained` is whether a session begins it.
pub fn duration(seconds: u32, max_session_seconds: u32, chained: bool) -> Result<Duration, Error> {
    let limit = if chained { max_session_seconds.min(SECONDS_CHAINED_MAX) } else { max_session_seconds };
    if seconds > limit {
        return Err(Error::SessionTooLong { limit });
    }
    Ok(Duration::from_secs(seconds.into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    // covers: E-GW-02
    #[test]
    fn sessions_last_as_long_as_the_role_allows() {
        for (asked, seconds) in
            [(0, Some(3_600)), (899, None), (900, Some(900)), (43_200, Some(43_200)), (43_201, None), (-1, None)]
        {
            assert_eq!(asked_seconds(asked), seconds, "{asked}");
        }
        let too_long = |limit| Err(Error::SessionTooLong { limit });
        for (seconds, max, chained, expected) in [
            (3_600, 3_600, false, Ok(3_600)),
            (3_601, 3_600, false, too_long(3_600)),
            (43_200, 43_200, false, Ok(43_200)),
            (3_600, 43_200, true, Ok(3_600)),
            (3_601, 43_200, true, too_long(3_600)),
        ] {
            assert_eq!(duration(seconds, max, chained), expected.map(Duration::from_secs), "{seconds} {max}");
        }
    }

    #[test]
    fn names_and_external_ids_are_of_the_form_in_the_contract() {
        for (name, ok) in
            [("ab", true), ("a", false), ("a.b@c-d_e=9", true), ("a b", false), ("a/b", false), ("é", false)]
        {
            assert_eq!(is_session_name(name), ok, "{name}");
        }
        assert!(is_session_name(&"a".repeat(64)) && !is_session_name(&"a".repeat(65)));
        assert!(is_external_id("ab") && !is_external_id("a") && !is_external_id("a\nb"));
        assert!(is_external_id(&"信".repeat(1_224)) && !is_external_id(&"a".repeat(1_225)));
    }
}
