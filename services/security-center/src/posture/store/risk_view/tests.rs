use std::sync::Arc;

use bailiwick_core::{SystemEntropy, authz::Scope};
use bailiwick_db::{Db, DbDeps, DbOptions, Engine, Sealer, Tx};
use bailiwick_testkit::{ManualClock, TestDatabase, databases};
use sea_orm::{DatabaseBackend, QueryTrait, Statement};

use super::*;
use crate::posture::{
    domain::{Dimension, Tally, risk_filter::listing, testing},
    store::{risks_save, summary_of_risks, summary_of_tallies, tally_add},
};

const DIRECTORY: &str = "rd-0000000000001";

async fn open(database: &TestDatabase) -> Db {
    let deps = DbDeps {
        role: "test",
        migrations: crate::migrations,
        clock: Arc::new(ManualClock::default()),
        entropy: Arc::new(SystemEntropy),
        sealer: Sealer::new([4; 32], Arc::new(SystemEntropy)),
    };
    let db = Db::open(&database.url.parse().unwrap(), &DbOptions::default(), deps).await.unwrap();
    db.migrate().await.unwrap();
    db
}

/// Accounts 11 to 14 with risks of every severity and category; the first three are in the list, one of them in a folder
/// of its own.
async fn fill(db: &Db, of_each: usize) -> Vec<Risk> {
    let mut all = Vec::new();
    for n in 11..=14 {
        for i in 0..of_each {
            let (category, severity) = (Category::ALL[i % 4], Severity::ALL[i / 4 % 5]);
            let mut risk = testing::risk(n, &format!("uid-{i}"), category, severity);
            risk.directory = Some(DIRECTORY.parse().unwrap());
            if i % 7 == 0 {
                risk.suppress("r", bailiwick_core::Timestamp::default());
            }
            all.push(risk);
        }
    }
    let rows = &all;
    let work = |tx: Tx| async move {
        let backend = tx.conn().get_database_backend();
        for n in 11..=13 {
            let folder = if n == 13 { "other" } else { "root" };
            let sql = format!(
                "INSERT INTO roster_entries (service, directory, account, uid, incarnation, display_name, account_type, \
                 join_method, folder, remark, marked, add_operator, add_time_us, version) VALUES ('security-center', \
                 '{DIRECTORY}', 10000000000000{n}, 'u', 'i', 'n', '', '', 'directories/{DIRECTORY}/folders/{folder}', '', \
                 FALSE, '', 0, 1)"
            );
            tx.conn().execute_raw(Statement::from_string(backend, sql)).await?;
        }
        for (id, parent) in [("root", ""), ("other", "root")] {
            let sql = format!(
                "INSERT INTO roster_folders (directory, folder, parent) VALUES ('{DIRECTORY}', '{id}', '{parent}')"
            );
            tx.conn().execute_raw(Statement::from_string(backend, sql)).await?;
        }
        let mut tally = Tally::default();
        rows.iter().for_each(|risk| tally.change(None, risk));
        risks_save(tx.conn(), rows).await?;
        tally_add(tx.conn(), tally).await
    };
    db.write("fill", work).await.unwrap();
    if db.engine() == Engine::Postgres {
        db.reader().execute_unprepared("ANALYZE").await.unwrap();
    }
    all
}

async fn list(db: &Db, scope: Scope) -> Listed {
    let directory = DIRECTORY.parse().unwrap();
    Listed::within(db.reader(), MONITORED_ACCOUNTS.service, directory, &scope).await.unwrap()
}

async fn paged(db: &Db, view: &View, listing: &Listing, size: u64) -> Vec<RiskId> {
    let (mut found, mut after) = (Vec::new(), None);
    loop {
        let page = risks_page(db.reader(), view, listing, after.as_ref(), size).await.unwrap();
        let Some(last) = page.last() else { return found };
        after = Some(risk_place(last, listing).to_string().parse().unwrap());
        found.extend(page.iter().map(|risk| risk.id));
    }
}

fn seen(list: Listed) -> View {
    View::List { list, relisting: false }
}

#[tokio::test]
async fn while_a_list_is_relisted_its_view_misses_nothing() {
    for database in databases().await {
        let db = open(&database).await;
        fill(&db, 20).await;
        let elsewhere = "UPDATE risks SET directory = 'rd-0000000000002' WHERE account % 100 = 12";
        db.write("test", |tx: Tx| async move {
            let backend = tx.conn().get_database_backend();
            tx.conn().execute_raw(Statement::from_string(backend, elsewhere)).await?;
            Ok::<_, DbError>(())
        })
        .await
        .unwrap();
        let (list, order) = (list(&db, Scope::Whole).await, listing(Filter::default(), None));
        for (relisting, count) in [(false, 40), (true, 60)] {
            let view = View::List { list: list.clone(), relisting };
            let page = risks_page(db.reader(), &view, &order, None, 1_000).await.unwrap();
            assert_eq!(page.len(), count, "{}", database.engine);
        }
    }
}

#[tokio::test]
async fn pages_have_each_risk_of_a_view_once_in_the_order_asked_for() {
    for database in databases().await {
        let db = open(&database).await;
        let all = fill(&db, 60).await;
        let views: [(View, &[u64]); 3] = [
            (View::Account(all[0].account), &[11]),
            (seen(list(&db, Scope::Whole).await), &[11, 12, 13]),
            (seen(list(&db, Scope::Folders(vec!["other".into()])).await), &[13]),
        ];
        for (view, accounts) in views {
            for (order, filter) in [
                ("", ""),
                ("severity", "category != RISK_CATEGORY_ATTACK"),
                ("last_seen_time desc", "title:UID-1 OR state = RISK_STATE_SUPPRESSED"),
                (
                    "severity desc",
                    "account = accounts/1000000000000011 OR folder = directories/rd-0000000000001/folders/other",
                ),
                ("open_time", "suppression_rule = directories/rd-0000000000001/suppressionRules/r"),
            ] {
                let listing = listing(RISKS.filter(filter).unwrap(), RISKS.order(order).unwrap());
                let mut meant: Vec<_> =
                    all.iter().filter(|risk| accounts.contains(&(risk.account.get() % 100))).collect();
                meant.retain(|risk| {
                    let folder = if risk.account.get() % 100 == 13 { "other" } else { "root" };
                    let folder = format!("directories/{DIRECTORY}/folders/{folder}");
                    let value = |field: &str| match field {
                        "folder" => Some(bailiwick_core::filter::Value::Text(folder.clone().into())),
                        other => risk.value(other),
                    };
                    listing.filter.matches(&RISKS, &value)
                });
                meant.sort_by_key(|risk| risk.id);
                match order {
                    "severity" => meant.sort_by_key(|risk| risk.finding.severity),
                    "" | "severity desc" => meant.sort_by_key(|risk| std::cmp::Reverse(risk.finding.severity)),
                    // All of the same time.
                    _ => {}
                }
                let meant: Vec<_> = meant.iter().map(|risk| risk.id).collect();
                assert!(!meant.is_empty());
                assert_eq!(paged(&db, &view, &listing, 7).await, meant, "{} {order} {filter}", database.engine);
            }
        }
    }
}

async fn plan(db: &Db, select: Select<Entity>) -> String {
    let backend = db.reader().get_database_backend();
    let mut statement = select.limit(51).build(backend);
    let explain = if backend == DatabaseBackend::Postgres { "EXPLAIN" } else { "EXPLAIN QUERY PLAN" };
    statement.sql = format!("{explain} {}", statement.sql);
    let rows = db.reader().query_all_raw(statement).await.unwrap();
    let column = if backend == DatabaseBackend::Postgres { "QUERY PLAN" } else { "detail" };
    rows.iter().map(|row| row.try_get::<String>("", column).unwrap()).collect::<Vec<_>>().join("\n")
}

#[tokio::test]
async fn pages_are_read_off_an_index_and_not_sorted() {
    for database in databases().await {
        let db = open(&database).await;
        let all = fill(&db, 2_000).await;
        let listing = listing(Filter::default(), None);
        let backend = db.reader().get_database_backend();
        for (view, index) in [
            (View::Account(all[0].account), "risks_account"),
            (seen(list(&db, Scope::Whole).await), "risks_directory"),
            (seen(list(&db, Scope::Folders(vec!["root".into()])).await), "risks_directory"),
        ] {
            let place = risk_place(&all[40], &listing);
            for after in [None, Some(&place)] {
                for part in COLUMNS.select_parts(&view.risks().unwrap(), &listing, after, backend).unwrap() {
                    let plan = plan(&db, part).await;
                    assert!(plan.contains(index), "{}: {plan}", database.engine);
                    assert!(!plan.contains("Sort") && !plan.contains("TEMP B-TREE"), "{}: {plan}", database.engine);
                }
            }
        }
    }
}

#[tokio::test]
async fn both_ways_of_counting_count_the_same() {
    for database in databases().await {
        let db = open(&database).await;
        fill(&db, 60).await;
        for scope in [Scope::Whole, Scope::Folders(vec!["other".into()])] {
            let list = list(&db, scope.clone()).await;
            for filter in [
                "state = RISK_STATE_OPEN",
                "",
                "account = accounts/1000000000000013 severity != SEVERITY_LOW",
                "folder = x",
            ] {
                let filter = RISKS.filter(filter).unwrap();
                for by in [Dimension::Account, Dimension::Folder, Dimension::Category, Dimension::Severity] {
                    let kept = summary_of_tallies(db.reader(), &list, by, &filter, 2).await.unwrap();
                    let counted = summary_of_risks(db.reader(), &seen(list.clone()), by, &filter, 2).await.unwrap();
                    assert_eq!(kept, counted, "{} {by:?} {filter}", database.engine);
                }
            }
        }
        let list = list(&db, Scope::Whole).await;
        let by_rule =
            summary_of_risks(db.reader(), &seen(list.clone()), Dimension::Rule, &Filter::default(), 2).await.unwrap();
        assert_eq!(by_rule.group_count, 5, "{}", database.engine);
        let values: Vec<_> = by_rule.groups.iter().map(|group| group.value.as_str()).collect();
        assert_eq!(values, ["rule-5", "rule-4"], "the worst first");
        assert_eq!((by_rule.total.critical, by_rule.groups[0].counts.critical), (36, 36));
    }
}

#[test]
fn numbers_are_of_names_of_accounts_alone() {
    for (name, number) in [
        ("accounts/1000000000000011", Some(1_000_000_000_000_011)),
        ("accounts/1", None),
        ("accounts/1000000000000011/risks/1", None),
        ("1000000000000011", None),
        ("", None),
    ] {
        assert_eq!(account_number(name), number, "{name}");
    }
}
