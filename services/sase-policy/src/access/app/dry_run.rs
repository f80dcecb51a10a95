//! What a policy would have changed.

use std::time::Duration;

use bailiwick_core::Timestamp;
use bailiwick_rpc::Call;

use super::{Error, Sase, resource::check_references};
use crate::access::{
    domain::{AccessPolicy, DryRun, Meta, Referring, SaseError, dry_run},
    store,
};

/// Most changes that are shown.
const SHOWN: usize = 1_000;
/// Most kinds of past decisions: users by applications by what decided.
const KINDS_MAX: usize = 100_000;

impl Sase {
    /// Tries a policy on the decisions of past days.
    ///
    /// # Errors
    /// [`SaseError::UnknownReference`], [`SaseError::Selection`], [`SaseError::TooMuchPast`].
    pub(crate) async fn policy_dry_run(
        &self,
        call: &Call,
        (id, days): (&str, u32),
        make: impl FnOnce(Meta) -> AccessPolicy,
    ) -> Result<DryRun, Error> {
        let (directory, now, reader) = (call.permit.tenant_directory()?, self.now(), self.db().reader());
        let policy = make(Meta::new(directory, id, &call.operator.principal, now));
        policy.check()?;
        check_references(reader, directory, policy.references()).await?;
        let compiled = self.compiled(directory).await?;
        let span = Duration::from_hours(24) * days;
        let span = i64::try_from(span.as_micros()).unwrap_or(i64::MAX);
        let since = Timestamp::from_micros(now.as_micros().saturating_sub(span));
        self.0.log.flush(directory).await?;
        let past = store::past_decisions(reader, directory, since, KINDS_MAX + 1).await?;
        if past.len() > KINDS_MAX {
            return Err(SaseError::TooMuchPast(KINDS_MAX).into());
        }
        let mut run = dry_run(&policy, compiled.decider.world(), past);
        run.changes.truncate(SHOWN);
        Ok(run)
    }
}
