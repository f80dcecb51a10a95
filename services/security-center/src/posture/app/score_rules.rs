//! Rules of scores (E-SC-10).

use bailiwick_changelog::Recorded;
use bailiwick_core::{DirectoryId, authz::Tenant};
use bailiwick_db::{IdempotencyKey, Position, Tx};
use bailiwick_rpc::Call;
use sha2::{Digest, Sha256};

use super::{
    edition,
    security_score::{ScoreError, Scores},
};
use crate::posture::{
    domain::{RulesChange, ScoreRules},
    store,
};

/// The rules of a directory.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub(crate) struct RulesOf {
    pub(crate) directory: DirectoryId,
    pub(crate) rules: ScoreRules,
    /// Number of changes.
    pub(crate) version: i64,
}

/// How rules are changed.
pub(crate) struct RulesRequest {
    /// None goes back to those that bailiwick comes with.
    pub(crate) change: Option<RulesChange>,
    /// Compared if it is not empty.
    pub(crate) etag: String,
    pub(crate) request_id: Option<String>,
}

impl RulesOf {
    /// `directories/{directory}/scoreRules`.
    pub(crate) fn name(&self) -> String {
        format!("{}/scoreRules", self.directory.name())
    }

    /// Changes with each change.
    pub(crate) fn etag(&self) -> String {
        self.version.to_string()
    }
}

impl Scores {
    /// The rules of the call's directory.
    pub(crate) async fn rules(&self, call: &Call) -> Result<RulesOf, ScoreError> {
        edition::multi_account(&self.db, call).await?;
        let directory = call.permit.tenant_directory()?;
        let (rules, version) = store::score_rules(self.db.reader(), directory).await?;
        Ok(RulesOf { directory, rules, version })
    }

    /// Changes the rules of the call's directory.
    ///
    /// # Errors
    /// [`ScoreError::EtagMismatch`].
    pub(crate) async fn rules_change(
        &self,
        call: &Call,
        asked: &RulesRequest,
    ) -> Result<(RulesOf, Position), ScoreError> {
        edition::multi_account(&self.db, call).await?;
        let directory = call.permit.tenant_directory()?;
        let key = &IdempotencyKey {
            scope: call.operator.principal.clone(),
            method: call.permit.path().to_owned(),
            request_id: asked.request_id.clone(),
            fingerprint: Sha256::digest(format!("{directory} {:?} {:?}", asked.change, asked.etag)).into(),
        };
        let done = self.db.write_once("score_rules", key, |tx: Tx| async move {
            let (before, version) = store::score_rules_lock(tx.conn(), directory).await?;
            let found = RulesOf { directory, rules: before, version };
            if !asked.etag.is_empty() && asked.etag != found.etag() {
                return Err(ScoreError::EtagMismatch(found.name()));
            }
            let change = asked.change.clone();
            let rules = change.map_or_else(ScoreRules::default, |change| found.rules.with(change));
            if rules == found.rules {
                return Ok(found);
            }
            let changed = RulesOf { rules, version: version + 1, ..found };
            store::score_rules_save(tx.conn(), directory, &(changed.rules.clone(), changed.version)).await?;
            store::score_due_list(tx.conn(), directory).await?;
            tx.record(self.rules_changed(call, &changed, key));
            Ok(changed)
        });
        let done = done.await?;
        Ok((done.value, done.position))
    }

    fn rules_changed(&self, call: &Call, changed: &RulesOf, key: &IdempotencyKey) -> bailiwick_db::ChangeRow {
        let recorded = Recorded {
            resource: changed.name(),
            tenant: Tenant::Directory(changed.directory),
            accounts: Vec::new(),
            request_id: key.request_id.clone().unwrap_or_default(),
            facts: Vec::new(),
        };
        recorded.by_call(call, self.db.clock().now())
    }
}
