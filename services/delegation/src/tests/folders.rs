//! Designations for a folder (E-DEL-13).

use bailiwick_api::{
    delegation::v1::{
        CreateDelegatedAdministratorRequest, DelegatedAdministrator, GetDelegatedAdministratorRequest,
        ListDelegatedServicesRequest, ListEligibleAccountsRequest, UpdateDelegatedAdministratorRequest,
    },
    r#type::v1::{DelegationFact, access_fact::Kind},
};
use bailiwick_core::{AccountId, Role};
use tonic::{Code, Response, Status};

use super::world::{World, account, refused, revision, worlds};
use crate::store;

const SERVICE: &str = "DelegatedAdministratorService";

impl World {
    fn folder(&self, id: &str) -> String {
        format!("{}/folders/{id}", self.at.name())
    }

    /// A root folder with two folders, in one of which is another.
    async fn folders(&self) {
        for (folder, parent) in [("r", ""), ("sales", "r"), ("west", "sales"), ("labs", "r")] {
            self.directory.folder(self.at, folder, parent).await;
        }
        self.mirrored().await;
    }

    async fn designate_for(
        &self,
        id: &str,
        account: AccountId,
        folder: &str,
        validate_only: bool,
    ) -> Result<Response<DelegatedAdministrator>, Status> {
        let asked = DelegatedAdministrator {
            account: account.name(),
            folder: folder.to_owned(),
            ..DelegatedAdministrator::default()
        };
        let message = CreateDelegatedAdministratorRequest {
            parent: self.service(id),
            delegated_administrator: Some(asked),
            validate_only,
            ..CreateDelegatedAdministratorRequest::default()
        };
        let request = self.by_management(&format!("{SERVICE}/CreateDelegatedAdministrator"), message);
        self.administrators().create_delegated_administrator(request).await
    }

    async fn move_to(
        &self,
        id: &str,
        account: AccountId,
        (folder, etag): (&str, &str),
        validate_only: bool,
    ) -> Result<Response<DelegatedAdministrator>, Status> {
        let asked = DelegatedAdministrator {
            name: self.designation(id, account),
            folder: folder.to_owned(),
            etag: etag.to_owned(),
            ..DelegatedAdministrator::default()
        };
        let message = UpdateDelegatedAdministratorRequest {
            delegated_administrator: Some(asked),
            update_mask: Some(prost_types::FieldMask { paths: vec!["folder".to_owned()] }),
            validate_only,
            ..UpdateDelegatedAdministratorRequest::default()
        };
        let request = self.by_management(&format!("{SERVICE}/UpdateDelegatedAdministrator"), message);
        self.administrators().update_delegated_administrator(request).await
    }

    async fn designation_of(&self, id: &str, account: AccountId) -> DelegatedAdministrator {
        let message = GetDelegatedAdministratorRequest { name: self.designation(id, account) };
        let request = self.by_management(&format!("{SERVICE}/GetDelegatedAdministrator"), message);
        self.administrators().get_delegated_administrator(request).await.unwrap().into_inner()
    }

    /// The folders in the facts of designations, by service.
    async fn delegation_facts(&self) -> Vec<(String, String)> {
        let (facts, _) = self.watch(None).await.list().await;
        let delegation = |kind: Option<Kind>| match kind {
            Some(Kind::Delegation(DelegationFact { trusted_service, folder, .. })) => Some((trusted_service, folder)),
            _ => None,
        };
        facts.into_iter().filter_map(|fact| delegation(fact.kind)).collect()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_designation_is_for_a_folder_and_its_followers_with_it() {
    for world in worlds().await {
        world.folders().await;
        world.directory.join(world.at, account(2), "i1").await;
        world.enable("security-center").await;
        let missing = world.designate_for("security-center", account(2), &world.folder("nope"), false).await;
        assert_eq!(refused(missing), (Code::NotFound, "RESOURCE_NOT_FOUND".to_owned()));
        let elsewhere = "directories/rd-0000000000000/folders/sales";
        let foreign = world.designate_for("security-center", account(2), elsewhere, false).await;
        assert_eq!(refused(foreign), (Code::InvalidArgument, "INVALID_FIELD".to_owned()));
        assert!(world.directory.claims().is_empty());

        let sales = world.folder("sales");
        let checked = world.designate_for("security-center", account(2), &sales, true).await.unwrap().into_inner();
        assert_eq!((&*checked.folder, &*checked.etag, checked.create_time), (&*sales, "", None));
        assert!(world.designated("security-center").await.is_empty() && world.directory.claims().is_empty());
        let stranger = world.designate_for("security-center", account(9), &sales, true).await;
        assert_eq!(refused(stranger).1, "ACCOUNT_NOT_IN_DIRECTORY");

        let made = world.designate_for("security-center", account(2), &sales, false).await.unwrap().into_inner();
        let both = |folder: &str| {
            ["security-center", "threat-analysis"].map(|service| (service.to_owned(), folder.to_owned())).to_vec()
        };
        assert_eq!(world.delegation_facts().await, both(&sales));
        let follower = world.move_to("threat-analysis", account(2), (&sales, ""), false).await;
        assert_eq!(refused(follower).1, "DELEGATED_ADMINISTRATOR_FOLLOWS");
        let stale = world.move_to("security-center", account(2), (&world.folder("labs"), "stale"), false).await;
        assert_eq!(refused(stale), (Code::Aborted, "ETAG_MISMATCH".to_owned()));
        let labs = world.folder("labs");
        let would = world.move_to("security-center", account(2), (&labs, &made.etag), true).await.unwrap().into_inner();
        assert_eq!((&*would.folder, world.delegation_facts().await), (&*labs, both(&sales)));
        let moved = world.move_to("security-center", account(2), (&labs, &made.etag), false).await.unwrap();
        assert_ne!(moved.get_ref().etag, made.etag);
        assert_eq!(world.delegation_facts().await, both(&labs));
        let again = world.move_to("security-center", account(2), (&labs, ""), false).await.unwrap();
        assert_eq!((revision(&again), again.get_ref()), (revision(&moved), moved.get_ref()), "nothing is changed");
        world.move_to("security-center", account(2), ("", ""), false).await.unwrap();
        assert_eq!(world.delegation_facts().await, both(""));

        let parent = format!("{}/members/{}", world.at.name(), account(2));
        let message = ListDelegatedServicesRequest { parent, page_size: 1, page_token: String::new() };
        let request = world.by_management(&format!("{SERVICE}/ListDelegatedServices"), message.clone());
        let page = world.administrators().list_delegated_services(request).await.unwrap().into_inner();
        assert_eq!(page.delegated_administrators[0].name, world.designation("security-center", account(2)));
        let message = ListDelegatedServicesRequest { page_token: page.next_page_token, ..message };
        let request = world.by_management(&format!("{SERVICE}/ListDelegatedServices"), message);
        let page = world.administrators().list_delegated_services(request).await.unwrap().into_inner();
        assert_eq!(page.delegated_administrators[0].follows, "security-center");
        assert_eq!((page.delegated_administrators.len(), &*page.next_page_token), (1, ""));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_designation_of_a_deleted_folder_says_so_and_can_be_given_another() {
    for world in worlds().await {
        world.folders().await;
        world.directory.join(world.at, account(2), "i1").await;
        world.enable("sase").await;
        world.designate_for("sase", account(2), &world.folder("west"), false).await.unwrap();
        assert!(!world.designation_of("sase", account(2)).await.folder_deleted);
        world.directory.delete_folder(world.at, "west").await;
        world.mirrored().await;
        assert!(world.designation_of("sase", account(2)).await.folder_deleted);
        assert!(world.designated("sase").await[0].folder_deleted);
        let again = world.move_to("sase", account(2), (&world.folder("west"), ""), false).await;
        assert_eq!(refused(again).0, Code::NotFound);
        world.move_to("sase", account(2), (&world.folder("labs"), ""), false).await.unwrap();
        assert!(!world.designation_of("sase", account(2)).await.folder_deleted);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_ends_with_a_designation_is_what_its_folder_holds() {
    for world in worlds().await {
        world.folders().await;
        for (number, folder) in [(2, "r"), (3, "sales"), (4, "west"), (5, "labs"), (6, "r")] {
            world.directory.join(world.at, account(number), "i1").await;
            world.directory.place_member(account(number), folder, false).await;
        }
        world.enable("sase").await;
        world.enrol(Role::SasePolicy, "sase", &[account(3), account(4), account(5)]).await.unwrap();
        world.designate_for("sase", account(2), &world.folder("sales"), false).await.unwrap();
        world.designate("sase", account(6)).await.unwrap();
        let impact = world.undesignate("sase", account(2), "", true).await.unwrap().into_inner();
        assert_eq!((impact.enrolled_members, impact.remaining_delegated_administrators), (2, 1));
        assert_eq!(impact.folder, world.folder("sales"));
        let impact = world.undesignate("sase", account(6), "", true).await.unwrap().into_inner();
        assert_eq!((impact.enrolled_members, impact.remaining_delegated_administrators, &*impact.folder), (3, 1, ""));
        let ended = world.undesignate("sase", account(2), "", false).await.unwrap().into_inner();
        assert_eq!((ended.enrolled_members, ended.remaining_delegated_administrators), (2, 1));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_member_that_waits_for_its_deletion_is_neither_designated_nor_enrolled() {
    for world in worlds().await {
        world.folders().await;
        for number in [2, 3] {
            world.directory.join(world.at, account(number), "i1").await;
            world.directory.place_member(account(number), "west", number == 2).await;
        }
        world.enable("sase").await;
        let suspended = (Code::FailedPrecondition, "MEMBER_PENDING_DELETION".to_owned());
        assert_eq!(refused(world.designate("sase", account(2)).await), suspended);
        let enrolled = world.enrol(Role::SasePolicy, "sase", &[account(3), account(2)]).await;
        assert_eq!(super::world::reason(&enrolled.unwrap_err()), suspended);
        assert!(world.directory.claims().is_empty());
        // Also where it comes between.
        let directory = world.directory.clone();
        world.directory.after_next_place(move || async move {
            directory.place_member(account(3), "west", true).await;
        });
        assert_eq!(refused(world.designate("sase", account(3)).await), suspended);
        assert!(world.directory.claims().is_empty());
        let message = ListEligibleAccountsRequest { parent: world.service("sase"), ..Default::default() };
        let eligible = async || {
            let request = world.by_management(&format!("{SERVICE}/ListEligibleAccounts"), message.clone());
            world.administrators().list_eligible_accounts(request).await.unwrap().into_inner().eligible_accounts
        };
        assert!(eligible().await.is_empty());
        world.directory.place_member(account(2), "west", false).await;
        world.mirrored().await;
        assert_eq!(eligible().await[0].folder, world.folder("west"));
    }
}

/// A directory that goes takes the designations for its folders with it, and all else that it has, in one revision; the
/// directory goes last, so that nothing speaks of it afterwards.
#[tokio::test(flavor = "multi_thread")]
async fn a_directory_that_goes_takes_the_designations_for_its_folders_with_it() {
    for world in worlds().await {
        world.folders().await;
        for number in 2..=4 {
            world.directory.join(world.at, account(number), "i1").await;
        }
        world.enable("sase").await;
        world.enable("security-center").await;
        world.designate_for("sase", account(2), &world.folder("west"), false).await.unwrap();
        world.designate_for("security-center", account(3), &world.folder("sales"), false).await.unwrap();
        world.enrol(Role::SasePolicy, "sase", &[account(4)]).await.unwrap();
        world.mirrored().await;
        let mut watcher = world.watch(None).await;
        watcher.list().await;
        world.directory.disable(world.at, world.management, &["west", "sales", "labs", "r"]).await;
        world.mirrored().await;
        let (changes, _) = watcher.catch_up().await;
        let [change] = changes.as_slice() else { panic!("one revision: {changes:?}") };
        let gone: Vec<_> = change.changes.iter().filter(|of| of.removed).map(|of| of.fact.clone().unwrap()).collect();
        let count = |kind: &str| gone.iter().filter(|fact| fact.key().starts_with(kind)).count();
        assert_eq!((count("folder"), count("trusted-access"), count("delegation"), count("enrolment")), (4, 3, 3, 1));
        assert_eq!(
            change.changes.last().unwrap().fact.as_ref().unwrap().key(),
            format!("directory {}", world.at.name())
        );

        let (facts, _) = world.watch(None).await.list().await;
        assert!(!facts.iter().any(|fact| {
            ["delegation", "enrolment", "folder", "trusted", "directory"]
                .iter()
                .any(|kind| fact.key().starts_with(kind))
        }));
        let conn = world.app.db.reader();
        assert!(store::delegated_administrators::of_directory(conn, world.at).await.unwrap().is_empty());
        assert!(store::enrolments::of_directory(conn, world.at, 1).await.unwrap().is_empty());
        assert!(store::folders::of_directory(conn, world.at).await.unwrap().is_empty());
        assert_eq!(store::directories::management_account(conn, world.at).await.unwrap(), None);
        // The claims that stood for them are let go of.
        world.clock.advance(std::time::Duration::from_secs(61));
        let done = world.reconcile().await;
        assert_eq!((done.seen, done.released), (3, 3));
    }
}
