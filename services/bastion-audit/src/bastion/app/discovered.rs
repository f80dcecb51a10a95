//! What can be imported.

use bailiwick_core::AccountId;
use bailiwick_db::PageTokenError;
use bailiwick_rpc::Call;

use super::{Bastion, Error, Page, claim::owner_claim, member::check_caller, resource::found};
use crate::bastion::{
    domain::{AssetKind, Discovered, Home, Instance, ResourceKind},
    store::{self, DiscoveredPlace},
};

/// What is read at once of one account, and how many accounts.
const BATCH: u64 = 200;
/// Most that is read for one page: what is asked for can be far apart.
const READ_MAX: usize = 2_000;

/// What of the discovered assets is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct DiscoveredFilter {
    /// Of one account, or of all that can be imported from.
    pub(crate) account: Option<AccountId>,
    pub(crate) kind: Option<AssetKind>,
    pub(crate) not_imported: bool,
}

/// An item, and the name of the asset that it was imported as.
pub(crate) struct DiscoveredView {
    pub(crate) item: Discovered,
    pub(crate) asset: Option<String>,
}

/// A page that is being read.
struct Reading {
    views: Vec<DiscoveredView>,
    /// The last item, asked for or not, or an account before its items.
    place: DiscoveredPlace,
    read: usize,
}

impl Bastion {
    /// A page of what can be imported into a bastion host, or was (R-BAS-03). It can be shorter than asked for, or empty,
    /// before the end of the list.
    ///
    /// # Errors
    /// `BastionError::NotFound`, [`Error::Token`].
    pub(crate) async fn discovered_list(
        &self,
        call: &Call,
        instance: &str,
        filter: &DiscoveredFilter,
        (size, token): (u32, &str),
    ) -> Result<Page<DiscoveredView>, Error> {
        let (directory, reader) = (call.permit.tenant_directory()?, self.db().reader());
        let into: Instance = found(reader, &Home::of_instances(directory), instance).await?;
        check_caller(reader, call, &into).await?;
        let fingerprint = format!("{filter:?}").into_bytes();
        let place = match self.after(call, &fingerprint, token).await?.as_str() {
            "" => (0, String::new()),
            text => store::read_place(text).ok_or(PageTokenError::Invalid)?,
        };
        let size = usize::try_from(size).unwrap_or(usize::MAX);
        let mut reading = Reading { views: Vec::new(), place, read: 0 };
        let whole = self.read_discovered(call, &into, filter, size, &mut reading).await?;
        let next = match reading.views.get(size) {
            Some(_) => reading.views.get(size - 1).map(|last| store::discovered_place(&last.item)),
            None if whole => None,
            None => Some(format!("{} {}", reading.place.0, reading.place.1)),
        };
        reading.views.truncate(size);
        let next = match next {
            Some(place) => self.next(call, &fingerprint, &place).await?,
            None => String::new(),
        };
        Ok(Page { items: reading.views, next })
    }

    /// Reads one item more than a page has, if there are so many. Tells whether that was the end of the list.
    async fn read_discovered(
        &self,
        call: &Call,
        into: &Instance,
        filter: &DiscoveredFilter,
        size: usize,
        reading: &mut Reading,
    ) -> Result<bool, Error> {
        let (home, reader) = (into.home(), self.db().reader());
        let owner = owner_claim(reader, into, Some(call)).await?.map(|_| into.owner);
        loop {
            let of = (home.directory, owner);
            let accounts = store::inventories_from(reader, of, filter.account, reading.place.0, BATCH).await?;
            let last = u64::try_from(accounts.len()).unwrap_or(BATCH) < BATCH;
            for (account, since) in accounts {
                reading.at(account)?;
                loop {
                    if reading.views.len() > size || reading.read >= READ_MAX {
                        return Ok(false);
                    }
                    let rows =
                        store::discovered_after(reader, &home, (account, since), &reading.place.1, BATCH).await?;
                    let end = u64::try_from(rows.len()).unwrap_or(BATCH) < BATCH;
                    reading.take(rows, filter, &home);
                    if end {
                        break;
                    }
                }
                reading.read += 1;
            }
            if last {
                return Ok(reading.views.len() <= size);
            }
            reading.place = (reading.place.0 + 1, String::new());
        }
    }
}

impl Reading {
    /// Goes on with an account, where it was left or from its beginning.
    fn at(&mut self, account: AccountId) -> Result<(), Error> {
        let number = store::number(account)?;
        if self.place.0 != number {
            self.place = (number, String::new());
        }
        Ok(())
    }

    fn take(&mut self, rows: Vec<(Discovered, Option<String>)>, filter: &DiscoveredFilter, home: &Home) {
        for (item, asset) in rows {
            self.read += 1;
            self.place.1.clone_from(&item.source_id);
            let kind = filter.kind.is_none_or(|kind| kind == item.seen.kind);
            if kind && !(filter.not_imported && asset.is_some()) {
                let asset = asset.map(|id| ResourceKind::Asset.name(home, &id));
                self.views.push(DiscoveredView { item, asset });
            }
        }
    }
}
