//! The gateway as callers and roles see it: over TCP in front, over the in-process network behind.

mod access;
mod calls;
mod client;
mod freshness;
mod own;
mod principals;
mod restore;
mod roles;
mod streams;
mod world;
