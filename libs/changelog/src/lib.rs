//! Serving a service's change log to those who follow it, and following another service's log.
//!
//! Invariants:
//! - A follower applies each change exactly once and in order: the change and the cursor are one transaction. A gap, a
//!   change that cannot be read or a log of another epoch stops it where it is; it never skips.
//! - A ping is answered after everything that was committed when it came has been sent. Freshness counts from when the
//!   answered ping was sent, by the follower's monotonic clock, and only once what preceded the answer is applied.
//! - What a position of a mirrored log says of the own log is read in one statement with the own head.
//!
//! What it does not do: it decides no access, knows no fact's meaning, and does not resync: a follower whose log was
//! restored from a backup stays where it is, and its level grows old, until an operator has dealt with it.

mod error;
mod follower;
mod head;
mod level;
mod payload;
mod positions;
mod server;
mod session;
mod tail;

#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;

pub use error::database_problem;
pub use follower::{Apply, Follower};
pub use head::head_with_cursor;
pub use level::{Level, NEVER, UpstreamLevel};
pub use payload::{FOLLOW, Recorded, change_payload, log_position};
pub use positions::FollowedPositions;
pub use server::ChangeLogServer;
pub use tail::{Tail, TailError, TailEvent};
