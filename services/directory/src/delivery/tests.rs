//! What the tests of deliveries share.

mod mailbox;
mod settings;
mod smtp;
mod webhook;

use std::sync::{
    Mutex,
    atomic::{AtomicU32, Ordering},
};

use bailiwick_core::Timestamp;
use tokio::sync::Notify;

use super::{Delivery, DeliveryError};
use crate::domain::{
    destination::{Channel, Destination},
    message::Message,
    verification::{Code, Purpose},
};

/// A delivery that remembers what it was given, and fails as often as it is told to.
#[derive(Default)]
pub(crate) struct Recorder {
    messages: Mutex<Vec<Message>>,
    failures: AtomicU32,
    refuses: Mutex<bool>,
    arrived: Notify,
}

impl Recorder {
    /// Fails so many times before it delivers again.
    pub(crate) fn fail(&self, times: u32) {
        self.failures.store(times, Ordering::SeqCst);
    }

    /// Refuses every message for good.
    pub(crate) fn refuse(&self) {
        *self.refuses.lock().unwrap() = true;
    }

    /// Waits until something is delivered.
    pub(crate) async fn arrived(&self) {
        self.arrived.notified().await;
    }

    /// What was delivered since this was last asked.
    pub(crate) fn take(&self) -> Vec<Message> {
        std::mem::take(&mut self.messages.lock().unwrap())
    }
}

#[tonic::async_trait]
impl Delivery for Recorder {
    async fn deliver(&self, message: &Message) -> Result<(), DeliveryError> {
        if *self.refuses.lock().unwrap() {
            return Err(DeliveryError::Permanent("refused".to_owned()));
        }
        if self.failures.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1)).is_ok() {
            return Err(DeliveryError::Temporary("not now".to_owned()));
        }
        self.messages.lock().unwrap().push(message.clone());
        self.arrived.notify_one();
        Ok(())
    }
}

/// A message to a phone or a mailbox.
fn message(channel: Channel) -> Message {
    let address = match channel {
        Channel::Phone => "+4930123456",
        Channel::Email => "owner@example.com",
    };
    Message {
        id: "0123456789abcdefghjk".to_owned(),
        destination: Destination::new(channel, address).unwrap(),
        purpose: Purpose::SwitchToResourceAccount,
        account: 1_000_000_000_000_002.try_into().unwrap(),
        account_name: "Zahlungen & Gebühren".to_owned(),
        requester: "accounts/1000000000000001/users/alice".to_owned(),
        code: Code::from_kept(b"012345").unwrap(),
        expire_time: Timestamp::from_micros(1_767_226_200_000_000),
    }
}
