//! Folders.

use bailiwick_core::DirectoryId;
use sea_orm::{ActiveValue::Set, ColumnTrait, Condition, ConnectionTrait, EntityTrait, QueryFilter};

use super::{Result, control_policy, entity::folders, time};
use crate::domain::{
    control_policy::Node,
    folder::{Folder, Tree},
};

/// All folders of a directory: few enough to be read at once.
pub async fn tree(conn: &impl ConnectionTrait, directory: DirectoryId) -> Result<Tree> {
    let of = folders::Column::Directory.eq(directory.to_string());
    let rows = folders::Entity::find().filter(of).all(conn).await?;
    let mut attached = control_policy::on_folders(conn, directory).await?;
    let folder = |row: folders::Model| {
        let control_policies = attached.remove(&Node::Folder(row.folder.clone())).unwrap_or_default();
        Ok(Folder {
            directory: super::directory(&row.directory)?,
            id: row.folder,
            parent: row.parent,
            display_name: row.display_name,
            control_policies,
            create_time: time(row.create_us),
            update_time: time(row.update_us),
            version: row.version,
        })
    };
    Ok(Tree::new(rows.into_iter().map(folder).collect::<Result<Vec<_>>>()?))
}

/// Adds a folder, with what is attached to it from the first.
pub async fn insert(conn: &impl ConnectionTrait, folder: &Folder) -> Result<()> {
    let row = folders::ActiveModel {
        directory: Set(folder.directory.to_string()),
        folder: Set(folder.id.clone()),
        create_us: Set(folder.create_time.as_micros()),
        ..changing(folder)
    };
    folders::Entity::insert(row).exec_without_returning(conn).await?;
    let node = Node::Folder(folder.id.clone());
    control_policy::attach(conn, folder.directory, &node, &folder.control_policies, None).await
}

/// Writes what changes of a folder, but for what is attached to it.
pub async fn save(conn: &impl ConnectionTrait, folder: &Folder) -> Result<()> {
    folders::Entity::update_many().set(changing(folder)).filter(this(folder)).exec(conn).await?;
    Ok(())
}

/// Deletes a folder that is empty, with its attachments.
pub async fn delete(conn: &impl ConnectionTrait, folder: &Folder) -> Result<()> {
    control_policy::detach_all(conn, folder.directory, &Node::Folder(folder.id.clone())).await?;
    folders::Entity::delete_many().filter(this(folder)).exec(conn).await?;
    Ok(())
}

fn this(folder: &Folder) -> Condition {
    Condition::all()
        .add(folders::Column::Directory.eq(folder.directory.to_string()))
        .add(folders::Column::Folder.eq(&folder.id))
}

fn changing(folder: &Folder) -> folders::ActiveModel {
    folders::ActiveModel {
        parent: Set(folder.parent.clone()),
        display_name: Set(folder.display_name.clone()),
        update_us: Set(folder.update_time.as_micros()),
        version: Set(folder.version),
        ..Default::default()
    }
}
