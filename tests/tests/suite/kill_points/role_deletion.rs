//! Deletions of service-linked roles: a task of delegation, the role in directory.

use bailiwick_core::Role;
use serde_json::{Value, json};

use super::{
    Begun,
    enrolment::{ROLE, roles},
};
use crate::{
    enterprise::Enterprise,
    faults::changes,
    live::{Account, text},
    patience::{call, until},
    relay::Part,
};

const CREATE: &str = "delegation.v1.ServiceLinkedRoleService/CreateServiceLinkedRole";
const DELETE: &str = "delegation.v1.ServiceLinkedRoleService/DeleteServiceLinkedRole";
const GET_DELETION: &str = "delegation.v1.ServiceLinkedRoleService/GetServiceLinkedRoleDeletion";
const GET_ROLE: &str = "directory.v1.RoleService/GetRole";
/// Of directory, which the worker of delegation calls.
const STEP: &str = "directory.v1.LinkedRoleService/DeleteLinkedRole";

/// The worker dies before directory's step and after it; each time the task ends once, and well.
pub async fn worker_killed(enterprise: &mut Enterprise, account: &Account) {
    for part in [Part::Request, Part::Answer] {
        let create = json!({"parent": account.name, "service_linked_role_id": ROLE});
        let role = call(&account.root, CREATE, create).await;
        let mut point = enterprise.relay(Role::Delegation, Role::Directory).withhold(part, &[STEP]);
        let delete = json!({"name": role["name"]});
        let Begun { answer, .. } = Begun::until(&mut point, &account.root, DELETE, delete).await;
        let name = text(&answer.await.unwrap().unwrap(), "name").to_owned();
        assert_eq!(text(&deletion(account, &name).await, "state"), "SERVICE_LINKED_ROLE_DELETION_STATE_IN_PROGRESS");
        enterprise.kill(Role::Delegation);
        drop(point);
        let removed = json!({"name": format!("{}/roles/{ROLE}", account.name)});
        let steps = steps(enterprise, Role::Directory, STEP).await;
        // The lease of the one that died would keep the next from the work for a minute.
        enterprise.processes.change_rows(Role::Delegation, "UPDATE leases SET expires_us = 0").await;
        enterprise.start_role(Role::Delegation);
        until("the deletion ends", async || !deletion(account, &name).await["endTime"].is_null()).await;
        assert_eq!(text(&deletion(account, &name).await, "state"), "SERVICE_LINKED_ROLE_DELETION_STATE_SUCCEEDED");
        assert_eq!(roles(account).await, [""; 0]);
        assert_eq!(account.root.refused(GET_ROLE, removed).await.reason, "RESOURCE_NOT_FOUND");
        let done = self::steps(enterprise, Role::Directory, STEP).await;
        assert_eq!(done.len() - steps.len(), usize::from(part == Part::Request), "the role was deleted once");
        let told = self::steps(enterprise, Role::Delegation, DELETE).await;
        assert_eq!(told.iter().filter(|resource| **resource == name).count(), 2, "it began once and ended once");
    }
}

async fn deletion(account: &Account, name: &str) -> Value {
    call(&account.root, GET_DELETION, json!({"name": name})).await
}

/// The resources of what the log of a role has of a method.
async fn steps(enterprise: &Enterprise, role: Role, method: &str) -> Vec<String> {
    let changes = changes(&enterprise.processes, role).await.into_iter().map(|(_, change)| change);
    let of_method = changes.filter(|change| change.origin.is_none() && change.method.ends_with(method));
    of_method.map(|change| change.resource).collect()
}
