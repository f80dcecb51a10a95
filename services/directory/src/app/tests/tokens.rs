use bailiwick_api::{TOKEN_AUDIENCE, TOKEN_ISSUER, TokenClaims};
use bailiwick_core::Clock;
use jsonwebtoken::{Algorithm, DecodingKey, Validation};

use super::{super::KeyName, *};
use crate::{
    app::access_key::hash,
    domain::{Error as Refusal, access_key::Use},
};

pub(super) fn read(world: &World, token: &str) -> TokenClaims {
    let key = &world.app.signing.published()[0];
    let header = jsonwebtoken::decode_header(token).unwrap();
    assert_eq!((header.alg, header.kid.as_deref()), (Algorithm::EdDSA, Some(key.id.as_str())));
    let mut validation = Validation::new(Algorithm::EdDSA);
    validation.set_issuer(&[TOKEN_ISSUER]);
    validation.set_audience(&[TOKEN_AUDIENCE]);
    // Its end is compared with the clock of the test instead.
    validation.validate_exp = false;
    let decoded = jsonwebtoken::decode(token, &DecodingKey::from_ed_der(&key.bytes), &validation);
    decoded.unwrap().claims
}

// covers: R-GW-01, R-DIR-23, R-DIR-30
#[tokio::test]
async fn a_key_that_works_gives_a_token_and_every_other_the_same_refusal() {
    for world in worlds().await {
        let id = world.account("main", None).await;
        let call = world.platform("AccountService/CreateRootAccessKey").await;
        let made = world.app.access_key_create_root(&call, &change(), id).await.unwrap().value;
        let token = world.app.token_create(&made.key.id, &made.secret, "192.0.2.1").await.unwrap();
        let claims = read(&world, &token.text);
        let root = IdentityName::root(id);
        assert_eq!(claims.sub, root.to_string());
        assert_eq!((claims.generation, &claims.akid), (1, &made.key.id));
        assert_eq!(claims.epoch, world.app.db.head().await.unwrap().epoch);
        assert_eq!(claims.exp - claims.iat, 900);
        assert_eq!((claims.iat, claims.exp), (world.clock.now().as_seconds(), token.expire_time.as_seconds()));
        for (key, secret) in [
            (made.key.id.as_str(), "wrong"),
            (made.key.id.as_str(), ""),
            ("AKunknown", made.secret.as_str()),
            ("\0", made.secret.as_str()),
            (&"A".repeat(65), &made.secret),
            (&made.key.id, &"s".repeat(129)),
        ] {
            let refusal = refused(world.app.token_create(key, secret, "192.0.2.1").await.map(drop));
            assert_eq!(refusal, Refusal::CredentialInvalid, "{} {key}", world.engine);
        }
        let named = KeyName { account: id, user: "root", key: &made.key.id };
        let call = world.root(id, "AccessKeyService/DisableAccessKey", &made.key.name()).await;
        world.app.access_key_put(&call, &change(), named, Use::Disabled, "").await.unwrap();
        let refusal = refused(world.app.token_create(&made.key.id, &made.secret, "192.0.2.1").await.map(drop));
        assert_eq!(refusal, Refusal::CredentialInvalid, "{}", world.engine);
        let call = world.root(id, "AccessKeyService/EnableAccessKey", &made.key.name()).await;
        world.app.access_key_put(&call, &change(), named, Use::Enabled, "").await.unwrap();
        let token = world.app.token_create(&made.key.id, &made.secret, "192.0.2.1").await.unwrap();
        assert_eq!(Some(read(&world, &token.text).generation), world.generation(&root).await, "{}", world.engine);
    }
}

#[tokio::test]
async fn an_operator_has_a_token_by_its_configured_key() {
    for world in worlds().await {
        let configured = Configured { secret_hash: hash("open sesame"), ..operator(1) };
        world.app.operators_ensure(&[configured]).await.unwrap();
        let token = world.app.token_create("AKops", "open sesame", "192.0.2.1").await.unwrap();
        let claims = read(&world, &token.text);
        assert_eq!((claims.sub.as_str(), claims.generation), ("operators/ops", 2), "{}", world.engine);
        world.app.operators_ensure(&[]).await.unwrap();
        let refusal = refused(world.app.token_create("AKops", "open sesame", "192.0.2.1").await.map(drop));
        assert_eq!(refusal, Refusal::CredentialInvalid);
    }
}
