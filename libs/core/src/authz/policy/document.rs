//! A policy document, read and ready to be held against calls.

use std::{
    fmt::{self, Debug, Formatter},
    sync::Arc,
};

use crate::{IdentityName, TrustedService};

use super::{
    Circumstances, DocumentError,
    condition::Request,
    pattern::Pattern,
    principal::Asker,
    read,
    statement::{Choice, Effect, Scope, Statement},
};

/// What a document is for: how long it may be, and what it may say.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// What an identity may do: at most 6,144 characters.
    Permission,
    /// What a session of a role may do at most, of what the role may (E-GW-02): at most 2,048 characters.
    Session,
    /// What the identities of members may do at most (E-DIR-27): at most 4,096 characters (E-DIR-29).
    Control,
    /// Who may assume a role: at most 4,096 characters. It has principals instead of resources.
    Trust,
}

impl Kind {
    /// How many characters a document has at most, blanks included.
    pub const fn max_characters(self) -> usize {
        match self {
            Self::Permission => 6_144,
            Self::Session => 2_048,
            Self::Control | Self::Trust => 4_096,
        }
    }
}

/// A policy document. Cheap to clone. Two are equal if they are of one kind and have the same text.
#[derive(Clone)]
pub struct Document(Arc<Inner>);

struct Inner {
    kind: Kind,
    text: Box<str>,
    statements: Box<[Statement]>,
}

/// A statement that is about a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Matched<'d> {
    /// Its place in the document, from 0.
    pub index: usize,
    /// Its `Sid`, if it has one.
    pub sid: Option<&'d str>,
}

/// What a document says about a call. It is the caller's to let a denial win over what any document allows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Matches<'d> {
    /// The first statement that allows it.
    pub allow: Option<Matched<'d>>,
    /// The first statement that denies it.
    pub deny: Option<Matched<'d>>,
}

/// What a document by itself comes to; a denial wins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict<'d> {
    /// Allowed by this statement, and denied by none.
    Allow(Matched<'d>),
    /// Denied by this statement.
    Deny(Matched<'d>),
    /// No statement is about it.
    No,
}

impl Document {
    /// Reads a document of JSON.
    ///
    /// # Errors
    /// All that is wrong with it, each with its place: at most 20 mistakes.
    pub fn parse(kind: Kind, text: &str) -> Result<Self, DocumentError> {
        let statements = read::statements(kind, text)?.into();
        Ok(Self(Arc::new(Inner { kind, text: text.into(), statements })))
    }

    /// The permission policy that allows these actions on everything. The actions are of the form that documents have.
    pub fn allowing(actions: &[&'static str]) -> Self {
        let list = serde_json::Value::from(actions);
        let text = format!(r#"{{"Version":"1","Statement":[{{"Effect":"Allow","Action":{list},"Resource":"*"}}]}}"#);
        let patterns = |texts: &[&str]| texts.iter().map(|text| Pattern::new(text)).collect();
        let scope = Scope::Calls {
            actions: Choice { negated: false, patterns: patterns(actions) },
            resources: Choice { negated: false, patterns: patterns(&["*"]) },
        };
        let statement = Statement { sid: None, effect: Effect::Allow, scope, conditions: Box::default() };
        Self(Arc::new(Inner { kind: Kind::Permission, text: text.into(), statements: Box::new([statement]) }))
    }

    /// What it is for.
    pub fn kind(&self) -> Kind {
        self.0.kind
    }

    /// The text that it was read from, unchanged.
    pub fn text(&self) -> &str {
        &self.0.text
    }

    /// What it says about an action on a resource: the name of the resource, or an empty text if the call names none,
    /// which only a pattern such as `*` matches. A trust document says nothing about it.
    ///
    /// Allocates nothing.
    pub fn matching(&self, action: &str, resource: &str, circumstances: &Circumstances) -> Matches<'_> {
        self.matching_any(action, &[resource], circumstances)
    }

    /// What it says about an action on a resource that has several names: one that a pattern matches is enough, so that a
    /// denial of either name denies, and `NotResource` leaves the resource out under either.
    ///
    /// Allocates nothing.
    pub fn matching_any(&self, action: &str, names: &[&str], circumstances: &Circumstances) -> Matches<'_> {
        let request = Request { circumstances, external_id: None };
        self.matches(|statement| statement.is_about(action, names, request))
    }

    /// Whether a trust document lets an identity assume the role, with the external id that it sent (E-GW-04). A root
    /// user is never trusted (E-GW-03).
    pub fn trusts(
        &self,
        identity: &IdentityName,
        external_id: Option<&str>,
        circumstances: &Circumstances,
    ) -> Verdict<'_> {
        if identity.is_root() {
            return Verdict::No;
        }
        let request = Request { circumstances, external_id };
        self.matches(|statement| statement.names(Asker::Identity(identity), request)).verdict()
    }

    /// Whether a trust document names an identity, or its account, to let it assume the role under some condition. Whoever
    /// is named may know that there is such a role.
    pub fn invites(&self, identity: &IdentityName) -> bool {
        let asker = Asker::Identity(identity);
        let names = |s: &Statement| s.effect == Effect::Allow && s.principals().is_some_and(|p| p.include(asker));
        !identity.is_root() && self.0.statements.iter().any(names)
    }

    /// Whether a trust document lets a trusted service assume the role.
    pub fn trusts_service(&self, service: TrustedService, circumstances: &Circumstances) -> Verdict<'_> {
        let request = Request { circumstances, external_id: None };
        self.matches(|statement| statement.names(Asker::Service(service), request)).verdict()
    }

    /// Whether a trust document lets those assume the role whom an identity provider signed in:
    /// `accounts/{account}/identityProviders/{identity_provider}`.
    pub fn trusts_provider(&self, provider: &str, circumstances: &Circumstances) -> Verdict<'_> {
        let request = Request { circumstances, external_id: None };
        self.matches(|statement| statement.names(Asker::Federated(provider), request)).verdict()
    }

    fn matches(&self, is_about: impl Fn(&Statement) -> bool) -> Matches<'_> {
        let mut matches = Matches::default();
        for (index, statement) in self.0.statements.iter().enumerate() {
            let found = match statement.effect {
                Effect::Allow => &mut matches.allow,
                Effect::Deny => &mut matches.deny,
            };
            if found.is_none() && is_about(statement) {
                *found = Some(Matched { index, sid: statement.sid.as_deref() });
            }
        }
        matches
    }
}

impl<'d> Matches<'d> {
    /// What it comes to if nothing else is asked.
    pub fn verdict(self) -> Verdict<'d> {
        match (self.deny, self.allow) {
            (Some(statement), _) => Verdict::Deny(statement),
            (None, Some(statement)) => Verdict::Allow(statement),
            (None, None) => Verdict::No,
        }
    }
}

impl PartialEq for Document {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0) || (self.kind() == other.kind() && self.text() == other.text())
    }
}

impl Eq for Document {}

impl Debug for Document {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Document").field(&self.kind()).field(&self.text()).finish()
    }
}
