use std::time::Duration;

use crate::testing::worlds;

const TTL: Duration = Duration::from_secs(30);

#[tokio::test]
async fn a_lease_has_one_holder_until_it_ends() {
    for world in worlds().await {
        let (a, b) = (&world.db, &world.replica().await);
        let first = a.try_lease("sweeper", "a", TTL).await.unwrap().unwrap();
        assert_eq!(b.try_lease("sweeper", "b", TTL).await.unwrap(), None, "{}", world.engine());
        assert!(b.try_lease("other", "b", TTL).await.unwrap().is_some());
        world.clock.advance(TTL / 2);
        assert!(a.try_lease("sweeper", "a", TTL).await.unwrap().unwrap().expires > first.expires);
        world.clock.advance(TTL / 2);
        assert_eq!(b.try_lease("sweeper", "b", TTL).await.unwrap(), None);
        world.clock.advance(TTL / 2);
        assert_eq!(b.try_lease("sweeper", "b", TTL).await.unwrap().unwrap().holder, "b");
        // What is no longer held cannot be given back.
        a.release_lease(&first).await.unwrap();
        assert_eq!(a.try_lease("sweeper", "a", TTL).await.unwrap(), None);
    }
}

#[tokio::test]
async fn a_lease_given_back_is_free() {
    for world in worlds().await {
        let lease = world.db.try_lease("sweeper", "a", TTL).await.unwrap().unwrap();
        world.db.release_lease(&lease).await.unwrap();
        assert!(world.db.try_lease("sweeper", "b", TTL).await.unwrap().is_some(), "{}", world.engine());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn of_many_that_ask_at_once_one_gets_it() {
    for world in worlds().await {
        let tasks: Vec<_> = (0..8)
            .map(|i| {
                let db = world.db.clone();
                tokio::spawn(async move { db.try_lease("sweeper", &format!("h{i}"), TTL).await.unwrap().is_some() })
            })
            .collect();
        let mut taken = 0;
        for task in tasks {
            taken += u32::from(task.await.unwrap());
        }
        assert_eq!(taken, 1, "{}", world.engine());
    }
}
