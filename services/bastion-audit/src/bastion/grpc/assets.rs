//! `bailiwick.bastion.v1.AssetService`.

use bailiwick_api::bastion::v1::{self as pb, asset_service_server::AssetService};
use bailiwick_core::filter::Listing;
use bailiwick_rpc::{InvalidFields, split};
use futures::{StreamExt, TryStreamExt, stream, stream::BoxStream};
use tonic::{Request, Response, Status};

use super::{
    asset_read::{FIELDS, imports, kind, read},
    asset_write::{asset, discovered, item_result},
    parse::{self, Named},
};
use crate::bastion::{
    app::{Bastion, DiscoveredFilter, Part, WatchBatch},
    domain::{ResourceKind, asset_filter::ASSETS},
};

/// Most assets of a call that deletes several.
const DELETE_MAX: usize = 100;

/// The service.
pub(super) struct Assets(pub(super) Bastion);

#[tonic::async_trait]
impl AssetService for Assets {
    type WatchAssetsStream = BoxStream<'static, Result<pb::WatchAssetsResponse, Status>>;

    async fn list_discovered_assets(
        &self,
        request: Request<pb::ListDiscoveredAssetsRequest>,
    ) -> Result<Response<pb::ListDiscoveredAssetsResponse>, Status> {
        let (call, message) = split(request)?;
        let mut fields = InvalidFields::new();
        let instance = parse::instance_id(&mut fields, &call, "parent", &message.parent);
        let size = fields.page_size("page_size", message.page_size);
        let account = &message.account;
        let account = (!account.is_empty()).then(|| fields.account("account", account)).flatten();
        let kind = (message.kind != 0).then(|| kind(&mut fields, "kind", message.kind)).flatten();
        let filter = DiscoveredFilter { account, kind, not_imported: message.not_imported };
        let (Some(instance), Some(size)) = (instance, size) else { return Err(fields.into_status()) };
        fields.finish()?;
        let page = self.0.discovered_list(&call, &instance, &filter, (size, &message.page_token)).await?;
        let discovered_assets = page.items.into_iter().map(discovered).collect();
        Ok(Response::new(pb::ListDiscoveredAssetsResponse { discovered_assets, next_page_token: page.next }))
    }

    async fn import_assets(
        &self,
        request: Request<pb::ImportAssetsRequest>,
    ) -> Result<Response<pb::ImportAssetsResponse>, Status> {
        let (call, mut message) = split(request)?;
        let mut fields = InvalidFields::new();
        let request_id = std::mem::take(&mut message.request_id);
        let key = parse::key(&mut fields, &call, &request_id, &message);
        let instance = parse::instance_id(&mut fields, &call, "parent", &message.parent);
        let account = fields.account("account", &message.account);
        let imports = imports(&mut fields, message.imports);
        let (Some(instance), Some(account)) = (instance, account) else { return Err(fields.into_status()) };
        fields.finish()?;
        Ok(parse::done(self.0.assets_import(&call, &key, (&instance, account), &imports).await?, |results| {
            pb::ImportAssetsResponse { results: results.into_iter().map(item_result).collect() }
        }))
    }

    async fn create_asset(&self, request: Request<pb::CreateAssetRequest>) -> Result<Response<pb::Asset>, Status> {
        let (call, mut message) = split(request)?;
        let mut fields = InvalidFields::new();
        let request_id = std::mem::take(&mut message.request_id);
        let key = parse::key(&mut fields, &call, &request_id, &message);
        let instance = parse::instance_id(&mut fields, &call, "parent", &message.parent);
        parse::new_id(&mut fields, "asset_id", &message.asset_id);
        let asked = message.asset.unwrap_or_default();
        let kind = kind(&mut fields, "asset.kind", asked.kind);
        let draft = read(&mut fields, &asked, &Named::whole());
        let (Some(instance), Some(kind)) = (instance, kind) else { return Err(fields.into_status()) };
        fields.finish()?;
        let made = self.0.asset_create(&call, &key, (&instance, &message.asset_id), |meta| draft.made(meta, kind));
        Ok(parse::done(made.await?, asset))
    }

    async fn get_asset(&self, request: Request<pb::GetAssetRequest>) -> Result<Response<pb::Asset>, Status> {
        let (call, message) = split(request)?;
        let mut fields = InvalidFields::new();
        let Some([instance, id]) = parse::ids(&mut fields, &call, "name", ResourceKind::Asset, &message.name) else {
            return Err(fields.into_status());
        };
        Ok(Response::new(asset(self.0.asset_get(&call, (instance, id)).await?)))
    }

    async fn list_assets(
        &self,
        request: Request<pb::ListAssetsRequest>,
    ) -> Result<Response<pb::ListAssetsResponse>, Status> {
        let (call, message) = split(request)?;
        let mut fields = InvalidFields::new();
        let instance = parse::instance_id(&mut fields, &call, "parent", &message.parent);
        let size = fields.page_size("page_size", message.page_size);
        let filter = fields.take("filter", ASSETS.filter(&message.filter));
        let order = fields.take("order_by", ASSETS.order(&message.order_by));
        let (Some(instance), Some(size), Some(filter), Some(order)) = (instance, size, filter, order) else {
            return Err(fields.into_status());
        };
        let part = |fields: &mut InvalidFields, field, kind, name: &str| match name {
            "" => String::new(),
            name => parse::id_within(fields, field, kind, &message.parent, name).unwrap_or_default(),
        };
        let group = part(&mut fields, "asset_group", ResourceKind::AssetGroup, &message.asset_group);
        let domain = part(&mut fields, "network_domain", ResourceKind::NetworkDomain, &message.network_domain);
        fields.finish()?;
        let listing = Listing { filter, order };
        let part = Part { owner: None, group: &group, domain: &domain };
        let page = self.0.asset_list(&call, (&instance, part), &listing, (size, &message.page_token)).await?;
        let assets = page.items.into_iter().map(asset).collect();
        Ok(Response::new(pb::ListAssetsResponse { assets, next_page_token: page.next }))
    }

    async fn update_asset(&self, request: Request<pb::UpdateAssetRequest>) -> Result<Response<pb::Asset>, Status> {
        let (call, mut message) = split(request)?;
        let mut fields = InvalidFields::new();
        let request_id = std::mem::take(&mut message.request_id);
        let key = parse::key(&mut fields, &call, &request_id, &message);
        let all = message.update_mask.as_ref().is_none_or(|mask| mask.paths.is_empty());
        let named = Named::read(&mut fields, message.update_mask, FIELDS);
        let asked = message.asset.unwrap_or_default();
        let ids = parse::ids(&mut fields, &call, "asset.name", ResourceKind::Asset, &asked.name);
        let draft = read(&mut fields, &asked, &named);
        let Some([instance, id]) = ids else { return Err(fields.into_status()) };
        fields.finish()?;
        let change = |asset: &mut _| draft.take(asset, all);
        Ok(parse::done(self.0.asset_update(&call, &key, (instance, id, &asked.etag), change).await?, asset))
    }

    async fn delete_asset(&self, request: Request<pb::DeleteAssetRequest>) -> Result<Response<()>, Status> {
        let (call, mut message) = split(request)?;
        let mut fields = InvalidFields::new();
        let request_id = std::mem::take(&mut message.request_id);
        let key = parse::key(&mut fields, &call, &request_id, &message);
        let Some([instance, id]) = parse::ids(&mut fields, &call, "name", ResourceKind::Asset, &message.name) else {
            return Err(fields.into_status());
        };
        fields.finish()?;
        Ok(parse::done(self.0.asset_delete(&call, &key, (instance, id, &message.etag)).await?, |()| ()))
    }

    async fn batch_delete_assets(
        &self,
        request: Request<pb::BatchDeleteAssetsRequest>,
    ) -> Result<Response<pb::BatchDeleteAssetsResponse>, Status> {
        let (call, mut message) = split(request)?;
        let mut fields = InvalidFields::new();
        let request_id = std::mem::take(&mut message.request_id);
        let key = parse::key(&mut fields, &call, &request_id, &message);
        let instance = parse::instance_id(&mut fields, &call, "parent", &message.parent);
        let ids =
            parse::ids_within(&mut fields, "names", (ResourceKind::Asset, DELETE_MAX), &message.parent, &message.names);
        let Some(instance) = instance else { return Err(fields.into_status()) };
        fields.finish()?;
        Ok(parse::done(self.0.assets_delete(&call, &key, &instance, &ids).await?, |results| {
            pb::BatchDeleteAssetsResponse { results: results.into_iter().map(item_result).collect() }
        }))
    }

    async fn watch_assets(
        &self,
        request: Request<pb::WatchAssetsRequest>,
    ) -> Result<Response<Self::WatchAssetsStream>, Status> {
        let (call, message) = split(request)?;
        let mut fields = InvalidFields::new();
        let instance = parse::instance_id(&mut fields, &call, "parent", &message.parent);
        let filter = fields.take("filter", ASSETS.filter(&message.filter));
        let (Some(instance), Some(filter)) = (instance, filter) else { return Err(fields.into_status()) };
        let watch = self.0.asset_watch(&call, &instance, filter, &message.resume_token).await?;
        // Read as the client takes them: nothing waits here but one batch.
        let batches = stream::try_unfold(watch, |mut watch| async move {
            let batch = watch.next().await?;
            Ok::<_, Status>(batch.map(|batch| (batch, watch)))
        });
        Ok(Response::new(batches.map_ok(watched).take_until(self.0.shutdown().cancelled_owned()).boxed()))
    }
}

fn watched(batch: WatchBatch) -> pb::WatchAssetsResponse {
    pb::WatchAssetsResponse {
        assets: batch.assets.into_iter().map(asset).collect(),
        unmatched_assets: batch.unmatched,
        resume_token: batch.resume_token,
    }
}
