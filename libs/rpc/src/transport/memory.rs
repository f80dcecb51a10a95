//! The network of one process.

use std::{
    collections::HashMap,
    io,
    sync::{Mutex, PoisonError},
};

use bailiwick_core::Role;
use tokio::{io::duplex, sync::mpsc};

use super::{BACKLOG, Io, Listener, PeerStream};

/// Bytes that one end may be ahead of the other.
const BUFFER: usize = 64 << 10;

/// Who listens, by role.
#[derive(Default)]
pub(super) struct MemoryNetwork(Mutex<HashMap<Role, mpsc::Sender<PeerStream>>>);

impl MemoryNetwork {
    pub(super) fn listener(&self, role: Role) -> Listener {
        let (sender, accepted) = mpsc::channel(BACKLOG);
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(role, sender);
        Listener { accepted, address: None, acceptor: None }
    }

    pub(super) async fn connect(&self, from: Role, to: Role) -> io::Result<PeerStream> {
        let refused = || io::Error::new(io::ErrorKind::ConnectionRefused, format!("`{to}` is not served"));
        let listener = self.0.lock().unwrap_or_else(PoisonError::into_inner).get(&to).cloned().ok_or_else(refused)?;
        let (near, far) = duplex(BUFFER);
        listener.send(PeerStream { peer: from, io: Io::Memory(far) }).await.map_err(|_| refused())?;
        Ok(PeerStream { peer: to, io: Io::Memory(near) })
    }
}
