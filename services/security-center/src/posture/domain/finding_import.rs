//! An import of findings: what it is, and how far it came.

use std::{collections::BTreeSet, time::Duration};

use bailiwick_core::{AccountId, Timestamp};
use serde::{Deserialize, Serialize};

use super::{
    Counts,
    reading::{Place, Problem},
};

/// Most risks that are kept of an account, fixed ones as well.
pub(crate) const RISKS_MAX: i64 = 200_000;
/// Most imports of an account that are not finished.
pub(crate) const UNFINISHED_MAX: u64 = 64;
/// Most bytes of files that are kept for the unfinished imports of an account.
pub(crate) const KEPT_BYTES_MAX: u64 = 512 << 20;
/// Most findings of one write.
pub(crate) const BATCH: usize = 1_000;
/// Most findings of an import that is all or nothing.
pub(crate) const ATOMIC_MAX: i64 = 100_000;
/// Most bytes of an import that is all or nothing: they are kept until its end.
pub(crate) const ATOMIC_BYTES_MAX: u64 = 256 << 20;
/// Most bytes of a SARIF file.
pub(crate) const SARIF_BYTES_MAX: u64 = 64 << 20;
/// Most bytes of a piece of a file.
pub(crate) const PIECE_MAX: usize = 1 << 20;
/// Most scanners that a file is of.
const SOURCES_MAX: usize = 16;
/// How far a scan may be ahead of now.
const AHEAD_MAX: Duration = Duration::from_hours(1);

/// Formats of files.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Format {
    Ocsf,
    Sarif,
}

/// What becomes of what stands before a mistake.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum OnError {
    Keep,
    Nothing,
}

/// Where an import is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ImportState {
    Running,
    Succeeded,
    Failed,
}

/// What a file is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ImportOptions {
    pub(crate) format: Format,
    pub(crate) scope: String,
    /// The scan looked at all of its scope.
    pub(crate) full: bool,
    /// When the scan was made; none if whoever imports did not say.
    pub(crate) scan: Option<Timestamp>,
    pub(crate) on_error: OnError,
    pub(crate) file_name: String,
}

/// How reading goes on.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Reader {
    /// The stream that goes on with it: of two, the later one.
    pub(crate) stream: String,
    /// How far the file was read.
    pub(crate) read: Place,
    /// All of it is there.
    pub(crate) finished: bool,
    /// Findings of a file that is kept to its end, by now.
    pub(crate) staged: i64,
    /// How far what is kept was applied.
    pub(crate) applied: Place,
    /// How many results of what is kept were applied.
    pub(crate) applied_results: usize,
    /// The scanners that the file is of.
    pub(crate) sources: BTreeSet<String>,
    /// The field at fault.
    pub(crate) problem_field: String,
}

/// An import.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct FindingImport {
    pub(crate) account: AccountId,
    /// The request id, a UUID.
    pub(crate) id: String,
    /// With the time of the scan.
    pub(crate) options: ImportOptions,
    pub(crate) scan: Timestamp,
    pub(crate) state: ImportState,
    pub(crate) stored_bytes: u64,
    pub(crate) reader: Reader,
    pub(crate) counts: Counts,
    pub(crate) problem_line: u64,
    pub(crate) problem: String,
    /// Who imports.
    pub(crate) operator: String,
    pub(crate) created: Timestamp,
    pub(crate) updated: Timestamp,
}

/// Why an import does not go on.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum ImportRefusal {
    /// The file has a mistake.
    #[error("the file has a mistake in {problem}")]
    File {
        /// What is wrong.
        problem: Problem,
        /// Name of the import.
        import: String,
    },
    /// What was sent is not this import, or does not go on where it is.
    #[error("{text}")]
    Mismatch {
        /// Why.
        text: &'static str,
        /// Where the import is.
        stored_bytes: u64,
    },
    /// An import that was not begun was to be gone on with.
    #[error("there is no such import: its first message must say what the file is")]
    NotBegun,
    /// The scan is to be made later.
    #[error("the scan is more than an hour ahead")]
    ScanAhead,
    /// The account has more unfinished imports, or bytes that are kept for them, than it may.
    #[error("the account has too much that is unfinished: {quota}, at most {limit}")]
    Quota {
        /// Whose.
        account: AccountId,
        /// Of what.
        quota: &'static str,
        /// How many.
        limit: u64,
    },
    /// Others are read.
    #[error("other files of this kind are being read; go on with the import later")]
    Busy,
    /// There is no such import.
    #[error("`{0}` does not exist")]
    NotFound(String),
}

impl ImportOptions {
    /// Whether another stream with `asked` goes on with an import with these.
    fn agree(&self, scan: Timestamp, asked: &Self) -> bool {
        let same_scan = asked.scan.is_none_or(|asked| asked == scan);
        same_scan && Self { scan: None, ..self.clone() } == Self { scan: None, ..asked.clone() }
    }
}

impl FindingImport {
    /// An import that begins.
    ///
    /// # Errors
    /// If the scan is to be made later.
    pub(crate) fn begin(
        (account, id): (AccountId, String),
        options: ImportOptions,
        operator: String,
        now: Timestamp,
    ) -> Result<Self, ImportRefusal> {
        let scan = options.scan.unwrap_or(now);
        if scan > now.after(AHEAD_MAX) {
            return Err(ImportRefusal::ScanAhead);
        }
        Ok(Self {
            account,
            id,
            options,
            scan,
            state: ImportState::Running,
            stored_bytes: 0,
            reader: Reader::default(),
            counts: Counts::default(),
            problem_line: 0,
            problem: String::new(),
            operator,
            created: now,
            updated: now,
        })
    }

    /// `accounts/{account}/findingImports/{finding_import}`.
    pub(crate) fn name(&self) -> String {
        format!("{}/findingImports/{}", self.account.name(), self.id)
    }

    /// Another stream goes on with it; tells whether there is anything to go on with.
    ///
    /// # Errors
    /// If that stream is of another file.
    pub(crate) fn resume(&mut self, asked: Option<&ImportOptions>, stream: &str) -> Result<bool, ImportRefusal> {
        if asked.is_some_and(|asked| !self.options.agree(self.scan, asked)) {
            return Err(self.mismatch("the import of that request id has other options"));
        }
        if self.state == ImportState::Running {
            stream.clone_into(&mut self.reader.stream);
        }
        Ok(self.state == ImportState::Running)
    }

    /// Whether a stream is still the one that goes on with it.
    ///
    /// # Errors
    /// If a later one does.
    pub(crate) fn check_stream(&self, stream: &str) -> Result<(), ImportRefusal> {
        if self.reader.stream == stream && self.state == ImportState::Running {
            return Ok(());
        }
        Err(self.mismatch("another stream has gone on with this import"))
    }

    /// Whether its file is kept until all of it is there.
    pub(crate) fn is_staged(&self) -> bool {
        self.options.format == Format::Sarif || self.options.on_error == OnError::Nothing
    }

    pub(crate) fn mismatch(&self, text: &'static str) -> ImportRefusal {
        ImportRefusal::Mismatch { text, stored_bytes: self.stored_bytes }
    }

    /// The file has a mistake.
    pub(crate) fn fail(&mut self, problem: &Problem, now: Timestamp) {
        self.state = ImportState::Failed;
        self.problem_line = problem.line;
        problem.text.clone_into(&mut self.problem);
        problem.field.clone_into(&mut self.reader.problem_field);
        self.updated = now;
    }

    /// Whether the account may begin a further import beside those that are unfinished.
    ///
    /// # Errors
    /// [`ImportRefusal::Quota`].
    pub(crate) fn check_unfinished(&self, imports: u64) -> Result<(), ImportRefusal> {
        self.check_quota("imports", imports < UNFINISHED_MAX, UNFINISHED_MAX)
    }

    /// Whether so many bytes may be kept for the unfinished imports of the account.
    ///
    /// # Errors
    /// [`ImportRefusal::Quota`].
    pub(crate) fn check_kept(&self, bytes: u64) -> Result<(), ImportRefusal> {
        self.check_quota("bytes of files", bytes <= KEPT_BYTES_MAX, KEPT_BYTES_MAX)
    }

    fn check_quota(&self, quota: &'static str, within: bool, limit: u64) -> Result<(), ImportRefusal> {
        if within { Ok(()) } else { Err(ImportRefusal::Quota { account: self.account, quota, limit }) }
    }

    /// The mistake of the file, if it has one.
    pub(crate) fn refusal(&self) -> Option<ImportRefusal> {
        (self.state == ImportState::Failed).then(|| ImportRefusal::File {
            problem: Problem::at(self.problem_line, &self.reader.problem_field, &self.problem),
            import: self.name(),
        })
    }
}

impl Reader {
    /// A scanner that the file is of. Beyond 16 of them, a full scan fixes nothing of the others.
    pub(crate) fn note_source(&mut self, source: &str) {
        if self.sources.len() < SOURCES_MAX && !self.sources.contains(source) {
            self.sources.insert(source.to_owned());
        }
    }
}

impl Format {
    /// The number in the database and in the contract.
    pub(crate) const fn code(self) -> i32 {
        match self {
            Self::Ocsf => 1,
            Self::Sarif => 2,
        }
    }

    /// The format of a number; none for any other number.
    pub(crate) fn of(code: i32) -> Option<Self> {
        [Self::Ocsf, Self::Sarif].into_iter().find(|known| known.code() == code)
    }
}

impl OnError {
    /// The number in the database and in the contract.
    pub(crate) const fn code(self) -> i32 {
        match self {
            Self::Keep => 1,
            Self::Nothing => 2,
        }
    }

    /// What a number stands for; none for any other number.
    pub(crate) fn of(code: i32) -> Option<Self> {
        [Self::Keep, Self::Nothing].into_iter().find(|known| known.code() == code)
    }
}

impl ImportState {
    /// The number in the database and in the contract.
    pub(crate) const fn code(self) -> i32 {
        match self {
            Self::Running => 1,
            Self::Succeeded => 2,
            Self::Failed => 3,
        }
    }

    /// The state of a number; none for any other number.
    pub(crate) fn of(code: i32) -> Option<Self> {
        [Self::Running, Self::Succeeded, Self::Failed].into_iter().find(|known| known.code() == code)
    }
}
