use bailiwick_api::delegation::v1::{
    CreateDelegatedAdministratorRequest, DelegatedAdministrator, DeleteDelegatedAdministratorRequest,
    DeleteDelegatedAdministratorResponse, ListDelegatedAdministratorsRequest, ListEligibleAccountsRequest,
};
use bailiwick_core::{AccountId, Role};
use tonic::{Code, Response, Status};

use super::world::{World, account, reason, refused, revision, worlds};

const REQUEST_ID: &str = "0b8fba4e-7d1c-4f53-9c3a-08cc5b4f5a5f";

impl World {
    pub async fn designate_with(
        &self,
        id: &str,
        account: AccountId,
        request_id: &str,
    ) -> Result<Response<DelegatedAdministrator>, Status> {
        let message = CreateDelegatedAdministratorRequest {
            parent: self.service(id),
            delegated_administrator: Some(DelegatedAdministrator {
                account: account.name(),
                ..DelegatedAdministrator::default()
            }),
            request_id: request_id.to_owned(),
            validate_only: false,
        };
        let request = self.by_management("DelegatedAdministratorService/CreateDelegatedAdministrator", message);
        self.administrators().create_delegated_administrator(request).await
    }

    pub async fn designate(&self, id: &str, account: AccountId) -> Result<Response<DelegatedAdministrator>, Status> {
        self.designate_with(id, account, "").await
    }

    pub async fn undesignate(
        &self,
        id: &str,
        account: AccountId,
        etag: &str,
        validate_only: bool,
    ) -> Result<Response<DeleteDelegatedAdministratorResponse>, Status> {
        let message = DeleteDelegatedAdministratorRequest {
            name: self.designation(id, account),
            etag: etag.to_owned(),
            validate_only,
            request_id: String::new(),
        };
        let request = self.by_management("DelegatedAdministratorService/DeleteDelegatedAdministrator", message);
        self.administrators().delete_delegated_administrator(request).await
    }

    pub async fn designated(&self, id: &str) -> Vec<DelegatedAdministrator> {
        let message = ListDelegatedAdministratorsRequest {
            parent: self.service(id),
            ..ListDelegatedAdministratorsRequest::default()
        };
        let request = self.by_management("DelegatedAdministratorService/ListDelegatedAdministrators", message);
        let page = self.administrators().list_delegated_administrators(request).await.unwrap().into_inner();
        page.delegated_administrators
    }

    async fn eligible(&self, id: &str) -> Vec<String> {
        let (mut accounts, mut page_token) = (Vec::new(), String::new());
        loop {
            let message = ListEligibleAccountsRequest { parent: self.service(id), page_size: 1, page_token };
            let request = self.by_management("DelegatedAdministratorService/ListEligibleAccounts", message);
            let page = self.administrators().list_eligible_accounts(request).await.unwrap().into_inner();
            accounts.extend(page.eligible_accounts.into_iter().map(|of| of.account));
            page_token = page.next_page_token;
            if page_token.is_empty() {
                return accounts;
            }
        }
    }
}

fn failed(reason: &str) -> (Code, String) {
    (Code::FailedPrecondition, reason.to_owned())
}

// covers: R-DEL-01, R-DEL-05, R-DEL-06, R-DEL-13, E-DEL-02, E-DEL-08, E-DEL-09
#[tokio::test(flavor = "multi_thread")]
async fn a_designation_brings_the_followers_and_takes_them_along() {
    for world in worlds().await {
        for number in [2, 3] {
            world.directory.join(world.at, account(number), "i1").await;
        }
        world.enable("security-center").await;
        world.mirrored().await;
        assert_eq!(world.eligible("security-center").await, [account(2).name(), account(3).name()]);
        let made = world.designate("security-center", account(2)).await.unwrap();
        let at = revision(&made);
        let made = made.into_inner();
        assert_eq!(made.name, world.designation("security-center", account(2)));
        let following = world.designated("threat-analysis").await;
        assert_eq!((following.len(), following[0].follows.as_str()), (1, "security-center"));
        assert_eq!(world.eligible("security-center").await, [account(3).name()]);
        assert_eq!(world.directory.claims().len(), 1, "the claim of the service that was named");
        assert_eq!(world.try_disable("security-center").await.unwrap_err(), failed("TRUSTED_ACCESS_IN_USE"));

        let follows = world.undesignate("threat-analysis", account(2), "", false).await;
        assert_eq!(refused(follows), failed("DELEGATED_ADMINISTRATOR_FOLLOWS"));
        let stale = world.undesignate("security-center", account(2), "other", false).await;
        assert_eq!(refused(stale), (Code::Aborted, "ETAG_MISMATCH".to_owned()));
        world.enrol(Role::SecurityCenter, "security-center", &[account(3)]).await.unwrap();
        let preview = world.undesignate("security-center", account(2), &made.etag, true).await.unwrap().into_inner();
        assert_eq!(preview.trusted_services, ["security-center", "threat-analysis"]);
        assert_eq!(preview.enrolled_members, 1);
        assert_eq!(world.designated("security-center").await, std::slice::from_ref(&made));
        let ended = world.undesignate("security-center", account(2), &made.etag, false).await.unwrap();
        assert_eq!((revision(&ended), ended.into_inner()), (at + 2, preview));
        assert!(world.designated("threat-analysis").await.is_empty());
        assert!(world.directory.claims().iter().all(|(kind, ..)| kind == "enrolment"));
        let unknown = world.undesignate("security-center", account(2), "", false).await;
        assert_eq!(refused(unknown), (Code::NotFound, "RESOURCE_NOT_FOUND".to_owned()));
    }
}

// covers: R-DEL-04, E-DEL-01, E-DEL-02, E-DEL-03, E-DEL-06
#[tokio::test(flavor = "multi_thread")]
async fn what_may_not_be_designated_leaves_no_claim() {
    for world in worlds().await {
        for number in 2..=5 {
            world.directory.join(world.at, account(number), "i1").await;
        }
        world.mirrored().await;
        let answer = world.designate("sase", account(2)).await;
        assert_eq!(refused(answer), failed("TRUSTED_ACCESS_NOT_ENABLED"));
        world.enable("sase").await;
        world.enable("security-center").await;
        let answer = world.designate("sase", world.management).await;
        assert_eq!(refused(answer), failed("MANAGEMENT_ACCOUNT_NOT_ELIGIBLE"));
        let answer = world.designate("threat-analysis", account(2)).await;
        assert_eq!(refused(answer), failed("DELEGATED_ADMINISTRATOR_FOLLOWS"));
        assert!(world.directory.claims().is_empty());
        for number in 2..=4 {
            world.designate("sase", account(number)).await.unwrap();
        }
        let answer = world.designate("sase", account(2)).await;
        assert_eq!(refused(answer), (Code::AlreadyExists, "DELEGATED_ADMINISTRATOR_EXISTS".to_owned()));
        let answer = world.designate("sase", account(5)).await;
        assert_eq!(refused(answer), (Code::ResourceExhausted, "DELEGATED_ADMINISTRATOR_LIMIT".to_owned()));
        assert_eq!(world.directory.claims().len(), 3);
        assert!(world.designated("security-center").await.is_empty());
    }
}

// covers: E-DEL-03, E-DEL-10
#[tokio::test(flavor = "multi_thread")]
async fn of_two_at_once_one_is_designated() {
    for world in worlds().await {
        for number in [2, 3] {
            world.directory.join(world.at, account(number), "i1").await;
        }
        world.enable("security-center").await;
        let both = [world.designate("security-center", account(2)), world.designate("security-center", account(3))];
        let answers = futures::future::join_all(both).await;
        assert_eq!(answers.iter().filter(|answer| answer.is_ok()).count(), 1);
        assert_eq!(world.designated("security-center").await.len(), 1);
        assert_eq!(world.directory.claims().len(), 1, "the claim of the other one is released");
    }
}

// covers: R-DEL-03, E-DEL-10
#[tokio::test(flavor = "multi_thread")]
async fn a_membership_that_ends_after_it_was_proved_is_not_designated() {
    for world in worlds().await {
        world.directory.join(world.at, account(2), "i1").await;
        world.enable("sase").await;
        let (directory, at) = (world.directory.clone(), world.at);
        world.directory.after_next_place(move || async move {
            directory.leave(account(2)).await;
            directory.join(at, account(2), "i2").await;
        });
        let answer = world.designate("sase", account(2)).await;
        assert_eq!(refused(answer), (Code::Aborted, "CONCURRENT_CHANGE".to_owned()));
        assert!(world.designated("sase").await.is_empty());
        assert!(world.directory.claims().is_empty());
        // Directory itself refuses who is no member.
        let answer = world.designate("sase", account(9)).await;
        assert_eq!(reason(&answer.unwrap_err()).0, Code::PermissionDenied);
    }
}

// covers: E-GW-06
#[tokio::test(flavor = "multi_thread")]
async fn a_repeated_request_gets_the_first_answer_and_no_claim() {
    for world in worlds().await {
        world.directory.join(world.at, account(2), "i1").await;
        world.enable("sase").await;
        let first = world.designate_with("sase", account(2), REQUEST_ID).await.unwrap();
        let again = world.designate_with("sase", account(2), REQUEST_ID).await.unwrap();
        assert_eq!((revision(&first), first.get_ref()), (revision(&again), again.get_ref()));
        world.undesignate("sase", account(2), "", false).await.unwrap();
        let again = world.designate_with("sase", account(2), REQUEST_ID).await.unwrap();
        assert_eq!(first.get_ref(), again.get_ref());
        assert!(world.designated("sase").await.is_empty());
        assert!(world.directory.claims().is_empty());
        // Also when the member could not be designated any more.
        world.directory.leave(account(2)).await;
        let again = world.designate_with("sase", account(2), REQUEST_ID).await.unwrap();
        assert_eq!(first.get_ref(), again.get_ref());
    }
}
