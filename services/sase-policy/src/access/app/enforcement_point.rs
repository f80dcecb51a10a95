//! Enforcement points and their credentials.

use std::time::Duration;

use bailiwick_core::DirectoryId;
use bailiwick_db::{Committed, IdempotencyKey, Tx};
use bailiwick_rpc::Call;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::{Error, Sase, resource::visible};
use crate::access::{
    domain::{Credential, EnforcementPoint, Meta, Resource},
    store,
};

/// A point with a credential that was just made.
#[derive(Serialize, Deserialize)]
pub(crate) struct Credentialed {
    pub(crate) point: EnforcementPoint,
    pub(crate) credential: String,
}

impl Sase {
    /// Registers a point.
    ///
    /// # Errors
    /// [`SaseError::Exists`](crate::access::domain::SaseError), `Quota`, `SetupIncomplete`.
    pub(crate) async fn point_create(
        &self,
        call: &Call,
        key: &IdempotencyKey,
        id: &str,
        make: impl Fn(Meta, [u8; 32]) -> EnforcementPoint + Send + Sync,
    ) -> Result<Committed<Credentialed>, Error> {
        let (directory, make) = (call.permit.tenant_directory()?, &make);
        let work = |tx: Tx| async move {
            self.begin::<EnforcementPoint>(&tx, directory).await?;
            let (credential, hash) = self.credential(directory, id);
            let point = make(Meta::new(directory, id, &call.operator.principal, self.now()), hash);
            self.insert(&tx, (call, key), &point).await?;
            self.record(&tx, (call, key), directory, vec![point.name()], None).await?;
            Ok::<_, Error>(Credentialed { point, credential })
        };
        self.db().write_once("sase_point_create", key, work).await
    }

    /// Gives a point another credential; the present one is accepted for so many seconds more.
    ///
    /// # Errors
    /// [`SaseError::NotFound`](crate::access::domain::SaseError), `EtagMismatch`.
    pub(crate) async fn point_rotate(
        &self,
        call: &Call,
        key: &IdempotencyKey,
        (id, etag): (&str, &str),
        overlap_seconds: u32,
    ) -> Result<Committed<Credentialed>, Error> {
        let directory = call.permit.tenant_directory()?;
        let work = |tx: Tx| async move {
            store::head_lock(tx.conn(), directory).await?;
            let before: EnforcementPoint = visible(tx.conn(), directory, id).await?;
            before.check_etag(etag)?;
            let (mut point, now) = (before.clone(), self.now());
            let (credential, hash) = self.credential(directory, id);
            let until = (overlap_seconds > 0).then(|| now.after(Duration::from_secs(overlap_seconds.into())));
            point.rotate(hash, until);
            point.changed_from(&before, now);
            self.put(&tx, (call, key), &point, Some(&before)).await?;
            self.record(&tx, (call, key), directory, vec![point.name()], None).await?;
            Ok::<_, Error>(Credentialed { point, credential })
        };
        self.db().write_once("sase_point_rotate", key, work).await
    }

    /// A new credential, and the hash of its secret.
    fn credential(&self, directory: DirectoryId, id: &str) -> (String, [u8; 32]) {
        let secret = format!("{}{}", self.token(25), self.token(25));
        (Credential { directory, id, secret: &secret }.text(), Sha256::digest(&secret).into())
    }
}
