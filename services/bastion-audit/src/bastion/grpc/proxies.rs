//! Proxies of network domains.

use bailiwick_api::bastion::v1 as pb;
use bailiwick_rpc::InvalidFields;

use super::{
    asset_read::{is_address, port},
    parse,
};
use crate::bastion::{
    app::Secrets,
    domain::{OwnKey, Proxy, ProxyPlace, ProxyProtocol, ProxyTarget, Secret, read_private_key},
};

/// What is asked of a proxy.
pub(super) struct ProxyDraft {
    target: ProxyTarget,
    /// None if it was not sent.
    password: Option<Secret>,
    key: Option<OwnKey>,
    host_keys: Vec<String>,
}

impl ProxyDraft {
    /// The proxy after what it was before. A secret is for where it was set: it is not sent anywhere else, and not to a host
    /// that shows another key.
    pub(super) fn made(&self, place: ProxyPlace, before: Option<Proxy>) -> (Proxy, Secrets) {
        let same = |before: &Proxy| {
            before.target == self.target && self.host_keys.iter().all(|key| before.host_keys.contains(key))
        };
        let before = before.filter(same);
        let [password_slot, key_slot] = place.slots();
        let mut secrets = Secrets::new();
        let mut has_password = before.as_ref().is_some_and(|before| before.has_password);
        if self.password.is_some() || !has_password {
            secrets.push((password_slot, self.password.clone()));
            has_password = self.password.is_some();
        }
        let mut key = before.and_then(|before| before.key);
        if self.key.is_some() || key.is_none() {
            secrets.push((key_slot, self.key.as_ref().map(|key| key.secret.clone())));
            key = self.key.as_ref().map(|key| key.known.clone());
        }
        let (target, host_keys) = (self.target.clone(), self.host_keys.clone());
        (Proxy { place, target, has_password, key, host_keys }, secrets)
    }
}

/// What is asked of a proxy.
pub(super) fn read_proxy(fields: &mut InvalidFields, field: &str, asked: pb::Proxy) -> Option<ProxyDraft> {
    let at = |part: &str| format!("{field}.{part}");
    let protocol = match fields.enumeration(at("protocol"), asked.protocol) {
        Some(pb::ProxyProtocol::Ssh) => Some(ProxyProtocol::Ssh),
        Some(pb::ProxyProtocol::HttpConnect) => Some(ProxyProtocol::HttpConnect),
        Some(pb::ProxyProtocol::Socks5) => Some(ProxyProtocol::Socks5),
        Some(pb::ProxyProtocol::Unspecified) | None => None,
    };
    fields.check(at("address"), is_address(&asked.address), "must be an IP address or a host name in lower case");
    let port = port(fields, at("port"), asked.port);
    let user = match asked.user.as_str() {
        "" => String::new(),
        user => parse::login_name(fields, at("user"), user),
    };
    let password = match asked.password.as_str() {
        "" => None,
        text => parse::password(fields, at("password"), text),
    };
    let key = match asked.private_key.is_empty() {
        true => None,
        false => fields.take(at("private_key"), read_private_key(asked.private_key)),
    };
    let host_keys = parse::public_keys(fields, &at("host_keys"), &asked.host_keys);
    let target = ProxyTarget { protocol: protocol?, address: asked.address, port, user };
    Some(ProxyDraft { target, password, key, host_keys })
}

/// A proxy as it is answered.
pub(super) fn proxy(proxy: &Proxy) -> pb::Proxy {
    let protocol = match proxy.target.protocol {
        ProxyProtocol::Ssh => pb::ProxyProtocol::Ssh,
        ProxyProtocol::HttpConnect => pb::ProxyProtocol::HttpConnect,
        ProxyProtocol::Socks5 => pb::ProxyProtocol::Socks5,
    };
    pb::Proxy {
        protocol: protocol.into(),
        address: proxy.target.address.clone(),
        port: proxy.target.port.into(),
        user: proxy.target.user.clone(),
        password: String::new(),
        private_key: String::new(),
        has_password: proxy.has_password,
        private_key_fingerprint: proxy.key.as_ref().map(|key| key.fingerprint.clone()).unwrap_or_default(),
        host_keys: proxy.host_keys.clone(),
    }
}
