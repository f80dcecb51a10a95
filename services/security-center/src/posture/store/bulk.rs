//! Writing many rows with few statements, as each engine takes them fastest.

use bailiwick_db::DbError;
use sea_orm::{ConnectionTrait, DbBackend, Statement, Value, sea_query::ArrayType};

/// Rows of one statement on SQLite: with the widest table, well below its 32,766 parameters. Few texts of statements make
/// few statements to prepare.
const SQLITE_ROWS: usize = 250;

/// The values of one column, a row each.
pub(super) enum Cells {
    Numbers(Vec<i64>),
    Texts(Vec<String>),
}

/// Rows to be inserted.
pub(super) struct Bulk {
    pub(super) table: &'static str,
    pub(super) columns: Vec<(&'static str, Cells)>,
    /// What follows `ON CONFLICT`.
    pub(super) on_conflict: String,
}

impl Bulk {
    /// Writes them, and returns how many were written: on PostgreSQL with one array for each column, on SQLite with a parameter for each value.
    pub(super) async fn write(self, conn: &impl ConnectionTrait) -> Result<u64, DbError> {
        match conn.get_database_backend() {
            DbBackend::Postgres => self.arrays(conn).await,
            _ => self.rows(conn).await,
        }
    }

    async fn arrays(self, conn: &impl ConnectionTrait) -> Result<u64, DbError> {
        let (mut parameters, mut values) = (Vec::new(), Vec::with_capacity(self.columns.len()));
        let into = self.insert();
        for (_, cells) in self.columns {
            let (kind, of, array): (_, _, Vec<Value>) = match cells {
                Cells::Numbers(numbers) => {
                    ("bigint", ArrayType::BigInt, numbers.into_iter().map(Value::from).collect())
                }
                Cells::Texts(texts) => ("text", ArrayType::String, texts.into_iter().map(Value::from).collect()),
            };
            values.push(Value::Array(of, Some(Box::new(array))));
            parameters.push(format!("${}::{kind}[]", values.len()));
        }
        let sql = format!("{into} SELECT * FROM UNNEST({}) ON CONFLICT {}", parameters.join(", "), self.on_conflict);
        let done = conn.execute_raw(Statement::from_sql_and_values(DbBackend::Postgres, sql, values)).await?;
        Ok(done.rows_affected())
    }

    async fn rows(self, conn: &impl ConnectionTrait) -> Result<u64, DbError> {
        let (into, width, mut written) = (self.insert(), self.columns.len(), 0);
        let mut columns: Vec<_> = self.columns.into_iter().map(|(_, cells)| cells.values()).collect();
        let count = columns.first().map_or(0, ExactSizeIterator::len);
        let row = format!("({})", vec!["?"; width].join(", "));
        for begin in (0..count).step_by(SQLITE_ROWS) {
            let rows = SQLITE_ROWS.min(count - begin);
            let mut values = Vec::with_capacity(rows * width);
            for _ in 0..rows {
                values.extend(columns.iter_mut().filter_map(Iterator::next));
            }
            let sql = format!("{into} VALUES {} ON CONFLICT {}", vec![row.as_str(); rows].join(", "), self.on_conflict);
            let done = conn.execute_raw(Statement::from_sql_and_values(DbBackend::Sqlite, sql, values)).await?;
            written += done.rows_affected();
        }
        Ok(written)
    }

    fn insert(&self) -> String {
        let names: Vec<_> = self.columns.iter().map(|(name, _)| *name).collect();
        format!("INSERT INTO {} ({})", self.table, names.join(", "))
    }
}

impl Cells {
    fn values(self) -> Box<dyn ExactSizeIterator<Item = Value> + Send> {
        match self {
            Self::Numbers(numbers) => Box::new(numbers.into_iter().map(Value::from)),
            Self::Texts(texts) => Box::new(texts.into_iter().map(Value::from)),
        }
    }
}

/// `ON CONFLICT` that replaces the rest of the row by what was to be inserted.
pub(super) fn replace(key: &str, rest: impl Iterator<Item = &'static str>) -> String {
    let set: Vec<_> = rest.map(|column| format!("{column} = excluded.{column}")).collect();
    format!("({key}) DO UPDATE SET {}", set.join(", "))
}
