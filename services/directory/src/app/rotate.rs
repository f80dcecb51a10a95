//! Rotation of access keys.

use std::time::Duration;

use bailiwick_db::Tx;
use bailiwick_rpc::Call;
use serde::{Deserialize, Serialize};

use super::{
    App, Done, Error, KeyName, Mutation, NewAccessKey,
    access_key::{find, hash, made, refuse_root_of_another, revoke},
    own_account, root_user,
    standing::lock_for,
    user,
};
use crate::{
    domain::access_key::{AccessKey, random_id},
    store,
};

/// A key that was rotated.
#[derive(Serialize, Deserialize)]
pub struct Rotated {
    /// The new key. Its secret is not in the answer to a repetition.
    pub successor: NewAccessKey,
    /// The old one.
    pub predecessor: AccessKey,
}

impl App {
    /// Creates the successor of a key; the old one is disabled after `grace`, and what was had with it dies with it.
    pub async fn access_key_rotate(
        &self,
        call: &Call,
        change: &Mutation,
        named: KeyName<'_>,
        grace: Duration,
        etag: &str,
    ) -> Result<Done<Rotated>, Error> {
        let id = own_account(&call.permit, named.account)?;
        refuse_root_of_another(call, named.user)?;
        let work = move |tx: Tx| async move {
            let conn = tx.conn();
            let mut locked = lock_for(conn, call, id).await?;
            let now = self.now();
            let user = user::find(conn, id, named.user).await?;
            let predecessor = find(conn, named).await?.rotate(grace, etag, now)?;
            let keys = store::access_key::count_all(conn, id, &user.id).await?;
            let new = random_id(self.entropy.as_ref());
            let key = AccessKey::create(&user, new, keys, self.limits.access_keys_max, now)?;
            let secret = self.random_secret();
            store::access_key::insert(conn, &key, hash(&secret)).await?;
            store::access_key::save(conn, &predecessor).await?;
            let mut facts = match predecessor.enabled {
                true => Vec::new(),
                false => vec![revoke(conn, &mut locked, named.user).await?],
            };
            facts.extend(root_user::fact_of_keys(conn, id, named.user).await?);
            self.record(&tx, call, change, now, made(&locked, predecessor.name(), facts));
            Ok(Rotated { successor: NewAccessKey { key, secret }, predecessor })
        };
        self.mutate("access_key_rotate", change, work).await
    }
}
