//! Pages of lists.

use bailiwick_core::authz::Tenant;
use bailiwick_db::{PageQuery, PageTokenError};
use bailiwick_rpc::Call;

use super::{App, Error};

/// What page is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PageRequest {
    /// Most items: from 1 to 1,000.
    pub size: u32,
    /// The token that the page before ended with; empty for the first page.
    pub token: String,
}

/// A page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page<T> {
    /// The items.
    pub items: Vec<T>,
    /// What the next page is asked for with; empty at the end.
    pub next: String,
}

/// A page that is being made.
pub(super) struct Window {
    /// The key of the last item of the page before.
    pub(super) after: Option<String>,
    size: usize,
    epoch: String,
    tenant: String,
    fingerprint: Vec<u8>,
}

/// Most items of a page whose items have documents: 6,144 characters and a description each, which is below 4 MiB, the
/// largest message that callers take if they set nothing else.
pub(super) const DOCUMENTS_MAX: usize = 100;
/// Most items of a page whose items have all policies of users and of their groups.
pub(super) const GRANTS_MAX: usize = 50;

impl Window {
    /// The same of so many items at most, whatever was asked for.
    pub(super) fn at_most(self, items: usize) -> Self {
        Self { size: self.size.min(items), ..self }
    }

    /// How many items to read: one more than the page has, to know whether there is another page.
    pub(super) fn limit(&self) -> u64 {
        u64::try_from(self.size + 1).unwrap_or(u64::MAX)
    }

    /// The key, read.
    pub(super) fn after<K: std::str::FromStr>(&self) -> Result<Option<K>, Error> {
        let after = self.after.as_deref().map(|key| key.parse().map_err(|_| PageTokenError::Invalid));
        Ok(after.transpose()?)
    }

    fn query(&self, method: &'static str) -> PageQuery<'_> {
        PageQuery { epoch: &self.epoch, tenant: &self.tenant, method, fingerprint: &self.fingerprint }
    }
}

impl App {
    /// Where the page begins. `filter` is what selects the list besides the resource that the call is about.
    pub(super) async fn window(&self, call: &Call, asked: &PageRequest, filter: &str) -> Result<Window, Error> {
        let permit = &call.permit;
        let mut window = Window {
            after: None,
            size: usize::try_from(asked.size).unwrap_or(1),
            epoch: self.db.epoch().await?,
            tenant: match permit.tenant() {
                Tenant::Account(account) => account.name(),
                Tenant::Directory(directory) => directory.name(),
                Tenant::Platform => String::new(),
            },
            // No part but the last has a line break in it.
            fingerprint: [permit.resource(), &call.operator.principal, filter].join("\n").into_bytes(),
        };
        if !asked.token.is_empty() {
            window.after = Some(self.pages.open(&window.query(permit.path()), &asked.token, self.now())?);
        }
        Ok(window)
    }

    /// The page of the items that were read, which `key` names in the order of the list.
    pub(super) fn page<T>(
        &self,
        call: &Call,
        window: &Window,
        mut items: Vec<T>,
        key: impl Fn(&T) -> String,
    ) -> Result<Page<T>, Error> {
        let more = items.len() > window.size;
        items.truncate(window.size);
        let next = match items.last() {
            Some(last) if more => self.pages.seal(&window.query(call.permit.path()), &key(last), self.now())?,
            _ => String::new(),
        };
        Ok(Page { items, next })
    }
}
