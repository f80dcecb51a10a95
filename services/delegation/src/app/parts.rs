//! Changes that are too large for one revision of the log.

use bailiwick_api::{
    audit::v1::Change,
    r#type::v1::{AccessFactChange, LogPosition},
};
use bailiwick_changelog::by_bytes;
use bailiwick_db::FOLLOWED_MAX;
use prost::Message;

/// Most bytes of the facts of one revision among several: it leaves room for what else a change says.
const PART_BYTES: usize = 1 << 20;
/// Most bytes that encode the tag and the length of a fact in a change.
const FRAME_BYTES: usize = 6;

/// Facts that nobody may see apart: they are told in one revision.
pub(super) type Together = Vec<AccessFactChange>;

/// The facts of each revision, in their order: of one at least, and none of too many bytes.
pub(super) fn parts(facts: Vec<Together>) -> Vec<Vec<AccessFactChange>> {
    let mut parts = by_bytes(facts, PART_BYTES, size);
    if parts.is_empty() {
        parts.push(Vec::new());
    }
    parts.into_iter().map(|part| part.into_iter().flatten().collect()).collect()
}

/// What tells of facts of directory at the origin of `change`: one change if the log takes it as one. Of several, all
/// but the last name no epoch of directory, and the gateway decides no call by facts of no epoch: what they amount to in
/// the midst of it was never true.
pub(super) fn mirrored(change: Change, facts: Vec<Together>) -> Vec<Change> {
    let bytes: usize = facts.iter().map(size).sum();
    if change.encoded_len() + bytes <= FOLLOWED_MAX {
        return vec![Change { facts: facts.into_iter().flatten().collect(), ..change }];
    }
    let parts = parts(facts);
    let last = parts.len() - 1;
    let incomplete = |at: &LogPosition| LogPosition { epoch: String::new(), revision: 0, ..at.clone() };
    let part = |(number, facts)| {
        let origin = if number == last { change.origin.clone() } else { change.origin.as_ref().map(incomplete) };
        Change { facts, origin, ..change.clone() }
    };
    parts.into_iter().enumerate().map(part).collect()
}

fn size(facts: &Together) -> usize {
    facts.iter().map(|fact| fact.encoded_len() + FRAME_BYTES).sum()
}

#[cfg(test)]
mod tests {
    use bailiwick_api::r#type::v1::{AccountFact, access_fact::Kind};
    use bailiwick_core::{AccountId, DirectoryId, SystemEntropy, Timestamp, TrustedService};

    use super::*;
    use crate::{
        app::{TOKEN_DIGITS, claims::CLAIMS_MAX},
        domain::Enrolment,
        events,
    };

    /// Two facts, of which the second has a text of so many bytes.
    fn together(number: usize, bytes: usize) -> Together {
        let fact = |account: String, display_name: String| {
            AccessFactChange::holds(Kind::Account(AccountFact { account, display_name, ..AccountFact::default() }))
        };
        vec![fact(format!("first {number}"), String::new()), fact(format!("second {number}"), "n".repeat(bytes))]
    }

    fn change() -> Change {
        let origin = LogPosition { role: "directory".to_owned(), epoch: "e".to_owned(), revision: 7 };
        Change { method: "m".to_owned(), origin: Some(origin), ..Change::default() }
    }

    /// The most that one call enrols is told in one revision.
    #[test]
    fn the_enrolments_of_one_call_are_far_below_the_bound() {
        let enrolment = |service| Enrolment {
            directory: DirectoryId::random(&SystemEntropy),
            service,
            account: AccountId::try_from(1_000_000_000_000_000).unwrap(),
            incarnation: "i".repeat(TOKEN_DIGITS),
            uid: "u".repeat(TOKEN_DIGITS),
            created: Timestamp::default(),
        };
        let facts = TrustedService::ALL.map(|service| size(&vec![events::enrolment(&enrolment(service), false)]));
        let account = "accounts/1000000000000000".len() + FRAME_BYTES;
        assert!((facts.into_iter().max().unwrap() + account) * CLAIMS_MAX < PART_BYTES / 2);
    }

    #[test]
    fn what_fits_is_one_change_to_the_last_byte() {
        let room = |bytes| mirrored(change(), vec![together(0, bytes)]);
        let empty = room(0).remove(0).encoded_len();
        let one = room(FOLLOWED_MAX - empty - 4 * FRAME_BYTES);
        assert_eq!((one.len(), one[0].origin.clone()), (1, change().origin));
        assert!(one[0].encoded_len() <= FOLLOWED_MAX);
        assert_eq!(mirrored(change(), Vec::new()), [change()]);
    }

    #[test]
    fn what_does_not_fit_is_told_in_parts_of_whole_groups() {
        let facts: Vec<_> = (0..5_000).map(|number| together(number, 1_000)).collect();
        let told = mirrored(change(), facts.clone());
        assert!(told.len() > 4);
        assert!(told.iter().all(|part| part.encoded_len() <= FOLLOWED_MAX && part.facts.len() % 2 == 0));
        let epochs: Vec<_> = told.iter().map(|part| part.origin.clone().unwrap().epoch).collect();
        let (last, rest) = epochs.split_last().unwrap();
        assert!(last == "e" && rest.iter().all(String::is_empty));
        let all: Vec<_> = told.into_iter().flat_map(|part| part.facts).collect();
        assert_eq!(all, facts.concat());
    }
}
