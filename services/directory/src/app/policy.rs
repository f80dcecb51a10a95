//! Policies.

use bailiwick_core::{AccountId, authz::SystemPolicy};
use bailiwick_db::Tx;
use bailiwick_rpc::Call;

use super::{App, Done, Error, Made, Mutation, Page, PageRequest, lock_account, own_account, user};
use crate::{
    domain::{policy, user::User},
    events, store,
};

impl App {
    /// Lists the policies that can be attached in an account.
    pub async fn policy_list(
        &self,
        call: &Call,
        named: AccountId,
        asked: &PageRequest,
    ) -> Result<Page<SystemPolicy>, Error> {
        own_account(&call.permit, named)?;
        let window = self.window(call, asked, "").await?;
        let limit = usize::try_from(window.limit()).unwrap_or(usize::MAX);
        let items = policy::page(window.after.as_deref().unwrap_or_default(), limit);
        self.page(call, &window, items, |policy| policy.name().to_owned())
    }

    /// Attaches a policy to a RAM user, or detaches it. What is so already is not changed.
    pub async fn policy_put(
        &self,
        call: &Call,
        change: &Mutation,
        named: (AccountId, &str),
        policy: &str,
        attach: bool,
    ) -> Result<Done<User>, Error> {
        let (named, user_id) = named;
        let id = own_account(&call.permit, named)?;
        let policy = policy::find(policy)?;
        let work = move |tx: Tx| async move {
            let conn = tx.conn();
            let locked = lock_account(conn, id).await?;
            let user = user::find(conn, id, user_id).await?;
            let changed = if attach { user.attach(policy)? } else { user.detach(policy)? };
            let Some(changed) = changed else { return Ok(user) };
            store::user::save_policies(conn, &changed).await?;
            let made = Made {
                resource: changed.name(),
                tenant: locked.tenant(),
                accounts: vec![id],
                facts: vec![events::user(&changed)],
            };
            self.record(&tx, call, change, self.now(), made);
            Ok(changed)
        };
        self.mutate("policy_put", change, work).await
    }
}
