//! Letting Security Center access a directory, by whoever is in charge of that.

use bailiwick_core::DirectoryId;
use bailiwick_db::Position;
use bailiwick_roster::{Behalf, Refused};
use futures::future::BoxFuture;

/// Trusted access of Security Center, as `delegation` keeps it.
pub(crate) trait TrustedAccess: Send + Sync {
    /// Lets it access the directory, if it may not yet, and returns a position in `delegation`'s log where it may.
    ///
    /// # Errors
    /// What `delegation` answered.
    fn enable<'a>(&'a self, behalf: &'a Behalf, directory: DirectoryId) -> BoxFuture<'a, Result<Position, Refused>>;
}
