use std::time::Duration;

use bailiwick_core::{TrustedService, authz::Facts};
use sea_orm::{ColumnTrait, ConnectionTrait, DbBackend, EntityTrait, QueryFilter, Statement, sea_query::Expr};

use super::{super::PlaceClaims, races::check_invariants, root_users::root_facts, *};
use crate::{
    domain::{
        Error as Refusal,
        attachment::{Put, Target, TargetKind},
        claim::{Kind, Strength},
        member::MemberDeletion,
        user::NewUser,
    },
    store,
};

const DAY: Duration = Duration::from_hours(24);

pub(super) fn deletion(ignored: &[&str], days: u32) -> MemberDeletion {
    let ignored = ignored.iter().map(|id| id.parse().unwrap()).collect();
    MemberDeletion { ignored, silence: DAY * days, etag: String::new() }
}

impl World {
    /// As `member_deletion_enabled` of the directory says.
    pub(crate) async fn allow_deletion(&self, of: DirectoryId) {
        use store::testing::directories::{Column, Entity};
        let id = of.to_string();
        let work = move |tx: bailiwick_db::Tx| {
            let id = id.clone();
            async move {
                Entity::update_many()
                    .col_expr(Column::MemberDeletionEnabled, Expr::value(true))
                    .filter(Column::Directory.eq(id))
                    .exec(tx.conn())
                    .await?;
                Ok::<_, bailiwick_db::DbError>(())
            }
        };
        self.app.db.write("test", work).await.unwrap();
    }

    /// Makes a cloud account a resource account, with the identities that it has.
    pub(super) async fn make_resource(&self, of: AccountId) {
        use store::testing::accounts::{Column, Entity};
        let id = i64::try_from(of.get()).unwrap();
        let work = move |tx: bailiwick_db::Tx| async move {
            Entity::update_many()
                .col_expr(Column::Kind, Expr::value("resource"))
                .filter(Column::Account.eq(id))
                .exec(tx.conn())
                .await?;
            Ok::<_, bailiwick_db::DbError>(())
        };
        self.app.db.write("test", work).await.unwrap();
    }

    pub(super) async fn management(&self, by: AccountId, of: DirectoryId, method: &str, who: AccountId) -> Call {
        let user = IdentityName::User(by, "admin".to_owned());
        if self.facts().await.identity(&user).is_none() {
            let call = self.root(by, "UserService/CreateUser", &by.name()).await;
            let new = NewUser { id: "admin".to_owned(), display_name: String::new() };
            self.app.user_create(&call, &change(), by, new).await.unwrap();
            let admin = Target { account: by, kind: TargetKind::User, id: "admin" };
            self.put(admin, "AdministratorAccess", Put::Attach).await.unwrap();
        }
        self.call(&user, &format!("MemberService/{method}"), &format!("{}/members/{who}", of.name())).await
    }

    pub(super) async fn delete(
        &self,
        by: AccountId,
        of: DirectoryId,
        who: AccountId,
        asked: &MemberDeletion,
    ) -> Result<Member, Error> {
        let call = self.management(by, of, "DeleteMember", who).await;
        Ok(self.app.member_delete(&call, &change(), of, who, asked).await?.value)
    }

    async fn undelete(&self, by: AccountId, of: DirectoryId, who: AccountId) -> Result<Member, Error> {
        let call = self.management(by, of, "UndeleteMember", who).await;
        Ok(self.app.member_undelete(&call, &change(), of, who, "").await?.value)
    }

    async fn findings(&self, by: AccountId, of: DirectoryId, who: AccountId) -> Vec<String> {
        let call = self.management(by, of, "CheckMemberDeletion", who).await;
        let check = self.app.member_check_deletion(&call, of, who).await.unwrap();
        check.findings.iter().map(ToString::to_string).collect()
    }

    /// A resource account with a user `alice`, her access key and its secret.
    async fn inhabited(&self, by: AccountId, of: DirectoryId, name: &str) -> (AccountId, String, String) {
        let id = self.cloud_member(by, of, name, "Acme").await;
        let call = self.root(id, "UserService/CreateUser", &id.name()).await;
        let new = NewUser { id: "alice".to_owned(), display_name: String::new() };
        let alice = self.app.user_create(&call, &change(), id, new).await.unwrap().value;
        let call = self.root(id, "AccessKeyService/CreateAccessKey", &alice.name()).await;
        let made = self.app.access_key_create(&call, &change(), id, "alice").await.unwrap().value;
        self.make_resource(id).await;
        (id, made.key.id, made.secret.to_string())
    }

    pub(super) async fn claim(
        &self,
        of: DirectoryId,
        who: AccountId,
        service: TrustedService,
        strength: Strength,
    ) -> Result<(), Error> {
        let kind = if strength == Strength::Blocking { Kind::Designation } else { Kind::Enrolment };
        let roles = service.service_linked_roles().iter().map(|role| role.name.to_owned()).collect();
        let asked = PlaceClaims { directory: of, accounts: vec![who], service, kind, strength, roles };
        let call = self.service_call("ClaimService/PlaceClaims", of).await;
        self.app.claim_place(&call, asked).await.map(drop)
    }
}

fn alice(of: AccountId) -> IdentityName {
    IdentityName::User(of, "alice".to_owned())
}

fn told(refusal: &Refusal) -> Vec<String> {
    match refusal {
        Refusal::MemberDeletionRefused { findings, .. } => findings.iter().map(ToString::to_string).collect(),
        other => panic!("another refusal: {other:?}"),
    }
}

// covers: E-DIR-15, E-DIR-16, E-DIR-19, E-DIR-20
#[tokio::test]
async fn a_member_is_deleted_when_nothing_stands_against_it_or_all_is_ignored() {
    for world in worlds().await {
        let (by, directory) = world.directory("Acme").await;
        let (id, ..) = world.inhabited(by, directory, "payments").await;
        let cloud = world.cloud_member(by, directory, "cloud", "Acme").await;
        let off = refused(world.delete(by, directory, cloud, &deletion(&[], 45)).await);
        assert_eq!(told(&off), ["cloud-account", "member-deletion-disabled"], "{}", world.engine);
        world.allow_deletion(directory).await;
        world.claim(directory, id, TrustedService::Sase, Strength::Informative).await.unwrap();
        world.claim(directory, id, TrustedService::Sase, Strength::Blocking).await.unwrap();
        world.claim(directory, id, TrustedService::Bastionhost, Strength::Informative).await.unwrap();
        let found = world.findings(by, directory, id).await;
        assert_eq!(found, ["designation/sase", "enrolment/sase", "enrolment/bastionhost", "access-key"]);
        let all: Vec<&str> = found.iter().map(String::as_str).collect();
        let held = refused(world.delete(by, directory, id, &deletion(&all, 45)).await);
        assert_eq!(told(&held), ["designation/sase"], "{}", world.engine);
        let head = world.app.db.head().await.unwrap();
        assert_eq!(
            refused(world.delete(by, directory, by, &deletion(&[], 0)).await),
            Refusal::ManagementAccountNotEligible(by)
        );
        assert_eq!(world.app.db.head().await.unwrap().revision, head.revision, "{}", world.engine);
    }
}

// covers: E-DIR-20, E-DEL-05
#[tokio::test]
async fn while_a_deletion_waits_nobody_acts_and_it_can_be_taken_back() {
    for world in worlds().await {
        let (by, directory) = world.directory("Acme").await;
        world.allow_deletion(directory).await;
        let (id, key, secret) = world.inhabited(by, directory, "payments").await;
        world.app.token_create(&key, &secret, "192.0.2.1").await.unwrap();
        let before = [world.generation(&alice(id)).await, world.generation(&IdentityName::root(id)).await];
        let unnamed = refused(world.delete(by, directory, id, &deletion(&[], 45)).await);
        assert_eq!(told(&unnamed), ["access-key"], "{}", world.engine);

        let waiting = world.delete(by, directory, id, &deletion(&["access-key"], 45)).await.unwrap();
        assert_eq!(waiting.membership.purge_time, Some(world.app.now().after(45 * DAY)));
        assert!(raw_account(&world, id).await.unwrap().suspended, "{}", world.engine);
        let after = [world.generation(&alice(id)).await, world.generation(&IdentityName::root(id)).await];
        assert!(before.iter().zip(&after).all(|(before, after)| after > before), "{before:?} {after:?}");
        assert!(matches!(
            refused(world.app.token_create(&key, &secret, "192.0.2.1").await),
            Refusal::CredentialInvalid
        ));
        let pending = Refusal::MemberPendingDeletion(id);
        assert_eq!(refused(world.claim(directory, id, TrustedService::Sase, Strength::Blocking).await), pending);
        assert_eq!(refused(world.remove(by, directory, id).await), pending, "{}", world.engine);
        let again = refused(world.delete(by, directory, id, &deletion(&["access-key"], 0)).await);
        assert_eq!(told(&again), ["pending-deletion"]);
        assert_eq!(world.members(by, directory).await, vec![waiting]);

        world.clock.advance(45 * DAY - Duration::from_secs(1));
        world.app.sweep().await.unwrap();
        let back = world.undelete(by, directory, id).await.unwrap();
        assert_eq!(back.membership.purge_time, None);
        assert!(!raw_account(&world, id).await.unwrap().suspended);
        assert_eq!(world.generation(&alice(id)).await, after[0], "tokens of before stay dead");
        assert!(world.facts().await.identity(&alice(id)).unwrap().enabled, "{}", world.engine);
        world.app.token_create(&key, &secret, "192.0.2.1").await.unwrap();
        let active = refused(world.undelete(by, directory, id).await);
        assert_eq!(active, Refusal::MemberNotPendingDeletion(id), "{}", world.engine);
        check_invariants(&world).await;
    }
}

// covers: E-DIR-20
#[tokio::test]
async fn a_due_deletion_ends_the_account_for_good() {
    let limits = Limits { members_max: 2, ..Limits::default() };
    for world in worlds_with(limits).await {
        let (by, directory) = world.directory("Acme").await;
        world.allow_deletion(directory).await;
        let (id, key, secret) = world.inhabited(by, directory, "payments").await;
        world.claim(directory, id, TrustedService::Sase, Strength::Informative).await.unwrap();
        let ignored = ["enrolment/sase", "access-key"];
        world.delete(by, directory, id, &deletion(&ignored, 45)).await.unwrap();
        world.member(by, directory, "other").await.unwrap();
        let full = refused(world.member(by, directory, "third").await);
        assert_eq!(full, Refusal::MemberQuotaExceeded { limit: 2 }, "one that waits takes a place");

        world.clock.advance(45 * DAY);
        // Not even looked at by the sweeper yet.
        assert_eq!(world.members(by, directory).await.len(), 1, "{}", world.engine);
        let get = world.root(by, "MemberService/GetMember", &format!("{}/members/{id}", directory.name())).await;
        assert!(matches!(refused(world.app.member_get(&get, directory, id).await), Refusal::NotFound(_)));
        assert!(matches!(refused(world.undelete(by, directory, id).await), Refusal::NotFound(_)));
        assert!(matches!(refused(world.delete(by, directory, id, &deletion(&ignored, 0)).await), Refusal::NotFound(_)));
        // Its name and its place are free.
        world.member(by, directory, "payments").await.unwrap();
        world.app.sweep().await.unwrap();
        assert_ended(&world, id, &key, &secret).await;
        let due = store::member::due(world.app.db.reader(), None, world.app.now(), 10).await.unwrap();
        assert_eq!(due, [], "{}", world.engine);
        check_invariants(&world).await;
    }
}

// covers: E-DIR-20
#[tokio::test]
async fn the_sweeper_ends_what_nobody_asks_for_and_says_so() {
    for world in worlds().await {
        let (by, directory) = world.directory("Acme").await;
        world.allow_deletion(directory).await;
        let (id, key, secret) = world.inhabited(by, directory, "payments").await;
        world.delete(by, directory, id, &deletion(&["access-key"], 1)).await.unwrap();
        world.clock.advance(DAY);
        world.app.sweep().await.unwrap();
        let made = world.last_change().await;
        assert_eq!(made.operator.unwrap().principal, "roles/directory", "{}", world.engine);
        assert_eq!((made.tenant, made.accounts), (directory.name(), vec![id.name()]));
        assert_ended(&world, id, &key, &secret).await;
        check_invariants(&world).await;
    }
}

// covers: E-DIR-20
#[tokio::test]
async fn without_a_silence_period_all_ends_at_once() {
    for world in worlds().await {
        let (by, directory) = world.directory("Acme").await;
        world.allow_deletion(directory).await;
        let (id, key, secret) = world.inhabited(by, directory, "payments").await;
        let call = world.management(by, directory, "DeleteMember", id).await;
        let asked = deletion(&["access-key"], 0);
        let only_tried = Mutation { validate_only: true, ..change() };
        world.app.member_delete(&call, &only_tried, directory, id, &asked).await.unwrap();
        assert_eq!(world.members(by, directory).await.len(), 1, "{}", world.engine);
        world.app.token_create(&key, &secret, "192.0.2.1").await.unwrap();
        let gone = world.app.member_delete(&call, &change(), directory, id, &asked).await.unwrap().value;
        assert_eq!(gone.membership.purge_time, Some(world.app.now()));
        assert_ended(&world, id, &key, &secret).await;
        assert!(matches!(refused(world.undelete(by, directory, id).await), Refusal::NotFound(_)));
        check_invariants(&world).await;
    }
}

/// What an account has is in tables with its number: a new one belongs in one of these lists, and its rows into what ends
/// with the account.
#[tokio::test]
async fn every_table_of_an_account_is_known_to_its_deletion() {
    const ENDED: [&str; 15] = [
        "access_keys",
        "claims",
        "credentials",
        "group_members",
        "groups",
        "identity_providers",
        "member_labels",
        "members",
        "policies",
        "policy_attachments",
        "policy_versions",
        "roles",
        "security_contacts",
        "service_linked_roles",
        "users",
    ];
    // Codes are forgotten within a day, whatever becomes of their account.
    const KEPT: [&str; 3] = ["accounts", "invitations", "verifications"];
    let world = worlds().await.into_iter().find(|world| world.engine == "sqlite").unwrap();
    let sql =
        "SELECT t.name FROM sqlite_master t, pragma_table_info(t.name) c WHERE t.type = 'table' AND c.name = 'account'";
    let statement = Statement::from_string(DbBackend::Sqlite, sql);
    let rows = world.app.db.reader().query_all_raw(statement).await.unwrap();
    let mut tables: Vec<String> = rows.iter().map(|row| row.try_get_by_index(0).unwrap()).collect();
    tables.sort();
    let mut known = [&ENDED[..], &KEPT[..]].concat();
    known.sort_unstable();
    assert_eq!(tables, known);
}

/// The account fact as the log has it.
async fn raw_account(world: &World, of: AccountId) -> Option<bailiwick_api::r#type::v1::AccountFact> {
    use bailiwick_api::r#type::v1::access_fact::Kind;
    let changes = world.changes().await;
    let facts = changes.into_iter().flat_map(|change| change.facts);
    let mut found = facts.filter_map(|change| match change.fact?.kind? {
        Kind::Account(fact) if fact.account == of.name() => Some((!change.removed).then_some(fact)),
        _ => None,
    });
    found.next_back().flatten()
}

/// Nothing of an account is left but its id.
async fn assert_ended(world: &World, id: AccountId, key: &str, secret: &str) {
    let facts = world.facts().await;
    assert_eq!(facts.account(id), None, "{}", world.engine);
    assert!(!root_facts(world).await.contains_key(&id.name()), "{}", world.engine);
    for identity in [alice(id), IdentityName::root(id), IdentityName::Role(id, "AliyunServiceRoleForCsas".to_owned())] {
        assert!(facts.identity(&identity).is_none(), "{identity}: {}", world.engine);
    }
    assert!(matches!(refused(world.app.token_create(key, secret, "192.0.2.1").await), Refusal::CredentialInvalid));
    let reader = world.app.db.reader();
    assert_eq!(store::account::get(reader, id).await.unwrap(), None, "{}", world.engine);
    let kept =
        store::testing::accounts::Entity::find_by_id(i64::try_from(id.get()).unwrap()).one(reader).await.unwrap();
    assert_eq!(kept.unwrap().delete_us, Some(world.app.now().as_micros()), "the id is never given again");
    let call = world.platform("AccountService/ListAccounts").await;
    let listed = world.app.account_list(&call, &first(100)).await.unwrap().items;
    assert!(listed.iter().all(|view| view.account.id != id), "{}", world.engine);
}
