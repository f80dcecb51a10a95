//! Lists that are searched and ordered by their callers.

use serde_json::{Value, json};
use tonic::Code;

use crate::live::{
    Account, Databases, Suite, create_member, designate, enable_directory, enable_service, join, register, subscribe,
    text, user,
};

const MEMBERS: &str = "directory.v1.MemberService/ListMembers";
const USERS: &str = "directory.v1.UserService/ListUsers";
const ENTRIES: &str = "securitycenter.v1.MonitoredAccountService/ListMonitoredAccounts";

/// A directory whose administrator of the control list monitors two created members and an invited one, and another
/// directory.
struct Scene {
    suite: Suite,
    management: Account,
    administrator: Account,
    stranger: Account,
    directory: String,
}

impl Scene {
    async fn start(databases: Databases) -> Self {
        let suite = Suite::start(databases).await;
        let operator = suite.operator().await;
        let management = register(&operator, "management", "Example").await;
        let directory = enable_directory(&management).await;
        let administrator = register(&operator, "administrator", "Example").await;
        let partner = register(&operator, "partner shop", "Example").await;
        join(&management, &directory, &administrator).await;
        join(&management, &directory, &partner).await;
        let shop = create_member(&management, &directory, "Shop").await;
        let billing = create_member(&management, &directory, "billing").await;
        enable_service(&management, &directory, "security-center").await;
        designate(&management, &directory, "security-center", &administrator.name).await;
        subscribe(&administrator).await;
        for (account, remark) in [(&shop, "sells 100%"), (&billing, "sends bills"), (&partner.name, "")] {
            let create = json!({"parent": directory, "monitored_account": {"account": account, "remark": remark}});
            let method = "securitycenter.v1.MonitoredAccountService/CreateMonitoredAccount";
            administrator.root.call(method, create).await.unwrap();
        }
        let stranger = register(&operator, "stranger", "Other").await;
        enable_directory(&stranger).await;
        Self { suite, management, administrator, stranger, directory }
    }

    fn asked(&self, filter: &str, order_by: &str) -> Value {
        json!({"parent": self.directory, "filter": filter, "order_by": order_by})
    }

    /// The display names in the control list, without an order of their own.
    async fn found(&self, filter: &str) -> Vec<String> {
        let page = self.administrator.root.call(ENTRIES, self.asked(filter, "display_name")).await.expect(filter);
        names(&page, "monitoredAccounts")
    }
}

fn names(page: &Value, collection: &str) -> Vec<String> {
    page[collection].as_array().unwrap().iter().map(|item| text(item, "displayName").to_owned()).collect()
}

/// covers: R-SC-14
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_control_list_is_searched() {
    for databases in [Databases::Sqlite, Databases::Postgres] {
        let scene = Scene::start(databases).await;
        for (filter, expected) in [
            ("", vec!["Shop", "billing", "partner shop"]),
            ("shop", vec!["Shop", "partner shop"]),
            ("display_name:SHOP", vec!["Shop", "partner shop"]),
            ("display_name = Shop", vec!["Shop"]),
            ("display_name = shop", vec![]),
            ("display_name = \"*shop\" AND remark:*", vec!["Shop"]),
            ("\"100%\"", vec!["Shop"]),
            ("%", vec!["Shop"]),
            ("type = ACCOUNT_TYPE_CLOUD", vec!["partner shop"]),
            ("type = ACCOUNT_TYPE_RESOURCE", vec!["Shop", "billing"]),
            ("join_method = JOIN_METHOD_INVITED", vec!["partner shop"]),
            ("join_method != JOIN_METHOD_INVITED", vec!["Shop", "billing"]),
            ("NOT shop", vec!["billing"]),
            ("-shop", vec!["billing"]),
            ("bills OR type = ACCOUNT_TYPE_CLOUD", vec!["billing", "partner shop"]),
            ("shop bills OR sells", vec!["Shop"]),
            ("marked = true", vec![]),
            ("add_time > 2001-01-01T00:00:00Z", vec!["Shop", "billing", "partner shop"]),
        ] {
            assert_eq!(scene.found(filter).await, expected, "{filter}");
        }
        scene.suite.stop().await;
    }
}

/// covers: E-GW-08
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_list_is_ordered_over_its_pages_and_its_tokens_are_of_one_filter() {
    let scene = Scene::start(Databases::Sqlite).await;
    let root = &scene.management.root;
    let (mut found, mut token) = (Vec::new(), String::new());
    loop {
        let mut asked = scene.asked("NOT administrator", "display_name desc");
        asked["page_size"] = json!(1);
        asked["page_token"] = json!(token);
        let page = root.call(MEMBERS, asked.clone()).await.unwrap();
        found.extend(names(&page, "members"));
        token = text(&page, "nextPageToken").to_owned();
        if token.is_empty() {
            break;
        }
        asked["page_token"] = json!(token);
        for (field, value) in [("filter", ""), ("order_by", "display_name"), ("order_by", "")] {
            let mut other = asked.clone();
            other[field] = json!(value);
            let refused = root.refused(MEMBERS, other).await;
            assert_eq!((refused.code, &*refused.reason), (Code::InvalidArgument, "PAGE_TOKEN_INVALID"));
        }
    }
    assert_eq!(found, ["partner shop", "billing", "Shop"]);
    scene.suite.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bad_filters_are_refused_by_their_field_and_open_no_other_tenant() {
    let scene = Scene::start(Databases::Sqlite).await;
    let audit = "audit.v1.AuditService/ListDirectoryAuditEntries";
    let (root, administrator) = (&scene.management.root, &scene.administrator.root);
    for (client, method, filter, order_by, field, said) in [
        (root, MEMBERS, "remark = x", "", "filter", "at character 1: expected one of the fields `display_name`"),
        (root, MEMBERS, "a AND", "", "filter", "at character 6: expected a field or a text"),
        (root, MEMBERS, "marked = true", "", "filter", "at character 1: expected one of the fields"),
        (root, MEMBERS, "", "type", "order_by", "`display_name`, `account`, `join_time`"),
        (root, MEMBERS, "", "display_name asc", "order_by", "at character 14: expected `desc` or the end"),
        (root, audit, "request_json:x", "", "filter", "`method`, `resource`, `principal`, `create_time`"),
        (administrator, ENTRIES, "type = CLOUD", "", "filter", "at character 8: expected `ACCOUNT_TYPE_RESOURCE`"),
        (administrator, ENTRIES, "marked > true", "", "filter", "at character 8: expected `=` or `!=`"),
        (administrator, ENTRIES, "", "remark", "order_by", "`display_name`, `account`, `add_time`"),
    ] {
        let mut asked = scene.asked(filter, order_by);
        if method == audit {
            asked.as_object_mut().unwrap().remove("order_by");
        }
        let refused = client.refused(method, asked).await;
        assert_eq!((refused.code, &*refused.reason), (Code::InvalidArgument, "INVALID_FIELD"), "{filter}");
        assert_eq!(refused.fields, [field]);
        assert!(refused.message.contains(said), "{}", refused.message);
    }
    for method in [MEMBERS, ENTRIES] {
        for filter in ["shop", "display_name = "] {
            let refused = scene.stranger.root.refused(method, scene.asked(filter, "")).await;
            assert_eq!(refused.code, Code::NotFound, "{method} {filter}: {}", refused.reason);
        }
    }
    scene.suite.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_users_of_an_account_are_searched_and_ordered() {
    let suite = Suite::start(Databases::Sqlite).await;
    let operator = suite.operator().await;
    let account = register(&operator, "account", "Example").await;
    let stranger = register(&operator, "stranger", "Other").await;
    for id in ["carol", "alice", "bob"] {
        user(&account, id, &[]).await;
    }
    let bob = json!({"user": {"name": format!("{}/users/bob", account.name)}, "update_mask": "enabled"});
    account.root.call("directory.v1.UserService/UpdateUser", bob).await.unwrap();
    let asked = |filter: &str, order_by: &str| json!({"parent": account.name, "filter": filter, "order_by": order_by});
    for (filter, order_by, found) in [
        ("", "user_id desc", vec!["root", "carol", "bob", "alice"]),
        ("enabled = false", "", vec!["bob"]),
        ("kind = PRINCIPAL_KIND_USER", "create_time", vec!["carol", "alice", "bob"]),
        ("al", "", vec!["alice"]),
        ("last_sign_in_time > \"2000-01-01T00:00:00Z\" AND user_id = x*", "", vec![]),
    ] {
        let page = account.root.call(USERS, asked(filter, order_by)).await.expect(filter);
        let names = page["users"].as_array().unwrap().iter().map(|user| text(user, "name").rsplit('/').next().unwrap());
        assert_eq!(names.collect::<Vec<_>>(), found, "{filter} {order_by}");
    }
    for (filter, order_by, field) in [("policies:x", "", "filter"), ("", "enabled", "order_by")] {
        let refused = account.root.refused(USERS, asked(filter, order_by)).await;
        assert_eq!((refused.code, refused.fields), (Code::InvalidArgument, vec![field.to_owned()]), "{filter}");
    }
    assert_eq!(stranger.root.refused(USERS, asked("al", "")).await.code, Code::NotFound);
    suite.stop().await;
}
