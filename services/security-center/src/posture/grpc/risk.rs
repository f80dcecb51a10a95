//! `bailiwick.securitycenter.v1.RiskService`.

use std::time::Duration;

use bailiwick_api::securitycenter::v1::{self as pb, risk_service_server::RiskService};
use bailiwick_core::{AccountId, Timestamp};
use bailiwick_rpc::{Call, InvalidFields, split};
use futures::{StreamExt, stream, stream::BoxStream};
use tonic::{Request, Response, Status};

use super::{
    parse::{self, timestamp},
    risk_export,
};
use crate::posture::{
    app::{RiskView, Risks, WatchBatch},
    domain::{Acknowledgement, Category, Dimension, RiskCounts, RiskSummary, Severity, State},
};

/// How long a risk can be accepted.
const ACKNOWLEDGED_MAX: Duration = Duration::from_hours(366 * 24);
/// Longest reason, in characters.
pub(super) const REASON_MAX: usize = 1_024;
/// Most groups of a summary.
const GROUPS_MAX: u32 = 1_000;

/// The service over the risks.
pub(crate) struct RiskCalls(Risks);

impl RiskCalls {
    pub(crate) fn new(risks: Risks) -> Self {
        Self(risks)
    }
}

#[tonic::async_trait]
impl RiskService for RiskCalls {
    type ExportRisksStream = BoxStream<'static, Result<pb::ExportRisksResponse, Status>>;
    type WatchRisksStream = BoxStream<'static, Result<pb::WatchRisksResponse, Status>>;

    async fn get_risk(&self, request: Request<pb::GetRiskRequest>) -> Result<Response<pb::Risk>, Status> {
        let (call, message) = split(request)?;
        let mut fields = InvalidFields::new();
        let Some(id) = parse::risk_id(&mut fields, &message.name) else { return Err(fields.into_status()) };
        Ok(Response::new(risk(self.0.risk_get(&call, id).await?)))
    }

    async fn list_risks(
        &self,
        request: Request<pb::ListRisksRequest>,
    ) -> Result<Response<pb::ListRisksResponse>, Status> {
        let (call, message) = split(request)?;
        let (mut fields, page) = (InvalidFields::new(), (message.page_size, message.page_token));
        let asked = parse::risks(&mut fields, page, &message.filter, &message.order_by);
        let Some(asked) = asked else { return Err(fields.into_status()) };
        let page = self.0.risk_list(&call, &asked).await?;
        let risks = page.risks.into_iter().map(risk).collect();
        Ok(Response::new(pb::ListRisksResponse { risks, next_page_token: page.next }))
    }

    async fn search_risks(
        &self,
        request: Request<pb::SearchRisksRequest>,
    ) -> Result<Response<pb::SearchRisksResponse>, Status> {
        let (call, message) = split(request)?;
        let (mut fields, page) = (InvalidFields::new(), (message.page_size, message.page_token));
        let asked = parse::risks(&mut fields, page, &message.filter, &message.order_by);
        let Some(asked) = asked else { return Err(fields.into_status()) };
        let page = self.0.risk_search(&call, &asked).await?;
        let risks = page.risks.into_iter().map(risk).collect();
        Ok(Response::new(pb::SearchRisksResponse { risks, next_page_token: page.next }))
    }

    async fn summarize_risks(
        &self,
        request: Request<pb::SummarizeRisksRequest>,
    ) -> Result<Response<pb::SummarizeRisksResponse>, Status> {
        let (call, message) = split(request)?;
        let mut fields = InvalidFields::new();
        let by = fields.enumeration::<pb::RiskDimension>("by", message.by).and_then(dimension);
        let filter = parse::risk_filter(&mut fields, &message.filter);
        let limit = u32::try_from(message.limit).ok();
        fields.check("limit", limit.is_some(), "must not be negative");
        let (Some(by), Some(filter), Some(limit)) = (by, filter, limit) else { return Err(fields.into_status()) };
        let filter = (!message.filter.trim().is_empty()).then_some(filter);
        let limit = if limit == 0 { GROUPS_MAX } else { limit.min(GROUPS_MAX) };
        let summary = self.0.risk_summarize(&call, by, filter, limit.into()).await?;
        Ok(Response::new(summary_of(by, summary)))
    }

    async fn acknowledge_risk(
        &self,
        request: Request<pb::AcknowledgeRiskRequest>,
    ) -> Result<Response<pb::Risk>, Status> {
        let (call, mut message) = split(request)?;
        let mut fields = InvalidFields::new();
        let request_id = std::mem::take(&mut message.request_id);
        let key = parse::key(&mut fields, &call, &request_id, &message);
        let id = parse::risk_id(&mut fields, &message.name);
        let acknowledgement = self.acknowledgement(&mut fields, &call, &message);
        let (Some(id), Some(acknowledgement)) = (id, acknowledgement) else { return Err(fields.into_status()) };
        fields.finish()?;
        Ok(parse::done(self.0.risk_acknowledge(&call, &key, id, &message.etag, &acknowledgement).await?, risk))
    }

    async fn withdraw_acknowledgement(
        &self,
        request: Request<pb::WithdrawAcknowledgementRequest>,
    ) -> Result<Response<pb::Risk>, Status> {
        let (call, mut message) = split(request)?;
        let mut fields = InvalidFields::new();
        let request_id = std::mem::take(&mut message.request_id);
        let key = parse::key(&mut fields, &call, &request_id, &message);
        let Some(id) = parse::risk_id(&mut fields, &message.name) else { return Err(fields.into_status()) };
        fields.finish()?;
        Ok(parse::done(self.0.risk_withdraw(&call, &key, id, &message.etag).await?, risk))
    }

    async fn export_risks(
        &self,
        request: Request<pb::ExportRisksRequest>,
    ) -> Result<Response<Self::ExportRisksStream>, Status> {
        let (call, message) = split(request)?;
        let mut fields = InvalidFields::new();
        let format = fields.enumeration::<pb::ExportFormat>("format", message.format);
        let filter = parse::risk_filter(&mut fields, &message.filter);
        let (Some(format), Some(filter)) = (format, filter) else { return Err(fields.into_status()) };
        let export = self.0.risk_export(&call, filter).await?;
        let pieces = risk_export::pieces(export, format);
        Ok(Response::new(pieces.take_until(self.0.shutdown().cancelled_owned()).boxed()))
    }

    async fn watch_risks(
        &self,
        request: Request<pb::WatchRisksRequest>,
    ) -> Result<Response<Self::WatchRisksStream>, Status> {
        let (call, message) = split(request)?;
        let mut fields = InvalidFields::new();
        let Some(filter) = parse::risk_filter(&mut fields, &message.filter) else { return Err(fields.into_status()) };
        let watch = self.0.risk_watch(&call, filter, &message.resume_token).await?;
        // Read as the client takes them: nothing waits here but one batch.
        let batches = stream::try_unfold(watch, |mut watch| async move {
            Ok(watch.next().await?.map(|batch| (watched(batch), watch)))
        });
        Ok(Response::new(batches.take_until(self.0.shutdown().cancelled_owned()).boxed()))
    }
}

impl RiskCalls {
    fn acknowledgement(
        &self,
        fields: &mut InvalidFields,
        call: &Call,
        message: &pb::AcknowledgeRiskRequest,
    ) -> Option<Acknowledgement> {
        let time = self.0.now();
        let reason = fields.text("reason", &message.reason, 1..=REASON_MAX);
        let until = parse::moment(fields, "expire_time", message.expire_time.as_ref());
        let within = until.is_none_or(|until| time < until && until <= time.after(ACKNOWLEDGED_MAX));
        fields.check("expire_time", within, "must be within 366 days from now");
        let operator = call.operator.principal.clone();
        Some(Acknowledgement { reason: reason?, until: until.filter(|_| within)?, operator, time })
    }
}

/// A risk as the contract has it.
pub(super) fn risk(view: RiskView) -> pb::Risk {
    let RiskView { risk, folder } = view;
    let time = |time: Timestamp| Some(timestamp(time));
    let holds = risk.acknowledgement.as_ref().filter(|_| risk.state == State::Acknowledged);
    let acknowledgement = holds.map(|known| pb::Acknowledgement {
        reason: known.reason.clone(),
        expire_time: time(known.until),
        operator: known.operator.clone(),
        acknowledge_time: time(known.time),
    });
    pb::Risk {
        name: risk.name(),
        account: risk.account.name(),
        folder,
        category: risk.finding.category.code(),
        severity: risk.finding.severity.code(),
        state: risk.state.code(),
        suppression_rule: risk.suppression_rule_name(),
        etag: risk.etag(),
        first_seen_time: time(risk.first_seen),
        last_seen_time: time(risk.last_seen),
        open_time: time(risk.open_time),
        fix_time: risk.fix_time.map(timestamp),
        reopen_count: i32::try_from(risk.reopen_count).unwrap_or(i32::MAX),
        acknowledgement,
        scope: risk.scope,
        title: risk.finding.title,
        description: risk.finding.description,
        remediation: risk.finding.remediation,
        references: risk.finding.references,
        source: risk.finding.source,
        rule: risk.finding.rule,
        finding_uid: risk.finding.uid,
        resource: risk.finding.resource,
        resource_type: risk.finding.resource_type,
        region: risk.finding.region,
        detail: risk.finding.detail,
    }
}

fn watched(batch: WatchBatch) -> pb::WatchRisksResponse {
    pb::WatchRisksResponse {
        risks: batch.risks.into_iter().map(risk).collect(),
        resume_token: batch.resume_token,
        unmatched_risks: batch.unmatched,
        left_accounts: batch.left.into_iter().map(AccountId::name).collect(),
        reset: batch.reset,
    }
}

fn dimension(by: pb::RiskDimension) -> Option<Dimension> {
    Some(match by {
        pb::RiskDimension::Unspecified => return None,
        pb::RiskDimension::Account => Dimension::Account,
        pb::RiskDimension::Folder => Dimension::Folder,
        pb::RiskDimension::Category => Dimension::Category,
        pb::RiskDimension::Severity => Dimension::Severity,
        pb::RiskDimension::Resource => Dimension::Resource,
        pb::RiskDimension::Rule => Dimension::Rule,
    })
}

fn summary_of(by: Dimension, summary: RiskSummary) -> pb::SummarizeRisksResponse {
    let groups = summary.groups.into_iter();
    let groups =
        groups.map(|group| pb::RiskGroup { value: value(by, group.value), counts: Some(counts(group.counts)) });
    pb::SummarizeRisksResponse {
        groups: groups.collect(),
        total: Some(counts(summary.total)),
        group_count: summary.group_count,
    }
}

/// Enumerations by their names.
fn value(by: Dimension, value: String) -> String {
    let number = || value.parse().unwrap_or_default();
    let name = match by {
        Dimension::Category => Category::of(number()).map(Category::name),
        Dimension::Severity => Severity::of(number()).map(Severity::name),
        _ => None,
    };
    name.map_or(value, str::to_owned)
}

fn counts(counts: RiskCounts) -> pb::SeverityCounts {
    let RiskCounts { critical, high, medium, low, informational } = counts;
    pb::SeverityCounts { critical, high, medium, low, informational }
}
