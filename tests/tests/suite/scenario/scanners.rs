//! Real scanners look at a small repository, and `bailiwick import findings` brings what they wrote.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Output},
};

use serde_json::{Value, json};
use tempfile::TempDir;

use super::scores::Scene;
use crate::{
    live::{Databases, text},
    processes::binary,
    tools,
};

const DEDUCTIONS: &str = "securitycenter.v1.SecurityScoreService/ListScoreDeductions";
const LIST_RISKS: &str = "securitycenter.v1.RiskService/ListRisks";

const PYTHON: &str = r#"import subprocess

PASSWORD = "hunter2-hunter2"


def listing(folder):
    return subprocess.call("ls " + folder, shell=True)
"#;
const TERRAFORM: &str = r#"resource "alicloud_oss_bucket" "logs" {
  bucket = "example-logs"
  acl    = "public-read"
}
"#;

/// A repository, and beside it what is needed to scan and to import.
struct Workplace {
    folder: TempDir,
    token: PathBuf,
    gateway: String,
    account: String,
}

impl Workplace {
    /// With a token of a user of the administrator's account.
    async fn furnish(scene: &Scene) -> Self {
        let folder = TempDir::new().unwrap();
        fs::create_dir(folder.path().join("repository")).unwrap();
        let root = &scene.administrator.root;
        let name = format!("{}/users/importer", scene.administrator.name);
        let user = json!({"parent": scene.administrator.name, "user_id": "importer"});
        root.call("directory.v1.UserService/CreateUser", user).await.unwrap();
        let policy = format!("{}/policies/AliyunYundunSASFullAccess", scene.administrator.name);
        let attach = json!({"target": name, "policy": policy});
        root.call("directory.v1.PolicyService/AttachPolicy", attach).await.unwrap();
        let key = root.call("directory.v1.AccessKeyService/CreateAccessKey", json!({"parent": name})).await.unwrap();
        let sign_in = json!({"access_key_id": key["accessKeyId"], "secret": key["secret"]});
        let token = root.anonymous().call("directory.v1.TokenService/CreateToken", sign_in).await.unwrap();
        let kept = json!({"access_token": token["accessToken"]});
        let token = folder.path().join("token.json");
        fs::write(&token, kept.to_string()).unwrap();
        let gateway = format!("http://{}", scene.suite.gateway());
        Self { folder, token, gateway, account: scene.member.name.clone() }
    }

    fn write(&self, name: &str, content: &str) -> PathBuf {
        let path = self.folder.path().join(name);
        fs::write(&path, content).unwrap();
        path
    }

    /// Scans the repository with Bandit.
    fn bandit(&self) -> PathBuf {
        let to = self.folder.path().join("bandit.sarif");
        let mut scan = Command::new(tools::installed("bandit/bin/bandit"));
        scan.args(["--quiet", "--recursive", ".", "--format", "sarif", "--exit-zero", "--output"]).arg(&to);
        self.scan(scan, &to)
    }

    /// Scans the repository with Checkov.
    fn checkov(&self) -> PathBuf {
        let to = self.folder.path().join("checkov");
        let mut scan = Command::new(tools::installed("checkov/bin/checkov"));
        scan.args(["--directory", ".", "--framework", "terraform", "--quiet", "--soft-fail", "--skip-download"]);
        scan.args(["--output", "sarif", "--output-file-path"]).arg(&to);
        self.scan(scan, &to.join("results_sarif.sarif"))
    }

    /// Without a network: whatever asks for something is sent where nobody is.
    fn scan(&self, mut scan: Command, to: &Path) -> PathBuf {
        for proxy in ["http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY"] {
            scan.env(proxy, "http://127.0.0.1:1");
        }
        let scanned = scan.current_dir(self.folder.path().join("repository")).output().unwrap();
        assert!(scanned.status.success() && to.exists(), "{}", said(&scanned));
        to.to_owned()
    }

    async fn import(&self, file: &Path, more: &[&str]) -> Output {
        let mut import = Command::new(binary());
        import.args(["import", "findings"]).arg(file).args(["--account", &self.account, "--gateway", &self.gateway]);
        import.arg("--token-file").arg(&self.token).args(more);
        tokio::task::spawn_blocking(move || import.output().unwrap()).await.unwrap()
    }

    /// Imports a file that is right, and returns what it said of it.
    async fn imported(&self, file: &Path, more: &[&str]) -> String {
        let output = self.import(file, more).await;
        assert!(output.status.success(), "{}", said(&output));
        String::from_utf8(output.stdout).unwrap()
    }
}

fn said(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

/// Open risks of a scanner.
async fn open(scene: &Scene, source: &str) -> Vec<Value> {
    let filter = format!("state = RISK_STATE_OPEN source = \"{source}\"");
    let list = json!({"parent": scene.member.name, "filter": filter, "page_size": 1000});
    let page = scene.administrator.root.call(LIST_RISKS, list).await.unwrap();
    page["risks"].as_array().cloned().unwrap_or_default()
}

/// Each deduction counts the risks that its filter finds.
async fn deductions_name_their_risks(scene: &Scene) {
    let parent = json!({"parent": scene.member.name});
    let lost = scene.administrator.root.call(DEDUCTIONS, parent).await.unwrap();
    let lost = lost["scoreDeductions"].as_array().unwrap();
    assert!(!lost.is_empty());
    for deduction in lost {
        let list = json!({"parent": scene.member.name, "filter": text(deduction, "riskFilter"), "page_size": 1000});
        let page = scene.administrator.root.call(LIST_RISKS, list).await.unwrap();
        assert_eq!(json!(page["risks"].as_array().unwrap().len().to_string()), deduction["riskCount"], "{deduction}");
    }
}

/// covers: R-SC-16, R-SC-17, E-SC-06, E-SC-08
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_scanners_find_costs_points_until_a_full_scan_finds_it_fixed() {
    let scene = Scene::start(Databases::Sqlite).await;
    let work = Workplace::furnish(&scene).await;
    work.write("repository/app.py", PYTHON);
    work.write("repository/main.tf", TERRAFORM);
    let before = scene.score().await;
    let repository = ["--scope", "example/repository", "--full"];
    let told = work.imported(&work.bandit(), &repository).await;
    assert!(told.contains(&format!("{}/findingImports/", work.account)) && told.contains(" 3 new"), "{told}");
    work.imported(&work.checkov(), &repository).await;
    let (python, terraform) = (open(&scene, "Bandit").await, open(&scene, "Checkov").await);
    let rules: Vec<_> = python.iter().map(|risk| text(risk, "rule")).collect();
    assert!(rules.contains(&"B105") && rules.contains(&"B602"), "{rules:?}");
    let public = terraform.iter().find(|risk| text(risk, "rule") == "CKV_ALI_1").expect("a public bucket");
    assert_eq!((text(public, "category"), text(public, "resource")), ("RISK_CATEGORY_BASELINE", "main.tf"));
    let worse = scene.score().await;
    assert!(worse < before, "{worse} of {before}");
    deductions_name_their_risks(&scene).await;

    // The same files again: nothing is new.
    let again = work.imported(&work.folder.path().join("bandit.sarif"), &repository).await;
    assert_eq!((again, open(&scene, "Bandit").await), (told, python.clone()));

    work.write("repository/app.py", "def listing(folder):\n    return [folder]\n");
    let fixed = work.imported(&work.bandit(), &repository).await;
    assert!(fixed.contains(" 3 fixed"), "{fixed}");
    assert_eq!(open(&scene, "Bandit").await, Vec::<Value>::new());
    assert_eq!(open(&scene, "Checkov").await.len(), terraform.len(), "another scanner said nothing of them");
    let better = scene.score().await;
    assert!(worse < better && better <= before, "{better} after {worse}");
    deductions_name_their_risks(&scene).await;
    scene.suite.stop().await;
}

/// A finding as Prowler 5 writes it: an element of the array in its `.ocsf.json`.
fn prowler(check: &str, status: &str, severity: (i64, &str), resource: &str) -> Value {
    let detail = format!("{check} of {resource}: {status}");
    json!({
        "message": detail,
        "metadata": {
            "event_code": check,
            "product": {"name": "Prowler", "uid": "prowler", "vendor_name": "Prowler", "version": "5.13.0"},
            "profiles": ["cloud", "datetime"], "tenant_uid": "", "version": "1.5.0"
        },
        "severity_id": severity.0, "severity": severity.1,
        "status": "New", "status_code": status, "status_detail": detail, "status_id": 1,
        "unmapped": {
            "related_url": "", "categories": ["internet-exposed"], "depends_on": [], "related_to": [],
            "additional_urls": [], "notes": "", "compliance": {"CIS-2.0": ["5.1"]}
        },
        "activity_name": "Create", "activity_id": 1,
        "finding_info": {
            "created_time": 1_767_225_600, "created_time_dt": "2026-01-01T00:00:00.000000",
            "desc": "What the check is about.", "title": format!("Title of {check}"), "types": [],
            "uid": format!("prowler-alibabacloud-{check}-1000000000000001-eu-central-1-{resource}")
        },
        "resources": [{
            "cloud_partition": "alibabacloud", "region": "eu-central-1",
            "data": {"details": "", "metadata": {"name": resource, "tags": []}},
            "group": {"name": "oss"}, "labels": [], "name": resource, "type": "AliCloudOSSBucket",
            "uid": format!("acs:oss::1000000000000001:{resource}")
        }],
        "category_name": "Findings", "category_uid": 2, "class_name": "Detection Finding", "class_uid": 2004,
        "cloud": {
            "account": {"name": "", "type": "Other", "type_id": 99, "uid": "1000000000000001", "labels": []},
            "org": {"name": "", "uid": ""}, "provider": "alibabacloud", "region": "eu-central-1"
        },
        "remediation": {"desc": "What to do.", "references": ["https://example.com/remediation"]},
        "risk_details": "Why it matters.",
        "time": 1_767_225_600, "time_dt": "2026-01-01T00:00:00.000000",
        "type_uid": 200_401, "type_name": "Detection Finding: Create"
    })
}

/// covers: R-SC-17
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_as_prowler_writes_it_is_imported_and_a_broken_one_is_explained() {
    let scene = Scene::start(Databases::Sqlite).await;
    let work = Workplace::furnish(&scene).await;
    let before = scene.score().await;
    let (public, logged) = ("oss_bucket_not_publicly_accessible", "oss_bucket_logging_enabled");
    let found = |status| {
        json!([
            prowler(public, status, (5, "Critical"), "example-data"),
            prowler(logged, "PASS", (3, "Medium"), "example-data"),
        ])
    };
    let file = work.write("scan.ocsf.json", &serde_json::to_string_pretty(&found("FAIL")).unwrap());
    let told = work.imported(&file, &["--scope", "eu-central-1"]).await;
    assert!(told.contains("2 findings: 1 new") && told.contains("1 passed"), "{told}");
    let risk = open(&scene, "Prowler").await.remove(0);
    assert_eq!((text(&risk, "rule"), text(&risk, "severity")), (public, "SEVERITY_CRITICAL"));
    assert_eq!(text(&risk, "remediation"), "What to do.");
    assert!(scene.score().await < before);
    let file = work.write("scan.ocsf.json", &found("PASS").to_string());
    work.imported(&file, &["--scope", "eu-central-1"]).await;
    assert_eq!((open(&scene, "Prowler").await.len(), scene.score().await), (0, before));

    let broken = work.write("broken.json", "[\n{\"class_uid\": 2004},\n");
    let output = work.import(&broken, &["--format", "ocsf"]).await;
    assert_eq!(output.status.code(), Some(3), "{}", said(&output));
    assert!(said(&output).contains("line 2"), "{}", said(&output));
    let nothing = work.write("nothing.xml", "<xml/>");
    let output = work.import(&nothing, &[]).await;
    assert_eq!(output.status.code(), Some(1), "{}", said(&output));
    assert!(said(&output).contains("--format"), "{}", said(&output));
    let foreign = Workplace { account: scene.management.name.clone(), ..work };
    let output = foreign.import(&file, &[]).await;
    assert_eq!(output.status.code(), Some(1), "not in the control list: {}", said(&output));
    scene.suite.stop().await;
}
