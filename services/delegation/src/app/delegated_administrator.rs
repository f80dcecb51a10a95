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
        self, Candidate, Designating, Designation, Impact, Membership,
        delegated_administrator::{designate, folder_exists, may_change, name},
        folder::reach,
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

/// How a change went: done, or only looked at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Changed {
    /// It is made.
    Done(Committed<Designation>),
    /// Only how it would be.
    Checked(Designation),
}

/// A designation as it is shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shown {
    /// The designation.
    pub designation: Designation,
    /// Its folder was deleted, so that it reaches nobody.
    pub folder_deleted: bool,
}

impl App {
    /// Designates a member (R-DEL-01). The claim that proves the membership and keeps the member is placed first.
    pub async fn create_delegated_administrator(
        &self,
        call: &Call,
        key: &IdempotencyKey,
        candidate: &Candidate,
    ) -> Result<Committed<Designation>, Error> {
        let &Candidate { directory, service, account, .. } = candidate;
        let behalf = Behalf::of(call);
        let set = ClaimSet { directory, service, kind: ClaimKind::Designation, accounts: vec![account] };
        // What is refused anyway must leave no claim behind. The transaction decides for good, and knows what was
        // answered to an earlier request with the same id.
        let situation = self.designating(self.db.reader(), candidate).await?;
        let claimed = match situation.may_designate(candidate) {
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
            let situation = self.designating(tx.conn(), candidate).await?;
            situation.may_designate(candidate)?;
            let made = designate(candidate, situation.member, proved, self.now(), etag)?;
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

    /// The designation that would be made now (E-DIR-22), without an etag.
    pub async fn check_delegated_administrator(&self, candidate: &Candidate) -> Result<Designation, Error> {
        let situation = self.designating(self.db.reader(), candidate).await?;
        situation.may_designate(candidate)?;
        let member = situation.member.ok_or(domain::Error::NotMember(candidate.account))?;
        let proved = member.incarnation.clone();
        let made = designate(candidate, Some(member), &proved, self.now(), "")?;
        Ok(made.into_iter().next().ok_or(domain::Error::ConcurrentChange)?)
    }

    /// Changes the folder of a designation, and of those that came with it (E-DEL-13).
    pub async fn update_delegated_administrator(
        &self,
        call: &Call,
        key: &IdempotencyKey,
        candidate: &Candidate,
        etag: &str,
    ) -> Result<Committed<Designation>, Error> {
        let token = &self.token();
        let work = |tx: Tx| async move {
            lock(&tx, candidate.directory).await?;
            let changed = self.changed(tx.conn(), candidate, etag, token).await?;
            let facts = changed.iter().map(|designation| events::delegation(designation, false)).collect();
            for designation in &changed {
                store::delegated_administrators::update(tx.conn(), designation).await?;
            }
            match changed.into_iter().next() {
                Some(first) => {
                    self.record_designation(&tx, call, key, &first, facts).await?;
                    Ok::<_, Error>(first)
                }
                // It is for this folder already.
                None => find(tx.conn(), candidate).await,
            }
        };
        self.db.write_once("update_delegated_administrator", key, work).await
    }

    /// How a designation would be after a change (E-DIR-22).
    pub async fn check_update_delegated_administrator(
        &self,
        candidate: &Candidate,
        etag: &str,
    ) -> Result<Designation, Error> {
        let conn = self.db.reader();
        let found = find(conn, candidate).await?;
        let changed = self.changed(conn, candidate, etag, &found.etag).await?;
        Ok(changed.into_iter().next().unwrap_or(found))
    }

    /// The designations that a change makes otherwise, the one that is named first; none if it has the folder already.
    async fn changed(
        &self,
        conn: &impl ConnectionTrait,
        candidate: &Candidate,
        etag: &str,
        token: &str,
    ) -> Result<Vec<Designation>, Error> {
        let &Candidate { directory, account, ref folder, .. } = candidate;
        let designation = find(conn, candidate).await?;
        may_change(&designation, etag)?;
        folder_exists(directory, folder.as_deref(), exists(conn, candidate).await?)?;
        if designation.folder == *folder {
            return Ok(Vec::new());
        }
        let all = store::delegated_administrators::of_account(conn, account).await?;
        let followers = all.into_iter().filter(|of| of.directory == directory && of.follows == Some(candidate.service));
        let with = |of: Designation| Designation { folder: folder.clone(), etag: token.to_owned(), ..of };
        Ok(std::iter::once(designation).chain(followers).map(with).collect())
    }

    /// A designation.
    pub async fn get_delegated_administrator(
        &self,
        directory: DirectoryId,
        service: TrustedService,
        account: AccountId,
    ) -> Result<Designation, Error> {
        find(self.db.reader(), &Candidate { directory, service, account, folder: None }).await
    }

    /// Designations as they are shown.
    pub async fn show(&self, designations: Vec<Designation>) -> Result<Vec<Shown>, Error> {
        let named = designations.iter().filter_map(|of| Some((of.directory, of.folder.clone()?)));
        let existing = store::folders::among(self.db.reader(), named.collect()).await?;
        let deleted = |of: &Designation| {
            of.folder.as_ref().is_some_and(|folder| !existing.contains(&(of.directory, folder.clone())))
        };
        let shown = |designation: Designation| Shown { folder_deleted: deleted(&designation), designation };
        Ok(designations.into_iter().map(shown).collect())
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

    /// A page of the designations of a member, in the order of the catalogue.
    pub async fn list_delegated_services(
        &self,
        request: &PageRequest,
        account: AccountId,
    ) -> Result<Page<Designation>, Error> {
        let start = self.start(request).await?;
        let mut items = store::delegated_administrators::of_account(self.db.reader(), account).await?;
        let place = |id: &str| TrustedService::ALL.iter().position(|service| service.id() == id);
        let after = place(&start.after);
        items.retain(|of| of.directory == request.directory && place(of.service.id()) > after);
        items.sort_by_key(|of| place(of.service.id()));
        self.page(request, &start, items, |designation| designation.service.id().to_owned())
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
        let designation = self.get_delegated_administrator(directory, service, account).await?;
        may_change(&designation, etag)?;
        Ok(Ended::Impact(impact(conn, &designation).await?))
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
            let designation = find(tx.conn(), &Candidate { directory, service, account, folder: None }).await?;
            may_change(&designation, etag)?;
            let mut ended = store::delegated_administrators::of_account(tx.conn(), account).await?;
            ended.retain(|of| of.directory == directory && (of.service == service || of.follows == Some(service)));
            store::delegated_administrators::delete(tx.conn(), &ended).await?;
            let facts = ended.iter().map(|of| events::delegation(of, true)).collect();
            self.record_designation(&tx, call, key, &designation, facts).await?;
            Ok::<_, Error>((impact(tx.conn(), &designation).await?, designation.incarnation))
        };
        let done = self.db.write_once("delete_delegated_administrator", key, work).await?;
        let Committed { value: (impact, incarnation), position, replayed } = done;
        let memberships = vec![(account, incarnation)];
        let held = Held { directory, service, kind: ClaimKind::Designation, memberships };
        self.release_after(&Behalf::of(call), held).await;
        Ok(Ended::Done(Committed { value: impact, position, replayed }))
    }

    /// What a designation is decided over.
    async fn designating(&self, conn: &impl ConnectionTrait, candidate: &Candidate) -> Result<Designating, Error> {
        let &Candidate { directory, service, account, .. } = candidate;
        let designations = store::delegated_administrators::of_directory(conn, directory).await?;
        let member = store::members::find(conn, &[account]).await?.pop();
        Ok(Designating {
            management_account: management_account(conn, directory).await?,
            trusted: store::trusted_access::of_directory(conn, directory).await?.contains(&service),
            administrators: designations.iter().filter(|of| of.service == service).map(|of| of.account).collect(),
            limit: self.limits.administrators(service),
            member: member.filter(|member| member.directory == directory),
            folder_exists: exists(conn, candidate).await?,
        })
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

/// Whether the folder that is asked for exists.
async fn exists(conn: &impl ConnectionTrait, candidate: &Candidate) -> Result<bool, Error> {
    match &candidate.folder {
        Some(folder) => Ok(store::folders::exists(conn, candidate.directory, folder).await?),
        None => Ok(true),
    }
}

async fn find(conn: &impl ConnectionTrait, of: &Candidate) -> Result<Designation, Error> {
    let &Candidate { directory, service, account, .. } = of;
    let found = store::delegated_administrators::find(conn, directory, service, account).await?;
    Ok(found.ok_or_else(|| domain::Error::NotFound(name(directory, service, account)))?)
}

/// What the end of a designation affects, before it or after.
async fn impact(conn: &impl ConnectionTrait, ends: &Designation) -> Result<Impact, Error> {
    let (directory, services): (_, Vec<_>) = (ends.directory, ends.service.with_followers().collect());
    let reach = match &ends.folder {
        Some(folder) => Some(reach(&store::folders::of_directory(conn, directory).await?, folder)),
        None => None,
    };
    let members = store::enrolments::count_accounts(conn, directory, &services, reach.as_ref()).await?;
    let all = store::delegated_administrators::of_directory(conn, directory).await?;
    let others = all.iter().filter(|of| of.service == ends.service && of.account != ends.account);
    let remaining = u64::try_from(others.count()).unwrap_or(u64::MAX);
    Ok(Impact { services, members, remaining, folder: ends.folder.clone() })
}
