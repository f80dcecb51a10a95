//! Members.

use std::{mem::take, time::Duration};

use bailiwick_core::{AccountId, DirectoryId};
use bailiwick_rpc::{Call, InvalidFields, split};
use pb::member_service_server::MemberService;
use tonic::{Request, Response, Status, async_trait};

use super::{
    Grpc,
    account::new_account,
    answer, convert,
    parse::{finish, folder, in_directory, labels, listing, mask, mutation, page, text},
    pb,
    role::ROLE_ID,
    security_info,
};
use crate::{
    app::Mutation,
    domain::{
        Text,
        account::AccountType,
        directory::ROOT_FOLDER,
        member::{MemberChange, MemberDeletion, NewMember, SCHEMA, TypeSwitch},
        role::{ACCESS_ROLE, is_role_id},
    },
};

/// Most findings in one request.
const FINDINGS_MAX: usize = 100;
const DAY: Duration = Duration::from_hours(24);

#[async_trait]
impl MemberService for Grpc {
    async fn create_member(&self, request: Request<pb::CreateMemberRequest>) -> Result<Response<pb::Member>, Status> {
        let (call, request) = split(request)?;
        let (change, directory, new) = parse_create(&call, request)?;
        let done = self.0.member_create(&call, &change, directory, new).await?;
        Ok(answer(done, convert::member))
    }

    async fn get_member(&self, request: Request<pb::GetMemberRequest>) -> Result<Response<pb::Member>, Status> {
        let (call, request) = split(request)?;
        let mut fields = InvalidFields::new();
        let named = name(&mut fields, "name", &request.name);
        let (directory, account) = finish(fields, named)?;
        let found = self.0.member_get(&call, directory, account).await?;
        Ok(Response::new(convert::member(found)))
    }

    async fn list_members(
        &self,
        request: Request<pb::ListMembersRequest>,
    ) -> Result<Response<pb::ListMembersResponse>, Status> {
        let (call, request) = split(request)?;
        let mut fields = InvalidFields::new();
        let directory = fields.directory("parent", &request.parent);
        let asked = page(&mut fields, request.page_size, &request.page_token);
        let listing = listing(&mut fields, &SCHEMA, &request.filter, &request.order_by);
        let ((directory, asked), listing) = finish(fields, directory.zip(asked).zip(listing))?;
        let page = self.0.member_list(&call, directory, &asked, &listing).await?;
        let members = page.items.into_iter().map(convert::member).collect();
        Ok(Response::new(pb::ListMembersResponse { members, next_page_token: page.next }))
    }

    async fn remove_member(&self, request: Request<pb::RemoveMemberRequest>) -> Result<Response<()>, Status> {
        let (call, mut request) = split(request)?;
        let mut fields = InvalidFields::new();
        let request_id = take(&mut request.request_id);
        let change = mutation(&mut fields, &call, &request_id, &request);
        let change = Mutation { validate_only: request.validate_only, ..change };
        let named = name(&mut fields, "name", &request.name);
        let (directory, account) = finish(fields, named)?;
        let done = self.0.member_remove(&call, &change, directory, account, &request.etag).await?;
        Ok(answer(done, |()| ()))
    }

    async fn update_member(&self, request: Request<pb::UpdateMemberRequest>) -> Result<Response<pb::Member>, Status> {
        let (call, request) = split(request)?;
        let (change, named, asked, etag) = parse_update(&call, request)?;
        let done = self.0.member_update(&call, &change, named, asked, &etag).await?;
        Ok(answer(done, convert::member))
    }

    async fn move_member(&self, request: Request<pb::MoveMemberRequest>) -> Result<Response<pb::Member>, Status> {
        let (call, mut request) = split(request)?;
        let mut fields = InvalidFields::new();
        let request_id = take(&mut request.request_id);
        let change = mutation(&mut fields, &call, &request_id, &request);
        let named = name(&mut fields, "name", &request.name);
        let of = named.map(|(directory, _)| directory);
        let source = (!request.source.is_empty()).then(|| folder(&mut fields, "source", &request.source, of)).flatten();
        let destination = folder(&mut fields, "destination", &request.destination, of);
        let (named, destination) = finish(fields, named.zip(destination))?;
        let way = (source.as_deref(), destination.as_str());
        let done = self.0.member_move(&call, &change, named, way, &request.etag).await?;
        Ok(answer(done, convert::member))
    }

    async fn leave_directory(&self, request: Request<pb::LeaveDirectoryRequest>) -> Result<Response<()>, Status> {
        let (call, mut request) = split(request)?;
        let mut fields = InvalidFields::new();
        let request_id = take(&mut request.request_id);
        let change = mutation(&mut fields, &call, &request_id, &request);
        let change = Mutation { validate_only: request.validate_only, ..change };
        let named = name(&mut fields, "name", &request.name);
        let (directory, account) = finish(fields, named)?;
        let done = self.0.member_leave(&call, &change, directory, account).await?;
        Ok(answer(done, |()| ()))
    }

    async fn request_type_switch_verification(
        &self,
        request: Request<pb::RequestTypeSwitchVerificationRequest>,
    ) -> Result<Response<pb::TypeSwitchVerification>, Status> {
        let (call, mut request) = split(request)?;
        let mut fields = InvalidFields::new();
        let request_id = take(&mut request.request_id);
        let change = mutation(&mut fields, &call, &request_id, &request);
        let named = name(&mut fields, "name", &request.name);
        let to = target_type(&mut fields, request.target_type);
        let channel = security_info::channel(&mut fields, request.channel);
        let (named, asked) = finish(fields, named.zip(to.zip(channel)))?;
        let done = self.0.member_type_switch_request(&call, &change, named, asked).await?;
        Ok(answer(done, |sent| convert::type_switch_verification(request.name, &sent)))
    }

    async fn switch_member_type(
        &self,
        request: Request<pb::SwitchMemberTypeRequest>,
    ) -> Result<Response<pb::Member>, Status> {
        let (call, mut request) = split(request)?;
        let mut fields = InvalidFields::new();
        let request_id = take(&mut request.request_id);
        let change = mutation(&mut fields, &call, &request_id, &request);
        let change = Mutation { validate_only: request.validate_only, ..change };
        let named = name(&mut fields, "name", &request.name);
        let to = target_type(&mut fields, request.target_type);
        let (named, to) = finish(fields, named.zip(to))?;
        let asked = TypeSwitch { to, risk_acknowledged: request.acknowledge_risk, etag: request.etag };
        let done = self.0.member_type_switch(&call, &change, named, &asked, &request.verification_code).await?;
        Ok(answer(done, convert::member))
    }

    async fn check_member_deletion(
        &self,
        request: Request<pb::CheckMemberDeletionRequest>,
    ) -> Result<Response<pb::MemberDeletionCheck>, Status> {
        let (call, request) = split(request)?;
        let mut fields = InvalidFields::new();
        let named = name(&mut fields, "name", &request.name);
        let (directory, account) = finish(fields, named)?;
        let check = self.0.member_check_deletion(&call, directory, account).await?;
        Ok(Response::new(convert::member_deletion_check(&check)))
    }

    async fn delete_member(&self, request: Request<pb::DeleteMemberRequest>) -> Result<Response<pb::Member>, Status> {
        let (call, request) = split(request)?;
        let (change, (directory, account), asked) = self.parse_delete(&call, request)?;
        let done = self.0.member_delete(&call, &change, directory, account, &asked).await?;
        Ok(answer(done, convert::member))
    }

    async fn undelete_member(
        &self,
        request: Request<pb::UndeleteMemberRequest>,
    ) -> Result<Response<pb::Member>, Status> {
        let (call, mut request) = split(request)?;
        let mut fields = InvalidFields::new();
        let request_id = take(&mut request.request_id);
        let change = mutation(&mut fields, &call, &request_id, &request);
        let named = name(&mut fields, "name", &request.name);
        let (directory, account) = finish(fields, named)?;
        let done = self.0.member_undelete(&call, &change, directory, account, &request.etag).await?;
        Ok(answer(done, convert::member))
    }
}

/// Directory and account of a name of a member.
pub(super) fn name(fields: &mut InvalidFields, field: &str, name: &str) -> Option<(DirectoryId, AccountId)> {
    let (directory, [account]) = in_directory(fields, field, name, "directories/{directory}/members/{account}")?;
    Some((directory, fields.parse(field, account)?))
}

type Named = (DirectoryId, AccountId);

fn parse_update(
    call: &Call,
    mut request: pb::UpdateMemberRequest,
) -> Result<(Mutation, Named, MemberChange, String), Status> {
    let mut fields = InvalidFields::new();
    let request_id = take(&mut request.request_id);
    let change = mutation(&mut fields, call, &request_id, &request);
    let member = fields.required("member", request.member).unwrap_or_default();
    let named = name(&mut fields, "member.name", &member.name);
    let set = [!member.display_name.is_empty(), !member.labels.is_empty()];
    let [renames, relabels] = mask(&mut fields, request.update_mask.as_ref(), ["display_name", "labels"], set);
    let display_name =
        renames.then(|| text(&mut fields, "member.display_name", &member.display_name, Text::DISPLAY_NAME)).flatten();
    let labels = relabels.then(|| labels(&mut fields, "member.labels", member.labels)).flatten();
    let named = finish(fields, named)?;
    Ok((change, named, MemberChange { display_name, labels }, member.etag))
}

fn target_type(fields: &mut InvalidFields, number: i32) -> Option<AccountType> {
    match fields.enumeration::<bailiwick_api::r#type::v1::AccountType>("target_type", number)? {
        bailiwick_api::r#type::v1::AccountType::Resource => Some(AccountType::Resource),
        bailiwick_api::r#type::v1::AccountType::Cloud => Some(AccountType::Cloud),
        bailiwick_api::r#type::v1::AccountType::Unspecified => None,
    }
}

fn parse_create(
    call: &Call,
    mut request: pb::CreateMemberRequest,
) -> Result<(Mutation, DirectoryId, NewMember), Status> {
    let mut fields = InvalidFields::new();
    let request_id = take(&mut request.request_id);
    let change = mutation(&mut fields, call, &request_id, &request);
    let change = Mutation { validate_only: request.validate_only, ..change };
    let directory = fields.directory("parent", &request.parent);
    let new = fields.required("member", request.member).and_then(|member| {
        let names = ["member.display_name", "provider", "external_id"];
        let new = new_account(&mut fields, names, &member.display_name, &request.provider, &request.external_id);
        let labels = labels(&mut fields, "member.labels", member.labels);
        let folder = match request.folder.as_str() {
            "" => Some(ROOT_FOLDER.to_owned()),
            name => folder(&mut fields, "folder", name, directory),
        };
        Some((new?, folder?, labels?))
    });
    let access_role = if request.access_role.is_empty() { ACCESS_ROLE.to_owned() } else { request.access_role };
    fields.check("access_role", is_role_id(&access_role), ROLE_ID);
    let (directory, (account, folder, labels)) = finish(fields, directory.zip(new))?;
    Ok((change, directory, NewMember { account, folder, labels, access_role }))
}

impl Grpc {
    fn parse_delete(
        &self,
        call: &Call,
        mut request: pb::DeleteMemberRequest,
    ) -> Result<(Mutation, (DirectoryId, AccountId), MemberDeletion), Status> {
        let mut fields = InvalidFields::new();
        let request_id = take(&mut request.request_id);
        let change = mutation(&mut fields, call, &request_id, &request);
        let change = Mutation { validate_only: request.validate_only, ..change };
        let named = name(&mut fields, "name", &request.name);
        let few = request.ignored_findings.len() <= FINDINGS_MAX;
        fields.check("ignored_findings", few, format!("must be at most {FINDINGS_MAX}"));
        let findings = request.ignored_findings.iter().take(FINDINGS_MAX);
        let ignored = findings.filter_map(|id| fields.parse("ignored_findings", id)).collect();
        let days = if request.skip_silence_period { 0 } else { self.0.limits.deletion_silence_days };
        let named = finish(fields, named)?;
        Ok((change, named, MemberDeletion { ignored, silence: DAY * days, etag: request.etag }))
    }
}
