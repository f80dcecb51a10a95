//! Conditions that policies of several services have: when, and where from. A condition that cannot be met is refused when
//! it is written, never passed over when it is asked about.

mod network;
mod time_window;

pub use network::Cidr;
pub use time_window::TimeWindow;
