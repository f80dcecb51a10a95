//! Secrets of resources, sealed before they are stored, and apart from what is known of them.

use bailiwick_db::{DbError, Tx};

use super::{Bastion, Error};
use crate::bastion::{
    domain::{Meta, ResourceKind, Secret},
    store,
};

/// The secrets that a call sets, or forgets if there is none, by where they are kept.
pub(crate) type Secrets = Vec<(&'static str, Option<Secret>)>;

impl Bastion {
    /// Seals secrets of a resource and stores them. A sealed one opens in its own place only.
    pub(super) async fn secrets_put(
        &self,
        tx: &Tx,
        (kind, meta): (ResourceKind, &Meta),
        secrets: &Secrets,
    ) -> Result<(), Error> {
        let (directory, place) = (meta.home.directory.to_string(), meta.home.place.as_str());
        for (slot, secret) in secrets {
            let Some(secret) = secret else {
                store::secret_remove(tx.conn(), (kind, meta), slot).await?;
                continue;
            };
            let bound = [directory.as_str(), place, kind.collection(), &meta.id, slot].map(str::as_bytes);
            let sealed = self.sealer().seal(&[&[b"bastion".as_slice()], &bound[..]].concat(), secret.expose());
            let sealed = sealed.map_err(|error| DbError::Other(error.into()))?;
            store::secret_save(tx.conn(), (kind, meta), slot, sealed).await?;
        }
        Ok(())
    }
}
