use bailiwick_api::{
    securitycenter::v1::{
        CreateMonitoredAccountRequest, Edition, ListMonitoredAccountsRequest, MonitoredAccount,
        PurchaseSubscriptionRequest, UpdateMonitoredAccountRequest,
        monitored_account_service_client::MonitoredAccountServiceClient,
        subscription_service_client::SubscriptionServiceClient,
    },
    soc::v1::{
        BatchCreateScopeAccountsRequest, DeleteScopeAccountRequest, GetScopeSummaryRequest, ListScopeAccountsRequest,
        scope_service_client::ScopeServiceClient,
    },
};
use bailiwick_roster::testing::{Running, Suite, account, directory};
use bailiwick_testkit::{ManualClock, databases};
use prost_types::FieldMask;
use tokio_util::sync::CancellationToken;
use tonic::{Code, Request};

use super::*;

mod auto_add;
mod editions;

const DAY: std::time::Duration = std::time::Duration::from_hours(24);
const PURCHASE: &str = "/bailiwick.securitycenter.v1.SubscriptionService/PurchaseSubscription";
const CREATE: &str = "/bailiwick.securitycenter.v1.MonitoredAccountService/CreateMonitoredAccount";
const LIST: &str = "/bailiwick.securitycenter.v1.MonitoredAccountService/ListMonitoredAccounts";
const UPDATE: &str = "/bailiwick.securitycenter.v1.MonitoredAccountService/UpdateMonitoredAccount";
const SCOPE_CREATE: &str = "/bailiwick.soc.v1.ScopeService/BatchCreateScopeAccounts";
const SCOPE_LIST: &str = "/bailiwick.soc.v1.ScopeService/ListScopeAccounts";
const SCOPE_DELETE: &str = "/bailiwick.soc.v1.ScopeService/DeleteScopeAccount";
const SUMMARY: &str = "/bailiwick.soc.v1.ScopeService/GetScopeSummary";

async fn serve(suite: &Suite) -> Running {
    let shutdown = CancellationToken::new();
    let module = build(suite.deps(shutdown.clone())).await.unwrap();
    suite.serve(module, positions(&suite.db), shutdown).await
}

fn request<M: prost::Message>(suite: &Suite, path: &'static str, message: M) -> Request<M> {
    suite.request((account(10), "alice"), path, message).unwrap()
}

/// Buys Ultimate, for an account without an edition.
pub(crate) async fn purchase(suite: &Suite, of: u8, months: i32) {
    let mut client = SubscriptionServiceClient::new(suite.channel(Role::SecurityCenter));
    let message = PurchaseSubscriptionRequest {
        name: format!("{}/subscription", account(of).name()),
        edition: Edition::Ultimate.into(),
        protected_servers: 10,
        months,
        ..PurchaseSubscriptionRequest::default()
    };
    let asked = suite.request((account(of), "alice"), PURCHASE, message).unwrap();
    client.purchase_subscription(asked).await.unwrap();
}

// covers: E-SC-03, E-SC-05, R-SC-09
#[tokio::test(flavor = "multi_thread")]
async fn an_entry_is_marked_and_shows_who_added_it() {
    for database in databases().await {
        let suite = Suite::new(&database.url, Arc::new(ManualClock::default()), migrations).await;
        let running = serve(&suite).await;
        purchase(&suite, 10, 1).await;
        let mut client = MonitoredAccountServiceClient::new(suite.channel(Role::SecurityCenter));
        let monitored_account =
            Some(MonitoredAccount { account: account(11).name(), marked: true, ..Default::default() });
        let message =
            CreateMonitoredAccountRequest { parent: directory(1).name(), monitored_account, ..Default::default() };
        let created = client.create_monitored_account(request(&suite, CREATE, message)).await.unwrap().into_inner();
        assert!(created.marked, "{}", database.engine);
        assert_eq!(created.add_operator, format!("{}/users/alice", account(10).name()));

        let paths = vec!["marked".to_owned()];
        let monitored_account =
            Some(MonitoredAccount { name: created.name.clone(), remark: "not named".into(), ..Default::default() });
        let message = UpdateMonitoredAccountRequest {
            monitored_account,
            update_mask: Some(FieldMask { paths }),
            request_id: String::new(),
        };
        let updated = client.update_monitored_account(request(&suite, UPDATE, message.clone())).await.unwrap();
        let updated = updated.into_inner();
        assert_eq!((updated.marked, updated.remark.as_str()), (false, ""));

        let update_mask = Some(FieldMask { paths: vec!["folder".to_owned()] });
        let message = UpdateMonitoredAccountRequest { update_mask, ..message };
        let refused = client.update_monitored_account(request(&suite, UPDATE, message)).await.unwrap_err();
        assert_eq!(refused.code(), Code::InvalidArgument);
        assert!(refused.message().contains("`folder`"), "{refused}");
        running.stop().await;
    }
}

// covers: R-SOC-18, R-SOC-19
#[tokio::test(flavor = "multi_thread")]
async fn control_list_and_scope_are_two_lists() {
    for database in databases().await {
        let suite = Suite::new(&database.url, Arc::new(ManualClock::default()), migrations).await;
        let running = serve(&suite).await;
        purchase(&suite, 10, 1).await;
        let mut scope = ScopeServiceClient::new(suite.channel(Role::SecurityCenter));
        let accounts = vec![account(11).name(), account(12).name()];
        let message = BatchCreateScopeAccountsRequest { parent: directory(1).name(), accounts, ..Default::default() };
        let added = scope.batch_create_scope_accounts(request(&suite, SCOPE_CREATE, message)).await.unwrap();
        let name = added.into_inner().scope_accounts[0].name.clone();
        assert_eq!(name, soc::SCOPE.name(directory(1), account(11)), "{}", database.engine);
        let message = GetScopeSummaryRequest { parent: directory(1).name() };
        let summary = scope.get_scope_summary(request(&suite, SUMMARY, message.clone())).await.unwrap().into_inner();
        assert_eq!(summary.total_monitored_accounts, 2);

        let mut control = MonitoredAccountServiceClient::new(suite.channel(Role::SecurityCenter));
        let list = ListMonitoredAccountsRequest { parent: directory(1).name(), ..Default::default() };
        let listed = control.list_monitored_accounts(request(&suite, LIST, list)).await.unwrap().into_inner();
        assert_eq!(listed.monitored_accounts, []);

        let delete = DeleteScopeAccountRequest { name, ..Default::default() };
        scope.delete_scope_account(request(&suite, SCOPE_DELETE, delete)).await.unwrap();
        let list = ListScopeAccountsRequest { parent: directory(1).name(), ..Default::default() };
        let listed = scope.list_scope_accounts(request(&suite, SCOPE_LIST, list)).await.unwrap().into_inner();
        assert_eq!(listed.scope_accounts.iter().map(|e| &e.account).collect::<Vec<_>>(), [&account(12).name()]);
        running.stop().await;
    }
}
