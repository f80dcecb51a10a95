//! Tokens.

use bailiwick_api::r#type::v1::PrincipalKind;
use bailiwick_rpc::{InvalidFields, split};
use pb::token_service_server::TokenService;
use tonic::{Request, Response, Status, async_trait};

use super::{Grpc, convert, parse::finish, pb};

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
            ..pb::CallerIdentity::default()
        }))
    }

    async fn assume_role(&self, _: Request<pb::AssumeRoleRequest>) -> Result<Response<pb::RoleSession>, Status> {
        Err(Status::unimplemented("AssumeRole is being built"))
    }

    async fn sign_in(&self, _: Request<pb::SignInRequest>) -> Result<Response<pb::RoleSession>, Status> {
        Err(Status::unimplemented("SignIn is being built"))
    }

    async fn get_sign_in_options(
        &self,
        _: Request<pb::GetSignInOptionsRequest>,
    ) -> Result<Response<pb::SignInOptions>, Status> {
        Err(Status::unimplemented("GetSignInOptions is being built"))
    }

    async fn revoke_tokens(
        &self,
        _: Request<pb::RevokeTokensRequest>,
    ) -> Result<Response<pb::RevokeTokensResponse>, Status> {
        Err(Status::unimplemented("RevokeTokens is being built"))
    }
}
