//! Users of a bastion host, and their groups.

use std::collections::BTreeSet;

use bailiwick_core::{AccountId, IdentityName};
use bailiwick_db::{Committed, IdempotencyKey, Tx};
use bailiwick_rpc::Call;
use sea_orm::{ConnectionTrait, DatabaseTransaction};

use super::{Bastion, Error, ItemResult, Kept, Outcome, Page, Secrets, resource::check_home};
use crate::bastion::{
    domain::{BastionError, Home, Meta, Resource, ResourceKind, User, UserGroup, UserState},
    store,
};

/// Most users of a group.
const GROUP_USERS_MAX: usize = 5_000;

/// A RAM user to make a user of, or what is wrong with how it is asked for.
pub(crate) struct RamUserImport {
    pub(crate) ram_user: String,
    pub(crate) id: String,
    pub(crate) problem: Option<String>,
}

/// A user, and whether it can open sessions.
pub(crate) struct UserView {
    pub(crate) user: User,
    pub(crate) state: UserState,
}

impl Kept for User {
    /// A RAM user must be there when a user is made of it.
    async fn check(&self, before: Option<&Self>, conn: &DatabaseTransaction) -> Result<(), Error> {
        if before.is_some() || self.ram_user.is_empty() {
            return Ok(());
        }
        let known =
            store::ram_users_among(conn, self.meta.home.directory, std::slice::from_ref(&self.ram_user)).await?;
        let unknown =
            || BastionError::UnknownReference { field: "bastion_user.ram_user", reference: self.ram_user.clone() };
        if known.is_empty() { Err(unknown().into()) } else { Ok(()) }
    }

    async fn owners(&self, _: &DatabaseTransaction) -> Result<BTreeSet<AccountId>, Error> {
        Ok(self.account().into_iter().collect())
    }

    async fn removed(&self, conn: &DatabaseTransaction) -> Result<(), Error> {
        let of = (&self.meta.home, ResourceKind::UserGroup);
        Ok(store::memberships_remove_of(conn, of, &self.meta.id).await?)
    }
}

impl Kept for UserGroup {
    async fn removed(&self, conn: &DatabaseTransaction) -> Result<(), Error> {
        Ok(store::memberships_remove(conn, (&self.meta.home, Self::KIND), &self.meta.id).await?)
    }
}

impl Bastion {
    /// Users as they are now.
    pub(crate) async fn user_views(&self, users: Vec<User>) -> Result<Vec<UserView>, Error> {
        let Some(directory) = users.first().map(|user| user.meta.home.directory) else { return Ok(Vec::new()) };
        let names: Vec<_> = users.iter().map(|user| user.ram_user.clone()).filter(|name| !name.is_empty()).collect();
        let known = store::ram_users_among(self.db().reader(), directory, &names).await?;
        let now = self.now();
        let view = |user: User| UserView { state: user.state(known.contains(&user.ram_user), now), user };
        Ok(users.into_iter().map(view).collect())
    }

    /// A user as it is now.
    pub(crate) async fn user_view(&self, user: User) -> Result<UserView, Error> {
        let name = user.name();
        let mut views = self.user_views(vec![user]).await?;
        views.pop().ok_or_else(|| BastionError::NotFound(name).into())
    }

    /// A page of the users of a bastion host, or of a group of it, by id.
    ///
    /// # Errors
    /// [`BastionError::NotFound`], [`Error::Token`].
    pub(crate) async fn user_list(
        &self,
        call: &Call,
        (instance, group): (&str, &str),
        (size, token): (u32, &str),
    ) -> Result<Page<UserView>, Error> {
        let (home, reader) = (Home::within(call.permit.tenant_directory()?, instance), self.db().reader());
        check_home(reader, call, &home).await?;
        let after = self.after(call, group.as_bytes(), token).await?;
        let limit = u64::from(size) + 1;
        let of = (!group.is_empty()).then_some((ResourceKind::UserGroup, group));
        let users = store::page_in::<User>(reader, &home, of, &after, limit).await?;
        let key = |user: &User| user.meta.id.clone();
        let Page { items, next } = self.cut(call, group.as_bytes(), size, (users, key)).await?;
        Ok(Page { items: self.user_views(items).await?, next })
    }

    /// Freezes a user, or unlocks it.
    ///
    /// # Errors
    /// [`BastionError::NotFound`], [`BastionError::EtagMismatch`].
    pub(crate) async fn user_freeze(
        &self,
        call: &Call,
        key: &IdempotencyKey,
        of: (&str, &str, &str),
        frozen: bool,
    ) -> Result<Committed<User>, Error> {
        let change = |user: &mut User| {
            user.frozen = frozen;
            Secrets::new()
        };
        self.update(call, key, of, change).await
    }

    /// Makes users of RAM users.
    ///
    /// # Errors
    /// [`BastionError::NotFound`] for the bastion host.
    pub(crate) async fn users_import(
        &self,
        call: &Call,
        key: &IdempotencyKey,
        instance: &str,
        imports: &[RamUserImport],
    ) -> Result<Committed<Vec<ItemResult>>, Error> {
        let home = &Home::within(call.permit.tenant_directory()?, instance);
        let work = |tx: Tx| async move {
            self.begin(&tx, call, home).await?;
            let asked: Vec<_> = imports.iter().map(|import| import.ram_user.clone()).collect();
            let known = store::ram_users_among(tx.conn(), home.directory, &asked).await?;
            let mut count = store::count(tx.conn(), home, ResourceKind::User).await?;
            let (mut results, mut names, mut owners) = (Vec::new(), Vec::new(), BTreeSet::new());
            for import in imports {
                let full = count >= ResourceKind::User.limit();
                let outcome = match &import.problem {
                    Some(problem) => Outcome::Invalid(problem.clone()),
                    None if !known.contains(&import.ram_user) => Outcome::Missing,
                    None => self.user_import(tx.conn(), call, home, (import, full)).await?,
                };
                if let Outcome::Done(name) = &outcome {
                    count += 1;
                    names.push(name.clone());
                    owners.extend(import.ram_user.parse::<IdentityName>().ok().and_then(|user| user.account()));
                }
                results.push(ItemResult { item: import.ram_user.clone(), outcome });
            }
            if !names.is_empty() {
                let collection = format!("{}/{}", home.name(), ResourceKind::User.collection());
                self.record_items(&tx, (call, key), home.directory, (collection, names), owners);
            }
            Ok::<_, Error>(results)
        };
        self.db().write_once("bastion_users_import", key, work).await
    }

    async fn user_import(
        &self,
        conn: &impl ConnectionTrait,
        call: &Call,
        home: &Home,
        (import, full): (&RamUserImport, bool),
    ) -> Result<Outcome, Error> {
        let exists = |id: &str| Ok(Outcome::Exists(ResourceKind::User.name(home, id)));
        if let Some(id) = store::called(conn, home, ResourceKind::User, &import.ram_user).await? {
            return exists(&id);
        }
        if store::find::<User>(conn, home, &import.id).await?.is_some() {
            return exists(&import.id);
        }
        if full {
            return Ok(Outcome::Refused(BastionError::Quota(ResourceKind::User).to_string()));
        }
        let user = User {
            meta: Meta::new(home.clone(), &import.id, &call.operator.principal, self.now()),
            display_name: import.ram_user.rsplit('/').next().unwrap_or_default().to_owned(),
            comment: String::new(),
            ram_user: import.ram_user.clone(),
            public_keys: Vec::new(),
            expire: None,
            frozen: false,
        };
        store::save(conn, &user).await?;
        Ok(Outcome::Done(user.name()))
    }

    /// Puts users into a group, or takes them out of it.
    ///
    /// # Errors
    /// [`BastionError::NotFound`] for the group.
    pub(crate) async fn group_users(
        &self,
        call: &Call,
        key: &IdempotencyKey,
        of: (&str, &str),
        users: (&[String], bool),
    ) -> Result<Committed<Vec<ItemResult>>, Error> {
        self.members::<UserGroup>(call, key, of, (ResourceKind::User, GROUP_USERS_MAX), users).await
    }
}
