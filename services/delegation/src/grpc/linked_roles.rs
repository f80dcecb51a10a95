//! Directory's `LinkedRoleService`, as a client.

use bailiwick_api::directory::v1::{
    CreateLinkedRoleRequest, DeleteLinkedRoleRequest, LinkedRole as LinkedRoleMessage, ListLinkedRolesRequest,
    linked_role_service_client::LinkedRoleServiceClient,
};
use bailiwick_core::{AccountId, DirectoryId};
use bailiwick_db::Position;
use futures::future::BoxFuture;
use tonic::{Code, transport::Channel};

use super::claims::{account, in_time, position, request, senseless, time};
use crate::{
    app::{
        claims::{Behalf, ClaimsError},
        linked_roles::{Deleted, LinkedRoles},
    },
    domain::LinkedRole,
};

/// The client.
#[derive(Clone, Debug)]
pub struct DirectoryLinkedRoles(LinkedRoleServiceClient<Channel>);

impl DirectoryLinkedRoles {
    /// Over a channel to directory.
    pub fn new(channel: Channel) -> Self {
        Self(LinkedRoleServiceClient::new(channel))
    }
}

impl LinkedRoles for DirectoryLinkedRoles {
    fn create<'a>(
        &'a self,
        behalf: &'a Behalf,
        directory: DirectoryId,
        account: AccountId,
        role: &'a str,
    ) -> BoxFuture<'a, Result<(LinkedRole, Position), ClaimsError>> {
        let message =
            CreateLinkedRoleRequest { directory: directory.name(), account: account.name(), role: role.to_owned() };
        let mut client = self.0.clone();
        Box::pin(async move {
            let answer = in_time(behalf, client.create_linked_role(request(behalf, message))).await?;
            let position = position(&answer)?;
            let role = linked_role(answer.get_ref()).ok_or_else(|| senseless("a role"))?;
            Ok((role, position))
        })
    }

    fn list<'a>(
        &'a self,
        behalf: &'a Behalf,
        account: AccountId,
        size: i32,
        token: &'a str,
    ) -> BoxFuture<'a, Result<(Vec<LinkedRole>, String), ClaimsError>> {
        let message = ListLinkedRolesRequest { account: account.name(), page_size: size, page_token: token.to_owned() };
        let mut client = self.0.clone();
        Box::pin(async move {
            let page = in_time(behalf, client.list_linked_roles(request(behalf, message))).await?.into_inner();
            let roles = page.linked_roles.iter().map(linked_role).collect::<Option<Vec<_>>>();
            Ok((roles.ok_or_else(|| senseless("a role"))?, page.next_page_token))
        })
    }

    fn delete<'a>(
        &'a self,
        behalf: &'a Behalf,
        account: AccountId,
        incarnation: &'a str,
        role: &'a str,
    ) -> BoxFuture<'a, Result<Deleted, ClaimsError>> {
        let (role, incarnation) = (role.to_owned(), incarnation.to_owned());
        let message = DeleteLinkedRoleRequest { account: account.name(), role, incarnation };
        let mut client = self.0.clone();
        Box::pin(async move {
            match in_time(behalf, client.delete_linked_role(request(behalf, message))).await {
                Ok(answer) => Ok(Deleted::Gone(position(&answer)?)),
                Err(ClaimsError::Refused(status)) if status.code() == Code::FailedPrecondition => Ok(Deleted::InUse),
                Err(error) => Err(error),
            }
        })
    }
}

fn linked_role(message: &LinkedRoleMessage) -> Option<LinkedRole> {
    Some(LinkedRole {
        account: account(&message.account)?,
        id: message.role.clone(),
        created: time(message.create_time.as_ref()?)?,
    })
}
