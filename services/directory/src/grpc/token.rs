//! Tokens.

use std::mem::take;

use bailiwick_api::r#type::v1::PrincipalKind;
use bailiwick_core::{
    AccountId, IdentityName,
    authz::{Document, PolicyKind},
};
use bailiwick_rpc::{InvalidFields, split};
use pb::token_service_server::TokenService;
use tonic::{Request, Response, Status, async_trait};

use super::{
    Grpc, answer, convert,
    identity_provider::PROVIDER,
    parse::{finish, in_account, mutation},
    pb,
};
use crate::{
    app::{AssumeRole, Credentials, SignIn, SignedIn},
    domain::session::{asked_seconds, is_external_id, is_session_name},
};

#[async_trait]
impl TokenService for Grpc {
    async fn create_token(&self, request: Request<pb::CreateTokenRequest>) -> Result<Response<pb::Token>, Status> {
        let (call, request) = split(request)?;
        let mut fields = InvalidFields::new();
        fields.check("access_key_id", !request.access_key_id.is_empty(), "must be set");
        fields.check("secret", !request.secret.is_empty(), "must be set");
        finish(fields, Some(()))?;
        let source_ip = &call.operator.source_ip;
        let token = self.0.token_create(&request.access_key_id, &request.secret, source_ip).await?;
        let expire_time = Some(convert::timestamp(token.expire_time));
        Ok(Response::new(pb::Token { access_token: token.text.to_string(), expire_time }))
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
            mfa_present: permit.authentication().is_some_and(|proof| proof.mfa),
            identity_provider: call.operator.identity_provider.clone(),
            subject: call.operator.subject.clone(),
        }))
    }

    async fn assume_role(&self, request: Request<pb::AssumeRoleRequest>) -> Result<Response<pb::RoleSession>, Status> {
        let (call, mut request) = split(request)?;
        let mut fields = InvalidFields::new();
        let request_id = take(&mut request.request_id);
        let change = mutation(&mut fields, &call, &request_id, &request);
        let asked = parse_assume(&mut fields, &request);
        let asked = finish(fields, asked)?;
        let done = self.0.role_assume(&call, &change, &asked).await?;
        Ok(answer(done, convert::session))
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
        request: Request<pb::RevokeTokensRequest>,
    ) -> Result<Response<pb::RevokeTokensResponse>, Status> {
        let (call, mut request) = split(request)?;
        let mut fields = InvalidFields::new();
        let request_id = take(&mut request.request_id);
        let change = mutation(&mut fields, &call, &request_id, &request);
        let named = parse_identity(&mut fields, &request.identity);
        let (account, identity) = finish(fields, named)?;
        let with = if request.include_credentials { Credentials::Included } else { Credentials::Kept };
        let done = self.0.tokens_revoke(&call, &change, (account, &identity), with).await?;
        let revoked = |remaining: Vec<_>| pb::RevokeTokensResponse {
            remaining_credentials: remaining.into_iter().map(convert::credential).collect(),
        };
        Ok(answer(done, revoked))
    }
}

fn parse_assume<'a>(fields: &mut InvalidFields, request: &'a pb::AssumeRoleRequest) -> Option<AssumeRole<'a>> {
    let named = in_account(fields, "role", &request.role, "accounts/{account}/roles/{role}");
    let form = "must be 2 to 64 letters, digits and `.@-_=`";
    fields.check("session_name", is_session_name(&request.session_name), form);
    let policy = match request.session_policy.as_str() {
        "" => Some(None),
        text => fields.take("session_policy", Document::parse(PolicyKind::Session, text)).map(Some),
    };
    let seconds = asked_seconds(request.duration_seconds);
    fields.check("duration_seconds", seconds.is_some(), "must be 900 to 43,200, or 0 for 3,600");
    let external_id = request.external_id.is_empty() || is_external_id(&request.external_id);
    fields.check("external_id", external_id, "must be 2 to 1,224 characters that can be seen");
    let (account, [role]) = named?;
    Some(AssumeRole { account, role, session_name: &request.session_name, policy: policy?, seconds: seconds? })
}

/// A user or role, and its account.
fn parse_identity(fields: &mut InvalidFields, name: &str) -> Option<(AccountId, IdentityName)> {
    let plain = name.bytes().all(|b| b.is_ascii_graphic());
    let identity = name.parse::<IdentityName>().ok().filter(|_| plain);
    let named = identity.and_then(|identity| Some((identity.account()?, identity)));
    let form = "must be of the form `accounts/{account}/users/{user}` or `accounts/{account}/roles/{role}`";
    fields.check("identity", named.is_some(), form);
    named
}

fn signed_in(signed: SignedIn) -> pb::RoleSession {
    pb::RoleSession {
        access_token: signed.text,
        principal: signed.principal.to_string(),
        session_name: signed.session_name,
        expire_time: Some(convert::timestamp(signed.expire_time)),
    }
}
