//! Conditions: what a statement asks of the circumstances of a call.

use std::net::IpAddr;

use crate::Timestamp;

use super::{network::Network, pattern::is_like};

/// Where a call comes from, and when: what is known of it whoever calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Environment {
    /// The address that the call comes from; none if it is not known.
    pub source_ip: Option<IpAddr>,
    /// When the call is decided.
    pub now: Timestamp,
    /// Whether it came over TLS.
    pub secure_transport: bool,
}

/// What conditions can ask for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Circumstances {
    /// `acs:SourceIp`; none if it is not known.
    pub source_ip: Option<IpAddr>,
    /// `acs:CurrentTime`.
    pub now: Timestamp,
    /// `acs:SecureTransport`.
    pub secure_transport: bool,
    /// `acs:MFAPresent`: whether the caller signed in with a second factor.
    pub mfa: bool,
}

impl Environment {
    /// An environment of which the time alone is known: no condition upon the others that is not negated holds.
    pub const fn at(now: Timestamp) -> Self {
        Self { source_ip: None, now, secure_transport: false }
    }

    /// The circumstances of a call of somebody who signed in with a second factor, or without.
    pub const fn with_mfa(self, mfa: bool) -> Circumstances {
        let Self { source_ip, now, secure_transport } = self;
        Circumstances { source_ip, now, secure_transport, mfa }
    }
}

/// What the conditions of a statement are held against.
#[derive(Clone, Copy)]
pub(super) struct Request<'a> {
    pub(super) circumstances: &'a Circumstances,
    /// The external id of a request to assume a role (`sts:ExternalId`).
    pub(super) external_id: Option<&'a str>,
}

/// One operator upon one key.
#[derive(Clone, Debug)]
pub(super) struct Condition {
    pub(super) negated: bool,
    pub(super) test: Test,
}

/// A key with the values of which one is to be found in the request.
#[derive(Clone, Debug)]
pub(super) enum Test {
    SourceIp(Box<[Network]>),
    CurrentTime(TimeRelation, Box<[Timestamp]>),
    SecureTransport(Box<[bool]>),
    MfaPresent(Box<[bool]>),
    ExternalId(TextRelation, Box<[Box<str>]>),
}

/// How the time of the call is to the one in the document.
pub(super) type TimeRelation = fn(&Timestamp, &Timestamp) -> bool;
/// How the text of the request is to the one in the document.
pub(super) type TextRelation = fn(&str, &str) -> bool;

/// What can be asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Key {
    SourceIp,
    CurrentTime,
    SecureTransport,
    MfaPresent,
    ExternalId,
}

/// How it can be compared.
#[derive(Clone, Copy, Debug)]
pub(super) enum Operator {
    Text(TextRelation),
    Time(TimeRelation),
    Flag,
    Address,
}

impl Key {
    /// All keys, by their names.
    pub(super) const ALL: [(&'static str, Self); 5] = [
        ("acs:SourceIp", Self::SourceIp),
        ("acs:CurrentTime", Self::CurrentTime),
        ("acs:SecureTransport", Self::SecureTransport),
        ("acs:MFAPresent", Self::MfaPresent),
        ("sts:ExternalId", Self::ExternalId),
    ];
}

impl Operator {
    /// All operators by their names, and whether they ask that none of the values is found.
    pub(super) const ALL: [(&'static str, Self, bool); 15] = [
        ("StringEquals", Self::Text(str::eq), false),
        ("StringNotEquals", Self::Text(str::eq), true),
        ("StringEqualsIgnoreCase", Self::Text(str::eq_ignore_ascii_case), false),
        ("StringNotEqualsIgnoreCase", Self::Text(str::eq_ignore_ascii_case), true),
        ("StringLike", Self::Text(is_like), false),
        ("StringNotLike", Self::Text(is_like), true),
        ("DateEquals", Self::Time(Timestamp::eq), false),
        ("DateNotEquals", Self::Time(Timestamp::eq), true),
        ("DateLessThan", Self::Time(Timestamp::lt), false),
        ("DateLessThanEquals", Self::Time(Timestamp::le), false),
        ("DateGreaterThan", Self::Time(Timestamp::gt), false),
        ("DateGreaterThanEquals", Self::Time(Timestamp::ge), false),
        ("Bool", Self::Flag, false),
        ("IpAddress", Self::Address, false),
        ("NotIpAddress", Self::Address, true),
    ];
}

impl Condition {
    /// What the request does not tell is none of the values.
    pub(super) fn holds(&self, request: Request<'_>) -> bool {
        let Request { circumstances, external_id } = request;
        let found = match &self.test {
            Test::SourceIp(networks) => {
                circumstances.source_ip.is_some_and(|address| networks.iter().any(|network| network.contains(address)))
            }
            Test::CurrentTime(relation, times) => times.iter().any(|time| relation(&circumstances.now, time)),
            Test::SecureTransport(values) => values.contains(&circumstances.secure_transport),
            Test::MfaPresent(values) => values.contains(&circumstances.mfa),
            Test::ExternalId(relation, texts) => {
                external_id.is_some_and(|id| texts.iter().any(|text| relation(id, text)))
            }
        };
        found != self.negated
    }
}
