//! Trusted access.

use bailiwick_api::r#type::v1::AccessFactChange;
use bailiwick_changelog::Recorded;
use bailiwick_core::{DirectoryId, TrustedService, authz::Tenant};
use bailiwick_db::{Committed, IdempotencyKey, Tx};
use bailiwick_rpc::Call;

use super::{App, Error, Page, PageRequest, keep, lock};
use crate::{
    domain::trusted_service::{Access, changed_with, may_disable},
    events, store,
};

impl App {
    /// A page of the trusted services, in the order of the catalogue.
    pub async fn list_trusted_services(&self, request: &PageRequest) -> Result<Page<Access>, Error> {
        let start = self.start(request).await?;
        let enabled = store::trusted_access::of_directory(self.db.reader(), request.directory).await?;
        let size = usize::try_from(request.size).unwrap_or(usize::MAX);
        let rest = TrustedService::ALL.iter().position(|service| service.id() == start.after).map_or(0, |at| at + 1);
        let services = TrustedService::ALL.into_iter().skip(rest).take(size.saturating_add(1));
        let items = services.map(|service| Access { service, enabled: enabled.contains(&service) }).collect();
        self.page(request, &start, items, |access| access.service.id().to_owned())
    }

    /// One service in a directory.
    pub async fn get_trusted_service(&self, directory: DirectoryId, service: TrustedService) -> Result<Access, Error> {
        let enabled = store::trusted_access::of_directory(self.db.reader(), directory).await?;
        Ok(Access { service, enabled: enabled.contains(&service) })
    }

    /// Lets a service, and those that follow it, work on a directory. Doing it again changes nothing.
    pub async fn enable_trusted_service(
        &self,
        call: &Call,
        key: &IdempotencyKey,
        directory: DirectoryId,
        service: TrustedService,
    ) -> Result<Committed<Access>, Error> {
        let services = changed_with(service)?;
        let services = &services;
        let work = |tx: Tx| async move {
            lock(&tx, directory).await?;
            let enabled = store::trusted_access::of_directory(tx.conn(), directory).await?;
            let mut facts = Vec::new();
            for service in services.iter().filter(|service| !enabled.contains(service)) {
                store::trusted_access::insert(tx.conn(), directory, *service).await?;
                facts.push(events::trusted_access(directory, *service, false));
            }
            if !facts.is_empty() {
                self.record_access(&tx, (call, key), (directory, service), facts).await?;
            }
            Ok::<_, Error>(Access { service, enabled: true })
        };
        self.db.write_once("enable_trusted_service", key, work).await
    }

    /// Takes it back, from a service that nobody administers and that has no members.
    pub async fn disable_trusted_service(
        &self,
        call: &Call,
        key: &IdempotencyKey,
        directory: DirectoryId,
        service: TrustedService,
    ) -> Result<Committed<Access>, Error> {
        let services = changed_with(service)?;
        let services = &services;
        let work = |tx: Tx| async move {
            lock(&tx, directory).await?;
            let mut administrators: Vec<_> =
                store::delegated_administrators::of_directory(tx.conn(), directory).await?;
            administrators.retain(|designation| designation.service == service);
            let members = store::enrolments::count_accounts(tx.conn(), directory, services).await?;
            may_disable(u64::try_from(administrators.len()).unwrap_or(u64::MAX), members)?;
            let enabled = store::trusted_access::of_directory(tx.conn(), directory).await?;
            let mut facts = Vec::new();
            for service in services.iter().filter(|service| enabled.contains(service)) {
                store::trusted_access::delete(tx.conn(), directory, *service).await?;
                facts.push(events::trusted_access(directory, *service, true));
            }
            if !facts.is_empty() {
                self.record_access(&tx, (call, key), (directory, service), facts).await?;
            }
            Ok::<_, Error>(Access { service, enabled: false })
        };
        self.db.write_once("disable_trusted_service", key, work).await
    }

    async fn record_access(
        &self,
        tx: &Tx,
        (call, key): (&Call, &IdempotencyKey),
        (directory, service): (DirectoryId, TrustedService),
        facts: Vec<AccessFactChange>,
    ) -> Result<(), Error> {
        keep(tx, &facts).await?;
        let recorded = Recorded {
            resource: format!("{}/trustedServices/{service}", directory.name()),
            tenant: Tenant::Directory(directory),
            accounts: Vec::new(),
            request_id: key.request_id.clone().unwrap_or_default(),
            facts,
        };
        tx.record(recorded.by_call(call, self.now()));
        Ok(())
    }
}
