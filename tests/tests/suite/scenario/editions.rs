//! Editions of Security Center: who may use the multi-account feature, what accounts buy, and what they give to members.

use prost_reflect::prost_types::Timestamp;
use serde_json::{Value, json};
use tonic::Code;

use crate::live::{
    Account, Databases, Suite, create_member, designate, enable_directory, enable_service, join, register, subscribe,
    text,
};

const GET: &str = "securitycenter.v1.SubscriptionService/GetSubscription";
const PURCHASE: &str = "securitycenter.v1.SubscriptionService/PurchaseSubscription";
const UPGRADE: &str = "securitycenter.v1.SubscriptionService/UpgradeSubscription";
const DOWNGRADE: &str = "securitycenter.v1.SubscriptionService/DowngradeSubscription";
const RENEW: &str = "securitycenter.v1.SubscriptionService/RenewSubscription";
const CANCEL: &str = "securitycenter.v1.SubscriptionService/CancelSubscriptionChange";
const EDITIONS: &str = "securitycenter.v1.SubscriptionService/ListEditions";
const ASSIGN: &str = "securitycenter.v1.SubscriptionService/CreateQuotaAssignment";
const ASSIGNED: &str = "securitycenter.v1.SubscriptionService/ListQuotaAssignments";
const REASSIGN: &str = "securitycenter.v1.SubscriptionService/UpdateQuotaAssignment";
const UNASSIGN: &str = "securitycenter.v1.SubscriptionService/DeleteQuotaAssignment";
const ENABLE: &str = "securitycenter.v1.MultiAccountService/EnableMultiAccount";
const FEATURE: &str = "securitycenter.v1.MultiAccountService/GetMultiAccount";
const ADD: &str = "securitycenter.v1.MonitoredAccountService/CreateMonitoredAccount";
const ENTRY: &str = "securitycenter.v1.MonitoredAccountService/GetMonitoredAccount";
const ENTRIES: &str = "securitycenter.v1.MonitoredAccountService/ListMonitoredAccounts";
const REQUEST_ID: &str = "0b8fba4e-7d1c-4f53-9c3a-08cc5b4f5a5f";

fn of(account: &Account) -> String {
    format!("{}/subscription", account.name)
}

fn buy(account: &Account, edition: &str, servers: i32) -> Value {
    json!({"name": of(account), "edition": edition, "protected_servers": servers, "months": 1})
}

/// covers: R-SC-02
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_account_that_is_not_verified_has_no_multi_account_control() {
    let suite = Suite::start(Databases::Sqlite).await;
    let operator = suite.operator().await;
    let asked = json!({"account": {"display_name": "new", "provider": "aliyun", "external_id": "new"}});
    let account = operator.call("directory.v1.AccountService/CreateAccount", asked).await.unwrap();
    let name = text(&account, "name").to_owned();
    let key = json!({"account": name});
    let key = operator.call("directory.v1.AccountService/CreateRootAccessKey", key).await.unwrap();
    let root = operator.sign_in(text(&key, "accessKeyId"), text(&key, "secret")).await.unwrap();
    let account = Account { name, root };
    subscribe_unverified(&account).await;
    let enable = json!({"account": account.name});
    let refused = account.root.refused("directory.v1.DirectoryService/CreateDirectory", enable).await;
    assert_eq!((refused.code, &*refused.reason), (Code::FailedPrecondition, "ENTERPRISE_IDENTITY_REQUIRED"));
    // Nor is there a directory of others that it could use it in.
    let other = register(&operator, "other", "Example").await;
    let directory = enable_directory(&other).await;
    let refused = account.root.refused(ENABLE, json!({"name": format!("{directory}/multiAccount")})).await;
    assert_eq!(refused.code, Code::NotFound);

    let identity = json!({"legal_name": "New", "registration_number": "New-1", "verifier": "test"});
    let verify = json!({"name": account.name, "enterprise_identity": identity});
    operator.call("directory.v1.AccountService/VerifyEnterpriseIdentity", verify).await.unwrap();
    let directory = enable_directory(&account).await;
    account.root.call(ENABLE, json!({"name": format!("{directory}/multiAccount")})).await.unwrap();
    let held = account.root.call(GET, json!({"name": of(&account)})).await.unwrap();
    assert_eq!(held["multiAccount"], json!(true));
    suite.stop().await;
}

/// It can buy what it likes: the feature stays closed.
async fn subscribe_unverified(account: &Account) {
    account.root.call(PURCHASE, buy(account, "EDITION_ULTIMATE", 10)).await.unwrap();
    let held = account.root.call(GET, json!({"name": of(account)})).await.unwrap();
    assert_eq!((text(&held, "edition"), &held["multiAccount"]), ("EDITION_ULTIMATE", &json!(false)));
}

/// covers: R-SC-04, R-SC-05, R-SC-06, R-SC-07, R-SC-15, E-SC-12
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_feature_is_open_with_enterprise_or_ultimate_once_it_may_access_the_directory() {
    for databases in [Databases::Sqlite, Databases::Postgres] {
        let suite = Suite::start(databases).await;
        let operator = suite.operator().await;
        let a = register(&operator, "management", "Example").await;
        let directory = enable_directory(&a).await;
        let b = register(&operator, "member", "Example").await;
        join(&a, &directory, &b).await;
        let feature = json!({"name": format!("{directory}/multiAccount")});
        let list = json!({"parent": directory});

        let basic = a.root.call(GET, json!({"name": of(&a)})).await.unwrap();
        assert_eq!((text(&basic, "edition"), text(&basic, "buyType")), ("EDITION_BASIC", "BUY_TYPE_FREE"));
        assert_eq!(text(&basic, "state"), "SUBSCRIPTION_STATE_NONE");
        let closed = a.root.refused(ENABLE, feature.clone()).await;
        assert_eq!((closed.code, &*closed.reason), (Code::FailedPrecondition, "EDITION_NOT_SUPPORTED"));
        assert_eq!((&*closed.metadata["edition"], &*closed.metadata["account"]), ("BASIC", &*a.name));
        assert_eq!(closed.metadata["required_editions"], "ENTERPRISE,ULTIMATE");
        a.root.call(PURCHASE, buy(&a, "EDITION_ADVANCED", 10)).await.unwrap();
        let closed = a.root.refused(ENABLE, feature.clone()).await;
        assert_eq!((&*closed.reason, &*closed.metadata["edition"]), ("EDITION_NOT_SUPPORTED", "ADVANCED"));
        a.root.call(UPGRADE, json!({"name": of(&a), "edition": "EDITION_ENTERPRISE"})).await.unwrap();

        for method in [ENTRIES, "securitycenter.v1.MultiAccountService/ListEligibleAccounts"] {
            assert_eq!(a.root.refused(method, list.clone()).await.reason, "TRUSTED_ACCESS_REQUIRED", "{method}");
        }
        assert_eq!(a.root.refused(FEATURE, feature.clone()).await.reason, "TRUSTED_ACCESS_REQUIRED");
        assert_eq!(b.root.refused(ENABLE, feature.clone()).await.reason, "SEAT_REQUIRED");
        let enable = json!({"name": feature["name"], "request_id": REQUEST_ID});
        let first = a.root.call(ENABLE, enable.clone()).await.unwrap();
        assert_eq!((text(&first, "autoAdd"), &first["monitoredCount"]), ("AUTO_ADD_OFF", &json!(0)));
        assert_eq!(first["eligibleCount"], json!(1));
        assert_eq!(a.root.call(ENABLE, enable).await.unwrap(), first);
        a.root.call(ENABLE, feature.clone()).await.unwrap();
        for service in ["security-center", "threat-analysis"] {
            let name = json!({"name": format!("{directory}/trustedServices/{service}")});
            let enabled = a.root.call("delegation.v1.TrustedServiceService/GetTrustedService", name).await.unwrap();
            assert_eq!(text(&enabled, "state"), "TRUSTED_SERVICE_STATE_ENABLED");
        }
        let add = json!({"parent": directory, "monitored_account": {"account": b.name, "remark": "first"}});
        let entry = a.root.call(ADD, add).await.unwrap();
        assert_eq!((text(&entry, "edition"), text(&entry, "buyType")), ("EDITION_BASIC", "BUY_TYPE_FREE"));

        // The edition of the caller's account counts, not that of another in the directory.
        designate(&a, &directory, "security-center", &b.name).await;
        let closed = b.root.refused(ENTRIES, list.clone()).await;
        assert_eq!((&*closed.reason, &*closed.metadata["account"]), ("EDITION_NOT_SUPPORTED", &*b.name));
        b.root.call(PURCHASE, buy(&b, "EDITION_ULTIMATE", 1)).await.unwrap();
        let page = b.root.call(ENTRIES, list.clone()).await.unwrap();
        assert_eq!(text(&page["monitoredAccounts"][0], "edition"), "EDITION_ULTIMATE");
        assert_eq!(text(&page["monitoredAccounts"][0], "buyType"), "BUY_TYPE_OWN");

        // A downgrade closes the feature and keeps the list; an upgrade opens it with the next call.
        let down = json!({"name": of(&a), "edition": "EDITION_ADVANCED", "immediately": true});
        a.root.call(DOWNGRADE, down).await.unwrap();
        let entry_name = json!({"name": entry["name"]});
        for (method, request) in [(ENTRIES, &list), (ENTRY, &entry_name), (FEATURE, &feature)] {
            assert_eq!(a.root.refused(method, request.clone()).await.reason, "EDITION_NOT_SUPPORTED", "{method}");
        }
        a.root.call(UPGRADE, json!({"name": of(&a), "edition": "EDITION_ULTIMATE"})).await.unwrap();
        let kept = a.root.call(ENTRIES, list.clone()).await.unwrap();
        assert_eq!(text(&kept["monitoredAccounts"][0], "remark"), "first");
        suite.stop().await;
    }
}

/// covers: R-SC-06, E-GW-06, E-GW-07
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_account_buys_upgrades_downgrades_and_renews_its_own_edition_alone() {
    let suite = Suite::start(Databases::Sqlite).await;
    let operator = suite.operator().await;
    let a = register(&operator, "management", "Example").await;
    let directory = enable_directory(&a).await;
    let b = register(&operator, "member", "Example").await;
    join(&a, &directory, &b).await;
    let stranger = register(&operator, "stranger", "Other").await;
    let editions = a.root.call(EDITIONS, json!({"page_size": 4})).await.unwrap();
    let names: Vec<_> = editions["editions"].as_array().unwrap().iter().map(|e| text(e, "displayName")).collect();
    assert_eq!(names, ["Basic", "Anti-virus", "Advanced", "Enterprise"]);
    let rest = json!({"page_size": 4, "page_token": editions["nextPageToken"]});
    let rest = a.root.call(EDITIONS, rest).await.unwrap();
    assert_eq!(
        rest["editions"],
        json!([{"edition": "EDITION_ULTIMATE", "displayName": "Ultimate",
        "multiAccount": true, "forSale": true}])
    );

    assert_eq!(a.root.refused(PURCHASE, buy(&b, "EDITION_ULTIMATE", 1)).await.reason, "SEAT_REQUIRED");
    assert_eq!(stranger.root.refused(PURCHASE, buy(&b, "EDITION_ULTIMATE", 1)).await.code, Code::NotFound);
    assert_eq!(b.root.refused(GET, json!({"name": of(&a)})).await.reason, "SEAT_REQUIRED");
    assert_eq!(stranger.root.refused(GET, json!({"name": of(&a)})).await.code, Code::NotFound);
    for (request, field) in [
        (buy(&a, "EDITION_BASIC", 1), "edition"),
        (buy(&a, "EDITION_ULTIMATE", 0), "protected_servers"),
        (buy(&a, "EDITION_ULTIMATE", 1_000_001), "protected_servers"),
        (json!({"name": of(&a), "edition": "EDITION_ULTIMATE", "protected_servers": 1, "months": 61}), "months"),
    ] {
        let refused = a.root.refused(PURCHASE, request).await;
        assert_eq!((&*refused.reason, refused.fields), ("INVALID_FIELD", vec![field.to_owned()]));
    }
    let mut first = buy(&a, "EDITION_ENTERPRISE", 100);
    first["request_id"] = json!(REQUEST_ID);
    let bought = a.root.call(PURCHASE, first.clone()).await.unwrap();
    assert_eq!(a.root.call(PURCHASE, first).await.unwrap(), bought);
    assert_eq!((text(&bought, "state"), &bought["protectedServers"]), ("SUBSCRIPTION_STATE_ACTIVE", &json!(100)));
    let (start, end) = (seconds(&bought, "startTime"), seconds(&bought, "expireTime"));
    assert_eq!((end - start, seconds(&bought, "graceEndTime") - end), (30 * 86_400, 7 * 86_400));
    let again = a.root.refused(PURCHASE, buy(&a, "EDITION_ULTIMATE", 1)).await;
    assert_eq!(
        (again.code, &*again.reason, &*again.metadata["buy_type"]),
        (Code::AlreadyExists, "SUBSCRIPTION_EXISTS", "OWN")
    );

    let name = of(&a);
    let lower = a.root.refused(UPGRADE, json!({"name": name, "edition": "EDITION_ADVANCED"})).await;
    assert_eq!((lower.code, &*lower.reason), (Code::FailedPrecondition, "SUBSCRIPTION_CHANGE_INVALID"));
    let stale = json!({"name": name, "edition": "EDITION_ULTIMATE", "etag": "9"});
    assert_eq!(a.root.refused(UPGRADE, stale).await.reason, "ETAG_MISMATCH");
    let up = json!({"name": name, "edition": "EDITION_ULTIMATE", "protected_servers": 200, "etag": bought["etag"]});
    let up = a.root.call(UPGRADE, up).await.unwrap();
    assert_eq!((text(&up, "edition"), &up["protectedServers"]), ("EDITION_ULTIMATE", &json!(200)));

    let down = json!({"name": name, "edition": "EDITION_ANTI_VIRUS", "protected_servers": 50});
    let down = a.root.call(DOWNGRADE, down).await.unwrap();
    assert_eq!((text(&down, "edition"), &down["multiAccount"]), ("EDITION_ULTIMATE", &json!(true)));
    assert_eq!(text(&down["pendingChange"], "edition"), "EDITION_ANTI_VIRUS");
    assert_eq!(seconds(&down["pendingChange"], "effectiveTime"), end);
    let kept = a.root.call(CANCEL, json!({"name": name})).await.unwrap();
    assert_eq!(kept["pendingChange"], Value::Null);
    assert_eq!(a.root.refused(CANCEL, json!({"name": name})).await.reason, "SUBSCRIPTION_CHANGE_INVALID");
    let renewed = a.root.call(RENEW, json!({"name": name, "months": 2})).await.unwrap();
    assert_eq!(seconds(&renewed, "expireTime") - end, 60 * 86_400);
    a.root.call(RENEW, json!({"name": name, "months": 60})).await.unwrap();
    assert_eq!(a.root.refused(RENEW, json!({"name": name, "months": 60})).await.fields, ["months"]);

    let ended = json!({"name": name, "edition": "EDITION_BASIC", "immediately": true});
    let ended = a.root.call(DOWNGRADE, ended).await.unwrap();
    assert_eq!((text(&ended, "edition"), text(&ended, "state")), ("EDITION_BASIC", "SUBSCRIPTION_STATE_EXPIRED"));
    let required = a.root.refused(RENEW, json!({"name": name, "months": 1})).await;
    assert_eq!((&*required.reason, &*required.metadata["state"]), ("SUBSCRIPTION_REQUIRED", "EXPIRED"));
    a.root.call(PURCHASE, buy(&a, "EDITION_ADVANCED", 1)).await.unwrap();
    suite.stop().await;
}

/// covers: E-SC-11, R-SC-15
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_administrator_gives_quota_to_members_without_a_subscription_of_their_own() {
    for databases in [Databases::Sqlite, Databases::Postgres] {
        let suite = Suite::start(databases).await;
        let operator = suite.operator().await;
        let a = register(&operator, "management", "Example").await;
        let directory = enable_directory(&a).await;
        let b = register(&operator, "member", "Example").await;
        join(&a, &directory, &b).await;
        let c = register(&operator, "buyer", "Example").await;
        join(&a, &directory, &c).await;
        let d = create_member(&a, &directory, "created").await;
        enable_service(&a, &directory, "security-center").await;
        subscribe(&a).await;
        for account in [&b.name, &c.name, &d] {
            let add = json!({"parent": directory, "monitored_account": {"account": account}});
            a.root.call(ADD, add).await.unwrap();
        }
        let give = |account: &str, servers: i32| json!({"parent": directory, "quota_assignment": {"account": account, "protected_servers": servers}});
        assert_eq!(b.root.refused(ASSIGN, give(&b.name, 1)).await.reason, "SEAT_REQUIRED");
        c.root.call(PURCHASE, buy(&c, "EDITION_ANTI_VIRUS", 1)).await.unwrap();
        let own = a.root.refused(ASSIGN, give(&c.name, 1)).await;
        assert_eq!((&*own.reason, &*own.metadata["buy_type"]), ("SUBSCRIPTION_EXISTS", "OWN"));
        let given = a.root.call(ASSIGN, give(&b.name, 80)).await.unwrap();
        assert_eq!((text(&given, "edition"), text(&given, "assignedBy")), ("EDITION_ULTIMATE", &*a.name));
        let more = a.root.refused(ASSIGN, give(&d, 21)).await;
        assert_eq!((more.code, &*more.reason), (Code::ResourceExhausted, "SERVER_QUOTA_EXCEEDED"));
        assert_eq!(more.metadata["left"], "20");
        a.root.call(ASSIGN, give(&d, 20)).await.unwrap();
        let twice = a.root.refused(ASSIGN, give(&b.name, 1)).await;
        assert_eq!((&*twice.reason, &*twice.metadata["buy_type"]), ("SUBSCRIPTION_EXISTS", "ALLOCATED"));

        let held = b.root.call(GET, json!({"name": of(&b)})).await.unwrap();
        assert_eq!((text(&held, "edition"), text(&held, "buyType")), ("EDITION_ULTIMATE", "BUY_TYPE_ALLOCATED"));
        assert_eq!((&held["protectedServers"], text(&held, "assignedBy")), (&json!(80), &*a.name));
        let has = b.root.refused(PURCHASE, buy(&b, "EDITION_ADVANCED", 1)).await;
        assert_eq!(has.metadata["buy_type"], "ALLOCATED");
        let payer = a.root.call(GET, json!({"name": of(&a)})).await.unwrap();
        assert_eq!(payer["assignedServers"], json!(100));
        let less = json!({"name": of(&a), "edition": "EDITION_ULTIMATE", "protected_servers": 99});
        let in_use = a.root.refused(DOWNGRADE, less).await;
        assert_eq!((&*in_use.reason, &*in_use.metadata["assigned"]), ("SERVER_QUOTA_IN_USE", "100"));
        let change = |servers: i32, etag: &Value| json!({"quota_assignment": {"name": given["name"], "protected_servers": servers, "etag": etag}});
        assert_eq!(a.root.refused(REASSIGN, change(81, &given["etag"])).await.reason, "SERVER_QUOTA_EXCEEDED");
        let changed = a.root.call(REASSIGN, change(50, &given["etag"])).await.unwrap();
        assert_eq!(a.root.refused(REASSIGN, change(51, &given["etag"])).await.reason, "ETAG_MISMATCH");
        let listed = a.root.call(ASSIGNED, json!({"parent": directory})).await.unwrap();
        assert_eq!(listed["quotaAssignments"].as_array().unwrap().len(), 2);
        assert!(listed["quotaAssignments"].as_array().unwrap().contains(&changed));

        // With the entry the quota ends; an entry that is made anew has none.
        let entry =
            json!({"name": format!("{directory}/monitoredAccounts/{}", b.name.trim_start_matches("accounts/"))});
        a.root.call("securitycenter.v1.MonitoredAccountService/DeleteMonitoredAccount", entry).await.unwrap();
        a.root.call(ADD, json!({"parent": directory, "monitored_account": {"account": b.name}})).await.unwrap();
        let held = b.root.call(GET, json!({"name": of(&b)})).await.unwrap();
        assert_eq!((text(&held, "edition"), text(&held, "buyType")), ("EDITION_BASIC", "BUY_TYPE_FREE"));
        assert_eq!(a.root.refused(UNASSIGN, json!({"name": given["name"]})).await.code, Code::NotFound);
        // So it does with the subscription that pays, for good.
        let end = json!({"name": of(&a), "edition": "EDITION_BASIC", "immediately": true});
        assert_eq!(a.root.refused(DOWNGRADE, end.clone()).await.reason, "SERVER_QUOTA_IN_USE");
        let id = d.trim_start_matches("accounts/");
        a.root.call(UNASSIGN, json!({"name": format!("{directory}/quotaAssignments/{id}")})).await.unwrap();
        a.root.call(DOWNGRADE, end).await.unwrap();
        assert_eq!(a.root.refused(ASSIGNED, json!({"parent": directory})).await.reason, "EDITION_NOT_SUPPORTED");
        suite.stop().await;
    }
}

fn seconds(of: &Value, field: &str) -> i64 {
    text(of, field).parse::<Timestamp>().unwrap().seconds
}
