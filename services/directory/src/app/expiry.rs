//! The ends that were set in advance: of rotated keys and of single-purpose credentials.

use std::{collections::BTreeMap, time::Duration};

use bailiwick_core::{AccountId, Timestamp};
use bailiwick_db::Tx;
use sea_orm::ConnectionTrait;
use tokio_util::sync::CancellationToken;

use super::{App, Error, KeyName, Locked, Made, access_key, lock_account, root_user};
use crate::{
    domain::{access_key::AccessKey, credential::Credential, session::SECONDS_MAX},
    events, store,
};

/// The method of these changes.
const METHOD: &str = "expire";
const LEASE: &str = "directory-expiry";
/// Tokens of a rotated key end with it by themselves, and so do sessions that began with them since the rotation; those of
/// before live this much longer at most.
const PERIOD: Duration = Duration::from_secs(10);
const LEASE_TTL: Duration = Duration::from_mins(1);
/// Most keys, and most credentials, that end at once; the rest waits for the next time.
const MAX: u64 = 500;

impl App {
    /// Ends what is due, until the shutdown. Of several replicas one does.
    pub async fn expire_until(&self, shutdown: CancellationToken) {
        let holder = self.random_id();
        while shutdown.run_until_cancelled(tokio::time::sleep(PERIOD)).await.is_some() {
            match self.db.try_lease(LEASE, &holder, LEASE_TTL).await {
                Ok(Some(_)) => {
                    if let Err(error) = self.expire().await {
                        tracing::warn!(%error, "keys and credentials were not ended; the next time goes on");
                    }
                }
                Ok(None) => {}
                Err(error) => tracing::warn!(%error, "no key or credential is ended, for the lease cannot be had"),
            }
        }
    }

    /// Disables rotated keys whose grace is over, and forgets expired credentials. The tokens of a key's user are revoked
    /// only if one of the key may be alive still, which a grace of half a day rules out.
    pub async fn expire(&self) -> Result<(), Error> {
        let now = self.now();
        for key in store::access_key::due(self.db.reader(), now, MAX).await? {
            let key = &key;
            self.db.write("expire_access_key", move |tx: Tx| self.end_key(tx, key, now)).await?;
        }
        let mut expired: BTreeMap<AccountId, Vec<Credential>> = BTreeMap::new();
        for credential in store::credential::expired(self.db.reader(), now, MAX).await? {
            expired.entry(credential.account).or_default().push(credential);
        }
        for (account, credentials) in expired {
            let credentials = &credentials;
            let work = move |tx: Tx| self.end_credentials(tx, account, credentials);
            self.db.write("expire_credentials", work).await?;
        }
        Ok(())
    }

    async fn end_key(&self, tx: Tx, key: &AccessKey, now: Timestamp) -> Result<(), Error> {
        let conn = tx.conn();
        let Some(mut locked) = locked(conn, key.account).await? else { return Ok(()) };
        // It may have been called off or deleted since it was seen.
        let named = KeyName { account: key.account, user: &key.user, key: &key.id };
        let found = store::access_key::get(conn, named.account, named.user, named.key).await?;
        let ended = found.and_then(|key| Some((key.is_outlived(self.longest()), key.expire(now)?)));
        let Some((outlived, ended)) = ended else { return Ok(()) };
        store::access_key::save(conn, &ended).await?;
        let mut facts =
            if outlived { vec![access_key::revoke(conn, &mut locked, named.user).await?] } else { Vec::new() };
        facts.extend(root_user::fact_of_keys(conn, named.account, named.user).await?);
        self.record_end(&tx, &locked, ended.name(), facts);
        Ok(())
    }

    async fn end_credentials(&self, tx: Tx, account: AccountId, due: &[Credential]) -> Result<(), Error> {
        let conn = tx.conn();
        let Some(locked) = locked(conn, account).await? else { return Ok(()) };
        let mut gone = Vec::new();
        for credential in due {
            let there = store::credential::get(conn, account, &credential.user, &credential.id).await?;
            gone.extend(there.filter(|there| there.expire_time == credential.expire_time));
        }
        if gone.is_empty() {
            return Ok(());
        }
        let ids: Vec<&str> = gone.iter().map(|credential| credential.id.as_str()).collect();
        store::credential::delete(conn, account, &ids).await?;
        self.record_end(&tx, &locked, account.name(), gone.iter().map(events::credential_gone).collect());
        Ok(())
    }

    /// How long a token or session lives at most.
    fn longest(&self) -> Duration {
        Duration::from_secs(SECONDS_MAX.max(self.limits.token_seconds).into())
    }

    fn record_end(&self, tx: &Tx, locked: &Locked, resource: String, facts: Vec<events::Fact>) {
        let made = Made { resource, tenant: locked.tenant(), accounts: vec![locked.account.id], facts };
        self.record_own(tx, METHOD, self.now(), made);
    }
}

/// The account, locked; none if it is no more.
async fn locked(conn: &impl ConnectionTrait, id: AccountId) -> Result<Option<Locked>, Error> {
    match lock_account(conn, id).await {
        Ok(locked) => Ok(Some(locked)),
        Err(Error::Domain(crate::domain::Error::NotFound(_))) => Ok(None),
        Err(error) => Err(error),
    }
}
