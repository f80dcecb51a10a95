use sea_orm::{ConnectionTrait, DatabaseConnection, Statement};

use crate::testing::worlds;

async fn setting(conn: &DatabaseConnection, sql: &str) -> String {
    let select = Statement::from_string(ConnectionTrait::get_database_backend(conn), sql);
    let row = conn.query_one_raw(select).await.unwrap().unwrap();
    row.try_get_by_index::<String>(0).or_else(|_| row.try_get_by_index::<i64>(0).map(|n| n.to_string())).unwrap()
}

#[tokio::test]
async fn sqlite_is_durable_and_checks_references() {
    for world in worlds().await.into_iter().filter(|world| world.engine() == "sqlite") {
        for conn in [world.db.writer(), world.db.reader()] {
            assert_eq!(setting(conn, "PRAGMA journal_mode").await, "wal");
            // 2 is FULL.
            assert_eq!(setting(conn, "PRAGMA synchronous").await, "2");
            assert_eq!(setting(conn, "PRAGMA foreign_keys").await, "1");
            assert_eq!(setting(conn, "PRAGMA busy_timeout").await, "5000");
        }
    }
}

#[tokio::test]
async fn postgres_bounds_statements_and_idle_transactions() {
    for world in worlds().await.into_iter().filter(|world| world.engine() == "postgres") {
        let conn = world.db.reader();
        assert_eq!(setting(conn, "SHOW default_transaction_isolation").await, "read committed");
        assert_eq!(setting(conn, "SHOW statement_timeout").await, "10s");
        assert_eq!(setting(conn, "SHOW idle_in_transaction_session_timeout").await, "30s");
        assert_eq!(setting(conn, "SHOW application_name").await, "bailiwick-test");
    }
}
