use bailiwick_api::r#type::v1::access_fact::Kind;
use bailiwick_core::{TrustedService, authz::Facts};

use super::*;
use crate::{
    app::{NewControlPolicy, PlaceClaims},
    domain::{
        Error as Refusal,
        claim::{self, Strength},
        control_policy::FULL_ACCESS_DOCUMENT,
        directory::Switches,
        invitation::Answer,
    },
};

async fn disable(world: &World, by: AccountId, id: DirectoryId, change: &Mutation) -> Result<(), Error> {
    let call = world.root(by, "DirectoryService/DeleteDirectory", &id.name()).await;
    world.app.directory_delete(&call, change, id, "").await.map(drop)
}

// covers: E-DIR-18
#[tokio::test]
async fn only_an_empty_directory_is_disabled_and_all_its_facts_go() {
    for world in worlds().await {
        let (by, id) = world.directory("Acme").await;
        let member = world.cloud_member(by, id, "payments", "Acme").await;
        let refusal = refused(disable(&world, by, id, &change()).await);
        assert_eq!(refusal, Refusal::DirectoryHasMembers { members: 1 }, "{}", world.engine);
        world.remove(by, id, member).await.unwrap();
        let invitation = world.invite(by, id, member).await.unwrap();
        let refusal = refused(disable(&world, by, id, &change()).await);
        assert_eq!(refusal, Refusal::DirectoryHasInvitations { pending: 1 });
        let call = world.root(by, "InvitationService/CancelInvitation", &invitation.name()).await;
        world.app.invitation_answer(&call, &change(), id, &invitation.id, Answer::Cancel).await.unwrap();
        let folder = world.folder(by, id, "root", "a").await.unwrap();
        let refusal = refused(disable(&world, by, id, &change()).await);
        assert_eq!(refusal, Refusal::DirectoryHasFolders { folders: 1 });
        let call = world.root(by, "FolderService/DeleteFolder", &domain::folder::name(id, &folder)).await;
        world.app.folder_delete(&call, &change(), (id, &folder), "").await.unwrap();
        let call = world.root(by, "ControlPolicyService/CreateControlPolicy", &id.name()).await;
        let policy = NewControlPolicy {
            id: "p".to_owned(),
            description: String::new(),
            document: FULL_ACCESS_DOCUMENT.to_owned(),
        };
        world.app.control_policy_create(&call, &change(), id, policy).await.unwrap();

        let head = world.app.db.head().await.unwrap();
        disable(&world, by, id, &Mutation { validate_only: true, ..change() }).await.unwrap();
        assert_eq!(world.app.db.head().await.unwrap(), head, "{}", world.engine);
        let delete = world.root(by, "DirectoryService/DeleteDirectory", &id.name()).await;
        world.app.directory_delete(&delete, &change(), id, "").await.unwrap();
        let mut kinds = Vec::new();
        for fact in world.last_change().await.facts {
            let kind = fact.fact.unwrap().kind.unwrap();
            let name = match kind {
                Kind::Account(fact) => {
                    assert_eq!((fact.directory.as_str(), fact.control_policies.len()), ("", 0));
                    "account"
                }
                Kind::Directory(_) => "directory",
                Kind::Folder(_) => "folder",
                Kind::Policy(_) => "policy",
                Kind::Invitation(_) => "invitation",
                other => panic!("{other:?}"),
            };
            assert_eq!(fact.removed, name != "account");
            kinds.push(name);
        }
        // The accepted invitation is kept as the cancelled one is.
        assert_eq!(kinds, ["account", "invitation", "invitation", "policy", "folder", "directory"]);
        let facts = world.facts().await;
        assert_eq!((facts.account(by).unwrap().directory, facts.invitee(id, &invitation.id)), (None, None));
        let again = refused(world.app.directory_delete(&delete, &change(), id, "").await);
        assert_eq!(again, Refusal::NotFound(id.name()));
        assert!(crate::store::directory::was(world.app.db.reader(), id).await.unwrap());
        let next = world.enable(by).await.unwrap();
        assert_ne!(next, id);
        world.app.sweep().await.unwrap();
    }
}

// covers: E-DIR-18
#[tokio::test]
async fn claims_are_counted_last_for_they_end_with_their_member() {
    for world in worlds().await {
        let (by, id) = world.directory("Acme").await;
        let member = world.cloud_member(by, id, "payments", "Acme").await;
        let call = world.service_call("ClaimService/PlaceClaims", id).await;
        let asked = PlaceClaims {
            directory: id,
            accounts: vec![member],
            service: TrustedService::Sase,
            kind: claim::Kind::Enrolment,
            strength: Strength::Informative,
            roles: Vec::new(),
        };
        world.app.claim_place(&call, asked).await.unwrap();
        assert!(matches!(refused(disable(&world, by, id, &change()).await), Refusal::DirectoryHasMembers { .. }));
        assert_eq!(crate::store::claim::count_all(world.app.db.reader(), id).await.unwrap(), 1);
        world.remove(by, id, member).await.unwrap();
        disable(&world, by, id, &change()).await.unwrap();
    }
}

// covers: E-DIR-19, E-DIR-27, E-GW-07
#[tokio::test]
async fn features_are_switched_with_their_fact() {
    for world in worlds().await {
        let (by, id) = world.directory("Acme").await;
        let call = world.root(by, "DirectoryService/UpdateDirectory", &id.name()).await;
        let get = world.root(by, "DirectoryService/GetDirectory", &id.name()).await;
        let before = world.app.directory_get(&get, id).await.unwrap();
        let on = Switches { control_policies_enabled: Some(true), member_deletion_enabled: None };
        let switched = world.app.directory_update(&call, &change(), id, on, &before.etag()).await.unwrap().value;
        assert!(switched.control_policies_enabled && !switched.member_deletion_enabled, "{}", world.engine);
        let Some(Kind::Directory(fact)) = world.last_change().await.facts.remove(0).fact.unwrap().kind else {
            panic!()
        };
        assert!(fact.control_policies_enabled);
        let stale = refused(world.app.directory_update(&call, &change(), id, on, &before.etag()).await);
        assert_eq!(stale, Refusal::EtagMismatch(id.name()));
        assert_eq!(world.app.directory_get(&get, id).await.unwrap(), switched);
    }
}
