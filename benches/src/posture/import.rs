//! Importing findings laid out as Prowler writes them.

use bailiwick_api::{
    securitycenter::v1::{
        FindingImportOptions, ImportFindingsRequest, finding_import_service_client::FindingImportServiceClient,
    },
    r#type::v1::{AccessFactChange, AccountFact, EnrolmentFact, IdentityFact, PrincipalKind, access_fact::Kind},
};
use bailiwick_core::{AccountId, Role, TrustedService};
use bailiwick_roster::testing::{Suite, directory};
use futures::{StreamExt, TryStreamExt, stream};
use sea_orm::{ConnectionTrait, Statement};
use tonic::Request;

const METHOD: &str = "/bailiwick.securitycenter.v1.FindingImportService/ImportFindings";
const PIECE: usize = 1 << 20;
const OCSF: i32 = 1;
/// Rules of a scanner: findings of one have the same texts.
const RULES: u64 = 300;

pub fn account(n: u64) -> AccountId {
    AccountId::try_from(2_000_000_000_000_000 + n).expect("an account id")
}

/// Makes the accounts known, each with a user and in the control list.
pub async fn register(suite: &Suite, accounts: u64) {
    for some in (0..accounts).collect::<Vec<_>>().chunks(500) {
        let facts = some.iter().flat_map(|n| {
            let (name, of) = (account(*n).name(), directory(1).name());
            let identity = format!("{name}/users/alice");
            let member =
                AccountFact { account: name, directory: of, incarnation: "i1".into(), ..AccountFact::default() };
            let user = IdentityFact {
                identity,
                kind: PrincipalKind::User.into(),
                enabled: true,
                policies: vec!["AdministratorAccess".into()],
                ..IdentityFact::default()
            };
            let listed = EnrolmentFact {
                directory: directory(1).name(),
                trusted_service: TrustedService::SecurityCenter.to_string(),
                account: account(*n).name(),
                incarnation: "i1".into(),
                uid: format!("u{n}"),
            };
            [Kind::Account(member), Kind::Identity(user), Kind::Enrolment(listed)].map(AccessFactChange::holds)
        });
        suite.delegation.say(facts.collect()).await;
    }
}

/// Imports of all accounts, some at once; returns how many risks there are then.
pub async fn all(suite: &Suite, accounts: u64, each: u64, streams: usize, round: u64) -> u64 {
    let imports = stream::iter(0..accounts).map(|n| one(suite, n, each, round));
    imports.buffer_unordered(streams).collect::<()>().await;
    let conn = suite.db.reader();
    let count = Statement::from_string(conn.get_database_backend(), "SELECT COUNT(*) FROM risks");
    let row = conn.query_one_raw(count).await.expect("risks can be counted").expect("a number");
    let count: i64 = row.try_get_by_index(0).expect("a number");
    count.unsigned_abs()
}

async fn one(suite: &Suite, n: u64, each: u64, round: u64) {
    let of = account(n);
    let options = FindingImportOptions { format: OCSF, full: true, ..FindingImportOptions::default() };
    let first = ImportFindingsRequest {
        parent: of.name(),
        request_id: format!("2f0c2c62-3a0b-4bb8-{round:04}-{n:012}"),
        options: Some(options),
        ..ImportFindingsRequest::default()
    };
    let request = suite.request((of, "alice"), METHOD, first).expect("the account imports for itself");
    let (metadata, extensions, first) = request.into_parts();
    let request = Request::from_parts(metadata, extensions, stream::iter([first]).chain(pieces(n, each)));
    let mut client = FindingImportServiceClient::new(suite.channel(Role::SecurityCenter));
    let answers = client.import_findings(request).await.expect("the import begins").into_inner();
    let last = answers.try_fold(None, async |_, answer| Ok(answer.finding_import)).await.expect("it is imported");
    let stored = last.map(|import| import.findings).unwrap_or_default();
    assert_eq!(stored.unsigned_abs(), each, "all findings of the file are stored");
}

/// The file of an account, an object in each line, in pieces.
fn pieces(n: u64, each: u64) -> impl futures::Stream<Item = ImportFindingsRequest> {
    let (mut next, mut offset) = (0, 0_usize);
    stream::iter(std::iter::from_fn(move || {
        if next == each {
            return None;
        }
        let mut data = Vec::with_capacity(PIECE);
        while next < each && data.len() + 4_096 < PIECE {
            data.extend_from_slice(finding(n, next).as_bytes());
            next += 1;
        }
        let at = i64::try_from(offset).expect("a place in a file");
        offset += data.len();
        Some(ImportFindingsRequest { offset: at, data, finish: next == each, ..ImportFindingsRequest::default() })
    }))
}

fn finding(account: u64, n: u64) -> String {
    let (rule, severity) = (n % RULES, 1 + n % 5);
    let thing = format!("acs:ecs:eu-central-1:{account}:instance/i-{n:08x}");
    format!(
        r#"{{"message":"Instance i-{n:08x} does not meet rule {rule}.","metadata":{{"event_code":"ecs_rule_{rule}","product":{{"name":"Prowler","uid":"prowler","vendor_name":"Prowler","version":"5.14.0"}},"profiles":["cloud","datetime"],"tenant_uid":"","version":"1.5.0"}},"severity_id":{severity},"severity":"High","status":"New","status_code":"FAIL","status_detail":"Instance i-{n:08x} does not meet rule {rule}.","status_id":1,"unmapped":{{"related_url":"","categories":[],"depends_on":[],"related_to":[],"notes":"","compliance":{{"CIS-2.0":["4.{rule}"]}}}},"activity_name":"Create","activity_id":1,"finding_info":{{"created_time":1739539623,"created_time_dt":"2025-02-14T14:27:03.913874","desc":"Instances meet rule {rule}, so that nobody reaches what nobody should reach.","title":"Instances meet rule {rule}","types":[],"uid":"prowler-alibabacloud-ecs_rule_{rule}-{account}-eu-central-1-i-{n:08x}"}},"resources":[{{"cloud_partition":"","region":"eu-central-1","data":{{"details":"","metadata":{{}}}},"group":{{"name":"ecs"}},"labels":[],"name":"i-{n:08x}","type":"AlibabaCloudEcsInstance","uid":"{thing}"}}],"category_name":"Findings","category_uid":2,"class_name":"Detection Finding","class_uid":2004,"cloud":{{"account":{{"name":"","type":"Other","type_id":99,"uid":"{account}","labels":[]}},"org":{{"name":"","uid":""}},"provider":"alibabacloud","region":"eu-central-1"}},"remediation":{{"desc":"Set it as rule {rule} has it.","references":["https://example.com/rules/{rule}"]}},"risk_details":"Whoever reaches it can use it.","time":1739539623,"time_dt":"2025-02-14T14:27:03.913874","type_uid":200401,"type_name":"Detection Finding: Create"}}
"#
    )
}

/// The most memory that the process had, as the system says.
pub fn peak() -> String {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    status.lines().find(|line| line.starts_with("VmHWM")).unwrap_or("unknown").to_owned()
}
