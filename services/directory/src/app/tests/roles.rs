use bailiwick_core::{TrustedService, authz::SystemPolicy};

use super::{
    super::{MemberName, PlaceClaims},
    *,
};
use crate::{
    domain::{
        Error as Refusal, Quota,
        claim::{Kind as ClaimKind, Strength},
        group::NewGroup,
        member::NewMember,
        role::{ACCESS_ROLE, AnyRole, NewRole, Role, RoleUpdate},
    },
    store,
};

const TRUST: &str = r#"{"Version":"1","Statement":[{"Effect":"Allow","Action":"sts:AssumeRole","Principal":{"RAM":"accounts/1000000000000001"}}]}"#;
const OTHER: &str = r#"{"Version":"1","Statement":[{"Effect":"Allow","Action":"sts:AssumeRole","Principal":{"RAM":"accounts/1000000000000002"}}]}"#;

const SAS: &str = "AliyunServiceRoleForSas";

fn new(id: &str) -> NewRole {
    NewRole {
        id: id.to_owned(),
        description: String::new(),
        trust_policy: TRUST.to_owned(),
        max_session_seconds: 3_600,
    }
}

async fn create(world: &World, of: AccountId, id: &str) -> Result<Role, Error> {
    let call = world.root(of, "RoleService/CreateRole", &of.name()).await;
    Ok(world.app.role_create(&call, &change(), of, new(id)).await?.value)
}

async fn delete(world: &World, of: AccountId, id: &str, etag: &str) -> Result<(), Error> {
    let call = world.root(of, "RoleService/DeleteRole", &format!("{}/roles/{id}", of.name())).await;
    world.app.role_delete(&call, &change(), (of, id), etag).await.map(drop)
}

async fn update(world: &World, of: AccountId, id: &str, new: RoleUpdate, etag: &str) -> Result<Role, Error> {
    let call = world.root(of, "RoleService/UpdateRole", &format!("{}/roles/{id}", of.name())).await;
    Ok(world.app.role_update(&call, &change(), (of, id), new, etag).await?.value)
}

async fn get(world: &World, of: AccountId, id: &str) -> Result<AnyRole, Error> {
    let call = world.root(of, "RoleService/GetRole", &format!("{}/roles/{id}", of.name())).await;
    world.app.role_get(&call, of, id).await
}

/// Gives a member the service-linked role of Security Center.
async fn link(world: &World, directory: DirectoryId, account: AccountId) {
    let call = world.service_call("ClaimService/PlaceClaims", directory).await;
    let asked = PlaceClaims {
        directory,
        accounts: vec![account],
        service: TrustedService::SecurityCenter,
        kind: ClaimKind::Enrolment,
        strength: Strength::Informative,
        roles: vec![SAS.to_owned()],
    };
    world.app.claim_place(&call, asked).await.unwrap();
}

// covers: R-GW-01, E-GW-07
#[tokio::test]
async fn a_role_is_an_identity_with_policies_and_those_who_may_assume_it() {
    for world in worlds().await {
        let id = world.account("main", None).await;
        let role = create(&world, id, "auditor").await.unwrap();
        let name = role.name();
        let fact = world.identity(&name).await.unwrap();
        assert_eq!((fact.kind(), fact.enabled), (fact::PrincipalKind::Role, true), "{}", world.engine);
        assert_eq!((fact.generation, fact.trust_policy.as_str()), (role.generation, TRUST));
        assert_eq!(refused(create(&world, id, "auditor").await), Refusal::ResourceExists(name.clone()));

        let custom = world.policy(id, "auditors").await.id.name(id);
        world.put(target(id, TargetKind::Role, "auditor"), "auditors", Put::Attach).await.unwrap();
        assert_eq!(world.policies_of(&name).await, [custom]);
        let AnyRole::Own(shown) = get(&world, id, "auditor").await.unwrap() else { panic!("of a service") };
        assert_eq!(shown.policies, [PolicyId::from("auditors")]);

        let trust = RoleUpdate { trust_policy: Some(OTHER.to_owned()), ..RoleUpdate::default() };
        let stale = refused(update(&world, id, "auditor", trust.clone(), &role.etag()).await);
        assert_eq!(stale, Refusal::EtagMismatch(name.clone()), "{}", world.engine);
        let updated = update(&world, id, "auditor", trust, &shown.etag()).await.unwrap();
        let fact = world.identity(&name).await.unwrap();
        assert_eq!((fact.trust_policy.as_str(), fact.policies.len()), (OTHER, 1), "{}", world.engine);
        assert_eq!(fact.generation, role.generation, "sessions that are running stay");
        assert_eq!(get(&world, id, "auditor").await.unwrap(), AnyRole::Own(updated.clone()));

        assert_eq!(refused(delete(&world, id, "auditor", &role.etag()).await), Refusal::EtagMismatch(name.clone()));
        delete(&world, id, "auditor", &updated.etag()).await.unwrap();
        assert_eq!(world.identity(&name).await, None);
        assert!(matches!(refused(delete(&world, id, "auditor", "").await), Refusal::NotFound(_)));
        let again = create(&world, id, "auditor").await.unwrap();
        assert!(again.generation > role.generation && again.policies.is_empty(), "{}", world.engine);
        assert!(world.policies_of(&name).await.is_empty(), "{}", world.engine);
    }
}

// covers: R-DEL-14, E-DEL-12, E-GW-08
#[tokio::test]
async fn service_linked_roles_are_listed_among_the_others_and_stay_as_they_are() {
    let identities = IdentityLimits { roles_max: 3, ..IdentityLimits::default() };
    for world in worlds_with(Limits { identities, ..Limits::default() }).await {
        let (by, directory) = world.directory("Acme").await;
        let id = world.cloud_member(by, directory, "payments", "Acme").await;
        link(&world, directory, id).await;
        for role in ["Z", "A", "b"] {
            create(&world, id, role).await.unwrap();
        }
        let full = Refusal::QuotaExceeded { quota: Quota::Roles, limit: 3 };
        assert_eq!(refused(create(&world, id, "c").await), full, "{}", world.engine);
        let call = world.root(id, "RoleService/ListRoles", &id.name()).await;
        for size in [1, 2, 10] {
            let (mut seen, mut asked) = (Vec::new(), first(size));
            loop {
                let page = world.app.role_list(&call, id, &asked).await.unwrap();
                seen.extend(page.items.iter().map(|role| role.id().to_owned()));
                if page.next.is_empty() {
                    break;
                }
                asked.token = page.next;
            }
            assert_eq!(seen, ["A", SAS, "Z", "b"], "{}", world.engine);
        }
        let role = format!("{}/roles/{SAS}", id.name());
        let immutable = Refusal::ServiceLinkedRoleImmutable { role, service: TrustedService::SecurityCenter };
        assert_eq!(refused(delete(&world, id, SAS, "").await), immutable, "{}", world.engine);
        assert_eq!(refused(update(&world, id, SAS, RoleUpdate::default(), "").await), immutable);
        let attach = world.put(target(id, TargetKind::Role, SAS), "AdministratorAccess", Put::Attach).await;
        assert_eq!(refused(attach), immutable, "{}", world.engine);
    }
}

// covers: R-DIR-08
#[tokio::test]
async fn the_management_account_has_a_role_in_the_members_that_it_creates() {
    for world in worlds().await {
        let (by, directory) = world.directory("Acme").await;
        let member = world.member(by, directory, "payments").await.unwrap().membership.account;
        let made = world.last_change().await;
        assert_eq!(made.facts.len(), 4, "account, root user, how it is kept, and role in one change: {}", world.engine);
        let name = format!("{}/roles/{ACCESS_ROLE}", member.name());
        let fact = world.identity(&name).await.unwrap();
        assert_eq!(fact.policies, [SystemPolicy::AdministratorAccess.name()]);
        assert!(fact.trust_policy.contains(&format!(r#""{}""#, by.name())), "{}", fact.trust_policy);
        let root = world.identity(&IdentityName::root(member).to_string()).await.unwrap();
        assert!(fact.generation > root.generation, "{}", world.engine);
        let call = world.root(by, "MemberService/CreateMember", &directory.name()).await;
        let new = NewMember { access_role: "Owner".to_owned(), ..named("billing").into() };
        let other = world.app.member_create(&call, &change(), directory, new).await.unwrap().value.membership.account;
        assert!(world.identity(&format!("{}/roles/Owner", other.name())).await.is_some());
        assert!(world.identity(&format!("{}/roles/{ACCESS_ROLE}", other.name())).await.is_none());
        let cloud = world.cloud_member(by, directory, "invited", "Acme").await;
        assert!(world.identity(&format!("{}/roles/{ACCESS_ROLE}", cloud.name())).await.is_none(), "{}", world.engine);
    }
}

// covers: R-DIR-17
#[tokio::test]
async fn a_member_that_goes_leaves_nobody_a_way_in() {
    for world in worlds().await {
        let (by, directory) = world.directory("Acme").await;
        let member = world.member(by, directory, "payments").await.unwrap().membership.account;
        link(&world, directory, member).await;
        // Its own role stays: nobody was given it with the account. Its root user is disabled as yet, so another writes it.
        let app = &world.app;
        let mut kept = None;
        for role in store::role::access_from(app.db.reader(), member, directory).await.unwrap() {
            kept = Some(Role { id: "own".to_owned(), access_from: None, policies: Vec::new(), ..role });
        }
        let kept = kept.unwrap();
        let facts = app
            .db
            .write("end", |tx: bailiwick_db::Tx| {
                let kept = &kept;
                async move {
                    store::role::insert(tx.conn(), kept).await?;
                    super::super::end_membership::end_membership(tx.conn(), directory, member).await
                }
            })
            .await
            .unwrap()
            .value;
        let gone: Vec<String> = facts
            .into_iter()
            .map(|changed| match changed.fact.unwrap().kind.unwrap() {
                Kind::Identity(fact) if changed.removed => fact.identity,
                other => panic!("{other:?}"),
            })
            .collect();
        let [linked, access] = [SAS, ACCESS_ROLE].map(|role| format!("{}/roles/{role}", member.name()));
        assert_eq!(gone, [linked, access], "{}", world.engine);
        let left = store::role::page(app.db.reader(), member, "", 10).await.unwrap();
        assert_eq!(left.iter().map(|role| role.id.as_str()).collect::<Vec<_>>(), ["own"], "{}", world.engine);
        assert_eq!(store::member::of_account(app.db.reader(), member).await.unwrap(), None);
    }
}

#[tokio::test]
async fn the_last_use_is_noted_once_a_minute() {
    for world in worlds().await {
        let id = world.account("main", None).await;
        create(&world, id, "auditor").await.unwrap();
        let mut noted = Vec::new();
        for _ in 0..4 {
            let now = world.app.now();
            let touch =
                |tx: bailiwick_db::Tx| async move { store::role::touch_role_use(tx.conn(), id, "auditor", now).await };
            noted.push(world.app.db.write("touch", touch).await.unwrap().value);
            let AnyRole::Own(role) = get(&world, id, "auditor").await.unwrap() else { panic!("of a service") };
            assert_eq!(role.last_use_time == Some(now), *noted.last().unwrap(), "{}", world.engine);
            world.clock.advance(std::time::Duration::from_secs(30));
        }
        assert_eq!(noted, [true, false, true, false], "{}", world.engine);
    }
}

#[tokio::test]
async fn nothing_is_left_of_the_identities_of_an_account_that_ends() {
    for world in worlds().await {
        let (by, directory) = world.directory("Acme").await;
        let id = world.cloud_member(by, directory, "payments", "Acme").await;
        world.user(id, "alice").await;
        world.policy(id, "auditors").await;
        create(&world, id, "auditor").await.unwrap();
        let call = world.root(id, "GroupService/CreateGroup", &id.name()).await;
        let clerks = NewGroup { id: "clerks".to_owned(), description: String::new() };
        world.app.group_create(&call, &change(), id, clerks).await.unwrap();
        let call = world.root(id, "GroupService/AddGroupMember", &format!("{}/groups/clerks", id.name())).await;
        let named = MemberName { account: id, group: "clerks", user: "alice" };
        world.app.group_member_add(&call, &change(), named).await.unwrap();
        for (kind, target_id) in
            [(TargetKind::User, "alice"), (TargetKind::Group, "clerks"), (TargetKind::Role, "auditor")]
        {
            world.put(target(id, kind, target_id), "auditors", Put::Attach).await.unwrap();
        }
        let end = |tx: bailiwick_db::Tx| async move { super::super::end_account::end_account(tx.conn(), id).await };
        let facts = world.app.db.write("end", end).await.unwrap().value;
        let keys: Vec<String> = facts.iter().map(|changed| changed.fact.as_ref().unwrap().key()).collect();
        let account = id.name();
        let gone = [format!("identity {account}/roles/auditor"), format!("policy {account}/policies/auditors")];
        assert_eq!(keys, gone, "{}", world.engine);
        assert!(facts.iter().all(|changed| changed.removed));
        let alice = store::user::get(world.app.db.reader(), id, "alice").await.unwrap().unwrap();
        assert!(alice.effective_policies().is_empty(), "{}", world.engine);
    }
}
