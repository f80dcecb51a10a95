//! Decisions while what decides changes.

use std::sync::{
    Arc,
    atomic::{AtomicBool, AtomicI64, Ordering},
};

use futures::future::join_all;

use super::*;
use crate::access;

/// How many times the order of the policies is changed.
fn edits() -> i64 {
    std::env::var("SASE_EDITS").ok().and_then(|text| text.parse().ok()).unwrap_or(2_000)
}

/// Of each version, the priorities of `a` and `b`: what decides takes turns.
fn priorities(version: i64) -> [(&'static str, i32); 2] {
    if version % 2 == 1 { [("a", 10), ("b", 20)] } else { [("a", 40), ("b", 30)] }
}

fn first(version: i64) -> (pb::AccessAction, &'static str) {
    if version % 2 == 1 { (pb::AccessAction::Allow, "a") } else { (pb::AccessAction::Block, "b") }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_is_compiled_once_however_many_ask() {
    for database in databases().await {
        let scene = Scene::start(&database.url).await;
        let (replica, _) = access::sase(&scene.suite.deps(CancellationToken::new()));
        for changes in 1..=5 {
            scene.policy(&format!("p{changes}"), policy(1, pb::AccessAction::Allow)).await.unwrap();
            let all = join_all((0..64).map(|_| replica.compiled(directory(1)))).await;
            assert!(all.into_iter().all(|compiled| compiled.is_ok()));
            assert_eq!(replica.compiles(), changes, "{}", database.engine);
        }
        scene.running.stop().await;
    }
}

/// Both policies are changed in one transaction, and both applications are asked about at one moment.
async fn reorder(scene: &Scene, version: i64) {
    let priorities = priorities(version)
        .map(|(id, priority)| pb::AccessPolicyPriority { access_policy: in_directory("accessPolicies", id), priority });
    let message =
        pb::ReorderAccessPoliciesRequest { parent: parent(), priorities: priorities.to_vec(), ..Default::default() };
    let request = scene.request("AccessPolicyService/ReorderAccessPolicies", message);
    scene.policies().reorder_access_policies(request).await.unwrap();
}

async fn ask(scene: &Scene) -> Vec<pb::AccessDecision> {
    let till = pb::AccessRequest { application: in_directory("applications", "till"), ..ann_to_shop() };
    let access_requests = vec![ann_to_shop(), till, ann_to_shop()];
    let message = pb::BatchEvaluateAccessRequest { parent: parent(), access_requests };
    let request = scene.request("SaseAccessService/BatchEvaluateAccess", message);
    let mut access = SaseAccessServiceClient::new(scene.channel());
    access.batch_evaluate_access(request).await.unwrap().into_inner().decisions
}

#[tokio::test(flavor = "multi_thread")]
async fn decisions_are_of_one_version_each_and_of_none_before_the_last_that_was_acknowledged() {
    for database in databases().await {
        let scene = Arc::new(Scene::start(&database.url).await);
        scene.application("till", application(12, &["web"])).await.unwrap();
        let [a, b] = priorities(1);
        scene.policy(a.0, policy(a.1, pb::AccessAction::Allow)).await.unwrap();
        scene.policy(b.0, policy(b.1, pb::AccessAction::Block)).await.unwrap();
        let (begun, acknowledged, over) = (AtomicI64::new(1), AtomicI64::new(1), AtomicBool::new(false));
        let state = Arc::new((begun, acknowledged, over));
        let decide = |scene: Arc<Scene>, state: Arc<(AtomicI64, AtomicI64, AtomicBool)>| async move {
            let (begun, acknowledged, over) = &*state;
            let mut asked = 0_u64;
            while !over.load(Ordering::SeqCst) {
                let oldest = acknowledged.load(Ordering::SeqCst);
                let decisions = ask(&scene).await;
                let newest = begun.load(Ordering::SeqCst);
                let version = decisions[0].policy_version;
                assert!((oldest..=newest).contains(&version), "{version} is not of {oldest} to {newest}");
                let (action, by) = first(version);
                for decision in decisions {
                    let told = (decision.action(), decision.decided_by, decision.policy_version);
                    assert_eq!(told, (action, in_directory("accessPolicies", by), version), "{oldest} to {newest}");
                }
                asked += 1;
            }
            asked
        };
        let deciding: Vec<_> = (0..4).map(|_| tokio::spawn(decide(scene.clone(), state.clone()))).collect();
        let (begun, acknowledged, over) = &*state;
        for version in 2..=edits() + 1 {
            begun.store(version, Ordering::SeqCst);
            reorder(&scene, version).await;
            acknowledged.store(version, Ordering::SeqCst);
        }
        over.store(true, Ordering::SeqCst);
        let asked = join_all(deciding).await.into_iter().map(|asked| asked.unwrap()).collect::<Vec<_>>();
        assert!(asked.iter().all(|asked| *asked > 0), "{}: {asked:?}", database.engine);
        Arc::into_inner(scene).unwrap().running.stop().await;
    }
}
