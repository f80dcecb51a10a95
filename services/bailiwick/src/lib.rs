//! The executable of bailiwick as a library: what the command line does, so that tests run the same code.
//!
//! It reads the configuration, opens databases, joins the roles to a network, and starts and stops them. It has no
//! behaviour of a service of its own.

pub mod bootstrap;
pub mod cli;
pub mod config;
pub mod import;
pub mod login;
pub mod serve;
