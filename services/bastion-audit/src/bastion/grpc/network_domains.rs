//! `bailiwick.bastion.v1.NetworkDomainService`.

use bailiwick_api::bastion::v1::{self as pb, network_domain_service_server::NetworkDomainService};
use bailiwick_core::Timestamp;
use bailiwick_rpc::{Call, InvalidFields, split};
use tonic::{Request, Response, Status};

use super::{
    asset_write::item_result,
    parse::{self, Named, timestamp},
    proxies::{ProxyDraft, proxy, read_proxy},
};
use crate::bastion::{
    app::{Bastion, Secrets},
    domain::{Meta, NetworkDomain, ProxyPlace, Resource, ResourceKind},
};

/// The fields that an update can name.
const FIELDS: &[&str] = &["display_name", "comment", "mode", "primary_proxy", "secondary_proxy"];
/// Most assets of a call that moves them.
const ASSETS_MAX: usize = 100;

/// The service.
pub(super) struct NetworkDomains(pub(super) Bastion);

/// What is asked of a network domain. What is not named is none.
struct Draft {
    display_name: Option<String>,
    comment: Option<String>,
    proxied: Option<bool>,
    /// None within for none.
    proxies: [(ProxyPlace, Option<Option<ProxyDraft>>); 2],
}

#[tonic::async_trait]
impl NetworkDomainService for NetworkDomains {
    async fn create_network_domain(
        &self,
        request: Request<pb::CreateNetworkDomainRequest>,
    ) -> Result<Response<pb::NetworkDomain>, Status> {
        let (call, mut message) = split(request)?;
        let mut fields = InvalidFields::new();
        let request_id = std::mem::take(&mut message.request_id);
        let key = parse::secret_key(&mut fields, (&call, &self.0), &request_id, &message)?;
        let place = parse::instance_id(&mut fields, &call, "parent", &message.parent);
        parse::new_id(&mut fields, "network_domain_id", &message.network_domain_id);
        let asked = message.network_domain.unwrap_or_default();
        let draft = read(&mut fields, (&call, asked), &Named::whole());
        let Some(place) = place else { return Err(fields.into_status()) };
        fields.finish()?;
        let now = self.0.now();
        let done =
            self.0.create(&call, &key, (&place, &message.network_domain_id), |meta| draft.made(meta, now)).await?;
        Ok(parse::done(done, network_domain))
    }

    async fn get_network_domain(
        &self,
        request: Request<pb::GetNetworkDomainRequest>,
    ) -> Result<Response<pb::NetworkDomain>, Status> {
        let (call, message) = split(request)?;
        let mut fields = InvalidFields::new();
        let Some([instance, id]) = parse::ids(&mut fields, &call, "name", ResourceKind::NetworkDomain, &message.name)
        else {
            return Err(fields.into_status());
        };
        Ok(Response::new(network_domain(self.0.get(&call, (instance, id)).await?)))
    }

    async fn list_network_domains(
        &self,
        request: Request<pb::ListNetworkDomainsRequest>,
    ) -> Result<Response<pb::ListNetworkDomainsResponse>, Status> {
        let (call, message) = split(request)?;
        let mut fields = InvalidFields::new();
        let place = parse::instance_id(&mut fields, &call, "parent", &message.parent);
        let size = fields.page_size("page_size", message.page_size);
        let (Some(place), Some(size)) = (place, size) else { return Err(fields.into_status()) };
        let page = self.0.list(&call, &place, (size, &message.page_token)).await?;
        let network_domains = page.items.into_iter().map(network_domain).collect();
        Ok(Response::new(pb::ListNetworkDomainsResponse { network_domains, next_page_token: page.next }))
    }

    async fn update_network_domain(
        &self,
        request: Request<pb::UpdateNetworkDomainRequest>,
    ) -> Result<Response<pb::NetworkDomain>, Status> {
        let (call, mut message) = split(request)?;
        let mut fields = InvalidFields::new();
        let request_id = std::mem::take(&mut message.request_id);
        let key = parse::secret_key(&mut fields, (&call, &self.0), &request_id, &message)?;
        let named = Named::read(&mut fields, message.update_mask, FIELDS);
        let asked = message.network_domain.unwrap_or_default();
        let (name, etag) = (asked.name.clone(), asked.etag.clone());
        let ids = parse::ids(&mut fields, &call, "network_domain.name", ResourceKind::NetworkDomain, &name);
        let draft = read(&mut fields, (&call, asked), &named);
        let Some([instance, id]) = ids else { return Err(fields.into_status()) };
        fields.finish()?;
        let now = self.0.now();
        let change = |to: &mut _| draft.take(to, now);
        Ok(parse::done(self.0.update(&call, &key, (instance, id, &etag), change).await?, network_domain))
    }

    async fn delete_network_domain(
        &self,
        request: Request<pb::DeleteNetworkDomainRequest>,
    ) -> Result<Response<()>, Status> {
        let (call, mut message) = split(request)?;
        let mut fields = InvalidFields::new();
        let request_id = std::mem::take(&mut message.request_id);
        let key = parse::key(&mut fields, &call, &request_id, &message);
        let Some([instance, id]) = parse::ids(&mut fields, &call, "name", ResourceKind::NetworkDomain, &message.name)
        else {
            return Err(fields.into_status());
        };
        fields.finish()?;
        let of = (instance, id, message.etag.as_str());
        Ok(parse::done(self.0.delete::<NetworkDomain>(&call, &key, of).await?, |()| ()))
    }

    async fn move_assets(
        &self,
        request: Request<pb::MoveAssetsRequest>,
    ) -> Result<Response<pb::MoveAssetsResponse>, Status> {
        let (call, mut message) = split(request)?;
        let mut fields = InvalidFields::new();
        let request_id = std::mem::take(&mut message.request_id);
        let key = parse::key(&mut fields, &call, &request_id, &message);
        let (parent, kind) = (&message.parent, ResourceKind::NetworkDomain);
        let instance = parse::instance_id(&mut fields, &call, "parent", parent);
        let domain = match message.network_domain.as_str() {
            "" => Some(String::new()),
            name => parse::id_within(&mut fields, "network_domain", kind, parent, name),
        };
        let of = (ResourceKind::Asset, ASSETS_MAX);
        let assets = parse::ids_within(&mut fields, "assets", of, parent, &message.assets);
        let (Some(instance), Some(domain)) = (instance, domain) else { return Err(fields.into_status()) };
        fields.finish()?;
        Ok(parse::done(self.0.assets_move(&call, &key, (&instance, &domain), &assets).await?, |results| {
            pb::MoveAssetsResponse { results: results.into_iter().map(item_result).collect() }
        }))
    }
}

// === impl Draft ===

impl Draft {
    fn made(&self, meta: Meta, now: Timestamp) -> (NetworkDomain, Secrets) {
        let mut made = NetworkDomain {
            meta,
            display_name: String::new(),
            comment: String::new(),
            proxies: Vec::new(),
            proxied: false,
            secrets: 0,
        };
        let secrets = self.take(&mut made, now);
        (made, secrets)
    }

    fn take(&self, domain: &mut NetworkDomain, _: Timestamp) -> Secrets {
        parse::set(&mut domain.display_name, self.display_name.as_ref());
        parse::set(&mut domain.comment, self.comment.as_ref());
        parse::set(&mut domain.proxied, self.proxied.as_ref());
        let mut secrets = Secrets::new();
        for (place, asked) in &self.proxies {
            let Some(asked) = asked else { continue };
            let before = domain.proxy(*place).cloned();
            domain.proxies.retain(|proxy| proxy.place != *place);
            match asked {
                None => secrets.extend(place.slots().map(|slot| (slot, None))),
                Some(asked) => {
                    let (proxy, new) = asked.made(*place, before);
                    domain.proxies.push(proxy);
                    secrets.extend(new);
                }
            }
        }
        domain.proxies.sort_by_key(|proxy| proxy.place);
        domain.secrets += u64::from(secrets.iter().any(|(_, secret)| secret.is_some()));
        secrets
    }
}

fn read(fields: &mut InvalidFields, (_, asked): (&Call, pb::NetworkDomain), named: &Named) -> Draft {
    let at = |part: &str| format!("network_domain.{part}");
    let mut proxy = |part: &str, asked: Option<pb::Proxy>| {
        named.is(part).then(|| asked.and_then(|asked| read_proxy(fields, &at(part), asked)))
    };
    let proxies = [
        (ProxyPlace::Primary, proxy("primary_proxy", asked.primary_proxy)),
        (ProxyPlace::Secondary, proxy("secondary_proxy", asked.secondary_proxy)),
    ];
    let proxied = named.is("mode").then(|| match fields.enumeration(at("mode"), asked.mode) {
        Some(pb::NetworkDomainMode::Proxy) => true,
        Some(pb::NetworkDomainMode::Direct | pb::NetworkDomainMode::Unspecified) | None => false,
    });
    Draft {
        display_name: named
            .is("display_name")
            .then(|| parse::display_name(fields, at("display_name"), &asked.display_name)),
        comment: named.is("comment").then(|| parse::comment(fields, at("comment"), &asked.comment)),
        proxied,
        proxies,
    }
}

fn network_domain(domain: NetworkDomain) -> pb::NetworkDomain {
    let mode = if domain.proxied { pb::NetworkDomainMode::Proxy } else { pb::NetworkDomainMode::Direct };
    pb::NetworkDomain {
        name: domain.name(),
        mode: mode.into(),
        primary_proxy: domain.proxy(ProxyPlace::Primary).map(proxy),
        secondary_proxy: domain.proxy(ProxyPlace::Secondary).map(proxy),
        etag: domain.meta.etag(),
        create_time: Some(timestamp(domain.meta.create_time)),
        update_time: Some(timestamp(domain.meta.update_time)),
        operator: domain.meta.operator,
        display_name: domain.display_name,
        comment: domain.comment,
    }
}
