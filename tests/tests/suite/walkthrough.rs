//! The walk-through of the documentation, as it is written, in both layouts.

use std::{path::Path, process::Command};

use serde_json::json;

use crate::{
    checkout,
    live::{Databases, Suite, create_member, enable_directory, enable_service, register},
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

/// The commands of a manual, in their order: its indented blocks.
fn commands(manual: &str) -> String {
    let text = std::fs::read_to_string(checkout::root().join("docs").join(manual)).unwrap();
    let lines = text.lines().filter_map(|line| line.strip_prefix("    "));
    lines.flat_map(|line| [line, "\n"]).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_manual_of_bastion_hosts_works_as_written() {
    let suite = Suite::start(Databases::Sqlite).await;
    let operator = suite.operator().await;
    let management = register(&operator, "management", "Example").await;
    let directory = enable_directory(&management).await;
    enable_service(&management, &directory, "bastionhost").await;
    let member = create_member(&management, &directory, "member").await;
    // The commands send no consistency tokens.
    let seen = json!({"parent": directory});
    management.root.call("bastion.v1.BastionMemberService/ListBastionMembers", seen).await.unwrap();
    let mut shell = Command::new("bash");
    shell.args(["-euo", "pipefail", "-c", &commands("bastion.md")]).env("PATH", tools::search_path());
    shell.env("TOKEN", management.root.token()).env("GATEWAY", suite.gateway().to_string());
    shell.env("I", format!("{directory}/bastionInstances/main")).env("D", &directory).env("C", &member);
    let output = tokio::task::spawn_blocking(move || shell.output().unwrap()).await.unwrap();
    let told = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{told}\n{}", String::from_utf8_lossy(&output.stderr));
    let evaluated = told.rsplit("\n}\n").find(|answer| !answer.is_empty()).unwrap();
    for said in ["CONTROL_VERDICT_REJECT", "controlPolicies/careful", "`rm` is denied"] {
        assert!(evaluated.contains(said), "{said}: {told}");
    }
    suite.stop().await;
}
