//! What comes with time, and while Security Center is down: processes whose stored times are moved back.

use bailiwick_core::{Clock, Role, SystemClock};
use serde_json::json;
use tonic::Code;

use crate::{
    live::{Account, Databases, create_member, enable_directory, enable_service, enrol, register, subscribe, text},
    patience::{call, until},
    processes::Processes,
};

const SUBSCRIPTION: &str = "securitycenter.v1.SubscriptionService/GetSubscription";
const SET: &str = "securitycenter.v1.MultiAccountService/UpdateMultiAccount";
const LIST: &str = "securitycenter.v1.MonitoredAccountService/ListMonitoredAccounts";
const SCORES: &str = "securitycenter.v1.SecurityScoreService/ListSecurityScores";
const DAY_US: i64 = 86_400_000_000;

/// A directory whose management account has the feature, and a member in the control list.
struct Scene {
    processes: Processes,
    management: Account,
    directory: String,
    member: String,
}

impl Scene {
    async fn start(databases: Databases) -> Self {
        let processes = Processes::start(databases).await;
        let operator = processes.seeing_operator().await;
        let management = register(&operator, "management", "Example").await;
        let directory = enable_directory(&management).await;
        for service in ["security-center", "sase", "bastionhost"] {
            enable_service(&management, &directory, service).await;
        }
        subscribe(&management).await;
        let member = create_member(&management, &directory, "member").await;
        enrol(&management, &directory, &[&member]).await;
        Self { processes, management, directory, member }
    }

    async fn listed(&self) -> Vec<String> {
        let page = call(&self.management.root, LIST, json!({"parent": self.directory})).await;
        let entries = page["monitoredAccounts"].as_array().unwrap();
        let mut accounts: Vec<_> = entries.iter().map(|entry| text(entry, "account").to_owned()).collect();
        accounts.sort();
        accounts
    }

    /// Who is created while nobody is there to add it is added once somebody is, once.
    async fn members_are_added_after_an_outage(&mut self) {
        let (root, directory) = (&self.management.root, &self.directory);
        let feature = json!({"name": format!("{directory}/multiAccount"), "auto_add": "AUTO_ADD_NEW"});
        root.call(SET, json!({"multi_account": feature, "update_mask": "autoAdd"})).await.unwrap();
        self.processes.kill(Role::SecurityCenter);
        let mut expected = vec![self.member.clone()];
        for name in ["while-down-1", "while-down-2", "while-down-3"] {
            expected.push(create_member(&self.management, directory, name).await);
        }
        expected.sort();
        self.processes.start_role(Role::SecurityCenter);
        until("they are in the list", async || self.listed().await == expected).await;
        self.processes.kill_and_restart(Role::SecurityCenter);
        until("they are in it once", async || self.listed().await == expected).await;
    }

    /// The score of yesterday is what was stored of it, that of today is as it is now.
    async fn scores_are_kept_by_day(&self) {
        let parent = json!({"parent": self.member});
        let days = async || {
            // A row of today, as soon as there is one, is one of yesterday.
            let today = SystemClock.now().as_seconds() / 86_400;
            let yesterday = format!(
                "UPDATE score_days SET day = day - 1 WHERE day = {today} AND NOT EXISTS \
                (SELECT 1 FROM score_days d WHERE d.account = score_days.account AND d.day < {today})"
            );
            self.processes.change_rows(Role::SecurityCenter, &yesterday).await;
            let page = call(&self.management.root, SCORES, parent.clone()).await;
            let days = page["dailyScores"].as_array().unwrap().clone();
            days.iter().map(|day| (text(day, "date").to_owned(), day["score"].clone())).collect::<Vec<_>>()
        };
        until("there is a score of yesterday", async || days().await.len() > 1).await;
        let days = days().await;
        assert!(days.windows(2).all(|pair| pair[0].0 > pair[1].0), "the newest first: {days:?}");
        assert!(days.iter().all(|(_, score)| *score == json!(100)), "{days:?}");
    }

    /// After the end of the period everything goes on for seven days, then the edition is Basic.
    async fn editions_end_after_their_grace(&self) {
        let root = &self.management.root;
        let name = json!({"name": format!("{}/subscription", self.management.name)});
        let held = call(root, SUBSCRIPTION, name.clone()).await;
        assert_eq!(text(&held, "state"), "SUBSCRIPTION_STATE_ACTIVE");
        // Bought for 12 months of 30 days.
        for (days, state, edition) in [
            (361, "SUBSCRIPTION_STATE_GRACE", "EDITION_ULTIMATE"),
            (5, "SUBSCRIPTION_STATE_GRACE", "EDITION_ULTIMATE"),
            (2, "SUBSCRIPTION_STATE_EXPIRED", "EDITION_BASIC"),
        ] {
            let by = days * DAY_US;
            let earlier = format!("UPDATE subscriptions SET start_us = start_us - {by}, expire_us = expire_us - {by}");
            self.processes.change_rows(Role::SecurityCenter, &earlier).await;
            let held = call(root, SUBSCRIPTION, name.clone()).await;
            assert_eq!((text(&held, "state"), text(&held, "edition")), (state, edition));
            let open = root.call(LIST, json!({"parent": self.directory})).await;
            match state {
                "SUBSCRIPTION_STATE_GRACE" => drop(open.unwrap()),
                _ => {
                    let closed = open.unwrap_err();
                    let expected = (Code::FailedPrecondition, "EDITION_NOT_SUPPORTED");
                    assert_eq!((closed.code, &*closed.reason), expected);
                }
            }
        }
        subscribe(&self.management).await;
        assert!(!self.listed().await.is_empty(), "the list was kept");
    }
}

async fn time_passes(databases: Databases) {
    let mut scene = Scene::start(databases).await;
    scene.members_are_added_after_an_outage().await;
    scene.scores_are_kept_by_day().await;
    scene.editions_end_after_their_grace().await;
}

/// covers: R-SC-13, E-SC-07, E-SC-09
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn security_center_keeps_what_time_and_outages_bring_on_sqlite() {
    time_passes(Databases::Sqlite).await;
}

/// covers: R-SC-13, E-SC-07, E-SC-09
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn security_center_keeps_what_time_and_outages_bring_on_postgresql() {
    time_passes(Databases::Postgres).await;
}
