//! Parse, call, convert.

mod monitored_accounts;

pub(crate) use monitored_accounts::MonitoredAccounts;
