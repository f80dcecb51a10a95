//! Requests of SASE. Nothing that they name is there, and nothing is made: ids of capital letters are none.

use serde_json::{Value, json};

use super::requests::missing;

/// The request of a method of `sase.v1` other than those of the member list; `member` is in that list.
pub(super) fn request(method: &str, rpc: &str, directory: &str, member: &str) -> Value {
    let name = |collection: &str| format!("{directory}/{collection}/NONE");
    let parent = json!({"parent": directory});
    let asked = json!({"sase_user": name("saseUsers"), "application": name("applications")});
    match rpc {
        "CreateSaseInstance"
        | "ListApplications"
        | "ListSaseUsers"
        | "ListUserGroups"
        | "ListDevices"
        | "ListAccessPolicies"
        | "ListAccessBlocks"
        | "ListAccessDecisions"
        | "ListSaseAuditEntries"
        | "ListSaseIdentityProviders"
        | "ListEnforcementPoints"
        | "CreateSaseIdentityProvider"
        | "CreateEnforcementPoint" => parent,
        "GetSaseIdentityProvider" | "DeleteSaseIdentityProvider" => json!({"name": name("saseIdentityProviders")}),
        "UpdateSaseIdentityProvider" => json!({"sase_identity_provider": {"name": name("saseIdentityProviders")}}),
        "GetEnforcementPoint" | "DeleteEnforcementPoint" | "RotateEnforcementPointCredential" => {
            json!({"name": name("enforcementPoints")})
        }
        "GetSaseInstance" => json!({"name": format!("{directory}/saseInstance")}),
        "UpdateSaseInstance" => {
            json!({"sase_instance": {"name": format!("{directory}/saseInstance"), "etag": "stale"}})
        }
        "CreateApplication" => json!({"parent": directory, "application": {"account": member}}),
        "ImportApplications" => json!({"parent": directory, "applications": [{"account": member}]}),
        "GetApplication" | "DeleteApplication" => json!({"name": name("applications")}),
        "UpdateApplication" => json!({"application": {"name": name("applications")}}),
        "CreateSaseUser"
        | "CreateUserGroup"
        | "CreateDevice"
        | "CreateAccessPolicy"
        | "CreateAccessBlock"
        | "DryRunAccessPolicy"
        | "BatchDeleteAccessPolicies"
        | "ReorderAccessPolicies" => parent,
        "GetSaseUser" | "DeleteSaseUser" => json!({"name": name("saseUsers")}),
        "UpdateSaseUser" => json!({"sase_user": {"name": name("saseUsers")}}),
        "GetUserGroup" | "DeleteUserGroup" => json!({"name": name("userGroups")}),
        "UpdateUserGroup" => json!({"user_group": {"name": name("userGroups")}}),
        "GetDevice" | "DeleteDevice" => json!({"name": name("devices")}),
        "ReportDevicePosture" => json!({"name": name("devices"), "enrolment_key": "none"}),
        "GetAccessPolicy"
        | "DeleteAccessPolicy"
        | "ReplaceAccessPolicySelection"
        | "ExtendAccessPolicySelection"
        | "RollbackAccessPolicy" => json!({"name": name("accessPolicies")}),
        "UpdateAccessPolicy" => json!({"access_policy": {"name": name("accessPolicies")}}),
        "ListAccessPolicyVersions" => json!({"parent": name("accessPolicies")}),
        "GetAccessBlock" | "DeleteAccessBlock" => json!({"name": name("accessBlocks")}),
        "EvaluateAccess" | "ListUserApplications" => json!({"parent": directory, "access_request": asked}),
        "BatchEvaluateAccess" => json!({"parent": directory, "access_requests": [asked]}),
        "ListUserPolicies" => json!({"parent": directory, "sase_user": name("saseUsers")}),
        _ => missing(method),
    }
}
