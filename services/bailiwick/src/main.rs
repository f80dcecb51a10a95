//! The executable of bailiwick.

use std::{io::Write, process::ExitCode};

use bailiwick::import::ImportError;
use clap::Parser;

#[tokio::main]
async fn main() -> ExitCode {
    match bailiwick::cli::Cli::parse().run().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let _ = writeln!(std::io::stderr(), "bailiwick: {error}");
            error.downcast_ref::<ImportError>().map_or(ExitCode::FAILURE, ImportError::code)
        }
    }
}
