use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use bailiwick_api::{
    delegation::v1::{BatchCreateEnrolmentsRequest, BatchDeleteEnrolmentsRequest, Enrolment},
    r#type::v1::{LogPosition, access_fact::Kind},
};
use bailiwick_core::{AccountId, Role, TrustedService};
use tonic::{Code, Request, Response, Status};

use crate::app::{
    Error,
    claims::{Behalf, ClaimKind, ClaimSet},
};

use super::world::{World, account, reason, revision, worlds};

impl World {
    fn batch(&self, id: &str, accounts: &[AccountId]) -> BatchCreateEnrolmentsRequest {
        BatchCreateEnrolmentsRequest {
            directory: self.at.name(),
            trusted_service: id.to_owned(),
            accounts: accounts.iter().map(|account| account.name()).collect(),
        }
    }

    pub async fn enrol(&self, by: Role, id: &str, accounts: &[AccountId]) -> Result<(i64, Vec<Enrolment>), Status> {
        let answer = self.enrolments_by(by).batch_create_enrolments(self.batch(id, accounts)).await?;
        Ok((revision(&answer), answer.into_inner().enrolments))
    }

    async fn withdraw(&self, by: Role, id: &str, account: AccountId) -> Result<Response<bool>, Status> {
        self.withdraw_just(by, id, account, "").await
    }

    async fn withdraw_just(&self, by: Role, id: &str, account: AccountId, uid: &str) -> Result<Response<bool>, Status> {
        let message = BatchDeleteEnrolmentsRequest {
            directory: self.at.name(),
            trusted_service: id.to_owned(),
            accounts: vec![account.name()],
            uids: vec![uid.to_owned()],
        };
        Ok(self.enrolments_by(by).batch_delete_enrolments(message).await?.map(|answer| answer.deleted == 1))
    }
}

// covers: R-DEL-14, E-DEL-01
#[tokio::test(flavor = "multi_thread")]
async fn members_are_enrolled_once_with_the_roles_of_the_service() {
    for world in worlds().await {
        for number in [2, 3] {
            world.directory.join(world.at, account(number), "i1").await;
        }
        let by = Role::SecurityCenter;
        let early = world.enrol(by, "threat-analysis", &[account(2)]).await;
        let not_enabled = (Code::FailedPrecondition, "TRUSTED_ACCESS_NOT_ENABLED".to_owned());
        assert_eq!(reason(&early.unwrap_err()), not_enabled);
        world.enable("security-center").await;
        let (first, one) = world.enrol(by, "threat-analysis", &[account(2)]).await.unwrap();
        let (second, both) = world.enrol(by, "threat-analysis", &[account(3), account(2), account(3)]).await.unwrap();
        assert_eq!(second, first + 1);
        assert_eq!((&both[1], &both[2]), (&one[0], &both[0]));
        assert_eq!((both[0].account.clone(), both[0].incarnation.as_str()), (account(3).name(), "i1"));
        assert_ne!(both[0].uid, both[1].uid);
        let again = world.enrol(by, "threat-analysis", &[account(2), account(3)]).await.unwrap();
        assert_eq!(again, (second, vec![both[1].clone(), both[0].clone()]));
        assert_eq!(world.directory.roles().len(), 4, "two roles in each of two members");

        let management = world.enrol(by, "security-center", &[world.management]).await.unwrap_err();
        let not_eligible = (Code::FailedPrecondition, "MANAGEMENT_ACCOUNT_NOT_ELIGIBLE".to_owned());
        assert_eq!(reason(&management), not_eligible);
        let foreign = world.enrol(Role::SasePolicy, "security-center", &[account(2)]).await.unwrap_err();
        assert_eq!(reason(&foreign), (Code::PermissionDenied, "INTERNAL_METHOD".to_owned()));
        let empty = world.enrol(by, "security-center", &[]).await.unwrap_err();
        assert_eq!(reason(&empty), (Code::InvalidArgument, "INVALID_FIELD".to_owned()));

        assert_eq!(world.try_disable("security-center").await.unwrap_err().1, "TRUSTED_ACCESS_IN_USE");
        let ended = world.withdraw(by, "threat-analysis", account(2)).await.unwrap();
        assert_eq!((revision(&ended), ended.into_inner()), (second + 1, true));
        assert!(!world.withdraw(by, "threat-analysis", account(2)).await.unwrap().into_inner());
        assert!(world.directory.roles().iter().all(|(of, _)| *of == account(3).name()));
        let (_, anew) = world.enrol(by, "threat-analysis", &[account(2)]).await.unwrap();
        assert_ne!(anew[0].uid, one[0].uid);
    }
}

/// A removal that was decided over an enrolment does not end the one that came after it.
#[tokio::test(flavor = "multi_thread")]
async fn a_late_removal_does_not_end_a_later_enrolment() {
    for world in worlds().await {
        world.directory.join(world.at, account(2), "i1").await;
        world.enable("sase").await;
        let by = Role::SasePolicy;
        let (_, first) = world.enrol(by, "sase", &[account(2)]).await.unwrap();
        assert!(world.withdraw_just(by, "sase", account(2), &first[0].uid).await.unwrap().into_inner());
        let (at, second) = world.enrol(by, "sase", &[account(2)]).await.unwrap();
        let late = world.withdraw_just(by, "sase", account(2), &first[0].uid).await.unwrap();
        assert_eq!((revision(&late), late.into_inner()), (at, false));
        assert_eq!(world.enrol(by, "sase", &[account(2)]).await.unwrap(), (at, second.clone()));
        assert_eq!((world.directory.claims().len(), world.directory.roles().len()), (1, 1));
        assert!(world.withdraw_just(by, "sase", account(2), &second[0].uid).await.unwrap().into_inner());
        assert!(world.directory.claims().is_empty());
    }
}

/// A directory that does not answer does not make a failure of what is committed.
#[tokio::test(flavor = "multi_thread")]
async fn a_removal_does_not_wait_for_its_release() {
    for world in worlds().await {
        world.directory.join(world.at, account(2), "i1").await;
        world.enable("sase").await;
        let by = Role::SasePolicy;
        world.enrol(by, "sase", &[account(2)]).await.unwrap();
        world.directory.before_next_release(futures::future::pending);
        let (directory, trusted_service) = (world.at.name(), "sase".to_owned());
        let (accounts, uids) = (vec![account(2).name()], vec![String::new()]);
        let mut request = Request::new(BatchDeleteEnrolmentsRequest { directory, trusted_service, accounts, uids });
        request.set_timeout(Duration::from_secs(6));
        assert_eq!(world.enrolments_by(by).batch_delete_enrolments(request).await.unwrap().into_inner().deleted, 1);
        assert_eq!(world.directory.claims().len(), 1);
        world.clock.advance(Duration::from_secs(61));
        world.reconcile().await;
        assert!(world.directory.claims().is_empty() && world.directory.roles().is_empty());
    }
}

/// A release may be carried out long after it was sent: the member has left and joined again, and is enrolled again.
#[tokio::test(flavor = "multi_thread")]
async fn a_late_release_leaves_the_next_membership_its_claim() {
    for world in worlds().await {
        world.directory.join(world.at, account(2), "i1").await;
        world.enable("sase").await;
        let by = Role::SasePolicy;
        world.enrol(by, "sase", &[account(2)]).await.unwrap();
        let (directory, at, enrolments) = (world.directory.clone(), world.at, world.enrolments_by(by));
        let batch = world.batch("sase", &[account(2)]);
        let claimed = Arc::new(Mutex::new(Vec::new()));
        let before = claimed.clone();
        world.directory.before_next_release(move || async move {
            directory.leave(account(2)).await;
            directory.join(at, account(2), "i2").await;
            enrolments.clone().batch_create_enrolments(batch).await.unwrap();
            *before.lock().unwrap() = directory.claims();
            directory.stop_placing();
        });
        // What the caller asked for is done, whatever became of the release.
        assert!(world.withdraw(by, "sase", account(2)).await.unwrap().into_inner());
        let claimed = claimed.lock().unwrap().clone();
        assert_eq!((claimed.len(), world.directory.claims()), (1, claimed.clone()));
        assert_eq!(world.directory.roles().len(), 1);
    }
}

/// What a leaving member had ends with its membership, and nothing of it comes back.
#[tokio::test(flavor = "multi_thread")]
async fn a_member_that_leaves_loses_everything_in_one_revision() {
    for world in worlds().await {
        world.directory.join(world.at, account(2), "i1").await;
        world.enable("security-center").await;
        world.enable("bastionhost").await;
        world.designate("security-center", account(2)).await.unwrap();
        world.enrol(Role::BastionAudit, "bastionhost", &[account(2)]).await.unwrap();
        let (at, _) = world.enrol(Role::SecurityCenter, "security-center", &[account(2)]).await.unwrap();
        let mut watcher = world.watch(None).await;
        watcher.list().await;
        let left = world.directory.leave(account(2)).await;
        world.directory.join(world.at, account(2), "i2").await;
        world.mirrored().await;
        let (changes, _) = watcher.catch_up().await;
        assert_eq!(
            changes.iter().map(|of| of.position.as_ref().unwrap().revision).collect::<Vec<_>>(),
            [at + 1, at + 2]
        );
        let ended = &changes[0];
        assert_eq!(ended.upstream, Some(left));
        let kinds: Vec<_> = ended
            .changes
            .iter()
            .map(|change| match change.fact.as_ref().unwrap().kind.as_ref().unwrap() {
                Kind::Account(fact) => ("account", fact.directory.clone(), change.removed),
                Kind::Delegation(fact) => ("delegation", fact.trusted_service.clone(), change.removed),
                Kind::Enrolment(fact) => ("enrolment", fact.trusted_service.clone(), change.removed),
                other => panic!("{other:?}"),
            })
            .collect();
        assert_eq!(kinds.len(), 5);
        assert!(kinds.contains(&("account", String::new(), false)));
        assert!(kinds.contains(&("delegation", "threat-analysis".to_owned(), true)));
        assert!(kinds.contains(&("enrolment", "bastionhost".to_owned(), true)));
        assert_eq!(changes[1].changes.len(), 1, "joining again revives nothing");
        assert!(world.designated("security-center").await.is_empty());
        let (facts, _) = world.watch(None).await.list().await;
        let of_account = facts.iter().filter(|fact| fact.key().contains(&account(2).to_string()));
        assert_eq!(of_account.count(), 1);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_claim_that_is_not_mirrored_in_time_is_not_used() {
    for world in worlds().await {
        world.directory.join(world.at, account(2), "i1").await;
        world.enable("sase").await;
        let head = world.directory.head().await;
        world.directory.answer_with(LogPosition { revision: head.revision + 1, ..head });
        let set = ClaimSet {
            directory: world.at,
            service: TrustedService::Sase,
            kind: ClaimKind::Enrolment,
            accounts: vec![account(2)],
        };
        let claimed = world.app.claim(&Behalf::own(Duration::from_secs(2)), &set).await;
        assert!(matches!(claimed, Err(Error::NotMirrored)), "{claimed:?}");
        world.directory.commit(Vec::new()).await;
        world.enrol(Role::SasePolicy, "sase", &[account(2)]).await.unwrap();
    }
}
