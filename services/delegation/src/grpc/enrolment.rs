//! `bailiwick.delegation.v1.EnrolmentService`, for the roles of the suite.

use std::collections::BTreeMap;

use bailiwick_api::delegation::v1::{
    BatchCreateEnrolmentsRequest, BatchCreateEnrolmentsResponse, BatchDeleteEnrolmentsRequest,
    BatchDeleteEnrolmentsResponse, enrolment_service_server::EnrolmentService,
};
use bailiwick_core::{AccountId, DirectoryId};
use bailiwick_rpc::{InvalidFields, respond, split};
use tonic::{Request, Response, Status};

use super::{Api, convert, position};
use crate::domain::Enrolment;

const ACCOUNTS_MAX: usize = 1_000;

#[tonic::async_trait]
impl EnrolmentService for Api {
    async fn batch_create_enrolments(
        &self,
        request: Request<BatchCreateEnrolmentsRequest>,
    ) -> Result<Response<BatchCreateEnrolmentsResponse>, Status> {
        let (call, message) = split(request)?;
        let service = convert::service_id(&message.trusted_service)?;
        let (directory, accounts) = parse(&message.directory, "accounts", &message.accounts)?;
        let once = accounts.iter().map(|account| (*account, ())).collect::<BTreeMap<_, _>>().into_keys().collect();
        let done = self.app.create_enrolments(&call, directory, service, once).await?;
        let enrolments = in_order(&accounts, done.value).map(convert::enrolment).collect();
        Ok(respond(BatchCreateEnrolmentsResponse { enrolments }, Some(position(&done.position))))
    }

    async fn batch_delete_enrolments(
        &self,
        request: Request<BatchDeleteEnrolmentsRequest>,
    ) -> Result<Response<BatchDeleteEnrolmentsResponse>, Status> {
        let (call, message) = split(request)?;
        let service = convert::service_id(&message.trusted_service)?;
        let (directory, accounts) = parse(&message.directory, "accounts", &message.accounts)?;
        let mut invalid = InvalidFields::new();
        invalid.check("uids", message.uids.len() == accounts.len(), "must be one for each account");
        invalid.finish()?;
        let ending = accounts.into_iter().zip(message.uids).collect();
        let done = self.app.delete_enrolments(&call, directory, service, ending).await?;
        let deleted = i32::try_from(done.value).unwrap_or(i32::MAX);
        Ok(respond(BatchDeleteEnrolmentsResponse { deleted }, Some(position(&done.position))))
    }
}

/// The call comes from a role, whose permit is for the whole platform: here the request says which directory.
fn parse(directory: &str, field: &str, accounts: &[String]) -> Result<(DirectoryId, Vec<AccountId>), Status> {
    let mut invalid = InvalidFields::new();
    let directory = invalid.directory("directory", directory);
    invalid.check(field, (1..=ACCOUNTS_MAX).contains(&accounts.len()), "must be 1 to 1,000 accounts");
    let accounts: Vec<_> = accounts.iter().take(ACCOUNTS_MAX).filter_map(|name| invalid.account(field, name)).collect();
    match directory {
        Some(directory) => invalid.finish().map(|()| (directory, accounts)),
        None => Err(invalid.into_status()),
    }
}

/// The enrolments in the order of the accounts asked for, with repetitions.
fn in_order(accounts: &[AccountId], enrolments: Vec<Enrolment>) -> impl Iterator<Item = Enrolment> {
    let by_account: BTreeMap<_, _> = enrolments.into_iter().map(|of| (of.account, of)).collect();
    accounts.iter().filter_map(move |account| by_account.get(account).cloned())
}
