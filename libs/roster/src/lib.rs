//! A service's list of enrolled members, as attributes upon enrolments: the control list, the SOC scope, the members of
//! SASE and of the bastion host are each a [`Roster`].
//!
//! Invariants:
//! - An entry is there exactly while its enrolment is, as far as the log of `delegation` has been followed: only
//!   [`RosterFollower`] makes and removes entries, in the transaction that moves the cursor. Whoever ended an enrolment,
//!   the entry ends with it. After a restore of that log, the lists are made anew from all that it says, in one
//!   transaction: an entry of an enrolment that is still there keeps its attributes.
//! - An entry belongs to one enrolment: a member that is enrolled again has none of its former attributes.
//! - Every query is bounded by the directory of the call's permit.
//! - Each change of the lists is recorded in the own log: of a call with its operator, of the follower with the operator
//!   and the position of the upstream change.
//!
//! What it does not do: it decides neither access nor who is eligible (the gateway and `delegation` do), and it creates no
//! service-linked roles.

mod app;
mod domain;
mod events;
mod grpc;
mod lists;
mod store;
#[cfg(any(test, feature = "testing"))]
pub mod testing;
mod upkeep;

pub use app::{
    Behalf, Departure, Done, EligiblePage, Enrolled, Enrolments, Page, Refused, Replaced, Roster, RosterError,
    RosterFollower, folders_of,
};
pub use domain::{AccountType, Attributes, Entry, EntryError, JoinMethod, Members, Profile, Selection, Spec};
pub use grpc::{
    DelegationEnrolments, EligibleView, Endpoint, EntryView, ListRequest, Shape, delegation_position,
    delegation_refused,
};
pub use lists::{Deps, Lists};
pub use store::{ListPlace, Listed, folder_of, migrations, places_all, places_of};

#[cfg(test)]
mod tests;
