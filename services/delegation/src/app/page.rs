//! Pages of lists: each continues after the last key of the one before.

use bailiwick_core::DirectoryId;
use bailiwick_db::PageQuery;

use super::{App, Error};

/// What is asked of a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PageRequest {
    /// The directory that bounds the list.
    pub directory: DirectoryId,
    /// The method that lists.
    pub method: &'static str,
    /// All else that selects the list.
    pub selection: String,
    /// Most items: from 1 to 1,000.
    pub size: u32,
    /// From the page before; empty for the first.
    pub token: String,
}

/// A page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page<T> {
    /// The items.
    pub items: Vec<T>,
    /// For the next page; empty at the end.
    pub next: String,
}

/// Where a list goes on.
pub(super) struct Start {
    epoch: String,
    pub(super) after: String,
}

impl App {
    pub(super) async fn start(&self, request: &PageRequest) -> Result<Start, Error> {
        let epoch = self.db.epoch().await?;
        let tenant = request.directory.name();
        let after = match request.token.as_str() {
            "" => String::new(),
            token => self.pages.open(&query(&epoch, &tenant, request), token, self.now())?,
        };
        Ok(Start { epoch, after })
    }

    /// The page of items of which one more than fit was asked for.
    pub(super) fn page<T>(
        &self,
        request: &PageRequest,
        start: &Start,
        mut items: Vec<T>,
        key: impl Fn(&T) -> String,
    ) -> Result<Page<T>, Error> {
        let size = usize::try_from(request.size).unwrap_or(usize::MAX);
        let more = items.len() > size;
        items.truncate(size);
        let next = match items.last().filter(|_| more) {
            Some(last) => {
                let tenant = request.directory.name();
                self.pages.seal(&query(&start.epoch, &tenant, request), &key(last), self.now())?
            }
            None => String::new(),
        };
        Ok(Page { items, next })
    }
}

fn query<'a>(epoch: &'a str, tenant: &'a str, request: &'a PageRequest) -> PageQuery<'a> {
    PageQuery { epoch, tenant, method: request.method, fingerprint: request.selection.as_bytes() }
}
