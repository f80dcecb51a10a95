//! Delegated administrators.

use bailiwick_api::r#type::v1::AccessFactChange;
use bailiwick_changelog::Recorded;
use bailiwick_core::{AccountId, DirectoryId, TrustedService, authz::Tenant};
use bailiwick_db::{Committed, DbError, IdempotencyKey, Tx};
use bailiwick_rpc::Call;
use sea_orm::ConnectionTrait;

use super::{
    App, Error, Page, PageRequest,
    claims::{Behalf, ClaimKind, ClaimSet, Held},
    keep, lock, management_account,
};
use crate::{
    domain::{
        self, Designating, Designation, Impact, Membership,
        delegated_administrator::{designate, may_end, name},
        trusted_service::changed_with,
    },
    events, store,
};

/// How an ending went: done, or only looked at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ended {
    /// It has ended.
    Done(Committed<Impact>),
    /// Only what would be affected.
    Impact(Impact),
}

impl App {
    /// Designates a member (R-DEL-01). The claim that proves the membership and keeps the member is placed first.
    pub async fn create_delegated_administrator(
        &self,
        call: &Call,
        key: &IdempotencyKey,
        directory: DirectoryId,
        service: TrustedService,
        account: AccountId,
    ) -> Result<Committed<Designation>, Error> {
        let behalf = Behalf::of(call);
        let set = ClaimSet { directory, service, kind: ClaimKind::Designation, accounts: vec![account] };
        // What is refused anyway must leave no claim behind. The transaction decides for good, and knows what was
        // answered to an earlier request with the same id.
        let situation = designating(self.db.reader(), directory, service).await?;
        let claimed = match situation.may_designate(service, account) {
            Ok(()) => self.claim(&behalf, &set).await.map(|placed| placed.memberships),
            Err(_) => Ok(Vec::new()),
        };
        let (placed, unclaimed) = match claimed {
            Ok(placed) => (placed, None),
            Err(error) => (Vec::new(), Some(error)),
        };
        let proved = placed.first().map(|(_, incarnation)| incarnation.clone()).unwrap_or_default();
        let (etag, proved) = (&self.token(), proved.as_str());
        let work = |tx: Tx| async move {
            lock(&tx, directory).await?;
            designating(tx.conn(), directory, service).await?.may_designate(service, account)?;
            let member = store::members::find(tx.conn(), &[account]).await?.pop();
            let member = member.filter(|member| member.directory == directory);
            let made = designate(service, member, proved, self.now(), etag)?;
            let facts = made.iter().map(|designation| events::delegation(designation, false)).collect();
            for designation in &made {
                store::delegated_administrators::insert(tx.conn(), designation).await?;
            }
            let first = made.into_iter().next().ok_or(domain::Error::ConcurrentChange)?;
            self.record_designation(&tx, call, key, &first, facts).await?;
            Ok::<_, Error>(first)
        };
        let done = self.db.write_once("create_delegated_administrator", key, work).await;
        match &done {
            Ok(done) if !done.replayed => self.claim_after(&behalf, &set).await,
            // Nothing was made of the claim, unless by another call.
            _ if !placed.is_empty() => self.release_after(&behalf, set.held(placed)).await,
            _ => {}
        }
        // Without a claim nothing is made: only an earlier answer stands above why there is none.
        match (done, unclaimed) {
            (Err(_), Some(unclaimed)) => Err(unclaimed),
            (done, _) => done,
        }
    }

    /// A designation.
    pub async fn get_delegated_administrator(
        &self,
        directory: DirectoryId,
        service: TrustedService,
        account: AccountId,
    ) -> Result<Designation, Error> {
        find(self.db.reader(), directory, service, account).await
    }

    /// A page of the designations for a service, by account.
    pub async fn list_delegated_administrators(
        &self,
        request: &PageRequest,
        service: TrustedService,
    ) -> Result<Page<Designation>, Error> {
        let (start, conn) = (self.start(request).await?, self.db.reader());
        let more = request.size.saturating_add(1);
        let items = store::delegated_administrators::page(conn, request.directory, service, &start.after, more).await?;
        self.page(request, &start, items, |designation| designation.account.to_string())
    }

    /// A page of the members that can be designated for a service (R-DEL-13), by account.
    pub async fn list_eligible_accounts(
        &self,
        request: &PageRequest,
        service: TrustedService,
    ) -> Result<Page<Membership>, Error> {
        changed_with(service)?;
        let (start, conn, directory) = (self.start(request).await?, self.db.reader(), request.directory);
        let management = management_account(conn, directory).await?;
        let more = request.size.saturating_add(1);
        let items = store::members::eligible(conn, directory, service, management, &start.after, more).await?;
        self.page(request, &start, items, |member| member.account.to_string())
    }

    /// What ending a designation would affect (E-DEL-08).
    pub async fn preview_delete_delegated_administrator(
        &self,
        directory: DirectoryId,
        service: TrustedService,
        account: AccountId,
        etag: &str,
    ) -> Result<Ended, Error> {
        let conn = self.db.reader();
        may_end(&find(conn, directory, service, account).await?, etag)?;
        Ok(Ended::Impact(impact(conn, directory, service).await?))
    }

    /// Ends a designation, and those that came with it; the members stay enrolled. The claim is released afterwards.
    pub async fn delete_delegated_administrator(
        &self,
        call: &Call,
        key: &IdempotencyKey,
        (directory, service, account): (DirectoryId, TrustedService, AccountId),
        etag: &str,
    ) -> Result<Ended, Error> {
        let work = |tx: Tx| async move {
            lock(&tx, directory).await?;
            let designation = find(tx.conn(), directory, service, account).await?;
            may_end(&designation, etag)?;
            let mut facts = Vec::new();
            for of in store::delegated_administrators::of_account(tx.conn(), account).await? {
                let ends = of.service == service || of.follows == Some(service);
                if of.directory == directory && ends {
                    store::delegated_administrators::delete(tx.conn(), &of).await?;
                    facts.push(events::delegation(&of, true));
                }
            }
            self.record_designation(&tx, call, key, &designation, facts).await?;
            Ok::<_, Error>((impact(tx.conn(), directory, service).await?, designation.incarnation))
        };
        let done = self.db.write_once("delete_delegated_administrator", key, work).await?;
        let Committed { value: (impact, incarnation), position, replayed } = done;
        let memberships = vec![(account, incarnation)];
        let held = Held { directory, service, kind: ClaimKind::Designation, memberships };
        self.release_after(&Behalf::of(call), held).await;
        Ok(Ended::Done(Committed { value: impact, position, replayed }))
    }

    async fn record_designation(
        &self,
        tx: &Tx,
        call: &Call,
        key: &IdempotencyKey,
        designation: &Designation,
        facts: Vec<AccessFactChange>,
    ) -> Result<(), DbError> {
        keep(tx, &facts).await?;
        let recorded = Recorded {
            resource: designation.name(),
            tenant: Tenant::Directory(designation.directory),
            accounts: vec![designation.account.name()],
            request_id: key.request_id.clone().unwrap_or_default(),
            facts,
        };
        tx.record(recorded.by_call(call, self.now()));
        Ok(())
    }
}

async fn designating(
    conn: &impl ConnectionTrait,
    directory: DirectoryId,
    service: TrustedService,
) -> Result<Designating, Error> {
    let designations = store::delegated_administrators::of_directory(conn, directory).await?;
    Ok(Designating {
        management_account: management_account(conn, directory).await?,
        trusted: store::trusted_access::of_directory(conn, directory).await?.contains(&service),
        administrators: designations.iter().filter(|of| of.service == service).map(|of| of.account).collect(),
    })
}

async fn find(
    conn: &impl ConnectionTrait,
    directory: DirectoryId,
    service: TrustedService,
    account: AccountId,
) -> Result<Designation, Error> {
    let found = store::delegated_administrators::find(conn, directory, service, account).await?;
    Ok(found.ok_or_else(|| domain::Error::NotFound(name(directory, service, account)))?)
}

async fn impact(conn: &impl ConnectionTrait, directory: DirectoryId, service: TrustedService) -> Result<Impact, Error> {
    let services: Vec<_> = service.with_followers().collect();
    let members = store::enrolments::count_accounts(conn, directory, &services).await?;
    Ok(Impact { services, members })
}
