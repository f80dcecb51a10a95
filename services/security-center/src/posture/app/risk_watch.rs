//! Following risks: the own log tells which have changed, and they are sent as they are.

use std::{
    collections::{BTreeSet, VecDeque},
    time::Duration,
};

use bailiwick_api::audit::v1::Change;
use bailiwick_changelog::{Tail, TailEvent};
use bailiwick_core::{
    AccountId, DirectoryId,
    authz::Scope,
    filter::{Filter, Listing},
};
use bailiwick_db::{DbError, LoggedChange, PageQuery, PageTokenError, Place, Position};
use bailiwick_roster::Listed;
use bailiwick_rpc::Call;
use futures::stream;
use prost::Message;
use sha2::{Digest, Sha256};

use super::{RiskView, Risks, RisksError};
use crate::posture::{
    MONITORED_ACCOUNTS,
    domain::{RiskId, risk_filter},
    store::{self, View},
};

/// How long a watcher hears nothing.
const SIGN_OF_LIFE: Duration = Duration::from_secs(15);
/// Most risks at once.
const BATCH: u16 = 100;

/// One watcher.
pub(crate) struct Watch {
    risks: Risks,
    call: Call,
    filter: Filter,
    listing: Listing,
    epoch: String,
    tail: Tail,
    list: Listed,
    /// The accounts that it has the risks of, as far as the log was read.
    known: BTreeSet<AccountId>,
    /// Up to this revision, `known` may be of later than the log was read to.
    known_until: i64,
    /// What tells `known` from others.
    tag: String,
    work: VecDeque<Work>,
    /// The revision up to which everything was sent, and the tag of those whose risks the client has then.
    reached: (i64, String),
    /// The first answer is still to be sent; it says whether what the client has holds no longer.
    begins: Option<bool>,
}

/// What a watcher is sent.
#[derive(Debug, Default)]
pub(crate) struct WatchBatch {
    /// As they are now.
    pub(crate) risks: Vec<RiskView>,
    /// Names of risks that have changed and are not among those asked for.
    pub(crate) unmatched: Vec<String>,
    /// Accounts that are gone with their risks.
    pub(crate) left: Vec<AccountId>,
    /// What was sent before holds no longer: all that there is follows.
    pub(crate) reset: bool,
    /// Where a later watch goes on.
    pub(crate) resume_token: String,
}

/// What is to be sent, in this order.
enum Work {
    /// Risks of an account that have changed.
    Changed(AccountId, BTreeSet<RiskId>),
    /// All risks of an account after a place.
    Entered(AccountId, Option<Place>),
    /// An account that is gone.
    Left(AccountId),
    /// All of a revision was sent, to a client that has the risks of those of this tag.
    Reached(i64, String),
}

impl Risks {
    /// Follows the risks of the controlled accounts that the call reaches.
    ///
    /// # Errors
    /// [`RisksError::Token`] if the resume token is of another watch, or too old.
    pub(crate) async fn risk_watch(&self, call: &Call, filter: Filter, resume: &str) -> Result<Watch, RisksError> {
        let list = self.list(call).await?;
        let head = self.db.head().await?;
        let epoch = head.epoch.clone();
        let resumed = match resume {
            "" => None,
            token => {
                let now = self.db.clock().now();
                let fingerprint = filter.to_string().into_bytes();
                let place = self.pages.open(&query(call, &epoch, &fingerprint), token, now)?;
                let (revision, tag) = place.split_once(' ').ok_or(PageTokenError::Invalid)?;
                Some((revision.parse().map_err(|_| PageTokenError::Invalid)?, tag.to_owned()))
            }
        };
        let after = resumed.as_ref().map_or(head.revision, |(revision, _)| *revision);
        let after = Position { epoch: epoch.clone(), revision: after };
        let tail = Tail::open(self.db.clone(), None, after, signs_of_life(), self.shutdown.clone()).await?;
        let known = list.read(self.db.reader()).await?;
        // Whatever `known` includes is in the log by now.
        let known_until = self.db.head().await?.revision;
        let tag = tag(call, &known);
        // Accounts came or left while nobody watched, and the log does not tell a caller of folders which.
        let reset = resumed.as_ref().is_some_and(|(_, then)| *then != tag);
        let reached = resumed.unwrap_or_else(|| (head.revision, tag.clone()));
        let mut work = VecDeque::new();
        if reset {
            work.extend(known.iter().map(|account| Work::Entered(*account, None)));
            work.push_back(Work::Reached(reached.0, tag.clone()));
        }
        Ok(Watch {
            risks: self.clone(),
            call: call.clone(),
            listing: risk_filter::listing(filter.clone(), None),
            filter,
            epoch,
            tail,
            list,
            known,
            known_until,
            tag,
            work,
            reached,
            begins: Some(reset),
        })
    }
}

/// Numbers of pings, one for each silence.
fn signs_of_life() -> impl stream::Stream<Item = i64> + Send + 'static {
    stream::unfold(0, |number| async move {
        tokio::time::sleep(SIGN_OF_LIFE).await;
        Some((number, number + 1))
    })
}

/// What tells the accounts that a caller has the risks of from others. The log tells who reaches all of a directory what
/// came and left.
fn tag(call: &Call, known: &BTreeSet<AccountId>) -> String {
    if *call.permit.scope() == Scope::Whole {
        return "all".to_owned();
    }
    let mut hash = Sha256::new();
    known.iter().for_each(|account| hash.update(account.get().to_be_bytes()));
    hash.finalize().iter().take(16).map(|byte| format!("{byte:02x}")).collect()
}

/// What resume tokens are bound to.
fn query<'a>(call: &'a Call, epoch: &'a str, fingerprint: &'a [u8]) -> PageQuery<'a> {
    PageQuery { epoch, tenant: call.permit.resource(), method: call.permit.path(), fingerprint }
}

impl Watch {
    /// What comes next; waits for something, or for the time of a sign of life. The first answer comes at once. None at the
    /// shutdown.
    pub(crate) async fn next(&mut self) -> Result<Option<WatchBatch>, RisksError> {
        if let Some(reset) = self.begins.take() {
            return self.batch(WatchBatch { reset, ..WatchBatch::default() }).map(Some);
        }
        loop {
            while let Some(work) = self.work.pop_front() {
                if let Some(batch) = self.send(work).await? {
                    return self.batch(batch).map(Some);
                }
            }
            match self.tail.next().await? {
                None => return Ok(None),
                Some(TailEvent::Changes(changes)) => {
                    for change in changes {
                        self.take(change).await?;
                    }
                }
                Some(TailEvent::Pong { .. }) => {
                    self.risks.multi_account(&self.call).await?;
                    // Folders that are moved change what a caller reaches, and no entry of the list.
                    self.relist().await?;
                    let quiet = self.work.is_empty();
                    self.work.push_back(Work::Reached(self.reached.0, self.tag.clone()));
                    if quiet {
                        return self.batch(WatchBatch::default()).map(Some);
                    }
                }
            }
        }
    }

    /// What is to be sent of a piece of work; none if there is nothing.
    async fn send(&mut self, work: Work) -> Result<Option<WatchBatch>, RisksError> {
        let reader = self.risks.db.reader();
        Ok(match work {
            Work::Reached(revision, tag) => {
                self.reached = (revision, tag);
                None
            }
            Work::Left(account) => Some(WatchBatch { left: vec![account], ..WatchBatch::default() }),
            Work::Changed(account, ids) => {
                let found =
                    store::risks_among(reader, &View::OfList(self.list.clone(), account), &self.filter, &ids).await?;
                let matched: BTreeSet<_> = found.iter().map(|risk| risk.id).collect();
                let unmatched = ids.difference(&matched).map(|id| format!("{}/risks/{id}", account.name())).collect();
                let risks = self.risks.placed(found).await?;
                Some(WatchBatch { risks, unmatched, ..WatchBatch::default() })
            }
            Work::Entered(account, after) => {
                let (view, limit) = (View::OfList(self.list.clone(), account), u64::from(BATCH));
                let found = store::risks_page(reader, &view, &self.listing, after.as_ref(), limit).await?;
                if found.len() == usize::from(BATCH) {
                    let place = found.last().map(|last| store::risk_place(last, &self.listing));
                    self.work.push_front(Work::Entered(account, place));
                }
                let risks = self.risks.placed(found).await?;
                (!risks.is_empty()).then(|| WatchBatch { risks, ..WatchBatch::default() })
            }
        })
    }

    /// What a change in the log means for the watcher.
    async fn take(&mut self, logged: LoggedChange) -> Result<(), RisksError> {
        let revision = logged.revision;
        let change = Change::decode(logged.change.payload.as_slice()).map_err(|e| DbError::Other(e.into()))?;
        if change.items.is_empty() {
            if is_of_list(&change, self.list.directory()) {
                self.list_changed(revision, &change).await?;
            }
        } else if let Some(account) = change.accounts.first().and_then(|name| account(name))
            && self.known.contains(&account)
        {
            let ids: Vec<_> = change.items.iter().filter_map(|id| RiskId::parse(id)).collect();
            let some = ids.chunks(usize::from(BATCH)).map(|ids| Work::Changed(account, ids.iter().copied().collect()));
            self.work.extend(some);
        }
        self.work.push_back(Work::Reached(revision, self.tag.clone()));
        Ok(())
    }

    async fn list_changed(&mut self, revision: i64, change: &Change) -> Result<(), RisksError> {
        if revision > self.known_until {
            return self.relist().await;
        }
        // Of before it was known who is in the list: what became of them is known, what they were is not. A caller of
        // folders is not told of others.
        let whole = *self.call.permit.scope() == Scope::Whole;
        for account in change.accounts.iter().filter_map(|name| account(name)) {
            match self.known.contains(&account) {
                true => self.work.push_back(Work::Entered(account, None)),
                false if whole => self.work.push_back(Work::Left(account)),
                false => {}
            }
        }
        Ok(())
    }

    /// Reads who is in the list now, and what is to be sent of those who came and left.
    async fn relist(&mut self) -> Result<(), RisksError> {
        let reader = self.risks.db.reader();
        let (directory, scope) = (self.list.directory(), self.call.permit.scope());
        let list = Listed::within(reader, MONITORED_ACCOUNTS.service, directory, scope).await?;
        let now = list.read(reader).await?;
        self.work.extend(self.known.difference(&now).map(|account| Work::Left(*account)));
        self.work.extend(now.difference(&self.known).map(|account| Work::Entered(*account, None)));
        self.tag = tag(&self.call, &now);
        self.known = now;
        self.list = list;
        Ok(())
    }

    fn batch(&self, batch: WatchBatch) -> Result<WatchBatch, RisksError> {
        let (now, fingerprint) = (self.risks.db.clock().now(), self.filter.to_string().into_bytes());
        let query = query(&self.call, &self.epoch, &fingerprint);
        let (revision, tag) = &self.reached;
        let resume_token = self.risks.pages.seal(&query, &format!("{revision} {tag}"), now)?;
        Ok(WatchBatch { resume_token, ..batch })
    }
}

/// Whether a change is one of the entries of a control list.
fn is_of_list(change: &Change, directory: DirectoryId) -> bool {
    let list = format!("{}/{}", directory.name(), MONITORED_ACCOUNTS.collection);
    change.resource.strip_prefix(&list).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

fn account(name: &str) -> Option<AccountId> {
    name.strip_prefix("accounts/")?.parse().ok()
}
