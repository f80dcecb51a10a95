//! Invitations.

use bailiwick_core::{AccountId, DirectoryId, Timestamp, authz::Tenant, filter::Filter};
use bailiwick_db::{PageTokenError, Tx};
use bailiwick_rpc::Call;
use sea_orm::ConnectionTrait;

use super::{
    App, Done, Error, Made, Mutation, Page, PageRequest, list::Window, lock_account, lock_directory,
    management_account, own_account, own_directory,
};
use crate::{
    domain::{
        self,
        account::Account,
        folder::ROOT_FOLDER,
        invitation::{Answer, Invitation, NewInvitation, RATE_WINDOW, Sent, Target, check_target, stored},
        member::{Membership, joining_names},
    },
    events, store,
};

impl App {
    /// Invites an account (R-DIR-09, R-DIR-15).
    pub async fn invitation_create(
        &self,
        call: &Call,
        change: &Mutation,
        named: DirectoryId,
        new: NewInvitation,
    ) -> Result<Done<Invitation>, Error> {
        let id = own_directory(&call.permit, named)?;
        let new = &new;
        let work = move |tx: Tx| async move {
            let conn = tx.conn();
            let now = self.now();
            let directory = lock_directory(conn, id).await?;
            let sender = management_account(conn, &directory).await?;
            let membership = store::member::of_account(conn, new.account).await?;
            let in_directory = membership.is_some();
            // An account ends with such a membership: whether somebody has seen to it makes no difference.
            let over = membership.is_some_and(|membership| membership.is_over(now));
            let target = store::account::get(conn, new.account).await?.filter(|_| !over);
            let target = target.as_ref().map(|t| Target { enterprise: t.enterprise.as_ref(), in_directory });
            let legal_name = check_target(sender.verified()?, new.account, target)?;
            store::folder::tree(conn, id).await?.find(id, &new.folder)?;
            let sent = self.sent(conn, id, new.account, now).await?;
            let invitation = Invitation::send((id, self.random_id()), new.clone(), legal_name, &sender, sent, now)?;
            store::invitation::insert(conn, &invitation).await?;
            let facts = vec![events::invitation(&invitation)];
            self.record(&tx, call, change, now, made(&invitation, facts));
            Ok(invitation)
        };
        self.mutate("invitation_create", change, work).await
    }

    /// Reads an invitation that the directory sent.
    pub async fn invitation_get(&self, call: &Call, named: DirectoryId, id: &str) -> Result<Invitation, Error> {
        let directory = own_directory(&call.permit, named)?;
        let found = store::invitation::get(self.db.reader(), directory, id).await?;
        found.ok_or_else(|| domain::Error::NotFound(call.permit.resource().to_owned()).into())
    }

    /// Lists the invitations that a directory sent, newest first.
    pub async fn invitation_list(
        &self,
        call: &Call,
        named: DirectoryId,
        filter: &Filter,
        asked: &PageRequest,
    ) -> Result<Page<Invitation>, Error> {
        let directory = own_directory(&call.permit, named)?;
        let window = self.window(call, asked, &filter.to_string()).await?;
        let (filter, after, limit) = (stored(filter, self.now()), after(&window)?, window.limit());
        let items = store::invitation::page_sent(self.db.reader(), directory, &filter, after, limit).await?;
        self.page(call, &window, items, page_key)
    }

    /// Lists the invitations that an account received, newest first (E-DIR-09).
    pub async fn invitation_list_received(
        &self,
        call: &Call,
        named: AccountId,
        filter: &Filter,
        asked: &PageRequest,
    ) -> Result<Page<Invitation>, Error> {
        let account = own_account(&call.permit, named)?;
        let window = self.window(call, asked, &filter.to_string()).await?;
        let (filter, after, limit) = (stored(filter, self.now()), after(&window)?, window.limit());
        let items = store::invitation::page_received(self.db.reader(), account, &filter, after, limit).await?;
        self.page(call, &window, items, page_key)
    }

    /// Accepts an invitation: the account becomes a member (R-DIR-10, R-DIR-11, R-DIR-12).
    pub async fn invitation_accept(
        &self,
        call: &Call,
        change: &Mutation,
        named: DirectoryId,
        id: &str,
    ) -> Result<Done<Invitation>, Error> {
        let directory_id = own_directory(&call.permit, named)?;
        let work = move |tx: Tx| async move {
            let conn = tx.conn();
            let now = self.now();
            let directory = lock_directory(conn, directory_id).await?;
            let invitation = received(conn, call, directory_id, id).await?;
            let locked = lock_account(conn, invitation.account).await?;
            let sender = management_account(conn, &directory).await?;
            let occupancy = self.occupancy(conn, directory_id, now).await?;
            let in_directory = locked.membership.is_some();
            let accepted = invitation.accept(&locked.account, in_directory, &sender, occupancy, now)?;
            let name = free_name(conn, directory_id, &locked.account, now).await?;
            let membership = Membership::invited(directory_id, locked.account.id, name, self.random_id(), now);
            // The folder may be gone by now (E-DIR-10).
            let there = store::folder::tree(conn, directory_id).await?.has(&accepted.folder);
            let folder = if there { accepted.folder.clone() } else { ROOT_FOLDER.to_owned() };
            let membership = Membership { folder, labels: accepted.labels.clone(), ..membership };
            store::invitation::save(conn, &accepted).await?;
            store::member::insert(conn, &membership).await?;
            let facts = vec![events::account(&locked.account, Some(&membership))];
            self.record(&tx, call, change, now, made(&accepted, facts));
            Ok(accepted)
        };
        self.mutate("invitation_accept", change, work).await
    }

    /// Declines an invitation, as its recipient, or takes it back, as its sender (E-DIR-09).
    pub async fn invitation_answer(
        &self,
        call: &Call,
        change: &Mutation,
        named: DirectoryId,
        id: &str,
        answer: Answer,
    ) -> Result<Done<Invitation>, Error> {
        let directory_id = own_directory(&call.permit, named)?;
        let work = move |tx: Tx| async move {
            let conn = tx.conn();
            lock_directory(conn, directory_id).await?;
            let invitation = match answer {
                Answer::Decline => received(conn, call, directory_id, id).await?,
                Answer::Cancel => kept(conn, call, directory_id, id).await?,
            };
            let now = self.now();
            let answered = invitation.answer(answer, now)?;
            store::invitation::save(conn, &answered).await?;
            self.record(&tx, call, change, now, made(&answered, Vec::new()));
            Ok(answered)
        };
        self.mutate("invitation_answer", change, work).await
    }

    async fn sent(
        &self,
        conn: &impl ConnectionTrait,
        id: DirectoryId,
        to: AccountId,
        now: Timestamp,
    ) -> Result<Sent, Error> {
        let window_us = i64::try_from(RATE_WINDOW.as_micros()).unwrap_or(i64::MAX);
        let since = Timestamp::from_micros(now.as_micros().saturating_sub(window_us));
        Ok(Sent {
            recent: store::invitation::count_sent(conn, id, since).await?,
            limit: self.limits.invitations_per_day_max,
            pending_to_target: store::invitation::is_pending_to(conn, id, to, now).await?,
            occupancy: self.occupancy(conn, id, now).await?,
        })
    }
}

fn made(invitation: &Invitation, facts: Vec<events::Fact>) -> Made {
    Made {
        resource: invitation.name(),
        tenant: Tenant::Directory(invitation.directory),
        accounts: vec![invitation.account],
        facts,
    }
}

async fn kept(conn: &impl ConnectionTrait, call: &Call, directory: DirectoryId, id: &str) -> Result<Invitation, Error> {
    let found = store::invitation::get(conn, directory, id).await?;
    found.ok_or_else(|| domain::Error::NotFound(call.permit.resource().to_owned()).into())
}

/// An invitation, if the caller's account is the one that it was sent to: the tenant of the call is the directory, to
/// which the caller does not belong.
async fn received(
    conn: &impl ConnectionTrait,
    call: &Call,
    directory: DirectoryId,
    id: &str,
) -> Result<Invitation, Error> {
    let invitation = kept(conn, call, directory, id).await?;
    if call.permit.account() == Some(invitation.account) {
        Ok(invitation)
    } else {
        Err(domain::Error::NotFound(call.permit.resource().to_owned()).into())
    }
}

async fn free_name(
    conn: &impl ConnectionTrait,
    directory: DirectoryId,
    account: &Account,
    now: Timestamp,
) -> Result<String, Error> {
    for name in joining_names(account) {
        if !store::member::has_name(conn, directory, &name, now).await? {
            return Ok(name);
        }
    }
    Err(domain::Error::DisplayNameUsed(account.display_name.clone()).into())
}

fn page_key(invitation: &Invitation) -> String {
    format!("{} {}", invitation.create_time.as_micros(), invitation.id)
}

fn after(window: &Window) -> Result<Option<store::invitation::After>, Error> {
    let Some(key) = &window.after else { return Ok(None) };
    let (time, id) = key.split_once(' ').ok_or(PageTokenError::Invalid)?;
    let micros = time.parse().map_err(|_| PageTokenError::Invalid)?;
    Ok(Some(store::invitation::After { create_time: Timestamp::from_micros(micros), id: id.to_owned() }))
}
