//! Filters and orders of lists as SQL, with the meaning that `bailiwick_core::filter` gives them, on both engines.

use std::{fmt, str::FromStr};

use bailiwick_core::filter::{Filter, Kind, Listing, Match, Order, Relation, Schema, Value};
use sea_orm::{
    Condition, DbBackend, EntityTrait, ExprTrait, Order as Direction, QueryFilter, QueryOrder, Select,
    sea_query::{Alias, Expr, Func, LikeExpr, Query},
};

use crate::{DbError, PageTokenError};

/// What stands before a character of a pattern that is no wildcard.
const ESCAPE: char = '!';

/// Where a list has the fields of its schema.
#[derive(Clone, Copy, Debug)]
pub struct Columns {
    /// The fields.
    pub schema: &'static Schema,
    /// The number or text that orders items whose values are equal, and is each item's own in the list. Entries are found
    /// by it only where it is a number.
    pub id: fn() -> Expr,
    /// Where a field is; none if it is not in the list.
    pub source: fn(&str) -> Option<Source>,
}

/// Where a field is. No column may be null.
#[derive(Clone, Debug)]
pub enum Source {
    /// A text.
    Text(Expr),
    /// A text that stands for a value of an enumeration: its name in the contract, and the text.
    Code(Expr, &'static [(&'static str, &'static str)]),
    /// A number that stands for a value of an enumeration: its name in the contract, and the number. Where the list can be
    /// ordered by it, the numbers grow in the order of the names in the schema.
    Rank(Expr, &'static [(&'static str, i64)]),
    /// A number that stands for a resource name, and the number of a name; none for a name that no item has.
    Named(Expr, fn(&str) -> Option<i64>),
    /// A flag.
    Bool(Expr),
    /// Microseconds since 1970-01-01 UTC.
    Time(Expr),
    /// A table with a row for each key of a map.
    Entries(Entries),
}

/// What an order compares.
struct Sorting {
    column: Expr,
    values: Values,
}

/// How a place tells what the column of an order has.
#[derive(Clone, Copy)]
enum Values {
    Texts,
    Times,
    /// By the names of an enumeration.
    Ranks(&'static [(&'static str, i64)]),
}

/// A table with a row for each key of the maps of all items.
#[derive(Clone, Copy, Debug)]
pub struct Entries {
    /// The table.
    pub table: &'static str,
    /// The column of the keys.
    pub key: &'static str,
    /// The column of the texts.
    pub text: &'static str,
    /// The column of the items' numbers.
    pub item: &'static str,
}

/// The place of an item in a list: its id, and its value in the field that orders the list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    id: ItemId,
    value: String,
}

/// What is an item's own in its list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ItemId {
    /// A number.
    Number(i64),
    /// A text without spaces.
    Text(String),
}

/// What stands before an id that is a text.
const TEXT_ID: char = '\'';

impl Columns {
    /// The items of `select` that are asked for, in the order asked for, after a place.
    ///
    /// # Errors
    /// If a field of the schema has no source, or the place is not of this order.
    pub fn select<E: EntityTrait>(
        &self,
        select: Select<E>,
        listing: &Listing,
        after: Option<&Place>,
        engine: DbBackend,
    ) -> Result<Select<E>, DbError> {
        let mut select = select.filter(self.condition(&listing.filter, engine)?);
        let by = listing.order.map(|order| Ok::<_, DbError>((order, self.sorted(&order, engine)?))).transpose()?;
        if let Some(place) = after {
            select = select.filter(self.beyond(place, by.as_ref())?);
        }
        if let Some((order, sorting)) = by {
            select = select.order_by(sorting.column, if order.descending { Direction::Desc } else { Direction::Asc });
        }
        Ok(select.order_by((self.id)(), Direction::Asc))
    }

    /// The same items as one selection after the other, each to be read until the page is full: those that are beyond the
    /// place by their ids alone, then those by their values. Unlike the one condition of [`Columns::select`], each leads an
    /// index over the field and the id, whatever their directions, right to the place.
    ///
    /// # Errors
    /// As of [`Columns::select`].
    pub fn select_parts<E: EntityTrait>(
        &self,
        select: &Select<E>,
        listing: &Listing,
        after: Option<&Place>,
        engine: DbBackend,
    ) -> Result<Vec<Select<E>>, DbError> {
        let (Some(place), Some(order)) = (after, listing.order) else {
            return Ok(vec![self.select(select.clone(), listing, after, engine)?]);
        };
        let sorting = self.sorted(&order, engine)?;
        let value = sorting.value(&place.value)?;
        let column = sorting.column;
        let whole = self.select(select.clone(), listing, None, engine)?;
        let equal = whole.clone().filter(column.clone().eq(value.clone())).filter(self.later(place));
        let beyond = if order.descending { column.lt(value) } else { column.gt(value) };
        Ok(vec![equal, whole.filter(beyond)])
    }

    /// The condition of a filter.
    ///
    /// # Errors
    /// If a field of the schema has no source.
    pub fn condition(&self, filter: &Filter, engine: DbBackend) -> Result<Condition, DbError> {
        let with = |to: Condition, parts: &[Filter]| {
            parts.iter().try_fold(to, |to, part| Ok::<_, DbError>(to.add(self.condition(part, engine)?)))
        };
        let one = |expr: Expr| Condition::all().add(expr);
        Ok(match filter {
            // An empty condition is left out of a disjunction, where it would be everything.
            Filter::All(parts) if parts.is_empty() => one(Expr::cust("1 = 1")),
            Filter::Any(parts) if parts.is_empty() => one(Expr::cust("1 = 0")),
            Filter::All(parts) => with(Condition::all(), parts)?,
            Filter::Any(parts) => with(Condition::any(), parts)?,
            Filter::Not(part) => self.condition(part, engine)?.not(),
            Filter::Search(wanted) => {
                let texts = self.schema.fields.iter().filter(|field| field.kind == Kind::Text);
                let sources = texts.filter_map(|field| (self.source)(field.name));
                let texts = sources.filter_map(|source| match source {
                    Source::Text(column) => Some(text(column, wanted, engine)),
                    _ => None,
                });
                texts.fold(Condition::any().add(Expr::cust("1 = 0")), Condition::add)
            }
            Filter::Text(name, wanted) => match self.source(name)? {
                Source::Text(column) => one(text(column, wanted, engine)),
                _ => return Err(unmapped(name)),
            },
            Filter::Enum(name, wanted) => match self.source(name)? {
                Source::Code(column, codes) => {
                    let code = codes.iter().find(|(known, _)| known == wanted).ok_or_else(|| unmapped(wanted))?;
                    one(column.eq(code.1))
                }
                Source::Rank(column, codes) => one(column.eq(number(codes, wanted)?)),
                _ => return Err(unmapped(name)),
            },
            Filter::Bool(name, wanted) => match self.source(name)? {
                Source::Bool(column) => one(column.eq(*wanted)),
                _ => return Err(unmapped(name)),
            },
            Filter::Time(name, relation, than) => match self.source(name)? {
                Source::Time(column) => one(time(column, *relation, than.as_micros())),
                _ => return Err(unmapped(name)),
            },
            Filter::Name(name, wanted) => match self.source(name)? {
                Source::Text(column) => one(column.eq(wanted.as_str())),
                Source::Named(column, of) => match of(wanted) {
                    Some(number) => one(column.eq(number)),
                    None => one(Expr::cust("1 = 0")),
                },
                _ => return Err(unmapped(name)),
            },
            Filter::Entry(name, key, wanted) => one(self.with_key(name, key, Some((wanted, engine)))?),
            Filter::Key(name, key) => one(self.with_key(name, key, None)?),
        })
    }

    /// Whether a map has a key, with such a text if one is asked for.
    fn with_key(&self, name: &str, key: &str, wanted: Option<(&Match, DbBackend)>) -> Result<Expr, DbError> {
        let Source::Entries(entries) = self.source(name)? else { return Err(unmapped(name)) };
        let column = |column: &'static str| Expr::col((Alias::new(entries.table), Alias::new(column)));
        let mut rows = Query::select();
        rows.expr(Expr::val(1)).from(Alias::new(entries.table));
        rows.and_where(column(entries.item).eq((self.id)())).and_where(column(entries.key).eq(key));
        if let Some((wanted, engine)) = wanted {
            rows.and_where(text(column(entries.text), wanted, engine));
        }
        Ok(Expr::exists(rows))
    }

    /// What has an id after that of a place.
    fn later(&self, place: &Place) -> Expr {
        match &place.id {
            ItemId::Number(id) => (self.id)().gt(*id),
            ItemId::Text(id) => (self.id)().gt(id.as_str()),
        }
    }

    /// What lies after a place.
    fn beyond(&self, place: &Place, by: Option<&(Order, Sorting)>) -> Result<Condition, DbError> {
        let later = self.later(place);
        let Some((order, sorting)) = by else { return Ok(Condition::all().add(later)) };
        let (column, value) = (sorting.column.clone(), sorting.value(&place.value)?);
        let beyond = if order.descending { column.clone().lt(value.clone()) } else { column.clone().gt(value.clone()) };
        let equal = Condition::all().add(column.eq(value)).add(later);
        Ok(Condition::any().add(beyond).add(equal))
    }

    /// What an order compares.
    fn sorted(&self, order: &Order, engine: DbBackend) -> Result<Sorting, DbError> {
        let (column, values) = match self.source(order.field)? {
            Source::Text(column) => (bytewise(column, engine), Values::Texts),
            Source::Time(column) => (column, Values::Times),
            Source::Rank(column, codes) => (column, Values::Ranks(codes)),
            Source::Code(..) | Source::Named(..) | Source::Bool(_) | Source::Entries(_) => {
                return Err(unmapped(order.field));
            }
        };
        Ok(Sorting { column, values })
    }

    fn source(&self, name: &str) -> Result<Source, DbError> {
        (self.source)(name).ok_or_else(|| unmapped(name))
    }
}

impl Sorting {
    /// The value that a place tells, as the column has it.
    fn value(&self, text: &str) -> Result<Expr, DbError> {
        Ok(match self.values {
            Values::Texts => Expr::val(text),
            Values::Times => Expr::val(text.parse::<i64>().map_err(|e| DbError::Other(e.into()))?),
            Values::Ranks(codes) => Expr::val(number(codes, text)?),
        })
    }
}

fn number(codes: &[(&'static str, i64)], wanted: &str) -> Result<i64, DbError> {
    let code = codes.iter().find(|(known, _)| *known == wanted).ok_or_else(|| unmapped(wanted))?;
    Ok(code.1)
}

/// SQLite folds A to Z and compares bytes, unless told otherwise; PostgreSQL does with collation "C".
fn bytewise(column: Expr, engine: DbBackend) -> Expr {
    match engine {
        DbBackend::Postgres => Expr::cust_with_expr("($1) COLLATE \"C\"", column),
        _ => column,
    }
}

fn text(column: Expr, wanted: &Match, engine: DbBackend) -> Expr {
    let pattern = match wanted {
        Match::Equals(text) => return column.eq(text.as_str()),
        Match::Present => return column.ne(""),
        Match::Contains(text) => format!("%{}%", escaped(text)),
        Match::Begins(text) => format!("{}%", escaped(text)),
        Match::Ends(text) => format!("%{}", escaped(text)),
    };
    Expr::from(Func::lower(bytewise(column, engine))).like(LikeExpr::new(pattern).escape(ESCAPE))
}

/// A text as a part of a pattern, in lower case.
fn escaped(text: &str) -> String {
    let mut pattern = String::with_capacity(text.len());
    for c in text.chars() {
        if matches!(c, ESCAPE | '%' | '_') {
            pattern.push(ESCAPE);
        }
        pattern.push(c.to_ascii_lowercase());
    }
    pattern
}

fn time(column: Expr, relation: Relation, micros: i64) -> Expr {
    match relation {
        Relation::Equal => column.eq(micros),
        Relation::Before => column.lt(micros),
        Relation::UpTo => column.lte(micros),
        Relation::After => column.gt(micros),
        Relation::From => column.gte(micros),
    }
}

fn unmapped(name: &str) -> DbError {
    DbError::Other(format!("the field `{name}` has no such column").into())
}

impl Place {
    /// Of an item with an id; `value` is what it has in a field that sorts.
    pub fn of<'a>(id: impl Into<ItemId>, listing: &Listing, value: impl FnOnce(&str) -> Option<Value<'a>>) -> Self {
        let value = match listing.order.and_then(|order| value(order.field)) {
            Some(Value::Text(text)) => text.into_owned(),
            Some(Value::Time(time)) => time.as_micros().to_string(),
            Some(Value::Enum(name)) => name.to_owned(),
            Some(Value::Bool(_) | Value::Map(_)) | None => String::new(),
        };
        Self { id: id.into(), value }
    }
}

impl From<i64> for ItemId {
    fn from(id: i64) -> Self {
        Self::Number(id)
    }
}

impl From<&str> for ItemId {
    fn from(id: &str) -> Self {
        Self::Text(id.to_owned())
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.id {
            ItemId::Number(id) => write!(f, "{id} {}", self.value),
            ItemId::Text(id) => write!(f, "{TEXT_ID}{id} {}", self.value),
        }
    }
}

impl FromStr for Place {
    type Err = PageTokenError;

    fn from_str(text: &str) -> Result<Self, PageTokenError> {
        let (id, value) = text.split_once(' ').ok_or(PageTokenError::Invalid)?;
        let id = match id.strip_prefix(TEXT_ID) {
            Some(id) => ItemId::Text(id.to_owned()),
            None => ItemId::Number(id.parse().map_err(|_| PageTokenError::Invalid)?),
        };
        Ok(Self { id, value: value.to_owned() })
    }
}

#[cfg(test)]
mod tests;
