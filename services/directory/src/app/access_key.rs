//! Access keys.

use bailiwick_core::{AccountId, IdentityName, PrincipalKind};
use bailiwick_db::Tx;
use bailiwick_rpc::Call;
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use sea_orm::ConnectionTrait;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use super::{
    App, Done, Error, Locked, Made, Mutation, Page, PageRequest, own_account, platform, root_user, standing::lock_for,
    user,
};
use crate::{
    domain::{
        self,
        access_key::{AccessKey, Use, random_id},
    },
    events, store,
};

/// A key that was made. Its secret is kept nowhere: a repetition of the request gets the key without it.
#[derive(Serialize, Deserialize)]
pub struct NewAccessKey {
    /// The key.
    pub key: AccessKey,
    /// The secret; empty in the answer to a repetition.
    #[serde(skip)]
    pub secret: Zeroizing<String>,
}

impl App {
    /// Creates a key of the root user of any account, to be handed to its owner.
    pub async fn access_key_create_root(
        &self,
        call: &Call,
        change: &Mutation,
        of: AccountId,
    ) -> Result<Done<NewAccessKey>, Error> {
        platform(&call.permit)?;
        self.key_create(call, change, of, IdentityName::ROOT).await
    }

    /// Creates a key of a user.
    pub async fn access_key_create(
        &self,
        call: &Call,
        change: &Mutation,
        named: AccountId,
        user: &str,
    ) -> Result<Done<NewAccessKey>, Error> {
        let id = own_account(&call.permit, named)?;
        refuse_root_of_another(call, user)?;
        self.key_create(call, change, id, user).await
    }

    async fn key_create(
        &self,
        call: &Call,
        change: &Mutation,
        id: AccountId,
        user: &str,
    ) -> Result<Done<NewAccessKey>, Error> {
        let work = move |tx: Tx| async move {
            let conn = tx.conn();
            let locked = lock_for(conn, call, id).await?;
            let now = self.now();
            let user = user::find(conn, id, user).await?;
            let keys = store::access_key::count_all(conn, id, &user.id).await?;
            let new = random_id(self.entropy.as_ref());
            let key = AccessKey::create(&user, new, keys, self.limits.access_keys_max, now)?;
            let secret = self.random_secret();
            store::access_key::insert(conn, &key, hash(&secret)).await?;
            let facts = root_user::fact_of_keys(conn, id, &user.id).await?;
            self.record(&tx, call, change, now, made(&locked, key.name(), facts.into_iter().collect()));
            Ok(NewAccessKey { key, secret })
        };
        self.mutate("access_key_create", change, work).await
    }

    /// Lists the keys of a user, without secrets.
    pub async fn access_key_list(
        &self,
        call: &Call,
        named: AccountId,
        user: &str,
        asked: &PageRequest,
    ) -> Result<Page<AccessKey>, Error> {
        let id = own_account(&call.permit, named)?;
        let window = self.window(call, asked, "").await?;
        user::find(self.db.reader(), id, user).await?;
        let after = window.after.as_deref().unwrap_or_default();
        let items = store::access_key::page(self.db.reader(), id, user, after, window.limit()).await?;
        self.page(call, &window, items, |key| key.id.clone())
    }

    /// Enables or disables a key (R-DIR-23). Disabling makes the tokens of the user dead at once.
    pub async fn access_key_put(
        &self,
        call: &Call,
        change: &Mutation,
        named: KeyName<'_>,
        to: Use,
        etag: &str,
    ) -> Result<Done<AccessKey>, Error> {
        let id = own_account(&call.permit, named.account)?;
        let work = move |tx: Tx| async move {
            let conn = tx.conn();
            let mut locked = lock_for(conn, call, id).await?;
            let key = find(conn, named).await?;
            let Some(changed) = key.put(to, etag)? else { return Ok(key) };
            store::access_key::save(conn, &changed).await?;
            let mut facts = match to {
                Use::Disabled => vec![revoke(conn, &mut locked, named.user).await?],
                Use::Enabled => Vec::new(),
            };
            facts.extend(root_user::fact_of_keys(conn, id, named.user).await?);
            self.record(&tx, call, change, self.now(), made(&locked, changed.name(), facts));
            Ok(changed)
        };
        self.mutate("access_key_put", change, work).await
    }

    /// Deletes a key; the tokens of its user are dead at once.
    pub async fn access_key_delete(
        &self,
        call: &Call,
        change: &Mutation,
        named: KeyName<'_>,
        etag: &str,
    ) -> Result<Done<()>, Error> {
        let id = own_account(&call.permit, named.account)?;
        let work = move |tx: Tx| async move {
            let conn = tx.conn();
            let mut locked = lock_for(conn, call, id).await?;
            let key = find(conn, named).await?;
            key.check(etag)?;
            store::access_key::delete(conn, id, named.user, named.key).await?;
            let mut facts = vec![revoke(conn, &mut locked, named.user).await?];
            facts.extend(root_user::fact_of_keys(conn, id, named.user).await?);
            self.record(&tx, call, change, self.now(), made(&locked, key.name(), facts));
            Ok(())
        };
        self.mutate("access_key_delete", change, work).await
    }

    /// 256 bits, as text.
    pub(super) fn random_secret(&self) -> Zeroizing<String> {
        let mut bytes = Zeroizing::new([0; 32]);
        self.entropy.fill(bytes.as_mut());
        Zeroizing::new(URL_SAFE_NO_PAD.encode(bytes.as_slice()))
    }
}

/// Which key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeyName<'a> {
    /// Account of the user.
    pub account: AccountId,
    /// Id of the user.
    pub user: &'a str,
    /// Id of the key.
    pub key: &'a str,
}

/// Refuses credentials of the root user to everybody but that user: they would let their holder do what no policy of its
/// own allows.
pub(super) fn refuse_root_of_another(call: &Call, user: &str) -> Result<(), Error> {
    if user == IdentityName::ROOT && call.operator.kind != PrincipalKind::Root {
        return Err(domain::Error::RootUserImmutable.into());
    }
    Ok(())
}

/// What is stored of a secret. It has 256 random bits: a slow hash would protect it no better.
pub(super) fn hash(secret: &str) -> [u8; 32] {
    Sha256::digest(secret.as_bytes()).into()
}

pub(super) fn made(locked: &Locked, resource: String, facts: Vec<events::Fact>) -> Made {
    Made { resource, tenant: locked.tenant(), accounts: vec![locked.account.id], facts }
}

pub(super) async fn find(conn: &impl ConnectionTrait, named: KeyName<'_>) -> Result<AccessKey, Error> {
    let KeyName { account, user, key } = named;
    let found = store::access_key::get(conn, account, user, key).await?;
    let missing = || domain::Error::NotFound(format!("{}/users/{user}/accessKeys/{key}", account.name()));
    found.ok_or_else(|| missing().into())
}

/// Makes the tokens of a user dead, and returns the fact that says so.
pub(super) async fn revoke(
    conn: &impl ConnectionTrait,
    locked: &mut Locked,
    user: &str,
) -> Result<events::Fact, Error> {
    let mut user = user::find(conn, locked.account.id, user).await?;
    user.revoke_tokens(&mut locked.account);
    store::account::save(conn, &locked.account).await?;
    store::user::save(conn, &user).await?;
    Ok(events::user(&user))
}
