//! How many imports run at once, in all, of one account and of one directory: nobody keeps the others waiting.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
};

use bailiwick_core::{AccountId, DirectoryId};

/// Imports that run at once in this replica: each holds a piece of its file.
const ALL: usize = 64;
/// Those of them that the identities of one account run.
const OF_ACCOUNT: usize = 8;
/// Those of them that the accounts of one directory run.
const OF_DIRECTORY: usize = 24;

/// The places. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub(super) struct ImportPlaces(Arc<Mutex<Taken>>);

/// How many places are taken.
#[derive(Debug, Default)]
struct Taken {
    all: usize,
    accounts: BTreeMap<AccountId, usize>,
    directories: BTreeMap<DirectoryId, usize>,
}

/// A place that is taken until it is dropped.
#[derive(Debug)]
pub(super) struct ImportPlace {
    places: ImportPlaces,
    account: AccountId,
    directory: Option<DirectoryId>,
}

/// Why there is no place.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum NoPlace {
    /// The account has all that it can have.
    #[error("{OF_ACCOUNT} imports of this account are running here already")]
    OfAccount,
    /// The directory has all that it can have.
    #[error("{OF_DIRECTORY} imports of this directory are running here already")]
    OfDirectory,
    /// All are taken.
    #[error("{ALL} imports are running here already")]
    AtAll,
}

impl ImportPlaces {
    /// Takes a place for an identity of an account, which belongs to a directory or to none.
    ///
    /// # Errors
    /// [`NoPlace`].
    pub(super) fn take(&self, account: AccountId, directory: Option<DirectoryId>) -> Result<ImportPlace, NoPlace> {
        let mut taken = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if taken.accounts.get(&account).is_some_and(|own| *own >= OF_ACCOUNT) {
            return Err(NoPlace::OfAccount);
        }
        if directory.and_then(|of| taken.directories.get(&of)).is_some_and(|own| *own >= OF_DIRECTORY) {
            return Err(NoPlace::OfDirectory);
        }
        if taken.all >= ALL {
            return Err(NoPlace::AtAll);
        }
        taken.all += 1;
        *taken.accounts.entry(account).or_default() += 1;
        if let Some(directory) = directory {
            *taken.directories.entry(directory).or_default() += 1;
        }
        Ok(ImportPlace { places: self.clone(), account, directory })
    }
}

impl Drop for ImportPlace {
    fn drop(&mut self) {
        let mut taken = self.places.0.lock().unwrap_or_else(PoisonError::into_inner);
        taken.all = taken.all.saturating_sub(1);
        give_back(&mut taken.accounts, self.account);
        if let Some(directory) = self.directory {
            give_back(&mut taken.directories, directory);
        }
    }
}

fn give_back<K: Ord>(taken: &mut BTreeMap<K, usize>, of: K) {
    match taken.get_mut(&of) {
        Some(own) if *own > 1 => *own -= 1,
        _ => drop(taken.remove(&of)),
    }
}

#[cfg(test)]
mod tests {
    use bailiwick_roster::testing::directory;

    use super::*;

    fn account(n: u64) -> AccountId {
        AccountId::try_from(1_000_000_000_000_000 + n).unwrap()
    }

    #[test]
    fn an_account_takes_only_its_share_and_places_come_back() {
        let places = ImportPlaces::default();
        let mut held: Vec<_> = (0..OF_ACCOUNT).map(|_| places.take(account(0), None).unwrap()).collect();
        assert_eq!(places.take(account(0), None).unwrap_err(), NoPlace::OfAccount);
        for n in 1..u64::try_from(ALL / OF_ACCOUNT).unwrap() {
            held.extend((0..OF_ACCOUNT).map(|_| places.take(account(n), None).unwrap()));
        }
        assert_eq!(places.take(account(99), None).unwrap_err(), NoPlace::AtAll);
        held.remove(0);
        held.push(places.take(account(99), None).unwrap());
        drop(held);
        let taken = places.0.lock().unwrap();
        assert!(taken.all == 0 && taken.accounts.is_empty() && taken.directories.is_empty());
    }

    #[test]
    fn the_accounts_of_one_directory_leave_places_for_others() {
        let places = ImportPlaces::default();
        let of = |n: u64, d: u8| places.take(account(n), Some(directory(d)));
        let mut held: Vec<_> = (0..24).map(|n| of(n, 1).unwrap()).collect();
        assert_eq!(of(30, 1).unwrap_err(), NoPlace::OfDirectory);
        held.push(of(30, 2).unwrap());
        held.push(places.take(account(31), None).unwrap());
        held.remove(0);
        held.push(of(30, 1).unwrap());
        drop(held);
        assert!(places.0.lock().unwrap().directories.is_empty());
    }
}
