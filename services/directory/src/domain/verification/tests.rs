use proptest::prelude::*;

use super::{
    super::destination::{Channel, Destination},
    *,
};

const NOW: Timestamp = Timestamp::from_micros(1_000_000_000);
const RULES: Rules = Rules { validity: Duration::from_mins(10), pause: Duration::from_mins(1), per_day_max: 100 };
const ALICE: &str = "accounts/1000000000000001/users/alice";

fn subject() -> Subject {
    Subject {
        purpose: Purpose::SwitchToResourceAccount,
        account: 1_000_000_000_000_002.try_into().unwrap(),
        incarnation: "one".to_owned(),
        requester: ALICE.to_owned(),
        destination: Destination::new(Channel::Email, "owner@example.com").unwrap(),
    }
}

fn sent() -> Verification {
    Verification::request("v".to_owned(), subject(), Sent::default(), RULES, NOW).unwrap()
}

fn code() -> Code {
    Code::from_kept(b"123456").unwrap()
}

fn later(seconds: u64) -> Timestamp {
    NOW.after(Duration::from_secs(seconds))
}

#[test]
fn codes_are_sent_a_minute_apart() {
    let request = |latest, now| {
        let sent = Sent { latest: Some(latest), recent: 1, first: Some(latest) };
        Verification::request("v".to_owned(), subject(), sent, RULES, now)
    };
    for (seconds, retry) in [(0, 60), (1, 59), (59, 1)] {
        let retry_after = Duration::from_secs(retry);
        assert_eq!(request(NOW, later(seconds)), Err(Error::VerificationTooSoon { retry_after }), "{seconds}");
    }
    assert!(request(NOW, later(60)).is_ok());
}

#[test]
fn a_day_has_so_many_codes() {
    let request = |recent, first| {
        let sent = Sent { latest: None, recent, first: Some(first) };
        Verification::request("v".to_owned(), subject(), sent, RULES, later(3_600))
    };
    assert!(request(99, NOW).is_ok());
    let retry_after = Duration::from_hours(23);
    assert_eq!(request(100, NOW), Err(Error::VerificationQuotaExceeded { limit: 100, retry_after }));
}

#[test]
fn a_right_guess_is_not_counted_and_the_fifth_wrong_one_kills() {
    let mut verification = sent();
    for left in (0..FAILURES_MAX).rev() {
        assert_eq!(verification.guess(ALICE, &code(), "123456", NOW), Guess::Right);
        for wrong in ["", "12345", "123457", "1234567"] {
            assert!(matches!(verification.guess(ALICE, &code(), wrong, NOW), Guess::Wrong(_)), "{wrong}");
        }
        let Guess::Wrong(next) = verification.guess(ALICE, &code(), "654321", NOW) else { panic!("not wrong") };
        assert_eq!(next.attempts_left(NOW), left);
        verification = next;
    }
    assert_eq!(verification.state, State::Dead);
    assert_eq!(verification.guess(ALICE, &code(), "123456", NOW), Guess::Void);
    assert!(verification.use_for(&subject(), NOW).is_err());
}

#[test]
fn nobody_guesses_the_code_of_somebody_else() {
    let bob = "accounts/1000000000000001/users/bob";
    for presented in ["123456", "654321"] {
        assert_eq!(sent().guess(bob, &code(), presented, NOW), Guess::Void);
    }
}

#[test]
fn a_code_ends_with_its_time_and_with_its_use() {
    assert!(sent().use_for(&subject(), later(599)).is_ok());
    assert_eq!(sent().guess(ALICE, &code(), "123456", later(600)), Guess::Void);
    assert_eq!(sent().attempts_left(later(600)), 0);
    let over = Err(Error::VerificationCodeInvalid { attempts_left: 0 });
    assert_eq!(sent().use_for(&subject(), later(600)), over);
    let used = sent().use_for(&subject(), NOW).unwrap();
    assert_eq!(used.guess(ALICE, &code(), "123456", NOW), Guess::Void);
    assert_eq!(used.use_for(&subject(), NOW), over);
    let replaced = Verification { state: State::Replaced, ..sent() };
    assert_eq!(replaced.use_for(&subject(), NOW), over);
}

#[test]
fn a_code_is_good_for_what_it_was_sent_for() {
    let others = [
        Subject { purpose: Purpose::SwitchToCloudAccount, ..subject() },
        Subject { account: 1_000_000_000_000_003.try_into().unwrap(), ..subject() },
        Subject { incarnation: "two".to_owned(), ..subject() },
        Subject { requester: "accounts/1000000000000001/users/bob".to_owned(), ..subject() },
        Subject { destination: Destination::new(Channel::Email, "other@example.com").unwrap(), ..subject() },
        Subject { destination: Destination::new(Channel::Phone, "+4930123456").unwrap(), ..subject() },
    ];
    for other in others {
        let refused = Err(Error::VerificationCodeInvalid { attempts_left: 0 });
        assert_eq!(sent().use_for(&other, NOW), refused, "{other:?}");
    }
}

proptest! {
    /// Whatever is guessed and whenever: never more wrong guesses than allowed, and none counts once it is dead.
    #[test]
    fn guesses_are_bounded(guesses in proptest::collection::vec((0u32..4, 0u64..900), 0..30)) {
        let mut verification = sent();
        for (guess, seconds) in guesses {
            let presented = if guess == 0 { "123456".to_owned() } else { format!("{guess:06}") };
            let live = verification.is_live(later(seconds));
            match verification.guess(ALICE, &code(), &presented, later(seconds)) {
                Guess::Right => prop_assert!(live && guess == 0),
                Guess::Void => prop_assert!(!live),
                Guess::Wrong(next) => {
                    prop_assert!(live && guess != 0 && next.failures == verification.failures + 1);
                    verification = next;
                }
            }
            prop_assert!(verification.failures <= FAILURES_MAX);
            prop_assert_eq!(verification.state == State::Dead, verification.failures == FAILURES_MAX);
        }
    }
}
