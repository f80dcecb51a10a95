//! Service-linked roles one by one, for `delegation`, which has their templates and decides who may have them.

use bailiwick_changelog::Recorded;
use bailiwick_core::{AccountId, DirectoryId, TrustedService, authz::Tenant};
use bailiwick_db::Tx;
use bailiwick_rpc::Call;
use sea_orm::ConnectionTrait;

use super::{App, Done, Error, Page, PageRequest, lock_directory, platform};
use crate::{
    domain::{self, claim::prove_members, linked_role::LinkedRole, member::Membership},
    events, store,
};

impl App {
    /// Creates a role in a member, and proves the membership in the same transaction (R-DEL-14). One that is there
    /// already is kept, and nothing is recorded.
    pub async fn linked_role_create(
        &self,
        call: &Call,
        directory: DirectoryId,
        account: AccountId,
        (service, id): (TrustedService, &str),
    ) -> Result<Done<LinkedRole>, Error> {
        platform(&call.permit)?;
        let work = move |tx: Tx| async move {
            let conn = tx.conn();
            lock_directory(conn, directory).await?;
            prove_members(&[account], store::member::find(conn, directory, &[account], self.now()).await?)?;
            if let Some(role) = store::linked_role::get(conn, account, id).await? {
                return Ok::<_, Error>(role);
            }
            let generations = store::account::take_generations(conn, &[account]).await?;
            let generation = generations.get(&account).copied().unwrap_or_default();
            let role = LinkedRole { account, id: id.to_owned(), service, generation, create_time: self.now() };
            store::linked_role::insert(conn, std::slice::from_ref(&role)).await?;
            self.record_linked_role(&tx, call, &role, events::linked_role(&role));
            Ok(role)
        };
        Ok(self.db.write("linked_role_create", work).await?.into())
    }

    /// Lists the service-linked roles of an account.
    pub async fn linked_role_list(
        &self,
        call: &Call,
        account: AccountId,
        asked: &PageRequest,
    ) -> Result<Page<LinkedRole>, Error> {
        platform(&call.permit)?;
        let window = self.window(call, asked, "").await?;
        let after = window.after.as_deref().unwrap_or_default();
        let items = store::linked_role::page(self.db.reader(), account, after, window.limit()).await?;
        self.page(call, &window, items, |role| role.id.clone())
    }

    /// Deletes a role that an account has in the membership of an incarnation, unless a claim of its service needs it
    /// (E-DEL-11). Claims are placed under the lock of the directory, so that none comes in between. Where the membership
    /// has ended, the role ended with it, and what a later one has is left alone.
    pub async fn linked_role_delete(
        &self,
        call: &Call,
        (account, incarnation): (AccountId, &str),
        (service, id): (TrustedService, &str),
    ) -> Result<Done<()>, Error> {
        platform(&call.permit)?;
        let work = move |tx: Tx| async move {
            let conn = tx.conn();
            let Some(of) = standing(conn, account, incarnation).await? else { return Ok(()) };
            lock_directory(conn, of.directory).await?;
            if standing(conn, account, incarnation).await?.is_none() {
                return Ok(());
            }
            let claims = store::claim::on_member(conn, of.directory, account).await?;
            domain::claim::may_delete_role(account, id, service, &claims)?;
            if let Some(role) = store::linked_role::get(conn, account, id).await? {
                store::linked_role::delete(conn, &[account], &[id.to_owned()]).await?;
                self.record_linked_role(&tx, call, &role, events::linked_role_gone(&role));
            }
            Ok::<_, Error>(())
        };
        Ok(self.db.write("linked_role_delete", work).await?.into())
    }

    fn record_linked_role(&self, tx: &Tx, call: &Call, role: &LinkedRole, fact: events::Fact) {
        let recorded = Recorded {
            resource: role.name(),
            tenant: Tenant::Account(role.account),
            accounts: vec![role.account.name()],
            request_id: String::new(),
            facts: vec![fact],
        };
        tx.record(recorded.by_call(call, self.now()));
    }
}

/// The membership of an incarnation, if it has not ended.
async fn standing(
    conn: &impl ConnectionTrait,
    account: AccountId,
    incarnation: &str,
) -> Result<Option<Membership>, Error> {
    let found = store::member::of_account(conn, account).await?;
    Ok(found.filter(|found| found.incarnation == incarnation))
}
