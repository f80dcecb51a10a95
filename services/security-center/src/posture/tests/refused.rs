//! Imports that fail, or are refused, and what is left of them.

use super::*;

#[tokio::test(flavor = "multi_thread")]
async fn before_a_mistake_all_is_kept_or_nothing() {
    let mut lines: Vec<_> = (0..1_500).map(|n| finding(&format!("u{n}"), "FAIL").to_string()).collect();
    lines[1_200] = r#"{"class_uid": 2004, "severity_id": "high"}"#.to_owned();
    let file = lines.join("\n").into_bytes();
    for database in databases().await {
        let scene = Scene::on(&database).await;
        for (n, on_error, kept) in [(1, OnError::Nothing, 0), (2, OnError::Keep, 1_200)] {
            for piece in [5_000, 1 << 20] {
                let of = account(11 + n as u8 * 2 + u8::from(piece == 5_000) - 2);
                let import = scene.import(of, n, ocsf(on_error), &file, piece).await.unwrap();
                assert_eq!(import.state, ImportState::Failed, "{}", scene.engine);
                assert_eq!(mistake(&import), (1_201, "severity_id".to_owned()));
                assert_eq!(scene.risks(of).await.len(), kept, "{} {on_error:?} {piece}", scene.engine);
                assert_eq!(import.counts.created, kept as i64);
                // Sent again, it is the same answer.
                let again = scene.import(of, n, ocsf(on_error), &file, piece).await.unwrap();
                assert_eq!(again, import);
            }
        }
        assert_eq!(scene.numbers("SELECT COUNT(*) FROM finding_import_chunks").await, [0]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_visible_before_all_of_it_is_there() {
    for database in databases().await {
        let scene = Scene::on(&database).await;
        let (of, file) = (account(11), failed(&["a", "b", "c"]));
        let mut stream = scene.open(of, 1, Some(ocsf(OnError::Nothing))).await.unwrap();
        stream.give(0, &file[..file.len() - 1], false).unwrap();
        while stream.step().await.unwrap() == Step::Stored {}
        assert!(stream.import().stored_bytes > 0);
        assert_eq!(scene.risks(of).await, [], "{}", scene.engine);
        stream.give(file.len() as u64 - 1, &file[file.len() - 1..], true).unwrap();
        while stream.step().await.unwrap() == Step::Stored {}
        assert_eq!(stream.import().state, ImportState::Succeeded);
        assert_eq!(scene.risks(of).await.len(), 3, "{}", scene.engine);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn files_that_end_early_or_are_of_another_kind_fail() {
    let sarif_options = ImportOptions { format: Format::Sarif, ..ocsf(OnError::Keep) };
    for database in databases().await {
        let scene = Scene::on(&database).await;
        let mut truncated = failed(&["a", "b"]);
        truncated.truncate(truncated.len() - 10);
        for (n, options, file, kept) in [
            (1, ocsf(OnError::Keep), truncated.as_slice(), 1),
            (2, ocsf(OnError::Nothing), truncated.as_slice(), 0),
            (3, ocsf(OnError::Keep), b"", 0),
            (4, sarif_options.clone(), &sarif(3)[..100], 0),
            (5, sarif_options.clone(), b"", 0),
        ] {
            let of = account(10 + u8::try_from(n).unwrap());
            let import = scene.import(of, n, options, file, 50).await.unwrap();
            assert_eq!((import.state, import.problem_line), (ImportState::Failed, 1), "{} {n}", scene.engine);
            assert_eq!(scene.risks(of).await.len(), kept, "{} {n}", scene.engine);
        }
    }
}

fn refusal(refused: Result<impl Sized, ImportError>) -> ImportRefusal {
    match refused {
        Err(ImportError::Domain(refusal)) => refusal,
        Err(error) => panic!("{error}"),
        Ok(_) => panic!("it was not refused"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_the_import_is_refused_with_where_it_is() {
    for database in databases().await {
        let scene = Scene::on(&database).await;
        let of = account(11);
        assert_eq!(refusal(scene.open(of, 1, None).await), ImportRefusal::NotBegun);
        let ahead = ImportOptions { scan: Some(start().after(Duration::from_secs(3_601))), ..full() };
        assert_eq!(refusal(scene.open(of, 1, Some(ahead)).await), ImportRefusal::ScanAhead);
        let file = failed(&["a", "b"]);
        let mut stream = scene.open(of, 1, Some(full())).await.unwrap();
        stream.give(0, &file[..file.len() - 5], false).unwrap();
        while stream.step().await.unwrap() == Step::Stored {}
        let at = stream.import().stored_bytes;
        let gap = stream.give(file.len() as u64, b"]", true);
        assert!(matches!(refusal(gap), ImportRefusal::Mismatch { stored_bytes, .. } if stored_bytes == at));
        for other in [
            ImportOptions { scope: "us".into(), ..full() },
            ImportOptions { full: false, ..full() },
            ImportOptions { format: Format::Sarif, ..full() },
            ImportOptions { scan: Some(Timestamp::from_micros(5)), ..full() },
        ] {
            let refused = refusal(scene.open(of, 1, Some(other)).await);
            assert!(matches!(refused, ImportRefusal::Mismatch { stored_bytes, .. } if stored_bytes == at));
        }
        scene.open(account(12), 1, Some(ocsf(OnError::Nothing))).await.expect("ids are of each account");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_account_has_so_many_risks_and_no_more() {
    for database in databases().await {
        let scene = Scene::on(&database).await;
        let of = account(11);
        scene.scan(1, ocsf(OnError::Keep), &failed(&["a", "z"])).await;
        scene.execute(format!("UPDATE risk_accounts SET risks = 199999 WHERE account = {}", of.get())).await;
        let done = scene.scan(2, full(), &failed(&["a", "b", "c"])).await;
        let counts = |c: &FindingImport| [c.counts.created, c.counts.dropped, c.counts.seen, c.counts.fixed];
        assert_eq!(counts(&done), [1, 1, 1, 1], "{}: the rest of the scan goes on", scene.engine);
        let risks = scene.risks(of).await;
        assert_eq!(risks.len(), 3, "what would go beyond is not stored");
        assert_eq!(scene.risk(of, "z").await.unwrap().state, State::Fixed);

        // What is fixed makes room, unless the scan finds it again.
        let done = scene.scan(3, ocsf(OnError::Keep), &failed(&["z", "d", "e"])).await;
        assert_eq!(counts(&done), [0, 2, 0, 0], "{}", scene.engine);
        assert_eq!(done.counts.reopened, 1);
        scene.scan(4, full(), &failed(&["a"])).await;
        let done = scene.scan(5, ocsf(OnError::Keep), &failed(&["d", "e", "f"])).await;
        assert_eq!(counts(&done), [2, 1, 0, 0], "{}: two were fixed", scene.engine);
        let uids: Vec<_> = scene.risks(of).await.into_iter().map(|risk| risk.finding.uid).collect();
        assert_eq!((uids.len(), uids[0].as_str()), (3, "a"), "{uids:?}");
        scene.execute(format!("UPDATE risk_accounts SET risks = 3 WHERE account = {}", of.get())).await;
        scene.check_numbers(of).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_account_has_so_much_that_is_unfinished_and_no_more() {
    for database in databases().await {
        let scene = Scene::on(&database).await;
        let (of, file) = (account(11), failed(&["a"]));
        let quota = |refused: ImportRefusal| match refused {
            ImportRefusal::Quota { quota, limit, .. } => (quota, limit),
            other => panic!("{other:?}"),
        };
        for n in 1..=64 {
            scene.open(of, n, Some(ocsf(OnError::Nothing))).await.unwrap();
        }
        let refused = refusal(scene.open(of, 65, Some(ocsf(OnError::Keep))).await);
        assert_eq!(quota(refused), ("imports", 64), "{}", scene.engine);
        scene.open(account(12), 65, Some(ocsf(OnError::Keep))).await.expect("each account has its own");
        scene.import(of, 64, ocsf(OnError::Nothing), &file, 1 << 20).await.unwrap();

        let mut stream = scene.open(of, 65, Some(ocsf(OnError::Nothing))).await.unwrap();
        let kept = (512 << 20) - file.len() + 1;
        scene.execute(format!("UPDATE finding_imports SET stored_bytes = {kept} WHERE id = '{}'", id(1))).await;
        let refused = refusal(feed(&mut stream, &file, 1 << 20, usize::MAX).await);
        assert_eq!(quota(refused), ("bytes of files", 512 << 20), "{}", scene.engine);
        scene.execute(format!("UPDATE finding_imports SET stored_bytes = {} WHERE id = '{}'", kept - 1, id(1))).await;
        let done = scene.import(of, 65, ocsf(OnError::Nothing), &file, 1 << 20).await.unwrap();
        assert_eq!(done.state, ImportState::Succeeded, "{}", scene.engine);

        // What is left unfinished ends, whatever is kept of it.
        scene.open(account(13), 1, Some(ocsf(OnError::Keep))).await.unwrap();
        scene.clock.advance(Duration::from_secs(8 * 86_400));
        super::super::app::sweep(&scene.suite.db).await.unwrap();
        assert_eq!(scene.numbers("SELECT COUNT(*) FROM finding_imports WHERE state = 1").await, [0]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_said_of_a_mistake_is_stored_whatever_the_file_has() {
    for database in databases().await {
        let scene = Scene::on(&database).await;
        let file = json!({"version": format!("\u{0}\u{1b}[2J{}", "9".repeat(100_000)), "runs": []}).to_string();
        let options = ImportOptions { format: Format::Sarif, ..ocsf(OnError::Keep) };
        let import = scene.import(account(11), 1, options, file.as_bytes(), 1 << 20).await.unwrap();
        assert_eq!(import.state, ImportState::Failed, "{}", scene.engine);
        assert!(import.problem.len() <= 512 && !import.problem.contains(char::is_control), "{}", import.problem);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn imports_are_listed_and_removed_when_their_time_has_passed() {
    for database in databases().await {
        let scene = Scene::on(&database).await;
        let of = account(11);
        for n in 1..=3 {
            scene.scan(n, ocsf(OnError::Keep), &failed(&["a"])).await;
        }
        let message =
            bailiwick_api::securitycenter::v1::ListFindingImportsRequest { parent: of.name(), ..Default::default() };
        let call = scene.suite.call((of, "alice"), LIST, &message, WITHIN).unwrap();
        let ids = |page: &super::super::app::ImportPage| page.imports.iter().map(|i| i.id.clone()).collect::<Vec<_>>();
        let first = scene.imports.list(&call, 2, "").await.unwrap();
        assert_eq!(ids(&first), [id(3), id(2)], "{}", scene.engine);
        let rest = scene.imports.list(&call, 2, &first.next).await.unwrap();
        assert_eq!((ids(&rest), rest.next.as_str()), (vec![id(1)], ""));

        let mut left = scene.open(of, 4, Some(ocsf(OnError::Nothing))).await.unwrap();
        let file = failed(&["x"]);
        left.give(0, &file[..file.len() - 1], false).unwrap();
        while left.step().await.unwrap() == Step::Stored {}
        let db = &scene.suite.db;
        super::super::app::sweep(db).await.unwrap();
        assert_eq!(scene.numbers("SELECT COUNT(*) FROM finding_import_chunks").await, [1]);
        scene.clock.advance(Duration::from_secs(8 * 86_400));
        super::super::app::sweep(db).await.unwrap();
        assert_eq!(scene.numbers("SELECT COUNT(*) FROM finding_import_chunks").await, [0], "{}", scene.engine);
        let failed = scene.open(of, 4, None).await.unwrap();
        assert_eq!(failed.import().state, ImportState::Failed);
        scene.clock.advance(Duration::from_secs(83 * 86_400));
        super::super::app::sweep(db).await.unwrap();
        assert_eq!(scene.numbers("SELECT COUNT(*) FROM finding_imports").await, [0], "{}", scene.engine);
        assert_eq!(scene.risks(of).await.len(), 1, "risks remain");
    }
}
