use bailiwick_api::errors::v1::ErrorReason;
use bailiwick_core::{
    IdentityName, PrincipalKind,
    authz::{CredentialFact, Fact, FactChange, IdentityFact, Snapshot},
};
use bailiwick_rpc::ApiError as _;

use super::*;

const ID: &str = "0123456789abcdefghij";
const EXPIRES: Timestamp = Timestamp::from_micros(2_000);

fn secret(last: char) -> String {
    format!("{}{last}", "A-_z".repeat(11).get(..SECRET_LEN - 1).unwrap())
}

fn user() -> IdentityName {
    "accounts/1000000000000001/users/collector".parse().unwrap()
}

fn facts() -> Snapshot {
    let identity = IdentityFact {
        kind: PrincipalKind::User,
        enabled: true,
        generation: 4,
        policies: Box::default(),
        trust_policy: None,
    };
    let credential = CredentialFact {
        user: user(),
        secret_sha256: Sha256::digest(secret('x')).into(),
        action: "soc:IngestLogs".to_owned(),
        expires: EXPIRES,
    };
    let facts = [
        Fact::Identity { identity: user(), fact: Some(identity) },
        Fact::Credential { credential: ID.to_owned(), fact: Some(credential) },
    ];
    let mut snapshot = Snapshot::empty();
    snapshot.apply(1, facts.into_iter().map(|fact| FactChange { fact, removed: false }));
    snapshot
}

fn headers(values: &[&str]) -> HeaderMap {
    values.iter().map(|value| (AUTHORIZATION, value.parse().unwrap())).collect()
}

fn presented(token: &str) -> Option<Result<Presented, ErrorReason>> {
    let found = Presented::of(&headers(&[&format!("Bearer {token}")]))?;
    Some(found.map_err(|problem| problem.reason()))
}

#[test]
fn a_credential_acts_as_its_user_for_its_action_until_it_expires() {
    let presented = presented(&format!("bwc_{ID}_{}", secret('x'))).unwrap().unwrap();
    assert!(!format!("{presented:?}").contains(&secret('x')));
    let at = |micros| presented.principal(&facts(), Timestamp::from_micros(micros)).map_err(|p| p.reason());
    let principal = at(1_999).unwrap();
    assert_eq!(principal.purpose, Some(Purpose { credential: ID.to_owned(), action: "soc:IngestLogs".to_owned() }));
    assert_eq!((principal.identity, principal.generation), (user(), 4));
    assert_eq!((principal.access_key_id.as_str(), principal.expires), (ID, Some(EXPIRES)));
    assert_eq!((principal.session, principal.mfa), (None, false));
    assert_eq!(at(2_000), Err(ErrorReason::CredentialInvalid));
}

#[test]
fn what_is_not_known_or_has_another_secret_is_refused() {
    let refused = |id: &str, last, facts: &Snapshot| {
        let presented = presented(&format!("bwc_{id}_{}", secret(last))).unwrap().unwrap();
        presented.principal(facts, Timestamp::default()).map_err(|p| p.reason())
    };
    assert!(refused(ID, 'x', &facts()).is_ok());
    assert_eq!(refused(ID, 'y', &facts()), Err(ErrorReason::CredentialInvalid));
    assert_eq!(refused("0123456789abcdefghi0", 'x', &facts()), Err(ErrorReason::CredentialInvalid));
    let mut without_user = facts();
    let fact = Fact::Identity { identity: user(), fact: None };
    without_user.apply(2, [FactChange { fact, removed: true }]);
    assert_eq!(refused(ID, 'x', &without_user), Err(ErrorReason::CredentialInvalid));
}

#[test]
fn malformed_credentials_are_refused_and_others_left_alone() {
    let secret = secret('x');
    for token in [
        "bwc_".to_owned(),
        format!("bwc_{ID}"),
        format!("bwc_{ID}_"),
        format!("bwc_{ID}{secret}"),
        format!("bwc_{ID}_{}", &secret[1..]),
        format!("bwc_{ID}_{secret}x"),
        format!("bwc_{ID}_{}=", &secret[1..]),
        format!("bwc_{}_{secret}", ID.to_uppercase()),
        format!("bwc_{}_{secret}", &ID[1..]),
    ] {
        assert_eq!(presented(&token).unwrap().err(), Some(ErrorReason::CredentialInvalid), "{token}");
    }
    let good = format!("bwc_{ID}_{secret}");
    assert!(presented("eyJ.x.y").is_none());
    assert!(Presented::of(&headers(&[&format!("Basic {good}")])).is_none());
    assert!(Presented::of(&headers(&[&good])).is_none());
    assert!(Presented::of(&headers(&[])).is_none());
    // Which of two counts would be anyone's guess: the verifier of tokens refuses them.
    let twice = format!("Bearer {good}");
    assert!(Presented::of(&headers(&[&twice, &twice])).is_none());
    assert!(Presented::of(&headers(&[&format!("bearer {good}")])).unwrap().is_ok());
}
