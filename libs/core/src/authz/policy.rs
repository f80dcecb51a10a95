//! Policy documents: what they say, and whether they hold for a call.
//!
//! Invariants:
//! - A [`Document`] has been read whole: nothing in its text was skipped, guessed or is of unknown meaning.
//! - Reading a text costs no more than its kind's characters allow; matching a call costs no more than its patterns, and
//!   allocates nothing.
//! - A document says what it allows and what it denies; what follows from several of them is [`super::decide`]'s.
//!
//! What it does not do: it has no variables in patterns, no resources but those of the contract, and it does not know
//! which actions there are.

mod condition;
mod document;
mod json;
mod mistake;
mod network;
mod pattern;
mod principal;
mod read;
mod statement;
mod system;
#[cfg(test)]
mod tests;

pub use condition::{Circumstances, Environment};
pub use document::{Document, Kind, Matched, Matches, Verdict};
pub use mistake::{DocumentError, Mistake};
pub use pattern::action_matches;
pub use system::SystemPolicy;
