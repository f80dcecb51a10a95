//! Network domains: how assets are reached that the bastion host's own network does not reach (E-BAS-17).

use serde::{Deserialize, Serialize};

use super::{BastionError, KnownKey, Meta, Resource, ResourceKind};

/// A network domain.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct NetworkDomain {
    pub(crate) meta: Meta,
    pub(crate) display_name: String,
    pub(crate) comment: String,
    /// Through these, in this order; directly if there are none. Two at most.
    pub(crate) proxies: Vec<Proxy>,
    /// Through proxies at all.
    pub(crate) proxied: bool,
    /// Counts changes of secrets, which are kept apart.
    pub(crate) secrets: u64,
}

/// A proxy. Its secrets are kept apart.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Proxy {
    pub(crate) place: ProxyPlace,
    pub(crate) target: ProxyTarget,
    pub(crate) has_password: bool,
    pub(crate) key: Option<KnownKey>,
    /// Of which it must have one, for SSH.
    pub(crate) host_keys: Vec<String>,
}

/// Which one a proxy is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) enum ProxyPlace {
    Primary,
    Secondary,
}

/// Where a proxy is, and as whom it is signed in to: what its secrets are for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ProxyTarget {
    pub(crate) protocol: ProxyProtocol,
    pub(crate) address: String,
    /// 0 for that of the protocol.
    pub(crate) port: u16,
    pub(crate) user: String,
}

/// What a proxy speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum ProxyProtocol {
    Ssh,
    HttpConnect,
    Socks5,
}

// === impl NetworkDomain ===

impl Resource for NetworkDomain {
    const KIND: ResourceKind = ResourceKind::NetworkDomain;

    fn meta(&self) -> &Meta {
        &self.meta
    }

    fn meta_mut(&mut self) -> &mut Meta {
        &mut self.meta
    }

    fn unique(&self) -> &str {
        &self.display_name
    }
}

impl NetworkDomain {
    /// A proxy of it.
    pub(crate) fn proxy(&self, place: ProxyPlace) -> Option<&Proxy> {
        self.proxies.iter().find(|proxy| proxy.place == place)
    }

    /// Whether it says how its assets are reached.
    ///
    /// # Errors
    /// [`BastionError::Invalid`].
    pub(crate) fn check(&self) -> Result<(), BastionError> {
        let invalid = |field, problem: &str| Err(BastionError::Invalid { field, problem: problem.to_owned() });
        let (primary, secondary) = (self.proxy(ProxyPlace::Primary), self.proxy(ProxyPlace::Secondary));
        match (self.proxied, primary, secondary) {
            (true, None, _) => invalid("network_domain.primary_proxy", "must be set where proxies are used"),
            (false, Some(_), _) => invalid("network_domain.primary_proxy", "must not be set where none is used"),
            (false, None, Some(_)) => invalid("network_domain.secondary_proxy", "must not be set where none is used"),
            _ => Ok(()),
        }?;
        primary.into_iter().chain(secondary).try_for_each(Proxy::check)
    }
}

// === impl Proxy ===

impl Proxy {
    fn check(&self) -> Result<(), BastionError> {
        let [key, user, signed_in, pinned] = self.place.fields();
        let (ssh, target) = (self.target.protocol == ProxyProtocol::Ssh, &self.target);
        let problem = if ssh && target.user.is_empty() {
            Some((user, "must be set for SSH"))
        } else if ssh && !self.has_password && self.key.is_none() {
            Some((signed_in, "or a private key must be set for SSH"))
        } else if ssh && self.host_keys.is_empty() {
            Some((pinned, "must be set for SSH"))
        } else if !ssh && self.key.is_some() {
            Some((key, "is for SSH alone"))
        } else if !ssh && !self.host_keys.is_empty() {
            Some((pinned, "are for SSH alone"))
        } else if self.has_password && target.user.is_empty() {
            Some((user, "must be set beside a password"))
        } else {
            None
        };
        match problem {
            Some((field, problem)) => Err(BastionError::Invalid { field, problem: problem.to_owned() }),
            None => Ok(()),
        }
    }
}

impl ProxyPlace {
    /// Where its password and its private key are kept.
    pub(crate) const fn slots(self) -> [&'static str; 2] {
        match self {
            Self::Primary => ["primary_password", "primary_private_key"],
            Self::Secondary => ["secondary_password", "secondary_private_key"],
        }
    }

    /// The fields of a request that its private key, user, password and host keys are in.
    const fn fields(self) -> [&'static str; 4] {
        match self {
            Self::Primary => [
                "network_domain.primary_proxy.private_key",
                "network_domain.primary_proxy.user",
                "network_domain.primary_proxy.password",
                "network_domain.primary_proxy.host_keys",
            ],
            Self::Secondary => [
                "network_domain.secondary_proxy.private_key",
                "network_domain.secondary_proxy.user",
                "network_domain.secondary_proxy.password",
                "network_domain.secondary_proxy.host_keys",
            ],
        }
    }
}

#[cfg(test)]
mod tests {
    use bailiwick_core::Timestamp;

    use super::*;
    use crate::bastion::domain::Home;

    fn proxy(protocol: ProxyProtocol, user: &str, has_password: bool, has_key: bool, pinned: bool) -> Proxy {
        let key = KnownKey { public_key: "k".into(), fingerprint: "f".into() };
        Proxy {
            place: ProxyPlace::Primary,
            target: ProxyTarget { protocol, address: "proxy".into(), port: 0, user: user.into() },
            has_password,
            key: has_key.then_some(key),
            host_keys: if pinned { vec!["k".into()] } else { Vec::new() },
        }
    }

    fn field(proxied: bool, proxies: Vec<Proxy>) -> Option<&'static str> {
        let home = Home::within("rd-0000000000001".parse().unwrap(), "main");
        let domain = NetworkDomain {
            meta: Meta::new(home, "d", "alice", Timestamp::default()),
            display_name: String::new(),
            comment: String::new(),
            proxies,
            proxied,
            secrets: 0,
        };
        domain.check().err().map(|error| match error {
            BastionError::Invalid { field, .. } => field.trim_start_matches("network_domain."),
            other => panic!("{other}"),
        })
    }

    #[test]
    fn each_protocol_has_what_it_is_signed_in_with() {
        use ProxyProtocol::{HttpConnect, Socks5, Ssh};
        for (proxy, wrong) in [
            (proxy(Ssh, "a", true, false, true), None),
            (proxy(Ssh, "a", false, true, true), None),
            (proxy(Ssh, "", true, false, true), Some("primary_proxy.user")),
            (proxy(Ssh, "a", false, false, true), Some("primary_proxy.password")),
            (proxy(Ssh, "a", true, false, false), Some("primary_proxy.host_keys")),
            (proxy(Socks5, "", false, false, false), None),
            (proxy(HttpConnect, "a", true, false, false), None),
            (proxy(HttpConnect, "a", false, true, false), Some("primary_proxy.private_key")),
            (proxy(Socks5, "", false, false, true), Some("primary_proxy.host_keys")),
            (proxy(Socks5, "", true, false, false), Some("primary_proxy.user")),
        ] {
            assert_eq!(field(true, vec![proxy.clone()]), wrong, "{proxy:?}");
        }
    }

    #[test]
    fn proxies_are_there_where_they_are_used_and_nowhere_else() {
        let socks = proxy(ProxyProtocol::Socks5, "", false, false, false);
        let second = Proxy { place: ProxyPlace::Secondary, ..socks.clone() };
        assert_eq!(field(false, Vec::new()), None);
        assert_eq!(field(true, Vec::new()), Some("primary_proxy"));
        assert_eq!(field(true, vec![second.clone()]), Some("primary_proxy"));
        assert_eq!(field(false, vec![socks.clone()]), Some("primary_proxy"));
        assert_eq!(field(false, vec![second.clone()]), Some("secondary_proxy"));
        assert_eq!(field(true, vec![socks, second]), None);
    }
}
