//! `bailiwick.bastion.v1.InventoryService`.

use bailiwick_api::bastion::v1::{self as pb, inventory_service_server::InventoryService};
use bailiwick_rpc::{InvalidFields, split};
use tonic::{Request, Response, Status};

use super::{asset_read::report, parse};
use crate::bastion::app::{Bastion, Reported};

/// The service.
pub(super) struct Inventories(pub(super) Bastion);

#[tonic::async_trait]
impl InventoryService for Inventories {
    async fn report_inventory(
        &self,
        request: Request<pb::ReportInventoryRequest>,
    ) -> Result<Response<pb::ReportInventoryResponse>, Status> {
        let (call, mut message) = split(request)?;
        let mut fields = InvalidFields::new();
        let request_id = std::mem::take(&mut message.request_id);
        let key = parse::key(&mut fields, &call, &request_id, &message);
        let account = fields.account("parent", &message.parent);
        let report = account.and_then(|account| report(&mut fields, account, &message));
        let Some(report) = report else { return Err(fields.into_status()) };
        fields.finish()?;
        let convert = |Reported { added, changed, released }| pb::ReportInventoryResponse {
            added_count: added,
            changed_count: changed,
            released_count: released,
        };
        Ok(parse::done(self.0.inventory_report(&call, &key, &report).await?, convert))
    }
}
