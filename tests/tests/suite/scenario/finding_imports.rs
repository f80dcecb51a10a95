//! Imports of what scanners found, by accounts themselves and by the administrator of Security Center.

use bailiwick_api::securitycenter::v1::{FindingImportOptions, ImportFindingsRequest};
use prost_reflect::prost::Message;
use serde_json::{Value, json};
use tonic::Code;

use crate::{
    client::{Client, Failure, Talk},
    live::{
        Account, Databases, Suite, create_member, designate, enable_directory, enable_service, join, register,
        subscribe, text,
    },
};

const IMPORT: &str = "securitycenter.v1.FindingImportService/ImportFindings";
const GET: &str = "securitycenter.v1.FindingImportService/GetFindingImport";
const LIST: &str = "securitycenter.v1.FindingImportService/ListFindingImports";
pub(super) const OCSF: i32 = 1;
const SARIF: i32 = 2;
const NOTHING: i32 = 2;

struct Scene {
    suite: Suite,
    management: Account,
    /// Of Security Center.
    administrator: Account,
    /// Of SASE.
    other: Account,
    member: Account,
    /// In the control list; nobody signs in there.
    created: String,
    directory: String,
}

impl Scene {
    async fn start(databases: Databases) -> Self {
        let suite = Suite::start(databases).await;
        let operator = suite.operator().await;
        let management = register(&operator, "management", "Example").await;
        let directory = enable_directory(&management).await;
        let created = create_member(&management, &directory, "created").await;
        let administrator = register(&operator, "administrator", "Example").await;
        let other = register(&operator, "other", "Example").await;
        let member = register(&operator, "member", "Example").await;
        for account in [&administrator, &other, &member] {
            join(&management, &directory, account).await;
        }
        for (service, account) in [("security-center", &administrator), ("sase", &other)] {
            enable_service(&management, &directory, service).await;
            designate(&management, &directory, service, &account.name).await;
        }
        subscribe(&administrator).await;
        subscribe(&management).await;
        let entry = json!({"parent": directory, "monitored_account": {"account": created}});
        let add = "securitycenter.v1.MonitoredAccountService/CreateMonitoredAccount";
        administrator.root.call(add, entry).await.unwrap();
        Self { suite, management, administrator, other, member, created, directory }
    }
}

/// A UUID.
pub(super) fn id(n: u32) -> String {
    format!("2f0c2c62-3a0b-4bb8-8f4b-{n:012}")
}

/// Findings laid out as Prowler writes them.
pub(super) fn prowler(uids: std::ops::Range<u32>) -> Vec<Value> {
    uids.map(|n| {
        json!({
            "message": format!("thing {n} is open"), "severity_id": 3, "severity": "Medium", "status": "New",
            "metadata": {"event_code": "thing_not_open", "version": "1.5.0", "profiles": ["cloud", "datetime"],
                "product": {"name": "Prowler", "uid": "prowler", "vendor_name": "Prowler", "version": "5.14.0"}},
            "status_code": "FAIL", "status_detail": format!("thing {n} is open"), "status_id": 1,
            "finding_info": {"uid": format!("prowler-{n}"), "title": "Things are closed", "desc": "All of them", "types": []},
            "resources": [{"uid": format!("acs:thing/{n}"), "name": "thing", "type": "Thing", "region": "eu-central-1",
                "data": {"details": "", "metadata": {}}, "group": {"name": "things"}, "labels": []}],
            "category_uid": 2, "class_uid": 2004, "class_name": "Detection Finding", "activity_id": 1,
            "cloud": {"provider": "alibabacloud", "region": "eu-central-1"}, "type_uid": 200401,
            "remediation": {"desc": "Close it", "references": ["https://example.com"]}, "risk_details": "It is open"
        })
    })
    .collect()
}

pub(super) fn file(findings: &[Value]) -> Vec<u8> {
    serde_json::to_vec_pretty(findings).unwrap()
}

pub(super) fn first(parent: &str, n: u32, options: Option<FindingImportOptions>) -> ImportFindingsRequest {
    ImportFindingsRequest { parent: parent.to_owned(), request_id: id(n), options, ..Default::default() }
}

pub(super) fn options(format: i32) -> FindingImportOptions {
    FindingImportOptions { format, scope: "eu".to_owned(), file_name: "findings.json".to_owned(), ..Default::default() }
}

pub(super) fn piece(file: &[u8], from: usize, to: usize) -> ImportFindingsRequest {
    let to = to.min(file.len());
    let (offset, finish) = (i64::try_from(from).unwrap(), to == file.len());
    ImportFindingsRequest { offset, data: file[from..to].to_vec(), finish, ..Default::default() }
}

pub(super) async fn open(client: &Client, message: ImportFindingsRequest) -> Result<(Talk, Value), Failure> {
    let mut talk = client.talk(IMPORT).await?;
    talk.send(message.encode_to_vec()).await;
    let begun = talk.next().await?.expect("a first answer");
    Ok((talk, begun["findingImport"].clone()))
}

pub(super) fn number(import: &Value, field: &str) -> usize {
    text(import, field).parse().unwrap()
}

/// Sends a file from where its import is, and returns what it comes to; after each piece it waits for what is stored of it.
pub(super) async fn send(talk: &mut Talk, file: &[u8], from: usize, size: usize) -> Result<Value, Failure> {
    let (mut at, mut last) = (from, Value::Null);
    while at < file.len() {
        talk.send(piece(file, at, at + size).encode_to_vec()).await;
        at = file.len().min(at + size);
    }
    while let Some(answer) = talk.next().await? {
        let import = answer["findingImport"].clone();
        assert!(last.is_null() || number(&import, "storedBytes") >= number(&last, "storedBytes"));
        last = import;
    }
    Ok(last)
}

pub(super) async fn import(client: &Client, message: ImportFindingsRequest, file: &[u8]) -> Result<Value, Failure> {
    let (mut talk, begun) = open(client, message).await?;
    send(&mut talk, file, number(&begun, "storedBytes"), 64 << 10).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn accounts_and_the_administrator_import_what_scanners_found() {
    for databases in [Databases::Sqlite, Databases::Postgres] {
        let scene = Scene::start(databases).await;
        let findings = file(&prowler(0..300));
        // The account itself needs no list; the administrator, and the management account, do what is in it.
        let whose = [
            (&scene.member.root, &scene.member.name),
            (&scene.administrator.root, &scene.created),
            (&scene.management.root, &scene.created),
        ];
        for (n, (client, account)) in (1..).zip(whose) {
            let done = import(client, first(account, n, Some(options(OCSF))), &findings).await.unwrap();
            assert_eq!(text(&done, "state"), "FINDING_IMPORT_STATE_SUCCEEDED", "{done}");
            assert_eq!(number(&done, "findings"), 300);
            assert_eq!(number(&done, "storedBytes"), findings.len());
            let created = if n == 3 { 0 } else { 300 };
            assert_eq!((number(&done, "created"), number(&done, "seen")), (created, 300 - created));
            let read = client.call(GET, json!({"name": text(&done, "name")})).await.unwrap();
            assert_eq!(read, done);
        }
        let list = json!({"parent": scene.created});
        let listed = scene.administrator.root.call(LIST, list).await.unwrap();
        let names: Vec<_> = listed["findingImports"].as_array().unwrap().iter().map(|i| text(i, "name")).collect();
        let name = |n| format!("{}/findingImports/{}", scene.created, id(n));
        assert_eq!(names, [name(3), name(2)], "the newest first");
        assert_eq!(text(&listed["findingImports"][1], "operator"), format!("{}/users/root", scene.administrator.name));

        // Of the member, that is in no list, the administrator knows nothing; another administrator of nobody.
        let (member, created) = (&scene.member.name, &scene.created);
        for (client, account, code, reason) in [
            (&scene.administrator.root, member, Code::PermissionDenied, "ACCOUNT_NOT_ENROLLED"),
            (&scene.other.root, created, Code::PermissionDenied, "SEAT_REQUIRED"),
            (&scene.member.root, created, Code::PermissionDenied, "SEAT_REQUIRED"),
            (&scene.suite.client(), member, Code::Unauthenticated, "CREDENTIAL_MISSING"),
        ] {
            let refused = open(client, first(account, 9, Some(options(OCSF)))).await.err().expect("it is refused");
            assert_eq!((refused.code, refused.reason.as_str()), (code, reason), "{account}");
            let refused = client.refused(LIST, json!({"parent": account})).await;
            assert_eq!(refused.reason, reason);
            let one = json!({"name": format!("{account}/findingImports/{}", id(1))});
            assert_eq!(client.refused(GET, one).await.reason, reason);
        }
        assert!(!scene.directory.is_empty());
        scene.suite.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_import_that_was_interrupted_goes_on_where_it_was() {
    for databases in [Databases::Sqlite, Databases::Postgres] {
        let scene = Scene::start(databases).await;
        let (client, account) = (&scene.member.root, &scene.member.name);
        let findings = file(&prowler(0..1_500));
        let asked = Some(FindingImportOptions { full: true, ..options(OCSF) });
        let (mut talk, begun) = open(client, first(account, 1, asked.clone())).await.unwrap();
        assert_eq!(number(&begun, "storedBytes"), 0);
        let half = findings.len() / 2;
        talk.send(piece(&findings, 0, half).encode_to_vec()).await;
        let stored = loop {
            let answer = talk.next().await.unwrap().unwrap();
            let stored = number(&answer["findingImport"], "storedBytes");
            if stored > 0 {
                break stored;
            }
        };
        assert!(stored <= half);
        drop(talk);

        let (mut talk, begun) = open(client, first(account, 1, None)).await.unwrap();
        let at = number(&begun, "storedBytes");
        assert!(at >= stored, "what was acknowledged is stored");
        let done = send(&mut talk, &findings, at, 100_000).await.unwrap();
        let of = |field| number(&done, field);
        assert_eq!(
            (of("findings"), of("created"), of("duplicates"), of("storedBytes")),
            (1_500, 1_500, 0, findings.len())
        );

        // Of the same import once more, nothing changes.
        let again = import(client, first(account, 1, asked.clone()), &findings).await.unwrap();
        assert_eq!(again, done);
        // A further scan of all finds less: the rest is fixed.
        let less = file(&prowler(0..200));
        let fixed = import(client, first(account, 2, asked), &less).await.unwrap();
        assert_eq!((number(&fixed, "seen"), number(&fixed, "fixed")), (200, 1_300));
        scene.suite.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_wrong_with_a_file_is_named_after_how_far_it_came() {
    let scene = Scene::start(Databases::Sqlite).await;
    let (client, account) = (&scene.member.root, &scene.member.name);
    let mut findings = prowler(0..20);
    findings[12]["finding_info"]["uid"] = json!(12);
    let lines = findings.iter().map(Value::to_string).collect::<Vec<_>>().join("\n").into_bytes();
    let nothing = FindingImportOptions { on_error: NOTHING, ..options(OCSF) };
    for (n, asked, kept) in [(1, nothing, 0), (2, options(OCSF), 12)] {
        let (mut talk, _) = open(client, first(account, n, Some(asked))).await.unwrap();
        let failure = send(&mut talk, &lines, 0, 1 << 20).await.unwrap_err();
        assert_eq!((failure.code, failure.reason.as_str()), (Code::InvalidArgument, "FINDING_FILE_INVALID"));
        assert_eq!(failure.metadata["line"], "13");
        assert_eq!(failure.metadata["field"], "finding_info.uid");
        assert_eq!(failure.fields, ["finding_info.uid"]);
        let read = client.call(GET, json!({"name": failure.metadata["finding_import"]})).await.unwrap();
        assert_eq!(text(&read, "state"), "FINDING_IMPORT_STATE_FAILED");
        assert_eq!((number(&read, "created"), number(&read, "problemLine")), (kept, 13), "{read}");
    }
    // Truncated, and none at all.
    let whole = file(&prowler(0..3));
    let sarif = json!({"version": "2.1.0", "runs": [{"tool": {"driver": {"name": "x"}}, "results": [{"level": 5}]}]});
    for (n, format, bytes, field) in [
        (3, OCSF, &whole[..whole.len() - 20], ""),
        (4, SARIF, sarif.to_string().as_bytes(), "runs[0].results[0].level"),
    ] {
        let (mut talk, _) = open(client, first(account, n, Some(options(format)))).await.unwrap();
        let failure = send(&mut talk, bytes, 0, 1 << 20).await.unwrap_err();
        assert_eq!((failure.reason.as_str(), failure.metadata["field"].as_str()), ("FINDING_FILE_INVALID", field));
    }

    // What cannot be an import, or is not this one.
    let refused = open(client, first(account, 5, None)).await.err().expect("it does not say what it is");
    assert_eq!((refused.reason.as_str(), refused.fields), ("INVALID_FIELD", vec!["options".to_owned()]));
    let mut message = first(account, 5, Some(options(0)));
    message.request_id = "5".to_owned();
    let refused = open(client, message).await.err().expect("it is malformed");
    assert_eq!(refused.fields, ["request_id", "options.format"]);
    let other = FindingImportOptions { scope: "us".to_owned(), ..options(OCSF) };
    let refused = open(client, first(account, 2, Some(other))).await.err().expect("it has other options");
    assert_eq!((refused.code, refused.reason.as_str()), (Code::FailedPrecondition, "FINDING_IMPORT_MISMATCH"));
    let (mut talk, _) = open(client, first(account, 6, Some(options(OCSF)))).await.unwrap();
    talk.send(piece(&whole, 5, 10).encode_to_vec()).await;
    let refused = loop {
        match talk.next().await {
            Ok(answer) => assert!(answer.is_some(), "bytes are missing"),
            Err(refused) => break refused,
        }
    };
    assert_eq!((refused.reason.as_str(), refused.metadata["stored_bytes"].as_str()), ("FINDING_IMPORT_MISMATCH", "0"));
    let (mut talk, _) = open(client, first(account, 7, Some(options(OCSF)))).await.unwrap();
    talk.send(piece(&vec![b' '; (1 << 20) + 1], 0, usize::MAX).encode_to_vec()).await;
    let refused = loop {
        match talk.next().await {
            Ok(answer) => assert!(answer.is_some(), "the piece is too large"),
            Err(refused) => break refused,
        }
    };
    assert_eq!((refused.reason.as_str(), refused.fields), ("INVALID_FIELD", vec!["data".to_owned()]));
    scene.suite.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sarif_is_imported() {
    let scene = Scene::start(Databases::Sqlite).await;
    let (client, account) = (&scene.member.root, &scene.member.name);
    let result = |n: u32| {
        json!({"ruleId": "R1", "level": "error", "message": {"text": format!("m{n}")}, "locations": [{"physicalLocation":
            {"artifactLocation": {"uri": format!("src/{n}.py")}, "region": {"startLine": 1}}}]})
    };
    let mut results: Vec<_> = (0..1_200).map(result).collect();
    results[0]["suppressions"] = json!([{"kind": "inSource"}]);
    let run = json!({"tool": {"driver": {"name": "Semgrep OSS", "rules": [{"id": "R1"}]}}, "results": results});
    let sarif = json!({"version": "2.1.0", "runs": [run]}).to_string().into_bytes();
    let done = import(client, first(account, 1, Some(options(SARIF))), &sarif).await.unwrap();
    let of = |field| number(&done, field);
    assert_eq!(text(&done, "state"), "FINDING_IMPORT_STATE_SUCCEEDED", "{done}");
    assert_eq!((of("findings"), of("created"), of("passed"), of("storedBytes")), (1_200, 1_199, 1, sarif.len()));
    scene.suite.stop().await;
}
