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
        assert_eq!((after[3].state, after[3].fix_time), (State::Fixed, at(10)), "the later one lacked it");
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

#[tokio::test(flavor = "multi_thread")]
async fn what_a_later_full_scan_lacked_is_fixed_when_an_older_one_brings_it() {
    for database in databases().await {
        let scene = Scene::on(&database).await;
        let of = account(11);
        let at = |hours: u64| Some(start().after(Duration::from_secs(hours * 3_600)));
        let scanned = |hours, options: ImportOptions| ImportOptions { scan: at(hours), ..options };
        scene.clock.advance(Duration::from_secs(48 * 3_600));
        scene.scan(1, scanned(10, full()), &failed(&["a"])).await;
        for (n, hours) in [(2, 20), (3, 30)] {
            scene.scan(n, scanned(hours, full()), &failed(&["other"])).await;
        }
        // Both were lacking at 30; another scope knows nothing of it.
        let late = scene.scan(4, scanned(25, ocsf(OnError::Keep)), &failed(&["a", "new"])).await;
        assert_eq!(counts(&late), [2, 1, 0, 0, 0, 0, 0], "{}", scene.engine);
        for uid in ["a", "new"] {
            let risk = scene.risk(of, uid).await.unwrap();
            assert_eq!((risk.state, risk.fix_time, risk.last_seen), (State::Fixed, at(30), at(25).unwrap()), "{uid}");
        }
        let us = ImportOptions { scope: "us".into(), ..scanned(25, ocsf(OnError::Keep)) };
        scene.scan(5, us, &failed(&["elsewhere"])).await;
        assert_eq!(scene.risk(of, "elsewhere").await.unwrap().state, State::Open);
        scene.check_numbers(of).await;

        // So is what later checks passed, of which the second changed nothing else.
        scene.scan(6, scanned(35, ocsf(OnError::Keep)), &failed(&["p"])).await;
        for (n, hours) in [(7, 36), (8, 40)] {
            let passed = json!([finding("p", "PASS")]).to_string();
            scene.scan(n, scanned(hours, ocsf(OnError::Keep)), passed.as_bytes()).await;
        }
        assert_eq!(scene.risk(of, "p").await.unwrap().version, 2, "{}", scene.engine);
        scene.scan(9, scanned(38, ocsf(OnError::Keep)), &failed(&["p"])).await;
        let risk = scene.risk(of, "p").await.unwrap();
        assert_eq!((risk.state, risk.fix_time), (State::Fixed, at(40)), "{}", scene.engine);
        scene.check_numbers(of).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn whether_a_scan_says_passed_or_failed_first_is_the_same() {
    for database in databases().await {
        let scene = Scene::on(&database).await;
        // So many stand between them that they are stored apart.
        let many: Vec<_> = (0..1_500).map(|n| finding(&format!("u{n}"), "FAIL")).collect();
        let (fail, pass) = (vec![finding("both", "FAIL")], vec![finding("both", "PASS")]);
        for (of, first, last) in [(11, &fail, &pass), (12, &pass, &fail)] {
            let of = account(of);
            let begun = ocsf(OnError::Keep);
            scene.import(of, 1, begun, &failed(&["both"]), 1 << 20).await.unwrap();
            let until = scene.clock_after(100_000).as_micros();
            scene
                .execute(format!(
                    "UPDATE risks SET ack_until_us = {until}, ack_reason = 'known', ack_operator = 'o', ack_us = 1, state = 2 \
                     WHERE account = {}",
                    of.get()
                ))
                .await;
            scene.execute(format!("UPDATE risk_tallies SET state = 2 WHERE account = {}", of.get())).await;
            let file = json!([first.as_slice(), many.as_slice(), last.as_slice()].concat()).to_string();
            let scan = Some(scene.clock_after(60));
            let options = ImportOptions { scan, ..ocsf(OnError::Keep) };
            let done = scene.import(of, 2, options, file.as_bytes(), 1 << 20).await.unwrap();
            assert_eq!(counts(&done), [1_502, 1_500, 1, 0, 0, 0, 1], "{}", scene.engine);
            let risk = scene.risk(of, "both").await.unwrap();
            assert_eq!(risk.state, State::Acknowledged, "{}", scene.engine);
            assert_eq!(risk.acknowledgement.unwrap().reason, "known");
            scene.check_numbers(of).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_scan_that_found_nothing_is_the_last_scan() {
    for database in databases().await {
        let scene = Scene::on(&database).await;
        let options = ImportOptions { format: Format::Sarif, ..full() };
        let done = scene.scan(1, options.clone(), &sarif(0)).await;
        let last = store::last_scan(scene.suite.db.reader(), account(11)).await.unwrap();
        assert_eq!(last, Some(done.scan), "{}", scene.engine);
        let older = ImportOptions { scan: Some(start()), ..options };
        scene.scan(2, older, &sarif(0)).await;
        assert_eq!(store::last_scan(scene.suite.db.reader(), account(11)).await.unwrap(), last);
    }
}
