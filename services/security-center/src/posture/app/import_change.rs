//! What one transaction of an import does.

use std::collections::{BTreeMap, BTreeSet};

use bailiwick_db::{DbError, Tx};
use bailiwick_rpc::Call;

use super::{ImportError, finding_import::recorded, risk_purge, risk_write};
use crate::posture::{
    domain::{
        BATCH, Changed, Counts, Finding, FindingImport, ImportState, Problem, RISKS_MAX, Reader, Risk, RiskId, Scan,
    },
    store::{self, RiskAccount},
};

/// What is to be done.
pub(super) enum Change<'a> {
    /// Findings are made what they mean for the account's risks.
    Store(&'a Batch),
    /// A part of a file is kept until all of it is there.
    Keep(&'a Chunk),
    /// Some of the risks of a scanner that a full scan lacks are fixed, after one.
    Fix { source: &'a str, after: Option<Missed> },
    /// The import has succeeded.
    End,
    /// The file has a mistake.
    Fail(&'a Problem),
}

/// Findings, and how far the file is read with them.
pub(super) struct Batch {
    /// In the order of their ids.
    pub(super) findings: Vec<(RiskId, Finding)>,
    pub(super) counts: Counts,
    pub(super) reader: Reader,
    pub(super) stored_bytes: u64,
    /// There are no others.
    pub(super) last: bool,
}

/// A part of a file, and how far the file is read with it.
pub(super) struct Chunk {
    pub(super) begins: u64,
    pub(super) data: Vec<u8>,
    pub(super) reader: Reader,
    pub(super) stored_bytes: u64,
}

/// A risk that a full scan lacks, by its place among them.
pub(super) type Missed = RiskId;

impl Change<'_> {
    /// For traces.
    pub(super) fn operation(&self) -> &'static str {
        match self {
            Self::Store(_) => "finding_import_store",
            Self::Keep(_) => "finding_import_keep",
            Self::Fix { .. } => "finding_import_fix",
            Self::End => "finding_import_end",
            Self::Fail(_) => "finding_import_fail",
        }
    }

    /// Does it to an import that is locked and is saved afterwards; returns the last of the risks that were fixed.
    pub(super) async fn make(
        &self,
        tx: &Tx,
        call: &Call,
        import: &mut FindingImport,
    ) -> Result<Option<Missed>, ImportError> {
        match self {
            Self::Store(batch) => {
                let changed = apply(tx, call, import, batch).await?;
                if batch.last {
                    finish(tx, call, import, BATCH.saturating_sub(changed)).await?;
                }
            }
            Self::Keep(chunk) => keep(tx, import, chunk).await?,
            Self::Fix { source, after } => return Ok(fix(tx, call, import, (source, *after), BATCH).await?.1),
            Self::End => end(tx, call, import).await?,
            Self::Fail(problem) => {
                import.fail(problem, import.updated);
                store::import_chunks_remove(tx.conn(), import.account, &import.id).await?;
            }
        }
        Ok(None)
    }
}

/// Returns how many risks are new or have changed.
async fn apply(tx: &Tx, call: &Call, import: &mut FindingImport, batch: &Batch) -> Result<usize, ImportError> {
    let (mut counts, mut count) = (batch.counts, 0);
    if !batch.findings.is_empty() {
        let mut of = store::risk_account_lock(tx.conn(), import.account).await?;
        let scope = import.options.scope.as_str();
        let full = &store::full_scans_after(tx.conn(), import.account, scope, import.scan).await?;
        let scan = Scan { account: import.account, scope, time: import.scan, now: import.updated, full };
        let mut looked_up = look_up(tx, &batch.findings.iter().map(|(id, _)| *id).collect()).await?;
        let placed = loop {
            match scan.place(&batch.findings, &looked_up) {
                Ok(placed) => break placed,
                Err(unknown) => looked_up.extend(look_up(tx, &unknown).await?),
            }
        };
        let room = make_room(tx, import, &mut of, Scan::count_new(&placed, &looked_up), &looked_up).await?;
        let changed = scan.see(placed, looked_up, room, &mut counts);
        let displaced = displaced(&changed);
        of.last_scan = of.last_scan.max(import.scan);
        let saved = risk_write::save_scanned((tx, import.updated), &mut of, changed).await?;
        check_displaced(tx, &displaced).await?;
        record(tx, call, import, &saved);
        count = saved.len();
    }
    import.counts.add(&counts);
    (import.reader, import.stored_bytes) = (batch.reader.clone(), batch.stored_bytes);
    Ok(count)
}

/// How many new risks there is room for, of so many that are wanted; fixed ones that the scan says nothing of make room.
async fn make_room(
    tx: &Tx,
    import: &FindingImport,
    of: &mut RiskAccount,
    wanted: usize,
    looked_up: &BTreeMap<RiskId, Option<Risk>>,
) -> Result<usize, ImportError> {
    let room = |of: &RiskAccount| usize::try_from(RISKS_MAX - of.risks).unwrap_or_default();
    let lacking = wanted.saturating_sub(room(of));
    if lacking > 0 {
        risk_purge::remove((tx, import.updated), of, None, lacking, |id| looked_up.contains_key(&id)).await?;
    }
    Ok(room(of))
}

/// The ids before those of new risks that are not at their own.
fn displaced(changed: &[Changed]) -> BTreeSet<RiskId> {
    let mut before = BTreeSet::new();
    for Changed { risk, .. } in changed.iter().filter(|changed| changed.before.is_none()) {
        let mut at = RiskId::of(risk.account, &risk.finding.source, &risk.finding.uid);
        while at != risk.id {
            before.insert(at);
            at = at.next();
        }
    }
    before
}

/// Whatever a new risk had to make way for is there still: its id would not be found behind a gap.
async fn check_displaced(tx: &Tx, before: &BTreeSet<RiskId>) -> Result<(), ImportError> {
    if !before.is_empty() && store::risks_lock(tx.conn(), before).await?.len() != before.len() {
        return Err(DbError::Conflict("a risk was removed meanwhile".into()).into());
    }
    Ok(())
}

/// What is at each of some ids.
async fn look_up(tx: &Tx, ids: &BTreeSet<RiskId>) -> Result<BTreeMap<RiskId, Option<Risk>>, ImportError> {
    let mut found: BTreeMap<_, _> = ids.iter().map(|id| (*id, None)).collect();
    for risk in store::risks_known(tx.conn(), ids.iter().copied()).await? {
        found.insert(risk.id, Some(risk));
    }
    Ok(found)
}

/// Ends the import with its last findings, if what it fixes has room beside them.
async fn finish(tx: &Tx, call: &Call, import: &mut FindingImport, mut room: usize) -> Result<(), ImportError> {
    let sources = if import.options.full { import.reader.sources.clone() } else { BTreeSet::new() };
    for source in sources {
        room = room.saturating_sub(fix(tx, call, import, (&source, None), room).await?.0);
        if room == 0 {
            return Ok(());
        }
    }
    end(tx, call, import).await
}

async fn end(tx: &Tx, call: &Call, import: &mut FindingImport) -> Result<(), ImportError> {
    import.state = ImportState::Succeeded;
    // A scan that found nothing has said so.
    let mut of = store::risk_account_lock(tx.conn(), import.account).await?;
    if of.last_scan < import.scan {
        of.last_scan = import.scan;
        store::risk_account_save(tx.conn(), &of).await?;
    }
    if import.is_staged() {
        store::import_chunks_remove(tx.conn(), import.account, &import.id).await?;
    }
    tx.record(recorded(import.account, import.name(), &import.id).by_call(call, import.updated));
    Ok(())
}

async fn keep(tx: &Tx, import: &mut FindingImport, chunk: &Chunk) -> Result<(), ImportError> {
    if !chunk.data.is_empty() {
        let whose = (import.account, import.id.as_str());
        store::accounts_lock(tx.conn(), &BTreeSet::from([import.account])).await?;
        let (_, kept) = store::imports_unfinished(tx.conn(), import.account).await?;
        import.check_kept(kept + u64::try_from(chunk.data.len()).unwrap_or_default())?;
        store::import_chunk_save(tx.conn(), whose, chunk.begins, chunk.data.clone()).await?;
    }
    (import.reader, import.stored_bytes) = (chunk.reader.clone(), chunk.stored_bytes);
    Ok(())
}

/// Returns how many risks were fixed, and the last of them.
async fn fix(
    tx: &Tx,
    call: &Call,
    import: &mut FindingImport,
    (source, after): (&str, Option<Missed>),
    limit: usize,
) -> Result<(usize, Option<Missed>), ImportError> {
    let scope = import.options.scope.as_str();
    let (whose, limit) = ((import.account, source, scope), u64::try_from(limit).unwrap_or_default());
    let mut of = store::risk_account_lock(tx.conn(), import.account).await?;
    store::full_scan_save(tx.conn(), whose, import.scan).await?;
    let lacking = store::risks_unseen(tx.conn(), whose, import.scan, after, limit).await?;
    let Some(last) = lacking.last().map(|risk| risk.id) else { return Ok((0, None)) };
    let full = &BTreeMap::new();
    let scan = Scan { account: import.account, scope, time: import.scan, now: import.updated, full };
    let changed = scan.miss(lacking, &mut import.counts);
    let saved = risk_write::save_scanned((tx, import.updated), &mut of, changed).await?;
    record(tx, call, import, &saved);
    Ok((saved.len(), Some(last)))
}

fn record(tx: &Tx, call: &Call, import: &FindingImport, changed: &[Risk]) {
    if !changed.is_empty() {
        let items = changed.iter().map(|risk| risk.id.to_string()).collect();
        let recorded = recorded(import.account, import.account.name(), &import.id);
        tx.record(recorded.of_items_by_call(items, call, import.updated));
    }
}
