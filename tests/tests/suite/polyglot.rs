//! Clients in other languages, with stubs or messages made from `proto/` as a user makes them. Each program is an example
//! in `tests/polyglot` that stops at the first surprise; `scripts/setup` installs what they need, at pinned versions.

use std::process::Command;

use crate::{
    checkout,
    live::{Databases, Suite},
    tools,
};

/// Runs the program of a language against a suite of its own. `needed` are the tools that it cannot do without.
async fn run(language: &'static str, needed: &[&str]) {
    for tool in needed {
        tools::installed(tool);
    }
    let suite = Suite::start(Databases::Sqlite).await;
    let operator = suite.config.data.join("operator.json");
    let address = suite.gateway().to_string();
    let program = checkout::tests().join("polyglot").join(language).join("run.sh");
    let output = tokio::task::spawn_blocking(move || {
        Command::new(program).arg(address).arg(operator).env("BAILIWICK_TOOLS", tools::folder()).output().unwrap()
    })
    .await
    .unwrap();
    assert!(
        output.status.success(),
        "{language}: {}\n{}\n{}",
        output.status,
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    suite.stop().await;
}

/// covers: R-GW-11, E-GW-06
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_in_python_works() {
    run("python", &["python/bin/python", "python/requirements.txt"]).await;
}

/// covers: R-GW-11, E-GW-06
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_in_go_works() {
    run("go", &["bin/buf", "bin/protoc-gen-go", "bin/protoc-gen-go-grpc"]).await;
}

/// covers: R-GW-11, E-GW-06
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_in_javascript_works_by_grpc_and_by_grpc_web() {
    run(
        "node",
        &["bin/buf", "node/node_modules/@connectrpc/connect-node", "node/node_modules/@bufbuild/protoc-gen-es"],
    )
    .await;
}
