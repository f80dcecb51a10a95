//! Grants, and what they give a user.

use std::collections::{BTreeMap, BTreeSet};

use bailiwick_core::{AccountId, Timestamp, filter::Filter};
use bailiwick_db::Snapshot;
use bailiwick_rpc::Call;
use sea_orm::{ConnectionTrait, DatabaseTransaction};

use super::{
    Bastion, Error, Kept, Page,
    asset::views,
    resource::{check_home, found},
};
use crate::bastion::{
    domain::{
        Asset, AssetAccount, AssetKind, AssetView, BastionError, Grant, GrantState, Granted, Home, Reference, Resource,
        ResourceKind, User, granted,
    },
    store,
};

/// Assets that are read at once.
const BATCH: usize = 200;

/// Most times that they are read for one page.
const BATCHES_MAX: usize = 10;

/// An asset that a user is granted, with the names of the accounts that it is granted of it.
pub(crate) struct UserAsset {
    pub(crate) view: AssetView,
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

    async fn owners(&self, conn: &DatabaseTransaction) -> Result<BTreeSet<AccountId>, Error> {
        let (home, assets) = (&self.meta.home, self.assets.keys().cloned().collect());
        let mut owners = store::owners_of(conn, home, &assets).await?;
        let groups = self.asset_groups.keys().cloned().collect();
        owners.extend(store::owners_in_groups(conn, home, &groups).await?);
        Ok(owners)
    }

    fn references(&self) -> Vec<(&'static str, Reference)> {
        self.names()
    }
}

impl Bastion {
    /// A page of the assets that a user is granted now, by id (R-BAS-19): of one kind or of all, of one owner or of all. It
    /// can be shorter than asked for, or empty, before the end of the list.
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
        let (size, now) = (usize::try_from(size).unwrap_or(usize::MAX), self.now());
        // Grants, groups and assets as they are in one moment.
        let read = |snapshot: Snapshot| async move {
            let conn = snapshot.conn();
            check_home(conn, call, home).await?;
            found::<User>(conn, home, user).await?;
            let grants = &grants_of(conn, home, user, now).await?;
            assets_after(conn, (home, grants), (filter, now), (after, size)).await
        };
        let (items, last) = self.db().snapshot("bastion_user_assets", read).await?.value;
        let next = match last {
            Some(last) => self.next(call, &fingerprint, &last).await?,
            None => String::new(),
        };
        Ok(Page { items, next })
    }
}

/// The grants that give a user something at a moment, by itself or by its groups.
async fn grants_of(conn: &impl ConnectionTrait, home: &Home, user: &str, now: Timestamp) -> Result<Vec<Grant>, Error> {
    let by = ResourceKind::Grant;
    let itself = BTreeSet::from([user.to_owned()]);
    let mut ids = store::all_referring(conn, home, by, (ResourceKind::User, &itself)).await?;
    let groups = store::groups_of(conn, (home, ResourceKind::UserGroup), user).await?;
    ids.extend(store::all_referring(conn, home, by, (ResourceKind::UserGroup, &groups)).await?);
    let mut grants: Vec<Grant> = store::find_all(conn, home, &ids).await?;
    grants.retain(|grant| grant.state(now) == GrantState::Active);
    Ok(grants)
}

/// What a user is granted of an asset at a moment.
pub(super) async fn granted_of(
    conn: &impl ConnectionTrait,
    home: &Home,
    (user, asset): (&str, &str),
    now: Timestamp,
) -> Result<Granted, Error> {
    let grants = grants_of(conn, home, user, now).await?;
    let ids = BTreeSet::from([asset.to_owned()]);
    let within = store::memberships_among(conn, (home, ResourceKind::AssetGroup), &ids).await?;
    Ok(granted(&grants, &within, now).remove(asset).unwrap_or_default())
}

/// The first of the assets after an id that are granted and asked for, and after which id the list goes on, if it does.
async fn assets_after(
    conn: &impl ConnectionTrait,
    (home, grants): (&Home, &[Grant]),
    (filter, now): (&Filter, Timestamp),
    (after, size): (&str, usize),
) -> Result<(Vec<UserAsset>, Option<String>), Error> {
    let groups = grants.iter().flat_map(|grant| grant.asset_groups.keys().cloned()).collect();
    let named: BTreeSet<&String> = grants.iter().flat_map(|grant| grant.assets.keys()).collect();
    let (mut items, mut last) = (Vec::<UserAsset>::new(), after.to_owned());
    for _ in 0..BATCHES_MAX {
        let of = (home, ResourceKind::AssetGroup);
        let mut ids = store::members_after(conn, of, &groups, (&last, BATCH)).await?;
        ids.extend(named.iter().filter(|id| ***id > last).take(BATCH).map(|id| (*id).clone()));
        let ids: BTreeSet<_> = ids.into_iter().take(BATCH).collect();
        for item in user_assets(conn, (home, grants), (filter, now), &ids).await? {
            if items.len() == size {
                let last = items.last().map(|item| item.view.asset.meta.id.clone());
                return Ok((items, last));
            }
            items.push(item);
        }
        match ids.last() {
            Some(id) if ids.len() == BATCH => last.clone_from(id),
            _ => return Ok((items, None)),
        }
    }
    Ok((items, Some(last)))
}

/// Those of some assets that are asked for, as they are granted.
async fn user_assets(
    conn: &impl ConnectionTrait,
    (home, grants): (&Home, &[Grant]),
    (filter, now): (&Filter, Timestamp),
    ids: &BTreeSet<String>,
) -> Result<Vec<UserAsset>, Error> {
    let found = store::assets_among(conn, home, ids, filter).await?;
    let within = store::memberships_among(conn, (home, ResourceKind::AssetGroup), ids).await?;
    let granted = granted(grants, &within, now);
    let place = |asset: &Asset| Home::of_asset(home.directory, &home.place, &asset.meta.id).place;
    let places: Vec<_> = found.iter().map(place).collect();
    let mut accounts: BTreeMap<String, Vec<AssetAccount>> = BTreeMap::new();
    for account in store::all_in::<AssetAccount>(conn, home.directory, &places).await? {
        let asset = account.meta.home.asset().unwrap_or_default().to_owned();
        accounts.entry(asset).or_default().push(account);
    }
    let item = |view: AssetView| {
        let id = &view.asset.meta.id;
        let granted = granted.get(id)?;
        let all = accounts.get(id).into_iter().flatten();
        let names: BTreeSet<_> =
            all.filter(|one| granted.has(&one.meta.id, &one.login_name)).map(Resource::name).collect();
        Some((id.clone(), UserAsset { accounts: names.into_iter().collect(), view }))
    };
    // By the bytes of their ids, as the list goes on.
    let items: BTreeMap<_, _> = views(conn, home, found).await?.into_iter().filter_map(item).collect();
    Ok(items.into_values().collect())
}
