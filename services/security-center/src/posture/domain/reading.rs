//! What scanners write, read without IO: the framing of files, and the formats in them.

mod category;
mod elements;
mod ocsf;
mod sarif;
mod text;

#[cfg(test)]
mod tests;

pub(crate) use elements::{Elements, Place};
pub(crate) use ocsf::{RESOURCES_MAX, findings as ocsf_findings};
pub(crate) use sarif::Sarif;

/// A mistake in a file.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {}{text}", if field.is_empty() { String::new() } else { format!("`{field}`: ") })]
pub(crate) struct Problem {
    /// The line, from 1.
    pub(crate) line: u64,
    /// The field, such as `finding_info.uid`; empty if no field is at fault. At most 512 characters.
    pub(crate) field: String,
    /// What is wrong, in one line of at most 512 characters.
    pub(crate) text: String,
}

impl Problem {
    /// Names and values of the file are in both, so that they are bounded and cleaned like its texts.
    pub(crate) fn at(line: u64, field: impl AsRef<str>, text: impl AsRef<str>) -> Self {
        let clean = |part: &str| text::line(part, text::PROBLEM);
        Self { line, field: clean(field.as_ref()), text: clean(text.as_ref()) }
    }

    /// Of text that begins in a line of the file. The position is said apart, and serde_json ends its words with it.
    fn of_json(error: serde_path_to_error::Error<serde_json::Error>, begins: u64) -> Self {
        let path = error.path().to_string();
        let error = error.into_inner();
        let line = begins + u64::try_from(error.line()).unwrap_or_default().saturating_sub(1);
        let text = error.to_string();
        let text = text.split(" at line ").next().unwrap_or_default();
        Self::at(line, if path == "." { "" } else { &path }, text)
    }
}
