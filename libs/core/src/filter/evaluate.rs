//! What a filter means, said in Rust: the databases must agree with it.

use std::{borrow::Cow, collections::BTreeMap};

use super::{Filter, Match, Relation, Schema};
use crate::Timestamp;

/// What an item has in a field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value<'a> {
    /// A text.
    Text(Cow<'a, str>),
    /// A value of an enumeration, by its name in the contract.
    Enum(&'a str),
    /// A flag.
    Bool(bool),
    /// A time.
    Time(Timestamp),
    /// Texts under keys.
    Map(&'a BTreeMap<String, String>),
}

impl Filter {
    /// Whether an item with these values is asked for. A field without such a value matches nothing.
    pub fn matches<'a>(&self, schema: &Schema, value: &dyn Fn(&str) -> Option<Value<'a>>) -> bool {
        match self {
            Self::All(parts) => parts.iter().all(|part| part.matches(schema, value)),
            Self::Any(parts) => parts.iter().any(|part| part.matches(schema, value)),
            Self::Not(part) => !part.matches(schema, value),
            Self::Search(wanted) => schema.texts().any(|name| is_text(value(name), wanted)),
            Self::Text(name, wanted) => is_text(value(name), wanted),
            Self::Enum(name, wanted) => value(name) == Some(Value::Enum(wanted)),
            Self::Bool(name, wanted) => value(name) == Some(Value::Bool(*wanted)),
            Self::Time(name, relation, than) => match value(name) {
                Some(Value::Time(time)) => relation.holds(time, *than),
                _ => false,
            },
            Self::Name(name, wanted) => is_text(value(name), &Match::Equals(wanted.clone())),
            Self::Entry(name, key, wanted) => match value(name) {
                Some(Value::Map(map)) => is_text(map.get(key).map(|text| Value::Text(text.into())), wanted),
                _ => false,
            },
            Self::Key(name, key) => matches!(value(name), Some(Value::Map(map)) if map.contains_key(key)),
        }
    }
}

impl Relation {
    fn holds(self, time: Timestamp, than: Timestamp) -> bool {
        match self {
            Self::Equal => time == than,
            Self::Before => time < than,
            Self::UpTo => time <= than,
            Self::After => time > than,
            Self::From => time >= than,
        }
    }
}

fn is_text(value: Option<Value<'_>>, wanted: &Match) -> bool {
    let Some(Value::Text(text)) = value else { return false };
    let folded = text.to_ascii_lowercase();
    match wanted {
        Match::Equals(wanted) => text == wanted.as_str(),
        Match::Contains(part) => folded.contains(&part.to_ascii_lowercase()),
        Match::Begins(part) => folded.starts_with(&part.to_ascii_lowercase()),
        Match::Ends(part) => folded.ends_with(&part.to_ascii_lowercase()),
        Match::Present => !text.is_empty(),
    }
}
