//! The fields of a list, and what may be said of each.

use super::{
    Filter, FilterError, Match, Relation,
    syntax::{Comparator, Fault, Literal, Node, Operator, parse},
};
use crate::rfc3339;

/// The fields of a list.
#[derive(Clone, Copy, Debug)]
pub struct Schema {
    /// Each name once.
    pub fields: &'static [Field],
}

/// A field.
#[derive(Clone, Copy, Debug)]
pub struct Field {
    /// Its name in the contract.
    pub name: &'static str,
    /// What it holds.
    pub kind: Kind,
    /// Whether the list can be ordered by it: texts by their bytes, times, and enumerations in the order of their names
    /// here. Of other kinds there is no order.
    pub sorts: bool,
}

/// What a field holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A text: `=`, `!=`, `:`.
    Text,
    /// One of the values of these names: `=`, `!=`.
    Enum(&'static [&'static str]),
    /// `true` or `false`: `=`, `!=`.
    Bool,
    /// A time: `=`, `!=`, `<`, `<=`, `>`, `>=`.
    Time,
    /// A resource name: `=`, `!=`. Words without a field are not looked for in it.
    Name,
    /// Texts under keys: `labels.env` is compared as a text, and `labels:env` asks for the key.
    Map,
}

impl Field {
    /// A field by which the list cannot be ordered.
    pub const fn new(name: &'static str, kind: Kind) -> Self {
        Self { name, kind, sorts: false }
    }

    /// A field by which the list can be ordered.
    pub const fn sorted(name: &'static str, kind: Kind) -> Self {
        Self { name, kind, sorts: true }
    }
}

impl Schema {
    /// The filter of a text; an empty text is everything.
    ///
    /// # Errors
    /// Where the text is not of the grammar or exceeds its bounds, names a field that is not there, or compares one in
    /// a way or with a value that its kind does not have.
    pub fn filter(&self, text: &str) -> Result<Filter, FilterError> {
        let parsed = parse(text).and_then(|node| node.map(|node| self.typed(node)).transpose());
        Ok(parsed.map_err(|fault| FilterError::at(text, fault.at, fault.problem))?.unwrap_or_default())
    }

    /// The fields of kind text.
    pub(super) fn texts(&self) -> impl Iterator<Item = &'static str> {
        self.fields.iter().filter(|field| field.kind == Kind::Text).map(|field| field.name)
    }

    /// As deep as the parser lets a filter be.
    fn typed(&self, node: Node) -> Result<Filter, Fault> {
        let all = |nodes: Vec<Node>| nodes.into_iter().map(|node| self.typed(node)).collect::<Result<_, _>>();
        Ok(match node {
            Node::All(nodes) => Filter::All(all(nodes)?),
            Node::Any(nodes) => Filter::Any(all(nodes)?),
            Node::Not(node) => Filter::Not(Box::new(self.typed(*node)?)),
            Node::Bare(literal) => Filter::Search(matching(literal, Match::Contains)),
            Node::Compared(left, operator, value) => self.compared(&left, operator, value)?,
        })
    }

    fn compared(&self, left: &Literal, operator: Operator, value: Literal) -> Result<Filter, Fault> {
        let unknown = || Fault {
            at: left.at,
            problem: format!("expected one of the fields {}", list(self.fields.iter().map(|f| f.name))),
        };
        let plain = !(left.quoted || left.open_start || left.open_end);
        let named = |name: &str| self.fields.iter().find(|field| plain && field.name == name);
        let (field, key) = match (named(&left.text).filter(|_| left.key.is_none()), left.text.split_once('.')) {
            (Some(field), _) => (field, None),
            (None, Some((name, rest))) => {
                let map = named(name).filter(|field| field.kind == Kind::Map).ok_or_else(unknown)?;
                let key = if rest.is_empty() { left.key.as_deref() } else { Some(rest).filter(|_| left.key.is_none()) };
                (map, Some(key.ok_or_else(unknown)?))
            }
            (None, None) => return Err(unknown()),
        };
        let name = field.name;
        let (negated, operator) = match operator.comparator {
            Comparator::NotEqual => (true, Operator { comparator: Comparator::Equal, ..operator }),
            _ => (false, operator),
        };
        let filter = match field.kind {
            Kind::Text => match operator.comparator {
                Comparator::Equal => Filter::Text(name, matching(value, Match::Equals)),
                Comparator::Has => Filter::Text(name, matching(value, Match::Contains)),
                _ => return Err(unsupported(field, operator)),
            },
            Kind::Enum(names) => {
                equality(field, operator)?;
                Filter::Enum(name, one_of(names, &value)?)
            }
            Kind::Bool => {
                equality(field, operator)?;
                Filter::Bool(name, one_of(&["true", "false"], &value)? == "true")
            }
            Kind::Time => Filter::Time(name, relation(field, operator)?, moment(&value)?),
            Kind::Name => {
                equality(field, operator)?;
                Filter::Name(name, closed(value)?)
            }
            Kind::Map => entry(field, key, operator, value)?,
        };
        Ok(if negated { Filter::Not(Box::new(filter)) } else { filter })
    }
}

/// What is asked of a map: a text under a key, or that the key is there.
fn entry(field: &Field, key: Option<&str>, operator: Operator, value: Literal) -> Result<Filter, Fault> {
    let wanted = match (key, operator.comparator) {
        (Some(_), Comparator::Equal) => matching(value, Match::Equals),
        (Some(_), Comparator::Has) => matching(value, Match::Contains),
        (None, Comparator::Has) => return Ok(Filter::Key(field.name, closed(value)?)),
        _ => return Err(unsupported(field, operator)),
    };
    let key = key.unwrap_or_default().to_owned();
    // `labels.env:*` asks for the key in the grammar, an empty text under it included.
    Ok(if wanted == Match::Present { Filter::Key(field.name, key) } else { Filter::Entry(field.name, key, wanted) })
}

/// A text without wildcards.
fn closed(value: Literal) -> Result<String, Fault> {
    if value.open_start || value.open_end {
        return Err(Fault { at: value.at, problem: "expected a value without `*`".to_owned() });
    }
    Ok(value.text)
}

/// A text with its wildcards; `closed` is what it is without any.
fn matching(literal: Literal, closed: fn(String) -> Match) -> Match {
    match (literal.open_start, literal.open_end) {
        (false, false) => closed(literal.text),
        (true, true) => Match::Contains(literal.text),
        _ if literal.text.is_empty() => Match::Present,
        (true, false) => Match::Ends(literal.text),
        (false, true) => Match::Begins(literal.text),
    }
}

fn equality(field: &Field, operator: Operator) -> Result<(), Fault> {
    if operator.comparator == Comparator::Equal { Ok(()) } else { Err(unsupported(field, operator)) }
}

fn relation(field: &Field, operator: Operator) -> Result<Relation, Fault> {
    Ok(match operator.comparator {
        Comparator::Equal => Relation::Equal,
        Comparator::Less => Relation::Before,
        Comparator::LessOrEqual => Relation::UpTo,
        Comparator::Greater => Relation::After,
        Comparator::GreaterOrEqual => Relation::From,
        Comparator::NotEqual | Comparator::Has => return Err(unsupported(field, operator)),
    })
}

fn unsupported(field: &Field, operator: Operator) -> Fault {
    let has = match field.kind {
        Kind::Text => "`=`, `!=` or `:`",
        Kind::Enum(_) | Kind::Bool | Kind::Name => "`=` or `!=`",
        Kind::Map => "`:` and a key, or a key and `=`, `!=` or `:` as in `labels.env = \"prod\"`,",
        Kind::Time => "`=`, `!=`, `<`, `<=`, `>` or `>=`",
    };
    Fault { at: operator.at, problem: format!("expected {has} after `{}`", field.name) }
}

fn one_of(names: &[&'static str], value: &Literal) -> Result<&'static str, Fault> {
    let plain = !(value.open_start || value.open_end);
    let found = names.iter().find(|name| plain && **name == value.text).copied();
    found.ok_or_else(|| Fault { at: value.at, problem: format!("expected {}", list(names.iter().copied())) })
}

fn moment(value: &Literal) -> Result<crate::Timestamp, Fault> {
    let plain = !(value.open_start || value.open_end);
    rfc3339::parse(&value.text).filter(|_| plain).ok_or_else(|| Fault {
        at: value.at,
        problem: "expected a time such as `\"2026-01-31T08:00:00Z\"`, with at most six digits after the second"
            .to_owned(),
    })
}

/// Names for people.
pub(super) fn list(names: impl Iterator<Item = &'static str>) -> String {
    names.map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
}
