//! Who is a member: designated against removed, accepted against cancelled, two directories for one account.

use std::collections::BTreeSet;

use serde_json::json;

use super::{Killed, Racer, race, rounds};
use crate::{
    enterprise::{DESIGNATE, Enterprise, REMOVE_MEMBER},
    live::{invite, join, register, text},
    patience::call,
    relay::Part,
};

const DEREGISTER: &str = "delegation.v1.DelegatedAdministratorService/DeleteDelegatedAdministrator";
const ACCEPT: &str = "directory.v1.InvitationService/AcceptInvitation";
const CANCEL: &str = "directory.v1.InvitationService/CancelInvitation";
const GET_INVITATION: &str = "directory.v1.InvitationService/GetInvitation";
const ENABLE: &str = "directory.v1.DirectoryService/CreateDirectory";
const WHO_AM_I: &str = "directory.v1.TokenService/GetCallerIdentity";

/// A member is designated and stays, or leaves and is no administrator; the account is the same in each round, so that
/// each membership is another incarnation.
pub async fn designate_against_remove(enterprise: &mut Enterprise) {
    let account = register(&enterprise.operator, "member", "Example").await;
    let root = enterprise.management.root.clone();
    for killed in rounds(&[
        Killed::Late(Part::Request),
        Killed::Late(Part::Answer),
        Killed::Directory,
        Killed::DirectoryClaiming,
        Killed::Delegation,
    ]) {
        if enterprise.get_member(&account.name).await.is_none() {
            join(&enterprise.management, &enterprise.directory, &account).await;
        }
        let designate = || Racer::new(&root, DESIGNATE, enterprise.designate(&account.name));
        let remove = || Racer::new(&root, REMOVE_MEMBER, json!({"name": enterprise.member(&account.name)}));
        let racers = vec![designate(), remove(), designate(), remove(), designate(), remove()];
        let raced = race(enterprise, killed, racers).await;
        let refusals = ["DELEGATED_ADMINISTRATOR_EXISTS", "ACCOUNT_NOT_IN_DIRECTORY", "CONCURRENT_CHANGE"];
        let designated = raced.won(DESIGNATE, &refusals);
        let removed = raced.won(REMOVE_MEMBER, &["MEMBER_IN_USE", "RESOURCE_NOT_FOUND"]);
        assert!(matches!((designated, removed), (1, 0) | (0, 1)), "{:?}", raced.outcomes());
        assert_eq!(enterprise.get_member(&account.name).await.is_some(), removed == 0);
        let administrators = BTreeSet::from([account.name.clone()]).into_iter().filter(|_| designated == 1);
        assert_eq!(enterprise.designated().await, administrators.collect());
        killed.left_no_orphan(enterprise).await;
        if designated == 1 {
            call(&root, DEREGISTER, json!({"name": enterprise.designation(&account.name)})).await;
        }
    }
    if enterprise.get_member(&account.name).await.is_some() {
        enterprise.remove(&account.name).await.unwrap();
    }
    enterprise.claims_are_of_uses().await;
}

/// An invitation is accepted or cancelled, and nobody is a member who was told otherwise.
pub async fn accept_against_cancel(enterprise: &mut Enterprise) {
    let account = register(&enterprise.operator, "invited", "Example").await;
    let root = enterprise.management.root.clone();
    for killed in rounds(&[Killed::Directory]) {
        let name = json!({"name": invite(&enterprise.management, &enterprise.directory, &account).await});
        let accept = || Racer::new(&account.root, ACCEPT, name.clone());
        let cancel = || Racer::new(&root, CANCEL, name.clone());
        let raced = race(enterprise, killed, vec![accept(), cancel(), accept(), cancel(), accept(), cancel()]).await;
        let accepted = raced.won(ACCEPT, &["INVITATION_STATUS_MISMATCH", "ACCOUNT_ALREADY_IN_DIRECTORY"]);
        let cancelled = raced.won(CANCEL, &["INVITATION_STATUS_MISMATCH"]);
        assert_eq!(accepted + cancelled, 1, "{:?}", raced.outcomes());
        let (_, told) = raced.winner();
        let stands = call(&root, GET_INVITATION, name.clone()).await;
        assert_eq!((&told["state"], &told["etag"]), (&stands["state"], &stands["etag"]));
        assert_eq!(enterprise.get_member(&account.name).await.is_some(), accepted == 1);
        if accepted == 1 {
            enterprise.remove(&account.name).await.unwrap();
        }
    }
}

/// An account enables one directory.
pub async fn two_enables(enterprise: &mut Enterprise) {
    for (round, killed) in rounds(&[Killed::Directory]).enumerate() {
        let account = register(&enterprise.operator, &format!("enabling {round}"), "Example").await;
        let enable = || Racer::new(&account.root, ENABLE, json!({"account": account.name}));
        let raced = race(enterprise, killed, vec![enable(), enable(), enable(), enable()]).await;
        assert_eq!(raced.won(ENABLE, &["ACCOUNT_ALREADY_IN_DIRECTORY"]), 1, "{:?}", raced.outcomes());
        let (_, directory) = raced.winner();
        let who = call(&account.root, WHO_AM_I, json!({})).await;
        assert_eq!(text(&who, "directory"), text(directory, "name"));
        assert_eq!(text(directory, "managementAccount"), account.name);
    }
}
