//! The member `Condition`: operators, in them keys, in those values.

use super::{Reader, get};
use crate::{
    authz::policy::{
        Kind,
        condition::{Condition, Key, Operator, Test},
        json::Json,
        mistake::{Path, shown},
        network::Network,
    },
    rfc3339,
};

/// Longest text that a condition compares with, in bytes.
const MAX_TEXT: usize = 1_024;

impl Reader {
    pub(super) fn conditions(&mut self, members: &[(String, Json)], path: &Path<'_>) -> Option<Box<[Condition]>> {
        let Some(json) = get(members, "Condition") else { return Some(Box::default()) };
        let path = path.member("Condition");
        let operators = self.object(json, &path, &Operator::ALL.map(|(name, ..)| name))?;
        if operators.is_empty() {
            return self.wrong(&path, "must have an operator; leave it out where there is no condition");
        }
        let mut conditions = Some(Vec::new());
        for (name, json) in operators {
            let known = Operator::ALL.into_iter().find(|(known, ..)| known == name);
            let Some((_, operator, negated)) = known else { continue };
            let tests = self.tests(operator, json, &path.member(name));
            conditions = conditions.zip(tests).map(|(mut conditions, tests)| {
                conditions.extend(tests.into_iter().map(|test| Condition { negated, test }));
                conditions
            });
        }
        conditions.map(Vec::into_boxed_slice)
    }

    /// The keys of an operator.
    fn tests(&mut self, operator: Operator, json: &Json, path: &Path<'_>) -> Option<Vec<Test>> {
        let kind = self.kind;
        let known = Key::ALL.into_iter().filter(|(_, key)| kind == Kind::Trust || *key != Key::ExternalId);
        let (names, keys): (Vec<_>, Vec<_>) = known.unzip();
        let members = self.object(json, path, &names)?;
        if members.is_empty() {
            return self.wrong(path, "must have a key");
        }
        let tests: Vec<_> = members
            .iter()
            .filter_map(|(name, json)| {
                let key = names.iter().zip(&keys).find(|(known, _)| *known == name).map(|(_, key)| *key)?;
                Some(self.test(operator, key, json, &path.member(name)))
            })
            .collect();
        tests.into_iter().collect()
    }

    fn test(&mut self, operator: Operator, key: Key, json: &Json, path: &Path<'_>) -> Option<Test> {
        match (key, operator) {
            (Key::SourceIp, Operator::Address) => {
                self.entries(json, path, str::parse::<Network>).map(|networks| Test::SourceIp(networks.into()))
            }
            (Key::CurrentTime, Operator::Time(relation)) => {
                let time = |text: &str| {
                    rfc3339::parse(text).ok_or_else(|| "is no time such as `2026-01-31T08:00:00Z`".to_owned())
                };
                self.entries(json, path, time).map(|times| Test::CurrentTime(relation, times.into()))
            }
            (Key::SecureTransport, Operator::Flag) => {
                self.values(json, path, flag).map(|flags| Test::SecureTransport(flags.into()))
            }
            (Key::MfaPresent, Operator::Flag) => {
                self.values(json, path, flag).map(|flags| Test::MfaPresent(flags.into()))
            }
            (Key::ExternalId, Operator::Text(relation)) => {
                self.entries(json, path, text).map(|texts| Test::ExternalId(relation, texts.into()))
            }
            (Key::SourceIp, _) => self.wrong(path, "is an address: use `IpAddress` or `NotIpAddress`"),
            (Key::CurrentTime, _) => self.wrong(path, "is a time: use an operator such as `DateLessThan`"),
            (Key::SecureTransport | Key::MfaPresent, _) => self.wrong(path, "is true or false: use `Bool`"),
            (Key::ExternalId, _) => self.wrong(path, "is a text: use an operator such as `StringEquals`"),
        }
    }
}

/// `true` and `false`, with quotation marks or without.
fn flag(json: &Json) -> Result<bool, String> {
    match json {
        Json::Bool(value) => Ok(*value),
        Json::Text(text) if text == "true" => Ok(true),
        Json::Text(text) if text == "false" => Ok(false),
        Json::Text(text) => Err(format!("`{}` is neither `true` nor `false`", shown(text))),
        other => Err(format!("must be `true` or `false`, not {}", other.kind())),
    }
}

fn text(text: &str) -> Result<Box<str>, String> {
    if (1..=MAX_TEXT).contains(&text.len()) {
        Ok(text.into())
    } else {
        Err(format!("does not have 1 to {MAX_TEXT} bytes"))
    }
}
