//! Changes have a bound, and so what says much is said in several. At each point between them, the log allows nothing that
//! neither its state before nor the one after allows.

use std::{collections::BTreeSet, time::Duration};

use bailiwick_api::errors::v1::ErrorReason;
use bailiwick_changelog::{PART_BYTES, Recorded};
use bailiwick_core::authz::{Facts, PolicyKind, Tenant};
use bailiwick_db::{DbError, PAYLOAD_MAX, Tx};
use bailiwick_rpc::ApiError;
use sea_orm::ConnectionTrait;

use super::{deletion::deletion, races::check_invariants, *};
use crate::{
    config::{ATTACHED_CONTROL_POLICIES_BOUND, GROUPS_PER_USER_BOUND, POLICIES_PER_TARGET_BOUND},
    domain::{
        Error as Refusal,
        account::{Account, EnterpriseIdentity},
        credential::Credential,
        directory::Directory,
        folder::Folder,
        group::{Group, GroupMember, NewGroup},
        policy::Policy,
        role::Role as OwnRole,
    },
    events, store,
};

const DAY: Duration = Duration::from_hours(24);
const POLICIES: usize = 20;
const GROUPS: usize = 10;
const USERS: usize = 100;

/// As long as the id of a policy may be.
fn policy_id(number: usize) -> String {
    format!("p{number:0>127}")
}

fn custom(numbers: std::ops::Range<usize>) -> Vec<PolicyId> {
    numbers.map(|number| PolicyId::Custom(policy_id(number))).collect()
}

fn group_id(number: usize) -> String {
    format!("g{number}")
}

fn user_id(number: usize) -> String {
    format!("u{number}")
}

impl World {
    /// Gives an account as many groups and users with as many policies as the limits allow by default; `u0` has a
    /// credential.
    async fn crowd(&self, of: AccountId) {
        let now = self.app.now();
        let work = move |tx: Tx| async move {
            let conn = tx.conn();
            let mut facts = Vec::new();
            for policy in custom(0..(GROUPS + 1) * POLICIES) {
                let new = NewPolicy { id: policy.id().to_owned(), description: String::new(), document: document(1) };
                let (policy, first) = Policy::create(of, new, false, 0, u32::MAX, now)?;
                store::policy::insert(conn, &policy).await?;
                store::policy::insert_version(conn, &first).await?;
                facts.push(events::policy(&policy, &first.document));
            }
            let attach = async |kind, id: &str, policies: Vec<PolicyId>| {
                for policy in policies {
                    store::attachment::insert(conn, target(of, kind, id), &policy, now).await?;
                }
                Ok::<_, DbError>(())
            };
            for number in 0..GROUPS {
                let new = NewGroup { id: group_id(number), description: String::new() };
                let group = Group::create(of, new, false, 0, u32::MAX, now)?;
                store::group::insert(conn, &group).await?;
                let policies = custom((number + 1) * POLICIES..(number + 2) * POLICIES);
                attach(TargetKind::Group, &group.id, policies).await?;
            }
            let account = store::account::get(conn, of).await?.unwrap();
            for number in 0..USERS {
                let user = User { id: user_id(number), ..User::root(&account, true) };
                store::user::insert(conn, &user).await?;
                attach(TargetKind::User, &user.id, custom(0..POLICIES)).await?;
                for group in (0..GROUPS).map(group_id) {
                    let member = GroupMember { account: of, group, user: user.id.clone(), join_time: now };
                    store::group_member::insert(conn, &member).await?;
                }
            }
            let credential = Credential {
                account: of,
                user: user_id(0),
                id: format!("c{of}"),
                secret_hash: [1; 32],
                action: "ram:GetUser".to_owned(),
                create_time: now,
                expire_time: now.after(DAY * 1_000),
            };
            store::credential::insert(conn, &credential).await?;
            facts.push(events::credential(&credential));
            let users = store::user::find(conn, of, (0..USERS).map(user_id).collect()).await?;
            facts.extend(users.iter().map(events::user));
            Ok::<_, Error>(facts)
        };
        let facts = self.app.db.write("test", work).await.unwrap().value;
        self.tell(of, facts).await;
    }

    /// Writes facts of an account into the log.
    async fn tell(&self, of: AccountId, facts: Vec<events::Fact>) {
        let recorded = Recorded {
            resource: of.name(),
            tenant: Tenant::Account(of),
            accounts: Vec::new(),
            request_id: String::new(),
            facts,
        };
        let (parts, now) = (&recorded.split(), self.app.now());
        let work = move |tx: Tx| async move {
            parts.iter().for_each(|part| tx.record(part.clone().by_service(Role::Directory, "test", now)));
            Ok::<_, Error>(())
        };
        self.app.db.write("test", work).await.unwrap();
    }

    /// The changes after a revision, each with the facts as they are then.
    async fn since(&self, revision: i64) -> Vec<(Change, Snapshot)> {
        let (mut facts, mut since) = (Snapshot::empty(), Vec::new());
        for (number, change) in (1..).zip(self.changes().await) {
            facts.apply(number, change.facts.iter().map(|fact| fact.to_core().unwrap()));
            if number > revision {
                since.push((change, facts.clone()));
            }
        }
        since
    }

    async fn revision(&self) -> i64 {
        self.app.db.head().await.unwrap().revision
    }

    async fn sql(&self, sql: &str) {
        let work = move |tx: Tx| async move {
            tx.conn().execute_unprepared(sql).await?;
            Ok::<_, DbError>(())
        };
        self.app.db.write("test", work).await.unwrap();
    }
}

/// The beginning of a statement that selects from the numbers from 1.
fn numbers(to: usize) -> String {
    format!("WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {to}) SELECT")
}

fn bytes(change: &Change) -> usize {
    change.encoded_len()
}

/// Room for what a change says besides its facts.
const MOST: usize = PART_BYTES + (16 << 10);

#[tokio::test]
async fn what_a_full_group_loses_is_told_in_changes_of_bounded_size() {
    for world in worlds().await {
        let id = world.account("payments", None).await;
        world.crowd(id).await;
        let before = world.revision().await;
        world.put(target(id, TargetKind::Group, "g0"), &policy_id(POLICIES), Put::Detach).await.unwrap();
        let changes = world.since(before).await;
        assert!(changes.iter().map(|(change, _)| bytes(change)).sum::<usize>() > PAYLOAD_MAX, "{}", world.engine);
        assert!(changes.iter().all(|(change, _)| bytes(change) <= MOST), "{}", world.engine);
        let lost = PolicyId::Custom(policy_id(POLICIES)).name(id);
        let mut told = BTreeSet::new();
        for (change, _) in &changes {
            assert_eq!(change.method, "bailiwick.directory.v1.PolicyService/AttachPolicy");
            for fact in &change.facts {
                let Some(Kind::Identity(fact)) = fact.fact.clone().unwrap().kind else { panic!("{fact:?}") };
                assert_eq!(fact.policies.len(), (GROUPS + 1) * POLICIES - 1);
                assert!(!fact.policies.contains(&lost));
                told.insert(fact.identity);
            }
        }
        assert_eq!(told.len(), USERS, "{}", world.engine);
        let call = world.root(id, "GroupService/DeleteGroup", &format!("{}/groups/g1", id.name())).await;
        world.app.group_delete(&call, &change(), (id, "g1"), "").await.unwrap();
        let (last, _) = world.since(before).await.pop().unwrap();
        assert!(bytes(&last) <= MOST, "{}", world.engine);
    }
}

/// Whether anybody could act in an account, as far as the facts tell: nobody can while it is known to be suspended.
fn acts(facts: &Snapshot, of: AccountId, users: &[String]) -> bool {
    let suspended = facts.account(of).is_some_and(|account| account.suspended);
    let users = users.iter().map(|id| IdentityName::User(of, id.clone()));
    let known = users.chain([IdentityName::root(of)]).any(|identity| facts.identity(&identity).is_some());
    known && !suspended
}

/// Deletes an account with these users; nobody acts in it after any change of its deletion, or of its end.
async fn deleted(world: &World, (by, directory): (AccountId, DirectoryId), id: AccountId, users: &[String], days: u32) {
    world.make_resource(id).await;
    assert!(acts(&world.facts().await, id, users), "{}", world.engine);
    let before = world.revision().await;
    world.delete(by, directory, id, &deletion(&[], days)).await.unwrap();
    world.clock.advance(DAY * days);
    world.app.sweep().await.unwrap();
    // Others are what the deletion is asked for with.
    let changes = world.since(before).await;
    let changes: Vec<_> = changes.iter().filter(|(change, _)| change.accounts == [id.name()]).collect();
    assert!(changes.len() > 2, "{}: {} {days}", changes.len(), world.engine);
    for (number, (change, facts)) in changes.iter().enumerate() {
        assert!(bytes(change) <= MOST, "{} {days}", world.engine);
        assert!(!acts(facts, id, users), "after change {number} of {}: {} {days}", changes.len(), world.engine);
    }
    let (_, after) = changes.last().unwrap();
    assert!(after.account(id).is_none() && after.identity(&IdentityName::root(id)).is_none(), "{}", world.engine);
    assert!(users.iter().all(|user| after.identity(&IdentityName::User(id, user.clone())).is_none()));
    assert!(after.credential(&format!("{}/users/u0/credentials/c{id}", id.name())).is_none());
    check_invariants(world).await;
}

// covers: E-DIR-20
#[tokio::test]
async fn an_account_of_users_with_many_policies_is_deleted_in_changes_of_bounded_size() {
    for world in worlds().await {
        let (by, directory) = world.directory("Acme").await;
        world.allow_deletion(directory).await;
        let id = world.cloud_member(by, directory, "payments", "Acme").await;
        world.crowd(id).await;
        let users: Vec<_> = (0..USERS).map(user_id).collect();
        deleted(&world, (by, directory), id, &users, 45).await;
    }
}

/// So many that their names alone are more than one change: also the end of the account is several.
// covers: E-DIR-20
#[tokio::test]
async fn an_account_of_many_users_is_closed_before_the_first_is_gone() {
    const MANY: usize = 12_000;
    for world in worlds().await {
        let (by, directory) = world.directory("Acme").await;
        world.allow_deletion(directory).await;
        for days in [0, 45] {
            let id = world.cloud_member(by, directory, &format!("payments {days}"), "Acme").await;
            let prefix = "u".repeat(50);
            let sql = format!(
                "INSERT INTO users (account, \"user\", display_name, enabled, generation, create_us, version) \
                 {} {id}, '{prefix}' || CAST(i AS TEXT), '', TRUE, 1, 0, 1 FROM n",
                numbers(MANY)
            );
            world.sql(&sql).await;
            let users: Vec<_> = (1..=MANY).map(|number| format!("{prefix}{number}")).collect();
            let account = store::account::get(world.app.db.reader(), id).await.unwrap().unwrap();
            let user = |id: &String| User { id: id.clone(), ..User::root(&account, true) };
            world.tell(id, users.iter().map(|id| events::user(&user(id))).collect()).await;
            deleted(&world, (by, directory), id, &users, days).await;
        }
    }
}

// covers: E-DIR-18
#[tokio::test]
async fn a_directory_at_its_limits_is_disabled_in_changes_of_bounded_size() {
    let limits = Limits { folders_max: 1_000, control_policies_max: 10_000, ..Limits::default() };
    let (folders, policies, invitations) = (1_000, 10_000, 10_000);
    for world in worlds_with(limits).await {
        let (by, directory) = world.directory("Acme").await;
        world
            .sql(&format!(
                "INSERT INTO control_policies \
                 (directory, policy, description, document, create_us, update_us, version) \
                 {} '{directory}', '{}' || CAST(i AS TEXT), '', '{}', 0, 0, 1 FROM n",
                numbers(policies),
                "p".repeat(123),
                "d".repeat(4_096)
            ))
            .await;
        world
            .sql(&format!(
                "INSERT INTO invitations (invitation, directory, account, note, state, management_account, \
                 sender_legal_name, recipient_legal_name, folder, labels, create_us, expire_us, respond_us, version) \
                 {} 'h-{}' || CAST(i AS TEXT), '{directory}', {by}, '', 'cancelled', {by}, '', '', 'root', '{{}}', \
                 0, 0, 0, 1 FROM n",
                numbers(invitations),
                "0".repeat(16)
            ))
            .await;
        world
            .sql(&format!(
                "INSERT INTO folders (directory, folder, parent, display_name, create_us, update_us, version) \
                 {} '{directory}', 'fd-' || CAST(i AS TEXT), 'root', 'f' || CAST(i AS TEXT), 0, 0, 1 FROM n",
                numbers(folders)
            ))
            .await;
        let call = world.root(by, "DirectoryService/DeleteDirectory", &directory.name()).await;
        let refused = refused(world.app.directory_delete(&call, &change(), directory, "").await);
        assert_eq!(refused, Refusal::DirectoryHasFolders { folders: 1_000 }, "{}", world.engine);
        world.sql("DELETE FROM folders WHERE folder <> 'root'").await;

        let before = world.revision().await;
        world.app.directory_delete(&call, &change(), directory, "").await.unwrap();
        let changes = world.since(before).await;
        assert!(changes.iter().map(|(change, _)| bytes(change)).sum::<usize>() > PAYLOAD_MAX, "{}", world.engine);
        for (change, facts) in &changes {
            assert!(bytes(change) <= MOST, "{}", world.engine);
            // From the first on the account is in no directory, so that nobody acts in what is left of it.
            assert_eq!(facts.account(by).unwrap().directory, None, "{}", world.engine);
        }
        let gone: Vec<_> = changes.iter().flat_map(|(change, _)| &change.facts).filter(|fact| fact.removed).collect();
        assert_eq!(gone.len(), policies + invitations + 2, "{}", world.engine);
        let last = gone.last().unwrap().fact.clone().unwrap().kind;
        assert!(matches!(last, Some(Kind::Directory(_))), "what comes after would make it anew: {last:?}");
        assert_eq!(world.facts().await.management_account(directory), None, "{}", world.engine);
        world.enable(by).await.unwrap();
    }
}

/// A page of a thousand documents would be more than a caller takes in one message.
#[tokio::test]
async fn pages_of_documents_are_small_and_complete_together() {
    for world in worlds().await {
        let (by, directory) = world.directory("Acme").await;
        let sql = format!(
            "INSERT INTO control_policies \
             (directory, policy, description, document, create_us, update_us, version) \
             {} '{directory}', 'p' || CAST(i AS TEXT), '', '{}', 0, 0, 1 FROM n",
            numbers(250),
            "d".repeat(4_096)
        );
        world.sql(&sql).await;
        let call = world.root(by, "ControlPolicyService/ListControlPolicies", &directory.name()).await;
        let (mut sizes, mut seen, mut asked) = (Vec::new(), BTreeSet::new(), first(1_000));
        loop {
            let page = world.app.control_policy_list(&call, directory, &asked).await.unwrap();
            sizes.push(page.items.len());
            seen.extend(page.items.into_iter().map(|view| view.policy.id));
            if page.next.is_empty() {
                break;
            }
            asked.token = page.next;
        }
        assert_eq!((sizes, seen.len()), (vec![100, 100, 51], 251), "{}", world.engine);

        let id = world.account("payments", None).await;
        world.crowd(id).await;
        let call = world.root(id, "PolicyService/ListPolicies", &id.name()).await;
        let page = world.app.policy_list(&call, id, &first(1_000)).await.unwrap();
        assert_eq!((page.items.len(), page.next.is_empty()), (100, false), "{}", world.engine);
        let call = world.root(id, "AccessReviewService/ListAccessReviewEntries", &id.name()).await;
        let page = world.app.review_list(&call, id, &first(1_000)).await.unwrap();
        assert_eq!((page.items.len(), page.next.is_empty()), (50, false), "{}", world.engine);
    }
}

/// One fact is never split. The largest that the limits allow fit into a part each.
#[test]
fn the_largest_fact_of_each_kind_fits_into_a_part() {
    let at = Timestamp::default();
    let name = "\u{10348}".repeat(200);
    let id = AccountId::random(&SystemEntropy);
    let directory = DirectoryId::random(&SystemEntropy);
    let account = Account::register(id, NewAccount { display_name: name.clone(), ..named("") }, at);
    let own = usize::try_from(POLICIES_PER_TARGET_BOUND).unwrap();
    let groups = usize::try_from(GROUPS_PER_USER_BOUND).unwrap();
    let user = User {
        id: "u".repeat(63),
        policies: custom(0..own),
        group_policies: custom(own..own * (groups + 1)),
        ..User::root(&account, true)
    };
    // In UTF-8 and, as texts of the contract may be, with each character of four bytes.
    let text = |kind: PolicyKind| "\u{10348}".repeat(kind.max_characters());
    let role = OwnRole {
        account: id,
        id: "r".repeat(64),
        description: String::new(),
        trust_policy: text(PolicyKind::Trust),
        max_session_seconds: 0,
        policies: custom(0..own),
        generation: i64::MAX,
        access_from: None,
        create_time: at,
        update_time: at,
        last_use_time: None,
        version: i64::MAX,
    };
    let new = NewPolicy { id: policy_id(1), description: String::new(), document: text(PolicyKind::Permission) };
    let (policy, first) = Policy::create(id, new, false, 0, 1, at).unwrap();
    let attached = custom(0..usize::try_from(ATTACHED_CONTROL_POLICIES_BOUND).unwrap());
    let control_policies: Vec<String> = attached.iter().map(|policy| policy.id().to_owned()).collect();
    let folder = Folder { control_policies: control_policies.clone(), ..Folder::root(directory, at) };
    let enterprise = EnterpriseIdentity {
        legal_name: String::new(),
        registration_number: String::new(),
        verifier: String::new(),
        verify_time: at,
    };
    let verified = Account { enterprise: Some(enterprise), ..account.clone() };
    let (_, mut membership) = Directory::enable(directory, &verified, None, "i".repeat(20), at).unwrap();
    membership.display_name = name;
    membership.control_policies = control_policies;
    let facts = [
        events::user(&user),
        events::role(&role),
        events::policy(&policy, &first.document),
        events::folder_holds(&folder),
        events::account(&account, Some(&membership)),
    ];
    for fact in facts {
        let bytes = events::bytes(std::slice::from_ref(&fact));
        assert!(bytes <= PART_BYTES, "{bytes}: {}", fact.fact.unwrap().key());
    }
}

/// Whatever a change says beyond its bound is refused, with the reason of its own.
#[test]
fn a_change_that_is_too_large_is_the_callers_matter() {
    let limit = PAYLOAD_MAX;
    let error = Error::from(DbError::ChangeTooLarge { resource: "accounts/1".to_owned(), bytes: limit + 1, limit });
    assert_eq!(error.reason(), ErrorReason::ChangeTooLarge);
    assert_eq!(error.metadata(), [("limit_bytes", "1572864".to_owned())]);
    let status = tonic::Status::from(error);
    assert_eq!(status.code(), tonic::Code::ResourceExhausted);
    assert_eq!(status.message(), "the change of `accounts/1` has 1572865 bytes; a change has 1572864 at most");
}
