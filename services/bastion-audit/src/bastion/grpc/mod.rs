//! Parse, call, convert.

mod asset_accounts;
mod asset_groups;
mod asset_read;
mod asset_write;
mod assets;
mod control_policies;
mod control_policy_read;
mod control_policy_write;
mod error;
mod grants;
mod instances;
mod inventories;
mod network_domains;
mod parse;
mod proxies;
mod shared_keys;
mod user_groups;
mod users;

use bailiwick_api::bastion::v1::{
    asset_account_service_server::AssetAccountServiceServer, asset_group_service_server::AssetGroupServiceServer,
    asset_service_server::AssetServiceServer, bastion_instance_service_server::BastionInstanceServiceServer,
    bastion_user_service_server::BastionUserServiceServer, control_policy_service_server::ControlPolicyServiceServer,
    grant_service_server::GrantServiceServer, inventory_service_server::InventoryServiceServer,
    network_domain_service_server::NetworkDomainServiceServer, shared_key_service_server::SharedKeyServiceServer,
    user_group_service_server::UserGroupServiceServer,
};
use tonic::service::Routes;

use super::Bastion;

/// The services, beside others.
pub(crate) fn routes(routes: Routes, bastion: &Bastion) -> Routes {
    routes
        .add_service(BastionInstanceServiceServer::new(instances::Instances(bastion.clone())))
        .add_service(InventoryServiceServer::new(inventories::Inventories(bastion.clone())))
        .add_service(AssetServiceServer::new(assets::Assets(bastion.clone())))
        .add_service(AssetGroupServiceServer::new(asset_groups::AssetGroups(bastion.clone())))
        .add_service(AssetAccountServiceServer::new(asset_accounts::AssetAccounts(bastion.clone())))
        .add_service(SharedKeyServiceServer::new(shared_keys::SharedKeys(bastion.clone())))
        .add_service(BastionUserServiceServer::new(users::Users(bastion.clone())))
        .add_service(UserGroupServiceServer::new(user_groups::UserGroups(bastion.clone())))
        .add_service(GrantServiceServer::new(grants::Grants(bastion.clone())))
        .add_service(ControlPolicyServiceServer::new(control_policies::ControlPolicies(bastion.clone())))
        .add_service(NetworkDomainServiceServer::new(network_domains::NetworkDomains(bastion.clone())))
}
