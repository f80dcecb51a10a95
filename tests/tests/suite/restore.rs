//! An old backup of a database is restored under running roles and clients: what was lost is lost everywhere, what was
//! given out on it counts nowhere, and the audit trail keeps what happened.

use std::collections::{BTreeMap, BTreeSet};

use bailiwick_api::{CONSISTENCY_TOKEN, r#type::v1::access_fact::Kind};
use bailiwick_core::Role;
use prost_reflect::prost::Message;
use serde_json::{Value, json};
use tonic::Code;

use crate::{
    client::Client,
    faults::{changes, request_id},
    live::{self, Account, Databases, text},
    patience::{call, in_time, passes, until},
    processes::Processes,
};

const REQUEST_ID: &str = "0b8fba4e-7d1c-4f53-9c3a-08cc5b4f5a5f";

/// The lists of the four trusted services: the method, and the field of its answer.
const LISTS: [(&str, &str); 4] = [
    ("securitycenter.v1.MonitoredAccountService/ListMonitoredAccounts", "monitoredAccounts"),
    ("soc.v1.ScopeService/ListScopeAccounts", "scopeAccounts"),
    ("sase.v1.SaseMemberService/ListSaseMembers", "saseMembers"),
    ("bastion.v1.BastionMemberService/ListBastionMembers", "bastionMembers"),
];

/// An identity that can sign in again.
struct Key {
    id: String,
    secret: String,
    /// With the token of before.
    client: Client,
}

impl Key {
    /// Of a user of an account, with a policy.
    async fn of_user(account: &Account, user: &str) -> Self {
        let name = format!("{}/users/{user}", account.name);
        let create = json!({"parent": account.name, "user_id": user});
        account.root.call("directory.v1.UserService/CreateUser", create).await.unwrap();
        let attach = json!({"target": name, "policy": format!("{}/policies/AdministratorAccess", account.name)});
        account.root.call("directory.v1.PolicyService/AttachPolicy", attach).await.unwrap();
        let create = json!({"parent": name});
        let key = account.root.call("directory.v1.AccessKeyService/CreateAccessKey", create).await.unwrap();
        let (id, secret) = (text(&key, "accessKeyId").to_owned(), text(&key, "secret").to_owned());
        let client = account.root.sign_in(&id, &secret).await.unwrap();
        Self { id, secret, client }
    }

    /// Signs in until the gateway knows the facts that the new token is of.
    async fn sign_in_again(&self) -> Client {
        let signed_in = async || {
            let client = self.client.sign_in(&self.id, &self.secret).await?;
            client.call("directory.v1.TokenService/GetCallerIdentity", json!({})).await?;
            Ok(client)
        };
        in_time("a new token counts", signed_in, |failure| {
            // Of a restored directory whose facts have not come yet.
            passes(failure) || failure.reason == "CREDENTIAL_REVOKED"
        })
        .await
    }
}

/// The consistency token of a change.
async fn change(client: &Client, method: &str, request: Value) -> String {
    let (_, metadata) = client.call_with(method, request, &[]).await.unwrap();
    metadata.get(CONSISTENCY_TOKEN).unwrap().to_str().unwrap().to_owned()
}

/// Waits until the gateway follows again after a restart: its facts of before are fresh for a moment still.
async fn settled(client: &Client, account: &str, user: &str) {
    let create = json!({"parent": account, "user_id": user, "request_id": request_id()});
    let made = || client.call_with("directory.v1.UserService/CreateUser", create.clone(), &[]);
    let (_, metadata) = in_time("a change is made", made, passes).await;
    let seen = [(CONSISTENCY_TOKEN, metadata.get(CONSISTENCY_TOKEN).unwrap().to_str().unwrap().to_owned())];
    let reached = || client.call_with("directory.v1.TokenService/GetCallerIdentity", json!({}), &seen);
    in_time("the change is seen", reached, passes).await;
}

/// How a call with a consistency token is refused.
async fn refused_with(client: &Client, token: &str) -> (Code, String) {
    let metadata = [(CONSISTENCY_TOKEN, token.to_owned())];
    let called = client.call_with("directory.v1.TokenService/GetCallerIdentity", json!({}), &metadata).await;
    called.map_or_else(|failure| (failure.code, failure.reason), |answer| panic!("not refused: {:?}", answer.0))
}

/// The accounts in a list of a trusted service.
async fn listed(client: &Client, directory: &str, (method, field): (&str, &str)) -> BTreeSet<String> {
    let page = call(client, method, json!({"parent": directory, "page_size": 1000})).await;
    page[field].as_array().unwrap().iter().map(|entry| text(entry, "account").to_owned()).collect()
}

/// Waits until each of the four lists has just these accounts.
async fn all_list(client: &Client, directory: &str, accounts: &[&str]) {
    let expected: BTreeSet<String> = accounts.iter().map(|account| (*account).to_owned()).collect();
    for list in LISTS {
        until(list.0, async || listed(client, directory, list).await == expected).await;
    }
}

async fn designated(client: &Client, directory: &str, service: &str) -> Vec<String> {
    let method = "delegation.v1.DelegatedAdministratorService/ListDelegatedAdministrators";
    let page = call(client, method, json!({"parent": format!("{directory}/trustedServices/{service}")})).await;
    page["delegatedAdministrators"].as_array().unwrap().iter().map(|of| text(of, "account").to_owned()).collect()
}

/// Waits until changes are in the trail of the directory; none is in it twice, whatever became of their log.
async fn audited(client: &Client, directory: &str, wanted: &[(&str, &str)]) {
    let wanted: BTreeSet<(String, String)> = wanted.iter().map(|(m, r)| ((*m).to_owned(), (*r).to_owned())).collect();
    until("the trail is complete", async || {
        let (mut seen, mut calls, mut token) = (BTreeSet::new(), BTreeSet::new(), String::new());
        loop {
            let request = json!({"parent": directory, "page_size": 1000, "page_token": token});
            let page = call(client, "audit.v1.AuditService/ListDirectoryAuditEntries", request).await;
            for entry in page["auditEntries"].as_array().unwrap() {
                let (method, resource) = (text(entry, "method"), text(entry, "resource"));
                let method = method.rsplit('/').next().unwrap();
                let of = (method.to_owned(), text(entry, "revision").to_owned(), text(entry, "createTime").to_owned());
                assert!(calls.insert((of, resource.to_owned())), "audited twice: {entry}");
                seen.insert((method.to_owned(), resource.to_owned()));
            }
            token = text(&page, "nextPageToken").to_owned();
            if token.is_empty() {
                return wanted.is_subset(&seen);
            }
        }
    })
    .await;
}

/// The facts that a log amounts to, by key, without those that only `delegation` makes.
async fn facts_of_directory(processes: &Processes, role: Role) -> BTreeMap<String, Vec<u8>> {
    let mut facts = BTreeMap::new();
    for (_, change) in changes(processes, role).await {
        for said in change.facts {
            let fact = said.fact.unwrap();
            let own = matches!(fact.kind, Some(Kind::TrustedAccess(_) | Kind::Delegation(_) | Kind::Enrolment(_)));
            if said.removed || own {
                facts.remove(&fact.key())
            } else {
                facts.insert(fact.key(), fact.encode_to_vec())
            };
        }
    }
    facts
}

/// An enterprise with a directory, the services, and a member that all of them cover.
struct World {
    processes: Processes,
    management: Account,
    directory: String,
    /// Of the management account: signs in again after a restore.
    admin: Key,
    member: String,
    /// No member yet.
    late: Account,
    late_user: Key,
}

impl World {
    async fn start(databases: Databases) -> Self {
        let processes = Processes::start(databases).await;
        let operator = processes.operator().await;
        let management = live::register(&operator, "management", "Example").await;
        let directory = live::enable_directory(&management).await;
        let admin = Key::of_user(&management, "admin").await;
        let member = live::create_member(&management, &directory, "member").await;
        for service in ["security-center", "sase", "bastionhost"] {
            live::enable_service(&management, &directory, service).await;
        }
        live::enrol(&management, &directory, &[&member]).await;
        let late = live::register(&operator, "late", "Example").await;
        let late_user = Key::of_user(&late, "user").await;
        Self { processes, management, directory, admin, member, late, late_user }
    }

    fn restart(&mut self, role: Role) {
        self.processes.kill(role);
        self.processes.restore(role);
        self.processes.renew_epoch(role);
        self.processes.start_role(role);
    }
}

async fn restore_of_directory(databases: Databases) {
    let mut world = World::start(databases).await;
    let (directory, member) = (world.directory.clone(), world.member.clone());
    let leaving = Key::of_user(&world.management, "leaving").await;
    let users = json!({"parent": world.management.name, "user_id": "kept", "request_id": REQUEST_ID});
    change(&world.admin.client, "directory.v1.UserService/CreateUser", users.clone()).await;
    world.processes.back_up(Role::Directory);
    let admin = world.admin.sign_in_again().await;
    settled(&admin, &world.management.name, "settled").await;

    // What will be lost: a member that is used, one that is created, a key that is disabled, a user that is deleted.
    let root = &world.management.root.clone();
    live::join(&world.management, &directory, &world.late).await;
    live::designate(&world.management, &directory, "security-center", &world.late.name).await;
    let created = live::create_member(&world.management, &directory, "created").await;
    live::enrol(&world.management, &directory, &[&world.late.name, &created]).await;
    all_list(&admin, &directory, &[&member, &world.late.name, &created]).await;
    let management = world.management.name.clone();
    let user = |id: &str| format!("{management}/users/{id}");
    let key = format!("{}/accessKeys/{}", user("admin"), world.admin.id);
    call(root, "directory.v1.AccessKeyService/DisableAccessKey", json!({"name": key})).await;
    let lost = change(root, "directory.v1.UserService/DeleteUser", json!({"name": user("leaving")})).await;
    let members = json!({"parent": directory, "page_size": 1});
    let page = call(root, "directory.v1.MemberService/ListMembers", members.clone()).await;
    let page_token = text(&page, "nextPageToken").to_owned();
    assert!(!page_token.is_empty());
    for revoked in [&admin, &world.admin.client, &leaving.client] {
        let refused = revoked.refused("directory.v1.TokenService/GetCallerIdentity", json!({})).await;
        assert_eq!((refused.code, refused.reason.as_str()), (Code::Unauthenticated, "CREDENTIAL_REVOKED"));
    }
    let created = format!("{directory}/members/{}", created.trim_start_matches("accounts/"));

    world.restart(Role::Directory);

    // No token of before counts, neither one that was good to the end nor one whose revocation was lost.
    let admin = world.admin.sign_in_again().await;
    leaving.sign_in_again().await;
    let anybody = [&world.management.root, &world.admin.client, &leaving.client, &world.late_user.client];
    for old in anybody {
        let refused = old.refused("directory.v1.TokenService/GetCallerIdentity", json!({})).await;
        assert_eq!((refused.code, refused.reason.as_str()), (Code::Unauthenticated, "CREDENTIAL_REVOKED"));
    }
    assert_eq!(refused_with(&admin, &lost).await, (Code::InvalidArgument, "CONSISTENCY_TOKEN_INVALID".to_owned()));
    let further = json!({"parent": directory, "page_size": 1, "page_token": page_token});
    let refused = admin.refused("directory.v1.MemberService/ListMembers", further).await;
    assert_eq!((refused.code, refused.reason.as_str()), (Code::InvalidArgument, "PAGE_TOKEN_INVALID"));

    // The facts that decide are those of the restored directory: who was lost is nobody, who was deleted is back.
    let late = world.late_user.sign_in_again().await;
    let who = call(&late, "directory.v1.TokenService/GetCallerIdentity", json!({})).await;
    assert_eq!(text(&who, "directory"), "");
    let page = call(&admin, "directory.v1.MemberService/ListMembers", json!({"parent": directory})).await;
    let members: Vec<_> = page["members"].as_array().unwrap().iter().map(|of| text(of, "account")).collect();
    assert_eq!(members, [member.as_str()]);
    call(&admin, "directory.v1.UserService/GetUser", json!({"name": user("leaving")})).await;
    let (restored, mirrored) = (
        facts_of_directory(&world.processes, Role::Directory).await,
        facts_of_directory(&world.processes, Role::Delegation).await,
    );
    assert_eq!(restored, mirrored);

    // What depended on it is gone: the designation, and the enrolments with the entries of all lists.
    assert_eq!(designated(&admin, &directory, "security-center").await, Vec::<String>::new());
    all_list(&admin, &directory, &[&member]).await;
    let list = json!({"parent": directory});
    let refused = late.refused(LISTS[0].0, list).await;
    assert_eq!(refused.code, Code::NotFound, "{refused:?}");

    // A repetition of a request of before is answered as it was, and what it gives can be used.
    let (answer, metadata) = admin.call_with("directory.v1.UserService/CreateUser", users, &[]).await.unwrap();
    assert_eq!(text(&answer, "name"), user("kept"));
    let token = metadata.get(CONSISTENCY_TOKEN).unwrap().to_str().unwrap().to_owned();
    let metadata = [(CONSISTENCY_TOKEN, token)];
    admin.call_with("directory.v1.TokenService/GetCallerIdentity", json!({}), &metadata).await.unwrap();

    // Life goes on, and the trail has what happened before, what was lost, and what comes.
    let next = json!({"parent": directory, "member": {"display_name": "next"}});
    let next = call(&admin, "directory.v1.MemberService/CreateMember", next).await;
    let (before, next) = (("CreateDirectory", directory.as_str()), ("CreateMember", text(&next, "name")));
    audited(&admin, &directory, &[before, ("CreateMember", &created), next]).await;
}

async fn restore_of_delegation(databases: Databases) {
    let mut world = World::start(databases).await;
    let (directory, member, root) = (world.directory.clone(), world.member.clone(), world.management.root.clone());
    let operator = world.processes.operator().await;
    let leaving = live::register(&operator, "leaving", "Example").await;
    live::join(&world.management, &directory, &leaving).await;
    let leaving = leaving.name;
    live::enrol(&world.management, &directory, &[&leaving]).await;
    all_list(&root, &directory, &[&member, &leaving]).await;
    world.processes.back_up(Role::Delegation);
    settled(&root, &world.management.name, "first").await;

    // What will be lost: a designation, an enrolment, and that an enrolment ended with its membership.
    live::join(&world.management, &directory, &world.late).await;
    live::designate(&world.management, &directory, "security-center", &world.late.name).await;
    live::enrol(&world.management, &directory, &[&world.late.name]).await;
    live::subscribe(&world.late).await;
    let name = format!("{directory}/members/{}", leaving.trim_start_matches("accounts/"));
    call(&root, "directory.v1.MemberService/RemoveMember", json!({"name": name})).await;
    let late = world.late_user.client.clone();
    let listed_by = async || late.call(LISTS[0].0, json!({"parent": directory})).await;
    in_time("the administrator sees the list", listed_by, |_| true).await;
    all_list(&root, &directory, &[&member, &world.late.name]).await;
    let sase = format!("{directory}/trustedServices/sase");
    let lost = change(&root, "delegation.v1.TrustedServiceService/EnableTrustedService", json!({"name": sase})).await;

    world.restart(Role::Delegation);
    settled(&root, &world.management.name, "second").await;

    // The designation and the enrolment are gone; what directory says was followed again, so that nobody is back.
    until("the facts come", async || designated(&root, &directory, "security-center").await.is_empty()).await;
    all_list(&root, &directory, &[&member]).await;
    until("the administrator is none", async || {
        listed_by()
            .await
            .is_err_and(|failure| failure.code == Code::PermissionDenied && failure.reason == "SEAT_REQUIRED")
    })
    .await;
    assert_eq!(refused_with(&root, &lost).await, (Code::InvalidArgument, "CONSISTENCY_TOKEN_INVALID".to_owned()));
    let (restored, mirrored) = (
        facts_of_directory(&world.processes, Role::Directory).await,
        facts_of_directory(&world.processes, Role::Delegation).await,
    );
    assert_eq!(restored, mirrored);

    // What was lost can be done again; the trail has both.
    live::designate(&world.management, &directory, "security-center", &world.late.name).await;
    live::enrol(&world.management, &directory, &[&world.late.name]).await;
    all_list(&root, &directory, &[&member, &world.late.name]).await;
    audited(&root, &directory, &[("CreateDirectory", &directory)]).await;
    until("both designations are in the trail", async || {
        let request = json!({"parent": directory, "page_size": 1000, "filter": "method:CreateDelegatedAdministrator"});
        let page = call(&root, "audit.v1.AuditService/ListDirectoryAuditEntries", request).await;
        page["auditEntries"].as_array().unwrap().len() == 2
    })
    .await;
}

/// The epoch was not renewed: nothing is decided by what cannot be compared, and the log says what to do.
async fn forgotten_renewal(databases: Databases) {
    let mut world = World::start(databases).await;
    world.processes.back_up(Role::Directory);
    let root = world.management.root.clone();
    settled(&root, &world.management.name, "settled").await;
    live::create_member(&world.management, &world.directory, "lost").await;
    world.processes.kill(Role::Directory);
    world.processes.restore(Role::Directory);
    world.processes.start_role(Role::Directory);
    until("the operator is told", async || {
        world.processes.log(Role::Delegation).contains("`bailiwick renew-epoch directory`")
    })
    .await;
    until("calls are refused", async || {
        let called = root.call("directory.v1.TokenService/GetCallerIdentity", json!({})).await;
        called.is_err_and(|failure| failure.reason == "FACTS_STALE")
    })
    .await;
    world.processes.kill(Role::Directory);
    world.processes.renew_epoch(Role::Directory);
    world.processes.start_role(Role::Directory);
    let admin = world.admin.sign_in_again().await;
    let page = call(&admin, "directory.v1.MemberService/ListMembers", json!({"parent": world.directory})).await;
    assert_eq!(page["members"].as_array().unwrap().len(), 1);
}

/// covers: R-DIR-25
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn after_a_restore_of_directory_nothing_of_before_counts_on_sqlite() {
    restore_of_directory(Databases::Sqlite).await;
}

/// covers: R-DIR-25
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn after_a_restore_of_directory_nothing_of_before_counts_on_postgresql() {
    restore_of_directory(Databases::Postgres).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn after_a_restore_of_delegation_what_was_lost_has_ended_on_sqlite() {
    restore_of_delegation(Databases::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn after_a_restore_of_delegation_what_was_lost_has_ended_on_postgresql() {
    restore_of_delegation(Databases::Postgres).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_restore_without_a_new_epoch_decides_nothing_and_says_why() {
    forgotten_renewal(Databases::Sqlite).await;
}
