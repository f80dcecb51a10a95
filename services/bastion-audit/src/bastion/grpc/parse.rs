//! What requests have in common.

use std::collections::BTreeSet;

use bailiwick_changelog::log_position;
use bailiwick_core::{Owner, Timestamp};
use bailiwick_db::{Committed, IdempotencyKey};
use bailiwick_rpc::{Call, InvalidFields, respond};
use prost::Message;
use sha2::{Digest, Sha256};
use tonic::Response;

use crate::{ROLE, bastion::domain::ResourceKind};

/// Longest id.
const ID_MAX: usize = 64;
/// Longest display name (E-BAS-05).
const DISPLAY_NAME_MAX: usize = 128;
/// Longest comment (E-BAS-05).
const COMMENT_MAX: usize = 500;

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

/// Whether a text can be an id. An id has none of the characters by which users, accounts and assets are told apart in the
/// user name of an SSH client.
pub(super) fn is_id(id: &str) -> bool {
    let letters = id.bytes().all(|b| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'-'));
    letters && (1..=ID_MAX).contains(&id.len())
}

/// The id of a resource to be created, or another text of the same form.
pub(super) fn new_id(fields: &mut InvalidFields, field: &str, id: &str) {
    fields.check(field, is_id(id), "must have 1 to 64 characters of a-z, 0-9 and -");
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
        let within = name.strip_prefix(parent).and_then(|rest| rest.strip_prefix('/'));
        let id = within.and_then(|rest| rest.strip_prefix(kind.collection())?.strip_prefix('/'));
        let id = id.filter(|id| is_id(id));
        fields.check(field.clone(), id.is_some(), format!("must be of the form `{}`, of the parent", kind.pattern()));
        fields.check(field, seen.insert(name), "must be there once");
        ids.extend(id.map(str::to_owned));
    }
    ids
}

/// What of a mask is named; all of `known`, if it names nothing.
pub(super) fn mask(
    fields: &mut InvalidFields,
    mask: Option<prost_types::FieldMask>,
    known: &'static [&'static str],
) -> impl Fn(&str) -> bool + use<> {
    let paths = mask.unwrap_or_default().paths;
    for path in paths.iter().filter(|path| !known.contains(&path.as_str())) {
        fields.violation("update_mask", format!("`{path}` cannot be updated"));
    }
    move |field| paths.is_empty() || paths.iter().any(|path| path == field)
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
