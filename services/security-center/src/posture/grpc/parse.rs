//! What requests about risks have in common.

use bailiwick_changelog::log_position;
use bailiwick_core::{Owner, Role, Timestamp, filter::Filter};
use bailiwick_db::{Committed, IdempotencyKey};
use bailiwick_rpc::{Call, InvalidFields, respond};
use prost::Message;
use sha2::{Digest, Sha256};
use tonic::Response;

use crate::posture::{
    app::RisksAsked,
    domain::{
        RiskId,
        risk_filter::{self, RISKS},
    },
};

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

/// The id in the name of a risk, whose account is the call's own by its rule.
pub(super) fn risk_id(fields: &mut InvalidFields, name: &str) -> Option<RiskId> {
    let (_, [id]) = fields.name::<1>("name", name, "accounts/{account}/risks/{risk}")?;
    let parsed = RiskId::parse(id).filter(|_| name.starts_with("accounts/"));
    fields.check("name", parsed.is_some(), "must be of the form `accounts/{account}/risks/{risk}`");
    parsed
}

/// Longest id of a rule.
const RULE_ID_MAX: usize = 64;

/// Whether a rule can have an id.
pub(super) fn is_rule_id(id: &str) -> bool {
    let letters = id.bytes().all(|b| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'-'));
    letters && (1..=RULE_ID_MAX).contains(&id.len())
}

/// The id in the name of a rule.
pub(super) fn rule_id<'a>(fields: &mut InvalidFields, field: &str, name: &'a str) -> Option<&'a str> {
    const PATTERN: &str = "directories/{directory}/suppressionRules/{suppression_rule}";
    let (owner, [id]) = fields.name::<1>(field, name, PATTERN)?;
    let sound = matches!(owner, Owner::Directory(_)) && is_rule_id(id);
    fields.check(field, sound, format!("must be of the form `{PATTERN}`"));
    sound.then_some(id)
}

/// What of a list of risks is asked for.
pub(super) fn risks(
    fields: &mut InvalidFields,
    (size, token): (i32, String),
    filter: &str,
    order_by: &str,
) -> Option<RisksAsked> {
    let size = fields.page_size("page_size", size);
    let filter = risk_filter(fields, filter);
    let order = fields.take("order_by", RISKS.order(order_by));
    Some(RisksAsked { listing: risk_filter::listing(filter?, order?), size: size?, token })
}

/// Which risks are asked for.
pub(super) fn risk_filter(fields: &mut InvalidFields, filter: &str) -> Option<Filter> {
    fields.take("filter", RISKS.filter(filter))
}

/// A moment, to the microsecond.
pub(super) fn moment(
    fields: &mut InvalidFields,
    field: &str,
    asked: Option<&prost_types::Timestamp>,
) -> Option<Timestamp> {
    let asked = fields.required(field, asked)?;
    let nanos = (0..1_000_000_000).contains(&asked.nanos).then_some(i64::from(asked.nanos));
    let us = nanos.and_then(|nanos| asked.seconds.checked_mul(1_000_000)?.checked_add(nanos / 1_000));
    fields.check(field, us.is_some(), "must be a moment");
    us.map(Timestamp::from_micros)
}

/// A moment as the contract has it.
pub(super) fn timestamp(time: Timestamp) -> prost_types::Timestamp {
    let nanos = time.as_micros().rem_euclid(1_000_000) * 1_000;
    prost_types::Timestamp { seconds: time.as_seconds(), nanos: i32::try_from(nanos).unwrap_or_default() }
}

/// The answer to a change, with its position.
pub(super) fn done<T, M>(done: Committed<T>, message: impl FnOnce(T) -> M) -> Response<M> {
    let position = log_position(Role::SecurityCenter, &done.position);
    respond(message(done.value), Some(position))
}
