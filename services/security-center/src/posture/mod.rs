//! Security Center itself: the multi-account control list (document 000).

mod app;
mod domain;
mod grpc;
mod store;

use std::sync::Arc;

use bailiwick_api::securitycenter::v1::{
    finding_import_service_server::FindingImportServiceServer,
    monitored_account_service_server::MonitoredAccountServiceServer,
    multi_account_service_server::MultiAccountServiceServer, risk_service_server::RiskServiceServer,
    security_score_service_server::SecurityScoreServiceServer, subscription_service_server::SubscriptionServiceServer,
    suppression_rule_service_server::SuppressionRuleServiceServer,
};
use bailiwick_changelog::Apply;
use bailiwick_core::{Role, TrustedService};
use bailiwick_db::PageTokens;
use bailiwick_roster::{DelegationEnrolments, Deps, Lists, Spec};
use bailiwick_rpc::BackgroundTask;
use tonic::service::Routes;

use app::{AutoAdder, Imports, MultiAccounts, Places, RootUsers, Scores, Settling, Subscriptions};

pub(crate) use store::migrations;
#[cfg(test)]
pub(crate) use store::settings;

/// The control list.
pub(crate) const MONITORED_ACCOUNTS: Spec = Spec {
    service: TrustedService::SecurityCenter,
    collection: "monitoredAccounts",
    pattern: "directories/{directory}/monitoredAccounts/{account}",
    marks: true,
};

/// The risks, for their services and for what goes on beside them.
pub(crate) fn risks(deps: &Deps) -> app::Risks {
    let settling = Settling::new(deps.db.clone());
    app::Risks::new(deps.db.clone(), settling, PageTokens::new(deps.sealer.clone()), deps.shutdown.clone())
}

/// The services.
pub(crate) fn routes(lists: &Lists, deps: &Deps, risks: &app::Risks) -> Routes {
    let (db, pages) = (deps.db.clone(), PageTokens::new(deps.sealer.clone()));
    let delegation = deps.network.channel(Role::SecurityCenter, Role::Delegation);
    let access = Arc::new(grpc::DelegationTrustedAccess::new(delegation));
    let scores = Scores::new(db.clone(), risks.settling(), pages.clone());
    let imports = Imports::new(db.clone(), pages.clone(), deps.entropy.clone());
    let imports = grpc::FindingImports::new(imports, deps.shutdown.clone());
    let monitored = grpc::MonitoredAccounts::new(lists.roster(MONITORED_ACCOUNTS), db.clone(), scores.clone());
    Routes::new(MonitoredAccountServiceServer::new(monitored))
        .add_service(MultiAccountServiceServer::new(MultiAccounts::new(db.clone(), pages.clone(), access)))
        .add_service(SubscriptionServiceServer::new(Subscriptions::new(db, pages)))
        .add_service(SecurityScoreServiceServer::new(grpc::SecurityScores(scores)))
        .add_service(FindingImportServiceServer::new(imports))
        .add_service(RiskServiceServer::new(grpc::RiskCalls::new(risks.clone())))
        .add_service(SuppressionRuleServiceServer::new(grpc::SuppressionRuleCalls::new(risks.clone())))
}

/// What follows the log of `delegation` beside the lists, and after them.
pub(crate) fn followers(deps: &Deps) -> Vec<Arc<dyn Apply>> {
    let db = &deps.db;
    vec![Arc::new(Places::new(db.clone())), Arc::new(app::Relisting), Arc::new(RootUsers)]
}

/// What runs beside the calls.
pub(crate) fn background(deps: &Deps, risks: app::Risks) -> Vec<BackgroundTask> {
    let delegation = deps.network.channel(Role::SecurityCenter, Role::Delegation);
    let enrolments = Arc::new(DelegationEnrolments::new(delegation));
    let adder = AutoAdder::new(deps.db.clone(), enrolments, deps.entropy.as_ref());
    let holder = bailiwick_core::random_token(deps.entropy.as_ref(), 20);
    vec![
        ("auto-add", Box::pin(adder.run(deps.shutdown.clone()))),
        app::score_history(deps.db.clone(), holder, deps.shutdown.clone()),
        app::sweeper(deps.db.clone(), deps.shutdown.clone()),
        ("risk-upkeep", Box::pin(risks.upkeep(deps.entropy.clone()))),
    ]
}

#[cfg(test)]
mod root_user_tests;
#[cfg(test)]
mod score_tests;
#[cfg(test)]
mod tests;
