//! A `delegation` that enrols whom it is told to.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
};

use bailiwick_api::{
    audit::v1::Change,
    delegation::v1::{
        BatchCreateEnrolmentsRequest, BatchCreateEnrolmentsResponse, BatchDeleteEnrolmentsRequest,
        BatchDeleteEnrolmentsResponse, EnableTrustedAccessRequest, EnableTrustedAccessResponse, Enrolment,
        enrolment_service_server::EnrolmentService, trusted_access_service_server::TrustedAccessService,
    },
    errors::v1::ErrorReason,
    r#type::v1::{self as proto, AccessFactChange, EnrolmentFact, LogPosition, access_fact::Kind},
};
use bailiwick_core::{AccountId, DirectoryId, Operator, Role, TrustedService, authz::Snapshot};
use bailiwick_rpc::{self as rpc, Problem, respond, split};
use tonic::{Request, Response, Status};

use super::{FakeLog, account};

/// Accounts, enrolments and the log that says so.
#[derive(Clone)]
pub struct FakeDelegation(Arc<Inner>);

struct Inner {
    log: FakeLog,
    /// Unique ids of enrolments, by service and account.
    enrolled: tokio::sync::Mutex<BTreeMap<(String, String), String>>,
    facts: Arc<Mutex<Snapshot>>,
    next: std::sync::atomic::AtomicU64,
    failing: std::sync::atomic::AtomicBool,
}

impl FakeDelegation {
    pub(super) fn new(log: FakeLog, facts: Arc<Mutex<Snapshot>>) -> Self {
        Self(Arc::new(Inner {
            log,
            enrolled: Default::default(),
            facts,
            next: Default::default(),
            failing: Default::default(),
        }))
    }

    /// Its log.
    pub fn log(&self) -> &FakeLog {
        &self.0.log
    }

    /// Makes facts hold or not, in one change.
    pub async fn say(&self, facts: Vec<AccessFactChange>) -> LogPosition {
        self.commit(Change { method: "test".into(), facts, ..Change::default() }).await
    }

    /// An account is a member, with this incarnation and name.
    pub async fn join(&self, directory: DirectoryId, member: AccountId, incarnation: &str, name: &str) -> LogPosition {
        self.say(vec![AccessFactChange::holds(Kind::Account(proto::AccountFact {
            account: member.name(),
            directory: directory.name(),
            incarnation: incarnation.into(),
            folder: format!("{}/folders/root", directory.name()),
            r#type: proto::AccountType::Resource.into(),
            join_method: proto::JoinMethod::Created.into(),
            display_name: name.into(),
            ..proto::AccountFact::default()
        }))])
        .await
    }

    /// Ends an enrolment behind the back of the service that keeps the list.
    pub async fn end(&self, directory: DirectoryId, service: TrustedService, member: AccountId) -> LogPosition {
        self.0.enrolled.lock().await.remove(&(service.to_string(), member.name()));
        let gone = enrolment(directory, service, member, "");
        self.commit(Change { method: "test".into(), facts: vec![AccessFactChange::gone(gone)], ..Change::default() })
            .await
    }

    /// The next call that ends enrolments by their unique ids fails, and ends none.
    pub fn fail_once(&self) {
        self.0.failing.store(true, std::sync::atomic::Ordering::SeqCst);
    }

    /// How many members are enrolled in a service.
    pub async fn enrolled(&self, service: TrustedService) -> usize {
        self.0.enrolled.lock().await.keys().filter(|(of, _)| of == service.id()).count()
    }

    async fn commit(&self, change: Change) -> LogPosition {
        let read = change.facts.iter().map(|fact| fact.to_core().expect("a sound fact")).collect::<Vec<_>>();
        let position = self.0.log.commit(change).await;
        self.0.facts.lock().unwrap_or_else(PoisonError::into_inner).apply(position.revision, read);
        position
    }

    fn change(&self, operator: &Operator, method: &str, directory: &str, facts: Vec<AccessFactChange>) -> Change {
        Change {
            operator: Some(operator.into()),
            method: method.into(),
            resource: directory.into(),
            tenant: directory.into(),
            facts,
            ..Change::default()
        }
    }
}

fn enrolment(directory: DirectoryId, service: TrustedService, member: AccountId, uid: &str) -> Kind {
    Kind::Enrolment(EnrolmentFact {
        directory: directory.name(),
        trusted_service: service.to_string(),
        account: member.name(),
        incarnation: if uid.is_empty() { String::new() } else { "i1".into() },
        uid: uid.into(),
    })
}

#[tonic::async_trait]
impl EnrolmentService for FakeDelegation {
    async fn batch_create_enrolments(
        &self,
        request: Request<BatchCreateEnrolmentsRequest>,
    ) -> Result<Response<BatchCreateEnrolmentsResponse>, Status> {
        let (call, message) = split(request)?;
        let management = [account(10).name(), account(20).name()];
        if let Some(refused) = message.accounts.iter().find(|account| management.contains(account)) {
            let reason = ErrorReason::ManagementAccountNotEligible;
            let problem = Problem::new(rpc::Kind::FailedPrecondition, reason, "the management account is not eligible");
            return Err(problem.with("account", refused).into());
        }
        let mut enrolled = self.0.enrolled.lock().await;
        let (mut facts, mut enrolments) = (Vec::new(), Vec::new());
        for name in message.accounts {
            let key = (message.trusted_service.clone(), name.clone());
            let uid = enrolled.entry(key).or_insert_with(|| {
                let uid = format!("u{}", self.0.next.fetch_add(1, std::sync::atomic::Ordering::SeqCst));
                facts.push(AccessFactChange::holds(Kind::Enrolment(EnrolmentFact {
                    directory: message.directory.clone(),
                    trusted_service: message.trusted_service.clone(),
                    account: name.clone(),
                    incarnation: "i1".into(),
                    uid: uid.clone(),
                })));
                uid
            });
            let uid = uid.clone();
            enrolments.push(Enrolment { account: name, incarnation: "i1".into(), uid, create_time: None });
        }
        let method = "bailiwick.delegation.v1.EnrolmentService/BatchCreateEnrolments";
        let position = self.commit(self.change(&call.operator, method, &message.directory, facts)).await;
        Ok(respond(BatchCreateEnrolmentsResponse { enrolments }, Some(position)))
    }

    async fn batch_delete_enrolments(
        &self,
        request: Request<BatchDeleteEnrolmentsRequest>,
    ) -> Result<Response<BatchDeleteEnrolmentsResponse>, Status> {
        let (call, message) = split(request)?;
        if self.0.failing.swap(false, std::sync::atomic::Ordering::SeqCst) {
            return Err(Status::unavailable("it was told to fail"));
        }
        let mut enrolled = self.0.enrolled.lock().await;
        let mut facts = Vec::new();
        for (account, uid) in message.accounts.into_iter().zip(message.uids) {
            let key = (message.trusted_service.clone(), account.clone());
            if enrolled.get(&key).is_some_and(|known| uid.is_empty() || *known == uid) {
                enrolled.remove(&key);
                facts.push(AccessFactChange::gone(Kind::Enrolment(EnrolmentFact {
                    directory: message.directory.clone(),
                    trusted_service: message.trusted_service.clone(),
                    account,
                    ..EnrolmentFact::default()
                })));
            }
        }
        drop(enrolled);
        let deleted = i32::try_from(facts.len()).unwrap_or(i32::MAX);
        let method = "bailiwick.delegation.v1.EnrolmentService/BatchDeleteEnrolments";
        let position = self.commit(self.change(&call.operator, method, &message.directory, facts)).await;
        debug_assert_eq!(position.role, Role::Delegation.as_str());
        Ok(respond(BatchDeleteEnrolmentsResponse { deleted }, Some(position)))
    }
}

#[tonic::async_trait]
impl TrustedAccessService for FakeDelegation {
    async fn enable_trusted_access(
        &self,
        request: Request<EnableTrustedAccessRequest>,
    ) -> Result<Response<EnableTrustedAccessResponse>, Status> {
        let (call, message) = split(request)?;
        let service: TrustedService = message.trusted_service.parse().expect("a trusted service");
        let fact = |service: TrustedService| {
            let (directory, trusted_service) = (message.directory.clone(), service.to_string());
            AccessFactChange::holds(Kind::TrustedAccess(proto::TrustedAccessFact { directory, trusted_service }))
        };
        let facts = service.with_followers().map(fact).collect();
        let method = "bailiwick.delegation.v1.TrustedAccessService/EnableTrustedAccess";
        let position = self.commit(self.change(&call.operator, method, &message.directory, facts)).await;
        Ok(respond(EnableTrustedAccessResponse {}, Some(position)))
    }
}
