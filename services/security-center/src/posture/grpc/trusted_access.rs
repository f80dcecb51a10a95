//! `delegation`, as the one who lets Security Center access directories.

use bailiwick_api::delegation::v1::{
    EnableTrustedAccessRequest, trusted_access_service_client::TrustedAccessServiceClient,
};
use bailiwick_core::{DirectoryId, TrustedService};
use bailiwick_db::Position;
use bailiwick_roster::{Behalf, Refused, delegation_position, delegation_refused};
use bailiwick_rpc::on_behalf;
use futures::future::BoxFuture;
use tonic::transport::Channel;

use crate::posture::app::TrustedAccess;

/// Trusted access over a channel to `delegation`.
pub(crate) struct DelegationTrustedAccess(TrustedAccessServiceClient<Channel>);

impl DelegationTrustedAccess {
    /// Over `channel`.
    pub(crate) fn new(channel: Channel) -> Self {
        Self(TrustedAccessServiceClient::new(channel))
    }
}

impl TrustedAccess for DelegationTrustedAccess {
    fn enable<'a>(&'a self, behalf: &'a Behalf, directory: DirectoryId) -> BoxFuture<'a, Result<Position, Refused>> {
        let trusted_service = TrustedService::SecurityCenter.to_string();
        let message = EnableTrustedAccessRequest { directory: directory.name(), trusted_service };
        Box::pin(async move {
            let request = on_behalf(&behalf.operator, &behalf.call_id, behalf.deadline, message);
            let answer = self.0.clone().enable_trusted_access(request).await.map_err(delegation_refused)?;
            delegation_position(&answer)
        })
    }
}
