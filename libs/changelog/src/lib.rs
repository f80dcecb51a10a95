//! Serving a service's change log to those who follow it, and following another service's log.
//!
//! Invariants:
//! - A follower applies each change exactly once and in order: the change and the cursor are one transaction. A gap, a
//!   change that cannot be read or a log of another epoch stops it where it is; it never skips.
//! - A ping is answered after everything that was committed when it came has been sent. Freshness counts from when the
//!   answered ping was sent, by the follower's monotonic clock, and only once what preceded the answer is applied.
//! - What a position of a mirrored log says of the own log is read in one statement with the own head.
//! - A log of another epoch than the cursor's was restored from a backup: it is read anew from its beginning, and what it
//!   amounts to replaces what was made of it, in the transaction that moves the cursor into the new epoch.
//! - A cursor ahead of a log of the same epoch is of a restored log whose epoch was not renewed. What of it was lost
//!   cannot be told: the follower stays where it is, says so, and its level grows old.
//!
//! What it does not do: it decides no access, and knows no fact's meaning.

mod chain;
mod error;
mod follower;
mod head;
mod level;
mod parts;
mod payload;
mod positions;
mod reread;
mod server;
mod session;
mod tail;

#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;

pub use chain::Chain;
pub use error::database_problem;
pub use follower::{Apply, Follower};
pub use head::head_with_cursor;
pub use level::{Level, NEVER, UpstreamLevel};
pub use parts::by_bytes;
pub use payload::{FOLLOW, PART_BYTES, Recorded, change_payload, log_position};
pub use positions::FollowedPositions;
pub use reread::HeldFact;
pub use server::ChangeLogServer;
pub use tail::{Tail, TailError, TailEvent};
