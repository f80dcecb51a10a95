use super::*;
use crate::domain::Error as Refusal;

const ID: &str = "0b8fba4e-7d1c-4f53-9c3a-08cc5b4f5a5f";

// covers: E-GW-06
#[tokio::test]
async fn a_repeated_request_gets_the_first_result() {
    for world in worlds().await {
        let (by, directory) = world.directory("Acme").await;
        let call = world.root(by, "MemberService/CreateMember", &directory.name()).await;
        let create = |key: Mutation| {
            let (app, call) = (world.app.clone(), call.clone());
            async move { app.member_create(&call, &key, directory, named("payments")).await }
        };
        let made = create(once(ID, 1)).await.unwrap();
        let again = create(once(ID, 1)).await.unwrap();
        assert_eq!(made, again, "{}", world.engine);
        assert_eq!(world.members(by, directory).await.len(), 1);
        assert_eq!(world.last_change().await.request_id, ID);
        assert!(matches!(create(once(ID, 2)).await, Err(Error::RequestIdReused(id)) if id == ID));
        world.clock.advance(std::time::Duration::from_hours(25));
        assert_eq!(refused(create(once(ID, 1)).await), Refusal::DisplayNameUsed("payments".to_owned()));
    }
}

// covers: E-GW-06
#[tokio::test]
async fn a_repeated_request_does_not_show_a_secret_again() {
    for world in worlds().await {
        let id = world.account("main", None).await;
        let call = world.platform("AccountService/CreateRootAccessKey").await;
        let made = world.app.access_key_create_root(&call, &once(ID, 1), id).await.unwrap().value;
        let again = world.app.access_key_create_root(&call, &once(ID, 1), id).await.unwrap().value;
        assert_eq!((&again.key, again.secret.as_str()), (&made.key, ""), "{}", world.engine);
        assert!(!made.secret.is_empty());
    }
}

// covers: E-DIR-22
#[tokio::test]
async fn a_rehearsal_refuses_the_same_and_changes_nothing() {
    for world in worlds().await {
        let (by, directory) = world.directory("Acme").await;
        let call = world.root(by, "MemberService/CreateMember", &directory.name()).await;
        let rehearse = |key: Mutation| {
            let (app, call) = (world.app.clone(), call.clone());
            let key = Mutation { validate_only: true, ..key };
            async move { app.member_create(&call, &key, directory, named("payments")).await }
        };
        let head = world.app.db.head().await.unwrap();
        let done = rehearse(once(ID, 1)).await.unwrap();
        assert_eq!((done.value.membership.display_name.as_str(), done.position), ("payments", None));
        assert_eq!(world.app.db.head().await.unwrap(), head, "{}", world.engine);
        assert!(world.members(by, directory).await.is_empty());
        let real = world.app.member_create(&call, &once(ID, 2), directory, named("payments")).await;
        assert!(real.unwrap().position.is_some(), "the request id was not used up");
        assert_eq!(refused(rehearse(change()).await), Refusal::DisplayNameUsed("payments".to_owned()));
    }
}
