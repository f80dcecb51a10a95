//! The crate as a whole: a real server on both networks, and what comes through its guard.

mod fixture;
mod guard;
mod serving;
mod streams;
mod tls;
