//! `delegation`, as a service with a list calls it.

use bailiwick_api::{
    CONSISTENCY_TOKEN, decode_token,
    delegation::v1::{
        BatchCreateEnrolmentsRequest, BatchDeleteEnrolmentsRequest, enrolment_service_client::EnrolmentServiceClient,
    },
    errors::v1::ErrorReason,
};
use bailiwick_core::{AccountId, DirectoryId, Role, TrustedService};
use bailiwick_db::Position;
use bailiwick_rpc::{Kind, Problem, on_behalf};
use futures::future::BoxFuture;
use tonic::{Code, Response, Status, transport::Channel};

use crate::{Behalf, Enrolled, Enrolments, Refused};

/// The enrolments over a channel to `delegation`.
pub struct DelegationEnrolments(EnrolmentServiceClient<Channel>);

impl DelegationEnrolments {
    /// Over `channel`.
    pub fn new(channel: Channel) -> Self {
        Self(EnrolmentServiceClient::new(channel))
    }
}

impl Enrolments for DelegationEnrolments {
    fn enrol<'a>(
        &'a self,
        behalf: &'a Behalf,
        service: TrustedService,
        directory: DirectoryId,
        accounts: &'a [AccountId],
    ) -> BoxFuture<'a, Result<Enrolled, Refused>> {
        let message = BatchCreateEnrolmentsRequest {
            directory: directory.name(),
            trusted_service: service.to_string(),
            accounts: accounts.iter().copied().map(AccountId::name).collect(),
        };
        Box::pin(async move {
            let request = on_behalf(&behalf.operator, &behalf.call_id, behalf.deadline, message);
            let response = self.0.clone().batch_create_enrolments(request).await.map_err(delegation_refused)?;
            let position = delegation_position(&response)?;
            let enrolments = response.into_inner().enrolments;
            if !enrolments.iter().map(|e| e.account.clone()).eq(accounts.iter().copied().map(AccountId::name)) {
                return Err(broken("the enrolments are not those asked for"));
            }
            Ok(Enrolled { uids: enrolments.into_iter().map(|enrolment| enrolment.uid).collect(), position })
        })
    }

    fn end<'a>(
        &'a self,
        behalf: &'a Behalf,
        service: TrustedService,
        directory: DirectoryId,
        enrolments: &'a [(AccountId, String)],
    ) -> BoxFuture<'a, Result<Position, Refused>> {
        let (accounts, uids) = enrolments.iter().map(|(account, uid)| (account.name(), uid.clone())).unzip();
        let (directory, trusted_service) = (directory.name(), service.to_string());
        let message = BatchDeleteEnrolmentsRequest { directory, trusted_service, accounts, uids };
        Box::pin(async move {
            let request = on_behalf(&behalf.operator, &behalf.call_id, behalf.deadline, message);
            let response = self.0.clone().batch_delete_enrolments(request).await.map_err(delegation_refused)?;
            delegation_position(&response)
        })
    }
}

/// Where in the log of `delegation` the change is that was answered.
///
/// # Errors
/// If the answer does not say.
pub fn delegation_position<T>(response: &Response<T>) -> Result<Position, Refused> {
    let tokens = response.metadata().get_all(CONSISTENCY_TOKEN);
    let mut positions = tokens.iter().filter_map(|value| decode_token(value.to_str().ok()?).ok()).flatten();
    let own = positions.find(|position| position.role == Role::Delegation.as_str());
    let own = own.ok_or_else(|| broken("the answer has no consistency token"))?;
    Ok(Position { epoch: own.epoch, revision: own.revision })
}

fn broken(problem: &str) -> Refused {
    let message = format!("`{}`: {problem}", Role::Delegation);
    as_is(&Problem::new(Kind::Internal, ErrorReason::Internal, message).into())
}

/// A refusal is passed on with its reason. What the connection says of itself is not: `delegation` is then named as what
/// cannot be reached. A connection that breaks under a call is UNKNOWN, and the call may have been done.
pub fn delegation_refused(status: Status) -> Refused {
    let of_connection = [Code::Unavailable, Code::Cancelled, Code::DeadlineExceeded, Code::Unknown];
    let unreached = of_connection.contains(&status.code());
    if unreached && status.details().is_empty() {
        let message = format!("`{}` cannot be reached", Role::Delegation);
        let problem = Problem::new(Kind::Unavailable, ErrorReason::BackendUnavailable, message);
        return as_is(&problem.with("role", Role::Delegation.as_str()).into());
    }
    as_is(&status)
}

fn as_is(status: &Status) -> Refused {
    Refused { code: status.code().into(), message: status.message().to_owned(), details: status.details().to_vec() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_answer_of_delegation_can_be_tried_again() {
        let connection = [
            Status::unavailable("tcp connect error"),
            Status::cancelled("stream reset"),
            Status::deadline_exceeded("timeout"),
            Status::unknown("h2 protocol error: broken pipe"),
        ];
        for status in connection {
            let refused = delegation_refused(status);
            assert_eq!(Code::from(refused.code), Code::Unavailable, "{refused}");
            assert!(!refused.details.is_empty() && refused.message.contains("delegation"), "{refused}");
        }
        let answer: Status = Problem::new(Kind::Aborted, ErrorReason::ConcurrentChange, "in the way").into();
        assert_eq!(delegation_refused(answer.clone()), as_is(&answer));
    }
}
