//! Between the contract and the domain.

use bailiwick_api::{
    delegation::v1::{
        DelegatedAdministrator, DeleteDelegatedAdministratorResponse, EligibleAccount, Enrolment, TrustedService,
        TrustedServiceState,
    },
    errors::v1::ErrorReason,
};
use bailiwick_core::{AccountId, DirectoryId, TrustedService as Service};
use bailiwick_db::IdempotencyKey;
use bailiwick_rpc::{Call, InvalidFields, Kind, Problem, refusal};
use prost::Message;
use prost_types::FieldMask;
use sha2::{Digest, Sha256};
use tonic::Status;

use crate::{
    app::{PageRequest, Shown},
    domain::{self, Designation, Impact, Membership, folder, trusted_service::Access},
    events::{folder_name, timestamp},
};

const SERVICE: &str = "directories/{directory}/trustedServices/{trusted_service}";
const ADMINISTRATOR: &str =
    "directories/{directory}/trustedServices/{trusted_service}/delegatedAdministrators/{account}";
const MEMBER: &str = "directories/{directory}/members/{account}";
const FOLDER: &str = "directories/{directory}/folders/{folder}";
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

/// The account of the name of a member.
pub fn member(field: &str, name: &str) -> Result<AccountId, Status> {
    let mut invalid = InvalidFields::new();
    let parsed = invalid.name::<1>(field, name, MEMBER);
    match parsed.and_then(|(_, [account])| invalid.parse::<AccountId>(field, account)) {
        Some(account) => Ok(account),
        None => Err(invalid.into_status()),
    }
}

/// The id of a folder of the directory that the call was permitted for, by its name; none for no name.
pub fn folder_id(field: &str, name: &str, directory: DirectoryId) -> Result<Option<String>, Status> {
    if name.is_empty() {
        return Ok(None);
    }
    let mut invalid = InvalidFields::new();
    invalid.name::<1>(field, name, FOLDER);
    let found = folder_name(name);
    let own = found.is_some_and(|(of, id)| of == directory && id.bytes().all(|byte| byte.is_ascii_graphic()));
    invalid.check(field, found.is_none() || own, "must be a folder of the same directory");
    invalid.finish()?;
    Ok(found.map(|(_, id)| id.to_owned()))
}

/// Whether an update mask names the folder, which it must if there is none to set.
pub fn folder_mask(mask: Option<FieldMask>, folder: &str) -> Result<(), Status> {
    let (mut invalid, paths) = (InvalidFields::new(), mask.unwrap_or_default().paths);
    for path in &paths {
        invalid.check("update_mask", path == "folder", format!("`{path}` cannot be updated"));
    }
    let said = !folder.is_empty() || !paths.is_empty();
    invalid.check("update_mask", said, "must name `folder` to make it empty: for the whole directory");
    invalid.finish()
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

/// A trusted service in a directory, which can have `limit` delegated administrators.
pub fn trusted_service(directory: DirectoryId, access: Access, limit: usize) -> TrustedService {
    let service = access.service;
    let state = if access.enabled { TrustedServiceState::Enabled } else { TrustedServiceState::Disabled };
    TrustedService {
        name: format!("{}/trustedServices/{service}", directory.name()),
        display_name: service.display_name().to_owned(),
        state: state.into(),
        max_delegated_administrators: i32::try_from(limit).unwrap_or(i32::MAX),
        follows: service.follows().iter().map(ToString::to_string).collect(),
    }
}

/// A designation whose folder exists, if it has one.
pub fn delegated_administrator(designation: Designation) -> DelegatedAdministrator {
    DelegatedAdministrator {
        name: designation.name(),
        account: designation.account.name(),
        follows: designation.follows.map(|service| service.to_string()).unwrap_or_default(),
        // Of one that is not made yet, neither is known.
        create_time: (!designation.etag.is_empty()).then(|| timestamp(designation.created)),
        etag: designation.etag,
        folder: designation.folder.map(|id| folder::name(designation.directory, &id)).unwrap_or_default(),
        folder_deleted: false,
    }
}

/// A designation.
pub fn shown(shown: Shown) -> DelegatedAdministrator {
    let folder_deleted = shown.folder_deleted;
    DelegatedAdministrator { folder_deleted, ..delegated_administrator(shown.designation) }
}

/// What ending a designation affects.
pub fn impact(directory: DirectoryId, impact: Impact) -> DeleteDelegatedAdministratorResponse {
    DeleteDelegatedAdministratorResponse {
        trusted_services: impact.services.iter().map(ToString::to_string).collect(),
        enrolled_members: i32::try_from(impact.members).unwrap_or(i32::MAX),
        remaining_delegated_administrators: i32::try_from(impact.remaining).unwrap_or(i32::MAX),
        folder: impact.folder.map(|id| folder::name(directory, &id)).unwrap_or_default(),
    }
}

/// A member that can be designated.
pub fn eligible(member: Membership) -> EligibleAccount {
    let folder = match member.folder.as_str() {
        "" => String::new(),
        id => folder::name(member.directory, id),
    };
    EligibleAccount { account: member.account.name(), display_name: member.display_name, folder }
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
