//! The decision log is written by one task, many decisions in a transaction.
//!
//! Who is blocked is told when that is in the log. What allows is told before; where the queue is full it is counted
//! only, exactly, and its place in the log is lost. What allowed in the last moments before a crash is lost with it.

use std::{
    collections::{BTreeMap, HashMap},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use bailiwick_core::{DirectoryId, Role};
use bailiwick_db::{Db, DbError, Tx};
use bailiwick_rpc::{BackgroundTask, telemetry};
use tokio::{
    sync::{mpsc, oneshot},
    time::{sleep, timeout},
};
use tokio_util::sync::CancellationToken;

use super::Error;
use crate::access::{
    domain::{Action, Alike, Decision},
    store,
};

const TASK: &str = "write-sase-decisions";
/// Most calls whose decisions wait for being written.
const QUEUE: usize = 1_024;
/// Most calls whose decisions are written at once.
const BATCH: usize = 256;
/// Most kinds of decisions that are counted only, until the next batch.
const COUNTED_MAX: usize = 16_384;
/// How long decisions gather for which nobody waits.
const GATHER: Duration = Duration::from_millis(5);
/// After which what is counted only is written, if nothing else is.
const IDLE: Duration = Duration::from_secs(1);
/// Before what could not be written is tried again.
const PAUSE: Duration = Duration::from_millis(200);

/// A decision, by the id that it has in the log.
#[derive(Clone, Debug)]
pub(crate) struct Decided {
    pub(crate) id: String,
    pub(crate) decision: Decision,
}

/// Where decisions are left to be written.
pub(crate) struct DecisionLog {
    notes: mpsc::Sender<Note>,
    counted: Counted,
}

/// Writes them.
pub(crate) struct DecisionWriter {
    db: Db,
    notes: mpsc::Receiver<Note>,
    counted: Counted,
    queue: Vec<Note>,
}

/// How many decisions there were that will not be in the log.
type Counted = Arc<Mutex<BTreeMap<Alike, i64>>>;

/// The decisions of a call.
struct Note {
    directory: DirectoryId,
    decided: Vec<Decided>,
    /// Who waits until they are written.
    waiting: Option<oneshot::Sender<Result<(), Arc<Error>>>>,
}

/// A log, and what writes it.
pub(crate) fn decision_log(db: Db) -> (DecisionLog, DecisionWriter) {
    sized(db, QUEUE)
}

fn sized(db: Db, queue: usize) -> (DecisionLog, DecisionWriter) {
    let ((sender, notes), counted) = (mpsc::channel(queue), Counted::default());
    (DecisionLog { notes: sender, counted: counted.clone() }, DecisionWriter { db, notes, counted, queue: Vec::new() })
}

fn lock(counted: &Counted) -> MutexGuard<'_, BTreeMap<Alike, i64>> {
    counted.lock().unwrap_or_else(PoisonError::into_inner)
}

impl DecisionLog {
    /// Notes decisions of one call. With one that blocks among them, it returns when they are written.
    ///
    /// # Errors
    /// Of the database; then nobody may be told of the decisions.
    pub(crate) async fn note(&self, directory: DirectoryId, decided: Vec<Decided>) -> Result<(), Error> {
        if decided.iter().any(|decided| decided.decision.action == Action::Block) {
            return self.written(directory, decided).await;
        }
        match self.notes.try_send(Note { directory, decided, waiting: None }) {
            Ok(()) => Ok(()),
            Err(mpsc::error::TrySendError::Full(note)) if self.count(&note) => Ok(()),
            Err(error) => self.notes.send(error.into_inner()).await.map_err(|_| gone()),
        }
    }

    /// Returns when all is written that was noted before.
    ///
    /// # Errors
    /// Of the database.
    pub(crate) async fn flush(&self, directory: DirectoryId) -> Result<(), Error> {
        self.written(directory, Vec::new()).await
    }

    async fn written(&self, directory: DirectoryId, decided: Vec<Decided>) -> Result<(), Error> {
        let (sender, waiting) = oneshot::channel();
        self.notes.send(Note { directory, decided, waiting: Some(sender) }).await.map_err(|_| gone())?;
        waiting.await.map_err(|_| gone())?.map_err(|error| Error::again(&error))
    }

    /// Counts decisions only, if there is room for that.
    fn count(&self, note: &Note) -> bool {
        let mut counted = lock(&self.counted);
        if counted.len() + note.decided.len() > COUNTED_MAX {
            return false;
        }
        for alike in note.decided.iter().filter_map(|decided| Alike::of(note.directory, &decided.decision)) {
            *counted.entry(alike).or_default() += 1;
        }
        true
    }
}

fn gone() -> Error {
    DbError::Unavailable("decisions are not written any more".into()).into()
}

impl DecisionWriter {
    /// Writes until nobody is left who could decide. After `shutdown` nothing is tried again.
    pub(crate) fn task(self, shutdown: CancellationToken) -> BackgroundTask {
        (TASK, Box::pin(self.run(shutdown)))
    }

    async fn run(mut self, shutdown: CancellationToken) {
        loop {
            let room = BATCH.saturating_sub(self.queue.len());
            let open = match self.queue.len() {
                0 => timeout(IDLE, self.notes.recv_many(&mut self.queue, room)).await.ok() != Some(0),
                _ => true,
            };
            if !self.queue.iter().any(|note| note.waiting.is_some()) && !self.queue.is_empty() {
                sleep(GATHER).await;
            }
            while self.queue.len() < BATCH
                && let Ok(note) = self.notes.try_recv()
            {
                self.queue.push(note);
            }
            let written = self.write().await;
            let last = !open || shutdown.is_cancelled();
            if let Err(error) = written {
                let calls = self.queue.len();
                tracing::error!(%error, calls, last, "decisions could not be written");
                telemetry::background_failed(Role::SasePolicy, TASK);
                if last {
                    self.queue.clear();
                } else {
                    tokio::select! { () = sleep(PAUSE) => {}, () = shutdown.cancelled() => {} }
                }
            }
            if !open {
                return;
            }
        }
    }

    /// Writes what is in the queue. What could not be written stays there, unless its caller is told of the failure.
    async fn write(&mut self) -> Result<(), Arc<Error>> {
        let counted = std::mem::take(&mut *lock(&self.counted));
        let work = |tx: Tx| {
            let (queue, counted) = (&self.queue, &counted);
            async move { write(&tx, queue, counted).await }
        };
        let written = match self.queue.iter().all(|note| note.decided.is_empty()) && counted.is_empty() {
            true => Ok(0),
            false => self.db.write("sase_decisions", work).await.map(|done| done.value),
        };
        match written {
            Ok(lost) => {
                if lost > 0 {
                    tracing::warn!(decisions = lost, "decisions that allowed are counted, and not in the log");
                }
                for note in self.queue.drain(..) {
                    note.waiting.map(|waiting| waiting.send(Ok(())));
                }
                Ok(())
            }
            Err(error) => {
                let error = Arc::new(Error::from(error));
                let mut all = lock(&self.counted);
                for (alike, by) in counted {
                    *all.entry(alike).or_default() += by;
                }
                for note in self.queue.extract_if(.., |note| note.waiting.is_some()) {
                    note.waiting.map(|waiting| waiting.send(Err(error.clone())));
                }
                Err(error)
            }
        }
    }
}

/// Counts decisions; those that block are logged, and of those that allow one of so many alike. Tells how many would have
/// been logged of those that are counted only.
async fn write(tx: &Tx, queue: &[Note], counted: &BTreeMap<Alike, i64>) -> Result<i64, DbError> {
    let mut all = counted.clone();
    let decided = || queue.iter().flat_map(|note| note.decided.iter().map(|decided| (note.directory, decided)));
    for alike in decided().filter_map(|(directory, decided)| Alike::of(directory, &decided.decision)) {
        *all.entry(alike).or_default() += 1;
    }
    let mut every = HashMap::new();
    for (directory, _) in decided() {
        every.insert(directory, 1);
    }
    for alike in all.keys() {
        every.insert(alike.directory, 1);
    }
    for (directory, every) in &mut every {
        let instance = store::instance(tx.conn(), *directory).await?;
        *every = instance.map_or(1, |instance| i64::from(instance.allow_sample_every.max(1)));
    }
    let every = |directory: &DirectoryId| every.get(directory).copied().unwrap_or(1);
    let (mut before, mut lost) = (BTreeMap::new(), 0);
    // In one order, so that replicas do not wait for each other in a circle.
    for (alike, by) in &all {
        let after = store::decision_count(tx.conn(), alike, *by).await?;
        let only = counted.get(alike).copied().unwrap_or_default();
        let every = every(&alike.directory);
        let kept = |number: i64| (number + every - 1) / every;
        if alike.action == Action::Allow {
            lost += kept(after) - kept(after - only);
        }
        before.insert(alike, after - by);
    }
    let mut logged = Vec::new();
    for (directory, decided) in decided() {
        let number = Alike::of(directory, &decided.decision).and_then(|alike| {
            let before = before.get_mut(&alike)?;
            *before += 1;
            Some(*before)
        });
        let sampled = number.is_none_or(|number| (number - 1) % every(&directory) == 0);
        if decided.decision.action == Action::Block || sampled {
            logged.push((directory, decided.id.as_str(), &decided.decision));
        }
    }
    store::decisions_save(tx.conn(), &logged).await?;
    Ok(lost)
}

#[cfg(test)]
mod tests;
