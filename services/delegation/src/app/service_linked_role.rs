//! Service-linked roles that an account has created and deleted by itself.

use bailiwick_changelog::Recorded;
use bailiwick_core::{AccountId, IdentityName, Role, authz::Tenant};
use bailiwick_db::{Committed, CursorWait, DbError, IdempotencyKey, Position, Tx, TxError};
use bailiwick_rpc::Call;
use tokio::time::Instant;

use super::{App, Error, claims::Behalf};
use crate::{
    domain::{
        self, Deletion, LinkedRole, Membership,
        service_linked_role::{RETENTION, State, may_create, name, template},
    },
    events, store,
};

impl App {
    /// Creates a role from its template in a member of a directory with trusted access for its service (R-SOC-31).
    /// Creating it twice gives the same role.
    pub async fn create_service_linked_role(
        &self,
        call: &Call,
        key: &IdempotencyKey,
        role: &str,
    ) -> Result<Committed<LinkedRole>, Error> {
        let account = own_account(call)?;
        let (service, _) = template(role)?;
        // A repeated request must not create anew what was deleted since.
        if let Some(done) = self.replayed(key).await? {
            return Ok(done);
        }
        let conn = self.db.reader();
        let member = may_create(account, store::members::find(conn, &[account]).await?.pop())?;
        if !store::trusted_access::of_directory(conn, member.directory).await?.contains(&service) {
            return Err(domain::Error::TrustedAccessNotEnabled(service).into());
        }
        let behalf = Behalf::of(call);
        let (made, position) = self.linked_roles.create(&behalf, member.directory, account, role).await?;
        self.mirrored(&behalf, &position).await?;
        // The role itself is recorded in directory's log, and here as its mirror.
        let made = &made;
        self.db.write_once("create_service_linked_role", key, |_| async move { Ok::<_, Error>(made.clone()) }).await
    }

    /// A page of the service-linked roles of the caller's account.
    pub async fn list_service_linked_roles(
        &self,
        call: &Call,
        size: i32,
        token: &str,
    ) -> Result<(Vec<LinkedRole>, String), Error> {
        let account = own_account(call)?;
        Ok(self.linked_roles.list(&Behalf::of(call), account, size, token).await?)
    }

    /// Begins to delete a role: a task that is carried out in the background (E-DEL-11).
    pub async fn delete_service_linked_role(
        &self,
        call: &Call,
        key: &IdempotencyKey,
        role: &str,
    ) -> Result<Committed<Deletion>, Error> {
        let account = own_account(call)?;
        let fact = events::identity_key(&IdentityName::Role(account, role.to_owned()));
        let (fact, id) = (fact.as_str(), &self.token());
        let work = |tx: Tx| async move {
            let missing = || domain::Error::NotFound(name(account, role));
            let member = lock_member(&tx, account).await?.ok_or_else(missing)?;
            if template(role).is_err() || !store::facts::holds(tx.conn(), fact).await? {
                return Err(missing().into());
            }
            let deletion = Deletion {
                account,
                incarnation: member.incarnation,
                role: role.to_owned(),
                id: id.clone(),
                state: State::NotStarted,
                usages: Vec::new(),
                operator: call.operator.clone(),
                call_id: call.call_id.clone(),
                created: self.now(),
                ended: None,
            };
            if let Some(begun) = store::role_deletions::begin(tx.conn(), &deletion).await? {
                return Ok(begun);
            }
            let recorded = Recorded {
                resource: deletion.name(),
                tenant: Tenant::Account(account),
                accounts: vec![account.name()],
                request_id: key.request_id.clone().unwrap_or_default(),
                facts: Vec::new(),
            };
            tx.record(recorded.by_call(call, self.now()));
            Ok::<_, Error>(deletion)
        };
        let done = self.db.write_once("delete_service_linked_role", key, work).await;
        self.deletions.notify_one();
        done
    }

    /// A deletion of a role of the caller's account, while it is kept.
    pub async fn get_service_linked_role_deletion(&self, call: &Call, role: &str, id: &str) -> Result<Deletion, Error> {
        let account = own_account(call)?;
        let found = store::role_deletions::find(self.db.reader(), account, role, id).await?;
        let kept = |deletion: &Deletion| deletion.ended.is_none_or(|ended| self.now() < ended.after(RETENTION));
        let missing = || domain::Error::NotFound(format!("{}/deletions/{id}", name(account, role)));
        Ok(found.filter(kept).ok_or_else(missing)?)
    }

    /// Waits until a position of directory's log is mirrored here.
    pub(super) async fn mirrored(&self, behalf: &Behalf, position: &Position) -> Result<(), Error> {
        let remaining = behalf.deadline.saturating_duration_since(Instant::now());
        let remaining = remaining.saturating_sub(super::claims::MARGIN);
        match self.db.wait_cursor(Role::Directory.as_str(), position, remaining).await? {
            CursorWait::Reached => Ok(()),
            CursorWait::Behind(_) | CursorWait::OtherEpoch(_) => Err(Error::NotMirrored),
        }
    }

    /// What was answered to an earlier request with the same id.
    async fn replayed(&self, key: &IdempotencyKey) -> Result<Option<Committed<LinkedRole>>, Error> {
        if key.request_id.is_none() {
            return Ok(None);
        }
        let nothing = |_| async { Err::<LinkedRole, _>(Lookup::Nothing) };
        match self.db.write_once("replayed", key, nothing).await {
            Ok(done) => Ok(Some(done)),
            Err(Lookup::Nothing) => Ok(None),
            Err(Lookup::Db(error)) => Err(error.into()),
        }
    }
}

/// The membership of an account, if it has one, which does not end before the transaction.
async fn lock_member(tx: &Tx, account: AccountId) -> Result<Option<Membership>, Error> {
    let Some(found) = store::members::find(tx.conn(), &[account]).await?.pop() else { return Ok(None) };
    store::directories::lock(tx.conn(), found.directory).await?;
    let locked = store::members::find(tx.conn(), &[account]).await?.pop();
    Ok(locked.filter(|locked| locked.is(found.directory, &found.incarnation)))
}

fn own_account(call: &Call) -> Result<AccountId, Error> {
    let refused = |_| domain::Error::NotFound(call.permit.resource().to_owned());
    Ok(call.permit.tenant_account().map_err(refused)?)
}

/// Ends the transaction that looks for an earlier answer, so that nothing is remembered.
enum Lookup {
    Nothing,
    Db(DbError),
}

impl From<DbError> for Lookup {
    fn from(error: DbError) -> Self {
        Self::Db(error)
    }
}

impl TxError for Lookup {
    fn db(&self) -> Option<&DbError> {
        match self {
            Self::Nothing => None,
            Self::Db(error) => Some(error),
        }
    }
}
