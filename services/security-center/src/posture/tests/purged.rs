//! What is removed: risks that were fixed long ago, and texts that no risk has.

use super::{super::app::purge, *};

const DAY: Duration = Duration::from_secs(86_400);

#[tokio::test(flavor = "multi_thread")]
async fn risks_are_removed_when_they_were_fixed_long_ago() {
    for database in databases().await {
        let scene = Scene::on(&database).await;
        let (of, db) = (account(11), &scene.suite.db);
        let many: Vec<_> = (0..1_200).map(|n| format!("u{n}")).collect();
        let many: Vec<_> = many.iter().map(String::as_str).chain(["open"]).collect();
        scene.scan(1, ocsf(OnError::Keep), &failed(&many)).await;
        scene.scan(2, full(), &failed(&["open", "later"])).await;
        scene.clock.advance(200 * DAY);
        scene.scan(3, full(), &failed(&["open"])).await;
        scene.clock.advance(199 * DAY);
        purge(db, None).await.unwrap();
        assert_eq!(scene.risks(of).await.len(), 1_202, "{}", scene.engine);
        scene.clock.advance(2 * DAY);
        assert_eq!(purge(db, None).await.unwrap(), Some(of), "{}", scene.engine);
        assert_eq!(states(&scene.risks(of).await), [("later", State::Fixed), ("open", State::Open)]);
        scene.check_numbers(of).await;
        assert_eq!(purge(db, Some(of)).await.unwrap(), None, "it begins anew");

        // One that was removed is new when it is found again.
        let again = scene.scan(4, ocsf(OnError::Keep), &failed(&["u7"])).await;
        assert_eq!(again.counts.created, 1);
        scene.check_numbers(of).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_risk_that_another_had_to_make_way_for_is_not_removed_before_it() {
    for database in databases().await {
        let scene = Scene::on(&database).await;
        let (of, db) = (account(11), &scene.suite.db);
        let (first, second) = (RiskId::of(of, "Prowler", "a"), RiskId::of(of, "Prowler", "a").next());
        scene.scan(1, ocsf(OnError::Keep), &failed(&["x"])).await;
        // Another risk has the id that is that of `a`.
        let set = format!("UPDATE risks SET id = {} WHERE account = {}", first.number(), of.get());
        scene.execute(set).await;
        scene.scan(2, ocsf(OnError::Keep), &failed(&["a"])).await;
        let id_of_a = || async { scene.risks(of).await.iter().find(|r| r.finding.uid == "a").map(|risk| risk.id) };
        assert_eq!(id_of_a().await, Some(second), "{}", scene.engine);
        scene.scan(3, full(), &failed(&["a"])).await;
        scene.clock.advance(401 * DAY);
        purge(db, None).await.unwrap();
        assert_eq!(scene.risks(of).await.len(), 2, "{}", scene.engine);
        let again = scene.scan(4, ocsf(OnError::Keep), &failed(&["a"])).await;
        assert_eq!((again.counts.created, again.counts.seen), (0, 1), "{}: it is found where it is", scene.engine);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn texts_are_an_accounts_own_and_go_with_the_last_risk_that_has_them() {
    const TEXTS: &str = "SELECT COUNT(*) FROM risk_texts";
    for database in databases().await {
        let scene = Scene::on(&database).await;
        let db = &scene.suite.db;
        scene.scan(1, ocsf(OnError::Keep), &failed(&["a", "b"])).await;
        scene.import(account(12), 1, ocsf(OnError::Keep), &failed(&["a"]), 1 << 20).await.unwrap();
        assert_eq!(scene.numbers(TEXTS).await, [2], "{}", scene.engine);
        let ids = scene.numbers("SELECT DISTINCT id FROM risk_texts").await;
        assert_eq!(ids.len(), 2, "the same text of two accounts");

        // The scanner says something else of its rule.
        let mut findings = [finding("a", "FAIL"), finding("b", "FAIL")];
        for finding in &mut findings {
            finding["finding_info"]["desc"] = json!("Another text");
        }
        scene.scan(2, ocsf(OnError::Keep), json!(findings[..1]).to_string().as_bytes()).await;
        purge(db, None).await.unwrap();
        assert_eq!(scene.numbers(TEXTS).await, [3], "{}: b has the first", scene.engine);
        scene.scan(3, ocsf(OnError::Keep), json!(findings).to_string().as_bytes()).await;
        purge(db, None).await.unwrap();
        assert_eq!(scene.numbers(TEXTS).await, [2], "{}", scene.engine);
        assert_eq!(scene.risk(account(11), "b").await.unwrap().finding.description, "Another text");
        assert_eq!(scene.risk(account(12), "a").await.unwrap().finding.description, "A check");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_text_of_other_content_is_never_taken() {
    for database in databases().await {
        let scene = Scene::on(&database).await;
        let of = account(11);
        scene.scan(1, ocsf(OnError::Keep), &failed(&["a"])).await;
        scene.execute("UPDATE risk_texts SET digest = digest + 1, description = 'planted'".to_owned()).await;
        let refused = scene.import(of, 2, ocsf(OnError::Keep), &failed(&["b"]), 1 << 20).await;
        assert!(matches!(refused, Err(ImportError::Db(bailiwick_db::DbError::Conflict(_)))), "{}", scene.engine);
        // A text of that id in another account changes nothing.
        scene.execute(format!("UPDATE risk_texts SET account = {}", account(12).get())).await;
        scene.execute("UPDATE risks SET text_id = 0 WHERE finding_uid = 'none'".to_owned()).await;
        scene.execute(format!("DELETE FROM risks WHERE account = {}", of.get())).await;
        scene.scan(3, ocsf(OnError::Keep), &failed(&["b"])).await;
        assert_eq!(scene.risk(of, "b").await.unwrap().finding.description, "A check", "{}", scene.engine);
    }
}
