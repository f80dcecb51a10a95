//! What the log says of root users (R-DIR-36).

use std::time::Duration;

use bailiwick_api::r#type::v1::RootUserFact;

use super::{
    super::{KeyName, Whose, root_user},
    identities::{key, put},
    security_info::email,
    *,
};
use crate::domain::{access_key::Use, account::AccountType, member::TypeSwitch};

/// The facts about root users that the log ends with.
pub(super) async fn root_facts(world: &World) -> BTreeMap<String, RootUserFact> {
    let mut facts = BTreeMap::new();
    for said in world.changes().await.into_iter().flat_map(|change| change.facts) {
        if let Some(Kind::RootUser(fact)) = said.fact.and_then(|fact| fact.kind) {
            match said.removed {
                true => facts.remove(&fact.account),
                false => facts.insert(fact.account.clone(), fact),
            };
        }
    }
    facts
}

/// Each says what is stored.
pub(super) async fn check_root_facts(world: &World) {
    for (name, told) in root_facts(world).await {
        let id = name.trim_start_matches("accounts/").parse().unwrap();
        let stored = root_user::fact(world.app.db.reader(), id).await.unwrap();
        assert_eq!(stored.fact.unwrap().kind, Some(Kind::RootUser(told)), "{}", world.engine);
    }
}

async fn told(world: &World, of: AccountId) -> (bool, i32, bool) {
    let fact = root_facts(world).await.remove(&of.name()).unwrap();
    (fact.enabled, fact.access_keys, fact.security_info)
}

#[tokio::test]
async fn whatever_changes_a_root_user_is_told() {
    const ROOT: &str = IdentityName::ROOT;
    for world in worlds().await {
        let (by, directory) = world.directory("Acme").await;
        let created = world.member(by, directory, "created").await.unwrap().membership.account;
        assert_eq!(told(&world, created).await, (false, 0, false), "{}", world.engine);
        let id = world.cloud_member(by, directory, "payments", "Acme").await;
        assert_eq!(told(&world, id).await, (true, 0, false));
        let call = world.platform("AccountService/CreateRootAccessKey").await;
        let first = world.app.access_key_create_root(&call, &change(), id).await.unwrap().value.key.id;
        let second = key(&world, id, ROOT).await.unwrap();
        assert_eq!(told(&world, id).await, (true, 2, false));
        put(&world, id, ROOT, &second, Use::Disabled).await.unwrap();
        assert_eq!(told(&world, id).await, (true, 1, false));
        put(&world, id, ROOT, &second, Use::Enabled).await.unwrap();
        assert_eq!(told(&world, id).await, (true, 2, false));
        let name = format!("{}/accessKeys/{second}", IdentityName::root(id));
        let named = KeyName { account: id, user: ROOT, key: &second };
        let call = world.root(id, "AccessKeyService/DeleteAccessKey", &name).await;
        world.app.access_key_delete(&call, &change(), named, "").await.unwrap();
        assert_eq!(told(&world, id).await, (true, 1, false));
        world.bind(id, Whose::Own(id), &email("owner@example.com")).await;
        assert_eq!(told(&world, id).await, (true, 1, true));

        let name = format!("{}/accessKeys/{first}", IdentityName::root(id));
        let named = KeyName { account: id, user: ROOT, key: &first };
        let call = world.root(id, "AccessKeyService/RotateAccessKey", &name).await;
        let hour = Duration::from_hours(1);
        world.app.access_key_rotate(&call, &change(), named, hour, "").await.unwrap();
        assert_eq!(told(&world, id).await, (true, 2, true));
        world.clock.advance(hour);
        world.app.expire().await.unwrap();
        assert_eq!(told(&world, id).await, (true, 1, true), "the rotated key has ended");
        check_root_facts(&world).await;
    }
}

#[tokio::test]
async fn a_switch_tells_of_the_root_user_with_the_account() {
    for world in worlds().await {
        let (by, directory) = world.directory("Acme").await;
        let id = world.cloud_member(by, directory, "payments", "Acme").await;
        world.bind(id, Whose::Own(id), &email("owner@example.com")).await;
        let switch = TypeSwitch { to: AccountType::Resource, risk_acknowledged: true, etag: String::new() };
        let call = world.management(by, directory, "RequestTypeSwitchVerification", id).await;
        let of = (directory, id);
        Box::pin(world.app.member_type_switch_request(&call, &change(), of, (AccountType::Resource, None)))
            .await
            .unwrap();
        let code = world.delivered_code().await;
        let call = world.management(by, directory, "SwitchMemberType", id).await;
        Box::pin(world.app.member_type_switch(&call, &change(), of, &switch, &code)).await.unwrap();
        let kinds: Vec<_> =
            world.last_change().await.facts.into_iter().map(|f| f.fact.unwrap().kind.unwrap()).collect();
        assert!(kinds.iter().any(|kind| matches!(kind, Kind::Account(_))), "{}", world.engine);
        assert_eq!(told(&world, id).await, (false, 0, true));
        check_root_facts(&world).await;
    }
}
