//! What the product documents promise, through the gateway: by the right caller, and by wrong ones.

mod audit;
mod contract;
mod delegation;
mod directory;
mod filter;
mod identity;
mod lists;
mod members;
mod sign_in;
