//! What requests have in common.

use bailiwick_core::{
    AccountId, DirectoryId, Owner,
    authz::{Document, PolicyKind},
    filter::{Listing, Schema},
};
use bailiwick_db::IdempotencyKey;
use bailiwick_rpc::{Call, InvalidFields};
use prost::Message;
use sha2::{Digest, Sha256};
use tonic::Status;

use crate::{
    app::{Mutation, PageRequest},
    domain::{
        Text,
        attachment::{Target, TargetKind},
    },
};

/// The pattern of the names of users.
pub(super) const USER: &str = "accounts/{account}/users/{user}";

/// The values, if no field was found at fault.
pub(super) fn finish<T>(fields: InvalidFields, values: Option<T>) -> Result<T, Status> {
    match values {
        Some(values) => fields.finish().map(|()| values),
        None => Err(fields.into_status()),
    }
}

/// How a change is asked for. `content` is the request with its request id taken out.
pub(super) fn mutation(fields: &mut InvalidFields, call: &Call, request_id: &str, content: &impl Message) -> Mutation {
    let method = call.permit.path();
    let hash = Sha256::new().chain_update(method).chain_update([0]).chain_update(content.encode_to_vec());
    let key = IdempotencyKey {
        scope: call.operator.principal.clone(),
        method: method.to_owned(),
        request_id: fields.request_id("request_id", request_id),
        fingerprint: hash.finalize().into(),
    };
    Mutation { key, validate_only: false }
}

/// What page is asked for.
pub(super) fn page(fields: &mut InvalidFields, size: i32, token: &str) -> Option<PageRequest> {
    let size = fields.page_size("page_size", size)?;
    Some(PageRequest { size, token: token.to_owned() })
}

/// Which items of a list are asked for, in which order.
pub(super) fn listing(fields: &mut InvalidFields, schema: &Schema, filter: &str, order_by: &str) -> Option<Listing> {
    let filter = fields.take("filter", schema.filter(filter));
    let order = fields.take("order_by", schema.order(order_by));
    Some(Listing { filter: filter?, order: order? })
}

/// A text that people choose.
pub(super) fn text(fields: &mut InvalidFields, field: &str, text: &str, rule: Text) -> Option<String> {
    fields.take(field, rule.check(text)).map(|()| text.to_owned())
}

/// Account and further ids of a name of `pattern`.
pub(super) fn in_account<'a, const N: usize>(
    fields: &mut InvalidFields,
    field: &str,
    name: &'a str,
    pattern: &'static str,
) -> Option<(AccountId, [&'a str; N])> {
    match plain(fields, field, name, pattern)? {
        (Owner::Account(account), ids) => Some((account, ids)),
        (Owner::Directory(_), _) => {
            fields.violation(field, format!("must be of the form `{pattern}`"));
            None
        }
    }
}

/// Directory and further ids of a name of `pattern`.
pub(super) fn in_directory<'a, const N: usize>(
    fields: &mut InvalidFields,
    field: &str,
    name: &'a str,
    pattern: &'static str,
) -> Option<(DirectoryId, [&'a str; N])> {
    match plain(fields, field, name, pattern)? {
        (Owner::Directory(directory), ids) => Some((directory, ids)),
        (Owner::Account(_), _) => {
            fields.violation(field, format!("must be of the form `{pattern}`"));
            None
        }
    }
}

/// The parts of a name of characters that can be in one: a database takes no others.
fn plain<'a, const N: usize>(
    fields: &mut InvalidFields,
    field: &str,
    name: &'a str,
    pattern: &'static str,
) -> Option<(Owner, [&'a str; N])> {
    if !name.bytes().all(|b| b.is_ascii_graphic()) {
        fields.violation(field, format!("must be of the form `{pattern}`"));
        return None;
    }
    fields.name(field, name, pattern)
}

/// Directory and user of a name of a user.
pub(super) fn user<'a>(fields: &mut InvalidFields, field: &str, name: &'a str) -> Option<(AccountId, &'a str)> {
    in_account::<1>(fields, field, name, USER).map(|(account, [user])| (account, user))
}

/// A policy document without mistakes; of one with mistakes each is noted with its place.
pub(super) fn document(fields: &mut InvalidFields, field: &str, kind: PolicyKind, text: &str) -> Option<String> {
    match Document::parse(kind, text) {
        Ok(_) => Some(text.to_owned()),
        Err(error) => {
            error.mistakes.iter().for_each(|mistake| fields.violation(field, mistake.to_string()));
            None
        }
    }
}

/// A user, a group or a role.
pub(super) fn target<'a>(fields: &mut InvalidFields, field: &str, name: &'a str) -> Option<Target<'a>> {
    let (kind, pattern) = match name.split('/').nth(2) {
        Some("groups") => (TargetKind::Group, "accounts/{account}/groups/{group}"),
        Some("roles") => (TargetKind::Role, "accounts/{account}/roles/{role}"),
        _ => (TargetKind::User, USER),
    };
    in_account::<1>(fields, field, name, pattern).map(|(account, [id])| Target { account, kind, id })
}
