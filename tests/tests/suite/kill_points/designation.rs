//! Designations: a row of delegation, and a claim of directory.

use std::collections::BTreeSet;

use bailiwick_core::Role;
use serde_json::{Value, json};

use super::{Begun, RELEASE_CLAIMS};
use crate::{
    enterprise::{DESIGNATE, Enterprise, PLACE_CLAIMS, Use},
    live::text,
    patience::call,
    relay::{Part, Withheld},
};

const DEREGISTER: &str = "delegation.v1.DelegatedAdministratorService/DeleteDelegatedAdministrator";

fn claim(account: &str) -> Use {
    ("designation", "sase".to_owned(), account.to_owned())
}

fn set<T: Ord>(items: impl IntoIterator<Item = T>) -> BTreeSet<T> {
    items.into_iter().collect()
}

async fn designate(enterprise: &Enterprise, point: &mut Withheld, account: &str) -> Begun {
    Begun::until(point, &enterprise.management.root, DESIGNATE, enterprise.designate(account)).await
}

async fn deregister(enterprise: &Enterprise, point: &mut Withheld, account: &str) -> Begun {
    let request = json!({"name": enterprise.designation(account)});
    Begun::until(point, &enterprise.management.root, DEREGISTER, request).await
}

fn withhold(enterprise: &Enterprise, part: Part, method: &str) -> Withheld {
    enterprise.relay(Role::Delegation, Role::Directory).withhold(part, &[method])
}

/// Directory has placed the claim, delegation never learns of it. Who repeats the call is designated; where nobody does,
/// the claim goes.
pub async fn claimed_but_not_designated(enterprise: &mut Enterprise, repeated: &str, given_up: &str) {
    let mut begun = Vec::new();
    for account in [repeated, given_up] {
        let mut point = withhold(enterprise, Part::Answer, PLACE_CLAIMS);
        let designating = designate(enterprise, &mut point, account).await;
        assert_eq!(enterprise.remove(account).await.unwrap_err().reason, "MEMBER_IN_USE", "it is being designated");
        enterprise.kill_at(point, Role::Delegation);
        begun.push(designating.broken().await);
        assert_eq!(enterprise.designated().await, set([]), "it was claimed, and no more");
    }
    assert_eq!(enterprise.claims().await, set([claim(repeated), claim(given_up)]));
    let made = begun[0].call().await;
    assert_eq!(text(&made, "account"), repeated);
    enterprise.orphan_is_released(&claim(given_up)).await;
    assert_eq!(enterprise.designated().await, set([repeated.to_owned()]));
    assert_eq!(enterprise.remove(repeated).await.unwrap_err().reason, "MEMBER_IN_USE");
    assert_eq!(begun[0].call().await, made);
    end(enterprise, repeated).await;
}

/// Ends a designation, undisturbed.
async fn end(enterprise: &Enterprise, account: &str) -> Value {
    let name = json!({"name": enterprise.designation(account)});
    let ended = call(&enterprise.management.root, DEREGISTER, name).await;
    enterprise.claims_are_of_uses().await;
    ended
}

/// Delegation has written the designation, and dies before it has looked after the claim and answered.
pub async fn designated_but_not_confirmed(enterprise: &mut Enterprise, account: &str) {
    let relay = enterprise.relay(Role::Delegation, Role::Directory);
    let mut point = relay.withhold_after(1, Part::Request, &[PLACE_CLAIMS]);
    let designating = designate(enterprise, &mut point, account).await;
    enterprise.kill_at(point, Role::Delegation);
    let repeat = designating.broken().await;
    assert_eq!(enterprise.designated().await, set([account.to_owned()]));
    enterprise.claims_are_of_uses().await;
    let get = "delegation.v1.DelegatedAdministratorService/GetDelegatedAdministrator";
    let name = json!({"name": enterprise.designation(account)});
    let stands = call(&enterprise.management.root, get, name).await;
    assert_eq!(repeat.call().await, stands);
    let again = enterprise.management.root.refused(DESIGNATE, enterprise.designate(account)).await;
    assert_eq!(again.reason, "DELEGATED_ADMINISTRATOR_EXISTS");
    assert_eq!(enterprise.remove(account).await.unwrap_err().reason, "MEMBER_IN_USE");
}

/// The designation has ended; directory is never told that its claim is needed no more, or has done so and is not heard.
pub async fn ended_but_not_released(enterprise: &mut Enterprise, account: &str) {
    for part in [Part::Request, Part::Answer] {
        if enterprise.designated().await.is_empty() {
            call(&enterprise.management.root, DESIGNATE, enterprise.designate(account)).await;
        }
        let mut point = withhold(enterprise, part, RELEASE_CLAIMS);
        let ending = deregister(enterprise, &mut point, account).await;
        enterprise.kill_at(point, Role::Delegation);
        let repeat = ending.broken().await;
        assert_eq!(enterprise.designated().await, set([]), "the row went first");
        if part == Part::Request {
            assert_eq!(enterprise.remove(account).await.unwrap_err().reason, "MEMBER_IN_USE");
            enterprise.orphan_is_released(&claim(account)).await;
        }
        enterprise.claims_are_of_uses().await;
        assert_eq!(repeat.call().await["trustedServices"], json!(["sase"]));
    }
}

/// Directory dies before it releases: the end of the designation stands all the same, and is acknowledged.
pub async fn ended_while_directory_is_dead(enterprise: &mut Enterprise, account: &str) {
    call(&enterprise.management.root, DESIGNATE, enterprise.designate(account)).await;
    let mut point = withhold(enterprise, Part::Request, RELEASE_CLAIMS);
    let ending = deregister(enterprise, &mut point, account).await;
    enterprise.kill(Role::Directory);
    drop(point);
    let ended = ending.answer.await.unwrap().expect("what was committed is acknowledged");
    assert_eq!(ended["trustedServices"], json!(["sase"]));
    enterprise.start_role(Role::Directory);
    assert_eq!(enterprise.designated().await, set([]));
    enterprise.orphan_is_released(&claim(account)).await;
}
