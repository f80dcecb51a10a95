//! Every role is killed in the midst of a stream of changes: nothing acknowledged is lost, the logs have no gaps, and
//! whoever follows them has seen each change once.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use bailiwick_api::audit::v1::Change;
use bailiwick_core::{Entropy, Role, SystemEntropy};
use bailiwick_db::CursorWait;
use prost_reflect::prost::Message;
use serde_json::{Value, json};
use tokio::{sync::Mutex, time::Instant};
use tonic::Code;

use crate::{
    client::Client,
    live::{self, Account, Databases},
    patience::PATIENCE,
    processes::Processes,
};

const MUTATIONS: usize = 2_000;
const WRITERS: usize = 4;

/// A change that was acknowledged: the role whose log must hold it, its request id, and its resource.
#[derive(Clone, Debug)]
struct Acknowledged {
    role: Role,
    request_id: String,
}

pub fn request_id() -> String {
    let mut bytes = [0; 16];
    SystemEntropy.fill(&mut bytes);
    bytes[6] = bytes[6] & 0x0f | 0x40;
    bytes[8] = bytes[8] & 0x3f | 0x80;
    let hex: String = bytes.iter().map(|b| format!("{b:02x}")).collect();
    format!("{}-{}-{}-{}-{}", &hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..])
}

/// Calls until it is acknowledged, with the same request id each time.
async fn insist(client: &Client, method: &str, mut request: Value) -> String {
    let id = request_id();
    request["request_id"] = json!(id);
    let deadline = Instant::now() + PATIENCE;
    loop {
        match client.call(method, request.clone()).await {
            Ok(_) => return id,
            Err(failure) => {
                let passing =
                    [Code::Unavailable, Code::DeadlineExceeded, Code::Cancelled, Code::Unknown, Code::Aborted];
                assert!(passing.contains(&failure.code), "{method}: {failure:?}");
                assert!(Instant::now() < deadline, "{method} is not acknowledged: {failure:?}");
                // Between tries of a call whose server is being restarted; the deadline above bounds them.
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        }
    }
}

/// What writer `writer` does as its `n`th change.
fn change(writer: usize, n: usize, account: &str, directory: &str, member: &str) -> (Role, &'static str, Value) {
    let entry = |collection: &str| format!("{directory}/{collection}/{}", member.trim_start_matches("accounts/"));
    let remark = format!("{writer}-{n}");
    match n % 5 {
        0 | 1 => (
            Role::Directory,
            "directory.v1.UserService/CreateUser",
            json!({"parent": account, "user_id": format!("u{writer}-{n}")}),
        ),
        2 => (
            Role::SecurityCenter,
            "securitycenter.v1.MonitoredAccountService/UpdateMonitoredAccount",
            json!({"monitored_account": {"name": entry("monitoredAccounts"), "remark": remark}, "update_mask": "remark"}),
        ),
        3 => (
            Role::SasePolicy,
            "sase.v1.SaseMemberService/UpdateSaseMember",
            json!({"sase_member": {"name": entry("saseMembers"), "remark": remark}, "update_mask": "remark"}),
        ),
        _ => (
            Role::BastionAudit,
            "bastion.v1.BastionMemberService/UpdateBastionMember",
            json!({"bastion_member": {"name": entry("bastionMembers"), "remark": remark}, "update_mask": "remark"}),
        ),
    }
}

/// Designates and deregisters in turn: changes of `delegation`, each with a claim in `directory`.
async fn designations(root: Client, directory: String, account: String, turns: usize) -> Vec<Acknowledged> {
    let parent = format!("{directory}/trustedServices/sase");
    let name = format!("{parent}/delegatedAdministrators/{}", account.trim_start_matches("accounts/"));
    let service = "delegation.v1.DelegatedAdministratorService";
    let mut done = Vec::new();
    for _ in 0..turns {
        let create = json!({"parent": parent, "delegated_administrator": {"account": account}});
        for (method, request) in
            [("CreateDelegatedAdministrator", create), ("DeleteDelegatedAdministrator", json!({"name": name}))]
        {
            let request_id = insist(&root, &format!("{service}/{method}"), request).await;
            done.push(Acknowledged { role: Role::Delegation, request_id });
        }
    }
    done
}

async fn kill_every_role_during_a_stream_of_changes(databases: Databases) {
    let processes = Processes::start(databases).await;
    let operator = processes.operator().await;
    let management = live::register(&operator, "management", "Example").await;
    let directory = live::enable_directory(&management).await;
    let member = live::create_member(&management, &directory, "member").await;
    let administrator = live::register(&operator, "administrator", "Example").await;
    live::join(&management, &directory, &administrator).await;
    for service in ["security-center", "sase", "bastionhost"] {
        live::enable_service(&management, &directory, service).await;
    }
    live::enrol(&management, &directory, &[&member]).await;
    let mut accounts = Vec::new();
    for writer in 0..WRITERS {
        accounts.push(live::register(&operator, &format!("writer-{writer}"), "Example").await);
    }

    let count = Arc::new(AtomicUsize::new(0));
    let acknowledged = Arc::new(Mutex::new(Vec::new()));
    let turns = 50;
    let each = (MUTATIONS - 2 * turns) / WRITERS;
    let mut writers = tokio::task::JoinSet::new();
    for (writer, account) in accounts.iter().cloned().enumerate() {
        let (count, acknowledged) = (count.clone(), acknowledged.clone());
        let (directory, member, root) = (directory.clone(), member.clone(), management.root.clone());
        writers.spawn(async move {
            for n in 0..each {
                let (role, method, request) = change(writer, n, &account.name, &directory, &member);
                let client = if role == Role::Directory { &account.root } else { &root };
                let request_id = insist(client, method, request).await;
                acknowledged.lock().await.push(Acknowledged { role, request_id });
                count.fetch_add(1, Ordering::Relaxed);
            }
        });
    }
    let administrator_name = administrator.name.clone();
    let designating = tokio::spawn(designations(management.root.clone(), directory.clone(), administrator_name, turns));

    let processes = Arc::new(std::sync::Mutex::new(processes));
    let share = each * WRITERS / (Role::ALL.len() + 1);
    for (n, role) in Role::ALL.into_iter().enumerate() {
        let deadline = Instant::now() + 2 * PATIENCE;
        while count.load(Ordering::Relaxed) < (n + 1) * share {
            assert!(Instant::now() < deadline, "the stream of changes stands still before {role} is killed");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        let processes = processes.clone();
        tokio::task::spawn_blocking(move || processes.lock().unwrap().kill_and_restart(role)).await.unwrap();
    }
    while let Some(ended) = writers.join_next().await {
        ended.unwrap();
    }
    let mut acknowledged = std::mem::take(&mut *acknowledged.lock().await);
    acknowledged.extend(designating.await.unwrap());
    assert_eq!(acknowledged.len(), each * WRITERS + 2 * turns);

    let processes = Arc::into_inner(processes).unwrap().into_inner().unwrap();
    logs_hold_each_change_once(&processes, &acknowledged).await;
    let mut all = accounts;
    all.push(management);
    audit_saw_each_change_once(&all, &acknowledged).await;
}

pub async fn changes(processes: &Processes, role: Role) -> Vec<(i64, Change)> {
    let db = processes.database(role).await;
    let mut changes = Vec::new();
    loop {
        let after = changes.last().map_or(0, |(revision, _)| *revision);
        let page = db.changes_after(after, 1_000).await.unwrap();
        if page.is_empty() {
            return changes;
        }
        changes.extend(page.into_iter().map(|l| (l.revision, Change::decode(l.change.payload.as_slice()).unwrap())));
    }
}

async fn logs_hold_each_change_once(processes: &Processes, acknowledged: &[Acknowledged]) {
    let mut directory_facts = BTreeSet::new();
    let (directory, delegation) =
        (processes.database(Role::Directory).await, processes.database(Role::Delegation).await);
    let mirrored = delegation.wait_cursor(Role::Directory.as_str(), &directory.head().await.unwrap(), PATIENCE).await;
    assert_eq!(mirrored.unwrap(), CursorWait::Reached);
    for role in Role::ALL.into_iter().filter(|role| role.has_database()) {
        let changes = changes(processes, role).await;
        let revisions: Vec<_> = changes.iter().map(|(revision, _)| *revision).collect();
        assert_eq!(revisions, (1..=changes.len() as i64).collect::<Vec<_>>(), "the log of {role} has a gap");
        let own = changes.iter().filter(|(_, change)| change.origin.is_none());
        let mut times: BTreeMap<&str, usize> = BTreeMap::new();
        own.for_each(|(_, change)| *times.entry(&change.request_id).or_default() += 1);
        for entry in acknowledged.iter().filter(|a| a.role == role) {
            assert_eq!(times.get(entry.request_id.as_str()), Some(&1), "{role}: {entry:?}");
        }
        if role == Role::Directory {
            let with_facts = changes.iter().filter(|(_, change)| !change.facts.is_empty());
            directory_facts = with_facts.map(|(revision, _)| *revision).collect();
        }
        if role == Role::Delegation {
            let origins = changes.iter().filter_map(|(_, change)| change.origin.as_ref());
            let mirrored: Vec<_> = origins.map(|origin| origin.revision).collect();
            assert_eq!(mirrored, directory_facts.iter().copied().collect::<Vec<_>>(), "mirrored once, in order");
        }
    }
}

/// Reads the audit trail through the gateway until every change is in it; none may be in it twice.
async fn audit_saw_each_change_once(accounts: &[Account], acknowledged: &[Acknowledged]) {
    let wanted: BTreeSet<&str> = acknowledged.iter().map(|a| a.request_id.as_str()).collect();
    let deadline = Instant::now() + PATIENCE;
    loop {
        let mut seen: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        for account in accounts {
            let mut listed = BTreeSet::new();
            let mut page_token = String::new();
            loop {
                let request = json!({"parent": account.name, "page_size": 1000, "page_token": page_token});
                let page = account.root.call("audit.v1.AuditService/ListAccountAuditEntries", request).await.unwrap();
                for entry in page["auditEntries"].as_array().unwrap() {
                    let id = live::text(entry, "requestId").to_owned();
                    let name = live::text(entry, "name").rsplit('/').next().unwrap().to_owned();
                    assert!(listed.insert(name.clone()), "listed twice: {name}");
                    seen.entry(id).or_default().insert(name);
                }
                page_token = live::text(&page, "nextPageToken").to_owned();
                if page_token.is_empty() {
                    break;
                }
            }
        }
        let twice: Vec<_> = seen.iter().filter(|(id, names)| wanted.contains(id.as_str()) && names.len() > 1).collect();
        assert!(twice.is_empty(), "audited more than once: {twice:?}");
        let missing = wanted.iter().filter(|id| !seen.contains_key(**id)).count();
        if missing == 0 {
            return;
        }
        assert!(Instant::now() < deadline, "{missing} acknowledged changes are not in the audit trail");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

/// covers: E-GW-06
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_acknowledged_is_lost_when_roles_are_killed_on_sqlite() {
    kill_every_role_during_a_stream_of_changes(Databases::Sqlite).await;
}

/// covers: E-GW-06
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_acknowledged_is_lost_when_roles_are_killed_on_postgresql() {
    kill_every_role_during_a_stream_of_changes(Databases::Postgres).await;
}
