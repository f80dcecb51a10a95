//! Errors as callers see them.

use bailiwick_api::errors::v1::ErrorReason;
use bailiwick_changelog::database_problem;
use bailiwick_core::TrustedService;
use bailiwick_rpc::{ApiError, FieldViolation, Kind, Problem, QuotaViolation, refusal, status};
use tonic::Status;

use crate::bastion::{
    app::Error,
    domain::{BastionError, Edition},
};

impl From<Error> for Status {
    fn from(error: Error) -> Self {
        let message = error.to_string();
        match error {
            Error::Domain(error) => status(&error),
            Error::Refusal(refused) => refusal(&refused),
            Error::Db(error) => database_problem(&error).into(),
            Error::Token(_) => Problem::new(Kind::InvalidArgument, ErrorReason::PageTokenInvalid, message).into(),
        }
    }
}

impl ApiError for BastionError {
    fn kind(&self) -> Kind {
        match self {
            Self::NotFound(_) => Kind::NotFound,
            Self::Exists(_) => Kind::AlreadyExists,
            Self::EtagMismatch(_) => Kind::Aborted,
            Self::Quota(_) | Self::InventoryQuota(_) => Kind::ResourceExhausted,
            Self::InUse { .. }
            | Self::EditionRequired { .. }
            | Self::MemberLeaving(_)
            | Self::ListingNotOpen(_)
            | Self::ImportDirection { .. } => Kind::FailedPrecondition,
            Self::NoMember(_) | Self::OwnerAbove { .. } => Kind::PermissionDenied,
            Self::Invalid { .. } | Self::UnknownReference { .. } => Kind::InvalidArgument,
        }
    }

    fn reason(&self) -> ErrorReason {
        match self {
            Self::NotFound(_) => ErrorReason::ResourceNotFound,
            Self::Exists(_) => ErrorReason::ResourceExists,
            Self::EtagMismatch(_) => ErrorReason::EtagMismatch,
            Self::Quota(_) | Self::InventoryQuota(_) => ErrorReason::BastionQuotaExceeded,
            Self::InUse { .. } => ErrorReason::BastionResourceInUse,
            Self::EditionRequired { .. } => ErrorReason::BastionEditionRequired,
            Self::NoMember(_) => ErrorReason::AccountNotEnrolled,
            Self::MemberLeaving(_) => ErrorReason::BastionMemberLeaving,
            Self::ListingNotOpen(_) => ErrorReason::BastionListingNotOpen,
            Self::OwnerAbove { .. } => ErrorReason::BastionOwnerAbove,
            Self::ImportDirection { .. } => ErrorReason::BastionImportDirection,
            Self::Invalid { .. } => ErrorReason::InvalidField,
            Self::UnknownReference { .. } => ErrorReason::BastionReferenceUnknown,
        }
    }

    fn metadata(&self) -> Vec<(&'static str, String)> {
        match self {
            Self::NotFound(name) | Self::Exists(name) | Self::EtagMismatch(name) => vec![("resource", name.clone())],
            Self::Quota(kind) => {
                vec![("resource", kind.collection().to_owned()), ("limit", kind.limit().to_string())]
            }
            Self::InUse { resource, used_by } => vec![("resource", resource.clone()), ("used_by", used_by.clone())],
            Self::EditionRequired { instance, edition } => vec![
                ("resource", instance.clone()),
                ("edition", edition.name().to_owned()),
                ("required_editions", Edition::with_multi_account()),
            ],
            Self::NoMember(account) => {
                vec![("account", account.name()), ("trusted_service", TrustedService::Bastionhost.id().to_owned())]
            }
            Self::MemberLeaving(account) => vec![("account", account.name())],
            Self::ImportDirection { account, owner } => {
                vec![("account", account.name()), ("owner_account", owner.name())]
            }
            Self::InventoryQuota(limit) => vec![("resource", "inventory".to_owned()), ("limit", limit.to_string())],
            Self::OwnerAbove { instance, owner } => {
                vec![("resource", instance.clone()), ("owner_account", owner.name())]
            }
            Self::ListingNotOpen(listing) => vec![("listing_id", listing.clone())],
            Self::UnknownReference { reference, .. } => vec![("reference", reference.clone())],
            Self::Invalid { .. } => Vec::new(),
        }
    }

    fn field_violations(&self) -> Vec<FieldViolation> {
        match self {
            Self::Invalid { field, problem } => vec![FieldViolation::new(*field, problem.clone())],
            Self::UnknownReference { field, .. } => vec![FieldViolation::new(*field, "names what does not exist")],
            _ => Vec::new(),
        }
    }

    fn quota_violations(&self) -> Vec<QuotaViolation> {
        match self {
            Self::Quota(kind) => vec![QuotaViolation::new(kind.collection(), self.to_string())],
            Self::InventoryQuota(_) => vec![QuotaViolation::new("inventory", self.to_string())],
            _ => Vec::new(),
        }
    }
}
