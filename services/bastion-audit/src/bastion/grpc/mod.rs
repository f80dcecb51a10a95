//! Parse, call, convert.

mod asset_read;
mod asset_write;
mod assets;
mod error;
mod instances;
mod inventories;
mod parse;

use bailiwick_api::bastion::v1::{
    asset_service_server::AssetServiceServer, bastion_instance_service_server::BastionInstanceServiceServer,
    inventory_service_server::InventoryServiceServer,
};
use tonic::service::Routes;

use super::Bastion;

/// The services, beside others.
pub(crate) fn routes(routes: Routes, bastion: &Bastion) -> Routes {
    routes
        .add_service(BastionInstanceServiceServer::new(instances::Instances(bastion.clone())))
        .add_service(InventoryServiceServer::new(inventories::Inventories(bastion.clone())))
        .add_service(AssetServiceServer::new(assets::Assets(bastion.clone())))
}
