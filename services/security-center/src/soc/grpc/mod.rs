//! Parse, call, convert.

mod scope_accounts;

pub(crate) use scope_accounts::ScopeAccounts;
