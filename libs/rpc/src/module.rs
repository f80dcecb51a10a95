//! What a role gives to its server.

use bailiwick_core::Role;
use futures::future::BoxFuture;
use tokio::sync::watch;
use tonic::service::Routes;

/// A task that runs beside the handlers until the shutdown that it was made with: its name, for logs, and its future.
pub type BackgroundTask = (&'static str, BoxFuture<'static, ()>);

/// A role, ready to be served.
pub struct Module {
    /// Which.
    pub role: Role,
    /// Its services. Health is added by the server.
    pub routes: Routes,
    /// Followers, sweepers, reconcilers. One that panics ends the server; one that returns is done.
    pub background: Vec<BackgroundTask>,
    /// Whether the role can do its work; health says so.
    pub ready: watch::Receiver<bool>,
}
