//! What goes on beside the calls: rules are applied to what there is, and what was accepted until now is open again.

use std::time::Duration;

use bailiwick_core::{Entropy, random_token};
use tokio::time::timeout;

use super::{Risks, RisksError};
use crate::posture::store::Whose;

const LEASE: &str = "security-center-risks";
const LEASE_TTL: Duration = Duration::from_secs(30);
/// How often it is looked whether there is anything to do: the follower of the log and other replicas make it.
const PERIOD: Duration = Duration::from_millis(200);

impl Risks {
    /// Does what is to be done until the shutdown. What goes wrong is logged, and tried again after a pause.
    pub(crate) async fn upkeep(self, entropy: std::sync::Arc<dyn Entropy>) {
        let (holder, shutdown) = (random_token(entropy.as_ref(), 20), self.shutdown.clone());
        let work = async {
            loop {
                if let Err(error) = self.keep_up(&holder).await {
                    tracing::warn!(%error, "suppression rules and acknowledgements stand still; they are tried again");
                }
                // Ends early when rules have changed here.
                drop(timeout(PERIOD, self.rules_changed.notified()).await);
            }
        };
        shutdown.run_until_cancelled(work).await;
    }

    /// Does all that is to be done now, unless another replica does.
    async fn keep_up(&self, holder: &str) -> Result<(), RisksError> {
        self.settling.settle(&Whose::All).await?;
        let mut held = None;
        while self.work_pending().await? || self.suppression_pending().await? {
            // Renewed for each step, which is short.
            held = self.db.try_lease(LEASE, holder, LEASE_TTL).await?;
            if held.is_none() {
                break;
            }
            let well = self.work_step().await? & self.suppression_step().await?;
            if !well {
                break;
            }
        }
        if let Some(lease) = held {
            self.db.release_lease(&lease).await?;
        }
        Ok(())
    }
}
