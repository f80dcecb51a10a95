//! Tokens.

use bailiwick_api::r#type::v1::PrincipalKind;
use bailiwick_core::IdentityName;
use bailiwick_rpc::{InvalidFields, split};
use pb::token_service_server::TokenService;
use tonic::{Request, Response, Status, async_trait};

use super::{
    Grpc, answer, convert,
    identity_provider::PROVIDER,
    parse::{finish, in_account},
    pb,
};
use crate::app::{SignIn, SignedIn};

#[async_trait]
impl TokenService for Grpc {
    async fn create_token(&self, request: Request<pb::CreateTokenRequest>) -> Result<Response<pb::Token>, Status> {
        let (_, request) = split(request)?;
        let mut fields = InvalidFields::new();
        fields.check("access_key_id", !request.access_key_id.is_empty(), "must be set");
        fields.check("secret", !request.secret.is_empty(), "must be set");
        finish(fields, Some(()))?;
        let token = self.0.token_create(&request.access_key_id, &request.secret).await?;
        let expire_time = Some(convert::timestamp(token.expire_time));
        Ok(Response::new(pb::Token { access_token: token.text, expire_time }))
    }

    async fn get_caller_identity(
        &self,
        request: Request<pb::GetCallerIdentityRequest>,
    ) -> Result<Response<pb::CallerIdentity>, Status> {
        let (call, _) = split(request)?;
        let permit = &call.permit;
        Ok(Response::new(pb::CallerIdentity {
            principal: permit.identity().map(ToString::to_string).unwrap_or_default(),
            kind: PrincipalKind::from(call.operator.kind).into(),
            account: permit.account().map(|id| id.name()).unwrap_or_default(),
            directory: permit.directory().map(|id| id.name()).unwrap_or_default(),
            session_name: call.operator.session_name.clone(),
            source_identity: call.operator.source_identity.clone(),
            mfa_present: permit.authentication().is_some_and(|how| how.mfa),
        }))
    }

    async fn assume_role(&self, _: Request<pb::AssumeRoleRequest>) -> Result<Response<pb::RoleSession>, Status> {
        Err(Status::unimplemented("AssumeRole is being built"))
    }

    async fn sign_in(&self, request: Request<pb::SignInRequest>) -> Result<Response<pb::RoleSession>, Status> {
        let (call, request) = split(request)?;
        let role = (!request.role.is_empty()).then(|| request.role.parse::<IdentityName>());
        let mut fields = InvalidFields::new();
        let named = in_account(&mut fields, "identity_provider", &request.identity_provider, PROVIDER);
        fields.check("id_token", !request.id_token.is_empty(), "must be set");
        let is_role = role.as_ref().is_none_or(|role| matches!(role, Ok(IdentityName::Role(..))));
        fields.check("role", is_role, "must be of the form `accounts/{account}/roles/{role}`");
        let (account, [provider]) = finish(fields, named)?;
        let role = role.and_then(Result::ok);
        let (token, nonce) = (&request.id_token, &request.nonce);
        let done = self.0.sign_in(&call, SignIn { account, provider, token, nonce, role: role.as_ref() }).await?;
        Ok(answer(done, signed_in))
    }

    async fn get_sign_in_options(
        &self,
        request: Request<pb::GetSignInOptionsRequest>,
    ) -> Result<Response<pb::SignInOptions>, Status> {
        let (_, request) = split(request)?;
        let mut fields = InvalidFields::new();
        let named = in_account(&mut fields, "identity_provider", &request.identity_provider, PROVIDER);
        let (account, [provider]) = finish(fields, named)?;
        let settings = self.0.sign_in_options(account, provider).await?.settings;
        let client_id = settings.client_ids.into_iter().next().unwrap_or_default();
        Ok(Response::new(pb::SignInOptions { issuer: settings.issuer, client_id, scopes: settings.scopes }))
    }

    async fn revoke_tokens(
        &self,
        _: Request<pb::RevokeTokensRequest>,
    ) -> Result<Response<pb::RevokeTokensResponse>, Status> {
        Err(Status::unimplemented("RevokeTokens is being built"))
    }
}

fn signed_in(signed: SignedIn) -> pb::RoleSession {
    pb::RoleSession {
        access_token: signed.text,
        principal: signed.principal.to_string(),
        session_name: signed.session_name,
        expire_time: Some(convert::timestamp(signed.expire_time)),
    }
}
