//! What the lists can be filtered and ordered by.

use bailiwick_core::filter::{Field, Kind, Schema, Value};

use super::{Entry, Spec};

const DISPLAY_NAME: Field = Field::sorted("display_name", Kind::Text);
const ACCOUNT: Field = Field::sorted("account", Kind::Text);
const REMARK: Field = Field::new("remark", Kind::Text);
const TYPE: Field = Field::new("type", Kind::Enum(&["ACCOUNT_TYPE_RESOURCE", "ACCOUNT_TYPE_CLOUD"]));
/// Whoever enabled the directory is no member.
const JOIN_METHOD: Field = Field::new("join_method", Kind::Enum(&["JOIN_METHOD_CREATED", "JOIN_METHOD_INVITED"]));
const ADD_TIME: Field = Field::sorted("add_time", Kind::Time);
const MARKED: Field = Field::new("marked", Kind::Bool);

static UNMARKED: Schema = Schema { fields: &[DISPLAY_NAME, ACCOUNT, REMARK, TYPE, JOIN_METHOD, ADD_TIME] };
static WITH_MARKS: Schema = Schema { fields: &[DISPLAY_NAME, ACCOUNT, REMARK, TYPE, JOIN_METHOD, ADD_TIME, MARKED] };

impl Spec {
    /// The fields of its filters and orders (R-SC-14).
    pub fn schema(&self) -> &'static Schema {
        if self.marks { &WITH_MARKS } else { &UNMARKED }
    }
}

impl Entry {
    /// The value of a field that sorts.
    pub fn sort_value(&self, field: &str) -> Option<Value<'_>> {
        match field {
            "display_name" => Some(Value::Text(self.profile.display_name.as_str().into())),
            "account" => Some(Value::Text(self.account.name().into())),
            "add_time" => Some(Value::Time(self.add_time)),
            _ => None,
        }
    }
}
