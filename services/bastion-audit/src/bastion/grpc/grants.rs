//! `bailiwick.bastion.v1.GrantService`.

use std::collections::{BTreeMap, BTreeSet};

use bailiwick_api::bastion::v1::{self as pb, grant_service_server::GrantService};
use bailiwick_core::{AccountId, Timestamp};
use bailiwick_rpc::{Call, InvalidFields, split};
use tonic::{Request, Response, Status};

use super::{
    asset_read,
    asset_write::{kind, state},
    parse::{self, Named, timestamp},
};
use crate::bastion::{
    app::{Bastion, Secrets, UserAsset},
    domain::{Accounts, AssetView, Grant, GrantState, Home, Meta, Resource, ResourceKind},
};

/// The fields that an update can name.
const FIELDS: &[&str] = &[
    "display_name",
    "comment",
    "bastion_users",
    "user_groups",
    "assets",
    "asset_groups",
    "start_time",
    "end_time",
    "enabled",
];
/// Most users, and most groups of users.
const SUBJECTS_MAX: usize = 100;
/// Most assets, and most groups of assets (E-BAS-07).
const ASSETS_MAX: usize = 10;
/// Most accounts of each (E-BAS-07).
const ACCOUNTS_MAX: usize = 9;

/// The service.
pub(super) struct Grants(pub(super) Bastion);

/// What is asked of a grant. What is not named is none.
struct Draft {
    display_name: Option<String>,
    comment: Option<String>,
    users: Option<BTreeSet<String>>,
    user_groups: Option<BTreeSet<String>>,
    assets: Option<BTreeMap<String, Accounts>>,
    asset_groups: Option<BTreeMap<String, Accounts>>,
    start: Option<Option<Timestamp>>,
    end: Option<Option<Timestamp>>,
    enabled: Option<bool>,
}

#[tonic::async_trait]
impl GrantService for Grants {
    async fn create_grant(&self, request: Request<pb::CreateGrantRequest>) -> Result<Response<pb::Grant>, Status> {
        let (call, mut message) = split(request)?;
        let mut fields = InvalidFields::new();
        let request_id = std::mem::take(&mut message.request_id);
        let key = parse::key(&mut fields, &call, &request_id, &message);
        let place = parse::instance_id(&mut fields, &call, "parent", &message.parent);
        parse::new_id(&mut fields, "grant_id", &message.grant_id);
        let asked = message.grant.unwrap_or_default();
        let draft = read(&mut fields, (&call, asked), &Named::whole());
        let Some(place) = place else { return Err(fields.into_status()) };
        fields.finish()?;
        let now = self.0.now();
        let done = self.0.create(&call, &key, (&place, &message.grant_id), |meta| draft.made(meta, now)).await?;
        Ok(parse::done(done, |made| grant(made, now)))
    }

    async fn get_grant(&self, request: Request<pb::GetGrantRequest>) -> Result<Response<pb::Grant>, Status> {
        let (call, message) = split(request)?;
        let mut fields = InvalidFields::new();
        let Some([instance, id]) = parse::ids(&mut fields, &call, "name", ResourceKind::Grant, &message.name) else {
            return Err(fields.into_status());
        };
        Ok(Response::new(grant(self.0.get(&call, (instance, id)).await?, self.0.now())))
    }

    async fn list_grants(
        &self,
        request: Request<pb::ListGrantsRequest>,
    ) -> Result<Response<pb::ListGrantsResponse>, Status> {
        let (call, message) = split(request)?;
        let mut fields = InvalidFields::new();
        let place = parse::instance_id(&mut fields, &call, "parent", &message.parent);
        let size = fields.page_size("page_size", message.page_size);
        let (Some(place), Some(size)) = (place, size) else { return Err(fields.into_status()) };
        let page = self.0.list(&call, &place, (size, &message.page_token)).await?;
        let grants = page.items.into_iter().map(|one| grant(one, self.0.now())).collect();
        Ok(Response::new(pb::ListGrantsResponse { grants, next_page_token: page.next }))
    }

    async fn update_grant(&self, request: Request<pb::UpdateGrantRequest>) -> Result<Response<pb::Grant>, Status> {
        let (call, mut message) = split(request)?;
        let mut fields = InvalidFields::new();
        let request_id = std::mem::take(&mut message.request_id);
        let key = parse::key(&mut fields, &call, &request_id, &message);
        let named = Named::read(&mut fields, message.update_mask, FIELDS);
        let asked = message.grant.unwrap_or_default();
        let (name, etag) = (asked.name.clone(), asked.etag.clone());
        let ids = parse::ids(&mut fields, &call, "grant.name", ResourceKind::Grant, &name);
        let draft = read(&mut fields, (&call, asked), &named);
        let Some([instance, id]) = ids else { return Err(fields.into_status()) };
        fields.finish()?;
        let now = self.0.now();
        let change = |to: &mut _| draft.take(to, now);
        Ok(parse::done(self.0.update(&call, &key, (instance, id, &etag), change).await?, |made| grant(made, now)))
    }

    async fn delete_grant(&self, request: Request<pb::DeleteGrantRequest>) -> Result<Response<()>, Status> {
        let (call, mut message) = split(request)?;
        let mut fields = InvalidFields::new();
        let request_id = std::mem::take(&mut message.request_id);
        let key = parse::key(&mut fields, &call, &request_id, &message);
        let Some([instance, id]) = parse::ids(&mut fields, &call, "name", ResourceKind::Grant, &message.name) else {
            return Err(fields.into_status());
        };
        fields.finish()?;
        let of = (instance, id, message.etag.as_str());
        Ok(parse::done(self.0.delete::<Grant>(&call, &key, of).await?, |()| ()))
    }

    async fn enable_grant(&self, request: Request<pb::EnableGrantRequest>) -> Result<Response<pb::Grant>, Status> {
        let (call, mut message) = split(request)?;
        let mut fields = InvalidFields::new();
        let request_id = std::mem::take(&mut message.request_id);
        let key = parse::key(&mut fields, &call, &request_id, &message);
        let Some([instance, id]) = parse::ids(&mut fields, &call, "name", ResourceKind::Grant, &message.name) else {
            return Err(fields.into_status());
        };
        fields.finish()?;
        let change = |grant: &mut Grant| {
            grant.enabled = true;
            Secrets::new()
        };
        let done = self.0.update(&call, &key, (instance, id, &message.etag), change).await?;
        Ok(parse::done(done, |made| grant(made, self.0.now())))
    }

    async fn disable_grant(&self, request: Request<pb::DisableGrantRequest>) -> Result<Response<pb::Grant>, Status> {
        let (call, mut message) = split(request)?;
        let mut fields = InvalidFields::new();
        let request_id = std::mem::take(&mut message.request_id);
        let key = parse::key(&mut fields, &call, &request_id, &message);
        let Some([instance, id]) = parse::ids(&mut fields, &call, "name", ResourceKind::Grant, &message.name) else {
            return Err(fields.into_status());
        };
        fields.finish()?;
        let change = |grant: &mut Grant| {
            grant.enabled = false;
            Secrets::new()
        };
        let done = self.0.update(&call, &key, (instance, id, &message.etag), change).await?;
        Ok(parse::done(done, |made| grant(made, self.0.now())))
    }

    async fn list_user_assets(
        &self,
        request: Request<pb::ListUserAssetsRequest>,
    ) -> Result<Response<pb::ListUserAssetsResponse>, Status> {
        let (call, message) = split(request)?;
        let mut fields = InvalidFields::new();
        let ids = parse::ids(&mut fields, &call, "parent", ResourceKind::User, &message.parent);
        let size = fields.page_size("page_size", message.page_size);
        let owner = &message.owner_account;
        let owner = (!owner.is_empty()).then(|| fields.account("owner_account", owner)).flatten();
        let kind = (message.kind != 0).then(|| asset_read::kind(&mut fields, "kind", message.kind)).flatten();
        let (Some([instance, user]), Some(size)) = (ids, size) else { return Err(fields.into_status()) };
        fields.finish()?;
        let page = self.0.user_assets(&call, (instance, user), (kind, owner), (size, &message.page_token)).await?;
        let user_assets = page.items.into_iter().map(user_asset).collect();
        Ok(Response::new(pb::ListUserAssetsResponse { user_assets, next_page_token: page.next }))
    }
}

// === impl Draft ===

impl Draft {
    fn made(&self, meta: Meta, now: Timestamp) -> (Grant, Secrets) {
        let mut made = Grant {
            meta,
            display_name: String::new(),
            comment: String::new(),
            users: BTreeSet::new(),
            user_groups: BTreeSet::new(),
            assets: BTreeMap::new(),
            asset_groups: BTreeMap::new(),
            start: None,
            end: None,
            enabled: false,
        };
        let secrets = self.take(&mut made, now);
        (made, secrets)
    }

    fn take(&self, grant: &mut Grant, _: Timestamp) -> Secrets {
        parse::set(&mut grant.display_name, self.display_name.as_ref());
        parse::set(&mut grant.comment, self.comment.as_ref());
        parse::set(&mut grant.users, self.users.as_ref());
        parse::set(&mut grant.user_groups, self.user_groups.as_ref());
        parse::set(&mut grant.assets, self.assets.as_ref());
        parse::set(&mut grant.asset_groups, self.asset_groups.as_ref());
        parse::set(&mut grant.start, self.start.as_ref());
        parse::set(&mut grant.end, self.end.as_ref());
        parse::set(&mut grant.enabled, self.enabled.as_ref());
        Secrets::new()
    }
}

fn read(fields: &mut InvalidFields, (call, asked): (&Call, pb::Grant), named: &Named) -> Draft {
    let at = |part: &str| format!("grant.{part}");
    // Of the request's own bastion host: that is its parent, or what the name of the grant begins with.
    let resource = call.permit.resource();
    let parent = resource.split("/grants/").next().unwrap_or_default();
    let mut subjects = |part: &str, kind, names: &[String]| {
        named.is(part).then(|| {
            parse::at_most(fields, &at(part), names.len(), SUBJECTS_MAX);
            let names = names.iter().take(SUBJECTS_MAX).enumerate();
            let id = |(n, name): (usize, &String)| {
                parse::id_within(fields, &format!("grant.{part}[{n}]"), kind, parent, name)
            };
            names.filter_map(id).collect()
        })
    };
    let users = subjects("bastion_users", ResourceKind::User, &asked.bastion_users);
    let user_groups = subjects("user_groups", ResourceKind::UserGroup, &asked.user_groups);
    let mut time = |part: &str, time: Option<&prost_types::Timestamp>| {
        named.is(part).then(|| parse::moment(fields, &at(part), time))
    };
    let start = time("start_time", asked.start_time.as_ref());
    let end = time("end_time", asked.end_time.as_ref());
    Draft {
        display_name: named
            .is("display_name")
            .then(|| parse::display_name(fields, at("display_name"), &asked.display_name)),
        comment: named.is("comment").then(|| parse::comment(fields, at("comment"), &asked.comment)),
        users,
        user_groups,
        assets: named.is("assets").then(|| assets(fields, parent, &asked.assets)),
        asset_groups: named.is("asset_groups").then(|| asset_groups(fields, parent, &asked.asset_groups)),
        start,
        end,
        enabled: named.is("enabled").then_some(asked.enabled),
    }
}

fn assets(fields: &mut InvalidFields, parent: &str, asked: &[pb::GrantedAsset]) -> BTreeMap<String, Accounts> {
    let mut assets = BTreeMap::new();
    parse::at_most(fields, "grant.assets", asked.len(), ASSETS_MAX);
    for (n, one) in asked.iter().take(ASSETS_MAX).enumerate() {
        let field = format!("grant.assets[{n}]");
        let id = parse::id_within(fields, &format!("{field}.asset"), ResourceKind::Asset, parent, &one.asset);
        let names = format!("{field}.asset_accounts");
        let mut ids = BTreeSet::new();
        if parse::at_most(fields, &names, one.asset_accounts.len(), ACCOUNTS_MAX) {
            for (m, name) in one.asset_accounts.iter().enumerate() {
                let (of, kind) = (format!("{names}[{m}]"), ResourceKind::AssetAccount);
                ids.extend(parse::id_within(fields, &of, kind, &one.asset, name));
            }
        }
        let Some(id) = id else { continue };
        let accounts = accounts(fields, &field, one.all_accounts, ids);
        fields.check(field, assets.insert(id, accounts).is_none(), "must be there once");
    }
    assets
}

fn asset_groups(
    fields: &mut InvalidFields,
    parent: &str,
    asked: &[pb::GrantedAssetGroup],
) -> BTreeMap<String, Accounts> {
    let mut groups = BTreeMap::new();
    parse::at_most(fields, "grant.asset_groups", asked.len(), ASSETS_MAX);
    for (n, one) in asked.iter().take(ASSETS_MAX).enumerate() {
        let field = format!("grant.asset_groups[{n}]");
        let (of, kind) = (format!("{field}.asset_group"), ResourceKind::AssetGroup);
        let id = parse::id_within(fields, &of, kind, parent, &one.asset_group);
        let names = format!("{field}.login_names");
        let mut logins = BTreeSet::new();
        if parse::at_most(fields, &names, one.login_names.len(), ACCOUNTS_MAX) {
            for (m, name) in one.login_names.iter().enumerate() {
                logins.insert(parse::login_name(fields, format!("{names}[{m}]"), name));
            }
        }
        let Some(id) = id else { continue };
        let accounts = accounts(fields, &field, one.all_accounts, logins);
        fields.check(field, groups.insert(id, accounts).is_none(), "must be there once");
    }
    groups
}

fn accounts(fields: &mut InvalidFields, field: &str, all: bool, some: BTreeSet<String>) -> Accounts {
    fields.check(format!("{field}.all_accounts"), !all || some.is_empty(), "must not be set where accounts are named");
    if all { Accounts::All } else { Accounts::Some(some) }
}

fn grant(grant: Grant, now: Timestamp) -> pb::Grant {
    let home = &grant.meta.home;
    let state = match grant.state(now) {
        GrantState::Active => pb::GrantState::Active,
        GrantState::Disabled => pb::GrantState::Disabled,
        GrantState::Pending => pb::GrantState::Pending,
        GrantState::Expired => pb::GrantState::Expired,
    };
    let names = |kind: ResourceKind, ids: &BTreeSet<String>| ids.iter().map(|id| kind.name(home, id)).collect();
    let some = |accounts: &Accounts| match accounts {
        Accounts::All => (true, BTreeSet::new()),
        Accounts::Some(some) => (false, some.clone()),
    };
    let asset = |(id, accounts): (&String, &Accounts)| {
        let (all_accounts, ids) = some(accounts);
        let inside = Home::of_asset(home.directory, &home.place, id);
        pb::GrantedAsset {
            asset: ResourceKind::Asset.name(home, id),
            asset_accounts: ids.iter().map(|id| ResourceKind::AssetAccount.name(&inside, id)).collect(),
            all_accounts,
        }
    };
    let group = |(id, accounts): (&String, &Accounts)| {
        let (all_accounts, names) = some(accounts);
        pb::GrantedAssetGroup {
            asset_group: ResourceKind::AssetGroup.name(home, id),
            login_names: names.into_iter().collect(),
            all_accounts,
        }
    };
    pb::Grant {
        name: grant.name(),
        bastion_users: names(ResourceKind::User, &grant.users),
        user_groups: names(ResourceKind::UserGroup, &grant.user_groups),
        assets: grant.assets.iter().map(asset).collect(),
        asset_groups: grant.asset_groups.iter().map(group).collect(),
        start_time: grant.start.map(timestamp),
        end_time: grant.end.map(timestamp),
        enabled: grant.enabled,
        state: state.into(),
        etag: grant.meta.etag(),
        create_time: Some(timestamp(grant.meta.create_time)),
        update_time: Some(timestamp(grant.meta.update_time)),
        operator: grant.meta.operator,
        display_name: grant.display_name,
        comment: grant.comment,
    }
}

fn user_asset(UserAsset { view: AssetView { asset, suspended }, accounts }: UserAsset) -> pb::UserAsset {
    pb::UserAsset {
        asset: asset.name(),
        kind: kind(asset.seen.kind).into(),
        owner_account: asset.owner().map(AccountId::name).unwrap_or_default(),
        no_accounts_found: accounts.is_empty(),
        asset_accounts: accounts,
        state: state(&asset).into(),
        suspended,
        display_name: asset.display_name,
    }
}
