//! Imports and what they write, on both engines.

mod interrupted;
mod purged;
mod refused;
mod scans;

use std::{sync::Arc, time::Duration};

use bailiwick_api::securitycenter::v1::ImportFindingsRequest;
use bailiwick_core::{AccountId, SystemEntropy, Timestamp};
use bailiwick_db::{PageTokens, Sealer};
use bailiwick_roster::testing::{Suite, account};
use bailiwick_testkit::{ManualClock, TestDatabase, databases};
use sea_orm::{ConnectionTrait, Statement};
use serde_json::{Value, json};

use super::{
    app::{ImportError, ImportStream, Imports, Step},
    domain::{
        FindingImport, Format, ImportOptions, ImportRefusal, ImportState, OnError, Risk, RiskId, State, Tally, TallyKey,
    },
    store,
};

const IMPORT: &str = "/bailiwick.securitycenter.v1.FindingImportService/ImportFindings";
const LIST: &str = "/bailiwick.securitycenter.v1.FindingImportService/ListFindingImports";
const WITHIN: Duration = Duration::from_secs(60);

struct Scene {
    suite: Suite,
    clock: Arc<ManualClock>,
    imports: Imports,
    engine: &'static str,
}

/// A UUID.
fn id(n: u32) -> String {
    format!("2f0c2c62-3a0b-4bb8-8f4b-{n:012}")
}

fn ocsf(on_error: OnError) -> ImportOptions {
    ImportOptions {
        format: Format::Ocsf,
        scope: "eu".into(),
        full: false,
        scan: None,
        on_error,
        file_name: "findings.ocsf.json".into(),
    }
}

fn full() -> ImportOptions {
    ImportOptions { full: true, ..ocsf(OnError::Keep) }
}

/// A finding as Prowler has it, as far as it is read.
fn finding(uid: &str, status: &str) -> Value {
    json!({
        "class_uid": 2004, "severity_id": 4, "status_code": status, "status_detail": format!("{uid} is so"),
        "metadata": {"event_code": "check", "product": {"name": "Prowler"}},
        "finding_info": {"uid": uid, "title": "Check", "desc": "A check"},
        "remediation": {"desc": "Mend it", "references": ["https://example.com"]},
        "resources": [{"uid": format!("acs:{uid}"), "type": "Thing", "region": "eu-central-1"}]
    })
}

/// A file of failed checks.
fn failed(uids: &[&str]) -> Vec<u8> {
    json!(uids.iter().map(|uid| finding(uid, "FAIL")).collect::<Vec<_>>()).to_string().into_bytes()
}

fn sarif(results: usize) -> Vec<u8> {
    let results: Vec<_> = (0..results)
        .map(|n| {
            json!({"ruleId": "R", "message": {"text": format!("m{n}")}, "locations": [{"physicalLocation": {
                "artifactLocation": {"uri": format!("src/{n}.rs")}, "region": {"startLine": n + 1}}}]})
        })
        .collect();
    let run = json!({"tool": {"driver": {"name": "Semgrep", "rules": [{"id": "R"}]}}, "results": results});
    json!({"version": "2.1.0", "runs": [run]}).to_string().into_bytes()
}

impl Scene {
    async fn on(database: &TestDatabase) -> Self {
        let clock = Arc::new(ManualClock::default());
        let suite = Suite::new(&database.url, clock.clone(), crate::migrations).await;
        let entropy = Arc::new(SystemEntropy);
        let pages = PageTokens::new(Sealer::new([6; 32], entropy.clone()));
        let imports = Imports::new(suite.db.clone(), pages, entropy);
        Self { suite, clock, imports, engine: database.engine }
    }

    async fn open(&self, of: AccountId, n: u32, options: Option<ImportOptions>) -> Result<ImportStream, ImportError> {
        let message = ImportFindingsRequest { parent: of.name(), ..Default::default() };
        let call = self.suite.call((of, "alice"), IMPORT, &message, WITHIN).unwrap();
        self.imports.open(call, id(n), options).await
    }

    /// Imports a file in pieces.
    async fn import(
        &self,
        of: AccountId,
        n: u32,
        options: ImportOptions,
        file: &[u8],
        piece: usize,
    ) -> Result<FindingImport, ImportError> {
        let mut stream = self.open(of, n, Some(options)).await?;
        feed(&mut stream, file, piece, usize::MAX).await?;
        Ok(stream.import().clone())
    }

    /// Imports a file whole, an hour after whatever was before.
    async fn scan(&self, n: u32, options: ImportOptions, file: &[u8]) -> FindingImport {
        self.clock.advance(Duration::from_secs(3600));
        let done = self.import(account(11), n, options, file, 1 << 20).await.unwrap();
        assert_eq!(done.state, ImportState::Succeeded, "{}: {}", self.engine, done.problem);
        done
    }

    async fn risk(&self, of: AccountId, uid: &str) -> Option<Risk> {
        store::risk(self.suite.db.reader(), RiskId::of(of, "Prowler", uid)).await.unwrap()
    }

    /// All risks of an account, by what the scanner calls them.
    async fn risks(&self, of: AccountId) -> Vec<Risk> {
        let sql = format!("SELECT id FROM risks WHERE account = {}", of.get());
        let ids = self.numbers(&sql).await.into_iter().map(RiskId::from_number);
        let mut risks = store::risks_known(self.suite.db.reader(), ids).await.unwrap();
        risks.sort_by(|a, b| a.finding.uid.cmp(&b.finding.uid));
        risks
    }

    fn clock_after(&self, seconds: u64) -> Timestamp {
        self.suite.db.clock().now().after(Duration::from_secs(seconds))
    }

    async fn numbers(&self, sql: &str) -> Vec<i64> {
        let conn = self.suite.db.reader();
        let rows = conn.query_all_raw(Statement::from_string(conn.get_database_backend(), sql)).await.unwrap();
        rows.iter().map(|row| row.try_get_by_index(0).unwrap()).collect()
    }

    async fn execute(&self, sql: String) {
        let sql = &sql;
        let done = self.suite.db.write("test", |tx| async move {
            let backend = tx.conn().get_database_backend();
            tx.conn()
                .execute_raw(Statement::from_string(backend, sql.clone()))
                .await
                .map_err(bailiwick_db::DbError::from)?;
            Ok::<_, bailiwick_db::DbError>(())
        });
        done.await.unwrap();
    }

    /// The numbers of an account are those of its risks, whatever was imported.
    async fn check_numbers(&self, of: AccountId) {
        let risks = self.risks(of).await;
        let mut tally = Tally::default();
        risks.iter().for_each(|risk| tally.change(None, risk));
        let counted: Vec<(TallyKey, i64)> = tally.into_changes().collect();
        let kept =
            self.numbers(&format!("SELECT risks FROM risk_tallies WHERE account = {} AND risks <> 0", of.get())).await;
        assert_eq!(kept.len(), counted.len(), "{}", self.engine);
        for (key, count) in counted {
            let sql = format!(
                "SELECT risks FROM risk_tallies WHERE account = {} AND category = {} AND severity = {} AND state = {} AND day = {}",
                of.get(),
                key.category.code(),
                key.severity.code(),
                key.state.code(),
                key.day
            );
            assert_eq!(self.numbers(&sql).await, [count], "{}: {key:?}", self.engine);
        }
        let known = self.numbers(&format!("SELECT risks FROM risk_accounts WHERE account = {}", of.get())).await;
        assert_eq!(known, [risks.len() as i64], "{}", self.engine);
    }
}

/// Gives a file from where its import is, in pieces, until it is over or so many steps are done.
async fn feed(stream: &mut ImportStream, file: &[u8], piece: usize, mut steps: usize) -> Result<(), ImportError> {
    let mut at = usize::try_from(stream.import().stored_bytes).unwrap();
    loop {
        let end = file.len().min(at + piece);
        stream.give(at as u64, &file[at..end], end == file.len())?;
        at = end;
        loop {
            if steps == 0 {
                return Ok(());
            }
            match stream.step().await? {
                Step::Stored => steps -= 1,
                Step::Wait => break,
                Step::Over => return Ok(()),
            }
        }
        assert!(at < file.len() || stream.import().state != ImportState::Running, "it waits for what is not to come");
    }
}

fn mistake(import: &FindingImport) -> (u64, String) {
    match import.refusal() {
        Some(ImportRefusal::File { problem, .. }) => (problem.line, problem.field),
        other => panic!("{other:?}"),
    }
}

fn states(risks: &[Risk]) -> Vec<(&str, State)> {
    risks.iter().map(|risk| (risk.finding.uid.as_str(), risk.state)).collect()
}

fn start() -> Timestamp {
    bailiwick_core::Clock::now(&ManualClock::default())
}
