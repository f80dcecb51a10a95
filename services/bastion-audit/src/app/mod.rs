//! How the trail is made and read. The only place with transactions.

mod audit_entries;
mod own_log;
mod projection;
mod watch;

pub(crate) use audit_entries::{PageRequest, Trail, TrailError};
pub(crate) use own_log::OwnLog;
pub(crate) use projection::Projection;
pub(crate) use watch::{Arrivals, Watch, WatchRequest};
