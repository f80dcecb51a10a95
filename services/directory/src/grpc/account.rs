//! Accounts.

use std::mem::take;

use bailiwick_core::AccountId;
use bailiwick_rpc::{Call, InvalidFields, split};
use pb::account_service_server::AccountService;
use tonic::{Request, Response, Status, async_trait};

use super::{
    Grpc, answer, convert,
    parse::{finish, mutation, page, text},
    pb,
};
use crate::{
    app::Mutation,
    domain::{
        Text,
        account::{Attestation, NewAccount},
        is_provider,
    },
};

#[async_trait]
impl AccountService for Grpc {
    async fn create_account(
        &self,
        request: Request<pb::CreateAccountRequest>,
    ) -> Result<Response<pb::Account>, Status> {
        let (call, request) = split(request)?;
        let (change, new) = parse_create(&call, request)?;
        let done = self.0.account_create(&call, &change, new).await?;
        Ok(answer(done, convert::account))
    }

    async fn get_account(&self, request: Request<pb::GetAccountRequest>) -> Result<Response<pb::Account>, Status> {
        let (call, request) = split(request)?;
        let mut fields = InvalidFields::new();
        let account = fields.account("name", &request.name);
        let found = self.0.account_get(&call, finish(fields, account)?).await?;
        Ok(Response::new(convert::account(found)))
    }

    async fn list_accounts(
        &self,
        request: Request<pb::ListAccountsRequest>,
    ) -> Result<Response<pb::ListAccountsResponse>, Status> {
        let (call, request) = split(request)?;
        let mut fields = InvalidFields::new();
        let asked = page(&mut fields, request.page_size, &request.page_token);
        let page = self.0.account_list(&call, &finish(fields, asked)?).await?;
        let accounts = page.items.into_iter().map(convert::account).collect();
        Ok(Response::new(pb::ListAccountsResponse { accounts, next_page_token: page.next }))
    }

    async fn verify_enterprise_identity(
        &self,
        request: Request<pb::VerifyEnterpriseIdentityRequest>,
    ) -> Result<Response<pb::Account>, Status> {
        let (call, mut request) = split(request)?;
        let etag = request.etag.clone();
        let (change, account, attested) = parse_verify(&call, &mut request)?;
        let done = self.0.account_verify(&call, &change, account, attested, &etag).await?;
        Ok(answer(done, convert::account))
    }

    async fn create_root_access_key(
        &self,
        request: Request<pb::CreateRootAccessKeyRequest>,
    ) -> Result<Response<pb::RootAccessKey>, Status> {
        let (call, mut request) = split(request)?;
        let mut fields = InvalidFields::new();
        let request_id = take(&mut request.request_id);
        let change = mutation(&mut fields, &call, &request_id, &request);
        let account = fields.account("account", &request.account);
        let done = self.0.access_key_create_root(&call, &change, finish(fields, account)?).await?;
        Ok(answer(done, convert::root_access_key))
    }
}

fn parse_create(call: &Call, mut request: pb::CreateAccountRequest) -> Result<(Mutation, NewAccount), Status> {
    let mut fields = InvalidFields::new();
    let request_id = take(&mut request.request_id);
    let change = mutation(&mut fields, call, &request_id, &request);
    let new = fields.required("account", request.account).and_then(|account| {
        let names = ["account.display_name", "account.provider", "account.external_id"];
        new_account(&mut fields, names, &account.display_name, &account.provider, &account.external_id)
    });
    let new = new.inspect(|new| {
        let named = new.external_id.is_empty() || !new.provider.is_empty();
        fields.check("account.provider", named, "must be set where `external_id` is");
    });
    Ok((change, finish(fields, new)?))
}

/// An account that is to be made; `names` are those of the fields.
pub(super) fn new_account(
    fields: &mut InvalidFields,
    names: [&str; 3],
    display_name: &str,
    provider: &str,
    external_id: &str,
) -> Option<NewAccount> {
    let [name_field, provider_field, id_field] = names;
    let display_name = text(fields, name_field, display_name, Text::DISPLAY_NAME);
    let known = provider.is_empty() || is_provider(provider);
    fields.check(provider_field, known, "must be at most 32 lower-case letters, digits or `-`, the first a letter");
    let external_id = text(fields, id_field, external_id, Text::EXTERNAL_ID);
    Some(NewAccount { display_name: display_name?, provider: provider.to_owned(), external_id: external_id? })
}

fn parse_verify(
    call: &Call,
    request: &mut pb::VerifyEnterpriseIdentityRequest,
) -> Result<(Mutation, AccountId, Attestation), Status> {
    let mut fields = InvalidFields::new();
    let request_id = take(&mut request.request_id);
    let change = mutation(&mut fields, call, &request_id, request);
    let account = fields.account("name", &request.name);
    let attested = fields.required("enterprise_identity", request.enterprise_identity.as_ref()).and_then(|asked| {
        let mut part =
            |name: &str, value: &str, rule| text(&mut fields, &format!("enterprise_identity.{name}"), value, rule);
        let legal_name = part("legal_name", &asked.legal_name, Text::LEGAL_NAME);
        let number = part("registration_number", &asked.registration_number, Text::REGISTRATION_NUMBER);
        let verifier = part("verifier", &asked.verifier, Text::VERIFIER);
        Some(Attestation { legal_name: legal_name?, registration_number: number?, verifier: verifier? })
    });
    let (account, attested) = finish(fields, account.zip(attested))?;
    Ok((change, account, attested))
}
