//! What requests have in common.

use std::{collections::BTreeSet, time::Duration};

use bailiwick_changelog::log_position;
use bailiwick_core::{Owner, Role, Timestamp};
use bailiwick_db::{Committed, IdempotencyKey};
use bailiwick_rpc::{Call, InvalidFields, respond};
use prost::Message;
use sha2::{Digest, Sha256};
use tonic::Response;

use crate::access::domain::ResourceKind;

/// What of a log is searched if nothing is said, and at most (E-SASE-06).
const SEARCHED: Duration = Duration::from_hours(24);
const SEARCHED_MAX: Duration = Duration::from_hours(30 * 24);
/// Longest id and tag.
const ID_MAX: usize = 64;
/// Longest key, and longest value, of an attribute.
const ATTRIBUTE_MAX: usize = 64;
/// Longest display name (E-SASE-01).
pub(super) const DISPLAY_NAME_MAX: usize = 128;

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

/// Whether a text can be an id or a tag.
pub(super) fn is_id(id: &str) -> bool {
    let letters = id.bytes().all(|b| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'-'));
    letters && (1..=ID_MAX).contains(&id.len())
}

/// The id of a resource to be created.
pub(super) fn new_id(fields: &mut InvalidFields, field: &str, id: &str) {
    fields.check(field, is_id(id), "must have 1 to 64 characters of a-z, 0-9 and -");
}

/// The id in the name of a resource of the call's directory.
pub(super) fn id(
    fields: &mut InvalidFields,
    call: &Call,
    field: &str,
    kind: ResourceKind,
    name: &str,
) -> Option<String> {
    let (owner, [id]) = fields.name::<1>(field, name, kind.pattern())?;
    let own = matches!((owner, call.permit.tenant_directory()), (Owner::Directory(one), Ok(other)) if one == other);
    let sound = own && is_id(id);
    fields.check(field, sound, format!("must be of the form `{}`, of the directory of the call", kind.pattern()));
    sound.then(|| id.to_owned())
}

/// The ids in names, at most so many.
pub(super) fn ids(
    fields: &mut InvalidFields,
    call: &Call,
    field: &str,
    (kind, most): (ResourceKind, usize),
    names: &[String],
) -> BTreeSet<String> {
    if !at_most(fields, field, names.len(), most) {
        return BTreeSet::new();
    }
    let read = |(at, name): (usize, &String)| id(fields, call, &format!("{field}[{at}]"), kind, name);
    names.iter().enumerate().filter_map(read).collect()
}

/// Whether a list is not too long.
pub(super) fn at_most(fields: &mut InvalidFields, field: &str, count: usize, most: usize) -> bool {
    fields.check(field, count <= most, format!("must have at most {most}"));
    count <= most
}

/// Tags, each once.
pub(super) fn tags(fields: &mut InvalidFields, field: &str, tags: &[String], most: usize) -> BTreeSet<String> {
    if at_most(fields, field, tags.len(), most) {
        for (at, tag) in tags.iter().enumerate() {
            new_id(fields, &format!("{field}[{at}]"), tag);
        }
    }
    tags.iter().cloned().collect()
}

/// Attributes `key=value`, each once.
pub(super) fn attributes(
    fields: &mut InvalidFields,
    field: &str,
    attributes: &[String],
    most: usize,
) -> BTreeSet<String> {
    if at_most(fields, field, attributes.len(), most) {
        for (at, attribute) in attributes.iter().enumerate() {
            let field = format!("{field}[{at}]");
            match attribute.split_once('=') {
                Some((key, value)) => {
                    fields.text(field.clone(), key, 1..=ATTRIBUTE_MAX);
                    fields.text(field, value, 1..=ATTRIBUTE_MAX);
                }
                None => fields.violation(field, "must be of the form `key=value`"),
            }
        }
    }
    attributes.iter().cloned().collect()
}

/// A page size and token.
pub(super) fn page(size: i32) -> Result<u32, tonic::Status> {
    let mut fields = InvalidFields::new();
    fields.page_size("page_size", size).ok_or_else(|| fields.into_status())
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

/// What is searched of a log: 24 hours if nothing is said, until now, and at most 30 days (E-SASE-06).
pub(super) fn period(
    fields: &mut InvalidFields,
    (start, end): (Option<&prost_types::Timestamp>, Option<&prost_types::Timestamp>),
    now: Timestamp,
) -> (Timestamp, Timestamp) {
    let before = |time: Timestamp, by: Duration| {
        Timestamp::from_micros(time.as_micros().saturating_sub(i64::try_from(by.as_micros()).unwrap_or(i64::MAX)))
    };
    // One beyond now, so that what happened in this microsecond is in it.
    let end = moment(fields, "end_time", end).unwrap_or_else(|| now.after(Duration::from_micros(1)));
    let start = moment(fields, "start_time", start).unwrap_or_else(|| before(end, SEARCHED));
    let sound = start < end && before(end, SEARCHED_MAX) <= start;
    fields.check("start_time", sound, "must be before the end, by 30 days at most (E-SASE-06)");
    (start, end)
}

/// A moment as the contract has it.
pub(super) fn timestamp(time: Timestamp) -> prost_types::Timestamp {
    let nanos = time.as_micros().rem_euclid(1_000_000) * 1_000;
    prost_types::Timestamp { seconds: time.as_seconds(), nanos: i32::try_from(nanos).unwrap_or_default() }
}

/// The answer to a change, with its position.
pub(super) fn done<T, M>(done: Committed<T>, message: impl FnOnce(T) -> M) -> Response<M> {
    let position = log_position(Role::SasePolicy, &done.position);
    respond(message(done.value), Some(position))
}
