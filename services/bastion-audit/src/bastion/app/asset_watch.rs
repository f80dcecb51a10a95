//! Following assets: the own log tells which have changed, and they are sent as they are.

use std::{
    collections::{BTreeSet, VecDeque},
    time::Duration,
};

use bailiwick_api::audit::v1::Change;
use bailiwick_changelog::{Tail, TailEvent};
use bailiwick_core::{
    AccountId,
    filter::{Filter, Listing},
};
use bailiwick_db::{DbError, LoggedChange, PageTokenError, Place, Position};
use bailiwick_rpc::Call;
use futures::stream;
use prost::Message;

use super::{
    Bastion, Error,
    asset::views,
    claim::owner_claim,
    resource::{check_home, found},
};
use crate::{
    MEMBERS,
    bastion::{
        domain::{AssetView, Home, Instance, ResourceKind},
        store::{self, Part},
    },
};

/// How long a watcher hears nothing.
const SIGN_OF_LIFE: Duration = Duration::from_secs(15);
/// Most assets at once.
const BATCH: u16 = 100;

/// One watcher.
pub(crate) struct AssetWatch {
    bastion: Bastion,
    call: Call,
    home: Home,
    filter: Filter,
    tail: Tail,
    /// Whose bastion host it is, and in which right it has what belongs to that account: no list says so.
    owner: AccountId,
    own: Option<String>,
    work: VecDeque<Work>,
    /// The revision up to which everything was sent.
    reached: i64,
    begun: bool,
}

/// What a watcher is sent.
#[derive(Default)]
pub(crate) struct WatchBatch {
    /// As they are now.
    pub(crate) assets: Vec<AssetView>,
    /// Names of assets that have changed and are not among those asked for.
    pub(crate) unmatched: Vec<String>,
    /// Where a later watch goes on.
    pub(crate) resume_token: String,
}

/// What is to be sent, in this order.
enum Work {
    /// Assets that have changed, by their ids.
    Changed(BTreeSet<String>),
    /// Those of an account that came or left, after a place.
    OfOwner(AccountId, Option<Place>),
    /// All of a revision was sent.
    Reached(i64),
}

impl Bastion {
    /// Follows the assets of a bastion host that are asked for.
    ///
    /// # Errors
    /// `BastionError::NotFound`; [`Error::Token`] if the resume token is of another watch, or too old.
    pub(crate) async fn asset_watch(
        &self,
        call: &Call,
        instance: &str,
        filter: Filter,
        resume: &str,
    ) -> Result<AssetWatch, Error> {
        let home = Home::within(call.permit.tenant_directory()?, instance);
        check_home(self.db().reader(), call, &home).await?;
        let host: Instance = found(self.db().reader(), &Home::of_instances(home.directory), instance).await?;
        let own = owner_claim(self.db().reader(), &host, None).await?;
        let head = self.db().head().await?;
        let reached = match self.after(call, &fingerprint(&filter), resume).await?.as_str() {
            "" => head.revision,
            revision => revision.parse().map_err(|_| PageTokenError::Invalid)?,
        };
        let after = Position { epoch: head.epoch, revision: reached };
        let tail = Tail::open(self.db().clone(), None, after, signs_of_life(), self.shutdown()).await?;
        Ok(AssetWatch {
            bastion: self.clone(),
            call: call.clone(),
            home,
            filter,
            tail,
            owner: host.owner,
            own,
            work: VecDeque::new(),
            reached,
            begun: false,
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

fn fingerprint(filter: &Filter) -> Vec<u8> {
    filter.to_string().into_bytes()
}

impl AssetWatch {
    /// What comes next; waits for something, or for the time of a sign of life. The first answer comes at once. None at the
    /// shutdown.
    pub(crate) async fn next(&mut self) -> Result<Option<WatchBatch>, Error> {
        if !self.begun {
            self.begun = true;
            return self.batch(WatchBatch::default()).await.map(Some);
        }
        loop {
            while let Some(work) = self.work.pop_front() {
                if let Some(batch) = self.send(work).await? {
                    return self.batch(batch).await.map(Some);
                }
            }
            match self.tail.next().await? {
                None => return Ok(None),
                Some(TailEvent::Changes(changes)) => {
                    self.look_at_owner().await?;
                    for change in &changes {
                        self.take(change).await?;
                    }
                }
                Some(TailEvent::Pong { .. }) => {
                    // A bastion host that was deleted is followed no more.
                    check_home(self.bastion.db().reader(), &self.call, &self.home).await?;
                    self.look_at_owner().await?;
                    if !self.work.is_empty() {
                        continue;
                    }
                    return self.batch(WatchBatch::default()).await.map(Some);
                }
            }
        }
    }

    /// The log of the bastion does not tell when the owner of a bastion host gets or loses its seat.
    async fn look_at_owner(&mut self) -> Result<(), Error> {
        let reader = self.bastion.db().reader();
        let instances = Home::of_instances(self.home.directory);
        let host: Instance = found(reader, &instances, &self.home.place).await?;
        let own = owner_claim(reader, &host, None).await?;
        let former = std::mem::replace(&mut self.owner, host.owner);
        if own != std::mem::replace(&mut self.own, own.clone()) || former != host.owner {
            self.work.push_back(Work::OfOwner(former, None));
        }
        Ok(())
    }

    /// What is to be sent of a piece of work; none if there is nothing.
    async fn send(&mut self, work: Work) -> Result<Option<WatchBatch>, Error> {
        let reader = self.bastion.db().reader();
        let batch = match work {
            Work::Reached(revision) => {
                self.reached = revision;
                return Ok(None);
            }
            Work::Changed(ids) => {
                let found = store::assets_among(reader, &self.home, &ids, &self.filter).await?;
                let matched: BTreeSet<_> = found.iter().map(|asset| asset.meta.id.as_str()).collect();
                let others = ids.iter().filter(|id| !matched.contains(id.as_str()));
                let unmatched = others.map(|id| ResourceKind::Asset.name(&self.home, id)).collect();
                WatchBatch { unmatched, assets: views(reader, &self.home, found).await?, ..WatchBatch::default() }
            }
            Work::OfOwner(owner, after) => {
                let listing = Listing { filter: self.filter.clone(), order: None };
                let of = (&self.home, Part { owner: Some(owner), ..Part::default() });
                let found = store::assets_page(reader, of, &listing, after.as_ref(), u64::from(BATCH)).await?;
                if found.len() == usize::from(BATCH) {
                    let place = found.last().map(|last| store::asset_place(last, &listing));
                    self.work.push_front(Work::OfOwner(owner, place));
                }
                WatchBatch { assets: views(reader, &self.home, found).await?, ..WatchBatch::default() }
            }
        };
        let empty = batch.assets.is_empty() && batch.unmatched.is_empty();
        Ok((!empty).then_some(batch))
    }

    /// What a change in the log means for the watcher.
    async fn take(&mut self, logged: &LoggedChange) -> Result<(), Error> {
        let of_assets = under(&self.home.assets(), &logged.change.resource);
        let members = format!("{}/{}", self.home.directory.name(), MEMBERS.collection);
        if of_assets || under(&members, &logged.change.resource) {
            let change = Change::decode(logged.change.payload.as_slice()).map_err(|e| DbError::Other(e.into()))?;
            if of_assets {
                let names = if change.items.is_empty() { vec![change.resource] } else { change.items };
                let ids: Vec<_> = names.iter().filter_map(|name| self.id(name)).collect();
                let some = ids.chunks(usize::from(BATCH)).map(|ids| Work::Changed(ids.iter().cloned().collect()));
                self.work.extend(some);
            } else {
                // Of many members, few have assets here.
                let owners = store::owners_in(self.bastion.db().reader(), &self.home).await?;
                let accounts = change.accounts.iter().filter_map(|name| name.strip_prefix("accounts/")?.parse().ok());
                let owners = accounts.filter(|account| owners.contains(account));
                self.work.extend(owners.map(|account| Work::OfOwner(account, None)));
            }
        }
        self.work.push_back(Work::Reached(logged.revision));
        Ok(())
    }

    fn id(&self, name: &str) -> Option<String> {
        let id = name.strip_prefix(&self.home.assets())?.strip_prefix('/')?;
        (!id.contains('/')).then(|| id.to_owned())
    }

    // Exclusive: what the tail waits with cannot be shared.
    async fn batch(&mut self, batch: WatchBatch) -> Result<WatchBatch, Error> {
        let fingerprint = fingerprint(&self.filter);
        let resume_token = self.bastion.next(&self.call, &fingerprint, &self.reached.to_string()).await?;
        Ok(WatchBatch { resume_token, ..batch })
    }
}

/// Whether a name is that of a collection, or of something in it.
fn under(collection: &str, name: &str) -> bool {
    name.strip_prefix(collection).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}
