//! The kinds of callers of the matrix.

use bailiwick_core::{Role, TrustedService, authz::Rule};

use crate::world::Who;

/// A column of the matrix.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Column {
    Nobody,
    Operator,
    /// A role of the suite: one that the rule allows if there is any.
    Service,
    /// An account, relative to the rule, and which of its identities.
    Account(Relation, &'static str),
}

/// What an account is to the rule of a method.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Relation {
    Management,
    /// Administrator of the service of the rule.
    Administrator,
    /// Administrator of another service.
    OtherAdministrator,
    Member,
    OtherDirectory,
    Standalone,
    Invitee,
}

/// All columns, in order.
pub fn columns() -> Vec<Column> {
    let relations = [
        Relation::Management,
        Relation::Administrator,
        Relation::OtherAdministrator,
        Relation::Member,
        Relation::OtherDirectory,
        Relation::Standalone,
        Relation::Invitee,
    ];
    let accounts = relations.into_iter().flat_map(|r| ["root", "full", "bare"].map(|user| Column::Account(r, user)));
    [Column::Nobody, Column::Operator, Column::Service].into_iter().chain(accounts).collect()
}

impl Column {
    pub fn label(self) -> String {
        match self {
            Self::Nobody => "nobody".to_owned(),
            Self::Operator => "operator".to_owned(),
            Self::Service => "service".to_owned(),
            Self::Account(relation, user) => format!("{relation:?}.{user}"),
        }
    }
}

impl Relation {
    /// The account that stands in this relation to a rule.
    pub fn who(self, rule: &Rule) -> Who {
        let service = rule.trusted_service.unwrap_or(TrustedService::SecurityCenter);
        match self {
            Self::Management => Who::Management,
            Self::Administrator => Who::administrator(service),
            Self::OtherAdministrator if service == TrustedService::Sase => Who::BastionAdministrator,
            Self::OtherAdministrator => Who::SaseAdministrator,
            Self::Member => Who::Member,
            Self::OtherDirectory => Who::OtherDirectory,
            Self::Standalone => Who::Standalone,
            Self::Invitee => Who::Invitee,
        }
    }
}

/// The role of the suite that calls in the column `service`.
pub fn service(rule: &Rule) -> Role {
    rule.callers.first().copied().unwrap_or(Role::SecurityCenter)
}
