//! Where traffic is let through or stopped.

use bailiwick_core::{DirectoryId, Timestamp};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use subtle::{Choice, ConstantTimeEq};

use super::{Meta, Resource, ResourceKind};

/// What credentials begin with, so that they are found where they do not belong.
const PREFIX: &str = "bwep";

/// A point.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct EnforcementPoint {
    pub(crate) meta: Meta,
    pub(crate) display_name: String,
    /// Lower case; never empty.
    pub(crate) token_header: String,
    pub(crate) forward_token: bool,
    /// SHA-256 of the secret.
    pub(crate) secret_hash: [u8; 32],
    /// That of the secret before, and until when it is accepted.
    pub(crate) former: Option<([u8; 32], Timestamp)>,
}

/// A credential as it is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Credential<'a> {
    pub(crate) directory: DirectoryId,
    pub(crate) id: &'a str,
    pub(crate) secret: &'a str,
}

impl Resource for EnforcementPoint {
    const KIND: ResourceKind = ResourceKind::EnforcementPoint;

    fn meta(&self) -> &Meta {
        &self.meta
    }

    fn meta_mut(&mut self) -> &mut Meta {
        &mut self.meta
    }
}

impl EnforcementPoint {
    /// Has another secret from now on, and the present one until then.
    pub(crate) fn rotate(&mut self, secret_hash: [u8; 32], until: Option<Timestamp>) {
        self.former = until.map(|until| (self.secret_hash, until));
        self.secret_hash = secret_hash;
    }

    /// Whether a secret is accepted now. How long it takes says nothing about the secret.
    pub(crate) fn accepts(&self, secret: &str, now: Timestamp) -> bool {
        let hash: [u8; 32] = Sha256::digest(secret).into();
        let former = self
            .former
            .map_or(Choice::from(0), |(former, until)| former.ct_eq(&hash) & Choice::from(u8::from(now < until)));
        (self.secret_hash.ct_eq(&hash) | former).into()
    }

    /// Until when the secret before is accepted, if it is.
    pub(crate) fn former_until(&self, now: Timestamp) -> Option<Timestamp> {
        self.former.map(|(_, until)| until).filter(|until| now < *until)
    }
}

impl<'a> Credential<'a> {
    /// Takes a credential apart; none if it is malformed.
    pub(crate) fn parse(text: &'a str) -> Option<Self> {
        let mut parts = text.split('.');
        let (Some(PREFIX), Some(directory), Some(id), Some(secret), None) =
            (parts.next(), parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return None;
        };
        let directory = directory.parse().ok()?;
        (!id.is_empty() && !secret.is_empty()).then_some(Self { directory, id, secret })
    }

    /// As it is shown.
    pub(crate) fn text(&self) -> String {
        format!("{PREFIX}.{}.{}.{}", self.directory, self.id, self.secret)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn credentials_are_what_they_were() {
        let directory = "rd-0000000000001".parse().unwrap();
        let credential = Credential { directory, id: "edge-1", secret: "s3cret" };
        assert_eq!(Credential::parse(&credential.text()), Some(credential));
        for wrong in [
            "",
            "bwep",
            "bwep.rd-0000000000001.edge",
            "bwep.x.edge.s",
            "bwep.rd-0000000000001..s",
            "bwep.rd-0000000000001.edge.",
            "bwep.rd-0000000000001.edge.s.t",
            "BWEP.rd-0000000000001.edge.s",
        ] {
            assert_eq!(Credential::parse(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn the_secret_before_is_accepted_for_as_long_as_was_said() {
        let hash = |secret: &str| -> [u8; 32] { Sha256::digest(secret).into() };
        let at = Timestamp::from_micros;
        let mut point = EnforcementPoint {
            meta: Meta::new("rd-0000000000001".parse().unwrap(), "edge", "o", at(0)),
            display_name: "edge".into(),
            token_header: "authorization".into(),
            forward_token: false,
            secret_hash: hash("one"),
            former: None,
        };
        assert!(point.accepts("one", at(0)) && !point.accepts("two", at(0)) && !point.accepts("", at(0)));
        point.rotate(hash("two"), Some(at(5)));
        for (secret, time, accepted) in
            [("one", 4, true), ("one", 5, false), ("two", 4, true), ("two", 9, true), ("zero", 4, false)]
        {
            assert_eq!(point.accepts(secret, at(time)), accepted, "{secret} {time}");
        }
        assert_eq!((point.former_until(at(4)), point.former_until(at(5))), (Some(at(5)), None));
        point.rotate(hash("three"), None);
        assert!(point.accepts("three", at(6)) && !point.accepts("two", at(6)));
    }
}
