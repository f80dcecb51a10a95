use std::time::Duration;

use bailiwick_core::authz::Facts;

use super::*;
use crate::domain::{
    Error as Refusal,
    account::AccountType,
    invitation::{Answer, State},
    member::JoinMethod,
};

const DAY: Duration = Duration::from_hours(24);

async fn answer(world: &World, by: AccountId, invitation: &Invitation, answer: Answer) -> Result<Invitation, Error> {
    let method = match answer {
        Answer::Decline => "InvitationService/DeclineInvitation",
        Answer::Cancel => "InvitationService/CancelInvitation",
    };
    let call = world.root(by, method, &invitation.name()).await;
    let (directory, id) = (invitation.directory, &invitation.id);
    Ok(world.app.invitation_answer(&call, &change(), directory, id, answer).await?.value)
}

// covers: R-DIR-09, R-DIR-10, R-DIR-11, R-DIR-12, R-DIR-14, E-DIR-06, E-DIR-08, E-DIR-09
#[tokio::test]
async fn an_accepted_invitation_makes_one_member() {
    for world in worlds().await {
        let (by, directory) = world.directory("Acme").await;
        let id = world.account("payments", Some("Acme")).await;
        let invitation = world.invite(by, directory, id).await.unwrap();
        assert_eq!(world.facts().await.invitee(directory, &invitation.id), Some(id), "{}", world.engine);
        assert!(world.members(by, directory).await.is_empty());
        let received = world.root(id, "InvitationService/ListReceivedInvitations", &id.name()).await;
        let page = world.app.invitation_list_received(&received, id, &Default::default(), &first(10)).await.unwrap();
        assert_eq!(page.items[0].sender_legal_name, "Acme");
        world.accept(id, &invitation).await.unwrap();
        let members = world.members(by, directory).await;
        assert_eq!(members.len(), 1);
        assert_eq!((members[0].kind, members[0].membership.join_method), (AccountType::Cloud, JoinMethod::Invited));
        assert_eq!(world.facts().await.account(id).unwrap().directory, Some(directory));
        let again = refused(world.accept(id, &invitation).await);
        assert_eq!(again, Refusal::InvitationStatusMismatch(State::Accepted));
        let cancelled = refused(answer(&world, by, &invitation, Answer::Cancel).await);
        assert_eq!(cancelled, Refusal::InvitationStatusMismatch(State::Accepted));
        assert_eq!(refused(world.invite(by, directory, id).await), Refusal::AccountAlreadyInDirectory(id));
    }
}

// covers: R-DIR-15, R-DIR-16, E-DIR-08
#[tokio::test]
async fn a_sender_learns_nothing_of_strangers() {
    for world in worlds().await {
        let (by, directory) = world.directory("Acme").await;
        let (foreign, foreign_directory) = world.directory("Other").await;
        let member = world.member(foreign, foreign_directory, "theirs").await.unwrap().membership.account;
        let strangers = [
            AccountId::try_from(9_999_999_999_999_999).unwrap(),
            world.account("unverified", None).await,
            world.account("other", Some("Other")).await,
            foreign,
            member,
        ];
        for stranger in strangers {
            let refusal = refused(world.invite(by, directory, stranger).await);
            assert_eq!(refusal, Refusal::LegalEntityMismatch(stranger), "{}", world.engine);
        }
        assert_eq!(refused(world.invite(by, directory, by).await), Refusal::AccountAlreadyInDirectory(by));
    }
}

// covers: E-DIR-05, E-DIR-06, E-DIR-07, E-DIR-35
#[tokio::test]
async fn an_invitation_runs_out_of_time_and_is_forgotten_later() {
    for world in worlds().await {
        let (by, directory) = world.directory("Acme").await;
        let id = world.account("payments", Some("Acme")).await;
        let invitation = world.invite(by, directory, id).await.unwrap();
        assert_eq!(refused(world.invite(by, directory, id).await), Refusal::InvitationPending(id), "{}", world.engine);
        world.clock.advance(14 * DAY);
        let late = refused(world.accept(id, &invitation).await);
        assert_eq!(late, Refusal::InvitationStatusMismatch(State::Expired));
        let second = world.invite(by, directory, id).await.unwrap();
        let declined = answer(&world, id, &second, Answer::Decline).await.unwrap();
        assert_eq!(declined.state, State::Declined);
        world.clock.advance(29 * DAY);
        world.app.sweep().await.unwrap();
        let call = world.root(by, "InvitationService/ListInvitations", &directory.name()).await;
        let kept = world.app.invitation_list(&call, directory, &Default::default(), &first(10)).await.unwrap().items;
        assert_eq!(kept.iter().map(|i| &i.id).collect::<Vec<_>>(), [&second.id, &invitation.id]);
        world.clock.advance(2 * DAY);
        world.app.sweep().await.unwrap();
        assert!(
            world
                .app
                .invitation_list(&call, directory, &Default::default(), &first(10))
                .await
                .unwrap()
                .items
                .is_empty()
        );
        assert_eq!(world.facts().await.invitee(directory, &invitation.id), None);
        let head = world.app.db.head().await.unwrap();
        world.app.sweep().await.unwrap();
        assert_eq!(world.app.db.head().await.unwrap(), head);
    }
}

// covers: E-DIR-04
#[tokio::test]
async fn accepted_invitations_do_not_count_against_the_rate() {
    let limits = Limits { invitations_per_day_max: 2, ..Limits::default() };
    for world in worlds_with(limits).await {
        let (by, directory) = world.directory("Acme").await;
        world.cloud_member(by, directory, "accepted", "Acme").await;
        let ids = [world.account("one", Some("Acme")).await, world.account("two", Some("Acme")).await];
        let cancelled = world.invite(by, directory, ids[0]).await.unwrap();
        answer(&world, by, &cancelled, Answer::Cancel).await.unwrap();
        world.invite(by, directory, ids[1]).await.unwrap();
        let refusal = refused(world.invite(by, directory, ids[0]).await);
        assert_eq!(refusal, Refusal::InvitationRateExceeded { limit: 2 }, "{}", world.engine);
        world.clock.advance(DAY);
        world.invite(by, directory, ids[0]).await.unwrap();
    }
}

// covers: R-DIR-11, E-DIR-08
#[tokio::test(flavor = "multi_thread")]
async fn two_invitations_accepted_at_once_make_one_membership() {
    for world in worlds().await {
        let (one, first_directory) = world.directory("Acme").await;
        let (two, second_directory) = {
            let id = world.account("second", Some("Acme")).await;
            (id, world.enable(id).await.unwrap())
        };
        for round in 0..5 {
            let id = world.account(&format!("wanted {round}"), Some("Acme")).await;
            let invitations = [
                world.invite(one, first_directory, id).await.unwrap(),
                world.invite(two, second_directory, id).await.unwrap(),
            ];
            let mut tries = Vec::new();
            for invitation in invitations {
                let call = world.root(id, "InvitationService/AcceptInvitation", &invitation.name()).await;
                let app = world.app.clone();
                tries.push(tokio::spawn(async move {
                    app.invitation_accept(&call, &change(), invitation.directory, &invitation.id).await.map(drop)
                }));
            }
            let mut accepted = 0;
            for one in tries {
                match one.await.unwrap() {
                    Ok(()) => accepted += 1,
                    refusal => {
                        assert_eq!(refused(refusal), Refusal::AccountAlreadyInDirectory(id), "{}", world.engine);
                    }
                }
            }
            assert_eq!(accepted, 1, "{}", world.engine);
            assert!(world.facts().await.account(id).unwrap().directory.is_some());
        }
    }
}

// covers: E-DIR-09
#[tokio::test]
async fn only_the_recipient_accepts() {
    for world in worlds().await {
        let (by, directory) = world.directory("Acme").await;
        let id = world.account("payments", Some("Acme")).await;
        let other = world.account("other", Some("Acme")).await;
        let invitation = world.invite(by, directory, id).await.unwrap();
        let theirs = world.invite(by, directory, other).await.unwrap();
        // The permit was had for another invitation of the same directory.
        let call = world.root(other, "InvitationService/AcceptInvitation", &theirs.name()).await;
        let taken = world.app.invitation_accept(&call, &change(), directory, &invitation.id).await;
        assert!(matches!(refused(taken), Refusal::NotFound(_)), "{}", world.engine);
        let taken = world.app.invitation_answer(&call, &change(), directory, &invitation.id, Answer::Decline).await;
        assert!(matches!(refused(taken), Refusal::NotFound(_)));
    }
}

// covers: E-DIR-10
#[tokio::test]
async fn folder_and_labels_of_an_invitation_count_at_acceptance() {
    for world in worlds().await {
        let (by, directory) = world.directory("Acme").await;
        let kept = world.folder(by, directory, "root", "kept").await.unwrap();
        let gone = world.folder(by, directory, "root", "gone").await.unwrap();
        let labels = Labels::from([("env".to_owned(), "prod".to_owned())]);
        let call = world.root(by, "InvitationService/CreateInvitation", &directory.name()).await;
        let mut joined = Vec::new();
        for (name, folder) in [("one", &kept), ("two", &gone)] {
            let id = world.account(name, Some("Acme")).await;
            let new = NewInvitation { folder: folder.clone(), labels: labels.clone(), ..invitation_to(id) };
            let sent = world.app.invitation_create(&call, &change(), directory, new).await.unwrap().value;
            assert_eq!((sent.sender_legal_name.as_str(), sent.recipient_legal_name.as_str()), ("Acme", "Acme"));
            joined.push((id, sent));
        }
        let delete = world.root(by, "FolderService/DeleteFolder", &domain::folder::name(directory, &gone)).await;
        world.app.folder_delete(&delete, &change(), (directory, &gone), "").await.unwrap();
        for ((id, sent), folder) in joined.into_iter().zip([kept.as_str(), "root"]) {
            world.accept(id, &sent).await.unwrap();
            let members = world.members(by, directory).await;
            let member = &members.iter().find(|m| m.membership.account == id).unwrap().membership;
            assert_eq!((member.folder.as_str(), &member.labels), (folder, &labels), "{}", world.engine);
        }
        let stranger = world.account("three", Some("Acme")).await;
        let new = NewInvitation { folder: gone.clone(), ..invitation_to(stranger) };
        let refusal = refused(world.app.invitation_create(&call, &change(), directory, new).await);
        assert_eq!(refusal, Refusal::NotFound(domain::folder::name(directory, &gone)));
    }
}

// covers: E-DIR-05
#[tokio::test]
async fn invitations_are_filtered_by_where_they_stand_now() {
    for world in worlds().await {
        let (by, directory) = world.directory("Acme").await;
        let ids = [world.account("one", Some("Acme")).await, world.account("two", Some("Acme")).await];
        let old = world.invite(by, directory, ids[0]).await.unwrap();
        world.clock.advance(7 * DAY);
        let new = world.invite(by, directory, ids[1]).await.unwrap();
        let call = world.root(by, "InvitationService/ListInvitations", &directory.name()).await;
        let list = async |filter: &str| {
            let filter = domain::invitation::SCHEMA.filter(filter).unwrap();
            let page = world.app.invitation_list(&call, directory, &filter, &first(10)).await.unwrap();
            page.items.into_iter().map(|invitation| invitation.id).collect::<Vec<_>>()
        };
        let (pending, expired) = ("state = INVITATION_STATE_PENDING", "state = INVITATION_STATE_EXPIRED");
        assert_eq!(list(pending).await, [new.id.clone(), old.id.clone()], "{}", world.engine);
        world.clock.advance(7 * DAY);
        assert_eq!((list(pending).await, list(expired).await), (vec![new.id.clone()], vec![old.id.clone()]));
        let of_one = format!("account = {}", ids[0].name());
        assert_eq!(list(&of_one).await, std::slice::from_ref(&old.id));
        assert!(list("state = INVITATION_STATE_ACCEPTED").await.is_empty());
        assert_eq!(list(&format!("NOT {pending}")).await, std::slice::from_ref(&old.id));
        let received = world.root(ids[0], "InvitationService/ListReceivedInvitations", &ids[0].name()).await;
        let filter = domain::invitation::SCHEMA.filter(pending).unwrap();
        let page = world.app.invitation_list_received(&received, ids[0], &filter, &first(10)).await.unwrap();
        assert!(page.items.is_empty());
    }
}
