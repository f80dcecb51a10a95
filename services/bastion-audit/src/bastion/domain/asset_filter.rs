//! What assets can be filtered and ordered by.

use bailiwick_core::filter::{Field, Kind, Schema, Value};

use super::{Asset, AssetKind, SOURCES, STATES};

const KINDS: &[&str] = &{
    let [a, b, c] = AssetKind::ALL;
    [a.name(), b.name(), c.name()]
};

/// The fields of assets.
pub(crate) static ASSETS: Schema = Schema {
    fields: &[
        Field::new("owner_account", Kind::Name),
        Field::new("kind", Kind::Enum(KINDS)),
        Field::new("source", Kind::Enum(&[SOURCES[0].0, SOURCES[1].0])),
        Field::new("state", Kind::Enum(&[STATES[0].0, STATES[1].0])),
        Field::sorted("display_name", Kind::Text),
        Field::new("comment", Kind::Text),
        Field::new("source_id", Kind::Text),
        Field::new("source_region", Kind::Text),
        Field::new("private_address", Kind::Text),
        Field::new("public_address", Kind::Text),
        Field::sorted("create_time", Kind::Time),
    ],
};

impl Asset {
    /// The value of a field that sorts.
    pub(crate) fn sort_value(&self, field: &str) -> Option<Value<'_>> {
        match field {
            "display_name" => Some(Value::Text(self.display_name.as_str().into())),
            "create_time" => Some(Value::Time(self.meta.create_time)),
            _ => None,
        }
    }
}
