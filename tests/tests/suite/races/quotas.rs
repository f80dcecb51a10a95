//! The last place of a quota is taken once.

use serde_json::json;

use super::{
    Killed, Racer,
    folders::{CREATE as CREATE_FOLDER, DELETE as DELETE_FOLDER},
    race, rounds,
};
use crate::{
    enterprise::{DESIGNATE, Enterprise},
    live::{enable_directory, register, text},
    patience::call,
};

const CREATE_MEMBER: &str = "directory.v1.MemberService/CreateMember";
const LIST_MEMBERS: &str = "directory.v1.MemberService/ListMembers";
const INVITE: &str = "directory.v1.InvitationService/CreateInvitation";
const DEREGISTER: &str = "delegation.v1.DelegatedAdministratorService/DeleteDelegatedAdministrator";
const LIST_FOLDERS: &str = "directory.v1.FolderService/ListFolders";
const RACERS: usize = 4;

pub async fn last_folder(enterprise: &mut Enterprise) {
    let root = enterprise.management.root.clone();
    let top = format!("{}/folders/root", enterprise.directory);
    let create = |name: &str| json!({"parent": top, "folder": {"display_name": name}});
    for name in ["one", "two"] {
        call(&root, CREATE_FOLDER, create(name)).await;
    }
    for killed in rounds(&[Killed::Directory]) {
        let racers = (0..RACERS).map(|n| Racer::new(&root, CREATE_FOLDER, create(&format!("last {n}")))).collect();
        let raced = race(enterprise, killed, racers).await;
        assert_eq!(raced.won(CREATE_FOLDER, &["FOLDER_QUOTA_EXCEEDED"]), 1, "{:?}", raced.outcomes());
        let folders = call(&root, LIST_FOLDERS, json!({"parent": top})).await;
        assert_eq!(folders["folders"].as_array().unwrap().len(), 3);
        call(&root, DELETE_FOLDER, json!({"name": raced.winner().1["name"]})).await;
    }
}

/// A member that is created and an invitation that is sent take the same place.
pub async fn last_member(enterprise: &mut Enterprise) {
    let mut invited = Vec::new();
    for n in 0..RACERS / 2 {
        invited.push(register(&enterprise.operator, &format!("wanted {n}"), "Example").await.name);
    }
    for (round, killed) in [Killed::Nobody, Killed::Directory].into_iter().enumerate() {
        let management = register(&enterprise.operator, &format!("full {round}"), "Example").await;
        let (directory, root) = (enable_directory(&management).await, management.root.clone());
        let create = |name: String| json!({"parent": directory, "member": {"display_name": name}});
        for n in 1..=3 {
            call(&root, CREATE_MEMBER, create(format!("member {n}"))).await;
        }
        let creating = (0..RACERS / 2).map(|n| Racer::new(&root, CREATE_MEMBER, create(format!("last {n}"))));
        let inviting = invited
            .iter()
            .map(|account| Racer::new(&root, INVITE, json!({"parent": directory, "invitation": {"account": account}})));
        let raced = race(enterprise, killed, creating.chain(inviting).collect()).await;
        let created = raced.won(CREATE_MEMBER, &["MEMBER_QUOTA_EXCEEDED"]);
        let sent = raced.won(INVITE, &["MEMBER_QUOTA_EXCEEDED"]);
        assert_eq!(created + sent, 1, "{:?}", raced.outcomes());
        let members = call(&root, LIST_MEMBERS, json!({"parent": directory})).await;
        assert_eq!(members["members"].as_array().unwrap().len(), 3 + created);
    }
}

pub async fn last_designation(enterprise: &mut Enterprise) {
    let root = enterprise.management.root.clone();
    let mut accounts = Vec::new();
    for n in 0..2 {
        accounts.push(enterprise.joined(&format!("candidate {n}")).await.name);
    }
    for killed in rounds(&[Killed::DirectoryClaiming]) {
        let racers = accounts.iter().map(|account| Racer::new(&root, DESIGNATE, enterprise.designate(account)));
        let raced = race(enterprise, killed, racers.collect()).await;
        let won = raced.won(DESIGNATE, &["DELEGATED_ADMINISTRATOR_LIMIT"]);
        assert_eq!(won, 1, "{:?}", raced.outcomes());
        let account = text(raced.winner().1, "account");
        assert_eq!(enterprise.designated().await.into_iter().collect::<Vec<_>>(), [account]);
        killed.left_no_orphan(enterprise).await;
        call(&root, DEREGISTER, json!({"name": enterprise.designation(account)})).await;
    }
}
