//! Grants, and what they give a user.

use std::collections::{BTreeMap, BTreeSet};

use bailiwick_core::{AccountId, Timestamp, filter::Filter};
use bailiwick_db::Snapshot;
use bailiwick_rpc::Call;
use sea_orm::{ConnectionTrait, DatabaseTransaction};

use super::{
    Bastion, Error, Kept, Page,
    resource::{check_home, found},
};
use crate::bastion::{
    domain::{
        Asset, AssetAccount, AssetKind, BastionError, Grant, Granted, Home, Reference, Resource, ResourceKind, User,
        granted,
    },
    store,
};

/// Assets that are read at once.
const BATCH: usize = 200;

/// An asset that a user is granted, with the names of the accounts that it is granted of it.
pub(crate) struct UserAsset {
    pub(crate) asset: Asset,
    pub(crate) accounts: Vec<String>,
}

impl Kept for Grant {
    async fn check(&self, _: Option<&Self>, _: &DatabaseTransaction) -> Result<(), Error> {
        let invalid =
            |field, problem: &str| Err::<(), _>(BastionError::Invalid { field, problem: problem.to_owned() }.into());
        if self.users.is_empty() && self.user_groups.is_empty() {
            return invalid("grant.bastion_users", "must name a user, or `user_groups` a group");
        }
        if self.assets.is_empty() && self.asset_groups.is_empty() {
            return invalid("grant.assets", "must name an asset, or `asset_groups` a group");
        }
        match (self.start, self.end) {
            (Some(start), Some(end)) if end <= start => invalid("grant.end_time", "must be after the start"),
            _ => Ok(()),
        }
    }

    fn references(&self) -> Vec<(&'static str, Reference)> {
        self.names()
    }
}

impl Bastion {
    /// A page of the assets that a user is granted now, by id (R-BAS-19): of one kind or of all, of one owner or of all.
    ///
    /// # Errors
    /// [`BastionError::NotFound`], [`Error::Token`].
    pub(crate) async fn user_assets(
        &self,
        call: &Call,
        (instance, user): (&str, &str),
        (kind, owner): (Option<AssetKind>, Option<AccountId>),
        (size, token): (u32, &str),
    ) -> Result<Page<UserAsset>, Error> {
        let home = &Home::within(call.permit.tenant_directory()?, instance);
        let fingerprint = format!("{kind:?} {owner:?}").into_bytes();
        let after = &self.after(call, &fingerprint, token).await?;
        let kind = kind.map(|kind| Filter::Enum("kind", kind.name()));
        let owner = owner.map(|owner| Filter::Name("owner_account", owner.name()));
        let filter = &Filter::All(kind.into_iter().chain(owner).collect());
        let (wanted, now) = (usize::try_from(size).unwrap_or(usize::MAX).saturating_add(1), self.now());
        // Grants, groups and assets as they are in one moment.
        let read = |snapshot: Snapshot| async move {
            let conn = snapshot.conn();
            check_home(conn, call, home).await?;
            found::<User>(conn, home, user).await?;
            let granted = of_user(conn, home, user, now).await?;
            assets_after(conn, home, &granted, (filter, after), wanted).await
        };
        let items = self.db().snapshot("bastion_user_assets", read).await?.value;
        let key = |item: &UserAsset| item.asset.meta.id.clone();
        self.cut(call, &fingerprint, size, (items, key)).await
    }
}

/// What a user is granted at a moment, by itself and by its groups, by the ids of assets.
async fn of_user(
    conn: &impl ConnectionTrait,
    home: &Home,
    user: &str,
    now: Timestamp,
) -> Result<BTreeMap<String, Granted>, Error> {
    let groups = store::groups_of(conn, (home, ResourceKind::UserGroup), user).await?;
    let mut subjects = vec![Reference { kind: ResourceKind::User, id: user.to_owned() }];
    subjects.extend(groups.into_iter().map(|id| Reference { kind: ResourceKind::UserGroup, id }));
    let mut names = BTreeSet::new();
    for subject in &subjects {
        names.extend(store::all_referring(conn, home, ResourceKind::Grant, subject).await?);
    }
    let mut grants: Vec<Grant> = Vec::new();
    for id in names {
        grants.extend(store::find(conn, home, &id).await?);
    }
    let groups = grants.iter().flat_map(|grant| grant.asset_groups.keys().cloned()).collect();
    let within = store::members_of(conn, (home, ResourceKind::AssetGroup), &groups).await?;
    Ok(granted(&grants, &within, now))
}

/// The first of the granted assets after an id that are asked for.
async fn assets_after(
    conn: &impl ConnectionTrait,
    home: &Home,
    granted: &BTreeMap<String, Granted>,
    (filter, after): (&Filter, &str),
    wanted: usize,
) -> Result<Vec<UserAsset>, Error> {
    let granted: Vec<_> = granted.iter().filter(|(id, _)| id.as_str() > after).collect();
    let mut items = Vec::new();
    for chunk in granted.chunks(BATCH) {
        let ids = chunk.iter().map(|(id, _)| (*id).clone()).collect();
        let found = store::assets_among(conn, home, &ids, filter).await?;
        let mut found: BTreeMap<_, _> = found.into_iter().map(|asset| (asset.meta.id.clone(), asset)).collect();
        for (id, granted) in chunk {
            if items.len() >= wanted {
                return Ok(items);
            }
            let Some(asset) = found.remove(*id) else { continue };
            let inside = Home::of_asset(home.directory, &home.place, id);
            let accounts: Vec<AssetAccount> = store::all(conn, &inside).await?;
            let has = |account: &&AssetAccount| granted.has(&account.meta.id, &account.login_name);
            let accounts = accounts.iter().filter(has).map(Resource::name).collect();
            items.push(UserAsset { asset, accounts });
        }
    }
    Ok(items)
}
