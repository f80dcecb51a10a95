//! One function for each call, and what a followed change does. The only place with transactions.

mod calls;
mod enrolments;
mod error;
mod follow;
mod once;
mod scope;

pub use calls::{Done, Page, Roster};
pub use enrolments::{Enrolled, Enrolments, Refused};
pub use error::RosterError;
pub use follow::RosterFollower;
