//! Service-linked roles one by one, as `delegation` asks for them.

use bailiwick_api::directory::v1::{DeleteLinkedRoleRequest, linked_role_service_server::LinkedRoleService};
use bailiwick_core::TrustedService;
use futures::future::join;

use super::{races::check_invariants, *};
use crate::{
    domain::{Error as Refusal, claim::Strength},
    grpc::Grpc,
    store,
};

const ROLE: &str = "AliyunServiceRoleForCsas";
const TEMPLATE: (TrustedService, &str) = (TrustedService::Sase, ROLE);

impl World {
    async fn link(&self, of: DirectoryId, who: AccountId) {
        let call = self.service_call("LinkedRoleService/CreateLinkedRole", of).await;
        self.app.linked_role_create(&call, of, who, TEMPLATE).await.unwrap();
    }

    async fn unlink(&self, of: DirectoryId, who: AccountId, incarnation: &str) -> Result<(), Error> {
        let call = self.service_call("LinkedRoleService/DeleteLinkedRole", of).await;
        self.app.linked_role_delete(&call, (who, incarnation), TEMPLATE).await.map(drop)
    }

    async fn incarnation(&self, of: DirectoryId, who: AccountId) -> String {
        store::member::find(self.app.db.reader(), of, &[who], self.app.now()).await.unwrap().remove(0).incarnation
    }

    async fn is_linked(&self, who: AccountId) -> bool {
        let told = self.generation(&IdentityName::Role(who, ROLE.to_owned())).await.is_some();
        let row = store::linked_role::get(self.app.db.reader(), who, ROLE).await.unwrap();
        assert_eq!(told, row.is_some(), "{}", self.engine);
        told
    }
}

// covers: E-DEL-11
#[tokio::test]
async fn a_role_is_deleted_in_the_membership_that_was_meant_and_in_no_other() {
    for world in worlds().await {
        let (by, directory) = world.directory("Acme").await;
        let id = world.cloud_member(by, directory, "payments", "Acme").await;
        let first = world.incarnation(directory, id).await;
        world.link(directory, id).await;
        world.claim(directory, id, TrustedService::Sase, Strength::Informative).await.unwrap();
        let used = refused(world.unlink(directory, id, &first).await);
        assert!(matches!(used, Refusal::LinkedRoleInUse(_)), "{}: {used}", world.engine);

        // It ends with the membership; where there is none, nothing is done, nor said.
        world.remove(by, directory, id).await.unwrap();
        assert!(!world.is_linked(id).await);
        let head = world.app.db.head().await.unwrap();
        world.unlink(directory, id, &first).await.unwrap();
        assert_eq!(world.app.db.head().await.unwrap(), head, "{}", world.engine);

        // A later membership has a role of its own.
        let invitation = world.invite(by, directory, id).await.unwrap();
        world.accept(id, &invitation).await.unwrap();
        let second = world.incarnation(directory, id).await;
        world.link(directory, id).await;
        world.unlink(directory, id, &first).await.unwrap();
        assert!(world.is_linked(id).await, "{}", world.engine);
        world.unlink(directory, id, &second).await.unwrap();
        assert!(!world.is_linked(id).await, "{}", world.engine);
        world.unlink(directory, id, &second).await.unwrap();
        check_invariants(&world).await;
    }
}

/// A deletion that is late, the end of the membership and the next one, all at once: the role of the next one stays.
#[tokio::test]
async fn a_late_deletion_does_not_reach_a_membership_that_begins_beside_it() {
    for world in worlds().await {
        let (by, directory) = world.directory("Acme").await;
        let id = world.cloud_member(by, directory, "payments", "Acme").await;
        for _ in 0..5 {
            let former = world.incarnation(directory, id).await;
            world.remove(by, directory, id).await.unwrap();
            let invitation = world.invite(by, directory, id).await.unwrap();
            let joining = async {
                world.accept(id, &invitation).await.unwrap();
                world.link(directory, id).await;
            };
            let call = world.service_call("LinkedRoleService/DeleteLinkedRole", directory).await;
            let deleting = async {
                for _ in 0..10 {
                    world.app.linked_role_delete(&call, (id, &former), TEMPLATE).await.unwrap();
                }
            };
            join(joining, deleting).await;
            assert!(world.is_linked(id).await, "{}", world.engine);
            check_invariants(&world).await;
        }
    }
}

#[tokio::test]
async fn which_membership_is_meant_must_be_said() {
    for world in worlds().await {
        let (by, directory) = world.directory("Acme").await;
        let id = world.member(by, directory, "payments").await.unwrap().membership.account;
        world.link(directory, id).await;
        let call = world.service_call("LinkedRoleService/DeleteLinkedRole", directory).await;
        let grpc = Grpc::new(world.app.clone());
        let message = DeleteLinkedRoleRequest { account: id.name(), role: ROLE.to_owned(), ..Default::default() };
        let status = grpc.delete_linked_role(handlers::request(&call, message)).await.unwrap_err();
        assert_eq!(handlers::reason(&status), "INVALID_FIELD", "{}", world.engine);
        assert!(world.is_linked(id).await);
    }
}
