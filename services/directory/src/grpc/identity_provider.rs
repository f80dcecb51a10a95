//! Identity providers.

use std::mem::take;

use bailiwick_core::{AccountId, IdentityName};
use bailiwick_openid::Reach;
use bailiwick_rpc::{Call, InvalidFields, split};
use pb::identity_provider_service_server::IdentityProviderService;
use prost_types::FieldMask;
use tonic::{Request, Response, Status, async_trait};

use super::{
    Grpc, answer, convert,
    parse::{finish, in_account, mutation, page},
    pb,
};
use crate::{
    app::{Mutation, ProviderUpdate},
    domain::identity_provider::{ClaimMapping, IdentityProvider, Setting, Settings, is_provider_id},
};

pub(super) const PROVIDER: &str = "accounts/{account}/identityProviders/{identity_provider}";

#[async_trait]
impl IdentityProviderService for Grpc {
    async fn create_identity_provider(
        &self,
        request: Request<pb::CreateIdentityProviderRequest>,
    ) -> Result<Response<pb::IdentityProvider>, Status> {
        let (call, request) = split(request)?;
        let (change, account, (id, settings)) = parse_create(&call, request, self.0.openid.reach())?;
        let done = self.0.identity_provider_create(&call, &change, account, (&id, &settings)).await?;
        Ok(answer(done, provider))
    }

    async fn get_identity_provider(
        &self,
        request: Request<pb::GetIdentityProviderRequest>,
    ) -> Result<Response<pb::IdentityProvider>, Status> {
        let (call, request) = split(request)?;
        let mut fields = InvalidFields::new();
        let named = in_account(&mut fields, "name", &request.name, PROVIDER);
        let (account, [id]) = finish(fields, named)?;
        let found = self.0.identity_provider_get(&call, account, id).await?;
        Ok(Response::new(provider(found)))
    }

    async fn list_identity_providers(
        &self,
        request: Request<pb::ListIdentityProvidersRequest>,
    ) -> Result<Response<pb::ListIdentityProvidersResponse>, Status> {
        let (call, request) = split(request)?;
        let mut fields = InvalidFields::new();
        let account = fields.account("parent", &request.parent);
        let asked = page(&mut fields, request.page_size, &request.page_token);
        let (account, asked) = finish(fields, account.zip(asked))?;
        let page = self.0.identity_provider_list(&call, account, &asked).await?;
        let identity_providers = page.items.into_iter().map(provider).collect();
        Ok(Response::new(pb::ListIdentityProvidersResponse { identity_providers, next_page_token: page.next }))
    }

    async fn update_identity_provider(
        &self,
        request: Request<pb::UpdateIdentityProviderRequest>,
    ) -> Result<Response<pb::IdentityProvider>, Status> {
        let (call, mut request) = split(request)?;
        let mut fields = InvalidFields::new();
        let request_id = take(&mut request.request_id);
        let change = mutation(&mut fields, &call, &request_id, &request);
        let message = request.identity_provider.unwrap_or_default();
        let asked = parse_update(fields, &message, request.update_mask, self.0.openid.reach())?;
        let done = self.0.identity_provider_update(&call, &change, &asked).await?;
        Ok(answer(done, provider))
    }

    async fn delete_identity_provider(
        &self,
        request: Request<pb::DeleteIdentityProviderRequest>,
    ) -> Result<Response<()>, Status> {
        let (call, mut request) = split(request)?;
        let mut fields = InvalidFields::new();
        let request_id = take(&mut request.request_id);
        let change = mutation(&mut fields, &call, &request_id, &request);
        let named = in_account(&mut fields, "name", &request.name, PROVIDER);
        let (account, [id]) = finish(fields, named)?;
        let done = self.0.identity_provider_delete(&call, &change, account, id, &request.etag).await?;
        Ok(answer(done, |()| ()))
    }
}

type Create = (Mutation, AccountId, (String, Settings));

fn parse_create(call: &Call, mut request: pb::CreateIdentityProviderRequest, reach: Reach) -> Result<Create, Status> {
    let mut fields = InvalidFields::new();
    let request_id = take(&mut request.request_id);
    let change = mutation(&mut fields, call, &request_id, &request);
    let account = fields.account("parent", &request.parent);
    let id = is_provider_id(&request.identity_provider_id);
    fields.check("identity_provider_id", id, "must be 1 to 64 lower-case letters, digits and `-`");
    let message = request.identity_provider.unwrap_or_default();
    let every = Setting::ALL.map(|(_, setting)| setting);
    let settings = account.and_then(|account| settings(&mut fields, &message, account, (reach, &every)));
    let (account, settings) = finish(fields, account.zip(settings))?;
    Ok((change, account, (request.identity_provider_id, settings)))
}

fn parse_update(
    mut fields: InvalidFields,
    message: &pb::IdentityProvider,
    mask: Option<FieldMask>,
    reach: Reach,
) -> Result<ProviderUpdate<'_>, Status> {
    let named = in_account(&mut fields, "identity_provider.name", &message.name, PROVIDER);
    let changed = match mask.filter(|mask| !mask.paths.is_empty()) {
        Some(mask) => masked(&mut fields, &mask),
        None => set(message),
    };
    let to = named.and_then(|(account, _)| settings(&mut fields, message, account, (reach, &changed)));
    let ((account, [id]), to) = finish(fields, named.zip(to))?;
    Ok(ProviderUpdate { account, id, to, changed, etag: &message.etag })
}

fn masked(fields: &mut InvalidFields, mask: &FieldMask) -> Vec<Setting> {
    let of = |path: &str| Setting::ALL.iter().find(|(name, _)| *name == path).map(|(_, setting)| *setting);
    let all = mask.paths.iter().all(|path| of(path).is_some());
    let names = Setting::ALL.map(|(name, _)| format!("`{name}`")).join(", ");
    fields.check("update_mask", all, format!("must name of {names} what is to change"));
    mask.paths.iter().filter_map(|path| of(path)).collect()
}

/// The settings that a message has.
fn set(message: &pb::IdentityProvider) -> Vec<Setting> {
    let is_set = |setting: Setting| match setting {
        Setting::Issuer => !message.issuer.is_empty(),
        Setting::ClientIds => !message.client_ids.is_empty(),
        Setting::Scopes => !message.scopes.is_empty(),
        Setting::UserClaim => !message.user_claim.is_empty(),
        Setting::Mappings => !message.mappings.is_empty(),
        Setting::Description => !message.description.is_empty(),
    };
    Setting::ALL.into_iter().map(|(_, setting)| setting).filter(|setting| is_set(*setting)).collect()
}

/// The settings in a message, of which `checked` must be sound.
fn settings(
    fields: &mut InvalidFields,
    message: &pb::IdentityProvider,
    account: AccountId,
    (reach, checked): (Reach, &[Setting]),
) -> Option<Settings> {
    let mut mappings = Vec::new();
    for (at, mapping) in message.mappings.iter().enumerate() {
        // What cannot be read is an identity that is refused below.
        let identity = mapping.identity.parse().unwrap_or_else(|_| IdentityName::Operator(at.to_string()));
        let identity = match &identity {
            IdentityName::User(_, id) | IdentityName::Role(_, id) if !id.bytes().all(|b| b.is_ascii_graphic()) => {
                IdentityName::Operator(at.to_string())
            }
            _ => identity,
        };
        mappings.push(ClaimMapping { claim: mapping.claim.clone(), value: mapping.value.clone(), identity });
    }
    let settings = Settings {
        issuer: message.issuer.clone(),
        client_ids: message.client_ids.clone(),
        scopes: message.scopes.clone(),
        user_claim: message.user_claim.clone(),
        mappings,
        description: message.description.clone(),
    };
    let problems = settings.problems(account, reach);
    let problems: Vec<_> = problems.into_iter().filter(|problem| checked.contains(&problem.setting)).collect();
    let sound = problems.is_empty();
    for problem in problems {
        fields.violation(format!("identity_provider.{}", problem.place), problem.text);
    }
    sound.then_some(settings)
}

fn provider(provider: IdentityProvider) -> pb::IdentityProvider {
    let (name, etag) = (provider.name(), provider.etag());
    let settings = provider.settings;
    let mapping = |mapping: ClaimMapping| pb::ClaimMapping {
        claim: mapping.claim,
        value: mapping.value,
        identity: mapping.identity.to_string(),
    };
    pb::IdentityProvider {
        name,
        issuer: settings.issuer,
        client_ids: settings.client_ids,
        scopes: settings.scopes,
        user_claim: settings.user_claim,
        mappings: settings.mappings.into_iter().map(mapping).collect(),
        description: settings.description,
        create_time: Some(convert::timestamp(provider.create_time)),
        update_time: Some(convert::timestamp(provider.update_time)),
        etag,
    }
}
