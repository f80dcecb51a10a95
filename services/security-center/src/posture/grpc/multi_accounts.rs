//! `bailiwick.securitycenter.v1.MultiAccountService`.

use bailiwick_api::{
    CONSISTENCY_TOKEN, encode_token,
    securitycenter::v1::{
        DirectoryAction, DirectoryFolder, EligibleAccount, EnableMultiAccountRequest, GetMultiAccountRequest,
        ListDirectoryFoldersRequest, ListDirectoryFoldersResponse, ListEligibleAccountsRequest,
        ListEligibleAccountsResponse, MultiAccount, UpdateMultiAccountRequest,
        multi_account_service_server::MultiAccountService,
    },
    r#type::v1 as types,
};
use bailiwick_changelog::log_position;
use bailiwick_core::{DirectoryId, Owner, ResourceName, Role};
use bailiwick_roster::{AccountType, JoinMethod};
use bailiwick_rpc::{Call, InvalidFields, refusal, split};
use tonic::{Request, Response, Status};

use crate::posture::{
    app::{Changed, Eligible, MultiAccountView, MultiAccounts},
    domain::{AutoAdd, SettingsChange},
};

const FOLDERS_MAX: usize = 100;
const FOLDER: &str = "directories/{directory}/folders/{folder}";
const HINT: &str = "No account can be added: create members in the directory or invite accounts into it first.";

#[tonic::async_trait]
impl MultiAccountService for MultiAccounts {
    async fn enable_multi_account(
        &self,
        request: Request<EnableMultiAccountRequest>,
    ) -> Result<Response<MultiAccount>, Status> {
        let (call, message) = split(request)?;
        let mut fields = InvalidFields::new();
        let request_id = fields.request_id("request_id", &message.request_id);
        fields.name::<0>("name", &message.name, "directories/{directory}/multiAccount");
        fields.finish()?;
        Ok(answer(self.enable(&call, request_id).await?))
    }

    async fn get_multi_account(
        &self,
        request: Request<GetMultiAccountRequest>,
    ) -> Result<Response<MultiAccount>, Status> {
        let (call, _) = split(request)?;
        Ok(Response::new(multi_account(self.get(&call).await?)))
    }

    async fn update_multi_account(
        &self,
        request: Request<UpdateMultiAccountRequest>,
    ) -> Result<Response<MultiAccount>, Status> {
        let (call, message) = split(request)?;
        let mut fields = InvalidFields::new();
        let request_id = fields.request_id("request_id", &message.request_id);
        let asked = fields.required("multi_account", message.multi_account).unwrap_or_default();
        let change = change(&mut fields, directory(&call)?, &asked, &message.update_mask.unwrap_or_default().paths);
        fields.finish()?;
        Ok(answer(self.update(&call, &change, &asked.etag, request_id).await?))
    }

    async fn list_eligible_accounts(
        &self,
        request: Request<ListEligibleAccountsRequest>,
    ) -> Result<Response<ListEligibleAccountsResponse>, Status> {
        let (call, message) = split(request)?;
        let size = page_size(message.page_size)?;
        let page = self.eligible(&call, message.include_all, (size, &message.page_token)).await?;
        let directory_actions = match page.none {
            true => actions(directory(&call)?, self.by_management(&call).await?),
            false => Vec::new(),
        };
        Ok(Response::new(ListEligibleAccountsResponse {
            eligible_accounts: page.members.into_iter().map(eligible).collect(),
            next_page_token: page.next,
            hint: if page.none { HINT.to_owned() } else { String::new() },
            directory_actions,
        }))
    }

    async fn list_directory_folders(
        &self,
        request: Request<ListDirectoryFoldersRequest>,
    ) -> Result<Response<ListDirectoryFoldersResponse>, Status> {
        let (call, message) = split(request)?;
        let size = page_size(message.page_size)?;
        let directory = directory(&call)?;
        let page = self.folders(&call, (size, &message.page_token)).await?;
        let name = |id: &str| if id.is_empty() { String::new() } else { format!("{}/folders/{id}", directory.name()) };
        let folder = |folder: crate::posture::app::FolderView| DirectoryFolder {
            folder: name(&folder.id),
            parent: name(&folder.parent),
            member_count: number(folder.count.members),
            monitored_count: number(folder.count.monitored),
        };
        Ok(Response::new(ListDirectoryFoldersResponse {
            directory_folders: page.folders.into_iter().map(folder).collect(),
            next_page_token: page.next,
            directory_actions: actions(directory, self.by_management(&call).await?),
        }))
    }
}

/// What a caller can do in the directory (R-SC-19): everybody who administers can look; the rest is the management
/// account's.
pub(super) fn actions(directory: DirectoryId, management: bool) -> Vec<DirectoryAction> {
    let action = |description: &str, method: &str| DirectoryAction {
        description: description.to_owned(),
        method: format!("bailiwick.directory.v1.{method}"),
        resource: directory.name(),
    };
    let mut actions = vec![action("See the members of the directory", "MemberService/ListMembers")];
    if management {
        actions.push(action("Create a member", "MemberService/CreateMember"));
        actions.push(action("Invite an account", "InvitationService/CreateInvitation"));
    }
    actions
}

fn directory(call: &Call) -> Result<DirectoryId, Status> {
    call.permit.tenant_directory().map_err(|refused| refusal(&refused))
}

fn page_size(asked: i32) -> Result<u32, Status> {
    let mut fields = InvalidFields::new();
    fields.page_size("page_size", asked).ok_or_else(|| fields.into_status())
}

fn change(fields: &mut InvalidFields, directory: DirectoryId, asked: &MultiAccount, mask: &[String]) -> SettingsChange {
    const PATHS: [&str; 3] = ["auto_add", "auto_add_folders", "auto_add_join_methods"];
    for path in mask.iter().filter(|path| !PATHS.contains(&path.as_str())) {
        fields.violation("update_mask", format!("`{path}` cannot be updated"));
    }
    let set = |path: &str| mask.is_empty() || mask.iter().any(|named| named == path);
    let mut change = SettingsChange::default();
    if set("auto_add") {
        let auto_add = if asked.auto_add == 0 { Some(AutoAdd::Off) } else { AutoAdd::of(asked.auto_add) };
        let text = "must be one of the values of its enumeration";
        fields.check("multi_account.auto_add", auto_add.is_some(), text);
        change.auto_add = auto_add;
    }
    if set("auto_add_folders") {
        let field = "multi_account.auto_add_folders";
        fields.check(field, asked.auto_add_folders.len() <= FOLDERS_MAX, "must be at most 100 folders");
        let mut folders: Vec<_> =
            asked.auto_add_folders.iter().filter_map(|name| folder(fields, field, directory, name)).collect();
        folders.sort_unstable();
        folders.dedup();
        change.folders = Some(folders);
    }
    if set("auto_add_join_methods") {
        let field = "multi_account.auto_add_join_methods";
        let mut methods = Vec::new();
        for code in &asked.auto_add_join_methods {
            let method = match types::JoinMethod::try_from(*code) {
                Ok(types::JoinMethod::Created) => Some(JoinMethod::Created),
                Ok(types::JoinMethod::Invited) => Some(JoinMethod::Invited),
                _ => None,
            };
            fields.check(field, method.is_some(), "must be CREATED or INVITED");
            methods.extend(method.filter(|method| !methods.contains(method)));
        }
        change.join_methods = Some(methods);
    }
    change
}

fn folder(fields: &mut InvalidFields, field: &str, directory: DirectoryId, name: &str) -> Option<String> {
    let parsed = ResourceName::parse(name).and_then(|parsed| Ok((parsed.owner(), parsed.ids::<1>(FOLDER)?)));
    let id = parsed.ok().filter(|(owner, _)| *owner == Owner::Directory(directory)).map(|(_, [id])| id.to_owned());
    fields.check(field, id.is_some(), format!("`{name}` is no folder of the directory"));
    id
}

/// The answer with the positions of the own log and of `delegation`'s, so that the next call is decided by what was
/// turned on.
fn answer(changed: Changed<MultiAccountView>) -> Response<MultiAccount> {
    let own = log_position(Role::SecurityCenter, &changed.position);
    let upstream = changed.delegation.as_ref().map(|position| log_position(Role::Delegation, position));
    let mut response = Response::new(multi_account(changed.value));
    // The token is base64, which is always a header value.
    if let Ok(token) = encode_token([own].into_iter().chain(upstream).collect()).parse() {
        response.metadata_mut().insert(CONSISTENCY_TOKEN, token);
    }
    response
}

fn multi_account(view: MultiAccountView) -> MultiAccount {
    let MultiAccountView { settings, monitored, eligible, pending } = view;
    let folder = |id: &String| format!("{}/folders/{id}", settings.directory.name());
    MultiAccount {
        name: settings.name(),
        auto_add: settings.auto_add.code(),
        auto_add_folders: settings.folders.iter().map(folder).collect(),
        auto_add_join_methods: settings.join_methods.iter().map(|m| join_method(Some(*m)).into()).collect(),
        monitored_count: number(monitored),
        eligible_count: number(eligible),
        pending_count: number(pending),
        etag: settings.etag(),
        last_auto_add_problem: settings.problem,
    }
}

fn eligible(of: Eligible) -> EligibleAccount {
    let Eligible { candidate, holding, management, administers } = of;
    let account_type = match candidate.account_type {
        None => types::AccountType::Unspecified,
        Some(AccountType::Resource) => types::AccountType::Resource,
        Some(AccountType::Cloud) => types::AccountType::Cloud,
    };
    EligibleAccount {
        account: candidate.account.name(),
        display_name: candidate.display_name,
        r#type: account_type.into(),
        join_method: join_method(candidate.join_method).into(),
        folder: candidate.folder,
        edition: holding.edition.code(),
        buy_type: holding.buy_type.code(),
        management_account: management,
        security_center_administrator: administers.0,
        soc_administrator: administers.1,
        monitored: candidate.monitored,
        marked: candidate.marked,
    }
}

fn join_method(join_method: Option<JoinMethod>) -> types::JoinMethod {
    match join_method {
        None => types::JoinMethod::Unspecified,
        Some(JoinMethod::Created) => types::JoinMethod::Created,
        Some(JoinMethod::Invited) => types::JoinMethod::Invited,
        Some(JoinMethod::EnabledDirectory) => types::JoinMethod::EnabledDirectory,
    }
}

fn number(number: i64) -> i32 {
    i32::try_from(number).unwrap_or(i32::MAX)
}
