//! Devices: their keys, and what they say of themselves.

use bailiwick_changelog::Recorded;
use bailiwick_core::{DirectoryId, Role, Timestamp, authz::Tenant, random_token};
use bailiwick_db::{Committed, IdempotencyKey, Tx};
use bailiwick_rpc::Call;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use super::{Error, Sase};
use crate::access::{
    domain::{Device, Meta, Posture, Resource, SaseError},
    store,
};

/// What devices do, as the log has it: they are no identities, and sign nothing but their own reports.
const REPORTED: &str = "report-device-posture";

/// A device that was just created, with its key.
#[derive(Serialize, Deserialize)]
pub(crate) struct Enrolled {
    pub(crate) device: Device,
    pub(crate) key: String,
}

/// Whether a key is a device's. How long it takes says nothing about the key.
pub(super) fn is_device_key(device: &Device, key: &str) -> bool {
    let hash: [u8; 32] = Sha256::digest(key).into();
    device.key_hash.ct_eq(&hash).into()
}

impl Sase {
    /// Enrols a device.
    ///
    /// # Errors
    /// [`SaseError::Exists`], [`SaseError::Quota`], [`SaseError::UnknownReference`].
    pub(crate) async fn device_create(
        &self,
        call: &Call,
        key: &IdempotencyKey,
        id: &str,
        make: impl Fn(Meta, [u8; 32]) -> Device + Send + Sync,
    ) -> Result<Committed<Enrolled>, Error> {
        let (directory, make) = (call.permit.tenant_directory()?, &make);
        let work = |tx: Tx| async move {
            self.begin::<Device>(&tx, directory).await?;
            let secret = format!("{}{}", self.token(25), self.token(25));
            let meta = Meta::new(directory, id, &call.operator.principal, self.now());
            let device = make(meta, Sha256::digest(&secret).into());
            self.insert(&tx, (call, key), &device).await?;
            self.record(&tx, (call, key), directory, vec![device.name()], None).await?;
            Ok::<_, Error>(Enrolled { device, key: secret })
        };
        self.db().write_once("sase_device_create", key, work).await
    }

    /// Notes how a device is. What decides reads devices when it decides, so nothing is compiled anew. That a device says
    /// again what it said before is a sign of life, and no change.
    ///
    /// # Errors
    /// [`SaseError::DeviceKey`], also if there is no such device.
    pub(crate) async fn device_report(
        &self,
        (directory, id): (DirectoryId, &str),
        secret: &str,
        posture: &(impl Fn(Timestamp) -> Posture + Send + Sync),
    ) -> Result<Timestamp, Error> {
        let now = self.now();
        let own = |device: Option<Device>| {
            device.filter(|device| is_device_key(device, secret)).ok_or(Error::Domain(SaseError::DeviceKey))
        };
        // Whoever has no key writes nothing, and waits for nobody.
        own(store::find(self.db().reader(), directory, id).await?)?;
        let own = &own;
        let work = |tx: Tx| async move {
            store::head_lock(tx.conn(), directory).await?;
            let mut device = own(store::find(tx.conn(), directory, id).await?)?;
            let said = posture(now);
            let another = device.posture.is_none_or(|before| Posture { reported: now, ..before } != said);
            device.posture = Some(said);
            store::save(tx.conn(), &device).await?;
            if another {
                let recorded = Recorded {
                    resource: device.name(),
                    tenant: Tenant::Directory(directory),
                    accounts: Vec::new(),
                    request_id: String::new(),
                    facts: Vec::new(),
                };
                tx.record(recorded.by_service(Role::SasePolicy, REPORTED, now));
            }
            Ok::<_, Error>(now)
        };
        Ok(self.db().write("sase_device_report", work).await?.value)
    }

    /// A random text, 5 bits a digit.
    pub(super) fn token(&self, digits: usize) -> String {
        random_token(self.0.entropy.as_ref(), digits)
    }
}
