use std::{
    future::ready,
    sync::atomic::{AtomicI64, Ordering},
};

use futures::{FutureExt, future::join_all};
use tokio::sync::watch;

use super::*;
use crate::access::domain::cedar::uncompiled;

#[derive(Debug)]
struct Made(i64);

impl Versioned for Made {
    fn generation(&self) -> i64 {
        self.0
    }
}

fn directory(n: usize) -> DirectoryId {
    format!("rd-000000000{n:04}").parse().unwrap()
}

/// Makes nothing before the gate is open, and then what is there.
fn gated(gate: &watch::Receiver<bool>, there: &Arc<AtomicI64>) -> impl Fn() -> BoxFuture<'static, Result<Made, Error>> {
    let (gate, there) = (gate.clone(), there.clone());
    move || {
        let (mut gate, there) = (gate.clone(), there.clone());
        async move {
            let read = there.load(Ordering::SeqCst);
            gate.wait_for(|open| *open).await.unwrap();
            Ok(Made(read))
        }
        .boxed()
    }
}

#[tokio::test]
async fn many_who_ask_for_one_version_wait_for_one_compile() {
    let (flights, (open, gate), there) = (Flights::default(), watch::channel(false), Arc::new(AtomicI64::new(7)));
    let make = gated(&gate, &there);
    let all = join_all((0..100).map(|_| flights.get(directory(1), 7, &make)));
    let opened = async { open.send_replace(true) };
    let (all, _) = futures::join!(all, opened);
    assert!(all.into_iter().all(|made| made.unwrap().0 == 7));
    assert_eq!(flights.begun(), 1);
    flights.get(directory(1), 6, &make).await.unwrap();
    assert_eq!(flights.begun(), 1, "what is there serves those who read before it");
}

#[tokio::test]
async fn a_compile_that_began_too_early_is_followed_by_one_for_all_who_need_a_later_version() {
    let (flights, (open, gate), there) = (Flights::default(), watch::channel(false), Arc::new(AtomicI64::new(1)));
    let make = gated(&gate, &there);
    let early = flights.get(directory(1), 1, &make);
    let late = async {
        while flights.begun() == 0 {
            tokio::task::yield_now().await;
        }
        // Let it read.
        tokio::task::yield_now().await;
        there.store(3, Ordering::SeqCst);
        let late = join_all((0..50).map(|n| flights.get(directory(1), 2 + n % 2, &make)));
        let (late, _) = futures::join!(late, async { open.send_replace(true) });
        late
    };
    let (early, late) = futures::join!(early, late);
    assert!(early.unwrap().0 >= 1);
    assert!(late.into_iter().all(|made| made.unwrap().0 == 3));
    assert_eq!(flights.begun(), 2);
}

#[tokio::test]
async fn a_failure_is_of_all_who_wait_and_what_cannot_be_compiled_is_not_tried_again() {
    let (flights, (open, gate)) = (Flights::<Made>::default(), watch::channel(false));
    let failing = |error: fn() -> Error| {
        let gate = gate.clone();
        move || {
            let mut gate = gate.clone();
            async move {
                gate.wait_for(|open| *open).await.unwrap();
                Err(error())
            }
        }
    };
    let broken = failing(|| DbError::Unavailable("down".into()).into());
    let all = join_all((0..50).map(|_| flights.get(directory(1), 1, &broken)));
    let (all, _) = futures::join!(all, async { open.send_replace(true) });
    for failed in all {
        assert!(matches!(bailiwick_db::TxError::db(&failed.unwrap_err()), Some(DbError::Unavailable(_))));
    }
    assert_eq!(flights.begun(), 1);
    let bad = failing(|| uncompiled("no").into());
    for _ in 0..10 {
        assert!(matches!(flights.get(directory(1), 1, &bad).await.unwrap_err(), Error::Uncompiled(_)));
    }
    assert_eq!(flights.begun(), 2, "after a failure of the database it is tried again, and then no more");
    assert_eq!(flights.get(directory(1), 2, || ready(Ok(Made(2)))).await.unwrap().0, 2);
    let panics = || async { if true { panic!("as a test has it") } else { Ok(Made(3)) } };
    flights.get(directory(1), 3, panics).await.unwrap_err();
    assert_eq!(flights.get(directory(1), 3, || ready(Ok(Made(3)))).await.unwrap().0, 3, "a panic holds nobody up");
}

#[tokio::test]
async fn no_more_directories_are_held_than_there_is_room_for() {
    let flights = Flights::default();
    for n in 0..HELD_MAX + 20 {
        flights.get(directory(n), 1, || ready(Ok(Made(1)))).await.unwrap();
    }
    assert_eq!(flights.0.slots().len(), HELD_MAX);
}
