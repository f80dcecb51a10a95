use std::{sync::Arc, time::Duration};

use bailiwick_core::{Clock, SystemEntropy};
use bailiwick_testkit::ManualClock;
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};

use super::*;

const QUERY: PageQuery<'_> =
    PageQuery { epoch: "e", tenant: "directories/rd-1", method: "ListMembers", fingerprint: b"filter" };

fn tokens(key: u8) -> PageTokens {
    PageTokens::new(Sealer::new([key; 32], Arc::new(SystemEntropy)))
}

#[test]
fn sizes() {
    let size = |asked: i32| PageSize::try_from(asked).map(PageSize::get);
    assert_eq!(size(0), Ok(50));
    assert_eq!(size(1), Ok(1));
    assert_eq!(size(1000), Ok(1000));
    assert_eq!(size(1001), Ok(1000));
    assert_eq!(size(i32::MAX), Ok(1000));
    assert_eq!(size(-1), Err(PageSizeError));
    assert_eq!(size(i32::MIN), Err(PageSizeError));
}

#[test]
fn a_token_continues_its_own_list_only() {
    let now = ManualClock::default().now();
    let token = tokens(1).seal(&QUERY, "accounts/5", now).unwrap();
    assert_eq!(tokens(1).open(&QUERY, &token, now).as_deref(), Ok("accounts/5"));
    for other in [
        PageQuery { epoch: "f", ..QUERY },
        PageQuery { tenant: "directories/rd-2", ..QUERY },
        PageQuery { method: "ListFolders", ..QUERY },
        PageQuery { fingerprint: b"", ..QUERY },
    ] {
        assert_eq!(tokens(1).open(&other, &token, now), Err(PageTokenError::Invalid), "{other:?}");
    }
    assert_eq!(tokens(2).open(&QUERY, &token, now), Err(PageTokenError::Invalid));
}

#[test]
fn a_token_lasts_a_day() {
    let clock = ManualClock::default();
    let token = tokens(1).seal(&QUERY, "k", clock.now()).unwrap();
    clock.advance(TOKEN_TTL - Duration::from_micros(1));
    assert_eq!(tokens(1).open(&QUERY, &token, clock.now()).as_deref(), Ok("k"));
    clock.advance(Duration::from_micros(1));
    assert_eq!(tokens(1).open(&QUERY, &token, clock.now()), Err(PageTokenError::Expired));
}

#[test]
fn a_changed_token_is_refused() {
    let now = ManualClock::default().now();
    let token = tokens(1).seal(&QUERY, "k", now).unwrap();
    let sealed = URL_SAFE_NO_PAD.decode(&token).unwrap();
    for at in 0..sealed.len() {
        let mut changed = sealed.clone();
        changed[at] ^= 1;
        let changed = URL_SAFE_NO_PAD.encode(changed);
        assert_eq!(tokens(1).open(&QUERY, &changed, now), Err(PageTokenError::Invalid), "byte {at}");
    }
    for text in ["", "x", "not base64!", &"A".repeat(TOKEN_MAX + 1)] {
        assert_eq!(tokens(1).open(&QUERY, text, now), Err(PageTokenError::Invalid));
    }
}
