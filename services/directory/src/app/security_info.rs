//! Security information: of an account for itself, and of members for the management account.

use bailiwick_core::{AccountId, DirectoryId};
use bailiwick_db::{DbError, Snapshot, Tx};
use bailiwick_rpc::Call;

use super::{
    App, Done, Error, Locked, Made, Mutation, lock_directory, own_account, own_directory, root_user, standing::lock_for,
};
use crate::{
    domain::{
        self,
        account::AccountType,
        destination::{Channel, Destination},
        security_info::{ChangeState, SecurityInfo},
    },
    store,
};

/// Whose security information.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Whose {
    /// The caller's own account.
    Own(AccountId),
    /// A member of the directory that the caller's account manages.
    Member(DirectoryId, AccountId),
}

impl Whose {
    fn account(self) -> AccountId {
        let (Self::Own(account) | Self::Member(_, account)) = self;
        account
    }

    /// It, if the call was permitted for it.
    fn permitted(self, call: &Call) -> Result<Self, Error> {
        Ok(match self {
            Self::Own(named) => Self::Own(own_account(&call.permit, named)?),
            Self::Member(named, account) => Self::Member(own_directory(&call.permit, named)?, account),
        })
    }
}

impl App {
    /// Reads security information (R-DIR-21).
    pub async fn security_info_get(&self, call: &Call, whose: Whose) -> Result<SecurityInfo, Error> {
        let whose = whose.permitted(call)?;
        let read = move |snapshot: Snapshot| async move {
            let conn = snapshot.conn();
            let exists = match whose {
                Whose::Own(account) => store::account::get(conn, account).await?.is_some(),
                Whose::Member(directory, account) => {
                    store::member::get(conn, directory, account, self.now()).await?.is_some()
                }
            };
            if !exists {
                return Err(Error::from(domain::Error::NotFound(call.permit.resource().to_owned())));
            }
            Ok(store::security_info::get(conn, whose.account()).await?)
        };
        Ok(self.db.snapshot("security_info_get", read).await?.value)
    }

    /// Sends a code to a new phone number or address, which counts once the code is confirmed (E-DIR-23, E-DIR-24).
    pub async fn security_contact_change(
        &self,
        call: &Call,
        change: &Mutation,
        whose: Whose,
        to: &Destination,
    ) -> Result<Done<SecurityInfo>, Error> {
        let whose = whose.permitted(call)?;
        let work = move |tx: Tx| async move {
            let (locked, info) = self.lock_owner(&tx, call, whose).await?;
            info.may_change(to.channel(), locked.account.kind)?;
            self.send_code(&tx, (call, change), &locked, info, to.clone()).await
        };
        self.mutate("security_contact_change", change, work).await
    }

    /// Sends a new code for the change that waits.
    pub async fn security_contact_resend(
        &self,
        call: &Call,
        change: &Mutation,
        whose: Whose,
        channel: Channel,
    ) -> Result<Done<SecurityInfo>, Error> {
        let whose = whose.permitted(call)?;
        let work = move |tx: Tx| async move {
            let (locked, info) = self.lock_owner(&tx, call, whose).await?;
            let to = info.resend(channel, locked.account.kind)?;
            self.send_code(&tx, (call, change), &locked, info, to).await
        };
        self.mutate("security_contact_resend", change, work).await
    }

    /// Makes the change that waits count.
    pub async fn security_contact_confirm(
        &self,
        call: &Call,
        change: &Mutation,
        whose: Whose,
        channel: Channel,
        code: &str,
    ) -> Result<Done<SecurityInfo>, Error> {
        let whose = whose.permitted(call)?;
        let attempt = &self.verification_attempt(call, whose.account(), channel.binding(), code).await?;
        let work = move |tx: Tx| async move {
            let (locked, info) = self.lock_owner(&tx, call, whose).await?;
            let (confirmed, to) = info.confirm(channel, locked.account.kind, self.now())?;
            self.verification_use(&tx, call, &locked, attempt, (channel.binding(), vec![to])).await?;
            self.keep(&tx, (call, change), &locked, confirmed, channel).await
        };
        self.mutate("security_contact_confirm", change, work).await
    }

    /// Drops the change that waits.
    pub async fn security_contact_cancel(
        &self,
        call: &Call,
        change: &Mutation,
        whose: Whose,
        channel: Channel,
    ) -> Result<Done<SecurityInfo>, Error> {
        let whose = whose.permitted(call)?;
        let work = move |tx: Tx| async move {
            let (locked, info) = self.lock_owner(&tx, call, whose).await?;
            let cancelled = info.cancel(channel, self.now())?;
            self.verification_withdraw(&tx, locked.account.id, channel.binding()).await?;
            self.keep(&tx, (call, change), &locked, cancelled, channel).await
        };
        self.mutate("security_contact_cancel", change, work).await
    }

    /// Locks the directory of an account, if it has one, and then the account. Of members, the management account changes
    /// resource accounts alone: whoever owns a cloud account sees to it.
    async fn lock_owner(&self, tx: &Tx, call: &Call, whose: Whose) -> Result<(Locked, SecurityInfo), Error> {
        let conn = tx.conn();
        let directory = match whose {
            Whose::Own(account) => store::member::of_account(conn, account).await?.map(|found| found.directory),
            Whose::Member(directory, _) => Some(directory),
        };
        if let Some(directory) = directory {
            lock_directory(conn, directory).await?;
        }
        let id = whose.account();
        let missing = || domain::Error::NotFound(call.permit.resource().to_owned());
        if let Whose::Member(directory, _) = whose {
            let member = store::member::get(conn, directory, id, self.now()).await?.ok_or_else(missing)?;
            if member.membership.is_suspended() {
                return Err(domain::Error::MemberPendingDeletion(id).into());
            }
            if member.kind == AccountType::Cloud {
                return Err(domain::Error::MemberTypeMismatch(member.kind).into());
            }
        }
        let locked = lock_for(conn, call, id).await?;
        if locked.membership.as_ref().map(|membership| membership.directory) != directory {
            return Err(DbError::Conflict("the account joined or left a directory".into()).into());
        }
        Ok((locked, store::security_info::get(conn, id).await?))
    }

    async fn send_code(
        &self,
        tx: &Tx,
        (call, change): (&Call, &Mutation),
        locked: &Locked,
        info: SecurityInfo,
        to: Destination,
    ) -> Result<SecurityInfo, Error> {
        let channel = to.channel();
        let sent = self.verification_request(tx, call, locked, channel.binding(), to.clone()).await?;
        self.keep(tx, (call, change), locked, info.sent(to, sent.expire_time), channel).await
    }

    async fn keep(
        &self,
        tx: &Tx,
        (call, change): (&Call, &Mutation),
        locked: &Locked,
        info: SecurityInfo,
        channel: Channel,
    ) -> Result<SecurityInfo, Error> {
        store::security_info::save(tx.conn(), &info, channel).await?;
        let change_of = info.contact(channel).change.as_ref();
        let facts = match change_of.is_some_and(|change| change.state == ChangeState::Confirmed) {
            true => vec![root_user::fact(tx.conn(), info.account).await?],
            false => Vec::new(),
        };
        let (resource, tenant, accounts) = (info.name(), locked.tenant(), vec![info.account]);
        self.record(tx, call, change, self.now(), Made { resource, tenant, accounts, facts });
        Ok(info)
    }
}
