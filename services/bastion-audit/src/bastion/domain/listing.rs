//! Listings of all that an account has, in parts.

use super::BastionError;

/// How far the listings of an account have come.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Listings {
    /// The id of the one that is not complete, and its first report; empty if there is none.
    pub(crate) open: String,
    pub(crate) begin: i64,
    /// The id of the one that was completed last.
    pub(crate) completed: String,
}

/// What a report is of a listing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ListingPart {
    /// Empty for none.
    pub(crate) listing: String,
    /// It is the first part.
    pub(crate) begin: bool,
    /// It is the last one.
    pub(crate) complete: bool,
}

/// What a report means for the listings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Progress {
    /// What it names is there.
    Takes,
    /// The same, and what was last named before this report is not.
    Completes(i64),
    /// It was taken before.
    Repeats,
}

impl Listings {
    /// Takes a part, in a report of this number. What is not known to be of one listing releases nothing: parts come
    /// twice, late, and from two connectors that know nothing of each other.
    ///
    /// # Errors
    /// [`BastionError::ListingNotOpen`].
    pub(crate) fn take(&mut self, part: &ListingPart, report: i64) -> Result<Progress, BastionError> {
        let ListingPart { listing, begin, complete } = part;
        if listing.is_empty() {
            return Ok(Progress::Takes);
        }
        let (open, completed) = (self.open == *listing, self.completed == *listing);
        match (begin, complete) {
            // All of it: whatever was before, it names everything itself.
            (true, true) => self.begin = report,
            (false, true) if completed => return Ok(Progress::Repeats),
            (true, false) if !completed && !open => (self.open, self.begin) = (listing.clone(), report),
            (true, false) if completed => return Err(BastionError::ListingNotOpen(listing.clone())),
            (false, _) if !open => return Err(BastionError::ListingNotOpen(listing.clone())),
            _ => {}
        }
        if !complete {
            return Ok(Progress::Takes);
        }
        self.open.clear();
        self.completed.clone_from(listing);
        Ok(Progress::Completes(self.begin))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BEGIN: (bool, bool) = (true, false);
    const PART: (bool, bool) = (false, false);
    const LAST: (bool, bool) = (false, true);
    const ALL: (bool, bool) = (true, true);

    /// What becomes of parts in this order, in reports 1, 2 and so on; none for what is refused.
    fn taken(parts: &[(&str, (bool, bool))]) -> Vec<Option<Progress>> {
        let mut listings = Listings::default();
        let part = |(listing, (begin, complete)): &(&str, (bool, bool))| ListingPart {
            listing: (*listing).to_owned(),
            begin: *begin,
            complete: *complete,
        };
        (1..).zip(parts).map(|(report, one)| listings.take(&part(one), report).ok()).collect()
    }

    #[test]
    fn only_the_last_part_of_the_open_listing_completes_it() {
        use Progress::{Completes, Repeats, Takes};
        for (parts, progress) in [
            (
                &[("a", BEGIN), ("a", PART), ("", PART), ("a", LAST)][..],
                &[Some(Takes), Some(Takes), Some(Takes), Some(Completes(1))][..],
            ),
            // The answer to the last part was lost.
            (&[("a", BEGIN), ("a", LAST), ("a", LAST)], &[Some(Takes), Some(Completes(1)), Some(Repeats)]),
            (&[("a", ALL), ("a", ALL)], &[Some(Completes(1)), Some(Completes(2))]),
            // So was that to the first one.
            (&[("a", BEGIN), ("a", BEGIN), ("a", LAST)], &[Some(Takes), Some(Takes), Some(Completes(1))]),
            // Another connector has begun one.
            (
                &[("a", BEGIN), ("b", BEGIN), ("a", LAST), ("b", LAST)],
                &[Some(Takes), Some(Takes), None, Some(Completes(2))],
            ),
            (&[("a", BEGIN), ("b", ALL), ("a", LAST)], &[Some(Takes), Some(Completes(2)), None]),
            // What comes late, or has no beginning.
            (&[("a", BEGIN), ("a", LAST), ("a", PART), ("a", BEGIN)], &[Some(Takes), Some(Completes(1)), None, None]),
            (&[("a", PART), ("a", LAST)], &[None, None]),
            // One that broke off is forgotten by the next.
            (&[("a", BEGIN), ("b", BEGIN), ("b", LAST)], &[Some(Takes), Some(Takes), Some(Completes(2))]),
        ] {
            assert_eq!(taken(parts), progress, "{parts:?}");
        }
    }
}
