//! Requests of the bastion. Nothing that they name is there, and nothing is made: ids of capital letters are none.

use serde_json::{Value, json};

use super::requests::missing;

/// The request of a method of `bastion.v1` other than those of the member list; `member` is in that list.
pub(super) fn request(method: &str, rpc: &str, directory: &str, member: &str) -> Value {
    let instance = format!("{directory}/bastionInstances/NONE");
    let name = |collection: &str| format!("{instance}/{collection}/NONE");
    match rpc {
        "CreateBastionInstance" | "ListBastionInstances" => json!({"parent": directory}),
        "GetBastionInstance" | "DeleteBastionInstance" => json!({"name": instance}),
        "UpdateBastionInstance" => json!({"bastion_instance": {"name": instance}}),
        // A space is in no id.
        "ReportInventory" => json!({"parent": member, "released_source_ids": [" "]}),
        "ListDiscoveredAssets" | "CreateAsset" | "ListAssets" | "BatchDeleteAssets" | "WatchAssets" => {
            json!({"parent": instance})
        }
        "ImportAssets" => json!({"parent": instance, "account": member}),
        "GetAsset" | "DeleteAsset" => json!({"name": name("assets")}),
        "UpdateAsset" => json!({"asset": {"name": name("assets")}}),
        "CreateAssetGroup" | "ListAssetGroups" | "CreateSharedKey" | "ListSharedKeys" => json!({"parent": instance}),
        "GetAssetGroup" | "DeleteAssetGroup" | "AddAssetGroupAssets" | "RemoveAssetGroupAssets" => {
            json!({"name": name("assetGroups")})
        }
        "UpdateAssetGroup" => json!({"asset_group": {"name": name("assetGroups")}}),
        "GetSharedKey" | "DeleteSharedKey" => json!({"name": name("sharedKeys")}),
        "UpdateSharedKey" => json!({"shared_key": {"name": name("sharedKeys")}}),
        "CreateAssetAccount" | "ListAssetAccounts" => json!({"parent": name("assets")}),
        "GetAssetAccount" | "DeleteAssetAccount" | "ResetAssetAccountCredentials" => {
            json!({"name": format!("{}/assetAccounts/NONE", name("assets"))})
        }
        "UpdateAssetAccount" => {
            json!({"asset_account": {"name": format!("{}/assetAccounts/NONE", name("assets"))}})
        }
        "CreateNetworkDomain" | "ListNetworkDomains" | "MoveAssets" => json!({"parent": instance}),
        "GetNetworkDomain" | "DeleteNetworkDomain" => json!({"name": name("networkDomains")}),
        "UpdateNetworkDomain" => json!({"network_domain": {"name": name("networkDomains")}}),
        "CreateBastionUser" | "ListBastionUsers" | "ImportRamUsers" | "CreateUserGroup" | "ListUserGroups"
        | "CreateGrant" | "ListGrants" => json!({"parent": instance}),
        "GetBastionUser" | "DeleteBastionUser" | "LockBastionUser" | "UnlockBastionUser" => {
            json!({"name": name("bastionUsers")})
        }
        "UpdateBastionUser" => json!({"bastion_user": {"name": name("bastionUsers")}}),
        "GetUserGroup" | "DeleteUserGroup" | "AddUserGroupUsers" | "RemoveUserGroupUsers" => {
            json!({"name": name("userGroups")})
        }
        "UpdateUserGroup" => json!({"user_group": {"name": name("userGroups")}}),
        "GetGrant" | "DeleteGrant" | "EnableGrant" | "DisableGrant" => json!({"name": name("grants")}),
        "UpdateGrant" => json!({"grant": {"name": name("grants")}}),
        "CreateControlPolicy" | "ListControlPolicies" | "EvaluateControlPolicy" => json!({"parent": instance}),
        "GetControlPolicy" | "DeleteControlPolicy" => json!({"name": name("controlPolicies")}),
        "UpdateControlPolicy" => json!({"control_policy": {"name": name("controlPolicies")}}),
        "ListUserAssets" => json!({"parent": name("bastionUsers")}),
        _ => missing(method),
    }
}
