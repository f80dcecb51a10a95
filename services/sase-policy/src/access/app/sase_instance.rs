//! The instance, and the order of the set-up.

use bailiwick_core::DirectoryId;
use bailiwick_db::{Committed, IdempotencyKey, Tx};
use bailiwick_rpc::Call;
use serde::{Deserialize, Serialize};

use super::{Error, Sase};
use crate::access::{
    domain::{Meta, SaseError, SaseInstance, SetUp, SetupStep},
    store,
};

const SAMPLE_EVERY: u32 = 10;
const RETENTION_DAYS: u32 = 90;

/// An instance, and how far it is set up.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct InstanceView {
    pub(crate) instance: SaseInstance,
    /// In order.
    pub(crate) done: [bool; 5],
}

impl InstanceView {
    fn new(instance: SaseInstance, set_up: SetUp) -> Self {
        Self { instance, done: SetupStep::ALL.map(|step| set_up.done(step)) }
    }
}

impl Sase {
    /// Activates SASE (R-SASE-03).
    ///
    /// # Errors
    /// [`SaseError::Exists`].
    pub(crate) async fn instance_create(
        &self,
        call: &Call,
        key: &IdempotencyKey,
        (sample, retention): (Option<u32>, Option<u32>),
    ) -> Result<Committed<InstanceView>, Error> {
        let directory = call.permit.tenant_directory()?;
        let work = |tx: Tx| async move {
            store::head_lock(tx.conn(), directory).await?;
            if store::instance(tx.conn(), directory).await?.is_some() {
                return Err(SaseError::Exists(SaseInstance::name_in(directory)).into());
            }
            let instance = SaseInstance {
                meta: Meta::new(directory, "", &call.operator.principal, self.now()),
                allow_sample_every: sample.unwrap_or(SAMPLE_EVERY),
                decision_retention_days: retention.unwrap_or(RETENTION_DAYS),
            };
            self.instance_put(&tx, (call, key), None, instance).await
        };
        self.db().write_once("sase_instance_create", key, work).await
    }

    /// Changes the settings.
    ///
    /// # Errors
    /// [`SaseError::NotFound`], [`SaseError::EtagMismatch`].
    pub(crate) async fn instance_update(
        &self,
        call: &Call,
        key: &IdempotencyKey,
        etag: &str,
        (sample, retention): (Option<u32>, Option<u32>),
    ) -> Result<Committed<InstanceView>, Error> {
        let directory = call.permit.tenant_directory()?;
        let work = |tx: Tx| async move {
            store::head_lock(tx.conn(), directory).await?;
            let mut instance = store::instance(tx.conn(), directory).await?.ok_or_else(|| missing(directory))?;
            instance.check_etag(etag)?;
            let before = instance.clone();
            if instance.change(sample, retention, self.now()) {
                return self.instance_put(&tx, (call, key), Some(&before), instance).await;
            }
            Ok(InstanceView::new(instance, store::set_up_of(tx.conn(), directory, true).await?))
        };
        self.db().write_once("sase_instance_update", key, work).await
    }

    async fn instance_put(
        &self,
        tx: &Tx,
        by: (&Call, &IdempotencyKey),
        before: Option<&SaseInstance>,
        instance: SaseInstance,
    ) -> Result<InstanceView, Error> {
        let directory = instance.meta.directory;
        store::instance_save(tx.conn(), &instance).await?;
        self.note_instance(tx, by, before, &instance).await?;
        self.record(tx, by, directory, vec![SaseInstance::name_in(directory)], None).await?;
        Ok(InstanceView::new(instance, store::set_up_of(tx.conn(), directory, true).await?))
    }

    /// Reads the instance.
    ///
    /// # Errors
    /// [`SaseError::NotFound`].
    pub(crate) async fn instance_get(&self, call: &Call) -> Result<InstanceView, Error> {
        let (directory, reader) = (call.permit.tenant_directory()?, self.db().reader());
        let instance = store::instance(reader, directory).await?.ok_or_else(|| missing(directory))?;
        Ok(InstanceView::new(instance, store::set_up_of(reader, directory, true).await?))
    }

    /// Whether members can be added to SASE (R-SASE-04).
    ///
    /// # Errors
    /// [`SaseError::SetupIncomplete`].
    pub(crate) async fn allows_members(&self, call: &Call) -> Result<(), Error> {
        let set_up = store::set_up(self.db().reader(), call.permit.tenant_directory()?).await?;
        Ok(set_up.before(SetupStep::SaseMembers)?)
    }
}

fn missing(directory: DirectoryId) -> SaseError {
    SaseError::NotFound(SaseInstance::name_in(directory))
}
