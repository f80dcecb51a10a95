//! All risks that a filter asks for, one page after the other.

use bailiwick_core::filter::{Filter, Listing};
use bailiwick_db::Place;
use bailiwick_rpc::Call;

use super::{RiskView, Risks, RisksError};
use crate::posture::{
    domain::risk_filter,
    store::{self, View, Whose},
};

/// Risks read at once: each has 20 KiB of text at most.
const PAGE: u64 = 200;

/// An export under way.
pub(crate) struct Export {
    risks: Risks,
    view: View,
    listing: Listing,
    after: Option<Place>,
    ended: bool,
}

impl Risks {
    /// Begins an export of the controlled accounts that the call reaches, the worst risks first.
    pub(crate) async fn risk_export(&self, call: &Call, filter: Filter) -> Result<Export, RisksError> {
        let list = self.list(call).await?;
        self.settling.settle(&Whose::List(list.clone())).await?;
        let view = self.view(list).await?;
        let listing = risk_filter::listing(filter, None);
        Ok(Export { risks: self.clone(), view, listing, after: None, ended: false })
    }
}

impl Export {
    /// The next risks; none at the end.
    pub(crate) async fn next(&mut self) -> Result<Option<Vec<RiskView>>, RisksError> {
        if self.ended {
            return Ok(None);
        }
        let reader = self.risks.db.reader();
        let page = store::risks_page(reader, &self.view, &self.listing, self.after.as_ref(), PAGE).await?;
        self.ended = u64::try_from(page.len()).unwrap_or(PAGE) < PAGE;
        self.after = page.last().map(|last| store::risk_place(last, &self.listing));
        Ok(Some(self.risks.placed(page).await?))
    }
}
