//! One request for each RPC: it names what exists, so that authorization is what decides, and changes nothing even when
//! it is let through, because the service then refuses it, finds it done already, or does it to what nothing else needs.

use serde_json::{Value, json};

use crate::world::{GROUP, LINKED_ROLE, Names, POLICY, PROVIDER, SPARE, Who};

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
        ("directory.v1.DirectoryService", "UpdateDirectory") => json!({"directory": {"name": d, "etag": "stale"}}),
        ("directory.v1.DirectoryService", "DeleteDirectory") => {
            json!({"name": d, "etag": "stale", "validate_only": true})
        }
        ("directory.v1.FolderService", rpc) => folder(method, rpc, &d),
        ("directory.v1.ControlPolicyService", rpc) => control_policy(method, rpc, names),
        ("directory.v1.MemberService", "UpdateMember") => {
            json!({"member": {"name": format!("{d}/members/{}", names.created), "etag": "stale"}})
        }
        ("directory.v1.MemberService", "MoveMember") => {
            json!({"name": format!("{d}/members/{}", names.created), "destination": format!("{d}/folders/root")})
        }
        ("directory.v1.MemberService", "CreateMember" | "ListMembers") => json!({"parent": d}),
        ("directory.v1.MemberService", "GetMember" | "RemoveMember") => {
            json!({"name": format!("{d}/members/{}", names.created)})
        }
        ("directory.v1.MemberService", "CheckMemberDeletion" | "DeleteMember" | "UndeleteMember") => {
            json!({"name": format!("{d}/members/{}", names.created)})
        }
        ("directory.v1.MemberService", "RequestTypeSwitchVerification" | "SwitchMemberType") => json!({
            "name": format!("{d}/members/{}", names.created), "target_type": "ACCOUNT_TYPE_RESOURCE"
        }),
        ("directory.v1.SecurityInfoService", rpc) => {
            let of_member = rpc.contains("Member");
            let name = if of_member { format!("{d}/members/{}", names.created) } else { format!("{m}/securityInfo") };
            if rpc.starts_with("Get") { json!({"name": name}) } else { json!({"name": name, "channel": 1}) }
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
        ("directory.v1.UserService", "UpdateUser") => {
            json!({"user": {"name": format!("{m}/users/full"), "etag": "stale"}})
        }
        ("directory.v1.UserService", "DeleteUser") => json!({"name": format!("{m}/users/root")}),
        ("directory.v1.AccessKeyService", "CreateAccessKey" | "ListAccessKeys") => {
            json!({"parent": format!("{m}/users/full")})
        }
        ("directory.v1.AccessKeyService", _) => key,
        ("directory.v1.GroupService", rpc) => group(method, rpc, &m),
        ("directory.v1.PolicyService", rpc) => policy(method, rpc, &m),
        ("directory.v1.CredentialService", "ListCredentials") => json!({"parent": format!("{m}/users/full")}),
        ("directory.v1.CredentialService", "CreateCredential") => {
            json!({"parent": format!("{m}/users/full"), "credential": {"action": "no:SuchAction"}})
        }
        ("directory.v1.CredentialService", _) => {
            json!({"name": format!("{m}/users/full/credentials/{}", names.credential), "etag": "stale"})
        }
        ("directory.v1.AccessReviewService", "ListMemberUnusedAccessKeys") => json!({"parent": d}),
        ("directory.v1.AccessReviewService", _) => json!({"parent": m}),
        ("directory.v1.RoleService", "ListRoles") => json!({"parent": m}),
        ("directory.v1.RoleService", "GetRole") => json!({"name": format!("{m}/roles/AliyunServiceRoleForSas")}),
        ("directory.v1.RoleService", "CreateRole") => json!({"parent": m}),
        ("directory.v1.RoleService", "UpdateRole") => {
            json!({"role": {"name": format!("{m}/roles/AliyunServiceRoleForSas")}})
        }
        ("directory.v1.RoleService", "DeleteRole") => json!({"name": format!("{m}/roles/AliyunServiceRoleForSas")}),
        ("directory.v1.TokenService", "CreateToken") => json!({"access_key_id": "AK0", "secret": "none"}),
        ("directory.v1.TokenService", "GetCallerIdentity") => json!({}),
        ("directory.v1.TokenService", "AssumeRole") => {
            // A session that is begun changes nothing but when the role was last assumed.
            json!({"role": format!("{m}/roles/NoSuchRole"), "session_name": "matrix"})
        }
        // A user that has no tokens.
        ("directory.v1.TokenService", "RevokeTokens") => json!({"identity": format!("{m}/users/{SPARE}")}),
        ("directory.v1.TokenService", "SignIn") => {
            json!({"identity_provider": format!("{m}/identityProviders/{PROVIDER}"), "id_token": "none"})
        }
        ("directory.v1.TokenService", "GetSignInOptions") => {
            json!({"identity_provider": format!("{m}/identityProviders/{PROVIDER}")})
        }
        ("directory.v1.IdentityProviderService", rpc) => identity_provider(method, rpc, &m),
        ("directory.v1.SigningKeyService", _) => json!({}),
        ("directory.v1.ClaimService", "ListClaims") => json!({"kind": "designation"}),
        ("directory.v1.ClaimService", "ReleaseClaims") => json!({
            "directory": d, "accounts": [c], "incarnations": ["an-earlier-one"],
            "trusted_service": "sase", "kind": "enrolment"
        }),
        ("directory.v1.ClaimService", _) => {
            json!({"directory": d, "accounts": [c], "trusted_service": "sase", "kind": "enrolment"})
        }
        ("directory.v1.LinkedRoleService", "CreateLinkedRole") => {
            json!({"directory": d, "account": m, "role": "AliyunServiceRoleForSas"})
        }
        ("directory.v1.LinkedRoleService", "DeleteLinkedRole") => {
            json!({"account": m, "role": "AliyunServiceRoleForSas", "incarnation": "i"})
        }
        ("directory.v1.LinkedRoleService", _) => json!({"account": m}),
        ("delegation.v1.ServiceLinkedRoleService", "ListServiceLinkedRoleTemplates") => json!({}),
        ("delegation.v1.ServiceLinkedRoleService", "CreateServiceLinkedRole") => {
            json!({"parent": m, "service_linked_role_id": "AliyunServiceRoleForNope"})
        }
        ("delegation.v1.ServiceLinkedRoleService", "ListServiceLinkedRoles") => json!({"parent": m}),
        ("delegation.v1.ServiceLinkedRoleService", "GetServiceLinkedRoleDeletion") => {
            json!({"name": format!("{m}/serviceLinkedRoles/{LINKED_ROLE}/deletions/{}", names.deletion)})
        }
        // It begins a deletion, which fails because the role is in use.
        ("delegation.v1.ServiceLinkedRoleService", "DeleteServiceLinkedRole") => {
            json!({"name": format!("{m}/serviceLinkedRoles/{LINKED_ROLE}")})
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
                "UpdateDelegatedAdministrator" => {
                    json!({"delegated_administrator": {"name": name, "etag": "stale"}, "update_mask": "folder"})
                }
                "ListDelegatedServices" => json!({"parent": format!("{d}/members/{administrator}")}),
                "DeleteDelegatedAdministrator" => json!({"name": name, "validate_only": true}),
                _ => json!({"parent": center}),
            }
        }
        ("delegation.v1.EnrolmentService", "BatchCreateEnrolments") => {
            json!({"directory": d, "trusted_service": "sase", "accounts": [c]})
        }
        ("delegation.v1.EnrolmentService", "BatchDeleteEnrolments") => {
            json!({"directory": d, "trusted_service": "sase", "accounts": [m], "uids": [""]})
        }
        ("delegation.v1.TrustedAccessService", _) => json!({"directory": d, "trusted_service": "security-center"}),
        ("delegation.v1.FactService" | "audit.v1.ChangeLogService", _) => json!({}),
        ("securitycenter.v1.MonitoredAccountService", "ReplaceMonitoredAccounts") => {
            json!({"parent": d, "accounts": [c], "validate_only": true})
        }
        ("securitycenter.v1.MultiAccountService", rpc) => multi_account(method, rpc, &d),
        ("securitycenter.v1.SubscriptionService", rpc) => subscription(method, rpc, names),
        ("securitycenter.v1.MonitoredAccountService", rpc) => {
            entry(method, rpc, names, "monitoredAccounts", "monitored_account")
        }
        ("securitycenter.v1.SecurityScoreService", rpc) => score(method, rpc, &d, &m),
        ("securitycenter.v1.RiskService", rpc) => risk(method, rpc, &d, &c),
        ("securitycenter.v1.SuppressionRuleService", rpc) => suppression_rule(method, rpc, &d),
        ("securitycenter.v1.FindingImportService", "GetFindingImport") => {
            json!({"name": format!("{m}/findingImports/none")})
        }
        ("securitycenter.v1.FindingImportService", _) => json!({"parent": m}),
        ("soc.v1.ScopeService", rpc) => entry(method, rpc, names, "scopeAccounts", "scope_account"),
        ("sase.v1.SaseMemberService", "ListEligibleSaseMembers") => json!({"parent": d}),
        ("sase.v1.SaseMemberService", rpc) => entry(method, rpc, names, "saseMembers", "sase_member"),
        (service, rpc) if service.starts_with("sase.v1.") => super::sase_requests::request(method, rpc, &d, &c),
        ("bastion.v1.BastionMemberService", "ListEligibleBastionMembers") => json!({"parent": d}),
        ("bastion.v1.BastionMemberService", rpc) => entry(method, rpc, names, "bastionMembers", "bastion_member"),
        (service, rpc) if service.starts_with("bastion.v1.") => super::bastion_requests::request(method, rpc, &d, &c),
        ("audit.v1.AuditService", "ListDirectoryAuditEntries" | "WatchDirectoryAuditEntries") => json!({"parent": d}),
        ("audit.v1.AuditService", "ListAccountAuditEntries" | "WatchAccountAuditEntries") => json!({"parent": m}),
        ("gateway.v1.AccessService", rpc) => {
            let call = json!({"method": "bailiwick.directory.v1.DirectoryService/GetDirectory", "resource": d});
            let (method, resource) = (&call["method"], &call["resource"]);
            match rpc {
                "ExplainAccess" | "CheckAccess" => call,
                "ExplainPrincipalAccess" => {
                    json!({"principal": format!("{m}/users/full"), "method": method, "resource": resource})
                }
                "BatchCheckAccess" => json!({"checks": [call]}),
                "ListAccessibleAccounts" => {
                    json!({"method": "bailiwick.directory.v1.UserService/ListUsers", "resource": "accounts/-"})
                }
                _ => missing("bailiwick.gateway.v1.AccessService"),
            }
        }
        _ => missing(method),
    }
}

/// The requests about groups of an account: its user `full` is in the group already, and `bare` is not.
fn group(method: &str, rpc: &str, account: &str) -> Value {
    let (group, user) = (format!("{account}/groups/{GROUP}"), format!("{account}/users/full"));
    match rpc {
        "CreateGroup" | "ListGroups" => json!({"parent": account}),
        "GetGroup" => json!({"name": group}),
        "DeleteGroup" => json!({"name": group, "etag": "stale"}),
        "UpdateGroup" => json!({"group": {"name": group, "etag": "stale"}}),
        "AddGroupMember" => json!({"group": group, "user": user}),
        "RemoveGroupMember" => json!({"group": group, "user": format!("{account}/users/bare")}),
        "ListGroupMembers" => json!({"parent": user}),
        _ => missing(method),
    }
}

/// The requests about identity providers of an account.
fn identity_provider(method: &str, rpc: &str, account: &str) -> Value {
    let provider = format!("{account}/identityProviders/{PROVIDER}");
    match rpc {
        "CreateIdentityProvider" | "ListIdentityProviders" => json!({"parent": account}),
        "GetIdentityProvider" => json!({"name": provider}),
        "UpdateIdentityProvider" => json!({"identity_provider": {"name": provider, "etag": "stale"}}),
        "DeleteIdentityProvider" => json!({"name": provider, "etag": "stale"}),
        _ => missing(method),
    }
}

/// The requests about policies of an account: nobody has the custom policy, whose only version counts; the user `full` has
/// `AdministratorAccess` already.
fn policy(method: &str, rpc: &str, account: &str) -> Value {
    let (policy, user) = (format!("{account}/policies/{POLICY}"), format!("{account}/users/full"));
    match rpc {
        "CreatePolicy" | "ListPolicies" => json!({"parent": account}),
        "GetPolicy" => json!({"name": policy}),
        "DeletePolicy" => json!({"name": policy, "etag": "stale"}),
        "CreatePolicyVersion" | "ListPolicyVersions" | "ListPolicyAttachments" => json!({"parent": policy}),
        "SetDefaultPolicyVersion" | "DeletePolicyVersion" => json!({"name": format!("{policy}/versions/v1")}),
        "AttachPolicy" => json!({"target": user, "policy": format!("{account}/policies/AdministratorAccess")}),
        "DetachPolicy" => json!({"target": user, "policy": policy}),
        _ => missing(method),
    }
}

/// The requests of the multi-account feature, which is enabled already.
fn multi_account(method: &str, rpc: &str, d: &str) -> Value {
    let name = format!("{d}/multiAccount");
    match rpc {
        "EnableMultiAccount" | "GetMultiAccount" => json!({"name": name}),
        "UpdateMultiAccount" => json!({"multi_account": {"name": name, "etag": "stale"}}),
        "ListEligibleAccounts" | "ListDirectoryFolders" => json!({"parent": d}),
        _ => missing(method),
    }
}

/// The requests of editions: of a member that buys none, and of quota that is changed as nobody can ask for it.
fn subscription(method: &str, rpc: &str, names: &Names) -> Value {
    let (d, m) = (names.directory.name(), names.account(Who::Member));
    let quota = format!("{d}/quotaAssignments/{m}");
    match rpc {
        "ListEditions" => json!({}),
        "CreateQuotaAssignment" => json!({"parent": d, "quota_assignment": {"account": m.name()}}),
        "ListQuotaAssignments" => json!({"parent": d}),
        "UpdateQuotaAssignment" => {
            json!({"quota_assignment": {"name": quota, "protected_servers": 1}, "request_id": "none"})
        }
        "DeleteQuotaAssignment" => json!({"name": quota, "request_id": "none"}),
        rpc if rpc.ends_with("Subscription") || rpc == "CancelSubscriptionChange" => {
            json!({"name": format!("{}/subscription", m.name())})
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

/// The requests of scores: of a controlled account, and of rules that somebody else is said to have changed.
fn score(method: &str, rpc: &str, directory: &str, account: &str) -> Value {
    let rules = format!("{directory}/scoreRules");
    match rpc {
        "GetSecurityScore" => json!({"name": format!("{account}/securityScore")}),
        "ListScoreDeductions" | "ListSecurityScores" => json!({"parent": account}),
        "GetDirectorySecurityScore" => json!({"name": format!("{directory}/securityScore")}),
        "GetScoreRules" => json!({"name": rules}),
        "ResetScoreRules" => json!({"name": rules, "etag": "stale"}),
        "UpdateScoreRules" => json!({
            "score_rules": {"name": rules, "etag": "stale", "account_weights": [{"account": account, "weight": 1}]},
            "update_mask": "accountWeights"
        }),
        _ => missing(method),
    }
}

/// The requests of the tree: about the root folder, which does not change.
fn folder(method: &str, rpc: &str, d: &str) -> Value {
    let root = format!("{d}/folders/root");
    match rpc {
        "CreateFolder" => json!({"parent": root}),
        "ListFolders" => json!({"parent": d}),
        "UpdateFolder" => json!({"folder": {"name": root, "display_name": "other"}}),
        "MoveFolder" => json!({"name": root, "destination": root}),
        "GetFolder" | "DeleteFolder" | "ListFolderAncestors" => json!({"name": root}),
        _ => missing(method),
    }
}

/// The requests of control policies: about the system policy, which does not change and is attached everywhere.
fn control_policy(method: &str, rpc: &str, names: &Names) -> Value {
    let d = names.directory.name();
    let (full, root) = (format!("{d}/controlPolicies/FullAliyunAccess"), format!("{d}/folders/root"));
    match rpc {
        "CreateControlPolicy" | "ListControlPolicies" => json!({"parent": d}),
        "GetControlPolicy" | "DeleteControlPolicy" => json!({"name": full}),
        "UpdateControlPolicy" => json!({"control_policy": {"name": full, "description": "other"}}),
        "AttachControlPolicy" | "DetachControlPolicy" => json!({"name": full, "target": root}),
        "ListControlPolicyAttachments" => json!({"parent": root}),
        "GetEffectiveControlPolicy" => json!({"name": format!("{d}/members/{}", names.created)}),
        _ => missing(method),
    }
}

pub(super) fn missing(method: &str) -> Value {
    panic!("`{method}` has no request in tests/suite/matrix/requests.rs: add one that changes nothing")
}

/// Of a member in every list; no risk has such a name.
fn risk(method: &str, rpc: &str, directory: &str, account: &str) -> Value {
    let name = format!("{account}/risks/none");
    match rpc {
        "GetRisk" | "WithdrawAcknowledgement" => json!({"name": name}),
        "AcknowledgeRisk" => json!({"name": name, "reason": "known", "expire_time": "2000-01-01T00:00:00Z"}),
        "ListRisks" => json!({"parent": account}),
        "SearchRisks" | "WatchRisks" => json!({"parent": directory}),
        "SummarizeRisks" => json!({"parent": directory, "by": "RISK_DIMENSION_ACCOUNT"}),
        "ExportRisks" => json!({"parent": directory, "format": "EXPORT_FORMAT_CSV"}),
        _ => missing(method),
    }
}

/// No rule has such a name, and none is made.
fn suppression_rule(method: &str, rpc: &str, directory: &str) -> Value {
    let name = format!("{directory}/suppressionRules/NONE");
    match rpc {
        "CreateSuppressionRule" => json!({"parent": directory, "suppression_rule_id": "none", "suppression_rule": {}}),
        "GetSuppressionRule" | "DeleteSuppressionRule" => json!({"name": name}),
        "UpdateSuppressionRule" => {
            json!({"suppression_rule": {"name": name, "reason": "none"}, "update_mask": "reason"})
        }
        "ListSuppressionRules" => json!({"parent": directory}),
        _ => missing(method),
    }
}
