//! Making the list exactly the members named.

use std::collections::BTreeSet;

use bailiwick_core::{AccountId, DirectoryId};
use bailiwick_rpc::Call;
use serde::{Deserialize, Serialize};

use super::{
    Behalf, Done, Roster, RosterError,
    once::{Stored, key, replayed},
    scope::folders_of,
};
use crate::{domain::Entry, store};

/// Most enrolments that end with one call of `delegation`.
const ENDING_MAX: usize = 1_000;
/// Entries read at a time.
const READ: u64 = 1_000;

/// What a replacement changed, or would; each in the order of the accounts.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Replaced {
    /// Members that were added.
    pub added: Vec<AccountId>,
    /// Members that were removed.
    pub removed: Vec<AccountId>,
    /// Members that were in the list and stay.
    pub kept: Vec<AccountId>,
}

impl Roster {
    /// What [`Roster::replace`] would change.
    ///
    /// # Errors
    /// By the database.
    pub async fn preview_replace(&self, call: &Call, members: &[AccountId]) -> Result<Replaced, RosterError> {
        let directory = call.permit.tenant_directory()?;
        let present = self.present(call, directory).await?;
        Ok(difference(&present, members).0)
    }

    /// Makes the list, as far as the call's scope reaches, exactly `members`, of which none is named twice: enrols those
    /// that are missing, then ends the enrolments of the others, and waits until the follower has come by. All that are
    /// missing are enrolled or none; whatever fails then is completed by a repetition.
    ///
    /// # Errors
    /// What `delegation` refuses; [`RosterError::NotReached`].
    pub async fn replace(
        &self,
        call: &Call,
        members: &[AccountId],
        request_id: Option<String>,
    ) -> Result<Done<Replaced>, RosterError> {
        let directory = call.permit.tenant_directory()?;
        let key = &key(call, request_id, &(directory, members))?;
        if let Some(done) = replayed(&self.db, key).await? {
            return Ok(done);
        }
        let present = self.present(call, directory).await?;
        let (replaced, ending) = difference(&present, members);
        let (behalf, service) = (Behalf::of(call), self.spec.service);
        let mut position = None;
        if !replaced.added.is_empty() {
            let enrolled = self.enrolments.enrol(&behalf, service, directory, &replaced.added).await?;
            position = Some(enrolled.position);
        }
        for part in ending.chunks(ENDING_MAX) {
            position = Some(self.enrolments.end(&behalf, service, directory, part).await?);
        }
        if let Some(position) = &position {
            self.reached(call, position).await?;
        }
        let (replaced, position) = (&replaced, &position);
        let done = self.db.write_once("roster_replace", key, |tx| async move {
            let changed: Vec<_> = replaced.added.iter().chain(&replaced.removed).copied().collect();
            if !changed.is_empty() {
                tx.record(self.change(call, directory, &changed, &key.request_id));
            }
            Ok::<_, RosterError>(Stored { value: replaced.clone(), delegation: position.clone() })
        });
        Ok(done.await?.into())
    }

    /// All entries that the call's scope reaches.
    async fn present(&self, call: &Call, directory: DirectoryId) -> Result<Vec<Entry>, RosterError> {
        let conn = self.db.reader();
        let folders = folders_of(conn, directory, call.permit.scope()).await?;
        let (mut present, mut after) = (Vec::<Entry>::new(), None);
        loop {
            let part =
                store::entries_after(conn, (self.spec.service, directory), folders.as_ref(), after, READ).await?;
            let Some(last) = part.last() else { return Ok(present) };
            after = Some(last.account);
            present.extend(part);
        }
    }
}

/// What is to change, and the enrolments that end by it.
fn difference(present: &[Entry], members: &[AccountId]) -> (Replaced, Vec<(AccountId, String)>) {
    let (wanted, known): (BTreeSet<_>, BTreeSet<_>) =
        (members.iter().copied().collect(), present.iter().map(|entry| entry.account).collect());
    let ending: Vec<_> = present.iter().filter(|entry| !wanted.contains(&entry.account)).collect();
    let replaced = Replaced {
        added: wanted.difference(&known).copied().collect(),
        removed: ending.iter().map(|entry| entry.account).collect(),
        kept: wanted.intersection(&known).copied().collect(),
    };
    (replaced, ending.into_iter().map(|entry| (entry.account, entry.uid.clone())).collect())
}
