//! Why a call about an entry fails.

/// A refused call.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EntryError {
    /// There is no such entry, or no longer.
    #[error("`{0}` does not exist")]
    NotFound(String),
    /// The entry has changed since its etag was read.
    #[error("`{0}` has changed since its etag was read")]
    EtagMismatch(String),
    /// The member was removed, or removed and added again, while the call ran.
    #[error("another change of the same member was in the way")]
    ConcurrentChange,
    /// The service has something of the member that must be removed before.
    #[error("`{entry}` cannot be removed: `{used_by}` belongs to the member")]
    InUse {
        /// Name of the entry.
        entry: String,
        /// Name of what there is.
        used_by: String,
    },
}
