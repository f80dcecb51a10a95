//! Consistency tokens as texts.

use bailiwick_api::{TokenError, decode_token, encode_token, r#type::v1::LogPosition};

fn position(role: &str, revision: i64) -> LogPosition {
    LogPosition { role: role.to_owned(), epoch: "e1".to_owned(), revision }
}

#[test]
fn a_token_says_what_was_put_into_it() {
    for positions in [
        vec![],
        vec![position("directory", 0)],
        ["directory", "delegation", "security-center", "sase-policy", "bastion-audit", "gateway"]
            .map(|role| position(role, i64::MAX))
            .into(),
    ] {
        let token = encode_token(positions.clone());
        assert!(token.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_'), "{token}");
        assert_eq!(decode_token(&token), Ok(positions));
    }
}

#[test]
fn what_is_no_token_is_refused() {
    let token = encode_token(vec![position("directory", 7)]);
    let cut = token.get(..token.len() - 4).unwrap();
    for text in ["!", "a b", "=", "////", "Zm9v", &format!("{token}="), &format!(" {token}"), cut] {
        assert_eq!(decode_token(text), Err(TokenError), "`{text}`");
    }
    assert_eq!(decode_token(&encode_token(vec![position("directory", -1)])), Err(TokenError));
    let no_epoch = LogPosition { epoch: String::new(), ..position("directory", 7) };
    assert_eq!(decode_token(&encode_token(vec![position("directory", 7), no_epoch])), Err(TokenError));
}

#[test]
fn a_token_has_a_bound() {
    let long = |epoch: usize| encode_token(vec![LogPosition { epoch: "e".repeat(epoch), ..position("directory", 7) }]);
    assert!(decode_token(&long(1_400)).is_ok());
    assert_eq!(decode_token(&long(1_600)), Err(TokenError));
}
