//! Roles.

use bailiwick_core::AccountId;
use bailiwick_rpc::Call;

use super::{App, Error, Page, PageRequest, own_account};
use crate::{
    domain::{self, role::Role},
    store,
};

impl App {
    /// Reads a role.
    pub async fn role_get(&self, call: &Call, named: AccountId, role: &str) -> Result<Role, Error> {
        let id = own_account(&call.permit, named)?;
        let found = store::role::get(self.db.reader(), id, role).await?;
        found.ok_or_else(|| domain::Error::NotFound(call.permit.resource().to_owned()).into())
    }

    /// Lists the roles of an account.
    pub async fn role_list(&self, call: &Call, named: AccountId, asked: &PageRequest) -> Result<Page<Role>, Error> {
        let id = own_account(&call.permit, named)?;
        let window = self.window(call, asked, "").await?;
        let after = window.after.as_deref().unwrap_or_default();
        let items = store::role::page(self.db.reader(), id, after, window.limit()).await?;
        self.page(call, &window, items, |role| role.id.clone())
    }
}
