//! The policy language as tables: what is refused and where, what each operator means, whom a trust document trusts.

mod conditions;
mod manual;
mod patterns;
mod random;
mod refusals;
mod statements;
mod trust;

use super::{Circumstances, Document, Kind, Matched, Matches};
use crate::Timestamp;

/// 2026-01-31T08:00:00Z, a call of no known address, over plain text, without a second factor.
const CIRCUMSTANCES: Circumstances = Circumstances {
    source_ip: None,
    now: Timestamp::from_micros(1_769_846_400_000_000),
    secure_transport: false,
    mfa: false,
};

fn read(kind: Kind, text: &str) -> Document {
    Document::parse(kind, text).unwrap_or_else(|error| panic!("{text}: {error}"))
}

/// A document with these statements, JSON each.
fn document(kind: Kind, statements: &[&str]) -> Document {
    read(kind, &format!(r#"{{"Version":"1","Statement":[{}]}}"#, statements.join(",")))
}

fn index(matched: Option<Matched<'_>>) -> Option<usize> {
    matched.map(|matched| matched.index)
}

/// The statement that allows and the one that denies.
fn indexes(matches: Matches<'_>) -> (Option<usize>, Option<usize>) {
    (index(matches.allow), index(matches.deny))
}
