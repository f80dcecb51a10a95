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
        _ => missing(method),
    }
}
