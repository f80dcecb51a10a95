//! Calls between roles, over mutual TLS: who holds which certificate decides what it may call, and no certificate of a
//! role speaks for a user.

use std::collections::BTreeMap;

use bailiwick_api::rules;
use bailiwick_core::{
    Role,
    authz::{Rule, Seat},
};
use bailiwick_rpc::{Network, TcpConfig};
use tonic::{Request, Status, transport::Channel};

use crate::{
    client::{Failure, Raw},
    live::Databases,
    matrix::encoded_request,
    patience::PATIENCE,
    processes::Processes,
    world::Names,
};

/// A channel to a role, with the certificate of another.
pub fn channel(suite: &Processes, from: Role, to: Role) -> Channel {
    let mesh = suite.ca_file().parent().unwrap().to_owned();
    let config = TcpConfig {
        role: from,
        listen: "127.0.0.1:0".parse().unwrap(),
        peers: BTreeMap::from([(to, suite.address(to).to_owned())]),
        ca_file: suite.ca_file(),
        certificate_file: mesh.join(format!("{from}.pem")),
        key_file: mesh.join(format!("{from}.key")),
    };
    Network::tcp(config).unwrap().channel(from, to)
}

/// Sends one message and waits for the head of the answer, which tells whether the call was let through.
async fn call(channel: Channel, rule: &Rule, names: &Names) -> Result<(), Status> {
    let message = encoded_request(rule, names);
    let mut grpc = tonic::client::Grpc::new(channel);
    grpc.ready().await.map_err(|e| Status::unavailable(e.to_string()))?;
    let requests = tokio_stream::once(message);
    let answer = grpc.streaming(Request::new(requests), rule.path.parse().unwrap(), Raw);
    let mut answers = tokio::time::timeout(PATIENCE, answer).await.expect(rule.path)?.into_inner();
    if rule.server_streaming {
        return Ok(());
    }
    answers.message().await.map(drop)
}

/// covers: R-GW-01
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_certificate_lets_its_role_call_what_the_rules_list_and_speaks_for_no_user() {
    let suite = Processes::start(Databases::Sqlite).await;
    let names = Names::fixed();
    let mut wrong = Vec::new();
    for to in Role::ALL.into_iter().filter(|role| role.has_database()) {
        for from in Role::ALL {
            let channel = channel(&suite, from, to);
            let served = |rule: &&Rule| rule.role == Some(to) || rule.role.is_none();
            for rule in rules().iter().filter(served) {
                let answered = call(channel.clone(), rule, &names).await;
                let reason = answered.map_err(|e| Failure::of(&e).reason).err();
                let refused = match rule.seat {
                    // The request is about SASE, for which no other role enrols.
                    Seat::Internal if rule.path.contains("EnrolmentService") && from == Role::SasePolicy => None,
                    Seat::Internal if rule.path.contains("EnrolmentService") => Some("INTERNAL_METHOD"),
                    Seat::Internal if rule.callers.contains(&from) => None,
                    Seat::Internal => Some("INTERNAL_METHOD"),
                    // Nobody but the gateway speaks for users, and not even the gateway without its signed word.
                    _ => Some("CALLER_CONTEXT_INVALID"),
                };
                let as_expected = match refused {
                    Some(expected) => reason.as_deref() == Some(expected),
                    None => !["INTERNAL_METHOD", "CALLER_CONTEXT_INVALID"].contains(&reason.as_deref().unwrap_or("")),
                };
                if !as_expected {
                    wrong.push(format!("{from} -> {}: {reason:?}, expected {refused:?}", rule.method()));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}
