//! Delivering the messages of the outbox: at least once, until nobody needs them any more.
//!
//! A message is taken for a time that is longer than its delivery may last. Whoever took it and crashed has it no longer
//! after that time, and another replica takes it. Two replicas never take the same message at the same time; but one that
//! crashes between sending a message and noting that sends it twice, under the same id.

use std::time::Duration;

use bailiwick_core::Timestamp;
use bailiwick_db::{DbError, Tx};
use futures::future::join_all;
use sea_orm::DbErr;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use zeroize::Zeroizing;

use super::{App, Error};
use crate::{
    delivery::DeliveryError,
    domain::message::Message,
    store::{self, outbox::Envelope},
};

/// What a sealed message belongs to, besides its id.
const SEALED_MESSAGE: &[u8] = b"message";
/// How often it is looked for messages that are due.
const PERIOD: Duration = Duration::from_millis(500);
/// Most messages that are delivered at the same time.
const BATCH: u64 = 16;
/// Most messages that are dropped at a time.
const EXPIRED_MAX: u64 = 1_000;
/// A delivery that lasts longer is cut off. Settings of deliveries stay below.
const DELIVERY_MAX: Duration = Duration::from_secs(40);
/// For how long a message is taken.
pub(super) const TAKEN: Duration = Duration::from_mins(1);
/// The pause after the first failure; doubled after each further one.
const PAUSE: Duration = Duration::from_secs(1);
const PAUSE_MAX: Duration = Duration::from_mins(1);

impl App {
    /// Delivers what is due, until the shutdown.
    pub async fn deliver_until(&self, shutdown: CancellationToken) {
        while shutdown.run_until_cancelled(tokio::time::sleep(PERIOD)).await.is_some() {
            if let Err(error) = self.deliver_due().await {
                tracing::warn!(%error, "messages were not looked for; the next time they are");
            }
        }
    }

    /// Delivers the messages that are due, up to a bound; returns how many it took.
    pub async fn deliver_due(&self) -> Result<usize, Error> {
        let now = self.now();
        if !store::outbox::has_due(self.db.reader(), now).await? {
            return Ok(0);
        }
        let take = move |tx: Tx| async move { store::outbox::take(tx.conn(), now, now.after(TAKEN), BATCH).await };
        let taken = self.db.write::<_, DbError, _, _>("outbox_take", take).await?.value;
        for done in join_all(taken.iter().map(|envelope| self.deliver(envelope))).await {
            done?;
        }
        Ok(taken.len())
    }

    /// Drops messages that nobody needs any more.
    pub(super) async fn outbox_sweep(&self) -> Result<(), Error> {
        let now = self.now();
        let drop = move |tx: Tx| async move { store::outbox::delete_expired(tx.conn(), now, EXPIRED_MAX).await };
        let dropped = self.db.write::<_, DbError, _, _>("outbox_sweep", drop).await?.value;
        if dropped > 0 {
            tracing::warn!(messages = dropped, "messages were not delivered until their codes expired");
        }
        Ok(())
    }

    /// A message, sealed, to be sent at once.
    pub(super) fn envelope(&self, message: &Message) -> Result<Envelope, DbError> {
        let plain = serde_json::to_vec(message).map_err(|error| DbErr::Custom(error.to_string()))?;
        let sealed = self.sealed(&[SEALED_MESSAGE, message.id.as_bytes()], &Zeroizing::new(plain))?;
        let due = Timestamp::default();
        Ok(Envelope { id: message.id.clone(), sealed, tries: 0, due, expire_time: message.expire_time })
    }

    async fn deliver(&self, envelope: &Envelope) -> Result<(), DbError> {
        let outcome = match self.unsealed(envelope) {
            Some(message) => {
                let delivery = self.deliveries.of(message.destination.channel());
                let late = || Err(DeliveryError::Temporary("the delivery took too long".to_owned()));
                timeout(DELIVERY_MAX, delivery.deliver(&message)).await.unwrap_or_else(|_| late())
            }
            None => Err(DeliveryError::Permanent("the message cannot be unsealed".to_owned())),
        };
        let due = match outcome {
            Ok(()) => None,
            Err(error) => {
                let temporary = matches!(error, DeliveryError::Temporary(_));
                tracing::warn!(message.id = envelope.id, tries = envelope.tries, %error, "a message was not delivered");
                temporary.then(|| self.now().after(pause(envelope.tries)))
            }
        };
        let note = move |tx: Tx| async move {
            match due {
                Some(due) => store::outbox::put_off(tx.conn(), envelope, due).await,
                None => store::outbox::delete(tx.conn(), &envelope.id).await,
            }
        };
        self.db.write::<_, DbError, _, _>("outbox_note", note).await.map(drop)
    }

    fn unsealed(&self, envelope: &Envelope) -> Option<Message> {
        let plain = self.sealer.open(&[SEALED_MESSAGE, envelope.id.as_bytes()], &envelope.sealed).ok()?;
        serde_json::from_slice(&plain).ok()
    }
}

/// How long a message waits after it failed so often.
fn pause(tries: u32) -> Duration {
    PAUSE.saturating_mul(1 << tries.saturating_sub(1).min(10)).min(PAUSE_MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_up_to_a_minute() {
        let seconds: Vec<u64> = [1, 2, 3, 6, 7, 8, 1_000].map(|tries| pause(tries).as_secs()).to_vec();
        assert_eq!(seconds, [1, 2, 4, 32, 60, 60, 60]);
    }
}
