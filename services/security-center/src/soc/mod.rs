//! The Agentic SOC: its scope (document 001).

mod grpc;

use bailiwick_api::soc::v1::scope_service_server::ScopeServiceServer;
use bailiwick_core::TrustedService;
use bailiwick_roster::{Lists, Spec};

/// The scope.
pub(crate) const SCOPE: Spec = Spec {
    service: TrustedService::ThreatAnalysis,
    collection: "scopeAccounts",
    pattern: "directories/{directory}/scopeAccounts/{account}",
    marks: false,
};

pub(crate) fn service(lists: &Lists) -> ScopeServiceServer<grpc::ScopeAccounts> {
    ScopeServiceServer::new(grpc::ScopeAccounts::new(lists.roster(SCOPE)))
}
