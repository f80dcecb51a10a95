//! Bulk import of applications.

use bailiwick_db::{Committed, IdempotencyKey, Tx};
use bailiwick_rpc::Call;

use super::{Error, Sase};
use crate::access::{
    domain::{Application, Meta, Referring, Resource, SaseError},
    store,
};

/// What an application of an import is made of.
pub(crate) struct ImportedApplication {
    pub(crate) id: String,
    /// Of what it has in common with others.
    pub(crate) make: Box<dyn Fn(Meta) -> Application + Send + Sync>,
}

impl Sase {
    /// Creates or replaces applications, all or nothing.
    ///
    /// # Errors
    /// [`SaseError::Quota`]; [`SaseError::Exists`] for one that is of another account.
    pub(crate) async fn applications_import(
        &self,
        call: &Call,
        key: &IdempotencyKey,
        imported: &[ImportedApplication],
    ) -> Result<Committed<Vec<Application>>, Error> {
        let directory = call.permit.tenant_directory()?;
        let (operator, now) = (&call.operator.principal, self.now());
        let work = |tx: Tx| async move {
            self.begin::<Application>(&tx, directory).await?;
            let (mut saved, mut changed) = (Vec::new(), false);
            for one in imported {
                let Some(before) = store::find::<Application>(tx.conn(), directory, &one.id).await? else {
                    let made = (one.make)(Meta::new(directory, &one.id, operator, now));
                    self.insert(&tx, (call, key), &made).await?;
                    (changed, _) = (true, saved.push(made));
                    continue;
                };
                let mut after = (one.make)(before.meta.clone());
                if after.account != before.account {
                    return Err(SaseError::Exists(before.name()).into());
                }
                if after.changed_from(&before, now) {
                    changed = true;
                    self.put(&tx, (call, key), &after, Some(&before)).await?;
                }
                saved.push(after);
            }
            if changed {
                let names = saved.iter().map(Resource::name).collect();
                let owners: Vec<_> = saved.iter().filter_map(Referring::owner).collect();
                self.record(&tx, (call, key), directory, names, owners).await?;
            }
            Ok::<_, Error>(saved)
        };
        self.db().write_once("sase_import", key, work).await
    }
}
