//! The proof that a call was allowed, and how far.

use serde::{Deserialize, Serialize};

use crate::{AccountId, DirectoryId, IdentityName, Operator, Role};

use super::{Authentication, Refusal, Targets};

/// Whose data a permitted call is about: the bound of every query that it makes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tenant {
    /// One account.
    Account(AccountId),
    /// One directory.
    Directory(DirectoryId),
    /// The whole installation: for its operator, and for roles of the suite.
    Platform,
}

/// Which members of the tenant's directory a permitted call reaches.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Scope {
    /// All that the tenant has.
    #[default]
    Whole,
    /// The members in the folders of these ids, and below them: at least one, in ascending order. Whatever the call
    /// answers must be of them.
    Folders(Vec<String>),
}

/// An allowed call. Only this module's parent can make one; every query takes it, or its tenant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Permit {
    pub(super) path: &'static str,
    pub(super) tenant: Tenant,
    pub(super) identity: Option<IdentityName>,
    pub(super) account: Option<AccountId>,
    pub(super) directory: Option<DirectoryId>,
    pub(super) service: Option<Role>,
    pub(super) resource: String,
    pub(super) accounts: Vec<String>,
    pub(super) external_id: String,
    pub(super) scope: Scope,
    pub(super) authentication: Option<Authentication>,
    pub(super) revision: i64,
    pub(super) operator: Option<Operator>,
}

impl Permit {
    /// The method's path on the wire.
    pub fn path(&self) -> &'static str {
        self.path
    }

    /// Whose data the call is about.
    pub fn tenant(&self) -> Tenant {
        self.tenant
    }

    /// The identity that calls; none for public methods and for roles of the suite.
    pub fn identity(&self) -> Option<&IdentityName> {
        self.identity.as_ref()
    }

    /// The account of the identity.
    pub fn account(&self) -> Option<AccountId> {
        self.account
    }

    /// The directory that the caller's account belongs to.
    pub fn directory(&self) -> Option<DirectoryId> {
        self.directory
    }

    /// The role of the suite that calls; none for calls through the gateway.
    pub fn service(&self) -> Option<Role> {
        self.service
    }

    /// The value of the request field that names the resource, as it was authorized.
    pub fn resource(&self) -> &str {
        &self.resource
    }

    /// The values of the request fields that name accounts, as they were authorized.
    pub fn accounts(&self) -> &[String] {
        &self.accounts
    }

    /// The external id that the call was authorized with; empty if it sent none.
    pub fn external_id(&self) -> &str {
        &self.external_id
    }

    /// Which members the call reaches.
    pub fn scope(&self) -> &Scope {
        &self.scope
    }

    /// How the identity that calls was identified; none where there is no such identity.
    pub fn authentication(&self) -> Option<&Authentication> {
        self.authentication.as_ref()
    }

    /// The revision of the facts that decided.
    pub fn revision(&self) -> i64 {
        self.revision
    }

    /// Who is recorded as the operator of what the call changes.
    pub fn operator(&self) -> Option<&Operator> {
        self.operator.as_ref()
    }

    /// The same permit, with the operator to record.
    pub fn with_operator(mut self, operator: Operator) -> Self {
        self.operator = Some(operator);
        self
    }

    /// Whether the call named exactly what the permit was given for.
    pub fn covers(&self, targets: &Targets) -> bool {
        let Targets { resource, accounts, external_id } = targets;
        self.resource == *resource && self.accounts == *accounts && self.external_id == *external_id
    }

    /// The directory of the tenant.
    ///
    /// # Errors
    /// NOT_FOUND if the call is about another kind of tenant: a rule that does not fit its method.
    pub fn tenant_directory(&self) -> Result<DirectoryId, Refusal> {
        match self.tenant {
            Tenant::Directory(directory) => Ok(directory),
            Tenant::Account(_) | Tenant::Platform => Err(self.wrong_tenant()),
        }
    }

    /// The account of the tenant.
    ///
    /// # Errors
    /// NOT_FOUND if the call is about another kind of tenant: a rule that does not fit its method.
    pub fn tenant_account(&self) -> Result<AccountId, Refusal> {
        match self.tenant {
            Tenant::Account(account) => Ok(account),
            Tenant::Directory(_) | Tenant::Platform => Err(self.wrong_tenant()),
        }
    }

    fn wrong_tenant(&self) -> Refusal {
        Refusal::not_found(&self.resource)
    }
}
