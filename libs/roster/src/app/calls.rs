//! The calls.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use bailiwick_changelog::Recorded;
use bailiwick_core::{
    AccountId, DirectoryId, Role,
    authz::{Scope, Tenant},
    filter::Listing,
};
use bailiwick_db::{ChangeRow, CursorWait, Db, PageQuery, PageTokenError, PageTokens, Place, Position, Tx};
use bailiwick_rpc::Call;
use tokio::time::Instant;

use super::{
    Behalf, Departure, Enrolled, Enrolments, RosterError,
    once::{Stored, begin, key, replayed},
    scope::folders_of,
};
use crate::{
    domain::{Entry, EntryError, Members, Profile, Selection, Spec},
    events, store,
};

/// How long before the deadline waiting for the follower ends, so that the caller learns why.
const MARGIN: Duration = Duration::from_millis(150);

/// The list of one trusted service.
pub struct Roster {
    pub(super) spec: Spec,
    pub(super) db: Db,
    pub(super) enrolments: Arc<dyn Enrolments>,
    pages: PageTokens,
    departure: Option<Arc<dyn Departure>>,
}

/// A call that changed something.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Done<T> {
    /// Its result.
    pub value: T,
    /// The position in the own log.
    pub position: Position,
    /// The position in `delegation`'s log of what was done there: a gateway must know it before it lets the next call
    /// reach the member.
    pub delegation: Option<Position>,
}

/// A part of the list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page {
    /// In the order asked for.
    pub entries: Vec<Entry>,
    /// Continues the list; empty at its end.
    pub next: String,
}

/// A part of those that could be added.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EligiblePage {
    /// By account.
    pub members: Vec<(AccountId, Profile)>,
    /// Continues the list; empty at its end.
    pub next: String,
}

// === impl Roster ===

impl Roster {
    /// The list of `spec`, in a database with the tables of [`crate::migrations`] that a [`crate::RosterFollower`]
    /// fills.
    pub fn new(spec: Spec, db: Db, enrolments: Arc<dyn Enrolments>, pages: PageTokens) -> Self {
        Self { spec, db, enrolments, pages, departure: None }
    }

    /// The same list, from which a member is removed only if `departure` has nothing of it.
    #[must_use]
    pub fn with_departure(self, departure: Arc<dyn Departure>) -> Self {
        Self { departure: Some(departure), ..self }
    }

    /// What distinguishes the list.
    pub fn spec(&self) -> &Spec {
        &self.spec
    }

    /// Adds members: enrols them, waits until the follower has made their entries, and sets what is selected. All or
    /// none is enrolled; a member that is enrolled already keeps its entry, unless a removal of it was begun: that is
    /// completed before. A repetition with the same request id
    /// completes what was left half done, or returns the first result.
    ///
    /// # Errors
    /// What `delegation` refuses; [`RosterError::NotReached`]; [`EntryError::ConcurrentChange`] if a member was removed
    /// meanwhile.
    pub async fn create(
        &self,
        call: &Call,
        members: &Members,
        selection: &Selection,
        request_id: Option<String>,
    ) -> Result<Done<Vec<Entry>>, RosterError> {
        let directory = call.permit.tenant_directory()?;
        let key = &key(call, request_id, &(directory, members, selection))?;
        if let Some(done) = replayed(&self.db, key).await? {
            return Ok(done);
        }
        let accounts = members.accounts();
        self.complete_removals(call, directory, accounts).await?;
        let enrolled = self.enrolments.enrol(&Behalf::of(call), self.spec.service, directory, accounts).await?;
        self.reached(call, &enrolled.position).await?;
        let enrolled = &enrolled;
        let done = self.db.write_once("roster_create", key, |tx| async move {
            let entries = self.complete(&tx, directory, accounts, enrolled, selection).await?;
            tx.record(self.change(call, directory, accounts, &key.request_id));
            Ok::<_, RosterError>(Stored { value: entries, delegation: Some(enrolled.position.clone()) })
        });
        Ok(done.await?.into())
    }

    /// Ends the enrolments of which a removal was begun and not completed. Whoever began it may go on with it at any time,
    /// and would end an enrolment that was kept.
    async fn complete_removals(
        &self,
        call: &Call,
        directory: DirectoryId,
        accounts: &[AccountId],
    ) -> Result<(), RosterError> {
        let Some(departure) = &self.departure else { return Ok(()) };
        let begun = self.db.write("roster_removals", |tx| async move {
            let mut present = Vec::new();
            for (account, uid) in departure.leaving(tx.clone(), directory, accounts.to_vec()).await? {
                let entry = store::entry(tx.conn(), (self.spec.service, directory, account)).await?;
                present.extend(entry.filter(|entry| entry.uid == uid).map(|_| (account, uid)));
            }
            Ok::<_, RosterError>(present)
        });
        let begun = begun.await?.value;
        if begun.is_empty() {
            return Ok(());
        }
        let ended = self.enrolments.end(&Behalf::of(call), self.spec.service, directory, &begun).await?;
        self.reached(call, &ended).await?;
        let begun = &begun;
        let end = |tx| async move { Ok::<_, RosterError>(departure.end(tx, directory, begun.clone()).await?) };
        self.db.write("roster_removed", end).await?;
        Ok(())
    }

    /// The entries of just these enrolments, with what is selected.
    async fn complete(
        &self,
        tx: &Tx,
        directory: DirectoryId,
        accounts: &[AccountId],
        enrolled: &Enrolled,
        selection: &Selection,
    ) -> Result<Vec<Entry>, RosterError> {
        let found = store::lock_entries(tx.conn(), self.spec.service, directory, accounts).await?;
        let mut found: BTreeMap<_, _> = found.into_iter().map(|entry| (entry.account, entry)).collect();
        let (mut entries, mut changed) = (Vec::with_capacity(accounts.len()), Vec::new());
        for (account, uid) in accounts.iter().zip(&enrolled.uids) {
            let entry = found.remove(account).filter(|entry| entry.uid == *uid).ok_or(EntryError::ConcurrentChange)?;
            match selection.apply(&self.spec, &entry, "")? {
                Some(with) => {
                    changed.push(with.clone());
                    entries.push(with);
                }
                None => entries.push(entry),
            }
        }
        store::entries_save(tx.conn(), &changed).await?;
        Ok(entries)
    }

    /// The entry of a member.
    ///
    /// # Errors
    /// [`EntryError::NotFound`].
    pub async fn get(&self, call: &Call, account: AccountId) -> Result<Entry, RosterError> {
        let directory = call.permit.tenant_directory()?;
        let found = store::entry(self.db.reader(), (self.spec.service, directory, account)).await?;
        Ok(found.ok_or_else(|| self.not_found(directory, account))?)
    }

    /// A page of at most `size` of the entries that are asked for (R-SC-14).
    ///
    /// # Errors
    /// [`RosterError::PageToken`].
    pub async fn list(&self, call: &Call, listing: &Listing, size: u32, token: &str) -> Result<Page, RosterError> {
        self.list_within(call.permit.scope(), call, listing, (size, token)).await
    }

    /// As [`Roster::list`], of the members within a scope.
    pub(crate) async fn list_within(
        &self,
        scope: &Scope,
        call: &Call,
        listing: &Listing,
        (size, token): (u32, &str),
    ) -> Result<Page, RosterError> {
        let directory = call.permit.tenant_directory()?;
        let (epoch, tenant, now) = (self.db.epoch().await?, directory.name(), self.db.clock().now());
        let fingerprint = listing.fingerprint().into_bytes();
        let query = PageQuery { epoch: &epoch, tenant: &tenant, method: call.permit.path(), fingerprint: &fingerprint };
        let after = match token {
            "" => None,
            token => Some(self.pages.open(&query, token, now)?.parse::<Place>()?),
        };
        let limit = u64::from(size) + 1;
        let folders = folders_of(self.db.reader(), directory, scope).await?;
        let list = (&self.spec, directory, folders.as_ref());
        let mut entries = store::entries_page(self.db.reader(), list, listing, after.as_ref(), limit).await?;
        let next = if entries.len() > usize::try_from(size).unwrap_or(usize::MAX) {
            entries.pop();
            let last = entries.last().map(|entry| store::entry_place(entry, listing)).transpose()?;
            last.map(|place| self.pages.seal(&query, &place.to_string(), now)).transpose()?.unwrap_or_default()
        } else {
            String::new()
        };
        Ok(Page { entries, next })
    }

    /// How many entries the list has (R-SOC-18).
    pub async fn count(&self, call: &Call) -> Result<u64, RosterError> {
        self.count_within(call.permit.scope(), call).await
    }

    /// As [`Roster::count`], of the members within a scope.
    pub(crate) async fn count_within(&self, scope: &Scope, call: &Call) -> Result<u64, RosterError> {
        let directory = call.permit.tenant_directory()?;
        let folders = folders_of(self.db.reader(), directory, scope).await?;
        Ok(store::entry_count(self.db.reader(), self.spec.service, directory, folders.as_ref()).await?)
    }

    /// A page of at most `size` of the members that could be added, within the folders of the call.
    ///
    /// # Errors
    /// [`RosterError::PageToken`].
    pub async fn eligible(&self, call: &Call, size: u32, token: &str) -> Result<EligiblePage, RosterError> {
        let directory = call.permit.tenant_directory()?;
        let (epoch, tenant, now) = (self.db.epoch().await?, directory.name(), self.db.clock().now());
        let query = PageQuery { epoch: &epoch, tenant: &tenant, method: call.permit.path(), fingerprint: &[] };
        let after = match token {
            "" => 0,
            token => self.pages.open(&query, token, now)?.parse().map_err(|_| PageTokenError::Invalid)?,
        };
        let folders = folders_of(self.db.reader(), directory, call.permit.scope()).await?;
        let (list, limit) = ((self.spec.service, directory), u64::from(size) + 1);
        let mut members = store::eligible(self.db.reader(), list, folders.as_ref(), after, limit).await?;
        let mut next = String::new();
        if members.len() > usize::try_from(size).unwrap_or(usize::MAX) {
            members.pop();
            let last = members.last().map(|(account, _)| account.to_string()).unwrap_or_default();
            next = self.pages.seal(&query, &last, now)?;
        }
        Ok(EligiblePage { members, next })
    }

    /// Sets what is selected on an entry.
    ///
    /// # Errors
    /// [`EntryError::NotFound`]; [`EntryError::EtagMismatch`] if `etag` is set and another by now.
    pub async fn update(
        &self,
        call: &Call,
        account: AccountId,
        selection: &Selection,
        etag: &str,
        request_id: Option<String>,
    ) -> Result<Done<Entry>, RosterError> {
        let directory = call.permit.tenant_directory()?;
        let key = &key(call, request_id, &(directory, account, selection, etag))?;
        let done = self.db.write_once("roster_update", key, |tx| async move {
            let found = store::lock_entries(tx.conn(), self.spec.service, directory, &[account]).await?.pop();
            let entry = found.ok_or_else(|| self.not_found(directory, account))?;
            let value = match selection.apply(&self.spec, &entry, etag)? {
                Some(changed) => {
                    store::entries_save(tx.conn(), std::slice::from_ref(&changed)).await?;
                    tx.record(self.change(call, directory, &[account], &key.request_id));
                    changed
                }
                None => entry,
            };
            Ok::<_, RosterError>(Stored { value, delegation: None })
        });
        Ok(done.await?.into())
    }

    /// Removes a member from the list: ends the enrolment that its entry is of, and waits until the follower has removed
    /// the entry. The etag is compared before; a change of the entry in the moment between does not stop the removal. A
    /// member that is enrolled anew in that moment stays so, with its new entry. A repetition with the same request id
    /// completes what was left half done, or returns the first result.
    ///
    /// # Errors
    /// [`EntryError::NotFound`]; [`EntryError::EtagMismatch`] if `etag` is set and another by now; [`EntryError::InUse`]; what `delegation` refuses;
    /// [`RosterError::NotReached`].
    pub async fn delete(
        &self,
        call: &Call,
        account: AccountId,
        etag: &str,
        request_id: Option<String>,
    ) -> Result<Done<()>, RosterError> {
        let directory = call.permit.tenant_directory()?;
        let key = &key(call, request_id, &(directory, account, etag))?;
        if let Some(done) = replayed(&self.db, key).await? {
            return Ok(done);
        }
        // Decided once: a repetition after a crash may find the entry gone.
        let begin = &begin(key);
        let begun = self.db.write_once("roster_delete_begin", begin, |tx| async move {
            let found = store::entry(tx.conn(), (self.spec.service, directory, account)).await?;
            let entry = found.ok_or_else(|| self.not_found(directory, account))?;
            entry.check_etag(&self.spec, etag)?;
            self.ask(tx, &entry).await?;
            Ok::<_, RosterError>(entry.uid)
        });
        let begun = begun.await?;
        let (uid, ending) = (&begun.value, [(account, begun.value.clone())]);
        if begun.replayed {
            // What was decided then need not hold any more.
            let ask = |tx: Tx| async move {
                let found = store::entry(tx.conn(), (self.spec.service, directory, account)).await?;
                match found.filter(|entry| entry.uid == *uid) {
                    Some(entry) => self.ask(tx, &entry).await,
                    None => Ok(()),
                }
            };
            self.db.write("roster_delete_ask", ask).await?;
        }
        let ended = self.enrolments.end(&Behalf::of(call), self.spec.service, directory, &ending).await?;
        self.reached(call, &ended).await?;
        let (ended, ending) = (&ended, &ending);
        let done = self.db.write_once("roster_delete", key, |tx| async move {
            if let Some(departure) = &self.departure {
                departure.end(tx.clone(), directory, ending.to_vec()).await?;
            }
            tx.record(self.change(call, directory, &[account], &key.request_id));
            Ok::<_, RosterError>(Stored { value: (), delegation: Some(ended.clone()) })
        });
        Ok(done.await?.into())
    }

    /// Whether nothing stands against the removal of a member, which is then begun.
    async fn ask(&self, tx: Tx, entry: &Entry) -> Result<(), RosterError> {
        let Some(departure) = &self.departure else { return Ok(()) };
        match departure.begin(tx, entry.directory, entry.account, entry.uid.clone()).await? {
            Some(used_by) => {
                let entry = self.spec.name(entry.directory, entry.account);
                Err(EntryError::InUse { entry, used_by }.into())
            }
            None => Ok(()),
        }
    }

    /// Waits until the follower has made `position` its own.
    pub(super) async fn reached(&self, call: &Call, position: &Position) -> Result<(), RosterError> {
        let left = call.deadline.saturating_duration_since(Instant::now()).saturating_sub(MARGIN);
        match self.db.wait_cursor(Role::Delegation.as_str(), position, left).await? {
            CursorWait::Reached => Ok(()),
            CursorWait::Behind(_) | CursorWait::OtherEpoch(_) => Err(RosterError::NotReached),
        }
    }

    pub(super) fn change(
        &self,
        call: &Call,
        directory: DirectoryId,
        accounts: &[AccountId],
        request_id: &Option<String>,
    ) -> ChangeRow {
        let recorded = Recorded {
            resource: events::resource(&self.spec, directory, accounts.iter().copied()),
            tenant: Tenant::Directory(directory),
            accounts: accounts.iter().copied().map(AccountId::name).collect(),
            request_id: request_id.clone().unwrap_or_default(),
            facts: Vec::new(),
        };
        recorded.by_call(call, self.db.clock().now())
    }

    fn not_found(&self, directory: DirectoryId, account: AccountId) -> EntryError {
        EntryError::NotFound(self.spec.name(directory, account))
    }
}
