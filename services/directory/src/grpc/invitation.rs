//! Invitations.

use std::mem::take;

use bailiwick_core::DirectoryId;
use bailiwick_rpc::{Call, InvalidFields, split};
use pb::invitation_service_server::InvitationService;
use prost::Message;
use tonic::{Request, Response, Status, async_trait};

use super::{
    Grpc, answer, convert,
    parse::{finish, folder, in_directory, labels, mutation, page, text},
    pb,
};
use crate::{
    app::{Done, Mutation},
    domain::{
        Text,
        directory::ROOT_FOLDER,
        invitation::{Answer, Invitation, NewInvitation, SCHEMA},
    },
};

#[async_trait]
impl InvitationService for Grpc {
    async fn create_invitation(
        &self,
        request: Request<pb::CreateInvitationRequest>,
    ) -> Result<Response<pb::Invitation>, Status> {
        let (call, request) = split(request)?;
        let (change, directory, new) = parse_create(&call, request)?;
        let done = self.0.invitation_create(&call, &change, directory, new).await?;
        Ok(self.answer_invitation(done))
    }

    async fn get_invitation(
        &self,
        request: Request<pb::GetInvitationRequest>,
    ) -> Result<Response<pb::Invitation>, Status> {
        let (call, request) = split(request)?;
        let mut fields = InvalidFields::new();
        let named = name(&mut fields, &request.name);
        let (directory, id) = finish(fields, named)?;
        let found = self.0.invitation_get(&call, directory, id).await?;
        Ok(Response::new(convert::invitation(found, self.0.now())))
    }

    async fn list_invitations(
        &self,
        request: Request<pb::ListInvitationsRequest>,
    ) -> Result<Response<pb::ListInvitationsResponse>, Status> {
        let (call, request) = split(request)?;
        let mut fields = InvalidFields::new();
        let directory = fields.directory("parent", &request.parent);
        let asked = page(&mut fields, request.page_size, &request.page_token);
        let filter = fields.take("filter", SCHEMA.filter(&request.filter));
        let ((directory, asked), filter) = finish(fields, directory.zip(asked).zip(filter))?;
        let page = self.0.invitation_list(&call, directory, &filter, &asked).await?;
        let invitations = self.shown(page.items);
        Ok(Response::new(pb::ListInvitationsResponse { invitations, next_page_token: page.next }))
    }

    async fn list_received_invitations(
        &self,
        request: Request<pb::ListReceivedInvitationsRequest>,
    ) -> Result<Response<pb::ListReceivedInvitationsResponse>, Status> {
        let (call, request) = split(request)?;
        let mut fields = InvalidFields::new();
        let account = fields.account("parent", &request.parent);
        let asked = page(&mut fields, request.page_size, &request.page_token);
        let filter = fields.take("filter", SCHEMA.filter(&request.filter));
        let ((account, asked), filter) = finish(fields, account.zip(asked).zip(filter))?;
        let page = self.0.invitation_list_received(&call, account, &filter, &asked).await?;
        let invitations = self.shown(page.items);
        Ok(Response::new(pb::ListReceivedInvitationsResponse { invitations, next_page_token: page.next }))
    }

    async fn accept_invitation(
        &self,
        request: Request<pb::AcceptInvitationRequest>,
    ) -> Result<Response<pb::Invitation>, Status> {
        let (call, mut request) = split(request)?;
        let request_id = take(&mut request.request_id);
        let (change, directory, id) = parse_answer(&call, &request_id, &request, &request.name)?;
        let done = self.0.invitation_accept(&call, &change, directory, id).await?;
        Ok(self.answer_invitation(done))
    }

    async fn decline_invitation(
        &self,
        request: Request<pb::DeclineInvitationRequest>,
    ) -> Result<Response<pb::Invitation>, Status> {
        let (call, mut request) = split(request)?;
        let request_id = take(&mut request.request_id);
        let (change, directory, id) = parse_answer(&call, &request_id, &request, &request.name)?;
        let done = self.0.invitation_answer(&call, &change, directory, id, Answer::Decline).await?;
        Ok(self.answer_invitation(done))
    }

    async fn cancel_invitation(
        &self,
        request: Request<pb::CancelInvitationRequest>,
    ) -> Result<Response<pb::Invitation>, Status> {
        let (call, mut request) = split(request)?;
        let request_id = take(&mut request.request_id);
        let (change, directory, id) = parse_answer(&call, &request_id, &request, &request.name)?;
        let done = self.0.invitation_answer(&call, &change, directory, id, Answer::Cancel).await?;
        Ok(self.answer_invitation(done))
    }
}

impl Grpc {
    fn answer_invitation(&self, done: Done<Invitation>) -> Response<pb::Invitation> {
        let now = self.0.now();
        answer(done, |invitation| convert::invitation(invitation, now))
    }

    fn shown(&self, invitations: Vec<Invitation>) -> Vec<pb::Invitation> {
        let now = self.0.now();
        invitations.into_iter().map(|invitation| convert::invitation(invitation, now)).collect()
    }
}

fn name<'a>(fields: &mut InvalidFields, name: &'a str) -> Option<(DirectoryId, &'a str)> {
    let pattern = "directories/{directory}/invitations/{invitation}";
    in_directory(fields, "name", name, pattern).map(|(directory, [id])| (directory, id))
}

fn parse_answer<'a>(
    call: &Call,
    request_id: &str,
    request: &impl Message,
    named: &'a str,
) -> Result<(Mutation, DirectoryId, &'a str), Status> {
    let mut fields = InvalidFields::new();
    let change = mutation(&mut fields, call, request_id, request);
    let named = name(&mut fields, named);
    let (directory, id) = finish(fields, named)?;
    Ok((change, directory, id))
}

fn parse_create(
    call: &Call,
    mut request: pb::CreateInvitationRequest,
) -> Result<(Mutation, DirectoryId, NewInvitation), Status> {
    let mut fields = InvalidFields::new();
    let request_id = take(&mut request.request_id);
    let change = mutation(&mut fields, call, &request_id, &request);
    let directory = fields.directory("parent", &request.parent);
    let new = fields.required("invitation", request.invitation).and_then(|invitation| {
        let account = fields.account("invitation.account", &invitation.account);
        let note = text(&mut fields, "invitation.note", &invitation.note, Text::NOTE);
        let labels = labels(&mut fields, "invitation.labels", invitation.labels);
        let folder = match invitation.folder.as_str() {
            "" => Some(ROOT_FOLDER.to_owned()),
            name => folder(&mut fields, "invitation.folder", name, directory),
        };
        Some(NewInvitation { account: account?, note: note?, folder: folder?, labels: labels? })
    });
    let (directory, new) = finish(fields, directory.zip(new))?;
    Ok((change, directory, new))
}
