//! What is open to whom by time and by facts, which calls through the gateway cannot bring about.

use bailiwick_api::{
    securitycenter::v1::{
        CreateQuotaAssignmentRequest, Edition, EnableMultiAccountRequest, GetSubscriptionRequest, QuotaAssignment,
        Subscription, SubscriptionState, multi_account_service_client::MultiAccountServiceClient,
        subscription_service_client::SubscriptionServiceClient,
    },
    r#type::v1::{AccessFactChange, AccountFact, access_fact::Kind},
};
use bailiwick_roster::testing::eventually;

use super::*;

const GET: &str = "/bailiwick.securitycenter.v1.SubscriptionService/GetSubscription";
const ASSIGN: &str = "/bailiwick.securitycenter.v1.SubscriptionService/CreateQuotaAssignment";
const ENABLE: &str = "/bailiwick.securitycenter.v1.MultiAccountService/EnableMultiAccount";

async fn subscription(suite: &Suite, of: u8) -> Subscription {
    let mut client = SubscriptionServiceClient::new(suite.channel(Role::SecurityCenter));
    let message = GetSubscriptionRequest { name: format!("{}/subscription", account(of).name()) };
    let asked = suite.request((account(of), "alice"), GET, message).unwrap();
    client.get_subscription(asked).await.unwrap().into_inner()
}

async fn list(suite: &Suite) -> Result<usize, tonic::Status> {
    let mut client = MonitoredAccountServiceClient::new(suite.channel(Role::SecurityCenter));
    let list = ListMonitoredAccountsRequest { parent: directory(1).name(), ..Default::default() };
    let page = client.list_monitored_accounts(request(suite, LIST, list)).await?;
    Ok(page.into_inner().monitored_accounts.len())
}

// covers: E-SC-07, R-SC-05
#[tokio::test(flavor = "multi_thread")]
async fn the_feature_closes_after_the_days_of_grace() {
    for database in databases().await {
        let clock = Arc::new(ManualClock::default());
        let suite = Suite::new(&database.url, clock.clone(), migrations).await;
        let running = serve(&suite).await;
        let closed = list(&suite).await.unwrap_err();
        assert_eq!(closed.code(), Code::FailedPrecondition, "{}", database.engine);
        purchase(&suite, 10, 1).await;
        for (days, state) in [(0, SubscriptionState::Active), (36, SubscriptionState::Grace)] {
            clock.advance(DAY * days);
            assert_eq!(list(&suite).await.unwrap(), 0);
            assert_eq!(subscription(&suite, 10).await.state(), state);
        }
        clock.advance(DAY);
        assert!(list(&suite).await.unwrap_err().message().contains("Enterprise or Ultimate"));
        let expired = subscription(&suite, 10).await;
        assert_eq!((expired.state(), expired.edition()), (SubscriptionState::Expired, Edition::Basic));
        running.stop().await;
    }
}

// covers: R-SC-02
#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_open_to_an_account_that_is_not_verified() {
    for database in databases().await {
        let suite = Suite::new(&database.url, Arc::new(ManualClock::default()), migrations).await;
        let running = serve(&suite).await;
        purchase(&suite, 10, 1).await;
        let fact = |enterprise_unverified| {
            AccessFactChange::holds(Kind::Account(AccountFact {
                account: account(10).name(),
                directory: directory(1).name(),
                incarnation: "i1".into(),
                enterprise_unverified,
                ..AccountFact::default()
            }))
        };
        suite.delegation.say(vec![fact(true)]).await;
        eventually(|| async { list(&suite).await.is_err() }).await;
        let refused = list(&suite).await.unwrap_err();
        assert!(refused.message().contains("not been verified"), "{}: {refused}", database.engine);
        let mut client = MultiAccountServiceClient::new(suite.channel(Role::SecurityCenter));
        let name = format!("{}/multiAccount", directory(1).name());
        let enable = EnableMultiAccountRequest { name, ..EnableMultiAccountRequest::default() };
        let refused = client.enable_multi_account(request(&suite, ENABLE, enable.clone())).await.unwrap_err();
        assert_eq!(refused.code(), Code::FailedPrecondition);
        suite.delegation.say(vec![fact(false)]).await;
        eventually(|| async { list(&suite).await.is_ok() }).await;
        client.enable_multi_account(request(&suite, ENABLE, enable)).await.unwrap();
        running.stop().await;
    }
}

// covers: E-SC-11
#[tokio::test(flavor = "multi_thread")]
async fn quota_ends_with_the_subscription_that_pays_and_does_not_come_back() {
    for database in databases().await {
        let clock = Arc::new(ManualClock::default());
        let suite = Suite::new(&database.url, clock.clone(), migrations).await;
        let running = serve(&suite).await;
        purchase(&suite, 10, 1).await;
        let mut control = MonitoredAccountServiceClient::new(suite.channel(Role::SecurityCenter));
        let monitored_account = Some(MonitoredAccount { account: account(11).name(), ..Default::default() });
        let message =
            CreateMonitoredAccountRequest { parent: directory(1).name(), monitored_account, ..Default::default() };
        control.create_monitored_account(request(&suite, CREATE, message)).await.unwrap();
        let mut client = SubscriptionServiceClient::new(suite.channel(Role::SecurityCenter));
        let quota = QuotaAssignment { account: account(11).name(), protected_servers: 5, ..Default::default() };
        let message = CreateQuotaAssignmentRequest {
            parent: directory(1).name(),
            quota_assignment: Some(quota),
            ..Default::default()
        };
        client.create_quota_assignment(request(&suite, ASSIGN, message)).await.unwrap();
        let held = subscription(&suite, 11).await;
        assert_eq!((held.edition(), held.protected_servers), (Edition::Ultimate, 5), "{}", database.engine);
        assert_eq!(subscription(&suite, 10).await.assigned_servers, 5);
        clock.advance(DAY * 37);
        assert_eq!(subscription(&suite, 11).await.edition(), Edition::Basic);
        purchase(&suite, 10, 1).await;
        assert_eq!(subscription(&suite, 11).await.edition(), Edition::Basic);
        assert_eq!(subscription(&suite, 10).await.assigned_servers, 0);
        running.stop().await;
    }
}
