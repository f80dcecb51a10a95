//! `bailiwick import findings`: the file that a scanner wrote, to Security Center.
//!
//! The file is sent in pieces, and what the gateway has acknowledged need not be sent again: an import that was
//! interrupted goes on where it was, in the same run or in a later one.

mod file;
mod progress;
mod transfer;

use std::{error::Error, fs, path::PathBuf, process::ExitCode};

use bailiwick_api::securitycenter::v1::{
    FindingFormat, FindingImport, FindingImportOptions, FindingImportState, OnError,
};
use clap::{Args, Subcommand, ValueEnum};

use self::{
    file::Findings as FindingsFile,
    progress::{Progress, clean, counted},
    transfer::Transfer,
};
use crate::login::{TokenFile, say};

/// What can be brought in.
#[derive(Debug, Subcommand)]
pub enum Import {
    /// Imports what a scanner found in an account. Exits with 3 if the file is wrong, and with 4 if the gateway went
    /// away: the same command then goes on where it was.
    Findings(Findings),
}

/// What to import, and where to.
#[derive(Debug, Args)]
pub struct Findings {
    /// The file, or `-` for standard input, of which an interrupted import cannot go on.
    file: PathBuf,
    /// The account that was scanned, `accounts/{account}`.
    #[arg(long)]
    account: String,
    /// What the scanner wrote.
    #[arg(long, value_enum, default_value_t = Format::Auto)]
    format: Format,
    /// What part of the account was scanned, such as a region or a repository.
    #[arg(long, default_value = "")]
    scope: String,
    /// The scan looked at all of its scope: risks of the scanner and the scope that the file lacks are fixed.
    #[arg(long)]
    full: bool,
    /// When the scan was made, such as `2026-01-31T12:00:00Z`; now otherwise.
    #[arg(long)]
    scan_time: Option<prost_types::Timestamp>,
    /// What becomes of what stands before a mistake in the file.
    #[arg(long, value_enum, default_value_t = Mistake::Keep)]
    on_error: Mistake,
    /// A UUID for the import; otherwise it follows from the file, its time, and what is said here of it.
    #[arg(long)]
    request_id: Option<String>,
    /// Address of the gateway, `https://host:port`.
    #[arg(long)]
    gateway: String,
    /// PEM file of authorities that are trusted besides the public ones.
    #[arg(long)]
    ca: Option<PathBuf>,
    #[command(flatten)]
    token: TokenFile,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Format {
    /// Look at the file.
    Auto,
    /// OCSF, as Prowler writes it.
    Ocsf,
    /// SARIF, as Trivy, Semgrep, Checkov, Bandit and Grype write it.
    Sarif,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Mistake {
    /// It is kept.
    Keep,
    /// Nothing of the file becomes visible.
    Nothing,
}

/// Why an import ended early.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    /// The file has a mistake.
    #[error("{0}")]
    File(String),
    /// The gateway cannot be reached any more.
    #[error("interrupted: {0}; run the same command again, and it goes on")]
    Interrupted(String),
    /// Anything else that does not change by itself.
    #[error("{0}")]
    Refused(String),
}

impl ImportError {
    /// What the program exits with.
    pub fn code(&self) -> ExitCode {
        ExitCode::from(match self {
            Self::Refused(_) => 1,
            Self::File(_) => 3,
            Self::Interrupted(_) => 4,
        })
    }
}

impl Import {
    /// Imports.
    ///
    /// # Errors
    /// What stopped it, in words for the person; an [`ImportError`] where the exit code tells more.
    pub async fn run(self) -> Result<(), Box<dyn Error>> {
        let Self::Findings(findings) = self;
        findings.run().await
    }
}

impl Findings {
    async fn run(self) -> Result<(), Box<dyn Error>> {
        let pem = self.ca.as_ref().map(|path| fs::read(path).map_err(|e| format!("`{}`: {e}", path.display())));
        let (pem, token) = (pem.transpose()?, self.token.read()?);
        let mut file = FindingsFile::open(&self.file)?;
        let format = match self.format {
            Format::Auto => file.format()?,
            Format::Ocsf => FindingFormat::Ocsf,
            Format::Sarif => FindingFormat::Sarif,
        };
        let on_error = match self.on_error {
            Mistake::Keep => OnError::Keep,
            Mistake::Nothing => OnError::Nothing,
        };
        let options = FindingImportOptions {
            format: format.into(),
            scope: self.scope,
            full: self.full,
            scan_time: self.scan_time,
            on_error: on_error.into(),
            file_name: file.name(),
        };
        let request_id = match self.request_id {
            Some(id) => id,
            None => file.request_id(&self.account, &options)?,
        };
        let mut progress = Progress::new(file.size());
        let transfer = Transfer { gateway: self.gateway, pem, token, parent: self.account, request_id, options };
        let ended = transfer.run(&mut file, &mut progress).await;
        progress.end();
        let import = ended?;
        match import.state() {
            FindingImportState::Succeeded => say(&clean(&format!("{}: {}", import.name, counted(&import)))),
            _ => Err(Box::new(ImportError::File(mistake(&import)))),
        }
    }
}

/// What is wrong with a file.
fn mistake(import: &FindingImport) -> String {
    let at = if import.problem_line > 0 { format!("line {}: ", import.problem_line) } else { String::new() };
    clean(&format!("{at}{}; before it: {}", import.problem, counted(import)))
}

#[cfg(test)]
mod tests;
