//! How the roles talk: connections with a known peer, the server that every role runs, the guard in front of its
//! handlers, errors with `google.rpc` details, and telemetry.
//!
//! Invariants:
//! - A handler runs only with a [`Call`] in its request, and only [`Guard`] makes one: from the gateway's signed word, or
//!   for a role that the method's rule lists. Every error on the way is a refusal.
//! - The peer of a connection is known in both layouts: from its certificate, or from who opened it in one process.
//! - What a caller reads of an error was made here ([`status`], [`refusal`]): infrastructure never speaks for itself.
//! - Sizes, connections, calls, handshakes and time are bounded.
//!
//! What it does not do: it decides no access (`bailiwick_core::authz` does), knows no service's methods and no database.

mod call;
mod deadline;
mod errors;
mod fields;
mod first_message;
mod guard;
mod health;
mod module;
mod outgoing;
mod pipeline;
mod positions;
mod response;
mod server;
pub mod telemetry;
mod transport;

pub use call::{Call, respond, split};
pub use errors::{
    ApiError, FieldViolation, Kind, PreconditionViolation, Problem, QuotaViolation, refusal, status, with_call_id,
};
pub use fields::InvalidFields;
pub use first_message::{FirstMessage, MAX_MESSAGE, read_first_message};
pub use guard::Guard;
pub use module::{BackgroundTask, Module};
pub use outgoing::{CALL_ID, CALLER_CONTEXT, OPERATOR, on_behalf};
pub use positions::{NoPositions, PositionError, Positions};
pub use server::{Limits, ServeError, serve, serve_within};
pub use transport::{Connector, Listener, Network, Peer, PeerStream, TcpConfig, TransportError};

#[cfg(test)]
mod tests;
