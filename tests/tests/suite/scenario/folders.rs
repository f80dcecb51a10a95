//! The tree of folders, and members in it.

use serde_json::{Value, json};
use tonic::Code;

use crate::{
    client::Client,
    live::{
        Account, Databases, Suite, create_member, designate, enable_directory, enable_service, join, register, text,
    },
};

const CREATE: &str = "directory.v1.FolderService/CreateFolder";
const GET: &str = "directory.v1.FolderService/GetFolder";
const LIST: &str = "directory.v1.FolderService/ListFolders";
const UPDATE: &str = "directory.v1.FolderService/UpdateFolder";
const MOVE: &str = "directory.v1.FolderService/MoveFolder";
const DELETE: &str = "directory.v1.FolderService/DeleteFolder";
const ANCESTORS: &str = "directory.v1.FolderService/ListFolderAncestors";
const MOVE_MEMBER: &str = "directory.v1.MemberService/MoveMember";
const LIST_MEMBERS: &str = "directory.v1.MemberService/ListMembers";
const UPDATE_MEMBER: &str = "directory.v1.MemberService/UpdateMember";

/// Creates a folder; returns its name.
pub async fn create_folder(management: &Account, parent: &str, display_name: &str) -> String {
    let folder = management.root.call(CREATE, creation(parent, display_name)).await.unwrap();
    text(&folder, "name").to_owned()
}

fn creation(parent: &str, display_name: &str) -> Value {
    json!({"parent": parent, "folder": {"display_name": display_name}})
}

/// The name of the membership of an account.
pub fn member(directory: &str, account: &str) -> String {
    format!("{directory}/members/{}", account.trim_start_matches("accounts/"))
}

async fn reason(client: &Client, method: &str, request: Value) -> (Code, String) {
    let refused = client.refused(method, request).await;
    (refused.code, refused.reason)
}

fn names(page: &Value, collection: &str) -> Vec<String> {
    let mut names: Vec<_> =
        page[collection].as_array().unwrap().iter().map(|item| text(item, "displayName").to_owned()).collect();
    names.sort();
    names
}

/// covers: R-DIR-06, R-DIR-07, E-DIR-01, E-DIR-02, E-DIR-11, E-DIR-12, E-DIR-13
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_management_account_structures_folders_within_their_bounds() {
    let suite = Suite::start(Databases::Sqlite).await;
    let operator = suite.operator().await;
    let management = register(&operator, "management", "Example").await;
    let directory = enable_directory(&management).await;
    let root = format!("{directory}/folders/root");
    let client = &management.root;

    let mut deepest = root.clone();
    let mut path = Vec::new();
    for level in 1..=5 {
        deepest = create_folder(&management, &deepest, &format!("level {level}")).await;
        path.push(deepest.clone());
    }
    let deep = client.refused(CREATE, creation(&deepest, "level 6")).await;
    assert_eq!((deep.code, &*deep.reason), (Code::FailedPrecondition, "FOLDER_DEPTH_EXCEEDED"));
    assert_eq!(deep.metadata["limit"], "5");
    let used = reason(client, CREATE, creation(&root, "level 1")).await;
    assert_eq!(used, (Code::AlreadyExists, "FOLDER_NAME_USED".to_owned()));
    create_folder(&management, &path[0], "level 1").await;
    for name in ["", &"x".repeat(25), "a\nb"] {
        let refused = client.refused(CREATE, creation(&root, name)).await;
        assert_eq!((&*refused.reason, refused.fields), ("INVALID_FIELD", vec!["folder.display_name".to_owned()]));
    }

    let move_into = |name: &str, destination: &str| json!({"name": name, "destination": destination});
    let cycle = reason(client, MOVE, move_into(&path[1], &path[3])).await;
    assert_eq!(cycle, (Code::FailedPrecondition, "FOLDER_CYCLE".to_owned()));
    let aside = create_folder(&management, &root, "aside").await;
    let deep = reason(client, MOVE, move_into(&path[0], &aside)).await;
    assert_eq!(deep.1, "FOLDER_DEPTH_EXCEEDED", "the whole subtree counts");
    assert_eq!(reason(client, MOVE, move_into(&aside, &root)).await.1, "ALREADY_IN_FOLDER");
    let before = client.call(GET, json!({"name": path[1]})).await.unwrap();
    let moved = client.call(MOVE, move_into(&path[1], &aside)).await.unwrap();
    assert_eq!((text(&moved, "parent"), &moved["depth"]), (&*aside, &json!(2)));
    let stale = json!({"name": path[1], "destination": path[0], "etag": before["etag"]});
    assert_eq!(reason(client, MOVE, stale).await, (Code::Aborted, "ETAG_MISMATCH".to_owned()));

    for (method, request) in [
        (UPDATE, json!({"folder": {"name": root, "display_name": "other"}})),
        (MOVE, move_into(&root, &aside)),
        (DELETE, json!({"name": root})),
    ] {
        let refused = reason(client, method, request).await;
        assert_eq!(refused, (Code::FailedPrecondition, "ROOT_FOLDER_IMMUTABLE".to_owned()), "{method}");
    }
    let renamed = json!({"folder": {"name": aside, "display_name": "beside"}, "update_mask": "displayName"});
    assert_eq!(text(&client.call(UPDATE, renamed).await.unwrap(), "displayName"), "beside");
    let unknown = json!({"folder": {"name": aside}, "update_mask": "parent"});
    assert_eq!(client.refused(UPDATE, unknown).await.fields, ["update_mask"]);

    let account = create_member(&management, &directory, "payments").await;
    let into = json!({"name": member(&directory, &account), "destination": path[4]});
    client.call(MOVE_MEMBER, into).await.unwrap();
    let used = reason(client, DELETE, json!({"name": path[4]})).await;
    assert_eq!(used, (Code::FailedPrecondition, "FOLDER_HAS_MEMBERS".to_owned()));
    let used = reason(client, DELETE, json!({"name": aside})).await;
    assert_eq!(used, (Code::FailedPrecondition, "FOLDER_HAS_SUBFOLDERS".to_owned()));
    let back = json!({"name": member(&directory, &account), "source": path[4], "destination": root});
    client.call(MOVE_MEMBER, back).await.unwrap();
    client.call(DELETE, json!({"name": path[4]})).await.unwrap();
    assert_eq!(reason(client, GET, json!({"name": path[4]})).await.1, "RESOURCE_NOT_FOUND");

    // Six folders are there: 94 more fit.
    for n in 0..94 {
        create_folder(&management, &root, &format!("folder {n}")).await;
    }
    let full = client.refused(CREATE, creation(&root, "one too many")).await;
    assert_eq!((full.code, &*full.reason), (Code::ResourceExhausted, "FOLDER_QUOTA_EXCEEDED"));
    assert_eq!(full.metadata["limit"], "100");
    suite.stop().await;
}

/// covers: R-DIR-32, R-DIR-35, R-DEL-07, R-DEL-08, R-DEL-09
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn administrators_read_the_tree_and_others_do_not() {
    let suite = Suite::start(Databases::Sqlite).await;
    let operator = suite.operator().await;
    let management = register(&operator, "management", "Example").await;
    let directory = enable_directory(&management).await;
    let root = format!("{directory}/folders/root");
    let administrator = register(&operator, "administrator", "Example").await;
    let plain = register(&operator, "plain", "Example").await;
    let stranger = register(&operator, "stranger", "Other").await;
    for account in [&administrator, &plain] {
        join(&management, &directory, account).await;
    }
    enable_service(&management, &directory, "security-center").await;
    designate(&management, &directory, "security-center", &administrator.name).await;
    let shops = create_folder(&management, &root, "shops").await;
    let small = create_folder(&management, &shops, "small").await;
    let place = json!({"name": member(&directory, &plain.name), "destination": small});
    management.root.call(MOVE_MEMBER, place.clone()).await.unwrap();

    for client in [&management.root, &administrator.root] {
        let whole = client.call(LIST, json!({"parent": directory, "recursive": true})).await.unwrap();
        assert_eq!(names(&whole, "folders"), ["Root", "shops", "small"]);
        let level = client.call(LIST, json!({"parent": root})).await.unwrap();
        assert_eq!(names(&level, "folders"), ["shops"]);
        let above = client.call(ANCESTORS, json!({"name": small})).await.unwrap();
        assert_eq!(names(&above, "folders"), ["Root", "shops"]);
        let found = json!({"parent": directory, "filter": format!("folder = \"{small}\"")});
        let found = client.call(LIST_MEMBERS, found).await.unwrap();
        assert_eq!(names(&found, "members"), ["plain"]);
        assert_eq!(text(&found["members"][0], "type"), "ACCOUNT_TYPE_CLOUD");
        assert_eq!(text(&found["members"][0], "state"), "MEMBER_STATE_ACTIVE");
    }
    let reads =
        [(LIST, json!({"parent": directory})), (GET, json!({"name": small})), (ANCESTORS, json!({"name": small}))];
    let changes = [
        (CREATE, creation(&root, "mine")),
        (UPDATE, json!({"folder": {"name": small, "display_name": "mine"}})),
        (MOVE, json!({"name": small, "destination": root})),
        (DELETE, json!({"name": small})),
        (MOVE_MEMBER, json!({"name": member(&directory, &plain.name), "destination": root})),
        (UPDATE_MEMBER, json!({"member": {"name": member(&directory, &plain.name), "display_name": "mine"}})),
    ];
    for (method, request) in &changes {
        let refused = reason(&administrator.root, method, request.clone()).await;
        assert_eq!(refused, (Code::PermissionDenied, "SEAT_REQUIRED".to_owned()), "{method}");
    }
    for (method, request) in reads.iter().chain(&changes) {
        let refused = reason(&plain.root, method, request.clone()).await;
        assert_eq!(refused, (Code::PermissionDenied, "SEAT_REQUIRED".to_owned()), "{method}");
        let refused = reason(&stranger.root, method, request.clone()).await;
        assert_eq!(refused, (Code::NotFound, "RESOURCE_NOT_FOUND".to_owned()), "{method}");
    }

    let again = reason(&management.root, MOVE_MEMBER, place).await;
    assert_eq!(again, (Code::FailedPrecondition, "ALREADY_IN_FOLDER".to_owned()));
    let wrong = json!({"name": member(&directory, &plain.name), "source": shops, "destination": root});
    let wrong = reason(&management.root, MOVE_MEMBER, wrong).await;
    assert_eq!(wrong, (Code::Aborted, "SOURCE_FOLDER_MISMATCH".to_owned()));
    let nowhere = json!({"name": member(&directory, &plain.name), "destination": format!("{directory}/folders/fd-0")});
    assert_eq!(reason(&management.root, MOVE_MEMBER, nowhere).await.0, Code::NotFound);
    let other = enable_directory(&stranger).await;
    let abroad = json!({"name": member(&directory, &plain.name), "destination": format!("{other}/folders/root")});
    assert_eq!(management.root.refused(MOVE_MEMBER, abroad).await.fields, ["destination"]);
    suite.stop().await;
}

/// covers: R-DIR-36, E-DIR-11, E-DIR-25, E-DIR-31
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn members_are_labelled_and_found_by_labels_and_words() {
    let suite = Suite::start(Databases::Sqlite).await;
    let operator = suite.operator().await;
    let management = register(&operator, "management", "Example").await;
    let directory = enable_directory(&management).await;
    let client = &management.root;
    let shops = create_folder(&management, &format!("{directory}/folders/root"), "shops").await;
    let new = json!({
        "parent": directory, "folder": shops,
        "member": {"display_name": "Shop", "labels": {"env": "prod", "team": "x"}}
    });
    let shop = client.call("directory.v1.MemberService/CreateMember", new).await.unwrap();
    assert_eq!((text(&shop, "folder"), text(&shop["labels"], "env")), (&*shops, "prod"));
    let billing = create_member(&management, &directory, "billing").await;
    let cloud = register(&operator, "cloud", "Example").await;
    join(&management, &directory, &cloud).await;

    let labels = json!({"member": {"name": member(&directory, &billing), "labels": {"env": "test"}}});
    client.call(UPDATE_MEMBER, labels).await.unwrap();
    for (filter, expected) in [
        ("labels.env = \"prod\"", vec!["Shop"]),
        ("labels:env", vec!["Shop", "billing"]),
        ("labels.env != prod", vec!["billing", "cloud"]),
        ("labels.env:*  NOT labels.team = x", vec!["billing"]),
        ("shop", vec!["Shop"]),
        ("prod", vec![]),
        (billing.trim_start_matches("accounts/"), vec!["billing"]),
        ("type = ACCOUNT_TYPE_CLOUD OR labels.team = x", vec!["Shop", "cloud"]),
    ] {
        let page = client.call(LIST_MEMBERS, json!({"parent": directory, "filter": filter})).await.expect(filter);
        assert_eq!(names(&page, "members"), expected, "{filter}");
    }
    let many: serde_json::Map<_, _> = (0..21).map(|n| (format!("k{n}"), json!(""))).collect();
    for labels in [json!({"aliyun-x": ""}), json!({"acs:x": ""}), json!({"": "x"}), Value::Object(many)] {
        let refused = json!({"member": {"name": member(&directory, &billing), "labels": labels}});
        assert_eq!(client.refused(UPDATE_MEMBER, refused).await.fields, ["member.labels"]);
    }
    let taken = json!({"member": {"name": member(&directory, &billing), "display_name": "Shop"}});
    assert_eq!(reason(client, UPDATE_MEMBER, taken).await, (Code::AlreadyExists, "DISPLAY_NAME_USED".to_owned()));

    let get = "directory.v1.MemberService/GetMember";
    let exposed = client.call(get, json!({"name": member(&directory, &cloud.name)})).await.unwrap();
    let recommended = json!(["MEMBER_RECOMMENDATION_SWITCH_TO_RESOURCE_ACCOUNT"]);
    assert_eq!((&exposed["rootUserEnabled"], &exposed["recommendations"]), (&json!(true), &recommended));
    let listed = client.call(LIST_MEMBERS, json!({"parent": directory, "filter": "cloud"})).await.unwrap();
    assert_eq!(listed["members"][0]["recommendations"], recommended);
    let created = client.call(get, json!({"name": member(&directory, &billing)})).await.unwrap();
    assert_eq!((&created["rootUserEnabled"], &created["recommendations"]), (&json!(false), &json!([])));
    suite.stop().await;
}
