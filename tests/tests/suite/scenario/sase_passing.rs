//! What time does to decisions and blocks: processes whose stored times are moved back.

use bailiwick_core::{Clock, Role, SystemClock};
use serde_json::json;

use super::sase::{
    ADD, CREATE_APPLICATION, CREATE_BLOCK, CREATE_INSTANCE, CREATE_POLICY, CREATE_USER, DECISIONS, ENABLE, EVALUATE,
};
use crate::{
    live::{Databases, create_member, enable_directory, register, text},
    patience::{call, until},
    processes::Processes,
};

const DAY_US: i64 = 86_400_000_000;
const GET_BLOCK: &str = "sase.v1.AccessBlockService/GetAccessBlock";

async fn time_passes(databases: Databases) {
    let mut processes = Processes::start(databases).await;
    let operator = processes.seeing_operator().await;
    let management = register(&operator, "management", "Example").await;
    let directory = enable_directory(&management).await;
    let root = &management.root;
    root.call(ENABLE, json!({"name": format!("{directory}/trustedServices/sase")})).await.unwrap();
    let member = create_member(&management, &directory, "member").await;
    let settings = json!({"decision_retention_days": 5});
    root.call(CREATE_INSTANCE, json!({"parent": directory, "sase_instance": settings})).await.unwrap();
    call(root, ADD, json!({"parent": directory, "accounts": [member]})).await;
    let shop = json!({"display_name": "shop", "account": member, "hosts": ["shop.example"], "ports": [{"first": 443}],
        "protocol": "APPLICATION_PROTOCOL_HTTP", "tags": ["web"]});
    let create = json!({"parent": directory, "application_id": "shop", "application": shop});
    root.call(CREATE_APPLICATION, create).await.unwrap();
    let create = json!({"parent": directory, "sase_user_id": "ann", "sase_user": {"display_name": "ann"}});
    root.call(CREATE_USER, create).await.unwrap();
    let policy = json!({"display_name": "allow", "priority": 1, "action": "ACCESS_ACTION_ALLOW", "enabled": true,
        "subjects": {"all_users": true}, "targets": {"tags": ["web"]}, "members": {"all": true}});
    let create = json!({"parent": directory, "access_policy_id": "allow", "access_policy": policy});
    root.call(CREATE_POLICY, create).await.unwrap();
    let user = format!("{directory}/saseUsers/ann");
    let asked = json!({"parent": directory, "access_request":
        {"sase_user": user, "application": format!("{directory}/applications/shop")}});
    let block = json!({"sase_user": user, "reason": "alert", "expire_time": "2099-01-01T00:00:00Z"});
    let create = json!({"parent": directory, "access_block_id": "alert", "access_block": block});
    root.call(CREATE_BLOCK, create).await.unwrap();
    assert_eq!(text(&call(root, EVALUATE, asked.clone()).await, "action"), "ACCESS_ACTION_BLOCK");

    // Six days pass; the block ended in the first of them.
    let earlier = format!("UPDATE sase_decisions SET time_us = time_us - {}", 6 * DAY_US);
    processes.change_rows(Role::SasePolicy, &earlier).await;
    let since = jiff::Timestamp::from_second(SystemClock.now().as_seconds() - 20 * 86_400).unwrap().to_string();
    let blocked = json!({"parent": directory, "action": "ACCESS_ACTION_BLOCK", "start_time": since});
    let logged = async || {
        let log = call(root, DECISIONS, blocked.clone()).await;
        log["decisions"].as_array().map(Vec::len).unwrap_or_default()
    };
    assert_eq!(logged().await, 1);
    let ended = "UPDATE sase_resources SET body = REPLACE(REPLACE(body, '4070908800', '1000000000'), '2099-01-01', \
                 '2001-09-09') WHERE id = 'alert'";
    processes.change_rows(Role::SasePolicy, ended).await;
    processes.kill_and_restart(Role::SasePolicy);
    let block = json!({"name": format!("{directory}/accessBlocks/alert")});
    let removed = async || root.call(GET_BLOCK, block.clone()).await.is_err_and(|e| e.reason == "RESOURCE_NOT_FOUND");
    until("the block is removed", removed).await;
    let decision = call(root, EVALUATE, asked).await;
    assert_eq!(text(&decision, "action"), "ACCESS_ACTION_ALLOW", "the block has ended");
    until("decisions are removed after their retention", async || logged().await == 0).await;
    let allowed = json!({"parent": directory, "action": "ACCESS_ACTION_ALLOW"});
    assert_eq!(call(root, DECISIONS, allowed).await["decisions"].as_array().unwrap().len(), 1, "the new one stays");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn decisions_and_expired_blocks_are_removed_in_time_on_sqlite() {
    time_passes(Databases::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn decisions_and_expired_blocks_are_removed_in_time_on_postgresql() {
    time_passes(Databases::Postgres).await;
}
