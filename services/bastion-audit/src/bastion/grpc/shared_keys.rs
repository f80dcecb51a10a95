//! `bailiwick.bastion.v1.SharedKeyService`.

use bailiwick_api::bastion::v1::{self as pb, shared_key_service_server::SharedKeyService};
use bailiwick_core::Timestamp;
use bailiwick_rpc::{Call, InvalidFields, split};
use tonic::{Request, Response, Status};

use super::parse::{self, Named, timestamp};
use crate::bastion::{
    app::{Bastion, Secrets},
    domain::{KnownKey, Meta, OwnKey, PRIVATE_KEY, Resource, ResourceKind, SharedKey, read_private_key},
};

/// The fields that an update can name.
const FIELDS: &[&str] = &["display_name", "comment", "private_key"];

/// The service.
pub(super) struct SharedKeys(pub(super) Bastion);

/// What is asked of a shared key. What is not named is none.
struct Draft {
    display_name: Option<String>,
    comment: Option<String>,
    key: Option<OwnKey>,
}

#[tonic::async_trait]
impl SharedKeyService for SharedKeys {
    async fn create_shared_key(
        &self,
        request: Request<pb::CreateSharedKeyRequest>,
    ) -> Result<Response<pb::SharedKey>, Status> {
        let (call, mut message) = split(request)?;
        let mut fields = InvalidFields::new();
        let request_id = std::mem::take(&mut message.request_id);
        let key = parse::secret_key(&mut fields, (&call, &self.0), &request_id, &message)?;
        let place = parse::instance_id(&mut fields, &call, "parent", &message.parent);
        parse::new_id(&mut fields, "shared_key_id", &message.shared_key_id);
        let asked = message.shared_key.unwrap_or_default();
        let draft = read(&mut fields, (&call, asked), &Named::whole());
        let Some(place) = place else { return Err(fields.into_status()) };
        fields.finish()?;
        let now = self.0.now();
        let done = self.0.create(&call, &key, (&place, &message.shared_key_id), |meta| draft.made(meta, now)).await?;
        Ok(parse::done(done, shared_key))
    }

    async fn get_shared_key(
        &self,
        request: Request<pb::GetSharedKeyRequest>,
    ) -> Result<Response<pb::SharedKey>, Status> {
        let (call, message) = split(request)?;
        let mut fields = InvalidFields::new();
        let Some([instance, id]) = parse::ids(&mut fields, &call, "name", ResourceKind::SharedKey, &message.name)
        else {
            return Err(fields.into_status());
        };
        Ok(Response::new(shared_key(self.0.get(&call, (instance, id)).await?)))
    }

    async fn list_shared_keys(
        &self,
        request: Request<pb::ListSharedKeysRequest>,
    ) -> Result<Response<pb::ListSharedKeysResponse>, Status> {
        let (call, message) = split(request)?;
        let mut fields = InvalidFields::new();
        let place = parse::instance_id(&mut fields, &call, "parent", &message.parent);
        let size = fields.page_size("page_size", message.page_size);
        let (Some(place), Some(size)) = (place, size) else { return Err(fields.into_status()) };
        let page = self.0.list(&call, &place, (size, &message.page_token)).await?;
        let shared_keys = page.items.into_iter().map(shared_key).collect();
        Ok(Response::new(pb::ListSharedKeysResponse { shared_keys, next_page_token: page.next }))
    }

    async fn update_shared_key(
        &self,
        request: Request<pb::UpdateSharedKeyRequest>,
    ) -> Result<Response<pb::SharedKey>, Status> {
        let (call, mut message) = split(request)?;
        let mut fields = InvalidFields::new();
        let request_id = std::mem::take(&mut message.request_id);
        let key = parse::secret_key(&mut fields, (&call, &self.0), &request_id, &message)?;
        let named = Named::read(&mut fields, message.update_mask, FIELDS);
        let asked = message.shared_key.unwrap_or_default();
        let (name, etag) = (asked.name.clone(), asked.etag.clone());
        let ids = parse::ids(&mut fields, &call, "shared_key.name", ResourceKind::SharedKey, &name);
        let draft = read(&mut fields, (&call, asked), &named);
        let Some([instance, id]) = ids else { return Err(fields.into_status()) };
        fields.finish()?;
        let now = self.0.now();
        let change = |to: &mut _| draft.take(to, now);
        Ok(parse::done(self.0.update(&call, &key, (instance, id, &etag), change).await?, shared_key))
    }

    async fn delete_shared_key(&self, request: Request<pb::DeleteSharedKeyRequest>) -> Result<Response<()>, Status> {
        let (call, mut message) = split(request)?;
        let mut fields = InvalidFields::new();
        let request_id = std::mem::take(&mut message.request_id);
        let key = parse::key(&mut fields, &call, &request_id, &message);
        let Some([instance, id]) = parse::ids(&mut fields, &call, "name", ResourceKind::SharedKey, &message.name)
        else {
            return Err(fields.into_status());
        };
        fields.finish()?;
        let of = (instance, id, message.etag.as_str());
        Ok(parse::done(self.0.delete::<SharedKey>(&call, &key, of).await?, |()| ()))
    }
}

// === impl Draft ===

impl Draft {
    fn made(&self, meta: Meta, now: Timestamp) -> (SharedKey, Secrets) {
        let key = KnownKey { public_key: String::new(), fingerprint: String::new() };
        let mut made = SharedKey { meta, display_name: String::new(), comment: String::new(), key, key_time: now };
        let secrets = self.take(&mut made, now);
        (made, secrets)
    }

    fn take(&self, shared: &mut SharedKey, now: Timestamp) -> Secrets {
        parse::set(&mut shared.display_name, self.display_name.as_ref());
        parse::set(&mut shared.comment, self.comment.as_ref());
        let Some(key) = &self.key else { return Secrets::new() };
        (shared.key, shared.key_time) = (key.known.clone(), now);
        vec![(PRIVATE_KEY, Some(key.secret.clone()))]
    }
}

fn read(fields: &mut InvalidFields, (_, asked): (&Call, pb::SharedKey), named: &Named) -> Draft {
    let at = |part: &str| format!("shared_key.{part}");
    let key = named.secret("private_key", &asked.private_key);
    Draft {
        display_name: named
            .is("display_name")
            .then(|| parse::display_name(fields, at("display_name"), &asked.display_name)),
        comment: named.is("comment").then(|| parse::comment(fields, at("comment"), &asked.comment)),
        key: key.then(|| fields.take(at("private_key"), read_private_key(asked.private_key))).flatten(),
    }
}

fn shared_key(shared: SharedKey) -> pb::SharedKey {
    pb::SharedKey {
        name: shared.name(),
        etag: shared.meta.etag(),
        create_time: Some(timestamp(shared.meta.create_time)),
        update_time: Some(timestamp(shared.meta.update_time)),
        operator: shared.meta.operator,
        display_name: shared.display_name,
        comment: shared.comment,
        private_key: String::new(),
        public_key: shared.key.public_key,
        fingerprint: shared.key.fingerprint,
        key_update_time: Some(timestamp(shared.key_time)),
    }
}
