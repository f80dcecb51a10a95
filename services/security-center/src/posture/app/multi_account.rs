//! The multi-account feature in a directory: its first use, its settings, and whom it can be used on.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use bailiwick_changelog::Recorded;
use bailiwick_core::{
    AccountId, DirectoryId, Role, TrustedService,
    authz::{Scope, Tenant},
};
use bailiwick_db::{ChangeRow, CursorWait, Db, IdempotencyKey, PageQuery, PageTokenError, PageTokens, Position, Tx};
use bailiwick_roster::{Behalf, folders_of};
use bailiwick_rpc::Call;
use sea_orm::ConnectionTrait;
use serde::{Deserialize, Serialize};
use tokio::time::Instant;

use super::{
    Error, TrustedAccess,
    edition::{holdings, multi_account},
    once::key,
};
use crate::posture::{
    domain::{AutoAdd, Holding, Member, Settings, SettingsChange},
    store::{self, Candidate, FolderCount, Selected},
};

/// How long before the deadline waiting for the follower ends, so that the caller learns why.
const MARGIN: Duration = Duration::from_millis(150);
/// Members read at a time.
const READ: u64 = 1_000;

/// The feature, for calls.
pub(crate) struct MultiAccounts {
    db: Db,
    pages: PageTokens,
    access: Arc<dyn TrustedAccess>,
}

/// The feature in a directory.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct MultiAccountView {
    pub(crate) settings: Settings,
    pub(crate) monitored: i64,
    pub(crate) eligible: i64,
    pub(crate) pending: i64,
}

/// A call that changed something.
pub(crate) struct Changed<T> {
    pub(crate) value: T,
    /// The position in the own log.
    pub(crate) position: Position,
    /// The position in `delegation`'s log of what was done there.
    pub(crate) delegation: Option<Position>,
}

/// A member, its edition and its roles.
#[derive(Clone, Debug)]
pub(crate) struct Eligible {
    pub(crate) candidate: Candidate,
    pub(crate) holding: Holding,
    pub(crate) management: bool,
    /// Delegated administrator of Security Center, and of the Agentic SOC.
    pub(crate) administers: (bool, bool),
}

/// A page of members.
pub(crate) struct EligiblePage {
    pub(crate) members: Vec<Eligible>,
    pub(crate) next: String,
    /// Nobody can be added.
    pub(crate) none: bool,
}

/// A folder, and how many members it has.
#[derive(Clone, Debug)]
pub(crate) struct FolderView {
    /// Its id, and that of the folder that it is in, if the caller sees that.
    pub(crate) id: String,
    pub(crate) parent: String,
    pub(crate) count: FolderCount,
}

/// A page of folders.
pub(crate) struct FoldersPage {
    pub(crate) folders: Vec<FolderView>,
    pub(crate) next: String,
}

#[derive(Serialize, Deserialize)]
struct Stored {
    view: MultiAccountView,
    delegation: Option<Position>,
}

// === impl MultiAccounts ===

impl MultiAccounts {
    pub(crate) fn new(db: Db, pages: PageTokens, access: Arc<dyn TrustedAccess>) -> Self {
        Self { db, pages, access }
    }

    /// First use: lets Security Center access the directory (R-SC-04), on behalf of the caller. Repeating it changes
    /// nothing.
    ///
    /// # Errors
    /// The feature is not open to the caller; what `delegation` refuses; [`Error::NotReached`].
    pub(crate) async fn enable(
        &self,
        call: &Call,
        request_id: Option<String>,
    ) -> Result<Changed<MultiAccountView>, Error> {
        multi_account(&self.db, call).await?;
        let directory = call.permit.tenant_directory()?;
        let key = &key(call, request_id, &directory)?;
        let at = self.access.enable(&Behalf::of(call), directory).await?;
        self.reached(call, &at).await?;
        let at = &at;
        let work = |tx: Tx| async move {
            let settings = store::settings_lock(tx.conn(), directory).await?;
            if settings.version == 0 {
                let begun = Settings { version: 1, ..settings };
                store::settings_save(tx.conn(), &begun).await?;
                tx.record(self.recorded(call, directory, key));
            }
            let view = view(tx.conn(), directory, call.permit.scope()).await?;
            Ok::<_, Error>(Stored { view, delegation: Some(at.clone()) })
        };
        let done = self.db.write_once("multi_account_enable", key, work).await?;
        let Stored { view, delegation } = done.value;
        // A stored position may be of before a restore of delegation; the one just reached is not.
        let delegation = delegation.map(|_| at.clone());
        Ok(Changed { value: view, position: done.position, delegation })
    }

    /// The feature in the call's directory.
    pub(crate) async fn get(&self, call: &Call) -> Result<MultiAccountView, Error> {
        multi_account(&self.db, call).await?;
        view(self.db.reader(), call.permit.tenant_directory()?, call.permit.scope()).await
    }

    /// Changes the settings. With ALL, the members that there are wait to be added.
    ///
    /// # Errors
    /// [`crate::posture::domain::SubscriptionError::EtagMismatch`].
    pub(crate) async fn update(
        &self,
        call: &Call,
        change: &SettingsChange,
        etag: &str,
        request_id: Option<String>,
    ) -> Result<Changed<MultiAccountView>, Error> {
        multi_account(&self.db, call).await?;
        let directory = call.permit.tenant_directory()?;
        let key = &key(call, request_id, &(directory, change, etag))?;
        let work = |tx: Tx| async move {
            let conn = tx.conn();
            let settings = store::settings_lock(conn, directory).await?.changed(change, etag)?;
            store::settings_save(conn, &settings).await?;
            let wanted = wanted(conn, &settings).await?;
            store::additions_clear(conn, directory).await?;
            store::additions_put(conn, directory, &wanted, self.db.clock().now()).await?;
            tx.record(self.recorded(call, directory, key));
            let view = view(conn, directory, call.permit.scope()).await?;
            Ok::<_, Error>(Stored { view, delegation: None })
        };
        let done = self.db.write_once("multi_account_update", key, work).await?;
        Ok(Changed { value: done.value.view, position: done.position, delegation: None })
    }

    /// A page of the members that can be added (R-SC-08), or of all, within the call's scope, by account.
    pub(crate) async fn eligible(
        &self,
        call: &Call,
        all: bool,
        (size, token): (u32, &str),
    ) -> Result<EligiblePage, Error> {
        multi_account(&self.db, call).await?;
        let directory = call.permit.tenant_directory()?;
        let (conn, epoch, now) = (self.db.reader(), self.db.epoch().await?, self.db.clock().now());
        let (tenant, fingerprint) = (directory.name(), [u8::from(all)]);
        let query = PageQuery { epoch: &epoch, tenant: &tenant, method: call.permit.path(), fingerprint: &fingerprint };
        let after = match token {
            "" => 0,
            token => self.pages.open(&query, token, now)?.parse().map_err(|_| PageTokenError::Invalid)?,
        };
        let folders = folders_of(conn, directory, call.permit.scope()).await?;
        let management = store::management_account(conn, directory).await?;
        let selected = Selected { directory, folders: folders.as_ref(), eligible: Some(management) };
        let none = store::candidates_count(conn, selected).await? == 0;
        let asked = if all { Selected { eligible: None, ..selected } } else { selected };
        let mut page = store::candidates(conn, asked, after, u64::from(size).saturating_add(1)).await?;
        let next = if page.len() > usize::try_from(size).unwrap_or(usize::MAX) {
            page.pop();
            let last = page.last().map(|last| last.account.get().to_string()).unwrap_or_default();
            self.pages.seal(&query, &last, now)?
        } else {
            String::new()
        };
        let accounts: Vec<_> = page.iter().map(|candidate| candidate.account).collect();
        let mut holdings = holdings(conn, &accounts, now).await?;
        let administrators = store::administrators_of(conn, directory).await?;
        let administers =
            |service, account| administrators.iter().any(|known| known.service == service && known.account == account);
        let members = page.into_iter().filter_map(|candidate| {
            let account = candidate.account;
            let center = administers(TrustedService::SecurityCenter, account);
            let soc = administers(TrustedService::ThreatAnalysis, account);
            let holding = holdings.remove(&account)?;
            Some(Eligible { candidate, holding, management: management == Some(account), administers: (center, soc) })
        });
        Ok(EligiblePage { members: members.collect(), next, none })
    }

    /// A page of the folders within the call's scope, parents before their children (R-SC-19).
    pub(crate) async fn folders(&self, call: &Call, (size, token): (u32, &str)) -> Result<FoldersPage, Error> {
        multi_account(&self.db, call).await?;
        let directory = call.permit.tenant_directory()?;
        let (conn, epoch, now) = (self.db.reader(), self.db.epoch().await?, self.db.clock().now());
        let tenant = directory.name();
        let query = PageQuery { epoch: &epoch, tenant: &tenant, method: call.permit.path(), fingerprint: b"" };
        let after = match token {
            "" => None,
            token => Some(place(&self.pages.open(&query, token, now)?).ok_or(PageTokenError::Invalid)?),
        };
        let within = folders_of(conn, directory, call.permit.scope()).await?;
        let counts = store::folder_counts(conn, directory).await?;
        let name = |id: &str| format!("{tenant}/folders/{id}");
        let all: BTreeMap<_, _> = store::folders(conn, directory).await?.into_iter().collect();
        let seen = |id: &str| all.contains_key(id) && within.as_ref().is_none_or(|within| within.contains(&name(id)));
        let mut rest: Vec<_> =
            all.iter().filter(|(id, _)| seen(id)).map(|(id, _)| (depth(&all, id), id.clone())).collect();
        rest.sort_unstable();
        rest.retain(|place| after.as_ref().is_none_or(|after| after < place));
        let size = usize::try_from(size).unwrap_or(usize::MAX);
        let next = match rest.get(size.saturating_sub(1)).filter(|_| rest.len() > size) {
            Some((depth, id)) => self.pages.seal(&query, &format!("{depth}/{id}"), now)?,
            None => String::new(),
        };
        let shown = rest.into_iter().take(size).map(|(_, id)| {
            let parent = all.get(&id).filter(|parent| seen(parent)).cloned().unwrap_or_default();
            let count = counts.get(&name(&id)).copied().unwrap_or_default();
            FolderView { id, parent, count }
        });
        Ok(FoldersPage { folders: shown.collect(), next })
    }

    /// Whether a call comes from the management account of its directory.
    pub(crate) async fn by_management(&self, call: &Call) -> Result<bool, Error> {
        let management = store::management_account(self.db.reader(), call.permit.tenant_directory()?).await?;
        Ok(management.is_some() && management == call.permit.account())
    }

    async fn reached(&self, call: &Call, position: &Position) -> Result<(), Error> {
        let left = call.deadline.saturating_duration_since(Instant::now()).saturating_sub(MARGIN);
        match self.db.wait_cursor(Role::Delegation.as_str(), position, left).await? {
            CursorWait::Reached => Ok(()),
            CursorWait::Behind(_) | CursorWait::OtherEpoch(_) => Err(Error::NotReached),
        }
    }

    fn recorded(&self, call: &Call, directory: DirectoryId, key: &IdempotencyKey) -> ChangeRow {
        let recorded = Recorded {
            resource: Settings::none(directory).name(),
            tenant: Tenant::Directory(directory),
            accounts: Vec::new(),
            request_id: key.request_id.clone().unwrap_or_default(),
            facts: Vec::new(),
        };
        recorded.by_call(call, self.db.clock().now())
    }
}

async fn view(conn: &impl ConnectionTrait, directory: DirectoryId, scope: &Scope) -> Result<MultiAccountView, Error> {
    let folders = folders_of(conn, directory, scope).await?;
    let management = store::management_account(conn, directory).await?;
    let eligible = Selected { directory, folders: folders.as_ref(), eligible: Some(management) };
    let all = Selected { eligible: None, ..eligible };
    let mut settings = store::settings(conn, directory).await?;
    if let Some(folders) = &folders {
        // Who is in charge of some folders learns nothing of the others.
        settings.problem.clear();
        settings.folders.retain(|id| folders.contains(&format!("{}/folders/{id}", directory.name())));
    }
    let counts = store::folder_counts(conn, directory).await?;
    let seen = counts.iter().filter(|(folder, _)| folders.as_ref().is_none_or(|folders| folders.contains(*folder)));
    Ok(MultiAccountView {
        monitored: seen.map(|(_, count)| count.monitored).sum(),
        eligible: store::candidates_count(conn, eligible).await?,
        pending: store::candidates_waiting(conn, all).await?,
        settings,
    })
}

/// The members that wait to be added once these settings hold: with NEW, of those that wait, the ones that are still
/// meant; with ALL, each that is meant and was not in the list in its present membership.
async fn wanted(conn: &impl ConnectionTrait, settings: &Settings) -> Result<Vec<(AccountId, String)>, Error> {
    if settings.auto_add == AutoAdd::Off {
        return Ok(Vec::new());
    }
    let directory = settings.directory;
    let waiting = store::additions_of(conn, directory).await?;
    let management = store::management_account(conn, directory).await?;
    let within = match settings.folders.is_empty() {
        true => None,
        false => folders_of(conn, directory, &Scope::Folders(settings.folders.clone())).await?,
    };
    let (mut found, mut after) = (Vec::new(), 0);
    loop {
        let all = Selected { directory, folders: within.as_ref(), eligible: None };
        let page = store::candidates(conn, all, after, READ).await?;
        let Some(last) = page.last() else { return Ok(found) };
        after = i64::try_from(last.account.get()).unwrap_or(i64::MAX);
        for candidate in page {
            let Candidate { account, incarnation, join_method, folder, monitored, considered, .. } = candidate;
            let member = Member { account, incarnation, join_method, folder };
            let meant = settings.auto_add == AutoAdd::All || waiting.contains(&account);
            if meant && !monitored && !considered && settings.wants(&member, within.as_ref(), management) {
                found.push((member.account, member.incarnation));
            }
        }
    }
}

/// How many folders a folder is below.
fn depth(all: &BTreeMap<String, String>, id: &str) -> usize {
    std::iter::successors(all.get(id), |parent| all.get(*parent)).take(all.len()).count()
}

fn place(text: &str) -> Option<(usize, String)> {
    let (depth, id) = text.split_once('/')?;
    Some((depth.parse().ok()?, id.to_owned()))
}
