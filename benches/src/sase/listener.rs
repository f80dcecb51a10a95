//! Decisions as Envoy asks for them, beside a server of the same kind that answers without deciding.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use bailiwick_api::r#type::v1::{AccessFactChange, AccountFact, EnrolmentFact, access_fact::Kind};
use bailiwick_core::{Clock, SystemClock, TrustedService};
use bailiwick_openid::testing::{Issuer, Key};
use bailiwick_roster::testing::{Suite, directory, eventually};
use bailiwick_sase_policy::{
    Built, Config, build,
    measuring::{Asker, Size, account, fill, members_known, serve_bare},
    migrations, positions,
};
use bailiwick_testkit::sqlite;
use futures::{StreamExt, stream};
use serde_json::json;
use tokio_util::sync::CancellationToken;

use super::{percentile, say};

/// Users whose tokens are shown.
const SEEN: usize = 1_000;
/// Requests of one turn.
const TURN: usize = 5_000;

/// Makes the members known, and enrolled.
async fn register(suite: &Suite, members: usize) {
    for some in (0..members).collect::<Vec<_>>().chunks(500) {
        let facts = some.iter().flat_map(|n| {
            let (name, of) = (account(*n).name(), directory(1).name());
            let member = AccountFact {
                account: name.clone(),
                directory: of.clone(),
                incarnation: "i1".into(),
                folder: format!("{of}/folders/root"),
                ..AccountFact::default()
            };
            let listed = EnrolmentFact {
                directory: of,
                trusted_service: TrustedService::Sase.to_string(),
                account: name,
                incarnation: "i1".into(),
                uid: format!("u{n}"),
            };
            [Kind::Account(member), Kind::Enrolment(listed)].map(AccessFactChange::holds)
        });
        suite.delegation.say(facts.collect()).await;
    }
}

/// Asks `requests` times each, so many at once, in turns. Says the ratios.
pub async fn measure(size: Size, requests: usize, at_once: usize) {
    let database = sqlite();
    let suite = Suite::new(&database.url, Arc::new(SystemClock), migrations).await;
    register(&suite, size.members).await;
    let key = Key::ecdsa("k1");
    let issuer = Issuer::start(&[&key]).await;
    let mut config = Config::default();
    config.enforcement.listen = "127.0.0.1:0".to_owned();
    config.identity.private_issuers = true;
    let shutdown = CancellationToken::new();
    let Built { module, enforcement } = build(suite.deps(shutdown.clone()), &config).await.expect("the role is built");
    let running = suite.serve(module, positions(&suite.db), shutdown).await;
    let credential = fill(&suite.db, size, &issuer.url).await.expect("the world is stored");
    eventually(|| async { members_known(&suite.db).await.expect("members") >= size.members }).await;

    let token = |n: usize| {
        let mut claims = issuer.claims(SystemClock.now());
        if let Some(user) = claims.get_mut("sub") {
            *user = json!(format!("u{}", n * 7_919 % size.users));
        }
        key.sign(&claims)
    };
    let tokens: Vec<_> = (0..SEEN).map(token).collect();
    let address = enforcement.expect("the listener is configured");
    let ours = Asker::connect(address, &credential).await;
    let bare = Asker::connect(serve_bare().await, &credential).await;
    let ask = |asker: &Asker, n: usize| {
        let (asker, token) = (asker.clone(), tokens.get(n % SEEN).cloned().unwrap_or_default());
        async move {
            let begun = Instant::now();
            let host = format!("a{}.example", n * 104_729 % size.applications);
            (asker.ask(&host, &token).await, begun.elapsed())
        }
    };
    // What is compiled once and verified once is no part of it.
    stream::iter(0..SEEN).map(|n| ask(&ours, n)).buffer_unordered(at_once).collect::<Vec<_>>().await;

    let (mut rates, mut passed, mut stopped) = (Vec::new(), Vec::new(), Vec::new());
    let mut took = [(Vec::new(), Duration::ZERO), (Vec::new(), Duration::ZERO)];
    for turn in 0..requests.div_ceil(TURN) {
        // Taking turns, so that whatever else the machine does counts for both.
        for ((asker, decides), (each, all)) in [(&bare, false), (&ours, true)].into_iter().zip(&mut took) {
            let begun = Instant::now();
            let asked = stream::iter(turn * TURN..(turn + 1) * TURN).map(|n| ask(asker, n));
            let answers: Vec<_> = asked.buffer_unordered(at_once).collect().await;
            *all += begun.elapsed();
            if decides {
                let of = |allow: bool| answers.iter().filter(move |(a, _)| *a == allow).map(|(_, took)| *took);
                passed.extend(of(true));
                stopped.extend(of(false));
            }
            each.extend(answers.into_iter().map(|(_, took)| took));
        }
    }
    for (what, (each, all)) in ["bare server", "ext_authz"].into_iter().zip(&mut took) {
        rates.push(say(what, each, *all));
    }
    if let [(bare, bare_p99), (ours, p99)] = rates.as_slice() {
        println!("rate {:.2} of the bare server's, p99 {:.2} times its", ours / bare, p99 / bare_p99);
        // A block is told when it is in the log.
        for (what, some) in [("allowed", &mut passed), ("blocked", &mut stopped)] {
            some.sort_unstable();
            let p99 = percentile(some);
            println!("{what}: {} of them, p99 {p99:.1} us, {:.2} times the bare server's", some.len(), p99 / bare_p99);
        }
    }
    running.stop().await;
}
