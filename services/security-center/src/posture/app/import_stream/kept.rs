//! Applying a file that was kept until all of it was there.

use std::sync::Arc;

use bailiwick_db::DbError;

use super::{ImportStream, Step, Whole};
use crate::posture::{
    app::ImportError,
    domain::{ATOMIC_MAX, BATCH, Counts, ImportRefusal, OnError, Problem, Sarif},
    store,
};

impl ImportStream {
    /// What was kept is applied, now that all of it is there and sound.
    pub(super) async fn apply_elements(&mut self) -> Result<Step, ImportError> {
        let stored_bytes = self.import.stored_bytes;
        let (findings, counts) = loop {
            let (findings, counts, ended) = self.read_batch();
            let some = !findings.is_empty() || counts != Counts::default();
            let byte = self.elements.received();
            if some || !ended || self.problem.is_some() || byte >= stored_bytes {
                break (findings, counts);
            }
            let Some(chunk) = self.chunk(byte).await? else { return Err(lost().into()) };
            self.elements.push(&chunk);
            if self.elements.received() >= stored_bytes {
                self.elements.finish();
            }
        };
        if let Some(problem) = self.problem.take() {
            return self.fail(problem).await;
        }
        if findings.is_empty() && counts == Counts::default() {
            return self.complete().await;
        }
        let mut reader = self.import.reader.clone();
        reader.applied = self.elements.place();
        self.store((findings, counts), reader, stored_bytes, false).await
    }

    pub(super) async fn apply_whole(&mut self) -> Result<Step, ImportError> {
        let whole = match self.whole.take() {
            Some(whole) => whole,
            None => match self.read_whole().await? {
                Ok(whole) => whole,
                Err(problem) => return self.fail(problem).await,
            },
        };
        let mut reader = self.import.reader.clone();
        let (sarif, applied) = (Arc::clone(&whole.sarif), reader.applied_results);
        let findings = tokio::task::spawn_blocking(move || sarif.findings(applied, BATCH)).await.map_err(broken)?;
        if findings.is_empty() {
            // A full scan that found nothing fixes everything of its scanner.
            whole.sarif.sources().for_each(|source| self.import.reader.note_source(&source));
            self.whole = Some(whole);
            return self.complete().await;
        }
        reader.applied_results += findings.len();
        let stored_bytes = self.import.stored_bytes;
        let last = reader.applied_results == whole.sarif.len();
        if last {
            whole.sarif.sources().for_each(|source| reader.note_source(&source));
        }
        self.whole = Some(whole);
        self.store((findings, Counts::default()), reader, stored_bytes, last).await
    }

    /// The file, read whole. Few are at once, and of an account one.
    async fn read_whole(&mut self) -> Result<Result<Whole, Problem>, ImportError> {
        let place = self.imports.whole_files.take(self.import.account).await.ok_or(ImportRefusal::Busy)?;
        let mut bytes = Vec::with_capacity(usize::try_from(self.import.stored_bytes).unwrap_or_default());
        while u64::try_from(bytes.len()).unwrap_or(u64::MAX) < self.import.stored_bytes {
            let byte = u64::try_from(bytes.len()).unwrap_or_default();
            let Some(chunk) = self.chunk(byte).await? else { return Err(lost().into()) };
            bytes.extend(chunk);
        }
        let read = tokio::task::spawn_blocking(move || Sarif::read(&bytes)).await.map_err(broken)?;
        let atomic = self.import.options.on_error == OnError::Nothing;
        Ok(read.and_then(|sarif| {
            if atomic && i64::try_from(sarif.len()).unwrap_or(i64::MAX) > ATOMIC_MAX {
                let text = format!("an import that is all or nothing has at most {ATOMIC_MAX} findings");
                return Err(Problem::at(0, "runs", text));
            }
            Ok(Whole { sarif: Arc::new(sarif), _place: place })
        }))
    }

    /// The kept bytes of the file from one on, to the end of their piece.
    async fn chunk(&self, byte: u64) -> Result<Option<Vec<u8>>, ImportError> {
        let import = (self.import.account, self.import.id.as_str());
        let found = store::import_chunk(self.imports.db.reader(), import, byte).await?;
        Ok(found.and_then(|(at, mut data)| {
            let skip = usize::try_from(byte.checked_sub(at)?).ok()?;
            (skip < data.len()).then(|| data.split_off(skip))
        }))
    }
}

fn lost() -> DbError {
    broken("a part of a file that was kept is gone")
}

fn broken(error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> DbError {
    DbError::Other(error.into())
}
