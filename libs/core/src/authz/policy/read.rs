//! Reading a document: its text is JSON, and everything in it must have a meaning.

mod conditions;
mod patterns;
mod principals;

use super::{
    DocumentError, Kind,
    json::Json,
    mistake::{Mistakes, Path, shown},
    statement::{Choice, Effect, Scope, Statement},
};

/// How many statements a document has at most.
const MAX_STATEMENTS: usize = 100;
/// How many entries a list has at most.
const MAX_ENTRIES: usize = 100;
/// How many characters a `Sid` has at most.
const MAX_SID: usize = 64;

const OF_A_DOCUMENT: [&str; 2] = ["Version", "Statement"];
const OF_A_STATEMENT: [&str; 7] = ["Sid", "Effect", "Action", "NotAction", "Resource", "NotResource", "Condition"];
const OF_A_TRUST_STATEMENT: [&str; 5] = ["Sid", "Effect", "Principal", "Action", "Condition"];

/// The statements of a document.
pub(super) fn statements(kind: Kind, text: &str) -> Result<Vec<Statement>, DocumentError> {
    let mut reader = Reader { kind, mistakes: Mistakes::default() };
    let statements = reader.json(text).and_then(|json| reader.document(&json));
    reader.mistakes.unless_any(statements)
}

/// Every function of it answers none only after it has added a mistake.
struct Reader {
    kind: Kind,
    mistakes: Mistakes,
}

impl Reader {
    fn wrong<T>(&mut self, path: &Path<'_>, problem: impl Into<String>) -> Option<T> {
        self.mistakes.add(path, problem);
        None
    }

    fn json(&mut self, text: &str) -> Option<Json> {
        let most = self.kind.max_characters();
        // A character has at most four bytes: what is far too long is not even counted.
        if text.len() > 4 * most || text.chars().count() > most {
            return self.wrong(&Path::Document, format!("the document has more than {most} characters"));
        }
        serde_json::from_str(text)
            .map_err(|error| self.mistakes.add(&Path::Document, format!("the document is no JSON: {error}")))
            .ok()
    }

    fn document(&mut self, json: &Json) -> Option<Vec<Statement>> {
        let path = Path::Document;
        let members = self.object(json, &path, &OF_A_DOCUMENT)?;
        match self.required(members, &path, "Version") {
            Some(Json::Text(version)) if version == "1" => {}
            Some(_) => self.mistakes.add(&path.member("Version"), "must be \"1\""),
            None => {}
        }
        let path = path.member("Statement");
        let Json::List(list) = self.required(members, &Path::Document, "Statement")? else {
            return self.wrong(&path, "must be a list of statements");
        };
        if !(1..=MAX_STATEMENTS).contains(&list.len()) {
            self.mistakes.add(&path, format!("must have 1 to {MAX_STATEMENTS} statements"));
        }
        let read = list.iter().take(MAX_STATEMENTS).enumerate();
        let statements: Vec<_> = read.map(|(index, json)| self.statement(json, &path.item(index))).collect();
        self.sids_differ(&statements, &path);
        statements.into_iter().collect()
    }

    /// A refusal names the statement that denied: two must not have one name.
    fn sids_differ(&mut self, statements: &[Option<Statement>], path: &Path<'_>) {
        let sids: Vec<_> = statements.iter().map(|s| s.as_ref().and_then(|s| s.sid.as_deref())).collect();
        for (index, sid) in sids.iter().enumerate() {
            if sid.is_some() && sids.iter().take(index).any(|earlier| earlier == sid) {
                self.mistakes.add(&path.item(index).member("Sid"), "is the `Sid` of an earlier statement");
            }
        }
    }

    fn statement(&mut self, json: &Json, path: &Path<'_>) -> Option<Statement> {
        let trust = self.kind == Kind::Trust;
        let members = self.object(json, path, if trust { &OF_A_TRUST_STATEMENT } else { &OF_A_STATEMENT })?;
        // Everything is read before anything is given up, so that all mistakes are found.
        let sid = self.sid(members, path);
        let effect = self.effect(members, path);
        let scope = if trust { self.trust(members, path) } else { self.calls(members, path) };
        let conditions = self.conditions(members, path);
        Some(Statement { sid: sid?, effect: effect?, scope: scope?, conditions: conditions? })
    }

    fn sid(&mut self, members: &[(String, Json)], path: &Path<'_>) -> Option<Option<Box<str>>> {
        let Some(json) = get(members, "Sid") else { return Some(None) };
        let allowed = |b: u8| b.is_ascii_alphanumeric() || b == b'-' || b == b'_';
        match json {
            Json::Text(sid) if (1..=MAX_SID).contains(&sid.len()) && sid.bytes().all(allowed) => {
                Some(Some(sid.as_str().into()))
            }
            _ => self.wrong(&path.member("Sid"), format!("must be 1 to {MAX_SID} letters, digits, `-` and `_`")),
        }
    }

    fn effect(&mut self, members: &[(String, Json)], path: &Path<'_>) -> Option<Effect> {
        match self.required(members, path, "Effect")? {
            Json::Text(effect) if effect == "Allow" => Some(Effect::Allow),
            Json::Text(effect) if effect == "Deny" => Some(Effect::Deny),
            _ => self.wrong(&path.member("Effect"), "must be `Allow` or `Deny`"),
        }
    }

    fn calls(&mut self, members: &[(String, Json)], path: &Path<'_>) -> Option<Scope> {
        let actions = self.choice(members, path, ["Action", "NotAction"], patterns::action);
        let resources = self.choice(members, path, ["Resource", "NotResource"], patterns::resource);
        Some(Scope::Calls { actions: actions?, resources: resources? })
    }

    /// Exactly one of a member and its negation.
    fn choice(
        &mut self,
        members: &[(String, Json)],
        path: &Path<'_>,
        [plain, negation]: [&str; 2],
        check: patterns::Check,
    ) -> Option<Choice> {
        let (name, json, negated) = match (get(members, plain), get(members, negation)) {
            (Some(json), None) => (plain, json, false),
            (None, Some(json)) => (negation, json, true),
            _ => return self.wrong(path, format!("must have exactly one of `{plain}` and `{negation}`")),
        };
        let patterns = self.entries(json, &path.member(name), check)?;
        Some(Choice { negated, patterns: patterns.into() })
    }

    /// One text, or a list of 1 to 100 texts, each read by `read`; what that answers in its error follows the text.
    fn entries<T>(&mut self, json: &Json, path: &Path<'_>, read: impl Fn(&str) -> Result<T, String>) -> Option<Vec<T>> {
        self.values(json, path, |json| match json {
            Json::Text(text) => read(text).map_err(|problem| format!("`{}` {problem}", shown(text))),
            other => Err(format!("must be a text, not {}", other.kind())),
        })
    }

    /// One value, or a list of 1 to 100 values.
    fn values<T>(&mut self, json: &Json, path: &Path<'_>, read: impl Fn(&Json) -> Result<T, String>) -> Option<Vec<T>> {
        let Json::List(list) = json else {
            return match read(json) {
                Ok(value) => Some(vec![value]),
                Err(problem) => self.wrong(path, problem),
            };
        };
        if !(1..=MAX_ENTRIES).contains(&list.len()) {
            return self.wrong(path, format!("must have 1 to {MAX_ENTRIES} entries"));
        }
        let read = list.iter().enumerate().map(|(index, json)| match read(json) {
            Ok(value) => Some(value),
            Err(problem) => self.wrong(&path.item(index), problem),
        });
        // Collected twice: the first must not stop at the first mistake.
        read.collect::<Vec<_>>().into_iter().collect()
    }

    /// The members of an object that has no others than these, and none twice.
    fn object<'j>(&mut self, json: &'j Json, path: &Path<'_>, known: &[&str]) -> Option<&'j [(String, Json)]> {
        let Json::Object(members) = json else {
            return self.wrong(path, format!("must be an object, not {}", json.kind()));
        };
        for (index, (name, _)) in members.iter().enumerate() {
            if !known.contains(&name.as_str()) {
                let known = known.join("`, `");
                self.mistakes.add(&path.member(name), format!("is unknown; expected here: `{known}`"));
            } else if members.iter().take(index).any(|(earlier, _)| earlier == name) {
                self.mistakes.add(&path.member(name), "stands here a second time");
            }
        }
        Some(members)
    }

    fn required<'j>(&mut self, members: &'j [(String, Json)], path: &Path<'_>, name: &str) -> Option<&'j Json> {
        get(members, name).or_else(|| self.wrong(&path.member(name), "is missing"))
    }
}

fn get<'j>(members: &'j [(String, Json)], name: &str) -> Option<&'j Json> {
    members.iter().find(|(member, _)| member == name).map(|(_, json)| json)
}
