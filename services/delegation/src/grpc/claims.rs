//! Directory's `ClaimService`, as a client.

use std::collections::BTreeMap;

use bailiwick_api::{
    CONSISTENCY_TOKEN, decode_token,
    directory::v1::{
        Claim as ClaimMessage, ClaimStrength, ListClaimsRequest, PlaceClaimsRequest, PlaceClaimsResponse,
        ReleaseClaimsRequest, claim_service_client::ClaimServiceClient,
    },
};
use bailiwick_core::{AccountId, Role, ServiceLinkedRole, Timestamp, TrustedService};
use bailiwick_db::Position;
use bailiwick_rpc::on_behalf;
use futures::future::BoxFuture;
use tokio::time::timeout_at;
use tonic::{Code, Request, Response, Status, transport::Channel};

use crate::app::claims::{Behalf, Claim, ClaimKind, ClaimSet, Claims, ClaimsError, Held, Placed};

const PAGE: i32 = 1_000;

/// The client.
#[derive(Clone, Debug)]
pub struct DirectoryClaims(ClaimServiceClient<Channel>);

impl DirectoryClaims {
    /// Over a channel to directory.
    pub fn new(channel: Channel) -> Self {
        Self(ClaimServiceClient::new(channel))
    }
}

impl Claims for DirectoryClaims {
    fn place<'a>(&'a self, behalf: &'a Behalf, set: &'a ClaimSet) -> BoxFuture<'a, Result<Placed, ClaimsError>> {
        let message = PlaceClaimsRequest {
            directory: set.directory.name(),
            accounts: set.accounts.iter().map(|account| account.name()).collect(),
            trusted_service: set.service.to_string(),
            kind: kind(set.kind).to_owned(),
            strength: strength(set.kind).into(),
            service_linked_roles: roles(set.kind, set.service),
        };
        let mut client = self.0.clone();
        Box::pin(async move { placed(in_time(behalf, client.place_claims(request(behalf, message))).await?) })
    }

    fn release<'a>(&'a self, behalf: &'a Behalf, held: &'a Held) -> BoxFuture<'a, Result<(), ClaimsError>> {
        let (accounts, incarnations) =
            held.memberships.iter().map(|(account, incarnation)| (account.name(), incarnation.clone())).unzip();
        let message = ReleaseClaimsRequest {
            directory: held.directory.name(),
            accounts,
            trusted_service: held.service.to_string(),
            kind: kind(held.kind).to_owned(),
            service_linked_roles: roles(held.kind, held.service),
            incarnations,
        };
        let mut client = self.0.clone();
        Box::pin(async move {
            match in_time(behalf, client.release_claims(request(behalf, message))).await {
                // The directory is gone, and its claims with it. Claims that are there all the same are listed again.
                Err(ClaimsError::Refused(status)) if status.code() == Code::NotFound => Ok(()),
                answer => answer.map(drop),
            }
        })
    }

    fn list<'a>(
        &'a self,
        behalf: &'a Behalf,
        of: ClaimKind,
        token: &'a str,
    ) -> BoxFuture<'a, Result<(Vec<Claim>, String), ClaimsError>> {
        let message = ListClaimsRequest { kind: kind(of).to_owned(), page_size: PAGE, page_token: token.to_owned() };
        let mut client = self.0.clone();
        Box::pin(async move {
            let page = in_time(behalf, client.list_claims(request(behalf, message))).await?.into_inner();
            let claims = page.claims.iter().map(claim).collect::<Option<Vec<_>>>();
            Ok((claims.ok_or_else(|| senseless("a claim"))?, page.next_page_token))
        })
    }
}

pub(super) fn request<T>(behalf: &Behalf, message: T) -> Request<T> {
    on_behalf(&behalf.operator, &behalf.call_id, behalf.deadline, message)
}

/// The answer, if it comes by the deadline: a channel that finds no connection would wait beyond it.
pub(super) async fn in_time<T>(
    behalf: &Behalf,
    call: impl Future<Output = Result<T, Status>>,
) -> Result<T, ClaimsError> {
    match timeout_at(behalf.deadline, call).await {
        Ok(answer) => answer.map_err(refused),
        Err(_) => Err(ClaimsError::Unavailable("it did not answer in time".to_owned())),
    }
}

fn kind(kind: ClaimKind) -> &'static str {
    match kind {
        ClaimKind::Designation => "designation",
        ClaimKind::Enrolment => "enrolment",
    }
}

fn strength(kind: ClaimKind) -> ClaimStrength {
    match kind {
        ClaimKind::Designation => ClaimStrength::Blocking,
        ClaimKind::Enrolment => ClaimStrength::Informative,
    }
}

fn roles(kind: ClaimKind, service: TrustedService) -> Vec<String> {
    let roles: &[ServiceLinkedRole] = match kind {
        ClaimKind::Designation => &[],
        ClaimKind::Enrolment => service.service_linked_roles(),
    };
    roles.iter().map(|role| role.name.to_owned()).collect()
}

/// The position of directory's log that came with an answer.
pub(super) fn position<T>(response: &Response<T>) -> Result<Position, ClaimsError> {
    let tokens = response.metadata().get_all(CONSISTENCY_TOKEN).into_iter();
    let positions = tokens.filter_map(|token| decode_token(token.to_str().ok()?).ok()).flatten();
    let position = positions.into_iter().find(|position| position.role == Role::Directory.as_str());
    let position = position.ok_or_else(|| senseless("no position"))?;
    Ok(Position { epoch: position.epoch, revision: position.revision })
}

fn placed(response: Response<PlaceClaimsResponse>) -> Result<Placed, ClaimsError> {
    let position = position(&response)?;
    let memberships = response.into_inner().memberships.into_iter();
    let memberships = memberships.map(|of| Some((account(&of.account)?, of.incarnation)));
    let memberships: BTreeMap<_, _> = memberships.collect::<Option<_>>().ok_or_else(|| senseless("a membership"))?;
    Ok(Placed { memberships: memberships.into_iter().collect(), position })
}

fn claim(message: &ClaimMessage) -> Option<Claim> {
    let created = time(message.create_time.as_ref()?)?;
    Some(Claim {
        directory: message.directory.strip_prefix("directories/")?.parse().ok()?,
        service: message.trusted_service.parse().ok()?,
        account: account(&message.account)?,
        incarnation: message.incarnation.clone(),
        created,
    })
}

pub(super) fn time(message: &prost_types::Timestamp) -> Option<Timestamp> {
    let micros = message.seconds.checked_mul(1_000_000)?.checked_add(i64::from(message.nanos) / 1_000)?;
    Some(Timestamp::from_micros(micros))
}

pub(super) fn account(name: &str) -> Option<AccountId> {
    name.strip_prefix("accounts/")?.parse().ok()
}

/// Refusals that a caller of delegation can do something about are passed on as they are; another one says that the
/// call as such was wrong or not answered.
fn refused(status: Status) -> ClaimsError {
    match status.code() {
        Code::FailedPrecondition | Code::NotFound | Code::AlreadyExists | Code::Aborted | Code::ResourceExhausted => {
            ClaimsError::Refused(Box::new(status))
        }
        // Of an account that is no member.
        Code::PermissionDenied | Code::InvalidArgument => ClaimsError::Refused(Box::new(status)),
        _ => ClaimsError::Unavailable(format!("{:?}: {}", status.code(), status.message())),
    }
}

pub(super) fn senseless(what: &str) -> ClaimsError {
    ClaimsError::Unavailable(format!("its answer has {what} that makes no sense"))
}
