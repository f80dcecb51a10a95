//! What a change in the log of `delegation` means for the risks of accounts that come into a control list or leave one.

use std::collections::{BTreeMap, BTreeSet};

use bailiwick_api::{
    audit::v1::Change,
    r#type::v1::{LogPosition, access_fact::Kind},
};
use bailiwick_changelog::{Apply, HeldFact};
use bailiwick_core::{AccountId, Owner, ResourceName};
use bailiwick_db::{DbError, Tx};
use bailiwick_roster::{places_all, places_of};
use futures::future::BoxFuture;

use crate::posture::{MONITORED_ACCOUNTS, store};

/// Follows the keeper of the list, in its transaction, and notes the accounts whose risks another directory finds now, or
/// other rules hold for.
pub(crate) struct Relisting;

impl Relisting {
    async fn follow(tx: Tx, change: Change) -> Result<(), DbError> {
        let mut facts = BTreeMap::<_, bool>::new();
        for fact in change.facts.iter().filter_map(|fact| fact.fact.as_ref()?.kind.as_ref()) {
            if let Some((account, enrolment)) = concerned(fact) {
                *facts.entry(account).or_default() |= enrolment;
            }
        }
        if facts.is_empty() {
            return Ok(());
        }
        let accounts: BTreeSet<_> = facts.keys().copied().collect();
        let known = store::accounts_known(tx.conn(), Some(&accounts)).await?;
        let lists = places_of(tx.conn(), MONITORED_ACCOUNTS.service, &accounts).await?;
        // An account that is in the list without a change of its enrolment was there before.
        let stays = |account: &AccountId| lists.contains_key(account) && facts.get(account) != Some(&true);
        // One that comes without a row may be given its first risks in this moment.
        let moved = known.into_iter().chain(lists.keys().copied()).filter(|account| !stays(account)).collect();
        store::work_add(tx.conn(), &moved).await
    }

    /// Accounts that were in a list and are in none now cannot be told from the others: all are looked at again.
    async fn replace_all(tx: Tx) -> Result<(), DbError> {
        let known = store::accounts_known(tx.conn(), None).await?;
        let lists = places_all(tx.conn(), MONITORED_ACCOUNTS.service).await?;
        store::work_add(tx.conn(), &known.into_iter().chain(lists.into_keys()).collect()).await
    }
}

/// The account that may come into a list or leave one by a fact, and whether the fact is its enrolment.
fn concerned(fact: &Kind) -> Option<(AccountId, bool)> {
    let (name, enrolment) = match fact {
        Kind::Enrolment(fact) if fact.trusted_service == MONITORED_ACCOUNTS.service.id() => (&fact.account, true),
        Kind::Account(fact) => (&fact.account, false),
        _ => return None,
    };
    match ResourceName::parse(name).ok()?.owner() {
        Owner::Account(account) => Some((account, enrolment)),
        Owner::Directory(_) => None,
    }
}

impl Apply for Relisting {
    fn apply(&self, tx: Tx, _at: LogPosition, change: Change) -> BoxFuture<'_, Result<(), DbError>> {
        Box::pin(Self::follow(tx, change))
    }

    fn replace<'a>(&'a self, tx: Tx, _at: LogPosition, _facts: &'a [HeldFact]) -> BoxFuture<'a, Result<(), DbError>> {
        Box::pin(Self::replace_all(tx))
    }
}
