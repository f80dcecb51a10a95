//! What the databases do at best: the same rows into the same table with the same indexes, by whatever is fastest.

use std::time::Duration;

use futures::TryStreamExt;
use sea_orm::sqlx::{
    self, AssertSqlSafe, Column, Connection, Row, TypeInfo, ValueRef,
    postgres::PgConnection,
    sqlite::{SqliteConnectOptions, SqliteConnection, SqliteJournalMode, SqliteSynchronous},
};
use tokio::{
    fs::File,
    io::{AsyncReadExt, AsyncWriteExt},
    time::Instant,
};

const ROWS: usize = 250;

/// Copies the risks of one database into a staging table of another, and upserts them from there.
pub async fn postgres(from: &str, to: &str) -> Duration {
    let file = tempfile::NamedTempFile::new().expect("a temporary file");
    let mut from = PgConnection::connect(from).await.expect("the database is there");
    let mut out = File::create(file.path()).await.expect("the file is written");
    let mut rows = from.copy_out_raw("COPY risks TO STDOUT").await.expect("rows are copied out");
    while let Some(bytes) = rows.try_next().await.expect("rows are copied out") {
        out.write_all(&bytes).await.expect("the file is written");
    }
    out.flush().await.expect("the file is written");
    drop(rows);

    let mut to = PgConnection::connect(to).await.expect("the database is there");
    let mut file = File::open(file.path()).await.expect("the file is there");
    let begun = Instant::now();
    let mut tx = to.begin().await.expect("a transaction");
    sqlx::query("CREATE TEMP TABLE staging (LIKE risks) ON COMMIT DROP").execute(&mut *tx).await.expect("staging");
    let mut copy = tx.copy_in_raw("COPY staging FROM STDIN").await.expect("rows are copied in");
    let mut buffer = vec![0; 1 << 20];
    loop {
        let read = file.read(&mut buffer).await.expect("the file is read");
        let Some(bytes) = buffer.get(..read).filter(|bytes| !bytes.is_empty()) else { break };
        copy.send(bytes).await.expect("rows are copied in");
    }
    copy.finish().await.expect("rows are copied in");
    let upsert = "INSERT INTO risks SELECT * FROM staging ON CONFLICT (id) DO UPDATE SET state = excluded.state, \
                  last_seen_us = excluded.last_seen_us, version = excluded.version";
    sqlx::query(upsert).execute(&mut *tx).await.expect("rows are upserted");
    tx.commit().await.expect("it is committed");
    begun.elapsed()
}

/// Inserts the risks of one database into another by one prepared statement of many rows, in one transaction. Reading
/// them is not counted.
pub async fn sqlite(from: &str, to: &str) -> Duration {
    let options = |url: &str| {
        let options: SqliteConnectOptions = url.parse().expect("an address");
        options.journal_mode(SqliteJournalMode::Wal).synchronous(SqliteSynchronous::Full)
    };
    let mut from = SqliteConnection::connect_with(&options(from)).await.expect("the database is there");
    let mut to = SqliteConnection::connect_with(&options(to)).await.expect("the database is there");
    let mut took = Duration::ZERO;
    let mut tx = to.begin_with("BEGIN IMMEDIATE").await.expect("a transaction");
    let mut rows = sqlx::query("SELECT * FROM risks ORDER BY rowid").fetch(&mut from);
    loop {
        let mut chunk = Vec::with_capacity(ROWS);
        while chunk.len() < ROWS
            && let Some(row) = rows.try_next().await.expect("rows are read")
        {
            chunk.push(row);
        }
        let Some(first) = chunk.first() else { break };
        let names: Vec<_> = first.columns().iter().map(|column| column.name().to_owned()).collect();
        let row = format!("({})", vec!["?"; names.len()].join(", "));
        let rows = vec![row.as_str(); chunk.len()].join(", ");
        let sql = format!("INSERT INTO risks ({}) VALUES {rows}", names.join(", "));
        let begun = Instant::now();
        let mut insert = sqlx::query(AssertSqlSafe(sql));
        for row in &chunk {
            for at in 0..names.len() {
                let kind = row.try_get_raw(at).expect("a value").type_info().name().to_owned();
                insert = match kind.as_str() {
                    "INTEGER" => insert.bind(row.get::<i64, _>(at)),
                    _ => insert.bind(row.get::<String, _>(at)),
                };
            }
        }
        insert.execute(&mut *tx).await.expect("rows are inserted");
        took += begun.elapsed();
    }
    let begun = Instant::now();
    tx.commit().await.expect("it is committed");
    took + begun.elapsed()
}
