//! Which files are read whole: each takes much memory, so few do at once, and of an account one.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError, Weak},
    time::Duration,
};

use bailiwick_core::AccountId;
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore},
    time::timeout,
};

/// Files that are read at once.
const AT_ONCE: usize = 2;
/// How long an import waits for others.
const WAIT: Duration = Duration::from_secs(30);

/// The places. Cheap to clone.
#[derive(Clone, Debug)]
pub(super) struct WholeFiles {
    all: Arc<Semaphore>,
    own: Arc<Mutex<BTreeMap<AccountId, Weak<Semaphore>>>>,
    wait: Duration,
}

/// A place that is taken until it is dropped.
#[derive(Debug)]
pub(super) struct WholeFile {
    // Given back in this order, so that the next of the account does not find all taken by this one.
    _all: OwnedSemaphorePermit,
    _own: OwnedSemaphorePermit,
}

impl Default for WholeFiles {
    fn default() -> Self {
        Self::of(AT_ONCE, WAIT)
    }
}

impl WholeFiles {
    fn of(at_once: usize, wait: Duration) -> Self {
        Self { all: Arc::new(Semaphore::new(at_once)), own: Arc::default(), wait }
    }

    /// A place for a file of an account; none if there is none in time. Accounts take turns: of each one file waits for a
    /// place, and the others for that one.
    pub(super) async fn take(&self, account: AccountId) -> Option<WholeFile> {
        let own = self.own(account);
        let both = async {
            let own = own.acquire_owned().await.ok()?;
            let all = Arc::clone(&self.all).acquire_owned().await.ok()?;
            Some(WholeFile { _all: all, _own: own })
        };
        timeout(self.wait, both).await.ok().flatten()
    }

    fn own(&self, account: AccountId) -> Arc<Semaphore> {
        let mut all = self.own.lock().unwrap_or_else(PoisonError::into_inner);
        all.retain(|_, own| own.strong_count() > 0);
        if let Some(own) = all.get(&account).and_then(Weak::upgrade) {
            return own;
        }
        let own = Arc::new(Semaphore::new(1));
        all.insert(account, Arc::downgrade(&own));
        own
    }
}

#[cfg(test)]
mod tests {
    use bailiwick_roster::testing::account;

    use super::*;

    #[tokio::test]
    async fn an_account_has_one_place_and_nobody_waits_for_ever() {
        let places = WholeFiles::of(2, Duration::from_millis(20));
        let first = places.take(account(1)).await.unwrap();
        assert!(places.take(account(1)).await.is_none(), "its own is taken");
        let other = places.take(account(2)).await.unwrap();
        assert!(places.take(account(3)).await.is_none(), "all are taken");
        drop(first);
        let third = places.take(account(3)).await.unwrap();
        drop((other, third));
        places.take(account(1)).await.unwrap();
        places.own(account(9));
        assert!(places.own.lock().unwrap().len() <= 1, "what is not used is forgotten");
    }

    #[tokio::test]
    async fn whoever_waits_is_let_in_when_a_place_is_given_back() {
        let places = WholeFiles::of(1, Duration::from_secs(60));
        let held = places.take(account(1)).await.unwrap();
        let waits = tokio::spawn({
            let places = places.clone();
            async move { places.take(account(2)).await.is_some() }
        });
        drop(held);
        assert!(waits.await.unwrap());
    }
}
