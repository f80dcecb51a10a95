//! Imports that are interrupted end with the same rows as those that are not.

use super::*;

/// What must be the same in two accounts.
fn shape(risks: &[Risk]) -> Vec<(String, State, Timestamp, Timestamp, i64, String)> {
    let one =
        |r: &Risk| (r.finding.uid.clone(), r.state, r.first_seen, r.last_seen, r.version, r.finding.detail.clone());
    risks.iter().map(one).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn wherever_an_import_is_interrupted_it_ends_with_the_same_rows() {
    let many: Vec<_> = (0..2_200).map(|n| format!("u{}", n % 2_000)).collect();
    let many: Vec<_> = many.iter().map(String::as_str).collect();
    let lines: Vec<_> = many.iter().map(|uid| finding(uid, "FAIL").to_string()).collect();
    let kinds = [
        (ocsf(OnError::Keep), failed(&many)),
        (ocsf(OnError::Nothing), lines.join("\n").into_bytes()),
        (ImportOptions { format: Format::Sarif, ..ocsf(OnError::Keep) }, sarif(2_100)),
    ];
    for database in databases().await {
        for (options, file) in &kinds {
            let database = database_of(&database).await;
            let scene = Scene::on(&database).await;
            let scan = Some(start().after(Duration::from_secs(60)));
            let options = ImportOptions { full: true, scan, ..options.clone() };
            let before = ImportOptions { scan: Some(start()), full: false, ..options.clone() };
            for of in [11, 12] {
                let old = if options.format == Format::Sarif { sarif(2_500) } else { failed(&["u1", "old"]) };
                scene.import(account(of), 1, before.clone(), &old, 1 << 20).await.unwrap();
            }
            let whole = scene.import(account(11), 2, options.clone(), file, 100_000).await.unwrap();
            assert_eq!(whole.state, ImportState::Succeeded, "{}", whole.problem);

            // Every step is the last of its stream, and what the stream held is lost.
            let mut streams = 0;
            let parts = loop {
                streams += 1;
                assert!(streams < 200, "the import does not get on");
                let mut stream = scene.open(account(12), 2, Some(options.clone())).await.unwrap();
                feed(&mut stream, file, 100_000, 1).await.unwrap();
                if stream.import().state != ImportState::Running {
                    break stream.import().clone();
                }
            };
            assert!(streams > 3, "it was interrupted");
            assert_eq!(parts.counts, whole.counts, "{} {:?}", scene.engine, options.format);
            assert_eq!(parts.stored_bytes, file.len() as u64);
            let (one, other) = (scene.risks(account(11)).await, scene.risks(account(12)).await);
            assert_eq!(shape(&one), shape(&other), "{} {:?}", scene.engine, options.format);
            scene.check_numbers(account(12)).await;
            assert_eq!(scene.numbers("SELECT COUNT(*) FROM finding_import_chunks").await, [0], "nothing is kept");
        }
    }
}

/// A further database on the same engine.
async fn database_of(like: &TestDatabase) -> TestDatabase {
    match like.engine {
        "sqlite" => bailiwick_testkit::sqlite(),
        _ => bailiwick_testkit::postgres::database().await,
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_streams_the_later_one_goes_on() {
    for database in databases().await {
        let scene = Scene::on(&database).await;
        let (of, file) = (account(11), failed(&["a", "b", "c"]));
        let half = file.len() / 2;
        let mut one = scene.open(of, 1, Some(ocsf(OnError::Keep))).await.unwrap();
        one.give(0, &file[..half], false).unwrap();
        assert_eq!(one.step().await.unwrap(), Step::Stored);
        let stored = one.import().stored_bytes;
        let mut other = scene.open(of, 1, None).await.unwrap();
        assert_eq!(other.import().stored_bytes, stored, "it begins where the first one is");
        one.give(half as u64, &file[half..], true).unwrap();
        match one.step().await.unwrap_err() {
            ImportError::Domain(ImportRefusal::Mismatch { text, stored_bytes }) => {
                assert_eq!((text, stored_bytes), ("another stream has gone on with this import", stored));
            }
            error => panic!("{}: {error}", scene.engine),
        }
        feed(&mut other, &file, 1 << 20, usize::MAX).await.unwrap();
        assert_eq!(other.import().state, ImportState::Succeeded);
        assert_eq!(other.import().counts.created, 3, "{}", scene.engine);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_repetition_changes_nothing() {
    for database in databases().await {
        let scene = Scene::on(&database).await;
        let (of, file) = (account(11), failed(&["a", "b"]));
        let done = scene.import(of, 1, full(), &file, 64).await.unwrap();
        let before = scene.risks(of).await;
        scene.clock.advance(Duration::from_secs(5));
        let again = scene.import(of, 1, full(), &file, 64).await;
        assert_eq!(again.unwrap(), done, "{}", scene.engine);
        assert_eq!(scene.risks(of).await, before);

        // Also one that sends from the beginning what is there already.
        let mut stream = scene.open(of, 2, Some(full())).await.unwrap();
        let half = file.len() / 2;
        stream.give(0, &file[..half], false).unwrap();
        while stream.step().await.unwrap() == Step::Stored {}
        let mut stream = scene.open(of, 2, Some(full())).await.unwrap();
        stream.give(0, &file, true).unwrap();
        while stream.step().await.unwrap() == Step::Stored {}
        assert_eq!((stream.import().state, stream.import().counts.findings), (ImportState::Succeeded, 2));
    }
}
