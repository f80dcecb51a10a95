//! Control policies: what they are attached to, and what they bound.

use serde_json::{Value, json};
use tonic::Code;

use super::folders::{create_folder, member};
use crate::{
    client::Failure,
    live::{Account, Databases, Suite, create_member, enable_directory, join, register, text},
};

const CREATE: &str = "directory.v1.ControlPolicyService/CreateControlPolicy";
const GET: &str = "directory.v1.ControlPolicyService/GetControlPolicy";
const LIST: &str = "directory.v1.ControlPolicyService/ListControlPolicies";
const UPDATE: &str = "directory.v1.ControlPolicyService/UpdateControlPolicy";
const DELETE: &str = "directory.v1.ControlPolicyService/DeleteControlPolicy";
const ATTACH: &str = "directory.v1.ControlPolicyService/AttachControlPolicy";
const DETACH: &str = "directory.v1.ControlPolicyService/DetachControlPolicy";
const ATTACHMENTS: &str = "directory.v1.ControlPolicyService/ListControlPolicyAttachments";
const EFFECTIVE: &str = "directory.v1.ControlPolicyService/GetEffectiveControlPolicy";
const MOVE_MEMBER: &str = "directory.v1.MemberService/MoveMember";
const CREATE_USER: &str = "directory.v1.UserService/CreateUser";
const LIST_USERS: &str = "directory.v1.UserService/ListUsers";
const RECEIVED: &str = "directory.v1.InvitationService/ListReceivedInvitations";

fn document(effect: &str, action: &str) -> String {
    json!({"Version": "1", "Statement": [{"Effect": effect, "Action": action, "Resource": "*"}]}).to_string()
}

fn policy(directory: &str, id: &str) -> String {
    format!("{directory}/controlPolicies/{id}")
}

fn creation(directory: &str, id: &str, document: &str) -> Value {
    json!({"parent": directory, "control_policy_id": id, "control_policy": {"document": document}})
}

fn on(directory: &str, id: &str, target: &str) -> Value {
    json!({"name": policy(directory, id), "target": target})
}

/// A directory with a member that has an enabled root user, and a folder.
struct Scene {
    suite: Suite,
    management: Account,
    cloud: Account,
    stranger: Account,
    directory: String,
    root: String,
    folder: String,
}

impl Scene {
    async fn start() -> Self {
        let suite = Suite::start(Databases::Sqlite).await;
        let operator = suite.operator().await;
        let management = register(&operator, "management", "Example").await;
        let directory = enable_directory(&management).await;
        let cloud = register(&operator, "cloud", "Example").await;
        join(&management, &directory, &cloud).await;
        let stranger = register(&operator, "stranger", "Other").await;
        let root = format!("{directory}/folders/root");
        let folder = create_folder(&management, &root, "restricted").await;
        Self { suite, management, cloud, stranger, directory, root, folder }
    }

    async fn create(&self, id: &str, effect: &str, action: &str) {
        let request = creation(&self.directory, id, &document(effect, action));
        self.management.root.call(CREATE, request).await.unwrap();
    }

    async fn attach(&self, id: &str, target: &str) {
        self.management.root.call(ATTACH, on(&self.directory, id, target)).await.unwrap();
    }

    async fn detach(&self, id: &str, target: &str) {
        self.management.root.call(DETACH, on(&self.directory, id, target)).await.unwrap();
    }

    fn member(&self) -> String {
        member(&self.directory, &self.cloud.name)
    }

    async fn place(&self, folder: &str) {
        let request = json!({"name": self.member(), "destination": folder});
        self.management.root.call(MOVE_MEMBER, request).await.unwrap();
    }

    async fn switch(&self, enabled: bool) {
        let request = json!({
            "directory": {"name": self.directory, "control_policies_enabled": enabled},
            "update_mask": "controlPoliciesEnabled"
        });
        self.management.root.call("directory.v1.DirectoryService/UpdateDirectory", request).await.unwrap();
    }

    async fn create_user(&self, id: &str) -> Result<Value, Failure> {
        self.cloud.root.call(CREATE_USER, json!({"parent": self.cloud.name, "user_id": id})).await
    }
}

/// covers: E-DIR-26, E-DIR-29, E-DIR-32
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn policies_are_kept_and_attached_within_their_bounds() {
    let scene = Scene::start().await;
    let Scene { management, cloud, stranger, directory, root, folder, .. } = &scene;
    let client = &management.root;
    scene.create("No-Users", "Deny", "ram:CreateUser").await;

    let again = client.refused(CREATE, creation(directory, "No-Users", &document("Allow", "*"))).await;
    assert_eq!((again.code, &*again.reason), (Code::AlreadyExists, "CONTROL_POLICY_EXISTS"));
    let system = client.refused(CREATE, creation(directory, "fullaliyunaccess", &document("Allow", "*"))).await;
    assert_eq!(system.reason, "CONTROL_POLICY_EXISTS");
    for wrong in ["", "{}", "{\"Version\":\"1\",\"Statement\":[{}]}", &" ".repeat(4_097)] {
        let refused = client.refused(CREATE, creation(directory, "wrong", wrong)).await;
        assert_eq!((refused.code, &*refused.reason), (Code::InvalidArgument, "INVALID_FIELD"));
        assert!(refused.fields.iter().all(|field| field == "control_policy.document"), "{:?}", refused.fields);
    }
    let longest = document("Allow", "*");
    let longest = format!("{longest}{}", " ".repeat(4_096 - longest.len()));
    client.call(CREATE, creation(directory, "longest", &longest)).await.unwrap();
    assert_eq!(client.refused(CREATE, creation(directory, "a_b", &longest)).await.fields, ["control_policy_id"]);

    let full = policy(directory, "FullAliyunAccess");
    let page = client.call(LIST, json!({"parent": directory})).await.unwrap();
    let listed: Vec<_> = page["controlPolicies"].as_array().unwrap().iter().map(|p| text(p, "name")).collect();
    assert_eq!(listed, [&full, &policy(directory, "No-Users"), &policy(directory, "longest")]);
    let changed = json!({"control_policy": {"name": full, "description": "mine"}});
    assert_eq!(client.refused(UPDATE, changed).await.reason, "SYSTEM_POLICY_IMMUTABLE");
    assert_eq!(client.refused(DELETE, json!({"name": full})).await.reason, "SYSTEM_POLICY_IMMUTABLE");

    let created = member(directory, &create_member(management, directory, "created").await);
    for target in [root, folder, &scene.member(), &created] {
        let page = client.call(ATTACHMENTS, json!({"parent": target})).await.unwrap();
        assert_eq!(text(&page["attachments"][0], "controlPolicy"), full, "{target}");
        let last = client.refused(DETACH, on(directory, "FullAliyunAccess", target)).await;
        assert_eq!((last.code, &*last.reason), (Code::FailedPrecondition, "LAST_CONTROL_POLICY"), "{target}");
        let absent = client.refused(DETACH, on(directory, "No-Users", target)).await;
        assert_eq!((absent.code, &*absent.reason), (Code::FailedPrecondition, "CONTROL_POLICY_NOT_ATTACHED"));
        let twice = client.refused(ATTACH, on(directory, "FullAliyunAccess", target)).await;
        assert_eq!((twice.code, &*twice.reason), (Code::AlreadyExists, "CONTROL_POLICY_ATTACHED"));
    }
    let none = client.refused(ATTACH, on(directory, "No-Users", &member(directory, &management.name))).await;
    assert_eq!(none.reason, "MANAGEMENT_ACCOUNT_NOT_ELIGIBLE");
    for n in 2..=10 {
        scene.create(&format!("p{n}"), "Allow", "*").await;
        scene.attach(&format!("p{n}"), folder).await;
    }
    let full_node = client.refused(ATTACH, on(directory, "No-Users", folder)).await;
    assert_eq!((full_node.code, &*full_node.reason), (Code::ResourceExhausted, "CONTROL_POLICY_QUOTA_EXCEEDED"));
    assert_eq!((&*full_node.metadata["limit"], &full_node.metadata["target"]), ("10", folder));

    scene.attach("No-Users", &scene.member()).await;
    let used = client.refused(DELETE, json!({"name": policy(directory, "No-Users")})).await;
    assert_eq!((used.code, &*used.reason), (Code::FailedPrecondition, "CONTROL_POLICY_IN_USE"));
    let page = client.call(ATTACHMENTS, json!({"parent": policy(directory, "No-Users")})).await.unwrap();
    let targets: Vec<_> = page["attachments"].as_array().unwrap().iter().map(|a| text(a, "target")).collect();
    assert_eq!(targets, [scene.member()]);
    scene.place(folder).await;
    let effective = client.call(EFFECTIVE, json!({"name": scene.member()})).await.unwrap();
    let nodes: Vec<_> = effective["nodes"].as_array().unwrap().iter().map(|n| text(n, "target")).collect();
    assert_eq!((&effective["enabled"], nodes), (&json!(false), vec![&**root, folder, &scene.member()]));
    let own = effective["nodes"][2]["controlPolicies"].as_array().unwrap();
    assert_eq!(own.iter().map(|p| text(p, "name")).collect::<Vec<_>>(), [full, policy(directory, "No-Users")]);

    let remove = "directory.v1.MemberService/RemoveMember";
    client.call(remove, json!({"name": scene.member()})).await.unwrap();
    let left = client.call(GET, json!({"name": policy(directory, "No-Users")})).await.unwrap();
    assert_eq!(left["attachmentCount"], json!(0), "attachments end with the membership");
    client.call(DELETE, json!({"name": policy(directory, "No-Users")})).await.unwrap();

    join(management, directory, cloud).await;
    let one = policy(directory, "p2");
    for (method, request) in [
        (CREATE, creation(directory, "mine", &document("Allow", "*"))),
        (GET, json!({"name": one})),
        (LIST, json!({"parent": directory})),
        (UPDATE, json!({"control_policy": {"name": one, "description": "mine"}})),
        (DELETE, json!({"name": one})),
        (ATTACH, on(directory, "p2", &scene.member())),
        (DETACH, on(directory, "p2", folder)),
        (ATTACHMENTS, json!({"parent": one})),
        (EFFECTIVE, json!({"name": scene.member()})),
    ] {
        assert_eq!(cloud.root.refused(method, request.clone()).await.reason, "SEAT_REQUIRED", "{method}");
        assert_eq!(stranger.root.refused(method, request).await.reason, "RESOURCE_NOT_FOUND", "{method}");
    }
    scene.suite.stop().await;
}

/// covers: E-DIR-14, E-DIR-27
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_folder_denies_its_members_cannot_do_root_users_included() {
    let scene = Scene::start().await;
    let denied = |refused: Failure| {
        assert_eq!((refused.code, &*refused.reason), (Code::PermissionDenied, "ACTION_DENIED"), "{}", refused.message);
        assert_eq!(refused.metadata["policy_type"], "CONTROL");
        assert_eq!(refused.metadata["policy"], policy(&scene.directory, "no-users"));
    };
    scene.create("no-users", "Deny", "ram:CreateUser").await;
    scene.attach("no-users", &scene.folder).await;
    scene.place(&scene.folder).await;
    scene.create_user("off").await.unwrap();
    scene.switch(true).await;
    denied(scene.create_user("denied").await.unwrap_err());
    scene.cloud.root.call(LIST_USERS, json!({"parent": scene.cloud.name})).await.unwrap();
    scene.place(&scene.root).await;
    scene.create_user("moved-out").await.unwrap();

    // A folder comes to lie below the one that denies, with its members.
    let below = create_folder(&scene.management, &scene.root, "below").await;
    scene.place(&below).await;
    scene.create_user("beside").await.unwrap();
    let into = json!({"name": below, "destination": scene.folder});
    scene.management.root.call("directory.v1.FolderService/MoveFolder", into).await.unwrap();
    denied(scene.create_user("inherited").await.unwrap_err());

    let allow =
        json!({"control_policy": {"name": policy(&scene.directory, "no-users"), "document": document("Allow", "*")}});
    scene.management.root.call(UPDATE, allow).await.unwrap();
    scene.create_user("allowed-again").await.unwrap();
    let deny = document("Deny", "ram:CreateUser");
    let deny = json!({"control_policy": {"name": policy(&scene.directory, "no-users"), "document": deny}});
    scene.management.root.call(UPDATE, deny).await.unwrap();
    denied(scene.create_user("denied-again").await.unwrap_err());
    scene.switch(false).await;
    scene.create_user("switched-off").await.unwrap();
    scene.switch(true).await;
    let remove = json!({"name": scene.member()});
    scene.management.root.call("directory.v1.MemberService/RemoveMember", remove).await.unwrap();
    scene.create_user("on-its-own").await.unwrap();
    scene.suite.stop().await;
}

/// covers: E-DIR-26, E-DIR-27
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_full_access_only_what_every_node_allows_is_possible_but_for_the_management_account() {
    let scene = Scene::start().await;
    let list = async || scene.cloud.root.call(RECEIVED, json!({"parent": scene.cloud.name})).await;
    let unlisted = |refused: Failure| {
        assert_eq!((refused.code, &*refused.reason), (Code::PermissionDenied, "ACTION_NOT_ALLOWED"));
        assert_eq!(refused.metadata["policy_type"], "CONTROL");
    };
    scene.switch(true).await;
    scene.create("only-ram", "Allow", "ram:*").await;
    scene.create("only-directory", "Allow", "directory:*").await;
    list().await.unwrap();

    // An allow-list on the member itself.
    scene.attach("only-ram", &scene.member()).await;
    list().await.unwrap();
    scene.detach("FullAliyunAccess", &scene.member()).await;
    unlisted(list().await.unwrap_err());
    scene.create_user("ram").await.unwrap();

    // And another above it: what one of them does not allow is not possible.
    scene.attach("only-directory", &scene.folder).await;
    scene.detach("FullAliyunAccess", &scene.folder).await;
    scene.place(&scene.folder).await;
    unlisted(list().await.unwrap_err());
    unlisted(scene.create_user("nothing").await.unwrap_err());
    scene.attach("only-directory", &scene.member()).await;
    list().await.unwrap();
    unlisted(scene.create_user("still-not").await.unwrap_err());

    let effective = json!({"name": scene.member()});
    let effective = scene.management.root.call(EFFECTIVE, effective).await.unwrap();
    assert_eq!(effective["enabled"], json!(true));
    let ids = |node: usize| {
        let policies = effective["nodes"][node]["controlPolicies"].as_array().unwrap();
        policies.iter().map(|p| text(p, "name").rsplit('/').next().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!((ids(0), ids(1)), (vec!["FullAliyunAccess".to_owned()], vec!["only-directory".to_owned()]));
    assert_eq!(ids(2), ["only-directory", "only-ram"]);

    // What bounds everything does not bound the management account.
    scene.create("nothing", "Deny", "*").await;
    scene.attach("nothing", &scene.root).await;
    assert_eq!(list().await.unwrap_err().reason, "ACTION_DENIED");
    let members = json!({"parent": scene.directory});
    scene.management.root.call("directory.v1.MemberService/ListMembers", members).await.unwrap();
    scene.detach("nothing", &scene.root).await;
    list().await.unwrap();
    scene.suite.stop().await;
}
