//! Which machine the passwords of an asset are for. They were stored for what was there then, and whoever changes an asset
//! need not know them: no change sends them to another one.

use super::{AddressType, Asset, BastionError};

impl Asset {
    /// Where sessions go; empty if it has no such address any more.
    pub(crate) fn address(&self) -> &str {
        let (private, public) = (self.seen.private_address.as_str(), self.seen.public_address.as_str());
        match self.address_type {
            Some(AddressType::Private) => private,
            Some(AddressType::Public) => public,
            None if private.is_empty() => public,
            None => private,
        }
    }

    /// Whether whoever answers there must show that it is this host. To others no password is sent that is kept here:
    /// where an imported host is, its account says, which need not know what is kept for it.
    pub(crate) fn proves_itself(&self) -> bool {
        !(self.host_keys.is_empty() && self.host_authority_keys.is_empty())
    }

    /// Whether its passwords are for the same machine as before. A host that had nothing to prove may get keys, and one that
    /// had may lose some; with others, or at another place, it would be another host.
    ///
    /// # Errors
    /// [`BastionError::Invalid`].
    pub(crate) fn check_same_machine(&self, before: &Self) -> Result<(), BastionError> {
        let narrower = |now: &[String], then: &[String]| now.iter().all(|key| then.contains(key));
        let proved = before.proves_itself();
        let field = if self.address() != before.address() {
            if self.address_type != before.address_type {
                "asset.address_type"
            } else if self.seen.private_address != before.seen.private_address {
                "asset.private_address"
            } else {
                "asset.public_address"
            }
        } else if self.ssh_port != before.ssh_port {
            "asset.ssh_port"
        } else if self.rdp_port != before.rdp_port {
            "asset.rdp_port"
        } else if self.seen.database_port != before.seen.database_port {
            "asset.database_port"
        } else if proved && (!self.proves_itself() || !narrower(&self.host_keys, &before.host_keys)) {
            "asset.host_keys"
        } else if proved && !narrower(&self.host_authority_keys, &before.host_authority_keys) {
            "asset.host_authority_keys"
        } else {
            return Ok(());
        };
        let problem = "cannot change while passwords of its accounts are kept: reset them first".to_owned();
        Err(BastionError::Invalid { field, problem })
    }
}

#[cfg(test)]
mod tests {
    use bailiwick_core::Timestamp;

    use super::*;
    use crate::bastion::domain::{AssetKind, Home, Meta, Origin, Seen};

    fn host(keys: &[&str], authorities: &[&str]) -> Asset {
        let texts = |keys: &[&str]| keys.iter().map(|key| (*key).to_owned()).collect();
        Asset {
            meta: Meta::new(
                Home::within("rd-0000000000001".parse().unwrap(), "main"),
                "web",
                "a",
                Timestamp::default(),
            ),
            display_name: "web".into(),
            comment: String::new(),
            origin: Origin::Local,
            released: false,
            seen: Seen {
                private_address: "10.0.0.1".into(),
                public_address: "192.0.2.1".into(),
                ..Seen::unknown(AssetKind::Host)
            },
            address_type: None,
            ssh_port: 0,
            rdp_port: 0,
            network_domain: String::new(),
            host_keys: texts(keys),
            host_authority_keys: texts(authorities),
        }
    }

    /// The field that is told, of a change from one host to another.
    fn moved(before: &Asset, after: &Asset) -> Option<&'static str> {
        after.check_same_machine(before).err().map(|error| match error {
            BastionError::Invalid { field, .. } => field.trim_start_matches("asset."),
            other => panic!("{other}"),
        })
    }

    #[test]
    fn a_host_may_prove_more_and_never_something_else() {
        for (before, after, field) in [
            (host(&[], &[]), host(&["a"], &[]), None),
            (host(&[], &[]), host(&[], &["ca"]), None),
            (host(&["a", "b"], &[]), host(&["b"], &[]), None),
            (host(&["a"], &["ca"]), host(&["a"], &[]), None),
            (host(&["a"], &["ca"]), host(&[], &["ca"]), None),
            (host(&["a"], &[]), host(&["a", "b"], &[]), Some("host_keys")),
            (host(&["a"], &[]), host(&["b"], &[]), Some("host_keys")),
            // Or two steps would do what one may not.
            (host(&["a"], &[]), host(&[], &[]), Some("host_keys")),
            (host(&[], &["ca"]), host(&[], &[]), Some("host_keys")),
            (host(&["a"], &[]), host(&["a"], &["ca"]), Some("host_authority_keys")),
        ] {
            let keys = |host: &Asset| format!("{:?} {:?}", host.host_keys, host.host_authority_keys);
            assert_eq!(moved(&before, &after), field, "{} to {}", keys(&before), keys(&after));
        }
        assert!(!host(&[], &[]).proves_itself());
        assert!(host(&["a"], &[]).proves_itself() && host(&[], &["ca"]).proves_itself());
    }

    #[test]
    fn a_host_is_where_sessions_go() {
        let was = host(&["a"], &[]);
        let with = |change: fn(&mut Asset)| {
            let mut changed = was.clone();
            change(&mut changed);
            changed
        };
        for (after, field) in [
            (with(|host| host.comment = "x".into()), None),
            (with(|host| host.seen.public_address = "192.0.2.2".into()), None),
            (with(|host| host.address_type = Some(AddressType::Private)), None),
            (with(|host| host.address_type = Some(AddressType::Public)), Some("address_type")),
            (with(|host| host.seen.private_address = "10.0.0.2".into()), Some("private_address")),
            (with(|host| host.seen.private_address.clear()), Some("private_address")),
            (with(|host| host.ssh_port = 2222), Some("ssh_port")),
            (with(|host| host.rdp_port = 3390), Some("rdp_port")),
            (with(|host| host.seen.database_port = 1), Some("database_port")),
        ] {
            assert_eq!(moved(&was, &after), field, "{after:?}");
        }
        let public = with(|host| host.seen.private_address.clear());
        let elsewhere =
            Asset { seen: Seen { public_address: "192.0.2.9".into(), ..public.seen.clone() }, ..public.clone() };
        assert_eq!((public.address(), moved(&public, &elsewhere)), ("192.0.2.1", Some("public_address")));
    }
}
