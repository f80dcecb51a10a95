//! Changes that cannot all happen, tried at once: some win, the others are told why, and what always holds does so
//! afterwards.

use std::{
    collections::{BTreeMap, BTreeSet},
    pin::Pin,
    time::Duration,
};

use bailiwick_api::r#type::v1::{AccountFact, access_fact::Kind as FactKind};
use bailiwick_core::TrustedService;
use sea_orm::EntityTrait;

use super::{super::PlaceClaims, deletion::deletion, root_users::check_root_facts, *};
use crate::{
    domain::{
        Error as Refusal,
        claim::{Kind, Strength},
        invitation::{Answer, State},
        member::FindingKind,
    },
    store::testing::{accounts, claims, control_policy_attachments, directories, members, service_linked_roles, users},
};

const ROUNDS: usize = 6;
const DAY: Duration = Duration::from_hours(24);

type Tried = Result<(), Error>;
type Try = Pin<Box<dyn Future<Output = Tried> + Send>>;

/// What holds at every moment, of rows and of the facts in the log alike.
pub(super) async fn check_invariants(world: &World) {
    let (engine, conn, now) = (world.engine, world.app.db.reader(), world.app.now());
    let all_members = members::Entity::find().all(conn).await.unwrap();
    let memberships: BTreeMap<i64, &members::Model> = all_members.iter().map(|row| (row.account, row)).collect();
    assert_eq!(memberships.len(), all_members.len(), "an account has one membership at most: {engine}");
    let deleted: BTreeSet<i64> = accounts::Entity::find()
        .all(conn)
        .await
        .unwrap()
        .into_iter()
        .filter(|row| row.delete_us.is_some())
        .map(|row| row.account)
        .collect();

    for claim in claims::Entity::find().all(conn).await.unwrap() {
        let on = memberships.get(&claim.account).map(|row| (&row.directory, &row.incarnation));
        assert_eq!(on, Some((&claim.directory, &claim.incarnation)), "a claim without its membership: {engine}");
    }
    for role in service_linked_roles::Entity::find().all(conn).await.unwrap() {
        assert!(memberships.contains_key(&role.account), "a service's role outside of a directory: {engine}");
    }
    for user in users::Entity::find().all(conn).await.unwrap() {
        assert!(!deleted.contains(&user.account), "a user of a deleted account: {engine}");
    }
    for account in &deleted {
        assert!(!memberships.contains_key(account), "a deleted account is a member: {engine}");
    }
    for directory in directories::Entity::find().all(conn).await.unwrap() {
        let management = memberships.get(&directory.management_account);
        assert!(
            management.is_some_and(|row| row.directory == directory.directory && row.purge_us.is_none()),
            "{engine}"
        );
        let id = directory.directory.parse().unwrap();
        let occupancy = world.app.occupancy(conn, id, now).await.unwrap();
        assert!(occupancy.members + occupancy.pending <= occupancy.limit, "{occupancy:?}: {engine}");
        let enabled = all_members.iter().filter(|row| row.directory == directory.directory);
        assert_eq!(enabled.filter(|row| row.join_method == "enabled-directory").count(), 1, "{engine}");
    }

    let mut attached: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for row in control_policy_attachments::Entity::find().all(conn).await.unwrap() {
        let control_policy_attachments::Model { directory, node, policy, .. } = row;
        let policies = attached.entry(format!("directories/{directory}/{node}")).or_default();
        policies.push(format!("directories/{directory}/controlPolicies/{policy}"));
        policies.sort();
    }
    for node in attached.keys().filter(|node| node.contains("/members/")) {
        let of = |row: &&members::Model| *node == format!("directories/{}/members/{}", row.directory, row.account);
        assert_eq!(all_members.iter().filter(of).count(), 1, "a control policy of no member: {node}: {engine}");
    }
    let facts = account_facts(world).await;
    for row in &all_members {
        let fact = facts.get(&row.account).unwrap_or_else(|| panic!("no fact of `{}`: {engine}", row.account));
        assert_eq!(fact.directory, format!("directories/{}", row.directory), "{engine}");
        assert_eq!((&fact.incarnation, fact.suspended), (&row.incarnation, row.purge_us.is_some()), "{engine}");
        let node = format!("{}/members/{}", fact.directory, row.account);
        assert_eq!(Some(&fact.control_policies), attached.get(&node), "{node}: {engine}");
        assert!(!fact.control_policies.is_empty(), "nothing bounds {node}: {engine}");
    }
    check_root_facts(world).await;
    for (account, fact) in facts {
        assert!(!deleted.contains(&account), "a fact of a deleted account: {engine}");
        assert_eq!(fact.directory.is_empty(), !memberships.contains_key(&account), "{engine}");
        assert!(memberships.contains_key(&account) || fact.control_policies.is_empty(), "{engine}");
    }
}

/// The account facts that the log ends with.
async fn account_facts(world: &World) -> BTreeMap<i64, AccountFact> {
    let mut facts = BTreeMap::new();
    for change in world.changes().await.into_iter().flat_map(|change| change.facts) {
        if let Some(FactKind::Account(fact)) = change.fact.and_then(|fact| fact.kind) {
            let id = fact.account.trim_start_matches("accounts/").parse().unwrap();
            if change.removed {
                facts.remove(&id)
            } else {
                facts.insert(id, fact)
            };
        }
    }
    facts
}

/// Runs all at once; returns what came of each.
async fn at_once(tries: Vec<Try>) -> Vec<Tried> {
    let tries: Vec<_> = tries.into_iter().map(tokio::spawn).collect();
    let mut done = Vec::new();
    for one in tries {
        done.push(one.await.unwrap());
    }
    done
}

/// How many succeeded; each of the others must be refused as `expected` says.
fn winners(world: &World, done: Vec<Tried>, expected: impl Fn(&Refusal) -> bool) -> usize {
    let count = done.len();
    let losers: Vec<Refusal> = done.into_iter().filter(Result::is_err).map(refused).collect();
    for loser in &losers {
        assert!(expected(loser), "{loser:?}: {}", world.engine);
    }
    count - losers.len()
}

// covers: E-DIR-06, E-DIR-09, R-DIR-11
#[tokio::test(flavor = "multi_thread")]
async fn an_invitation_is_either_accepted_or_cancelled() {
    for world in worlds().await {
        let (by, directory) = world.directory("Acme").await;
        for round in 0..ROUNDS {
            let id = world.account(&format!("wanted {round}"), Some("Acme")).await;
            let invitation = world.invite(by, directory, id).await.unwrap();
            let accept = world.root(id, "InvitationService/AcceptInvitation", &invitation.name()).await;
            let decline = world.root(id, "InvitationService/DeclineInvitation", &invitation.name()).await;
            let cancel = world.root(by, "InvitationService/CancelInvitation", &invitation.name()).await;
            let mut tries: Vec<Try> = Vec::new();
            for _ in 0..2 {
                let (app, call, of) = (world.app.clone(), accept.clone(), invitation.id.clone());
                tries.push(Box::pin(
                    async move { app.invitation_accept(&call, &change(), directory, &of).await.map(drop) },
                ));
                for (call, answer) in [(cancel.clone(), Answer::Cancel), (decline.clone(), Answer::Decline)] {
                    let (app, of) = (world.app.clone(), invitation.id.clone());
                    tries.push(Box::pin(async move {
                        app.invitation_answer(&call, &change(), directory, &of, answer).await.map(drop)
                    }));
                }
            }
            let finished = |refusal: &Refusal| {
                matches!(refusal, Refusal::InvitationStatusMismatch(_) | Refusal::AccountAlreadyInDirectory(_))
            };
            assert_eq!(winners(&world, at_once(tries).await, finished), 1, "{}", world.engine);
            let get = world.root(by, "InvitationService/GetInvitation", &invitation.name()).await;
            let state = world.app.invitation_get(&get, directory, &invitation.id).await.unwrap();
            let accepted = state.state_at(world.app.now()) == State::Accepted;
            let member = world.members(by, directory).await.iter().any(|member| member.membership.account == id);
            assert_eq!(accepted, member, "{}", world.engine);
        }
        check_invariants(&world).await;
    }
}

// covers: E-DIR-33
#[tokio::test(flavor = "multi_thread")]
async fn a_member_is_removed_or_leaves_once() {
    for world in worlds().await {
        let (by, directory) = world.directory("Acme").await;
        for round in 0..ROUNDS {
            let id = world.cloud_member(by, directory, &format!("payments {round}"), "Acme").await;
            world.claim(directory, id, TrustedService::Sase, Strength::Informative).await.unwrap();
            let remove = world.remove_call(by, directory, id).await;
            let leave = world.leave_call(directory, id).await;
            let mut tries: Vec<Try> = Vec::new();
            for _ in 0..3 {
                let (app, call) = (world.app.clone(), remove.clone());
                tries.push(Box::pin(
                    async move { app.member_remove(&call, &change(), directory, id, "").await.map(drop) },
                ));
                let (app, call) = (world.app.clone(), leave.clone());
                tries.push(Box::pin(async move { app.member_leave(&call, &change(), directory, id).await.map(drop) }));
            }
            let gone = |refusal: &Refusal| matches!(refusal, Refusal::NotFound(_));
            assert_eq!(winners(&world, at_once(tries).await, gone), 1, "{}", world.engine);
        }
        assert!(world.members(by, directory).await.is_empty(), "{}", world.engine);
        check_invariants(&world).await;
    }
}

// covers: E-DIR-20
#[tokio::test(flavor = "multi_thread")]
async fn a_deletion_is_taken_back_or_done_but_never_half() {
    for world in worlds().await {
        let (by, directory) = world.directory("Acme").await;
        world.allow_deletion(directory).await;
        for round in 0..ROUNDS {
            let id = world.member(by, directory, &format!("payments {round}")).await.unwrap().membership.account;
            let undelete = world.management(by, directory, "UndeleteMember", id).await;
            let create = world.root(by, "MemberService/CreateMember", &directory.name()).await;
            world.delete(by, directory, id, &deletion(&[], 1)).await.unwrap();
            world.clock.advance(DAY - Duration::from_micros(1));
            let mut tries: Vec<Try> = Vec::new();
            let clock = world.clock.clone();
            for turn in 0..3 {
                let (app, call) = (world.app.clone(), undelete.clone());
                tries.push(Box::pin(async move {
                    app.member_undelete(&call, &change(), directory, id, "").await.map(drop)
                }));
                let (app, clock) = (world.app.clone(), clock.clone());
                tries.push(Box::pin(async move {
                    if turn == 0 {
                        clock.advance(Duration::from_micros(1));
                    }
                    app.sweep().await
                }));
                let (app, call, new) = (world.app.clone(), create.clone(), named(&format!("other {round} {turn}")));
                let only_tried = Mutation { validate_only: true, ..change() };
                tries.push(Box::pin(
                    async move { app.member_create(&call, &only_tried, directory, new).await.map(drop) },
                ));
            }
            let expected =
                |refusal: &Refusal| matches!(refusal, Refusal::NotFound(_) | Refusal::MemberNotPendingDeletion(_));
            let done = at_once(tries).await;
            let undeleted = done.iter().step_by(3).filter(|tried| tried.is_ok()).count();
            winners(&world, done, expected);
            assert!(undeleted <= 1, "{}", world.engine);
            world.app.sweep().await.unwrap();
            let member = world.members(by, directory).await.into_iter().find(|m| m.membership.account == id);
            assert_eq!(member.is_some(), undeleted == 1, "{}", world.engine);
            assert!(member.is_none_or(|member| !member.membership.is_suspended()), "{}", world.engine);
            check_invariants(&world).await;
        }
    }
}

// covers: E-DIR-16, E-DEL-05
#[tokio::test(flavor = "multi_thread")]
async fn of_deleting_and_designating_at_once_one_wins() {
    for world in worlds().await {
        let (by, directory) = world.directory("Acme").await;
        world.allow_deletion(directory).await;
        for round in 0..ROUNDS {
            let id = world.member(by, directory, &format!("payments {round}")).await.unwrap().membership.account;
            let delete = world.management(by, directory, "DeleteMember", id).await;
            let place = world.service_call("ClaimService/PlaceClaims", directory).await;
            let days = if round % 2 == 0 { 0 } else { 45 };
            let mut tries: Vec<Try> = Vec::new();
            for service in [TrustedService::Sase, TrustedService::Bastionhost] {
                let (app, call) = (world.app.clone(), delete.clone());
                tries.push(Box::pin(async move {
                    let asked = deletion(&[], days);
                    app.member_delete(&call, &change(), directory, id, &asked).await.map(drop)
                }));
                let (app, call) = (world.app.clone(), place.clone());
                let (kind, strength) = (Kind::Designation, Strength::Blocking);
                let accounts = vec![id];
                let asked = PlaceClaims { directory, accounts, service, kind, strength, roles: Vec::new() };
                tries.push(Box::pin(async move { app.claim_place(&call, asked).await.map(drop) }));
            }
            let expected = |refusal: &Refusal| match refusal {
                Refusal::MemberDeletionRefused { findings, .. } => {
                    findings.iter().all(|f| matches!(f.kind, FindingKind::Designation | FindingKind::PendingDeletion))
                }
                Refusal::NotFound(_) | Refusal::MemberPendingDeletion(_) | Refusal::AccountNotInDirectory(_) => true,
                _ => false,
            };
            let done = at_once(tries).await;
            let deleted = done.iter().step_by(2).filter(|tried| tried.is_ok()).count();
            let designated = done.iter().skip(1).step_by(2).filter(|tried| tried.is_ok()).count();
            winners(&world, done, expected);
            assert!(matches!((deleted, designated), (1, 0) | (0, 2)), "{deleted} {designated}: {}", world.engine);
            check_invariants(&world).await;
        }
    }
}

// covers: R-DIR-03, R-DIR-05
#[tokio::test(flavor = "multi_thread")]
async fn an_account_enables_one_directory() {
    for world in worlds().await {
        for round in 0..ROUNDS {
            let id = world.account(&format!("main {round}"), Some("Acme")).await;
            let call = world.root(id, "DirectoryService/CreateDirectory", &id.name()).await;
            let mut tries: Vec<Try> = Vec::new();
            for _ in 0..5 {
                let (app, call) = (world.app.clone(), call.clone());
                tries.push(Box::pin(async move { app.directory_create(&call, &change(), id).await.map(drop) }));
            }
            let again = |refusal: &Refusal| *refusal == Refusal::AccountAlreadyInDirectory(id);
            assert_eq!(winners(&world, at_once(tries).await, again), 1, "{}", world.engine);
        }
        check_invariants(&world).await;
    }
}

// covers: E-DIR-03, E-DIR-08
#[tokio::test(flavor = "multi_thread")]
async fn the_last_place_goes_to_one() {
    let limits = Limits { members_max: 2, ..Limits::default() };
    for world in worlds_with(limits).await {
        for round in 0..ROUNDS {
            let enterprise = format!("Acme {round}");
            let (by, directory) = world.directory(&enterprise).await;
            let id = world.account("wanted", Some(&enterprise)).await;
            let invitation = world.invite(by, directory, id).await.unwrap();
            let accept = world.root(id, "InvitationService/AcceptInvitation", &invitation.name()).await;
            let create = world.root(by, "MemberService/CreateMember", &directory.name()).await;
            let mut tries: Vec<Try> = Vec::new();
            for number in 0..3 {
                let (app, call, new) = (world.app.clone(), create.clone(), named(&format!("created {number}")));
                tries
                    .push(Box::pin(async move { app.member_create(&call, &change(), directory, new).await.map(drop) }));
                let (app, call, of) = (world.app.clone(), accept.clone(), invitation.id.clone());
                tries.push(Box::pin(
                    async move { app.invitation_accept(&call, &change(), directory, &of).await.map(drop) },
                ));
            }
            let full = |refusal: &Refusal| {
                matches!(
                    refusal,
                    Refusal::MemberQuotaExceeded { limit: 2 }
                        | Refusal::InvitationStatusMismatch(_)
                        | Refusal::AccountAlreadyInDirectory(_)
                )
            };
            assert_eq!(winners(&world, at_once(tries).await, full), 2, "{}", world.engine);
            let members = world.members(by, directory).await;
            assert!(
                members.iter().any(|member| member.membership.account == id),
                "its place was kept: {}",
                world.engine
            );
            assert_eq!(members.len(), 2, "{}", world.engine);
        }
        check_invariants(&world).await;
    }
}
