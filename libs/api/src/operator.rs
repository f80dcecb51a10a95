//! Operators and kinds of identities, between contract and core.

use bailiwick_core as core;

use crate::r#type::v1::{Operator, PrincipalKind};

impl From<core::PrincipalKind> for PrincipalKind {
    fn from(kind: core::PrincipalKind) -> Self {
        match kind {
            core::PrincipalKind::Root => Self::Root,
            core::PrincipalKind::User => Self::User,
            core::PrincipalKind::Role => Self::Role,
            core::PrincipalKind::ServiceLinkedRole => Self::ServiceLinkedRole,
            core::PrincipalKind::PlatformOperator => Self::PlatformOperator,
            core::PrincipalKind::Service => Self::Service,
        }
    }
}

impl PrincipalKind {
    /// The kind as core has it; none for the unspecified one.
    pub fn to_core(self) -> Option<core::PrincipalKind> {
        match self {
            Self::Unspecified => None,
            Self::Root => Some(core::PrincipalKind::Root),
            Self::User => Some(core::PrincipalKind::User),
            Self::Role => Some(core::PrincipalKind::Role),
            Self::ServiceLinkedRole => Some(core::PrincipalKind::ServiceLinkedRole),
            Self::PlatformOperator => Some(core::PrincipalKind::PlatformOperator),
            Self::Service => Some(core::PrincipalKind::Service),
        }
    }
}

impl From<&core::Operator> for Operator {
    fn from(operator: &core::Operator) -> Self {
        Self {
            principal: operator.principal.clone(),
            kind: PrincipalKind::from(operator.kind).into(),
            account: operator.account.map(core::AccountId::name).unwrap_or_default(),
            access_key_id: operator.access_key_id.clone(),
            source_ip: operator.source_ip.clone(),
            call_id: operator.call_id.clone(),
            via: operator.via.iter().map(ToString::to_string).collect(),
            session_name: operator.session_name.clone(),
            source_identity: operator.source_identity.clone(),
            identity_provider: operator.identity_provider.clone(),
            subject: operator.subject.clone(),
        }
    }
}

impl Operator {
    /// The operator as core has it; none if a field of it is malformed.
    pub fn to_core(&self) -> Option<core::Operator> {
        let account = match self.account.as_str() {
            "" => None,
            name => Some(name.strip_prefix("accounts/")?.parse().ok()?),
        };
        Some(core::Operator {
            principal: self.principal.clone(),
            kind: self.kind().to_core()?,
            account,
            access_key_id: self.access_key_id.clone(),
            source_ip: self.source_ip.clone(),
            call_id: self.call_id.clone(),
            via: self.via.iter().map(|role| role.parse()).collect::<Result<_, _>>().ok()?,
            session_name: self.session_name.clone(),
            source_identity: self.source_identity.clone(),
            identity_provider: self.identity_provider.clone(),
            subject: self.subject.clone(),
        })
    }
}
