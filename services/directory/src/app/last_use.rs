//! When keys and users were last used, to the minute. Written behind the sign-ins: none of them waits for it or fails with
//! it, and it is no change of the log. What a crash loses is the last second.

use std::{
    collections::{BTreeMap, HashSet},
    mem::take,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use bailiwick_core::{AccountId, IdentityName, Timestamp};
use bailiwick_db::Tx;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use super::{App, Error};
use crate::{domain::access_key::LastUse, store};

/// Least time between two writes of what has come together.
const PAUSE: Duration = Duration::from_secs(1);
/// Most keys that are remembered of one minute; of more, some uses are not written.
const KEYS_MAX: usize = 10_000;
const MINUTE_US: i64 = 60_000_000;

/// Uses that are not written yet.
#[derive(Default)]
pub struct Uses {
    state: Mutex<State>,
    noted: Notify,
}

#[derive(Default)]
struct State {
    minute: Timestamp,
    /// The keys that were noted in this minute.
    seen: HashSet<String>,
    pending: BTreeMap<String, Used>,
}

#[derive(Clone)]
struct Used {
    account: AccountId,
    user: String,
    at: LastUse,
}

/// The minute of a moment.
pub(super) fn minute(time: Timestamp) -> Timestamp {
    Timestamp::from_micros(time.as_micros() - time.as_micros().rem_euclid(MINUTE_US))
}

impl Uses {
    /// Notes that a key of an identity was used: once a minute.
    pub(super) fn note(&self, key: &str, of: &IdentityName, now: Timestamp, source_ip: &str) {
        let IdentityName::User(account, user) = of else { return };
        let mut state = self.state();
        let time = minute(now);
        if time != state.minute {
            state.minute = time;
            state.seen.clear();
        }
        if state.seen.len() >= KEYS_MAX || state.pending.len() >= KEYS_MAX || !state.seen.insert(key.to_owned()) {
            return;
        }
        let at = LastUse { time, source_ip: source_ip.to_owned() };
        state.pending.insert(key.to_owned(), Used { account: *account, user: user.clone(), at });
        self.noted.notify_one();
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl App {
    /// Writes uses as they come, until the shutdown, and then what is left.
    pub async fn write_uses_until(&self, shutdown: CancellationToken) {
        while shutdown.run_until_cancelled(self.uses.noted.notified()).await.is_some() {
            self.write_uses_or_warn().await;
            shutdown.run_until_cancelled(tokio::time::sleep(PAUSE)).await;
        }
        self.write_uses_or_warn().await;
    }

    async fn write_uses_or_warn(&self) {
        if let Err(error) = self.write_uses().await {
            tracing::warn!(%error, "when keys were last used was not written; it is tried again with the next use");
        }
    }

    /// Writes what has been noted. What fails stays noted.
    pub(super) async fn write_uses(&self) -> Result<(), Error> {
        let mut pending = take(&mut self.uses.state().pending);
        while let Some((key, used)) = pending.pop_first() {
            if let Err(error) = self.write_use(&key, &used).await {
                let mut state = self.uses.state();
                for (key, used) in pending.into_iter().chain([(key, used)]) {
                    state.pending.entry(key).or_insert(used);
                }
                return Err(error);
            }
        }
        Ok(())
    }

    /// The key first, then its user, as everywhere: two transactions never wait for each other.
    async fn write_use(&self, key: &str, used: &Used) -> Result<(), Error> {
        let work = move |tx: Tx| async move {
            store::access_key::save_use(tx.conn(), used.account, key, &used.at).await?;
            store::user::save_sign_in(tx.conn(), used.account, &used.user, used.at.time).await
        };
        self.db.write("last_use", work).await?;
        Ok(())
    }
}
