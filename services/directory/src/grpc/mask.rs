//! Which fields an update is to change.

use bailiwick_rpc::InvalidFields;
use prost_types::FieldMask;

/// The fields that are named; none if all that are set are meant.
pub(super) struct Mask(Option<Vec<String>>);

impl Mask {
    /// Reads a mask of fields of which `known` can be changed.
    pub(super) fn read(fields: &mut InvalidFields, mask: Option<FieldMask>, known: &[&str]) -> Self {
        let paths = mask.map(|mask| mask.paths).filter(|paths| !paths.is_empty());
        for path in paths.iter().flatten().filter(|path| !known.contains(&path.as_str())) {
            let known = known.join("`, `");
            fields.violation("update_mask", format!("`{path}` cannot be changed; these can: `{known}`"));
        }
        Self(paths)
    }

    /// The value that a field is to have; none if it is to stay.
    pub(super) fn pick<T: Default + PartialEq>(&self, field: &str, value: T) -> Option<T> {
        let named = match &self.0 {
            Some(paths) => paths.iter().any(|path| path == field),
            None => value != T::default(),
        };
        named.then_some(value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn named_fields_change_and_otherwise_those_that_are_set() {
        let mask = |paths: &[&str]| Some(FieldMask { paths: paths.iter().map(|path| (*path).to_owned()).collect() });
        for (paths, name, size) in [
            (None, Some("x"), None),
            (mask(&[]), Some("x"), None),
            (mask(&["size"]), None, Some(0)),
            (mask(&["name", "size"]), Some("x"), Some(0)),
        ] {
            let mut fields = InvalidFields::new();
            let mask = Mask::read(&mut fields, paths, &["name", "size"]);
            assert!(fields.finish().is_ok());
            assert_eq!((mask.pick("name", "x"), mask.pick("size", 0)), (name, size));
        }
        let mut fields = InvalidFields::new();
        Mask::read(&mut fields, mask(&["etag"]), &["name", "size"]);
        assert!(fields.finish().is_err());
    }
}
