//! An enterprise on running processes: its directory, the claims in it, and what needs them.

use std::collections::BTreeSet;

use bailiwick_api::directory::v1::{ListClaimsRequest, claim_service_client::ClaimServiceClient};
use bailiwick_core::{Operator, Role};
use bailiwick_rpc::on_behalf;
use serde_json::{Value, json};
use tokio::{task::block_in_place, time::Instant};

use crate::{
    client::{Client, Failure},
    live::{self, Account, Databases, text},
    mesh,
    patience::{PATIENCE, call, in_time, passes, until},
    processes::Processes,
    relay::{Relay, Withheld},
};

pub const DESIGNATE: &str = "delegation.v1.DelegatedAdministratorService/CreateDelegatedAdministrator";
pub const REMOVE_MEMBER: &str = "directory.v1.MemberService/RemoveMember";
pub const PLACE_CLAIMS: &str = "directory.v1.ClaimService/PlaceClaims";

const LIST_ADMINISTRATORS: &str = "delegation.v1.DelegatedAdministratorService/ListDelegatedAdministrators";
const LIST_SASE_MEMBERS: &str = "sase.v1.SaseMemberService/ListSaseMembers";
const GET_MEMBER: &str = "directory.v1.MemberService/GetMember";

/// A directory whose services are enabled.
pub struct Enterprise {
    pub processes: Processes,
    pub operator: Client,
    pub management: Account,
    pub directory: String,
}

/// A use of a member by a service: `designation` or `enrolment`, the service, the account.
pub type Use = (&'static str, String, String);

impl Enterprise {
    pub async fn start(
        databases: Databases,
        settings: &'static [(&'static str, &'static str)],
        relays: &[(Role, Role)],
    ) -> Self {
        let processes = Processes::start_with(databases, settings, relays).await;
        let operator = processes.operator().await;
        let management = live::register(&operator, "management", "Example").await;
        let directory = live::enable_directory(&management).await;
        live::enable_service(&management, &directory, "sase").await;
        Self { processes, operator, management, directory }
    }

    /// An account that has joined.
    pub async fn joined(&self, name: &str) -> Account {
        let account = live::register(&self.operator, name, "Example").await;
        live::join(&self.management, &self.directory, &account).await;
        account
    }

    pub fn relay(&self, from: Role, to: Role) -> &Relay {
        self.processes.relay(from, to)
    }

    /// Kills a role as a power cut would.
    pub fn kill(&mut self, role: Role) {
        block_in_place(|| self.processes.kill(role));
    }

    /// Starts a role that was killed.
    pub fn start_role(&mut self, role: Role) {
        block_in_place(|| self.processes.start_role(role));
    }

    /// Kills a role while a call is withheld there, and starts it again.
    pub fn kill_at(&mut self, point: Withheld, role: Role) {
        self.kill(role);
        drop(point);
        self.start_role(role);
    }

    /// The name of a member.
    pub fn member(&self, account: &str) -> String {
        format!("{}/members/{}", self.directory, account.trim_start_matches("accounts/"))
    }

    /// The member as the management account sees it.
    pub async fn get_member(&self, account: &str) -> Option<Value> {
        let name = json!({"name": self.member(account)});
        let get = async || match self.management.root.call(GET_MEMBER, name.clone()).await {
            Ok(member) => Ok(Some(member)),
            Err(failure) if failure.reason == "RESOURCE_NOT_FOUND" => Ok(None),
            Err(failure) => Err(failure),
        };
        in_time("the member is read", get, passes).await
    }

    /// Tries to remove a member.
    pub async fn remove(&self, account: &str) -> Result<(), Failure> {
        let request = json!({"name": self.member(account)});
        let remove = async || match self.management.root.call(REMOVE_MEMBER, request.clone()).await {
            Err(failure) if passes(&failure) => Err(failure),
            done => Ok(done.map(drop)),
        };
        in_time("the member is removed", remove, |_| true).await
    }

    pub fn service(&self) -> String {
        format!("{}/trustedServices/sase", self.directory)
    }

    /// The name of a designation.
    pub fn designation(&self, account: &str) -> String {
        format!("{}/delegatedAdministrators/{}", self.service(), account.trim_start_matches("accounts/"))
    }

    /// A request to designate.
    pub fn designate(&self, account: &str) -> Value {
        json!({"parent": self.service(), "delegated_administrator": {"account": account}})
    }

    /// The delegated administrators of SASE.
    pub async fn designated(&self) -> BTreeSet<String> {
        self.listed(LIST_ADMINISTRATORS, &self.service(), "delegatedAdministrators").await
    }

    /// The members in the scope of SASE.
    pub async fn enrolled(&self) -> BTreeSet<String> {
        self.listed(LIST_SASE_MEMBERS, &self.directory, "saseMembers").await
    }

    async fn listed(&self, method: &str, parent: &str, field: &str) -> BTreeSet<String> {
        let page = call(&self.management.root, method, json!({"parent": parent, "page_size": 1000})).await;
        page[field].as_array().unwrap().iter().map(|of| text(of, "account").to_owned()).collect()
    }

    /// All claims that directory keeps, as the reconciler reads them.
    pub async fn claims(&self) -> BTreeSet<Use> {
        let channel = mesh::channel(&self.processes, Role::Delegation, Role::Directory);
        let mut claims = BTreeSet::new();
        for kind in ["designation", "enrolment"] {
            let message = ListClaimsRequest { kind: kind.to_owned(), page_size: 1000, page_token: String::new() };
            let deadline = Instant::now() + PATIENCE;
            let request = on_behalf(&Operator::service(Role::Delegation), "", deadline, message);
            let page = ClaimServiceClient::new(channel.clone()).list_claims(request).await.unwrap().into_inner();
            claims.extend(page.claims.into_iter().map(|claim| (kind, claim.trusted_service, claim.account)));
        }
        claims
    }

    /// What needs claims, as the management account sees it.
    pub async fn uses(&self) -> BTreeSet<Use> {
        let sase = |kind| move |account| (kind, "sase".to_owned(), account);
        let designated = self.designated().await.into_iter().map(sase("designation"));
        designated.chain(self.enrolled().await.into_iter().map(sase("enrolment"))).collect()
    }

    /// Asserts that each claim is used, and each use has its claim.
    pub async fn claims_are_of_uses(&self) {
        assert_eq!(self.claims().await, self.uses().await);
    }

    /// Asserts that each use has its claim, and that the reconciler releases each claim that is not needed, and no other.
    pub async fn orphans_are_released(&self) {
        let uses = self.uses().await;
        assert!(self.claims().await.is_superset(&uses));
        // None of them can be on its way to its use any more.
        self.processes.change_rows(Role::Directory, "UPDATE claims SET create_us = create_us - 120000000").await;
        until("what is not needed is released", async || self.claims().await.is_subset(&uses)).await;
        self.claims_are_of_uses().await;
    }

    /// The same of a claim that is one.
    pub async fn orphan_is_released(&self, orphan: &Use) {
        assert!(self.claims().await.contains(orphan) && !self.uses().await.contains(orphan), "{orphan:?} is no orphan");
        self.orphans_are_released().await;
    }
}
