//! Statements: each allows or denies something.

use super::{
    condition::{Condition, Request},
    pattern::Pattern,
    principal::{Asker, Principals},
};

/// What a statement does with what it matches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Effect {
    Allow,
    Deny,
}

#[derive(Clone, Debug)]
pub(super) struct Statement {
    pub(super) sid: Option<Box<str>>,
    pub(super) effect: Effect,
    pub(super) scope: Scope,
    /// All of them must hold.
    pub(super) conditions: Box<[Condition]>,
}

/// What a statement is about.
#[derive(Clone, Debug)]
pub(super) enum Scope {
    Calls { actions: Choice, resources: Choice },
    Principals(Principals),
}

/// Patterns of which one is to match, or none.
#[derive(Clone, Debug)]
pub(super) struct Choice {
    pub(super) negated: bool,
    pub(super) patterns: Box<[Pattern]>,
}

impl Choice {
    /// Of several texts, which mean the same, one that matches is enough; of a negated choice none may match.
    fn includes(&self, texts: &[&str]) -> bool {
        let matches = |pattern: &Pattern| texts.iter().any(|text| pattern.matches(text));
        self.patterns.iter().any(matches) != self.negated
    }
}

impl Statement {
    /// Whether it is about a call upon a resource of these names: a pattern is about the resource if it matches one.
    pub(super) fn is_about(&self, action: &str, names: &[&str], request: Request<'_>) -> bool {
        match &self.scope {
            Scope::Calls { actions, resources } => {
                actions.includes(&[action]) && resources.includes(names) && self.conditions_hold(request)
            }
            Scope::Principals(_) => false,
        }
    }

    /// Whether it is about someone who asks for the role.
    pub(super) fn names(&self, asker: Asker<'_>, request: Request<'_>) -> bool {
        self.principals().is_some_and(|principals| principals.include(asker)) && self.conditions_hold(request)
    }

    /// Whom it names; none of a statement about calls.
    pub(super) fn principals(&self) -> Option<&Principals> {
        match &self.scope {
            Scope::Principals(principals) => Some(principals),
            Scope::Calls { .. } => None,
        }
    }

    fn conditions_hold(&self, request: Request<'_>) -> bool {
        self.conditions.iter().all(|condition| condition.holds(request))
    }
}
