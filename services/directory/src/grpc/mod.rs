//! Requests to commands, results to answers. No decision is here.

mod access_key;
mod access_review;
mod account;
mod claim;
mod control_policy;
mod convert;
mod credential;
mod directory;
mod error;
mod folder;
mod group;
mod identity_provider;
mod invitation;
mod mask;
mod member;
mod parse;
mod policy;
mod role;
mod security_info;
mod signing_key;
mod token;
mod user;

use std::sync::Arc;

use bailiwick_api::directory::v1 as pb;
use bailiwick_changelog::log_position;
use bailiwick_core::Role;
use bailiwick_rpc::respond;
use pb::{
    access_key_service_server::AccessKeyServiceServer, access_review_service_server::AccessReviewServiceServer,
    account_service_server::AccountServiceServer, claim_service_server::ClaimServiceServer,
    control_policy_service_server::ControlPolicyServiceServer, credential_service_server::CredentialServiceServer,
    directory_service_server::DirectoryServiceServer, folder_service_server::FolderServiceServer,
    group_service_server::GroupServiceServer, identity_provider_service_server::IdentityProviderServiceServer,
    invitation_service_server::InvitationServiceServer, member_service_server::MemberServiceServer,
    policy_service_server::PolicyServiceServer, role_service_server::RoleServiceServer,
    security_info_service_server::SecurityInfoServiceServer, signing_key_service_server::SigningKeyServiceServer,
    token_service_server::TokenServiceServer, user_service_server::UserServiceServer,
};
use tonic::{Response, service::RoutesBuilder};

use crate::app::{App, Done};

/// The services of the contract.
#[derive(Clone)]
pub(crate) struct Grpc(Arc<App>);

impl Grpc {
    pub(crate) fn new(app: Arc<App>) -> Self {
        Self(app)
    }

    /// Adds all services.
    pub(crate) fn mount(self, routes: &mut RoutesBuilder) {
        routes
            .add_service(AccessReviewServiceServer::new(self.clone()))
            .add_service(IdentityProviderServiceServer::new(self.clone()))
            .add_service(CredentialServiceServer::new(self.clone()))
            .add_service(GroupServiceServer::new(self.clone()))
            .add_service(SecurityInfoServiceServer::new(self.clone()))
            .add_service(ControlPolicyServiceServer::new(self.clone()))
            .add_service(FolderServiceServer::new(self.clone()))
            .add_service(AccountServiceServer::new(self.clone()))
            .add_service(DirectoryServiceServer::new(self.clone()))
            .add_service(MemberServiceServer::new(self.clone()))
            .add_service(InvitationServiceServer::new(self.clone()))
            .add_service(UserServiceServer::new(self.clone()))
            .add_service(AccessKeyServiceServer::new(self.clone()))
            .add_service(PolicyServiceServer::new(self.clone()))
            .add_service(RoleServiceServer::new(self.clone()))
            .add_service(TokenServiceServer::new(self.clone()))
            .add_service(SigningKeyServiceServer::new(self.clone()))
            .add_service(ClaimServiceServer::new(self));
    }
}

/// The answer to a change, with its position for the caller to come back to.
fn answer<T, P>(done: Done<T>, convert: impl FnOnce(T) -> P) -> Response<P> {
    let position = done.position.as_ref().map(|position| log_position(Role::Directory, position));
    respond(convert(done.value), position)
}
