//! One function for each RPC: it holds the transaction.

mod asset;
mod asset_account;
mod asset_group;
mod asset_watch;
mod claim;
mod control_policy;
mod discovered;
mod error;
mod follow;
mod grant;
mod import;
mod instance;
mod inventory;
mod member;
mod network_domain;
mod record;
mod resource;
mod secret;
mod upkeep;
mod user;

use std::sync::Arc;

use bailiwick_core::{Entropy, Timestamp};
use bailiwick_db::{Db, PageTokens, Sealer};
use bailiwick_roster::Deps;
use tokio_util::sync::CancellationToken;

pub(crate) use super::store::Part;
pub(crate) use asset_watch::WatchBatch;
pub(crate) use control_policy::Asked;
pub(crate) use discovered::{DiscoveredFilter, DiscoveredView};
pub(crate) use error::Error;
pub(crate) use follow::BastionFacts;
pub(crate) use grant::UserAsset;
pub(crate) use import::{Import, ItemResult, Outcome};
pub(crate) use inventory::{Report, Reported};
pub(crate) use member::AssetsFirst;
pub(crate) use resource::{Kept, Page};
pub(crate) use secret::Secrets;
pub(crate) use upkeep::upkeep;
pub(crate) use user::{RamUserImport, UserView};

/// The bastion hosts, and what is in them.
#[derive(Clone)]
pub(crate) struct Bastion(Arc<Inner>);

struct Inner {
    db: Db,
    pages: PageTokens,
    sealer: Sealer,
    entropy: Arc<dyn Entropy>,
    shutdown: CancellationToken,
}

impl Bastion {
    pub(crate) fn new(deps: &Deps) -> Self {
        let Deps { db, sealer, entropy, shutdown, .. } = deps.clone();
        let pages = PageTokens::new(sealer.clone());
        Self(Arc::new(Inner { db, pages, sealer, entropy, shutdown }))
    }

    /// Ends streams.
    pub(crate) fn shutdown(&self) -> CancellationToken {
        self.0.shutdown.clone()
    }

    /// The present moment.
    pub(crate) fn now(&self) -> Timestamp {
        self.db().clock().now()
    }

    /// Seals what is secret.
    pub(crate) fn sealer(&self) -> &Sealer {
        &self.0.sealer
    }

    fn entropy(&self) -> &dyn Entropy {
        &*self.0.entropy
    }

    fn db(&self) -> &Db {
        &self.0.db
    }
}
