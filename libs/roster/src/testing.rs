//! What the tests of the services with such lists share: a network in memory with a gateway that decides and signs as the
//! real one does, a `delegation` that enrols, and further roles that have nothing but a change log.

#![expect(clippy::expect_used, clippy::panic, reason = "a test that cannot be set up must fail loudly")]

mod delegation;
mod log;
mod suite;

pub use delegation::FakeDelegation;
pub use log::FakeLog;
pub use suite::{Running, Suite, eventually};

use bailiwick_core::{AccountId, DirectoryId};

/// A directory: `n` from 1 to 9. Suites have 1 and 2.
pub fn directory(n: u8) -> DirectoryId {
    format!("rd-000000000000{n}").parse().expect("a directory id")
}

/// An account: `n` below 100. Of directory 1 and 2, the accounts 10 and 20 are the management accounts, and 11 to 15 and
/// 21 to 25 are members.
pub fn account(n: u8) -> AccountId {
    AccountId::try_from(1_000_000_000_000_000 + u64::from(n)).expect("an account id")
}
