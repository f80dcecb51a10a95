use std::time::Duration;

use bailiwick_api::r#type::v1::access_fact::Kind;
use bailiwick_core::{
    Clock,
    authz::{Document, PolicyKind, Reason, Session, SignedIn},
};

use super::{
    super::{AssumeRole, Credentials, KeyName, Rotated, store},
    identities::{delete, key, put, user},
    tokens::read,
    *,
};
use crate::{
    domain::{Error as Refusal, access_key::Use, policy::PolicyId, role::Role, user::UserUpdate},
    events,
};

const DAY: Duration = Duration::from_hours(24);

/// A role that an account made; its fact is in the log, as if another call had made it.
pub(super) async fn role(world: &World, of: AccountId, id: &str, max_session_seconds: u32) -> IdentityName {
    let call = world.root(of, "RoleService/CreateRole", &of.name()).await;
    let (app, made) = (world.app.clone(), change());
    let (app, call, made) = (&app, &call, &made);
    let work = move |tx: bailiwick_db::Tx| async move {
        let mut locked = super::super::lock_account(tx.conn(), of).await?;
        let generation = locked.account.next_generation();
        store::account::save(tx.conn(), &locked.account).await?;
        let policies = vec![PolicyId::from("AdministratorAccess")];
        let trust_policy = format!(
            r#"{{"Version":"1","Statement":[{{"Effect":"Allow","Action":"sts:AssumeRole","Principal":{{"RAM":"{}"}}}}]}}"#,
            of.name()
        );
        let role = Role {
            account: of,
            id: id.to_owned(),
            description: String::new(),
            trust_policy,
            max_session_seconds,
            policies,
            generation,
            access_from: None,
            create_time: app.now(),
            update_time: app.now(),
            last_use_time: None,
            version: 1,
        };
        store::role::insert(tx.conn(), &role).await?;
        let facts = vec![events::role(&role)];
        let changed = super::super::Made { resource: role.name(), tenant: locked.tenant(), accounts: vec![of], facts };
        app.record(&tx, call, made, app.now(), changed);
        Ok::<_, Error>(role.identity())
    };
    app.db.write("role", work).await.unwrap().value
}

fn assume(of: AccountId, role: &str, seconds: u32) -> AssumeRole<'_> {
    AssumeRole { account: of, role, session_name: "s1", policy: None, seconds }
}

async fn begin(
    world: &World,
    by: Principal,
    role: &IdentityName,
    seconds: u32,
) -> Result<super::super::NewSession, Error> {
    let IdentityName::Role(account, id) = role else { panic!("`{role}` is no role") };
    let call = world.call_as(by, "TokenService/AssumeRole", &role.to_string()).await;
    Ok(world.app.role_assume(&call, &change(), &assume(*account, id, seconds)).await?.value)
}

pub(super) async fn token_of(world: &World, by: &IdentityName) -> Principal {
    Principal::new(by.clone(), world.generation(by).await.unwrap(), "AKtest")
}

/// A user who may do everything.
pub(super) async fn admin(world: &World, of: AccountId, id: &str) -> IdentityName {
    let made = user(world, of, id).await.unwrap();
    let target = Target { account: of, kind: TargetKind::User, id };
    world.put(target, "AdministratorAccess", Put::Attach).await.unwrap();
    made.identity()
}

pub(super) fn is_revoked<T>(result: Result<T, Error>) -> bool {
    matches!(result, Err(Error::Refused(refusal)) if refusal.reason == Reason::CredentialRevoked)
}

// covers: E-GW-02, R-GW-09
#[tokio::test]
async fn a_session_says_who_began_it_and_ends_in_time() {
    for world in worlds().await {
        let id = world.account("main", None).await;
        let alice = admin(&world, id, "alice").await;
        let auditor = role(&world, id, "auditor", 43_200).await;
        let by = Principal { mfa: true, ..token_of(&world, &alice).await };
        let call = world.call_as(by.clone(), "TokenService/AssumeRole", &auditor.to_string()).await;
        let text = r#"{"Version":"1","Statement":[{"Effect":"Allow","Action":"ram:Get*","Resource":"*"}]}"#;
        let policy = Some(Document::parse(PolicyKind::Session, text).unwrap());
        let asked = AssumeRole { policy, ..assume(id, "auditor", 43_200) };
        let once = once("0b8fba4e-7d1c-4f53-9c3a-08cc5b4f5a5f", 1);
        let made = world.app.role_assume(&call, &once, &asked).await.unwrap().value;
        let claims = read(&world, &made.token.text);
        assert_eq!((claims.sub, claims.session.as_deref()), (auditor.to_string(), Some("s1")));
        assert_eq!((claims.session_policy.as_deref(), claims.source), (Some(text), Some(alice.to_string())));
        assert_eq!((claims.source_generation, claims.mfa, claims.akid.as_str()), (Some(by.generation), true, "AKtest"));
        assert_eq!(Some(claims.generation), world.generation(&auditor).await, "{}", world.engine);
        assert_eq!(claims.exp, world.clock.now().as_seconds() + 43_200);
        let recorded = world.last_change().await;
        assert_eq!((recorded.resource, recorded.tenant), (auditor.to_string(), id.name()));
        assert_eq!(recorded.operator.unwrap().principal, alice.to_string());
        let changes = world.changes().await.len();
        let again = world.app.role_assume(&call, &once, &asked).await.unwrap().value;
        assert_eq!((again.token.text.as_str(), again.token.expire_time), ("", made.token.expire_time));
        assert_eq!(world.changes().await.len(), changes, "{}", world.engine);
        let stored = store::role::get(world.app.db.reader(), id, "auditor").await.unwrap().unwrap();
        assert_eq!(stored.last_use_time.map(|at| at.as_micros() % 60_000_000), Some(0));
        let short = role(&world, id, "short", 3_600).await;
        let too_long = refused(begin(&world, by.clone(), &short, 3_601).await);
        assert_eq!(too_long, Refusal::SessionTooLong { limit: 3_600 });
        // The longest policy there is fits a token that the gateway reads: each line break becomes two characters.
        let text = text.replace("\"Effect\"", &format!("{}\"Effect\"", "\n".repeat(2_048 - text.len())));
        let long = Document::parse(PolicyKind::Session, &text).unwrap();
        let asked = AssumeRole { policy: Some(long), ..assume(id, "auditor", 900) };
        let made = world.app.role_assume(&call, &change(), &asked).await.unwrap().value;
        assert!(made.token.text.len() <= bailiwick_api::TOKEN_LEN_MAX);
    }
}

#[tokio::test]
async fn a_chained_session_keeps_its_first_source_and_lasts_an_hour() {
    for world in worlds().await {
        let id = world.account("main", None).await;
        let alice = admin(&world, id, "alice").await;
        let generation = world.generation(&alice).await.unwrap();
        let (first, second) = (role(&world, id, "first", 43_200).await, role(&world, id, "second", 43_200).await);
        let session =
            Session { name: "s0".to_owned(), policy: None, source: Some(alice.clone()), source_generation: generation };
        let chained = Principal { session: Some(Arc::new(session)), ..token_of(&world, &first).await };
        let claims = begin(&world, chained.clone(), &second, 3_600).await.unwrap();
        let claims = read(&world, &claims.token.text);
        assert_eq!((claims.sub, claims.source), (second.to_string(), Some(alice.to_string())));
        assert_eq!(
            (claims.source_generation, claims.session.as_deref()),
            (Some(generation), Some("s1")),
            "{}",
            world.engine
        );
        let too_long = refused(begin(&world, chained.clone(), &second, 3_601).await);
        assert_eq!(too_long, Refusal::SessionTooLong { limit: 3_600 });

        // It ends with the session that begins it, and goes on to say who signed in.
        let expires = Some(world.clock.now().after(Duration::from_secs(1_000)));
        let person = SignedIn { provider: "the provider".to_owned(), subject: "the person".to_owned() };
        let short = Principal { expires, signed_in: Some(Arc::new(person)), ..chained.clone() };
        let made = begin(&world, short, &second, 3_600).await.unwrap();
        let claims = read(&world, &made.token.text);
        assert_eq!(claims.exp, world.clock.now().as_seconds() + 1_000, "{}", world.engine);
        assert_eq!(made.token.expire_time.as_seconds(), claims.exp);
        assert_eq!((claims.provider.as_deref(), claims.subject.as_deref()), (Some("the provider"), Some("the person")));
        // A token that is no session's bounds nothing: it is had again with the key.
        let own = Principal { expires, ..token_of(&world, &alice).await };
        let claims = read(&world, &begin(&world, own, &second, 43_200).await.unwrap().token.text);
        assert_eq!((claims.exp, claims.provider), (world.clock.now().as_seconds() + 43_200, None));

        // The tokens of the first source die: its sessions begin no others, though the gateway may not know yet.
        let call = world.call_as(chained.clone(), "TokenService/AssumeRole", &second.to_string()).await;
        revoke(&world, id, &alice).await.unwrap();
        let late = world.app.role_assume(&call, &change(), &assume(id, "second", 900)).await;
        assert!(is_revoked(late), "{}", world.engine);
    }
}

#[tokio::test]
async fn a_revoked_token_is_not_laundered() {
    for world in worlds().await {
        let id = world.account("main", None).await;
        let alice = admin(&world, id, "alice").await;
        let auditor = role(&world, id, "auditor", 3_600).await;
        let by = token_of(&world, &alice).await;
        let call = world.call_as(by, "TokenService/AssumeRole", &auditor.to_string()).await;
        let begin = || async { world.app.role_assume(&call, &change(), &assume(id, "auditor", 900)).await };
        begin().await.unwrap();
        revoke(&world, id, &alice).await.unwrap();
        assert!(is_revoked(begin().await), "{}", world.engine);
        delete(&world, id, "alice").await.unwrap();
        assert!(is_revoked(begin().await), "{}", world.engine);
    }
}

pub(super) async fn revoke(world: &World, of: AccountId, identity: &IdentityName) -> Result<(), Error> {
    let call = world.root(of, "TokenService/RevokeTokens", &identity.to_string()).await;
    world.app.tokens_revoke(&call, &change(), (of, identity), Credentials::Kept).await.map(drop)
}

fn generation(change: &bailiwick_api::r#type::v1::AccessFactChange) -> i64 {
    match change.fact.as_ref().and_then(|fact| fact.kind.as_ref()) {
        Some(Kind::Identity(fact)) => fact.generation,
        other => panic!("another fact: {other:?}"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn revoking_twice_at_once_gives_two_generations() {
    for world in worlds().await {
        let id = world.account("main", None).await;
        let alice = user(&world, id, "alice").await.unwrap().identity();
        let auditor = role(&world, id, "auditor", 3_600).await;
        for identity in [alice, auditor] {
            let before = world.generation(&identity).await.unwrap();
            let (one, other) = tokio::join!(revoke(&world, id, &identity), revoke(&world, id, &identity));
            one.unwrap();
            other.unwrap();
            let changes = world.changes().await;
            let given: Vec<i64> = changes.iter().rev().take(2).map(|change| generation(&change.facts[0])).collect();
            assert!(given[0] > given[1] && given[1] > before, "{given:?} {}", world.engine);
        }
        let nobody = IdentityName::User(id, "nobody".to_owned());
        assert!(matches!(refused(revoke(&world, id, &nobody).await), Refusal::NotFound(_)));
        let nothing = IdentityName::Role(id, "nothing".to_owned());
        assert!(matches!(refused(revoke(&world, id, &nothing).await), Refusal::NotFound(_)), "{}", world.engine);
    }
}

#[tokio::test]
async fn a_rotated_key_works_until_its_end_and_no_longer() {
    for world in worlds().await {
        let id = world.account("main", None).await;
        let alice = user(&world, id, "alice").await.unwrap().identity();
        let call = world.root(id, "AccessKeyService/CreateAccessKey", &alice.to_string()).await;
        let old = world.app.access_key_create(&call, &change(), id, "alice").await.unwrap().value;
        let Rotated { successor, predecessor } = rotate(&world, id, &old.key.id, DAY).await.unwrap();
        assert!(predecessor.enabled && predecessor.disable_time == Some(world.clock.now().after(DAY)));
        let third = refused(rotate(&world, id, &successor.key.id, DAY).await.map(drop));
        assert_eq!(third, Refusal::AccessKeyQuotaExceeded { limit: 2 }, "{}", world.engine);
        let before = world.generation(&alice).await.unwrap();
        let sign_in = async |id: &str, secret: &str| world.app.token_create(id, secret, "192.0.2.7").await;

        // Its token ends with it.
        world.clock.advance(DAY - Duration::from_mins(5));
        let token = sign_in(&old.key.id, &old.secret).await.unwrap();
        assert_eq!(token.expire_time, whole_seconds(predecessor.disable_time.unwrap()));
        world.app.expire().await.unwrap();
        assert_eq!(world.generation(&alice).await, Some(before), "it is not due: {}", world.engine);
        world.clock.advance(Duration::from_mins(5));
        let late = refused(sign_in(&old.key.id, &old.secret).await.map(drop));
        assert_eq!(late, Refusal::CredentialInvalid, "before any sweep: {}", world.engine);
        sign_in(&successor.key.id, &successor.secret).await.unwrap();
        world.app.expire().await.unwrap();
        assert_eq!(world.generation(&alice).await, Some(before), "tokens of the successor live on: {}", world.engine);
        let made = world.last_change().await;
        assert_eq!((made.resource, made.operator.unwrap().principal.as_str()), (old.key.name(), "roles/directory"));
        let changes = world.changes().await.len();
        world.app.expire().await.unwrap();
        assert_eq!(world.changes().await.len(), changes, "once: {}", world.engine);
        let disabled = refused(rotate(&world, id, &old.key.id, DAY).await.map(drop));
        assert_eq!(disabled, Refusal::AccessKeyDisabled(old.key.name()));
    }
}

fn whole_seconds(time: Timestamp) -> Timestamp {
    Timestamp::from_micros(time.as_seconds() * 1_000_000)
}

#[tokio::test]
async fn what_a_rotated_key_began_ends_with_it() {
    for world in worlds().await {
        let id = world.account("main", None).await;
        let alice = admin(&world, id, "alice").await;
        let auditor = role(&world, id, "auditor", 43_200).await;
        let old = key(&world, id, "alice").await.unwrap();
        let token = async |key: &str| Principal::new(alice.clone(), world.generation(&alice).await.unwrap(), key);
        let generation = async || world.generation(&alice).await.unwrap();
        let (at_first, hour) = (generation().await, Duration::from_hours(1));
        let end = world.clock.now().after(DAY);
        let successor = rotate(&world, id, &old, DAY).await.unwrap().successor.key.id;
        world.clock.advance(DAY - hour);
        let made = begin(&world, token(&old).await, &auditor, 43_200).await.unwrap();
        assert_eq!(made.token.expire_time, whole_seconds(end), "{}", world.engine);
        let made = begin(&world, token(&successor).await, &auditor, 43_200).await.unwrap();
        assert_eq!(made.token.expire_time, whole_seconds(world.clock.now().after(hour * 12)));
        world.clock.advance(hour);
        assert!(is_revoked(begin(&world, token(&old).await, &auditor, 900).await), "{}", world.engine);
        world.app.expire().await.unwrap();
        assert!(is_revoked(begin(&world, token(&old).await, &auditor, 900).await), "{}", world.engine);
        assert_eq!(generation().await, at_first, "{}", world.engine);

        // A session of before the rotation may be there still when a short grace is over.
        let named = KeyName { account: id, user: "alice", key: &old };
        let call = world.root(id, "AccessKeyService/DeleteAccessKey", &format!("{alice}/accessKeys/{old}")).await;
        world.app.access_key_delete(&call, &change(), named, "").await.unwrap();
        let before = generation().await;
        rotate(&world, id, &successor, hour * 11).await.unwrap();
        world.clock.advance(hour * 11);
        world.app.expire().await.unwrap();
        assert!(generation().await > before, "{}", world.engine);
    }
}

#[tokio::test]
async fn a_rotation_without_grace_revokes_and_one_that_is_called_off_does_not() {
    for world in worlds().await {
        let id = world.account("main", None).await;
        let alice = user(&world, id, "alice").await.unwrap().identity();
        let old = key(&world, id, "alice").await.unwrap();
        let before = world.generation(&alice).await.unwrap();
        let rotated = rotate(&world, id, &old, Duration::ZERO).await.unwrap();
        assert!(!rotated.predecessor.enabled);
        let at_once = world.generation(&alice).await.unwrap();
        assert!(at_once > before, "{}", world.engine);
        let named = KeyName { account: id, user: "alice", key: &old };
        let name = format!("{alice}/accessKeys/{old}");
        let call = world.root(id, "AccessKeyService/DeleteAccessKey", &name).await;
        world.app.access_key_delete(&call, &change(), named, "").await.unwrap();
        let present = rotated.successor.key.id;
        rotate(&world, id, &present, DAY).await.unwrap();
        put(&world, id, "alice", &present, Use::Enabled).await.unwrap();
        let kept = world.generation(&alice).await;
        world.clock.advance(DAY * 2);
        world.app.expire().await.unwrap();
        assert_eq!(world.generation(&alice).await, kept, "{}", world.engine);
    }
}

async fn rotate(world: &World, of: AccountId, key: &str, grace: Duration) -> Result<Rotated, Error> {
    let name = format!("{}/users/alice/accessKeys/{key}", of.name());
    let call = world.root(of, "AccessKeyService/RotateAccessKey", &name).await;
    let named = KeyName { account: of, user: "alice", key };
    Ok(world.app.access_key_rotate(&call, &change(), named, grace, "").await?.value)
}

#[tokio::test(flavor = "multi_thread")]
async fn rotating_and_creating_at_once_never_makes_a_third_key() {
    for world in worlds().await {
        let id = world.account("main", None).await;
        user(&world, id, "alice").await.unwrap();
        let old = key(&world, id, "alice").await.unwrap();
        let (rotated, created) = tokio::join!(rotate(&world, id, &old, DAY), key(&world, id, "alice"));
        let results = [rotated.map(drop), created.map(drop)];
        let made = results.iter().filter(|result| result.is_ok()).count();
        assert_eq!(made, 1, "{}", world.engine);
        for result in results.into_iter().filter(Result::is_err) {
            assert_eq!(refused(result), Refusal::AccessKeyQuotaExceeded { limit: 2 });
        }
        let keys = store::access_key::count_all(world.app.db.reader(), id, "alice").await.unwrap();
        assert_eq!(keys, 2, "{}", world.engine);
    }
}

#[tokio::test]
async fn the_last_use_is_written_behind_the_sign_in_and_once_a_minute() {
    for world in worlds().await {
        let id = world.account("main", None).await;
        let alice = user(&world, id, "alice").await.unwrap();
        let call = world.root(id, "AccessKeyService/CreateAccessKey", &alice.name()).await;
        let made = world.app.access_key_create(&call, &change(), id, "alice").await.unwrap().value;
        let changes = world.changes().await.len();
        let read = async || {
            let user = store::user::get(world.app.db.reader(), id, "alice").await.unwrap().unwrap();
            let key = store::access_key::get(world.app.db.reader(), id, "alice", &made.key.id).await.unwrap().unwrap();
            assert_eq!((user.etag(), key.etag()), (alice.etag(), made.key.etag()), "{}", world.engine);
            (user.last_sign_in_time, key.last_use)
        };
        let sign_in = async |source_ip: &str| {
            world.app.token_create(&made.key.id, &made.secret, source_ip).await.unwrap();
            world.app.write_uses().await.unwrap();
        };
        assert_eq!(read().await, (None, None));
        sign_in("192.0.2.7").await;
        let (signed_in, used) = read().await;
        let used = used.unwrap();
        assert_eq!((signed_in, used.source_ip.as_str()), (Some(used.time), "192.0.2.7"), "{}", world.engine);
        assert_eq!(used.time.as_micros() % 60_000_000, 0);
        sign_in("192.0.2.8").await;
        assert_eq!(read().await.1, Some(used.clone()), "one write a minute: {}", world.engine);
        world.clock.advance(Duration::from_mins(1));
        sign_in("192.0.2.8").await;
        let later = read().await.1.unwrap();
        assert_eq!((later.time, later.source_ip.as_str()), (used.time.after(Duration::from_mins(1)), "192.0.2.8"));
        assert_eq!(world.changes().await.len(), changes, "no change of the log: {}", world.engine);
        world.app.token_create(&made.key.id, "wrong", "192.0.2.9").await.map(drop).unwrap_err();
        world.app.write_uses().await.unwrap();
        assert_eq!(read().await.1, Some(later));
    }
}

#[tokio::test]
async fn a_disabled_user_gets_no_token_and_its_old_ones_stay_dead() {
    for world in worlds().await {
        let id = world.account("main", None).await;
        let alice = user(&world, id, "alice").await.unwrap();
        let call = world.root(id, "AccessKeyService/CreateAccessKey", &alice.name()).await;
        let made = world.app.access_key_create(&call, &change(), id, "alice").await.unwrap().value;
        let call = world.root(id, "UserService/UpdateUser", &alice.name()).await;
        let put = async |user: &str, enabled: bool| {
            let new = UserUpdate { display_name: None, enabled: Some(enabled) };
            world.app.user_update(&call, &change(), (id, user), &new, "").await
        };
        let before = world.generation(&alice.identity()).await.unwrap();
        put("alice", false).await.unwrap();
        let fact = world.facts().await.identity(&alice.identity()).unwrap().clone();
        assert!(!fact.enabled && fact.generation > before, "{}", world.engine);
        let refusal = refused(world.app.token_create(&made.key.id, &made.secret, "").await.map(drop));
        assert_eq!(refusal, Refusal::CredentialInvalid, "{}", world.engine);
        put("alice", true).await.unwrap();
        assert_eq!(world.generation(&alice.identity()).await, Some(fact.generation), "{}", world.engine);
        world.app.token_create(&made.key.id, &made.secret, "").await.unwrap();
        assert_eq!(refused(put("root", false).await.map(drop)), Refusal::RootUserImmutable);
    }
}
