//! One function for each RPC: it holds the transaction.

mod access;
mod access_policy;
mod application;
mod audit_entry;
mod decision_log;
mod device;
mod dry_run;
mod enforcement;
mod enforcement_point;
mod error;
mod flights;
mod follow;
mod identity_provider;
mod record;
mod resource;
mod sase_instance;
mod sweep;
mod user;

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

use bailiwick_core::{Entropy, Timestamp};
use bailiwick_db::{Db, PageTokens};

use self::{
    decision_log::{DecisionLog, decision_log},
    flights::{Flights, Versioned},
};
use super::domain::{Decider, EnforcementPoint, IdentityProvider};

pub(crate) use super::store::{AuditFilter, DecisionFilter};

pub(crate) use access::Asked;
pub(crate) use application::ImportedApplication;
pub(crate) use decision_log::{Decided, DecisionWriter};
pub(crate) use device::Enrolled;
pub(crate) use enforcement::{Admitted, Enforcement, Fresh, Passing, Turned, Unanswered};
pub(crate) use enforcement_point::Credentialed;
pub(crate) use error::Error;
pub(crate) use follow::AccessFacts;
pub(crate) use resource::Page;
pub(crate) use sase_instance::InstanceView;
pub(crate) use sweep::sweeper;
pub(crate) use user::UserView;

/// What policies are made of, and what decides.
#[derive(Clone)]
pub(crate) struct Sase(Arc<Inner>);

struct Inner {
    db: Db,
    pages: PageTokens,
    entropy: Arc<dyn Entropy>,
    deciders: Flights<Compiled>,
    log: DecisionLog,
}

/// What decides, and since which change.
pub(crate) struct Compiled {
    generation: i64,
    decider: Decider,
    points: BTreeMap<String, EnforcementPoint>,
    providers: Vec<IdentityProvider>,
    /// Who has an attribute by which providers name users; nobody, if several have it.
    named: HashMap<String, Option<String>>,
}

impl Versioned for Compiled {
    fn generation(&self) -> i64 {
        self.generation
    }
}

impl Sase {
    /// It, and what writes its decisions, which ends when it is gone.
    pub(crate) fn new(db: Db, pages: PageTokens, entropy: Arc<dyn Entropy>) -> (Self, DecisionWriter) {
        let (log, writer) = decision_log(db.clone());
        (Self(Arc::new(Inner { db, pages, entropy, deciders: Flights::default(), log })), writer)
    }

    /// The present moment.
    pub(crate) fn now(&self) -> Timestamp {
        self.db().clock().now()
    }

    /// How many times policies were compiled.
    #[cfg(test)]
    pub(crate) fn compiles(&self) -> u64 {
        self.0.deciders.begun()
    }

    fn db(&self) -> &Db {
        &self.0.db
    }
}
