//! What the product documents promise, through the gateway: by the right caller, and by wrong ones.

mod access;
mod audit;
mod contract;
mod control_policies;
mod credentials;
mod delegation;
mod directory;
mod filter;
mod folder_scope;
mod folders;
mod identity;
mod lists;
mod members;
mod moto;
mod policies;
mod reviews;
mod roles;
mod security_info;
mod sessions;
mod sign_in;
mod type_switch;
