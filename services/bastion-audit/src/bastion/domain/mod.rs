//! What the bastion knows, and its rules. Pure: what is known, and the moment, are arguments.

mod asset;
mod asset_account;
pub(crate) mod asset_filter;
mod asset_group;
mod asset_move;
mod command_pattern;
mod control_policy;
mod credential;
mod error;
mod grant;
mod instance;
mod listing;
mod network_domain;
mod reference;
mod resource;
mod ruling;
mod session_channel;
mod user;

pub(crate) use asset::{
    AddressType, Asset, AssetKind, AssetView, DatabaseEngine, Discovered, OperatingSystem, Origin, Rank, SOURCES,
    STATES, Seen, SeenPart, check_direction, names_account, slug, told_apart,
};
pub(crate) use asset_account::{AssetAccount, AssetAccountView, SharedKey};
pub(crate) use asset_group::{AssetGroup, GROUP_ASSETS_MAX};
pub(crate) use command_pattern::{CommandPattern, Likeness};
pub(crate) use control_policy::{
    AssetScope, CommandControl, ControlPolicy, ListMode, Sitting, SourceControl, UserScope, Verdict,
};
pub(crate) use credential::{
    CredentialKind, KnownKey, OwnKey, PASSWORD, PRIVATE_KEY, Secret, read_private_key, read_public_key,
};
pub(crate) use error::BastionError;
pub(crate) use grant::{Accounts, Grant, GrantState, Granted, granted};
pub(crate) use instance::{Edition, Instance};
pub(crate) use listing::{ListingPart, Listings, Progress};
pub(crate) use network_domain::{NetworkDomain, Proxy, ProxyPlace, ProxyProtocol, ProxyTarget};
pub(crate) use reference::Reference;
pub(crate) use resource::{Home, Meta, Resource, ResourceKind};
pub(crate) use ruling::{Dimension, Rules, Ruling};
pub(crate) use session_channel::{ForwardTarget, ProtocolControl, SessionChannel};
pub(crate) use user::{User, UserGroup, UserKey, UserState};
