//! What a caller may set on an entry, which of it a call sets, and on how many.

use bailiwick_core::AccountId;
use serde::Serialize;

use super::{Entry, EntryError, Spec};

/// Longest remark, in characters.
const REMARK_MAX: usize = 256;
/// Most members added by one call.
const MEMBERS_MAX: usize = 1_000;

/// What a caller may set.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Attributes {
    remark: String,
    marked: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
enum Field {
    Remark,
    Marked,
}

/// The attributes that a call sets, and their values.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Selection {
    fields: Vec<Field>,
    values: Attributes,
}

/// The members that a call adds: 1 to 1,000, none of them twice.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Members(Vec<AccountId>);

impl Attributes {
    /// A remark of at most 256 characters, none of them a control character, and whether the entry is marked.
    ///
    /// # Errors
    /// What is wrong with the remark.
    pub fn new(remark: String, marked: bool) -> Result<Self, String> {
        if remark.chars().count() > REMARK_MAX {
            return Err(format!("must have at most {REMARK_MAX} characters"));
        }
        // PostgreSQL stores no NUL, and the others would let a remark deface what it is printed in.
        if remark.chars().any(char::is_control) {
            return Err("must not have control characters".to_owned());
        }
        Ok(Self { remark, marked })
    }
}

impl Selection {
    /// The attributes that an update mask names; all of the list's if it names none.
    ///
    /// # Errors
    /// If the mask names something else; it is named.
    pub fn masked(spec: &Spec, mask: &[String], values: Attributes) -> Result<Self, String> {
        let all: &[Field] = if spec.marks { &[Field::Remark, Field::Marked] } else { &[Field::Remark] };
        let mut fields = if mask.is_empty() { all.to_vec() } else { Vec::new() };
        for path in mask {
            let known = all.iter().find(|field| field.path() == path);
            let field = known.ok_or_else(|| format!("`{path}` cannot be updated"))?;
            if !fields.contains(field) {
                fields.push(*field);
            }
        }
        Ok(Self { fields, values })
    }

    /// The attributes that a call which adds a member gives: those that are not empty.
    pub fn given(spec: &Spec, values: Attributes) -> Self {
        let given = [(Field::Remark, !values.remark.is_empty()), (Field::Marked, spec.marks && values.marked)];
        Self { fields: given.into_iter().filter(|(_, given)| *given).map(|(field, _)| field).collect(), values }
    }

    /// The entry with the attributes set; none if it has them already.
    ///
    /// # Errors
    /// [`EntryError::EtagMismatch`] if `etag` is set and another than the entry's.
    pub fn apply(&self, spec: &Spec, entry: &Entry, etag: &str) -> Result<Option<Entry>, EntryError> {
        entry.check_etag(spec, etag)?;
        let mut changed = entry.clone();
        for field in &self.fields {
            match field {
                Field::Remark => changed.remark.clone_from(&self.values.remark),
                Field::Marked => changed.marked = self.values.marked,
            }
        }
        if changed == *entry {
            return Ok(None);
        }
        changed.version += 1;
        Ok(Some(changed))
    }
}

impl Field {
    fn path(self) -> &'static str {
        match self {
            Self::Remark => "remark",
            Self::Marked => "marked",
        }
    }
}

impl Members {
    /// The members.
    ///
    /// # Errors
    /// If they are none or too many, or one is named twice; it is named.
    pub fn new(accounts: Vec<AccountId>) -> Result<Self, String> {
        if accounts.is_empty() || accounts.len() > MEMBERS_MAX {
            return Err(format!("must name 1 to {MEMBERS_MAX} accounts"));
        }
        let mut sorted = accounts.clone();
        sorted.sort_unstable();
        match sorted.windows(2).find(|pair| pair.first() == pair.last()).and_then(<[_]>::first) {
            Some(twice) => Err(format!("names `{}` twice", twice.name())),
            None => Ok(Self(accounts)),
        }
    }

    /// In the order they were named in.
    pub fn accounts(&self) -> &[AccountId] {
        &self.0
    }
}

#[cfg(test)]
mod tests;
