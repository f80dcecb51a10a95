//! Making all tokens of an identity dead.

use bailiwick_core::{AccountId, IdentityName};
use bailiwick_db::Tx;
use bailiwick_rpc::Call;
use sea_orm::ConnectionTrait;

use super::{
    App, Done, Error, Locked, Mutation,
    access_key::{made, revoke},
    lock_account, own_account, role,
};
use crate::{domain, events, store};

impl App {
    /// Makes all tokens of a user dead, or all sessions of a role; and with those of a user, the sessions that it began.
    pub async fn tokens_revoke(
        &self,
        call: &Call,
        change: &Mutation,
        named: AccountId,
        identity: &IdentityName,
    ) -> Result<Done<()>, Error> {
        let id = own_account(&call.permit, named)?;
        let work = move |tx: Tx| async move {
            let conn = tx.conn();
            let mut locked = lock_account(conn, id).await?;
            let fact = match identity {
                IdentityName::User(_, user) => revoke(conn, &mut locked, user).await?,
                IdentityName::Role(_, role) => revoke_role(conn, &mut locked, role).await?,
                IdentityName::Operator(_) => return Err(domain::Error::NotFound(identity.to_string()).into()),
            };
            self.record(&tx, call, change, self.now(), made(&locked, identity.to_string(), vec![fact]));
            Ok(())
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
