//! One stream of an import. It reads what it was given and stores it, a transaction at a time; what it holds besides is an
//! incomplete finding, or a SARIF file whose time has come.

mod kept;

use std::{collections::BTreeMap, sync::Arc};

use bailiwick_rpc::Call;

use super::{
    ImportError, Imports,
    import_change::{Batch, Change, Chunk, Missed},
    whole_files::WholeFile,
};
use crate::posture::{
    domain::{
        ATOMIC_BYTES_MAX, ATOMIC_MAX, BATCH, Counts, Elements, Finding, FindingImport, Format, ImportState, OnError,
        PIECE_MAX, Problem, RESOURCES_MAX, Reader, SARIF_BYTES_MAX, Sarif, Scan, ocsf_findings,
    },
    store,
};

/// What became of a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// Something was stored, and there is more to do.
    Stored,
    /// More of the file is needed.
    Wait,
    /// The import is over: it succeeded or failed.
    Over,
}

/// A stream.
pub(crate) struct ImportStream {
    imports: Imports,
    call: Call,
    /// What tells it from other streams of the import.
    stream: String,
    import: FindingImport,
    /// The file as it comes, or as it is read again from where it is kept.
    elements: Elements,
    /// A piece of a file that is read whole.
    piece: Vec<u8>,
    finished: bool,
    /// What is wrong with the file after what is still to be stored.
    problem: Option<Problem>,
    whole: Option<Whole>,
    /// The last risk that the file was found to lack.
    missed: Option<(String, Missed)>,
}

/// A file that is read whole, and the place that it takes.
struct Whole {
    sarif: Arc<Sarif>,
    _place: WholeFile,
}

impl ImportStream {
    pub(super) fn new(imports: Imports, call: Call, stream: String, import: FindingImport) -> Self {
        let place = if import.reader.finished { import.reader.applied } else { import.reader.read };
        Self {
            imports,
            call,
            stream,
            elements: Elements::after(place),
            import,
            piece: Vec::new(),
            finished: false,
            problem: None,
            whole: None,
            missed: None,
        }
    }

    /// How far the import is.
    pub(crate) fn import(&self) -> &FindingImport {
        &self.import
    }

    /// Whether it has a file whole, and so keeps others from theirs: it must wait for nobody.
    pub(crate) fn holds_file(&self) -> bool {
        self.whole.is_some()
    }

    /// Lets go of the file. What is left to be done reads it again.
    pub(crate) fn let_go(&mut self) {
        self.whole = None;
    }

    /// Whether a further piece may be given before the next step: what is held stays small.
    pub(crate) fn has_room(&self) -> bool {
        let held = self.elements.received() - self.elements.place().offset;
        let piece = u64::try_from(PIECE_MAX).unwrap_or_default();
        let goes_on = self.import.state == ImportState::Running && !self.import.reader.finished && !self.finished;
        goes_on && held < 2 * piece && self.piece.len() < 2 * PIECE_MAX
    }

    /// A piece of the file that begins at a byte; what of it is there already is passed over. `finish` if it is the last.
    ///
    /// # Errors
    /// [`ImportRefusal::Mismatch`](crate::posture::domain::ImportRefusal::Mismatch) if bytes between are missing.
    pub(crate) fn give(&mut self, offset: u64, data: &[u8], finish: bool) -> Result<(), ImportError> {
        if self.import.state != ImportState::Running || self.import.reader.finished {
            return Ok(());
        }
        let expected = match self.import.options.format {
            Format::Ocsf => self.elements.received(),
            Format::Sarif => self.import.stored_bytes + u64::try_from(self.piece.len()).unwrap_or_default(),
        };
        let Some(known) = expected.checked_sub(offset) else {
            return Err(self.import.mismatch("the file does not go on with that byte").into());
        };
        let fresh = usize::try_from(known).ok().and_then(|known| data.get(known..));
        if finish && fresh.is_none() {
            return Err(self.import.mismatch("the file ends before what is stored of it does").into());
        }
        let fresh = fresh.unwrap_or_default();
        match self.import.options.format {
            Format::Ocsf => self.elements.push(fresh),
            Format::Sarif => self.piece.extend_from_slice(fresh),
        }
        if finish {
            self.elements.finish();
            self.finished = true;
        }
        Ok(())
    }

    /// Stores the next part of what was given.
    ///
    /// # Errors
    /// If another stream has gone on with the import, too much of the account is kept, too many files are read at once, or
    /// the database fails. A mistake in
    /// the file is no error here: the import has failed by it.
    pub(crate) async fn step(&mut self) -> Result<Step, ImportError> {
        if self.import.state != ImportState::Running {
            return Ok(Step::Over);
        }
        if let Some(problem) = self.problem.take() {
            return self.fail(problem).await;
        }
        match (self.import.reader.finished, self.import.options.format, self.import.options.on_error) {
            (false, Format::Sarif, _) => self.keep_piece().await,
            (false, Format::Ocsf, OnError::Nothing) => self.keep_elements().await,
            (false, Format::Ocsf, OnError::Keep) => self.store_elements().await,
            (true, Format::Sarif, _) => self.apply_whole().await,
            (true, Format::Ocsf, OnError::Nothing) => self.apply_elements().await,
            (true, Format::Ocsf, OnError::Keep) => self.complete().await,
        }
    }

    /// Findings are stored as they come.
    async fn store_elements(&mut self) -> Result<Step, ImportError> {
        let before = self.elements.place();
        let (findings, counts, ended) = self.read_batch();
        let finished = ended && self.finished && self.problem.is_none();
        if self.elements.place() == before && !finished {
            return match self.problem.take() {
                Some(problem) => self.fail(problem).await,
                None => Ok(Step::Wait),
            };
        }
        let mut reader = self.import.reader.clone();
        (reader.read, reader.finished) = (self.elements.place(), finished);
        self.store((findings, counts), reader, self.elements.place().offset, finished).await
    }

    /// The next findings, at most as many as are stored at once; whether more of the file is needed for others. A mistake
    /// is remembered until what stands before it is stored.
    fn read_batch(&mut self) -> (Vec<Finding>, Counts, bool) {
        let (mut findings, mut counts) = (Vec::new(), Counts::default());
        while findings.len() + RESOURCES_MAX <= BATCH {
            let place = self.elements.place();
            let read = self.elements.next().and_then(|element| element.map(|e| ocsf_findings(&e)).transpose());
            match read {
                Ok(Some(some)) => {
                    // What somebody has to look at is a finding of no resource.
                    counts.findings += i64::from(some.is_empty());
                    findings.extend(some);
                }
                Ok(None) => return (findings, counts, true),
                Err(problem) => {
                    self.elements.back_to(place);
                    self.problem = Some(problem);
                    return (findings, counts, true);
                }
            }
        }
        (findings, counts, false)
    }

    /// Findings are looked at as they come, and kept until the end.
    async fn keep_elements(&mut self) -> Result<Step, ImportError> {
        let before = self.elements.place();
        let mut staged = self.import.reader.staged;
        loop {
            let (findings, _, ended) = self.read_batch();
            staged += i64::try_from(findings.len()).unwrap_or(i64::MAX);
            if staged > ATOMIC_MAX || self.elements.place().offset > ATOMIC_BYTES_MAX {
                let text = format!(
                    "an import that is all or nothing has at most {ATOMIC_MAX} findings and {ATOMIC_BYTES_MAX} bytes"
                );
                self.problem = Some(Problem::at(self.elements.place().line(), "", text));
            }
            if let Some(problem) = self.problem.take() {
                return self.fail(problem).await;
            }
            if ended {
                break;
            }
        }
        let place = self.elements.place();
        if place == before && !self.finished {
            return Ok(Step::Wait);
        }
        let mut reader = self.import.reader.clone();
        (reader.read, reader.staged, reader.finished) = (place, staged, self.finished);
        let data = self.elements.consumed().to_vec();
        let chunk = Chunk { begins: before.offset, data, reader, stored_bytes: place.offset };
        self.change(Change::Keep(&chunk)).await?;
        if self.finished {
            self.elements = Elements::after(self.import.reader.applied);
        }
        Ok(Step::Stored)
    }

    async fn keep_piece(&mut self) -> Result<Step, ImportError> {
        if self.piece.is_empty() && !self.finished {
            return Ok(Step::Wait);
        }
        let begins = self.import.stored_bytes;
        let stored = begins + u64::try_from(self.piece.len()).unwrap_or_default();
        if stored > SARIF_BYTES_MAX {
            let text = format!("a file of this format has at most {SARIF_BYTES_MAX} bytes");
            return self.fail(Problem::at(0, "", text)).await;
        }
        let data = std::mem::take(&mut self.piece);
        let mut reader = self.import.reader.clone();
        reader.finished = self.finished;
        self.change(Change::Keep(&Chunk { begins, data, reader, stored_bytes: stored })).await?;
        Ok(Step::Stored)
    }

    /// All of the file is applied: what a full scan lacked is fixed, then the import has succeeded.
    async fn complete(&mut self) -> Result<Step, ImportError> {
        if self.import.options.full {
            let sources = self.import.reader.sources.clone();
            let done = self.missed.as_ref().map(|(source, _)| source.clone()).unwrap_or_default();
            for source in sources.into_iter().filter(|source| *source >= done) {
                let after = self.missed.as_ref().filter(|(of, _)| *of == source).map(|(_, missed)| *missed);
                if let Some(last) = self.change(Change::Fix { source: &source, after }).await? {
                    self.missed = Some((source, last));
                    return Ok(Step::Stored);
                }
            }
        }
        self.change(Change::End).await?;
        Ok(Step::Over)
    }

    async fn fail(&mut self, problem: Problem) -> Result<Step, ImportError> {
        self.change(Change::Fail(&problem)).await?;
        Ok(Step::Over)
    }

    async fn store(
        &mut self,
        (findings, mut counts): (Vec<Finding>, Counts),
        mut reader: Reader,
        stored_bytes: u64,
        last: bool,
    ) -> Result<Step, ImportError> {
        findings.iter().for_each(|finding| reader.note_source(&finding.source));
        let import = &self.import;
        let (scope, full) = (import.options.scope.as_str(), &BTreeMap::new());
        let scan = Scan { account: import.account, scope, time: import.scan, now: import.updated, full };
        let findings = scan.by_risk(findings, &mut counts);
        let batch = Batch { findings, counts, reader, stored_bytes, last };
        self.change(Change::Store(&batch)).await?;
        Ok(Step::Stored)
    }

    /// Changes the import in one transaction, as long as it is this stream that goes on with it.
    async fn change(&mut self, change: Change<'_>) -> Result<Option<Missed>, ImportError> {
        let (this, change) = (&*self, &change);
        let done = this.imports.db.write(change.operation(), |tx| async move {
            let found = store::finding_import_lock(tx.conn(), this.import.account, &this.import.id).await?;
            let mut import = found.ok_or_else(|| this.import.mismatch("the import was removed meanwhile"))?;
            import.check_stream(&this.stream)?;
            import.updated = this.imports.db.clock().now();
            let missed = change.make(&tx, &this.call, &mut import).await?;
            store::finding_import_save(tx.conn(), &import).await?;
            Ok::<_, ImportError>((import, missed))
        });
        let (import, missed) = done.await?.value;
        self.import = import;
        if self.import.state != ImportState::Running {
            self.let_go();
        }
        Ok(missed)
    }
}
