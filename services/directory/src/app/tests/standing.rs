use bailiwick_core::authz::{Document, PolicyKind, Purpose, Reason, Session};

use super::{
    super::{AssumeRole, Credentials, KeyName, MemberName, NewVersion, VersionName, Whose},
    sessions::{admin, is_revoked, revoke, role, token_of},
    *,
};
use crate::{
    domain::{
        access_key::Use,
        credential::NewCredential,
        destination::Channel,
        group::NewGroup,
        identity_provider::{Setting, Settings},
        role::{NewRole, RoleUpdate},
        user::UserUpdate,
    },
    store,
};

/// A named result of a write.
type Tried = (&'static str, Result<(), Error>);

fn settings() -> Settings {
    Settings {
        issuer: "https://id.example.com".to_owned(),
        client_ids: vec!["cli".to_owned()],
        scopes: Vec::new(),
        user_claim: "preferred_username".to_owned(),
        mappings: Vec::new(),
        description: String::new(),
    }
}

/// Every write of identities, with a call that was allowed once. What each names need not exist.
async fn tried(world: &World, call: &Call, of: AccountId) -> Vec<Tried> {
    let (app, made, settings) = (&world.app, &change(), &settings());
    let key = KeyName { account: of, user: "bob", key: "AK" };
    let target = Target { account: of, kind: TargetKind::User, id: "bob" };
    let custom = PolicyId::Custom("custom".to_owned());
    let version = VersionName { account: of, policy: custom.clone(), number: 1 };
    let member = MemberName { account: of, group: "all", user: "bob" };
    let credential = NewCredential { action: "directory:ListMembers".to_owned(), expire_time: None };
    let new_user = NewUser { id: "eve".to_owned(), display_name: String::new() };
    let trust_policy = "trust".to_owned();
    let new_role =
        NewRole { id: "eve".to_owned(), description: String::new(), trust_policy, max_session_seconds: 3_600 };
    let new_policy = NewPolicy { id: "eve".to_owned(), description: String::new(), document: document(1) };
    let new_version = NewVersion { document: document(2), set_default: true };
    let new_group = NewGroup { id: "eve".to_owned(), description: String::new() };
    let bob = IdentityName::User(of, "bob".to_owned());
    let whose = Whose::Own(of);
    let provider = super::super::ProviderUpdate {
        account: of,
        id: "main",
        to: settings.clone(),
        changed: vec![Setting::Description],
        etag: "",
    };
    let grace = std::time::Duration::ZERO;
    let update = &UserUpdate { display_name: Some("Bob".to_owned()), enabled: None };
    let assume = &AssumeRole { account: of, role: "auditor", session_name: "s1", policy: None, seconds: 900 };
    vec![
        ("user create", app.user_create(call, made, of, new_user).await.map(drop)),
        ("user update", app.user_update(call, made, (of, "bob"), update, "").await.map(drop)),
        ("user delete", app.user_delete(call, made, of, "bob", "").await.map(drop)),
        ("key create", app.access_key_create(call, made, of, "bob").await.map(drop)),
        ("key enable", app.access_key_put(call, made, key, Use::Enabled, "").await.map(drop)),
        ("key disable", app.access_key_put(call, made, key, Use::Disabled, "").await.map(drop)),
        ("key delete", app.access_key_delete(call, made, key, "").await.map(drop)),
        ("key rotate", app.access_key_rotate(call, made, key, grace, "").await.map(drop)),
        ("credential create", app.credential_create(call, made, (of, "bob"), &credential).await.map(drop)),
        ("credential delete", app.credential_delete(call, made, of, ("bob", "c"), "").await.map(drop)),
        ("role create", app.role_create(call, made, of, new_role).await.map(drop)),
        ("role update", app.role_update(call, made, (of, "auditor"), RoleUpdate::default(), "").await.map(drop)),
        ("role delete", app.role_delete(call, made, (of, "auditor"), "").await.map(drop)),
        ("role assume", app.role_assume(call, made, assume).await.map(drop)),
        ("group create", app.group_create(call, made, of, new_group).await.map(drop)),
        ("group update", app.group_update(call, made, (of, "all"), Some("x"), "").await.map(drop)),
        ("group delete", app.group_delete(call, made, (of, "all"), "").await.map(drop)),
        ("member add", app.group_member_add(call, made, member).await.map(drop)),
        ("member remove", app.group_member_remove(call, made, member).await.map(drop)),
        ("policy create", app.policy_create(call, made, of, new_policy).await.map(drop)),
        ("policy delete", app.policy_delete(call, made, of, &custom, "").await.map(drop)),
        ("version create", app.policy_version_create(call, made, (of, &custom), new_version).await.map(drop)),
        ("version default", app.policy_version_set_default(call, made, &version, "").await.map(drop)),
        ("version delete", app.policy_version_delete(call, made, &version).await.map(drop)),
        ("attach", app.policy_put(call, made, target, &custom, Put::Attach).await.map(drop)),
        ("detach", app.policy_put(call, made, target, &custom, Put::Detach).await.map(drop)),
        ("provider create", app.identity_provider_create(call, made, of, ("eve", settings)).await.map(drop)),
        ("provider update", app.identity_provider_update(call, made, &provider).await.map(drop)),
        ("provider delete", app.identity_provider_delete(call, made, of, "main", "").await.map(drop)),
        ("revoke", app.tokens_revoke(call, made, (of, &bob), Credentials::Included).await.map(drop)),
        ("contact cancel", app.security_contact_cancel(call, made, whose, Channel::Email).await.map(drop)),
    ]
}

async fn assert_all_refused(world: &World, call: &Call, of: AccountId, why: &str) {
    let changes = world.changes().await.len();
    for (write, result) in tried(world, call, of).await {
        assert!(is_revoked(result), "{write}: {why}: {}", world.engine);
    }
    assert_eq!(world.changes().await.len(), changes);
}

#[tokio::test]
async fn whoever_was_revoked_since_the_gateway_decided_changes_no_identity() {
    for world in worlds().await {
        let id = world.account("main", None).await;
        let alice = admin(&world, id, "alice").await;
        world.user(id, "bob").await;
        role(&world, id, "auditor", 3_600).await;
        let stale = async |by: Principal| world.call_as(by, "UserService/CreateUser", &id.name()).await;

        let by = token_of(&world, &alice).await;
        let revoked = stale(by.clone()).await;
        let of_session = {
            let first = role(&world, id, "first", 3_600).await;
            let session = Session {
                name: "s0".to_owned(),
                policy: None,
                source: Some(alice.clone()),
                source_generation: by.generation,
            };
            stale(Principal { session: Some(Arc::new(session)), ..token_of(&world, &first).await }).await
        };
        revoke(&world, id, &alice).await.unwrap();
        assert_all_refused(&world, &revoked, id, "its tokens are dead").await;
        assert_all_refused(&world, &of_session, id, "those that its session began with are").await;

        let disabled = stale(token_of(&world, &alice).await).await;
        let call = world.root(id, "UserService/UpdateUser", &alice.to_string()).await;
        let to = UserUpdate { display_name: None, enabled: Some(false) };
        world.app.user_update(&call, &change(), (id, "alice"), &to, "").await.unwrap();
        assert_all_refused(&world, &disabled, id, "it is disabled").await;

        let session = Session { name: "s0".to_owned(), policy: None, source: None, source_generation: 0 };
        let auditor = IdentityName::Role(id, "auditor".to_owned());
        let signed_in = Principal { session: Some(Arc::new(session)), ..token_of(&world, &auditor).await };
        let signed_in = stale(signed_in).await;
        revoke(&world, id, &auditor).await.unwrap();
        assert_all_refused(&world, &signed_in, id, "its sessions are dead").await;
    }
}

#[tokio::test]
async fn a_credential_that_is_gone_changes_nothing() {
    for world in worlds().await {
        let id = world.account("main", None).await;
        let alice = admin(&world, id, "alice").await;
        let name = alice.to_string();
        let call = world.root(id, "CredentialService/CreateCredential", &name).await;
        let new = NewCredential { action: "ram:CreateUser".to_owned(), expire_time: None };
        let made = world.app.credential_create(&call, &change(), (id, "alice"), &new).await.unwrap().value;
        let purpose = Purpose { credential: made.credential.id.clone(), action: new.action };
        let by = Principal { purpose: Some(purpose), ..token_of(&world, &alice).await };
        let stale = world.call_as(by, "UserService/CreateUser", &id.name()).await;
        let user = |id: &str| NewUser { id: id.to_owned(), display_name: String::new() };
        world.app.user_create(&stale, &change(), id, user("one")).await.unwrap();
        let delete = world.root(id, "CredentialService/DeleteCredential", &made.credential.name()).await;
        let named = ("alice", made.credential.id.as_str());
        world.app.credential_delete(&delete, &change(), id, named, "").await.unwrap();
        assert!(is_revoked(world.app.user_create(&stale, &change(), id, user("two")).await), "{}", world.engine);
    }
}

#[tokio::test]
async fn an_operator_that_is_retired_makes_no_keys() {
    for world in worlds().await {
        let id = world.account("main", None).await;
        let stale = world.platform("AccountService/CreateRootAccessKey").await;
        world.app.operators_ensure(&[]).await.unwrap();
        let late = world.app.access_key_create_root(&stale, &change(), id).await;
        assert!(is_revoked(late), "{}", world.engine);
    }
}

// covers: E-GW-04
#[tokio::test]
async fn a_role_is_asked_again_whom_it_trusts() {
    for world in worlds().await {
        let id = world.account("main", None).await;
        let alice = admin(&world, id, "alice").await;
        let auditor = role(&world, id, "auditor", 3_600).await;
        let call = world.call(&alice, "TokenService/AssumeRole", &auditor.to_string()).await;
        let asked = AssumeRole { account: id, role: "auditor", session_name: "s1", policy: None, seconds: 900 };
        let assume = || async { world.app.role_assume(&call, &change(), &asked).await };
        assume().await.unwrap();
        let by_root = world.root(id, "RoleService/UpdateRole", &auditor.to_string()).await;
        let trusts = async |members: &str, condition: &str| {
            let trust = format!(
                r#"{{"Version":"1","Statement":[{{"Effect":"Allow","Action":"sts:AssumeRole","Principal":{{"RAM":"{members}"}}{condition}}}]}}"#
            );
            Document::parse(PolicyKind::Trust, &trust).unwrap();
            let to = RoleUpdate { trust_policy: Some(trust), ..RoleUpdate::default() };
            world.app.role_update(&by_root, &change(), (id, "auditor"), to, "").await.unwrap();
        };
        let untrusted = |result: Result<_, Error>| matches!(result.map(drop), Err(Error::Refused(refusal)) if refusal.reason == Reason::RoleNotTrusted);
        trusts(&format!("{}/users/bob", id.name()), "").await;
        assert!(untrusted(assume().await), "{}", world.engine);
        trusts(&id.name(), r#","Condition":{"StringEquals":{"sts:ExternalId":"contract-42"}}"#).await;
        assert!(untrusted(assume().await), "{}", world.engine);
        trusts(&id.name(), r#","Condition":{"IpAddress":{"acs:SourceIp":"192.0.2.0/24"}}"#).await;
        assume().await.unwrap();
        trusts(&id.name(), r#","Condition":{"Bool":{"acs:SecureTransport":"true"}}"#).await;
        assert!(untrusted(assume().await), "{}", world.engine);

        let delete = world.root(id, "RoleService/DeleteRole", &auditor.to_string()).await;
        world.app.role_delete(&delete, &change(), (id, "auditor"), "").await.unwrap();
        assert!(matches!(refused(assume().await.map(drop)), domain::Error::NotFound(_)), "{}", world.engine);
    }
}

#[tokio::test]
async fn revoking_tells_which_credentials_stay_or_deletes_them() {
    for world in worlds().await {
        let id = world.account("main", None).await;
        let alice = admin(&world, id, "alice").await;
        let name = alice.to_string();
        let create = world.root(id, "CredentialService/CreateCredential", &name).await;
        let make = async |hours: u64| {
            let expire_time = Some(world.app.now().after(std::time::Duration::from_hours(hours)));
            let new = NewCredential { action: "directory:ListMembers".to_owned(), expire_time };
            world.app.credential_create(&create, &change(), (id, "alice"), &new).await.unwrap().value.credential
        };
        let (short, long) = (make(1).await, make(3).await);
        world.clock.advance(std::time::Duration::from_hours(2));
        let call = world.root(id, "TokenService/RevokeTokens", &name).await;
        let revoke = async |with| world.app.tokens_revoke(&call, &change(), (id, &alice), with).await.unwrap().value;
        let kept = revoke(Credentials::Kept).await;
        assert_eq!(kept.iter().map(|c| &c.id).collect::<Vec<_>>(), [&long.id], "{}", world.engine);
        assert!(revoke(Credentials::Included).await.is_empty());
        let facts = world.facts().await;
        for gone in [short, long] {
            assert!(facts.credential(&gone.id).is_none(), "{}", world.engine);
            assert!(store::credential::get(world.app.db.reader(), id, "alice", &gone.id).await.unwrap().is_none());
        }
        // Of a role there are none to tell of.
        role(&world, id, "auditor", 3_600).await;
        let auditor = IdentityName::Role(id, "auditor".to_owned());
        let call = world.root(id, "TokenService/RevokeTokens", &auditor.to_string()).await;
        let done = world.app.tokens_revoke(&call, &change(), (id, &auditor), Credentials::Included).await.unwrap();
        assert!(done.value.is_empty());
    }
}
