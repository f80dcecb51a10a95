use std::{collections::BTreeSet, sync::Arc, time::Duration};

use bailiwick_api::{
    securitycenter::v1::{
        self as pb, risk_service_client::RiskServiceClient,
        suppression_rule_service_client::SuppressionRuleServiceClient,
    },
    r#type::v1::{AccessFactChange, EnrolmentFact, RootUserFact, access_fact::Kind},
};
use bailiwick_core::{AccountId, Role, TrustedService};
use bailiwick_db::Tx;
use bailiwick_roster::testing::{Running, Suite, account, directory, eventually};
use bailiwick_testkit::{ManualClock, databases};
use prost::Message;
use sea_orm::{ConnectionTrait, Statement};
use tokio_util::sync::CancellationToken;
use tonic::{Code, Request, Streaming, transport::Channel};

use super::suppression;
use crate::posture::{
    domain::{Acknowledgement, Category, Risk, Severity, Tally, testing},
    store,
};

type Risks = RiskServiceClient<Channel>;
type RuleCalls = SuppressionRuleServiceClient<Channel>;

struct World {
    suite: Suite,
    clock: Arc<ManualClock>,
    running: Running,
}

impl World {
    /// Directory 1 with the accounts 11 and 12 in its control list.
    async fn start(url: &str) -> Self {
        let clock = Arc::new(ManualClock::default());
        let suite = Suite::new(url, clock.clone(), crate::migrations).await;
        let shutdown = CancellationToken::new();
        let module = crate::build(suite.deps(shutdown.clone())).await.unwrap();
        let running = suite.serve(module, crate::positions(&suite.db), shutdown).await;
        let world = Self { suite, clock, running };
        world.purchase(10).await;
        world.enrol(11).await;
        world.enrol(12).await;
        world
    }

    /// Buys an edition with multi-account control, for years.
    async fn purchase(&self, n: u8) {
        crate::tests::purchase(&self.suite, n, 60).await;
    }

    async fn enrol(&self, n: u8) {
        let fact = EnrolmentFact {
            directory: directory(1).name(),
            trusted_service: TrustedService::SecurityCenter.to_string(),
            account: account(n).name(),
            incarnation: "i1".into(),
            uid: format!("u{n}"),
        };
        self.suite.delegation.say(vec![AccessFactChange::holds(Kind::Enrolment(fact))]).await;
        self.listed(n, true).await;
    }

    async fn leave(&self, n: u8) {
        self.suite.delegation.end(directory(1), TrustedService::SecurityCenter, account(n)).await;
        self.listed(n, false).await;
    }

    async fn listed(&self, n: u8, listed: bool) {
        eventually(async || {
            let (reader, service) = (self.suite.db.reader(), TrustedService::SecurityCenter);
            let places = bailiwick_roster::places_of(reader, service, &BTreeSet::from([account(n)])).await;
            places.unwrap().is_empty() != listed
        })
        .await;
        // What follows from it is done beside the log.
        eventually(async || store::work_pending(self.suite.db.reader(), 1).await.unwrap().is_empty()).await;
    }

    /// Writes risks as an import does.
    async fn import(&self, mut risks: Vec<Risk>) -> Vec<Risk> {
        for risk in &mut risks {
            risk.directory = Some(directory(1));
        }
        let (risks, now) = (&risks, bailiwick_core::Clock::now(self.clock.as_ref()));
        let work = |tx: Tx| async move {
            let mut risks = risks.clone();
            let conn = tx.conn();
            for risk in &risks {
                let sql = format!(
                    "INSERT INTO risk_accounts (account, directory, risks, last_scan_us) VALUES ({}, '{}', 0, 0) \
                     ON CONFLICT DO NOTHING",
                    risk.account,
                    directory(1)
                );
                conn.execute_raw(Statement::from_string(conn.get_database_backend(), sql)).await?;
            }
            suppression::apply(&tx, now, directory(1), &mut risks).await?;
            let mut tally = Tally::default();
            risks.iter().for_each(|risk| tally.change(None, risk));
            store::risks_save(conn, &risks).await?;
            store::tally_add(conn, tally).await?;
            super::risk_write::record(&tx, &risks, None, "import", now);
            Ok::<_, bailiwick_db::DbError>(risks)
        };
        self.suite.db.write("import", work).await.unwrap().value
    }

    fn risks(&self) -> Risks {
        RiskServiceClient::new(self.suite.channel(Role::SecurityCenter))
    }

    fn rules(&self) -> RuleCalls {
        SuppressionRuleServiceClient::new(self.suite.channel(Role::SecurityCenter))
    }

    fn request<M: Message>(&self, path: &'static str, message: M) -> Request<M> {
        self.by(10, path, message)
    }

    fn by<M: Message>(&self, n: u8, path: &'static str, message: M) -> Request<M> {
        self.suite.request((account(n), "alice"), path, message).unwrap()
    }

    async fn search(&self, filter: &str) -> Vec<pb::Risk> {
        let message =
            pb::SearchRisksRequest { parent: directory(1).name(), filter: filter.into(), ..Default::default() };
        let found = self.risks().search_risks(self.request(SEARCH, message)).await.unwrap();
        found.into_inner().risks
    }

    async fn titles(&self, filter: &str) -> Vec<String> {
        self.search(filter).await.into_iter().map(|risk| risk.title).collect()
    }

    async fn open(&self) -> pb::SeverityCounts {
        let message = pb::SummarizeRisksRequest {
            parent: directory(1).name(),
            by: pb::RiskDimension::Account.into(),
            ..Default::default()
        };
        let summary = self.risks().summarize_risks(self.request(SUMMARIZE, message)).await.unwrap().into_inner();
        summary.total.unwrap()
    }

    async fn create_rule(&self, id: &str, filter: &str) -> pb::SuppressionRule {
        let rule = pb::SuppressionRule { filter: filter.into(), reason: "accepted".into(), ..Default::default() };
        let message = pb::CreateSuppressionRuleRequest {
            parent: directory(1).name(),
            suppression_rule_id: id.into(),
            suppression_rule: Some(rule),
            request_id: String::new(),
        };
        let created = self.rules().create_suppression_rule(self.request(CREATE_RULE, message)).await;
        created.unwrap().into_inner()
    }

    async fn rule(&self, id: &str) -> pb::SuppressionRule {
        let name = format!("{}/suppressionRules/{id}", directory(1).name());
        let message = pb::GetSuppressionRuleRequest { name };
        self.rules().get_suppression_rule(self.request(GET_RULE, message)).await.unwrap().into_inner()
    }

    async fn applied(&self, id: &str) {
        eventually(async || self.rule(id).await.applied).await;
    }

    async fn watch(&self, filter: &str, resume_token: &str) -> Streaming<pb::WatchRisksResponse> {
        let message = pb::WatchRisksRequest {
            parent: directory(1).name(),
            filter: filter.into(),
            resume_token: resume_token.into(),
        };
        let mut stream = self.risks().watch_risks(self.request(WATCH, message)).await.unwrap().into_inner();
        let first = stream.message().await.unwrap().unwrap();
        assert!(first.risks.is_empty() && !first.resume_token.is_empty(), "the first is a sign of life");
        stream
    }

    async fn export(&self, format: pb::ExportFormat, filter: &str) -> (Vec<u8>, i64) {
        let message =
            pb::ExportRisksRequest { parent: directory(1).name(), format: format.into(), filter: filter.into() };
        let mut stream = self.risks().export_risks(self.request(EXPORT, message)).await.unwrap().into_inner();
        let (mut file, mut risks) = (Vec::new(), 0);
        while let Some(piece) = stream.message().await.unwrap() {
            assert!(piece.data.len() <= 64 << 10);
            file.extend(piece.data);
            risks = piece.risks;
        }
        (file, risks)
    }
}

const GET: &str = "/bailiwick.securitycenter.v1.RiskService/GetRisk";
const LIST: &str = "/bailiwick.securitycenter.v1.RiskService/ListRisks";
const SEARCH: &str = "/bailiwick.securitycenter.v1.RiskService/SearchRisks";
const SUMMARIZE: &str = "/bailiwick.securitycenter.v1.RiskService/SummarizeRisks";
const ACKNOWLEDGE: &str = "/bailiwick.securitycenter.v1.RiskService/AcknowledgeRisk";
const WITHDRAW: &str = "/bailiwick.securitycenter.v1.RiskService/WithdrawAcknowledgement";
const EXPORT: &str = "/bailiwick.securitycenter.v1.RiskService/ExportRisks";
const WATCH: &str = "/bailiwick.securitycenter.v1.RiskService/WatchRisks";
const CREATE_RULE: &str = "/bailiwick.securitycenter.v1.SuppressionRuleService/CreateSuppressionRule";
const GET_RULE: &str = "/bailiwick.securitycenter.v1.SuppressionRuleService/GetSuppressionRule";
const UPDATE_RULE: &str = "/bailiwick.securitycenter.v1.SuppressionRuleService/UpdateSuppressionRule";
const DELETE_RULE: &str = "/bailiwick.securitycenter.v1.SuppressionRuleService/DeleteSuppressionRule";

fn some(n: u8, uids: std::ops::Range<usize>) -> Vec<Risk> {
    let of = |i: usize| testing::risk(n, &format!("{n}-{i}"), Category::ALL[i % 4], Severity::ALL[i % 5]);
    uids.map(of).collect()
}

/// Whoever writes the risks of one account for long holds up neither the readers of others, nor the log of `delegation`.
#[tokio::test(flavor = "multi_thread")]
async fn nobody_waits_for_the_writers_of_another_account() {
    // One writer at a time is all that the other engine has.
    for database in databases().await.into_iter().filter(|database| database.engine == "postgres") {
        let world = World::start(&database.url).await;
        for n in [11, 12] {
            for mut risk in world.import(some(n, 0..1)).await {
                let until = bailiwick_core::Clock::now(world.clock.as_ref()).after(Duration::from_secs(5));
                risk.acknowledgement =
                    Some(Acknowledgement { reason: "r".into(), until, operator: "o".into(), time: until });
                risk.settle(bailiwick_core::Clock::now(world.clock.as_ref()));
                let risk = &risk;
                let save = |tx: Tx| async move { store::risks_save(tx.conn(), [risk]).await };
                world.suite.db.write("test", save).await.unwrap();
            }
        }
        world.clock.advance(Duration::from_secs(6));
        let (holds, held) = (tokio::sync::Notify::new(), tokio::sync::Notify::new());
        let (holds, held, db) = (&holds, &held, &world.suite.db);
        let writer = db.write("test", |tx: Tx| async move {
            store::risk_account_lock(tx.conn(), account(12)).await?;
            held.notify_one();
            holds.notified().await;
            Ok::<_, bailiwick_db::DbError>(())
        });
        let others = async {
            held.notified().await;
            let message = pb::ListRisksRequest { parent: account(11).name(), ..Default::default() };
            let own = world.risks().list_risks(world.by(11, LIST, message)).await.unwrap().into_inner();
            assert_eq!(own.risks[0].state(), pb::RiskState::Open, "it was accepted until now");
            let fact =
                RootUserFact { account: account(12).name(), enabled: true, access_keys: 1, security_info: false };
            let said = world.suite.delegation.say(vec![AccessFactChange::holds(Kind::RootUser(fact))]).await;
            eventually(async || {
                db.cursor(Role::Delegation.as_str()).await.unwrap().is_some_and(|at| at.revision >= said.revision)
            })
            .await;
            holds.notify_one();
        };
        let (written, ()) = tokio::join!(writer, others);
        written.unwrap();
        world.running.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn risks_are_read_by_their_account_and_in_one_place() {
    for database in databases().await {
        let world = World::start(&database.url).await;
        world.import(some(11, 0..5)).await;
        world.import(some(12, 0..5)).await;
        let message = pb::ListRisksRequest { parent: account(11).name(), page_size: 3, ..Default::default() };
        let first = world.risks().list_risks(world.by(11, LIST, message.clone())).await.unwrap().into_inner();
        let severities: Vec<_> = first.risks.iter().map(|risk| risk.severity).collect();
        assert_eq!(severities, [5, 4, 3], "{}", database.engine);
        assert_eq!(first.risks[0].folder, format!("{}/folders/root", directory(1).name()));
        let next = pb::ListRisksRequest { page_token: first.next_page_token.clone(), ..message.clone() };
        let next = world.risks().list_risks(world.by(11, LIST, next)).await.unwrap().into_inner();
        assert_eq!((next.risks.len(), next.next_page_token.as_str()), (2, ""));
        let other = pb::ListRisksRequest {
            page_token: first.next_page_token,
            filter: "state = RISK_STATE_OPEN".into(),
            ..message.clone()
        };
        let refused = world.risks().list_risks(world.by(11, LIST, other)).await.unwrap_err();
        assert_eq!(refused.code(), Code::InvalidArgument);
        let wrong = pb::ListRisksRequest { filter: "severity > SEVERITY_LOW".into(), ..message };
        let refused = world.risks().list_risks(world.by(11, LIST, wrong)).await.unwrap_err();
        assert!(refused.message().contains("`filter`"), "{refused}");

        assert_eq!(world.search("").await.len(), 10);
        assert_eq!(world.search("account = accounts/1000000000000012").await.len(), 5);
        let name = first.risks[0].name.clone();
        let read = world.risks().get_risk(world.request(GET, pb::GetRiskRequest { name: name.clone() })).await.unwrap();
        assert_eq!(read.into_inner(), first.risks[0]);
        let elsewhere = name.replace("0011/", "0012/");
        let refused = world.risks().get_risk(world.request(GET, pb::GetRiskRequest { name: elsewhere })).await;
        assert_eq!(refused.unwrap_err().code(), Code::NotFound, "a risk of another account");

        world.leave(12).await;
        assert_eq!(world.search("").await.len(), 5, "an account that leaves takes its risks away at once");
        assert_eq!(world.open().await, counts(1, 1, 1, 1, 1));
        let own = pb::ListRisksRequest { parent: account(12).name(), ..Default::default() };
        let own = world.risks().list_risks(world.by(12, LIST, own)).await.unwrap().into_inner();
        assert_eq!(own.risks.len(), 5, "they remain its own");
        assert_eq!(own.risks[0].folder, "");
        world.enrol(12).await;
        assert_eq!(world.search("").await.len(), 10, "and comes back with them");
        world.running.stop().await;
    }
}

fn counts(critical: i64, high: i64, medium: i64, low: i64, informational: i64) -> pb::SeverityCounts {
    pb::SeverityCounts { critical, high, medium, low, informational }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_risk_is_accepted_until_its_time_has_come() {
    for database in databases().await {
        let world = World::start(&database.url).await;
        let risk = world.import(some(11, 4..5)).await.remove(0);
        let now = bailiwick_core::Clock::now(world.clock.as_ref()).as_seconds();
        let message = |seconds: i64| pb::AcknowledgeRiskRequest {
            name: risk.name(),
            reason: "known".into(),
            expire_time: Some(prost_types::Timestamp { seconds: now + seconds, nanos: 0 }),
            etag: "1".into(),
            request_id: "2f0c2c62-3a0b-4bb8-8f4b-5f6f2f9f5a11".into(),
        };
        for seconds in [0, -1, 366 * 86_400 + 1] {
            let refused = world.risks().acknowledge_risk(world.request(ACKNOWLEDGE, message(seconds))).await;
            assert!(refused.unwrap_err().message().contains("`expire_time`"), "{seconds}");
        }
        let done = world.risks().acknowledge_risk(world.request(ACKNOWLEDGE, message(60))).await.unwrap().into_inner();
        assert_eq!((done.state(), done.etag.as_str()), (pb::RiskState::Acknowledged, "2"), "{}", database.engine);
        let again = world.risks().acknowledge_risk(world.request(ACKNOWLEDGE, message(60))).await.unwrap().into_inner();
        assert_eq!(again, done, "a repeat gets the first result");
        let stale = pb::AcknowledgeRiskRequest { request_id: String::new(), ..message(60) };
        let refused = world.risks().acknowledge_risk(world.request(ACKNOWLEDGE, stale)).await.unwrap_err();
        assert_eq!(refused.code(), Code::Aborted);
        assert_eq!(world.open().await, counts(0, 0, 0, 0, 0));

        world.clock.advance(Duration::from_secs(60));
        assert_eq!(world.open().await, counts(1, 0, 0, 0, 0), "time is evaluated where it is read");
        let found = world.search("state = RISK_STATE_OPEN").await.remove(0);
        assert_eq!((found.acknowledgement, found.etag.as_str()), (None, "3"));
        let withdraw = pb::WithdrawAcknowledgementRequest { name: risk.name(), ..Default::default() };
        let refused =
            world.risks().withdraw_acknowledgement(world.request(WITHDRAW, withdraw.clone())).await.unwrap_err();
        assert_eq!(refused.code(), Code::FailedPrecondition, "{refused}");
        let later = pb::AcknowledgeRiskRequest { etag: String::new(), request_id: String::new(), ..message(120) };
        world.risks().acknowledge_risk(world.by(11, ACKNOWLEDGE, later)).await.unwrap();
        let open =
            world.risks().withdraw_acknowledgement(world.request(WITHDRAW, withdraw)).await.unwrap().into_inner();
        assert_eq!(open.state(), pb::RiskState::Open);
        assert_eq!(world.open().await, counts(1, 0, 0, 0, 0));
        world.running.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn rules_suppress_what_there_is_and_what_comes() {
    for database in databases().await {
        let world = World::start(&database.url).await;
        let many = (0..2_500).map(|i| testing::risk(11, &format!("m{i}"), Category::Baseline, Severity::Low));
        for chunk in many.collect::<Vec<_>>().chunks(1_000) {
            world.import(chunk.to_vec()).await;
        }
        world.import(some(12, 0..5)).await;
        let rule = world.create_rule("low", "severity = SEVERITY_LOW").await;
        assert_eq!((rule.suppressed, rule.applied), (0, false), "{}", database.engine);
        world.applied("low").await;
        assert_eq!(world.rule("low").await.suppressed, 2_501);
        assert_eq!(world.open().await, counts(1, 1, 1, 0, 1));
        let suppressed =
            world.search("state = RISK_STATE_SUPPRESSED account = accounts/1000000000000012").await.remove(0);
        assert_eq!((suppressed.suppression_rule.as_str(), suppressed.etag.as_str()), (rule.name.as_str(), "2"));

        let came = world.import(some(11, 6..7)).await.remove(0);
        assert_eq!(came.suppression_rule, "low", "what comes is suppressed when it comes");
        let earlier = world.create_rule("any", "category = RISK_CATEGORY_BASELINE").await;
        world.applied("any").await;
        assert_eq!(world.rule("any").await.suppressed, 2_501, "the first by id wins");
        assert_eq!(world.rule("low").await.suppressed, 1);

        let update = pb::UpdateSuppressionRuleRequest {
            suppression_rule: Some(pb::SuppressionRule { disabled: true, ..earlier }),
            update_mask: Some(prost_types::FieldMask { paths: vec!["disabled".into()] }),
            request_id: String::new(),
        };
        world.rules().update_suppression_rule(world.request(UPDATE_RULE, update.clone())).await.unwrap();
        world.applied("any").await;
        assert_eq!((world.rule("any").await.suppressed, world.rule("low").await.suppressed), (0, 2_502));
        let refused = world.rules().update_suppression_rule(world.request(UPDATE_RULE, update)).await.unwrap_err();
        assert_eq!(refused.code(), Code::Aborted, "its etag is another by now");

        let delete = pb::DeleteSuppressionRuleRequest { name: rule.name, ..Default::default() };
        world.rules().delete_suppression_rule(world.request(DELETE_RULE, delete)).await.unwrap();
        eventually(async || world.open().await == counts(1, 1, 1, 2_502, 1)).await;
        world.running.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rule_ends_with_its_time_and_with_the_list() {
    for database in databases().await {
        let world = World::start(&database.url).await;
        world.import(some(11, 0..5)).await;
        world.import(some(12, 0..5)).await;
        let now = bailiwick_core::Clock::now(world.clock.as_ref()).as_seconds();
        let rule = pb::SuppressionRule {
            filter: "severity = SEVERITY_CRITICAL".into(),
            reason: "for now".into(),
            expire_time: Some(prost_types::Timestamp { seconds: now + 3_600, nanos: 0 }),
            ..Default::default()
        };
        let message = pb::CreateSuppressionRuleRequest {
            parent: directory(1).name(),
            suppression_rule_id: "r".into(),
            suppression_rule: Some(rule),
            request_id: String::new(),
        };
        world.rules().create_suppression_rule(world.request(CREATE_RULE, message.clone())).await.unwrap();
        world.applied("r").await;
        assert_eq!(world.rule("r").await.suppressed, 2, "{}", database.engine);
        let refused = world.rules().create_suppression_rule(world.request(CREATE_RULE, message)).await.unwrap_err();
        assert_eq!(refused.code(), Code::AlreadyExists);

        world.leave(12).await;
        let own = async || {
            let own = pb::ListRisksRequest {
                parent: account(12).name(),
                filter: "severity = SEVERITY_CRITICAL".into(),
                ..Default::default()
            };
            world.risks().list_risks(world.by(12, LIST, own)).await.unwrap().into_inner().risks.remove(0).state()
        };
        eventually(async || own().await == pb::RiskState::Open).await;
        world.enrol(12).await;
        eventually(async || own().await == pb::RiskState::Suppressed).await;

        world.clock.advance(Duration::from_secs(3_600));
        eventually(async || own().await == pb::RiskState::Open).await;
        eventually(async || world.rule("r").await.suppressed == 0).await;
        world.running.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn rules_are_as_many_as_they_may_be_and_say_something() {
    let database = bailiwick_testkit::sqlite();
    let world = World::start(&database.url).await;
    let create = async |id: String, filter: &str, reason: &str| {
        let rule = pb::SuppressionRule { filter: filter.into(), reason: reason.into(), ..Default::default() };
        let message = pb::CreateSuppressionRuleRequest {
            parent: directory(1).name(),
            suppression_rule_id: id,
            suppression_rule: Some(rule),
            request_id: String::new(),
        };
        world.rules().create_suppression_rule(world.request(CREATE_RULE, message)).await
    };
    for (id, filter, reason, field) in [
        ("", "rule:a", "r", "suppression_rule_id"),
        ("A", "rule:a", "r", "suppression_rule_id"),
        ("a", "", "r", "suppression_rule.filter"),
        ("a", "state = RISK_STATE_OPEN", "r", "suppression_rule.filter"),
        ("a", "rule:a", "", "suppression_rule.reason"),
    ] {
        let refused = create(id.into(), filter, reason).await.unwrap_err();
        assert!(refused.code() == Code::InvalidArgument && refused.message().contains(field), "{refused}");
    }
    for n in 0..100 {
        create(format!("r{n}"), "rule:nothing", "r").await.unwrap();
    }
    assert_eq!(create("one-more".into(), "rule:a", "r").await.unwrap_err().code(), Code::ResourceExhausted);
    world.running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn exports_have_each_risk_once() {
    for database in databases().await {
        let world = World::start(&database.url).await;
        let many = (0..450).map(|i| testing::risk(11, &format!("=m{i}"), Category::ALL[i % 4], Severity::ALL[i % 5]));
        world.import(many.collect()).await;
        let (csv, risks) = world.export(pb::ExportFormat::Csv, "").await;
        assert_eq!(risks, 450, "{}", database.engine);
        let text = String::from_utf8(csv).unwrap();
        assert_eq!(text.matches("\r\n").count(), 451);
        assert_eq!(text.matches(",'=m").count(), 450, "no cell is a formula");
        let names: BTreeSet<_> = text.lines().skip(1).map(|line| line.split(',').next().unwrap()).collect();
        assert_eq!(names.len(), 450);

        let (json, risks) = world.export(pb::ExportFormat::JsonLines, "severity = SEVERITY_HIGH").await;
        assert_eq!(risks, 90);
        let lines: Vec<serde_json::Value> =
            String::from_utf8(json).unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert!(lines.len() == 90 && lines.iter().all(|line| line["severity"] == "SEVERITY_HIGH"));
        assert!(lines[0]["firstSeenTime"].is_string() && lines[0]["findingUid"].is_string());

        let (ocsf, _) = world.export(pb::ExportFormat::Ocsf, "severity = SEVERITY_HIGH").await;
        let lines: Vec<serde_json::Value> =
            String::from_utf8(ocsf).unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert!(lines.len() == 90 && lines.iter().all(|line| line["severity_id"] == 4));

        let (empty, risks) = world.export(pb::ExportFormat::JsonLines, "region = nowhere").await;
        assert_eq!((empty.len(), risks), (0, 0));
        world.running.stop().await;
    }
}

async fn next(stream: &mut Streaming<pb::WatchRisksResponse>) -> pb::WatchRisksResponse {
    let next = tokio::time::timeout(Duration::from_secs(20), stream.message());
    next.await.expect("something comes in time").unwrap().expect("the stream goes on")
}

#[tokio::test(flavor = "multi_thread")]
async fn changes_are_followed_without_gaps() {
    for database in databases().await {
        let world = World::start(&database.url).await;
        world.import(some(11, 0..2)).await;
        let mut stream = world.watch("state = RISK_STATE_OPEN", "").await;
        let came = world.import(some(11, 4..5)).await.remove(0);
        let batch = next(&mut stream).await;
        assert_eq!(
            batch.risks.iter().map(|risk| &risk.name).collect::<Vec<_>>(),
            [&came.name()],
            "{}",
            database.engine
        );
        let rule = world.create_rule("r", "severity = SEVERITY_CRITICAL").await;
        let batch = next(&mut stream).await;
        assert_eq!((batch.risks.len(), &batch.unmatched_risks), (0, &vec![came.name()]), "it is suppressed now");
        let token = batch.resume_token;
        drop(stream);

        world.import(some(12, 0..5)).await;
        let mut resumed = world.watch("state = RISK_STATE_OPEN", &token).await;
        let mut seen = BTreeSet::new();
        while seen.len() < 4 {
            seen.extend(next(&mut resumed).await.risks.into_iter().map(|risk| risk.title));
        }
        assert_eq!(
            seen,
            world.titles("state = RISK_STATE_OPEN account = accounts/1000000000000012").await.into_iter().collect()
        );

        world.leave(12).await;
        let mut left = Vec::new();
        while left.is_empty() {
            left = next(&mut resumed).await.left_accounts;
        }
        assert_eq!(left, [account(12).name()]);
        world.import(some(12, 5..6)).await;
        world.enrol(12).await;
        let mut names = BTreeSet::new();
        while names.len() < 5 {
            let batch = next(&mut resumed).await;
            names.extend(
                batch.risks.into_iter().filter(|risk| risk.account == account(12).name()).map(|risk| risk.name),
            );
        }

        let other =
            pb::WatchRisksRequest { parent: directory(1).name(), filter: String::new(), resume_token: token.clone() };
        let refused = world.risks().watch_risks(world.request(WATCH, other.clone())).await.unwrap_err();
        assert_eq!(refused.code(), Code::InvalidArgument, "a token of another filter");
        world.clock.advance(Duration::from_hours(24));
        let old = pb::WatchRisksRequest { filter: "state = RISK_STATE_OPEN".into(), ..other };
        let refused = world.risks().watch_risks(world.request(WATCH, old)).await.unwrap_err();
        assert_eq!(refused.code(), Code::InvalidArgument, "a token that is too old");
        let delete = pb::DeleteSuppressionRuleRequest { name: rule.name, ..Default::default() };
        world.rules().delete_suppression_rule(world.request(DELETE_RULE, delete)).await.unwrap();
        let mut opened = BTreeSet::new();
        while !opened.contains(&came.name()) {
            opened.extend(next(&mut resumed).await.risks.into_iter().map(|risk| risk.name));
        }
        world.running.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_member_reads_its_own_risks_alone() {
    let database = bailiwick_testkit::sqlite();
    let world = World::start(&database.url).await;
    let request = |n: u8, path, parent: String| {
        let message = pb::ListRisksRequest { parent, ..Default::default() };
        world.suite.request((account(n), "alice"), path, message).map(drop)
    };
    let of = |n: u8| AccountId::name(account(n));
    request(11, LIST, of(11)).unwrap();
    assert!(request(11, LIST, of(12)).is_err(), "of another member");
    assert!(request(20, LIST, of(11)).is_err(), "the management account of another directory");
    assert!(request(10, LIST, of(13)).is_err(), "of a member that is not in the list");
    world.running.stop().await;
}
