//! Phone numbers and e-mail addresses of accounts, and the codes that make them count.

use serde_json::{Value, json};
use tonic::Code;

use crate::{
    client::Client,
    live::{Databases, Suite, create_member, enable_directory, join, register, text, user},
};

const GET: &str = "directory.v1.SecurityInfoService/GetSecurityInfo";
const CHANGE: &str = "directory.v1.SecurityInfoService/ChangeSecurityContact";
const RESEND: &str = "directory.v1.SecurityInfoService/ResendSecurityContact";
const CONFIRM: &str = "directory.v1.SecurityInfoService/ConfirmSecurityContact";
const CANCEL: &str = "directory.v1.SecurityInfoService/CancelSecurityContact";
const GET_MEMBER: &str = "directory.v1.SecurityInfoService/GetMemberSecurityInfo";
const CHANGE_MEMBER: &str = "directory.v1.SecurityInfoService/ChangeMemberContact";
const RESEND_MEMBER: &str = "directory.v1.SecurityInfoService/ResendMemberContact";
const CONFIRM_MEMBER: &str = "directory.v1.SecurityInfoService/ConfirmMemberContact";
const CANCEL_MEMBER: &str = "directory.v1.SecurityInfoService/CancelMemberContact";

const EMAIL: &str = "SECURITY_CHANNEL_EMAIL";
const PHONE: &str = "SECURITY_CHANNEL_PHONE";

fn change(name: &str, channel: &str, address: &str) -> Value {
    json!({"name": name, "channel": channel, "address": address})
}

fn confirm(name: &str, channel: &str, code: &str) -> Value {
    json!({"name": name, "channel": channel, "verification_code": code})
}

/// Gives an account an e-mail address; `owner` is one of its identities.
pub(super) async fn bind_email(suite: &Suite, owner: &Client, account: &str) -> String {
    let name = format!("{account}/securityInfo");
    owner.call(CHANGE, change(&name, EMAIL, "owner@example.com")).await.unwrap();
    let code = suite.code(account, "BIND_EMAIL").await;
    owner.call(CONFIRM, confirm(&name, EMAIL, &code)).await.unwrap();
    code
}

/// covers: R-DIR-21, E-DIR-24
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_new_address_counts_when_its_code_comes_back() {
    let suite = Suite::start(Databases::Sqlite).await;
    let operator = suite.operator().await;
    let account = register(&operator, "account", "Example").await;
    let stranger = register(&operator, "stranger", "Other").await;
    let bare = user(&account, "bare", &[]).await;
    let name = format!("{}/securityInfo", account.name);
    let asked = change(&name, EMAIL, "owner@example.com");

    for (client, reason) in [(&bare, "ACTION_NOT_ALLOWED"), (&stranger.root, "RESOURCE_NOT_FOUND")] {
        assert_eq!(client.refused(CHANGE, asked.clone()).await.reason, reason);
        assert_eq!(client.refused(GET, json!({"name": name})).await.reason, reason);
        for method in [RESEND, CANCEL, CONFIRM] {
            assert_eq!(client.refused(method, json!({"name": name, "channel": EMAIL})).await.reason, reason);
        }
    }
    for (channel, address, field) in [
        (EMAIL, "no address", "address"),
        (PHONE, "030123456", "address"),
        ("SECURITY_CHANNEL_UNSPECIFIED", "", "channel"),
    ] {
        let bad = account.root.refused(CHANGE, change(&name, channel, address)).await;
        assert_eq!((bad.code, bad.fields), (Code::InvalidArgument, vec![field.to_owned()]), "{address}");
    }
    let nothing = account.root.refused(RESEND, json!({"name": name, "channel": EMAIL})).await;
    assert_eq!((nothing.code, &*nothing.reason), (Code::FailedPrecondition, "CONTACT_CHANGE_NOT_PENDING"));

    let waiting = account.root.call(CHANGE, asked).await.unwrap();
    assert_eq!(text(&waiting, "email"), "", "it does not count yet");
    assert_eq!(text(&waiting["changes"][0], "address"), "o***@example.com");
    assert_eq!(text(&waiting["changes"][0], "state"), "CONTACT_CHANGE_STATE_WAIT_MODIFY");
    let soon = account.root.refused(RESEND, json!({"name": name, "channel": EMAIL})).await;
    assert_eq!((soon.code, &*soon.reason), (Code::ResourceExhausted, "VERIFICATION_TOO_SOON"));
    let code = suite.code(&account.name, "BIND_EMAIL").await;
    let wrong = account.root.refused(CONFIRM, confirm(&name, EMAIL, "none")).await;
    assert_eq!((wrong.code, &*wrong.reason), (Code::FailedPrecondition, "VERIFICATION_CODE_INVALID"));
    assert_eq!(wrong.metadata["attempts_left"], "4");
    let confirmed = account.root.call(CONFIRM, confirm(&name, EMAIL, &code)).await.unwrap();
    assert_eq!(text(&confirmed, "email"), "o***@example.com");
    assert_eq!(text(&confirmed["changes"][0], "state"), "CONTACT_CHANGE_STATE_CONFIRMED");
    let again = account.root.refused(CONFIRM, confirm(&name, EMAIL, &code)).await;
    assert_eq!((&*again.reason, &*again.metadata["state"]), ("CONTACT_CHANGE_NOT_PENDING", "CONFIRMED"));

    account.root.call(CHANGE, change(&name, PHONE, "+4930123456")).await.unwrap();
    let code = suite.code(&account.name, "BIND_PHONE").await;
    let cancelled = account.root.call(CANCEL, json!({"name": name, "channel": PHONE})).await.unwrap();
    assert_eq!(text(&cancelled["changes"][0], "state"), "CONTACT_CHANGE_STATE_CANCELLED");
    for (method, request) in
        [(CONFIRM, confirm(&name, PHONE, &code)), (RESEND, json!({"name": name, "channel": PHONE}))]
    {
        let refused = account.root.refused(method, request).await;
        assert_eq!((&*refused.reason, &*refused.metadata["state"]), ("CONTACT_CHANGE_NOT_PENDING", "CANCELLED"));
    }
    let read = account.root.call(GET, json!({"name": name})).await.unwrap();
    assert_eq!((text(&read, "phone"), text(&read, "email")), ("", "o***@example.com"));

    // The trail tells its tenant what was changed, and nobody a code.
    let trail = json!({"parent": account.name, "filter": "method:SecurityInfoService"});
    let trail = account.root.call("audit.v1.AuditService/ListAccountAuditEntries", trail).await.unwrap().to_string();
    assert!(trail.contains("ConfirmSecurityContact"), "{trail}");
    assert!(!trail.contains(&code), "{trail}");
    suite.stop().await;
}

/// covers: E-DIR-23, E-DIR-24
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_management_account_sees_to_resource_accounts() {
    let suite = Suite::start(Databases::Sqlite).await;
    let operator = suite.operator().await;
    let management = register(&operator, "management", "Example").await;
    let directory = enable_directory(&management).await;
    let admin = user(&management, "admin", &["AliyunResourceDirectoryFullAccess"]).await;
    let bare = user(&management, "bare", &[]).await;
    let cloud = register(&operator, "cloud", "Example").await;
    join(&management, &directory, &cloud).await;
    let stranger = register(&operator, "stranger", "Other").await;
    let created = create_member(&management, &directory, "created").await;
    let name = format!("{directory}/members/{}", created.trim_start_matches("accounts/"));

    for (client, reason) in
        [(&bare, "ACTION_NOT_ALLOWED"), (&cloud.root, "SEAT_REQUIRED"), (&stranger.root, "RESOURCE_NOT_FOUND")]
    {
        assert_eq!(client.refused(GET_MEMBER, json!({"name": name})).await.reason, reason);
        for method in [CHANGE_MEMBER, RESEND_MEMBER, CONFIRM_MEMBER, CANCEL_MEMBER] {
            let request = json!({"name": name, "channel": PHONE});
            assert_eq!(client.refused(method, request).await.reason, reason, "{method}");
        }
    }
    let of_cloud = format!("{directory}/members/{}", cloud.id());
    let refused = admin.refused(CHANGE_MEMBER, change(&of_cloud, PHONE, "+4930123456")).await;
    assert_eq!((refused.code, &*refused.reason), (Code::FailedPrecondition, "MEMBER_TYPE_MISMATCH"));
    admin.call(GET_MEMBER, json!({"name": of_cloud})).await.unwrap();

    admin.call(CHANGE_MEMBER, change(&name, PHONE, "+4930123456")).await.unwrap();
    let code = suite.code(&created, "BIND_PHONE").await;
    let other = management.root.refused(CONFIRM_MEMBER, confirm(&name, PHONE, &code)).await;
    assert_eq!(other.reason, "VERIFICATION_CODE_INVALID", "the code is for who asked for it");
    let confirmed = admin.call(CONFIRM_MEMBER, confirm(&name, PHONE, &code)).await.unwrap();
    assert_eq!(text(&confirmed, "phone"), "+49******56");
    let again = admin.refused(CHANGE_MEMBER, change(&name, PHONE, "+4930999999")).await;
    assert_eq!((again.code, &*again.reason), (Code::FailedPrecondition, "PHONE_ALREADY_BOUND"));
    admin.call(CHANGE_MEMBER, change(&name, EMAIL, "owner@example.com")).await.unwrap();
    let cancelled = admin.call(CANCEL_MEMBER, json!({"name": name, "channel": EMAIL})).await.unwrap();
    assert_eq!(text(&cancelled["changes"][1], "state"), "CONTACT_CHANGE_STATE_CANCELLED");
    suite.stop().await;
}
