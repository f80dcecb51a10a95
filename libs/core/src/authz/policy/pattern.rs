//! Patterns of actions and resources, and those of `StringLike`.

use std::str::Chars;

/// A pattern in which `*` stands for any characters, none and `/` included. Letters are matched in their case.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Pattern {
    Anything,
    Exactly(Box<str>),
    /// What begins so.
    Begins(Box<str>),
    /// With a `*` elsewhere than at the end.
    Wild(Box<str>),
}

impl Pattern {
    pub(super) fn new(text: &str) -> Self {
        match text.split_once('*') {
            None => Self::Exactly(text.into()),
            Some(("", "")) => Self::Anything,
            Some((begin, "")) => Self::Begins(begin.into()),
            Some(_) => Self::Wild(text.into()),
        }
    }

    pub(super) fn matches(&self, text: &str) -> bool {
        match self {
            Self::Anything => true,
            Self::Exactly(same) => **same == *text,
            Self::Begins(begin) => text.starts_with(&**begin),
            Self::Wild(pattern) => action_matches(pattern, text),
        }
    }
}

/// Whether a pattern, in which `*` stands for any characters, none included, matches an action. Runs in time
/// proportional to the product of the lengths at worst.
pub fn action_matches(pattern: &str, action: &str) -> bool {
    let mut parts = pattern.split('*');
    let first = parts.next().unwrap_or_default();
    let Some(mut rest) = action.strip_prefix(first) else { return false };
    let Some(last) = parts.next_back() else { return rest.is_empty() };
    for part in parts {
        // The leftmost place is always the best one: it leaves the most for the parts that follow.
        let Some(at) = rest.find(part) else { return false };
        rest = rest.get(at + part.len()..).unwrap_or_default();
    }
    rest.ends_with(last)
}

/// Whether a pattern, in which `*` stands for any characters, none included, and `?` for exactly one, matches a text. Runs
/// in time proportional to the product of the lengths at worst.
pub(super) fn is_like(text: &str, pattern: &str) -> bool {
    let (mut pattern, mut text) = (pattern.chars(), text.chars());
    // After the last `*`, and where in the text it ends at present.
    let mut last_star: Option<(Chars<'_>, Chars<'_>)> = None;
    loop {
        match (pattern.next(), text.clone().next()) {
            (Some('*'), _) => last_star = Some((pattern.clone(), text.clone())),
            (Some(wanted), Some(found)) if wanted == '?' || wanted == found => {
                text.next();
            }
            (None, None) => return true,
            _ => {
                let Some((after, from)) = &mut last_star else { return false };
                if from.next().is_none() {
                    return false;
                }
                (pattern, text) = (after.clone(), from.clone());
            }
        }
    }
}
