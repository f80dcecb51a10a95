//! Errors as callers see them.

use std::time::Duration;

use bailiwick_api::errors::v1::ErrorReason;
use bailiwick_changelog::database_problem;
use bailiwick_rpc::{ApiError, FieldViolation, Kind, Problem, QuotaViolation, refusal, status};
use tonic::Status;

use crate::posture::{app::ImportError, domain::ImportRefusal};

/// After which time an import that had to wait is gone on with.
const RETRY: Duration = Duration::from_secs(2);

impl From<ImportError> for Status {
    fn from(error: ImportError) -> Self {
        match error {
            ImportError::Domain(error) => status(&error),
            ImportError::Refusal(refused) => refusal(&refused),
            ImportError::Closed(closed) => closed.into(),
            ImportError::Db(error) => database_problem(&error).into(),
            ImportError::PageToken(error) => {
                Problem::new(Kind::InvalidArgument, ErrorReason::PageTokenInvalid, error.to_string()).into()
            }
        }
    }
}

impl ApiError for ImportRefusal {
    fn kind(&self) -> Kind {
        match self {
            Self::File { .. } | Self::NotBegun | Self::ScanAhead => Kind::InvalidArgument,
            Self::Mismatch { .. } => Kind::FailedPrecondition,
            Self::Quota { .. } => Kind::ResourceExhausted,
            Self::Busy => Kind::Unavailable,
            Self::NotFound(_) => Kind::NotFound,
        }
    }

    fn reason(&self) -> ErrorReason {
        match self {
            Self::File { .. } => ErrorReason::FindingFileInvalid,
            Self::NotBegun | Self::ScanAhead => ErrorReason::InvalidField,
            Self::Mismatch { .. } => ErrorReason::FindingImportMismatch,
            Self::Quota { .. } => ErrorReason::FindingImportQuotaExceeded,
            Self::Busy => ErrorReason::BackendUnavailable,
            Self::NotFound(_) => ErrorReason::ResourceNotFound,
        }
    }

    fn metadata(&self) -> Vec<(&'static str, String)> {
        match self {
            Self::File { problem, import } => vec![
                ("line", problem.line.to_string()),
                ("field", problem.field.clone()),
                ("finding_import", import.clone()),
            ],
            Self::Mismatch { stored_bytes, .. } => vec![("stored_bytes", stored_bytes.to_string())],
            Self::Quota { account, quota, limit } => {
                vec![("account", account.name()), ("quota", (*quota).to_owned()), ("limit", limit.to_string())]
            }
            Self::NotFound(name) => vec![("resource", name.clone())],
            Self::NotBegun | Self::ScanAhead | Self::Busy => Vec::new(),
        }
    }

    fn field_violations(&self) -> Vec<FieldViolation> {
        match self {
            Self::File { problem, .. } => vec![FieldViolation::new(&problem.field, &problem.text)],
            Self::NotBegun => vec![FieldViolation::new("options", "must be set")],
            Self::ScanAhead => vec![FieldViolation::new("options.scan_time", "must be at most an hour from now")],
            Self::Mismatch { .. } | Self::Quota { .. } | Self::NotFound(_) | Self::Busy => Vec::new(),
        }
    }

    fn quota_violations(&self) -> Vec<QuotaViolation> {
        match self {
            Self::Quota { account, .. } => vec![QuotaViolation::new(account.name(), self.to_string())],
            _ => Vec::new(),
        }
    }

    fn retry_after(&self) -> Option<Duration> {
        matches!(self, Self::Busy).then_some(RETRY)
    }
}
