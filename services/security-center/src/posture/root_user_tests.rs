//! Root users through the follower: what it is told becomes risks.

use std::{collections::BTreeMap, sync::Arc};

use bailiwick_api::r#type::v1::{
    AccessFactChange, AccountFact, AccountType, JoinMethod, LogPosition, RootUserFact, access_fact::Kind,
};
use bailiwick_core::{AccountId, Role};
use bailiwick_db::Position;
use bailiwick_roster::testing::{Running, Suite, account, directory, eventually};
use bailiwick_testkit::{ManualClock, databases};
use tokio_util::sync::CancellationToken;

use super::{
    domain::{BySeverity, OWN_SOURCE, Risk, RiskId, RootUserRule, State},
    store,
};

struct Scene {
    suite: Suite,
    running: Running,
}

fn member(of: AccountId, r#type: AccountType) -> AccessFactChange {
    AccessFactChange::holds(Kind::Account(AccountFact {
        account: of.name(),
        directory: directory(1).name(),
        incarnation: "i1".into(),
        folder: format!("{}/folders/root", directory(1).name()),
        r#type: r#type.into(),
        join_method: JoinMethod::Invited.into(),
        ..AccountFact::default()
    }))
}

fn root(of: AccountId, enabled: bool, access_keys: i32, security_info: bool) -> AccessFactChange {
    let fact = RootUserFact { account: of.name(), enabled, access_keys, security_info };
    AccessFactChange::holds(Kind::RootUser(fact))
}

impl Scene {
    async fn start(url: &str) -> Self {
        let suite = Suite::new(url, Arc::new(ManualClock::default()), crate::migrations).await;
        let running = Self::serve(&suite).await;
        Self { suite, running }
    }

    async fn serve(suite: &Suite) -> Running {
        let shutdown = CancellationToken::new();
        let module = crate::build(suite.deps(shutdown.clone())).await.unwrap();
        suite.serve(module, crate::positions(&suite.db), shutdown).await
    }

    async fn say(&self, facts: Vec<AccessFactChange>) {
        self.followed(self.suite.delegation.say(facts).await).await;
    }

    async fn followed(&self, to: LogPosition) {
        let to = &Position { epoch: to.epoch, revision: to.revision };
        let waited = async || self.suite.db.cursor(Role::Delegation.as_str()).await.unwrap();
        eventually(|| async { waited().await.is_some_and(|at| at.epoch == to.epoch && at.revision >= to.revision) })
            .await;
        // What follows from it is done beside the log.
        eventually(|| async { store::work_pending(self.suite.db.reader(), 1).await.unwrap().is_empty() }).await;
    }

    /// The states of the risks of a root user, by rule.
    async fn states(&self, of: AccountId) -> BTreeMap<String, State> {
        let ids = RootUserRule::ALL.into_iter().map(|rule| RiskId::of(of, OWN_SOURCE, rule.id()));
        let risks = store::risks_known(self.suite.db.reader(), ids).await.unwrap();
        risks.into_iter().map(|risk| (risk.finding.rule, risk.state)).collect()
    }

    async fn risk(&self, of: AccountId, rule: RootUserRule) -> Risk {
        let id = RiskId::of(of, OWN_SOURCE, rule.id());
        store::risk(self.suite.db.reader(), id).await.unwrap().unwrap()
    }

    async fn open(&self, of: AccountId) -> Vec<String> {
        let open = self.states(of).await.into_iter().filter(|(_, state)| *state == State::Open);
        open.map(|(rule, _)| rule.trim_start_matches("root-user-").to_owned()).collect()
    }
}

// covers: R-DIR-36
#[tokio::test(flavor = "multi_thread")]
async fn risks_follow_what_is_known_of_root_users_of_cloud_accounts() {
    for database in databases().await {
        let scene = Scene::start(&database.url).await;
        let of = account(11);
        scene.say(vec![root(of, true, 1, false)]).await;
        assert_eq!(scene.open(of).await, Vec::<String>::new(), "{}: a resource account", database.engine);
        scene.say(vec![member(of, AccountType::Cloud)]).await;
        assert_eq!(scene.open(of).await, ["access-keys", "enabled", "no-security-information"]);
        assert_eq!(scene.risk(of, RootUserRule::Enabled).await.version, 1, "written once");

        scene.say(vec![root(of, true, 0, false)]).await;
        assert_eq!(scene.open(of).await, ["enabled", "no-security-information"]);
        scene.say(vec![root(of, true, 2, true)]).await;
        assert_eq!(scene.open(of).await, ["access-keys", "enabled"], "one came again, one was fixed");
        let keys = scene.risk(of, RootUserRule::AccessKeys).await;
        assert_eq!((keys.reopen_count, keys.finding.detail.as_str()), (1, "Access keys in use: 2."));

        // The switch says both in one change.
        scene.say(vec![member(of, AccountType::Resource), root(of, false, 0, true)]).await;
        assert_eq!(scene.open(of).await, Vec::<String>::new());
        assert!(scene.states(of).await.values().all(|state| *state == State::Fixed));
        scene.say(vec![member(of, AccountType::Cloud), root(of, true, 0, true)]).await;
        assert_eq!(scene.open(of).await, ["enabled"]);
        // It leaves the directory, and is nobody's member.
        let alone = AccountFact { account: of.name(), r#type: AccountType::Cloud.into(), ..AccountFact::default() };
        scene.say(vec![AccessFactChange::holds(Kind::Account(alone))]).await;
        assert_eq!(scene.open(of).await, Vec::<String>::new());
        // The management account cannot be switched.
        scene.say(vec![root(account(10), true, 1, false)]).await;
        assert_eq!(scene.open(account(10)).await, Vec::<String>::new());
        let ages = store::Ages { days: &[0].into(), today: 0 };
        let counted = store::open_risks(scene.suite.db.reader(), &[of], &ages).await.unwrap();
        assert_eq!(counted[&of].by_severity(), BySeverity::default(), "the tallies are those of the risks");
        scene.running.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_restored_log_says_takes_the_place_of_what_was_known() {
    for database in databases().await {
        let scene = Scene::start(&database.url).await;
        let of = account(11);
        scene.say(vec![member(of, AccountType::Cloud), root(of, false, 0, false)]).await;
        let kept = scene.suite.delegation.log().head().await;
        scene.say(vec![root(of, true, 3, true)]).await;
        assert_eq!(scene.open(of).await, ["access-keys", "enabled"]);
        scene.suite.delegation.log().restore(kept.revision).await;
        scene.followed(scene.suite.delegation.log().head().await).await;
        assert_eq!(scene.open(of).await, ["no-security-information"], "{}", database.engine);
        scene.running.stop().await;
    }
}
