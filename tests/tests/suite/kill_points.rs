//! A role is killed between its database and that of another, at points that a relay finds: what was begun is there or
//! not there, and what it left in the other database is used or released.

mod designation;
mod enrolment;
mod role_deletion;

use bailiwick_core::Role;
use serde_json::{Value, json};
use tokio::task::JoinHandle;

use crate::{
    client::{Client, Failure},
    enterprise::Enterprise,
    faults::request_id,
    live::Databases,
    patience::{self, passes},
    relay::Withheld,
};

const RELEASE_CLAIMS: &str = "directory.v1.ClaimService/ReleaseClaims";

const SETTINGS: &[(&str, &str)] = &[("BAILIWICK_DELEGATION__RECONCILE_INTERVAL_S", "1")];

/// A call under way, which may be repeated.
struct Begun {
    client: Client,
    method: &'static str,
    request: Value,
    answer: JoinHandle<Result<Value, Failure>>,
}

impl Begun {
    /// Calls, until the call has come to where a part of it is withheld.
    async fn until(point: &mut Withheld, client: &Client, method: &'static str, mut request: Value) -> Self {
        request["request_id"] = json!(request_id());
        let (calling, asked) = (client.clone(), request.clone());
        let answer = tokio::spawn(async move { calling.call(method, asked).await });
        point.reached().await;
        Self { client: client.clone(), method, request, answer }
    }

    /// Asserts that the caller was told that it does not know what became of the call; returns how to repeat it.
    async fn broken(self) -> Repeat {
        let failure = self.answer.await.unwrap().expect_err("it was not done");
        assert!(passes(&failure) && !failure.message.is_empty(), "{failure:?}");
        Repeat { client: self.client, method: self.method, request: self.request }
    }
}

/// A call that can be repeated with its request id.
struct Repeat {
    client: Client,
    method: &'static str,
    request: Value,
}

impl Repeat {
    async fn call(&self) -> Value {
        patience::call(&self.client, self.method, self.request.clone()).await
    }
}

async fn all(databases: Databases) {
    let relays = [(Role::Delegation, Role::Directory), (Role::SasePolicy, Role::Delegation)];
    let mut enterprise = Enterprise::start(databases, SETTINGS, &relays).await;
    let account = enterprise.joined("member").await;
    let other = enterprise.joined("other").await;
    designation::claimed_but_not_designated(&mut enterprise, &account.name, &other.name).await;
    designation::designated_but_not_confirmed(&mut enterprise, &account.name).await;
    designation::ended_but_not_released(&mut enterprise, &account.name).await;
    designation::ended_while_directory_is_dead(&mut enterprise, &account.name).await;
    enrolment::claimed_but_not_enrolled(&mut enterprise, &account).await;
    enrolment::enrolled_but_not_told(&mut enterprise, &other).await;
    enrolment::ended_but_not_released(&mut enterprise, &account).await;
    role_deletion::worker_killed(&mut enterprise, &account).await;
    enterprise.claims_are_of_uses().await;
}

/// covers: R-DEL-14, E-DIR-16, E-DEL-11, E-GW-06
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn killed_between_two_databases_a_role_leaves_nothing_half_done_on_sqlite() {
    all(Databases::Sqlite).await;
}

/// covers: R-DEL-14, E-DIR-16, E-DEL-11, E-GW-06
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn killed_between_two_databases_a_role_leaves_nothing_half_done_on_postgresql() {
    all(Databases::Postgres).await;
}
