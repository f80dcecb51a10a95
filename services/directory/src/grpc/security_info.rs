//! Security information.

use std::mem::take;

use bailiwick_core::AccountId;
use bailiwick_rpc::{InvalidFields, split};
use pb::security_info_service_server::SecurityInfoService;
use tonic::{Request, Response, Status, async_trait};

use super::{
    Grpc, answer, convert, member,
    parse::{finish, in_account, mutation},
    pb,
};
use crate::{
    app::Whose,
    domain::destination::{Channel, Destination},
};

#[async_trait]
impl SecurityInfoService for Grpc {
    async fn get_security_info(
        &self,
        request: Request<pb::GetSecurityInfoRequest>,
    ) -> Result<Response<pb::SecurityInfo>, Status> {
        let (call, request) = split(request)?;
        let mut fields = InvalidFields::new();
        let account = name(&mut fields, &request.name);
        let found = self.0.security_info_get(&call, Whose::Own(finish(fields, account)?)).await?;
        Ok(Response::new(convert::security_info(&found, self.0.now())))
    }

    async fn change_security_contact(
        &self,
        request: Request<pb::ChangeSecurityContactRequest>,
    ) -> Result<Response<pb::SecurityInfo>, Status> {
        let (call, mut request) = split(request)?;
        let mut fields = InvalidFields::new();
        let request_id = take(&mut request.request_id);
        let change = mutation(&mut fields, &call, &request_id, &request);
        let account = name(&mut fields, &request.name);
        let to = destination(&mut fields, request.channel, &request.address);
        let (account, to) = finish(fields, account.zip(to))?;
        let done = self.0.security_contact_change(&call, &change, Whose::Own(account), &to).await?;
        Ok(answer(done, |info| convert::security_info(&info, self.0.now())))
    }

    async fn resend_security_contact(
        &self,
        request: Request<pb::ResendSecurityContactRequest>,
    ) -> Result<Response<pb::SecurityInfo>, Status> {
        let (call, mut request) = split(request)?;
        let mut fields = InvalidFields::new();
        let request_id = take(&mut request.request_id);
        let change = mutation(&mut fields, &call, &request_id, &request);
        let account = name(&mut fields, &request.name);
        let channel = required_channel(&mut fields, request.channel);
        let (account, channel) = finish(fields, account.zip(channel))?;
        let done = self.0.security_contact_resend(&call, &change, Whose::Own(account), channel).await?;
        Ok(answer(done, |info| convert::security_info(&info, self.0.now())))
    }

    async fn confirm_security_contact(
        &self,
        request: Request<pb::ConfirmSecurityContactRequest>,
    ) -> Result<Response<pb::SecurityInfo>, Status> {
        let (call, mut request) = split(request)?;
        let mut fields = InvalidFields::new();
        let request_id = take(&mut request.request_id);
        let change = mutation(&mut fields, &call, &request_id, &request);
        let account = name(&mut fields, &request.name);
        let channel = required_channel(&mut fields, request.channel);
        let (account, channel) = finish(fields, account.zip(channel))?;
        let (whose, code) = (Whose::Own(account), &request.verification_code);
        let done = self.0.security_contact_confirm(&call, &change, whose, channel, code).await?;
        Ok(answer(done, |info| convert::security_info(&info, self.0.now())))
    }

    async fn cancel_security_contact(
        &self,
        request: Request<pb::CancelSecurityContactRequest>,
    ) -> Result<Response<pb::SecurityInfo>, Status> {
        let (call, mut request) = split(request)?;
        let mut fields = InvalidFields::new();
        let request_id = take(&mut request.request_id);
        let change = mutation(&mut fields, &call, &request_id, &request);
        let account = name(&mut fields, &request.name);
        let channel = required_channel(&mut fields, request.channel);
        let (account, channel) = finish(fields, account.zip(channel))?;
        let done = self.0.security_contact_cancel(&call, &change, Whose::Own(account), channel).await?;
        Ok(answer(done, |info| convert::security_info(&info, self.0.now())))
    }

    async fn get_member_security_info(
        &self,
        request: Request<pb::GetMemberSecurityInfoRequest>,
    ) -> Result<Response<pb::SecurityInfo>, Status> {
        let (call, request) = split(request)?;
        let mut fields = InvalidFields::new();
        let member = member_name(&mut fields, &request.name);
        let found = self.0.security_info_get(&call, finish(fields, member)?).await?;
        Ok(Response::new(convert::security_info(&found, self.0.now())))
    }

    async fn change_member_contact(
        &self,
        request: Request<pb::ChangeMemberContactRequest>,
    ) -> Result<Response<pb::SecurityInfo>, Status> {
        let (call, mut request) = split(request)?;
        let mut fields = InvalidFields::new();
        let request_id = take(&mut request.request_id);
        let change = mutation(&mut fields, &call, &request_id, &request);
        let member = member_name(&mut fields, &request.name);
        let to = destination(&mut fields, request.channel, &request.address);
        let (member, to) = finish(fields, member.zip(to))?;
        let done = self.0.security_contact_change(&call, &change, member, &to).await?;
        Ok(answer(done, |info| convert::security_info(&info, self.0.now())))
    }

    async fn resend_member_contact(
        &self,
        request: Request<pb::ResendMemberContactRequest>,
    ) -> Result<Response<pb::SecurityInfo>, Status> {
        let (call, mut request) = split(request)?;
        let mut fields = InvalidFields::new();
        let request_id = take(&mut request.request_id);
        let change = mutation(&mut fields, &call, &request_id, &request);
        let member = member_name(&mut fields, &request.name);
        let channel = required_channel(&mut fields, request.channel);
        let (member, channel) = finish(fields, member.zip(channel))?;
        let done = self.0.security_contact_resend(&call, &change, member, channel).await?;
        Ok(answer(done, |info| convert::security_info(&info, self.0.now())))
    }

    async fn confirm_member_contact(
        &self,
        request: Request<pb::ConfirmMemberContactRequest>,
    ) -> Result<Response<pb::SecurityInfo>, Status> {
        let (call, mut request) = split(request)?;
        let mut fields = InvalidFields::new();
        let request_id = take(&mut request.request_id);
        let change = mutation(&mut fields, &call, &request_id, &request);
        let member = member_name(&mut fields, &request.name);
        let channel = required_channel(&mut fields, request.channel);
        let (member, channel) = finish(fields, member.zip(channel))?;
        let code = &request.verification_code;
        let done = self.0.security_contact_confirm(&call, &change, member, channel, code).await?;
        Ok(answer(done, |info| convert::security_info(&info, self.0.now())))
    }

    async fn cancel_member_contact(
        &self,
        request: Request<pb::CancelMemberContactRequest>,
    ) -> Result<Response<pb::SecurityInfo>, Status> {
        let (call, mut request) = split(request)?;
        let mut fields = InvalidFields::new();
        let request_id = take(&mut request.request_id);
        let change = mutation(&mut fields, &call, &request_id, &request);
        let member = member_name(&mut fields, &request.name);
        let channel = required_channel(&mut fields, request.channel);
        let (member, channel) = finish(fields, member.zip(channel))?;
        let done = self.0.security_contact_cancel(&call, &change, member, channel).await?;
        Ok(answer(done, |info| convert::security_info(&info, self.0.now())))
    }
}

fn name(fields: &mut InvalidFields, name: &str) -> Option<AccountId> {
    in_account::<0>(fields, "name", name, "accounts/{account}/securityInfo").map(|(account, [])| account)
}

fn member_name(fields: &mut InvalidFields, name: &str) -> Option<Whose> {
    member::name(fields, "name", name).map(|(directory, account)| Whose::Member(directory, account))
}

/// A channel; none if it is left open.
pub(super) fn channel(fields: &mut InvalidFields, number: i32) -> Option<Option<Channel>> {
    if number == 0 { Some(None) } else { required_channel(fields, number).map(Some) }
}

fn required_channel(fields: &mut InvalidFields, number: i32) -> Option<Channel> {
    match fields.enumeration::<pb::SecurityChannel>("channel", number)? {
        pb::SecurityChannel::Phone => Some(Channel::Phone),
        pb::SecurityChannel::Email => Some(Channel::Email),
        pb::SecurityChannel::Unspecified => None,
    }
}

fn destination(fields: &mut InvalidFields, number: i32, address: &str) -> Option<Destination> {
    let channel = required_channel(fields, number)?;
    fields.take("address", Destination::new(channel, address))
}
