use bailiwick_core::authz::Facts;

use super::{
    super::super::domain::{Error as Refusal, account::NewAccount},
    *,
};

// covers: R-DIR-01, R-DIR-02, R-DIR-05
#[tokio::test]
async fn a_verified_account_enables_one_directory() {
    for world in worlds().await {
        let id = world.account("main", None).await;
        assert_eq!(refused(world.enable(id).await), Refusal::EnterpriseIdentityRequired(id), "{}", world.engine);
        world.verify(id, "Acme").await.unwrap();
        let directory = world.enable(id).await.unwrap();
        assert_eq!(world.facts().await.management_account(directory), Some(id));
        assert_eq!(refused(world.enable(id).await), Refusal::AccountAlreadyInDirectory(id));
        let made = world.changes().await.into_iter().find(|made| made.resource == directory.name()).unwrap();
        assert_eq!((made.tenant, made.accounts), (directory.name(), vec![id.name()]));
        let call = world.root(id, "DirectoryService/GetDirectory", &directory.name()).await;
        assert_eq!(world.app.directory_get(&call, directory).await.unwrap().management_account, id);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_account_that_enables_twice_at_once_gets_one_directory() {
    for world in worlds().await {
        let id = world.account("main", Some("Acme")).await;
        let call = world.root(id, "DirectoryService/CreateDirectory", &id.name()).await;
        let tries: Vec<_> = (0..4)
            .map(|_| {
                let (app, call) = (world.app.clone(), call.clone());
                tokio::spawn(async move { app.directory_create(&call, &change(), id).await.map(drop) })
            })
            .collect();
        let mut made = 0;
        for one in tries {
            match one.await.unwrap() {
                Ok(()) => made += 1,
                refusal => assert_eq!(refused(refusal), Refusal::AccountAlreadyInDirectory(id), "{}", world.engine),
            }
        }
        assert_eq!(made, 1, "{}", world.engine);
    }
}

#[tokio::test]
async fn an_account_of_a_provider_is_registered_once() {
    for world in worlds().await {
        let call = world.platform("AccountService/CreateAccount").await;
        let new = |provider: &str, id: &str| NewAccount {
            provider: provider.to_owned(),
            external_id: id.to_owned(),
            ..named("main")
        };
        let app = &world.app;
        app.account_create(&call, &change(), new("aws", "1")).await.unwrap();
        app.account_create(&call, &change(), new("gcp", "1")).await.unwrap();
        app.account_create(&call, &change(), named("other")).await.unwrap();
        app.account_create(&call, &change(), named("another")).await.unwrap();
        let twice = refused(app.account_create(&call, &change(), new("aws", "1")).await);
        let used = Refusal::ExternalAccountUsed { provider: "aws".to_owned(), external_id: "1".to_owned() };
        assert_eq!(twice, used, "{}", world.engine);
    }
}

// covers: R-DIR-15, R-DIR-18
#[tokio::test]
async fn an_account_is_shown_with_its_directory_and_keeps_its_enterprise_there() {
    for world in worlds().await {
        let (id, directory) = world.directory("Acme").await;
        let call = world.root(id, "AccountService/GetAccount", &id.name()).await;
        let view = world.app.account_get(&call, id).await.unwrap();
        assert!(view.root_user_enabled && view.directory == Some(directory), "{}", world.engine);
        assert_eq!(refused(world.verify(id, "Other").await), Refusal::LegalEntityMismatch(id));
        world.verify(id, "Acme").await.unwrap();
        assert_eq!(world.last_change().await.tenant, directory.name());
        let listed = world.platform("AccountService/ListAccounts").await;
        assert_eq!(world.app.account_list(&listed, &first(10)).await.unwrap().items.len(), 1);
    }
}

#[tokio::test]
async fn a_permit_for_one_account_opens_no_other() {
    for world in worlds().await {
        let one = world.account("one", None).await;
        let other = world.account("other", None).await;
        let call = world.root(one, "AccountService/GetAccount", &one.name()).await;
        assert!(matches!(world.app.account_get(&call, other).await, Err(Error::Refused(_))));
        let listed = world.app.account_list(&call, &first(10)).await;
        assert!(matches!(listed, Err(Error::Refused(_))), "{}", world.engine);
    }
}
