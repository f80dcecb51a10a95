//! What an administrator looks at every morning, at the size that imports have made.

use bailiwick_api::securitycenter::v1::{
    Edition, ListRisksRequest, PurchaseSubscriptionRequest, RiskDimension, SearchRisksRequest, SummarizeRisksRequest,
    risk_service_client::RiskServiceClient, subscription_service_client::SubscriptionServiceClient,
};
use bailiwick_core::Role;
use bailiwick_roster::testing::{Suite, account, directory};
use tokio::time::{Duration, Instant};
use tonic::Request;

use super::import;

const PURCHASE: &str = "/bailiwick.securitycenter.v1.SubscriptionService/PurchaseSubscription";
const LIST: &str = "/bailiwick.securitycenter.v1.RiskService/ListRisks";
const SEARCH: &str = "/bailiwick.securitycenter.v1.RiskService/SearchRisks";
const SUMMARIZE: &str = "/bailiwick.securitycenter.v1.RiskService/SummarizeRisks";
/// Calls of which nothing is told.
const WARM: usize = 20;
const CALLS: usize = 300;

fn request<M: prost::Message>(suite: &Suite, path: &'static str, message: M) -> Request<M> {
    suite.request((account(10), "alice"), path, message).expect("the administrator may")
}

/// Buys the edition that multi-account control needs.
pub async fn subscribe(suite: &Suite) {
    let message = PurchaseSubscriptionRequest {
        name: format!("{}/subscription", account(10).name()),
        edition: Edition::Ultimate.into(),
        protected_servers: 10,
        months: 12,
        ..PurchaseSubscriptionRequest::default()
    };
    let mut client = SubscriptionServiceClient::new(suite.channel(Role::SecurityCenter));
    client.purchase_subscription(request(suite, PURCHASE, message)).await.expect("it is bought");
}

/// Reads a page of an account, a page of all, and a summary by account, many times each.
pub async fn measure(suite: &Suite, engine: &str, accounts: u64) {
    let client = RiskServiceClient::new(suite.channel(Role::SecurityCenter));
    let of_one = async |n: u64| {
        let parent = import::account(n % accounts).name();
        let message = ListRisksRequest { parent, page_size: 50, ..ListRisksRequest::default() };
        let page = client.clone().list_risks(request(suite, LIST, message)).await.expect("a page");
        assert!(!page.into_inner().risks.is_empty(), "there are risks in the account");
    };
    say(engine, "a page of one account", of_one).await;
    let of_all = async |_| {
        let message =
            SearchRisksRequest { parent: directory(1).name(), page_size: 50, ..SearchRisksRequest::default() };
        let page = client.clone().search_risks(request(suite, SEARCH, message)).await.expect("a page");
        assert_eq!(page.into_inner().risks.len(), 50, "there are risks in all accounts");
    };
    say(engine, "a page of all accounts", of_all).await;
    let filtered = async |n: u64| {
        let filter = format!("state = RISK_STATE_OPEN AND rule = \"ecs_rule_{}\"", n % 300);
        let parent = directory(1).name();
        let message = SearchRisksRequest { parent, page_size: 50, filter, ..SearchRisksRequest::default() };
        client.clone().search_risks(request(suite, SEARCH, message)).await.expect("a page");
    };
    say(engine, "a page of a rule, of all", filtered).await;
    let summary = async |_| {
        let parent = directory(1).name();
        let by = RiskDimension::Account.into();
        let message = SummarizeRisksRequest { parent, by, ..SummarizeRisksRequest::default() };
        let summary = client.clone().summarize_risks(request(suite, SUMMARIZE, message)).await.expect("a summary");
        assert_eq!(summary.into_inner().group_count.unsigned_abs(), accounts, "each account has risks");
    };
    say(engine, "a summary by account", summary).await;
}

async fn say(engine: &str, what: &str, call: impl AsyncFn(u64)) {
    let mut took = Vec::with_capacity(CALLS);
    for n in (0_u64..).take(WARM + CALLS) {
        let begun = Instant::now();
        call(n).await;
        took.push(begun.elapsed());
    }
    let mut took: Vec<Duration> = took.split_off(WARM);
    took.sort_unstable();
    let part = |of: usize| took.get(took.len() * of / 100).copied().unwrap_or_default();
    println!("{engine:9} {what:25} p50 {:.1?} p99 {:.1?}", part(50), part(99));
}
