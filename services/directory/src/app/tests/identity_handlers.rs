use bailiwick_api::directory::v1::{
    self as pb, group_service_server::GroupService, policy_service_server::PolicyService,
    role_service_server::RoleService,
};
use tonic::Code;
use tonic_types::StatusExt;

use super::{
    handlers::{reason, request},
    *,
};
use crate::grpc::Grpc;

#[tokio::test]
async fn each_mistake_of_a_document_is_a_violation_with_its_place() {
    for world in worlds().await {
        let id = world.account("main", None).await;
        let call = world.root(id, "PolicyService/CreatePolicy", &id.name()).await;
        let grpc = Grpc::new(world.app.clone());
        let create = |document: &str| {
            let policy = pb::Policy { document: document.to_owned(), ..Default::default() };
            let (parent, policy_id) = (id.name(), "auditors".to_owned());
            let message = pb::CreatePolicyRequest { parent, policy_id, policy: Some(policy), ..Default::default() };
            grpc.create_policy(request(&call, message))
        };
        let wrong = r#"{"Version":"1","Statement":[{"Effect":"Permit","Action":"ram:*"}]}"#;
        let status = create(wrong).await.unwrap_err();
        let violations = status.get_details_bad_request().unwrap().field_violations;
        assert!(violations.iter().all(|violation| violation.field == "policy.document"), "{}", world.engine);
        let places = ["Statement[0].Effect: ", "Statement[0]: "];
        for (violation, place) in violations.iter().zip(places) {
            assert!(violation.description.starts_with(place), "{violation:?}");
        }
        assert_eq!(violations.len(), places.len());
        let made = create(&document(1)).await.unwrap().into_inner();
        assert_eq!((made.default_version.as_str(), made.document), ("v1", document(1)));
        assert_eq!(reason(&create(&document(1)).await.unwrap_err()), "RESOURCE_EXISTS");
    }
}

#[tokio::test]
async fn quotas_are_told_and_names_of_other_accounts_are_refused() {
    let identities = IdentityLimits { groups_max: 0, ..IdentityLimits::default() };
    for world in worlds_with(Limits { identities, ..Limits::default() }).await {
        let id = world.account("main", None).await;
        let grpc = Grpc::new(world.app.clone());
        let call = world.root(id, "GroupService/CreateGroup", &id.name()).await;
        let (parent, group_id) = (id.name(), "clerks".to_owned());
        let message = pb::CreateGroupRequest { parent, group_id, ..Default::default() };
        let full = grpc.create_group(request(&call, message)).await.unwrap_err();
        assert_eq!((full.code(), reason(&full).as_str()), (Code::ResourceExhausted, "IDENTITY_QUOTA_EXCEEDED"));
        let quota = full.get_details_quota_failure().unwrap().violations;
        assert_eq!(quota[0].subject, "groups of the account", "{}", world.engine);
        let message = pb::AddGroupMemberRequest {
            group: format!("{}/groups/clerks", id.name()),
            user: "accounts/1000000000000001/users/alice".to_owned(),
            request_id: String::new(),
        };
        let foreign = grpc.add_group_member(request(&call, message)).await.unwrap_err();
        assert_eq!(foreign.get_details_bad_request().unwrap().field_violations[0].field, "user");
        let role = format!("{}/roles/auditor", id.name());
        let message = pb::ListGroupMembersRequest { parent: role.clone(), ..Default::default() };
        let role_members = grpc.list_group_members(request(&call, message)).await.unwrap_err();
        assert_eq!(role_members.get_details_bad_request().unwrap().field_violations[0].field, "parent");
        let masked = pb::UpdateRoleRequest {
            role: Some(pb::Role { name: role, ..Default::default() }),
            update_mask: Some(prost_types::FieldMask { paths: vec!["trust_policy".to_owned()] }),
            ..Default::default()
        };
        let emptied = grpc.update_role(request(&call, masked)).await.unwrap_err();
        let violations = emptied.get_details_bad_request().unwrap().field_violations;
        assert_eq!(violations[0].field, "role.trust_policy", "a role keeps a trust policy: {}", world.engine);
    }
}
