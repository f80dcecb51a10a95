//! Bastion hosts, and what each edition of them can do.

use bailiwick_core::AccountId;
use serde::{Deserialize, Serialize};

use super::{BastionError, Home, Meta, Resource, ResourceKind};

/// A bastion host.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Instance {
    pub(crate) meta: Meta,
    pub(crate) display_name: String,
    pub(crate) comment: String,
    pub(crate) region: String,
    pub(crate) edition: Edition,
    /// The account that it belongs to.
    pub(crate) owner: AccountId,
}

/// What a bastion host can do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) enum Edition {
    Basic,
    Enterprise,
    Sm,
}

// === impl Edition ===

impl Edition {
    const ALL: [Self; 3] = [Self::Basic, Self::Enterprise, Self::Sm];

    /// The name in metadata of refusals.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Basic => "BASIC",
            Self::Enterprise => "ENTERPRISE",
            Self::Sm => "SM",
        }
    }

    /// Whether it manages assets of several accounts (E-BAS-03).
    pub(crate) fn has_multi_account(self) -> bool {
        self >= Self::Enterprise
    }

    /// The names of those that do, in their order.
    pub(crate) fn with_multi_account() -> String {
        let names: Vec<_> = Self::ALL.into_iter().filter(|e| e.has_multi_account()).map(Self::name).collect();
        names.join(",")
    }
}

// === impl Instance ===

impl Resource for Instance {
    const KIND: ResourceKind = ResourceKind::Instance;

    fn meta(&self) -> &Meta {
        &self.meta
    }

    fn meta_mut(&mut self) -> &mut Meta {
        &mut self.meta
    }

    fn unique(&self) -> &str {
        &self.display_name
    }
}

impl Instance {
    /// Where what is in it is.
    pub(crate) fn home(&self) -> Home {
        Home::within(self.meta.home.directory, &self.meta.id)
    }

    /// Whether its edition manages assets of several accounts.
    ///
    /// # Errors
    /// [`BastionError::EditionRequired`].
    pub(crate) fn check_multi_account(&self) -> Result<(), BastionError> {
        if self.edition.has_multi_account() {
            return Ok(());
        }
        Err(BastionError::EditionRequired { instance: self.name(), edition: self.edition })
    }
}
