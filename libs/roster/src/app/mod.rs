//! One function for each call, and what a followed change does. The only place with transactions.

mod calls;
mod departure;
mod enrolments;
mod error;
mod follow;
mod once;
mod replace;
mod scope;

pub use calls::{Done, EligiblePage, Page, Roster};
pub use departure::Departure;
pub use enrolments::{Behalf, Enrolled, Enrolments, Refused};
pub use error::RosterError;
pub use follow::RosterFollower;
pub use replace::Replaced;
pub use scope::folders_of;
