//! The headers that pass, and those that do not.
//!
//! Roles trust `bw-*`: nothing of that name passes from outside. Credentials end here.

use bailiwick_api::errors::v1::ErrorReason;
use bailiwick_rpc::{Kind, Problem};
use http::{
    HeaderMap, HeaderName, HeaderValue,
    header::{
        AUTHORIZATION, CONNECTION, CONTENT_LENGTH, CONTENT_TYPE, COOKIE, FORWARDED, HOST, PROXY_AUTHENTICATE,
        PROXY_AUTHORIZATION, TE, TRAILER, TRANSFER_ENCODING, UPGRADE,
    },
};

use super::deadline::GRPC_TIMEOUT;

/// The id of a call, on every answer.
pub const REQUEST_ID: &str = "bailiwick-request-id";
/// Between the roles alone.
const OURS: &str = "bw-";
const FORWARDED_BY: &str = "x-forwarded-";
/// Most bytes of the headers that pass inward, each counted with 32 more, as HTTP/2 counts. All callers share the
/// connections to a role, which breaks off one whose headers take too many frames; on the wire they may take nearly four
/// times what they count for, and the caller context comes on top.
const MAX_INWARD: usize = 8 << 10;

/// What passes from the caller to the service.
pub fn inward(headers: &HeaderMap) -> HeaderMap {
    let named = named_by_connection(headers);
    let mut passed = HeaderMap::with_capacity(headers.len() + 4);
    for (name, value) in headers {
        let ends_here = *name == AUTHORIZATION
            || *name == COOKIE
            || *name == HOST
            || *name == CONTENT_LENGTH
            || *name == FORWARDED
            || name.as_str() == GRPC_TIMEOUT
            || name.as_str() == REQUEST_ID
            || name.as_str() == "x-real-ip"
            || name.as_str().starts_with(FORWARDED_BY);
        if !(ends_here || stays(name) || named.contains(name)) {
            passed.append(name, value.clone());
        }
    }
    passed.insert(TE, HeaderValue::from_static("trailers"));
    passed
}

/// Whether what passes inward does so within the bound.
///
/// # Errors
/// RESOURCE_EXHAUSTED, REQUEST_TOO_LARGE.
pub fn check(passed: &HeaderMap) -> Result<(), Problem> {
    let bytes: usize = passed.iter().map(|(name, value)| name.as_str().len() + value.len() + 32).sum();
    if bytes <= MAX_INWARD {
        return Ok(());
    }
    let message = format!("the metadata of the call is over {MAX_INWARD} bytes");
    Err(Problem::new(Kind::ResourceExhausted, ErrorReason::RequestTooLarge, message)
        .with("limit_bytes", MAX_INWARD.to_string()))
}

/// What passes from the service to the caller.
pub fn outward(headers: &HeaderMap) -> HeaderMap {
    let mut passed = HeaderMap::with_capacity(headers.len() + 1);
    for (name, value) in headers.iter().filter(|(name, _)| !stays(name)) {
        passed.append(name, value.clone());
    }
    passed
}

/// Whether the content type is gRPC's own, with any message format.
pub fn is_grpc(headers: &HeaderMap) -> bool {
    let value = headers.get(CONTENT_TYPE).map_or(&[][..], HeaderValue::as_bytes);
    value.strip_prefix(b"application/grpc").is_some_and(|rest| matches!(rest.first(), None | Some(b'+' | b';')))
}

/// Whether the content type is that of grpc-web.
pub fn is_grpc_web(headers: &HeaderMap) -> bool {
    headers.get(CONTENT_TYPE).is_some_and(|value| value.as_bytes().starts_with(b"application/grpc-web"))
}

/// Whether a header is of one connection, or of the roles, in either direction.
fn stays(name: &HeaderName) -> bool {
    name.as_str().starts_with(OURS)
        || *name == CONNECTION
        || *name == TE
        || *name == TRAILER
        || *name == TRANSFER_ENCODING
        || *name == UPGRADE
        || *name == PROXY_AUTHENTICATE
        || *name == PROXY_AUTHORIZATION
        || matches!(name.as_str(), "keep-alive" | "proxy-connection" | "http2-settings")
}

fn named_by_connection(headers: &HeaderMap) -> Vec<HeaderName> {
    let values = headers.get_all(CONNECTION).iter().filter_map(|value| value.to_str().ok());
    values.flat_map(|value| value.split(',')).filter_map(|name| name.trim().parse().ok()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn map(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in pairs {
            headers.append(HeaderName::from_static(name), HeaderValue::from_static(value));
        }
        headers
    }

    #[test]
    fn only_what_is_the_callers_to_say_passes_inward() {
        let headers = map(&[
            ("bw-caller-bin", "AAAA"),
            ("bw-caller-bin", "BBBB"),
            ("bw-operator-bin", "AAAA"),
            ("bw-anything", "x"),
            ("authorization", "Bearer x"),
            ("cookie", "a=b"),
            ("x-forwarded-for", "10.0.0.1"),
            ("forwarded", "for=10.0.0.1"),
            ("x-real-ip", "10.0.0.1"),
            ("connection", "keep-alive, x-hop"),
            ("x-hop", "1"),
            ("keep-alive", "1"),
            ("transfer-encoding", "chunked"),
            ("upgrade", "h2c"),
            ("proxy-authorization", "x"),
            ("te", "gzip"),
            ("host", "example.org"),
            ("content-length", "5"),
            ("grpc-timeout", "1H"),
            ("bailiwick-request-id", "mine"),
            ("content-type", "application/grpc"),
            ("grpc-accept-encoding", "gzip"),
            ("traceparent", "00-aa-bb-01"),
            ("bailiwick-consistency-token", "a"),
            ("bailiwick-consistency-token", "b"),
            ("x-own-bin", "AAAA"),
            ("xbw-not-ours", "1"),
        ]);
        let expected = map(&[
            ("content-type", "application/grpc"),
            ("grpc-accept-encoding", "gzip"),
            ("traceparent", "00-aa-bb-01"),
            ("bailiwick-consistency-token", "a"),
            ("bailiwick-consistency-token", "b"),
            ("x-own-bin", "AAAA"),
            ("xbw-not-ours", "1"),
            ("te", "trailers"),
        ]);
        assert_eq!(inward(&headers), expected);
    }

    #[test]
    fn content_types_are_told_apart() {
        for (value, grpc, web) in [
            ("application/grpc", true, false),
            ("application/grpc+proto", true, false),
            ("application/grpc;charset=utf-8", true, false),
            ("application/grpc-web+proto", false, true),
            ("application/grpc-web-text", false, true),
            ("application/grpcx", false, false),
            ("text/html", false, false),
        ] {
            let headers = map(&[("content-type", value)]);
            assert_eq!((is_grpc(&headers), is_grpc_web(&headers)), (grpc, web), "{value}");
        }
        assert!(!is_grpc(&HeaderMap::new()));
    }
}
