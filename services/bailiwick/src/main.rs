//! The executable of bailiwick.

use std::{io::Write, process::ExitCode};

use clap::Parser;

#[tokio::main]
async fn main() -> ExitCode {
    match bailiwick::cli::Cli::parse().run().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let _ = writeln!(std::io::stderr(), "bailiwick: {error}");
            ExitCode::FAILURE
        }
    }
}
