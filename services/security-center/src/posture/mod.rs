//! Security Center itself: the multi-account control list (document 000).

mod grpc;

use bailiwick_api::securitycenter::v1::monitored_account_service_server::MonitoredAccountServiceServer;
use bailiwick_core::TrustedService;
use bailiwick_roster::{Lists, Spec};

/// The control list.
pub(crate) const MONITORED_ACCOUNTS: Spec = Spec {
    service: TrustedService::SecurityCenter,
    collection: "monitoredAccounts",
    pattern: "directories/{directory}/monitoredAccounts/{account}",
    marks: true,
};

pub(crate) fn service(lists: &Lists) -> MonitoredAccountServiceServer<grpc::MonitoredAccounts> {
    MonitoredAccountServiceServer::new(grpc::MonitoredAccounts::new(lists.roster(MONITORED_ACCOUNTS)))
}
