//! Imports while Security Center is killed again and again: what comes of them is what comes of one that nobody disturbed.

use bailiwick_api::securitycenter::v1::FindingImportOptions;
use bailiwick_core::Role;
use prost_reflect::prost::Message;
use serde_json::{Value, json};

use super::finding_imports::{OCSF, file, first, import, number, open, options, piece, prowler, send};
use crate::{
    client::{Client, Talk},
    live::{Account, Databases, register, text},
    patience::{in_time, passes, until},
    processes::Processes,
};

const LIST: &str = "securitycenter.v1.RiskService/ListRisks";
const GET_ACCOUNT: &str = "directory.v1.AccountService/GetAccount";
const FINDINGS: u32 = 6_000;
const KILLS: usize = 4;
const PIECE: usize = 64 << 10;

/// Goes on with an import, as soon as somebody is there to take it.
async fn go_on(account: &Account, options: &FindingImportOptions) -> (Talk, Value) {
    let attempt = || open(&account.root, first(&account.name, 1, Some(options.clone())));
    in_time("the import goes on", attempt, passes).await
}

/// What a scanner found in an account, as it is kept, without what tells accounts and times apart.
async fn kept(client: &Client, account: &str) -> Vec<Value> {
    let (mut risks, mut token) = (Vec::new(), String::new());
    loop {
        let asked = json!({
            "parent": account, "filter": "source = \"Prowler\"", "page_size": 1000, "page_token": token
        });
        let page = client.call(LIST, asked).await.unwrap();
        for risk in page["risks"].as_array().unwrap() {
            let fields = ["findingUid", "rule", "severity", "state", "scope", "title", "detail", "resource", "etag"];
            risks.push(json!(fields.map(|field| text(risk, field))));
        }
        token = text(&page, "nextPageToken").to_owned();
        if token.is_empty() {
            risks.sort_by_key(ToString::to_string);
            return risks;
        }
    }
}

async fn survives(databases: Databases) {
    let mut processes = Processes::start(databases).await;
    let operator = processes.operator().await;
    let disturbed = register(&operator, "disturbed", "Example").await;
    let left_alone = register(&operator, "left-alone", "Example").await;
    for account in [&disturbed, &left_alone] {
        let known = async || account.root.call(GET_ACCOUNT, json!({"name": account.name})).await.is_ok();
        until("the gateway knows the account", known).await;
    }
    let findings = file(&prowler(0..FINDINGS));
    let full = FindingImportOptions { full: true, ..options(OCSF) };

    let mut acknowledged = 0;
    for kill in 1..=KILLS {
        let (mut talk, begun) = go_on(&disturbed, &full).await;
        let at = number(&begun, "storedBytes");
        assert!(at >= acknowledged, "what was acknowledged is stored");
        let to = findings.len() * kill / (KILLS + 1);
        for from in (at..to).step_by(PIECE) {
            talk.send(piece(&findings, from, (from + PIECE).min(to)).encode_to_vec()).await;
        }
        while acknowledged <= at {
            let answer = talk.next().await.unwrap().unwrap();
            acknowledged = number(&answer["findingImport"], "storedBytes");
        }
        processes.kill_and_restart(Role::SecurityCenter);
    }
    let (mut talk, begun) = go_on(&disturbed, &full).await;
    let done = send(&mut talk, &findings, number(&begun, "storedBytes"), PIECE).await.unwrap();
    let calm = import(&left_alone.root, first(&left_alone.name, 2, Some(full)), &findings).await.unwrap();
    for field in ["findings", "created", "seen", "reopened", "fixed", "duplicates", "passed", "storedBytes", "state"] {
        assert_eq!(done[field], calm[field], "{field}");
    }
    assert_eq!(number(&done, "created"), FINDINGS as usize);
    let risks = kept(&disturbed.root, &disturbed.name).await;
    assert_eq!(risks.len(), FINDINGS as usize);
    assert_eq!(risks, kept(&left_alone.root, &left_alone.name).await);
}

/// covers: R-SC-17
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_import_survives_kills_on_sqlite() {
    survives(Databases::Sqlite).await;
}

/// covers: R-SC-17
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_import_survives_kills_on_postgresql() {
    survives(Databases::Postgres).await;
}
