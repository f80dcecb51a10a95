//! A hash map in copy-on-write shards: a new version of a large map costs a copy of the shards that changed.

use std::{
    borrow::Borrow,
    collections::HashMap,
    hash::{BuildHasher, Hash, RandomState},
    sync::Arc,
};

const SHARDS: usize = 256;

#[derive(Clone, Debug)]
pub(super) struct Shards<K, V> {
    hasher: RandomState,
    shards: Box<[Arc<HashMap<K, V>>]>,
}

impl<K: Hash + Eq + Clone, V: Clone> Shards<K, V> {
    pub(super) fn new() -> Self {
        Self { hasher: RandomState::new(), shards: (0..SHARDS).map(|_| Arc::default()).collect() }
    }

    pub(super) fn get<Q: Hash + Eq + ?Sized>(&self, key: &Q) -> Option<&V>
    where
        K: Borrow<Q>,
    {
        self.shards.get(self.index(key))?.get(key)
    }

    pub(super) fn entry(&mut self, key: K, default: impl FnOnce() -> V) -> Option<&mut V> {
        let index = self.index(&key);
        Some(Arc::make_mut(self.shards.get_mut(index)?).entry(key).or_insert_with(default))
    }

    pub(super) fn insert(&mut self, key: K, value: V) {
        let index = self.index(&key);
        if let Some(shard) = self.shards.get_mut(index) {
            Arc::make_mut(shard).insert(key, value);
        }
    }

    pub(super) fn get_mut<Q: Hash + Eq + ?Sized>(&mut self, key: &Q) -> Option<&mut V>
    where
        K: Borrow<Q>,
    {
        // Look before copying: an absent key must not cost a copy of its shard.
        self.get(key)?;
        let index = self.index(key);
        Arc::make_mut(self.shards.get_mut(index)?).get_mut(key)
    }

    pub(super) fn remove<Q: Hash + Eq + ?Sized>(&mut self, key: &Q)
    where
        K: Borrow<Q>,
    {
        let index = self.index(key);
        if self.get(key).is_some()
            && let Some(shard) = self.shards.get_mut(index)
        {
            Arc::make_mut(shard).remove(key);
        }
    }

    fn index<Q: Hash + ?Sized>(&self, key: &Q) -> usize {
        usize::try_from(self.hasher.hash_one(key) % (SHARDS as u64)).unwrap_or(0)
    }
}
