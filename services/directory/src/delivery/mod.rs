//! How messages with codes reach people: by SMTP, through a webhook, or into a file for who runs the installation alone.
//!
//! A message is delivered at least once: a crash after it was sent and before that was noted sends it again, under the
//! same id. What is sent is never logged, nor is where it goes.

mod body;
pub(crate) mod config;
mod mailbox;
mod smtp;
mod webhook;

#[cfg(test)]
pub(crate) mod tests;

use std::{io, path::Path, sync::Arc};

use bailiwick_core::Clock;
use zeroize::Zeroizing;

use self::{
    config::{DeliveryConfig, EmailBy, PhoneBy},
    mailbox::Mailbox,
    smtp::Smtp,
    webhook::Webhook,
};
use crate::domain::{destination::Channel, message::Message};

/// A way to deliver messages.
#[tonic::async_trait]
pub(crate) trait Delivery: Send + Sync {
    /// Hands a message over. What takes it may have been given it before, and can tell by its id.
    async fn deliver(&self, message: &Message) -> Result<(), DeliveryError>;
}

/// Why a message was not delivered. The text is for the log: it names neither the address nor the code.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum DeliveryError {
    /// It may work later.
    #[error("{0}")]
    Temporary(String),
    /// It will not work: this message is not taken.
    #[error("{0}; it is given up")]
    Permanent(String),
}

/// A delivery that cannot be set up.
#[derive(Debug, thiserror::Error)]
pub enum DeliverySetupError {
    /// The settings are unsound; the first that is.
    #[error("`directory.delivery.{0}")]
    Setting(String),
    /// A file cannot be read.
    #[error("`directory.delivery.{setting}`: {source}")]
    File {
        /// The setting that names it.
        setting: &'static str,
        /// Why.
        source: io::Error,
    },
}

/// The delivery of each channel.
#[derive(Clone)]
pub(crate) struct Deliveries {
    /// E-mails.
    pub(crate) email: Arc<dyn Delivery>,
    /// Text messages.
    pub(crate) phone: Arc<dyn Delivery>,
}

impl Deliveries {
    /// Sets up what is configured. Nothing is connected to yet.
    pub(crate) fn open(config: &DeliveryConfig, clock: &Arc<dyn Clock>) -> Result<Self, DeliverySetupError> {
        if let Some(problem) = config.problems().into_iter().next() {
            return Err(DeliverySetupError::Setting(problem));
        }
        let mailbox = Arc::new(Mailbox::new(&config.mailbox));
        let webhook = || Ok(Arc::new(Webhook::open(&config.webhook, clock.clone())?));
        Ok(Self {
            email: match config.email {
                EmailBy::Mailbox => mailbox.clone(),
                EmailBy::Smtp => Arc::new(Smtp::open(&config.smtp)?),
                EmailBy::Webhook => webhook()?,
            },
            phone: match config.phone {
                PhoneBy::Mailbox => mailbox,
                PhoneBy::Webhook => webhook()?,
            },
        })
    }

    /// The delivery of a channel.
    pub(crate) fn of(&self, channel: Channel) -> &dyn Delivery {
        match channel {
            Channel::Email => self.email.as_ref(),
            Channel::Phone => self.phone.as_ref(),
        }
    }
}

/// A secret in a file of its own, without the line break at its end.
fn secret(setting: &'static str, path: &Path) -> Result<Zeroizing<String>, DeliverySetupError> {
    let text = std::fs::read_to_string(path).map_err(|source| DeliverySetupError::File { setting, source })?;
    let text = Zeroizing::new(text);
    Ok(Zeroizing::new(text.trim_end_matches(['\r', '\n']).to_owned()))
}

/// Certificates of authorities in PEM.
fn certificates(setting: &'static str, path: &Path) -> Result<Vec<u8>, DeliverySetupError> {
    std::fs::read(path).map_err(|source| DeliverySetupError::File { setting, source })
}
