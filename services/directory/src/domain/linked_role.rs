//! Service-linked roles: what a trusted service may do in a member. The account cannot change them (E-DEL-12).

use bailiwick_core::{AccountId, IdentityName, Timestamp, TrustedService};
use serde::{Deserialize, Serialize};

/// A service-linked role.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LinkedRole {
    /// The account that it is in.
    pub account: AccountId,
    /// Its name in the account.
    pub id: String,
    /// The service that it is linked to.
    pub service: TrustedService,
    /// Tokens of an earlier generation are dead.
    pub generation: i64,
    /// When it was created.
    pub create_time: Timestamp,
}

impl LinkedRole {
    /// The identity.
    pub fn identity(&self) -> IdentityName {
        IdentityName::Role(self.account, self.id.clone())
    }

    /// The resource name.
    pub fn name(&self) -> String {
        self.identity().to_string()
    }
}
