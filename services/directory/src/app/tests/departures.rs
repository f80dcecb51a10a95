use bailiwick_core::{TrustedService, authz::Facts};

use super::{races::check_invariants, *};
use crate::domain::{Blocker, Error as Refusal, account::AccountType, claim, claim::Strength};

impl World {
    pub(super) async fn leave_call(&self, of: DirectoryId, who: AccountId) -> Call {
        self.root(who, "MemberService/LeaveDirectory", &format!("{}/members/{who}", of.name())).await
    }

    async fn leave(&self, of: DirectoryId, who: AccountId) -> Result<(), Error> {
        let call = self.leave_call(of, who).await;
        self.app.member_leave(&call, &change(), of, who).await.map(drop)
    }
}

// covers: E-DIR-16, E-DIR-17, E-DIR-33
#[tokio::test]
async fn a_member_leaves_as_it_would_be_removed() {
    for world in worlds().await {
        let (by, directory) = world.directory("Acme").await;
        let id = world.cloud_member(by, directory, "payments", "Acme").await;
        world.claim(directory, id, TrustedService::Sase, Strength::Informative).await.unwrap();
        world.claim(directory, id, TrustedService::Bastionhost, Strength::Blocking).await.unwrap();
        let blocker = Blocker { service: TrustedService::Bastionhost, kind: claim::Kind::Designation };
        assert_eq!(refused(world.leave(directory, id).await), Refusal::MemberInUse(vec![blocker]), "{}", world.engine);

        let free = world.cloud_member(by, directory, "free", "Acme").await;
        world.claim(directory, free, TrustedService::Sase, Strength::Informative).await.unwrap();
        let role = IdentityName::Role(free, "AliyunServiceRoleForCsas".to_owned());
        assert!(world.generation(&role).await.is_some());
        let call = world.leave_call(directory, free).await;
        let only_tried = Mutation { validate_only: true, ..change() };
        world.app.member_leave(&call, &only_tried, directory, free).await.unwrap();
        assert!(world.generation(&role).await.is_some(), "{}", world.engine);
        // The permit is for its own membership, and for no other.
        let other = world.app.member_leave(&call, &change(), directory, id).await;
        assert!(matches!(refused(other), Refusal::NotFound(_)), "{}", world.engine);
        world.leave(directory, free).await.unwrap();
        let made = world.last_change().await;
        assert_eq!(made.operator.unwrap().principal, IdentityName::root(free).to_string());
        assert_eq!((made.tenant, made.accounts), (directory.name(), vec![free.name()]));
        assert_eq!(world.generation(&role).await, None, "{}", world.engine);
        assert_eq!(world.facts().await.account(free).unwrap().directory, None);
        check_invariants(&world).await;
    }
}

// covers: E-DIR-15, E-DIR-22
#[tokio::test]
async fn a_removal_that_is_only_tried_meets_every_check_and_changes_nothing() {
    for world in worlds().await {
        let (by, directory) = world.directory("Acme").await;
        let id = world.cloud_member(by, directory, "payments", "Acme").await;
        let created = world.member(by, directory, "created").await.unwrap().membership.account;
        let head = world.app.db.head().await.unwrap();
        let only_tried = Mutation { validate_only: true, ..change() };
        let remove = async |who| {
            let call = world.remove_call(by, directory, who).await;
            world.app.member_remove(&call, &only_tried, directory, who, "").await.map(drop)
        };
        remove(id).await.unwrap();
        assert_eq!(refused(remove(created).await), Refusal::MemberTypeMismatch(AccountType::Resource));
        assert_eq!(world.app.db.head().await.unwrap(), head, "{}", world.engine);
        assert_eq!(world.members(by, directory).await.len(), 2);
    }
}
