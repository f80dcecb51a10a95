//! Between the contract and the domain.

use bailiwick_api::{
    delegation::v1::{
        DelegatedAdministrator, DeleteDelegatedAdministratorResponse, EligibleAccount, Enrolment, TrustedService,
        TrustedServiceState,
    },
    errors::v1::ErrorReason,
};
use bailiwick_core::{AccountId, DirectoryId, Timestamp, TrustedService as Service};
use bailiwick_db::IdempotencyKey;
use bailiwick_rpc::{Call, InvalidFields, Kind, Problem, refusal};
use prost::Message;
use sha2::{Digest, Sha256};
use tonic::Status;

use crate::{
    app::PageRequest,
    domain::{self, Designation, Impact, Membership, trusted_service::Access},
};

const SERVICE: &str = "directories/{directory}/trustedServices/{trusted_service}";
const ADMINISTRATOR: &str =
    "directories/{directory}/trustedServices/{trusted_service}/delegatedAdministrators/{account}";
const ETAG_MAX: usize = 64;

/// The directory that the call was permitted for, which bounds all that it reads and changes.
pub fn directory(call: &Call) -> Result<DirectoryId, Status> {
    call.permit.tenant_directory().map_err(|error| refusal(&error))
}

/// The service of a name `directories/{directory}/trustedServices/{trusted_service}`.
pub fn service(field: &str, name: &str) -> Result<Service, Status> {
    let mut invalid = InvalidFields::new();
    match invalid.name::<1>(field, name, SERVICE) {
        Some((_, [id])) => service_id(id),
        None => Err(invalid.into_status()),
    }
}

/// A service by its id.
pub fn service_id(id: &str) -> Result<Service, Status> {
    id.parse().map_err(|error: String| {
        Problem::new(Kind::InvalidArgument, ErrorReason::UnknownTrustedService, error)
            .with("trusted_service", id)
            .into()
    })
}

/// The service and the account of the name of a designation.
pub fn administrator(field: &str, name: &str) -> Result<(Service, AccountId), Status> {
    let mut invalid = InvalidFields::new();
    let parsed = invalid.name::<2>(field, name, ADMINISTRATOR);
    let account = parsed.and_then(|(_, [_, account])| invalid.parse::<AccountId>(field, account));
    match (parsed, account) {
        (Some((_, [id, _])), Some(account)) => Ok((service_id(id)?, account)),
        _ => Err(invalid.into_status()),
    }
}

/// An account by its name.
pub fn account(field: &str, name: &str) -> Result<AccountId, Status> {
    let mut invalid = InvalidFields::new();
    invalid.account(field, name).ok_or_else(|| invalid.into_status())
}

/// An etag as a caller sends it.
pub fn etag(text: &str) -> Result<(), Status> {
    let mut invalid = InvalidFields::new();
    invalid.check("etag", text.len() <= ETAG_MAX, "must be an etag that was read");
    invalid.finish()
}

/// What makes a request the same as an earlier one: `content` is the request without its id.
pub fn once(call: &Call, request_id: &str, content: &impl Message) -> Result<IdempotencyKey, Status> {
    let mut invalid = InvalidFields::new();
    let request_id = invalid.request_id("request_id", request_id);
    invalid.finish()?;
    Ok(IdempotencyKey {
        scope: call.permit.identity().map_or_else(|| call.operator.principal.clone(), ToString::to_string),
        method: call.permit.path().to_owned(),
        request_id,
        fingerprint: Sha256::digest(content.encode_to_vec()).into(),
    })
}

/// What is asked of a list; `selection` is all that selects it besides the directory.
pub fn page(call: &Call, selection: &str, size: i32, token: String) -> Result<PageRequest, Status> {
    let mut invalid = InvalidFields::new();
    let size = invalid.page_size("page_size", size);
    invalid.finish()?;
    Ok(PageRequest {
        directory: directory(call)?,
        method: call.permit.path(),
        selection: selection.to_owned(),
        size: size.unwrap_or(1),
        token,
    })
}

/// A trusted service in a directory.
pub fn trusted_service(directory: DirectoryId, access: Access) -> TrustedService {
    let service = access.service;
    let state = if access.enabled { TrustedServiceState::Enabled } else { TrustedServiceState::Disabled };
    TrustedService {
        name: format!("{}/trustedServices/{service}", directory.name()),
        display_name: service.display_name().to_owned(),
        state: state.into(),
        max_delegated_administrators: i32::try_from(service.max_delegated_administrators()).unwrap_or(i32::MAX),
        follows: service.follows().iter().map(ToString::to_string).collect(),
    }
}

/// A designation.
pub fn delegated_administrator(designation: Designation) -> DelegatedAdministrator {
    DelegatedAdministrator {
        name: designation.name(),
        account: designation.account.name(),
        follows: designation.follows.map(|service| service.to_string()).unwrap_or_default(),
        create_time: Some(timestamp(designation.created)),
        etag: designation.etag,
        ..DelegatedAdministrator::default()
    }
}

/// What ending a designation affects.
pub fn impact(impact: Impact) -> DeleteDelegatedAdministratorResponse {
    DeleteDelegatedAdministratorResponse {
        trusted_services: impact.services.iter().map(ToString::to_string).collect(),
        enrolled_members: i32::try_from(impact.members).unwrap_or(i32::MAX),
    }
}

/// A member that can be designated.
pub fn eligible(member: Membership) -> EligibleAccount {
    EligibleAccount { account: member.account.name(), display_name: member.display_name, ..EligibleAccount::default() }
}

/// An enrolment.
pub fn enrolment(enrolment: domain::Enrolment) -> Enrolment {
    Enrolment {
        account: enrolment.account.name(),
        incarnation: enrolment.incarnation,
        uid: enrolment.uid,
        create_time: Some(timestamp(enrolment.created)),
    }
}

fn timestamp(time: Timestamp) -> prost_types::Timestamp {
    let nanos = time.as_micros().rem_euclid(1_000_000) * 1_000;
    prost_types::Timestamp { seconds: time.as_seconds(), nanos: i32::try_from(nanos).unwrap_or_default() }
}
