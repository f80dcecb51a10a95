//! Single-purpose credentials.

use bailiwick_core::AccountId;
use bailiwick_db::Tx;
use bailiwick_rpc::Call;
use sea_orm::ConnectionTrait;
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use super::{
    App, Done, Error, Made, Mutation, Page, PageRequest,
    access_key::{hash, refuse_root_of_another},
    own_account,
    standing::lock_for,
    user,
};
use crate::{
    domain::{
        self,
        credential::{Credential, NewCredential},
    },
    events, store,
};

/// A credential that was made. What it is sent as is kept nowhere: a repetition of the request gets it without.
#[derive(Serialize, Deserialize)]
pub struct NewCredentialSecret {
    /// The credential.
    pub credential: Credential,
    /// `bwc_{id}_{secret}`; empty in the answer to a repetition.
    #[serde(skip)]
    pub bearer: Zeroizing<String>,
}

impl App {
    /// Creates a credential of a user.
    pub async fn credential_create(
        &self,
        call: &Call,
        change: &Mutation,
        (named, user): (AccountId, &str),
        new: &NewCredential,
    ) -> Result<Done<NewCredentialSecret>, Error> {
        let id = own_account(&call.permit, named)?;
        refuse_root_of_another(call, user)?;
        let work = move |tx: Tx| async move {
            let conn = tx.conn();
            let locked = lock_for(conn, call, id).await?;
            let now = self.now();
            let user = user::find(conn, id, user).await?;
            let credentials = store::credential::count_good(conn, id, &user.id, now).await?;
            let secret = self.random_secret();
            let made = (self.random_id(), hash(&secret));
            let credential = Credential::create(&user, new, made, credentials, now)?;
            store::credential::insert(conn, &credential).await?;
            let made = Made {
                resource: credential.name(),
                tenant: locked.tenant(),
                accounts: vec![id],
                facts: vec![events::credential(&credential)],
            };
            self.record(&tx, call, change, now, made);
            let bearer = Zeroizing::new(format!("bwc_{}_{}", credential.id, secret.as_str()));
            Ok(NewCredentialSecret { credential, bearer })
        };
        self.mutate("credential_create", change, work).await
    }

    /// Lists the credentials of a user, without secrets.
    pub async fn credential_list(
        &self,
        call: &Call,
        named: AccountId,
        user: &str,
        asked: &PageRequest,
    ) -> Result<Page<Credential>, Error> {
        let id = own_account(&call.permit, named)?;
        let window = self.window(call, asked, "").await?;
        user::find(self.db.reader(), id, user).await?;
        let after = window.after.as_deref().unwrap_or_default();
        let items = store::credential::page(self.db.reader(), id, user, after, window.limit()).await?;
        self.page(call, &window, items, |credential| credential.id.clone())
    }

    /// Deletes a credential: it is dead at once.
    pub async fn credential_delete(
        &self,
        call: &Call,
        change: &Mutation,
        named: AccountId,
        (user, credential): (&str, &str),
        etag: &str,
    ) -> Result<Done<()>, Error> {
        let id = own_account(&call.permit, named)?;
        let work = move |tx: Tx| async move {
            let conn = tx.conn();
            let locked = lock_for(conn, call, id).await?;
            let found = store::credential::get(conn, id, user, credential).await?;
            let missing = || domain::Error::NotFound(format!("{}/users/{user}/credentials/{credential}", id.name()));
            let found = found.ok_or_else(missing)?;
            found.check(etag)?;
            store::credential::delete(conn, id, &[&found.id]).await?;
            let made = Made {
                resource: found.name(),
                tenant: locked.tenant(),
                accounts: vec![id],
                facts: vec![events::credential_gone(&found)],
            };
            self.record(&tx, call, change, self.now(), made);
            Ok(())
        };
        self.mutate("credential_delete", change, work).await
    }
}

/// Deletes the credentials of a user, and returns the facts that say so.
pub(super) async fn delete_all(
    conn: &impl ConnectionTrait,
    of: AccountId,
    user: &str,
) -> Result<Vec<events::Fact>, Error> {
    let all = store::credential::of_users(conn, of, &[user]).await?;
    if !all.is_empty() {
        let ids: Vec<&str> = all.iter().map(|credential| credential.id.as_str()).collect();
        store::credential::delete(conn, of, &ids).await?;
    }
    Ok(all.iter().map(events::credential_gone).collect())
}
