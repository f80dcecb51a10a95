//! Where a request goes, by what Envoy says of it.

use std::net::IpAddr;

use super::envoy::{AttributeContext, HttpRequest};
use crate::access::{Protocol, Target, Wanted};

/// What a route can say in its `context_extensions`: the id of the application that it leads to.
const APPLICATION: &str = "application";
const HTTP: u16 = 80;
const HTTPS: u16 = 443;

/// Why it cannot be said where a request goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Unclear {
    /// It has no host, or a malformed one.
    #[error("the host of the request is malformed")]
    Host,
    /// What is decided on might not be what the application takes it for.
    #[error("the path of the request can be read in several ways")]
    Path,
}

/// What a request wants to reach.
pub(super) fn wanted(context: &AttributeContext, http: &HttpRequest) -> Result<Wanted, Unclear> {
    let path = path(&http.path)?;
    if let Some(application) = context.context_extensions.get(APPLICATION) {
        return Ok(Wanted::Application(application.clone()));
    }
    let (host, port) = host(&http.host, if http.scheme == "https" { HTTPS } else { HTTP }).ok_or(Unclear::Host)?;
    let grpc = http.headers.get("content-type").is_some_and(|kind| kind.starts_with("application/grpc"));
    let protocol = if grpc { Protocol::Grpc } else { Protocol::Http };
    Ok(Wanted::Request(Target { host, port, protocol, path, method: http.method.to_ascii_uppercase() }))
}

/// Where a request comes from, as Envoy sees it.
pub(super) fn source(context: &AttributeContext) -> Option<IpAddr> {
    let address = context.source.as_ref()?.address.as_ref()?.socket_address.as_ref()?;
    address.address.parse::<IpAddr>().ok().map(|address| address.to_canonical())
}

fn host(text: &str, default: u16) -> Option<(String, u16)> {
    let (host, port) = match text.rsplit_once(':') {
        // The colons of an IPv6 address are within brackets.
        Some((host, port)) if !port.contains(']') => (host, port.parse().ok()?),
        _ => (text, default),
    };
    let host = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
    let sound = !host.is_empty() && !host.contains(|c: char| c.is_whitespace() || "/@?#[]".contains(c));
    let host = host.strip_suffix('.').unwrap_or(host).to_ascii_lowercase();
    (sound && port != 0).then_some((host, port))
}

/// The path without its query, if it can be read in one way alone.
fn path(text: &str) -> Result<String, Unclear> {
    let path = text.split('?').next().unwrap_or_default();
    let encoded = path.to_ascii_lowercase();
    let hidden =
        ["%2f", "%5c", "%2e", "%00", "%25", "%3b", "%23", "%3f", "\\", "#"].iter().any(|part| encoded.contains(part));
    let mut segments = path.split('/').skip(1);
    let last = segments.clone().count().saturating_sub(1);
    let dots = |segment: &str| matches!(segment.split(';').next(), Some("." | ".."));
    let odd = segments.clone().any(dots) || segments.by_ref().take(last).any(str::is_empty);
    if path.starts_with('/') && !hidden && !odd { Ok(path.to_owned()) } else { Err(Unclear::Path) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_have_a_port() {
        for (text, expected) in [
            ("app.example.com", Some(("app.example.com", 443))),
            ("App.Example.COM:8443", Some(("app.example.com", 8443))),
            ("app.example.com.", Some(("app.example.com", 443))),
            ("10.0.0.1:80", Some(("10.0.0.1", 80))),
            ("[2001:db8::1]", Some(("2001:db8::1", 443))),
            ("[2001:db8::1]:8080", Some(("2001:db8::1", 8080))),
            ("", None),
            (":443", None),
            ("app:0", None),
            ("app:65536", None),
            ("app:x", None),
            ("a/b", None),
            ("me@app", None),
            ("a b", None),
        ] {
            let found = host(text, HTTPS);
            assert_eq!(found.as_ref().map(|(host, port)| (host.as_str(), *port)), expected, "{text}");
        }
    }

    #[test]
    fn paths_that_can_be_read_in_several_ways_are_not_decided_on() {
        for (text, expected) in [
            ("/", Some("/")),
            ("/shop/1?next=/../admin", Some("/shop/1")),
            ("/shop/", Some("/shop/")),
            ("/a.b/..c/%20", Some("/a.b/..c/%20")),
            ("/shop;v=1/x", Some("/shop;v=1/x")),
            ("", None),
            ("*", None),
            ("shop", None),
            ("//admin", None),
            ("/shop//admin", None),
            ("/shop/../admin", None),
            ("/shop/..", None),
            ("/./admin", None),
            ("/shop/..;/admin", None),
            ("/shop/..;x=1/admin", None),
            ("/shop/%2e%2E/admin", None),
            ("/shop%2Fadmin", None),
            ("/shop\\..\\admin", None),
            ("/shop%5c..", None),
            ("/shop/%252e", None),
            ("/shop/..%3b/admin", None),
            ("/shop/a%00", None),
            ("/admin#/shop", None),
            ("/shop%3Fadmin", None),
        ] {
            assert_eq!(path(text).ok().as_deref(), expected, "{text}");
        }
    }

    #[test]
    fn a_request_is_of_the_application_of_its_route_or_of_its_target() {
        let http = |kind: &str| HttpRequest {
            method: "get".into(),
            headers: [("content-type".to_owned(), kind.to_owned())].into(),
            path: "/a?b".into(),
            host: "App:81".into(),
            scheme: "https".into(),
        };
        for (kind, protocol) in [
            ("text/plain", Protocol::Http),
            ("application/grpc", Protocol::Grpc),
            ("application/grpc+proto", Protocol::Grpc),
        ] {
            let target = Target { host: "app".into(), port: 81, protocol, path: "/a".into(), method: "GET".into() };
            assert_eq!(wanted(&AttributeContext::default(), &http(kind)), Ok(Wanted::Request(target)));
        }
        let context_extensions = [("application".to_owned(), "shop".to_owned())].into();
        let context = AttributeContext { context_extensions, ..AttributeContext::default() };
        assert_eq!(wanted(&context, &http("")), Ok(Wanted::Application("shop".into())));
        assert_eq!(wanted(&context, &HttpRequest { path: "/../x".into(), ..http("") }), Err(Unclear::Path));
    }
}
