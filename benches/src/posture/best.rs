//! What the databases do at best: the same rows into the same table with the same indexes, by whatever is fastest.

use std::{path::Path, time::Duration};

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
/// What it is to be seen again.
const ON_CONFLICT: &str =
    "ON CONFLICT (id) DO UPDATE SET last_seen_us = excluded.last_seen_us, version = excluded.version";

/// Copies the risks of one database into a staging table of another, and upserts them from there: when none is there, and
/// when all are.
pub async fn postgres(from: &str, to: &str) -> [Duration; 2] {
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
    [copy(&mut to, file.path()).await, copy(&mut to, file.path()).await]
}

async fn copy(to: &mut PgConnection, file: &Path) -> Duration {
    let mut file = File::open(file).await.expect("the file is there");
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
    let upsert = format!("INSERT INTO risks SELECT * FROM staging {ON_CONFLICT}");
    sqlx::query(AssertSqlSafe(upsert)).execute(&mut *tx).await.expect("rows are upserted");
    tx.commit().await.expect("it is committed");
    begun.elapsed()
}

/// Upserts the risks of one database into another by one prepared statement of many rows, in one transaction: when none is
/// there, and when all are. Reading them is not counted.
pub async fn sqlite(from: &str, to: &str) -> [Duration; 2] {
    let options = |url: &str| {
        let options: SqliteConnectOptions = url.parse().expect("an address");
        options.journal_mode(SqliteJournalMode::Wal).synchronous(SqliteSynchronous::Full)
    };
    let mut from = SqliteConnection::connect_with(&options(from)).await.expect("the database is there");
    let mut to = SqliteConnection::connect_with(&options(to)).await.expect("the database is there");
    [upsert(&mut from, &mut to).await, upsert(&mut from, &mut to).await]
}

async fn upsert(from: &mut SqliteConnection, to: &mut SqliteConnection) -> Duration {
    let mut took = Duration::ZERO;
    let mut tx = to.begin_with("BEGIN IMMEDIATE").await.expect("a transaction");
    let mut rows = sqlx::query("SELECT * FROM risks ORDER BY rowid").fetch(from);
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
        let sql = format!("INSERT INTO risks ({}) VALUES {rows} {ON_CONFLICT}", names.join(", "));
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
