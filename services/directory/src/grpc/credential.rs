//! Single-purpose credentials.

use std::mem::take;

use bailiwick_core::authz::{Audit, Rule, Seat};
use bailiwick_rpc::{InvalidFields, split};
use pb::credential_service_server::CredentialService;
use tonic::{Request, Response, Status, async_trait};

use super::{
    Grpc, answer, convert,
    parse::{self, finish, in_account, moment, mutation, page},
    pb,
};
use crate::domain::credential::NewCredential;

#[async_trait]
impl CredentialService for Grpc {
    async fn create_credential(
        &self,
        request: Request<pb::CreateCredentialRequest>,
    ) -> Result<Response<pb::Credential>, Status> {
        let (call, mut request) = split(request)?;
        let mut fields = InvalidFields::new();
        let request_id = take(&mut request.request_id);
        let change = mutation(&mut fields, &call, &request_id, &request);
        let named = parse::user(&mut fields, "parent", &request.parent);
        let new = parse_new(&mut fields, request.credential.unwrap_or_default());
        let (named, new) = finish(fields, named.zip(new))?;
        let done = self.0.credential_create(&call, &change, named, &new).await?;
        Ok(answer(done, convert::new_credential))
    }

    async fn list_credentials(
        &self,
        request: Request<pb::ListCredentialsRequest>,
    ) -> Result<Response<pb::ListCredentialsResponse>, Status> {
        let (call, request) = split(request)?;
        let mut fields = InvalidFields::new();
        let named = parse::user(&mut fields, "parent", &request.parent);
        let asked = page(&mut fields, request.page_size, &request.page_token);
        let ((account, user), asked) = finish(fields, named.zip(asked))?;
        let page = self.0.credential_list(&call, account, user, &asked).await?;
        let credentials = page.items.into_iter().map(convert::credential).collect();
        Ok(Response::new(pb::ListCredentialsResponse { credentials, next_page_token: page.next }))
    }

    async fn delete_credential(&self, request: Request<pb::DeleteCredentialRequest>) -> Result<Response<()>, Status> {
        let (call, mut request) = split(request)?;
        let mut fields = InvalidFields::new();
        let request_id = take(&mut request.request_id);
        let change = mutation(&mut fields, &call, &request_id, &request);
        let pattern = "accounts/{account}/users/{user}/credentials/{credential}";
        let named = in_account(&mut fields, "name", &request.name, pattern);
        let (account, [user, credential]) = finish(fields, named)?;
        let done = self.0.credential_delete(&call, &change, account, (user, credential), &request.etag).await?;
        Ok(answer(done, |()| ()))
    }
}

fn parse_new(fields: &mut InvalidFields, credential: pb::Credential) -> Option<NewCredential> {
    let form = "must be the action of a method that asks for a policy, such as `directory:ListMembers`";
    fields.check("credential.action", is_single(&credential.action), form);
    let expire_time = match &credential.expire_time {
        None => None,
        Some(time) => Some(moment(fields, "credential.expire_time", time)?),
    };
    Some(NewCredential { action: credential.action, expire_time })
}

/// Whether a credential can be good for an action: one of a method that policies are asked about. Assuming a role is
/// none, for the session could do what the role may; nor is what makes credentials or rights, for they could do more.
fn is_single(action: &str) -> bool {
    let asked = |seat| !matches!(seat, Seat::Public | Seat::Authenticated | Seat::Internal | Seat::TrustedPrincipal);
    let grants = |rule: &Rule| rule.audit == Audit::Write && (action.starts_with("ram:") || action.starts_with("sts:"));
    bailiwick_api::rules().iter().any(|rule| rule.action == action && asked(rule.seat) && !grants(rule))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn credentials_are_good_for_actions_that_policies_are_asked_about() {
        for (action, ok) in [
            ("directory:ListMembers", true),
            ("ram:ListUsers", true),
            ("ram:CreateAccessKey", false),
            ("ram:AttachPolicy", false),
            ("sts:RevokeTokens", false),
            ("sts:GetCallerIdentity", false),
            ("sts:CreateToken", false),
            ("sts:AssumeRole", false),
            ("directory:*", false),
            ("directory:NoSuchAction", false),
            ("", false),
        ] {
            assert_eq!(is_single(action), ok, "{action}");
        }
        let internal = bailiwick_api::rules().iter().filter(|rule| rule.seat == Seat::Internal);
        assert!(internal.into_iter().all(|rule| !is_single(rule.action)));
    }
}
