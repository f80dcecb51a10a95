//! What is wrong with a document, and where.

use std::fmt::{self, Display, Formatter};

/// How many mistakes are reported at most.
const MAX_MISTAKES: usize = 20;
/// How many characters of a text from a document a mistake shows.
const MAX_SHOWN: usize = 64;

/// A text that is no policy document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DocumentError {
    /// What is wrong: at least one mistake, and 20 at most, in the order of the document.
    pub mistakes: Vec<Mistake>,
}

/// One mistake.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mistake {
    /// Where, such as `Statement[2].Condition.IpAddress.acs:SourceIp[0]`; empty for the document as a whole.
    pub path: String,
    /// What is wrong there.
    pub problem: String,
}

impl std::error::Error for DocumentError {}

impl Display for DocumentError {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        for (position, mistake) in self.mistakes.iter().enumerate() {
            write!(f, "{}{mistake}", if position > 0 { "; " } else { "" })?;
        }
        Ok(())
    }
}

impl Display for Mistake {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self.path.as_str() {
            "" => f.write_str(&self.problem),
            path => write!(f, "{path}: {}", self.problem),
        }
    }
}

/// A place in a document; it costs nothing until it is printed.
#[derive(Clone, Copy)]
pub(super) enum Path<'a> {
    Document,
    Member(&'a Path<'a>, &'a str),
    Item(&'a Path<'a>, usize),
}

impl<'a> Path<'a> {
    pub(super) fn member(&'a self, name: &'a str) -> Self {
        Self::Member(self, name)
    }

    pub(super) fn item(&'a self, index: usize) -> Self {
        Self::Item(self, index)
    }
}

impl Display for Path<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Document => Ok(()),
            Self::Member(Self::Document, name) => f.write_str(&shown(name)),
            Self::Member(parent, name) => write!(f, "{parent}.{}", shown(name)),
            Self::Item(parent, index) => write!(f, "{parent}[{index}]"),
        }
    }
}

/// A text of a document as a mistake shows it: short, and without characters that readers cannot see.
pub(super) fn shown(text: &str) -> String {
    let mut shown: String = text.chars().take(MAX_SHOWN).flat_map(char::escape_debug).collect();
    if text.chars().nth(MAX_SHOWN).is_some() {
        shown.push('…');
    }
    shown
}

/// The mistakes found so far.
#[derive(Default)]
pub(super) struct Mistakes(Vec<Mistake>);

impl Mistakes {
    pub(super) fn add(&mut self, path: &Path<'_>, problem: impl Into<String>) {
        if self.0.len() < MAX_MISTAKES {
            self.0.push(Mistake { path: path.to_string(), problem: problem.into() });
        }
    }

    /// The value if it is there and nothing was wrong anywhere.
    pub(super) fn unless_any<T>(self, value: Option<T>) -> Result<T, DocumentError> {
        match value {
            Some(value) if self.0.is_empty() => Ok(value),
            _ => Err(DocumentError { mistakes: self.0 }),
        }
    }
}
