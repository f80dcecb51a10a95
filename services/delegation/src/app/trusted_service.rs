//! Trusted access.

use std::{
    collections::BTreeMap,
    sync::{Mutex, PoisonError},
};

use bailiwick_api::r#type::v1::AccessFactChange;
use bailiwick_changelog::Recorded;
use bailiwick_core::{DirectoryId, TrustedService, authz::Tenant};
use bailiwick_db::{Committed, IdempotencyKey, Tx};
use bailiwick_rpc::Call;
use sea_orm::ConnectionTrait;
use serde::{Deserialize, Serialize};

use super::{
    App, Error, Page, PageRequest,
    claims::{Behalf, CLAIMS_MAX, ClaimKind, Held},
    keep, lock,
    parts::parts,
};
use crate::{
    domain::{
        enrolment::may_call,
        trusted_service::{Access, changed_with, may_disable},
    },
    events, store,
};

/// Trusted access after it was taken back, and what ended with it or would.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Disabled {
    /// The service.
    pub access: Access,
    /// Accounts that were delegated administrators of the service.
    pub administrators: u64,
    /// Accounts that were enrolled.
    pub members: u64,
}

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

    /// As [`App::enable_trusted_service`], for the role of the suite that the service is of, on behalf of the operator of
    /// the call.
    pub async fn enable_trusted_access(
        &self,
        call: &Call,
        directory: DirectoryId,
        service: TrustedService,
    ) -> Result<Committed<Access>, Error> {
        may_call(call.permit.service(), service)?;
        let scope = call.operator.principal.clone();
        let method = call.permit.path().to_owned();
        let key = IdempotencyKey { scope, method, request_id: None, fingerprint: [0; 32] };
        self.enable_trusted_service(call, &key, directory, service).await
    }

    /// Takes it back from a service that nobody administers and that has no members. With `force`, its designations and
    /// enrolments end in the same transaction, in several revisions if there are many: trusted access, without which the
    /// rest allows nothing, in the first. Their claims are released afterwards (E-DEL-07).
    pub async fn disable_trusted_service(
        &self,
        call: &Call,
        key: &IdempotencyKey,
        (directory, service): (DirectoryId, TrustedService),
        force: bool,
    ) -> Result<Committed<Disabled>, Error> {
        let services = changed_with(service)?;
        let (services, released) = (&services, &Mutex::new(Vec::new()));
        let work = |tx: Tx| async move {
            lock(&tx, directory).await?;
            let disabled = in_use(tx.conn(), directory, service).await?;
            let enabled = store::trusted_access::of_directory(tx.conn(), directory).await?;
            let mut facts = Vec::new();
            for service in services.iter().filter(|service| enabled.contains(service)) {
                store::trusted_access::delete(tx.conn(), directory, *service).await?;
                facts.push(events::trusted_access(directory, *service, true));
            }
            if force {
                let held = end_all(&tx, directory, services, &mut facts).await?;
                *released.lock().unwrap_or_else(PoisonError::into_inner) = held;
            } else {
                may_disable(disabled.administrators, disabled.members)?;
            }
            if !facts.is_empty() {
                self.record_access(&tx, (call, key), (directory, service), facts).await?;
            }
            Ok::<_, Error>(Disabled { access: Access { service, enabled: false }, ..disabled })
        };
        let done = self.db.write_once("disable_trusted_service", key, work).await?;
        // What fails here the reconciler comes to.
        let released = std::mem::take(&mut *released.lock().unwrap_or_else(PoisonError::into_inner));
        for held in released {
            self.release_after(&Behalf::of(call), held).await;
        }
        Ok(done)
    }

    /// What taking it back would affect.
    pub async fn preview_disable_trusted_service(
        &self,
        directory: DirectoryId,
        service: TrustedService,
    ) -> Result<Disabled, Error> {
        changed_with(service)?;
        in_use(self.db.reader(), directory, service).await
    }

    async fn record_access(
        &self,
        tx: &Tx,
        (call, key): (&Call, &IdempotencyKey),
        (directory, service): (DirectoryId, TrustedService),
        facts: Vec<AccessFactChange>,
    ) -> Result<(), Error> {
        keep(tx, &facts).await?;
        for facts in parts(facts.into_iter().map(|fact| vec![fact]).collect()) {
            let recorded = Recorded {
                resource: format!("{}/trustedServices/{service}", directory.name()),
                tenant: Tenant::Directory(directory),
                accounts: Vec::new(),
                request_id: key.request_id.clone().unwrap_or_default(),
                facts,
            };
            tx.record(recorded.by_call(call, self.now()));
        }
        Ok(())
    }
}

/// What depends on trusted access of a service and of those that follow it.
async fn in_use(
    conn: &impl ConnectionTrait,
    directory: DirectoryId,
    service: TrustedService,
) -> Result<Disabled, Error> {
    let services: Vec<_> = service.with_followers().collect();
    let designations = store::delegated_administrators::of_directory(conn, directory).await?;
    let administrators = designations.iter().filter(|designation| designation.service == service).count();
    let enabled = store::trusted_access::of_directory(conn, directory).await?.contains(&service);
    Ok(Disabled {
        access: Access { service, enabled },
        administrators: u64::try_from(administrators).unwrap_or(u64::MAX),
        members: store::enrolments::count_accounts(conn, directory, &services, None).await?,
    })
}

/// Ends the designations and enrolments of services in a directory. Returns the claims that nothing needs then.
async fn end_all(
    tx: &Tx,
    directory: DirectoryId,
    services: &[TrustedService],
    facts: &mut Vec<AccessFactChange>,
) -> Result<Vec<Held>, Error> {
    let conn = tx.conn();
    let mut memberships = BTreeMap::<_, Vec<_>>::new();
    let mut designations = store::delegated_administrators::of_directory(conn, directory).await?;
    designations.retain(|designation| services.contains(&designation.service));
    store::delegated_administrators::delete(conn, &designations).await?;
    for designation in designations {
        facts.push(events::delegation(&designation, true));
        // What follows another has no claim of its own.
        if designation.follows.is_none() {
            let of = memberships.entry((designation.service, ClaimKind::Designation)).or_default();
            of.push((designation.account, designation.incarnation));
        }
    }
    let enrolments = store::enrolments::of_services(conn, directory, services).await?;
    store::enrolments::delete_of_services(conn, directory, services).await?;
    for enrolment in enrolments {
        facts.push(events::enrolment(&enrolment, true));
        let of = memberships.entry((enrolment.service, ClaimKind::Enrolment)).or_default();
        of.push((enrolment.account, enrolment.incarnation));
    }
    let held = |((service, kind), memberships): ((TrustedService, ClaimKind), Vec<_>)| {
        let parts = memberships.chunks(CLAIMS_MAX).map(<[_]>::to_vec).collect::<Vec<_>>();
        parts.into_iter().map(move |memberships| Held { directory, service, kind, memberships })
    };
    Ok(memberships.into_iter().flat_map(held).collect())
}
