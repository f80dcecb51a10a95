//! Private applications, and which of them somebody wants to go to.

use bailiwick_core::AccountId;
use serde::{Deserialize, Serialize};

use super::{Meta, Resource, ResourceKind};

/// How an application is spoken to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub(crate) enum Protocol {
    Tcp,
    Udp,
    Http,
    Grpc,
    Ssh,
}

/// Ports, with both ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Ports {
    pub(crate) first: u16,
    pub(crate) last: u16,
}

/// An application of a member.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Application {
    pub(crate) meta: Meta,
    pub(crate) display_name: String,
    /// Whose it is.
    pub(crate) account: AccountId,
    /// Names or addresses, lower case; `*.` at the beginning stands for one or more labels.
    pub(crate) hosts: Vec<String>,
    pub(crate) ports: Vec<Ports>,
    pub(crate) protocol: Protocol,
    /// Beginnings of paths; all if none.
    pub(crate) http_paths: Vec<String>,
    /// Upper case; all if none.
    pub(crate) http_methods: Vec<String>,
    pub(crate) tags: Vec<String>,
}

/// Where somebody wants to go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Target {
    /// Lower case.
    pub(crate) host: String,
    pub(crate) port: u16,
    pub(crate) protocol: Protocol,
    /// Begins with `/`.
    pub(crate) path: String,
    /// Upper case.
    pub(crate) method: String,
}

impl Resource for Application {
    const KIND: ResourceKind = ResourceKind::Application;

    fn meta(&self) -> &Meta {
        &self.meta
    }

    fn meta_mut(&mut self) -> &mut Meta {
        &mut self.meta
    }
}

impl Protocol {
    /// What a request of this protocol is taken for if its client says so.
    pub(crate) const fn mistaken_for(self) -> Option<Self> {
        match self {
            Self::Http => Some(Self::Grpc),
            Self::Grpc => Some(Self::Http),
            Self::Tcp | Self::Udp | Self::Ssh => None,
        }
    }
}

impl Application {
    /// How closely the application describes a target; none if it is not about it. An exact host is closer than a
    /// pattern, a longer pattern than a shorter one, a longer path than a shorter one.
    pub(crate) fn fit(&self, target: &Target) -> Option<(bool, usize, usize)> {
        if self.protocol != target.protocol {
            return None;
        }
        self.ports.iter().find(|ports| (ports.first..=ports.last).contains(&target.port))?;
        let (exact, length) = self.hosts.iter().filter_map(|host| host_fit(host, &target.host)).max()?;
        if !matches!(self.protocol, Protocol::Http | Protocol::Grpc) {
            return Some((exact, length, 0));
        }
        let method = self.http_methods.is_empty() || self.http_methods.contains(&target.method);
        let path = match self.http_paths.as_slice() {
            [] => Some(0),
            paths => paths.iter().filter(|path| path_begins(&target.path, path)).map(String::len).max(),
        };
        path.filter(|_| method || self.protocol == Protocol::Grpc).map(|path| (exact, length, path))
    }
}

fn host_fit(pattern: &str, host: &str) -> Option<(bool, usize)> {
    if pattern == host {
        return Some((true, host.len()));
    }
    // With the dot: `*.example.com` is about no `evilexample.com`, and not about `example.com` itself.
    let suffix = pattern.strip_prefix('*')?;
    (host.len() > suffix.len() && host.ends_with(suffix)).then_some((false, suffix.len()))
}

/// Whether a path begins with whole segments.
fn path_begins(path: &str, beginning: &str) -> bool {
    let rest = path.strip_prefix(beginning.trim_end_matches('/'));
    rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(['/', '?']))
}

#[cfg(test)]
mod tests {
    use bailiwick_core::Timestamp;

    use super::*;

    fn application(hosts: &[&str], paths: &[&str], methods: &[&str]) -> Application {
        let texts = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect();
        Application {
            meta: Meta::new("rd-0000000000001".parse().unwrap(), "a", "o", Timestamp::default()),
            display_name: "a".into(),
            account: "1000000000000001".parse().unwrap(),
            hosts: texts(hosts),
            ports: vec![Ports { first: 80, last: 80 }, Ports { first: 440, last: 450 }],
            protocol: Protocol::Http,
            http_paths: texts(paths),
            http_methods: texts(methods),
            tags: Vec::new(),
        }
    }

    #[test]
    fn an_application_is_about_its_hosts_ports_paths_and_methods() {
        let target = |host: &str, port, path: &str, method: &str| Target {
            host: host.into(),
            port,
            protocol: Protocol::Http,
            path: path.into(),
            method: method.into(),
        };
        for (hosts, paths, methods, asked, fit) in [
            (&["a.x"][..], &[][..], &[][..], target("a.x", 443, "/", "GET"), Some((true, 3, 0))),
            (&["a.x"], &[], &[], target("a.x", 439, "/", "GET"), None),
            (&["*.x"], &[], &[], target("b.a.x", 80, "/", "GET"), Some((false, 2, 0))),
            (&["*.x"], &[], &[], target("x", 80, "/", "GET"), None),
            (&["*.a.x"], &[], &[], target("ba.x", 80, "/", "GET"), None),
            (&["*.x", "a.x"], &["/", "/shop/"], &[], target("a.x", 80, "/shop/1", "GET"), Some((true, 3, 6))),
            (&["a.x"], &["/shop"], &[], target("a.x", 80, "/shops", "GET"), None),
            (&["a.x"], &["/shop"], &[], target("a.x", 80, "/shop?q", "GET"), Some((true, 3, 5))),
            (&["a.x"], &[], &["GET"], target("a.x", 80, "/", "POST"), None),
        ] {
            assert_eq!(application(hosts, paths, methods).fit(&asked), fit, "{hosts:?} {paths:?} {asked:?}");
        }
        let udp = Target { protocol: Protocol::Udp, ..target("a.x", 80, "/", "") };
        assert_eq!(application(&["a.x"], &[], &[]).fit(&udp), None);
    }
}
