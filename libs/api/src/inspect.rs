//! Reads a request through its descriptor: what its rule names, and what the audit trail may show of it.
//!
//! A service does this with each request that it gets, independently of the gateway, which reads the same fields from
//! the wire by their numbers: where the two differ, the call is refused.

use std::sync::LazyLock;

use bailiwick_core::authz::{FieldPath, Rule, Targets};
use prost_reflect::{
    DescriptorPool, DynamicMessage, ExtensionDescriptor, FieldDescriptor, MessageDescriptor, ReflectMessage, Value,
};
use serde_json::{Map, Value as Json};

use crate::DESCRIPTORS;

/// Longest text of a request in the audit trail, in bytes.
const MAX_JSON: usize = 16 * 1024;
const REDACTED: &str = "[redacted]";

/// What was read of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Inspected {
    /// What the rule names.
    pub targets: Targets,
    /// The request as JSON, secret fields redacted; at most 16 KiB, or a note that it was longer.
    pub json: String,
}

/// A message that is not of the type that it should be.
#[derive(Clone, Debug, thiserror::Error)]
#[error("the message is not of its type")]
pub struct InspectError;

static POOL: LazyLock<Option<DescriptorPool>> = LazyLock::new(|| DescriptorPool::decode(DESCRIPTORS).ok());

/// Reads a request of the method of `rule`.
///
/// # Errors
/// If the bytes are no message of the method's request type.
pub fn inspect(rule: &Rule, request: &[u8]) -> Result<Inspected, InspectError> {
    let descriptor = request_type(rule).ok_or(InspectError)?;
    let message = DynamicMessage::decode(descriptor, request).map_err(|_| InspectError)?;
    let mut targets = Targets::default();
    if let Some(path) = &rule.resource {
        let mut values = Vec::new();
        collect(&message, path, 0, &mut values);
        targets.resource = values.pop().unwrap_or_default();
    }
    for path in rule.accounts {
        collect(&message, path, 0, &mut targets.accounts);
    }
    if let Some(path) = &rule.external_id {
        let mut values = Vec::new();
        collect(&message, path, 0, &mut values);
        targets.external_id = values.pop().unwrap_or_default();
    }
    let json = Json::Object(shown(&message)).to_string();
    let json = if json.len() > MAX_JSON { r#"{"note":"the request is too long to be kept"}"#.to_owned() } else { json };
    Ok(Inspected { targets, json })
}

/// A message of the contract as JSON, as <https://protobuf.dev/programming-guides/json> has it: fields that are not set are
/// left out. `name` is the full name of its type, such as `bailiwick.securitycenter.v1.Risk`.
///
/// # Errors
/// If the contract has no such type, or the message is of another one.
pub fn to_json(name: &str, message: &impl prost::Message) -> Result<Json, InspectError> {
    let descriptor = POOL.as_ref().and_then(|pool| pool.get_message_by_name(name)).ok_or(InspectError)?;
    let message = DynamicMessage::decode(descriptor, message.encode_to_vec().as_slice()).map_err(|_| InspectError)?;
    serde_json::to_value(&message).map_err(|_| InspectError)
}

fn request_type(rule: &Rule) -> Option<MessageDescriptor> {
    let (service, method) = rule.method().split_once('/')?;
    let service = POOL.as_ref()?.get_service_by_name(service)?;
    service.methods().find(|m| m.name() == method).map(|m| m.input())
}

fn collect(message: &DynamicMessage, path: &FieldPath, depth: usize, values: &mut Vec<String>) {
    let Some(field) = path.numbers.get(depth).and_then(|number| message.descriptor().get_field(*number)) else {
        return;
    };
    // What is absent has its default: an empty text, a message without fields, a list of nothing.
    let value = message.get_field(&field);
    let items = match value.as_ref() {
        Value::List(items) => items.as_slice(),
        single => std::slice::from_ref(single),
    };
    for item in items {
        match item {
            Value::String(text) => values.push(text.clone()),
            Value::Message(inner) => collect(inner, path, depth + 1, values),
            _ => {}
        }
    }
}

fn shown(message: &DynamicMessage) -> Map<String, Json> {
    message
        .fields()
        .map(|(field, value)| {
            let json = if is_shown(&field) { as_json(value) } else { Json::from(REDACTED) };
            (field.name().to_owned(), json)
        })
        .collect()
}

fn as_json(value: &Value) -> Json {
    match value {
        Value::Message(inner) if inner.descriptor().full_name().starts_with("google.protobuf.") => {
            serde_json::to_value(inner).unwrap_or(Json::Null)
        }
        // A field may be shown while fields of its message may not.
        Value::Message(inner) => Json::Object(shown(inner)),
        Value::List(items) => items.iter().map(as_json).collect(),
        Value::Bool(value) => Json::from(*value),
        Value::String(value) => Json::from(value.as_str()),
        Value::I32(value) | Value::EnumNumber(value) => Json::from(*value),
        Value::I64(value) => Json::from(*value),
        Value::U32(value) => Json::from(*value),
        Value::U64(value) => Json::from(*value),
        Value::F32(value) => Json::from(*value),
        Value::F64(value) => Json::from(*value),
        Value::Bytes(_) | Value::Map(_) => Json::from(REDACTED),
    }
}

fn is_shown(field: &FieldDescriptor) -> bool {
    static OPTION: LazyLock<Option<ExtensionDescriptor>> =
        LazyLock::new(|| POOL.as_ref()?.get_extension_by_name("bailiwick.options.v1.sensitivity"));
    // SENSITIVITY_PUBLIC and SENSITIVITY_PERSONAL; anything else, absence included, is secret.
    OPTION
        .as_ref()
        .is_some_and(|option| matches!(field.options().get_extension(option).as_ref(), Value::EnumNumber(1 | 2)))
}
