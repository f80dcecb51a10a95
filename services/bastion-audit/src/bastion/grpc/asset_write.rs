//! Assets as they are answered.

use bailiwick_api::bastion::v1 as pb;
use bailiwick_core::AccountId;

use super::parse::timestamp;
use crate::bastion::{
    app::{DiscoveredView, ItemResult, Outcome},
    domain::{
        AddressType, Asset, AssetKind, AssetView, DatabaseEngine, OperatingSystem, Origin, Resource, ResourceKind,
    },
};

/// An asset.
pub(super) fn asset(AssetView { asset, suspended }: AssetView) -> pb::Asset {
    let source = match asset.origin {
        Origin::Local => pb::AssetSource::Local,
        Origin::Imported { .. } => pb::AssetSource::Imported,
    };
    let state = state(&asset);
    pb::Asset {
        name: asset.name(),
        kind: kind(asset.seen.kind).into(),
        source: source.into(),
        owner_account: asset.owner().map(AccountId::name).unwrap_or_default(),
        state: state.into(),
        suspended,
        source_id: asset.source_id().unwrap_or_default().to_owned(),
        address_type: address_type(asset.address_type).into(),
        operating_system: operating_system(asset.seen.operating_system).into(),
        engine: engine(asset.seen.engine).into(),
        ssh_port: asset.ssh_port.into(),
        rdp_port: asset.rdp_port.into(),
        database_port: asset.seen.database_port.into(),
        network_domain: match asset.network_domain.as_str() {
            "" => String::new(),
            id => ResourceKind::NetworkDomain.name(&asset.meta.home, id),
        },
        host_keys: asset.host_keys.clone(),
        host_authority_keys: asset.host_authority_keys.clone(),
        etag: asset.meta.etag(),
        create_time: Some(timestamp(asset.meta.create_time)),
        update_time: Some(timestamp(asset.meta.update_time)),
        operator: asset.meta.operator,
        display_name: asset.display_name,
        comment: asset.comment,
        source_region: asset.seen.region,
        private_address: asset.seen.private_address,
        public_address: asset.seen.public_address,
    }
}

/// What can be imported.
pub(super) fn discovered(DiscoveredView { item, asset }: DiscoveredView) -> pb::DiscoveredAsset {
    pb::DiscoveredAsset {
        account: item.account.name(),
        source_id: item.source_id,
        kind: kind(item.seen.kind).into(),
        display_name: item.display_name,
        region: item.seen.region,
        private_address: item.seen.private_address,
        public_address: item.seen.public_address,
        asset: asset.unwrap_or_default(),
    }
}

/// What became of an item of a batch.
pub(super) fn item_result(ItemResult { item, outcome }: ItemResult) -> pb::ItemResult {
    let (code, message, name) = match outcome {
        Outcome::Done(name) => (pb::ItemCode::Ok, String::new(), name),
        Outcome::Invalid(problem) => (pb::ItemCode::InvalidArgument, problem, String::new()),
        Outcome::Missing => (pb::ItemCode::ObjectNotFound, format!("`{item}` does not exist"), String::new()),
        Outcome::Exists(name) => (pb::ItemCode::ObjectAlreadyExists, format!("`{name}` exists already"), name),
        Outcome::Refused(problem) => (pb::ItemCode::Unexpected, problem, String::new()),
    };
    pb::ItemResult { item, code: code.into(), message, name }
}

/// What has become of an asset in its account.
pub(super) fn state(asset: &Asset) -> pb::AssetState {
    if asset.released { pb::AssetState::Released } else { pb::AssetState::Normal }
}

/// A kind as the contract has it.
pub(super) fn kind(kind: AssetKind) -> pb::AssetKind {
    match kind {
        AssetKind::Host => pb::AssetKind::Host,
        AssetKind::Database => pb::AssetKind::Database,
        AssetKind::Application => pb::AssetKind::Application,
    }
}

fn address_type(chosen: Option<AddressType>) -> pb::AddressType {
    match chosen {
        None => pb::AddressType::Unspecified,
        Some(AddressType::Private) => pb::AddressType::Private,
        Some(AddressType::Public) => pb::AddressType::Public,
    }
}

fn operating_system(known: Option<OperatingSystem>) -> pb::OperatingSystem {
    match known {
        None => pb::OperatingSystem::Unspecified,
        Some(OperatingSystem::Linux) => pb::OperatingSystem::Linux,
        Some(OperatingSystem::Windows) => pb::OperatingSystem::Windows,
    }
}

fn engine(known: Option<DatabaseEngine>) -> pb::DatabaseEngine {
    match known {
        None => pb::DatabaseEngine::Unspecified,
        Some(DatabaseEngine::MySql) => pb::DatabaseEngine::Mysql,
        Some(DatabaseEngine::PostgreSql) => pb::DatabaseEngine::Postgresql,
        Some(DatabaseEngine::SqlServer) => pb::DatabaseEngine::SqlServer,
        Some(DatabaseEngine::Oracle) => pb::DatabaseEngine::Oracle,
    }
}
