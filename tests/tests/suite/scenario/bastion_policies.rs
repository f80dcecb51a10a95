//! What sessions may do: control policies, and what they would say.

use serde_json::{Value, json};
use tonic::Code;

use super::bastion::Scene;
use crate::{
    client::Client,
    live::{Databases, text},
};

const CREATE: &str = "bastion.v1.ControlPolicyService/CreateControlPolicy";
const GET: &str = "bastion.v1.ControlPolicyService/GetControlPolicy";
const LIST: &str = "bastion.v1.ControlPolicyService/ListControlPolicies";
const UPDATE: &str = "bastion.v1.ControlPolicyService/UpdateControlPolicy";
const DELETE: &str = "bastion.v1.ControlPolicyService/DeleteControlPolicy";
const EVALUATE: &str = "bastion.v1.ControlPolicyService/EvaluateControlPolicy";
const CREATE_USER: &str = "bastion.v1.BastionUserService/CreateBastionUser";
const LOCK: &str = "bastion.v1.BastionUserService/LockBastionUser";
const UNLOCK: &str = "bastion.v1.BastionUserService/UnlockBastionUser";
const DELETE_USER: &str = "bastion.v1.BastionUserService/DeleteBastionUser";
const CREATE_USER_GROUP: &str = "bastion.v1.UserGroupService/CreateUserGroup";
const ADD_USERS: &str = "bastion.v1.UserGroupService/AddUserGroupUsers";
const CREATE_GRANT: &str = "bastion.v1.GrantService/CreateGrant";
const CREATE_ACCOUNT: &str = "bastion.v1.AssetAccountService/CreateAssetAccount";
const CREATE_GROUP: &str = "bastion.v1.AssetGroupService/CreateAssetGroup";
const DELETE_GROUP: &str = "bastion.v1.AssetGroupService/DeleteAssetGroup";
const ADD_ASSETS: &str = "bastion.v1.AssetGroupService/AddAssetGroupAssets";

/// A bastion host with hosts of two members, and users: `ann` in `staff`, and `bob`, both granted all accounts.
struct Work {
    scene: Scene,
}

impl Work {
    async fn start(databases: Databases) -> Self {
        let scene = Scene::set_up(databases).await;
        let b = &scene.administrator.root;
        scene.imported(&scene.client.name, "i-1", "web").await;
        scene.imported(&scene.member, "i-1", "other").await;
        for (asset, id) in [("web", "root"), ("web", "deploy"), ("other", "root")] {
            let create = json!({"parent": scene.named("assets", asset), "asset_account_id": id,
                "asset_account": {"login_name": id}});
            b.call(CREATE_ACCOUNT, create).await.unwrap();
        }
        for id in ["ann", "bob"] {
            let create = json!({"parent": scene.main(), "bastion_user_id": id, "bastion_user": {"display_name": id}});
            b.call(CREATE_USER, create).await.unwrap();
        }
        let staff = json!({"parent": scene.main(), "user_group_id": "staff", "user_group": {"display_name": "staff"}});
        b.call(CREATE_USER_GROUP, staff).await.unwrap();
        let users = json!({"name": scene.named("userGroups", "staff"),
            "bastion_users": [scene.named("bastionUsers", "ann")]});
        b.call(ADD_USERS, users).await.unwrap();
        let shop = json!({"parent": scene.main(), "asset_group_id": "shop", "asset_group": {"display_name": "shop"}});
        b.call(CREATE_GROUP, shop).await.unwrap();
        let assets = json!({"name": scene.named("assetGroups", "shop"), "assets": [scene.named("assets", "web")]});
        b.call(ADD_ASSETS, assets).await.unwrap();
        let all = |asset: &str| json!({"asset": scene.named("assets", asset), "all_accounts": true});
        let grant = json!({"parent": scene.main(), "grant_id": "g", "grant": {"display_name": "g", "enabled": true,
            "bastion_users": [scene.named("bastionUsers", "ann"), scene.named("bastionUsers", "bob")],
            "assets": [all("web"), all("other")]}});
        b.call(CREATE_GRANT, grant).await.unwrap();
        Self { scene }
    }

    fn b(&self) -> &Client {
        &self.scene.administrator.root
    }

    fn account(&self, asset: &str, id: &str) -> String {
        format!("{}/assetAccounts/{id}", self.scene.named("assets", asset))
    }

    /// A request to create a policy of all assets and users, but for what `with` says.
    fn policy(&self, id: &str, with: &Value) -> Value {
        let mut policy = json!({"display_name": id, "priority": 10, "asset_scope": {"all_assets": true},
            "user_scope": {"all_users": true}});
        policy.as_object_mut().unwrap().extend(with.as_object().unwrap().clone());
        json!({"parent": self.scene.main(), "control_policy_id": id, "control_policy": policy})
    }

    async fn create(&self, id: &str, with: Value) -> Value {
        self.b().call(CREATE, self.policy(id, &with)).await.unwrap()
    }

    async fn delete(&self, id: &str) {
        self.b().call(DELETE, json!({"name": self.scene.named("controlPolicies", id)})).await.unwrap();
    }

    fn asked(&self, user: &str, account: &str, with: &Value) -> Value {
        let mut asked = json!({"parent": self.scene.main(), "bastion_user": self.scene.named("bastionUsers", user),
            "asset_account": account, "source_ip": "192.0.2.7"});
        asked.as_object_mut().unwrap().extend(with.as_object().unwrap().clone());
        asked
    }

    /// What becomes of a session of `ann` as `root` on `web`, and by which policy, of one dimension.
    async fn ruled(&self, dimension: &str, with: Value) -> (String, String) {
        self.ruled_of("ann", &self.account("web", "root"), dimension, with).await
    }

    async fn ruled_of(&self, user: &str, account: &str, dimension: &str, with: Value) -> (String, String) {
        let told = self.b().call(EVALUATE, self.asked(user, account, &with)).await.unwrap();
        let rulings = told["rulings"].as_array().unwrap();
        let wanted = format!("CONTROL_DIMENSION_{dimension}");
        let ruling = rulings.iter().find(|ruling| text(ruling, "dimension") == wanted).unwrap();
        let verdict = text(ruling, "verdict").trim_start_matches("CONTROL_VERDICT_").to_owned();
        (verdict, text(ruling, "controlPolicy").rsplit('/').next().unwrap().to_owned())
    }

    async fn command(&self, line: &str) -> (String, String) {
        self.ruled("COMMAND", json!({"command_line": line})).await
    }
}

/// A field's name as JSON has it.
fn in_json(field: &str) -> String {
    let (first, rest) = field.split_once('_').unwrap_or((field, ""));
    let capital = |part: &str| {
        format!("{}{}", part.get(..1).unwrap_or_default().to_uppercase(), part.get(1..).unwrap_or_default())
    };
    rest.split('_').fold(first.to_owned(), |name, part| name + &capital(part))
}

fn said(verdict: &str, policy: &str) -> (String, String) {
    (verdict.to_owned(), policy.to_owned())
}

/// covers: R-BAS-25, R-BAS-26, E-BAS-05, E-BAS-10, E-BAS-11
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn policies_are_written_whole_and_what_is_wrong_with_one_is_named() {
    for databases in [Databases::Sqlite, Databases::Postgres] {
        let work = Work::start(databases).await;
        let (scene, b) = (&work.scene, work.b());
        let whole = json!({
            "comment": "for all", "priority": 100,
            "command_control": {"mode": "CONTROL_LIST_MODE_ALLOW", "patterns": ["ls", "cat /var/log/*"],
                "on_opaque": "CONTROL_VERDICT_APPROVE"},
            "command_approval": {"patterns": ["reboot"]},
            "protocol_control": {"channels": ["SESSION_CHANNEL_SHELL", "SESSION_CHANNEL_LOCAL_FORWARD"],
                "forward_targets": ["db.example:5432"], "environment": ["LC_*"]},
            "access_control": {
                "time_windows": [{"time_zone": "UTC", "weekdays": [1], "start": "09:00", "end": "17:00"}],
                "source_control": {"mode": "CONTROL_LIST_MODE_DENY", "ranges": ["192.0.2.0/24"]}},
            "session_approval": {"required": true},
            "asset_scope": {"assets": [{"asset": scene.named("assets", "web"),
                    "asset_accounts": [work.account("web", "root")]}],
                "asset_groups": [{"asset_group": scene.named("assetGroups", "shop"), "login_names": ["deploy"]}]},
            "user_scope": {"bastion_users": [scene.named("bastionUsers", "ann")],
                "user_groups": [scene.named("userGroups", "staff")]},
        });
        scene.refused_to_others(CREATE, &work.policy("whole", &whole)).await;
        let made = work.create("whole", whole).await;
        let name = json!({"name": scene.named("controlPolicies", "whole")});
        scene.refused_to_others(GET, &name).await;
        assert_eq!(b.call(GET, name.clone()).await.unwrap(), made);
        // As it is answered it can be sent again, and is the same.
        let again = json!({"control_policy": made});
        scene.refused_to_others(UPDATE, &again).await;
        assert_eq!(b.call(UPDATE, again).await.unwrap(), made);
        assert_eq!(
            (&made["priority"], text(&made["accessControl"]["sourceControl"], "mode")),
            (&json!(100), "CONTROL_LIST_MODE_DENY")
        );

        let called_so = b.refused(CREATE, work.policy("second", &json!({"display_name": "whole"}))).await;
        assert_eq!((called_so.code, &*called_so.reason), (Code::AlreadyExists, "RESOURCE_EXISTS"));
        let first = work.create("first", json!({"priority": 0})).await;
        assert_eq!(first["priority"], json!(1));
        let listed = json!({"parent": scene.main()});
        scene.refused_to_others(LIST, &listed).await;
        let listed = b.call(LIST, listed).await.unwrap();
        assert_eq!(listed["controlPolicies"], json!([first, made]));

        let list = |mode: &str, items: &str, of: Value| json!({"mode": format!("CONTROL_LIST_MODE_{mode}"), items: of});
        let window = json!({"time_zone": "Mars/Olympus", "weekdays": [1], "start": "09:00", "end": "17:00"});
        let channels =
            |of: &[&str]| json!({"channels": of.iter().map(|c| format!("SESSION_CHANNEL_{c}")).collect::<Vec<_>>()});
        let other = format!("{}-2/assets/web", scene.main());
        for (field, value, named) in [
            ("display_name", json!(""), "display_name"),
            ("display_name", json!("x".repeat(129)), "display_name"),
            ("comment", json!("x".repeat(501)), "comment"),
            ("priority", json!(101), "priority"),
            ("priority", json!(-1), "priority"),
            ("command_control", list("ALLOW", "patterns", json!([])), "command_control.patterns"),
            ("command_control", json!({"patterns": ["ls"]}), "command_control.mode"),
            ("command_control", list("DENY", "patterns", json!(["ls", "rm; ls"])), "command_control.patterns[1]"),
            ("command_approval", json!({"patterns": []}), "command_approval.patterns"),
            ("protocol_control", channels(&[]), "protocol_control.channels"),
            ("protocol_control", channels(&["SCP_UPLOAD"]), "protocol_control.channels"),
            ("protocol_control", channels(&["SHELL", "LOCAL_FORWARD"]), "protocol_control.forward_targets"),
            (
                "protocol_control",
                json!({"channels": ["SESSION_CHANNEL_SHELL"], "environment": ["LANG", "LD_*"]}),
                "protocol_control.environment[1]",
            ),
            ("access_control", json!({}), "access_control"),
            ("access_control", json!({"time_windows": [window]}), "access_control.time_windows[0].time_zone"),
            (
                "access_control",
                json!({"source_control": list("ALLOW", "ranges", json!([]))}),
                "access_control.source_control.ranges",
            ),
            (
                "access_control",
                json!({"source_control": list("DENY", "ranges", json!(["10.0.0.1/8"]))}),
                "access_control.source_control.ranges[0]",
            ),
            ("asset_scope", json!({}), "asset_scope"),
            (
                "asset_scope",
                json!({"all_assets": true, "assets": [{"asset": scene.named("assets", "web")}]}),
                "asset_scope.all_assets",
            ),
            ("asset_scope", json!({"assets": [{"asset": scene.named("assets", "none")}]}), "asset_scope.assets"),
            ("asset_scope", json!({"assets": [{"asset": other}]}), "asset_scope.assets[0].asset"),
            (
                "asset_scope",
                json!({"assets": [{"asset": scene.named("assets", "web"),
                "asset_accounts": [work.account("other", "root")]}]}),
                "asset_scope.assets[0].asset_accounts[0]",
            ),
            ("user_scope", json!({}), "user_scope"),
            (
                "user_scope",
                json!({"all_users": true, "bastion_users": [scene.named("bastionUsers", "ann")]}),
                "user_scope.all_users",
            ),
            ("user_scope", json!({"user_groups": [scene.named("userGroups", "none")]}), "user_scope.user_groups"),
        ] {
            let mut policy = name.clone();
            policy[field] = value;
            let refused = b.refused(UPDATE, json!({"control_policy": policy, "update_mask": in_json(field)})).await;
            assert_eq!(refused.fields, [format!("control_policy.{named}")], "{policy}");
        }
        assert_eq!(b.call(GET, name.clone()).await.unwrap(), made, "none of it was done");
        // What a policy names stays while it does.
        for (method, named) in
            [(DELETE_USER, scene.named("bastionUsers", "ann")), (DELETE_GROUP, scene.named("assetGroups", "shop"))]
        {
            assert_eq!(b.refused(method, json!({"name": named})).await.reason, "BASTION_RESOURCE_IN_USE");
        }
        let stale = json!({"name": name["name"], "etag": "0.1"});
        assert_eq!(b.refused(DELETE, stale).await.code, Code::Aborted);
        scene.refused_to_others(DELETE, &name).await;
        b.call(DELETE, name.clone()).await.unwrap();
        assert_eq!(b.refused(GET, name).await.code, Code::NotFound);
        b.call(DELETE_GROUP, json!({"name": scene.named("assetGroups", "shop")})).await.unwrap();
        work.scene.suite.stop().await;
    }
}

/// covers: R-BAS-34, R-BAS-35, R-BAS-36, R-BAS-37, R-BAS-38, R-BAS-39, E-BAS-07
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_policy_takes_effect_on_those_that_it_is_attached_to() {
    for databases in [Databases::Sqlite, Databases::Postgres] {
        let work = Work::start(databases).await;
        let scene = &work.scene;
        let (ann, bob) = ("ann", "bob");
        let asset = |id: &str| scene.named("assets", id);
        let everybody = json!({"all_users": true});
        let everything = json!({"all_assets": true});
        let (web_root, web_deploy) = (work.account("web", "root"), work.account("web", "deploy"));
        let other = work.account("other", "root");
        let shop = |with: Value| {
            let mut group = json!({"asset_group": scene.named("assetGroups", "shop")});
            group.as_object_mut().unwrap().extend(with.as_object().unwrap().clone());
            json!({"asset_groups": [group]})
        };
        let all = [(ann, &web_root), (ann, &web_deploy), (ann, &other), (bob, &web_root), (bob, &other)];
        let web = [(ann, &web_root), (ann, &web_deploy), (bob, &web_root)];
        for (what, assets, users, reached) in [
            // Of whichever member they are.
            ("all assets", everything.clone(), everybody.clone(), &all[..]),
            ("an asset", json!({"assets": [{"asset": asset("web")}]}), everybody.clone(), &web),
            (
                "an account",
                json!({"assets": [{"asset": asset("web"), "asset_accounts": [web_deploy]}]}),
                everybody.clone(),
                &[(ann, &web_deploy)],
            ),
            ("a group of assets", shop(json!({})), everybody.clone(), &web),
            ("accounts of a group", shop(json!({"login_names": ["deploy"]})), everybody, &[(ann, &web_deploy)]),
            (
                "a user",
                everything.clone(),
                json!({"bastion_users": [scene.named("bastionUsers", "bob")]}),
                &[(bob, &web_root), (bob, &other)],
            ),
            (
                "a group of users",
                everything,
                json!({"user_groups": [scene.named("userGroups", "staff")]}),
                &[(ann, &web_root), (ann, &web_deploy), (ann, &other)],
            ),
        ] {
            let denied = json!({"mode": "CONTROL_LIST_MODE_DENY", "patterns": ["rm"]});
            work.create("p", json!({"asset_scope": assets, "user_scope": users, "command_control": denied})).await;
            for (user, account) in all {
                let told = work.ruled_of(user, account, "COMMAND", json!({"command_line": "rm x"})).await;
                let expected = if reached.contains(&(user, account)) { said("REJECT", "p") } else { said("ALLOW", "") };
                assert_eq!(told, expected, "{what}: {user} as {account}");
            }
            work.delete("p").await;
        }
        let many: Vec<_> = (0..501).map(|n| scene.named("bastionUsers", &format!("u-{n}"))).collect();
        let refused = work.policy("many", &json!({"user_scope": {"bastion_users": many}}));
        let refused = work.b().refused(CREATE, refused).await;
        assert_eq!(refused.fields, ["control_policy.user_scope.bastion_users"]);
        let many: Vec<_> = (0..101).map(|n| scene.named("userGroups", &format!("u-{n}"))).collect();
        let refused = work.policy("many", &json!({"user_scope": {"user_groups": many}}));
        assert_eq!(work.b().refused(CREATE, refused).await.fields, ["control_policy.user_scope.user_groups"]);
        // Nobody has so many; that they are too many is seen before that.
        let many: Vec<_> = (0..501).map(|n| json!({"asset": asset(&format!("a-{n}"))})).collect();
        let refused = work.policy("many", &json!({"asset_scope": {"assets": many}}));
        let refused = work.b().refused(CREATE, refused).await;
        assert!(refused.message.contains("at most 500 hosts, and at most 500 of other kinds"), "{refused:?}");
        let many: Vec<_> =
            (0..101).map(|n| json!({"asset_group": scene.named("assetGroups", &format!("g-{n}"))})).collect();
        let refused = work.policy("many", &json!({"asset_scope": {"asset_groups": many}}));
        let refused = work.b().refused(CREATE, refused).await;
        assert_eq!(refused.fields, ["control_policy.asset_scope.asset_groups"]);
        work.scene.suite.stop().await;
    }
}

/// covers: R-BAS-27, R-BAS-28, E-BAS-08, E-BAS-09
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn commands_are_decided_by_the_first_policy_that_says_something_of_them() {
    let work = Work::start(Databases::Sqlite).await;
    let commands = |mode: &str, patterns: &[&str]| json!({"command_control": {"mode": format!("CONTROL_LIST_MODE_{mode}"), "patterns": patterns}});
    work.create("careful", json!({"priority": 1, "command_approval": {"patterns": ["reboot"]}})).await;
    let mut never = commands("DENY", &["rm", "reboot", "shutdown"]);
    never["priority"] = json!(2);
    // Within one policy what it controls comes before what it has approved.
    never["command_approval"] = json!({"patterns": ["shutdown", "dd *"]});
    work.create("never", never).await;
    for (line, verdict, policy) in [
        ("ls", "ALLOW", ""),
        ("reboot", "APPROVE", "careful"),
        ("rm x", "REJECT", "never"),
        ("shutdown", "REJECT", "never"),
        ("dd if=x", "APPROVE", "never"),
        ("ls && r'm' x", "REJECT", "never"),
        ("reboot; rm x", "REJECT", "never"),
        ("python3 x.py", "APPROVE", "careful"),
    ] {
        assert_eq!(work.command(line).await, said(verdict, policy), "{line}");
    }
    let mut only = commands("ALLOW", &["ls", "cat /var/log/*"]);
    only["priority"] = json!(2);
    work.create("only", only.clone()).await;
    // Of equal priorities the newest comes first; it says something of each command.
    for (line, verdict, policy) in [
        ("ls", "ALLOW", "only"),
        ("cat /var/log/x", "ALLOW", "only"),
        ("cat /etc/shadow", "REJECT", "only"),
        ("rm x", "REJECT", "only"),
        ("reboot", "APPROVE", "careful"),
        ("python3 x.py", "REJECT", "only"),
    ] {
        assert_eq!(work.command(line).await, said(verdict, policy), "{line}");
    }
    let mut later = json!({"name": work.scene.named("controlPolicies", "only"), "priority": 3});
    later["display_name"] = json!("only");
    work.b().call(UPDATE, json!({"control_policy": later, "update_mask": "priority"})).await.unwrap();
    assert_eq!(work.command("rm x").await, said("REJECT", "never"), "it counts at once");
    let told = work.asked("ann", &work.account("web", "root"), &json!({"command_line": "ls; rm x; reboot"}));
    let told = work.b().call(EVALUATE, told).await.unwrap();
    assert_eq!(text(&told, "verdict"), "CONTROL_VERDICT_REJECT");
    let rulings = told["rulings"].as_array().unwrap().iter();
    let commands: Vec<_> = rulings
        .filter(|ruling| text(ruling, "dimension") == "CONTROL_DIMENSION_COMMAND")
        .map(|ruling| (text(ruling, "subject"), text(ruling, "reason")))
        .collect();
    let expected =
        [("rm x", "`rm` is denied"), ("reboot", "`reboot` waits for an approval"), ("ls", "`ls` is allowed")];
    assert_eq!(commands, expected);
    work.scene.suite.stop().await;
}

/// covers: R-BAS-31, R-BAS-32
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sessions_are_decided_by_their_time_their_address_and_what_they_open() {
    let work = Work::start(Databases::Sqlite).await;
    let scene = &work.scene;
    let asked = work.asked("ann", &work.account("web", "root"), &json!({}));
    scene.refused_to_others(EVALUATE, &asked).await;
    let open = work.b().call(EVALUATE, asked).await.unwrap();
    assert_eq!(text(&open, "verdict"), "CONTROL_VERDICT_ALLOW", "{open}");

    let office = json!({"time_zone": "Europe/Berlin", "weekdays": [1, 2, 3, 4, 5], "start": "09:00", "end": "17:00"});
    work.create("office", json!({"priority": 1, "access_control": {"time_windows": [office]}})).await;
    let sources = |mode: &str, ranges: &[&str]| json!({"source_control": {"mode": format!("CONTROL_LIST_MODE_{mode}"), "ranges": ranges}});
    work.create("inside", json!({"priority": 2, "access_control": sources("ALLOW", &["192.0.2.0/24"])})).await;
    work.create("outside", json!({"priority": 3, "access_control": sources("DENY", &["192.0.2.7"])})).await;
    for (time, verdict) in
        [("2026-01-05T08:00:00Z", "ALLOW"), ("2026-01-05T16:00:00Z", "REJECT"), ("2026-01-04T10:00:00Z", "REJECT")]
    {
        assert_eq!(work.ruled("TIME", json!({"time": time})).await, said(verdict, "office"), "{time}");
    }
    for (address, verdict) in [("192.0.2.7", "ALLOW"), ("::ffff:192.0.2.7", "ALLOW"), ("198.51.100.1", "REJECT")] {
        assert_eq!(work.ruled("SOURCE", json!({"source_ip": address})).await, said(verdict, "inside"), "{address}");
    }
    work.delete("inside").await;
    assert_eq!(work.ruled("SOURCE", json!({})).await, said("REJECT", "outside"));
    work.create("asked", json!({"session_approval": {"required": true}})).await;
    assert_eq!(work.ruled("SESSION_APPROVAL", json!({})).await, said("APPROVE", "asked"));

    let channel = async |channel: &str, with: Value| {
        let mut asked = json!({"channel": format!("SESSION_CHANNEL_{channel}")});
        asked.as_object_mut().unwrap().extend(with.as_object().unwrap().clone());
        work.ruled("CHANNEL", asked).await
    };
    assert_eq!(channel("SHELL", json!({})).await, said("ALLOW", ""), "as people work, where nobody says otherwise");
    assert_eq!(channel("AGENT_FORWARD", json!({})).await, said("REJECT", ""));
    let protocols = json!({"channels": ["SESSION_CHANNEL_SFTP_READ", "SESSION_CHANNEL_LOCAL_FORWARD"],
        "forward_targets": ["db.example:5432"]});
    work.create("files", json!({"protocol_control": protocols})).await;
    for (name, with, verdict) in [
        ("SFTP_READ", json!({}), "ALLOW"),
        ("SFTP_WRITE", json!({}), "REJECT"),
        ("SHELL", json!({}), "REJECT"),
        ("LOCAL_FORWARD", json!({"forward_target": "db.example:5432"}), "ALLOW"),
        ("LOCAL_FORWARD", json!({"forward_target": "db.example:5433"}), "REJECT"),
    ] {
        assert_eq!(channel(name, with).await, said(verdict, "files"), "{name}: what is not stated is disabled");
    }

    let ann = json!({"name": scene.named("bastionUsers", "ann")});
    work.b().call(LOCK, ann.clone()).await.unwrap();
    assert_eq!(work.ruled("USER", json!({})).await, said("REJECT", ""));
    work.b().call(UNLOCK, ann).await.unwrap();
    assert_eq!(work.ruled("USER", json!({})).await, said("ALLOW", ""));
    assert_eq!(work.ruled("GRANT", json!({})).await, said("ALLOW", ""));
    let grant = json!({"name": scene.named("grants", "g")});
    work.b().call("bastion.v1.GrantService/DisableGrant", grant).await.unwrap();
    assert_eq!(work.ruled("GRANT", json!({})).await, said("REJECT", ""));
    for (field, wrong) in [
        ("source_ip", json!("localhost")),
        ("asset_account", json!(scene.named("assets", "web"))),
        ("bastion_user", json!("ann")),
        ("forward_target", json!("db.example:1")),
        ("command_line", json!("x".repeat(16_385))),
    ] {
        let mut asked = work.asked("ann", &work.account("web", "root"), &json!({}));
        asked[field] = wrong;
        assert_eq!(work.b().refused(EVALUATE, asked).await.fields, [field]);
    }
    let nobody = work.asked("nobody", &work.account("web", "root"), &json!({}));
    assert_eq!(work.b().refused(EVALUATE, nobody).await.code, Code::NotFound);
    work.scene.suite.stop().await;
}
