//! One compile at a time for each directory: whoever needs the same version waits for it.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

use bailiwick_core::DirectoryId;
use bailiwick_db::DbError;
use futures::{
    FutureExt,
    future::{BoxFuture, Shared},
};
use tokio::{sync::Semaphore, task::JoinError};

use super::Error;

/// Most directories whose policies are held compiled.
const HELD_MAX: usize = 256;
/// Most directories that are compiled at once.
const AT_ONCE: usize = 4;

/// What is made of one version.
pub(super) trait Versioned: Send + Sync + 'static {
    fn generation(&self) -> i64;
}

/// What was made, and what is being made.
pub(super) struct Flights<T>(Arc<Board<T>>);

struct Board<T> {
    slots: Mutex<HashMap<DirectoryId, Slot<T>>>,
    places: Semaphore,
    begun: AtomicU64,
}

struct Slot<T> {
    made: Option<Arc<T>>,
    /// The version that could not be compiled, which it never will be.
    failed: Option<(i64, Arc<Error>)>,
    flight: Option<Flight<T>>,
}

type Outcome<T> = Result<Arc<T>, Arc<Error>>;

struct Flight<T> {
    /// It finds this version or a later one.
    since: i64,
    outcome: Shared<BoxFuture<'static, Outcome<T>>>,
}

/// What there is for whoever asks.
enum Found<T> {
    Done(Outcome<T>),
    Flying(Flight<T>),
}

impl<T: Versioned> Flights<T> {
    /// What is of this generation or a later one; `make` makes it of what is committed when it is called. It goes on if
    /// its caller does not wait for it.
    ///
    /// # Errors
    /// That of `make`: once for all who wait. What cannot be compiled is not tried again before it has changed.
    pub(super) async fn get<F, Fut>(&self, directory: DirectoryId, generation: i64, make: F) -> Result<Arc<T>, Error>
    where
        F: Fn() -> Fut,
        Fut: Future<Output = Result<T, Error>> + Send + 'static,
    {
        let mut waited = false;
        loop {
            let Flight { since, outcome } = match self.find(directory, generation, &make) {
                Found::Done(outcome) => return outcome.map_err(|error| Error::again(&error)),
                Found::Flying(flight) => flight,
            };
            match outcome.await {
                Ok(made) if made.generation() >= generation => return Ok(made),
                // The first may have begun before the change that the caller must see; the second has not.
                Err(error) if since >= generation || waited => return Err(Error::again(&error)),
                _ => waited = true,
            }
        }
    }

    fn find<F, Fut>(&self, directory: DirectoryId, generation: i64, make: &F) -> Found<T>
    where
        F: Fn() -> Fut,
        Fut: Future<Output = Result<T, Error>> + Send + 'static,
    {
        let mut slots = self.0.slots();
        let slot = slots.entry(directory).or_default();
        if let Some(made) = slot.made.as_ref().filter(|made| made.generation() >= generation) {
            return Found::Done(Ok(made.clone()));
        }
        if let Some((_, error)) = slot.failed.as_ref().filter(|(failed, _)| *failed >= generation) {
            return Found::Done(Err(error.clone()));
        }
        let flight = slot.flight.get_or_insert_with(|| Flight {
            since: generation,
            outcome: self.0.clone().fly(directory, generation, make()).boxed().shared(),
        });
        Found::Flying(flight.clone())
    }

    /// How many were begun.
    #[cfg(test)]
    pub(super) fn begun(&self) -> u64 {
        self.0.begun.load(Ordering::SeqCst)
    }
}

impl<T: Versioned> Board<T> {
    fn slots(&self) -> MutexGuard<'_, HashMap<DirectoryId, Slot<T>>> {
        self.slots.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Begins at once, in a task of its own.
    fn fly<Fut>(
        self: Arc<Self>,
        directory: DirectoryId,
        since: i64,
        make: Fut,
    ) -> impl Future<Output = Outcome<T>> + Send
    where
        Fut: Future<Output = Result<T, Error>> + Send + 'static,
    {
        let task = tokio::spawn(async move {
            let place = self.places.acquire().await;
            self.begun.fetch_add(1, Ordering::SeqCst);
            let made = tokio::spawn(make).await.unwrap_or_else(|error| Err(broken_off(error)));
            drop(place);
            let outcome = made.map(Arc::new).map_err(Arc::new);
            self.land(directory, since, &outcome);
            outcome
        });
        async move { task.await.unwrap_or_else(|error| Err(Arc::new(broken_off(error)))) }
    }

    fn land(&self, directory: DirectoryId, since: i64, outcome: &Outcome<T>) {
        let mut slots = self.slots();
        let slot = slots.entry(directory).or_default();
        slot.flight = None;
        match outcome {
            Ok(made) => (slot.made, slot.failed) = (Some(made.clone()), None),
            Err(error) if matches!(**error, Error::Uncompiled(_)) => {
                (slot.made, slot.failed) = (None, Some((since, error.clone())));
            }
            Err(_) => {}
        }
        // Any others: whoever asks next compiles them anew.
        while slots.len() > HELD_MAX {
            let idle = slots.iter().find(|(other, slot)| **other != directory && slot.flight.is_none());
            let Some(idle) = idle.map(|(other, _)| *other) else { break };
            slots.remove(&idle);
        }
    }
}

fn broken_off(error: JoinError) -> Error {
    DbError::Other(error.into()).into()
}

impl<T> Default for Flights<T> {
    fn default() -> Self {
        let (slots, begun) = (Mutex::default(), AtomicU64::new(0));
        Self(Arc::new(Board { slots, places: Semaphore::new(AT_ONCE), begun }))
    }
}

impl<T> Default for Slot<T> {
    fn default() -> Self {
        Self { made: None, failed: None, flight: None }
    }
}

impl<T> Clone for Flight<T> {
    fn clone(&self) -> Self {
        Self { since: self.since, outcome: self.outcome.clone() }
    }
}

#[cfg(test)]
mod tests;
