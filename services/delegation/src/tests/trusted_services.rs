use bailiwick_api::delegation::v1::{
    DisableTrustedServiceRequest, EnableTrustedServiceRequest, GetTrustedServiceRequest, ListTrustedServicesRequest,
    TrustedServiceState,
};
use bailiwick_core::Role;
use tonic::Code;

use super::world::{World, account, refused, revision, worlds};

const REQUEST_ID: &str = "0b8fba4e-7d1c-4f53-9c3a-08cc5b4f5a5f";

impl World {
    pub async fn enable(&self, id: &str) -> i64 {
        let message = EnableTrustedServiceRequest { name: self.service(id), ..EnableTrustedServiceRequest::default() };
        let request = self.by_management("TrustedServiceService/EnableTrustedService", message);
        revision(&self.trusted_services().enable_trusted_service(request).await.unwrap())
    }

    async fn try_enable(&self, name: String, request_id: &str) -> Result<i64, (Code, String)> {
        let message = EnableTrustedServiceRequest { name, request_id: request_id.to_owned() };
        let request = self.by_management("TrustedServiceService/EnableTrustedService", message);
        match self.trusted_services().enable_trusted_service(request).await {
            Ok(answer) => Ok(revision(&answer)),
            Err(status) => Err(super::world::reason(&status)),
        }
    }

    pub async fn try_disable(&self, id: &str) -> Result<i64, (Code, String)> {
        let message =
            DisableTrustedServiceRequest { name: self.service(id), ..DisableTrustedServiceRequest::default() };
        let request = self.by_management("TrustedServiceService/DisableTrustedService", message);
        match self.trusted_services().disable_trusted_service(request).await {
            Ok(answer) => Ok(revision(&answer)),
            Err(status) => Err(super::world::reason(&status)),
        }
    }

    async fn enabled(&self) -> Vec<String> {
        let mut enabled = Vec::new();
        let mut page_token = String::new();
        loop {
            let message = ListTrustedServicesRequest { parent: self.at.name(), page_size: 3, page_token };
            let request = self.by_management("TrustedServiceService/ListTrustedServices", message);
            let page = self.trusted_services().list_trusted_services(request).await.unwrap().into_inner();
            let on = page.trusted_services.into_iter().filter(|of| of.state() == TrustedServiceState::Enabled);
            enabled.extend(on.map(|of| of.name.rsplit('/').next().unwrap().to_owned()));
            page_token = page.next_page_token;
            if page_token.is_empty() {
                return enabled;
            }
        }
    }
}

// covers: R-DEL-05, R-DEL-12, E-DEL-04
#[tokio::test(flavor = "multi_thread")]
async fn a_service_is_enabled_together_with_those_that_follow_it() {
    for world in worlds().await {
        assert!(world.enabled().await.is_empty());
        let first = world.enable("security-center").await;
        assert_eq!(world.enabled().await, ["security-center", "threat-analysis"]);
        assert_eq!(world.enable("security-center").await, first, "enabling again changes nothing");
        assert_eq!(world.try_disable("security-center").await, Ok(first + 1));
        assert!(world.enabled().await.is_empty());
        let follows = (Code::FailedPrecondition, "DELEGATED_ADMINISTRATOR_FOLLOWS".to_owned());
        assert_eq!(world.try_enable(world.service("threat-analysis"), "").await, Err(follows));
        let unknown = (Code::InvalidArgument, "UNKNOWN_TRUSTED_SERVICE".to_owned());
        assert_eq!(world.try_enable(world.service("nope"), "").await, Err(unknown));
        let message = GetTrustedServiceRequest { name: world.service("threat-analysis") };
        let request = world.by_management("TrustedServiceService/GetTrustedService", message);
        let service = world.trusted_services().get_trusted_service(request).await.unwrap().into_inner();
        assert_eq!((service.follows, service.max_delegated_administrators), (vec!["security-center".to_owned()], 1));
    }
}

// covers: E-GW-06
#[tokio::test(flavor = "multi_thread")]
async fn a_request_id_counts_once() {
    for world in worlds().await {
        let first = world.try_enable(world.service("sase"), REQUEST_ID).await.unwrap();
        world.try_disable("sase").await.unwrap();
        assert_eq!(world.try_enable(world.service("sase"), REQUEST_ID).await, Ok(first));
        assert!(world.enabled().await.is_empty(), "the repetition did nothing");
        let reused = (Code::InvalidArgument, "REQUEST_ID_REUSED".to_owned());
        assert_eq!(world.try_enable(world.service("bastionhost"), REQUEST_ID).await, Err(reused));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_token_of_another_list_is_refused() {
    let world = World::on_sqlite().await;
    let parent = world.at.name();
    let message = ListTrustedServicesRequest { parent: parent.clone(), page_size: 0, page_token: "forged".into() };
    let request = world.by_management("TrustedServiceService/ListTrustedServices", message);
    let answer = world.trusted_services().list_trusted_services(request).await;
    assert_eq!(refused(answer), (Code::InvalidArgument, "PAGE_TOKEN_INVALID".to_owned()));
    let message = ListTrustedServicesRequest { parent, page_size: -1, page_token: String::new() };
    let request = world.by_management("TrustedServiceService/ListTrustedServices", message);
    let answer = world.trusted_services().list_trusted_services(request).await;
    assert_eq!(refused(answer), (Code::InvalidArgument, "INVALID_FIELD".to_owned()));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_in_use_is_disabled_with_all_that_it_has_or_not_at_all() {
    for world in worlds().await {
        for number in 2..=4 {
            world.directory.join(world.at, account(number), "i1").await;
        }
        world.enable("security-center").await;
        world.designate("security-center", account(2)).await.unwrap();
        let by = Role::SecurityCenter;
        world.enrol(by, "security-center", &[account(3)]).await.unwrap();
        world.enrol(by, "threat-analysis", &[account(3), account(4)]).await.unwrap();
        world.enable("sase").await;
        world.enrol(Role::SasePolicy, "sase", &[account(4)]).await.unwrap();
        let in_use = (Code::FailedPrecondition, "TRUSTED_ACCESS_IN_USE".to_owned());
        assert_eq!(world.try_disable("security-center").await, Err(in_use));

        let disable = async |force, validate_only| {
            let name = world.service("security-center");
            let message = DisableTrustedServiceRequest { name, force, validate_only, request_id: String::new() };
            let request = world.by_management("TrustedServiceService/DisableTrustedService", message);
            world.trusted_services().disable_trusted_service(request).await.unwrap()
        };
        let mut watcher = world.watch(None).await;
        watcher.list().await;
        let preview = disable(true, true).await.into_inner();
        assert_eq!((preview.delegated_administrators, preview.enrolled_members), (1, 2));
        assert_eq!(preview.trusted_service.unwrap().state(), TrustedServiceState::Enabled);
        assert_eq!(world.directory.claims().len(), 5);
        let disabled = disable(true, false).await;
        assert_eq!((disabled.get_ref().delegated_administrators, disabled.get_ref().enrolled_members), (1, 2));
        assert_eq!(world.enabled().await, ["sase"]);
        let (changes, _) = watcher.catch_up().await;
        let ended: Vec<_> =
            changes.iter().map(|change| change.changes.iter().filter(|of| of.removed).count()).collect();
        assert_eq!(ended.into_iter().filter(|n| *n > 0).collect::<Vec<_>>(), [7], "in one change");
        let left: Vec<_> = world.directory.claims().into_iter().map(|claim| claim.2).collect();
        assert_eq!(left, ["sase"]);
        assert_eq!(world.directory.roles().len(), 1);
        let again = disable(true, false).await;
        assert_eq!(again.get_ref().delegated_administrators, 0);
    }
}
