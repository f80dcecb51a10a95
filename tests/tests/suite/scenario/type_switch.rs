//! A cloud account becomes a resource account, as product document 003 tells it, and a cloud account again.

use serde_json::{Value, json};
use tonic::Code;

use super::security_info::bind_email;
use crate::{
    client::Client,
    live::{Account, Databases, Suite, create_member, enable_directory, join, register, text, user},
};

const REQUEST: &str = "directory.v1.MemberService/RequestTypeSwitchVerification";
const SWITCH: &str = "directory.v1.MemberService/SwitchMemberType";
const GET_MEMBER: &str = "directory.v1.MemberService/GetMember";
const WHO_AM_I: &str = "directory.v1.TokenService/GetCallerIdentity";
const LIST_KEYS: &str = "directory.v1.AccessKeyService/ListAccessKeys";
const DISABLE_KEY: &str = "directory.v1.AccessKeyService/DisableAccessKey";
const FULL_ACCESS: &str = "AliyunResourceDirectoryFullAccess";
const RESOURCE: &str = "ACCOUNT_TYPE_RESOURCE";
const CLOUD: &str = "ACCOUNT_TYPE_CLOUD";

/// A directory with a member of type cloud account, and an operator who may switch it.
struct Scene {
    suite: Suite,
    operator: Client,
    management: Account,
    admin: Client,
    directory: String,
    account: Account,
    member: String,
}

impl Scene {
    async fn start() -> Self {
        let suite = Suite::start(Databases::Sqlite).await;
        let operator = suite.operator().await;
        let management = register(&operator, "management", "Example").await;
        let directory = enable_directory(&management).await;
        let admin = user(&management, "admin", &[FULL_ACCESS]).await;
        let account = register(&operator, "payments", "Example").await;
        join(&management, &directory, &account).await;
        let member = format!("{directory}/members/{}", account.id());
        Self { suite, operator, management, admin, directory, account, member }
    }

    fn request(&self, to: &str) -> Value {
        json!({"name": self.member, "target_type": to})
    }

    fn switch(&self, to: &str, code: &str) -> Value {
        json!({"name": self.member, "target_type": to, "acknowledge_risk": true, "verification_code": code})
    }

    fn dry(&self, to: &str) -> Value {
        json!({"name": self.member, "target_type": to, "acknowledge_risk": true, "validate_only": true})
    }

    /// Asserts that the request for a code, the trial and the switch are all refused so.
    async fn refused(&self, to: &str, reason: &str) {
        for (method, request) in
            [(REQUEST, self.request(to)), (SWITCH, self.dry(to)), (SWITCH, self.switch(to, "000000"))]
        {
            let refused = self.admin.refused(method, request).await;
            assert_eq!((refused.code, &*refused.reason), (Code::FailedPrecondition, reason), "{method}");
        }
    }

    /// Disables the keys of the account, that of its root user last: the tokens of a user die with its key.
    async fn disable_keys(&self) {
        let root = &self.account.root;
        let users = json!({"parent": self.account.name});
        let users = root.call("directory.v1.UserService/ListUsers", users).await.unwrap();
        let (last, first): (Vec<_>, Vec<_>) =
            users["users"].as_array().unwrap().iter().partition(|user| text(user, "name").ends_with("/root"));
        for user in first.into_iter().chain(last) {
            let keys = root.call(LIST_KEYS, json!({"parent": user["name"]})).await.unwrap();
            for key in keys["accessKeys"].as_array().unwrap() {
                root.call(DISABLE_KEY, json!({"name": key["name"]})).await.unwrap();
            }
        }
    }

    async fn root_key(&self) -> Value {
        let key = json!({"account": self.account.name});
        self.operator.call("directory.v1.AccountService/CreateRootAccessKey", key).await.unwrap()
    }

    /// Verifies the account anew: of the same enterprise, under another name.
    async fn rename_enterprise(&self, legal_name: &str) {
        let identity = json!({"legal_name": legal_name, "registration_number": "Example-1", "verifier": "test"});
        let verify = json!({"name": self.account.name, "enterprise_identity": identity});
        self.operator.call("directory.v1.AccountService/VerifyEnterpriseIdentity", verify).await.unwrap();
    }

    async fn type_of_member(&self) -> String {
        let member = self.admin.call(GET_MEMBER, json!({"name": self.member})).await.unwrap();
        text(&member, "type").to_owned()
    }
}

/// covers: R-DIR-24, R-GW-06, R-GW-08, E-DIR-21
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn only_a_named_operator_of_the_management_account_with_the_policy_switches() {
    let scene = Scene::start().await;
    let Scene { management, account, .. } = &scene;
    bind_email(&scene.suite, &account.root, &account.name).await;
    let stranger = register(&scene.operator, "stranger", "Other").await;
    let member_admin = user(account, "admin", &[FULL_ACCESS]).await;
    let others = [
        "AliyunResourceDirectoryReadOnlyAccess",
        "AliyunRAMFullAccess",
        "AliyunYundunSASFullAccess",
        "AliyunCSASFullAccess",
        "AliyunYundunBastionHostFullAccess",
        "AliyunActionTrailReadOnlyAccess",
    ];
    let without = user(management, "without", &others).await;
    for (method, request) in [(REQUEST, scene.request(RESOURCE)), (SWITCH, scene.switch(RESOURCE, "000000"))] {
        let root = management.root.refused(method, request.clone()).await;
        assert_eq!((root.code, &*root.reason), (Code::PermissionDenied, "OPERATOR_REQUIRED"), "{method}");
        let refused = without.refused(method, request.clone()).await;
        assert_eq!((refused.code, &*refused.reason), (Code::PermissionDenied, "ACTION_NOT_ALLOWED"), "{method}");
        for client in [&member_admin, &account.root] {
            assert_eq!(client.refused(method, request.clone()).await.reason, "SEAT_REQUIRED", "{method}");
        }
        assert_eq!(stranger.root.refused(method, request).await.reason, "RESOURCE_NOT_FOUND", "{method}");
    }
    let attach = json!({
        "target": format!("{}/users/without", management.name),
        "policy": format!("{}/policies/{FULL_ACCESS}", management.name),
    });
    management.root.call("directory.v1.PolicyService/AttachPolicy", attach).await.unwrap();
    // Keys of the member are in use: a refusal of the switch itself, and not of who asks.
    assert_eq!(without.refused(REQUEST, scene.request(RESOURCE)).await.reason, "ACCESS_KEY_IN_USE");
    assert_eq!(scene.type_of_member().await, CLOUD);
    scene.suite.stop().await;
}

/// covers: R-DIR-20, R-DIR-21, R-DIR-22, R-DIR-23, R-DIR-26, R-DIR-33, E-DIR-21, E-DIR-22
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_obstacle_of_document_003_has_a_reason_of_its_own() {
    let mut scene = Scene::start().await;
    scene.refused(CLOUD, "MEMBER_TYPE_MISMATCH").await;
    scene.refused(RESOURCE, "MISSING_SECURITY_INFO").await;
    let account = scene.account.clone();
    bind_email(&scene.suite, &account.root, &account.name).await;
    scene.rename_enterprise("Example Holding").await;
    scene.refused(RESOURCE, "LEGAL_ENTITY_MISMATCH").await;
    scene.rename_enterprise("Example").await;

    user(&account, "alice", &[]).await;
    scene.refused(RESOURCE, "ACCESS_KEY_IN_USE").await;
    let in_use = scene.admin.refused(SWITCH, scene.dry(RESOURCE)).await;
    assert_eq!(in_use.metadata["access_keys"], "2");
    scene.disable_keys().await;
    let by_phone = json!({"name": scene.member, "target_type": RESOURCE, "channel": "SECURITY_CHANNEL_PHONE"});
    assert_eq!(scene.admin.refused(REQUEST, by_phone).await.reason, "MISSING_SECURITY_INFO");

    let unread = json!({"name": scene.member, "target_type": RESOURCE, "validate_only": true});
    let unread = scene.admin.refused(SWITCH, unread).await;
    assert_eq!((unread.code, &*unread.reason), (Code::FailedPrecondition, "RISK_NOT_ACKNOWLEDGED"));
    let tried = scene.admin.call(SWITCH, scene.dry(RESOURCE)).await.unwrap();
    assert_eq!(text(&tried, "type"), RESOURCE);
    assert_eq!(scene.type_of_member().await, CLOUD, "it was only tried");

    let created = create_member(&scene.management, &scene.directory, "created").await;
    scene.member = format!("{}/members/{}", scene.directory, created.trim_start_matches("accounts/"));
    scene.refused(RESOURCE, "MEMBER_TYPE_MISMATCH").await;
    scene.suite.stop().await;
}

/// covers: R-DIR-19, R-DIR-25, R-DIR-26, R-DIR-27, R-DIR-28, R-DIR-29, R-DIR-30, R-GW-09
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cloud_account_becomes_a_resource_account_with_a_code() {
    let scene = Scene::start().await;
    let Scene { suite, admin, account, .. } = &scene;
    let bound = bind_email(suite, &account.root, &account.name).await;
    scene.disable_keys().await;
    let key = scene.root_key().await;
    let (id, secret) = (text(&key, "accessKeyId"), text(&key, "secret"));
    let root = suite.client().sign_in(id, secret).await.unwrap();
    assert_eq!(admin.refused(REQUEST, scene.request(RESOURCE)).await.reason, "ACCESS_KEY_IN_USE");
    root.call(DISABLE_KEY, json!({"name": key["name"]})).await.unwrap();
    assert_eq!(root.refused(WHO_AM_I, json!({})).await.reason, "CREDENTIAL_REVOKED");

    let sent = admin.call(REQUEST, scene.request(RESOURCE)).await.unwrap();
    assert_eq!(text(&sent, "channel"), "SECURITY_CHANNEL_EMAIL");
    assert_eq!(text(&sent, "maskedDestination"), "o***@example.com");
    let soon = admin.refused(REQUEST, scene.request(RESOURCE)).await;
    assert_eq!((soon.code, &*soon.reason), (Code::ResourceExhausted, "VERIFICATION_TOO_SOON"));
    let code = suite.code(&account.name, "SWITCH_TO_RESOURCE_ACCOUNT").await;
    let unread = json!({"name": scene.member, "target_type": RESOURCE, "verification_code": code});
    assert_eq!(admin.refused(SWITCH, unread).await.reason, "RISK_NOT_ACKNOWLEDGED");
    assert_eq!(scene.type_of_member().await, CLOUD);
    for (wrong, left) in [("", "4"), (bound.as_str(), "3"), ("none", "2")] {
        let refused = admin.refused(SWITCH, scene.switch(RESOURCE, wrong)).await;
        assert_eq!((refused.code, &*refused.reason), (Code::FailedPrecondition, "VERIFICATION_CODE_INVALID"));
        assert_eq!(refused.metadata["attempts_left"], left, "{wrong}");
    }
    let other = user(&scene.management, "other", &[FULL_ACCESS]).await;
    let foreign = other.refused(SWITCH, scene.switch(RESOURCE, &code)).await;
    assert_eq!(foreign.reason, "VERIFICATION_CODE_INVALID", "the code is for who asked for it");
    assert_eq!(scene.type_of_member().await, CLOUD);

    let switched = admin.call(SWITCH, scene.switch(RESOURCE, &code)).await.unwrap();
    assert_eq!((text(&switched, "type"), text(&switched, "name")), (RESOURCE, scene.member.as_str()));
    let own = scene.operator.call("directory.v1.AccountService/ListAccounts", json!({})).await.unwrap();
    let own = own["accounts"].as_array().unwrap().iter().find(|a| a["name"] == account.name.as_str()).unwrap().clone();
    assert_eq!((text(&own, "type"), own["rootUserEnabled"].as_bool()), (RESOURCE, Some(false)));
    let key = json!({"account": account.name});
    let refused = scene.operator.refused("directory.v1.AccountService/CreateRootAccessKey", key).await;
    assert_eq!(refused.reason, "ROOT_USER_DISABLED");
    let sign_in = suite.client().sign_in(id, secret).await.map(drop).unwrap_err();
    assert_eq!(sign_in.reason, "CREDENTIAL_INVALID");

    let trail = json!({"parent": scene.directory, "filter": "method:SwitchMemberType"});
    let auditor = user(&scene.management, "auditor", &["AliyunActionTrailReadOnlyAccess"]).await;
    let trail = auditor.call("audit.v1.AuditService/ListDirectoryAuditEntries", trail).await.unwrap();
    let entry = &trail["auditEntries"][0];
    assert_eq!(text(&entry["operator"], "principal"), format!("{}/users/admin", scene.management.name));
    assert_eq!(entry["accounts"], json!([account.name]));
    assert!(!trail.to_string().contains(&code), "the code is told to nobody");
    scene.suite.stop().await;
}

/// covers: R-DIR-28, R-DIR-30, R-DIR-34
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn as_a_cloud_account_again_it_has_none_of_its_old_credentials() {
    let scene = Scene::start().await;
    let Scene { suite, admin, account, .. } = &scene;
    bind_email(suite, &account.root, &account.name).await;
    let keys = json!({"parent": format!("{}/users/root", account.name)});
    let before = account.root.call(LIST_KEYS, keys.clone()).await.unwrap();
    scene.disable_keys().await;
    admin.call(REQUEST, scene.request(RESOURCE)).await.unwrap();
    let code = suite.code(&account.name, "SWITCH_TO_RESOURCE_ACCOUNT").await;
    admin.call(SWITCH, scene.switch(RESOURCE, &code)).await.unwrap();
    assert_eq!(before["accessKeys"].as_array().unwrap().len(), 1);

    admin.call(REQUEST, scene.request(CLOUD)).await.unwrap();
    let back = suite.code(&account.name, "SWITCH_TO_CLOUD_ACCOUNT").await;
    let reused = admin.refused(SWITCH, scene.switch(CLOUD, &code)).await;
    assert_eq!(reused.reason, "VERIFICATION_CODE_INVALID", "it was for another switch, and is used");
    let cloud = admin.call(SWITCH, scene.switch(CLOUD, &back)).await.unwrap();
    assert_eq!(text(&cloud, "type"), CLOUD);
    let used = admin.refused(SWITCH, scene.switch(RESOURCE, &code)).await;
    assert_eq!((&*used.reason, &*used.metadata["attempts_left"]), ("VERIFICATION_CODE_INVALID", "0"));
    assert_eq!(account.root.refused(WHO_AM_I, json!({})).await.reason, "CREDENTIAL_REVOKED");
    let key = scene.root_key().await;
    let root = suite.client().sign_in(text(&key, "accessKeyId"), text(&key, "secret")).await.unwrap();
    let left = root.call(LIST_KEYS, keys).await.unwrap();
    assert_eq!(left["accessKeys"].as_array().unwrap().len(), 1, "the new one alone: {left}");
    scene.suite.stop().await;
}
