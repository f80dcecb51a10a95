use sea_orm::{ConnectionTrait, Statement};

use crate::{
    DbError,
    log::read_head,
    testing::{commit, worlds},
};

#[tokio::test]
async fn all_queries_see_one_revision() {
    for world in worlds().await {
        commit(&world.db, "a").await;
        let db = &world.db;
        let seen = db
            .snapshot("list", |snapshot| async move {
                commit(db, "b").await;
                read_head(snapshot.conn()).await
            })
            .await
            .unwrap();
        assert_eq!((seen.position.revision, seen.value.revision), (1, 1), "{}", world.engine());
        assert_eq!(db.head().await.unwrap().revision, 2);
    }
}

#[tokio::test]
async fn a_snapshot_does_not_write() {
    for world in worlds().await {
        let result = world
            .db
            .snapshot("write", |snapshot| async move {
                let conn = snapshot.conn();
                let delete =
                    Statement::from_string(ConnectionTrait::get_database_backend(conn), "DELETE FROM log_head");
                conn.execute_raw(delete).await?;
                Ok::<_, DbError>(())
            })
            .await;
        assert!(result.is_err(), "{}", world.engine());
        assert_eq!(commit(&world.db, "a").await.revision, 1);
    }
}
