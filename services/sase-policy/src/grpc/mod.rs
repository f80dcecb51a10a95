//! Parse, call, convert.

mod sase_members;

pub(crate) use sase_members::SaseMembers;
