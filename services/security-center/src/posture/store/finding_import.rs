//! Imports, and the files that are kept until all of them is there.

use bailiwick_core::{AccountId, Timestamp};
use bailiwick_db::DbError;
use sea_orm::{
    ActiveModelTrait, ColumnTrait, Condition, ConnectionTrait, EntityTrait, ExprTrait, IntoActiveModel, Iterable,
    QueryFilter, QueryOrder, QuerySelect, Statement, TryGetable, sea_query::OnConflict,
};

use super::{
    account, broken,
    entity::finding_import::{Column, Entity, Model},
    number,
};
use crate::posture::domain::{Counts, FindingImport, Format, ImportOptions, ImportState, OnError};

/// One import.
pub(crate) async fn finding_import(
    conn: &impl ConnectionTrait,
    of: AccountId,
    id: &str,
) -> Result<Option<FindingImport>, DbError> {
    Entity::find_by_id((number(of)?, id.to_owned())).one(conn).await?.map(read).transpose()
}

/// One import, locked until the transaction ends.
pub(crate) async fn finding_import_lock(
    conn: &impl ConnectionTrait,
    of: AccountId,
    id: &str,
) -> Result<Option<FindingImport>, DbError> {
    Entity::find_by_id((number(of)?, id.to_owned())).lock_exclusive().one(conn).await?.map(read).transpose()
}

/// Inserts the import unless there is one of its id.
pub(crate) async fn finding_import_insert(
    conn: &impl ConnectionTrait,
    import: &FindingImport,
) -> Result<bool, DbError> {
    let key = OnConflict::columns([Column::Account, Column::Id]).do_nothing().to_owned();
    let row = row(import)?.into_active_model().reset_all();
    Ok(Entity::insert_many([row]).on_conflict(key).exec_without_returning(conn).await? == 1)
}

/// Replaces an import.
pub(crate) async fn finding_import_save(conn: &impl ConnectionTrait, import: &FindingImport) -> Result<(), DbError> {
    let key = [Column::Account, Column::Id];
    let rest = Column::iter().filter(|column| !matches!(column, Column::Account | Column::Id));
    Entity::insert_many([row(import)?.into_active_model().reset_all()])
        .on_conflict(OnConflict::columns(key).update_columns(rest).to_owned())
        .exec_without_returning(conn)
        .await?;
    Ok(())
}

/// At most `limit` imports of an account, the newest first, after one.
pub(crate) async fn finding_imports_page(
    conn: &impl ConnectionTrait,
    of: AccountId,
    after: Option<(Timestamp, &str)>,
    limit: u64,
) -> Result<Vec<FindingImport>, DbError> {
    let mut select = Entity::find().filter(Column::Account.eq(number(of)?));
    if let Some((time, id)) = after {
        let same = Column::CreateUs.eq(time.as_micros()).and(Column::Id.gt(id));
        select = select.filter(Condition::any().add(Column::CreateUs.lt(time.as_micros())).add(same));
    }
    let rows = select.order_by_desc(Column::CreateUs).order_by_asc(Column::Id).limit(limit).all(conn).await?;
    rows.into_iter().map(read).collect()
}

/// At most `limit` imports that were begun before a time, the oldest first.
pub(crate) async fn finding_imports_old(
    conn: &impl ConnectionTrait,
    before: Timestamp,
    limit: u64,
) -> Result<Vec<FindingImport>, DbError> {
    let old = Entity::find().filter(Column::CreateUs.lt(before.as_micros())).order_by_asc(Column::CreateUs);
    old.limit(limit).all(conn).await?.into_iter().map(read).collect()
}

/// At most `limit` imports that run, of which nothing was heard since a time, the oldest first.
pub(crate) async fn finding_imports_left(
    conn: &impl ConnectionTrait,
    since: Timestamp,
    limit: u64,
) -> Result<Vec<FindingImport>, DbError> {
    let left = Entity::find()
        .filter(Column::State.eq(ImportState::Running.code()))
        .filter(Column::UpdateUs.lt(since.as_micros()))
        .order_by_asc(Column::UpdateUs);
    left.limit(limit).all(conn).await?.into_iter().map(read).collect()
}

/// How many imports of an account are not finished, and how many bytes of files are kept for them. Their account is locked.
pub(crate) async fn imports_unfinished(conn: &impl ConnectionTrait, of: AccountId) -> Result<(u64, u64), DbError> {
    let kept = format!(
        "SELECT COUNT(*) AS imports, CAST(COALESCE(SUM(CASE WHEN format = {} OR on_error = {} THEN stored_bytes ELSE 0 \
         END), 0) AS BIGINT) AS bytes FROM finding_imports WHERE account = $1 AND state = $2",
        Format::Sarif.code(),
        OnError::Nothing.code()
    );
    let values = [number(of)?.into(), i64::from(ImportState::Running.code()).into()];
    let select = Statement::from_sql_and_values(conn.get_database_backend(), kept, values);
    let row = conn.query_one_raw(select).await?.ok_or_else(|| broken("a count has no row"))?;
    let of = |column: &str| u64::try_from(row.try_get::<i64>("", column)?).map_err(broken);
    Ok((of("imports")?, of("bytes")?))
}

/// Removes an import, and what is kept of its file.
pub(crate) async fn finding_import_remove(conn: &impl ConnectionTrait, of: AccountId, id: &str) -> Result<(), DbError> {
    import_chunks_remove(conn, of, id).await?;
    Entity::delete_by_id((number(of)?, id.to_owned())).exec(conn).await?;
    Ok(())
}

/// Keeps a piece of a file that begins at a byte.
pub(crate) async fn import_chunk_save(
    conn: &impl ConnectionTrait,
    (of, id): (AccountId, &str),
    at: u64,
    data: Vec<u8>,
) -> Result<(), DbError> {
    let insert = Statement::from_sql_and_values(
        conn.get_database_backend(),
        "INSERT INTO finding_import_chunks (account, import, at, data) VALUES ($1, $2, $3, $4)",
        [number(of)?.into(), id.into(), i64::try_from(at).map_err(broken)?.into(), data.into()],
    );
    conn.execute_raw(insert).await?;
    Ok(())
}

/// The piece of a file that has a byte, and where it begins.
pub(crate) async fn import_chunk(
    conn: &impl ConnectionTrait,
    (of, id): (AccountId, &str),
    byte: u64,
) -> Result<Option<(u64, Vec<u8>)>, DbError> {
    let select = Statement::from_sql_and_values(
        conn.get_database_backend(),
        "SELECT at, data FROM finding_import_chunks WHERE account = $1 AND import = $2 AND at <= $3 \
         ORDER BY at DESC LIMIT 1",
        [number(of)?.into(), id.into(), i64::try_from(byte).map_err(broken)?.into()],
    );
    let Some(row) = conn.query_one_raw(select).await? else { return Ok(None) };
    let at: i64 = row.try_get("", "at")?;
    Ok(Some((u64::try_from(at).map_err(broken)?, Vec::<u8>::try_get(&row, "", "data").map_err(sea_orm::DbErr::from)?)))
}

/// Removes what is kept of a file.
pub(crate) async fn import_chunks_remove(conn: &impl ConnectionTrait, of: AccountId, id: &str) -> Result<(), DbError> {
    let delete = Statement::from_sql_and_values(
        conn.get_database_backend(),
        "DELETE FROM finding_import_chunks WHERE account = $1 AND import = $2",
        [number(of)?.into(), id.into()],
    );
    conn.execute_raw(delete).await?;
    Ok(())
}

fn row(import: &FindingImport) -> Result<Model, DbError> {
    let (options, counts) = (&import.options, &import.counts);
    Ok(Model {
        account: number(import.account)?,
        id: import.id.clone(),
        format: options.format.code().into(),
        scope: options.scope.clone(),
        full_scan: options.full,
        scan_us: import.scan.as_micros(),
        on_error: options.on_error.code().into(),
        file_name: options.file_name.clone(),
        state: import.state.code().into(),
        stored_bytes: i64::try_from(import.stored_bytes).map_err(broken)?,
        reader: serde_json::to_string(&import.reader).map_err(broken)?,
        findings: counts.findings,
        created: counts.created,
        seen: counts.seen,
        reopened: counts.reopened,
        fixed: counts.fixed,
        duplicates: counts.duplicates,
        passed: counts.passed,
        dropped: counts.dropped,
        problem_line: i64::try_from(import.problem_line).map_err(broken)?,
        problem: import.problem.clone(),
        operator: import.operator.clone(),
        create_us: import.created.as_micros(),
        update_us: import.updated.as_micros(),
    })
}

fn read(row: Model) -> Result<FindingImport, DbError> {
    let code = |number: i64| i32::try_from(number).unwrap_or_default();
    let unknown = || broken("an import with an unknown number");
    let scan = Timestamp::from_micros(row.scan_us);
    Ok(FindingImport {
        account: account(row.account)?,
        id: row.id,
        options: ImportOptions {
            format: Format::of(code(row.format)).ok_or_else(unknown)?,
            scope: row.scope,
            full: row.full_scan,
            scan: Some(scan),
            on_error: OnError::of(code(row.on_error)).ok_or_else(unknown)?,
            file_name: row.file_name,
        },
        scan,
        state: ImportState::of(code(row.state)).ok_or_else(unknown)?,
        stored_bytes: u64::try_from(row.stored_bytes).map_err(broken)?,
        reader: serde_json::from_str(&row.reader).map_err(broken)?,
        counts: Counts {
            findings: row.findings,
            created: row.created,
            seen: row.seen,
            reopened: row.reopened,
            fixed: row.fixed,
            duplicates: row.duplicates,
            passed: row.passed,
            dropped: row.dropped,
        },
        problem_line: u64::try_from(row.problem_line).map_err(broken)?,
        problem: row.problem,
        operator: row.operator,
        created: Timestamp::from_micros(row.create_us),
        updated: Timestamp::from_micros(row.update_us),
    })
}
