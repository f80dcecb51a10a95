use std::time::Duration;

use bailiwick_api::r#type::v1::{AccessFactChange, CredentialFact, access_fact::Kind};

use super::{
    super::{NewCredentialSecret, access_key::hash},
    identities::{delete, user},
    *,
};
use crate::domain::{Error as Refusal, credential::NewCredential};

async fn create(world: &World, of: AccountId, once: &Mutation) -> Result<NewCredentialSecret, Error> {
    let call = world.root(of, "CredentialService/CreateCredential", &format!("{}/users/alice", of.name())).await;
    let expire_time = Some(world.app.now().after(Duration::from_hours(1)));
    let new = NewCredential { action: "directory:ListMembers".to_owned(), expire_time };
    Ok(world.app.credential_create(&call, once, (of, "alice"), &new).await?.value)
}

fn fact(change: &AccessFactChange) -> (bool, CredentialFact) {
    match change.fact.as_ref().and_then(|fact| fact.kind.clone()) {
        Some(Kind::Credential(fact)) => (change.removed, fact),
        other => panic!("another fact: {other:?}"),
    }
}

#[tokio::test]
async fn a_credential_is_shown_once_and_its_end_is_a_fact() {
    for world in worlds().await {
        let id = world.account("main", None).await;
        user(&world, id, "alice").await.unwrap();
        let once = once("0b8fba4e-7d1c-4f53-9c3a-08cc5b4f5a5f", 1);
        let made = create(&world, id, &once).await.unwrap();
        let (_, rest) = made.bearer.split_once("bwc_").unwrap();
        let (name, secret) = rest.split_at(20);
        let secret = secret.strip_prefix('_').unwrap();
        assert!(name == made.credential.id && name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit()));
        assert_eq!((secret.len(), made.credential.secret_hash), (43, hash(secret)));
        let (removed, held) = fact(&world.last_change().await.facts[0]);
        assert!(!removed && held.credential == made.credential.name() && held.action == "directory:ListMembers");
        assert_eq!(held.secret_sha256, hash(secret), "{}", world.engine);
        let again = create(&world, id, &once).await.unwrap();
        assert_eq!((again.bearer.as_str(), &again.credential), ("", &made.credential), "{}", world.engine);

        let list = world.root(id, "CredentialService/ListCredentials", &format!("{}/users/alice", id.name())).await;
        let listed = || async { world.app.credential_list(&list, id, "alice", &first(10)).await.unwrap().items };
        assert_eq!(listed().await, std::slice::from_ref(&made.credential));
        let call = world.root(id, "CredentialService/DeleteCredential", &made.credential.name()).await;
        let delete = |etag: &'static str| {
            let named = ("alice", made.credential.id.as_str());
            let (app, call) = (&world.app, &call);
            async move { app.credential_delete(call, &change(), id, named, etag).await.map(drop) }
        };
        assert!(matches!(refused(delete("stale").await), Refusal::EtagMismatch(_)));
        delete("").await.unwrap();
        let (removed, gone) = fact(&world.last_change().await.facts[0]);
        assert_eq!((removed, gone.credential), (true, made.credential.name()), "{}", world.engine);
        assert!(listed().await.is_empty() && matches!(refused(delete("").await), Refusal::NotFound(_)));
    }
}

#[tokio::test]
async fn five_credentials_are_all_and_they_end_with_time_or_their_user() {
    for world in worlds().await {
        let id = world.account("main", None).await;
        user(&world, id, "alice").await.unwrap();
        for _ in 0..5 {
            create(&world, id, &change()).await.unwrap();
        }
        let sixth = refused(create(&world, id, &change()).await.map(drop));
        assert_eq!(sixth, Refusal::CredentialQuotaExceeded { limit: 5 }, "{}", world.engine);
        world.clock.advance(Duration::from_hours(1));
        let later = create(&world, id, &change()).await.unwrap();
        world.app.expire().await.unwrap();
        let ended = world.last_change().await;
        assert_eq!((ended.facts.len(), ended.resource), (5, id.name()), "{}", world.engine);
        assert!(
            ended.facts.iter().all(|change| fact(change).0 && fact(change).1.credential != later.credential.name())
        );
        let changes = world.changes().await.len();
        world.app.expire().await.unwrap();
        assert_eq!(world.changes().await.len(), changes, "{}", world.engine);
        delete(&world, id, "alice").await.unwrap();
        let facts = world.last_change().await.facts;
        assert_eq!(facts.len(), 2, "the credential and the user: {}", world.engine);
        assert_eq!(
            fact(&facts[0]),
            (true, CredentialFact { credential: later.credential.name(), ..Default::default() })
        );
    }
}
