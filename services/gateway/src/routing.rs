//! The table of methods: path, rule, and how to read what the rule names. There is nothing else that the gateway knows
//! of a method.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use bailiwick_api::{DESCRIPTORS, FOREIGN, rules};
use bailiwick_core::{
    Role,
    authz::{Rule, Seat},
};
use prost_reflect::DescriptorPool;

use crate::{StartError, scan::Plan};

/// A method that can be called.
#[derive(Clone, Debug)]
pub struct Route {
    /// Its rule.
    pub rule: &'static Rule,
    /// What to read of its requests.
    pub plan: Plan,
}

/// All methods.
#[derive(Clone, Debug, Default)]
pub struct Routing(HashMap<&'static str, Route>);

impl Routing {
    /// The methods of the contract, and the foreign ones that the gateway serves.
    ///
    /// # Errors
    /// If a rule names a field that the contract does not have: a fault of the build.
    pub fn of_contract() -> Result<Self, StartError> {
        let pool = DescriptorPool::decode(DESCRIPTORS).map_err(|e| StartError::Contract(e.to_string()))?;
        let mut routing = Self::default();
        for rule in rules().iter().chain(FOREIGN) {
            let plan = Plan::new(&pool, rule).ok_or_else(|| StartError::Contract(rule.path.to_owned()))?;
            routing.insert(Route { rule, plan });
        }
        Ok(routing)
    }

    /// Adds a method.
    pub fn insert(&mut self, route: Route) {
        self.0.insert(route.rule.path, route);
    }

    /// The method of a path on the wire, compared exactly: another spelling is another path, and unknown.
    pub fn find(&self, path: &str) -> Option<&Route> {
        self.0.get(path)
    }

    /// The names of the services that callers can reach, by the role that serves them.
    pub fn services(&self) -> BTreeMap<Role, BTreeSet<&'static str>> {
        let mut services = BTreeMap::<_, BTreeSet<_>>::new();
        for route in self.0.values().filter(|route| route.rule.seat != Seat::Internal) {
            if let (Some(role), Some((service, _))) = (route.rule.role, route.rule.method().split_once('/')) {
                services.entry(role).or_default().insert(service);
            }
        }
        services
    }
}
