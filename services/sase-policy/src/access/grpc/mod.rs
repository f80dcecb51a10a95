//! Parse, call, convert.

mod access;
mod access_blocks;
mod access_policies;
mod access_policy_read;
mod access_policy_write;
mod applications;
mod audit_entries;
mod devices;
mod enforcement_points;
mod error;
mod identity_providers;
mod parse;
mod sase_instances;
mod users;

use bailiwick_api::sase::v1::{
    access_block_service_server::AccessBlockServiceServer, access_policy_service_server::AccessPolicyServiceServer,
    application_service_server::ApplicationServiceServer, device_service_server::DeviceServiceServer,
    enforcement_point_service_server::EnforcementPointServiceServer,
    sase_access_service_server::SaseAccessServiceServer, sase_audit_service_server::SaseAuditServiceServer,
    sase_identity_provider_service_server::SaseIdentityProviderServiceServer,
    sase_instance_service_server::SaseInstanceServiceServer, sase_user_service_server::SaseUserServiceServer,
    user_group_service_server::UserGroupServiceServer,
};
use bailiwick_openid::Reach;
use tonic::service::Routes;

use super::Sase;

/// The services, beside others.
pub(crate) fn routes(routes: Routes, sase: &Sase, reach: Reach) -> Routes {
    routes
        .add_service(SaseInstanceServiceServer::new(sase_instances::SaseInstances(sase.clone())))
        .add_service(ApplicationServiceServer::new(applications::Applications(sase.clone())))
        .add_service(SaseUserServiceServer::new(users::SaseUsers(sase.clone())))
        .add_service(UserGroupServiceServer::new(users::UserGroups(sase.clone())))
        .add_service(DeviceServiceServer::new(devices::Devices(sase.clone())))
        .add_service(AccessPolicyServiceServer::new(access_policies::AccessPolicies(sase.clone())))
        .add_service(AccessBlockServiceServer::new(access_blocks::AccessBlocks(sase.clone())))
        .add_service(SaseAuditServiceServer::new(audit_entries::AuditEntries(sase.clone())))
        .add_service(SaseAccessServiceServer::new(access::Access(sase.clone())))
        .add_service(SaseIdentityProviderServiceServer::new(identity_providers::IdentityProviders(sase.clone(), reach)))
        .add_service(EnforcementPointServiceServer::new(enforcement_points::EnforcementPoints(sase.clone())))
}
