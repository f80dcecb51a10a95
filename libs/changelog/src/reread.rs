//! A log that was restored, read anew from its beginning: what it amounts to.

use std::{collections::BTreeMap, sync::Arc};

use bailiwick_api::{audit::v1::Change, r#type::v1::AccessFact};
use bailiwick_db::Position;

/// Most facts of a log: as many as a gateway keeps.
const FACTS_MAX: usize = 16 << 20;

/// A fact that holds at the end of a log.
#[derive(Clone, Debug, PartialEq)]
pub struct HeldFact {
    /// The fact.
    pub fact: AccessFact,
    /// The last change that said so, without its facts and its request.
    pub by: Arc<Change>,
}

/// What was read so far.
#[derive(Debug, Default)]
pub(crate) struct Reread {
    epoch: Option<String>,
    revision: i64,
    facts: BTreeMap<String, HeldFact>,
}

/// Why a log cannot be read to its end.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RereadError {
    /// A revision is missing, or came twice.
    #[error("revision {got} came where {expected} was due")]
    Gap {
        /// The one that was due.
        expected: i64,
        /// The one that came.
        got: i64,
    },
    /// The database was restored once more meanwhile.
    #[error("the epoch changed while the log was read")]
    OtherEpoch,
    /// Over 16,777,216 facts hold.
    #[error("the log has too many facts")]
    TooMany,
}

impl Reread {
    /// Where the reading is.
    pub(crate) fn at(&self, epoch: &str) -> Position {
        Position { epoch: epoch.to_owned(), revision: self.revision }
    }

    /// Takes note of the epoch of what has come, which must be that of all before.
    pub(crate) fn of_epoch(&mut self, epoch: &str) -> Result<(), RereadError> {
        if self.epoch.get_or_insert_with(|| epoch.to_owned()) == epoch { Ok(()) } else { Err(RereadError::OtherEpoch) }
    }

    /// Takes the next changes.
    pub(crate) fn add(&mut self, changes: Vec<Change>) -> Result<(), RereadError> {
        for mut change in changes {
            let expected = self.revision + 1;
            if change.revision != expected {
                return Err(RereadError::Gap { expected, got: change.revision });
            }
            self.revision = expected;
            let facts = std::mem::take(&mut change.facts);
            let by = Arc::new(Change { request_json: String::new(), ..change });
            for said in facts {
                let Some(fact) = said.fact else { continue };
                let key = fact.key();
                if said.removed {
                    self.facts.remove(&key);
                } else {
                    self.facts.insert(key, HeldFact { fact, by: Arc::clone(&by) });
                }
            }
            if self.facts.len() > FACTS_MAX {
                return Err(RereadError::TooMany);
            }
        }
        Ok(())
    }

    /// The facts that hold, by key.
    pub(crate) fn into_facts(self) -> Vec<HeldFact> {
        self.facts.into_values().collect()
    }
}

#[cfg(test)]
mod tests {
    use bailiwick_api::r#type::v1::{AccessFactChange, DirectoryFact, access_fact::Kind};

    use super::*;

    fn says(revision: i64, method: &str, facts: Vec<AccessFactChange>) -> Change {
        Change { revision, method: method.into(), request_json: "{}".into(), facts, ..Change::default() }
    }

    fn directory(name: &str, management: &str) -> Kind {
        Kind::Directory(DirectoryFact {
            directory: name.into(),
            management_account: management.into(),
            ..DirectoryFact::default()
        })
    }

    #[test]
    fn of_each_fact_the_last_word_counts() {
        let mut read = Reread::default();
        read.of_epoch("e").unwrap();
        let holds = AccessFactChange::holds;
        read.add(vec![says(1, "a", vec![holds(directory("a", "1")), holds(directory("b", "1"))])]).unwrap();
        let gone = AccessFactChange::gone(directory("b", ""));
        read.add(vec![says(2, "b", vec![gone]), says(3, "c", vec![holds(directory("a", "2"))])]).unwrap();
        assert_eq!(read.at("e"), Position { epoch: "e".into(), revision: 3 });
        let facts = read.into_facts();
        assert_eq!(facts.len(), 1);
        assert_eq!(facts[0].fact.kind, Some(directory("a", "2")));
        assert_eq!(*facts[0].by, Change { request_json: String::new(), ..says(3, "c", Vec::new()) });
    }

    #[test]
    fn gaps_and_further_restores_end_it() {
        let mut read = Reread::default();
        assert_eq!(read.add(vec![says(2, "a", Vec::new())]), Err(RereadError::Gap { expected: 1, got: 2 }));
        read.of_epoch("e").unwrap();
        assert_eq!(read.of_epoch("f"), Err(RereadError::OtherEpoch));
    }
}
