use std::time::Duration;

use super::{
    super::store,
    identities::{key, put, user},
    sessions::role,
    *,
};
use crate::domain::{
    access_key::{LastUse, Use},
    review::{Finding, Reviewed},
};

const DAY: Duration = Duration::from_hours(24);

async fn review(world: &World, of: AccountId, size: u32) -> Vec<Reviewed> {
    let call = world.root(of, "AccessReviewService/ListAccessReviewEntries", &of.name()).await;
    let (mut entries, mut asked) = (Vec::new(), first(size));
    loop {
        let page = world.app.review_list(&call, of, &asked).await.unwrap();
        assert!(page.items.len() <= usize::try_from(size).unwrap());
        entries.extend(page.items);
        asked.token = page.next;
        if asked.token.is_empty() {
            return entries;
        }
    }
}

#[tokio::test]
async fn a_review_has_each_identity_once_with_its_findings() {
    for world in worlds().await {
        let id = world.account("main", None).await;
        for name in ["alice", "bob"] {
            user(&world, id, name).await.unwrap();
        }
        let alice = Target { account: id, kind: TargetKind::User, id: "alice" };
        world.put(alice, "AdministratorAccess", Put::Attach).await.unwrap();
        key(&world, id, "alice").await.unwrap();
        let disabled = key(&world, id, "alice").await.unwrap();
        put(&world, id, "alice", &disabled, Use::Disabled).await.unwrap();
        for name in ["auditor", "zebra"] {
            role(&world, id, name, 3_600).await;
        }
        world.clock.advance(DAY * 91);
        let all = review(&world, id, 100).await;
        let now = world.app.now();
        let shown: Vec<_> =
            all.iter().map(|entry| (entry.identity.rsplit_once('/').unwrap().1, entry.findings(now))).collect();
        use Finding::{FullAdministrator, NoPolicy, OldAccessKey, UnusedAccessKey, UnusedIdentity};
        let expected = [
            ("auditor", vec![UnusedIdentity, FullAdministrator]),
            ("zebra", vec![UnusedIdentity, FullAdministrator]),
            ("alice", vec![UnusedAccessKey, OldAccessKey, UnusedIdentity, FullAdministrator]),
            ("bob", vec![UnusedIdentity, NoPolicy]),
            ("root", vec![]),
        ];
        assert_eq!(shown, expected, "{}", world.engine);
        assert_eq!(all[2].usable_keys(now).count(), 1, "{}", world.engine);
        for size in 1..5 {
            assert_eq!(review(&world, id, size).await, all, "pages of {size}: {}", world.engine);
        }
    }
}

#[tokio::test]
async fn keys_that_are_not_used_are_found_in_the_account_and_by_its_management_account() {
    for world in worlds().await {
        let (by, directory) = world.directory("Acme").await;
        let (other, _) = world.directory("Other").await;
        let first_member = world.cloud_member(by, directory, "one", "Acme").await;
        let second_member = world.cloud_member(by, directory, "two", "Acme").await;
        let accounts = [by, first_member, second_member, other];
        let mut keys = Vec::new();
        for of in accounts {
            user(&world, of, "alice").await.unwrap();
            keys.push([key(&world, of, "alice").await.unwrap(), key(&world, of, "alice").await.unwrap()]);
        }
        put(&world, second_member, "alice", &keys[2][0], Use::Disabled).await.unwrap();
        world.clock.advance(DAY * 10);
        let used = LastUse { time: world.app.now(), source_ip: String::new() };
        let save = |tx: bailiwick_db::Tx| {
            let (id, used) = (keys[1][0].clone(), used.clone());
            async move { store::access_key::save_use(tx.conn(), first_member, &id, &used).await }
        };
        world.app.db.write("save_use", save).await.unwrap();

        let call = world.root(first_member, "AccessReviewService/ListUnusedAccessKeys", &first_member.name()).await;
        for (days, expected) in [(10, vec![&keys[1][1]]), (11, vec![])] {
            let page = world.app.unused_key_list(&call, first_member, DAY * days, &first(10)).await.unwrap();
            let found: Vec<_> = page.items.iter().map(|key| &key.id).collect();
            assert_eq!(found, expected, "{days} days: {}", world.engine);
        }
        let method = "AccessReviewService/ListMemberUnusedAccessKeys";
        let call = world.root(by, method, &directory.name()).await;
        let mut expected = vec![(first_member, keys[1][1].clone()), (second_member, keys[2][1].clone())];
        expected.sort();
        for size in [1, 2, 10] {
            let (mut found, mut asked) = (Vec::new(), first(size));
            loop {
                let page = world.app.member_unused_key_list(&call, directory, DAY, &asked).await.unwrap();
                found.extend(page.items.into_iter().map(|key| (key.account, key.id)));
                asked.token = page.next;
                if asked.token.is_empty() {
                    break;
                }
            }
            assert_eq!(found, expected, "pages of {size}: {}", world.engine);
        }
        let other_span = world.app.member_unused_key_list(&call, directory, DAY, &first(1)).await.unwrap().next;
        let asked = PageRequest { size: 1, token: other_span };
        let refusal = world.app.member_unused_key_list(&call, directory, DAY * 2, &asked).await;
        assert!(matches!(refusal, Err(Error::PageToken(_))), "a token is of one query: {}", world.engine);
    }
}
