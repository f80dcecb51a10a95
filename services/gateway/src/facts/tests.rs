use bailiwick_core::authz::Snapshot;
use bailiwick_rpc::ApiError;

use super::*;

fn position(role: &str, epoch: &str, revision: i64) -> LogPosition {
    LogPosition { role: role.to_owned(), epoch: epoch.to_owned(), revision }
}

fn version(revision: i64, upstream: i64) -> Outcome {
    Outcome::Publish(Arc::new(Version {
        snapshot: Snapshot::empty(),
        position: position("delegation", "e", revision),
        upstream: Some(position("directory", "d", upstream)),
    }))
}

fn reason<T>(result: Result<T, Problem>) -> Option<ErrorReason> {
    result.err().map(|problem| problem.reason())
}

#[tokio::test(start_paused = true)]
async fn facts_decide_only_while_they_are_fresh() {
    let facts = Facts::new(Duration::from_secs(2));
    assert_eq!(reason(facts.fresh(Instant::now())), Some(ErrorReason::FactsNotReady));
    facts.take(version(1, 1));
    // A list alone says nothing of its age.
    assert_eq!(reason(facts.fresh(Instant::now())), Some(ErrorReason::FactsNotReady));
    facts.take(Outcome::Level(Instant::now()));
    tokio::time::advance(Duration::from_secs(2)).await;
    assert!(facts.fresh(Instant::now()).is_ok());
    tokio::time::advance(Duration::from_millis(1)).await;
    let problem = facts.fresh(Instant::now()).unwrap_err();
    assert_eq!(problem.reason(), ErrorReason::FactsStale);
    assert_eq!(problem.metadata(), [("age_ms", "2001".to_owned()), ("bound_ms", "2000".to_owned())]);
    assert!(ApiError::retry_after(&problem).is_some());
    // New versions do not make it fresh, nor do answers to older pings.
    facts.take(version(2, 1));
    facts.take(Outcome::Level(Instant::now() - Duration::from_secs(3)));
    assert_eq!(reason(facts.fresh(Instant::now())), Some(ErrorReason::FactsStale));
    facts.take(Outcome::Level(Instant::now()));
    assert!(facts.fresh(Instant::now()).is_ok());
}

#[tokio::test(start_paused = true)]
async fn a_level_of_before_the_start_counts_as_it_is() {
    tokio::time::advance(Duration::from_secs(60)).await;
    let facts = Facts::new(Duration::from_secs(2));
    facts.take(version(1, 1));
    facts.take(Outcome::Level(Instant::now() - Duration::from_secs(5)));
    assert_eq!(facts.age(Instant::now()), Some(Duration::from_secs(5)));
}

#[tokio::test(start_paused = true)]
async fn positions_are_waited_for() {
    let facts = Arc::new(Facts::new(Duration::from_secs(2)));
    let wait = |position: LogPosition| {
        let facts = Arc::clone(&facts);
        async move { reason(facts.wait_for(&position, Instant::now() + Duration::from_millis(500)).await) }
    };
    assert_eq!(wait(position("delegation", "e", 1)).await, Some(ErrorReason::RevisionNotReached));
    let waiting = tokio::spawn(wait(position("delegation", "e", 3)));
    let upstream = tokio::spawn(wait(position("directory", "d", 8)));
    tokio::task::yield_now().await;
    for revision in 1..=3 {
        facts.take(version(revision, revision + 5));
    }
    assert_eq!((waiting.await.unwrap(), upstream.await.unwrap()), (None, None));
    assert_eq!(wait(position("delegation", "e", 4)).await, Some(ErrorReason::RevisionNotReached));
    assert_eq!(wait(position("directory", "d", 9)).await, Some(ErrorReason::RevisionNotReached));
    // Of another epoch: never comparable, so refused at once.
    assert_eq!(wait(position("delegation", "f", 1)).await, Some(ErrorReason::ConsistencyTokenInvalid));
    assert_eq!(wait(position("directory", "e", 1)).await, Some(ErrorReason::ConsistencyTokenInvalid));
    // What decides nothing here is for its role to wait for.
    assert_eq!(wait(position("sase-policy", "x", 1_000)).await, None);
}

#[tokio::test(start_paused = true)]
async fn many_who_wait_ask_no_more_often_than_one() {
    let facts = Arc::new(Facts::new(Duration::from_secs(2)));
    facts.take(version(1, 1));
    let until = Instant::now() + Duration::from_millis(400);
    for _ in 0..2 {
        for _ in 0..100 {
            let facts = Arc::clone(&facts);
            tokio::spawn(async move { facts.wait_for(&position("delegation", "e", 9), until).await });
        }
        // Their turns come at different moments.
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    let mut asked = 0;
    while tokio::time::timeout(Duration::from_millis(10), facts.hurried()).await.is_ok() {
        asked += 1;
    }
    // Every 2 ms for 400 ms, and a few when the turn changes hands.
    assert!((150..=250).contains(&asked), "{asked}");
}

#[tokio::test(start_paused = true)]
async fn what_was_level_with_a_log_says_nothing_of_the_restored_one() {
    let facts = Facts::new(Duration::from_secs(2));
    facts.take(version(5, 5));
    facts.take(Outcome::Level(Instant::now()));
    assert!(facts.fresh_for("d", Instant::now()).is_ok());
    assert_eq!(reason(facts.fresh_for("c", Instant::now())), Some(ErrorReason::CredentialRevoked));
    let of = |epoch: &str, upstream: &str| {
        Outcome::Publish(Arc::new(Version {
            snapshot: Snapshot::empty(),
            position: position("delegation", epoch, 3),
            upstream: Some(position("directory", upstream, 2)),
        }))
    };
    facts.take(of("f", "d"));
    assert_eq!(reason(facts.fresh_for("d", Instant::now())), Some(ErrorReason::FactsNotReady));
    facts.take(Outcome::Level(Instant::now()));
    assert!(facts.fresh_for("d", Instant::now()).is_ok());
    // While directory's facts are replaced, positions of it are waited for, and tokens of it honoured by nobody.
    facts.take(of("f", ""));
    let until = Instant::now() + Duration::from_millis(10);
    let waited = facts.wait_for(&position("directory", "e", 1), until).await;
    assert_eq!(reason(waited), Some(ErrorReason::RevisionNotReached));
    for epoch in ["", "d"] {
        assert_eq!(reason(facts.fresh_for(epoch, Instant::now())), Some(ErrorReason::FactsNotReady));
    }
}
