//! What every method keeps to: request ids, etags, page tokens, consistency tokens, clear errors.

use bailiwick_api::CONSISTENCY_TOKEN;
use serde_json::json;
use tonic::Code;

use crate::live::{Databases, Suite, create_member, enable_directory, enable_service, register, text};

const CREATE_MEMBER: &str = "directory.v1.MemberService/CreateMember";
const LIST_MEMBERS: &str = "directory.v1.MemberService/ListMembers";
const UPDATE: &str = "sase.v1.SaseMemberService/UpdateSaseMember";

/// covers: E-GW-06, E-GW-07, E-GW-08
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn repeats_stale_etags_and_foreign_page_tokens_are_told_apart() {
    for databases in [Databases::Sqlite, Databases::Postgres] {
        let suite = Suite::start(databases).await;
        let operator = suite.operator().await;
        let management = register(&operator, "management", "Example").await;
        let root = &management.root;
        let directory = enable_directory(&management).await;

        let id = "6f1c1dd6-3c9b-4a86-9d3c-0f3c1f6a2b7e";
        let request = |name: &str| json!({"parent": directory, "member": {"display_name": name}, "request_id": id});
        let first = root.call(CREATE_MEMBER, request("member-a")).await.unwrap();
        assert_eq!(
            root.call(CREATE_MEMBER, request("member-a")).await.unwrap(),
            first,
            "a repeat gets the first result"
        );
        let other = root.refused(CREATE_MEMBER, request("member-b")).await;
        assert_eq!((other.code, &*other.reason), (Code::InvalidArgument, "REQUEST_ID_REUSED"));
        let malformed = json!({"parent": directory, "member": {"display_name": "member-c"}, "request_id": "x"});
        assert_eq!(root.refused(CREATE_MEMBER, malformed).await.fields, ["request_id"]);

        enable_service(&management, &directory, "sase").await;
        let add = json!({"parent": directory, "sase_member": {"account": first["account"]}});
        let entry = root.call("sase.v1.SaseMemberService/CreateSaseMember", add).await.unwrap();
        let update = |etag: &str, remark: &str| json!({"sase_member": {"name": entry["name"], "etag": etag, "remark": remark}, "update_mask": "remark"});
        root.call(UPDATE, update(text(&entry, "etag"), "one")).await.unwrap();
        let stale = root.refused(UPDATE, update(text(&entry, "etag"), "two")).await;
        assert_eq!((stale.code, &*stale.reason), (Code::Aborted, "ETAG_MISMATCH"));

        create_member(&management, &directory, "member-d").await;
        let page = root.call(LIST_MEMBERS, json!({"parent": directory, "page_size": 1})).await.unwrap();
        let token = text(&page, "nextPageToken").to_owned();
        root.call(LIST_MEMBERS, json!({"parent": directory, "page_token": token})).await.unwrap();
        let elsewhere = json!({"parent": directory, "page_token": token});
        let refused = root.refused("directory.v1.InvitationService/ListInvitations", elsewhere).await;
        assert_eq!((refused.code, &*refused.reason), (Code::InvalidArgument, "PAGE_TOKEN_INVALID"));
        let negative = root.refused(LIST_MEMBERS, json!({"parent": directory, "page_size": -1})).await;
        assert_eq!(negative.fields, ["page_size"]);
        suite.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn mutations_return_a_token_that_reads_are_answered_at_and_foreign_ones_are_refused() {
    let suite = Suite::start(Databases::Sqlite).await;
    let operator = suite.operator().await;
    let management = register(&operator, "management", "Example").await;
    let directory = enable_directory(&management).await;
    let pool = prost_reflect::DescriptorPool::decode(bailiwick_api::DESCRIPTORS).unwrap();
    let encode = |message: &str, value| {
        let descriptor = pool.get_message_by_name(message).unwrap();
        let message = prost_reflect::DynamicMessage::deserialize(descriptor, value).unwrap();
        prost_reflect::prost::Message::encode_to_vec(&message)
    };
    let create = encode(
        "bailiwick.directory.v1.CreateMemberRequest",
        json!({"parent": directory, "member": {"display_name": "member"}}),
    );
    let path = "/bailiwick.directory.v1.MemberService/CreateMember";
    let (_, metadata) = management.root.raw(path, create, &[]).await.unwrap();
    let token = metadata.get(CONSISTENCY_TOKEN).unwrap().to_str().unwrap().to_owned();
    assert!(metadata.get("bailiwick-request-id").is_some());

    let list = encode("bailiwick.directory.v1.ListMembersRequest", json!({"parent": directory}));
    let path = "/bailiwick.directory.v1.MemberService/ListMembers";
    management.root.raw(path, list.clone(), &[(CONSISTENCY_TOKEN, token.clone())]).await.unwrap();
    let garbage = management.root.raw(path, list.clone(), &[(CONSISTENCY_TOKEN, "garbage".to_owned())]).await;
    assert_eq!(garbage.unwrap_err().code(), Code::InvalidArgument);
    let mut positions = bailiwick_api::decode_token(&token).unwrap();
    positions[0].epoch = "of another database".to_owned();
    let foreign = bailiwick_api::encode_token(positions.clone());
    let refused = management.root.raw(path, list.clone(), &[(CONSISTENCY_TOKEN, foreign)]).await.unwrap_err();
    assert_eq!(refused.code(), Code::InvalidArgument);
    let mut positions = bailiwick_api::decode_token(&token).unwrap();
    positions[0].revision += 1_000_000;
    let ahead = bailiwick_api::encode_token(positions);
    let refused = management.root.raw(path, list, &[(CONSISTENCY_TOKEN, ahead)]).await.unwrap_err();
    assert_ne!(refused.code(), Code::Ok);
    assert_ne!(refused.code(), Code::PermissionDenied);
    suite.stop().await;
}
