//! What a change in the log of `delegation` says of accounts, directories and administrators; which members are added of
//! themselves by it, and which quota ends. To be applied after the lists have been.

use std::collections::{BTreeMap, BTreeSet};

use bailiwick_api::{
    audit::v1::Change,
    r#type::v1::{self as proto, AccessFactChange, LogPosition, access_fact::Kind},
};
use bailiwick_changelog::{Apply, HeldFact};
use bailiwick_core::{AccountId, DirectoryId, TrustedService, authz::Fact, authz::Scope};
use bailiwick_db::{Db, DbError, Tx};
use bailiwick_roster::{JoinMethod, folders_of};
use futures::future::BoxFuture;

use crate::posture::{
    domain::{Administrator, AutoAdd, Member, Place},
    store,
};

/// Services whose administrators are shown.
const SERVICES: [TrustedService; 2] = [TrustedService::SecurityCenter, TrustedService::ThreatAnalysis];

/// Keeps what Security Center must know of the facts.
pub(crate) struct Places {
    db: Db,
}

/// An account, as a fact has it.
struct Said {
    account: AccountId,
    membership: Option<(DirectoryId, String)>,
    unverified: bool,
    suspended: bool,
    join_method: Option<JoinMethod>,
    folder: String,
}

/// What some facts say.
#[derive(Default)]
struct Steps {
    directories: Vec<(DirectoryId, Option<AccountId>)>,
    administrators: Vec<Administrator>,
    undesignated: Vec<(DirectoryId, TrustedService, AccountId)>,
    accounts: Vec<Said>,
    enrolled: Vec<(DirectoryId, AccountId, String)>,
    /// Whose enrolment in Security Center has ended.
    ended: Vec<AccountId>,
}

impl Places {
    pub(crate) fn new(db: Db) -> Self {
        Self { db }
    }

    async fn follow(&self, tx: &Tx, change: &Change) -> Result<(), DbError> {
        let mut steps = Steps::default();
        for fact in &change.facts {
            steps.add(fact).map_err(|error| DbError::Other(error.into()))?;
        }
        let touched = steps.touched();
        self.settle(tx, steps).await?;
        if touched.is_empty() {
            return Ok(());
        }
        store::additions_tidy(tx.conn(), Some(&touched)).await?;
        store::quotas_tidy(tx.conn(), Some(&touched)).await
    }

    /// As if the facts had been said now. What is kept of memberships stays where it is of the same incarnation: nobody is
    /// added twice.
    async fn replace_all(&self, tx: &Tx, facts: &[HeldFact]) -> Result<(), DbError> {
        store::directories_remove_all(tx.conn()).await?;
        store::administrators_remove_all(tx.conn()).await?;
        let mut steps = Steps::default();
        for held in facts {
            let fact = AccessFactChange { fact: Some(held.fact.clone()), removed: false };
            steps.add(&fact).map_err(|error| DbError::Other(error.into()))?;
        }
        self.settle(tx, steps).await?;
        store::additions_tidy(tx.conn(), None).await?;
        store::quotas_tidy(tx.conn(), None).await
    }

    async fn settle(&self, tx: &Tx, steps: Steps) -> Result<(), DbError> {
        for (directory, management) in &steps.directories {
            match management {
                Some(management) => store::directory_save(tx.conn(), *directory, *management).await?,
                None => store::directory_remove(tx.conn(), *directory).await?,
            }
        }
        for gone in &steps.undesignated {
            store::administrator_remove(tx.conn(), *gone).await?;
        }
        for administrator in &steps.administrators {
            store::administrator_save(tx.conn(), administrator).await?;
        }
        let accounts = steps.touched();
        let known = store::places(tx.conn(), &accounts).await?;
        let mut known: BTreeMap<_, _> = known.into_iter().map(|place| (place.account, place)).collect();
        let (mut changed, mut joined) = (BTreeSet::new(), BTreeMap::<_, BTreeMap<_, _>>::new());
        for said in steps.accounts {
            let before = known.get(&said.account);
            let same = |place: &&Place| said.membership.is_none() || place.membership == said.membership;
            let place = Place {
                account: said.account,
                membership: said.membership.clone().or_else(|| before.and_then(|place| place.membership.clone())),
                considered: before.filter(same).is_some_and(|place| place.considered),
                unverified: said.unverified,
                suspended: said.suspended,
            };
            let is_new = before.is_none_or(|before| before.membership != place.membership);
            if let Some((directory, incarnation)) = said.membership.filter(|_| is_new) {
                let Said { account, join_method, folder, .. } = said;
                let member = Member { account, incarnation, join_method, folder };
                joined.entry(directory).or_default().insert(account, member);
            }
            if before != Some(&place) {
                changed.insert(place.account);
                known.insert(place.account, place);
            }
        }
        for (directory, account, incarnation) in steps.enrolled {
            let Some(place) = known.get_mut(&account) else { continue };
            if !place.considered && place.membership.as_ref() == Some(&(directory, incarnation)) {
                place.considered = true;
                changed.insert(account);
            }
        }
        let changed: Vec<_> = changed.iter().filter_map(|account| known.get(account).cloned()).collect();
        store::places_save(tx.conn(), &changed).await?;
        for (directory, members) in joined {
            let new = members.into_values().filter(|m| known.get(&m.account).is_some_and(|place| !place.considered));
            self.add(tx, directory, new.collect()).await?;
        }
        Ok(())
    }

    /// Lets new members wait that are to be added of themselves. The lock makes them be seen here or by whoever changes
    /// the settings.
    async fn add(&self, tx: &Tx, directory: DirectoryId, new: Vec<Member>) -> Result<(), DbError> {
        let settings = store::settings_lock(tx.conn(), directory).await?;
        if settings.auto_add == AutoAdd::Off {
            return Ok(());
        }
        let management = store::management_account(tx.conn(), directory).await?;
        let within = match settings.folders.is_empty() {
            true => None,
            false => folders_of(tx.conn(), directory, &Scope::Folders(settings.folders.clone())).await?,
        };
        let wanted = new.into_iter().filter(|member| settings.wants(member, within.as_ref(), management));
        let wanted: Vec<_> = wanted.map(|member| (member.account, member.incarnation)).collect();
        store::additions_put(tx.conn(), directory, &wanted, self.db.clock().now()).await
    }
}

impl Apply for Places {
    fn apply(&self, tx: Tx, _: LogPosition, change: Change) -> BoxFuture<'_, Result<(), DbError>> {
        Box::pin(async move { self.follow(&tx, &change).await })
    }

    fn replace<'a>(&'a self, tx: Tx, _: LogPosition, facts: &'a [HeldFact]) -> BoxFuture<'a, Result<(), DbError>> {
        Box::pin(async move { self.replace_all(&tx, facts).await })
    }
}

impl Steps {
    /// The accounts that they are about.
    fn touched(&self) -> Vec<AccountId> {
        let accounts = self.accounts.iter().map(|said| said.account);
        let enrolled = self.enrolled.iter().map(|(_, account, _)| *account);
        let all: BTreeSet<_> = accounts.chain(enrolled).chain(self.ended.iter().copied()).collect();
        all.into_iter().collect()
    }

    fn add(&mut self, change: &AccessFactChange) -> Result<(), bailiwick_api::FactError> {
        let kind = change.fact.as_ref().and_then(|fact| fact.kind.as_ref());
        let Some(kind @ (Kind::Account(_) | Kind::Directory(_) | Kind::Delegation(_) | Kind::Enrolment(_))) = kind
        else {
            return Ok(());
        };
        let read = change.to_core()?;
        match (read.fact, kind) {
            (Fact::Account { account, membership, .. }, Kind::Account(fact)) => {
                let membership = membership.filter(|_| !read.removed);
                self.accounts.push(said(account, membership, fact));
            }
            (Fact::Directory { directory, management_account, .. }, _) => {
                self.directories.push((directory, management_account.filter(|_| !read.removed)));
            }
            (Fact::Delegation { directory, service, account, folder, .. }, _) if SERVICES.contains(&service) => {
                if read.removed {
                    self.undesignated.push((directory, service, account));
                } else {
                    let folder = folder.unwrap_or_default();
                    self.administrators.push(Administrator { directory, service, account, folder });
                }
            }
            (Fact::Enrolment { directory, service: TrustedService::SecurityCenter, account, incarnation, .. }, _) => {
                if read.removed {
                    self.ended.push(account);
                } else {
                    self.enrolled.push((directory, account, incarnation));
                }
            }
            _ => {}
        }
        Ok(())
    }
}

fn said(account: AccountId, membership: Option<(DirectoryId, String)>, fact: &proto::AccountFact) -> Said {
    let join_method = match fact.join_method() {
        proto::JoinMethod::Unspecified => None,
        proto::JoinMethod::Created => Some(JoinMethod::Created),
        proto::JoinMethod::Invited => Some(JoinMethod::Invited),
        proto::JoinMethod::EnabledDirectory => Some(JoinMethod::EnabledDirectory),
    };
    Said {
        account,
        membership,
        unverified: fact.enterprise_unverified,
        suspended: fact.suspended,
        join_method,
        folder: fact.folder.clone(),
    }
}
