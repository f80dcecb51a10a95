//! The table of authorization rules: of our own methods from the contract, of foreign ones from here.

use std::{collections::HashMap, sync::LazyLock};

use bailiwick_core::{
    Role, TrustedService,
    authz::{Audit, FieldPath, Rule, Seat},
};

include!(concat!(env!("OUT_DIR"), "/rules.rs"));

/// The contract as an encoded `google.protobuf.FileDescriptorSet`, custom options and comments included.
pub static DESCRIPTORS: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/descriptors.bin"));

/// The rules of contracts that are not ours and therefore carry no option of ours. All are served by the gateway
/// itself, and tell nothing of any tenant.
pub static FOREIGN: &[Rule] = &[
    foreign("/grpc.health.v1.Health/Check", "health:Check", UNARY),
    foreign("/grpc.health.v1.Health/Watch", "health:Watch", SERVER_STREAM),
    foreign("/grpc.reflection.v1.ServerReflection/ServerReflectionInfo", REFLECTION, BOTH_STREAMS),
    foreign("/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo", REFLECTION, BOTH_STREAMS),
];

const REFLECTION: &str = "reflection:ServerReflectionInfo";
/// Whether request and answer are streams.
const UNARY: (bool, bool) = (false, false);
const SERVER_STREAM: (bool, bool) = (false, true);
const BOTH_STREAMS: (bool, bool) = (true, true);

const fn foreign(path: &'static str, action: &'static str, streams: (bool, bool)) -> Rule {
    Rule {
        path,
        role: Some(Role::Gateway),
        action,
        seat: Seat::Public,
        trusted_service: None,
        resource: None,
        accounts: &[],
        enrolled: false,
        operator_required: false,
        also_requires: &[],
        audit: Audit::None,
        callers: &[],
        scope_filtered: false,
        external_id: None,
        client_streaming: streams.0,
        server_streaming: streams.1,
    }
}

static BY_PATH: LazyLock<HashMap<&'static str, &'static Rule>> =
    LazyLock::new(|| RULES.iter().chain(FOREIGN).map(|rule| (rule.path, rule)).collect());

/// The rule of a method, by its path on the wire, compared exactly. None means: refuse.
pub fn rule(path: &str) -> Option<&'static Rule> {
    BY_PATH.get(path).copied()
}

/// The rules of all methods of our own, by path.
pub fn rules() -> &'static [Rule] {
    RULES
}
