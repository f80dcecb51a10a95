//! Parse, call, convert: what is the same for every service with such a list.

mod delegation;
mod endpoint;
mod error;
mod view;

pub use delegation::{DelegationEnrolments, delegation_position, delegation_refused};
pub use endpoint::{Endpoint, ListRequest, Shape};
pub use view::{EligibleView, EntryView};
