//! Why a change is refused.

use bailiwick_core::{AccountId, TrustedService};

/// A refusal. What it says may be read by the caller.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// There is no such resource in the directory.
    #[error("`{0}` does not exist")]
    NotFound(String),
    /// The service has what it has by following another (R-DEL-06).
    #[error("`{service}` follows `{follows}`: change that one")]
    Follows {
        /// The service that was named.
        service: TrustedService,
        /// The service that it follows.
        follows: TrustedService,
    },
    /// Trusted access comes first (E-DEL-06).
    #[error("trusted access of `{0}` must be enabled first")]
    TrustedAccessNotEnabled(TrustedService),
    /// Trusted access cannot be taken from a service at work (E-DEL-07).
    #[error("the service has {administrators} delegated administrators and {members} enrolled members")]
    TrustedAccessInUse {
        /// Accounts that are delegated administrators.
        administrators: u64,
        /// Accounts that are enrolled.
        members: u64,
    },
    /// Designated already (E-DEL-02).
    #[error("`{}` is delegated administrator of the service already", .0.name())]
    AdministratorExists(AccountId),
    /// No more of them (E-DEL-03).
    #[error("the service has as many delegated administrators as it may: {0}")]
    AdministratorLimit(usize),
    /// Neither designated nor enrolled (E-DEL-01).
    #[error("`{}` is the management account of the directory", .0.name())]
    ManagementAccount(AccountId),
    /// Waits for its deletion (E-DEL-05).
    #[error("`{}` waits for its deletion", .0.name())]
    MemberSuspended(AccountId),
    /// No member of the directory (R-DEL-03).
    #[error("`{}` does not belong to the directory", .0.name())]
    NotMember(AccountId),
    /// A member of no directory.
    #[error("`{}` belongs to no directory", .0.name())]
    MembershipRequired(AccountId),
    /// No such template (E-DEL-12).
    #[error("there is no template of a service-linked role `{0}`")]
    UnknownServiceLinkedRole(String),
    /// Changed since it was read (E-GW-07).
    #[error("`{0}` has changed since its etag was read")]
    Etag(String),
    /// The membership or the state changed under the call (E-DEL-10).
    #[error("another change of the directory was in the way")]
    ConcurrentChange,
    /// A role that enrols for a service of another.
    #[error("the calling role enrols no members for `{0}`")]
    ForeignService(TrustedService),
}
