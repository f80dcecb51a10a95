//! Service-linked roles of a member, and the tasks that delete them.

use std::time::Duration;

use bailiwick_api::delegation::v1::{
    BatchDeleteEnrolmentsRequest, BatchDeleteEnrolmentsResponse, CreateServiceLinkedRoleRequest,
    DeleteServiceLinkedRoleRequest, GetServiceLinkedRoleDeletionRequest, ListServiceLinkedRolesRequest,
    ServiceLinkedRole, ServiceLinkedRoleDeletion, ServiceLinkedRoleDeletionState as State,
    service_linked_role_service_client::ServiceLinkedRoleServiceClient,
};
use bailiwick_core::{AccountId, Role};
use tonic::{Code, Response, Status, transport::Channel};

use super::world::{PATIENCE, World, account, refused, worlds};

const ROLE: &str = "AliyunServiceRoleForCsas";
const REQUEST_ID: &str = "0b8fba4e-7d1c-4f53-9c3a-08cc5b4f5a5f";

impl World {
    fn linked_roles(&self) -> ServiceLinkedRoleServiceClient<Channel> {
        ServiceLinkedRoleServiceClient::new(self.channel(Role::Gateway))
    }

    async fn create_role(&self, of: AccountId, role: &str, id: &str) -> Result<Response<ServiceLinkedRole>, Status> {
        let message = CreateServiceLinkedRoleRequest {
            parent: of.name(),
            service_linked_role_id: role.to_owned(),
            request_id: id.to_owned(),
        };
        let request = self.by_root(of, "ServiceLinkedRoleService/CreateServiceLinkedRole", message);
        self.linked_roles().create_service_linked_role(request).await
    }

    async fn delete_role(&self, of: AccountId, id: &str) -> Result<Response<ServiceLinkedRoleDeletion>, Status> {
        let name = format!("{}/serviceLinkedRoles/{ROLE}", of.name());
        let message = DeleteServiceLinkedRoleRequest { name, request_id: id.to_owned() };
        let request = self.by_root(of, "ServiceLinkedRoleService/DeleteServiceLinkedRole", message);
        self.linked_roles().delete_service_linked_role(request).await
    }

    async fn deletion(&self, of: AccountId, name: &str) -> Result<Response<ServiceLinkedRoleDeletion>, Status> {
        let message = GetServiceLinkedRoleDeletionRequest { name: name.to_owned() };
        let request = self.by_root(of, "ServiceLinkedRoleService/GetServiceLinkedRoleDeletion", message);
        self.linked_roles().get_service_linked_role_deletion(request).await
    }

    /// The deletion, once it has ended.
    async fn ended(&self, of: AccountId, name: &str) -> ServiceLinkedRoleDeletion {
        let polling = async {
            loop {
                let deletion = self.deletion(of, name).await.unwrap().into_inner();
                if deletion.end_time.is_some() {
                    return deletion;
                }
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        tokio::time::timeout(PATIENCE, polling).await.expect("the deletion ends")
    }

    async fn unenrol(
        &self,
        by: Role,
        id: &str,
        account: AccountId,
    ) -> Result<Response<BatchDeleteEnrolmentsResponse>, Status> {
        let message = BatchDeleteEnrolmentsRequest {
            directory: self.at.name(),
            trusted_service: id.to_owned(),
            accounts: vec![account.name()],
            uids: vec![String::new()],
        };
        self.enrolments_by(by).batch_delete_enrolments(message).await
    }

    async fn role_names(&self, of: AccountId) -> Vec<String> {
        let message = ListServiceLinkedRolesRequest { parent: of.name(), ..Default::default() };
        let request = self.by_root(of, "ServiceLinkedRoleService/ListServiceLinkedRoles", message);
        let page = self.linked_roles().list_service_linked_roles(request).await.unwrap().into_inner();
        page.service_linked_roles.into_iter().map(|role| role.name).collect()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_member_creates_a_role_from_its_template_and_deletes_it_by_a_task() {
    for world in worlds().await {
        let unknown = world.create_role(account(2), "AliyunServiceRoleForNope", "").await;
        assert_eq!(refused(unknown), (Code::InvalidArgument, "UNKNOWN_SERVICE_LINKED_ROLE".to_owned()));
        let standalone = world.create_role(account(2), ROLE, "").await;
        assert_eq!(refused(standalone), (Code::FailedPrecondition, "MEMBERSHIP_REQUIRED".to_owned()));
        world.directory.join(world.at, account(2), "i1").await;
        world.mirrored().await;
        let early = world.create_role(account(2), ROLE, "").await;
        assert_eq!(refused(early), (Code::FailedPrecondition, "TRUSTED_ACCESS_NOT_ENABLED".to_owned()));
        world.enable("sase").await;
        let made = world.create_role(account(2), ROLE, REQUEST_ID).await.unwrap().into_inner();
        assert_eq!(made.actions, ["sase:ListApplications"]);
        let again = world.create_role(account(2), ROLE, "").await.unwrap().into_inner();
        assert_eq!((&made.name, world.role_names(account(2)).await), (&again.name, vec![made.name.clone()]));

        let missing = world.delete_role(account(3), "").await;
        assert_eq!(refused(missing).0, Code::NotFound);
        let task = world.delete_role(account(2), "").await.unwrap().into_inner();
        let ended = world.ended(account(2), &task.name).await;
        assert_eq!((ended.state(), ended.usages.len()), (State::Succeeded, 0));
        let (facts, _) = world.watch(None).await.list().await;
        assert!(!facts.iter().any(|fact| fact.key().contains(ROLE)), "the fact is gone");
        assert_eq!(refused(world.delete_role(account(2), "").await).0, Code::NotFound);
        let replayed = world.create_role(account(2), ROLE, REQUEST_ID).await.unwrap().into_inner();
        assert_eq!((replayed.name, world.role_names(account(2)).await.len()), (made.name, 0));

        world.clock.advance(Duration::from_secs(30 * 24 * 60 * 60 - 1));
        world.deletion(account(2), &task.name).await.unwrap();
        world.clock.advance(Duration::from_secs(2));
        assert_eq!(refused(world.deletion(account(2), &task.name).await).0, Code::NotFound);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_role_that_is_used_is_kept_and_a_deletion_goes_on_after_a_crash() {
    for world in worlds().await {
        world.directory.join(world.at, account(2), "i1").await;
        world.mirrored().await;
        world.enable("sase").await;
        world.create_role(account(2), ROLE, "").await.unwrap();
        world.enrol(Role::SasePolicy, "sase", &[account(2)]).await.unwrap();
        let task = world.delete_role(account(2), "").await.unwrap().into_inner();
        let failed = world.ended(account(2), &task.name).await;
        assert_eq!(failed.state(), State::Failed);
        let usage = &failed.usages[0];
        assert_eq!(
            (&*usage.directory, &*usage.trusted_service, &*usage.usage),
            (&*world.at.name(), "sase", "enrolment")
        );
        assert_eq!(world.role_names(account(2)).await.len(), 1);

        // Directory cannot be asked, as where the worker died right before: the task stays, and is the same for all.
        world.unenrol(Role::SasePolicy, "sase", account(2)).await.unwrap();
        world.create_role(account(2), ROLE, "").await.unwrap();
        world.directory.stop_deleting(true);
        let task = world.delete_role(account(2), "").await.unwrap().into_inner();
        assert_eq!(world.delete_role(account(2), "").await.unwrap().into_inner().name, task.name);
        assert!(world.deletion(account(2), &task.name).await.unwrap().into_inner().end_time.is_none());
        world.directory.stop_deleting(false);
        assert_eq!(world.ended(account(2), &task.name).await.state(), State::Succeeded);
    }
}

/// A role that is not there, or a membership that has ended: the deletion is of the role that was meant.
#[tokio::test(flavor = "multi_thread")]
async fn a_deletion_does_not_reach_the_role_of_a_later_membership() {
    for world in worlds().await {
        world.directory.join(world.at, account(2), "i1").await;
        world.mirrored().await;
        world.enable("sase").await;
        world.create_role(account(2), ROLE, "").await.unwrap();
        world.directory.stop_deleting(true);
        let task = world.delete_role(account(2), "").await.unwrap().into_inner();
        // The member leaves, and its role ends; it comes back, and is enrolled.
        world.directory.end_role(account(2), ROLE).await;
        world.directory.leave(account(2)).await;
        world.directory.join(world.at, account(2), "i2").await;
        world.mirrored().await;
        world.create_role(account(2), ROLE, "").await.unwrap();
        let later = world.delete_role(account(2), "").await.unwrap().into_inner();
        assert_ne!(later.name, task.name, "another membership, another role");
        world.enrol(Role::SasePolicy, "sase", &[account(2)]).await.unwrap();
        world.directory.stop_deleting(false);
        assert_eq!(world.ended(account(2), &task.name).await.state(), State::Succeeded);
        assert_eq!(world.ended(account(2), &later.name).await.state(), State::Failed);
        assert_eq!(world.role_names(account(2)).await.len(), 1);
    }
}

const LEASE: &str = "delete-service-linked-roles";
const KILLED: &str = "an instance that is killed";

/// An instance is killed in the midst of a deletion: while its lease lasts nobody else works on it, then another does.
#[tokio::test(flavor = "multi_thread")]
async fn another_instance_goes_on_when_one_is_killed() {
    for world in worlds().await {
        world.directory.join(world.at, account(2), "i1").await;
        world.mirrored().await;
        world.enable("sase").await;
        world.create_role(account(2), ROLE, "").await.unwrap();
        world.app.db.try_lease(LEASE, KILLED, Duration::from_secs(60)).await.unwrap().unwrap();
        let task = world.delete_role(account(2), "").await.unwrap().into_inner();
        assert_eq!(world.app.delete_roles("another").await.unwrap(), 0);
        assert_eq!(world.deletion(account(2), &task.name).await.unwrap().into_inner().state(), State::NotStarted);
        world.directory.stop_deleting(true);
        assert_eq!(world.app.delete_roles(KILLED).await.unwrap(), 0);
        assert_eq!(world.deletion(account(2), &task.name).await.unwrap().into_inner().state(), State::InProgress);

        world.directory.stop_deleting(false);
        world.clock.advance(Duration::from_secs(59));
        assert_eq!(world.app.delete_roles("another").await.unwrap(), 0);
        assert_eq!(world.role_names(account(2)).await.len(), 1);
        world.clock.advance(Duration::from_secs(2));
        // Whichever instance comes first: this one, or the one that runs beside it.
        world.app.delete_roles("another").await.unwrap();
        let ended = world.ended(account(2), &task.name).await;
        assert_eq!((ended.state(), world.role_names(account(2)).await.len()), (State::Succeeded, 0));
        // What the killed one does all the same, paused beyond its lease, changes nothing.
        let head = world.app.db.head().await.unwrap();
        assert_eq!(world.app.delete_roles(KILLED).await.unwrap(), 0);
        assert_eq!(world.app.db.head().await.unwrap(), head);
    }
}

/// A deletion that cannot be done is given up after five minutes, and says so: directory cannot be asked, or has a claim
/// that no enrolment stands for.
#[tokio::test(flavor = "multi_thread")]
async fn a_deletion_that_cannot_be_done_is_given_up() {
    for world in worlds().await {
        world.directory.join(world.at, account(2), "i1").await;
        world.directory.join(world.at, account(3), "i1").await;
        world.mirrored().await;
        world.enable("sase").await;
        // This instance alone carries them out.
        let mine =
            async || drop(world.app.db.try_lease(LEASE, "mine", Duration::from_secs(60)).await.unwrap().unwrap());
        mine().await;
        for number in [2, 3] {
            world.create_role(account(number), ROLE, "").await.unwrap();
        }
        let (unreached, used) = (world.delete_role(account(2), "").await, world.delete_role(account(3), "").await);
        let (unreached, used) = (unreached.unwrap().into_inner().name, used.unwrap().into_inner().name);
        world.directory.forget_a_claim("enrolment", world.at, "sase", account(3));
        world.directory.stop_deleting_in(account(2));
        assert_eq!(world.app.delete_roles("mine").await.unwrap(), 0);
        for _ in 0..5 {
            world.clock.advance(Duration::from_secs(59));
            assert_eq!(world.app.delete_roles("mine").await.unwrap(), 0, "there is time yet");
        }
        world.clock.advance(Duration::from_secs(6));
        assert_eq!(world.app.delete_roles("mine").await.unwrap(), 2);
        for (of, name) in [(account(2), &unreached), (account(3), &used)] {
            let ended = world.deletion(of, name).await.unwrap().into_inner();
            assert_eq!((ended.state(), ended.usages.len()), (State::InternalError, 0));
            assert!(ended.end_time.is_some() && world.role_names(of).await.len() == 1);
        }
        // It can be asked for again.
        let again = world.delete_role(account(3), "").await.unwrap().into_inner();
        assert_ne!(again.name, used);
        world.enrol(Role::SasePolicy, "sase", &[account(3)]).await.unwrap();
        assert_eq!(world.app.delete_roles("mine").await.unwrap(), 1);
        let failed = world.deletion(account(3), &again.name).await.unwrap().into_inner();
        assert_eq!((failed.state(), failed.usages.len()), (State::Failed, 1), "with what uses it");
    }
}
