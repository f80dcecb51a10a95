//! `bailiwick.audit.v1.AuditService`.

use bailiwick_api::{
    audit::v1::{
        AuditEntry, ListAccountAuditEntriesRequest, ListAccountAuditEntriesResponse, ListDirectoryAuditEntriesRequest,
        ListDirectoryAuditEntriesResponse, WatchAccountAuditEntriesRequest, WatchAccountAuditEntriesResponse,
        WatchDirectoryAuditEntriesRequest, WatchDirectoryAuditEntriesResponse, audit_service_server::AuditService,
    },
    decode_token,
};
use bailiwick_db::Position;
use bailiwick_rpc::{Call, InvalidFields, split};
use futures::{Stream, StreamExt, TryStreamExt, stream, stream::BoxStream};
use tonic::{Request, Response, Status};

use crate::{
    ROLE,
    app::{PageRequest, Trail},
    domain::{self, SCHEMA},
};

/// The service over the trail.
pub(crate) struct AuditEntries(Trail);

impl AuditEntries {
    pub(crate) fn new(trail: Trail) -> Self {
        Self(trail)
    }

    /// Batches with their resume tokens. They are read as the client takes them: nothing waits here but one batch.
    async fn watch(
        &self,
        call: &Call,
        parent: &str,
        filter: &str,
        resume_token: String,
    ) -> Result<impl Stream<Item = Result<(Vec<AuditEntry>, String), Status>> + Send + use<>, Status> {
        let mut fields = InvalidFields::new();
        let Some(filter) = fields.take("filter", SCHEMA.filter(filter)) else { return Err(fields.into_status()) };
        let watch = self.0.watch(call, filter, resume_token).await?;
        let (parent, shutdown) = (parent.to_owned(), self.0.shutdown());
        let batches = stream::try_unfold((watch, parent), |(mut watch, parent)| async move {
            let batch = watch.next().await?;
            let entries = batch.entries.into_iter().map(|entry| convert(&parent, entry)).collect();
            Ok(Some(((entries, batch.resume_token), (watch, parent))))
        });
        Ok(batches.take_until(shutdown.cancelled_owned()))
    }
}

#[tonic::async_trait]
impl AuditService for AuditEntries {
    type WatchDirectoryAuditEntriesStream = BoxStream<'static, Result<WatchDirectoryAuditEntriesResponse, Status>>;
    type WatchAccountAuditEntriesStream = BoxStream<'static, Result<WatchAccountAuditEntriesResponse, Status>>;

    async fn list_directory_audit_entries(
        &self,
        request: Request<ListDirectoryAuditEntriesRequest>,
    ) -> Result<Response<ListDirectoryAuditEntriesResponse>, Status> {
        let (call, message) = split(request)?;
        let asked = page(message.page_size, message.page_token, &message.filter)?;
        let page = self.0.of_directory(&call, &asked, &own_positions(&call)).await?;
        let audit_entries = page.entries.into_iter().map(|entry| convert(&message.parent, entry)).collect();
        Ok(Response::new(ListDirectoryAuditEntriesResponse { audit_entries, next_page_token: page.next }))
    }

    async fn list_account_audit_entries(
        &self,
        request: Request<ListAccountAuditEntriesRequest>,
    ) -> Result<Response<ListAccountAuditEntriesResponse>, Status> {
        let (call, message) = split(request)?;
        let asked = page(message.page_size, message.page_token, &message.filter)?;
        let page = self.0.of_account(&call, &asked, &own_positions(&call)).await?;
        let audit_entries = page.entries.into_iter().map(|entry| convert(&message.parent, entry)).collect();
        Ok(Response::new(ListAccountAuditEntriesResponse { audit_entries, next_page_token: page.next }))
    }

    async fn watch_directory_audit_entries(
        &self,
        request: Request<WatchDirectoryAuditEntriesRequest>,
    ) -> Result<Response<Self::WatchDirectoryAuditEntriesStream>, Status> {
        let (call, message) = split(request)?;
        let batches = self.watch(&call, &message.parent, &message.filter, message.resume_token).await?;
        Ok(Response::new(
            batches
                .map_ok(|(audit_entries, resume_token)| WatchDirectoryAuditEntriesResponse {
                    audit_entries,
                    resume_token,
                })
                .boxed(),
        ))
    }

    async fn watch_account_audit_entries(
        &self,
        request: Request<WatchAccountAuditEntriesRequest>,
    ) -> Result<Response<Self::WatchAccountAuditEntriesStream>, Status> {
        let (call, message) = split(request)?;
        let batches = self.watch(&call, &message.parent, &message.filter, message.resume_token).await?;
        Ok(Response::new(
            batches
                .map_ok(|(audit_entries, resume_token)| WatchAccountAuditEntriesResponse {
                    audit_entries,
                    resume_token,
                })
                .boxed(),
        ))
    }
}

fn page(size: i32, token: String, filter: &str) -> Result<PageRequest, Status> {
    let mut fields = InvalidFields::new();
    let size = fields.page_size("page_size", size);
    let filter = fields.take("filter", SCHEMA.filter(filter));
    let (Some(size), Some(filter)) = (size, filter) else { return Err(fields.into_status()) };
    Ok(PageRequest { filter, size, token })
}

/// Positions of this role's own log among the consistency tokens: the guard has seen that they are committed, which does
/// not mean that they are in the trail.
fn own_positions(call: &Call) -> Vec<Position> {
    let positions = call.consistency.iter().filter_map(|token| decode_token(token).ok()).flatten();
    positions
        .filter(|position| position.role == ROLE.as_str())
        .map(|position| Position { epoch: position.epoch, revision: position.revision })
        .collect()
}

fn convert(parent: &str, entry: domain::AuditEntry) -> AuditEntry {
    let nanos = entry.time.as_micros().rem_euclid(1_000_000) * 1_000;
    AuditEntry {
        name: format!("{parent}/auditEntries/{}-{}-{}", entry.id.role, entry.id.epoch, entry.id.revision),
        create_time: Some(prost_types::Timestamp {
            seconds: entry.time.as_seconds(),
            nanos: i32::try_from(nanos).unwrap_or_default(),
        }),
        operator: Some((&entry.operator).into()),
        method: entry.method,
        resource: entry.resource,
        accounts: entry.accounts,
        request_id: entry.request_id,
        request_json: entry.request_json,
        role: entry.id.role.to_string(),
        revision: entry.id.revision,
    }
}
