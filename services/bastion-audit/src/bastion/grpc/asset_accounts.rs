//! `bailiwick.bastion.v1.AssetAccountService`.

use bailiwick_api::bastion::v1::{self as pb, asset_account_service_server::AssetAccountService};
use bailiwick_core::Timestamp;
use bailiwick_db::Committed;
use bailiwick_rpc::{Call, InvalidFields, split};
use tonic::{Request, Response, Status};

use super::parse::{self, Named, timestamp};
use crate::bastion::{
    app::{Bastion, Secrets},
    domain::{
        AssetAccount, AssetAccountView, CredentialKind, Home, Meta, OwnKey, PASSWORD, PRIVATE_KEY, Resource,
        ResourceKind, Secret, read_private_key,
    },
};

/// The fields that an update can name.
const FIELDS: &[&str] = &["login_name", "comment", "password", "private_key", "shared_key"];

/// The service.
pub(super) struct AssetAccounts(pub(super) Bastion);

/// What is asked of an account. What is not named is none.
struct Draft {
    login_name: Option<String>,
    comment: Option<String>,
    /// None within to forget it.
    password: Option<Option<Secret>>,
    key: Option<Option<OwnKey>>,
    shared_key: Option<String>,
}

#[tonic::async_trait]
impl AssetAccountService for AssetAccounts {
    async fn create_asset_account(
        &self,
        request: Request<pb::CreateAssetAccountRequest>,
    ) -> Result<Response<pb::AssetAccount>, Status> {
        let (call, mut message) = split(request)?;
        let mut fields = InvalidFields::new();
        let request_id = std::mem::take(&mut message.request_id);
        let key = parse::secret_key(&mut fields, (&call, &self.0), &request_id, &message)?;
        let place = parse::asset_place(&mut fields, &call, "parent", &message.parent);
        parse::new_id(&mut fields, "asset_account_id", &message.asset_account_id);
        let asked = message.asset_account.unwrap_or_default();
        let draft = read(&mut fields, (&call, asked), &Named::whole());
        let Some(place) = place else { return Err(fields.into_status()) };
        fields.finish()?;
        let now = self.0.now();
        let done =
            self.0.create(&call, &key, (&place, &message.asset_account_id), |meta| draft.made(meta, now)).await?;
        answered(&self.0, done).await
    }

    async fn get_asset_account(
        &self,
        request: Request<pb::GetAssetAccountRequest>,
    ) -> Result<Response<pb::AssetAccount>, Status> {
        let (call, message) = split(request)?;
        let mut fields = InvalidFields::new();
        let Some([instance, asset, id]) =
            parse::ids(&mut fields, &call, "name", ResourceKind::AssetAccount, &message.name)
        else {
            return Err(fields.into_status());
        };
        let account = self.0.get(&call, (&parse::inside(instance, asset), id)).await?;
        Ok(Response::new(asset_account(self.0.account_view(account).await?)))
    }

    async fn list_asset_accounts(
        &self,
        request: Request<pb::ListAssetAccountsRequest>,
    ) -> Result<Response<pb::ListAssetAccountsResponse>, Status> {
        let (call, message) = split(request)?;
        let mut fields = InvalidFields::new();
        let place = parse::asset_place(&mut fields, &call, "parent", &message.parent);
        let size = fields.page_size("page_size", message.page_size);
        let (Some(place), Some(size)) = (place, size) else { return Err(fields.into_status()) };
        let page = self.0.list(&call, &place, (size, &message.page_token)).await?;
        let asset_accounts = self.0.account_views(page.items).await?.into_iter().map(asset_account).collect();
        Ok(Response::new(pb::ListAssetAccountsResponse { asset_accounts, next_page_token: page.next }))
    }

    async fn update_asset_account(
        &self,
        request: Request<pb::UpdateAssetAccountRequest>,
    ) -> Result<Response<pb::AssetAccount>, Status> {
        let (call, mut message) = split(request)?;
        let mut fields = InvalidFields::new();
        let request_id = std::mem::take(&mut message.request_id);
        let key = parse::secret_key(&mut fields, (&call, &self.0), &request_id, &message)?;
        let named = Named::read(&mut fields, message.update_mask, FIELDS);
        let asked = message.asset_account.unwrap_or_default();
        let (name, etag) = (asked.name.clone(), asked.etag.clone());
        let ids = parse::ids(&mut fields, &call, "asset_account.name", ResourceKind::AssetAccount, &name);
        let draft = read(&mut fields, (&call, asked), &named);
        let Some([instance, asset, id]) = ids else { return Err(fields.into_status()) };
        fields.finish()?;
        let now = self.0.now();
        let change = |to: &mut _| draft.take(to, now);
        let place = parse::inside(instance, asset);
        answered(&self.0, self.0.update(&call, &key, (&place, id, &etag), change).await?).await
    }

    async fn delete_asset_account(
        &self,
        request: Request<pb::DeleteAssetAccountRequest>,
    ) -> Result<Response<()>, Status> {
        let (call, mut message) = split(request)?;
        let mut fields = InvalidFields::new();
        let request_id = std::mem::take(&mut message.request_id);
        let key = parse::key(&mut fields, &call, &request_id, &message);
        let Some([instance, asset, id]) =
            parse::ids(&mut fields, &call, "name", ResourceKind::AssetAccount, &message.name)
        else {
            return Err(fields.into_status());
        };
        fields.finish()?;
        let place = parse::inside(instance, asset);
        let of = (place.as_str(), id, message.etag.as_str());
        Ok(parse::done(self.0.delete::<AssetAccount>(&call, &key, of).await?, |()| ()))
    }

    async fn reset_asset_account_credentials(
        &self,
        request: Request<pb::ResetAssetAccountCredentialsRequest>,
    ) -> Result<Response<pb::AssetAccount>, Status> {
        let (call, mut message) = split(request)?;
        let mut fields = InvalidFields::new();
        let request_id = std::mem::take(&mut message.request_id);
        let key = parse::key(&mut fields, &call, &request_id, &message);
        let ids = parse::ids(&mut fields, &call, "name", ResourceKind::AssetAccount, &message.name);
        let mut kinds = vec![CredentialKind::PrivateKey, CredentialKind::Password];
        if !message.kinds.is_empty() {
            parse::at_most(&mut fields, "kinds", message.kinds.len(), kinds.len());
            kinds = message.kinds.iter().take(2).filter_map(|number| kind(&mut fields, *number)).collect();
        }
        let Some([instance, asset, id]) = ids else { return Err(fields.into_status()) };
        fields.finish()?;
        let place = parse::inside(instance, asset);
        let of = (place.as_str(), id, message.etag.as_str());
        answered(&self.0, self.0.account_reset(&call, &key, of, &kinds).await?).await
    }
}

/// The answer to a change of an account, with what becomes of its password now.
async fn answered(bastion: &Bastion, done: Committed<AssetAccount>) -> Result<Response<pb::AssetAccount>, Status> {
    let Committed { value, position, replayed } = done;
    let value = bastion.account_view(value).await?;
    Ok(parse::done(Committed { value, position, replayed }, asset_account))
}

// === impl Draft ===

impl Draft {
    fn made(&self, meta: Meta, now: Timestamp) -> (AssetAccount, Secrets) {
        let mut made = AssetAccount {
            meta,
            login_name: String::new(),
            comment: String::new(),
            has_password: false,
            own_key: None,
            shared_key: String::new(),
            credential_time: None,
            secrets: 0,
        };
        let secrets = self.take(&mut made, now);
        (made, secrets)
    }

    fn take(&self, account: &mut AssetAccount, now: Timestamp) -> Secrets {
        parse::set(&mut account.login_name, self.login_name.as_ref());
        parse::set(&mut account.comment, self.comment.as_ref());
        parse::set(&mut account.shared_key, self.shared_key.as_ref());
        let mut secrets = Secrets::new();
        // What is forgotten and was not there is no change.
        if let Some(password) = self.password.as_ref().filter(|set| set.is_some() || account.has_password) {
            account.has_password = password.is_some();
            secrets.push((PASSWORD, password.clone()));
        }
        if let Some(key) = self.key.as_ref().filter(|set| set.is_some() || account.own_key.is_some()) {
            account.own_key = key.as_ref().map(|key| key.known.clone());
            secrets.push((PRIVATE_KEY, key.as_ref().map(|key| key.secret.clone())));
        }
        if !secrets.is_empty() {
            account.credential_time = Some(now);
            account.secrets += 1;
        }
        secrets
    }
}

fn read(fields: &mut InvalidFields, (call, asked): (&Call, pb::AssetAccount), named: &Named) -> Draft {
    let at = |part: &str| format!("asset_account.{part}");
    let shared_key = named.is("shared_key").then(|| match asked.shared_key.as_str() {
        "" => String::new(),
        name => {
            let parent = parse::instance_of(call.permit.resource());
            let kind = ResourceKind::SharedKey;
            parse::id_within(fields, &at("shared_key"), kind, &parent, name).unwrap_or_default()
        }
    });
    let password = named.secret("password", &asked.password).then(|| match asked.password.as_str() {
        "" => None,
        text => parse::password(fields, at("password"), text),
    });
    let key = named.secret("private_key", &asked.private_key);
    Draft {
        login_name: named.is("login_name").then(|| parse::login_name(fields, at("login_name"), &asked.login_name)),
        comment: named.is("comment").then(|| parse::comment(fields, at("comment"), &asked.comment)),
        password,
        key: key.then(|| match asked.private_key.is_empty() {
            true => None,
            false => fields.take(at("private_key"), read_private_key(asked.private_key)),
        }),
        shared_key,
    }
}

fn kind(fields: &mut InvalidFields, number: i32) -> Option<CredentialKind> {
    match fields.enumeration("kinds", number)? {
        pb::CredentialKind::Unspecified => None,
        pb::CredentialKind::PrivateKey => Some(CredentialKind::PrivateKey),
        pb::CredentialKind::Password => Some(CredentialKind::Password),
    }
}

fn asset_account(AssetAccountView { account, password_withheld }: AssetAccountView) -> pb::AssetAccount {
    let home = &account.meta.home;
    let shared_key = match account.shared_key.as_str() {
        "" => String::new(),
        id => ResourceKind::SharedKey.name(&Home::instance(home), id),
    };
    let kind = |kind| match kind {
        CredentialKind::PrivateKey => pb::CredentialKind::PrivateKey.into(),
        CredentialKind::Password => pb::CredentialKind::Password.into(),
    };
    pb::AssetAccount {
        name: account.name(),
        credentials: account.credentials().into_iter().map(kind).collect(),
        etag: account.meta.etag(),
        create_time: Some(timestamp(account.meta.create_time)),
        update_time: Some(timestamp(account.meta.update_time)),
        operator: account.meta.operator,
        login_name: account.login_name,
        comment: account.comment,
        password: String::new(),
        private_key: String::new(),
        shared_key,
        private_key_fingerprint: account.own_key.map(|key| key.fingerprint).unwrap_or_default(),
        credential_update_time: account.credential_time.map(timestamp),
        password_withheld,
    }
}
