//! What requests have in common.

use std::collections::BTreeSet;

use bailiwick_changelog::log_position;
use bailiwick_core::{Owner, Timestamp};
use bailiwick_db::{Committed, DbError, IdempotencyKey, SealError};
use bailiwick_rpc::{Call, InvalidFields, respond};
use prost::Message;
use sha2::{Digest, Sha256};
use tonic::{Response, Status};
use zeroize::Zeroizing;

use crate::{
    ROLE,
    bastion::{
        app::{Bastion, Error},
        domain::{ResourceKind, Secret, read_public_key},
    },
};

/// Longest id.
const ID_MAX: usize = 64;
/// Longest display name (E-BAS-05).
const DISPLAY_NAME_MAX: usize = 128;
/// Longest comment (E-BAS-05).
const COMMENT_MAX: usize = 500;

/// Longest name of an account of an asset.
const LOGIN_NAME_MAX: usize = 64;
/// Longest password.
const PASSWORD_MAX: usize = 256;
/// Most public keys of a host.
const PUBLIC_KEYS_MAX: usize = 8;

/// What makes a change one with its repetition. `content` is the request with its request id taken out.
pub(super) fn key(fields: &mut InvalidFields, call: &Call, request_id: &str, content: &impl Message) -> IdempotencyKey {
    let method = call.permit.path();
    let hash = Sha256::new().chain_update(method).chain_update([0]).chain_update(content.encode_to_vec());
    IdempotencyKey {
        scope: call.operator.principal.clone(),
        method: method.to_owned(),
        request_id: fields.request_id("request_id", request_id),
        fingerprint: hash.finalize().into(),
    }
}

/// The same where the request has a secret: what is kept of it tells nothing to whoever has the database alone.
pub(super) fn secret_key(
    fields: &mut InvalidFields,
    (call, bastion): (&Call, &Bastion),
    request_id: &str,
    content: &impl Message,
) -> Result<IdempotencyKey, Status> {
    let content = Zeroizing::new(content.encode_to_vec());
    let digest = bastion.sealer().digest(&[b"request", call.permit.path().as_bytes()], &content);
    let unsealed = |error: SealError| Error::from(DbError::Other(error.into()));
    Ok(IdempotencyKey {
        scope: call.operator.principal.clone(),
        method: call.permit.path().to_owned(),
        request_id: fields.request_id("request_id", request_id),
        fingerprint: digest.map_err(unsealed)?,
    })
}

/// Whether a text can be an id. An id has none of the characters by which users, accounts and assets are told apart in the
/// user name of an SSH client, and is not taken for an option.
pub(super) fn is_id(id: &str) -> bool {
    let letters = id.bytes().all(|b| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'-'));
    letters && (1..=ID_MAX).contains(&id.len()) && !id.starts_with('-')
}

/// The id of a resource to be created, or another text of the same form.
pub(super) fn new_id(fields: &mut InvalidFields, field: &str, id: &str) {
    fields.check(field, is_id(id), "must have 1 to 64 characters of a-z, 0-9 and -, the first not -");
}

/// A display name; empty where it is at fault.
pub(super) fn display_name(fields: &mut InvalidFields, field: String, text: &str) -> String {
    fields.text(field, text, 1..=DISPLAY_NAME_MAX).unwrap_or_default()
}

/// A comment; empty where it is at fault.
pub(super) fn comment(fields: &mut InvalidFields, field: String, text: &str) -> String {
    fields.text(field, text, 0..=COMMENT_MAX).unwrap_or_default()
}

/// The id in the name of a bastion host of the call's directory.
pub(super) fn instance_id(fields: &mut InvalidFields, call: &Call, field: &str, name: &str) -> Option<String> {
    let [id] = ids(fields, call, field, ResourceKind::Instance, name)?;
    Some(id.to_owned())
}

/// The ids in the name of a resource of the call's directory, that of the directory left out.
pub(super) fn ids<'a, const N: usize>(
    fields: &mut InvalidFields,
    call: &Call,
    field: &str,
    kind: ResourceKind,
    name: &'a str,
) -> Option<[&'a str; N]> {
    let (owner, ids) = fields.name::<N>(field, name, kind.pattern())?;
    let own = matches!((owner, call.permit.tenant_directory()), (Owner::Directory(one), Ok(other)) if one == other);
    let sound = own && ids.iter().all(|id| is_id(id));
    fields.check(field, sound, format!("must be of the form `{}`, of the directory of the call", kind.pattern()));
    sound.then_some(ids)
}

/// The ids of resources of a bastion host, each once.
pub(super) fn ids_within(
    fields: &mut InvalidFields,
    field: &str,
    (kind, most): (ResourceKind, usize),
    parent: &str,
    names: &[String],
) -> Vec<String> {
    fields.check(field, (1..=most).contains(&names.len()), format!("must have 1 to {most}"));
    let (mut ids, mut seen) = (Vec::new(), BTreeSet::new());
    for (at, name) in names.iter().enumerate().take(most) {
        let field = format!("{field}[{at}]");
        ids.extend(id_within(fields, &field, kind, parent, name));
        fields.check(field, seen.insert(name), "must be there once");
    }
    ids
}

/// The id of a resource of a bastion host.
pub(super) fn id_within(
    fields: &mut InvalidFields,
    field: &str,
    kind: ResourceKind,
    parent: &str,
    name: &str,
) -> Option<String> {
    let within = name.strip_prefix(parent).and_then(|rest| rest.strip_prefix('/'));
    let id = within.and_then(|rest| rest.strip_prefix(kind.collection())?.strip_prefix('/'));
    let id = id.filter(|id| is_id(id));
    fields.check(field, id.is_some(), format!("must be of the form `{}`, of the same bastion host", kind.pattern()));
    id.map(str::to_owned)
}

/// The place of what is in an asset.
pub(super) fn inside(instance: &str, asset: &str) -> String {
    format!("{instance}/{}/{asset}", ResourceKind::Asset.collection())
}

/// The same, by the name of the asset.
pub(super) fn asset_place(fields: &mut InvalidFields, call: &Call, field: &str, name: &str) -> Option<String> {
    let [instance, asset] = ids(fields, call, field, ResourceKind::Asset, name)?;
    Some(inside(instance, asset))
}

/// The name of the bastion host of an asset, or of what is in it.
pub(super) fn instance_of(name: &str) -> String {
    name.split("/assets/").next().unwrap_or_default().to_owned()
}

/// A login name; empty where it is at fault. It has none of the characters by which users, accounts and assets are told
/// apart in the user name of an SSH client.
pub(super) fn login_name(fields: &mut InvalidFields, field: String, text: &str) -> String {
    fields.check(
        field,
        is_login_name(text),
        "must have 1 to 64 characters of A-Z, a-z, 0-9, `.`, `_` and `-`, the first not `-`",
    );
    text.to_owned()
}

/// An option, and what stands for a folder, is nobody's name.
fn is_login_name(text: &str) -> bool {
    let letters = text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-'));
    let sound = letters && (1..=LOGIN_NAME_MAX).contains(&text.len());
    sound && !text.starts_with('-') && !matches!(text, "." | "..")
}

/// A password; none where it is at fault.
pub(super) fn password(fields: &mut InvalidFields, field: String, text: &str) -> Option<Secret> {
    let sound = text.chars().count() <= PASSWORD_MAX && !text.contains(['\0', '\r', '\n']);
    fields.check(field, sound, "must have at most 256 characters, and no line break");
    sound.then(|| Secret::new(text.to_owned()))
}

/// Public keys, each once and in its one spelling.
pub(super) fn public_keys(fields: &mut InvalidFields, field: &str, keys: &[String]) -> Vec<String> {
    let mut read = Vec::new();
    if !at_most(fields, field, keys.len(), PUBLIC_KEYS_MAX) {
        return read;
    }
    for (at, key) in keys.iter().enumerate() {
        let field = format!("{field}[{at}]");
        let Some(known) = fields.take(field.clone(), read_public_key(key)) else { continue };
        fields.check(field, !read.contains(&known.public_key), "must be there once");
        read.push(known.public_key);
    }
    read
}

/// Whether a list is not too long.
pub(super) fn at_most(fields: &mut InvalidFields, field: &str, count: usize, most: usize) -> bool {
    fields.check(field, count <= most, format!("must have at most {most}"));
    count <= most
}

/// Makes a value what is asked, if anything is.
pub(super) fn set<T: Clone>(to: &mut T, asked: Option<&T>) {
    if let Some(asked) = asked {
        to.clone_from(asked);
    }
}

/// Which fields of a resource a request is about.
pub(super) struct Named(Option<Vec<String>>);

impl Named {
    /// All of them, of a resource that is made.
    pub(super) fn whole() -> Self {
        Self(None)
    }

    /// Those of a mask.
    pub(super) fn read(fields: &mut InvalidFields, mask: Option<prost_types::FieldMask>, known: &[&str]) -> Self {
        let paths = mask.unwrap_or_default().paths;
        for path in paths.iter().filter(|path| !known.contains(&path.as_str())) {
            fields.violation("update_mask", format!("`{path}` cannot be updated"));
        }
        Self(Some(paths))
    }

    /// Whether a field is one of them.
    pub(super) fn is(&self, field: &str) -> bool {
        self.0.as_ref().is_none_or(|paths| paths.is_empty() || paths.iter().any(|path| path == field))
    }

    /// Whether a secret is one of them: among all fields of a resource that is there, one that was not sent is not, since
    /// nobody can read it to send it back.
    pub(super) fn secret(&self, field: &str, sent: &str) -> bool {
        self.is(field) && (!sent.is_empty() || self.0.as_ref().is_none_or(|paths| !paths.is_empty()))
    }
}

/// A moment, to the microsecond.
pub(super) fn moment(
    fields: &mut InvalidFields,
    field: &str,
    asked: Option<&prost_types::Timestamp>,
) -> Option<Timestamp> {
    let asked = asked?;
    let nanos = (0..1_000_000_000).contains(&asked.nanos).then_some(i64::from(asked.nanos));
    // What a calendar can show, the years 1 to 9999.
    let seconds = (-62_135_596_800..253_402_300_800).contains(&asked.seconds).then_some(asked.seconds);
    let us = seconds.zip(nanos).map(|(seconds, nanos)| seconds * 1_000_000 + nanos / 1_000);
    fields.check(field, us.is_some(), "must be a moment of the years 1 to 9999");
    us.map(Timestamp::from_micros)
}

/// A moment as the contract has it.
pub(super) fn timestamp(time: Timestamp) -> prost_types::Timestamp {
    let nanos = time.as_micros().rem_euclid(1_000_000) * 1_000;
    prost_types::Timestamp { seconds: time.as_seconds(), nanos: i32::try_from(nanos).unwrap_or_default() }
}

/// The answer to a change, with its position.
pub(super) fn done<T, M>(done: Committed<T>, message: impl FnOnce(T) -> M) -> Response<M> {
    let position = log_position(ROLE, &done.position);
    respond(message(done.value), Some(position))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_no_options_and_no_folders() {
        for (text, id, login_name) in [
            ("web-1", true, true),
            ("1-", true, true),
            ("-web", false, false),
            ("-", false, false),
            (".", false, false),
            ("..", false, false),
            ("...", false, true),
            (".x", false, true),
            ("_x", false, true),
            ("a b", false, false),
            ("", false, false),
            ("a:b", false, false),
            ("a%b", false, false),
        ] {
            assert_eq!((is_id(text), is_login_name(text)), (id, login_name), "{text}");
        }
        assert!(is_id(&"x".repeat(64)) && !is_id(&"x".repeat(65)) && !is_login_name(&"x".repeat(65)));
    }
}
