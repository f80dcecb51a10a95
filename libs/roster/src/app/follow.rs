//! What a change in the log of `delegation` does to the lists.

use std::collections::{BTreeMap, BTreeSet};

use bailiwick_api::{audit::v1::Change, r#type::v1::LogPosition};
use bailiwick_changelog::{Apply, HeldFact};
use bailiwick_core::{Operator, Role};
use bailiwick_db::{Db, DbError, Tx};
use futures::future::BoxFuture;

use crate::{
    domain::{Changes, Origin, Spec, Step, Working},
    events::{self, FolderStep},
    store,
};

/// Keeps the lists of a role: to be applied to each change of the log of `delegation`, alone or as a part of a larger
/// [`Apply`] on the same stream. It alone makes and removes entries.
pub struct RosterFollower {
    db: Db,
    specs: Vec<Spec>,
}

impl RosterFollower {
    /// Keeps the lists of `specs` in `db`.
    pub fn new(db: Db, specs: Vec<Spec>) -> Self {
        Self { db, specs }
    }

    async fn follow(&self, tx: Tx, at: LogPosition, change: Change) -> Result<(), DbError> {
        keep_folders(&tx, events::folder_steps(&change)?).await?;
        let steps = events::steps(&change, &self.specs)?;
        if steps.is_empty() {
            return Ok(());
        }
        let accounts: BTreeSet<_> = steps.iter().map(|step| step.account()).collect();
        let accounts: Vec<_> = accounts.into_iter().collect();
        let entries = store::entries_of_accounts(tx.conn(), &accounts).await?;
        let memberships = store::memberships_of(tx.conn(), &accounts).await?;
        let (mut working, origin) = (Working::new(entries, memberships), events::origin(&change));
        working.apply(steps, &origin);
        self.keep(&tx, &at, &change, &working.finish()).await
    }

    /// Makes the lists what follows from all facts of a log that was restored: an entry stays if its enrolment is among
    /// them, and a missing one is made as by the change that enrolled.
    async fn replace_all(&self, tx: Tx, at: LogPosition, facts: &[HeldFact]) -> Result<(), DbError> {
        let (mut profiled, mut enrolled) = (Vec::new(), Vec::new());
        for held in facts {
            match events::held(held, &self.specs)? {
                Some(step @ Step::Profiled(_)) => profiled.push(step),
                Some(step) => enrolled.push((step, events::origin(&held.by))),
                None => {}
            }
        }
        let folders = facts.iter().filter_map(|held| events::held_folder(held).transpose());
        store::folders_remove_all(tx.conn()).await?;
        store::folders_save(tx.conn(), &folders.collect::<Result<Vec<_>, _>>()?).await?;
        let entries = store::entries_all(tx.conn()).await?;
        let mut working = Working::new(entries, store::memberships_all(tx.conn()).await?);
        working.retain(profiled.iter().chain(enrolled.iter().map(|(step, _)| step)));
        working.apply(profiled, &Origin::default());
        enrolled.into_iter().for_each(|(step, origin)| working.apply(vec![step], &origin));
        let by = Change { operator: Some((&Operator::service(Role::Delegation)).into()), ..Change::default() };
        self.keep(&tx, &at, &by, &working.finish()).await
    }

    async fn keep(&self, tx: &Tx, at: &LogPosition, change: &Change, changes: &Changes) -> Result<(), DbError> {
        store::entries_remove(tx.conn(), &changes.removed).await?;
        store::entries_save(tx.conn(), &changes.saved).await?;
        store::memberships_remove(tx.conn(), &changes.left).await?;
        store::memberships_save(tx.conn(), &changes.joined).await?;
        for row in events::follow_rows(change, at, changes, &self.specs, self.db.clock().now()) {
            tx.record(row);
        }
        Ok(())
    }
}

/// Makes the folders what steps say of them: of each the last one counts.
async fn keep_folders(tx: &Tx, steps: Vec<FolderStep>) -> Result<(), DbError> {
    let (mut folders, mut directories) = (BTreeMap::new(), Vec::new());
    for step in steps {
        match step {
            FolderStep::Holds(folder) => drop(folders.insert((folder.directory, folder.id.clone()), Some(folder))),
            FolderStep::Gone(directory, id) => drop(folders.insert((directory, id), None)),
            FolderStep::DirectoryGone(directory) => {
                folders.retain(|(of, _), _| *of != directory);
                directories.push(directory);
            }
        }
    }
    let gone = folders.iter().filter(|(_, folder)| folder.is_none()).map(|((directory, id), _)| (*directory, &**id));
    let gone: Vec<_> = gone.collect();
    store::folders_remove_of(tx.conn(), &directories).await?;
    store::folders_remove(tx.conn(), &gone).await?;
    store::folders_save(tx.conn(), &folders.into_values().flatten().collect::<Vec<_>>()).await
}

impl Apply for RosterFollower {
    fn apply(&self, tx: Tx, at: LogPosition, change: Change) -> BoxFuture<'_, Result<(), DbError>> {
        Box::pin(self.follow(tx, at, change))
    }

    fn replace<'a>(&'a self, tx: Tx, at: LogPosition, facts: &'a [HeldFact]) -> BoxFuture<'a, Result<(), DbError>> {
        Box::pin(self.replace_all(tx, at, facts))
    }
}
