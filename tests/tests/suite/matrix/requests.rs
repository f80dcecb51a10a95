//! One request for each RPC: it names what exists, so that authorization is what decides, and changes nothing even when
//! it is let through, because the service then refuses it or finds it done already.

use serde_json::{Value, json};

use crate::world::{Names, Who};

/// The request of a method (`bailiwick.directory.v1.MemberService/CreateMember`) as JSON.
///
/// # Panics
/// If the method has no request here: every RPC of the contract needs one.
pub fn request(method: &str, names: &Names) -> Value {
    let d = names.directory.name();
    let m = names.account(Who::Member).name();
    let c = names.created.name();
    let invitation = json!({"name": format!("{d}/invitations/{}", names.invitation)});
    let key = json!({"name": format!("{m}/users/full/accessKeys/{}", names.access_key), "etag": "stale"});
    let center = format!("{d}/trustedServices/security-center");
    let (service, rpc) = method.strip_prefix("bailiwick.").unwrap().split_once('/').unwrap();
    match (service, rpc) {
        ("directory.v1.AccountService", rpc) => match rpc {
            "CreateAccount" | "ListAccounts" => json!({}),
            "GetAccount" | "VerifyEnterpriseIdentity" => json!({"name": m}),
            "CreateRootAccessKey" => json!({"account": c}),
            _ => missing(method),
        },
        ("directory.v1.DirectoryService", "CreateDirectory") => {
            json!({"account": names.account(Who::Standalone).name(), "validate_only": true})
        }
        ("directory.v1.DirectoryService", "GetDirectory") => json!({"name": d}),
        ("directory.v1.MemberService", "CreateMember" | "ListMembers") => json!({"parent": d}),
        ("directory.v1.MemberService", "GetMember" | "RemoveMember") => {
            json!({"name": format!("{d}/members/{}", names.created)})
        }
        ("directory.v1.MemberService", "CheckMemberDeletion" | "DeleteMember" | "UndeleteMember") => {
            json!({"name": format!("{d}/members/{}", names.created)})
        }
        ("directory.v1.MemberService", "LeaveDirectory") => {
            json!({"name": format!("{d}/members/{}", names.account(Who::Member)), "validate_only": true})
        }
        ("directory.v1.InvitationService", "CreateInvitation" | "ListInvitations") => json!({"parent": d}),
        ("directory.v1.InvitationService", "ListReceivedInvitations") => {
            json!({"parent": names.account(Who::Invitee).name()})
        }
        ("directory.v1.InvitationService", _) => invitation,
        ("directory.v1.UserService", "CreateUser" | "ListUsers") => json!({"parent": m}),
        ("directory.v1.UserService", "GetUser") => json!({"name": format!("{m}/users/full")}),
        ("directory.v1.UserService", "DeleteUser") => json!({"name": format!("{m}/users/root")}),
        ("directory.v1.AccessKeyService", "CreateAccessKey" | "ListAccessKeys") => {
            json!({"parent": format!("{m}/users/full")})
        }
        ("directory.v1.AccessKeyService", _) => key,
        ("directory.v1.PolicyService", "ListPolicies") => json!({"parent": m}),
        ("directory.v1.PolicyService", _) => {
            json!({"target": format!("{m}/users/full"), "policy": format!("{m}/policies/NoSuchAccess")})
        }
        ("directory.v1.RoleService", "ListRoles") => json!({"parent": m}),
        ("directory.v1.RoleService", "GetRole") => json!({"name": format!("{m}/roles/AliyunServiceRoleForSas")}),
        ("directory.v1.TokenService", "CreateToken") => json!({"access_key_id": "AK0", "secret": "none"}),
        ("directory.v1.TokenService", "GetCallerIdentity") => json!({}),
        ("directory.v1.TokenService", "SignIn") => {
            json!({"identity_provider": format!("{m}/identityProviders/none"), "id_token": "none"})
        }
        ("directory.v1.TokenService", "GetSignInOptions") => {
            json!({"identity_provider": format!("{m}/identityProviders/none")})
        }
        ("directory.v1.IdentityProviderService", rpc) => match rpc {
            "CreateIdentityProvider" | "ListIdentityProviders" => json!({"parent": m}),
            "UpdateIdentityProvider" => {
                json!({"identity_provider": {"name": format!("{m}/identityProviders/none"), "etag": "stale"}})
            }
            "DeleteIdentityProvider" => json!({"name": format!("{m}/identityProviders/none"), "etag": "stale"}),
            _ => json!({"name": format!("{m}/identityProviders/none")}),
        },
        ("directory.v1.SigningKeyService", _) => json!({}),
        ("directory.v1.ClaimService", "ListClaims") => json!({"kind": "designation"}),
        ("directory.v1.ClaimService", "ReleaseClaims") => json!({
            "directory": d, "accounts": [c], "incarnations": ["an-earlier-one"],
            "trusted_service": "sase", "kind": "enrolment"
        }),
        ("directory.v1.ClaimService", _) => {
            json!({"directory": d, "accounts": [c], "trusted_service": "sase", "kind": "enrolment"})
        }
        ("delegation.v1.TrustedServiceService", "ListTrustedServices") => json!({"parent": d}),
        ("delegation.v1.TrustedServiceService", _) => json!({"name": center}),
        ("delegation.v1.DelegatedAdministratorService", rpc) => {
            let administrator = names.account(Who::CenterAdministrator);
            let name = format!("{center}/delegatedAdministrators/{administrator}");
            match rpc {
                "CreateDelegatedAdministrator" => {
                    json!({"parent": center, "delegated_administrator": {"account": administrator.name()}})
                }
                "GetDelegatedAdministrator" => json!({"name": name}),
                "DeleteDelegatedAdministrator" => json!({"name": name, "validate_only": true}),
                _ => json!({"parent": center}),
            }
        }
        ("delegation.v1.EnrolmentService", "BatchCreateEnrolments") => {
            json!({"directory": d, "trusted_service": "sase", "accounts": [c]})
        }
        ("delegation.v1.EnrolmentService", "DeleteEnrolment") => {
            json!({"directory": d, "trusted_service": "sase", "account": m})
        }
        ("delegation.v1.FactService" | "audit.v1.ChangeLogService", _) => json!({}),
        ("securitycenter.v1.MonitoredAccountService", rpc) => {
            entry(method, rpc, names, "monitoredAccounts", "monitored_account")
        }
        ("soc.v1.ScopeService", rpc) => entry(method, rpc, names, "scopeAccounts", "scope_account"),
        ("sase.v1.SaseMemberService", rpc) => entry(method, rpc, names, "saseMembers", "sase_member"),
        ("bastion.v1.BastionMemberService", rpc) => entry(method, rpc, names, "bastionMembers", "bastion_member"),
        ("audit.v1.AuditService", "ListDirectoryAuditEntries" | "WatchDirectoryAuditEntries") => json!({"parent": d}),
        ("audit.v1.AuditService", "ListAccountAuditEntries" | "WatchAccountAuditEntries") => json!({"parent": m}),
        ("gateway.v1.AccessService", "ExplainAccess") => {
            json!({"method": "bailiwick.directory.v1.DirectoryService/GetDirectory", "resource": d})
        }
        _ => missing(method),
    }
}

/// The requests of a list of enrolled members.
fn entry(method: &str, rpc: &str, names: &Names, collection: &str, field: &str) -> Value {
    let d = names.directory.name();
    let c = names.created.name();
    let name = format!("{d}/{collection}/{}", names.created);
    match rpc.trim_end_matches('s') {
        rpc if rpc.starts_with("BatchCreate") => json!({"parent": d, "accounts": [c]}),
        rpc if rpc.starts_with("Create") => json!({"parent": d, field: {"account": c}}),
        rpc if rpc.starts_with("List") || rpc == "GetScopeSummary" => json!({"parent": d}),
        rpc if rpc.starts_with("Get") => json!({"name": name}),
        rpc if rpc.starts_with("Update") => json!({field: {"name": name, "etag": "stale"}}),
        rpc if rpc.starts_with("Delete") => json!({"name": name, "etag": "stale"}),
        _ => missing(method),
    }
}

fn missing(method: &str) -> Value {
    panic!("`{method}` has no request in tests/suite/matrix/requests.rs: add one that changes nothing")
}
