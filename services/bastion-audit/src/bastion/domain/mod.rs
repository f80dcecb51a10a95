//! What the bastion knows, and its rules. Pure: what is known, and the moment, are arguments.

mod asset;
pub(crate) mod asset_filter;
mod error;
mod instance;
mod resource;

pub(crate) use asset::{
    AddressType, Asset, AssetKind, AssetView, DatabaseEngine, Discovered, OperatingSystem, Origin, Rank, SOURCES,
    STATES, Seen, check_direction, slug,
};
pub(crate) use error::BastionError;
pub(crate) use instance::{Edition, Instance};
pub(crate) use resource::{Home, Meta, Resource, ResourceKind};
