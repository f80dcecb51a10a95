//! Accounts of assets, and the keys that several of them share.

use bailiwick_core::Timestamp;
use serde::{Deserialize, Serialize};

use super::{Asset, AssetKind, BastionError, CredentialKind, KnownKey, Meta, Resource, ResourceKind};

/// An account of an asset. Its secrets are kept apart.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct AssetAccount {
    pub(crate) meta: Meta,
    pub(crate) login_name: String,
    pub(crate) comment: String,
    pub(crate) has_password: bool,
    pub(crate) own_key: Option<KnownKey>,
    /// The id of the shared key that it is signed in with; empty for none.
    pub(crate) shared_key: String,
    /// When a secret was last set or forgotten.
    pub(crate) credential_time: Option<Timestamp>,
    /// Counts changes of secrets, which are kept apart: two of them can be in one moment.
    pub(crate) secrets: u64,
}

/// An account, and what becomes of its password.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct AssetAccountView {
    pub(crate) account: AssetAccount,
    /// It has one, which is sent to nobody: its host need not show that it is it.
    pub(crate) password_withheld: bool,
}

/// A private key that several accounts are signed in with. The key itself is kept apart.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct SharedKey {
    pub(crate) meta: Meta,
    pub(crate) display_name: String,
    pub(crate) comment: String,
    pub(crate) key: KnownKey,
    /// When the private key was last set.
    pub(crate) key_time: Timestamp,
}

// === impl AssetAccount ===

impl Resource for AssetAccount {
    const KIND: ResourceKind = ResourceKind::AssetAccount;

    fn meta(&self) -> &Meta {
        &self.meta
    }

    fn meta_mut(&mut self) -> &mut Meta {
        &mut self.meta
    }

    fn unique(&self) -> &str {
        &self.login_name
    }
}

impl AssetAccount {
    /// What it is signed in with, in the order in which it is tried (E-BAS-16).
    pub(crate) fn credentials(&self) -> Vec<CredentialKind> {
        let has_key = self.own_key.is_some() || !self.shared_key.is_empty();
        let kinds = [(has_key, CredentialKind::PrivateKey), (self.has_password, CredentialKind::Password)];
        kinds.into_iter().filter(|(has, _)| *has).map(|(_, kind)| kind).collect()
    }

    /// What becomes of its password, at its asset as that is now.
    pub(crate) fn at(self, asset: Option<&Asset>) -> AssetAccountView {
        let sent = asset.is_some_and(|asset| asset.seen.kind != AssetKind::Host || asset.proves_itself());
        AssetAccountView { password_withheld: self.has_password && !sent, account: self }
    }

    /// Forgets what it is signed in with.
    pub(crate) fn reset(&mut self, kind: CredentialKind) {
        match kind {
            CredentialKind::PrivateKey => {
                self.own_key = None;
                self.shared_key.clear();
            }
            CredentialKind::Password => self.has_password = false,
        }
    }

    /// Whether an asset of a kind can have it.
    ///
    /// # Errors
    /// [`BastionError::Invalid`].
    pub(crate) fn check(&self, of: AssetKind) -> Result<(), BastionError> {
        let invalid = |field, problem: &str| Err(BastionError::Invalid { field, problem: problem.to_owned() });
        let host = of == AssetKind::Host;
        match (self.own_key.is_some(), !self.shared_key.is_empty()) {
            (true, true) => invalid("asset_account.shared_key", "must not be set beside a private key of its own"),
            (true, false) if !host => invalid("asset_account.private_key", "is for hosts alone"),
            (false, true) if !host => invalid("asset_account.shared_key", "is for hosts alone"),
            _ => Ok(()),
        }
    }
}

// === impl SharedKey ===

impl Resource for SharedKey {
    const KIND: ResourceKind = ResourceKind::SharedKey;

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

#[cfg(test)]
mod tests {
    use bailiwick_core::DirectoryId;

    use super::*;
    use crate::bastion::domain::Home;

    fn own() -> Option<KnownKey> {
        Some(KnownKey { public_key: "k".into(), fingerprint: "f".into() })
    }

    fn account(has_password: bool, own_key: Option<KnownKey>, shared_key: &str) -> AssetAccount {
        let directory: DirectoryId = "rd-0000000000001".parse().unwrap();
        AssetAccount {
            meta: Meta::new(Home::of_asset(directory, "main", "web"), "root", "alice", Timestamp::default()),
            login_name: "root".into(),
            comment: String::new(),
            has_password,
            own_key,
            shared_key: shared_key.into(),
            credential_time: None,
            secrets: 0,
        }
    }

    #[test]
    fn the_key_is_tried_before_the_password() {
        use CredentialKind::{Password, PrivateKey};
        for (account, order) in [
            (account(false, None, ""), &[][..]),
            (account(true, None, ""), &[Password]),
            (account(true, own(), ""), &[PrivateKey, Password]),
            (account(false, None, "shared"), &[PrivateKey]),
        ] {
            assert_eq!(account.credentials(), order);
        }
        let mut all = account(true, own(), "");
        all.reset(PrivateKey);
        assert_eq!(all.credentials(), [Password]);
        all.reset(Password);
        assert_eq!(all.credentials(), []);
    }

    #[test]
    fn keys_are_for_hosts_and_one_at_a_time() {
        use AssetKind::{Application, Database, Host};
        for (account, of, field) in [
            (account(true, own(), ""), Host, None),
            (account(true, None, "shared"), Host, None),
            (account(true, own(), "shared"), Host, Some("asset_account.shared_key")),
            (account(true, None, ""), Database, None),
            (account(true, own(), ""), Database, Some("asset_account.private_key")),
            (account(true, None, "shared"), Application, Some("asset_account.shared_key")),
        ] {
            let found = account.check(of).err().map(|error| match error {
                BastionError::Invalid { field, .. } => field,
                other => panic!("{other}"),
            });
            assert_eq!(found, field, "{account:?} of {of:?}");
        }
    }
}
