use bailiwick_api::{
    CONSISTENCY_TOKEN, decode_token,
    directory::v1::{
        self as pb, claim_service_server::ClaimService, member_service_server::MemberService,
        policy_service_server::PolicyService, token_service_server::TokenService,
    },
};
use tonic::{Code, Request, Status};
use tonic_types::StatusExt;

use super::*;
use crate::grpc::Grpc;

pub(super) fn request<T>(call: &Call, message: T) -> Request<T> {
    let mut request = Request::new(message);
    request.extensions_mut().insert(call.clone());
    request
}

pub(super) fn reason(status: &Status) -> String {
    status.get_details_error_info().map(|info| info.reason).unwrap_or_default()
}

// covers: E-GW-06, E-DIR-03
#[tokio::test]
async fn requests_are_checked_and_answers_carry_their_position() {
    for world in worlds_with(Limits { members_max: 1, ..Limits::default() }).await {
        let (by, directory) = world.directory("Acme").await;
        let call = world.root(by, "MemberService/CreateMember", &directory.name()).await;
        let grpc = Grpc::new(world.app.clone());
        let create = |display_name: &str, request_id: &str| {
            let message = pb::CreateMemberRequest {
                parent: directory.name(),
                member: Some(pb::Member { display_name: display_name.to_owned(), ..Default::default() }),
                request_id: request_id.to_owned(),
                ..Default::default()
            };
            grpc.create_member(request(&call, message))
        };
        let status = create("x", "7").await.unwrap_err();
        let fields = status.get_details_bad_request().unwrap().field_violations;
        let fields: Vec<_> = fields.iter().map(|violation| violation.field.as_str()).collect();
        assert_eq!((status.code(), fields), (Code::InvalidArgument, vec!["request_id", "member.display_name"]));
        let id = "0b8fba4e-7d1c-4f53-9c3a-08cc5b4f5a5f";
        let made = create("payments", id).await.unwrap();
        let token = made.metadata().get(CONSISTENCY_TOKEN).unwrap().to_str().unwrap();
        let positions = decode_token(token).unwrap();
        assert_eq!(positions[0].role, "directory");
        assert_eq!(positions[0].revision, world.app.db.head().await.unwrap().revision, "{}", world.engine);
        assert_eq!(create("payments", id).await.unwrap().into_inner(), made.into_inner());
        let reused = create("other name", id).await.unwrap_err();
        assert_eq!((reused.code(), reason(&reused).as_str()), (Code::InvalidArgument, "REQUEST_ID_REUSED"));
        let full = create("other name", "").await.unwrap_err();
        assert_eq!((full.code(), reason(&full).as_str()), (Code::ResourceExhausted, "MEMBER_QUOTA_EXCEEDED"));
        assert!(full.get_details_quota_failure().is_some());
    }
}

#[tokio::test]
async fn malformed_names_are_refused_before_the_database_sees_them() {
    for world in worlds().await {
        let id = world.account("main", None).await;
        let grpc = Grpc::new(world.app.clone());
        let user = format!("{}/users/a\0b", id.name());
        let call = world.root(id, "PolicyService/AttachPolicy", &user).await;
        let attach = |user: String, policy: String| {
            let message = pb::AttachPolicyRequest { target: user, policy, request_id: String::new() };
            grpc.attach_policy(request(&call, message))
        };
        let policy = format!("{}/policies/AliyunRAMFullAccess", id.name());
        let status = attach(user, policy).await.unwrap_err();
        assert_eq!((status.code(), reason(&status).as_str()), (Code::InvalidArgument, "INVALID_FIELD"));
        let other = "accounts/1000000000000001/policies/AliyunRAMFullAccess".to_owned();
        let status = attach(format!("{}/users/alice", id.name()), other).await.unwrap_err();
        assert_eq!(reason(&status), "INVALID_FIELD", "{}", world.engine);
        let missing = pb::CreateTokenRequest::default();
        let status = grpc.create_token(request(&call, missing)).await.unwrap_err();
        assert_eq!(reason(&status), "INVALID_FIELD");
    }
}

#[tokio::test]
async fn claims_are_asked_for_with_roles_of_the_service_only() {
    for world in worlds().await {
        let (by, directory) = world.directory("Acme").await;
        let member = world.member(by, directory, "payments").await.unwrap().membership;
        let grpc = Grpc::new(world.app.clone());
        let call = world.service_call("ClaimService/PlaceClaims", directory).await;
        let sound = pb::PlaceClaimsRequest {
            directory: directory.name(),
            accounts: vec![member.account.name()],
            trusted_service: "sase".to_owned(),
            kind: "enrolment".to_owned(),
            strength: pb::ClaimStrength::Informative.into(),
            service_linked_roles: vec!["AliyunServiceRoleForCsas".to_owned()],
        };
        let placed = grpc.place_claims(request(&call, sound.clone())).await.unwrap().into_inner();
        assert_eq!(placed.memberships[0].incarnation, member.incarnation, "{}", world.engine);
        let wrong = [
            pb::PlaceClaimsRequest {
                service_linked_roles: vec!["AliyunServiceRoleForSas".to_owned()],
                ..sound.clone()
            },
            pb::PlaceClaimsRequest { accounts: Vec::new(), ..sound.clone() },
            pb::PlaceClaimsRequest { accounts: vec![member.account.name(); 2], ..sound.clone() },
            pb::PlaceClaimsRequest { strength: 0, ..sound.clone() },
            pb::PlaceClaimsRequest { kind: "other".to_owned(), ..sound.clone() },
        ];
        for message in wrong {
            let status = grpc.place_claims(request(&call, message)).await.unwrap_err();
            assert_eq!(reason(&status), "INVALID_FIELD");
        }
        let unknown = pb::PlaceClaimsRequest { trusted_service: "nope".to_owned(), ..sound };
        let status = grpc.place_claims(request(&call, unknown)).await.unwrap_err();
        assert_eq!(reason(&status), "UNKNOWN_TRUSTED_SERVICE");
    }
}
