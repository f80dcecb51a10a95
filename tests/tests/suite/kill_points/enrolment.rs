//! Enrolments: an entry of a service's list, a row of delegation, a claim and service-linked roles of directory.

use std::collections::BTreeSet;

use bailiwick_core::Role;
use serde_json::{Value, json};

use super::{Begun, RELEASE_CLAIMS};
use crate::{
    enterprise::{Enterprise, PLACE_CLAIMS, Use},
    live::{Account, text},
    patience::{call, until},
    relay::Part,
};

const ADD: &str = "sase.v1.SaseMemberService/CreateSaseMember";
const REMOVE: &str = "sase.v1.SaseMemberService/DeleteSaseMember";
const ENROL: &str = "delegation.v1.EnrolmentService/BatchCreateEnrolments";
pub const ROLE: &str = "AliyunServiceRoleForCsas";

fn claim(account: &Account) -> Use {
    ("enrolment", "sase".to_owned(), account.name.clone())
}

fn add(enterprise: &Enterprise, account: &Account) -> Value {
    json!({"parent": enterprise.directory, "sase_member": {"account": account.name}})
}

/// The service-linked roles of a member.
pub async fn roles(account: &Account) -> Vec<String> {
    let method = "delegation.v1.ServiceLinkedRoleService/ListServiceLinkedRoles";
    let roles = call(&account.root, method, json!({"parent": account.name})).await;
    let last = |role: &Value| text(role, "name").rsplit('/').next().unwrap().to_owned();
    roles["serviceLinkedRoles"].as_array().unwrap().iter().map(last).collect()
}

/// Directory has claim and role, delegation never learns of them. Both go, and the call can be repeated.
pub async fn claimed_but_not_enrolled(enterprise: &mut Enterprise, account: &Account) {
    let root = enterprise.management.root.clone();
    let mut point = enterprise.relay(Role::Delegation, Role::Directory).withhold(Part::Answer, &[PLACE_CLAIMS]);
    let adding = Begun::until(&mut point, &root, ADD, add(enterprise, account)).await;
    enterprise.kill_at(point, Role::Delegation);
    let repeat = adding.broken().await;
    assert_eq!(enterprise.enrolled().await, BTreeSet::new());
    assert_eq!(roles(account).await, [ROLE]);
    enterprise.orphan_is_released(&claim(account)).await;
    assert_eq!(roles(account).await, [""; 0], "the role went with its claim");
    assert_eq!(text(&repeat.call().await, "account"), account.name);
    assert_eq!(enterprise.enrolled().await, BTreeSet::from([account.name.clone()]));
    assert_eq!(roles(account).await, [ROLE]);
    enterprise.claims_are_of_uses().await;
}

/// Delegation has enrolled the member, the service never learns of it as its answer: it does as its follower.
pub async fn enrolled_but_not_told(enterprise: &mut Enterprise, account: &Account) {
    let root = enterprise.management.root.clone();
    let mut point = enterprise.relay(Role::SasePolicy, Role::Delegation).withhold(Part::Answer, &[ENROL]);
    let adding = Begun::until(&mut point, &root, ADD, add(enterprise, account)).await;
    enterprise.kill_at(point, Role::SasePolicy);
    let repeat = adding.broken().await;
    until("the entry is made", async || enterprise.enrolled().await.contains(&account.name)).await;
    enterprise.claims_are_of_uses().await;
    let made = repeat.call().await;
    assert_eq!(text(&made, "account"), account.name);
    assert_eq!(repeat.call().await, made);
    assert_eq!(roles(account).await, [ROLE]);
}

/// The enrolment has ended; directory is never told that its claim and its role are needed no more.
pub async fn ended_but_not_released(enterprise: &mut Enterprise, account: &Account) {
    let root = enterprise.management.root.clone();
    let name = format!("{}/saseMembers/{}", enterprise.directory, account.id());
    let mut point = enterprise.relay(Role::Delegation, Role::Directory).withhold(Part::Request, &[RELEASE_CLAIMS]);
    let removing = Begun::until(&mut point, &root, REMOVE, json!({"name": name})).await;
    enterprise.kill_at(point, Role::Delegation);
    let repeat = removing.broken().await;
    until("the entry is gone", async || !enterprise.enrolled().await.contains(&account.name)).await;
    assert_eq!(roles(account).await, [ROLE]);
    enterprise.orphan_is_released(&claim(account)).await;
    assert_eq!(roles(account).await, [""; 0]);
    // The service has not heard that this call removed the entry, but it knows what it was about to do.
    repeat.call().await;
}
