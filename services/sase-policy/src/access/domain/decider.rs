//! What decides: the policies of a directory, compiled, at one version of all that they look at.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use bailiwick_conditions::TimeWindow;
use bailiwick_core::{AccountId, Timestamp};
use cedar_policy::{Authorizer, Entities, EntityUid, Policy, PolicyId, PolicySet, Request, Validator};

use super::{
    AccessBlock, AccessPolicy, AccessQuery, Action, Application, Blocked, Decision, DecisionReason, Resource, Target,
    Wanted, World,
    cedar::{self, Uncompiled, entity_uid, uncompiled},
};

/// What decides on a directory's applications.
pub(crate) struct Decider {
    world: World,
    entities: Entities,
    authorizer: Authorizer,
    connect: EntityUid,
    /// In the order in which they decide.
    ranked: Vec<Ranked>,
    /// By the ids that Cedar knows them by, their places in that order.
    places: HashMap<PolicyId, usize>,
    /// Of each application, which of them could match.
    candidates: HashMap<String, usize>,
    sets: Vec<Candidates>,
    /// The managed applications by their hosts, and those with patterns.
    hosts: HashMap<String, Vec<String>>,
    patterns: Vec<String>,
}

/// A policy or block.
#[derive(Clone, Debug)]
enum Ranked {
    Policy(Box<AccessPolicy>),
    Block(AccessBlock),
}

/// What could match for an application. Most applications have it in common with others.
struct Candidates {
    policies: PolicySet,
    windows: Vec<(String, TimeWindow)>,
}

/// A policy or block that is about a user.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct UserPolicy {
    pub(crate) name: String,
    pub(crate) display_name: String,
    /// 0 for a block.
    pub(crate) priority: u16,
    pub(crate) action: Action,
    pub(crate) conditional: bool,
}

impl Decider {
    /// Compiles what decides in a world.
    ///
    /// # Errors
    /// [`Uncompiled`]: a fault of ours, after which nothing may be allowed.
    pub(crate) fn new(world: World) -> Result<Self, Uncompiled> {
        let schema = cedar::schema()?;
        let entities = cedar::entities(&world, schema)?;
        let validator = Validator::new(schema.clone());
        let ranked = ranked(&world);
        let (mut compiled, mut places) = (Vec::new(), HashMap::new());
        for (place, one) in ranked.iter().enumerate() {
            let policy = one.compile(&validator)?;
            places.insert(policy.id().clone(), place);
            compiled.push(policy);
        }
        let connect = entity_uid("Action", "connect")?;
        let (candidates, sets) = (HashMap::new(), Vec::new());
        let authorizer = Authorizer::new();
        let (hosts, patterns) = by_host(&world);
        let mut decider =
            Self { world, entities, authorizer, connect, ranked, places, candidates, sets, hosts, patterns };
        decider.index(&compiled)?;
        Ok(decider)
    }

    fn index(&mut self, compiled: &[Policy]) -> Result<(), Uncompiled> {
        let world = self.world.clone();
        let reach = world.folders_above();
        let mut known = HashMap::<Vec<usize>, usize>::new();
        for (id, application) in &world.applications {
            if !world.members.contains_key(&application.account) {
                continue;
            }
            let could = self.ranked.iter().enumerate().filter(|(_, one)| one.could_match(application, &reach));
            let places: Vec<_> = could.map(|(place, _)| place).collect();
            let set = match known.get(&places) {
                Some(set) => *set,
                None => {
                    self.sets.push(self.candidates(&places, compiled)?);
                    known.insert(places, self.sets.len() - 1);
                    self.sets.len() - 1
                }
            };
            self.candidates.insert(id.clone(), set);
        }
        Ok(())
    }

    fn candidates(&self, places: &[usize], compiled: &[Policy]) -> Result<Candidates, Uncompiled> {
        let policies = places.iter().filter_map(|place| compiled.get(*place)).cloned();
        let policies = PolicySet::from_policies(policies).map_err(uncompiled)?;
        let mut windows = BTreeMap::new();
        for one in places.iter().filter_map(|place| self.ranked.get(*place)) {
            if let Ranked::Policy(policy) = one {
                windows.extend(policy.conditions.windows.iter().map(|window| (window.key(), window.clone())));
            }
        }
        Ok(Candidates { policies, windows: windows.into_iter().collect() })
    }

    /// What it decides by.
    pub(crate) fn world(&self) -> &World {
        &self.world
    }

    /// Decides whether somebody may reach something.
    pub(crate) fn decide(&self, query: &AccessQuery, now: Timestamp) -> Decision {
        match &query.wanted {
            Wanted::Application(id) => self.decide_on(self.world.applications.get(id), query, now),
            Wanted::Target(target) => self.decide_on(self.best_fit(target), query, now),
            Wanted::Request(target) => {
                let decision = self.decide_on(self.best_fit(target), query, now);
                let other = target.protocol.mistaken_for().map(|protocol| Target { protocol, ..target.clone() });
                let other = other.filter(|_| decision.is_allowed()).and_then(|other| self.best_fit(&other));
                let stricter = other.map(|other| self.decide_on(Some(other), query, now));
                stricter.filter(|stricter| !stricter.is_allowed()).unwrap_or(decision)
            }
        }
    }

    fn decide_on(&self, application: Option<&Application>, query: &AccessQuery, now: Timestamp) -> Decision {
        let blocked = |reason| Decision::blocked(query, reason, now);
        let Some(application) = application else { return blocked(DecisionReason::NoApplication) };
        let about = |decision: Decision| Decision {
            application: application.meta.id.clone(),
            account: Some(application.account),
            ..decision
        };
        let Some(candidates) = self.candidates.get(&application.meta.id).and_then(|set| self.sets.get(*set)) else {
            return about(blocked(DecisionReason::MemberNotManaged));
        };
        if !self.world.users.get(&query.user).is_some_and(|user| self.world.is_active(user)) {
            return about(blocked(DecisionReason::UserInactive));
        }
        let first = match self.first_match(query, application, candidates, now) {
            Ok(first) => first,
            Err(error) => {
                tracing::error!(%error, "access policies could not be evaluated, and access is blocked");
                return about(blocked(DecisionReason::Fault));
            }
        };
        about(match first {
            None => blocked(DecisionReason::NoPolicy),
            Some(Ranked::Block(block)) => Decision {
                decided_by: block.name(),
                version: block.meta.version,
                display_name: block.reason.clone(),
                ..blocked(DecisionReason::AccessBlock)
            },
            Some(Ranked::Policy(policy)) => Decision {
                action: policy.action,
                decided_by: policy.name(),
                version: policy.meta.version,
                priority: policy.priority,
                display_name: policy.display_name.clone(),
                ..blocked(DecisionReason::Policy)
            },
        })
    }

    fn first_match(
        &self,
        query: &AccessQuery,
        application: &Application,
        candidates: &Candidates,
        now: Timestamp,
    ) -> Result<Option<&Ranked>, Uncompiled> {
        let request = self.request(query, application, candidates, now)?;
        let response = self.authorizer.is_authorized(&request, &candidates.policies, &self.entities);
        // A policy that fails to be evaluated does not match in Cedar; it might have been the one that blocks.
        if let Some(error) = response.diagnostics().errors().next() {
            return Err(uncompiled(error));
        }
        let first = response.diagnostics().reason().filter_map(|id| self.places.get(id)).min();
        Ok(first.and_then(|place| self.ranked.get(*place)))
    }

    fn request(
        &self,
        query: &AccessQuery,
        application: &Application,
        candidates: &Candidates,
        now: Timestamp,
    ) -> Result<Request, Uncompiled> {
        let open = candidates.windows.iter().filter(|(_, window)| window.is_open(now)).map(|(key, _)| key.as_str());
        let context = cedar::context(query, self.world.groups_around(&query.groups), open, now)?;
        let principal = entity_uid("User", &query.user)?;
        let resource = entity_uid("Application", &application.meta.id)?;
        Request::new(principal, self.connect.clone(), resource, context, None).map_err(uncompiled)
    }

    /// A question as Cedar alone is asked it, prepared; none if it is about nothing that policies decide on.
    #[cfg(feature = "measuring")]
    pub(crate) fn bare<'a>(
        &'a self,
        query: &AccessQuery,
        now: Timestamp,
    ) -> Result<Option<impl Fn() + use<'a>>, Uncompiled> {
        let Wanted::Application(id) = &query.wanted else { return Ok(None) };
        let set = self.candidates.get(id).and_then(|set| self.sets.get(*set));
        let (Some(application), Some(candidates)) = (self.world.applications.get(id), set) else { return Ok(None) };
        let request = self.request(query, application, candidates, now)?;
        Ok(Some(move || {
            let response = self.authorizer.is_authorized(&request, &candidates.policies, &self.entities);
            std::hint::black_box(response);
        }))
    }

    /// The managed application that describes a target most closely; of those that do so equally, the first by id.
    fn best_fit(&self, target: &Target) -> Option<&Application> {
        let exact = self.hosts.get(&target.host).into_iter().flatten();
        let could = exact.chain(&self.patterns).filter_map(|id| self.world.applications.get(id));
        let fitting = could.filter_map(|application| Some((application.fit(target)?, application)));
        let closest = fitting.max_by(|(a, one), (b, other)| a.cmp(b).then_with(|| other.meta.id.cmp(&one.meta.id)));
        closest.map(|(_, application)| application)
    }

    /// The policies and blocks that are about a user, in the order in which they decide.
    pub(crate) fn policies_of(&self, user: &str, now: Timestamp) -> Vec<UserPolicy> {
        let Some(user) = self.world.users.get(user) else { return Vec::new() };
        let (id, groups) = (user.meta.id.as_str(), self.world.groups_of(&user.meta.id));
        let about = |one: &&Ranked| match one {
            Ranked::Block(block) => block.stands(now) && matches!(&block.blocked, Blocked::User(user) if user == id),
            Ranked::Policy(policy) => policy.subjects.include(user, &groups),
        };
        self.ranked.iter().filter(about).map(Ranked::for_user).collect()
    }
}

/// The managed applications by the hosts that they name, and those that have patterns of hosts.
fn by_host(world: &World) -> (HashMap<String, Vec<String>>, Vec<String>) {
    let (mut hosts, mut patterns) = (HashMap::<_, Vec<_>>::new(), Vec::new());
    for (id, application) in &world.applications {
        if !world.members.contains_key(&application.account) {
            continue;
        }
        for host in &application.hosts {
            hosts.entry(host.clone()).or_default().push(id.clone());
        }
        if application.hosts.iter().any(|host| host.starts_with('*')) {
            patterns.push(id.clone());
        }
    }
    (hosts, patterns)
}

/// The order in which policies and blocks decide.
fn ranked(world: &World) -> Vec<Ranked> {
    let mut policies: Vec<_> = world.policies.values().filter(|policy| policy.enabled).collect();
    policies.sort_by_key(|policy| policy.rank());
    let blocks = world.blocks.values().cloned().map(Ranked::Block);
    blocks.chain(policies.into_iter().cloned().map(Box::new).map(Ranked::Policy)).collect()
}

// === impl Ranked ===

impl Ranked {
    fn compile(&self, validator: &Validator) -> Result<Policy, Uncompiled> {
        match self {
            Self::Policy(policy) => {
                cedar::compile(&format!("policy/{}", policy.meta.id), &cedar::policy_text(policy), validator)
            }
            Self::Block(block) => {
                cedar::compile(&format!("block/{}", block.meta.id), &cedar::block_text(block), validator)
            }
        }
    }

    /// Whether it could match for an application of a managed member; it may say yes to too many.
    fn could_match(&self, application: &Application, reach: &BTreeMap<AccountId, BTreeSet<&str>>) -> bool {
        match self {
            Self::Block(block) => {
                let of_account = block.account.is_none_or(|account| account == application.account);
                of_account
                    && match &block.blocked {
                        Blocked::Application(id) => *id == application.meta.id,
                        Blocked::User(_) | Blocked::Device(_) | Blocked::Address(_) => true,
                    }
            }
            Self::Policy(policy) => {
                let above = reach.get(&application.account);
                policy.targets.include(application)
                    && above.is_some_and(|a| policy.members.include(application.account, a))
            }
        }
    }

    fn for_user(&self) -> UserPolicy {
        match self {
            Self::Block(block) => UserPolicy {
                name: block.name(),
                display_name: block.reason.clone(),
                priority: 0,
                action: Action::Block,
                conditional: block.expire.is_some(),
            },
            Self::Policy(policy) => UserPolicy {
                name: policy.name(),
                display_name: policy.display_name.clone(),
                priority: policy.priority,
                action: policy.action,
                conditional: policy.is_conditional(),
            },
        }
    }
}
