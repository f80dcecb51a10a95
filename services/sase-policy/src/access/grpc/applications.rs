//! `bailiwick.sase.v1.ApplicationService`.

use bailiwick_api::sase::v1::{self as pb, application_service_server::ApplicationService};
use bailiwick_core::AccountId;
use bailiwick_rpc::{Call, InvalidFields, split};
use tonic::{Request, Response, Status};

use super::parse::{self, DISPLAY_NAME_MAX, timestamp};
use crate::access::{
    app::{ImportedApplication, Sase},
    domain::{Application, Meta, Ports, Protocol, Resource, ResourceKind},
};

/// The fields that an update can name.
const FIELDS: &[&str] = &["display_name", "hosts", "ports", "protocol", "http_paths", "http_methods", "tags"];
const IMPORT_MAX: usize = 500;
const HOSTS_MAX: usize = 64;
const METHODS_MAX: usize = 16;
const TAGS_MAX: usize = 20;
const PATH_MAX: usize = 1_024;

/// What is asked of an application.
#[derive(Clone)]
struct Draft {
    display_name: String,
    hosts: Vec<String>,
    ports: Vec<Ports>,
    protocol: Protocol,
    http_paths: Vec<String>,
    http_methods: Vec<String>,
    tags: Vec<String>,
}

/// The service.
pub(super) struct Applications(pub(super) Sase);

#[tonic::async_trait]
impl ApplicationService for Applications {
    async fn create_application(
        &self,
        request: Request<pb::CreateApplicationRequest>,
    ) -> Result<Response<pb::Application>, Status> {
        let (call, mut message) = split(request)?;
        let mut fields = InvalidFields::new();
        let request_id = std::mem::take(&mut message.request_id);
        let key = parse::key(&mut fields, &call, &request_id, &message);
        parse::new_id(&mut fields, "application_id", &message.application_id);
        let asked = message.application.unwrap_or_default();
        let account = fields.account("application.account", &asked.account);
        let draft = read(&mut fields, "application", &asked, &|_| true);
        let (Some(account), Some(draft)) = (account, draft) else { return Err(fields.into_status()) };
        fields.finish()?;
        let make = |meta: Meta| draft.made(meta, account);
        Ok(parse::done(self.0.create(&call, &key, &message.application_id, make).await?, application))
    }

    async fn get_application(
        &self,
        request: Request<pb::GetApplicationRequest>,
    ) -> Result<Response<pb::Application>, Status> {
        let (call, message) = split(request)?;
        let mut fields = InvalidFields::new();
        let Some(id) = parse::id(&mut fields, &call, "name", ResourceKind::Application, &message.name) else {
            return Err(fields.into_status());
        };
        Ok(Response::new(application(self.0.get(&call, &id).await?)))
    }

    async fn list_applications(
        &self,
        request: Request<pb::ListApplicationsRequest>,
    ) -> Result<Response<pb::ListApplicationsResponse>, Status> {
        let (call, message) = split(request)?;
        let page = self.0.list(&call, parse::page(message.page_size)?, &message.page_token).await?;
        let applications = page.items.into_iter().map(application).collect();
        Ok(Response::new(pb::ListApplicationsResponse { applications, next_page_token: page.next }))
    }

    async fn update_application(
        &self,
        request: Request<pb::UpdateApplicationRequest>,
    ) -> Result<Response<pb::Application>, Status> {
        let (call, mut message) = split(request)?;
        let mut fields = InvalidFields::new();
        let request_id = std::mem::take(&mut message.request_id);
        let key = parse::key(&mut fields, &call, &request_id, &message);
        let named = parse::mask(&mut fields, message.update_mask, FIELDS);
        let Some(asked) = fields.required("application", message.application) else { return Err(fields.into_status()) };
        let id = parse::id(&mut fields, &call, "application.name", ResourceKind::Application, &asked.name);
        let draft = read(&mut fields, "application", &asked, &named);
        let (Some(id), Some(draft)) = (id, draft) else { return Err(fields.into_status()) };
        fields.finish()?;
        let change = |application: &mut Application| {
            draft.take(application, &named);
            Ok(())
        };
        Ok(parse::done(self.0.update(&call, &key, (&id, &asked.etag), change).await?, application))
    }

    async fn delete_application(&self, request: Request<pb::DeleteApplicationRequest>) -> Result<Response<()>, Status> {
        let (call, mut message) = split(request)?;
        let mut fields = InvalidFields::new();
        let request_id = std::mem::take(&mut message.request_id);
        let key = parse::key(&mut fields, &call, &request_id, &message);
        let Some(id) = parse::id(&mut fields, &call, "name", ResourceKind::Application, &message.name) else {
            return Err(fields.into_status());
        };
        fields.finish()?;
        Ok(parse::done(self.0.delete::<Application>(&call, &key, (&id, &message.etag)).await?, |()| ()))
    }

    async fn import_applications(
        &self,
        request: Request<pb::ImportApplicationsRequest>,
    ) -> Result<Response<pb::ImportApplicationsResponse>, Status> {
        let (call, mut message) = split(request)?;
        let mut fields = InvalidFields::new();
        let request_id = std::mem::take(&mut message.request_id);
        let key = parse::key(&mut fields, &call, &request_id, &message);
        let imported = imported(&mut fields, &call, &message.applications);
        fields.finish()?;
        Ok(parse::done(self.0.applications_import(&call, &key, &imported).await?, |saved| {
            pb::ImportApplicationsResponse { applications: saved.into_iter().map(application).collect() }
        }))
    }
}

fn imported(fields: &mut InvalidFields, call: &Call, asked: &[pb::Application]) -> Vec<ImportedApplication> {
    fields.check("applications", !asked.is_empty(), "must not be empty");
    let (mut imported, mut seen) = (Vec::new(), std::collections::BTreeSet::new());
    if !parse::at_most(fields, "applications", asked.len(), IMPORT_MAX) {
        return imported;
    }
    for (at, one) in asked.iter().enumerate() {
        let field = format!("applications[{at}]");
        let id = parse::id(fields, call, &format!("{field}.name"), ResourceKind::Application, &one.name);
        let account = fields.account(format!("{field}.account"), &one.account);
        let draft = read(fields, &field, one, &|_| true);
        let (Some(id), Some(account), Some(draft)) = (id, account, draft) else { continue };
        fields.check(format!("{field}.name"), seen.insert(id.clone()), "must be there once");
        let make = Box::new(move |meta| draft.made(meta, account));
        imported.push(ImportedApplication { id, make });
    }
    imported
}

// === impl Draft ===

impl Draft {
    fn made(&self, meta: Meta, account: AccountId) -> Application {
        let Self { display_name, hosts, ports, protocol, http_paths, http_methods, tags } = self.clone();
        Application { meta, display_name, account, hosts, ports, protocol, http_paths, http_methods, tags }
    }

    /// Makes an application what is named of this.
    fn take(&self, application: &mut Application, named: &impl Fn(&str) -> bool) {
        let before = application.clone();
        let all = self.made(before.meta.clone(), before.account);
        *application = Application {
            display_name: if named("display_name") { all.display_name } else { before.display_name },
            hosts: if named("hosts") { all.hosts } else { before.hosts },
            ports: if named("ports") { all.ports } else { before.ports },
            protocol: if named("protocol") { all.protocol } else { before.protocol },
            http_paths: if named("http_paths") { all.http_paths } else { before.http_paths },
            http_methods: if named("http_methods") { all.http_methods } else { before.http_methods },
            tags: if named("tags") { all.tags } else { before.tags },
            meta: before.meta,
            account: before.account,
        };
    }
}

/// What is asked of an application. What is not named is not looked at, and has no meaning.
fn read(
    fields: &mut InvalidFields,
    field: &str,
    asked: &pb::Application,
    named: &impl Fn(&str) -> bool,
) -> Option<Draft> {
    let at = |part: &str| format!("{field}.{part}");
    let mut display_name = Some(String::new());
    if named("display_name") {
        display_name = fields.text(at("display_name"), &asked.display_name, 1..=DISPLAY_NAME_MAX);
    }
    if named("hosts") {
        fields.check(at("hosts"), !asked.hosts.is_empty(), "must name a host");
        parse::at_most(fields, &at("hosts"), asked.hosts.len(), HOSTS_MAX);
        for (n, host) in asked.hosts.iter().enumerate() {
            fields.check(at(&format!("hosts[{n}]")), is_host(host), "must be a name or address in lower case");
        }
    }
    let mut ports = Some(Vec::new());
    if named("ports") {
        fields.check(at("ports"), !asked.ports.is_empty(), "must name a port");
        parse::at_most(fields, &at("ports"), asked.ports.len(), HOSTS_MAX);
        ports = asked.ports.iter().map(port_range).collect();
        fields.check(at("ports"), ports.is_some(), "must be of 1 to 65535, the last not below the first");
    }
    let mut protocol = Some(Protocol::Tcp);
    if named("protocol") {
        protocol = fields.enumeration(at("protocol"), asked.protocol).and_then(read_protocol);
    }
    if named("http_paths") {
        parse::at_most(fields, &at("http_paths"), asked.http_paths.len(), HOSTS_MAX);
        let sound = |path: &String| {
            let plain = path.bytes().all(|byte| byte.is_ascii_graphic() && !matches!(byte, b'?' | b'#'));
            path.starts_with('/') && path.len() <= PATH_MAX && plain
        };
        fields.check(at("http_paths"), asked.http_paths.iter().all(sound), "must be paths that begin with `/`");
    }
    if named("http_methods") {
        parse::at_most(fields, &at("http_methods"), asked.http_methods.len(), METHODS_MAX);
        let sound = |m: &String| (1..=32).contains(&m.len()) && m.bytes().all(|byte| byte.is_ascii_uppercase());
        fields.check(at("http_methods"), asked.http_methods.iter().all(sound), "must be methods in upper case");
    }
    let mut tags = std::collections::BTreeSet::new();
    if named("tags") {
        tags = parse::tags(fields, &at("tags"), &asked.tags, TAGS_MAX);
    }
    Some(Draft {
        display_name: display_name?,
        hosts: asked.hosts.clone(),
        ports: ports?,
        protocol: protocol?,
        http_paths: asked.http_paths.clone(),
        http_methods: asked.http_methods.clone(),
        tags: tags.into_iter().collect(),
    })
}

fn is_host(host: &str) -> bool {
    if host.parse::<std::net::IpAddr>().is_ok_and(|address| address.to_string() == host) {
        return true;
    }
    let name = host.strip_prefix("*.").unwrap_or(host);
    let label = |label: &str| {
        let letters = label.bytes().all(|b| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'-'));
        letters && (1..=63).contains(&label.len()) && !label.starts_with('-') && !label.ends_with('-')
    };
    host.len() <= 253 && name.split('.').all(label)
}

fn port_range(asked: &pb::PortRange) -> Option<Ports> {
    let first = u16::try_from(asked.first).ok().filter(|first| *first != 0)?;
    let last = if asked.last == 0 { first } else { u16::try_from(asked.last).ok()? };
    (first <= last).then_some(Ports { first, last })
}

/// A protocol of the contract.
pub(super) fn read_protocol(protocol: pb::ApplicationProtocol) -> Option<Protocol> {
    match protocol {
        pb::ApplicationProtocol::Unspecified => None,
        pb::ApplicationProtocol::Tcp => Some(Protocol::Tcp),
        pb::ApplicationProtocol::Udp => Some(Protocol::Udp),
        pb::ApplicationProtocol::Http => Some(Protocol::Http),
        pb::ApplicationProtocol::Grpc => Some(Protocol::Grpc),
        pb::ApplicationProtocol::Ssh => Some(Protocol::Ssh),
    }
}

fn protocol(protocol: Protocol) -> pb::ApplicationProtocol {
    match protocol {
        Protocol::Tcp => pb::ApplicationProtocol::Tcp,
        Protocol::Udp => pb::ApplicationProtocol::Udp,
        Protocol::Http => pb::ApplicationProtocol::Http,
        Protocol::Grpc => pb::ApplicationProtocol::Grpc,
        Protocol::Ssh => pb::ApplicationProtocol::Ssh,
    }
}

pub(super) fn application(application: Application) -> pb::Application {
    let port = |ports: &Ports| pb::PortRange { first: ports.first.into(), last: ports.last.into() };
    pb::Application {
        name: application.name(),
        account: application.account.name(),
        ports: application.ports.iter().map(port).collect(),
        protocol: protocol(application.protocol).into(),
        etag: application.meta.etag(),
        create_time: Some(timestamp(application.meta.create_time)),
        update_time: Some(timestamp(application.meta.update_time)),
        operator: application.meta.operator,
        display_name: application.display_name,
        hosts: application.hosts,
        http_paths: application.http_paths,
        http_methods: application.http_methods,
        tags: application.tags,
    }
}
