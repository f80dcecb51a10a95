//! Members that are added of themselves: exactly once, whoever was down when they joined.

use bailiwick_api::securitycenter::v1::{
    AutoAdd, DeleteMonitoredAccountRequest, GetMultiAccountRequest, MultiAccount, UpdateMultiAccountRequest,
    multi_account_service_client::MultiAccountServiceClient,
};
use bailiwick_core::TrustedService;
use bailiwick_roster::testing::eventually;

use super::*;

const GET: &str = "/bailiwick.securitycenter.v1.MultiAccountService/GetMultiAccount";
const SET: &str = "/bailiwick.securitycenter.v1.MultiAccountService/UpdateMultiAccount";
const DELETE: &str = "/bailiwick.securitycenter.v1.MonitoredAccountService/DeleteMonitoredAccount";

async fn feature(suite: &Suite) -> MultiAccount {
    let mut client = MultiAccountServiceClient::new(suite.channel(Role::SecurityCenter));
    let name = format!("{}/multiAccount", directory(1).name());
    client.get_multi_account(request(suite, GET, GetMultiAccountRequest { name })).await.unwrap().into_inner()
}

async fn set(suite: &Suite, auto_add: AutoAdd) -> MultiAccount {
    let mut client = MultiAccountServiceClient::new(suite.channel(Role::SecurityCenter));
    let name = format!("{}/multiAccount", directory(1).name());
    let multi_account = Some(MultiAccount { name, auto_add: auto_add.into(), ..MultiAccount::default() });
    let message = UpdateMultiAccountRequest { multi_account, ..UpdateMultiAccountRequest::default() };
    client.update_multi_account(request(suite, SET, message)).await.unwrap().into_inner()
}

async fn remove(suite: &Suite, member: u8) {
    let mut client = MonitoredAccountServiceClient::new(suite.channel(Role::SecurityCenter));
    let name = posture::MONITORED_ACCOUNTS.name(directory(1), account(member));
    let message = DeleteMonitoredAccountRequest { name, ..DeleteMonitoredAccountRequest::default() };
    client.delete_monitored_account(request(suite, DELETE, message)).await.unwrap();
}

async fn listed(suite: &Suite) -> Vec<String> {
    let mut client = MonitoredAccountServiceClient::new(suite.channel(Role::SecurityCenter));
    let list = ListMonitoredAccountsRequest { parent: directory(1).name(), ..Default::default() };
    let page = client.list_monitored_accounts(request(suite, LIST, list)).await.unwrap().into_inner();
    page.monitored_accounts.into_iter().map(|entry| entry.account).collect()
}

async fn settles(suite: &Suite, members: &[u8]) {
    let expected: Vec<_> = members.iter().map(|member| account(*member).name()).collect();
    eventually(|| async { feature(suite).await.pending_count == 0 && listed(suite).await == expected }).await;
}

fn enrolments(suite: &Suite) -> impl Future<Output = usize> {
    suite.delegation.enrolled(TrustedService::SecurityCenter)
}

// covers: R-SC-13
#[tokio::test(flavor = "multi_thread")]
async fn who_joined_while_the_service_was_down_is_added_once() {
    for database in databases().await {
        let suite = Suite::new(&database.url, Arc::new(ManualClock::default()), migrations).await;
        let running = serve(&suite).await;
        purchase(&suite, 10, 1).await;
        set(&suite, AutoAdd::New).await;
        suite.delegation.join(directory(1), account(16), "i1", "sixteen").await;
        settles(&suite, &[16]).await;
        running.stop().await;

        suite.delegation.join(directory(1), account(17), "i1", "seventeen").await;
        suite.delegation.join(directory(1), account(18), "i1", "eighteen").await;
        let running = serve(&suite).await;
        settles(&suite, &[16, 17, 18]).await;
        remove(&suite, 17).await;
        // Another name is another fact of the same membership.
        suite.delegation.join(directory(1), account(17), "i1", "renamed").await;
        running.stop().await;
        let running = serve(&suite).await;
        suite.delegation.join(directory(1), account(19), "i1", "nineteen").await;
        settles(&suite, &[16, 18, 19]).await;
        // All that there are, but neither the management account nor who was removed.
        set(&suite, AutoAdd::All).await;
        settles(&suite, &[11, 12, 13, 14, 15, 16, 18, 19]).await;
        assert_eq!(enrolments(&suite).await, 8, "{}", database.engine);
        suite.delegation.join(directory(1), account(17), "i2", "again").await;
        // The stand-in enrols each membership as the first: what is counted is that it was asked to.
        eventually(|| async { enrolments(&suite).await == 9 }).await;
        running.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restored_log_adds_nobody_twice() {
    for database in databases().await {
        let suite = Suite::new(&database.url, Arc::new(ManualClock::default()), migrations).await;
        let running = serve(&suite).await;
        purchase(&suite, 10, 1).await;
        set(&suite, AutoAdd::New).await;
        let before = suite.delegation.log().head().await;
        suite.delegation.join(directory(1), account(16), "i1", "sixteen").await;
        settles(&suite, &[16]).await;
        remove(&suite, 16).await;
        running.stop().await;

        suite.delegation.log().restore(before.revision).await;
        suite.delegation.join(directory(1), account(16), "i1", "sixteen").await;
        suite.delegation.join(directory(1), account(17), "i1", "seventeen").await;
        let running = serve(&suite).await;
        settles(&suite, &[17]).await;
        assert_eq!(enrolments(&suite).await, 1, "{}", database.engine);
        running.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn while_the_feature_is_closed_members_wait_and_the_reason_is_told() {
    for database in databases().await {
        let clock = Arc::new(ManualClock::default());
        let suite = Suite::new(&database.url, clock.clone(), migrations).await;
        let running = serve(&suite).await;
        purchase(&suite, 10, 1).await;
        set(&suite, AutoAdd::New).await;
        // A month and the days of grace.
        clock.advance(DAY * 37);
        let joined = suite.delegation.join(directory(1), account(16), "i1", "sixteen").await;
        let settings = || posture::settings(suite.db.reader(), directory(1));
        eventually(|| async { settings().await.unwrap().problem.contains("Enterprise or Ultimate") }).await;
        assert!(joined.revision > 0);
        assert_eq!(enrolments(&suite).await, 0, "{}", database.engine);
        purchase(&suite, 10, 1).await;
        clock.advance(std::time::Duration::from_secs(3));
        settles(&suite, &[16]).await;
        eventually(|| async { feature(&suite).await.last_auto_add_problem.is_empty() }).await;
        running.stop().await;
    }
}
