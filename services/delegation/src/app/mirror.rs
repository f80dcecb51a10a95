//! Makes directory's facts part of the own log: what upstream changed and what it ends here are one change of one
//! revision, in the transaction that moves the cursor. Of a log that was restored, see [`resync`].

use std::collections::BTreeSet;

use bailiwick_api::{
    audit::v1::Change,
    r#type::v1::{AccessFactChange, LogPosition},
};
use bailiwick_changelog::{Apply, HeldFact, change_payload};
use bailiwick_core::{AccountId, Clock, DirectoryId};
use bailiwick_db::{DbError, Tx};
use futures::future::BoxFuture;
use std::sync::Arc;

use super::{keep, resync};
use crate::{
    domain::{Membership, membership::survives},
    events::{self, Mirrored},
    store,
};

/// Most enrolments of a directory that end in one statement's reading.
const ENDING_CHUNK: u64 = 1_000;

/// Applies directory's changes.
pub struct Mirror {
    clock: Arc<dyn Clock>,
}

impl Mirror {
    /// A mirror; the clock is for the time of its own changes.
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        Self { clock }
    }

    async fn mirror(&self, tx: &Tx, at: LogPosition, change: Change) -> Result<(), DbError> {
        if change.facts.is_empty() {
            return Ok(());
        }
        let mut facts = change.facts;
        settle(tx, &mut facts).await?;
        // The request stays in directory's log, where whoever reads the trail finds it by `origin`.
        let own = Change { facts, origin: Some(at), request_json: String::new(), ..change };
        tx.record(change_payload(own, self.clock.now()));
        Ok(())
    }
}

impl Apply for Mirror {
    fn apply(&self, tx: Tx, at: LogPosition, change: Change) -> BoxFuture<'_, Result<(), DbError>> {
        Box::pin(async move { self.mirror(&tx, at, change).await })
    }

    fn replace<'a>(&'a self, tx: Tx, at: LogPosition, facts: &'a [HeldFact]) -> BoxFuture<'a, Result<(), DbError>> {
        Box::pin(async move { resync::replace(&tx, at, facts, self.clock.now()).await })
    }
}

/// Makes facts of directory part of the own state, and adds what ends by them.
pub(super) async fn settle(tx: &Tx, facts: &mut Vec<AccessFactChange>) -> Result<(), DbError> {
    let meanings: Vec<_> = facts.iter().map(events::mirrored).collect::<Result<_, _>>().map_err(corrupt)?;
    lock(tx, &meanings).await?;
    for meaning in meanings {
        match meaning {
            Mirrored::Account(account, membership) => {
                store::members::put(tx.conn(), account, membership.as_ref()).await?;
                end_memberships(tx, account, membership.as_ref(), facts).await?;
            }
            Mirrored::Directory(directory, Some(management_account)) => {
                store::directories::put(tx.conn(), directory, management_account).await?;
            }
            Mirrored::Folder(folder) => store::folders::put(tx.conn(), &folder).await?,
            // Designations that name it stay, and reach nobody: no member is in it.
            Mirrored::FolderGone(directory, id) => store::folders::delete(tx.conn(), directory, &id).await?,
            Mirrored::Directory(directory, None) => end_directory(tx, directory, facts).await?,
            Mirrored::Other => {}
        }
    }
    keep(tx, facts).await
}

/// Locks every directory whose members or state the change touches, before anything is changed.
async fn lock(tx: &Tx, meanings: &[Mirrored]) -> Result<(), DbError> {
    let (mut directories, mut accounts) = (BTreeSet::new(), Vec::new());
    for meaning in meanings {
        match meaning {
            Mirrored::Account(account, membership) => {
                accounts.push(*account);
                directories.extend(membership.as_ref().map(|membership| membership.directory));
            }
            Mirrored::Directory(directory, _) | Mirrored::FolderGone(directory, _) => {
                directories.insert(*directory);
            }
            Mirrored::Folder(folder) => drop(directories.insert(folder.directory)),
            Mirrored::Other => {}
        }
    }
    // Only the mirror changes members, and the cursor's row is locked: what is read here stays so.
    let before = store::members::find(tx.conn(), &accounts).await?;
    directories.extend(before.iter().map(|membership| membership.directory));
    store::directories::lock_all(tx.conn(), &directories).await
}

/// Ends what an account had by memberships that it has no longer.
async fn end_memberships(
    tx: &Tx,
    account: AccountId,
    now: Option<&Membership>,
    facts: &mut Vec<AccessFactChange>,
) -> Result<(), DbError> {
    for designation in store::delegated_administrators::of_account(tx.conn(), account).await? {
        if !survives(now, designation.directory, &designation.incarnation) {
            store::delegated_administrators::delete(tx.conn(), &designation).await?;
            facts.push(events::delegation(&designation, true));
        }
    }
    for enrolment in store::enrolments::of_account(tx.conn(), account).await? {
        if !survives(now, enrolment.directory, &enrolment.incarnation) {
            store::enrolments::delete(tx.conn(), &enrolment).await?;
            facts.push(events::enrolment(&enrolment, true));
        }
    }
    Ok(())
}

/// Ends everything of a directory that is gone.
async fn end_directory(tx: &Tx, directory: DirectoryId, facts: &mut Vec<AccessFactChange>) -> Result<(), DbError> {
    let conn = tx.conn();
    for designation in store::delegated_administrators::of_directory(conn, directory).await? {
        store::delegated_administrators::delete(conn, &designation).await?;
        facts.push(events::delegation(&designation, true));
    }
    loop {
        let enrolments = store::enrolments::of_directory(conn, directory, ENDING_CHUNK).await?;
        if enrolments.is_empty() {
            break;
        }
        for enrolment in enrolments {
            store::enrolments::delete(conn, &enrolment).await?;
            facts.push(events::enrolment(&enrolment, true));
        }
    }
    for service in store::trusted_access::of_directory(conn, directory).await? {
        store::trusted_access::delete(conn, directory, service).await?;
        facts.push(events::trusted_access(directory, service, true));
    }
    store::folders::delete_all(conn, directory).await?;
    store::directories::delete(conn, directory).await
}

fn corrupt(error: events::MirrorError) -> DbError {
    DbError::Other(Box::new(error))
}
