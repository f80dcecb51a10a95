//! Delivery into a file that only its owner can read: the default of an installation that reaches nobody yet.

use std::{
    fs::{self, OpenOptions, Permissions},
    io::{self, Write},
    os::unix::fs::{OpenOptionsExt, PermissionsExt},
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
};

use super::{Delivery, DeliveryError, body::Body, config::MailboxConfig};
use crate::domain::message::Message;

const OWNER_ONLY: u32 = 0o600;

/// The file.
pub(super) struct Mailbox(Arc<Mutex<Writer>>);

struct Writer {
    file: PathBuf,
    bytes_max: u64,
}

impl Mailbox {
    pub(super) fn new(config: &MailboxConfig) -> Self {
        Self(Arc::new(Mutex::new(Writer { file: config.file.clone(), bytes_max: config.bytes_max })))
    }
}

#[tonic::async_trait]
impl Delivery for Mailbox {
    async fn deliver(&self, message: &Message) -> Result<(), DeliveryError> {
        let mut line = Body::of(message).json();
        line.push(b'\n');
        let writer = self.0.clone();
        let write = move || writer.lock().unwrap_or_else(PoisonError::into_inner).append(&line);
        match tokio::task::spawn_blocking(write).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(error)) => Err(DeliveryError::Temporary(format!("the mailbox cannot be written: {error}"))),
            Err(_) => Err(DeliveryError::Temporary("the mailbox was not written".to_owned())),
        }
    }
}

impl Writer {
    /// Appends a line in one write, so that lines of two processes do not mix.
    fn append(&self, line: &[u8]) -> io::Result<()> {
        let length = fs::metadata(&self.file).map_or(0, |metadata| metadata.len());
        let added = u64::try_from(line.len()).unwrap_or(u64::MAX);
        if length > 0 && length.saturating_add(added) > self.bytes_max {
            fs::rename(&self.file, old(&self.file))?;
        }
        let mut file = OpenOptions::new().append(true).create(true).mode(OWNER_ONLY).open(&self.file)?;
        file.set_permissions(Permissions::from_mode(OWNER_ONLY))?;
        file.write_all(line)?;
        file.sync_data()
    }
}

fn old(file: &Path) -> PathBuf {
    let mut name = file.as_os_str().to_owned();
    name.push(".old");
    PathBuf::from(name)
}
