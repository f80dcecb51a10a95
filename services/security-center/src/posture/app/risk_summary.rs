//! Counting risks.

use bailiwick_core::filter::Filter;
use bailiwick_rpc::Call;

use super::{Risks, RisksError};
use crate::posture::{
    domain::{
        Dimension, RiskSummary,
        risk_filter::{is_counted, open},
    },
    store::{self, Whose},
};

impl Risks {
    /// Counts the risks of the controlled accounts that the call reaches: the open ones, or those that a filter asks for.
    /// From the numbers that are kept of them where these tell it.
    pub(crate) async fn risk_summarize(
        &self,
        call: &Call,
        by: Dimension,
        filter: Option<Filter>,
        limit: u64,
    ) -> Result<RiskSummary, RisksError> {
        let list = self.list(call).await?;
        self.settling.settle(&Whose::List(list.clone())).await?;
        let (filter, reader) = (filter.unwrap_or_else(open), self.db.reader());
        let summary = if by.is_counted() && is_counted(&filter) {
            store::summary_of_tallies(reader, &list, by, &filter, limit).await
        } else {
            store::summary_of_risks(reader, &self.view(list).await?, by, &filter, limit).await
        };
        Ok(summary?)
    }
}
