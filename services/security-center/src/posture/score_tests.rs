//! Scores through the service, over risks as a scan leaves them.

use std::{sync::Arc, time::Duration};

use bailiwick_api::securitycenter::v1::{
    AccountWeight, BatchCreateMonitoredAccountsRequest, CategoryThreshold, GetDirectorySecurityScoreRequest,
    GetMonitoredAccountRequest, GetScoreRulesRequest, GetSecurityScoreRequest, ListMonitoredAccountsRequest,
    ListScoreDeductionsRequest, ListSecurityScoresRequest, ResetScoreRulesRequest, RiskCategory, ScoreBand, ScoreRule,
    ScoreRules, SeverityCounts, UpdateScoreRulesRequest,
    monitored_account_service_client::MonitoredAccountServiceClient,
    security_score_service_client::SecurityScoreServiceClient,
};
use bailiwick_core::{AccountId, Clock, Role, Timestamp};
use bailiwick_db::{DbError, Tx};
use bailiwick_roster::testing::{Running, Suite, account, directory, eventually};
use bailiwick_testkit::{ManualClock, databases};
use prost::Message;
use prost_types::FieldMask;
use tokio_util::sync::CancellationToken;
use tonic::{Code, Request, transport::Channel};

use super::{app, domain::*, store};

const BATCH: &str = "/bailiwick.securitycenter.v1.MonitoredAccountService/BatchCreateMonitoredAccounts";
const GET_ENTRY: &str = "/bailiwick.securitycenter.v1.MonitoredAccountService/GetMonitoredAccount";
const LIST_ENTRIES: &str = "/bailiwick.securitycenter.v1.MonitoredAccountService/ListMonitoredAccounts";
const GET: &str = "/bailiwick.securitycenter.v1.SecurityScoreService/GetSecurityScore";
const DEDUCTIONS: &str = "/bailiwick.securitycenter.v1.SecurityScoreService/ListScoreDeductions";
const HISTORY: &str = "/bailiwick.securitycenter.v1.SecurityScoreService/ListSecurityScores";
const OF_DIRECTORY: &str = "/bailiwick.securitycenter.v1.SecurityScoreService/GetDirectorySecurityScore";
const RULES: &str = "/bailiwick.securitycenter.v1.SecurityScoreService/GetScoreRules";
const UPDATE: &str = "/bailiwick.securitycenter.v1.SecurityScoreService/UpdateScoreRules";
const RESET: &str = "/bailiwick.securitycenter.v1.SecurityScoreService/ResetScoreRules";
const DAY: Duration = Duration::from_hours(24);

struct Scene {
    suite: Suite,
    running: Running,
    clock: Arc<ManualClock>,
    scores: SecurityScoreServiceClient<Channel>,
}

impl Scene {
    /// With the accounts 11 and 12 in the control list.
    async fn start(url: &str) -> Self {
        let clock = Arc::new(ManualClock::default());
        let suite = Suite::new(url, clock.clone(), crate::migrations).await;
        let shutdown = CancellationToken::new();
        let module = crate::build(suite.deps(shutdown.clone())).await.unwrap();
        let running = suite.serve(module, crate::positions(&suite.db), shutdown).await;
        let channel = suite.channel(Role::SecurityCenter);
        let scores = SecurityScoreServiceClient::new(channel.clone());
        let scene = Self { suite, running, clock, scores };
        crate::tests::purchase(&scene.suite, 10, 60).await;
        let accounts = vec![account(11).name(), account(12).name()];
        let batch = BatchCreateMonitoredAccountsRequest { parent: directory(1).name(), accounts, ..Default::default() };
        let batch = scene.by(10, BATCH, batch);
        MonitoredAccountServiceClient::new(channel).batch_create_monitored_accounts(batch).await.unwrap();
        scene
    }

    fn by<M: Message>(&self, user_of: u8, path: &'static str, message: M) -> Request<M> {
        self.suite.request((account(user_of), "alice"), path, message).unwrap()
    }

    fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// Risks found in an account, open since a time.
    async fn found(&self, of: AccountId, since: Timestamp, risks: &[(Category, Severity, usize)]) -> Vec<Risk> {
        let finding = |(category, severity): (Category, Severity), i: usize| Finding {
            uid: format!("{category:?}-{severity:?}-{i}-{}", since.as_micros()),
            source: "Test".into(),
            rule: "rule".into(),
            category,
            severity,
            title: "title".into(),
            detail: String::new(),
            description: String::new(),
            remediation: String::new(),
            references: Vec::new(),
            resource: "resource".into(),
            resource_type: String::new(),
            region: String::new(),
            passed: false,
        };
        let all = risks.iter().flat_map(|(category, severity, count)| {
            (0..*count).map(|i| Risk::begin(of, finding((*category, *severity), i), "", since))
        });
        let all: Vec<_> = all.collect();
        self.save(of, &all.iter().map(|risk| (None, risk.clone())).collect::<Vec<_>>()).await;
        all
    }

    /// What was found is fixed.
    async fn fixed(&self, of: AccountId, risks: &[Risk]) {
        self.clock.advance(Duration::from_secs(1));
        let fixed = |risk: &Risk| {
            let mut after = risk.clone();
            assert!(after.missed(self.now(), self.now()));
            (Some(risk.clone()), after)
        };
        self.save(of, &risks.iter().map(fixed).collect::<Vec<_>>()).await;
    }

    async fn save(&self, of: AccountId, changes: &[(Option<Risk>, Risk)]) {
        let now = self.now();
        let work = |tx: Tx| async move {
            let mut row = store::risk_account_lock(tx.conn(), of).await?;
            let mut tally = Tally::default();
            changes.iter().for_each(|(before, after)| tally.change(before.as_ref(), after));
            let risks: Vec<_> = changes.iter().map(|(_, after)| after.clone()).collect();
            store::risks_save(tx.conn(), &risks).await?;
            store::tally_add(tx.conn(), tally).await?;
            row.last_scan = now;
            store::risk_account_save(tx.conn(), &row).await
        };
        self.suite.db.write("test", work).await.map_err(|error: DbError| error).unwrap();
    }

    /// Writes scores until that of today is this one: the service does so as well, and one passes over what the other has
    /// begun.
    async fn written(&self, n: u8, score: i64) {
        let today = day(self.now());
        let is = || async move {
            app::score_history_pass(&self.suite.db).await.unwrap();
            let last = store::score_days_before(self.suite.db.reader(), account(n), i64::MAX, 1).await.unwrap();
            last.first().is_some_and(|last| (last.day, last.score) == (today, score))
        };
        eventually(is).await;
    }

    async fn score(&mut self, n: u8) -> i32 {
        let get = self.by(10, GET, GetSecurityScoreRequest { name: score_of(n) });
        self.scores.get_security_score(get).await.unwrap().into_inner().score
    }

    async fn history(&mut self, n: u8) -> Vec<(String, i32)> {
        let (mut days, mut page_token) = (Vec::new(), String::new());
        loop {
            let list = ListSecurityScoresRequest { parent: account(n).name(), page_size: 2, page_token };
            let list = self.by(n, HISTORY, list);
            let page = self.scores.list_security_scores(list).await.unwrap().into_inner();
            days.extend(page.daily_scores.into_iter().map(|day| (day.date, day.score)));
            page_token = page.next_page_token;
            if page_token.is_empty() {
                return days;
            }
        }
    }
}

fn score_of(n: u8) -> String {
    format!("{}/securityScore", account(n).name())
}

fn rules_name() -> String {
    format!("{}/scoreRules", directory(1).name())
}

fn counts(critical: i64, high: i64) -> Option<SeverityCounts> {
    Some(SeverityCounts { critical, high, ..SeverityCounts::default() })
}

// covers: R-SC-16, R-SC-17, E-SC-08
#[tokio::test(flavor = "multi_thread")]
async fn a_score_is_what_open_risks_leave_of_it_and_deductions_name_them() {
    for database in databases().await {
        let mut scene = Scene::start(&database.url).await;
        assert_eq!(scene.score(11).await, 100, "{}", database.engine);
        let (now, old) = (scene.now(), Timestamp::from_micros(scene.now().as_micros() - 30 * 86_400_000_000));
        let found = [(Category::Baseline, Severity::High, 2), (Category::Vulnerability, Severity::Critical, 1)];
        let new = scene.found(account(11), now, &found).await;
        scene.found(account(11), old, &[(Category::Vulnerability, Severity::Critical, 1)]).await;

        let get = scene.by(11, GET, GetSecurityScoreRequest { name: score_of(11) });
        let score = scene.scores.get_security_score(get).await.unwrap().into_inner();
        // 2 x 2 for the settings, 2 x 6 for the vulnerabilities and 6 for that of a month ago.
        assert_eq!((score.score, score.band()), (100 - 4 - 12 - 6, ScoreBand::Fair));
        assert_eq!(score.open_risks, counts(2, 2));
        assert!(score.last_scan_time.is_some());
        let lost: Vec<_> = score.category_deductions.iter().map(|c| (c.category(), c.points, c.threshold)).collect();
        assert_eq!(lost[..2], [(RiskCategory::Vulnerability, 18, 30), (RiskCategory::Baseline, 4, 25)]);
        assert_eq!(score.category_deductions.iter().map(|c| c.threshold).sum::<i32>(), 100);

        let mut deductions = Vec::new();
        let mut page_token = String::new();
        for _ in 0..3 {
            let list = ListScoreDeductionsRequest { parent: account(11).name(), page_size: 1, page_token };
            let page = scene.scores.list_score_deductions(scene.by(10, DEDUCTIONS, list)).await.unwrap().into_inner();
            deductions.extend(page.score_deductions);
            page_token = page.next_page_token;
        }
        assert_eq!(page_token, "");
        let told: Vec<_> = deductions.iter().map(|d| (d.points, d.risk_count, d.min_age_days)).collect();
        assert_eq!(told, [(12, 2, 0), (6, 1, 30), (4, 2, 0)]);
        let of_old = "state = RISK_STATE_OPEN AND category = RISK_CATEGORY_VULNERABILITY AND \
                      severity = SEVERITY_CRITICAL AND open_time < \"2025-12-03T00:00:00.000000Z\"";
        assert_eq!(deductions[1].risk_filter, of_old);

        let name = format!("{}/monitoredAccounts/{}", directory(1).name(), account(11));
        let mut entries = MonitoredAccountServiceClient::new(scene.suite.channel(Role::SecurityCenter));
        let get = scene.by(10, GET_ENTRY, GetMonitoredAccountRequest { name });
        let entry = entries.get_monitored_account(get).await.unwrap().into_inner();
        assert_eq!((entry.security_score, entry.score_band()), (78, ScoreBand::Fair));
        let list = ListMonitoredAccountsRequest { parent: directory(1).name(), ..Default::default() };
        let listed = entries.list_monitored_accounts(scene.by(10, LIST_ENTRIES, list)).await.unwrap().into_inner();
        let shown = listed.monitored_accounts.iter().map(|e| (e.security_score, e.open_risks));
        assert_eq!(shown.collect::<Vec<_>>(), [(78, counts(2, 2)), (100, counts(0, 0))]);

        scene.fixed(account(11), &new).await;
        assert_eq!(scene.score(11).await, 100 - 6 - 6);
        let foreign = GetSecurityScoreRequest { name: score_of(11) };
        assert!(scene.suite.request((account(12), "alice"), GET, foreign.clone()).is_err(), "another member");
        assert!(scene.suite.request((account(20), "alice"), GET, foreign).is_err(), "another directory");
        scene.running.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_score_of_a_directory_is_weighted_and_names_the_lowest() {
    for database in databases().await {
        let mut scene = Scene::start(&database.url).await;
        scene.found(account(11), scene.now(), &[(Category::Baseline, Severity::High, 5)]).await;
        // Not in the control list.
        scene.found(account(13), scene.now(), &[(Category::Baseline, Severity::High, 5)]).await;
        let weights = vec![AccountWeight { account: account(11).name(), weight: 3 }];
        let update = UpdateScoreRulesRequest {
            score_rules: Some(ScoreRules { name: rules_name(), account_weights: weights, ..Default::default() }),
            update_mask: Some(FieldMask { paths: vec!["account_weights".into()] }),
            request_id: String::new(),
        };
        scene.scores.update_score_rules(scene.by(10, UPDATE, update)).await.unwrap();
        let name = format!("{}/securityScore", directory(1).name());
        let get = scene.by(10, OF_DIRECTORY, GetDirectorySecurityScoreRequest { name });
        let score = scene.scores.get_directory_security_score(get).await.unwrap().into_inner();
        assert_eq!((score.score, score.account_count), ((3 * 90 + 100) / 4, 2), "{}", database.engine);
        assert_eq!(score.open_risks, counts(0, 5));
        let lowest: Vec<_> = score.lowest.iter().map(|a| (a.account.clone(), a.score, a.weight)).collect();
        assert_eq!(lowest, [(account(11).name(), 90, 3), (account(12).name(), 100, 1)]);
        scene.running.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn rules_are_adjusted_and_reset() {
    for database in databases().await {
        let mut scene = Scene::start(&database.url).await;
        scene.found(account(11), scene.now(), &[(Category::Baseline, Severity::High, 1)]).await;
        let get = scene.by(10, RULES, GetScoreRulesRequest { name: rules_name() });
        let default = scene.scores.get_score_rules(get).await.unwrap().into_inner();
        assert!(!default.customized && default.rules.len() > 10, "{}", database.engine);

        let rules = vec![ScoreRule { category: 2, severity: 4, min_age_days: 0, centipoints: 1_000, max_points: 60 }];
        let changed = ScoreRules { rules, etag: default.etag.clone(), ..default.clone() };
        let update = |rules: ScoreRules, paths: &[&str]| UpdateScoreRulesRequest {
            score_rules: Some(rules),
            update_mask: Some(FieldMask { paths: paths.iter().map(|path| (*path).to_owned()).collect() }),
            request_id: "5d1f9d9e-2a70-4d0e-8a6d-0a4e8f5f0c11".into(),
        };
        let request = scene.by(10, UPDATE, update(changed.clone(), &["rules"]));
        let updated = scene.scores.update_score_rules(request).await.unwrap().into_inner();
        assert!(updated.customized && updated.etag != default.etag);
        let again = scene.by(10, UPDATE, update(changed.clone(), &["rules"]));
        assert_eq!(scene.scores.update_score_rules(again).await.unwrap().into_inner(), updated, "a repetition");
        assert_eq!(scene.score(11).await, 90);

        let stale = UpdateScoreRulesRequest { request_id: String::new(), ..update(changed.clone(), &[]) };
        let refused = scene.scores.update_score_rules(scene.by(10, UPDATE, stale)).await.unwrap_err();
        assert_eq!(refused.code(), Code::Aborted);
        let wrong = |change: fn(&mut ScoreRules)| {
            let mut rules = ScoreRules { etag: String::new(), ..changed.clone() };
            change(&mut rules);
            UpdateScoreRulesRequest { request_id: String::new(), ..update(rules, &[]) }
        };
        for (request, field) in [
            (wrong(|rules| rules.rules[0].max_points = 101), "score_rules.rules[0].max_points"),
            (wrong(|rules| rules.rules[0].severity = 0), "score_rules.rules[0].severity"),
            (wrong(|rules| rules.rules.clear()), "score_rules.rules"),
            (wrong(|rules| rules.thresholds[1].points += 1), "score_rules.thresholds"),
            (
                wrong(|rules| rules.thresholds[2] = CategoryThreshold { category: 9, points: 1 }),
                "thresholds[2].category",
            ),
            (
                wrong(|rules| rules.account_weights = vec![AccountWeight { account: "x".into(), weight: 1 }]),
                "score_rules.account_weights[0].account",
            ),
        ] {
            let refused = scene.scores.update_score_rules(scene.by(10, UPDATE, request)).await.unwrap_err();
            assert_eq!(refused.code(), Code::InvalidArgument);
            assert!(refused.message().contains(field), "{refused}");
        }
        let reset =
            ResetScoreRulesRequest { name: rules_name(), etag: updated.etag.clone(), request_id: String::new() };
        let back = scene.scores.reset_score_rules(scene.by(10, RESET, reset)).await.unwrap().into_inner();
        assert!(back.rules == default.rules && !back.customized);
        assert!(back.etag != default.etag && back.etag != updated.etag, "an old etag never fits again");
        assert_eq!(scene.score(11).await, 98);
        let foreign = GetScoreRulesRequest { name: rules_name() };
        assert!(scene.suite.request((account(11), "alice"), RULES, foreign).is_err(), "a member");
        scene.running.stop().await;
    }
}

// covers: E-SC-09
#[tokio::test(flavor = "multi_thread")]
async fn the_history_has_one_score_of_each_day() {
    for database in databases().await {
        let mut scene = Scene::start(&database.url).await;
        let db = scene.suite.db.clone();
        assert_eq!(scene.history(11).await, [("2026-01-01".to_owned(), 100)], "{}", database.engine);
        // A member that was never scanned nor listed is known by its root user alone, and has no scores.
        let unlisted = |tx: Tx| async move { store::risk_account_lock(tx.conn(), account(13)).await };
        assert!(!db.write("test", unlisted).await.map_err(|error: DbError| error).unwrap().value.has_score());
        let risks = scene.found(account(11), scene.now(), &[(Category::Baseline, Severity::High, 5)]).await;
        scene.written(11, 90).await;
        scene.found(account(11), scene.now(), &[(Category::Attack, Severity::High, 1)]).await;
        scene.written(11, 85).await;
        scene.clock.advance(DAY);
        // Nothing was written since, but the day is another.
        scene.written(11, 85).await;
        let scored = async |of| store::score_days_before(db.reader(), of, i64::MAX, 10).await.unwrap().len();
        assert_eq!((scored(account(11)).await, scored(account(13)).await), (2, 0));
        scene.clock.advance(DAY);
        scene.fixed(account(11), &risks).await;
        let days = [("2026-01-03", 95), ("2026-01-02", 85), ("2026-01-01", 85)];
        let days: Vec<_> = days.into_iter().map(|(day, score)| (day.to_owned(), score)).collect();
        assert_eq!(scene.history(11).await, days, "that of today is as it is now");
        scene.written(11, 95).await;
        assert_eq!(scene.history(11).await, days);
        // Other rules are another score, also of a day on which no risk changes.
        let rule = ScoreRule { category: 4, severity: 4, min_age_days: 0, centipoints: 2_000, max_points: 20 };
        let update = UpdateScoreRulesRequest {
            score_rules: Some(ScoreRules { name: rules_name(), rules: vec![rule], ..Default::default() }),
            update_mask: Some(FieldMask { paths: vec!["rules".into()] }),
            request_id: String::new(),
        };
        scene.scores.update_score_rules(scene.by(10, UPDATE, update)).await.unwrap();
        scene.written(11, 80).await;
        scene.clock.advance(DAY);
        assert_eq!(scene.history(11).await[1], ("2026-01-03".to_owned(), 80));
        scene.clock.advance(DAY * 398);
        app::score_history_pass(&db).await.unwrap();
        let kept = scene.history(11).await;
        // Those of the first day are older than 400 days now; a month has made nothing dearer here.
        assert_eq!(kept.last().unwrap().0, "2026-01-03");
        scene.running.stop().await;
    }
}
