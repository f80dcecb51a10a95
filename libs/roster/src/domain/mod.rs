//! What an entry is, what may be said of it, and how it follows the enrolments. Pure.

mod entry;
mod error;
mod listing;
mod scope;
mod selection;
mod upstream;

pub use entry::{AccountType, Entry, JoinMethod, Key, Profile, Spec};
pub use error::EntryError;
pub use scope::{Folder, reach};
pub use selection::{Attributes, Members, Selection};
pub use upstream::{Changes, Ended, Enrolled, Membership, Origin, Profiled, Step, Working};
