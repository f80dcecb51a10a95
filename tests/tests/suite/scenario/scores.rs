//! Scores of accounts, and the risks of root users, for the administrator of Security Center.

use std::time::Duration;

use serde_json::{Value, json};
use tokio::time::Instant;
use tonic::Code;

use super::security_info::bind_email;
use crate::{
    client::Client,
    live::{
        Account, Databases, Suite, designate, enable_directory, enable_service, join, register, subscribe, text, user,
    },
    patience::PATIENCE,
};

const SCORE: &str = "securitycenter.v1.SecurityScoreService/GetSecurityScore";
const DEDUCTIONS: &str = "securitycenter.v1.SecurityScoreService/ListScoreDeductions";
const HISTORY: &str = "securitycenter.v1.SecurityScoreService/ListSecurityScores";
const OF_DIRECTORY: &str = "securitycenter.v1.SecurityScoreService/GetDirectorySecurityScore";
const RULES: &str = "securitycenter.v1.SecurityScoreService/GetScoreRules";
const UPDATE: &str = "securitycenter.v1.SecurityScoreService/UpdateScoreRules";
const RESET: &str = "securitycenter.v1.SecurityScoreService/ResetScoreRules";
const GET_ENTRY: &str = "securitycenter.v1.MonitoredAccountService/GetMonitoredAccount";
const LIST_RISKS: &str = "securitycenter.v1.RiskService/ListRisks";

/// The score of an account in which nobody has done anything yet but its root user, with a key.
const ROOT_USER_AT_WORK: i64 = 92;

/// A directory, the administrator of its Security Center, and an invited member in the control list.
pub(super) struct Scene {
    pub(super) suite: Suite,
    pub(super) operator: Client,
    pub(super) management: Account,
    pub(super) administrator: Account,
    pub(super) member: Account,
    pub(super) directory: String,
}

impl Scene {
    pub(super) async fn start(databases: Databases) -> Self {
        let suite = Suite::start(databases).await;
        let operator = suite.operator().await;
        let management = register(&operator, "management", "Example").await;
        let directory = enable_directory(&management).await;
        let administrator = register(&operator, "administrator", "Example").await;
        let member = register(&operator, "payments", "Example").await;
        join(&management, &directory, &administrator).await;
        join(&management, &directory, &member).await;
        subscribe(&administrator).await;
        enable_service(&management, &directory, "security-center").await;
        designate(&management, &directory, "security-center", &administrator.name).await;
        let add = json!({"parent": directory, "accounts": [member.name]});
        let method = "securitycenter.v1.MonitoredAccountService/BatchCreateMonitoredAccounts";
        administrator.root.call(method, add).await.unwrap();
        let scene = Self { suite, operator, management, administrator, member, directory };
        // What its root user costs follows the log. Enabled: 2. A key in use: 6. No security information: 1 for two, and
        // there is one.
        scene.reaches(ROOT_USER_AT_WORK).await;
        scene
    }

    pub(super) fn score_name(&self) -> Value {
        json!({"name": format!("{}/securityScore", self.member.name)})
    }

    /// The score of the member, as its administrator sees it.
    pub(super) async fn score(&self) -> i64 {
        let score = self.administrator.root.call(SCORE, self.score_name()).await.unwrap();
        score["score"].as_i64().unwrap()
    }

    /// Waits for a score: what follows a log comes some time after the call that it follows from.
    async fn reaches(&self, wanted: i64) {
        let deadline = Instant::now() + PATIENCE;
        while self.score().await != wanted {
            assert!(Instant::now() < deadline, "the score is {} and not {wanted}", self.score().await);
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    async fn open_rules(&self) -> Vec<String> {
        let list = json!({"parent": self.member.name, "filter": "state = RISK_STATE_OPEN source = \"Bailiwick\""});
        let page = self.administrator.root.call(LIST_RISKS, list).await.unwrap();
        let risks = page["risks"].as_array().cloned().unwrap_or_default();
        let mut rules: Vec<_> = risks.iter().map(|risk| text(risk, "rule").to_owned()).collect();
        rules.sort();
        rules
    }
}

/// covers: R-DIR-36, R-SC-16, R-SC-17, E-SC-08
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_root_user_costs_points_until_it_is_disabled() {
    for databases in [Databases::Sqlite, Databases::Postgres] {
        let scene = Scene::start(databases).await;
        let admin = &scene.administrator.root;
        let all = ["root-user-access-keys", "root-user-enabled", "root-user-no-security-information"];
        assert_eq!(scene.open_rules().await, all);
        let score = admin.call(SCORE, scene.score_name()).await.unwrap();
        assert_eq!(text(&score, "band"), "SCORE_BAND_GOOD");
        assert_eq!((&score["openRisks"]["critical"], &score["openRisks"]["high"]), (&json!("1"), &json!("1")));
        let own = scene.member.root.call(SCORE, scene.score_name()).await.unwrap();
        assert_eq!(own, score, "the account itself sees it as well");
        let name = format!("{}/monitoredAccounts/{}", scene.directory, scene.member.id());
        let entry = admin.call(GET_ENTRY, json!({"name": name})).await.unwrap();
        assert_eq!(
            (&entry["securityScore"], text(&entry, "scoreBand")),
            (&json!(ROOT_USER_AT_WORK), "SCORE_BAND_GOOD")
        );
        assert_eq!(entry["openRisks"], score["openRisks"]);

        let parent = json!({"parent": scene.member.name});
        let lost = admin.call(DEDUCTIONS, parent.clone()).await.unwrap();
        let lost = lost["scoreDeductions"].as_array().unwrap();
        assert_eq!(lost.iter().map(|d| d["points"].as_i64().unwrap()).collect::<Vec<_>>(), [6, 2]);
        for deduction in lost {
            let list = json!({"parent": scene.member.name, "filter": text(deduction, "riskFilter")});
            let behind = admin.call(LIST_RISKS, list).await.unwrap()["risks"].as_array().unwrap().len();
            assert_eq!(json!(behind.to_string()), deduction["riskCount"]);
        }
        let days = admin.call(HISTORY, parent.clone()).await.unwrap();
        let days = days["dailyScores"].as_array().unwrap();
        // One, or two at midnight.
        assert!((1..=2).contains(&days.len()));
        assert_eq!(days[0]["score"], json!(ROOT_USER_AT_WORK));

        bind_email(&scene.suite, &scene.member.root, &scene.member.name).await;
        let users = json!({"parent": format!("{}/users/root", scene.member.name)});
        let keys = "directory.v1.AccessKeyService/ListAccessKeys";
        let keys = scene.member.root.call(keys, users).await.unwrap();
        let key = json!({"name": keys["accessKeys"][0]["name"]});
        scene.member.root.call("directory.v1.AccessKeyService/DisableAccessKey", key).await.unwrap();
        scene.reaches(98).await;
        assert_eq!(scene.open_rules().await, ["root-user-enabled"]);

        let switcher = user(&scene.management, "admin", &["AliyunResourceDirectoryFullAccess"]).await;
        let member = format!("{}/members/{}", scene.directory, scene.member.id());
        let request = json!({"name": member, "target_type": "ACCOUNT_TYPE_RESOURCE"});
        switcher.call("directory.v1.MemberService/RequestTypeSwitchVerification", request).await.unwrap();
        let code = scene.suite.code(&scene.member.name, "SWITCH_TO_RESOURCE_ACCOUNT").await;
        let switch = json!({
            "name": member, "target_type": "ACCOUNT_TYPE_RESOURCE", "acknowledge_risk": true, "verification_code": code
        });
        switcher.call("directory.v1.MemberService/SwitchMemberType", switch).await.unwrap();
        scene.reaches(100).await;
        assert_eq!(scene.open_rules().await, Vec::<String>::new());
        scene.suite.stop().await;
    }
}

/// covers: E-SC-08
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rules_of_scores_are_adjusted_by_the_administrator_alone() {
    let scene = Scene::start(Databases::Sqlite).await;
    let admin = &scene.administrator.root;
    let name = format!("{}/scoreRules", scene.directory);
    let rules = admin.call(RULES, json!({"name": name})).await.unwrap();
    let thresholds = rules["thresholds"].as_array().unwrap();
    assert_eq!(thresholds.iter().map(|t| t["points"].as_i64().unwrap()).sum::<i64>(), 100);
    let rule = json!({
        "category": "RISK_CATEGORY_BASELINE", "severity": "SEVERITY_CRITICAL", "centipoints": 2000, "maxPoints": 20
    });
    let update = |rules: Value| json!({"score_rules": rules, "update_mask": "rules"});
    let change = update(json!({"name": name, "rules": [rule], "etag": rules["etag"]}));
    for other in [&scene.member.root, &scene.operator] {
        assert_eq!(other.refused(UPDATE, change.clone()).await.code, Code::PermissionDenied);
    }
    let changed = admin.call(UPDATE, change.clone()).await.unwrap();
    assert_eq!(changed["customized"], json!(true));
    assert_eq!(scene.score().await, 80);
    assert_eq!(admin.refused(UPDATE, change).await.reason, "ETAG_MISMATCH");
    let wrong = update(json!({"name": name, "rules": [{"category": 2, "severity": 4, "maxPoints": 101}]}));
    assert_eq!(admin.refused(UPDATE, wrong).await.fields, ["score_rules.rules[0].max_points"]);
    let weights = json!([{"account": scene.member.name, "weight": 100}]);
    let weigh = json!({"score_rules": {"name": name, "account_weights": weights}, "update_mask": "accountWeights"});
    admin.call(UPDATE, weigh).await.unwrap();
    let of = json!({"name": format!("{}/securityScore", scene.directory)});
    let together = admin.call(OF_DIRECTORY, of.clone()).await.unwrap();
    assert_eq!((&together["score"], &together["accountCount"]), (&json!(80), &json!(1)));
    assert_eq!(together["lowest"][0], json!({"account": scene.member.name, "score": 80, "weight": 100}));
    assert_eq!(scene.member.root.refused(OF_DIRECTORY, of).await.reason, "SEAT_REQUIRED");
    let reset = admin.call(RESET, json!({"name": name})).await.unwrap();
    assert_eq!((&reset["rules"], &reset["customized"]), (&rules["rules"], &json!(false)));
    assert_eq!(scene.score().await, ROOT_USER_AT_WORK);
    scene.suite.stop().await;
}
