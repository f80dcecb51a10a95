use bailiwick_core::authz::{Reason, Refusal};

use super::*;

/// An error with everything.
struct Full;

impl fmt::Display for Full {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the member is in use")
    }
}

impl ApiError for Full {
    fn kind(&self) -> Kind {
        Kind::FailedPrecondition
    }

    fn reason(&self) -> ErrorReason {
        ErrorReason::MemberInUse
    }

    fn metadata(&self) -> Vec<(&'static str, String)> {
        vec![("claim", "designation".to_owned())]
    }

    fn field_violations(&self) -> Vec<FieldViolation> {
        vec![FieldViolation::new("name", "in use")]
    }

    fn precondition_violations(&self) -> Vec<PreconditionViolation> {
        vec![PreconditionViolation::new("CLAIM", "sase", "blocks")]
    }

    fn quota_violations(&self) -> Vec<QuotaViolation> {
        vec![QuotaViolation::new("members", "20 at most")]
    }

    fn retry_after(&self) -> Option<Duration> {
        Some(Duration::from_millis(1_500))
    }
}

#[test]
fn an_error_has_all_its_details() {
    let status = with_call_id(status(&Full), "c-1");
    assert_eq!((status.code(), status.message()), (Code::FailedPrecondition, "the member is in use"));
    let details = status.get_error_details();
    let info = details.error_info().unwrap();
    assert_eq!((info.reason.as_str(), info.domain.as_str()), ("MEMBER_IN_USE", "bailiwick.dev"));
    assert_eq!(info.metadata, HashMap::from([("claim".to_owned(), "designation".to_owned())]));
    let field = &details.bad_request().unwrap().field_violations[0];
    assert_eq!((field.field.as_str(), field.description.as_str()), ("name", "in use"));
    let precondition = &details.precondition_failure().unwrap().violations[0];
    assert_eq!((precondition.r#type.as_str(), precondition.subject.as_str()), ("CLAIM", "sase"));
    assert_eq!(precondition.description, "blocks");
    let quota = &details.quota_failure().unwrap().violations[0];
    assert_eq!((quota.subject.as_str(), quota.description.as_str()), ("members", "20 at most"));
    assert_eq!(details.retry_info().unwrap().retry_delay, Some(Duration::from_millis(1_500)));
    assert_eq!(details.request_info().unwrap().request_id, "c-1");
}

/// What clients in other languages see of a refusal: any change here is a change of the contract.
#[test]
fn the_bytes_of_the_details_are_as_ever() {
    let problem = Problem::new(Kind::NotFound, ErrorReason::ResourceNotFound, "gone").with("resource", "accounts/1");
    let status = with_call_id(problem.into(), "c-1");
    let any = |name: &str, body: &[u8]| {
        let url = format!("type.googleapis.com/google.rpc.{name}");
        field(3, &[field(1, url.as_bytes()), field(2, body)].concat())
    };
    let entry = [field(1, b"resource"), field(2, b"accounts/1")].concat();
    let info = [field(1, b"RESOURCE_NOT_FOUND"), field(2, b"bailiwick.dev"), field(3, &entry)].concat();
    let expected = [vec![8, 5], field(2, b"gone"), any("ErrorInfo", &info), any("RequestInfo", &field(1, b"c-1"))];
    assert_eq!(status.details(), expected.concat());
}

/// A field of protobuf with a length.
fn field(number: u8, bytes: &[u8]) -> Vec<u8> {
    [&[number << 3 | 2, u8::try_from(bytes.len()).unwrap()], bytes].concat()
}

// covers: R-GW-11
#[test]
fn every_refusal_has_its_code_and_reason() {
    for reason in Reason::ALL {
        let refused = Refusal {
            reason,
            message: "no".to_owned(),
            metadata: vec![("required_seat", "MANAGEMENT_ACCOUNT".to_owned())],
            field: (reason == Reason::InvalidField).then_some("name"),
        };
        let status = refusal(&refused);
        let info = status.get_details_error_info().unwrap();
        assert_eq!((info.reason.as_str(), info.domain.as_str()), (reason.as_str(), "bailiwick.dev"));
        assert_eq!(info.metadata["required_seat"], "MANAGEMENT_ACCOUNT");
        assert!(ErrorReason::from_str_name(&format!("ERROR_REASON_{}", info.reason)).is_some());
        assert_eq!(format!("{:?}", status.code()), format!("{:?}", reason.code()));
        assert_eq!(status.get_details_bad_request().is_some(), reason == Reason::InvalidField);
    }
}

#[test]
fn every_kind_is_its_code() {
    let kinds = [
        Kind::InvalidArgument,
        Kind::Unauthenticated,
        Kind::PermissionDenied,
        Kind::NotFound,
        Kind::AlreadyExists,
        Kind::FailedPrecondition,
        Kind::Aborted,
        Kind::ResourceExhausted,
        Kind::Unavailable,
        Kind::Unimplemented,
        Kind::Internal,
    ];
    for kind in kinds {
        assert_eq!(format!("{kind:?}"), format!("{:?}", kind.code()));
    }
}

#[test]
fn faults_are_not_shown() {
    let sql = "select secret from keys";
    for (kind, reason) in
        [(Kind::Internal, ErrorReason::Internal), (Kind::Unavailable, ErrorReason::DatabaseUnavailable)]
    {
        let status = status(&Problem::new(kind, reason, sql));
        assert!(!format!("{status:?}").contains("select"), "{status:?}");
        assert!(!String::from_utf8_lossy(status.details()).contains("select"));
    }
}

#[test]
fn statuses_of_the_infrastructure_get_a_reason_and_lose_their_words() {
    let cases = [
        (Code::Unknown, Code::Internal, "INTERNAL"),
        (Code::DataLoss, Code::Internal, "INTERNAL"),
        (Code::Unimplemented, Code::Unimplemented, "METHOD_UNKNOWN"),
        (Code::OutOfRange, Code::ResourceExhausted, "REQUEST_TOO_LARGE"),
        (Code::Unavailable, Code::Unavailable, "BACKEND_UNAVAILABLE"),
    ];
    for (from, code, reason) in cases {
        let status = with_call_id(Status::with_details(from, "tcp 10.0.0.1 failed", bytes::Bytes::new()), "c-1");
        assert_eq!((status.code(), status.get_details_error_info().unwrap().reason.as_str()), (code, reason));
        assert!(!status.message().contains("10.0.0.1"));
        assert_eq!(status.get_details_request_info().unwrap().request_id, "c-1");
    }
    let cancelled = with_call_id(Status::cancelled("by the client"), "c-1");
    assert_eq!((cancelled.code(), cancelled.message()), (Code::Cancelled, "by the client"));
}

#[test]
fn the_id_of_the_call_that_failed_first_is_kept() {
    let inner = with_call_id(status(&Full), "inner");
    assert_eq!(with_call_id(inner, "outer").get_details_request_info().unwrap().request_id, "inner");
}

/// An error with too much of everything.
struct Huge;

impl fmt::Display for Huge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&"ä".repeat(10_000))
    }
}

impl ApiError for Huge {
    fn kind(&self) -> Kind {
        Kind::FailedPrecondition
    }

    fn reason(&self) -> ErrorReason {
        ErrorReason::MemberInUse
    }

    fn metadata(&self) -> Vec<(&'static str, String)> {
        vec![("claim", "ä".repeat(10_000)); 100]
    }

    fn precondition_violations(&self) -> Vec<PreconditionViolation> {
        vec![PreconditionViolation::new("CLAIM", "x".repeat(100_000), "blocks"); 1_000]
    }

    fn quota_violations(&self) -> Vec<QuotaViolation> {
        vec![QuotaViolation::new("members", "at most"); 1_000]
    }
}

#[test]
fn details_are_bounded() {
    let status = with_call_id(status(&Huge), "c-1");
    assert!(status.details().len() <= MAX_DETAILS, "{}", status.details().len());
    assert!(status.message().len() <= MAX_MESSAGE);
    assert_eq!(status.get_details_error_info().unwrap().reason, "MEMBER_IN_USE");
    assert_eq!(status.get_details_request_info().unwrap().request_id, "c-1");
}
