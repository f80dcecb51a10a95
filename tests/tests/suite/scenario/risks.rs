//! Risks that scanners found, read by the account itself and by the administrator of Security Center in one place.

use std::collections::BTreeSet;

use bailiwick_api::securitycenter::v1::{FindingImportOptions, ImportFindingsRequest};
use bailiwick_core::{Clock, SystemClock};
use base64::{Engine, engine::general_purpose::STANDARD};
use prost_reflect::{prost::Message, prost_types::Timestamp};
use serde_json::{Value, json};
use tokio::time::timeout;
use tonic::Code;

use super::folder_scope::{create_folder, move_member, root_folder};
use crate::{
    client::{Answers, Client},
    live::{Account, Databases, Suite, designate, enable_directory, enable_service, join, register, subscribe, text},
    patience::{PATIENCE, until},
};

const IMPORT: &str = "securitycenter.v1.FindingImportService/ImportFindings";
const LIST: &str = "securitycenter.v1.RiskService/ListRisks";
const SEARCH: &str = "securitycenter.v1.RiskService/SearchRisks";
const SUMMARIZE: &str = "securitycenter.v1.RiskService/SummarizeRisks";
const ACKNOWLEDGE: &str = "securitycenter.v1.RiskService/AcknowledgeRisk";
const GET: &str = "securitycenter.v1.RiskService/GetRisk";
const WITHDRAW: &str = "securitycenter.v1.RiskService/WithdrawAcknowledgement";
const SCORE: &str = "securitycenter.v1.SecurityScoreService/GetSecurityScore";
const EXPORT: &str = "securitycenter.v1.RiskService/ExportRisks";
const WATCH: &str = "securitycenter.v1.RiskService/WatchRisks";
const CREATE_RULE: &str = "securitycenter.v1.SuppressionRuleService/CreateSuppressionRule";
const GET_RULE: &str = "securitycenter.v1.SuppressionRuleService/GetSuppressionRule";
/// Of what was imported; root users are risks as well.
const IMPORTED: &str = "source = \"Prowler\"";

struct Scene {
    suite: Suite,
    management: Account,
    administrator: Account,
    /// Administers SASE.
    other: Account,
    /// In the control list.
    members: [Account; 2],
    directory: String,
}

impl Scene {
    async fn start(databases: Databases) -> Self {
        let suite = Suite::start(databases).await;
        let operator = suite.operator().await;
        let management = register(&operator, "management", "Example").await;
        let directory = enable_directory(&management).await;
        let administrator = register(&operator, "administrator", "Example").await;
        let other = register(&operator, "other", "Example").await;
        let members = [register(&operator, "one", "Example").await, register(&operator, "two", "Example").await];
        for account in [&administrator, &other, &members[0], &members[1]] {
            join(&management, &directory, account).await;
        }
        for (service, account) in [("security-center", &administrator), ("sase", &other)] {
            enable_service(&management, &directory, service).await;
            designate(&management, &directory, service, &account.name).await;
        }
        subscribe(&administrator).await;
        subscribe(&management).await;
        let scene = Self { suite, management, administrator, other, members, directory };
        scene.control("Create", 0).await;
        scene.control("Create", 1).await;
        for member in &scene.members {
            // Enabled, with a key, without security information: what root users risk is found some time after a call.
            let asked = json!({"parent": member.name, "filter": "state = RISK_STATE_OPEN source = \"Bailiwick\""});
            let found = async || {
                let page = scene.administrator.root.call(LIST, asked.clone()).await.unwrap();
                page["risks"].as_array().unwrap().len() == 3
            };
            until("the root user is assessed", found).await;
        }
        scene
    }

    /// Puts a member into the control list, or takes it out.
    async fn control(&self, verb: &str, member: usize) {
        let account = &self.members[member].name;
        let name = format!("{}/monitoredAccounts/{}", self.directory, account.trim_start_matches("accounts/"));
        let asked = match verb {
            "Create" => json!({"parent": self.directory, "monitored_account": {"account": account}}),
            _ => json!({"name": name}),
        };
        let method = format!("securitycenter.v1.MonitoredAccountService/{verb}MonitoredAccount");
        self.administrator.root.call(&method, asked).await.unwrap();
    }

    /// A member imports findings of these severities, 1 to 5 as OCSF has them.
    async fn import(&self, member: usize, n: u32, severities: &[u32]) {
        let Account { name, root, .. } = &self.members[member];
        let mut talk = root.talk(IMPORT).await.unwrap();
        let options = FindingImportOptions { format: 1, scope: "all".to_owned(), ..Default::default() };
        let request_id = format!("2f0c2c62-3a0b-4bb8-8f4b-{n:012}");
        let first =
            ImportFindingsRequest { parent: name.clone(), request_id, options: Some(options), ..Default::default() };
        talk.send(first.encode_to_vec()).await;
        let findings: Vec<_> = severities.iter().map(|severity| finding(*severity)).collect();
        let data = serde_json::to_vec(&findings).unwrap();
        talk.send(ImportFindingsRequest { data, finish: true, ..Default::default() }.encode_to_vec()).await;
        let mut last = Value::Null;
        while let Some(answer) = talk.next().await.unwrap() {
            last = answer;
        }
        assert_eq!(text(&last["findingImport"], "state"), "FINDING_IMPORT_STATE_SUCCEEDED");
    }

    async fn search(&self, filter: &str) -> Vec<Value> {
        let filter = if filter.is_empty() { IMPORTED.to_owned() } else { format!("{IMPORTED} AND {filter}") };
        let asked = json!({"parent": self.directory, "filter": filter});
        self.administrator.root.call(SEARCH, asked).await.unwrap()["risks"].as_array().unwrap().clone()
    }

    async fn names(&self, filter: &str) -> BTreeSet<String> {
        self.search(filter).await.iter().map(|risk| text(risk, "name").to_owned()).collect()
    }
}

fn finding(severity: u32) -> Value {
    json!({
        "class_uid": 2003, "category_uid": 2, "activity_id": 1, "type_uid": 200_301, "severity_id": severity,
        "status_code": "FAIL", "status_id": 1, "message": "a thing is open", "time": 1_767_225_600_000_i64,
        "metadata": {"event_code": format!("check_{severity}"), "version": "1.3.0",
            "product": {"name": "Prowler", "vendor_name": "Prowler"}},
        "finding_info": {"uid": format!("finding-{severity}"), "title": format!("Thing {severity}"), "desc": "d"},
        "resources": [{"uid": format!("acs:thing/{severity}"), "type": "Thing", "region": "eu-central-1"}],
        "cloud": {"provider": "alibabacloud", "region": "eu-central-1"},
        "remediation": {"desc": "Close it", "references": []}
    })
}

/// covers: R-SC-17, R-SC-18, E-SC-06
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn risks_of_controlled_accounts_are_seen_one_by_one_and_together() {
    for databases in [Databases::Sqlite, Databases::Postgres] {
        let scene = Scene::start(databases).await;
        scene.import(0, 1, &[5, 4, 2]).await;
        scene.import(1, 2, &[4]).await;
        let (one, two) = (&scene.members[0], &scene.members[1]);
        let list = json!({"parent": one.name, "filter": IMPORTED});
        let own = one.root.call(LIST, list.clone()).await.unwrap();
        let severities: Vec<_> = own["risks"].as_array().unwrap().iter().map(|risk| text(risk, "severity")).collect();
        assert_eq!(severities, ["SEVERITY_CRITICAL", "SEVERITY_HIGH", "SEVERITY_LOW"], "the worst first");
        assert_eq!(scene.administrator.root.call(LIST, list.clone()).await.unwrap(), own, "for a member");
        scene.management.root.call(LIST, list.clone()).await.unwrap();
        for (caller, reason) in [(&two.root, "SEAT_REQUIRED"), (&scene.other.root, "SEAT_REQUIRED")] {
            assert_eq!(caller.refused(LIST, list.clone()).await.reason, reason);
        }
        let elsewhere = json!({"parent": scene.other.name});
        let refused = scene.administrator.root.refused(LIST, elsewhere).await;
        assert_eq!(refused.reason, "ACCOUNT_NOT_ENROLLED", "of an account that is not in the list");

        let all = scene.search("").await;
        let accounts: BTreeSet<_> = all.iter().map(|risk| text(risk, "account").to_owned()).collect();
        assert_eq!((all.len(), accounts), (4, BTreeSet::from([one.name.clone(), two.name.clone()])));
        let filter = format!("severity = SEVERITY_HIGH AND account = {}", two.name);
        assert_eq!(scene.search(&filter).await.len(), 1);
        let refused = one.root.refused(SEARCH, json!({"parent": scene.directory})).await;
        assert_eq!((refused.code, &*refused.reason), (Code::PermissionDenied, "SEAT_REQUIRED"));

        let asked = json!({"parent": scene.directory, "by": "RISK_DIMENSION_ACCOUNT"});
        let summary = scene.administrator.root.call(SUMMARIZE, asked.clone()).await.unwrap();
        let groups: Vec<_> = summary["groups"].as_array().unwrap().iter().map(|group| text(group, "value")).collect();
        assert_eq!(groups, [&one.name, &two.name]);
        // Each member's root user is enabled and has keys, and nobody can be asked about it.
        let total =
            |summary: &Value| ["critical", "high", "medium", "low"].map(|of| text(&summary["total"], of).to_owned());
        assert_eq!(total(&summary), ["3", "4", "2", "1"]);
        let imported = json!({"parent": scene.directory, "by": "RISK_DIMENSION_ACCOUNT", "filter": IMPORTED});
        let summary = scene.administrator.root.call(SUMMARIZE, imported).await.unwrap();
        assert_eq!(total(&summary), ["1", "2", "0", "1"]);
        assert_eq!(one.root.refused(SUMMARIZE, asked).await.reason, "SEAT_REQUIRED");

        scene.control("Delete", 1).await;
        assert_eq!(scene.search("").await.len(), 3, "an account that leaves the list takes its risks out of the view");
        let own = two.root.call(LIST, json!({"parent": two.name, "filter": IMPORTED})).await.unwrap();
        assert_eq!(own["risks"].as_array().unwrap().len(), 1, "they remain its own");
        scene.control("Create", 1).await;
        assert_eq!(scene.search("").await.len(), 4, "and brings them back with it");
        scene.suite.stop().await;
    }
}

/// covers: R-SC-18
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn risks_are_accepted_suppressed_exported_and_followed() {
    for databases in [Databases::Sqlite, Databases::Postgres] {
        let scene = Scene::start(databases).await;
        let (administrator, member) = (&scene.administrator.root, &scene.members[0].root);
        let watched = json!({"parent": scene.directory, "filter": IMPORTED});
        let mut watch = administrator.watch(WATCH, watched.clone()).await.unwrap();
        timeout(PATIENCE, watch.next()).await.unwrap().unwrap().unwrap();
        scene.import(0, 1, &[5, 3]).await;
        let (seen, token) = followed(&mut watch, 2).await;
        assert_eq!(seen, scene.names("").await);
        let refused = match member.watch(WATCH, watched.clone()).await {
            Ok(mut stream) => stream.next().await.unwrap_err(),
            Err(refused) => refused,
        };
        assert_eq!(refused.reason, "SEAT_REQUIRED");

        accepted_for_a_time(&scene).await;
        let rule = json!({"filter": format!("{IMPORTED} AND severity = SEVERITY_MEDIUM"), "reason": "accepted by all"});
        let create = json!({"parent": scene.directory, "suppression_rule_id": "medium", "suppression_rule": rule});
        assert_eq!(member.refused(CREATE_RULE, create.clone()).await.reason, "SEAT_REQUIRED");
        let rule = administrator.call(CREATE_RULE, create).await.unwrap();
        let applied = async || {
            let rule = administrator.call(GET_RULE, json!({"name": rule["name"]})).await.unwrap();
            rule["applied"] == json!(true) && text(&rule, "suppressed") == "1"
        };
        until("the rule is applied", applied).await;
        assert_eq!(scene.search("state = RISK_STATE_OPEN").await.len(), 1);

        // What came while nobody watched is sent to who goes on.
        drop(watch);
        scene.import(1, 2, &[4]).await;
        let mut resumed = watched;
        resumed["resume_token"] = json!(token);
        let mut watch = administrator.watch(WATCH, resumed.clone()).await.unwrap();
        let (seen, _) = followed(&mut watch, 3).await;
        assert_eq!(seen, scene.names("").await, "the two that changed, and the new one");
        resumed["filter"] = json!("");
        let refused = match administrator.watch(WATCH, resumed).await {
            Ok(mut stream) => stream.next().await.unwrap_err(),
            Err(refused) => refused,
        };
        assert_eq!(refused.reason, "PAGE_TOKEN_INVALID", "a token of another watch");
        exported(&scene).await;
        scene.suite.stop().await;
    }
}

/// Reads a watch until so many risks were sent; returns their names, and where another goes on.
async fn followed(watch: &mut Answers, count: usize) -> (BTreeSet<String>, String) {
    let mut seen = BTreeSet::new();
    loop {
        let batch = timeout(PATIENCE, watch.next()).await.unwrap().unwrap().unwrap();
        seen.extend(batch["risks"].as_array().unwrap().iter().map(|risk| text(risk, "name").to_owned()));
        if seen.len() >= count {
            return (seen, text(&batch, "resumeToken").to_owned());
        }
    }
}

/// The administrator accepts a critical risk of the first member for a time, and takes that back.
async fn accepted_for_a_time(scene: &Scene) {
    let (administrator, member, other) = (&scene.administrator.root, &scene.members[0].root, &scene.members[1].root);
    let risk = scene.search("severity = SEVERITY_CRITICAL").await.remove(0);
    let name = json!({"name": risk["name"]});
    let past = json!({"name": risk["name"], "reason": "known", "expire_time": "2000-01-01T00:00:00Z"});
    assert_eq!(administrator.refused(ACKNOWLEDGE, past).await.fields, ["expire_time"]);
    let soon = Timestamp { seconds: SystemClock.now().as_seconds() + 3_600, nanos: 0 }.to_string();
    let accept = json!({"name": risk["name"], "reason": "known", "expire_time": soon, "etag": risk["etag"]});
    assert_eq!(other.refused(ACKNOWLEDGE, accept.clone()).await.reason, "SEAT_REQUIRED");
    let score = json!({"name": format!("{}/securityScore", scene.members[0].name)});
    let score = async || member.call(SCORE, score.clone()).await.unwrap()["score"].as_i64().unwrap();
    let before = score().await;
    let accepted = administrator.call(ACKNOWLEDGE, accept.clone()).await.unwrap();
    assert_eq!(text(&accepted, "state"), "RISK_STATE_ACKNOWLEDGED");
    let by = &accepted["acknowledgement"];
    assert_eq!(
        (text(by, "reason"), text(by, "operator")),
        ("known", &*format!("{}/users/root", scene.administrator.name))
    );
    assert_eq!(member.call(GET, name.clone()).await.unwrap(), accepted, "the account itself sees it");
    assert!(score().await > before, "it costs nothing meanwhile");
    assert_eq!(administrator.refused(ACKNOWLEDGE, accept).await.reason, "ETAG_MISMATCH");
    assert_eq!(scene.search("state = RISK_STATE_OPEN").await.len(), 1);
    assert_eq!(other.refused(WITHDRAW, name.clone()).await.reason, "SEAT_REQUIRED");
    let open = administrator.call(WITHDRAW, name.clone()).await.unwrap();
    assert_eq!((text(&open, "state"), score().await), ("RISK_STATE_OPEN", before));
    assert_eq!(administrator.refused(WITHDRAW, name).await.reason, "RISK_STATE");
}

/// The files have what the search finds, and only an administrator gets them.
async fn exported(scene: &Scene) {
    let administrator = &scene.administrator.root;
    let names = scene.names("").await;
    let file = export(administrator, &scene.directory, "EXPORT_FORMAT_JSON_LINES").await;
    let lines: Vec<Value> = file.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let severities: Vec<_> = lines.iter().map(|line| text(line, "severity")).collect();
    assert_eq!(severities, ["SEVERITY_CRITICAL", "SEVERITY_HIGH", "SEVERITY_MEDIUM"], "the worst first");
    assert_eq!(lines.iter().map(|line| text(line, "name").to_owned()).collect::<BTreeSet<_>>(), names);

    let file = export(administrator, &scene.directory, "EXPORT_FORMAT_CSV").await;
    let (head, rows) = file.split_once("\r\n").unwrap();
    let column = head.split(',').position(|column| column == "name").unwrap();
    let found: BTreeSet<_> = rows.lines().map(|row| row.split(',').nth(column).unwrap().to_owned()).collect();
    assert_eq!(found, names);

    let file = export(administrator, &scene.directory, "EXPORT_FORMAT_OCSF").await;
    let findings: Vec<Value> = file.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let uids: BTreeSet<_> = findings.iter().map(|finding| text(&finding["finding_info"], "uid").to_owned()).collect();
    assert_eq!(uids, ["finding-3", "finding-4", "finding-5"].map(str::to_owned).into());
    let asked = json!({"parent": scene.directory, "format": "EXPORT_FORMAT_CSV"});
    let refused = match scene.members[0].root.watch(EXPORT, asked).await {
        Ok(mut stream) => stream.next().await.unwrap_err(),
        Err(refused) => refused,
    };
    assert_eq!(refused.reason, "SEAT_REQUIRED");
}

/// covers: R-SC-18, E-SC-06
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_administrator_of_a_folder_sees_the_risks_in_it_alone() {
    for databases in [Databases::Sqlite, Databases::Postgres] {
        let scene = Scene::start(databases).await;
        scene.import(0, 1, &[5, 4]).await;
        scene.import(1, 2, &[4, 3, 2]).await;
        let (one, two) = (&scene.members[0].name, &scene.members[1].name);
        let sales =
            create_folder(&scene.management, &root_folder(&scene.management, &scene.directory).await, "sales").await;
        move_member(&scene.management, &scene.directory, one, &sales).await;
        let administrators = format!("{}/trustedServices/security-center/delegatedAdministrators", scene.directory);
        let name = format!("{administrators}/{}", scene.administrator.id());
        let update = json!({"delegated_administrator": {"name": name, "folder": sales}, "update_mask": "folder"});
        let method = "delegation.v1.DelegatedAdministratorService/UpdateDelegatedAdministrator";
        scene.management.root.call(method, update).await.unwrap();

        let administrator = &scene.administrator.root;
        assert_eq!(administrator.refused(LIST, json!({"parent": two})).await.reason, "OUTSIDE_FOLDER_SCOPE");
        assert_eq!(scene.search("").await.len(), 2);
        assert!(scene.search("").await.iter().all(|risk| text(risk, "account") == one));
        assert!(scene.search("").await.iter().all(|risk| text(risk, "folder") == sales));
        let asked = json!({"parent": scene.directory, "by": "RISK_DIMENSION_FOLDER"});
        let groups = async |client: &Client| {
            let summary = client.call(SUMMARIZE, asked.clone()).await.unwrap();
            let groups = summary["groups"].as_array().unwrap();
            groups.iter().map(|group| text(group, "value").to_owned()).collect::<BTreeSet<_>>()
        };
        assert_eq!(groups(administrator).await, BTreeSet::from([sales.clone()]));
        assert_eq!(groups(&scene.management.root).await.len(), 2, "the management account sees all");
        let file = export(administrator, &scene.directory, "EXPORT_FORMAT_JSON_LINES").await;
        assert_eq!(file.lines().count(), 2);
        let score = json!({"name": format!("{}/securityScore", scene.directory)});
        let score = administrator.call("securitycenter.v1.SecurityScoreService/GetDirectorySecurityScore", score).await;
        assert_eq!(score.unwrap()["accountCount"], json!(1));
        let risk = scene.management.root.call(LIST, json!({"parent": two})).await.unwrap()["risks"][0]["name"].clone();
        let accept = json!({"name": risk, "reason": "known", "expire_time": "2000-01-01T00:00:00Z"});
        assert_eq!(administrator.refused(ACKNOWLEDGE, accept).await.reason, "OUTSIDE_FOLDER_SCOPE");

        // Who watches is told what the folder has, also of what comes into it while nobody looks.
        let watched = json!({"parent": scene.directory, "filter": IMPORTED});
        let mut watch = administrator.watch(WATCH, watched.clone()).await.unwrap();
        let first = timeout(PATIENCE, watch.next()).await.unwrap().unwrap().unwrap();
        assert_eq!(first["reset"], json!(false));
        drop(watch);
        move_member(&scene.management, &scene.directory, two, &sales).await;
        let both = async || scene.search("").await.len() == 5;
        until("the other member is in the folder", both).await;
        let mut resumed = watched;
        resumed["resume_token"] = first["resumeToken"].clone();
        let mut watch = administrator.watch(WATCH, resumed).await.unwrap();
        let again = timeout(PATIENCE, watch.next()).await.unwrap().unwrap().unwrap();
        assert_eq!(again["reset"], json!(true));
        assert_eq!(followed(&mut watch, 5).await.0, scene.names("").await);
        scene.suite.stop().await;
    }
}

/// What was imported into a directory, as a file.
async fn export(client: &Client, directory: &str, format: &str) -> String {
    let asked = json!({"parent": directory, "format": format, "filter": IMPORTED});
    let (mut pieces, mut file) = (client.watch(EXPORT, asked).await.unwrap(), Vec::new());
    while let Some(piece) = pieces.next().await.unwrap() {
        // Bytes are base64 in JSON.
        file.extend(STANDARD.decode(text(&piece, "data")).unwrap());
    }
    String::from_utf8(file).unwrap()
}
