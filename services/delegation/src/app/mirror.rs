//! Makes directory's facts part of the own log: what upstream changed and what it ends here are one change of one
//! revision, in the transaction that moves the cursor. A change that is too large for one has several, each membership
//! with what ends with it in one of them. Of a log that was restored, see [`resync`].

use std::collections::{BTreeMap, BTreeSet};

use bailiwick_api::{
    audit::v1::Change,
    r#type::v1::{AccessFactChange, LogPosition},
};
use bailiwick_changelog::{Apply, HeldFact, change_payload};
use bailiwick_core::{Clock, DirectoryId};
use bailiwick_db::{DbError, Tx};
use futures::future::BoxFuture;
use std::sync::Arc;

use super::{
    keep,
    parts::{self, Together},
    resync,
};
use crate::{
    domain::membership::survives,
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

    async fn mirror(&self, tx: &Tx, at: LogPosition, mut change: Change) -> Result<(), DbError> {
        if change.facts.is_empty() {
            return Ok(());
        }
        let facts = settle(tx, std::mem::take(&mut change.facts)).await?;
        // The request stays in directory's log, where whoever reads the trail finds it by `origin`.
        let own = Change { origin: Some(at), request_json: String::new(), ..change };
        for part in parts::mirrored(own, facts) {
            tx.record(change_payload(part, self.clock.now()));
        }
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

/// Makes facts of directory part of the own state. Returns them in their order with what ends by them: what an account
/// had in one revision with the end of its membership, and what a directory had before it, what gives access first.
pub(super) async fn settle(tx: &Tx, facts: Vec<AccessFactChange>) -> Result<Vec<Together>, DbError> {
    let meanings: Vec<_> = facts.iter().map(events::mirrored).collect::<Result<_, _>>().map_err(corrupt)?;
    lock(tx, &meanings).await?;
    let ended = end_memberships(tx, &meanings).await?;
    let mut told = Vec::with_capacity(facts.len());
    for ((fact, meaning), ended) in facts.into_iter().zip(&meanings).zip(ended) {
        if let Mirrored::Directory(directory, None) = meaning {
            told.extend(end_directory(tx, *directory).await?.into_iter().map(|fact| vec![fact]));
        }
        told.push(std::iter::once(fact).chain(ended).collect());
    }
    note_directories(tx, &meanings).await?;
    keep(tx, told.iter().flatten()).await?;
    Ok(told)
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

/// Notes to which directories accounts belong, and ends what they had by memberships that they have no longer. Returns
/// what ends by each of the facts.
async fn end_memberships(tx: &Tx, meanings: &[Mirrored]) -> Result<Vec<Together>, DbError> {
    let conn = tx.conn();
    let mut members = BTreeMap::new();
    for meaning in meanings {
        if let Mirrored::Account(account, membership) = meaning {
            members.insert(*account, membership.as_ref());
        }
    }
    let accounts: Vec<_> = members.keys().copied().collect();
    let mut designations = BTreeMap::<_, Vec<_>>::new();
    for designation in store::delegated_administrators::of_accounts(conn, &accounts).await? {
        designations.entry(designation.account).or_default().push(designation);
    }
    let mut enrolments = BTreeMap::<_, Vec<_>>::new();
    for enrolment in store::enrolments::of_accounts(conn, &accounts).await? {
        enrolments.entry(enrolment.account).or_default().push(enrolment);
    }
    let (mut told, mut undesignated, mut unenrolled) = (Vec::with_capacity(meanings.len()), Vec::new(), Vec::new());
    for meaning in meanings {
        let mut facts = Vec::new();
        if let Mirrored::Account(account, now) = meaning {
            let now = now.as_ref();
            let standing = designations.entry(*account).or_default();
            for of in standing.extract_if(.., |of| !survives(now, of.directory, &of.incarnation)) {
                facts.push(events::delegation(&of, true));
                undesignated.push(of);
            }
            let standing = enrolments.entry(*account).or_default();
            for of in standing.extract_if(.., |of| !survives(now, of.directory, &of.incarnation)) {
                facts.push(events::enrolment(&of, true));
                unenrolled.push(of);
            }
        }
        told.push(facts);
    }
    store::delegated_administrators::delete(conn, &undesignated).await?;
    store::enrolments::delete(conn, &unenrolled).await?;
    store::members::put(conn, &members).await?;
    Ok(told)
}

/// Ends everything that a directory has which is gone.
async fn end_directory(tx: &Tx, directory: DirectoryId) -> Result<Vec<AccessFactChange>, DbError> {
    let (conn, mut facts) = (tx.conn(), Vec::new());
    for service in store::trusted_access::of_directory(conn, directory).await? {
        store::trusted_access::delete(conn, directory, service).await?;
        facts.push(events::trusted_access(directory, service, true));
    }
    let designations = store::delegated_administrators::of_directory(conn, directory).await?;
    store::delegated_administrators::delete(conn, &designations).await?;
    facts.extend(designations.iter().map(|designation| events::delegation(designation, true)));
    loop {
        let enrolments = store::enrolments::of_directory(conn, directory, ENDING_CHUNK).await?;
        if enrolments.is_empty() {
            return Ok(facts);
        }
        store::enrolments::delete(conn, &enrolments).await?;
        facts.extend(enrolments.iter().map(|enrolment| events::enrolment(enrolment, true)));
    }
}

/// Notes directories and folders as they are now. Designations that name a folder that is gone stay, and reach nobody: no
/// member is in it.
async fn note_directories(tx: &Tx, meanings: &[Mirrored]) -> Result<(), DbError> {
    let (mut directories, mut folders) = (BTreeMap::new(), BTreeMap::new());
    for meaning in meanings {
        match meaning {
            Mirrored::Directory(directory, management_account) => {
                directories.insert(*directory, *management_account);
            }
            Mirrored::Folder(folder) => {
                folders.insert((folder.directory, folder.id.as_str()), Some(folder.parent.as_str()));
            }
            Mirrored::FolderGone(directory, id) => drop(folders.insert((*directory, id.as_str()), None)),
            Mirrored::Account(..) | Mirrored::Other => {}
        }
    }
    let gone: Vec<_> = directories.iter().filter(|(_, of)| of.is_none()).map(|(directory, _)| *directory).collect();
    folders.retain(|(directory, _), _| !gone.contains(directory));
    store::folders::delete_all(tx.conn(), &gone).await?;
    store::folders::put(tx.conn(), &folders).await?;
    store::directories::put(tx.conn(), &directories).await
}

fn corrupt(error: events::MirrorError) -> DbError {
    DbError::Other(Box::new(error))
}
