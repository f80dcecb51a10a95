use proptest::prelude::*;

use super::{
    super::account::{Attestation, NewAccount},
    *,
};

const NOW: Timestamp = Timestamp::from_micros(1_000_000);

fn account(id: u64, enterprise: Option<&str>) -> Account {
    let new = NewAccount { display_name: "some".to_owned(), provider: String::new(), external_id: String::new() };
    let account = Account::register(id.try_into().unwrap(), new, NOW);
    match enterprise {
        None => account,
        Some(name) => {
            let attested = Attestation {
                legal_name: name.to_owned(),
                registration_number: "1".to_owned(),
                verifier: "v".to_owned(),
            };
            account.verify(attested, None, "", NOW).unwrap()
        }
    }
}

const SENDER: u64 = 1_000_000_000_000_001;
const TARGET: u64 = 1_000_000_000_000_002;

const ROOM: Occupancy = Occupancy { members: 0, pending: 1, limit: 20 };

fn sent() -> Sent {
    Sent { recent: 0, limit: 20, pending_to_target: false, occupancy: Occupancy { pending: 0, ..ROOM } }
}

fn send(sent: Sent) -> Result<Invitation, Error> {
    let new = NewInvitation {
        account: TARGET.try_into().unwrap(),
        note: String::new(),
        folder: "root".to_owned(),
        labels: Labels::new(),
    };
    let sender = account(SENDER, Some("Acme"));
    Invitation::send(("rd-0000000000001".parse().unwrap(), "i".to_owned()), new, "Acme".to_owned(), &sender, sent, NOW)
}

// covers: R-DIR-15, E-DIR-08
#[test]
fn strangers_are_indistinguishable() {
    let sender = account(SENDER, Some("Acme")).enterprise.unwrap();
    let other = account(TARGET, Some("Other")).enterprise;
    let same = account(TARGET, Some("Acme")).enterprise;
    let id = TARGET.try_into().unwrap();
    let check = |target| check_target(&sender, id, target);
    let stranger = Err(Error::LegalEntityMismatch(id));
    assert_eq!(check(None), stranger);
    for in_directory in [false, true] {
        assert_eq!(check(Some(Target { enterprise: None, in_directory })), stranger);
        assert_eq!(check(Some(Target { enterprise: other.as_ref(), in_directory })), stranger);
    }
    let own = |in_directory| check(Some(Target { enterprise: same.as_ref(), in_directory }));
    assert_eq!(own(true), Err(Error::AccountAlreadyInDirectory(id)));
    assert_eq!(own(false), Ok("Acme".to_owned()));
}

// covers: E-DIR-03, E-DIR-04, E-DIR-07
#[test]
fn what_was_sent_bounds_what_is_sent() {
    let full = Occupancy { members: 15, pending: 5, limit: 20 };
    assert_eq!(send(Sent { occupancy: full, ..sent() }), Err(Error::MemberQuotaExceeded { limit: 20 }));
    assert_eq!(send(Sent { recent: 20, ..sent() }), Err(Error::InvitationRateExceeded { limit: 20 }));
    assert!(send(Sent { recent: 19, ..sent() }).is_ok());
    let pending = send(Sent { pending_to_target: true, ..sent() });
    assert_eq!(pending, Err(Error::InvitationPending(TARGET.try_into().unwrap())));
}

// covers: R-DIR-10, R-DIR-15, R-DIR-16, E-DIR-03, E-DIR-08
#[test]
fn accepting_checks_again_what_sending_checked() {
    let sender = account(SENDER, Some("Acme"));
    let accept = |account: &Account, in_directory, occupancy| {
        send(sent()).unwrap().accept(account, in_directory, &sender, occupancy, NOW)
    };
    let target = account(TARGET, Some("Acme"));
    assert_eq!(accept(&target, false, ROOM).unwrap().state, State::Accepted);
    assert_eq!(accept(&target, true, ROOM), Err(Error::AccountAlreadyInDirectory(target.id)));
    let changed = account(TARGET, Some("Other"));
    assert_eq!(accept(&changed, false, ROOM), Err(Error::LegalEntityMismatch(target.id)));
    let unverified = account(TARGET, None);
    assert_eq!(accept(&unverified, false, ROOM), Err(Error::EnterpriseIdentityRequired(target.id)));
    let last = Occupancy { members: 19, pending: 1, limit: 20 };
    assert!(accept(&target, false, last).is_ok());
    let over = Occupancy { members: 20, pending: 1, limit: 20 };
    assert_eq!(accept(&target, false, over), Err(Error::MemberQuotaExceeded { limit: 20 }));
}

proptest! {
    // covers: E-DIR-05, E-DIR-06
    #[test]
    fn only_a_pending_invitation_is_acted_on(
        first in 0..4u8,
        second in 0..3u8,
        elapsed in 0..2 * VALIDITY.as_secs(),
    ) {
        let sender = account(SENDER, Some("Acme"));
        let target = account(TARGET, Some("Acme"));
        let later = NOW.after(Duration::from_secs(elapsed));
        let act = |invitation: Invitation, action: u8, now| match action {
            0 => invitation.accept(&target, false, &sender, ROOM, now),
            1 => invitation.answer(Answer::Decline, now),
            2 => invitation.answer(Answer::Cancel, now),
            _ => Ok(invitation),
        };
        let invitation = act(send(sent()).unwrap(), first, NOW).unwrap();
        let state = invitation.state_at(later);
        let result = act(invitation.clone(), second, later);
        if state == State::Pending {
            prop_assert!(later < invitation.expire_time);
            prop_assert_ne!(result.unwrap().state, State::Pending);
        } else {
            prop_assert_eq!(result, Err(Error::InvitationStatusMismatch(state)));
        }
        if first < 3 {
            prop_assert_eq!(invitation.state, state);
        }
    }
}

// covers: E-DIR-05
#[test]
fn a_filter_sees_an_invitation_as_it_stands_at_the_time() {
    use bailiwick_core::filter::Value;
    let invitation = send(sent()).unwrap();
    let matches = |text: &str, now: Timestamp| {
        let value = |name: &str| match name {
            // What is stored says that it is pending, for good.
            "state" => Some(Value::Enum(PENDING)),
            "expire_time" => Some(Value::Time(invitation.expire_time)),
            _ => None,
        };
        stored(&SCHEMA.filter(text).unwrap(), now).matches(&SCHEMA, &value)
    };
    for (now, pending) in [(NOW, true), (invitation.expire_time, false)] {
        assert_eq!(invitation.state_at(now) == State::Pending, pending);
        assert_eq!(matches("state = INVITATION_STATE_PENDING", now), pending);
        assert_eq!(matches("state = INVITATION_STATE_EXPIRED", now), !pending);
        assert_eq!(matches("NOT (state = INVITATION_STATE_EXPIRED)", now), pending);
        assert!(!matches("state = INVITATION_STATE_ACCEPTED", now));
    }
}
