//! Waiting for what is expected, with a deadline.

use std::time::Duration;

use serde_json::Value;
use tokio::time::Instant;
use tonic::Code;

use crate::client::{Client, Failure};

/// Long enough for a machine that is busy with much else.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// Whether a failure is of a role that is being restarted, or of what follows one.
pub fn passes(failure: &Failure) -> bool {
    [Code::Unavailable, Code::DeadlineExceeded, Code::Cancelled, Code::Unknown].contains(&failure.code)
}

/// Tries until it works; what `may` not be is a failure at once.
pub async fn in_time<T, F: Future<Output = Result<T, Failure>>>(
    what: &str,
    attempt: impl Fn() -> F,
    may: impl Fn(&Failure) -> bool,
) -> T {
    let deadline = Instant::now() + PATIENCE;
    loop {
        match attempt().await {
            Ok(done) => return done,
            Err(failure) => {
                assert!(may(&failure) && Instant::now() < deadline, "{what}: {failure:?}");
                // Between tries, which the deadline bounds.
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        }
    }
}

/// Waits until something is so.
pub async fn until(what: &str, attempt: impl AsyncFn() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !attempt().await {
        assert!(Instant::now() < deadline, "{what}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// Calls once more while a restarted role cannot be reached.
pub async fn call(client: &Client, method: &str, request: Value) -> Value {
    in_time(method, || client.call(method, request.clone()), passes).await
}
