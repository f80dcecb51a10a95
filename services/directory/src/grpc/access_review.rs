//! Reports.

use std::time::Duration;

use bailiwick_api::r#type::v1::PrincipalKind;
use bailiwick_core::Timestamp;
use bailiwick_rpc::{InvalidFields, split};
use pb::{AccessReviewFinding, access_review_service_server::AccessReviewService};
use tonic::{Request, Response, Status, async_trait};

use super::{
    Grpc, convert,
    parse::{duration, finish, page},
    pb,
};
use crate::domain::{
    access_key::AccessKey,
    review::{Finding, Reviewed, UNUSED_DEFAULT, UNUSED_MAX, UNUSED_MIN},
};

#[async_trait]
impl AccessReviewService for Grpc {
    async fn list_access_review_entries(
        &self,
        request: Request<pb::ListAccessReviewEntriesRequest>,
    ) -> Result<Response<pb::ListAccessReviewEntriesResponse>, Status> {
        let (call, request) = split(request)?;
        let mut fields = InvalidFields::new();
        let account = fields.account("parent", &request.parent);
        let asked = page(&mut fields, request.page_size, &request.page_token);
        let (account, asked) = finish(fields, account.zip(asked))?;
        let page = self.0.review_list(&call, account, &asked).await?;
        let now = self.0.now();
        let access_review_entries = page.items.into_iter().map(|entry| review_entry(entry, now)).collect();
        Ok(Response::new(pb::ListAccessReviewEntriesResponse { access_review_entries, next_page_token: page.next }))
    }

    async fn list_unused_access_keys(
        &self,
        request: Request<pb::ListUnusedAccessKeysRequest>,
    ) -> Result<Response<pb::ListUnusedAccessKeysResponse>, Status> {
        let (call, request) = split(request)?;
        let mut fields = InvalidFields::new();
        let account = fields.account("parent", &request.parent);
        let asked = page(&mut fields, request.page_size, &request.page_token);
        let unused_for = unused_for(&mut fields, request.unused_for);
        let ((account, asked), unused_for) = finish(fields, account.zip(asked).zip(unused_for))?;
        let page = self.0.unused_key_list(&call, account, unused_for, &asked).await?;
        let unused_access_keys = page.items.into_iter().map(unused_key).collect();
        Ok(Response::new(pb::ListUnusedAccessKeysResponse { unused_access_keys, next_page_token: page.next }))
    }

    async fn list_member_unused_access_keys(
        &self,
        request: Request<pb::ListMemberUnusedAccessKeysRequest>,
    ) -> Result<Response<pb::ListMemberUnusedAccessKeysResponse>, Status> {
        let (call, request) = split(request)?;
        let mut fields = InvalidFields::new();
        let directory = fields.directory("parent", &request.parent);
        let asked = page(&mut fields, request.page_size, &request.page_token);
        let unused_for = unused_for(&mut fields, request.unused_for);
        let ((directory, asked), unused_for) = finish(fields, directory.zip(asked).zip(unused_for))?;
        let page = self.0.member_unused_key_list(&call, directory, unused_for, &asked).await?;
        let unused_access_keys = page.items.into_iter().map(unused_key).collect();
        Ok(Response::new(pb::ListMemberUnusedAccessKeysResponse { unused_access_keys, next_page_token: page.next }))
    }
}

fn unused_for(fields: &mut InvalidFields, asked: Option<prost_types::Duration>) -> Option<Duration> {
    duration(fields, "unused_for", asked, UNUSED_DEFAULT, UNUSED_MIN..=UNUSED_MAX)
}

fn unused_key(key: AccessKey) -> pb::UnusedAccessKey {
    pb::UnusedAccessKey {
        access_key: key.name(),
        create_time: Some(convert::timestamp(key.create_time)),
        last_use_time: key.last_use.map(|last| convert::timestamp(last.time)),
    }
}

fn review_entry(entry: Reviewed, now: Timestamp) -> pb::AccessReviewEntry {
    let policy = |attached: &crate::domain::review::Attached| pb::AttachedPolicy {
        policy: attached.policy.clone(),
        group: attached.group.clone(),
    };
    let count = |number: usize| i32::try_from(number).unwrap_or(i32::MAX);
    pb::AccessReviewEntry {
        kind: PrincipalKind::from(entry.kind).into(),
        enabled: entry.enabled,
        policies: entry.policies.iter().map(policy).collect(),
        enabled_access_keys: count(entry.usable_keys(now).count()),
        credentials: i32::try_from(entry.credentials).unwrap_or(i32::MAX),
        last_use_time: entry.last_use_time.map(convert::timestamp),
        findings: entry.findings(now).into_iter().map(|f| i32::from(finding(f))).collect(),
        identity: entry.identity,
    }
}

fn finding(finding: Finding) -> AccessReviewFinding {
    match finding {
        Finding::UnusedAccessKey => AccessReviewFinding::UnusedAccessKey,
        Finding::OldAccessKey => AccessReviewFinding::OldAccessKey,
        Finding::UnusedIdentity => AccessReviewFinding::UnusedIdentity,
        Finding::RootAccessKey => AccessReviewFinding::RootAccessKey,
        Finding::FullAdministrator => AccessReviewFinding::FullAdministrator,
        Finding::NoPolicy => AccessReviewFinding::NoPolicy,
        Finding::TrustsAnotherAccount => AccessReviewFinding::TrustsAnotherAccount,
    }
}
