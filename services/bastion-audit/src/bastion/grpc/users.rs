//! `bailiwick.bastion.v1.BastionUserService`.

use std::collections::BTreeSet;

use bailiwick_api::bastion::v1::{self as pb, bastion_user_service_server::BastionUserService};
use bailiwick_core::{IdentityName, Timestamp};
use bailiwick_db::Committed;
use bailiwick_rpc::{Call, InvalidFields, split};
use tonic::{Request, Response, Status};

use super::{
    asset_write::item_result,
    parse::{self, Named, timestamp},
};
use crate::bastion::{
    app::{Bastion, RamUserImport, Secrets, UserView},
    domain::{Meta, Resource, ResourceKind, User, UserKey, UserState, read_public_key},
};

/// The fields that an update can name.
const FIELDS: &[&str] = &["display_name", "comment", "public_keys", "expire_time"];
const KEYS_MAX: usize = 20;
const KEY_NAME_MAX: usize = 128;
const IMPORT_MAX: usize = 100;

/// The service.
pub(super) struct Users(pub(super) Bastion);

/// What is asked of a user. What is not named is none.
struct Draft {
    display_name: Option<String>,
    comment: Option<String>,
    ram_user: String,
    public_keys: Option<Vec<UserKey>>,
    expire: Option<Option<Timestamp>>,
}

#[tonic::async_trait]
impl BastionUserService for Users {
    async fn create_bastion_user(
        &self,
        request: Request<pb::CreateBastionUserRequest>,
    ) -> Result<Response<pb::BastionUser>, Status> {
        let (call, mut message) = split(request)?;
        let mut fields = InvalidFields::new();
        let request_id = std::mem::take(&mut message.request_id);
        let key = parse::key(&mut fields, &call, &request_id, &message);
        let place = parse::instance_id(&mut fields, &call, "parent", &message.parent);
        parse::new_id(&mut fields, "bastion_user_id", &message.bastion_user_id);
        let asked = message.bastion_user.unwrap_or_default();
        let draft = read(&mut fields, (&call, asked), &Named::whole());
        let Some(place) = place else { return Err(fields.into_status()) };
        fields.finish()?;
        let now = self.0.now();
        let done = self.0.create(&call, &key, (&place, &message.bastion_user_id), |meta| draft.made(meta, now)).await?;
        answered(&self.0, done).await
    }

    async fn get_bastion_user(
        &self,
        request: Request<pb::GetBastionUserRequest>,
    ) -> Result<Response<pb::BastionUser>, Status> {
        let (call, message) = split(request)?;
        let mut fields = InvalidFields::new();
        let Some([instance, id]) = parse::ids(&mut fields, &call, "name", ResourceKind::User, &message.name) else {
            return Err(fields.into_status());
        };
        let user = self.0.get(&call, (instance, id)).await?;
        Ok(Response::new(bastion_user(self.0.user_view(user).await?)))
    }

    async fn list_bastion_users(
        &self,
        request: Request<pb::ListBastionUsersRequest>,
    ) -> Result<Response<pb::ListBastionUsersResponse>, Status> {
        let (call, message) = split(request)?;
        let mut fields = InvalidFields::new();
        let place = parse::instance_id(&mut fields, &call, "parent", &message.parent);
        let size = fields.page_size("page_size", message.page_size);
        let (Some(place), Some(size)) = (place, size) else { return Err(fields.into_status()) };
        let group = match message.user_group.as_str() {
            "" => Some(String::new()),
            name => parse::id_within(&mut fields, "user_group", ResourceKind::UserGroup, &message.parent, name),
        };
        let Some(group) = group else { return Err(fields.into_status()) };
        fields.finish()?;
        let page = self.0.user_list(&call, (&place, &group), (size, &message.page_token)).await?;
        let bastion_users = page.items.into_iter().map(bastion_user).collect();
        Ok(Response::new(pb::ListBastionUsersResponse { bastion_users, next_page_token: page.next }))
    }

    async fn update_bastion_user(
        &self,
        request: Request<pb::UpdateBastionUserRequest>,
    ) -> Result<Response<pb::BastionUser>, Status> {
        let (call, mut message) = split(request)?;
        let mut fields = InvalidFields::new();
        let request_id = std::mem::take(&mut message.request_id);
        let key = parse::key(&mut fields, &call, &request_id, &message);
        let named = Named::read(&mut fields, message.update_mask, FIELDS);
        let asked = message.bastion_user.unwrap_or_default();
        let (name, etag) = (asked.name.clone(), asked.etag.clone());
        let ids = parse::ids(&mut fields, &call, "bastion_user.name", ResourceKind::User, &name);
        let draft = read(&mut fields, (&call, asked), &named);
        let Some([instance, id]) = ids else { return Err(fields.into_status()) };
        fields.finish()?;
        let now = self.0.now();
        let change = |to: &mut _| draft.take(to, now);
        answered(&self.0, self.0.update(&call, &key, (instance, id, &etag), change).await?).await
    }

    async fn delete_bastion_user(
        &self,
        request: Request<pb::DeleteBastionUserRequest>,
    ) -> Result<Response<()>, Status> {
        let (call, mut message) = split(request)?;
        let mut fields = InvalidFields::new();
        let request_id = std::mem::take(&mut message.request_id);
        let key = parse::key(&mut fields, &call, &request_id, &message);
        let Some([instance, id]) = parse::ids(&mut fields, &call, "name", ResourceKind::User, &message.name) else {
            return Err(fields.into_status());
        };
        fields.finish()?;
        let of = (instance, id, message.etag.as_str());
        Ok(parse::done(self.0.delete::<User>(&call, &key, of).await?, |()| ()))
    }

    async fn import_ram_users(
        &self,
        request: Request<pb::ImportRamUsersRequest>,
    ) -> Result<Response<pb::ImportRamUsersResponse>, Status> {
        let (call, mut message) = split(request)?;
        let mut fields = InvalidFields::new();
        let request_id = std::mem::take(&mut message.request_id);
        let key = parse::key(&mut fields, &call, &request_id, &message);
        let instance = parse::instance_id(&mut fields, &call, "parent", &message.parent);
        let imports = imports(&mut fields, message.imports);
        let Some(instance) = instance else { return Err(fields.into_status()) };
        fields.finish()?;
        Ok(parse::done(self.0.users_import(&call, &key, &instance, &imports).await?, |results| {
            pb::ImportRamUsersResponse { results: results.into_iter().map(item_result).collect() }
        }))
    }

    async fn lock_bastion_user(
        &self,
        request: Request<pb::LockBastionUserRequest>,
    ) -> Result<Response<pb::BastionUser>, Status> {
        let (call, mut message) = split(request)?;
        let mut fields = InvalidFields::new();
        let request_id = std::mem::take(&mut message.request_id);
        let key = parse::key(&mut fields, &call, &request_id, &message);
        let Some([instance, id]) = parse::ids(&mut fields, &call, "name", ResourceKind::User, &message.name) else {
            return Err(fields.into_status());
        };
        fields.finish()?;
        answered(&self.0, self.0.user_freeze(&call, &key, (instance, id, &message.etag), true).await?).await
    }

    async fn unlock_bastion_user(
        &self,
        request: Request<pb::UnlockBastionUserRequest>,
    ) -> Result<Response<pb::BastionUser>, Status> {
        let (call, mut message) = split(request)?;
        let mut fields = InvalidFields::new();
        let request_id = std::mem::take(&mut message.request_id);
        let key = parse::key(&mut fields, &call, &request_id, &message);
        let Some([instance, id]) = parse::ids(&mut fields, &call, "name", ResourceKind::User, &message.name) else {
            return Err(fields.into_status());
        };
        fields.finish()?;
        answered(&self.0, self.0.user_freeze(&call, &key, (instance, id, &message.etag), false).await?).await
    }
}

/// The answer to a change of a user, with what it can do now.
async fn answered(bastion: &Bastion, done: Committed<User>) -> Result<Response<pb::BastionUser>, Status> {
    let Committed { value, position, replayed } = done;
    let value = bastion.user_view(value).await?;
    Ok(parse::done(Committed { value, position, replayed }, bastion_user))
}

/// What is to be imported. What is wrong with one item is its own matter (E-BAS-06).
fn imports(fields: &mut InvalidFields, asked: Vec<pb::RamUserImport>) -> Vec<RamUserImport> {
    let count = (1..=IMPORT_MAX).contains(&asked.len());
    fields.check("imports", count, format!("must have 1 to {IMPORT_MAX} items"));
    let names: BTreeSet<_> = asked.iter().map(|one| one.ram_user.as_str()).collect();
    fields.check("imports", names.len() == asked.len(), "must have each RAM user once");
    if !count {
        return Vec::new();
    }
    let import = |one: pb::RamUserImport| {
        let mut own = InvalidFields::new();
        own.check("ram_user", is_ram_user(&one.ram_user), "must be of the form `accounts/{account}/users/{user}`");
        let id = match one.bastion_user_id.as_str() {
            "" => one.ram_user.rsplit('/').next().unwrap_or_default().to_owned(),
            id => id.to_owned(),
        };
        parse::new_id(&mut own, "bastion_user_id", &id);
        let problem = own.finish().err().map(|status| status.message().to_owned());
        RamUserImport { ram_user: one.ram_user, id, problem }
    };
    asked.into_iter().map(import).collect()
}

/// A root user is no RAM user.
fn is_ram_user(name: &str) -> bool {
    matches!(name.parse(), Ok(identity @ IdentityName::User(..)) if !identity.is_root())
}

// === impl Draft ===

impl Draft {
    fn made(&self, meta: Meta, now: Timestamp) -> (User, Secrets) {
        let mut made = User {
            meta,
            display_name: String::new(),
            comment: String::new(),
            ram_user: self.ram_user.clone(),
            public_keys: Vec::new(),
            expire: None,
            frozen: false,
        };
        let secrets = self.take(&mut made, now);
        (made, secrets)
    }

    fn take(&self, user: &mut User, _: Timestamp) -> Secrets {
        parse::set(&mut user.display_name, self.display_name.as_ref());
        parse::set(&mut user.comment, self.comment.as_ref());
        parse::set(&mut user.public_keys, self.public_keys.as_ref());
        parse::set(&mut user.expire, self.expire.as_ref());
        Secrets::new()
    }
}

fn read(fields: &mut InvalidFields, (_, asked): (&Call, pb::BastionUser), named: &Named) -> Draft {
    let at = |part: &str| format!("bastion_user.{part}");
    let own = asked.ram_user.is_empty() || is_ram_user(&asked.ram_user);
    fields.check(at("ram_user"), own, "must be of the form `accounts/{account}/users/{user}`");
    Draft {
        display_name: named
            .is("display_name")
            .then(|| parse::display_name(fields, at("display_name"), &asked.display_name)),
        comment: named.is("comment").then(|| parse::comment(fields, at("comment"), &asked.comment)),
        ram_user: asked.ram_user.clone(),
        public_keys: named.is("public_keys").then(|| public_keys(fields, &at("public_keys"), &asked.public_keys)),
        expire: named.is("expire_time").then(|| parse::moment(fields, &at("expire_time"), asked.expire_time.as_ref())),
    }
}

fn public_keys(fields: &mut InvalidFields, field: &str, asked: &[pb::UserPublicKey]) -> Vec<UserKey> {
    let mut keys: Vec<UserKey> = Vec::new();
    if !parse::at_most(fields, field, asked.len(), KEYS_MAX) {
        return keys;
    }
    for (at, one) in asked.iter().enumerate() {
        let field = format!("{field}[{at}]");
        let display_name = fields.text(format!("{field}.display_name"), &one.display_name, 0..=KEY_NAME_MAX);
        let key = fields.take(format!("{field}.public_key"), read_public_key(&one.public_key));
        let (Some(display_name), Some(key)) = (display_name, key) else { continue };
        let new = keys.iter().all(|other| other.key != key);
        fields.check(format!("{field}.public_key"), new, "must be there once");
        keys.push(UserKey { key, display_name });
    }
    keys
}

fn bastion_user(UserView { user, state }: UserView) -> pb::BastionUser {
    let source = if user.ram_user.is_empty() { pb::BastionUserSource::Local } else { pb::BastionUserSource::Ram };
    let state = match state {
        UserState::Normal => pb::BastionUserState::Normal,
        UserState::Frozen => pb::BastionUserState::Frozen,
        UserState::RemoteDeleted => pb::BastionUserState::RemoteDeleted,
        UserState::Expired => pb::BastionUserState::Expired,
    };
    let key = |key: UserKey| pb::UserPublicKey {
        public_key: key.key.public_key,
        display_name: key.display_name,
        fingerprint: key.key.fingerprint,
    };
    pb::BastionUser {
        name: user.name(),
        source: source.into(),
        state: state.into(),
        public_keys: user.public_keys.into_iter().map(key).collect(),
        expire_time: user.expire.map(timestamp),
        etag: user.meta.etag(),
        create_time: Some(timestamp(user.meta.create_time)),
        update_time: Some(timestamp(user.meta.update_time)),
        operator: user.meta.operator,
        display_name: user.display_name,
        comment: user.comment,
        ram_user: user.ram_user,
    }
}
