//! `bailiwick.sase.v1.SaseIdentityProviderService`.

use bailiwick_api::sase::v1::{self as pb, sase_identity_provider_service_server::SaseIdentityProviderService};
use bailiwick_openid::Reach;
use bailiwick_rpc::{Call, InvalidFields, split};
use tonic::{Request, Response, Status};

use super::parse::{self, DISPLAY_NAME_MAX, timestamp};
use crate::access::{
    app::Sase,
    domain::{IdentityProvider, IdentitySettings, Meta, Resource, ResourceKind},
};

/// The fields that an update can name.
const FIELDS: &[&str] = &[
    "display_name",
    "issuer",
    "audiences",
    "user_claim",
    "user_attribute",
    "group_claim",
    "group_mappings",
    "attribute_claims",
    "multi_factor_acrs",
    "phishing_resistant_acrs",
];
const FIELD: &str = "sase_identity_provider";
/// No more than this many names of groups are read.
const MAPPINGS_MAX: usize = 200;

/// The service.
pub(super) struct IdentityProviders(pub(super) Sase, pub(super) Reach);

#[tonic::async_trait]
impl SaseIdentityProviderService for IdentityProviders {
    async fn create_sase_identity_provider(
        &self,
        request: Request<pb::CreateSaseIdentityProviderRequest>,
    ) -> Result<Response<pb::SaseIdentityProvider>, Status> {
        let (call, mut message) = split(request)?;
        let mut fields = InvalidFields::new();
        let request_id = std::mem::take(&mut message.request_id);
        let key = parse::key(&mut fields, &call, &request_id, &message);
        parse::new_id(&mut fields, "sase_identity_provider_id", &message.sase_identity_provider_id);
        let asked = message.sase_identity_provider.unwrap_or_default();
        let settings = read(&mut fields, &call, (asked, self.1), &|_| true);
        fields.finish()?;
        let make = |meta: Meta| IdentityProvider { meta, settings: settings.clone() };
        Ok(parse::done(self.0.create(&call, &key, &message.sase_identity_provider_id, make).await?, provider))
    }

    async fn get_sase_identity_provider(
        &self,
        request: Request<pb::GetSaseIdentityProviderRequest>,
    ) -> Result<Response<pb::SaseIdentityProvider>, Status> {
        let (call, message) = split(request)?;
        let mut fields = InvalidFields::new();
        let Some(id) = parse::id(&mut fields, &call, "name", ResourceKind::IdentityProvider, &message.name) else {
            return Err(fields.into_status());
        };
        Ok(Response::new(provider(self.0.get(&call, &id).await?)))
    }

    async fn list_sase_identity_providers(
        &self,
        request: Request<pb::ListSaseIdentityProvidersRequest>,
    ) -> Result<Response<pb::ListSaseIdentityProvidersResponse>, Status> {
        let (call, message) = split(request)?;
        let page = self.0.list(&call, parse::page(message.page_size)?, &message.page_token).await?;
        let sase_identity_providers = page.items.into_iter().map(provider).collect();
        let next_page_token = page.next;
        Ok(Response::new(pb::ListSaseIdentityProvidersResponse { sase_identity_providers, next_page_token }))
    }

    async fn update_sase_identity_provider(
        &self,
        request: Request<pb::UpdateSaseIdentityProviderRequest>,
    ) -> Result<Response<pb::SaseIdentityProvider>, Status> {
        let (call, mut message) = split(request)?;
        let mut fields = InvalidFields::new();
        let request_id = std::mem::take(&mut message.request_id);
        let key = parse::key(&mut fields, &call, &request_id, &message);
        let named = parse::mask(&mut fields, message.update_mask, FIELDS);
        let Some(asked) = fields.required(FIELD, message.sase_identity_provider) else {
            return Err(fields.into_status());
        };
        let (kind, field) = (ResourceKind::IdentityProvider, "sase_identity_provider.name");
        let (id, etag) = (parse::id(&mut fields, &call, field, kind, &asked.name), asked.etag.clone());
        let settings = read(&mut fields, &call, (asked, self.1), &named);
        let Some(id) = id else { return Err(fields.into_status()) };
        fields.finish()?;
        let change = |provider: &mut IdentityProvider| {
            write(&mut provider.settings, settings.clone(), &named);
            Ok(())
        };
        Ok(parse::done(self.0.update(&call, &key, (&id, &etag), change).await?, provider))
    }

    async fn delete_sase_identity_provider(
        &self,
        request: Request<pb::DeleteSaseIdentityProviderRequest>,
    ) -> Result<Response<()>, Status> {
        let (call, mut message) = split(request)?;
        let mut fields = InvalidFields::new();
        let request_id = std::mem::take(&mut message.request_id);
        let key = parse::key(&mut fields, &call, &request_id, &message);
        let Some(id) = parse::id(&mut fields, &call, "name", ResourceKind::IdentityProvider, &message.name) else {
            return Err(fields.into_status());
        };
        fields.finish()?;
        Ok(parse::done(self.0.delete::<IdentityProvider>(&call, &key, (&id, &message.etag)).await?, |()| ()))
    }
}

/// What is asked, of which the fields that are named must be sound.
fn read(
    fields: &mut InvalidFields,
    call: &Call,
    (asked, reach): (pb::SaseIdentityProvider, Reach),
    named: &dyn Fn(&str) -> bool,
) -> IdentitySettings {
    if named("display_name") {
        fields.text("sase_identity_provider.display_name", &asked.display_name, 1..=DISPLAY_NAME_MAX);
    }
    let mut group_mappings = Vec::new();
    for (at, mapping) in asked.group_mappings.into_iter().enumerate() {
        // One that is too many is not looked at, but counted.
        let looked_at = named("group_mappings") && at < MAPPINGS_MAX;
        let field = format!("{FIELD}.group_mappings[{at}].user_group");
        let group = match looked_at {
            true => parse::id(fields, call, &field, ResourceKind::UserGroup, &mapping.user_group),
            false => None,
        };
        group_mappings.push((mapping.value, group.unwrap_or_default()));
    }
    let settings = IdentitySettings {
        display_name: asked.display_name,
        issuer: asked.issuer,
        audiences: asked.audiences,
        user_claim: asked.user_claim,
        user_attribute: asked.user_attribute,
        group_claim: asked.group_claim,
        group_mappings,
        attribute_claims: asked.attribute_claims,
        multi_factor_acrs: asked.multi_factor_acrs,
        phishing_resistant_acrs: asked.phishing_resistant_acrs,
    };
    for (place, problem) in settings.problems(reach) {
        let field = place.split('[').next().unwrap_or_default();
        if named(field) {
            fields.violation(format!("{FIELD}.{place}"), problem);
        }
    }
    settings
}

fn write(settings: &mut IdentitySettings, asked: IdentitySettings, named: &dyn Fn(&str) -> bool) {
    let before = std::mem::take(settings);
    let text = |field: &str, asked: String, before: String| if named(field) { asked } else { before };
    let texts = |field: &str, asked: Vec<String>, before: Vec<String>| if named(field) { asked } else { before };
    *settings = IdentitySettings {
        display_name: text("display_name", asked.display_name, before.display_name),
        issuer: text("issuer", asked.issuer, before.issuer),
        audiences: texts("audiences", asked.audiences, before.audiences),
        user_claim: text("user_claim", asked.user_claim, before.user_claim),
        user_attribute: text("user_attribute", asked.user_attribute, before.user_attribute),
        group_claim: text("group_claim", asked.group_claim, before.group_claim),
        group_mappings: if named("group_mappings") { asked.group_mappings } else { before.group_mappings },
        attribute_claims: texts("attribute_claims", asked.attribute_claims, before.attribute_claims),
        multi_factor_acrs: texts("multi_factor_acrs", asked.multi_factor_acrs, before.multi_factor_acrs),
        phishing_resistant_acrs: texts(
            "phishing_resistant_acrs",
            asked.phishing_resistant_acrs,
            before.phishing_resistant_acrs,
        ),
    };
}

pub(super) fn provider(provider: IdentityProvider) -> pb::SaseIdentityProvider {
    let (name, etag, directory) = (provider.name(), provider.meta.etag(), provider.meta.directory);
    let settings = provider.settings;
    let mapping = |(value, group): (String, String)| pb::SaseGroupMapping {
        value,
        user_group: ResourceKind::UserGroup.name(directory, &group),
    };
    pb::SaseIdentityProvider {
        name,
        display_name: settings.display_name,
        issuer: settings.issuer,
        audiences: settings.audiences,
        user_claim: settings.user_claim,
        user_attribute: settings.user_attribute,
        group_claim: settings.group_claim,
        group_mappings: settings.group_mappings.into_iter().map(mapping).collect(),
        attribute_claims: settings.attribute_claims,
        multi_factor_acrs: settings.multi_factor_acrs,
        phishing_resistant_acrs: settings.phishing_resistant_acrs,
        create_time: Some(timestamp(provider.meta.create_time)),
        update_time: Some(timestamp(provider.meta.update_time)),
        operator: provider.meta.operator,
        etag,
    }
}
