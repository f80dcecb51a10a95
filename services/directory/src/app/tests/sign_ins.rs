use bailiwick_core::Clock;
use bailiwick_openid::testing::{Issuer, Key};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use sea_orm::EntityTrait;
use serde_json::{Value, json};

use super::*;
use crate::{
    app::{ProviderUpdate, SignIn, SignedIn},
    domain::{
        Error as Refusal,
        identity_provider::{ClaimMapping, IdentityProvider, Setting, Settings},
        user::NewUser,
    },
    store,
};

fn settings(issuer: &Issuer) -> Settings {
    Settings {
        issuer: issuer.url.clone(),
        client_ids: vec!["cli".to_owned(), "web".to_owned()],
        user_claim: "preferred_username".to_owned(),
        ..Settings::default()
    }
}

struct Fixture {
    world: World,
    account: AccountId,
    issuer: Issuer,
    key: Key,
}

impl Fixture {
    async fn all() -> Vec<Self> {
        let mut fixtures = Vec::new();
        for world in worlds().await {
            let key = Key::ecdsa("k1");
            let issuer = Issuer::start(&[&key]).await;
            let account = world.account("main", None).await;
            let call = world.root(account, "UserService/CreateUser", &account.name()).await;
            let new = NewUser { id: "alice".to_owned(), display_name: String::new() };
            world.app.user_create(&call, &change(), account, new).await.unwrap();
            let fixture = Self { world, account, issuer, key };
            fixture.register("main", settings(&fixture.issuer)).await.unwrap();
            fixtures.push(fixture);
        }
        fixtures
    }

    async fn register(&self, id: &str, settings: Settings) -> Result<IdentityProvider, Error> {
        let method = "IdentityProviderService/CreateIdentityProvider";
        let call = self.world.root(self.account, method, &self.account.name()).await;
        let made = self.world.app.identity_provider_create(&call, &change(), self.account, (id, &settings)).await;
        Ok(made?.value)
    }

    fn token(&self, jti: &str, username: &str) -> String {
        let mut claims: Value = self.issuer.claims(self.world.clock.now());
        claims["jti"] = json!(jti);
        claims["preferred_username"] = json!(username);
        claims["amr"] = json!(["mfa"]);
        self.key.sign(&claims)
    }

    async fn sign_in(&self, token: &str) -> Result<SignedIn, Error> {
        // Its rule is public: what is decided is the same for every caller.
        let call = self.world.platform("TokenService/SignIn").await;
        let asked = SignIn { account: self.account, provider: "main", token, nonce: "", role: None };
        Ok(self.world.app.sign_in(&call, asked).await?.value)
    }
}

/// The same token with the other signature that verifies: of (r, s), it is (r, n - s).
fn other_signature(token: &str) -> String {
    const ORDER: [u8; 32] = [
        0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xbc, 0xe6, 0xfa, 0xad,
        0xa7, 0x17, 0x9e, 0x84, 0xf3, 0xb9, 0xca, 0xc2, 0xfc, 0x63, 0x25, 0x51,
    ];
    let (signed, signature) = token.rsplit_once('.').unwrap();
    let mut signature = URL_SAFE_NO_PAD.decode(signature).unwrap();
    let mut borrow = 0;
    for at in (0..32).rev() {
        let difference = i32::from(ORDER[at]) - i32::from(signature[32 + at]) - borrow;
        borrow = i32::from(difference < 0);
        signature[32 + at] = u8::try_from(difference.rem_euclid(256)).unwrap();
    }
    format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature))
}

#[tokio::test]
async fn an_id_token_signs_a_user_in_once_and_the_trail_tells_by_which_provider() {
    for fixture in Fixture::all().await {
        let engine = fixture.world.engine;
        let token = fixture.token("1", "alice");
        let signed = fixture.sign_in(&token).await.unwrap();
        let alice = IdentityName::User(fixture.account, "alice".to_owned());
        assert_eq!((&signed.principal, signed.session_name.as_str()), (&alice, ""), "{engine}");
        let claims = tokens::read(&fixture.world, &signed.text);
        let provider = format!("{}/identityProviders/main", fixture.account.name());
        assert_eq!((claims.sub, claims.provider.as_deref()), (alice.to_string(), Some(&*provider)));
        let subject = fixture.issuer.claims(fixture.world.clock.now())["sub"].as_str().unwrap().to_owned();
        assert_eq!(claims.subject.as_deref(), Some(&*subject));
        assert_eq!((claims.mfa, claims.exp - claims.iat, claims.session), (true, 900, None));
        assert_eq!(Some(claims.generation), fixture.world.generation(&alice).await);
        let recorded = fixture.world.last_change().await;
        let operator = recorded.operator.unwrap();
        assert_eq!((operator.principal, operator.source_identity), (alice.to_string(), provider.clone()));
        assert_eq!((operator.identity_provider, operator.subject), (provider.clone(), subject));
        assert_eq!((recorded.resource, recorded.method.ends_with("SignIn")), (provider, true));
        let changes = fixture.world.changes().await.len();
        assert_eq!(refused(fixture.sign_in(&token).await), Refusal::SignInRefused, "{engine}");
        let twin = other_signature(&token);
        assert!(twin != token && refused(fixture.sign_in(&twin).await) == Refusal::SignInRefused, "{engine}");
        for nobody in ["bob", "root"] {
            assert_eq!(refused(fixture.sign_in(&fixture.token("2", nobody)).await), Refusal::SignInRefused);
        }
        assert_eq!(fixture.world.changes().await.len(), changes);
        fixture.sign_in(&fixture.token("3", "alice")).await.unwrap();
    }
}

#[tokio::test]
async fn of_two_who_present_one_token_at_once_one_wins() {
    for fixture in Fixture::all().await {
        let token = fixture.token("1", "alice");
        let tries = futures::future::join_all((0..4).map(|_| fixture.sign_in(&token))).await;
        assert_eq!(tries.iter().filter(|tried| tried.is_ok()).count(), 1, "{}", fixture.world.engine);
        for tried in tries.into_iter().filter(Result::is_err) {
            assert_eq!(refused(tried), Refusal::SignInRefused, "{}", fixture.world.engine);
        }
    }
}

#[tokio::test]
async fn who_may_not_act_is_not_signed_in() {
    for fixture in Fixture::all().await {
        let (world, account) = (&fixture.world, fixture.account);
        let mut alice = store::user::get(world.app.db.reader(), account, "alice").await.unwrap().unwrap();
        alice.enabled = false;
        let disabled = alice.clone();
        let save = move |tx: bailiwick_db::Tx| {
            let user = disabled.clone();
            async move { store::user::save(tx.conn(), &user).await }
        };
        world.app.db.write::<_, bailiwick_db::DbError, _, _>("test", save).await.unwrap();
        assert_eq!(refused(fixture.sign_in(&fixture.token("1", "alice")).await), Refusal::SignInRefused);
        // A role that does not exist.
        let mapping = ClaimMapping {
            claim: "preferred_username".to_owned(),
            value: "*".to_owned(),
            identity: IdentityName::Role(account, "auditor".to_owned()),
        };
        let name = format!("{}/identityProviders/main", account.name());
        let call = world.root(account, "IdentityProviderService/UpdateIdentityProvider", &name).await;
        let to = Settings { mappings: vec![mapping], ..settings(&fixture.issuer) };
        let asked = ProviderUpdate { account, id: "main", to, changed: vec![Setting::Mappings], etag: "" };
        let changed = world.app.identity_provider_update(&call, &change(), &asked).await.unwrap().value;
        assert_eq!(changed.settings.mappings.len(), 1);
        assert_eq!(refused(fixture.sign_in(&fixture.token("2", "alice")).await), Refusal::SignInRefused);
        let call = world.root(account, "IdentityProviderService/DeleteIdentityProvider", &name).await;
        let stale = world.app.identity_provider_delete(&call, &change(), account, "main", "stale").await;
        assert_eq!(refused(stale), Refusal::EtagMismatch(name));
        world.app.identity_provider_delete(&call, &change(), account, "main", &changed.etag()).await.unwrap();
        assert_eq!(refused(fixture.sign_in(&fixture.token("3", "alice")).await), Refusal::SignInRefused);
    }
}

#[tokio::test]
async fn providers_are_listed_by_id_and_bounded() {
    for fixture in Fixture::all().await {
        let again = fixture.register("main", settings(&fixture.issuer)).await;
        assert_eq!(refused(again), Refusal::IdentityProviderExists("main".to_owned()));
        for at in 1..10 {
            fixture.register(&format!("p{at}"), settings(&fixture.issuer)).await.unwrap();
        }
        let full = fixture.register("last", settings(&fixture.issuer)).await;
        assert_eq!(refused(full), Refusal::IdentityProviderQuotaExceeded { limit: 10 });
        let (world, account) = (&fixture.world, fixture.account);
        let call = world.root(account, "IdentityProviderService/ListIdentityProviders", &account.name()).await;
        let page = world.app.identity_provider_list(&call, account, &first(4)).await.unwrap();
        let ids: Vec<_> = page.items.iter().map(|provider| provider.id.as_str()).collect();
        assert_eq!(ids, ["main", "p1", "p2", "p3"], "{}", world.engine);
        let next = PageRequest { size: 10, token: page.next };
        assert_eq!(world.app.identity_provider_list(&call, account, &next).await.unwrap().items.len(), 6);
    }
}

#[tokio::test]
async fn used_tokens_are_forgotten_when_nobody_would_accept_them() {
    for fixture in Fixture::all().await {
        let token = fixture.token("1", "alice");
        fixture.sign_in(&token).await.unwrap();
        fixture.world.app.sweep().await.unwrap();
        assert_eq!(refused(fixture.sign_in(&token).await), Refusal::SignInRefused);
        fixture.world.clock.advance(std::time::Duration::from_secs(665));
        fixture.world.app.sweep().await.unwrap();
        let left = store::testing::sign_ins::Entity::find().all(fixture.world.app.db.reader()).await.unwrap();
        assert!(left.is_empty(), "{}", fixture.world.engine);
        assert_eq!(refused(fixture.sign_in(&token).await), Refusal::SignInRefused);
    }
}
