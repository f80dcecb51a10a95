//! Labels of members: texts under keys (E-DIR-31).

use std::collections::BTreeMap;

use super::Text;

/// Most labels of a member.
pub const LABELS_MAX: usize = 20;
const RESERVED: [&str; 2] = ["aliyun", "acs:"];
const KEY: Text = Text { min: 1, max: 128, lines: false };
const VALUE: Text = Text { min: 0, max: 128, lines: false };

/// Texts under keys.
pub type Labels = BTreeMap<String, String>;

/// Looks at labels.
///
/// # Errors
/// What is wrong, in words for who wrote them.
pub fn check_labels(labels: &Labels) -> Result<(), String> {
    if labels.len() > LABELS_MAX {
        return Err(format!("must be at most {LABELS_MAX}"));
    }
    for (key, value) in labels {
        KEY.check(key).map_err(|problem| format!("the key {problem}"))?;
        let folded = key.to_ascii_lowercase();
        if let Some(prefix) = RESERVED.iter().find(|prefix| folded.starts_with(**prefix)) {
            return Err(format!("the key `{key}` must not begin with `{prefix}`, which is reserved"));
        }
        VALUE.check(value).map_err(|problem| format!("the value of `{key}` {problem}"))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    // covers: E-DIR-31
    #[test]
    fn labels_have_bounds_and_reserved_prefixes() {
        let one = |key: &str, value: &str| Labels::from([(key.to_owned(), value.to_owned())]);
        for (key, value, ok) in [
            ("env", "prod", true),
            ("env", "", true),
            ("", "x", false),
            ("myaliyun", "x", true),
            ("aliyun-env", "x", false),
            ("ALIYUN", "x", false),
            ("acs:env", "x", false),
            ("acs", "x", true),
            ("a\nb", "x", false),
            ("env", "a\u{200B}b", false),
            (&"k".repeat(128), &"v".repeat(128), true),
            (&"k".repeat(129), "v", false),
            ("k", &"v".repeat(129), false),
        ] {
            assert_eq!(check_labels(&one(key, value)).is_ok(), ok, "{key:?}: {value:?}");
        }
        let many = |count: usize| (0..count).map(|n| (format!("k{n}"), String::new())).collect::<Labels>();
        assert!(check_labels(&many(20)).is_ok());
        assert!(check_labels(&many(21)).is_err());
    }
}
