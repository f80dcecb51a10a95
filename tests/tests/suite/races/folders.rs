//! A member moves into a folder, or the folder is deleted.

use serde_json::json;

use super::{Killed, Racer, race, rounds};
use crate::{
    enterprise::Enterprise,
    live::{create_member, text},
    patience::call,
};

pub const CREATE: &str = "directory.v1.FolderService/CreateFolder";
pub const DELETE: &str = "directory.v1.FolderService/DeleteFolder";
const MOVE: &str = "directory.v1.MemberService/MoveMember";
const LIST: &str = "directory.v1.FolderService/ListFolders";

pub async fn move_against_delete(enterprise: &mut Enterprise) {
    let (root, directory) = (enterprise.management.root.clone(), enterprise.directory.clone());
    let account = create_member(&enterprise.management, &directory, "payments").await;
    let member = enterprise.member(&account);
    let into = |folder: &str| json!({"name": member, "destination": folder});
    let top = format!("{directory}/folders/root");
    for killed in rounds(&[Killed::Directory]) {
        let folder = call(&root, CREATE, json!({"parent": top, "folder": {"display_name": "new"}})).await;
        let folder = text(&folder, "name").to_owned();
        let enter = || Racer::new(&root, MOVE, into(&folder));
        let delete = || Racer::new(&root, DELETE, json!({"name": folder}));
        let raced = race(enterprise, killed, vec![enter(), delete(), enter(), delete(), enter(), delete()]).await;
        let moved = raced.won(MOVE, &["ALREADY_IN_FOLDER", "RESOURCE_NOT_FOUND"]);
        let deleted = raced.won(DELETE, &["FOLDER_HAS_MEMBERS", "RESOURCE_NOT_FOUND"]);
        assert_eq!(moved + deleted, 1, "{:?}", raced.outcomes());
        let is_in = enterprise.get_member(&account).await.unwrap();
        assert_eq!(text(&is_in, "folder"), if moved == 1 { &folder } else { &top });
        let folders = call(&root, LIST, json!({"parent": top})).await;
        let there = folders["folders"].as_array().unwrap().iter().any(|of| of["name"] == folder.as_str());
        assert_eq!(there, moved == 1);
        if moved == 1 {
            call(&root, MOVE, into(&top)).await;
            call(&root, DELETE, json!({"name": folder})).await;
        }
    }
}
