use bailiwick_api::{
    CONSISTENCY_TOKEN, decode_token,
    sase::v1::{
        BatchCreateSaseMembersRequest, CreateSaseInstanceRequest, CreateSaseMemberRequest, DeleteSaseMemberRequest,
        GetSaseMemberRequest, ListSaseMembersRequest, SaseMember, UpdateSaseMemberRequest,
        sase_instance_service_client::SaseInstanceServiceClient, sase_member_service_client::SaseMemberServiceClient,
    },
};
use bailiwick_core::authz::Reason;
use bailiwick_roster::testing::{Running, Suite, account, directory};
use bailiwick_testkit::{ManualClock, databases};
use prost_types::FieldMask;
use tokio_util::sync::CancellationToken;
use tonic::{Code, Request, Response};

use super::*;

const CREATE: &str = "/bailiwick.sase.v1.SaseMemberService/CreateSaseMember";
const BATCH: &str = "/bailiwick.sase.v1.SaseMemberService/BatchCreateSaseMembers";
const GET: &str = "/bailiwick.sase.v1.SaseMemberService/GetSaseMember";
const LIST: &str = "/bailiwick.sase.v1.SaseMemberService/ListSaseMembers";
const UPDATE: &str = "/bailiwick.sase.v1.SaseMemberService/UpdateSaseMember";
const DELETE: &str = "/bailiwick.sase.v1.SaseMemberService/DeleteSaseMember";

async fn serve(suite: &Suite) -> Running {
    let shutdown = CancellationToken::new();
    let module = build(suite.deps(shutdown.clone()), &Config::default()).await.unwrap().module;
    suite.serve(module, positions(&suite.db), shutdown).await
}

/// Activates SASE.
async fn activate(suite: &Suite) {
    let mut client = SaseInstanceServiceClient::new(suite.channel(Role::SasePolicy));
    let message = CreateSaseInstanceRequest { parent: directory(1).name(), ..Default::default() };
    let path = "/bailiwick.sase.v1.SaseInstanceService/CreateSaseInstance";
    client.create_sase_instance(request(suite, path, message)).await.unwrap();
}

fn request<M: prost::Message>(suite: &Suite, path: &'static str, message: M) -> Request<M> {
    suite.request((account(10), "alice"), path, message).unwrap()
}

fn name(member: u8) -> String {
    MEMBERS.name(directory(1), account(member))
}

fn roles<T>(response: &Response<T>) -> Vec<String> {
    let token = response.metadata().get(CONSISTENCY_TOKEN).unwrap().to_str().unwrap();
    decode_token(token).unwrap().into_iter().map(|position| position.role).collect()
}

// covers: R-SASE-01, R-SASE-07, R-SASE-08, R-SASE-09, R-SASE-10, R-SASE-11, R-SASE-12, R-SASE-13
#[tokio::test(flavor = "multi_thread")]
async fn a_member_is_added_shown_remarked_and_deleted() {
    for database in databases().await {
        let suite = Suite::new(&database.url, Arc::new(ManualClock::default()), migrations).await;
        let running = serve(&suite).await;
        activate(&suite).await;
        let mut client = SaseMemberServiceClient::new(suite.channel(Role::SasePolicy));
        let sase_member = Some(SaseMember { account: account(11).name(), remark: "shop".into(), ..Default::default() });
        let message = CreateSaseMemberRequest { parent: directory(1).name(), sase_member, request_id: String::new() };
        let created = client.create_sase_member(request(&suite, CREATE, message)).await.unwrap();
        // The gateway needs the position of `delegation` to let the next call through, this role its own.
        assert_eq!(roles(&created), ["sase-policy", "delegation"], "{}", database.engine);
        let created = created.into_inner();
        assert_eq!((&created.name, &created.account), (&name(11), &account(11).name()));
        assert_eq!((created.display_name.as_str(), created.remark.as_str()), ("member 11", "shop"));
        assert!(created.add_time.is_some() && !created.etag.is_empty());

        let accounts = vec![account(13).name(), account(12).name()];
        let message = BatchCreateSaseMembersRequest { parent: directory(1).name(), accounts, ..Default::default() };
        let added = client.batch_create_sase_members(request(&suite, BATCH, message)).await.unwrap().into_inner();
        assert_eq!(added.sase_members.iter().map(|m| &m.name).collect::<Vec<_>>(), [&name(13), &name(12)]);

        let sase_member = Some(SaseMember { name: name(11), remark: "till".into(), ..created.clone() });
        let update_mask = Some(FieldMask { paths: vec!["remark".into()] });
        let message = UpdateSaseMemberRequest { sase_member, update_mask, request_id: String::new() };
        let updated = client.update_sase_member(request(&suite, UPDATE, message)).await.unwrap().into_inner();
        let got = client.get_sase_member(request(&suite, GET, GetSaseMemberRequest { name: name(11) })).await.unwrap();
        assert_eq!(got.into_inner(), updated);
        assert_ne!(updated.etag, created.etag);

        let message = DeleteSaseMemberRequest { name: name(11), etag: updated.etag, ..Default::default() };
        let deleted = client.delete_sase_member(request(&suite, DELETE, message)).await.unwrap();
        assert_eq!(roles(&deleted), ["sase-policy", "delegation"]);
        let refused = suite.request((account(10), "alice"), GET, GetSaseMemberRequest { name: name(11) }).unwrap_err();
        assert_eq!(refused.reason, Reason::AccountNotEnrolled);
        let message = ListSaseMembersRequest { parent: directory(1).name(), page_size: 1, ..Default::default() };
        let page = client.list_sase_members(request(&suite, LIST, message)).await.unwrap().into_inner();
        assert_eq!(page.sase_members.iter().map(|m| &m.name).collect::<Vec<_>>(), [&name(12)]);
        assert!(!page.next_page_token.is_empty());
        running.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn all_that_is_wrong_with_a_request_is_named() {
    for database in databases().await {
        let suite = Suite::new(&database.url, Arc::new(ManualClock::default()), migrations).await;
        let running = serve(&suite).await;
        activate(&suite).await;
        let mut client = SaseMemberServiceClient::new(suite.channel(Role::SasePolicy));
        let sase_member =
            Some(SaseMember { account: account(11).name(), remark: "x".repeat(257), ..Default::default() });
        let message = CreateSaseMemberRequest { parent: directory(1).name(), sase_member, request_id: "1".into() };
        let refused = client.create_sase_member(request(&suite, CREATE, message)).await.unwrap_err();
        assert_eq!(refused.code(), Code::InvalidArgument, "{}", database.engine);
        let details = String::from_utf8_lossy(refused.details()).into_owned();
        assert!(details.contains("sase_member.remark") && details.contains("request_id"), "{details}");
        assert_eq!(suite.delegation.enrolled(TrustedService::Sase).await, 0);
        running.stop().await;
    }
}
