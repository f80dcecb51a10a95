//! Calls that cannot all succeed, made at once through the gateway by many clients, and with a role killed in their midst:
//! just what is permitted comes of them, each loser is told why, and what was acknowledged stands.

mod folders;
mod membership;
mod quotas;
mod type_switch;

use std::sync::Arc;

use bailiwick_core::Role;
use serde_json::{Value, json};
use tokio::{
    sync::Barrier,
    task::JoinSet,
    time::{Duration, Instant},
};

use crate::{
    client::{Client, Failure},
    enterprise::{DESIGNATE, Enterprise, PLACE_CLAIMS},
    faults::request_id,
    live::Databases,
    patience::{PATIENCE, call, passes},
    relay::{Part, Withheld},
};

const ROUNDS: usize = 3;

/// Bounds that are soon reached.
const SETTINGS: &[(&str, &str)] = &[
    ("BAILIWICK_DIRECTORY__LIMITS__MEMBERS_MAX", "4"),
    ("BAILIWICK_DIRECTORY__LIMITS__FOLDERS_MAX", "3"),
    ("BAILIWICK_DIRECTORY__LIMITS__INVITATIONS_PER_DAY_MAX", "1000"),
    ("BAILIWICK_DIRECTORY__LIMITS__VERIFICATION_PAUSE_SECONDS", "1"),
    ("BAILIWICK_DELEGATION__RECONCILE_INTERVAL_S", "1"),
    ("BAILIWICK_DELEGATION__LIMITS__SASE_ADMINISTRATORS_MAX", "1"),
];

/// A call that races with others.
#[derive(Clone)]
struct Racer {
    client: Client,
    method: &'static str,
    request: Value,
}

/// Calls, and what came of each.
struct Raced(Vec<(Racer, Result<Value, Failure>)>);

/// What happens while the calls run.
#[derive(Clone, Copy)]
enum Killed {
    Nobody,
    /// Nobody either, but the others begin when delegation asks for its first claim (or has it), and only then does it get
    /// it (or learn of it).
    Late(Part),
    /// Directory, once it has done the first of the calls and has told nobody.
    Directory,
    /// Directory, once it has placed the first claim for delegation and has not told it.
    DirectoryClaiming,
    /// Delegation, at the same moment.
    Delegation,
}

impl Racer {
    fn new(client: &Client, method: &'static str, mut request: Value) -> Self {
        request["request_id"] = json!(request_id());
        Self { client: client.clone(), method, request }
    }

    /// Calls; `insisting` again, with the same request id, as long as a role is being restarted.
    async fn run(&self, insisting: bool) -> Result<Value, Failure> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            match self.client.call(self.method, self.request.clone()).await {
                Err(failure) if insisting && passes(&failure) && Instant::now() < deadline => {
                    // Between tries, which the deadline bounds.
                    tokio::time::sleep(Duration::from_millis(20)).await;
                }
                outcome => return outcome,
            }
        }
    }
}

impl Raced {
    /// How many calls of a method went well; each of the others was refused for one of the reasons.
    fn won(&self, method: &str, reasons: &[&str]) -> usize {
        let of_method = self.0.iter().filter(|(racer, _)| racer.method == method);
        let refused = of_method.clone().filter_map(|(_, outcome)| outcome.as_ref().err());
        for failure in refused.clone() {
            assert!(reasons.contains(&&*failure.reason) && !failure.message.is_empty(), "{method}: {failure:?}");
        }
        of_method.count() - refused.count()
    }

    /// The only one that won.
    fn winner(&self) -> (&Racer, &Value) {
        let won: Vec<_> = self.0.iter().filter_map(|(racer, outcome)| Some((racer, outcome.as_ref().ok()?))).collect();
        let [winner] = won[..] else { panic!("{} won: {:?}", won.len(), self.outcomes()) };
        winner
    }

    fn outcomes(&self) -> Vec<(&str, &Result<Value, Failure>)> {
        self.0.iter().map(|(racer, outcome)| (racer.method, outcome)).collect()
    }

    /// Asserts that a repetition of what was acknowledged is answered as it was.
    async fn is_answered_again(&self) {
        for (racer, outcome) in &self.0 {
            if let Ok(answer) = outcome {
                assert_eq!(&call(&racer.client, racer.method, racer.request.clone()).await, answer, "{}", racer.method);
            }
        }
    }
}

/// Rounds in which nobody is killed, and then others.
fn rounds(killed: &[Killed]) -> impl Iterator<Item = Killed> {
    std::iter::repeat_n(Killed::Nobody, ROUNDS).chain(killed.to_vec())
}

/// Lets calls race, and asserts that what was acknowledged is answered again.
async fn race(enterprise: &mut Enterprise, killed: Killed, racers: Vec<Racer>) -> Raced {
    let Some(mut withheld) = killed.withhold(enterprise, &racers) else {
        return Race::default().with(racers, false).ended().await;
    };
    let insisting = !matches!(killed, Killed::Late(_));
    // The others begin when the point is reached: they could win before, and it never would be.
    let (first, others) = racers.into_iter().partition(|racer| killed.is_reached_by(racer));
    let race = Race::default().with(first, insisting);
    withheld.reached().await;
    let race = race.with(others, insisting);
    match killed {
        Killed::Nobody | Killed::Late(_) => withheld.pass(),
        Killed::Directory | Killed::DirectoryClaiming => enterprise.kill_at(withheld, Role::Directory),
        Killed::Delegation => enterprise.kill_at(withheld, Role::Delegation),
    }
    race.ended().await
}

/// Calls under way.
#[derive(Default)]
struct Race(JoinSet<(Racer, Result<Value, Failure>)>);

impl Race {
    /// With further calls, which begin at once.
    fn with(mut self, racers: Vec<Racer>, insisting: bool) -> Self {
        let together = Arc::new(Barrier::new(racers.len()));
        for racer in racers {
            let together = together.clone();
            self.0.spawn(async move {
                together.wait().await;
                let outcome = racer.run(insisting).await;
                (racer, outcome)
            });
        }
        self
    }

    async fn ended(self) -> Raced {
        let raced = Raced(self.0.join_all().await);
        raced.is_answered_again().await;
        raced
    }
}

impl Killed {
    fn withhold(self, enterprise: &Enterprise, racers: &[Racer]) -> Option<Withheld> {
        let (part, from, methods) = match self {
            Self::Nobody => return None,
            Self::Directory => (Part::Answer, Role::Gateway, racers.iter().map(|racer| racer.method).collect()),
            Self::Late(part) => (part, Role::Delegation, vec![PLACE_CLAIMS]),
            Self::DirectoryClaiming | Self::Delegation => (Part::Answer, Role::Delegation, vec![PLACE_CLAIMS]),
        };
        Some(enterprise.relay(from, Role::Directory).withhold(part, &methods))
    }

    /// Asserts that no claim is orphaned: after a kill, that the reconciler sees to it.
    async fn left_no_orphan(self, enterprise: &Enterprise) {
        match self {
            Self::Nobody | Self::Late(_) => enterprise.claims_are_of_uses().await,
            Self::Directory | Self::DirectoryClaiming | Self::Delegation => enterprise.orphans_are_released().await,
        }
    }

    fn is_reached_by(self, racer: &Racer) -> bool {
        match self {
            Self::Nobody | Self::Directory => true,
            Self::Late(_) | Self::DirectoryClaiming | Self::Delegation => racer.method == DESIGNATE,
        }
    }
}

async fn all(databases: Databases) {
    let relays = [(Role::Gateway, Role::Directory), (Role::Delegation, Role::Directory)];
    let mut enterprise = Enterprise::start(databases, SETTINGS, &relays).await;
    membership::designate_against_remove(&mut enterprise).await;
    membership::accept_against_cancel(&mut enterprise).await;
    membership::two_enables(&mut enterprise).await;
    type_switch::two_switches(&mut enterprise).await;
    folders::move_against_delete(&mut enterprise).await;
    quotas::last_folder(&mut enterprise).await;
    quotas::last_member(&mut enterprise).await;
    quotas::last_designation(&mut enterprise).await;
    enterprise.claims_are_of_uses().await;
}

/// covers: R-DIR-05, E-DIR-02, E-DIR-03, E-DIR-06, E-DIR-12, E-DIR-16, E-DEL-03, E-GW-06
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_calls_that_exclude_each_other_one_wins_and_each_loser_is_told_why_on_sqlite() {
    all(Databases::Sqlite).await;
}

/// covers: R-DIR-05, E-DIR-02, E-DIR-03, E-DIR-06, E-DIR-12, E-DIR-16, E-DEL-03, E-GW-06
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_calls_that_exclude_each_other_one_wins_and_each_loser_is_told_why_on_postgresql() {
    all(Databases::Postgres).await;
}
