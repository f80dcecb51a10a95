//! One test binary for everything that needs the suite as a whole.

mod client;
mod faults;
mod golden;
mod live;
mod matrix;
mod processes;
mod scenario;
mod tenants;
mod tidy;
mod walkthrough;
mod world;
