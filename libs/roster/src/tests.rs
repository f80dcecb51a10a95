use std::{sync::Arc, time::Duration};

use bailiwick_api::{
    audit::v1::Change,
    sase::v1::{BatchCreateSaseMembersRequest, DeleteSaseMemberRequest, ListSaseMembersRequest},
    r#type::v1::{AccessFact, AccessFactChange, AccountFact, FolderFact, access_fact::Kind},
};
use bailiwick_core::{AccountId, DirectoryId, Role, TrustedService, authz::Scope, filter::Listing};
use bailiwick_db::{Db, PageTokens, Position, Sealer};
use bailiwick_rpc::Call;
use bailiwick_testkit::{ManualClock, TestDatabase, databases};
use futures::future::BoxFuture;
use prost::Message;
use tokio_util::sync::CancellationToken;

use crate::{
    Attributes, Behalf, Departure, Enrolled, Enrolments, Entry, Lists, Members, Refused, Roster, RosterError,
    Selection, Spec,
    domain::EntryError,
    migrations,
    testing::{FakeDelegation, Suite, account, directory, eventually},
};

const SPEC: Spec = Spec {
    service: TrustedService::Sase,
    collection: "saseMembers",
    pattern: "directories/{directory}/saseMembers/{account}",
    marks: true,
};
const CREATE: &str = "/bailiwick.sase.v1.SaseMemberService/BatchCreateSaseMembers";
const LIST: &str = "/bailiwick.sase.v1.SaseMemberService/ListSaseMembers";
const DELETE: &str = "/bailiwick.sase.v1.SaseMemberService/DeleteSaseMember";
const REQUEST_ID: &str = "0b8fba4e-7d1c-4f53-9c3a-08cc5b4f5a5f";
const ENOUGH: Duration = Duration::from_secs(20);

/// A list in a suite, with or without its follower.
struct World {
    suite: Suite,
    clock: Arc<ManualClock>,
    database: TestDatabase,
    lists: Lists,
    roster: Arc<Roster>,
    shutdown: CancellationToken,
}

impl World {
    async fn all() -> Vec<Self> {
        let mut worlds = Vec::new();
        for database in databases().await {
            let clock = Arc::new(ManualClock::default());
            let suite = Suite::new(&database.url, clock.clone(), migrations).await;
            let shutdown = CancellationToken::new();
            let lists = Lists::new(Role::SasePolicy, vec![SPEC], suite.deps(shutdown.clone())).await.unwrap();
            let roster = lists.roster(SPEC);
            worlds.push(Self { suite, clock, database, lists, roster, shutdown });
        }
        worlds
    }

    /// With their followers.
    async fn following() -> Vec<Self> {
        let worlds = Self::all().await;
        worlds.iter().for_each(Self::follow);
        worlds
    }

    fn follow(&self) {
        let follower = self.lists.follower(Role::Delegation, Arc::new(self.lists.keeper()));
        tokio::spawn(follower.run(self.shutdown.clone()));
    }

    /// A call of a user of a management account to add members to its directory.
    fn call(&self, management: u8, user: &str, within: Duration) -> Call {
        let message = BatchCreateSaseMembersRequest { parent: directory(management / 10).name(), ..Default::default() };
        self.suite.call((account(management), user), CREATE, &message, within).unwrap()
    }

    async fn create(&self, members: &[u8], remark: &str) -> Vec<Entry> {
        let call = self.call(members[0] / 10 * 10, "alice", ENOUGH);
        self.roster.create(&call, &named(members), &remarked(remark), None).await.unwrap().value
    }

    async fn entry(&self, member: u8) -> Option<Entry> {
        let call = self.call(member / 10 * 10, "alice", ENOUGH);
        match self.roster.get(&call, account(member)).await {
            Ok(entry) => Some(entry),
            Err(RosterError::Domain(EntryError::NotFound(_))) => None,
            Err(other) => panic!("{other}"),
        }
    }

    async fn list(&self, management: u8, size: u32, token: &str) -> Result<(Vec<AccountId>, String), RosterError> {
        let message = ListSaseMembersRequest { parent: directory(management / 10).name(), ..Default::default() };
        let call = self.suite.call((account(management), "alice"), LIST, &message, ENOUGH).unwrap();
        let page = self.roster.list(&call, &Listing::default(), size, token).await?;
        Ok((page.entries.iter().map(|entry| entry.account).collect(), page.next))
    }

    /// A call of a user to remove a member.
    fn removal(&self, user: &str, member: u8) -> Call {
        let name = SPEC.name(directory(member / 10), account(member));
        let message = DeleteSaseMemberRequest { name, ..Default::default() };
        self.suite.call((account(member / 10 * 10), user), DELETE, &message, ENOUGH).unwrap()
    }

    async fn changes(&self) -> Vec<Change> {
        let changes = self.suite.db.changes_after(0, 1_000).await.unwrap();
        changes.iter().map(|logged| Change::decode(logged.change.payload.as_slice()).unwrap()).collect()
    }
}

impl Drop for World {
    fn drop(&mut self) {
        self.shutdown.cancel();
    }
}

fn named(members: &[u8]) -> Members {
    Members::new(members.iter().copied().map(account).collect()).unwrap()
}

fn remarked(remark: &str) -> Selection {
    Selection::given(&SPEC, Attributes::new(remark.into(), false).unwrap())
}

fn update(remark: &str) -> Selection {
    Selection::masked(&SPEC, &["remark".into()], Attributes::new(remark.into(), false).unwrap()).unwrap()
}

fn request_id() -> Option<String> {
    Some(REQUEST_ID.to_owned())
}

// covers: R-SASE-01, R-SASE-07, R-SASE-10, E-SC-03
#[tokio::test(flavor = "multi_thread")]
async fn members_are_added_in_the_order_asked_for() {
    for world in World::following().await {
        let entries = world.create(&[13, 11], "").await;
        assert_eq!(entries.iter().map(|e| e.account).collect::<Vec<_>>(), [account(13), account(11)]);
        let entry = world.entry(11).await.unwrap();
        assert_eq!(entry.profile.display_name, "member 11", "{}", world.database.engine);
        assert_eq!(entry.add_operator, format!("{}/users/alice", account(10).name()));
        assert_eq!(entry.add_time, world.suite.delegation.log().now());
        // Adding it again keeps the entry; a remark that is given is set.
        let again = world.create(&[11], "till").await;
        assert_eq!((again[0].uid.as_str(), again[0].remark.as_str()), (entry.uid.as_str(), "till"));
        assert_eq!(world.create(&[11], "").await, again);
        let call = world.call(10, "alice", ENOUGH);
        assert_eq!(world.roster.count(&call).await.unwrap(), 2);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn adding_waits_for_the_follower_and_a_repetition_completes() {
    for world in World::all().await {
        let (members, selection) = (named(&[11, 12]), remarked("shop"));
        let hurried = world.call(10, "alice", Duration::from_secs(2));
        let refused = world.roster.create(&hurried, &members, &selection, request_id()).await.unwrap_err();
        assert!(matches!(refused, RosterError::NotReached), "{}: {refused}", world.database.engine);
        assert_eq!(world.suite.delegation.enrolled(SPEC.service).await, 2);
        world.follow();
        let call = world.call(10, "alice", ENOUGH);
        let done = world.roster.create(&call, &members, &selection, request_id()).await.unwrap();
        assert!(done.value.iter().all(|entry| entry.remark == "shop"));
        assert_eq!(world.roster.create(&call, &members, &selection, request_id()).await.unwrap(), done);
        // Another content, another caller.
        let other = world.roster.create(&call, &named(&[13]), &selection, request_id()).await.unwrap_err();
        assert!(matches!(other, RosterError::Db(bailiwick_db::DbError::RequestIdReused)));
        let bob = world.call(10, "bob", ENOUGH);
        assert!(world.roster.create(&bob, &named(&[13]), &selection, request_id()).await.is_ok());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_repetition_does_not_add_a_member_that_was_removed_since() {
    for world in World::following().await {
        let call = world.call(10, "alice", ENOUGH);
        let done = world.roster.create(&call, &named(&[11]), &remarked(""), request_id()).await.unwrap();
        world.suite.delegation.end(directory(1), SPEC.service, account(11)).await;
        let again = world.roster.create(&call, &named(&[11]), &remarked(""), request_id()).await.unwrap();
        assert_eq!(again, done, "{}", world.database.engine);
        assert_eq!(world.suite.delegation.enrolled(SPEC.service).await, 0);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_entry_ends_with_its_enrolment_and_begins_anew() {
    for world in World::following().await {
        let first = world.create(&[11], "old remark").await.remove(0);
        world.suite.delegation.end(directory(1), SPEC.service, account(11)).await;
        eventually(|| async { world.entry(11).await.is_none() }).await;
        let second = world.create(&[11], "").await.remove(0);
        assert_eq!(second.remark, "", "{}", world.database.engine);
        assert_ne!((&second.uid, second.etag()), (&first.uid, first.etag()));
        // Another membership of the account is another member.
        world.suite.delegation.join(directory(1), account(11), "i2", "again").await;
        eventually(|| async { world.entry(11).await.is_none() }).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_directory_says_of_a_member_is_followed() {
    for world in World::following().await {
        let etag = world.create(&[11], "kept").await.remove(0).etag();
        world.suite.delegation.join(directory(1), account(11), "i1", "renamed").await;
        let renamed = || async { world.entry(11).await.unwrap().profile.display_name == "renamed" };
        eventually(renamed).await;
        let entry = world.entry(11).await.unwrap();
        assert_eq!(entry.remark, "kept", "{}", world.database.engine);
        assert_ne!(entry.etag(), etag);
    }
}

// covers: R-SASE-11, R-SASE-12
#[tokio::test(flavor = "multi_thread")]
async fn of_two_operators_with_one_etag_the_first_wins() {
    for world in World::following().await {
        let etag = world.create(&[11], "").await.remove(0).etag();
        let (alice, bob) = (world.call(10, "alice", ENOUGH), world.call(10, "bob", ENOUGH));
        let won = world.roster.update(&alice, account(11), &update("a"), &etag, None).await.unwrap();
        let name = SPEC.name(directory(1), account(11));
        let mismatch = |error: RosterError| match error {
            RosterError::Domain(error) => assert_eq!(error, EntryError::EtagMismatch(name.clone())),
            other => panic!("{other}"),
        };
        mismatch(world.roster.update(&bob, account(11), &update("b"), &etag, None).await.unwrap_err());
        mismatch(world.roster.delete(&world.removal("bob", 11), account(11), &etag, None).await.unwrap_err());
        assert_eq!(world.entry(11).await.unwrap().remark, "a", "{}", world.database.engine);
        let removal = world.removal("bob", 11);
        let done = world.roster.delete(&removal, account(11), &won.value.etag(), request_id()).await.unwrap();
        assert_eq!(world.entry(11).await, None);
        let again = world.roster.delete(&removal, account(11), &won.value.etag(), request_id()).await.unwrap();
        assert_eq!(again, done);
        let gone = world.roster.delete(&removal, account(11), "", None).await.unwrap_err();
        assert!(matches!(gone, RosterError::Domain(EntryError::NotFound(_))));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn each_change_is_recorded_with_its_operator() {
    for world in World::following().await {
        world.create(&[11, 12], "").await;
        let call = world.call(10, "bob", ENOUGH);
        world.roster.update(&call, account(11), &update("x"), "", request_id()).await.unwrap();
        world.roster.update(&call, account(11), &update("x"), "", None).await.unwrap();
        let changes = world.changes().await;
        let [followed, created, updated] = changes.as_slice() else { panic!("{changes:?}") };
        let who = |change: &Change| change.operator.clone().unwrap().principal;
        assert_eq!(
            (followed.method.as_str(), who(followed)),
            ("follow", format!("{}/users/alice", account(10).name()))
        );
        assert_eq!(followed.origin.as_ref().unwrap().role, "delegation");
        assert_eq!(created.method, "bailiwick.sase.v1.SaseMemberService/BatchCreateSaseMembers");
        assert_eq!((created.origin.as_ref(), created.tenant.as_str()), (None, directory(1).name().as_str()));
        assert_eq!(created.accounts, [account(11).name(), account(12).name()]);
        assert_eq!(
            (who(updated), updated.request_id.as_str()),
            (format!("{}/users/bob", account(10).name()), REQUEST_ID)
        );
        assert_eq!(updated.resource, SPEC.name(directory(1), account(11)), "{}", world.database.engine);
    }
}

// covers: R-SASE-08
#[tokio::test(flavor = "multi_thread")]
async fn pages_are_complete_and_of_one_directory() {
    for world in World::following().await {
        world.create(&[14, 12, 11, 15], "").await;
        world.create(&[21, 22], "").await;
        let (first, token) = world.list(10, 2, "").await.unwrap();
        assert_eq!(first, [account(11), account(12)], "{}", world.database.engine);
        // What comes and goes on pages that were read moves no one else.
        world.suite.delegation.end(directory(1), SPEC.service, account(12)).await;
        eventually(|| async { world.entry(12).await.is_none() }).await;
        let (second, end) = world.list(10, 2, &token).await.unwrap();
        assert_eq!((second, end.as_str()), (vec![account(14), account(15)], ""));
        assert_eq!(world.list(20, 50, "").await.unwrap().0, [account(21), account(22)]);
        for (management, token) in [(20, token.as_str()), (10, "forged")] {
            let refused = world.list(management, 2, token).await.unwrap_err();
            assert!(matches!(refused, RosterError::PageToken(_)), "{refused}");
        }
        world.clock.advance(Duration::from_hours(25));
        assert!(matches!(world.list(10, 2, &token).await, Err(RosterError::PageToken(_))));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn another_directory_has_no_such_entry() {
    for world in World::following().await {
        world.create(&[21], "").await;
        let call = world.call(10, "alice", ENOUGH);
        let refused = world.roster.get(&call, account(21)).await.unwrap_err();
        assert!(matches!(refused, RosterError::Domain(EntryError::NotFound(_))), "{}", world.database.engine);
        let refused = world.roster.update(&call, account(21), &update("x"), "", None).await.unwrap_err();
        assert!(matches!(refused, RosterError::Domain(EntryError::NotFound(_))));
        assert_eq!(world.entry(21).await.unwrap().remark, "");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn refusals_of_delegation_are_passed_on() {
    for world in World::following().await {
        let call = world.call(10, "alice", ENOUGH);
        let refused = world.roster.create(&call, &named(&[10]), &remarked(""), None).await.unwrap_err();
        let status = tonic::Status::from(refused);
        assert_eq!(status.code(), tonic::Code::FailedPrecondition, "{}", world.database.engine);
        let details = String::from_utf8_lossy(status.details()).into_owned();
        assert!(
            details.contains("MANAGEMENT_ACCOUNT_NOT_ELIGIBLE") && details.contains(&account(10).name()),
            "{details}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_member_that_was_enrolled_anew_meanwhile_is_a_conflict() {
    for world in World::following().await {
        world.create(&[11], "").await;
        let position = world.suite.db.cursor("delegation").await.unwrap().unwrap();
        let roster = roster_with(&world.suite.db, Stub { uid: "another", position });
        let call = world.call(10, "alice", ENOUGH);
        let refused = roster.create(&call, &named(&[11]), &remarked("x"), None).await.unwrap_err();
        assert!(matches!(refused, RosterError::Domain(EntryError::ConcurrentChange)), "{}", world.database.engine);
        assert_eq!(world.entry(11).await.unwrap().remark, "");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn removing_an_entry_does_not_end_a_later_enrolment() {
    for world in World::all().await {
        let follower = CancellationToken::new();
        let until = follower.child_token();
        let following = world.lists.follower(Role::Delegation, Arc::new(world.lists.keeper()));
        let following = tokio::spawn(following.run(until));
        let first = world.create(&[11], "").await.remove(0);
        follower.cancel();
        following.await.unwrap();
        // Beyond what the list has been told yet, the enrolment has ended and another one begun.
        let delegation = &world.suite.delegation;
        delegation.end(directory(1), SPEC.service, account(11)).await;
        let hurried = world.call(10, "bob", Duration::from_secs(2));
        let refused = world.roster.create(&hurried, &named(&[11]), &remarked(""), None).await.unwrap_err();
        assert!(matches!(refused, RosterError::NotReached), "{}: {refused}", world.database.engine);
        assert_eq!(world.entry(11).await, Some(first.clone()));
        let hurried = world.call(10, "bob", Duration::from_secs(2));
        let removal = Call { deadline: hurried.deadline, ..world.removal("alice", 11) };
        let refused = world.roster.delete(&removal, account(11), &first.etag(), None).await.unwrap_err();
        assert!(matches!(refused, RosterError::NotReached), "{refused}");
        assert_eq!(delegation.enrolled(SPEC.service).await, 1);
        world.follow();
        eventually(|| async { world.entry(11).await.is_some_and(|entry| entry.uid != first.uid) }).await;
    }
}

/// The removal was carried out, and its answer lost: a repetition gets the first one's answer, though the entry is gone.
#[tokio::test(flavor = "multi_thread")]
async fn a_repetition_completes_a_removal_that_was_left_half_done() {
    for world in World::following().await {
        let entry = world.create(&[11], "").await.remove(0);
        let call = world.removal("alice", 11);
        let crashing = roster_with(&world.suite.db, Crashing(world.suite.delegation.clone()));
        // Nothing is remembered of what was refused.
        let refused = crashing.delete(&call, account(11), "stale", request_id()).await.unwrap_err();
        assert!(matches!(refused, RosterError::Domain(EntryError::EtagMismatch(_))), "{refused}");
        crashing.delete(&call, account(11), &entry.etag(), request_id()).await.unwrap_err();
        eventually(|| async { world.entry(11).await.is_none() }).await;
        let done = world.roster.delete(&call, account(11), &entry.etag(), request_id()).await.unwrap();
        let again = world.roster.delete(&call, account(11), &entry.etag(), request_id()).await.unwrap();
        assert_eq!(again, done, "{}", world.database.engine);
        let recorded = world.changes().await.into_iter().filter(|change| change.method == DELETE[1..]);
        assert_eq!(recorded.count(), 1);
        let other = world.roster.delete(&call, account(11), "", None).await.unwrap_err();
        assert!(matches!(other, RosterError::Domain(EntryError::NotFound(_))), "{other}");
        let reused = world.roster.delete(&call, account(11), "other", request_id()).await.unwrap_err();
        assert!(matches!(reused, RosterError::Db(bailiwick_db::DbError::RequestIdReused)), "{reused}");

        // A member that is enrolled anew before the repetition stays so.
        let entry = world.create(&[12], "").await.remove(0);
        let (call, id) = (world.removal("alice", 12), Some(REQUEST_ID.replace('0', "1")));
        crashing.delete(&call, account(12), &entry.etag(), id.clone()).await.unwrap_err();
        eventually(|| async { world.entry(12).await.is_none() }).await;
        let anew = world.create(&[12], "anew").await.remove(0);
        world.roster.delete(&call, account(12), &entry.etag(), id).await.unwrap();
        assert_eq!(world.entry(12).await, Some(anew), "{}", world.database.engine);
    }
}

/// Ends enrolments, but does not live to say so.
struct Crashing(FakeDelegation);

impl Enrolments for Crashing {
    fn enrol<'a>(
        &'a self,
        _: &'a Behalf,
        _: TrustedService,
        _: DirectoryId,
        _: &'a [AccountId],
    ) -> BoxFuture<'a, Result<Enrolled, Refused>> {
        Box::pin(async { Err(crashed()) })
    }

    fn end<'a>(
        &'a self,
        _: &'a Behalf,
        service: TrustedService,
        directory: DirectoryId,
        ending: &'a [(AccountId, String)],
    ) -> BoxFuture<'a, Result<Position, Refused>> {
        Box::pin(async move {
            for (account, _) in ending {
                self.0.end(directory, service, *account).await;
            }
            Err(crashed())
        })
    }
}

fn crashed() -> Refused {
    Refused { code: tonic::Code::Unavailable.into(), message: "crashed".to_owned(), details: Vec::new() }
}

/// Says that a member is enrolled with another unique id than its entry has.
struct Stub {
    uid: &'static str,
    position: Position,
}

impl Enrolments for Stub {
    fn enrol<'a>(
        &'a self,
        _: &'a Behalf,
        _: TrustedService,
        _: DirectoryId,
        accounts: &'a [AccountId],
    ) -> BoxFuture<'a, Result<Enrolled, Refused>> {
        let uids = accounts.iter().map(|_| self.uid.to_owned()).collect();
        Box::pin(async move { Ok(Enrolled { uids, position: self.position.clone() }) })
    }

    fn end<'a>(
        &'a self,
        _: &'a Behalf,
        _: TrustedService,
        _: DirectoryId,
        _: &'a [(AccountId, String)],
    ) -> BoxFuture<'a, Result<Position, Refused>> {
        Box::pin(async move { Ok(self.position.clone()) })
    }
}

fn roster_with(db: &Db, stub: impl Enrolments + 'static) -> Roster {
    let sealer = Sealer::new([6; 32], Arc::new(bailiwick_core::SystemEntropy));
    Roster::new(SPEC, db.clone(), Arc::new(stub), PageTokens::new(sealer))
}

async fn asked(world: &World, filter: &str, order: &str, size: u32) -> Vec<AccountId> {
    let listing = Listing { filter: SPEC.schema().filter(filter).unwrap(), order: SPEC.schema().order(order).unwrap() };
    let message = ListSaseMembersRequest { parent: directory(1).name(), ..Default::default() };
    let call = world.suite.call((account(10), "alice"), LIST, &message, ENOUGH).unwrap();
    let (mut found, mut token) = (Vec::new(), String::new());
    loop {
        let page = world.roster.list(&call, &listing, size, &token).await.unwrap();
        found.extend(page.entries.iter().map(|entry| entry.account));
        if page.next.is_empty() {
            return found;
        }
        let other = world.roster.list(&call, &Listing::default(), size, &page.next).await.unwrap_err();
        assert!(matches!(other, RosterError::PageToken(_)), "a token of another listing: {other}");
        token = page.next;
    }
}

// covers: R-SC-14
#[tokio::test(flavor = "multi_thread")]
async fn entries_are_searched_and_ordered_by_what_they_say() {
    for world in World::following().await {
        world.create(&[11, 12], "shop_one").await;
        world.create(&[14], "SHOPxONE").await;
        world.create(&[21], "shop_one").await;
        let mark = Selection::masked(&SPEC, &["marked".into()], Attributes::new("".into(), true).unwrap()).unwrap();
        world.roster.update(&world.call(10, "alice", ENOUGH), account(12), &mark, "", None).await.unwrap();
        let entry = world.entry(11).await.unwrap();
        let one = format!("display_name = \"{}\"", entry.profile.display_name);
        for (filter, found) in [
            ("shop_ONE", vec![11, 12]),
            ("remark:shop", vec![11, 12, 14]),
            ("remark = shop_one -marked = true", vec![11]),
            ("marked = true OR remark = *xone", vec![12, 14]),
            (&one, vec![11]),
            (&format!("NOT ({one})"), vec![12, 14]),
            (&format!("account = {}", account(14).name()), vec![14]),
            (&account(12).to_string(), vec![12]),
            ("add_time < 1970-01-01T00:00:00Z", vec![]),
            ("add_time >= 1970-01-01T00:00:00Z", vec![11, 12, 14]),
            ("type = ACCOUNT_TYPE_CLOUD type = ACCOUNT_TYPE_RESOURCE", vec![]),
            ("type != ACCOUNT_TYPE_CLOUD OR type = ACCOUNT_TYPE_CLOUD", vec![11, 12, 14]),
        ] {
            let found: Vec<_> = found.into_iter().map(account).collect();
            assert_eq!(asked(&world, filter, "", 50).await, found, "{}: {filter}", world.database.engine);
            assert_eq!(asked(&world, filter, "", 1).await, found, "{}: {filter}, in pages", world.database.engine);
        }
        for (order, found) in [
            ("display_name", [11, 12, 14]),
            ("display_name desc", [14, 12, 11]),
            ("account desc", [14, 12, 11]),
            ("add_time", [11, 12, 14]),
        ] {
            assert_eq!(asked(&world, "", order, 1).await, found.map(account), "{}: {order}", world.database.engine);
        }
    }
}

/// The database of `delegation` is restored: what it no longer says ends, what it says again is there again, and what it
/// has said all the time keeps what was said of it here.
#[tokio::test(flavor = "multi_thread")]
async fn a_restored_log_makes_the_lists_anew() {
    for world in World::following().await {
        let (delegation, engine) = (&world.suite.delegation, world.database.engine);
        let first = world.create(&[11, 12], "kept").await;
        delegation.join(directory(1), account(14), "i1", "before").await;
        let backup = delegation.log().head().await.revision;
        world.create(&[13], "lost").await;
        delegation.end(directory(1), SPEC.service, account(12)).await;
        eventually(async || world.entry(12).await.is_none()).await;
        let second = world.create(&[12], "lost").await;
        assert_ne!(second[0].uid, first[1].uid);
        delegation.join(directory(1), account(11), "i1", "renamed").await;
        eventually(async || world.entry(11).await.unwrap().profile.display_name == "renamed").await;
        let recorded = world.changes().await.len();

        delegation.log().restore(backup).await;
        eventually(async || world.entry(13).await.is_none()).await;
        let entry = world.entry(11).await.unwrap();
        assert_eq!((entry.uid.as_str(), entry.remark.as_str()), (first[0].uid.as_str(), "kept"), "{engine}");
        assert_eq!(entry.profile.display_name, "member 11");
        let entry = world.entry(12).await.unwrap();
        assert_eq!((entry.uid.as_str(), entry.remark.as_str()), (first[1].uid.as_str(), ""));
        assert_eq!((&entry.add_operator, entry.add_time), (&first[1].add_operator, first[1].add_time));
        let changes = world.changes().await;
        let [change] = &changes[recorded..] else { panic!("{engine}: one list changed, once") };
        assert_eq!(change.accounts, [11, 12, 13].map(|n| account(n).name()));
        assert_eq!(change.origin, Some(delegation.log().head().await));
        assert_eq!(change.operator.as_ref().unwrap().principal, "roles/delegation");

        // It goes on from there: what was lost is no obstacle to what comes.
        delegation.end(directory(1), SPEC.service, account(11)).await;
        eventually(async || world.entry(11).await.is_none()).await;
    }
}

/// A repetition of a call of before the restore is answered as it was, without a position that nobody would accept.
#[tokio::test(flavor = "multi_thread")]
async fn a_replay_after_a_restore_names_no_lost_position() {
    for world in World::following().await {
        let call = world.call(10, "alice", ENOUGH);
        let create = async || {
            let done = world.roster.create(&call, &named(&[11]), &remarked("r"), Some(REQUEST_ID.to_owned())).await;
            done.unwrap()
        };
        let first = create().await;
        let log = world.suite.delegation.log();
        log.restore(log.head().await.revision).await;
        let epoch = log.head().await.epoch;
        eventually(async || world.suite.db.cursor("delegation").await.unwrap().unwrap().epoch == epoch).await;
        let again = create().await;
        assert_eq!((&again.value, &again.position), (&first.value, &first.position), "{}", world.database.engine);
        assert!(first.delegation.is_some() && again.delegation.is_none());
    }
}

impl World {
    /// Says that folders are as named, each with the one that it is in; or that they are gone.
    async fn folders(&self, folders: &[(&str, &str)], removed: bool) {
        let name = |id: &str| format!("{}/folders/{id}", directory(1).name());
        let fact = |(folder, parent): &(&str, &str)| AccessFactChange {
            removed,
            fact: Some(AccessFact {
                kind: Some(Kind::Folder(FolderFact {
                    folder: name(folder),
                    parent: if parent.is_empty() { String::new() } else { name(parent) },
                    ..FolderFact::default()
                })),
            }),
        };
        let facts = folders.iter().map(fact).collect();
        let at = self.suite.delegation.log().commit(Change { method: "test".into(), facts, ..Change::default() }).await;
        let at = Position { epoch: at.epoch, revision: at.revision };
        self.suite.db.wait_cursor(Role::Delegation.as_str(), &at, ENOUGH).await.unwrap();
    }

    async fn place(&self, member: u8, folder: &str) {
        let fact = AccountFact {
            account: account(member).name(),
            directory: directory(1).name(),
            incarnation: "i1".into(),
            folder: format!("{}/folders/{folder}", directory(1).name()),
            ..AccountFact::default()
        };
        let at = self.suite.delegation.say(vec![AccessFactChange::holds(Kind::Account(fact))]).await;
        let at = Position { epoch: at.epoch, revision: at.revision };
        self.suite.db.wait_cursor(Role::Delegation.as_str(), &at, ENOUGH).await.unwrap();
    }

    /// The members within some folders, listed one by one, as many as are counted.
    async fn within(&self, roots: &[&str]) -> Vec<AccountId> {
        let scope = Scope::Folders(roots.iter().map(ToString::to_string).collect());
        let message = ListSaseMembersRequest { parent: directory(1).name(), ..Default::default() };
        let call = self.suite.call((account(10), "alice"), LIST, &message, ENOUGH).unwrap();
        let (mut found, mut token) = (Vec::new(), String::new());
        loop {
            let page = self.roster.list_within(&scope, &call, &Listing::default(), (1, &token)).await.unwrap();
            found.extend(page.entries.iter().map(|entry| entry.account));
            token = page.next;
            if token.is_empty() {
                break;
            }
        }
        assert_eq!(self.roster.count_within(&scope, &call).await.unwrap(), u64::try_from(found.len()).unwrap());
        found
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn within_folders_are_their_members_and_those_below_them() {
    for world in World::following().await {
        world.folders(&[("root", ""), ("sales", "root"), ("west", "sales"), ("labs", "root")], false).await;
        world.create(&[11, 12, 13, 14], "").await;
        for (member, folder) in [(11, "sales"), (12, "west"), (13, "labs")] {
            world.place(member, folder).await;
        }
        for (roots, expected) in [
            (&["sales"][..], &[11, 12][..]),
            (&["west"], &[12]),
            (&["labs", "west"], &[12, 13]),
            (&["root"], &[11, 12, 13, 14]),
            (&["nope"], &[]),
        ] {
            let expected: Vec<_> = expected.iter().copied().map(account).collect();
            assert_eq!(world.within(roots).await, expected, "{}: {roots:?}", world.database.engine);
        }
        // A folder is moved, and a member; a folder that is gone reaches nobody.
        world.folders(&[("west", "labs")], false).await;
        world.place(11, "labs").await;
        assert_eq!(world.within(&["sales"]).await, []);
        assert_eq!(world.within(&["labs"]).await, [11, 12, 13].map(account));
        world.folders(&[("west", "")], true).await;
        assert_eq!(world.within(&["west"]).await, []);
        assert_eq!(world.within(&["labs"]).await, [11, 13].map(account));
    }
}

/// Of a restored log only what it says now is known of folders.
#[tokio::test(flavor = "multi_thread")]
async fn a_restored_log_makes_the_folders_anew() {
    for world in World::following().await {
        let (log, engine) = (world.suite.delegation.log(), world.database.engine);
        world.folders(&[("root", ""), ("sales", "root"), ("west", "sales")], false).await;
        world.create(&[11, 12], "").await;
        world.place(11, "west").await;
        let backup = log.head().await.revision;
        world.folders(&[("west", "root"), ("new", "sales")], false).await;
        world.folders(&[("root", "")], true).await;
        world.place(11, "root").await;
        world.place(12, "new").await;
        assert_eq!(world.within(&["sales"]).await, [account(12)], "{engine}");

        log.restore(backup).await;
        let epoch = log.head().await.epoch;
        eventually(async || world.suite.db.cursor("delegation").await.unwrap().unwrap().epoch == epoch).await;
        assert_eq!(world.within(&["sales"]).await, [account(11)], "{engine}");
        assert_eq!(world.within(&["new"]).await, [], "{engine}");
        assert_eq!(world.within(&["root"]).await, [11, 12].map(account), "{engine}");
    }
}

/// Has something of account 11, and of no other.
#[derive(Default)]
struct Holding {
    asked: std::sync::Mutex<Vec<(AccountId, String)>>,
    ended: std::sync::Mutex<Vec<(AccountId, String)>>,
}

impl Departure for Holding {
    fn begin(
        &self,
        _: bailiwick_db::Tx,
        _: DirectoryId,
        leaving: AccountId,
        uid: String,
    ) -> BoxFuture<'_, Result<Option<String>, bailiwick_db::DbError>> {
        self.asked.lock().unwrap().push((leaving, uid));
        Box::pin(async move { Ok((leaving == account(11)).then(|| "a thing".to_owned())) })
    }

    fn leaving(
        &self,
        _: bailiwick_db::Tx,
        _: DirectoryId,
        _: Vec<AccountId>,
    ) -> BoxFuture<'_, Result<Vec<(AccountId, String)>, bailiwick_db::DbError>> {
        Box::pin(async { Ok(Vec::new()) })
    }

    fn end(
        &self,
        _: bailiwick_db::Tx,
        _: DirectoryId,
        left: Vec<(AccountId, String)>,
    ) -> BoxFuture<'_, Result<(), bailiwick_db::DbError>> {
        self.ended.lock().unwrap().extend(left);
        Box::pin(async { Ok(()) })
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_member_is_removed_only_if_the_service_has_nothing_of_it() {
    for world in World::following().await {
        let entries = world.create(&[11, 12], "").await;
        let holding = Arc::new(Holding::default());
        let roster = world.lists.roster_with(SPEC, holding.clone());
        let call = world.removal("alice", 11);
        let refused = roster.delete(&call, account(11), "", request_id()).await.unwrap_err();
        let in_the_way = EntryError::InUse { entry: SPEC.name(directory(1), account(11)), used_by: "a thing".into() };
        assert!(matches!(refused, RosterError::Domain(error) if error == in_the_way), "{}", world.database.engine);
        assert!(world.entry(11).await.is_some());
        let (call, id) = (world.removal("alice", 12), Some(REQUEST_ID.replace('0', "1")));
        roster.delete(&call, account(12), "", id.clone()).await.unwrap();
        roster.delete(&call, account(12), "", id).await.unwrap();
        let asked: Vec<_> = entries.iter().map(|entry| (entry.account, entry.uid.clone())).collect();
        assert_eq!(*holding.asked.lock().unwrap(), asked, "once for each removal");
        assert_eq!(*holding.ended.lock().unwrap(), asked.get(1..).unwrap(), "of which one was done");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn members_that_could_be_added_are_listed_in_pages() {
    for world in World::following().await {
        let enabled = AccountFact {
            account: account(10).name(),
            directory: directory(1).name(),
            incarnation: "m".into(),
            join_method: bailiwick_api::r#type::v1::JoinMethod::EnabledDirectory.into(),
            ..Default::default()
        };
        let fact = AccessFact { kind: Some(Kind::Account(enabled)) };
        world.suite.delegation.say(vec![AccessFactChange { fact: Some(fact), removed: false }]).await;
        world.create(&[12], "").await;
        let message = ListSaseMembersRequest { parent: directory(1).name(), ..Default::default() };
        let call = world.suite.call((account(10), "alice"), LIST, &message, ENOUGH).unwrap();
        let (mut found, mut token) = (Vec::new(), String::new());
        loop {
            let page = world.roster.eligible(&call, 2, &token).await.unwrap();
            assert!(page.members.len() <= 2);
            found.extend(page.members.into_iter().map(|(account, _)| account));
            token = page.next;
            if token.is_empty() {
                break;
            }
        }
        assert_eq!(found, [11, 13, 14, 15].map(account), "{}", world.database.engine);
    }
}
