//! How fast findings are imported, through the service as a gateway calls it, as a share of what the database itself does
//! at best with the same rows, in the same run: PostgreSQL copies them into a staging table and upserts them from there,
//! SQLite upserts them by one prepared statement of many rows in one transaction; that into an empty table for risks that are
//! new, and once more for those that are seen again. And how long it takes to look at what
//! was imported.

#![expect(clippy::expect_used, clippy::print_stdout, reason = "a measurement that fails says why, and ends")]

mod best;
mod import;
mod pages;

use std::{sync::Arc, time::Duration};

use bailiwick_core::SystemClock;
use bailiwick_roster::testing::Suite;
use bailiwick_testkit::{TestDatabase, postgres, sqlite};
use clap::Parser;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

/// What is measured.
#[derive(Parser)]
struct Asked {
    /// How many findings, over all accounts.
    #[arg(long, default_value_t = 1_000_000)]
    findings: u64,
    /// How many accounts they are of.
    #[arg(long, default_value_t = 1_000)]
    accounts: u64,
    /// Imports at once.
    #[arg(long, default_value_t = 2)]
    streams: usize,
    /// `sqlite` or `postgres`; both if it is not said.
    #[arg(long)]
    engine: Option<String>,
}

#[tokio::main]
async fn main() {
    let asked = Asked::parse();
    let wanted = |engine: &str| asked.engine.as_deref().is_none_or(|only| only == engine);
    if wanted("postgres") {
        measure(&asked, postgres::database().await, postgres::database().await).await;
    }
    if wanted("sqlite") {
        measure(&asked, sqlite(), sqlite()).await;
    }
}

async fn measure(asked: &Asked, database: TestDatabase, other: TestDatabase) {
    let suite = Suite::new(&database.url, Arc::new(SystemClock), bailiwick_security_center::migrations).await;
    import::register(&suite, asked.accounts).await;
    let shutdown = CancellationToken::new();
    let module = bailiwick_security_center::build(suite.deps(shutdown.clone())).await.expect("the service is built");
    let running = suite.serve(module, bailiwick_security_center::positions(&suite.db), shutdown).await;
    let each = asked.findings / asked.accounts;
    let all = each * asked.accounts;

    let mut rates = Vec::new();
    for (round, what) in [(1, "new"), (2, "seen again")] {
        let begun = Instant::now();
        let counted = import::all(&suite, asked.accounts, each, asked.streams, round).await;
        assert_eq!(counted, all, "{}: all are stored", database.engine);
        let rate = say(database.engine, what, all, begun.elapsed());
        rates.push(rate);
    }
    pages::subscribe(&suite).await;
    pages::measure(&suite, database.engine, asked.accounts).await;
    running.stop().await;

    let prepared = Suite::new(&other.url, Arc::new(SystemClock), bailiwick_security_center::migrations).await;
    let took = match database.engine {
        "postgres" => best::postgres(&database.url, &other.url).await,
        _ => best::sqlite(&database.url, &other.url).await,
    };
    drop(prepared);
    for ((what, rate), took) in ["new", "seen again"].iter().zip(rates).zip(took) {
        let best = say(database.engine, "at best", all, took);
        println!("{:9} {what:11} {:.2} of the best", database.engine, rate / best);
    }
    println!("{:9} memory      {}", database.engine, import::peak());
}

/// Says how many rows a second that is, and returns it.
fn say(engine: &str, what: &str, rows: u64, took: Duration) -> f64 {
    let rate = f64::from(u32::try_from(rows).expect("a number of rows")) / took.as_secs_f64();
    println!("{engine:9} {what:11} {rows} rows in {:.1} s: {rate:.0} rows/s", took.as_secs_f64());
    rate
}
