//! Reads the fields that a rule names from the bytes of a request, without decoding the rest of it.
//!
//! What it reads must be what the service reads: a difference would let a caller have one thing authorized and another
//! one done. So it has protobuf's semantics (the last of a repeated singular field counts, occurrences of an embedded
//! message are one message, unknown fields are skipped), and refuses what decoders may take differently: groups, a
//! named field of another wire type, text that is not UTF-8, anything cut off. The service compares what was authorized
//! with its own decoding all the same.
//!
//! It does not validate the message: what no rule names is stepped over.

use bailiwick_core::authz::{FieldPath, Rule, Targets};
use prost_reflect::{DescriptorPool, Kind, MessageDescriptor};

#[cfg(test)]
mod tests;

/// Most values that a request may name, and most pieces of a message that may come apart: a permit must fit a header.
const MAX_VALUES: usize = 1_024;

/// A request that is not read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ScanError {
    /// It ends in the middle of something.
    #[error("the request is cut off")]
    Truncated,
    /// A number, tag or wire type that cannot be.
    #[error("the request is malformed")]
    Malformed,
    /// It uses groups, which no message of the contract has.
    #[error("the request contains a group")]
    Group,
    /// A field that the rule names is not of its type.
    #[error("a field that names a resource or an account is of another type")]
    WrongType,
    /// A field that the rule names is no text.
    #[error("a field that names a resource or an account is not UTF-8")]
    NotUtf8,
    /// Over 1,024 values.
    #[error("the request names over 1,024 resources or accounts")]
    TooMany,
}

/// How to read what a rule names: made once from rule and contract.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Plan {
    resource: Option<Vec<Step>>,
    accounts: Vec<Vec<Step>>,
    external_id: Option<Vec<Step>>,
}

/// One step of a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Step {
    number: u32,
    repeated: bool,
}

impl Plan {
    /// The plan of a rule, by the request type of its method. None if the contract does not have what the rule names.
    pub fn new(pool: &DescriptorPool, rule: &Rule) -> Option<Self> {
        if !rule.reads_request() {
            return Some(Self::default());
        }
        let (service, method) = rule.method().split_once('/')?;
        let input = pool.get_service_by_name(service)?.methods().find(|m| m.name() == method)?.input();
        Self::of_message(&input, rule)
    }

    /// The plan of a rule for requests of a given type.
    pub fn of_message(input: &MessageDescriptor, rule: &Rule) -> Option<Self> {
        let resource = match &rule.resource {
            Some(path) => Some(steps(input, path)?),
            None => None,
        };
        let accounts = rule.accounts.iter().map(|path| steps(input, path)).collect::<Option<_>>()?;
        let external_id = match &rule.external_id {
            Some(path) => Some(steps(input, path)?),
            None => None,
        };
        Some(Self { resource, accounts, external_id })
    }

    /// Whether it reads anything.
    pub fn is_empty(&self) -> bool {
        self.resource.is_none() && self.accounts.is_empty() && self.external_id.is_none()
    }

    /// Reads a request.
    ///
    /// # Errors
    /// If the bytes are no message, or one that is refused (see the head of the module).
    pub fn scan(&self, request: &[u8]) -> Result<Targets, ScanError> {
        let mut targets = Targets::default();
        if let Some(path) = &self.resource {
            let mut values = Vec::new();
            collect(&[request], path, &mut values)?;
            targets.resource = values.pop().unwrap_or_default();
        }
        for path in &self.accounts {
            collect(&[request], path, &mut targets.accounts)?;
        }
        if let Some(path) = &self.external_id {
            let mut values = Vec::new();
            collect(&[request], path, &mut values)?;
            targets.external_id = values.pop().unwrap_or_default();
        }
        Ok(targets)
    }
}

fn steps(input: &MessageDescriptor, path: &FieldPath) -> Option<Vec<Step>> {
    let mut message = Some(input.clone());
    let mut steps = Vec::with_capacity(path.numbers.len());
    for number in path.numbers {
        let field = message.take()?.get_field(*number)?;
        steps.push(Step { number: *number, repeated: field.is_list() });
        if let Kind::Message(next) = field.kind() {
            message = Some(next);
        }
    }
    if steps.is_empty() || message.is_some() { None } else { Some(steps) }
}

/// Reads one path in a message that is given in `pieces`: their concatenation is the message.
fn collect(pieces: &[&[u8]], path: &[Step], values: &mut Vec<String>) -> Result<(), ScanError> {
    let Some((step, rest)) = path.split_first() else { return Ok(()) };
    let mut found = Vec::new();
    for piece in pieces {
        let mut reader = Reader { rest: piece };
        while let Some((number, value)) = reader.field()? {
            if number != step.number {
                continue;
            }
            let Value::Bytes(bytes) = value else { return Err(ScanError::WrongType) };
            found.push(bytes);
            if found.len() > MAX_VALUES {
                return Err(ScanError::TooMany);
            }
        }
    }
    if !rest.is_empty() {
        return match (step.repeated, found.is_empty()) {
            (true, _) => found.iter().try_for_each(|item| collect(&[item], rest, values)),
            // An absent message has no fields, and names nothing: as a service sees it.
            (false, true) => push(values, ""),
            (false, false) => collect(&found, rest, values),
        };
    }
    let texts = found.iter().map(|bytes| std::str::from_utf8(bytes).map_err(|_| ScanError::NotUtf8));
    let texts = texts.collect::<Result<Vec<_>, _>>()?;
    if step.repeated {
        texts.into_iter().try_for_each(|text| push(values, text))
    } else {
        push(values, texts.last().copied().unwrap_or_default())
    }
}

fn push(values: &mut Vec<String>, text: &str) -> Result<(), ScanError> {
    if values.len() == MAX_VALUES {
        return Err(ScanError::TooMany);
    }
    values.push(text.to_owned());
    Ok(())
}

struct Reader<'a> {
    rest: &'a [u8],
}

enum Value<'a> {
    Bytes(&'a [u8]),
    Number,
}

impl<'a> Reader<'a> {
    /// The next field; none at the end.
    fn field(&mut self) -> Result<Option<(u32, Value<'a>)>, ScanError> {
        if self.rest.is_empty() {
            return Ok(None);
        }
        let key = u32::try_from(self.varint()?).map_err(|_| ScanError::Malformed)?;
        let number = key >> 3;
        if number == 0 {
            return Err(ScanError::Malformed);
        }
        let value = match key & 7 {
            0 => {
                self.varint()?;
                Value::Number
            }
            1 => {
                self.bytes(8)?;
                Value::Number
            }
            2 => {
                let length = self.varint()?;
                Value::Bytes(self.bytes(length)?)
            }
            5 => {
                self.bytes(4)?;
                Value::Number
            }
            3 | 4 => return Err(ScanError::Group),
            _ => return Err(ScanError::Malformed),
        };
        Ok(Some((number, value)))
    }

    fn bytes(&mut self, length: u64) -> Result<&'a [u8], ScanError> {
        let length = usize::try_from(length).map_err(|_| ScanError::Truncated)?;
        let (bytes, rest) = self.rest.split_at_checked(length).ok_or(ScanError::Truncated)?;
        self.rest = rest;
        Ok(bytes)
    }

    fn varint(&mut self) -> Result<u64, ScanError> {
        let mut value = 0u64;
        for position in 0..10 {
            let (byte, rest) = self.rest.split_first().ok_or(ScanError::Truncated)?;
            self.rest = rest;
            value |= u64::from(byte & 0x7f) << (7 * position);
            if byte & 0x80 == 0 {
                // The tenth byte has room for one bit.
                return if position == 9 && *byte > 1 { Err(ScanError::Malformed) } else { Ok(value) };
            }
        }
        Err(ScanError::Malformed)
    }
}
