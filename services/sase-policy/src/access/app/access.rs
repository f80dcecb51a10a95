//! Decisions, and the log of them.
//!
//! Each call reads the number of changes of its directory and decides by what was compiled of just that one: whoever has
//! the answer to a change finds it in the next decision of every replica.

use std::{
    collections::{BTreeSet, HashMap},
    net::IpAddr,
    sync::Arc,
};

use bailiwick_core::DirectoryId;
use bailiwick_db::{DbError, Snapshot};
use bailiwick_rpc::Call;

use super::{Compiled, Decided, Error, Page, Sase};
use crate::access::{
    domain::{
        AccessQuery, Action, Decider, Decision, Device, EnforcementPoint, IdentityProvider, SaseError, SetupStep,
        Strength, UserPolicy, Wanted,
    },
    store::{self, DecisionFilter, Logged},
};

/// What a caller asks about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Asked {
    /// Id.
    pub(crate) user: String,
    /// None where all applications are asked about.
    pub(crate) wanted: Option<Wanted>,
    /// Id; empty if none is known.
    pub(crate) device: String,
    pub(crate) source: Option<IpAddr>,
    pub(crate) strength: Option<Strength>,
}

/// A part of the decision log.
pub(crate) struct DecisionsPage {
    pub(crate) decisions: Vec<Decision>,
    pub(crate) next: String,
}

/// Who has the attributes by which providers name users.
fn named(decider: &Decider, providers: &[IdentityProvider]) -> HashMap<String, Option<String>> {
    let keys: BTreeSet<_> = providers.iter().map(|provider| provider.settings.user_attribute.as_str()).collect();
    let mut named = HashMap::new();
    for user in decider.world().users.values() {
        for attribute in &user.attributes {
            if attribute.split_once('=').is_some_and(|(key, _)| keys.contains(key)) {
                let one = |several: &mut Option<String>| *several = None;
                named.entry(attribute.clone()).and_modify(one).or_insert_with(|| Some(user.meta.id.clone()));
            }
        }
    }
    named
}

impl Sase {
    /// Decides, by one version and at one moment, and notes the decisions.
    ///
    /// # Errors
    /// [`SaseError::SetupIncomplete`] without an instance.
    pub(crate) async fn evaluate(&self, call: &Call, asked: Vec<Asked>) -> Result<Vec<Decision>, Error> {
        let directory = call.permit.tenant_directory()?;
        let (compiled, now) = (self.compiled(directory).await?, self.now());
        let mut decided = Vec::new();
        for one in asked {
            let wanted = one.wanted.clone().unwrap_or(Wanted::Application(String::new()));
            let query = self.query(directory, one, wanted).await?;
            decided.push(Decided { id: self.token(20), decision: compiled.decider.decide(&query, now) });
        }
        self.0.log.note(directory, decided.clone()).await?;
        Ok(decided.into_iter().map(|decided| decided.decision).collect())
    }

    async fn query(&self, directory: DirectoryId, asked: Asked, wanted: Wanted) -> Result<AccessQuery, Error> {
        let Asked { user, device: device_id, source, strength, .. } = asked;
        let device: Option<Device> = match device_id.is_empty() {
            true => None,
            false => store::find(self.db().reader(), directory, &device_id).await?,
        };
        let (groups, attributes) = <_>::default();
        Ok(AccessQuery { user, wanted, device_id, device, source, strength, groups, attributes })
    }

    /// What decides in a directory now.
    pub(crate) async fn compiled(&self, directory: DirectoryId) -> Result<Arc<Compiled>, Error> {
        let generation = store::generation(self.db().reader(), directory).await?;
        let generation = generation.ok_or(SaseError::SetupIncomplete(SetupStep::Instance))?;
        let of = self.clone();
        self.0.deciders.get(directory, generation, || of.clone().compile(directory)).await
    }

    /// Compiles what is committed now.
    async fn compile(self, directory: DirectoryId) -> Result<Compiled, Error> {
        let read = self.db().snapshot("sase_world", |snapshot: Snapshot| async move {
            let set_up = store::instance(snapshot.conn(), directory).await?;
            let generation = store::generation(snapshot.conn(), directory).await?.unwrap_or_default();
            let world = store::world(snapshot.conn(), directory).await?;
            let points = store::all::<EnforcementPoint>(snapshot.conn(), directory).await?;
            let providers = store::all::<IdentityProvider>(snapshot.conn(), directory).await?;
            let providers: Vec<_> = providers.into_values().collect();
            Ok::<_, DbError>((set_up, generation, world, (points, providers)))
        });
        let (instance, generation, world, (points, providers)) = read.await?.value;
        instance.ok_or(SaseError::SetupIncomplete(SetupStep::Instance))?;
        let work = tokio::task::spawn_blocking(move || Decider::new(world));
        let decider = work.await.map_err(|error| DbError::Other(error.into()))??;
        Ok(Compiled { generation, named: named(&decider, &providers), decider, points, providers })
    }

    /// A page of the applications that a user would reach, by id.
    ///
    /// # Errors
    /// [`SaseError::SetupIncomplete`] without an instance, [`Error::Token`].
    pub(crate) async fn user_applications(
        &self,
        call: &Call,
        asked: Asked,
        page: (u32, &str),
    ) -> Result<Page<(Decision, String)>, Error> {
        let directory = call.permit.tenant_directory()?;
        let fingerprint = format!("{asked:?}");
        let (compiled, now) = (self.compiled(directory).await?, self.now());
        let mut query = self.query(directory, asked, Wanted::Application(String::new())).await?;
        let mut reached = Vec::new();
        for (id, application) in &compiled.decider.world().applications {
            query.wanted = Wanted::Application(id.clone());
            let decision = compiled.decider.decide(&query, now);
            if decision.action == Action::Allow {
                reached.push((decision, application.display_name.clone()));
            }
        }
        let key = |(decision, _): &(Decision, String)| decision.application.clone();
        self.cut(call, fingerprint.as_bytes(), page, (reached, key)).await
    }

    /// A page of the policies and blocks that are about a user, in the order in which they decide.
    ///
    /// # Errors
    /// [`SaseError::NotFound`], [`SaseError::SetupIncomplete`] without an instance, [`Error::Token`].
    pub(crate) async fn user_policies(
        &self,
        call: &Call,
        user: &str,
        page: (u32, &str),
    ) -> Result<Page<UserPolicy>, Error> {
        let directory = call.permit.tenant_directory()?;
        let compiled = self.compiled(directory).await?;
        self.user_get(call, user).await?;
        let policies = compiled.decider.policies_of(user, self.now());
        self.cut(call, user.as_bytes(), page, (policies, |policy: &UserPolicy| policy.name.clone())).await
    }

    /// A page of the decision log, the newest first.
    ///
    /// # Errors
    /// [`Error::Token`].
    pub(crate) async fn decision_list(
        &self,
        call: &Call,
        filter: &DecisionFilter,
        fingerprint: &[u8],
        (size, token): (u32, &str),
    ) -> Result<DecisionsPage, Error> {
        let directory = call.permit.tenant_directory()?;
        let after = self.after(call, fingerprint, token).await?;
        self.0.log.flush(directory).await?;
        let before = after.split_once(' ').and_then(|(time, id)| Some((time.parse().ok()?, id.to_owned())));
        let filter = DecisionFilter { before, ..filter.clone() };
        let size = usize::try_from(size).unwrap_or(usize::MAX);
        let limit = u64::try_from(size).unwrap_or(u64::MAX).saturating_add(1);
        let mut logged = store::decisions(self.db().reader(), directory, &filter, limit).await?;
        let more = logged.len() > size;
        logged.truncate(size);
        let next = match logged.last() {
            Some(Logged { id, decision }) if more => {
                self.next(call, fingerprint, &format!("{} {id}", decision.time.as_micros())).await?
            }
            _ => String::new(),
        };
        Ok(DecisionsPage { decisions: logged.into_iter().map(|logged| logged.decision).collect(), next })
    }
}
