//! What selects and orders a list: filters as <https://google.aip.dev/160> has them, and `order_by` as
//! <https://google.aip.dev/132> has it, over the fields that the list has.
//!
//! Invariants:
//! - Reading a text costs no more than its 2,048 bytes, 16 levels of parentheses and 64 restrictions allow.
//! - A [`Filter`] is about fields of its [`Schema`] only, each compared in a way that its kind has.
//! - Printing a filter and reading it again gives the same filter.
//! - No value has a control character in it.
//!
//! What it does not do: it has no functions, no fields of fields but the keys of maps, and no comparison of two fields, it does not order
//! texts in a filter, and it knows nothing of databases.

mod evaluate;
mod order;
mod print;
mod schema;
mod syntax;
#[cfg(test)]
mod tests;

pub use evaluate::Value;
pub use order::{Listing, Order};
pub use schema::{Field, Kind, Schema};

use crate::Timestamp;

/// Which items of a list are asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Filter {
    /// Those of all of these; everything, if there are none.
    All(Vec<Filter>),
    /// Those of at least one of these.
    Any(Vec<Filter>),
    /// All but these.
    Not(Box<Filter>),
    /// Those that have the text in at least one field of kind text.
    Search(Match),
    /// Those with such a text.
    Text(&'static str, Match),
    /// Those with the value of an enumeration, by its name in the contract.
    Enum(&'static str, &'static str),
    /// Those with the flag set so.
    Bool(&'static str, bool),
    /// Those with such a time.
    Time(&'static str, Relation, Timestamp),
    /// Those with exactly this resource name.
    Name(&'static str, String),
    /// Those with such a text under a key of a map.
    Entry(&'static str, String, Match),
    /// Those with the key in a map, whatever its text.
    Key(&'static str, String),
}

/// Which texts are asked for. In all but the first, the letters A to Z are the same in both cases; all other characters
/// are themselves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Match {
    /// This one.
    Equals(String),
    /// Those with this in them.
    Contains(String),
    /// Those that begin so.
    Begins(String),
    /// Those that end so.
    Ends(String),
    /// All but the empty one.
    Present,
}

/// How the time of an item is to another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Relation {
    /// The same.
    Equal,
    /// Before it.
    Before,
    /// Not after it.
    UpTo,
    /// After it.
    After,
    /// Not before it.
    From,
}

/// Why a filter or an order is none.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("at character {position}: {problem}")]
pub struct FilterError {
    /// Where, counted in characters from 1.
    pub position: usize,
    /// What was expected there.
    pub problem: String,
}

impl FilterError {
    /// At an offset in bytes.
    fn at(text: &str, offset: usize, problem: String) -> Self {
        Self { position: text.char_indices().take_while(|(at, _)| *at < offset).count() + 1, problem }
    }
}

impl Default for Filter {
    /// Everything.
    fn default() -> Self {
        Self::All(Vec::new())
    }
}
