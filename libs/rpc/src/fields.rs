//! Reading the fields of a request: every violation is collected, so that a caller learns of all of them at once.

use std::{fmt::Display, ops::RangeInclusive, str::FromStr};

use bailiwick_api::errors::v1::ErrorReason;
use bailiwick_core::{AccountId, DirectoryId, Owner, ResourceName, is_unseen};
use tonic::Status;

use crate::{FieldViolation, Kind, Problem, status};

const PAGE_SIZE_DEFAULT: u32 = 50;
const PAGE_SIZE_MAX: u32 = 1_000;
const MAX_VIOLATIONS: usize = 64;

/// The violations of one request. Each reader returns the value, or notes a violation and returns none;
/// [`InvalidFields::finish`] must be asked before values are used.
#[derive(Debug, Default)]
pub struct InvalidFields(Vec<FieldViolation>);

impl InvalidFields {
    /// None yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Notes a violation. After 64 of them, further ones are dropped.
    pub fn violation(&mut self, field: impl Into<String>, description: impl Into<String>) {
        if self.0.len() < MAX_VIOLATIONS {
            self.0.push(FieldViolation::new(field, description));
        }
    }

    /// Notes a violation unless the condition holds.
    pub fn check(&mut self, field: impl Into<String>, holds: bool, description: impl Into<String>) {
        if !holds {
            self.violation(field, description);
        }
    }

    /// The result's value; its error is noted.
    pub fn take<T>(&mut self, field: impl Into<String>, result: Result<T, impl Display>) -> Option<T> {
        result.map_err(|error| self.violation(field, error.to_string())).ok()
    }

    /// A value that must be there, such as a message.
    pub fn required<T>(&mut self, field: impl Into<String>, value: Option<T>) -> Option<T> {
        self.check(field, value.is_some(), "must be set");
        value
    }

    /// A value in its text form, such as a trusted service's id.
    pub fn parse<T: FromStr<Err: Display>>(&mut self, field: impl Into<String>, text: &str) -> Option<T> {
        self.take(field, text.parse())
    }

    /// A text of a length in characters, without control characters.
    pub fn text(&mut self, field: impl Into<String>, text: &str, chars: RangeInclusive<usize>) -> Option<String> {
        let problem = if !chars.contains(&text.chars().count()) {
            format!("must have {} to {} characters", chars.start(), chars.end())
        } else if text.chars().any(is_unseen) {
            "must not have control characters or others that cannot be seen".to_owned()
        } else {
            return Some(text.to_owned());
        };
        self.violation(field, problem);
        None
    }

    /// The account of a name `accounts/{account}`.
    pub fn account(&mut self, field: impl Into<String>, name: &str) -> Option<AccountId> {
        let parsed = match ResourceName::parse(name).map(|n| n.owner()) {
            Ok(Owner::Account(account)) if account.name() == name => Some(account),
            _ => None,
        };
        self.check(field, parsed.is_some(), "must be of the form `accounts/{account}`");
        parsed
    }

    /// The directory of a name `directories/{directory}`.
    pub fn directory(&mut self, field: impl Into<String>, name: &str) -> Option<DirectoryId> {
        let parsed = match ResourceName::parse(name).map(|n| n.owner()) {
            Ok(Owner::Directory(directory)) if directory.name() == name => Some(directory),
            _ => None,
        };
        self.check(field, parsed.is_some(), "must be of the form `directories/{directory}`");
        parsed
    }

    /// The owner and the further ids of a name of a pattern such as `directories/{directory}/members/{account}`.
    pub fn name<'a, const N: usize>(
        &mut self,
        field: impl Into<String>,
        name: &'a str,
        pattern: &'static str,
    ) -> Option<(Owner, [&'a str; N])> {
        let parsed = ResourceName::parse(name).and_then(|parsed| Ok((parsed.owner(), parsed.ids(pattern)?)));
        self.take(field, parsed)
    }

    /// The request id of a change, a UUID in its lower-case form of 36 characters; none if the caller sent none.
    pub fn request_id(&mut self, field: impl Into<String>, text: &str) -> Option<String> {
        if text.is_empty() {
            return None;
        }
        let uuid = is_uuid(text).then(|| text.to_ascii_lowercase());
        self.check(field, uuid.is_some(), "must be a UUID");
        uuid
    }

    /// How many items a page has: 50 if zero was asked for, 1,000 at most.
    pub fn page_size(&mut self, field: impl Into<String>, asked: i32) -> Option<u32> {
        match u32::try_from(asked) {
            Ok(0) => Some(PAGE_SIZE_DEFAULT),
            Ok(asked) => Some(asked.min(PAGE_SIZE_MAX)),
            Err(_) => {
                self.violation(field, "must not be negative");
                None
            }
        }
    }

    /// A value of an enumeration, other than its unspecified one.
    pub fn enumeration<E: TryFrom<i32>>(&mut self, field: impl Into<String>, number: i32) -> Option<E> {
        let value = E::try_from(number).ok().filter(|_| number != 0);
        self.check(field, value.is_some(), "must be one of the values of its enumeration");
        value
    }

    /// Whether all is well.
    ///
    /// # Errors
    /// INVALID_ARGUMENT with all violations.
    pub fn finish(self) -> Result<(), Status> {
        if self.0.is_empty() { Ok(()) } else { Err(self.into_status()) }
    }

    /// INVALID_ARGUMENT with all violations.
    pub fn into_status(self) -> Status {
        let named = self.0.iter().take(4).map(|v| format!("`{}` {}", v.field, v.description)).collect::<Vec<_>>();
        let message = if named.is_empty() { "a field is invalid".to_owned() } else { named.join("; ") };
        status(&Problem::new(Kind::InvalidArgument, ErrorReason::InvalidField, message).fields(self.0))
    }
}

fn is_uuid(text: &str) -> bool {
    text.len() == 36
        && text.bytes().enumerate().all(|(at, byte)| match at {
            8 | 13 | 18 | 23 => byte == b'-',
            _ => byte.is_ascii_hexdigit(),
        })
}

#[cfg(test)]
mod tests;
