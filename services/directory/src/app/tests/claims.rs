use bailiwick_core::{TrustedService, authz::Facts};

use super::{
    super::{PlaceClaims, ReleaseClaims},
    *,
};
use crate::{
    domain::{
        Blocker, Error as Refusal,
        claim::{Kind, Strength},
        role::AnyRole,
    },
    store,
};

const ROLE: &str = "AliyunServiceRoleForSas";

fn claims(directory: DirectoryId, accounts: &[AccountId], strength: Strength) -> PlaceClaims {
    PlaceClaims {
        directory,
        accounts: accounts.to_vec(),
        service: TrustedService::SecurityCenter,
        kind: if strength == Strength::Blocking { Kind::Designation } else { Kind::Enrolment },
        strength,
        roles: vec![ROLE.to_owned()],
    }
}

async fn place(world: &World, asked: PlaceClaims) -> Result<Vec<String>, Error> {
    let call = world.service_call("ClaimService/PlaceClaims", asked.directory).await;
    let done = world.app.claim_place(&call, asked).await?;
    Ok(done.value.into_iter().map(|membership| membership.incarnation).collect())
}

async fn release(world: &World, asked: PlaceClaims) -> Result<(), Error> {
    let call = world.service_call("ClaimService/ReleaseClaims", asked.directory).await;
    let PlaceClaims { directory, accounts, service, kind, roles, .. } = asked;
    let members = store::member::find(world.app.db.reader(), directory, &accounts, world.app.now()).await.unwrap();
    let memberships = members.into_iter().map(|member| (member.account, member.incarnation)).collect();
    world.app.claim_release(&call, ReleaseClaims { directory, memberships, service, kind, roles }).await.map(drop)
}

/// A release that was sent while an earlier membership stood.
async fn release_late(world: &World, asked: PlaceClaims, incarnation: &str) {
    let call = world.service_call("ClaimService/ReleaseClaims", asked.directory).await;
    let PlaceClaims { directory, accounts, service, kind, roles, .. } = asked;
    let memberships = accounts.into_iter().map(|account| (account, incarnation.to_owned())).collect();
    let asked = ReleaseClaims { directory, memberships, service, kind, roles };
    world.app.claim_release(&call, asked).await.unwrap();
}

// covers: R-DEL-03, R-DEL-14, E-DEL-01
#[tokio::test]
async fn placing_claims_proves_membership_and_makes_roles_once() {
    for world in worlds().await {
        let (by, directory) = world.directory("Acme").await;
        let one = world.member(by, directory, "one").await.unwrap().membership;
        let two = world.member(by, directory, "two").await.unwrap().membership;
        let stranger = world.account("stranger", Some("Acme")).await;
        let ask = |accounts: &[AccountId]| place(&world, claims(directory, accounts, Strength::Informative));
        let unknown = refused(ask(&[one.account, stranger]).await);
        assert_eq!(unknown, Refusal::AccountNotInDirectory(stranger), "{}", world.engine);
        assert_eq!(refused(ask(&[by]).await), Refusal::ManagementAccountNotEligible(by));
        let role = |account| IdentityName::Role(account, ROLE.to_owned());
        assert_eq!(world.generation(&role(one.account)).await, None, "all or nothing");
        let placed = ask(&[two.account, one.account]).await.unwrap();
        assert_eq!(placed, [two.incarnation, one.incarnation]);
        let made = world.last_change().await;
        assert_eq!((made.tenant, made.accounts.len(), made.facts.len()), (directory.name(), 2, 2));
        assert_eq!(made.operator.unwrap().principal, "roles/delegation");
        let kind = world.facts().await.identity(&role(one.account)).unwrap().kind;
        assert_eq!(kind, PrincipalKind::ServiceLinkedRole);
        let head = world.app.db.head().await.unwrap();
        ask(&[one.account, two.account]).await.unwrap();
        assert_eq!(world.app.db.head().await.unwrap(), head, "{}", world.engine);
        let list = world.service_call("ClaimService/ListClaims", directory).await;
        let listed = world.app.claim_list(&list, Kind::Enrolment, &first(1)).await.unwrap();
        assert!(listed.items.len() == 1 && !listed.next.is_empty());
    }
}

// covers: E-DIR-16, E-DIR-17
#[tokio::test]
async fn a_blocking_claim_keeps_a_member_until_it_is_released() {
    for world in worlds().await {
        let (by, directory) = world.directory("Acme").await;
        let id = world.cloud_member(by, directory, "payments", "Acme").await;
        place(&world, claims(directory, &[id], Strength::Blocking)).await.unwrap();
        place(&world, claims(directory, &[id], Strength::Informative)).await.unwrap();
        let blocker = Blocker { service: TrustedService::SecurityCenter, kind: Kind::Designation };
        let refusal = refused(world.remove(by, directory, id).await);
        assert_eq!(refusal, Refusal::MemberInUse(vec![blocker]), "{}", world.engine);
        let mut released = claims(directory, &[id], Strength::Blocking);
        released.roles.clear();
        release(&world, released.clone()).await.unwrap();
        let head = world.app.db.head().await.unwrap();
        release(&world, released).await.unwrap();
        assert_eq!(world.app.db.head().await.unwrap(), head, "releasing again is no change");
        world.remove(by, directory, id).await.unwrap();
        assert_eq!(world.generation(&IdentityName::Role(id, ROLE.to_owned())).await, None, "{}", world.engine);
        let list = world.service_call("ClaimService/ListClaims", directory).await;
        assert!(world.app.claim_list(&list, Kind::Enrolment, &first(10)).await.unwrap().items.is_empty());
    }
}

#[tokio::test]
async fn a_late_release_does_not_reach_into_the_next_directory() {
    for world in worlds().await {
        let (by, directory) = world.directory("Acme").await;
        let id = world.cloud_member(by, directory, "payments", "Acme").await;
        let asked = || claims(directory, &[id], Strength::Informative);
        let earlier = place(&world, asked()).await.unwrap().remove(0);
        world.remove(by, directory, id).await.unwrap();
        let other = world.account("second", Some("Acme")).await;
        let next = world.enable(other).await.unwrap();
        let invitation = world.invite(other, next, id).await.unwrap();
        world.accept(id, &invitation).await.unwrap();
        place(&world, claims(next, &[id], Strength::Informative)).await.unwrap();
        release_late(&world, asked(), &earlier).await;
        let role = IdentityName::Role(id, ROLE.to_owned());
        assert!(world.generation(&role).await.is_some(), "{}", world.engine);
        let call = world.root(id, "RoleService/GetRole", &role.to_string()).await;
        let found = world.app.role_get(&call, id, ROLE).await.unwrap();
        assert!(matches!(found, AnyRole::Linked(role) if role.service == TrustedService::SecurityCenter));
    }
}

// covers: E-DIR-16
#[tokio::test]
async fn a_late_release_does_not_reach_into_the_next_membership() {
    for world in worlds().await {
        let (by, directory) = world.directory("Acme").await;
        let id = world.cloud_member(by, directory, "payments", "Acme").await;
        let asked = |strength| claims(directory, &[id], strength);
        let earlier = place(&world, asked(Strength::Informative)).await.unwrap().remove(0);
        world.remove(by, directory, id).await.unwrap();
        let invitation = world.invite(by, directory, id).await.unwrap();
        world.accept(id, &invitation).await.unwrap();
        place(&world, asked(Strength::Blocking)).await.unwrap();
        let head = world.app.db.head().await.unwrap();
        release_late(&world, asked(Strength::Blocking), &earlier).await;
        assert_eq!(world.app.db.head().await.unwrap(), head, "{}", world.engine);
        assert!(world.generation(&IdentityName::Role(id, ROLE.to_owned())).await.is_some());
        assert!(matches!(refused(world.remove(by, directory, id).await), Refusal::MemberInUse(_)));
        release(&world, asked(Strength::Blocking)).await.unwrap();
        world.remove(by, directory, id).await.unwrap();
    }
}

// covers: E-DIR-16, E-DIR-17, R-DEL-03
#[tokio::test(flavor = "multi_thread")]
async fn of_removing_and_claiming_at_once_one_wins() {
    for world in worlds().await {
        let (by, directory) = world.directory("Acme").await;
        for round in 0..8 {
            let id = world.cloud_member(by, directory, &format!("payments {round}"), "Acme").await;
            let place = world.service_call("ClaimService/PlaceClaims", directory).await;
            let remove = world.remove_call(by, directory, id).await;
            let app = world.app.clone();
            let asked = claims(directory, &[id], Strength::Blocking);
            let placing = tokio::spawn(async move { app.claim_place(&place, asked).await.map(drop) });
            let app = world.app.clone();
            let removing =
                tokio::spawn(async move { app.member_remove(&remove, &change(), directory, id, "").await.map(drop) });
            match (placing.await.unwrap(), removing.await.unwrap()) {
                (Ok(()), removed) => assert!(matches!(refused(removed), Refusal::MemberInUse(_)), "{}", world.engine),
                (placed, Ok(())) => {
                    assert_eq!(refused(placed), Refusal::AccountNotInDirectory(id), "{}", world.engine);
                }
                (placed, removed) => panic!("both refused: {placed:?} {removed:?}"),
            }
        }
    }
}
