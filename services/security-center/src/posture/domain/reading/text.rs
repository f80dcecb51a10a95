//! Texts of scanners as they are kept.

use crate::posture::domain::OWN_SOURCE;

/// Most characters of an id, a name, a region.
pub(super) const ID: usize = 1_024;
pub(super) const TITLE: usize = 512;
/// Most characters of what is said of a mistake, and of the field at fault.
pub(super) const PROBLEM: usize = 512;
pub(super) const DETAIL: usize = 1_024;
pub(super) const TEXT: usize = 8_192;
const REFERENCES: usize = 20;

/// Why no scanner has the name that is bailiwick's own; none for any other name.
pub(super) fn not_a_scanner(name: &str) -> Option<String> {
    let own = name.eq_ignore_ascii_case(OWN_SOURCE);
    own.then(|| format!("{OWN_SOURCE} is the name of what is found without a scanner, and is not imported"))
}

/// At most `chars` characters, without those that control a terminal or that a database does not take.
pub(super) fn cut(text: &str, chars: usize) -> String {
    // Most texts are short and plain, and are many.
    if text.len() <= chars && text.bytes().all(|byte| (b' '..0x7f).contains(&byte)) {
        return text.to_owned();
    }
    let kept = text.chars().filter(|c| !c.is_control() || matches!(c, '\n' | '\t'));
    kept.take(chars).collect()
}

/// As [`cut`], in one line.
pub(super) fn line(text: &str, chars: usize) -> String {
    let mut text = cut(text, chars);
    if text.contains(['\n', '\t']) {
        text = text.replace(['\n', '\t'], " ");
    }
    match text.trim() {
        trimmed if trimmed.len() == text.len() => text,
        trimmed => trimmed.to_owned(),
    }
}

/// At most 20 of what is not empty.
pub(super) fn references<'a>(texts: impl IntoIterator<Item = &'a str>) -> Vec<String> {
    let lines = texts.into_iter().map(|text| line(text, ID)).filter(|text| !text.is_empty());
    lines.take(REFERENCES).collect()
}

/// The first that is not empty.
pub(super) fn first<'a>(texts: impl IntoIterator<Item = Option<&'a str>>) -> &'a str {
    texts.into_iter().flatten().find(|text| !text.trim().is_empty()).unwrap_or_default()
}
