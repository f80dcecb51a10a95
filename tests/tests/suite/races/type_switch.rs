//! The type of an account is switched once with one code.

use serde_json::{Value, json};

use super::{Killed, Racer, race};
use crate::{
    enterprise::Enterprise,
    live::{text, user},
    patience::{call, in_time, passes, until},
};

const REQUEST: &str = "directory.v1.MemberService/RequestTypeSwitchVerification";
const SWITCH: &str = "directory.v1.MemberService/SwitchMemberType";
const RESOURCE: &str = "ACCOUNT_TYPE_RESOURCE";
const CLOUD: &str = "ACCOUNT_TYPE_CLOUD";

/// The codes that were sent to an account for a purpose.
fn codes(enterprise: &Enterprise, account: &str, purpose: &str) -> Vec<String> {
    let messages = std::fs::read_to_string(enterprise.processes.mailbox()).unwrap_or_default();
    let messages = messages.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let wanted = messages.filter(|message| message["account"] == account && message["purpose"] == purpose);
    wanted.map(|message| text(&message, "code").to_owned()).collect()
}

/// The code that a call sends.
async fn code(enterprise: &Enterprise, account: &str, purpose: &str, sending: impl Future<Output = ()>) -> String {
    let before = codes(enterprise, account, purpose).len();
    sending.await;
    until("a code is delivered", async || codes(enterprise, account, purpose).len() > before).await;
    codes(enterprise, account, purpose).pop().unwrap()
}

pub async fn two_switches(enterprise: &mut Enterprise) {
    let account = enterprise.joined("switching").await;
    let (name, member) = (account.name.clone(), enterprise.member(&account.name));
    let admin = user(&enterprise.management, "admin", &["AliyunResourceDirectoryFullAccess"]).await;
    let contact = json!({"name": format!("{name}/securityInfo"), "channel": "SECURITY_CHANNEL_EMAIL"});
    let with = |key: &str, value: &str| {
        let mut contact = contact.clone();
        contact[key] = json!(value);
        contact
    };
    let bind = "directory.v1.SecurityInfoService/ChangeSecurityContact";
    let sending = async { drop(call(&account.root, bind, with("address", "owner@example.com")).await) };
    let bound = with("verification_code", &code(enterprise, &name, "BIND_EMAIL", sending).await);
    call(&account.root, "directory.v1.SecurityInfoService/ConfirmSecurityContact", bound).await;
    let keys = json!({"parent": format!("{name}/users/root")});
    let keys = call(&account.root, "directory.v1.AccessKeyService/ListAccessKeys", keys).await;
    let key = json!({"name": keys["accessKeys"][0]["name"]});
    call(&account.root, "directory.v1.AccessKeyService/DisableAccessKey", key).await;

    for (to, killed) in
        [(RESOURCE, Killed::Nobody), (CLOUD, Killed::Nobody), (RESOURCE, Killed::Directory), (CLOUD, Killed::Directory)]
    {
        let purpose = if to == RESOURCE { "SWITCH_TO_RESOURCE_ACCOUNT" } else { "SWITCH_TO_CLOUD_ACCOUNT" };
        let request = json!({"name": member, "target_type": to});
        let requested = || admin.call(REQUEST, request.clone());
        let soon = |failure: &_| passes(failure) || failure.reason == "VERIFICATION_TOO_SOON";
        let sending = async { drop(in_time("a code is sent", requested, soon).await) };
        let code = code(enterprise, &name, purpose, sending).await;
        let request = json!({"name": member, "target_type": to, "acknowledge_risk": true, "verification_code": code});
        let racers = (0..4).map(|_| Racer::new(&admin, SWITCH, request.clone())).collect();
        let raced = race(enterprise, killed, racers).await;
        let won = raced.won(SWITCH, &["MEMBER_TYPE_MISMATCH"]);
        assert_eq!(won, 1, "{:?}", raced.outcomes());
        assert_eq!(text(raced.winner().1, "type"), to);
        let stands = enterprise.get_member(&name).await.unwrap();
        assert_eq!((text(&stands, "type"), stands["rootUserEnabled"].as_bool()), (to, Some(to == CLOUD)));
    }
}
