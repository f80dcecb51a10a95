//! The rules by which risks do not count. Each change locks the directory's head of rules, and begins anew to apply them.

use bailiwick_changelog::Recorded;
use bailiwick_core::{Timestamp, authz::Tenant};
use bailiwick_db::{Committed, IdempotencyKey, PageQuery, Tx};
use bailiwick_roster::Listed;
use bailiwick_rpc::Call;
use serde::{Deserialize, Serialize};

use super::{Risks, RisksError};
use crate::posture::{
    domain::{RULES_MAX, RiskError, RuleChange, SuppressionRule, risk_filter::rule_name},
    store::{self, Head},
};

/// A rule, and what became of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct RuleView {
    pub(crate) rule: SuppressionRule,
    /// How many risks it suppresses of the accounts that the caller reaches.
    pub(crate) suppressed: i64,
    /// Whether it was applied to all that there was.
    pub(crate) applied: bool,
}

/// What a rule is made of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct NewRule {
    pub(crate) id: String,
    pub(crate) filter: String,
    pub(crate) reason: String,
    pub(crate) expire: Option<Timestamp>,
    pub(crate) disabled: bool,
}

/// A part of a list.
pub(crate) struct RulesPage {
    /// By id.
    pub(crate) rules: Vec<RuleView>,
    /// Continues the list; empty at its end.
    pub(crate) next: String,
}

impl Risks {
    /// Creates a rule.
    ///
    /// # Errors
    /// [`RiskError::RuleExists`], [`RiskError::RuleQuota`].
    pub(crate) async fn rule_create(
        &self,
        call: &Call,
        key: &IdempotencyKey,
        new: &NewRule,
    ) -> Result<Committed<RuleView>, RisksError> {
        let work = |head: Head, rules: Vec<SuppressionRule>, now| {
            let name = rule_name(head.directory, &new.id);
            if rules.iter().any(|rule| rule.id == new.id) {
                return Err(RiskError::RuleExists(name));
            }
            if rules.len() >= RULES_MAX {
                return Err(RiskError::RuleQuota(RULES_MAX));
            }
            Ok(Some(SuppressionRule {
                directory: head.directory,
                id: new.id.clone(),
                filter: new.filter.clone(),
                reason: new.reason.clone(),
                expire: new.expire,
                disabled: new.disabled,
                operator: call.operator.principal.clone(),
                create_time: now,
                version: 1,
                generation: head.generation + 1,
            }))
        };
        self.rule_write(("rule_create", call, key), &new.id, work).await
    }

    /// Changes a rule.
    ///
    /// # Errors
    /// [`RiskError::NotFound`], [`RiskError::EtagMismatch`].
    pub(crate) async fn rule_update(
        &self,
        call: &Call,
        key: &IdempotencyKey,
        (id, etag): (&str, &str),
        change: &RuleChange,
    ) -> Result<Committed<RuleView>, RisksError> {
        let work = |head: Head, rules: Vec<SuppressionRule>, _| {
            let mut rule = found(&head, rules, id)?;
            rule.check_etag(etag)?;
            if !rule.change(change.clone()) {
                return Ok(None);
            }
            rule.generation = head.generation + 1;
            Ok(Some(rule))
        };
        self.rule_write(("rule_update", call, key), id, work).await
    }

    /// Saves the rule that `work` makes of the rules that there are, if it makes one.
    async fn rule_write(
        &self,
        (operation, call, key): (&'static str, &Call, &IdempotencyKey),
        id: &str,
        work: impl Fn(Head, Vec<SuppressionRule>, Timestamp) -> Result<Option<SuppressionRule>, RiskError> + Send + Sync,
    ) -> Result<Committed<RuleView>, RisksError> {
        let (list, work) = (&self.list(call).await?, &work);
        let done = self.db.write_once(operation, key, |tx: Tx| async move {
            let mut head = store::head_lock(tx.conn(), list.directory()).await?;
            let rules = store::rules(tx.conn(), list.directory()).await?;
            if let Some(rule) = work(head.clone(), rules, self.db.clock().now())? {
                store::rule_save(tx.conn(), &rule).await?;
                self.began(&tx, call, key, &mut head, rule.name()).await?;
            }
            let rule = found(&head, store::rules(tx.conn(), list.directory()).await?, id)?;
            let suppressed = store::suppressed(tx.conn(), list).await?.remove(id).unwrap_or_default();
            Ok::<_, RisksError>(RuleView { applied: rule.generation <= head.applied, rule, suppressed })
        });
        let done = done.await?;
        self.rules_changed.notify_one();
        Ok(done)
    }

    /// Deletes a rule.
    ///
    /// # Errors
    /// [`RiskError::NotFound`], [`RiskError::EtagMismatch`].
    pub(crate) async fn rule_delete(
        &self,
        call: &Call,
        key: &IdempotencyKey,
        (id, etag): (&str, &str),
    ) -> Result<Committed<()>, RisksError> {
        let directory = self.list(call).await?.directory();
        let done = self.db.write_once("rule_delete", key, |tx: Tx| async move {
            let mut head = store::head_lock(tx.conn(), directory).await?;
            let rule = found(&head, store::rules(tx.conn(), directory).await?, id)?;
            rule.check_etag(etag)?;
            store::rule_remove(tx.conn(), &rule).await?;
            self.began(&tx, call, key, &mut head, rule.name()).await
        });
        let done = done.await?;
        self.rules_changed.notify_one();
        Ok(done)
    }

    /// Reads a rule.
    ///
    /// # Errors
    /// [`RiskError::NotFound`].
    pub(crate) async fn rule_get(&self, call: &Call, id: &str) -> Result<RuleView, RisksError> {
        let list = self.list(call).await?;
        let mut rules = self.rules(&list).await?;
        rules.retain(|view| view.rule.id == id);
        Ok(rules.pop().ok_or_else(|| RiskError::NotFound(rule_name(list.directory(), id)))?)
    }

    /// A page of the rules.
    ///
    /// # Errors
    /// [`RisksError::Token`].
    pub(crate) async fn rule_list(&self, call: &Call, size: u32, token: &str) -> Result<RulesPage, RisksError> {
        let list = self.list(call).await?;
        let (epoch, now, tenant) = (self.db.epoch().await?, self.db.clock().now(), list.directory().name());
        let query = PageQuery { epoch: &epoch, tenant: &tenant, method: call.permit.path(), fingerprint: &[] };
        let after = if token.is_empty() { String::new() } else { self.pages.open(&query, token, now)? };
        let mut rules = self.rules(&list).await?;
        rules.retain(|view| view.rule.id > after);
        let size = usize::try_from(size).unwrap_or(usize::MAX);
        let more = rules.len() > size;
        rules.truncate(size);
        let next = match rules.last() {
            Some(last) if more => self.pages.seal(&query, &last.rule.id, now)?,
            _ => String::new(),
        };
        Ok(RulesPage { rules, next })
    }

    /// All rules of a directory, which are few, by id.
    async fn rules(&self, list: &Listed) -> Result<Vec<RuleView>, RisksError> {
        let reader = self.db.reader();
        // Read before the rules: one that has changed since is not applied by what was so far.
        let applied = store::head(reader, list.directory()).await?.map_or(0, |head| head.applied);
        let rules = store::rules(reader, list.directory()).await?;
        if rules.is_empty() {
            return Ok(Vec::new());
        }
        let mut counts = store::suppressed(reader, list).await?;
        let view = |rule: SuppressionRule| RuleView {
            suppressed: counts.remove(&rule.id).unwrap_or_default(),
            applied: rule.generation <= applied,
            rule,
        };
        Ok(rules.into_iter().map(view).collect())
    }

    /// Begins to apply the rules anew, and records what changed.
    async fn began(
        &self,
        tx: &Tx,
        call: &Call,
        key: &IdempotencyKey,
        head: &mut Head,
        resource: String,
    ) -> Result<(), RisksError> {
        head.begin();
        store::head_save(tx.conn(), head).await?;
        let recorded = Recorded {
            resource,
            tenant: Tenant::Directory(head.directory),
            accounts: Vec::new(),
            request_id: key.request_id.clone().unwrap_or_default(),
            facts: Vec::new(),
        };
        tx.record(recorded.by_call(call, self.db.clock().now()));
        Ok(())
    }
}

fn found(head: &Head, rules: Vec<SuppressionRule>, id: &str) -> Result<SuppressionRule, RiskError> {
    let found = rules.into_iter().find(|rule| rule.id == id);
    found.ok_or_else(|| RiskError::NotFound(rule_name(head.directory, id)))
}
