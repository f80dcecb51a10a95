//! What scans mean for risks.

use super::*;

fn counts(import: &FindingImport) -> [i64; 7] {
    let c = &import.counts;
    [c.findings, c.created, c.seen, c.reopened, c.fixed, c.duplicates, c.passed]
}

#[tokio::test(flavor = "multi_thread")]
async fn risks_live_by_what_scans_say() {
    for database in databases().await {
        let scene = Scene::on(&database).await;
        let of = account(11);
        let file = json!([
            finding("a", "FAIL"),
            finding("b", "FAIL"),
            finding("c", "FAIL"),
            finding("a", "FAIL"),
            finding("p", "PASS"),
            finding("m", "MANUAL"),
            finding("both", "PASS"),
            finding("both", "FAIL")
        ]);
        let first = scene.scan(1, ocsf(OnError::Keep), file.to_string().as_bytes()).await;
        assert_eq!(counts(&first), [8, 4, 0, 0, 0, 2, 2], "{}", scene.engine);
        assert_eq!(first.stored_bytes, file.to_string().len() as u64);
        let risk = scene.risk(of, "a").await.unwrap();
        assert_eq!((risk.state, risk.first_seen, risk.scope.as_str()), (State::Open, first.scan, "eu"));
        assert_eq!(risk.finding.description, "A check");
        assert_eq!(risk.finding.references, ["https://example.com"]);
        assert!(scene.risk(of, "p").await.is_none() && scene.risk(of, "m").await.is_none());
        scene.check_numbers(of).await;

        let passed = json!([finding("a", "PASS"), finding("b", "FAIL")]).to_string();
        let second = scene.scan(2, ocsf(OnError::Keep), passed.as_bytes()).await;
        assert_eq!(counts(&second), [2, 0, 1, 0, 1, 0, 1], "{}", scene.engine);
        let risk = scene.risk(of, "a").await.unwrap();
        assert_eq!((risk.state, risk.fix_time, risk.version), (State::Fixed, Some(second.scan), 2));

        let third = scene.scan(3, ocsf(OnError::Keep), &failed(&["a"])).await;
        assert_eq!(counts(&third), [1, 0, 0, 1, 0, 0, 0], "{}", scene.engine);
        let risk = scene.risk(of, "a").await.unwrap();
        assert_eq!((risk.state, risk.reopen_count, risk.open_time), (State::Open, 1, third.scan));
        assert_eq!((risk.first_seen, risk.last_seen), (first.scan, third.scan));

        // Of a scan that says both, that it was found counts.
        assert_eq!(scene.risk(of, "both").await.unwrap().state, State::Open);
        scene.check_numbers(of).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_scan_fixes_what_it_lacks_of_its_scanner_and_scope_alone() {
    for database in databases().await {
        let scene = Scene::on(&database).await;
        let of = account(11);
        scene.scan(1, ocsf(OnError::Keep), &failed(&["a", "b", "c"])).await;
        let us = ImportOptions { scope: "us".into(), ..ocsf(OnError::Keep) };
        scene.scan(2, us, &failed(&["us"])).await;
        let other = ImportOptions { format: Format::Sarif, ..ocsf(OnError::Keep) };
        scene.scan(3, other.clone(), &sarif(2)).await;

        let done = scene.scan(4, full(), &failed(&["b"])).await;
        assert_eq!(counts(&done), [1, 0, 1, 0, 2, 0, 0], "{}", scene.engine);
        let risks = scene.risks(of).await;
        let open: Vec<_> = risks.iter().filter(|risk| risk.state == State::Open).collect();
        assert_eq!(open.len(), 4, "{:?}", states(&risks));
        assert!(open.iter().any(|r| r.finding.uid == "b") && open.iter().any(|r| r.finding.uid == "us"));
        scene.check_numbers(of).await;

        // A scan that found nothing at all has a scanner still.
        let done = scene.scan(5, ImportOptions { full: true, ..other }, &sarif(0)).await;
        assert_eq!(counts(&done), [0, 0, 0, 0, 2, 0, 0], "{}", scene.engine);
        scene.check_numbers(of).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn more_risks_than_one_transaction_takes_are_fixed() {
    for database in databases().await {
        let scene = Scene::on(&database).await;
        let many: Vec<_> = (0..2_500).map(|n| format!("u{n}")).collect();
        let many: Vec<_> = many.iter().map(String::as_str).collect();
        scene.scan(1, ocsf(OnError::Keep), &failed(&many)).await;
        let done = scene.scan(2, full(), &failed(&["u7"])).await;
        assert_eq!((done.counts.fixed, done.counts.seen), (2_499, 1), "{}", scene.engine);
        scene.check_numbers(account(11)).await;
        let logged = scene.suite.db.changes_after(0, 1_000).await.unwrap();
        let items: Vec<_> = logged
            .iter()
            .map(|logged| {
                let change: bailiwick_api::audit::v1::Change = prost::Message::decode(&*logged.change.payload).unwrap();
                (change.resource, change.items.len())
            })
            .filter(|(_, items)| *items > 0)
            .collect();
        assert!(items.iter().all(|(resource, items)| *resource == account(11).name() && *items <= 1_000));
        assert_eq!(items.iter().map(|(_, items)| items).sum::<usize>(), 2_500 + 2_500, "each change is on record");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_older_scan_changes_nothing_that_a_later_one_set() {
    for database in databases().await {
        let scene = Scene::on(&database).await;
        let of = account(11);
        let at = |hours: u64| Some(start().after(Duration::from_secs(hours * 3_600)));
        let scanned = |hours, options: ImportOptions| ImportOptions { scan: at(hours), ..options };
        scene.scan(1, scanned(0, full()), &failed(&["a", "b"])).await;
        scene.clock.advance(Duration::from_secs(24 * 3_600));
        scene.scan(2, scanned(10, full()), &failed(&["a", "c"])).await;
        assert_eq!(states(&scene.risks(of).await), [("a", State::Open), ("b", State::Fixed), ("c", State::Open)]);
        let before = scene.risks(of).await;

        let late = scene.scan(3, scanned(5, full()), &failed(&["b", "c", "d"])).await;
        assert_eq!(counts(&late), [3, 1, 0, 0, 0, 0, 0], "{}", scene.engine);
        let after = scene.risks(of).await;
        assert_eq!(after[0], before[0], "what the later scan saw stands");
        assert_eq!((after[1].state, after[1].fix_time), (State::Fixed, at(10)), "what it fixed is not reopened");
        assert_eq!((after[2].first_seen, after[2].last_seen), (at(5).unwrap(), at(10).unwrap()));
        assert_eq!(after[3].state, State::Open, "what only the older one knows is there");
        scene.check_numbers(of).await;

        // The same scan in two files is one scan.
        let again = scene.scan(4, scanned(10, ocsf(OnError::Keep)), &failed(&["a", "e"])).await;
        assert_eq!(counts(&again), [2, 1, 0, 0, 0, 1, 0], "{}", scene.engine);
        assert_eq!(scene.risks(of).await[0], before[0]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn risks_have_the_directory_whose_list_has_the_account() {
    for database in databases().await {
        let scene = Scene::on(&database).await;
        let of = account(11);
        scene.scan(1, ocsf(OnError::Keep), &failed(&["a"])).await;
        assert_eq!(scene.risk(of, "a").await.unwrap().directory, None);
        let directory = bailiwick_roster::testing::directory(1);
        scene
            .execute(format!(
                "INSERT INTO roster_entries (service, directory, account, uid, incarnation, display_name, account_type, \
                 join_method, folder, remark, marked, add_operator, add_time_us, version) VALUES ('security-center', \
                 '{directory}', {}, 'u', 'i1', '', '', '', '', '', false, '', 0, 1)",
                of.get()
            ))
            .await;
        scene.scan(2, ocsf(OnError::Keep), &failed(&["b"])).await;
        assert_eq!(scene.risk(of, "b").await.unwrap().directory, Some(directory), "{}", scene.engine);
        scene.execute("DELETE FROM roster_entries".to_owned()).await;
        scene.scan(3, ocsf(OnError::Keep), &failed(&["c"])).await;
        assert_eq!(scene.risk(of, "c").await.unwrap().directory, Some(directory), "the last that had it");
    }
}
