//! What the tests of all crates share: a database for each test on both engines, and a clock that is moved by hand.
//!
//! It is for tests only: what cannot be set up ends the test with a message that says what to do. It knows none of the
//! other crates but `bailiwick-core`, so that each of them can use it.

#![expect(clippy::expect_used, clippy::panic, reason = "a test that cannot be set up must fail loudly")]

mod clock;
mod database;
pub mod postgres;

pub use clock::ManualClock;
pub use database::{TestDatabase, databases, sqlite};
