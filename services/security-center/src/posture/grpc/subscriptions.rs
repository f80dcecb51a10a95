//! `bailiwick.securitycenter.v1.SubscriptionService`.

use bailiwick_api::securitycenter::v1::{
    self as pb, CancelSubscriptionChangeRequest, CreateQuotaAssignmentRequest, DeleteQuotaAssignmentRequest,
    DowngradeSubscriptionRequest, EditionInfo, GetSubscriptionRequest, ListEditionsRequest, ListEditionsResponse,
    ListQuotaAssignmentsRequest, ListQuotaAssignmentsResponse, PurchaseSubscriptionRequest, QuotaAssignment,
    RenewSubscriptionRequest, Subscription, UpdateQuotaAssignmentRequest, UpgradeSubscriptionRequest,
    subscription_service_server::SubscriptionService,
};
use bailiwick_changelog::log_position;
use bailiwick_core::{AccountId, Owner, Role, Timestamp};
use bailiwick_db::Committed;
use bailiwick_rpc::{Call, InvalidFields, respond, split};
use tonic::{Request, Response, Status};

use crate::posture::{
    app::{Change, QuotaView, SubscriptionView, Subscriptions},
    domain::{Edition, Life, Pending, Wanted},
};

const SERVERS_MAX: i32 = 1_000_000;
const MONTHS_MAX: i32 = 60;
const SUBSCRIPTION: &str = "accounts/{account}/subscription";
const QUOTA: &str = "directories/{directory}/quotaAssignments/{account}";

#[tonic::async_trait]
impl SubscriptionService for Subscriptions {
    async fn list_editions(
        &self,
        request: Request<ListEditionsRequest>,
    ) -> Result<Response<ListEditionsResponse>, Status> {
        let (call, message) = split(request)?;
        let size = page_size(message.page_size)?;
        let (editions, next_page_token) = self.editions(&call, (size, &message.page_token)).await?;
        let editions = editions.into_iter().map(edition_info).collect();
        Ok(respond(ListEditionsResponse { editions, next_page_token }, None))
    }

    async fn get_subscription(
        &self,
        request: Request<GetSubscriptionRequest>,
    ) -> Result<Response<Subscription>, Status> {
        let (call, message) = split(request)?;
        own_name(&message.name)?;
        let account = call.permit.tenant_account().map_err(|refused| bailiwick_rpc::refusal(&refused))?;
        Ok(respond(subscription(&self.get(account).await?), None))
    }

    async fn purchase_subscription(
        &self,
        request: Request<PurchaseSubscriptionRequest>,
    ) -> Result<Response<Subscription>, Status> {
        let (call, message) = split(request)?;
        own_name(&message.name)?;
        let mut fields = InvalidFields::new();
        let request_id = fields.request_id("request_id", &message.request_id);
        let edition = edition(&mut fields, message.edition);
        fields.check("edition", edition != Edition::Basic, "must be one that can be bought");
        let servers = servers(&mut fields, "protected_servers", message.protected_servers, 1);
        let months = months(&mut fields, message.months);
        fields.finish()?;
        let change = Change::Purchase { wanted: Wanted { edition, servers }, months };
        Ok(changed(self.change(&call, change, request_id).await?))
    }

    async fn upgrade_subscription(
        &self,
        request: Request<UpgradeSubscriptionRequest>,
    ) -> Result<Response<Subscription>, Status> {
        let (call, message) = split(request)?;
        own_name(&message.name)?;
        let mut fields = InvalidFields::new();
        let request_id = fields.request_id("request_id", &message.request_id);
        let edition = edition(&mut fields, message.edition);
        let servers = servers(&mut fields, "protected_servers", message.protected_servers, 0);
        fields.finish()?;
        let change = Change::Upgrade { wanted: Wanted { edition, servers }, etag: &message.etag };
        Ok(changed(self.change(&call, change, request_id).await?))
    }

    async fn downgrade_subscription(
        &self,
        request: Request<DowngradeSubscriptionRequest>,
    ) -> Result<Response<Subscription>, Status> {
        let (call, message) = split(request)?;
        own_name(&message.name)?;
        let mut fields = InvalidFields::new();
        let request_id = fields.request_id("request_id", &message.request_id);
        let edition = edition(&mut fields, message.edition);
        let servers = servers(&mut fields, "protected_servers", message.protected_servers, 0);
        fields.finish()?;
        let (wanted, immediately) = (Wanted { edition, servers }, message.immediately);
        let change = Change::Downgrade { wanted, immediately, etag: &message.etag };
        Ok(changed(self.change(&call, change, request_id).await?))
    }

    async fn renew_subscription(
        &self,
        request: Request<RenewSubscriptionRequest>,
    ) -> Result<Response<Subscription>, Status> {
        let (call, message) = split(request)?;
        own_name(&message.name)?;
        let mut fields = InvalidFields::new();
        let request_id = fields.request_id("request_id", &message.request_id);
        let months = months(&mut fields, message.months);
        fields.finish()?;
        Ok(changed(self.change(&call, Change::Renew { months, etag: &message.etag }, request_id).await?))
    }

    async fn cancel_subscription_change(
        &self,
        request: Request<CancelSubscriptionChangeRequest>,
    ) -> Result<Response<Subscription>, Status> {
        let (call, message) = split(request)?;
        own_name(&message.name)?;
        let mut fields = InvalidFields::new();
        let request_id = fields.request_id("request_id", &message.request_id);
        fields.finish()?;
        Ok(changed(self.change(&call, Change::Cancel { etag: &message.etag }, request_id).await?))
    }

    async fn create_quota_assignment(
        &self,
        request: Request<CreateQuotaAssignmentRequest>,
    ) -> Result<Response<QuotaAssignment>, Status> {
        let (call, message) = split(request)?;
        let mut fields = InvalidFields::new();
        let request_id = fields.request_id("request_id", &message.request_id);
        let asked = fields.required("quota_assignment", message.quota_assignment).unwrap_or_default();
        let account = fields.account("quota_assignment.account", &asked.account);
        let servers = servers(&mut fields, "quota_assignment.protected_servers", asked.protected_servers, 1);
        let Some(account) = account else { return Err(fields.into_status()) };
        fields.finish()?;
        Ok(assigned(self.assign(&call, (account, servers), request_id).await?))
    }

    async fn list_quota_assignments(
        &self,
        request: Request<ListQuotaAssignmentsRequest>,
    ) -> Result<Response<ListQuotaAssignmentsResponse>, Status> {
        let (call, message) = split(request)?;
        let size = page_size(message.page_size)?;
        let (page, next_page_token) = self.assignments(&call, (size, &message.page_token)).await?;
        let quota_assignments = page.iter().map(quota).collect();
        Ok(respond(ListQuotaAssignmentsResponse { quota_assignments, next_page_token }, None))
    }

    async fn update_quota_assignment(
        &self,
        request: Request<UpdateQuotaAssignmentRequest>,
    ) -> Result<Response<QuotaAssignment>, Status> {
        let (call, message) = split(request)?;
        let mut fields = InvalidFields::new();
        let request_id = fields.request_id("request_id", &message.request_id);
        let asked = fields.required("quota_assignment", message.quota_assignment).unwrap_or_default();
        let account = quota_account(&call, &mut fields, "quota_assignment.name", &asked.name);
        let servers = servers(&mut fields, "quota_assignment.protected_servers", asked.protected_servers, 1);
        let Some(account) = account else { return Err(fields.into_status()) };
        fields.finish()?;
        Ok(assigned(self.reassign(&call, (account, servers), &asked.etag, request_id).await?))
    }

    async fn delete_quota_assignment(
        &self,
        request: Request<DeleteQuotaAssignmentRequest>,
    ) -> Result<Response<()>, Status> {
        let (call, message) = split(request)?;
        let mut fields = InvalidFields::new();
        let request_id = fields.request_id("request_id", &message.request_id);
        let account = quota_account(&call, &mut fields, "name", &message.name);
        let Some(account) = account else { return Err(fields.into_status()) };
        fields.finish()?;
        let done = self.unassign(&call, account, &message.etag, request_id).await?;
        Ok(respond((), Some(log_position(Role::SecurityCenter, &done.position))))
    }
}

/// The form of the name; the account is the one that was authorized by it.
fn own_name(name: &str) -> Result<(), Status> {
    let mut fields = InvalidFields::new();
    fields.name::<0>("name", name, SUBSCRIPTION);
    fields.finish()
}

fn quota_account(call: &Call, fields: &mut InvalidFields, field: &str, name: &str) -> Option<AccountId> {
    let (owner, [account]) = fields.name::<1>(field, name, QUOTA)?;
    let own = call.permit.tenant_directory().is_ok_and(|directory| owner == Owner::Directory(directory));
    fields.check(field, own, "must be of the directory that was authorized");
    fields.parse(field, account)
}

fn page_size(asked: i32) -> Result<u32, Status> {
    let mut fields = InvalidFields::new();
    fields.page_size("page_size", asked).ok_or_else(|| fields.into_status())
}

fn edition(fields: &mut InvalidFields, code: i32) -> Edition {
    let edition = Edition::of(code);
    fields.check("edition", edition.is_some(), "must be one of the values of its enumeration");
    edition.unwrap_or(Edition::Basic)
}

fn servers(fields: &mut InvalidFields, field: &str, asked: i32, least: i32) -> i64 {
    fields.check(field, (least..=SERVERS_MAX).contains(&asked), format!("must be {least} to 1,000,000"));
    asked.into()
}

fn months(fields: &mut InvalidFields, asked: i32) -> u32 {
    fields.check("months", (1..=MONTHS_MAX).contains(&asked), "must be 1 to 60");
    u32::try_from(asked).unwrap_or_default()
}

fn edition_info(edition: Edition) -> EditionInfo {
    EditionInfo {
        edition: edition.code(),
        display_name: edition.display_name().to_owned(),
        multi_account: edition.multi_account(),
        for_sale: edition != Edition::Basic,
    }
}

fn changed(done: Committed<SubscriptionView>) -> Response<Subscription> {
    respond(subscription(&done.value), Some(log_position(Role::SecurityCenter, &done.position)))
}

fn assigned(done: Committed<QuotaView>) -> Response<QuotaAssignment> {
    respond(quota(&done.value), Some(log_position(Role::SecurityCenter, &done.position)))
}

fn subscription(view: &SubscriptionView) -> Subscription {
    let SubscriptionView { own, holding, assigned, multi_account, now } = view;
    let standing = &holding.standing;
    let had = standing.life != Life::None;
    let shown = |time: Timestamp| had.then(|| timestamp(time));
    Subscription {
        name: own.name(),
        edition: holding.edition.code(),
        buy_type: holding.buy_type.code(),
        state: standing.life.code(),
        protected_servers: number(holding.servers),
        assigned_servers: number(*assigned),
        start_time: shown(standing.start),
        expire_time: shown(standing.expire),
        grace_end_time: shown(standing.grace_end),
        pending_change: own.pending_at(*now).map(pending),
        multi_account: *multi_account,
        assigned_by: holding.payer.map(AccountId::name).unwrap_or_default(),
        etag: own.etag(),
    }
}

fn pending(pending: Pending) -> pb::PendingChange {
    pb::PendingChange {
        edition: pending.edition.code(),
        protected_servers: number(pending.servers),
        effective_time: Some(timestamp(pending.at)),
    }
}

fn quota(view: &QuotaView) -> QuotaAssignment {
    let QuotaView { quota, edition } = view;
    QuotaAssignment {
        name: quota.name(),
        account: quota.account.name(),
        protected_servers: number(quota.servers),
        assigned_by: quota.payer.name(),
        edition: edition.code(),
        create_time: Some(timestamp(quota.create_time)),
        etag: quota.etag(),
    }
}

fn number(number: i64) -> i32 {
    i32::try_from(number).unwrap_or(i32::MAX)
}

fn timestamp(time: Timestamp) -> prost_types::Timestamp {
    let nanos = time.as_micros().rem_euclid(1_000_000) * 1_000;
    prost_types::Timestamp { seconds: time.as_seconds(), nanos: i32::try_from(nanos).unwrap_or_default() }
}
