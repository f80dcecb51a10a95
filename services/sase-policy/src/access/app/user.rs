//! Users and groups.

use std::collections::{BTreeMap, BTreeSet};

use bailiwick_rpc::Call;
use sea_orm::DatabaseTransaction;

use super::{Error, Page, Sase, resource::Kept};
use crate::access::{
    domain::{Resource, SaseError, SaseUser, UserGroup, cycle_from},
    store,
};

/// A user, and whether anything can be allowed to it.
pub(crate) struct UserView {
    pub(crate) user: SaseUser,
    pub(crate) active: bool,
}

impl UserView {
    /// `ram_users` are those that are enabled.
    fn new(user: SaseUser, ram_users: &BTreeSet<String>) -> Self {
        let enabled = user.ram_user.is_empty() || ram_users.contains(&user.ram_user);
        Self { active: enabled && !user.disabled, user }
    }
}

impl Kept for SaseUser {
    /// No two users are of one RAM user.
    async fn check(&self, conn: &DatabaseTransaction) -> Result<(), Error> {
        if self.ram_user.is_empty() {
            return Ok(());
        }
        let users = store::all::<Self>(conn, self.meta.directory).await?;
        let same = users.values().find(|user| user.ram_user == self.ram_user && user.meta.id != self.meta.id);
        same.map_or(Ok(()), |same| Err(SaseError::Exists(same.name()).into()))
    }
}

impl Kept for UserGroup {
    /// No group contains itself.
    async fn check(&self, conn: &DatabaseTransaction) -> Result<(), Error> {
        let groups = store::all::<Self>(conn, self.meta.directory).await?;
        let mut contains: BTreeMap<String, BTreeSet<String>> =
            groups.into_iter().map(|(id, group)| (id, group.groups)).collect();
        contains.insert(self.meta.id.clone(), self.groups.clone());
        if cycle_from(&self.meta.id, &contains) { Err(SaseError::GroupCycle(self.name()).into()) } else { Ok(()) }
    }
}

impl Sase {
    /// A user as it is now.
    pub(crate) async fn user_view(&self, user: SaseUser) -> Result<UserView, Error> {
        let directory = user.meta.directory;
        let ram_users = store::ram_users_known(self.db().reader(), directory, &[&user.ram_user]).await?;
        Ok(UserView::new(user, &ram_users))
    }

    /// Reads a user.
    ///
    /// # Errors
    /// [`SaseError::NotFound`].
    pub(crate) async fn user_get(&self, call: &Call, id: &str) -> Result<UserView, Error> {
        let user = self.get(call, id).await?;
        self.user_view(user).await
    }

    /// A page of users.
    ///
    /// # Errors
    /// [`Error::Token`].
    pub(crate) async fn user_list(&self, call: &Call, size: u32, token: &str) -> Result<Page<UserView>, Error> {
        let Page { items, next } = self.list::<SaseUser>(call, size, token).await?;
        let names: Vec<_> = items.iter().map(|user| user.ram_user.as_str()).filter(|name| !name.is_empty()).collect();
        let directory = call.permit.tenant_directory()?;
        let ram_users = store::ram_users_known(self.db().reader(), directory, &names).await?;
        Ok(Page { items: items.into_iter().map(|user| UserView::new(user, &ram_users)).collect(), next })
    }
}
