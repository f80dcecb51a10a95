//! Directory, as far as delegation sees it: claims on members, and a change log whose facts the test writes.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
};

use bailiwick_api::{
    audit::v1::change_log_service_server::ChangeLogServiceServer,
    directory::v1::{
        Claim, ClaimedMembership, CreateLinkedRoleRequest, DeleteLinkedRoleRequest, DeleteLinkedRoleResponse,
        LinkedRole, ListClaimsRequest, ListClaimsResponse, ListLinkedRolesRequest, ListLinkedRolesResponse,
        PlaceClaimsRequest, PlaceClaimsResponse, ReleaseClaimsRequest, ReleaseClaimsResponse,
        claim_service_server::{ClaimService, ClaimServiceServer},
        linked_role_service_server::{LinkedRoleService, LinkedRoleServiceServer},
    },
    errors::v1::ErrorReason,
    r#type::v1::{
        AccessFactChange, AccountFact, DirectoryFact, FolderFact, IdentityFact, LogPosition, PrincipalKind,
        access_fact::Kind,
    },
};
use bailiwick_changelog::{ChangeLogServer, Recorded, log_position};
use bailiwick_core::{AccountId, Clock, DirectoryId, IdentityName, Role, SystemEntropy, authz::Tenant};
use bailiwick_db::{Db, DbDeps, DbError, DbOptions, Sealer, Tx};
use bailiwick_rpc::{Network, Problem, respond};
use bailiwick_testkit::{ManualClock, TestDatabase, sqlite};
use futures::StreamExt;
use sea_orm::ConnectionTrait;
use tokio_util::sync::CancellationToken;
use tonic::{Request, Response, Status, transport::Server};

/// `kind`, `directories/{directory}`, service, `accounts/{account}`.
pub type ClaimKey = (String, String, String, String);

type Step = Box<dyn FnOnce() -> futures::future::BoxFuture<'static, ()> + Send>;

/// Members, and the last revision of the log.
pub struct Backup {
    members: BTreeMap<String, (String, String)>,
    revision: i64,
}

#[derive(Clone)]
pub struct FakeDirectory(Arc<Inner>);

struct Inner {
    db: Db,
    clock: Arc<ManualClock>,
    /// The incarnation of each member.
    members: Mutex<BTreeMap<String, (String, String)>>,
    claims: Mutex<BTreeMap<ClaimKey, (String, i64)>>,
    /// Directories that were disabled.
    gone: Mutex<BTreeSet<String>>,
    roles: Mutex<BTreeMap<(String, String), ()>>,
    after_next_place: Mutex<Option<Step>>,
    before_next_release: Mutex<Option<Step>>,
    token_of: Mutex<Option<LogPosition>>,
    placing_stopped: AtomicBool,
    deleting_stopped: AtomicBool,
    deleting_stopped_in: Mutex<Option<String>>,
    _database: TestDatabase,
}

impl FakeDirectory {
    pub async fn new(clock: Arc<ManualClock>) -> Self {
        let database = sqlite();
        let deps = DbDeps {
            role: "directory",
            migrations: Vec::new,
            clock: clock.clone(),
            entropy: Arc::new(SystemEntropy),
            sealer: Sealer::new([3; 32], Arc::new(SystemEntropy)),
        };
        let db = Db::open(&database.url.parse().unwrap(), &DbOptions::default(), deps).await.unwrap();
        db.migrate().await.unwrap();
        Self(Arc::new(Inner {
            db,
            clock,
            members: Mutex::default(),
            claims: Mutex::default(),
            gone: Mutex::default(),
            roles: Mutex::default(),
            after_next_place: Mutex::default(),
            before_next_release: Mutex::default(),
            token_of: Mutex::default(),
            placing_stopped: AtomicBool::new(false),
            deleting_stopped: AtomicBool::new(false),
            deleting_stopped_in: Mutex::default(),
            _database: database,
        }))
    }

    pub async fn serve(&self, network: &Network, shutdown: &CancellationToken) {
        let listener = network.listener(Role::Directory).await.unwrap();
        let log = ChangeLogServer::new(Role::Directory, self.0.db.clone(), None, shutdown.clone());
        let server = Server::builder()
            .add_service(ChangeLogServiceServer::new(log))
            .add_service(LinkedRoleServiceServer::new(self.clone()))
            .add_service(ClaimServiceServer::new(self.clone()));
        tokio::spawn(server.serve_with_incoming(listener.map(Ok::<_, std::io::Error>)));
    }

    /// Commits one change with facts.
    pub async fn commit(&self, facts: Vec<AccessFactChange>) -> LogPosition {
        let facts = &facts;
        let work = |tx: Tx| async move {
            let recorded = Recorded {
                resource: "test".to_owned(),
                tenant: Tenant::Platform,
                accounts: Vec::new(),
                request_id: String::new(),
                facts: facts.clone(),
            };
            tx.record(recorded.by_service(Role::Directory, "test.v1.Test/Change", self.0.clock.now()));
            Ok::<_, DbError>(())
        };
        log_position(Role::Directory, &self.0.db.write("commit", work).await.unwrap().position)
    }

    pub async fn directory(&self, directory: DirectoryId, management_account: AccountId) {
        let fact = DirectoryFact {
            directory: directory.name(),
            management_account: management_account.name(),
            ..DirectoryFact::default()
        };
        self.commit(vec![AccessFactChange::holds(Kind::Directory(fact))]).await;
        self.join(directory, management_account, "i-management").await;
    }

    pub async fn join(&self, directory: DirectoryId, account: AccountId, incarnation: &str) -> LogPosition {
        let member = (directory.name(), incarnation.to_owned());
        self.0.members.lock().unwrap().insert(account.name(), member);
        self.commit(vec![account_fact(account, Some((directory, incarnation)))]).await
    }

    /// Many members join in one change.
    pub async fn join_all(&self, directory: DirectoryId, accounts: &[AccountId], incarnation: &str) {
        let members = accounts.iter().map(|account| (account.name(), (directory.name(), incarnation.to_owned())));
        self.0.members.lock().unwrap().extend(members);
        let facts = accounts.iter().map(|account| account_fact(*account, Some((directory, incarnation))));
        self.commit(facts.collect()).await;
    }

    /// The directory goes with its folders, and its management account is standalone: nothing is asked about members and
    /// claims, and claims are not looked for.
    pub async fn disable(&self, directory: DirectoryId, management_account: AccountId, folders: &[&str]) {
        self.0.gone.lock().unwrap().insert(directory.name());
        let mut facts = vec![account_fact(management_account, None)];
        facts.extend(folders.iter().map(|id| AccessFactChange::gone(Kind::Folder(folder_fact(directory, id, "")))));
        let fact = DirectoryFact { directory: directory.name(), ..DirectoryFact::default() };
        facts.push(AccessFactChange::gone(Kind::Directory(fact)));
        self.commit(facts).await;
    }

    /// The member goes, as after its claims were released: informative ones go with it.
    pub async fn leave(&self, account: AccountId) -> LogPosition {
        self.0.members.lock().unwrap().remove(&account.name());
        self.0.claims.lock().unwrap().retain(|key, _| key.3 != account.name());
        self.commit(vec![account_fact(account, None)]).await
    }

    /// The member is gone, which is not in the log yet.
    pub fn refuse(&self, account: AccountId) {
        self.0.members.lock().unwrap().remove(&account.name());
    }

    /// From now on no claim can be placed, as after a crash of whoever would.
    pub fn stop_placing(&self) {
        self.0.placing_stopped.store(true, Ordering::SeqCst);
    }

    /// What a restore of a backup brings back.
    pub async fn backup(&self) -> Backup {
        let members = self.0.members.lock().unwrap().clone();
        Backup { members, revision: self.0.db.head().await.unwrap().revision }
    }

    /// Restores a backup, and renews the epoch.
    pub async fn restore(&self, backup: &Backup) {
        let work = |tx: Tx| async move {
            let conn = tx.conn();
            for sql in ["DELETE FROM change_log WHERE revision > $1", "UPDATE log_head SET revision = $1"] {
                let backend = conn.get_database_backend();
                let values = [backup.revision.into()];
                conn.execute_raw(sea_orm::Statement::from_sql_and_values(backend, sql, values)).await?;
            }
            Ok::<_, DbError>(())
        };
        self.0.db.write("restore", work).await.unwrap();
        *self.0.members.lock().unwrap() = backup.members.clone();
        self.lose_claims();
        self.0.db.renew_epoch().await.unwrap();
    }

    pub async fn identity(&self, identity: &IdentityName) {
        let fact = IdentityFact {
            identity: identity.to_string(),
            kind: PrincipalKind::Root.into(),
            enabled: true,
            ..IdentityFact::default()
        };
        self.commit(vec![AccessFactChange::holds(Kind::Identity(fact))]).await;
    }

    pub fn claims(&self) -> Vec<ClaimKey> {
        self.0.claims.lock().unwrap().keys().cloned().collect()
    }

    /// The service-linked roles, by account and name.
    pub fn roles(&self) -> Vec<(String, String)> {
        self.0.roles.lock().unwrap().keys().cloned().collect()
    }

    /// A folder, in another one or, with an empty `parent`, the root folder.
    pub async fn folder(&self, directory: DirectoryId, id: &str, parent: &str) -> LogPosition {
        self.commit(vec![AccessFactChange::holds(Kind::Folder(folder_fact(directory, id, parent)))]).await
    }

    pub async fn delete_folder(&self, directory: DirectoryId, id: &str) -> LogPosition {
        self.commit(vec![AccessFactChange::gone(Kind::Folder(folder_fact(directory, id, "")))]).await
    }

    /// The member is in a folder, and waits for its deletion if `suspended`.
    pub async fn place_member(&self, account: AccountId, folder: &str, suspended: bool) -> LogPosition {
        let (directory, incarnation) = self.0.members.lock().unwrap().get(&account.name()).cloned().unwrap();
        let mut change =
            account_fact(account, Some((directory.trim_start_matches("directories/").parse().unwrap(), &incarnation)));
        if let Some(Kind::Account(fact)) = change.fact.as_mut().and_then(|fact| fact.kind.as_mut()) {
            fact.folder = format!("{directory}/folders/{folder}");
            fact.suspended = suspended;
        }
        self.commit(vec![change]).await
    }

    /// From now on no service-linked role can be deleted, or again.
    pub fn stop_deleting(&self, stopped: bool) {
        self.0.deleting_stopped.store(stopped, Ordering::SeqCst);
    }

    /// From now on no service-linked role of an account can be deleted.
    pub fn stop_deleting_in(&self, account: AccountId) {
        *self.0.deleting_stopped_in.lock().unwrap() = Some(account.name());
    }

    /// A service-linked role ends, as with the membership.
    pub async fn end_role(&self, account: AccountId, role: &str) {
        self.0.roles.lock().unwrap().remove(&(account.name(), role.to_owned()));
        self.commit(vec![AccessFactChange::gone(Kind::Identity(role_fact(&account.name(), role)))]).await;
    }

    /// A claim that nobody will use, on the present membership.
    pub fn forget_a_claim(&self, kind: &str, directory: DirectoryId, service: &str, account: AccountId) {
        let key = (kind.to_owned(), directory.name(), service.to_owned(), account.name());
        let now = self.0.clock.now().as_micros();
        let (_, incarnation) = self.0.members.lock().unwrap().get(&account.name()).cloned().unwrap();
        self.0.claims.lock().unwrap().insert(key, (incarnation, now));
    }

    /// All claims and roles go, as by releases that came after the claims were placed anew.
    pub fn lose_claims(&self) {
        self.0.claims.lock().unwrap().clear();
        self.0.roles.lock().unwrap().clear();
    }

    /// What happens right before the next release is carried out. It is then answered with an error, as if the answer had
    /// been lost.
    pub fn before_next_release<F: Future<Output = ()> + Send + 'static>(
        &self,
        step: impl FnOnce() -> F + Send + 'static,
    ) {
        *self.0.before_next_release.lock().unwrap() = Some(Box::new(move || Box::pin(step())));
    }

    /// What happens right after the next claim has been proved, before the answer.
    pub fn after_next_place<F: Future<Output = ()> + Send + 'static>(&self, step: impl FnOnce() -> F + Send + 'static) {
        *self.0.after_next_place.lock().unwrap() = Some(Box::new(move || Box::pin(step())));
    }

    /// The position that the answers to claims name from now on.
    pub fn answer_with(&self, position: LogPosition) {
        *self.0.token_of.lock().unwrap() = Some(position);
    }

    pub async fn head(&self) -> LogPosition {
        log_position(Role::Directory, &self.0.db.head().await.unwrap())
    }
}

fn folder_fact(directory: DirectoryId, id: &str, parent: &str) -> FolderFact {
    let name = |id: &str| format!("{}/folders/{id}", directory.name());
    let parent = if parent.is_empty() { String::new() } else { name(parent) };
    FolderFact { folder: name(id), parent, control_policies: Vec::new() }
}

fn role_fact(account: &str, role: &str) -> IdentityFact {
    IdentityFact {
        identity: format!("{account}/roles/{role}"),
        kind: PrincipalKind::ServiceLinkedRole.into(),
        enabled: true,
        ..IdentityFact::default()
    }
}

#[tonic::async_trait]
impl LinkedRoleService for FakeDirectory {
    async fn create_linked_role(
        &self,
        request: Request<CreateLinkedRoleRequest>,
    ) -> Result<Response<LinkedRole>, Status> {
        let CreateLinkedRoleRequest { directory, account, role } = request.into_inner();
        let member = self.0.members.lock().unwrap().get(&account).cloned();
        assert_eq!(member.map(|(of, _)| of), Some(directory));
        let new = self.0.roles.lock().unwrap().insert((account.clone(), role.clone()), ()).is_none();
        if new {
            self.commit(vec![AccessFactChange::holds(Kind::Identity(role_fact(&account, &role)))]).await;
        }
        let create_time = Some(prost_types::Timestamp::default());
        Ok(respond(LinkedRole { account, role, create_time }, Some(self.head().await)))
    }

    async fn list_linked_roles(
        &self,
        request: Request<ListLinkedRolesRequest>,
    ) -> Result<Response<ListLinkedRolesResponse>, Status> {
        let asked = request.into_inner().account;
        let roles = self.0.roles.lock().unwrap();
        let roles = roles.keys().filter(|(account, _)| *account == asked).map(|(account, role)| LinkedRole {
            account: account.clone(),
            role: role.clone(),
            create_time: Some(prost_types::Timestamp::default()),
        });
        let linked_roles = roles.collect();
        Ok(Response::new(ListLinkedRolesResponse { linked_roles, next_page_token: String::new() }))
    }

    async fn delete_linked_role(
        &self,
        request: Request<DeleteLinkedRoleRequest>,
    ) -> Result<Response<DeleteLinkedRoleResponse>, Status> {
        if self.0.deleting_stopped.load(Ordering::SeqCst) {
            return Err(Status::unavailable("stopped"));
        }
        let DeleteLinkedRoleRequest { account, role, incarnation } = request.into_inner();
        if self.0.deleting_stopped_in.lock().unwrap().as_ref() == Some(&account) {
            return Err(Status::unavailable("stopped"));
        }
        let present = self.0.members.lock().unwrap().get(&account).map(|(_, incarnation)| incarnation.clone());
        if present != Some(incarnation) {
            return Ok(respond(DeleteLinkedRoleResponse {}, Some(self.head().await)));
        }
        let needs = |(kind, _, _, of): &ClaimKey| kind == "enrolment" && *of == account;
        if self.0.claims.lock().unwrap().keys().any(needs) {
            return Err(Status::failed_precondition("in use"));
        }
        if self.0.roles.lock().unwrap().remove(&(account.clone(), role.clone())).is_some() {
            self.commit(vec![AccessFactChange::gone(Kind::Identity(role_fact(&account, &role)))]).await;
        }
        Ok(respond(DeleteLinkedRoleResponse {}, Some(self.head().await)))
    }
}

pub fn account_fact(account: AccountId, membership: Option<(DirectoryId, &str)>) -> AccessFactChange {
    AccessFactChange::holds(Kind::Account(AccountFact {
        account: account.name(),
        directory: membership.map(|(directory, _)| directory.name()).unwrap_or_default(),
        incarnation: membership.map(|(_, incarnation)| incarnation.to_owned()).unwrap_or_default(),
        display_name: format!("account {account}"),
        ..AccountFact::default()
    }))
}

#[tonic::async_trait]
impl ClaimService for FakeDirectory {
    async fn place_claims(
        &self,
        request: Request<PlaceClaimsRequest>,
    ) -> Result<Response<PlaceClaimsResponse>, Status> {
        assert!(request.metadata().get_bin(bailiwick_rpc::OPERATOR).is_some(), "on behalf of somebody");
        if self.0.placing_stopped.load(Ordering::SeqCst) {
            return Err(Status::unavailable("stopped"));
        }
        let request = request.into_inner();
        let mut memberships = Vec::new();
        for account in &request.accounts {
            let member = self.0.members.lock().unwrap().get(account).cloned();
            match member.filter(|(directory, _)| *directory == request.directory) {
                Some((_, incarnation)) => {
                    memberships.push(ClaimedMembership { account: account.clone(), incarnation });
                }
                None => return Err(Status::permission_denied("no member")),
            }
        }
        for membership in &memberships {
            let (kind, service) = (request.kind.clone(), request.trusted_service.clone());
            let key = (kind, request.directory.clone(), service, membership.account.clone());
            let value = (membership.incarnation.clone(), self.0.clock.now().as_micros());
            self.0.claims.lock().unwrap().entry(key).or_insert(value);
            for role in &request.service_linked_roles {
                self.0.roles.lock().unwrap().insert((membership.account.clone(), role.clone()), ());
            }
        }
        let step = self.0.after_next_place.lock().unwrap().take();
        if let Some(step) = step {
            step().await;
        }
        let named = self.0.token_of.lock().unwrap().clone();
        let position = match named {
            Some(position) => position,
            None => self.head().await,
        };
        Ok(respond(PlaceClaimsResponse { memberships }, Some(position)))
    }

    async fn release_claims(
        &self,
        request: Request<ReleaseClaimsRequest>,
    ) -> Result<Response<ReleaseClaimsResponse>, Status> {
        let request = request.into_inner();
        assert_eq!(request.accounts.len(), request.incarnations.len());
        if self.0.gone.lock().unwrap().contains(&request.directory) {
            let message = format!("`{}` does not exist", request.directory);
            let problem = Problem::new(bailiwick_rpc::Kind::NotFound, ErrorReason::ResourceNotFound, message);
            return Err(problem.with("resource", request.directory).into());
        }
        let step = self.0.before_next_release.lock().unwrap().take();
        let lost = step.is_some();
        if let Some(step) = step {
            step().await;
        }
        for (account, incarnation) in request.accounts.into_iter().zip(request.incarnations) {
            let present = self.0.members.lock().unwrap().get(&account).cloned();
            if present != Some((request.directory.clone(), incarnation)) {
                continue;
            }
            let (kind, service) = (request.kind.clone(), request.trusted_service.clone());
            let key = (kind, request.directory.clone(), service, account.clone());
            self.0.claims.lock().unwrap().remove(&key);
            for role in &request.service_linked_roles {
                self.0.roles.lock().unwrap().remove(&(account.clone(), role.clone()));
            }
        }
        if lost {
            return Err(Status::unavailable("the answer is lost"));
        }
        Ok(respond(ReleaseClaimsResponse {}, Some(self.head().await)))
    }

    async fn list_claims(&self, request: Request<ListClaimsRequest>) -> Result<Response<ListClaimsResponse>, Status> {
        let ListClaimsRequest { kind, page_token, .. } = request.into_inner();
        let claims = self.0.claims.lock().unwrap();
        let place = |(_, directory, service, account): &ClaimKey| format!("{directory} {account} {service}");
        let mut rest: Vec<_> = claims.iter().filter(|(key, _)| key.0 == kind && place(key) > page_token).collect();
        rest.sort_by_key(|(key, _)| place(key));
        // Pages of two, so that more than one is needed.
        let more = rest.len() > 2;
        rest.truncate(2);
        let next_page_token = if more { place(rest[1].0) } else { String::new() };
        let claims = rest.into_iter().map(|((kind, directory, service, account), (incarnation, created))| Claim {
            directory: directory.clone(),
            account: account.clone(),
            incarnation: incarnation.clone(),
            trusted_service: service.clone(),
            kind: kind.clone(),
            create_time: Some(prost_types::Timestamp {
                seconds: created.div_euclid(1_000_000),
                nanos: i32::try_from(created.rem_euclid(1_000_000) * 1_000).unwrap(),
            }),
        });
        Ok(Response::new(ListClaimsResponse { claims: claims.collect(), next_page_token }))
    }
}
