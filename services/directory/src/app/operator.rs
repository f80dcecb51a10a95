//! Operators of the platform: those that are configured may act, and no others.

use bailiwick_changelog::Recorded;
use bailiwick_core::{Role, authz::Tenant};
use bailiwick_db::{DbError, Tx};

use super::App;
use crate::{
    domain::operator::{Configured, Operator},
    events, store,
};

/// The method of changes that come from the configuration.
const METHOD: &str = "configure";

impl App {
    /// Makes the operators in the database those that are configured. Done at each start; changes nothing the second
    /// time.
    pub async fn operators_ensure(&self, configured: &[Configured]) -> Result<(), DbError> {
        let ensure = || self.db.write("operators_ensure", move |tx: Tx| self.ensure(tx, configured));
        match ensure().await {
            // Another replica added the same operator at the same time: it is there now.
            Err(error) if error.is_unique() => ensure().await?,
            result => result?,
        };
        Ok(())
    }

    async fn ensure(&self, tx: Tx, configured: &[Configured]) -> Result<(), DbError> {
        for operator in store::operator::enabled(tx.conn()).await? {
            if configured.iter().any(|known| known.id == operator.id) {
                continue;
            }
            let locked = store::operator::lock(tx.conn(), &operator.id).await?;
            if let Some(retired) = locked.and_then(|locked| locked.retire()) {
                store::operator::save(tx.conn(), &retired).await?;
                self.record_operator(&tx, &retired);
            }
        }
        for wanted in configured {
            let stored = store::operator::lock(tx.conn(), &wanted.id).await?;
            let Some(changed) = Operator::ensure(stored.as_ref(), wanted, self.now()) else { continue };
            match stored {
                Some(_) => store::operator::save(tx.conn(), &changed).await?,
                None => store::operator::insert(tx.conn(), &changed).await?,
            }
            self.record_operator(&tx, &changed);
        }
        Ok(())
    }

    fn record_operator(&self, tx: &Tx, operator: &Operator) {
        let recorded = Recorded {
            resource: operator.identity().to_string(),
            tenant: Tenant::Platform,
            accounts: Vec::new(),
            request_id: String::new(),
            facts: vec![events::operator(operator)],
        };
        tx.record(recorded.by_service(Role::Directory, METHOD, self.now()));
    }
}
