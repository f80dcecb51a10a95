//! The walk-through of the documentation, as it is written, in both layouts.

use std::{path::Path, process::Command};

use crate::{
    checkout,
    live::{Databases, Suite},
    processes::Processes,
    tools,
};

fn walk(address: &str, operator: &Path, options: &[&str]) {
    let root = checkout::root();
    let mut walk = Command::new(root.join("docs/walkthrough.sh"));
    walk.arg(address).arg(operator).args(options).env("PATH", tools::search_path());
    let output = walk.output().unwrap();
    assert!(
        output.status.success(),
        "{}\n{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
}

/// covers: R-DIR-01, R-DIR-09, R-DIR-10, R-DIR-15, R-DEL-01, R-DEL-02, R-DEL-03, R-DEL-04, R-DEL-06, R-DEL-09
/// covers: R-DEL-12, R-SASE-01, R-SASE-12, R-SASE-13, R-GW-03, R-GW-05, R-GW-07, R-GW-10, R-GW-11, R-BAS-07
/// covers: E-DEL-01, E-DEL-06, E-DEL-09, E-DIR-16, E-GW-01
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_walk_works_as_written_in_one_process_on_sqlite() {
    let suite = Suite::start(Databases::Sqlite).await;
    let operator = suite.config.data.join("operator.json");
    let address = suite.gateway().to_string();
    tokio::task::spawn_blocking(move || walk(&address, &operator, &[])).await.unwrap();
    suite.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_walk_works_as_written_in_processes_with_mutual_tls_on_postgresql() {
    let suite = Processes::start(Databases::Postgres).await;
    let port = suite.gateway().rsplit(':').next().unwrap();
    let ca = suite.ca_file();
    walk(&format!("localhost:{port}"), &suite.operator_file(), &["-cacert", ca.to_str().unwrap()]);
}
