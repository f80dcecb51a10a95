//! Facts in the contract's form: what the own state says to those who follow, and what directory's log says to us.

use std::collections::BTreeMap;

use bailiwick_api::r#type::v1::{
    AccessFactChange, AccountFact, DelegationFact, DirectoryFact, EnrolmentFact, TrustedAccessFact, access_fact::Kind,
};
use bailiwick_core::{
    AccountId, DirectoryId, IdentityName, Owner, ResourceName, Timestamp, TrustedService, authz::Fact,
};
use prost::Message;

use crate::{
    domain::{Designation, Enrolment, Folder, Membership, folder},
    store::facts::FactRow,
};

/// What a mirrored fact means here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Mirrored {
    /// An account and its membership, if it has one.
    Account(AccountId, Option<Membership>),
    /// A directory and its management account; none when the directory is gone.
    Directory(DirectoryId, Option<AccountId>),
    /// A folder, as it is now.
    Folder(Folder),
    /// The id of a folder that is gone.
    FolderGone(DirectoryId, String),
    /// Another fact: kept for those who watch.
    Other,
}

/// A fact that directory's log may not carry, or that cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("directory's log carries a fact that cannot be mirrored: {0}")]
pub struct MirrorError(String);

/// Trusted access, given or taken back.
pub fn trusted_access(directory: DirectoryId, service: TrustedService, removed: bool) -> AccessFactChange {
    let fact = TrustedAccessFact { directory: directory.name(), trusted_service: service.id().to_owned() };
    change(Kind::TrustedAccess(fact), removed)
}

/// A designation, made or ended.
pub fn delegation(designation: &Designation, removed: bool) -> AccessFactChange {
    let fact = DelegationFact {
        directory: designation.directory.name(),
        trusted_service: designation.service.id().to_owned(),
        account: designation.account.name(),
        incarnation: if removed { String::new() } else { designation.incarnation.clone() },
        folder: match &designation.folder {
            Some(id) if !removed => folder::name(designation.directory, id),
            _ => String::new(),
        },
    };
    change(Kind::Delegation(fact), removed)
}

/// An enrolment, made or ended.
pub fn enrolment(enrolment: &Enrolment, removed: bool) -> AccessFactChange {
    let fact = EnrolmentFact {
        directory: enrolment.directory.name(),
        trusted_service: enrolment.service.id().to_owned(),
        account: enrolment.account.name(),
        incarnation: if removed { String::new() } else { enrolment.incarnation.clone() },
        uid: if removed { String::new() } else { enrolment.uid.clone() },
    };
    change(Kind::Enrolment(fact), removed)
}

/// The rows of facts: of several with the same key the last.
pub fn rows<'a>(facts: impl IntoIterator<Item = &'a AccessFactChange>) -> Vec<FactRow> {
    let mut rows = BTreeMap::new();
    for change in facts {
        let Some(fact) = &change.fact else { continue };
        let kind = fact.kind.as_ref().map_or(0, order);
        let value = (!change.removed).then(|| fact.encode_to_vec());
        rows.insert(fact.key(), FactRow { key: fact.key(), kind, value });
    }
    rows.into_values().collect()
}

/// What a fact of directory's log means here.
///
/// # Errors
/// If it is malformed, or of a kind that only delegation makes.
pub fn mirrored(change: &AccessFactChange) -> Result<Mirrored, MirrorError> {
    let kind = change.fact.as_ref().and_then(|fact| fact.kind.as_ref());
    let core = change.to_core().map_err(|error| MirrorError(error.to_string()))?;
    Ok(match (core.fact, kind) {
        (Fact::Account { account, membership, .. }, Some(Kind::Account(fact))) => {
            let AccountFact { display_name, folder, suspended, .. } = fact;
            let membership = membership.filter(|_| !change.removed).map(|(directory, incarnation)| Membership {
                account,
                directory,
                incarnation,
                display_name: display_name.clone(),
                folder: folder.rsplit('/').next().unwrap_or_default().to_owned(),
                suspended: *suspended,
            });
            Mirrored::Account(account, membership)
        }
        (Fact::Directory { directory, management_account, .. }, _) => {
            Mirrored::Directory(directory, management_account.filter(|_| !change.removed))
        }
        (Fact::Folder { directory, folder: id, fact: Some(fact) }, _) if !change.removed => {
            Mirrored::Folder(Folder { directory, id, parent: fact.parent.unwrap_or_default() })
        }
        (Fact::Folder { directory, folder, .. }, _) => Mirrored::FolderGone(directory, folder),
        (
            Fact::Identity { .. }
            | Fact::Invitation { .. }
            | Fact::Policy { .. }
            | Fact::Credential { .. }
            | Fact::RootUser { .. },
            _,
        ) => Mirrored::Other,
        (other, _) => return Err(MirrorError(format!("{other:?}"))),
    })
}

/// A time in the contract's form.
pub fn timestamp(time: Timestamp) -> prost_types::Timestamp {
    let nanos = time.as_micros().rem_euclid(1_000_000) * 1_000;
    prost_types::Timestamp { seconds: time.as_seconds(), nanos: i32::try_from(nanos).unwrap_or_default() }
}

/// The key of the fact of an identity in the full list.
pub fn identity_key(identity: &IdentityName) -> String {
    format!("identity {identity}")
}

/// Directory and id of the resource name of a folder.
pub fn folder_name(name: &str) -> Option<(DirectoryId, &str)> {
    let parsed = ResourceName::parse(name).ok()?;
    let ids: [&str; 1] = parsed.ids("directories/{directory}/folders/{folder}").ok()?;
    match (parsed.owner(), ids) {
        (Owner::Directory(directory), [id]) => Some((directory, id)),
        (Owner::Account(_), _) => None,
    }
}

fn change(kind: Kind, removed: bool) -> AccessFactChange {
    if removed { AccessFactChange::gone(kind) } else { AccessFactChange::holds(kind) }
}

/// Accounts come first in a full list, then what speaks of them.
fn order(kind: &Kind) -> i32 {
    match kind {
        Kind::Account(_) => 1,
        Kind::Directory(DirectoryFact { .. }) => 2,
        Kind::Identity(_) => 3,
        Kind::TrustedAccess(_) => 4,
        Kind::Delegation(_) => 5,
        Kind::Enrolment(_) => 6,
        Kind::Invitation(_) => 7,
        Kind::Folder(_) => 8,
        Kind::Policy(_) => 9,
        Kind::Credential(_) => 10,
        Kind::RootUser(_) => 11,
    }
}
