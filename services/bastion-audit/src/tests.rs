use std::{collections::BTreeSet, time::Duration};

use bailiwick_api::{
    CONSISTENCY_TOKEN,
    audit::v1::{
        AuditEntry, Change, ListAccountAuditEntriesRequest, ListDirectoryAuditEntriesRequest,
        WatchDirectoryAuditEntriesRequest, WatchDirectoryAuditEntriesResponse,
        audit_service_client::AuditServiceClient,
    },
    bastion::v1::{
        BastionMember, CreateBastionMemberRequest, bastion_member_service_client::BastionMemberServiceClient,
    },
    encode_token,
    r#type::v1::{LogPosition, Operator, PrincipalKind},
};
use bailiwick_core::{AccountId, Clock};
use bailiwick_roster::testing::{FakeLog, Running, Suite, account, directory};
use bailiwick_testkit::{ManualClock, TestDatabase, databases};
use tokio_util::sync::CancellationToken;
use tonic::{Code, Request, Status, Streaming};

use super::*;

const OF_DIRECTORY: &str = "/bailiwick.audit.v1.AuditService/ListDirectoryAuditEntries";
const WATCH_DIRECTORY: &str = "/bailiwick.audit.v1.AuditService/WatchDirectoryAuditEntries";
const OF_ACCOUNT: &str = "/bailiwick.audit.v1.AuditService/ListAccountAuditEntries";
const CREATE: &str = "/bailiwick.bastion.v1.BastionMemberService/CreateBastionMember";

/// The role with all that it follows.
struct World {
    suite: Suite,
    clock: Arc<ManualClock>,
    database: TestDatabase,
    directory: FakeLog,
    security_center: FakeLog,
    sase_policy: FakeLog,
    running: Option<Running>,
}

impl World {
    async fn all() -> Vec<Self> {
        let mut worlds = Vec::new();
        for database in databases().await {
            let clock = Arc::new(ManualClock::default());
            let mut suite = Suite::new(&database.url, clock.clone(), migrations).await;
            let directory = suite.serve_log(Role::Directory).await;
            let security_center = suite.serve_log(Role::SecurityCenter).await;
            let sase_policy = suite.serve_log(Role::SasePolicy).await;
            let mut world = Self { suite, clock, database, directory, security_center, sase_policy, running: None };
            world.start().await;
            worlds.push(world);
        }
        worlds
    }

    async fn start(&mut self) {
        let shutdown = CancellationToken::new();
        let module = build(self.suite.deps(shutdown.clone())).await.unwrap();
        self.running = Some(self.suite.serve(module, positions(&self.suite.db), shutdown).await);
    }

    async fn stop(&mut self) {
        self.running.take().unwrap().stop().await;
    }

    /// A page of the trail of directory `n`, in which the positions are.
    async fn of_directory(&self, n: u8, size: i32, token: &str, seen: &[LogPosition]) -> (Vec<AuditEntry>, String) {
        let message = ListDirectoryAuditEntriesRequest {
            parent: directory(n).name(),
            page_size: size,
            page_token: token.to_owned(),
            ..Default::default()
        };
        let request = self.request(n * 10, OF_DIRECTORY, message, seen);
        let mut client = AuditServiceClient::new(self.suite.channel(ROLE));
        let page = client.list_directory_audit_entries(request).await.unwrap().into_inner();
        (page.audit_entries, page.next_page_token)
    }

    async fn of_account(&self, n: u8, seen: &[LogPosition]) -> Vec<AuditEntry> {
        let message = ListAccountAuditEntriesRequest { parent: account(n).name(), ..Default::default() };
        let request = self.request(n, OF_ACCOUNT, message, seen);
        let mut client = AuditServiceClient::new(self.suite.channel(ROLE));
        client.list_account_audit_entries(request).await.unwrap().into_inner().audit_entries
    }

    async fn watch(
        &self,
        n: u8,
        resume_token: &str,
        filter: &str,
    ) -> Result<Streaming<WatchDirectoryAuditEntriesResponse>, Status> {
        let message = WatchDirectoryAuditEntriesRequest {
            parent: directory(n).name(),
            resume_token: resume_token.to_owned(),
            filter: filter.to_owned(),
        };
        let request = self.request(n * 10, WATCH_DIRECTORY, message, &[]);
        let mut client = AuditServiceClient::new(self.suite.channel(ROLE));
        Ok(client.watch_directory_audit_entries(request).await?.into_inner())
    }

    fn request<M: prost::Message>(&self, of: u8, path: &'static str, message: M, seen: &[LogPosition]) -> Request<M> {
        let mut request = self.suite.request((account(of), "alice"), path, message).unwrap();
        request.metadata_mut().insert(CONSISTENCY_TOKEN, encode_token(seen.to_vec()).parse().unwrap());
        request
    }
}

/// A change in directory `n` by its alice, on some accounts.
fn change(n: u8, method: &str, on: &[u8]) -> Change {
    Change {
        operator: Some(Operator {
            principal: format!("{}/users/alice", account(n * 10).name()),
            kind: PrincipalKind::User.into(),
            account: account(n * 10).name(),
            source_ip: "192.0.2.1".into(),
            via: vec!["gateway".into()],
            session_name: String::new(),
            source_identity: String::new(),
            ..Operator::default()
        }),
        method: method.into(),
        resource: directory(n).name(),
        tenant: directory(n).name(),
        accounts: on.iter().copied().map(account).map(AccountId::name).collect(),
        request_json: "{}".into(),
        ..Change::default()
    }
}

fn methods(entries: &[AuditEntry]) -> Vec<&str> {
    entries.iter().map(|entry| entry.method.as_str()).collect()
}

// covers: R-DIR-25, R-GW-09
#[tokio::test(flavor = "multi_thread")]
async fn each_change_is_in_the_trail_once_across_restarts() {
    for mut world in World::all().await {
        let engine = world.database.engine;
        let first = world.directory.commit(change(1, "first", &[11])).await;
        assert_eq!(methods(&world.of_directory(1, 0, "", &[first]).await.0), ["first"], "{engine}");
        world.stop().await;
        world.clock.advance(Duration::from_secs(1));
        world.directory.commit(change(1, "while down", &[11])).await;
        world.start().await;
        world.clock.advance(Duration::from_secs(1));
        let seen = [
            world.directory.commit(change(1, "directory", &[11])).await,
            world.security_center.commit(change(1, "security-center", &[11])).await,
            world.sase_policy.commit(change(1, "sase-policy", &[11])).await,
            world.suite.delegation.log().commit(change(1, "delegation", &[11])).await,
        ];
        let entries = world.of_directory(1, 0, "", &seen).await.0;
        let expected = ["security-center", "sase-policy", "directory", "delegation", "while down", "first"];
        assert_eq!(methods(&entries), expected, "{engine}");
        let last = &entries[5];
        let position = &seen[0];
        assert_eq!(last.name, format!("{}/auditEntries/directory-{}-1", directory(1).name(), position.epoch));
        assert_eq!(last.operator.as_ref().unwrap().principal, format!("{}/users/alice", account(10).name()));
        assert_eq!((last.accounts.as_slice(), last.revision), ([account(11).name()].as_slice(), 1));
        world.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_that_repeats_another_log_is_left_out() {
    for mut world in World::all().await {
        let origin = world.directory.commit(change(1, "made", &[11])).await;
        let repeated = Change { origin: Some(origin.clone()), ..change(1, "repeated", &[11]) };
        let seen = world.suite.delegation.log().commit(repeated).await;
        let entries = world.of_directory(1, 0, "", &[origin, seen]).await.0;
        assert_eq!(methods(&entries), ["made"], "{}", world.database.engine);
        world.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn no_tenant_sees_another() {
    for mut world in World::all().await {
        let engine = world.database.engine;
        let seen = [
            world.directory.commit(change(1, "one", &[11, 12])).await,
            world.directory.commit(change(2, "two", &[21])).await,
            world.directory.commit(Change { tenant: String::new(), ..change(2, "platform", &[]) }).await,
        ];
        assert_eq!(methods(&world.of_directory(1, 0, "", &seen).await.0), ["one"], "{engine}");
        assert_eq!(methods(&world.of_directory(2, 0, "", &seen).await.0), ["two"]);
        // What the account did, or what was done to it, and then nothing of the others that it was done to.
        assert_eq!(methods(&world.of_account(20, &seen).await), ["platform", "two"]);
        let entries = world.of_account(11, &seen).await;
        assert_eq!(methods(&entries), ["one"]);
        assert_eq!((entries[0].accounts.as_slice(), entries[0].request_json.as_str()), (&[account(11).name()][..], ""));
        assert_eq!(methods(&world.of_account(13, &seen).await), [""; 0]);
        let message = ListDirectoryAuditEntriesRequest { parent: directory(2).name(), ..Default::default() };
        assert!(world.suite.request((account(10), "alice"), OF_DIRECTORY, message).is_err());
        world.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_are_complete_and_stable() {
    for mut world in World::all().await {
        let mut seen = Vec::new();
        for n in 0..7 {
            // Some at the same moment, in two logs.
            if n % 3 == 0 {
                world.clock.advance(Duration::from_secs(1));
            }
            let log = if n % 2 == 0 { &world.directory } else { &world.sase_policy };
            seen.push(log.commit(change(1, &format!("change {n}"), &[11])).await);
        }
        let whole = world.of_directory(1, 0, "", &seen).await.0;
        assert_eq!(whole.len(), 7, "{}", world.database.engine);
        assert!(
            whole.windows(2).all(|pair| pair[0].create_time.unwrap().seconds >= pair[1].create_time.unwrap().seconds)
        );
        let (mut paged, mut token) = (Vec::new(), String::new());
        loop {
            let (entries, next) = world.of_directory(1, 2, &token, &[]).await;
            assert!(entries.len() <= 2);
            paged.extend(entries);
            if next.is_empty() {
                break;
            }
            token = next;
            // What is added meanwhile is newer than what is left to be read.
            world.clock.advance(Duration::from_secs(1));
            let new = world.directory.commit(change(1, "newer", &[])).await;
            world.of_directory(1, 1, "", &[new]).await;
        }
        assert_eq!(paged, whole);
        let names: BTreeSet<_> = paged.iter().map(|entry| &entry.name).collect();
        assert_eq!(names.len(), 7);
        let message = ListAccountAuditEntriesRequest {
            parent: account(10).name(),
            page_size: 2,
            page_token: token,
            ..Default::default()
        };
        let mut client = AuditServiceClient::new(world.suite.channel(ROLE));
        let foreign = client.list_account_audit_entries(world.request(10, OF_ACCOUNT, message, &[])).await.unwrap_err();
        assert_eq!(foreign.code(), Code::InvalidArgument);
        world.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_this_role_did_is_in_the_trail_for_whoever_has_the_token() {
    for mut world in World::all().await {
        let bastion_member = Some(BastionMember { account: account(11).name(), ..Default::default() });
        let message = CreateBastionMemberRequest { parent: directory(1).name(), bastion_member, ..Default::default() };
        let mut members = BastionMemberServiceClient::new(world.suite.channel(ROLE));
        let created = members.create_bastion_member(world.request(10, CREATE, message, &[])).await.unwrap();
        let token = created.metadata().get(CONSISTENCY_TOKEN).unwrap().clone();
        let message = ListDirectoryAuditEntriesRequest { parent: directory(1).name(), ..Default::default() };
        let mut request = world.request(10, OF_DIRECTORY, message, &[]);
        request.metadata_mut().insert(CONSISTENCY_TOKEN, token);
        let mut client = AuditServiceClient::new(world.suite.channel(ROLE));
        let entries = client.list_directory_audit_entries(request).await.unwrap().into_inner().audit_entries;
        let expected = BTreeSet::from([
            "bailiwick.bastion.v1.BastionMemberService/CreateBastionMember",
            "bailiwick.delegation.v1.EnrolmentService/BatchCreateEnrolments",
        ]);
        assert_eq!(BTreeSet::from_iter(methods(&entries)), expected, "{}", world.database.engine);
        assert_eq!(entries.len(), 2);
        let seconds = entries[0].create_time.unwrap().seconds;
        assert_eq!(seconds, world.clock.now().as_seconds());
        // The account acted on sees it as well; by its own list the entry outlives the membership.
        let entries = world.of_account(11, &[]).await;
        assert_eq!(methods(&entries), ["bailiwick.bastion.v1.BastionMemberService/CreateBastionMember"]);
        world.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_trail_is_filtered_by_what_all_who_see_it_are_shown() {
    for mut world in World::all().await {
        let one = world.directory.commit(change(1, "x.Service/CreateMember", &[11])).await;
        world.clock.advance(Duration::from_secs(1));
        let two = world.directory.commit(change(1, "x.Service/Remove_Member", &[12])).await;
        let three = world.directory.commit(change(2, "x.Service/CreateMember", &[21])).await;
        for (filter, found) in [
            ("", vec!["x.Service/Remove_Member", "x.Service/CreateMember"]),
            ("member", vec!["x.Service/Remove_Member", "x.Service/CreateMember"]),
            ("method:e_m", vec!["x.Service/Remove_Member"]),
            ("method = x.Service/CreateMember", vec!["x.Service/CreateMember"]),
            ("principal = *users/ALICE -method:remove", vec!["x.Service/CreateMember"]),
            ("NOT principal:alice", vec![]),
            ("192.0.2.1", vec![]),
            ("create_time < 1970-01-01T00:00:00Z", vec![]),
        ] {
            let message = ListDirectoryAuditEntriesRequest {
                parent: directory(1).name(),
                filter: filter.to_owned(),
                ..Default::default()
            };
            let request = world.request(10, OF_DIRECTORY, message, &[one.clone(), two.clone(), three.clone()]);
            let mut client = AuditServiceClient::new(world.suite.channel(ROLE));
            let entries = client.list_directory_audit_entries(request).await.unwrap().into_inner().audit_entries;
            assert_eq!(methods(&entries), found, "{}: {filter}", world.database.engine);
        }
        let filter = "access_key_id = k".to_owned();
        let message = ListAccountAuditEntriesRequest { parent: account(11).name(), filter, ..Default::default() };
        let mut client = AuditServiceClient::new(world.suite.channel(ROLE));
        let hidden = client.list_account_audit_entries(world.request(11, OF_ACCOUNT, message, &[])).await.unwrap_err();
        assert_eq!(hidden.code(), Code::InvalidArgument);
        world.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_trail_outlives_a_restore_and_has_nothing_twice() {
    for mut world in World::all().await {
        let engine = world.database.engine;
        for role in [Role::Directory, Role::Delegation] {
            let log = if role == Role::Directory { &world.directory } else { world.suite.delegation.log() };
            log.commit(change(1, "kept", &[11])).await;
            let backup = log.commit(change(1, "also kept", &[11])).await.revision;
            log.commit(Change { method: "no operator".into(), operator: None, ..change(1, "", &[]) }).await;
            let lost = log.commit(change(1, "lost", &[11])).await;
            world.of_directory(1, 0, "", &[lost]).await;
            // Twice: of three epochs, the first has most of what there is.
            for (restored, new) in [(backup + 1, "new"), (backup, "newer")] {
                log.restore(restored).await;
                world.clock.advance(Duration::from_secs(1));
                let at = log.commit(change(1, new, &[11])).await;
                let gone_over = async || world.suite.db.cursor(role.as_str()).await.unwrap().unwrap().epoch == at.epoch;
                bailiwick_roster::testing::eventually(gone_over).await;
                world.of_directory(1, 0, "", &[at]).await;
            }
            let at = log.commit(change(1, "newest", &[11])).await;
            let entries = world.of_directory(1, 0, "", std::slice::from_ref(&at)).await.0;
            let of_role: Vec<_> = entries.iter().filter(|entry| entry.name.contains(&format!("/{role}-"))).collect();
            let mut found: Vec<_> = of_role.iter().map(|entry| entry.method.as_str()).collect();
            found.sort();
            let expected = ["also kept", "kept", "lost", "new", "newer", "newest", "no operator"];
            assert_eq!(found, expected, "{engine} {role}");
            let newest = of_role.iter().find(|entry| entry.method == "newest").unwrap();
            assert!(newest.name.contains(&at.epoch) && newest.revision == backup + 2);
        }
        // With the log of `delegation`, the members were gone over as well.
        let at = world.suite.delegation.join(directory(1), account(11), "i1", "after").await;
        world.of_directory(1, 0, "", &[at]).await;
        world.stop().await;
    }
}

/// Reads a watch until it has said `count` methods; returns them with the last resume token.
async fn read(watch: &mut Streaming<WatchDirectoryAuditEntriesResponse>, count: usize) -> (Vec<String>, String) {
    let (mut said, mut token) = (Vec::new(), String::new());
    while said.len() < count || token.is_empty() {
        let batch = watch.message().await.unwrap().unwrap();
        said.extend(batch.audit_entries.into_iter().map(|entry| entry.method));
        token = batch.resume_token;
    }
    (said, token)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_watch_sees_each_entry_once_in_the_order_of_arrival_and_goes_on_where_it_ended() {
    for mut world in World::all().await {
        let engine = world.database.engine;
        let before = world.directory.commit(change(1, "before", &[])).await;
        world.of_directory(1, 0, "", &[before]).await;
        let mut watch = world.watch(1, "", "").await.unwrap();
        let (said, _) = read(&mut watch, 0).await;
        assert!(said.is_empty(), "{engine}: it begins with the next change");
        // Of an earlier moment than what is in the trail already, as a slow follower brings it.
        let logs = [&world.directory, &world.security_center, &world.sase_policy];
        let mut expected = Vec::new();
        for n in 0..120 {
            let method = format!("change {n}");
            let at = logs[n % 3].commit(change(1, &method, &[])).await;
            logs[(n + 1) % 3].commit(change(2, "of another", &[])).await;
            if n % 40 == 0 {
                world.of_directory(1, 1, "", &[at]).await;
            }
            expected.push(method);
        }
        let (mut said, token) = read(&mut watch, 60).await;
        drop(watch);
        let mut watch = world.watch(1, &token, "").await.unwrap();
        said.extend(read(&mut watch, 120 - said.len()).await.0);
        said.sort();
        expected.sort();
        assert_eq!(said, expected, "{engine}: nothing twice, nothing left out, nothing of another tenant");
        let end = world.directory.commit(change(1, "end", &[])).await;
        world.of_directory(1, 1, "", &[end]).await;
        assert_eq!(read(&mut watch, 1).await.0, ["end"]);

        let foreign = world.watch(2, &token, "").await.unwrap_err();
        assert_eq!(foreign.code(), Code::InvalidArgument, "{engine}");
        let other_filter = world.watch(1, &token, "method:change").await.unwrap_err();
        assert_eq!(other_filter.code(), Code::InvalidArgument);
        world.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_watch_is_filtered_and_passes_over_what_does_not_fit() {
    for mut world in World::all().await {
        let mut watch = world.watch(1, "", "method = wanted").await.unwrap();
        read(&mut watch, 0).await;
        for n in 0..250 {
            world.directory.commit(change(1, &format!("other {n}"), &[])).await;
        }
        world.directory.commit(change(1, "wanted", &[])).await;
        let (said, _) = read(&mut watch, 1).await;
        assert_eq!(said, ["wanted"], "{}", world.database.engine);
        world.stop().await;
    }
}
