//! Making all tokens of an identity dead.

use bailiwick_core::{AccountId, IdentityName};
use bailiwick_db::Tx;
use bailiwick_rpc::Call;
use sea_orm::ConnectionTrait;

use super::{
    App, Done, Error, Locked, Mutation,
    access_key::{made, revoke},
    credential, own_account, role,
    standing::lock_for,
};
use crate::{
    domain::{self, credential::Credential},
    events, store,
};

/// What becomes of the single-purpose credentials of a user whose tokens are revoked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Credentials {
    /// They are still accepted.
    Kept,
    /// They are deleted.
    Included,
}

impl App {
    /// Makes all tokens of a user dead, or all sessions of a role; and with those of a user, the sessions that it began.
    /// Answers the single-purpose credentials that are still accepted.
    pub async fn tokens_revoke(
        &self,
        call: &Call,
        change: &Mutation,
        (named, identity): (AccountId, &IdentityName),
        with: Credentials,
    ) -> Result<Done<Vec<Credential>>, Error> {
        let id = own_account(&call.permit, named)?;
        let work = move |tx: Tx| async move {
            let conn = tx.conn();
            let mut locked = lock_for(conn, call, id).await?;
            let now = self.now();
            let (facts, remaining) = match identity {
                IdentityName::User(_, user) => {
                    let mut facts = vec![revoke(conn, &mut locked, user).await?];
                    if with == Credentials::Included {
                        facts.extend(credential::delete_all(conn, id, user).await?);
                    }
                    let mut remaining = store::credential::of_users(conn, id, &[user.as_str()]).await?;
                    remaining.retain(|credential| now < credential.expire_time);
                    (facts, remaining)
                }
                IdentityName::Role(_, role) => (vec![revoke_role(conn, &mut locked, role).await?], Vec::new()),
                IdentityName::Operator(_) => return Err(domain::Error::NotFound(identity.to_string()).into()),
            };
            self.record(&tx, call, change, now, made(&locked, identity.to_string(), facts));
            Ok(remaining)
        };
        self.mutate("tokens_revoke", change, work).await
    }
}

/// Makes the sessions of a role dead, and returns the fact that says so.
async fn revoke_role(conn: &impl ConnectionTrait, locked: &mut Locked, role: &str) -> Result<events::Fact, Error> {
    let id = locked.account.id;
    let mut role = role::find(conn, id, role).await?.own()?;
    role.generation = locked.account.next_generation();
    store::account::save(conn, &locked.account).await?;
    store::role::save_generation(conn, &role).await?;
    Ok(events::role(&role))
}
