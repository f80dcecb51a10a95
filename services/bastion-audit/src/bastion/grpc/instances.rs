//! `bailiwick.bastion.v1.BastionInstanceService`.

use bailiwick_api::bastion::v1::{self as pb, bastion_instance_service_server::BastionInstanceService};
use bailiwick_core::AccountId;
use bailiwick_rpc::{InvalidFields, split};
use tonic::{Request, Response, Status};

use super::parse::{self, Named, timestamp};
use crate::bastion::{
    Bastion,
    domain::{Edition, Instance, Meta, Resource},
};

/// The fields that an update can name.
const FIELDS: &[&str] = &["display_name", "comment", "edition"];

/// The service.
pub(super) struct Instances(pub(super) Bastion);

/// What is asked of a bastion host. What is not named is none.
struct Draft {
    display_name: Option<String>,
    comment: Option<String>,
    edition: Option<Edition>,
}

#[tonic::async_trait]
impl BastionInstanceService for Instances {
    async fn create_bastion_instance(
        &self,
        request: Request<pb::CreateBastionInstanceRequest>,
    ) -> Result<Response<pb::BastionInstance>, Status> {
        let (call, mut message) = split(request)?;
        let mut fields = InvalidFields::new();
        let request_id = std::mem::take(&mut message.request_id);
        let key = parse::key(&mut fields, &call, &request_id, &message);
        parse::new_id(&mut fields, "bastion_instance_id", &message.bastion_instance_id);
        let asked = message.bastion_instance.unwrap_or_default();
        parse::new_id(&mut fields, "bastion_instance.region", &asked.region);
        let draft = read(&mut fields, &asked, &Named::whole());
        fields.finish()?;
        let owner = call.permit.account().ok_or_else(|| InvalidFields::new().into_status())?;
        let make = |meta| (draft.made(meta, &asked.region, owner), Vec::new());
        let done = self.0.create(&call, &key, ("", &message.bastion_instance_id), make).await?;
        Ok(parse::done(done, instance))
    }

    async fn get_bastion_instance(
        &self,
        request: Request<pb::GetBastionInstanceRequest>,
    ) -> Result<Response<pb::BastionInstance>, Status> {
        let (call, message) = split(request)?;
        let mut fields = InvalidFields::new();
        let Some(id) = parse::instance_id(&mut fields, &call, "name", &message.name) else {
            return Err(fields.into_status());
        };
        Ok(Response::new(instance(self.0.get(&call, ("", &id)).await?)))
    }

    async fn list_bastion_instances(
        &self,
        request: Request<pb::ListBastionInstancesRequest>,
    ) -> Result<Response<pb::ListBastionInstancesResponse>, Status> {
        let (call, message) = split(request)?;
        let mut fields = InvalidFields::new();
        let Some(size) = fields.page_size("page_size", message.page_size) else { return Err(fields.into_status()) };
        if !message.region.is_empty() {
            parse::new_id(&mut fields, "region", &message.region);
        }
        fields.finish()?;
        let page = self.0.instance_list(&call, &message.region, (size, &message.page_token)).await?;
        let bastion_instances = page.items.into_iter().map(instance).collect();
        Ok(Response::new(pb::ListBastionInstancesResponse { bastion_instances, next_page_token: page.next }))
    }

    async fn update_bastion_instance(
        &self,
        request: Request<pb::UpdateBastionInstanceRequest>,
    ) -> Result<Response<pb::BastionInstance>, Status> {
        let (call, mut message) = split(request)?;
        let mut fields = InvalidFields::new();
        let request_id = std::mem::take(&mut message.request_id);
        let key = parse::key(&mut fields, &call, &request_id, &message);
        let named = Named::read(&mut fields, message.update_mask, FIELDS);
        let asked = message.bastion_instance.unwrap_or_default();
        let id = parse::instance_id(&mut fields, &call, "bastion_instance.name", &asked.name);
        let draft = read(&mut fields, &asked, &named);
        let Some(id) = id else { return Err(fields.into_status()) };
        fields.finish()?;
        let change = |instance: &mut Instance| {
            draft.take(instance);
            Vec::new()
        };
        let done = self.0.update(&call, &key, ("", &id, &asked.etag), change).await?;
        Ok(parse::done(done, instance))
    }

    async fn delete_bastion_instance(
        &self,
        request: Request<pb::DeleteBastionInstanceRequest>,
    ) -> Result<Response<()>, Status> {
        let (call, mut message) = split(request)?;
        let mut fields = InvalidFields::new();
        let request_id = std::mem::take(&mut message.request_id);
        let key = parse::key(&mut fields, &call, &request_id, &message);
        let Some(id) = parse::instance_id(&mut fields, &call, "name", &message.name) else {
            return Err(fields.into_status());
        };
        fields.finish()?;
        Ok(parse::done(self.0.delete::<Instance>(&call, &key, ("", &id, &message.etag)).await?, |()| ()))
    }
}

// === impl Draft ===

impl Draft {
    fn made(&self, meta: Meta, region: &str, owner: AccountId) -> Instance {
        let mut made = Instance {
            meta,
            display_name: String::new(),
            comment: String::new(),
            region: region.to_owned(),
            edition: Edition::Basic,
            owner,
        };
        self.take(&mut made);
        made
    }

    /// Makes a bastion host what is named of this.
    fn take(&self, instance: &mut Instance) {
        let Self { display_name, comment, edition } = self;
        instance.display_name = display_name.clone().unwrap_or_else(|| std::mem::take(&mut instance.display_name));
        instance.comment = comment.clone().unwrap_or_else(|| std::mem::take(&mut instance.comment));
        instance.edition = edition.unwrap_or(instance.edition);
    }
}

fn read(fields: &mut InvalidFields, asked: &pb::BastionInstance, named: &Named) -> Draft {
    let at = |part: &str| format!("bastion_instance.{part}");
    let mut text = |part: &str, read: fn(&mut InvalidFields, String, &str) -> String, text: &str| {
        named.is(part).then(|| read(fields, at(part), text))
    };
    let display_name = text("display_name", parse::display_name, &asked.display_name);
    let comment = text("comment", parse::comment, &asked.comment);
    let edition = named.is("edition").then(|| fields.enumeration(at("edition"), asked.edition).and_then(read_edition));
    Draft { display_name, comment, edition: edition.flatten() }
}

fn read_edition(edition: pb::BastionEdition) -> Option<Edition> {
    match edition {
        pb::BastionEdition::Unspecified => None,
        pb::BastionEdition::Basic => Some(Edition::Basic),
        pb::BastionEdition::Enterprise => Some(Edition::Enterprise),
        pb::BastionEdition::Sm => Some(Edition::Sm),
    }
}

fn edition(edition: Edition) -> pb::BastionEdition {
    match edition {
        Edition::Basic => pb::BastionEdition::Basic,
        Edition::Enterprise => pb::BastionEdition::Enterprise,
        Edition::Sm => pb::BastionEdition::Sm,
    }
}

fn instance(instance: Instance) -> pb::BastionInstance {
    pb::BastionInstance {
        name: instance.name(),
        edition: edition(instance.edition).into(),
        owner_account: instance.owner.name(),
        etag: instance.meta.etag(),
        create_time: Some(timestamp(instance.meta.create_time)),
        update_time: Some(timestamp(instance.meta.update_time)),
        operator: instance.meta.operator,
        display_name: instance.display_name,
        comment: instance.comment,
        region: instance.region,
    }
}
