//! `bailiwick.securitycenter.v1.MonitoredAccountService`.

use std::sync::Arc;

use bailiwick_api::{
    securitycenter::v1::{
        BatchCreateMonitoredAccountsRequest, BatchCreateMonitoredAccountsResponse, CreateMonitoredAccountRequest,
        DeleteMonitoredAccountRequest, DirectoryAction, GetMonitoredAccountRequest, ListMonitoredAccountsRequest,
        ListMonitoredAccountsResponse, MonitoredAccount, ReplaceMonitoredAccountsRequest,
        ReplaceMonitoredAccountsResponse, UpdateMonitoredAccountRequest,
        monitored_account_service_server::MonitoredAccountService,
    },
    r#type::v1::AccountType,
};
use bailiwick_changelog::database_problem;
use bailiwick_core::AccountId;
use bailiwick_db::Db;
use bailiwick_roster::{Endpoint, EntryView, ListRequest, Replaced, Roster, Shape};
use bailiwick_rpc::{Call, refusal, split};
use tonic::{Request, Response, Status};

use super::score_convert::{band, severity_counts, small};
use crate::posture::app::{
    Scores,
    edition::{holdings, management_account, multi_account},
};

/// The service over its list. Each call asks first whether the multi-account feature is open to its caller.
pub(crate) struct MonitoredAccounts {
    list: Endpoint<MonitoredAccount>,
    db: Db,
    scores: Scores,
}

impl MonitoredAccounts {
    pub(crate) fn new(roster: Arc<Roster>, db: Db, scores: Scores) -> Self {
        Self { list: Endpoint::new(roster, Shape { field: "monitored_account", read, write }), db, scores }
    }

    /// Adds what Security Center says of the accounts to their entries.
    async fn complete(&self, call: &Call, entries: &mut [MonitoredAccount]) -> Result<(), Status> {
        let accounts: Vec<_> = entries.iter().filter_map(account).collect();
        let now = self.db.clock().now();
        let held = holdings(self.db.reader(), &accounts, now).await.map_err(|error| database_problem(&error))?;
        let scores = self.scores.of_entries(call, &accounts).await?;
        for entry in entries {
            if let Some((points, open)) = account(entry).and_then(|account| scores.get(&account)) {
                entry.security_score = small(*points);
                entry.score_band = band(*points).into();
                entry.open_risks = Some(severity_counts(*open));
            }
            if let Some(holding) = account(entry).and_then(|account| held.get(&account)) {
                entry.edition = holding.edition.code();
                entry.buy_type = holding.buy_type.code();
            }
            entry.member = entry.name.replacen("/monitoredAccounts/", "/members/", 1);
        }
        Ok(())
    }

    /// What the caller can do in the directory from an entry (R-SC-19).
    async fn actions(&self, call: &Call, entry: &MonitoredAccount) -> Result<Vec<DirectoryAction>, Status> {
        let directory = call.permit.tenant_directory().map_err(|refused| refusal(&refused))?;
        let known = management_account(self.db.reader(), directory).await.map_err(|error| database_problem(&error))?;
        let management = known.is_some() && known == call.permit.account();
        let of_member = |description: &str, method: &str| DirectoryAction {
            description: description.to_owned(),
            method: format!("bailiwick.directory.v1.MemberService/{method}"),
            resource: entry.member.clone(),
        };
        let mut actions = vec![of_member("See the account in the directory", "GetMember")];
        actions.extend(super::multi_accounts::actions(directory, management));
        if management && entry.r#type() == AccountType::Resource {
            actions.push(of_member("Upgrade the resource account to a cloud account", "SwitchMemberType"));
        }
        Ok(actions)
    }

    async fn completed(
        &self,
        call: &Call,
        answer: Response<MonitoredAccount>,
    ) -> Result<Response<MonitoredAccount>, Status> {
        let (metadata, entry, extensions) = answer.into_parts();
        let mut entries = [entry];
        self.complete(call, &mut entries).await?;
        let [entry] = entries;
        Ok(Response::from_parts(metadata, entry, extensions))
    }
}

#[tonic::async_trait]
impl MonitoredAccountService for MonitoredAccounts {
    async fn create_monitored_account(
        &self,
        request: Request<CreateMonitoredAccountRequest>,
    ) -> Result<Response<MonitoredAccount>, Status> {
        let (call, message) = split(request)?;
        multi_account(&self.db, &call).await?;
        self.completed(&call, self.list.create(&call, message.monitored_account, &message.request_id).await?).await
    }

    async fn batch_create_monitored_accounts(
        &self,
        request: Request<BatchCreateMonitoredAccountsRequest>,
    ) -> Result<Response<BatchCreateMonitoredAccountsResponse>, Status> {
        let (call, message) = split(request)?;
        multi_account(&self.db, &call).await?;
        let entries = self.list.batch_create(&call, &message.accounts, &message.request_id).await?;
        let (metadata, mut monitored_accounts, extensions) = entries.into_parts();
        self.complete(&call, &mut monitored_accounts).await?;
        let response = BatchCreateMonitoredAccountsResponse { monitored_accounts };
        Ok(Response::from_parts(metadata, response, extensions))
    }

    async fn replace_monitored_accounts(
        &self,
        request: Request<ReplaceMonitoredAccountsRequest>,
    ) -> Result<Response<ReplaceMonitoredAccountsResponse>, Status> {
        let (call, message) = split(request)?;
        multi_account(&self.db, &call).await?;
        let how = (message.clear, message.validate_only);
        let replaced = self.list.replace(&call, &message.accounts, how, &message.request_id).await?;
        let names = |accounts: Vec<AccountId>| accounts.into_iter().map(AccountId::name).collect();
        Ok(replaced.map(|Replaced { added, removed, kept }| ReplaceMonitoredAccountsResponse {
            added: names(added),
            removed: names(removed),
            kept: names(kept),
        }))
    }

    async fn get_monitored_account(
        &self,
        request: Request<GetMonitoredAccountRequest>,
    ) -> Result<Response<MonitoredAccount>, Status> {
        let (call, message) = split(request)?;
        multi_account(&self.db, &call).await?;
        let mut entry = self.completed(&call, self.list.get(&call, &message.name).await?).await?;
        entry.get_mut().directory_actions = self.actions(&call, entry.get_ref()).await?;
        Ok(entry)
    }

    async fn list_monitored_accounts(
        &self,
        request: Request<ListMonitoredAccountsRequest>,
    ) -> Result<Response<ListMonitoredAccountsResponse>, Status> {
        let (call, message) = split(request)?;
        multi_account(&self.db, &call).await?;
        let asked = ListRequest {
            page_size: message.page_size,
            page_token: &message.page_token,
            filter: &message.filter,
            order_by: &message.order_by,
        };
        let (mut monitored_accounts, next_page_token) = self.list.list(&call, asked).await?;
        self.complete(&call, &mut monitored_accounts).await?;
        Ok(Response::new(ListMonitoredAccountsResponse { monitored_accounts, next_page_token }))
    }

    async fn update_monitored_account(
        &self,
        request: Request<UpdateMonitoredAccountRequest>,
    ) -> Result<Response<MonitoredAccount>, Status> {
        let (call, message) = split(request)?;
        multi_account(&self.db, &call).await?;
        let updated =
            self.list.update(&call, message.monitored_account, message.update_mask, &message.request_id).await?;
        self.completed(&call, updated).await
    }

    async fn delete_monitored_account(
        &self,
        request: Request<DeleteMonitoredAccountRequest>,
    ) -> Result<Response<()>, Status> {
        let (call, message) = split(request)?;
        multi_account(&self.db, &call).await?;
        self.list.delete(&call, &message.name, &message.etag, &message.request_id).await
    }
}

fn account(entry: &MonitoredAccount) -> Option<AccountId> {
    entry.account.strip_prefix("accounts/")?.parse().ok()
}

fn read(message: MonitoredAccount) -> EntryView {
    EntryView {
        name: message.name,
        account: message.account,
        display_name: message.display_name,
        r#type: message.r#type,
        join_method: message.join_method,
        folder: message.folder,
        remark: message.remark,
        add_operator: message.add_operator,
        add_time: message.add_time,
        etag: message.etag,
        marked: message.marked,
    }
}

fn write(message: EntryView) -> MonitoredAccount {
    MonitoredAccount {
        name: message.name,
        account: message.account,
        display_name: message.display_name,
        r#type: message.r#type,
        join_method: message.join_method,
        folder: message.folder,
        remark: message.remark,
        add_operator: message.add_operator,
        add_time: message.add_time,
        etag: message.etag,
        marked: message.marked,
        ..MonitoredAccount::default()
    }
}
