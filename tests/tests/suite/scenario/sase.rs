//! Zero-trust policies that one seat writes for all members of SASE.

use serde_json::{Value, json};
use tonic::Code;

use crate::{
    client::Client,
    live::{Account, Databases, Suite, create_member, designate, enable_directory, join, register, text, user},
};

pub(super) const CREATE_INSTANCE: &str = "sase.v1.SaseInstanceService/CreateSaseInstance";
const GET_INSTANCE: &str = "sase.v1.SaseInstanceService/GetSaseInstance";
pub(super) const ADD: &str = "sase.v1.SaseMemberService/BatchCreateSaseMembers";
const ELIGIBLE: &str = "sase.v1.SaseMemberService/ListEligibleSaseMembers";
const REMOVE: &str = "sase.v1.SaseMemberService/DeleteSaseMember";
pub(super) const CREATE_APPLICATION: &str = "sase.v1.ApplicationService/CreateApplication";
const GET_APPLICATION: &str = "sase.v1.ApplicationService/GetApplication";
pub(super) const CREATE_USER: &str = "sase.v1.SaseUserService/CreateSaseUser";
pub(super) const CREATE_GROUP: &str = "sase.v1.UserGroupService/CreateUserGroup";
pub(super) const CREATE_POLICY: &str = "sase.v1.AccessPolicyService/CreateAccessPolicy";
const UPDATE_POLICY: &str = "sase.v1.AccessPolicyService/UpdateAccessPolicy";
const GET_POLICY: &str = "sase.v1.AccessPolicyService/GetAccessPolicy";
const REPLACE: &str = "sase.v1.AccessPolicyService/ReplaceAccessPolicySelection";
const EXTEND: &str = "sase.v1.AccessPolicyService/ExtendAccessPolicySelection";
pub(super) const CREATE_BLOCK: &str = "sase.v1.AccessBlockService/CreateAccessBlock";
pub(super) const EVALUATE: &str = "sase.v1.SaseAccessService/EvaluateAccess";
const BATCH_EVALUATE: &str = "sase.v1.SaseAccessService/BatchEvaluateAccess";
const USER_APPLICATIONS: &str = "sase.v1.SaseAccessService/ListUserApplications";
const USER_POLICIES: &str = "sase.v1.SaseAccessService/ListUserPolicies";
pub(super) const DECISIONS: &str = "sase.v1.SaseAccessService/ListAccessDecisions";
pub(super) const ENABLE: &str = "delegation.v1.TrustedServiceService/EnableTrustedService";

pub(super) struct Scene {
    pub(super) suite: Suite,
    management: Account,
    /// Administers SASE.
    pub(super) administrator: Account,
    /// Administers Security Center.
    other: Account,
    /// Members, not yet of SASE.
    pub(super) members: [String; 2],
    pub(super) directory: String,
}

impl Scene {
    /// Trusted access is on; SASE is not activated.
    async fn start(databases: Databases) -> Self {
        let suite = Suite::start(databases).await;
        let operator = suite.operator().await;
        let management = register(&operator, "management", "Example").await;
        let directory = enable_directory(&management).await;
        let administrator = register(&operator, "administrator", "Example").await;
        let other = register(&operator, "other", "Example").await;
        join(&management, &directory, &administrator).await;
        join(&management, &directory, &other).await;
        let members =
            [create_member(&management, &directory, "one").await, create_member(&management, &directory, "two").await];
        for (service, account) in [("sase", &administrator), ("security-center", &other)] {
            let enable = json!({"name": format!("{directory}/trustedServices/{service}")});
            management.root.call(ENABLE, enable).await.unwrap();
            designate(&management, &directory, service, &account.name).await;
        }
        Self { suite, management, administrator, other, members, directory }
    }

    /// SASE is activated, both members are added, each with an application; there is the user `ann`.
    pub(super) async fn set_up(databases: Databases) -> Self {
        let scene = Self::start(databases).await;
        let b = &scene.administrator.root;
        b.call(CREATE_INSTANCE, json!({"parent": scene.directory})).await.unwrap();
        b.call(ADD, json!({"parent": scene.directory, "accounts": scene.members})).await.unwrap();
        for (id, account) in [("shop", &scene.members[0]), ("till", &scene.members[1])] {
            b.call(CREATE_APPLICATION, scene.application(id, account)).await.unwrap();
        }
        b.call(CREATE_USER, scene.user("ann")).await.unwrap();
        scene
    }

    pub(super) fn named(&self, collection: &str, id: &str) -> String {
        format!("{}/{collection}/{id}", self.directory)
    }

    pub(super) fn application(&self, id: &str, account: &str) -> Value {
        json!({"parent": self.directory, "application_id": id, "application": {
            "display_name": id, "account": account, "hosts": [format!("{id}.example")], "ports": [{"first": 443}],
            "protocol": "APPLICATION_PROTOCOL_HTTP", "tags": ["web"]
        }})
    }

    fn user(&self, id: &str) -> Value {
        let user = json!({"display_name": id, "attributes": ["department=sales"]});
        json!({"parent": self.directory, "sase_user_id": id, "sase_user": user})
    }

    pub(super) fn policy(&self, id: &str, priority: i32, action: &str) -> Value {
        json!({"parent": self.directory, "access_policy_id": id, "access_policy": {
            "display_name": id, "priority": priority, "action": action, "enabled": true,
            "subjects": {"all_users": true}, "targets": {"tags": ["web"]}, "members": {"all": true}
        }})
    }

    pub(super) fn asked(&self, application: &str) -> Value {
        let application = self.named("applications", application);
        json!({"sase_user": self.named("saseUsers", "ann"), "application": application})
    }

    pub(super) async fn decide(&self, application: &str) -> Value {
        let asked = json!({"parent": self.directory, "access_request": self.asked(application)});
        self.administrator.root.call(EVALUATE, asked).await.unwrap()
    }

    /// The outcome for `ann`, and the id of what decided.
    pub(super) async fn outcome(&self, application: &str) -> (String, String) {
        let decision = self.decide(application).await;
        let by = decision["decidedBy"].as_str().unwrap_or_default().rsplit('/').next().unwrap();
        (text(&decision, "action").trim_start_matches("ACCESS_ACTION_").to_owned(), by.to_owned())
    }

    /// All who hold no seat of SASE are refused.
    pub(super) async fn refused_to_others(&self, method: &str, request: &Value) {
        let refused = self.other.root.refused(method, request.clone()).await;
        assert_eq!((refused.code, &*refused.reason), (Code::PermissionDenied, "SEAT_REQUIRED"), "{method}");
        assert_eq!(&*refused.metadata["trusted_service"], "sase", "{method}");
    }
}

pub(super) fn outcome(action: &str, by: &str) -> (String, String) {
    (action.to_owned(), by.to_owned())
}

fn steps(instance: &Value) -> Vec<bool> {
    let steps = instance["steps"].as_array().unwrap();
    steps.iter().map(|step| step["done"].as_bool().unwrap_or_default()).collect()
}

/// covers: R-SASE-01, R-SASE-03, R-SASE-05, R-SASE-06, R-SASE-07
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sase_is_set_up_step_by_step_and_a_step_without_the_earlier_one_is_refused() {
    for databases in [Databases::Sqlite, Databases::Postgres] {
        let scene = Scene::start(databases).await;
        let (b, directory) = (&scene.administrator.root, &scene.directory);
        let add = json!({"parent": directory, "accounts": scene.members});
        let early = b.refused(ADD, add.clone()).await;
        assert_eq!((early.code, &*early.reason), (Code::FailedPrecondition, "SASE_SETUP_INCOMPLETE"));
        assert_eq!(early.metadata["missing_step"], "SASE_SETUP_STEP_INSTANCE");
        let policy = scene.policy("p", 1, "ACCESS_ACTION_ALLOW");
        assert_eq!(b.refused(CREATE_POLICY, policy.clone()).await.reason, "SASE_SETUP_INCOMPLETE");

        let create = json!({"parent": directory});
        scene.refused_to_others(CREATE_INSTANCE, &create).await;
        let made = b.call(CREATE_INSTANCE, create.clone()).await.unwrap();
        assert_eq!(steps(&made), [true, true, true, true, false]);
        assert_eq!(b.refused(CREATE_INSTANCE, create).await.reason, "RESOURCE_EXISTS");
        let early = b.refused(CREATE_POLICY, policy.clone()).await;
        assert_eq!(early.metadata["missing_step"], "SASE_SETUP_STEP_SASE_MEMBERS");

        let list = json!({"parent": directory});
        scene.refused_to_others(ELIGIBLE, &list).await;
        let eligible = b.call(ELIGIBLE, list.clone()).await.unwrap();
        let accounts = |page: &Value| {
            let all = page["eligibleSaseMembers"].as_array().cloned().unwrap_or_default();
            all.iter().map(|member| text(member, "account").to_owned()).collect::<Vec<_>>()
        };
        let mut expected: Vec<_> = scene.members.to_vec();
        expected.extend([scene.administrator.name.clone(), scene.other.name.clone()]);
        expected.sort_unstable();
        assert_eq!(accounts(&eligible), expected, "all members but the management account");
        b.call(ADD, add).await.unwrap();
        let left = accounts(&b.call(ELIGIBLE, list).await.unwrap());
        assert!(left.len() == 2 && !scene.members.iter().any(|member| left.contains(member)), "{left:?}");
        b.call(CREATE_POLICY, policy).await.unwrap();
        let name = json!({"name": format!("{directory}/saseInstance")});
        assert_eq!(steps(&scene.management.root.call(GET_INSTANCE, name).await.unwrap()), [true; 5]);
        scene.suite.stop().await;
    }
}

/// covers: R-SASE-04
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_step_of_the_set_up_needs_those_before_it() {
    for databases in [Databases::Sqlite, Databases::Postgres] {
        let suite = Suite::start(databases).await;
        let operator = suite.operator().await;
        let management = register(&operator, "management", "Example").await;
        let member = register(&operator, "member", "Example").await;
        let root = &management.root;
        let none = json!({"parent": "directories/rd-7zzzzzzzzzzz1"});
        assert_eq!(root.refused(CREATE_INSTANCE, none).await.reason, "RESOURCE_NOT_FOUND", "without a directory");
        let directory = enable_directory(&management).await;
        let sase = format!("{directory}/trustedServices/sase");
        root.call(ENABLE, json!({"name": sase})).await.unwrap();
        root.call(CREATE_INSTANCE, json!({"parent": directory})).await.unwrap();
        let policy = json!({"parent": directory, "access_policy_id": "p", "access_policy": {
            "display_name": "p", "priority": 1, "action": "ACCESS_ACTION_ALLOW", "subjects": {"all_users": true},
            "targets": {"tags": ["web"]}, "members": {"all": true}
        }});
        let early = root.refused(CREATE_POLICY, policy).await;
        assert_eq!(early.metadata["missing_step"], "SASE_SETUP_STEP_MEMBERS");
        // Neither administered nor added before it has joined.
        let add = json!({"parent": directory, "accounts": [member.name]});
        assert_eq!(root.refused(ADD, add.clone()).await.reason, "ACCOUNT_NOT_IN_DIRECTORY");
        let designation = json!({"parent": sase, "delegated_administrator": {"account": member.name}});
        let designate = "delegation.v1.DelegatedAdministratorService/CreateDelegatedAdministrator";
        assert_eq!(root.refused(designate, designation.clone()).await.reason, "ACCOUNT_NOT_IN_DIRECTORY");
        join(&management, &directory, &member).await;
        // The member adds nobody before it is designated.
        let early = member.root.refused(ADD, add.clone()).await;
        assert_eq!((&*early.reason, &*early.metadata["trusted_service"]), ("SEAT_REQUIRED", "sase"));
        root.call(designate, designation).await.unwrap();
        member.root.call(ADD, add).await.unwrap();
        suite.stop().await;
    }
}

/// covers: R-SASE-15, R-SASE-16
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_administrator_sees_folders_and_members_and_manages_no_organisation() {
    let scene = Scene::set_up(Databases::Sqlite).await;
    let (b, parent) = (&scene.administrator.root, json!({"parent": scene.directory}));
    let folders = b.call("directory.v1.FolderService/ListFolders", parent.clone()).await.unwrap();
    assert!(!folders["folders"].as_array().unwrap().is_empty());
    let members = b.call("directory.v1.MemberService/ListMembers", parent).await.unwrap();
    let members: Vec<_> = members["members"].as_array().unwrap().iter().map(|m| text(m, "account")).collect();
    assert!(scene.members.iter().all(|member| members.contains(&member.as_str())), "{members:?}");
    b.call(CREATE_POLICY, scene.policy("allow", 1, "ACCESS_ACTION_ALLOW")).await.unwrap();
    let create = json!({"parent": scene.directory, "member": {"display_name": "more"}});
    assert_eq!(b.refused("directory.v1.MemberService/CreateMember", create).await.reason, "SEAT_REQUIRED");
    let invite = json!({"parent": scene.directory, "invitation": {"account": scene.other.name}});
    assert_eq!(b.refused("directory.v1.InvitationService/CreateInvitation", invite).await.reason, "SEAT_REQUIRED");
    let designation = json!({"parent": format!("{}/trustedServices/sase", scene.directory),
        "delegated_administrator": {"account": scene.other.name}});
    let designate = "delegation.v1.DelegatedAdministratorService/CreateDelegatedAdministrator";
    assert_eq!(b.refused(designate, designation).await.reason, "SEAT_REQUIRED");
    scene.suite.stop().await;
}

/// covers: R-SASE-02, R-SASE-14, E-SASE-01, E-SASE-05
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_policy_holds_for_all_members_and_each_decision_says_what_decided() {
    for databases in [Databases::Sqlite, Databases::Postgres] {
        let scene = Scene::set_up(databases).await;
        let (b, directory) = (&scene.administrator.root, &scene.directory);
        let nothing = scene.decide("shop").await;
        assert_eq!(text(&nothing, "reason"), "ACCESS_DECISION_REASON_NO_POLICY", "the default is to block");
        assert_eq!(text(&nothing, "action"), "ACCESS_ACTION_BLOCK");
        let allow = scene.policy("allow", 20, "ACCESS_ACTION_ALLOW");
        scene.refused_to_others(CREATE_POLICY, &allow).await;
        let bare = user(&scene.administrator, "bare", &[]).await;
        assert_eq!(bare.refused(CREATE_POLICY, allow.clone()).await.reason, "ACTION_NOT_ALLOWED");
        b.call(CREATE_POLICY, allow).await.unwrap();
        for application in ["shop", "till"] {
            assert_eq!(scene.outcome(application).await, outcome("ALLOW", "allow"), "of each member");
        }
        let mut narrow = scene.policy("narrow", 10, "ACCESS_ACTION_BLOCK");
        narrow["access_policy"]["members"] = json!({"accounts": [scene.members[1]]});
        b.call(CREATE_POLICY, narrow).await.unwrap();
        let asked = json!({"parent": directory, "access_requests": [scene.asked("shop"), scene.asked("till")]});
        scene.refused_to_others(BATCH_EVALUATE, &asked).await;
        let batch = b.call(BATCH_EVALUATE, asked).await.unwrap();
        let by: Vec<_> = batch["decisions"].as_array().unwrap().iter().map(|d| text(d, "decidedBy")).collect();
        assert_eq!(by, [scene.named("accessPolicies", "allow"), scene.named("accessPolicies", "narrow")]);
        let decision = scene.decide("till").await;
        assert_eq!(text(&decision, "reason"), "ACCESS_DECISION_REASON_POLICY");
        assert_eq!(text(&decision, "account"), scene.members[1]);
        assert!(text(&decision, "explanation").contains("`narrow` of priority 10 blocks"), "{decision}");

        let ann = json!({"sase_user": scene.named("saseUsers", "ann")});
        let list = json!({"parent": directory, "access_request": ann});
        let reached = b.call(USER_APPLICATIONS, list).await.unwrap();
        let reached: Vec<_> =
            reached["applications"].as_array().unwrap().iter().map(|a| text(a, "application")).collect();
        assert_eq!(reached, [scene.named("applications", "shop")]);
        let list = json!({"parent": directory, "sase_user": scene.named("saseUsers", "ann")});
        scene.refused_to_others(USER_POLICIES, &list).await;
        let policies = b.call(USER_POLICIES, list).await.unwrap();
        let order: Vec<_> = policies["policies"].as_array().unwrap().iter().map(|p| text(p, "displayName")).collect();
        assert_eq!(order, ["narrow", "allow"]);

        let disable =
            json!({"access_policy": {"name": scene.named("accessPolicies", "narrow")}, "update_mask": "enabled"});
        b.call(UPDATE_POLICY, disable).await.unwrap();
        assert_eq!(scene.outcome("till").await, outcome("ALLOW", "allow"), "a disabled policy decides nothing");
        let past = json!({"access_policy": {"name": scene.named("accessPolicies", "allow"),
            "endTime": "2000-01-01T00:00:00Z"}, "update_mask": "endTime"});
        b.call(UPDATE_POLICY, past).await.unwrap();
        assert_eq!(scene.outcome("till").await, outcome("BLOCK", ""), "nor does one whose time has passed");
        for (field, value) in [
            ("display_name", json!("")),
            ("display_name", json!("x".repeat(129))),
            ("priority", json!(0)),
            ("priority", json!(1001)),
        ] {
            let mut wrong = scene.policy("wrong", 1, "ACCESS_ACTION_ALLOW");
            wrong["access_policy"][field] = value;
            let refused = b.refused(CREATE_POLICY, wrong).await;
            assert_eq!(refused.fields, [format!("access_policy.{field}")]);
        }
        scene.suite.stop().await;
    }
}

/// covers: R-SASE-13
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_deleted_member_is_reached_by_no_policy_and_by_no_administrator() {
    for databases in [Databases::Sqlite, Databases::Postgres] {
        let scene = Scene::set_up(databases).await;
        let (b, directory) = (&scene.administrator.root, &scene.directory);
        b.call(CREATE_POLICY, scene.policy("allow", 1, "ACCESS_ACTION_ALLOW")).await.unwrap();
        assert_eq!(scene.outcome("shop").await.0, "ALLOW");
        let entry = scene.named("saseMembers", scene.members[0].trim_start_matches("accounts/"));
        b.call(REMOVE, json!({"name": entry})).await.unwrap();
        let decision = scene.decide("shop").await;
        assert_eq!(text(&decision, "reason"), "ACCESS_DECISION_REASON_MEMBER_NOT_MANAGED");
        assert_eq!(text(&decision, "action"), "ACCESS_ACTION_BLOCK");
        assert_eq!(scene.outcome("till").await.0, "ALLOW", "the other member is as it was");
        let shop = json!({"name": scene.named("applications", "shop")});
        for client in [b, &scene.management.root] {
            assert_eq!(client.refused(GET_APPLICATION, shop.clone()).await.reason, "RESOURCE_NOT_FOUND");
        }
        let again = scene.application("again", &scene.members[0]);
        assert_eq!(b.refused(CREATE_APPLICATION, again).await.reason, "ACCOUNT_NOT_ENROLLED");
        let account = json!({"parent": directory, "account": scene.members[0]});
        scene.refused_to_others(DECISIONS, &account).await;
        let log = b.call(DECISIONS, account).await.unwrap();
        assert_eq!(log["decisions"].as_array().map_or(0, Vec::len), 0, "{log}");
        scene.suite.stop().await;
    }
}

/// covers: E-SASE-02, E-SASE-03, E-SASE-04
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn selections_have_limits_exclude_each_other_and_are_replaced_or_extended() {
    let scene = Scene::set_up(Databases::Sqlite).await;
    let (b, directory) = (&scene.administrator.root, &scene.directory);
    let group = json!({"display_name": "Sales", "users": [scene.named("saseUsers", "ann")]});
    b.call(CREATE_GROUP, json!({"parent": directory, "user_group_id": "sales", "user_group": group})).await.unwrap();
    let (sales, shop) = (scene.named("userGroups", "sales"), scene.named("applications", "shop"));
    let many = |collection: &str, count: usize| -> Vec<String> {
        (0..count).map(|n| scene.named(collection, &format!("n{n}"))).collect()
    };
    let tags: Vec<_> = (0..101).map(|n| format!("t{n}")).collect();
    let attributes: Vec<_> = (0..11).map(|n| format!("key=v{n}")).collect();
    for (part, selection, field) in [
        ("targets", json!({"applications": [shop], "tags": ["web"]}), "targets"),
        ("targets", json!({"tags": tags}), "targets.tags"),
        ("targets", json!({"applications": many("applications", 101)}), "targets.applications"),
        ("subjects", json!({"groups": [sales], "attributes": ["a=b"]}), "subjects.attributes"),
        ("subjects", json!({"groups": many("userGroups", 2_001)}), "subjects.groups"),
        ("subjects", json!({"attributes": attributes}), "subjects.attributes"),
        ("members", json!({"all": true, "accounts": [scene.members[0]]}), "members"),
    ] {
        let mut wrong = scene.policy("wrong", 1, "ACCESS_ACTION_ALLOW");
        wrong["access_policy"][part] = selection;
        let refused = b.refused(CREATE_POLICY, wrong).await;
        assert_eq!((refused.code, refused.fields), (Code::InvalidArgument, vec![format!("access_policy.{field}")]));
    }
    let mut policy = scene.policy("p", 1, "ACCESS_ACTION_ALLOW");
    policy["access_policy"]["targets"] = json!({"applications": [shop]});
    policy["access_policy"]["subjects"] = json!({"groups": [sales]});
    b.call(CREATE_POLICY, policy).await.unwrap();
    let name = scene.named("accessPolicies", "p");
    let till = json!({"applications": [scene.named("applications", "till")]});
    let extend = json!({"name": name, "targets": till});
    scene.refused_to_others(EXTEND, &extend).await;
    let extended = b.call(EXTEND, extend).await.unwrap();
    assert_eq!(extended["targets"]["applications"].as_array().unwrap().len(), 2);
    assert_eq!(extended["subjects"]["groups"], json!([sales]), "the rest is as it was");
    let other_kind = json!({"name": name, "targets": {"tags": ["web"]}});
    assert_eq!(b.refused(EXTEND, other_kind.clone()).await.fields, ["access_policy.targets"]);
    scene.refused_to_others(REPLACE, &other_kind).await;
    let replaced = b.call(REPLACE, other_kind).await.unwrap();
    assert_eq!(replaced["targets"], json!({"applications": [], "tags": ["web"]}));
    let unknown = json!({"name": name, "subjects": {"users": [scene.named("saseUsers", "nobody")]}});
    let refused = b.refused(REPLACE, unknown).await;
    assert_eq!(
        (&*refused.reason, refused.fields),
        ("SASE_REFERENCE_UNKNOWN", vec!["access_policy.subjects.users".to_owned()])
    );
    let kept = b.call(GET_POLICY, json!({"name": name})).await.unwrap();
    assert_eq!(kept["version"], replaced["version"], "what was refused changed nothing");

    // The limits of a directory (E-SASE-02): applications in bulk, policies one by one.
    let account = &scene.members[0];
    let one = |n: usize| {
        let mut one = scene.application("x", account)["application"].clone();
        one["name"] = json!(scene.named("applications", &format!("bulk-{n}")));
        one
    };
    let import = |n: usize| json!({"parent": directory, "applications": (0..n).map(one).collect::<Vec<_>>()});
    const IMPORT: &str = "sase.v1.ApplicationService/ImportApplications";
    let over = b.refused(IMPORT, import(499)).await;
    assert_eq!((over.code, &*over.reason), (Code::ResourceExhausted, "SASE_QUOTA_EXCEEDED"), "two there are already");
    b.call(IMPORT, import(498)).await.unwrap();
    let over = b.refused(CREATE_APPLICATION, scene.application("one-more", account)).await;
    assert_eq!(&*over.metadata["limit"], "500");
    for n in 1..500 {
        b.call(CREATE_POLICY, scene.policy(&format!("p{n}"), 500, "ACCESS_ACTION_BLOCK")).await.unwrap();
    }
    let over = b.refused(CREATE_POLICY, scene.policy("one-more", 500, "ACCESS_ACTION_BLOCK")).await;
    assert_eq!((&*over.reason, &*over.metadata["resource"]), ("SASE_QUOTA_EXCEEDED", "accessPolicies"));
    assert_eq!(scene.outcome("shop").await, outcome("ALLOW", "p"), "with 500 of each");
    scene.suite.stop().await;
}

/// A block of the response hook and its end, by the right caller and a wrong one.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_block_stops_a_user_at_once_and_is_lifted() {
    let scene = Scene::set_up(Databases::Sqlite).await;
    let b: &Client = &scene.administrator.root;
    b.call(CREATE_POLICY, scene.policy("allow", 1, "ACCESS_ACTION_ALLOW")).await.unwrap();
    let block = json!({"sase_user": scene.named("saseUsers", "ann"), "account": scene.members[0], "reason": "alert"});
    let create = json!({"parent": scene.directory, "access_block_id": "alert", "access_block": block});
    scene.refused_to_others(CREATE_BLOCK, &create).await;
    b.call(CREATE_BLOCK, create).await.unwrap();
    assert_eq!(scene.outcome("shop").await, outcome("BLOCK", "alert"));
    assert_eq!(scene.outcome("till").await, outcome("ALLOW", "allow"), "it is about one member");
    let lift = json!({"name": scene.named("accessBlocks", "alert")});
    b.call("sase.v1.AccessBlockService/DeleteAccessBlock", lift).await.unwrap();
    assert_eq!(scene.outcome("shop").await, outcome("ALLOW", "allow"));
    scene.suite.stop().await;
}
