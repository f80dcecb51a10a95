//! Two tenants: to one of them nothing of the other exists.

use bailiwick::serve;
use bailiwick_api::{audit::v1::Change, rules};
use bailiwick_core::{
    AccountId, Role,
    authz::{Rule, Seat},
};
use prost_reflect::prost::Message;
use serde_json::json;

use crate::{
    client::{Client, Failure},
    live::{Databases, Suite, World},
    matrix::encoded_request,
    world::{Names, Who},
};

/// Names that are well formed and of nobody.
fn nowhere() -> Names {
    let account = |n: u64| AccountId::try_from(9_999_999_999_999_000 + n).unwrap();
    Names {
        accounts: std::array::from_fn(|n| account(n as u64)),
        directory: "rd-7zzzzzzzzzzz1".parse().unwrap(),
        other_directory: "rd-7zzzzzzzzzzz2".parse().unwrap(),
        created: account(9),
        ..Names::fixed()
    }
}

async fn call(client: &Client, rule: &Rule, names: &Names) -> Result<(), Failure> {
    client.decided(rule.path, &encoded_request(rule, names), &[]).await.map(drop).map_err(|e| Failure::of(&e))
}

/// What a failure says, with the names of its world replaced, so that failures of two worlds can be compared.
fn shape(failure: &Failure, names: &Names) -> (tonic::Code, String, String) {
    let mut message = failure.message.replace(&names.directory.to_string(), "{directory}");
    for account in names.accounts.iter().chain([&names.created]) {
        message = message.replace(&account.to_string(), "{account}");
    }
    message = message.replace(&names.invitation, "{invitation}").replace(&names.access_key, "{key}");
    message = message.replace(&names.credential, "{credential}").replace(&names.deletion, "{deletion}");
    (failure.code, failure.reason.clone(), message)
}

/// How a call is refused that names what the caller cannot know. Root users assume no roles at all (E-GW-03): that is
/// decided by who calls, before any role is looked for, so it tells nothing of the role.
fn reason(rule: &Rule, user: &str) -> &'static str {
    if rule.seat == Seat::TrustedPrincipal && user == "root" { "OPERATOR_REQUIRED" } else { "RESOURCE_NOT_FOUND" }
}

/// covers: R-GW-05
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn names_of_another_tenant_answer_as_names_that_do_not_exist_and_change_nothing() {
    let suite = Suite::start(Databases::Sqlite).await;
    let world = World::build(&suite).await;
    let (names, nowhere) = (&world.names, nowhere());
    let before = heads(&suite).await;
    let mut wrong = Vec::new();
    for rule in rules().iter().filter(|r| r.resource.is_some() && r.seat != Seat::Internal) {
        for user in ["root", "full", "bare"] {
            let client = world.client(Who::OtherDirectory, user);
            let there = call(client, rule, names).await;
            let nothing = call(client, rule, &nowhere).await;
            match (&there, &nothing) {
                (Err(a), Err(b)) if shape(a, names) == shape(b, &nowhere) && a.reason == reason(rule, user) => {}
                _ => wrong.push(format!("{} as {user}: {there:?}, of nobody {nothing:?}", rule.method())),
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    assert_eq!(changes_by(&suite, &before, names.account(Who::OtherDirectory)).await, Vec::<String>::new());
    suite.stop().await;
}

/// covers: R-DEL-03, R-SC-03, R-SASE-05
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn accounts_of_another_tenant_are_refused_in_ones_own_directory_as_accounts_that_do_not_exist() {
    let suite = Suite::start(Databases::Sqlite).await;
    let world = World::build(&suite).await;
    let client = world.client(Who::OtherDirectory, "root");
    for service in ["security-center", "sase", "bastionhost"] {
        let name = format!("{}/trustedServices/{service}", world.names.other_directory.name());
        client.call("delegation.v1.TrustedServiceService/EnableTrustedService", json!({"name": name})).await.unwrap();
    }
    let own = |names: &Names| Names { directory: world.names.other_directory, ..names.clone() };
    let (foreign, nobody) = (own(&world.names), own(&nowhere()));
    let before = heads(&suite).await;
    // What an account has is not found, as the test above shows.
    let of_directories = |rule: &Rule| !matches!(rule.seat, Seat::Internal | Seat::OwnAccountOrAdministrator);
    let acting = |rule: &&Rule| !rule.accounts.is_empty() && of_directories(rule);
    for rule in rules().iter().filter(acting) {
        let there = call(client, rule, &foreign).await.unwrap_err();
        let nothing = call(client, rule, &nobody).await.unwrap_err();
        assert_eq!(there.reason, "ACCOUNT_NOT_IN_DIRECTORY", "{}", rule.method());
        assert_eq!(shape(&there, &foreign), shape(&nothing, &nobody), "{}", rule.method());
    }
    assert_eq!(changes_by(&suite, &before, world.names.account(Who::OtherDirectory)).await, Vec::<String>::new());
    suite.stop().await;
}

async fn heads(suite: &Suite) -> Vec<(Role, i64)> {
    let mut heads = Vec::new();
    for role in Role::ALL.into_iter().filter(|role| role.has_database()) {
        let db = serve::database(&suite.config, role).await.unwrap();
        heads.push((role, db.head().await.unwrap().revision));
    }
    heads
}

/// The methods by which identities of an account have changed anything since.
async fn changes_by(suite: &Suite, since: &[(Role, i64)], account: AccountId) -> Vec<String> {
    let mut methods = Vec::new();
    for (role, revision) in since {
        let db = serve::database(&suite.config, *role).await.unwrap();
        for logged in db.changes_after(*revision, 1_000).await.unwrap() {
            let change = Change::decode(logged.change.payload.as_slice()).unwrap();
            if change.operator.is_some_and(|operator| operator.account == account.name()) {
                methods.push(change.method);
            }
        }
    }
    methods
}
