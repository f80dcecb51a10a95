//! One test binary for everything that needs the suite as a whole.

#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test fails by panicking"
)]

mod checkout;
mod client;
mod enterprise;
mod envoy;
mod faults;
mod golden;
mod kill_points;
mod live;
mod matrix;
mod mesh;
mod patience;
mod polyglot;
mod processes;
mod races;
mod relay;
mod restore;
mod scenario;
mod tenants;
mod tidy;
mod tools;
mod walkthrough;
mod world;
