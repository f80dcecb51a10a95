//! How far an import is, for the person.

use std::{
    io::{self, IsTerminal, Write},
    time::{Duration, Instant},
};

use bailiwick_api::securitycenter::v1::FindingImport;

/// Least time between two lines where there is no terminal.
const EVERY: Duration = Duration::from_secs(1);

/// Tells on standard error of what was acknowledged: on a terminal in one line, elsewhere in a line a second at most.
pub(super) struct Progress {
    size: Option<u64>,
    terminal: bool,
    told: Option<Instant>,
}

impl Progress {
    pub(super) fn new(size: Option<u64>) -> Self {
        Self { size, terminal: io::stderr().is_terminal(), told: None }
    }

    /// Something was acknowledged.
    pub(super) fn at(&mut self, import: &FindingImport) {
        if !self.terminal && self.told.is_some_and(|told| told.elapsed() < EVERY) {
            return;
        }
        self.told = Some(Instant::now());
        let line = line(self.size, import);
        self.write(&if self.terminal { format!("\r{line}\x1b[K") } else { format!("{line}\n") });
    }

    /// Something that the person should know.
    pub(super) fn say(&mut self, text: &str) {
        self.end();
        self.write(&format!("{}\n", clean(text)));
    }

    /// Leaves the line.
    pub(super) fn end(&mut self) {
        if self.terminal && self.told.take().is_some() {
            self.write("\n");
        }
    }

    /// A person who does not look does not stop an import.
    fn write(&self, text: &str) {
        let mut to = io::stderr().lock();
        let _ = to.write_all(text.as_bytes()).and_then(|()| to.flush());
    }
}

fn line(size: Option<u64>, import: &FindingImport) -> String {
    let stored = u64::try_from(import.stored_bytes).unwrap_or_default();
    let of = match size {
        Some(size) if size > 0 => format!("{:3}%  ", stored.saturating_mul(100) / size),
        _ => String::new(),
    };
    format!("{of}{stored} bytes stored  {}", counted(import))
}

/// What came of the findings so far.
pub(super) fn counted(import: &FindingImport) -> String {
    let FindingImport { findings, created, seen, reopened, fixed, duplicates, passed, dropped, .. } = import;
    let dropped = if *dropped > 0 { format!(", {dropped} dropped: the account has no room") } else { String::new() };
    format!(
        "{findings} findings: {created} new, {seen} known, {reopened} reopened, {fixed} fixed, {passed} passed, \
         {duplicates} repeated{dropped}"
    )
}

/// A text from elsewhere in one line, without what controls a terminal or turns its writing around.
pub(super) fn clean(text: &str) -> String {
    let turns = |c: char| matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    text.chars().map(|c| if c.is_control() || turns(c) { ' ' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_says_how_far_it_is() {
        let import = FindingImport { stored_bytes: 50, findings: 3, created: 2, seen: 1, ..FindingImport::default() };
        let counts = "3 findings: 2 new, 1 known, 0 reopened, 0 fixed, 0 passed, 0 repeated";
        assert_eq!(line(Some(200), &import), format!(" 25%  50 bytes stored  {counts}"));
        assert_eq!(line(None, &import), format!("50 bytes stored  {counts}"));
        let dropped = counted(&FindingImport { dropped: 4, ..import });
        assert!(dropped.ends_with("0 repeated, 4 dropped: the account has no room"), "{dropped}");
    }

    #[test]
    fn what_is_written_controls_no_terminal() {
        assert_eq!(clean("a\u{1b}[2Jb\nc\u{9b}d\u{202e}e é"), "a [2Jb c d e é");
    }
}
