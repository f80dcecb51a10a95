//! In which order a list is asked for.

use super::{Filter, FilterError, Schema, schema::list};

/// By which field. Items with equal values are in the order of their ids, whatever the direction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Order {
    /// A field of the schema that sorts.
    pub field: &'static str,
    /// The largest first.
    pub descending: bool,
}

/// What of a list is asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Listing {
    /// Which items.
    pub filter: Filter,
    /// In which order; by id if none.
    pub order: Option<Order>,
}

impl Listing {
    /// A text that is another one for each other listing of the same schema, to which page tokens are bound. It has one
    /// line break.
    pub fn fingerprint(&self) -> String {
        let order = self.order.map(|order| format!("{}{}", order.field, if order.descending { " desc" } else { "" }));
        format!("{}\n{}", self.filter, order.unwrap_or_default())
    }
}

impl Schema {
    /// The order of a text: one field, and ` desc` after it for the other direction; none if it is empty.
    ///
    /// # Errors
    /// Where the field is none that sorts, or what follows it is not `desc`.
    pub fn order(&self, text: &str) -> Result<Option<Order>, FilterError> {
        let offset = |word: &str| word.as_ptr().addr() - text.as_ptr().addr();
        let mut words = text.split_whitespace();
        let Some(name) = words.next() else { return Ok(None) };
        let sorting = self.fields.iter().filter(|field| field.sorts).map(|field| field.name);
        let found = sorting.clone().find(|field| *field == name);
        let expected = || format!("expected one of the fields {}", list(sorting));
        let field = found.ok_or_else(|| FilterError::at(text, offset(name), expected()))?;
        let descending = match words.next() {
            None => false,
            Some("desc") => true,
            Some(other) => return Err(FilterError::at(text, offset(other), "expected `desc` or the end".to_owned())),
        };
        match words.next() {
            None => Ok(Some(Order { field, descending })),
            Some(more) => Err(FilterError::at(text, offset(more), "expected the end".to_owned())),
        }
    }
}
