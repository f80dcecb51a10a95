//! The matrix against a running suite: every cell is called, and answered as it is decided.

use bailiwick_api::rules;
use bailiwick_core::authz::{Reason, Seat};

use super::{
    caller,
    callers::{Column, columns},
    decided, encoded_request, facts,
};
use crate::{
    client::{Client, Failure},
    live::{Databases, Suite, World},
};

/// covers: R-DIR-04, R-GW-01, R-GW-02, R-GW-03, R-GW-05, R-GW-07, R-DEL-02, R-DEL-04, R-DEL-09, R-BAS-07, E-SC-12
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_rpc_answers_every_kind_of_caller_as_it_is_decided() {
    let suite = Suite::start(Databases::Sqlite).await;
    let world = World::build(&suite).await;
    let names = &world.names;
    let facts = facts(names);
    let mut wrong = Vec::new();
    for rule in rules() {
        let request = encoded_request(rule, names);
        let targets = bailiwick_api::inspect(rule, &request).unwrap().targets;
        for column in columns() {
            let Some(client) = client(&world, &suite, column, rule) else { continue };
            let expected = decided(rule, &caller(column, rule, names), &facts, &targets);
            let answered = match client.decided(rule.path, &request, &[]).await {
                Ok(_) => "allow".to_owned(),
                Err(status) => reason(&Failure::of(&status)),
            };
            if answered != expected {
                wrong.push(format!("{} as {}: {answered}, decided {expected}", rule.method(), column.label()));
            }
        }
    }
    assert!(wrong.is_empty(), "{} cells: {wrong:#?}", wrong.len());
    suite.stop().await;
}

/// `allow` for whatever is not refused by authorization: the requests are made so that the service then refuses them,
/// with a reason of its own.
fn reason(failure: &Failure) -> String {
    let authorization = Reason::ALL.iter().any(|r| r.as_str() == failure.reason && *r != Reason::InvalidField);
    let unexplained = failure.reason.is_empty() || ["INTERNAL", "BACKEND_UNAVAILABLE"].contains(&&*failure.reason);
    if unexplained {
        return format!("{failure:?}");
    }
    if authorization { failure.reason.clone() } else { "allow".to_owned() }
}

fn client(world: &World, suite: &Suite, column: Column, rule: &bailiwick_core::authz::Rule) -> Option<Client> {
    match column {
        Column::Nobody => Some(suite.client()),
        Column::Operator => Some(world.operator.clone()),
        // Roles call each other on connections of their own, never through the gateway: `libs/rpc` proves their guard.
        Column::Service => None,
        Column::Account(_, _) if rule.seat == Seat::Public => None,
        Column::Account(relation, user) => Some(world.client(relation.who(rule), user).clone()),
    }
}
