//! The examples of `docs/policies.md`.

use crate::authz::policy::{Document, Kind};

/// Each block, with the word behind its `json`.
fn examples() -> Vec<(&'static str, String)> {
    let manual = include_str!("../../../../../../docs/policies.md");
    let mut examples = Vec::new();
    let mut lines = manual.lines();
    while let Some(line) = lines.next() {
        if let Some(kind) = line.strip_prefix("```json") {
            examples
                .push((kind.trim(), lines.by_ref().take_while(|line| *line != "```").collect::<Vec<_>>().join("\n")));
        }
    }
    examples
}

#[test]
fn every_example_is_a_document() {
    for name in ["permission", "session", "control", "trust"] {
        assert!(examples().iter().any(|(kind, _)| *kind == name), "no example of a {name} document");
    }
    for (kind, text) in examples() {
        let kind = match kind {
            "permission" => Kind::Permission,
            "session" => Kind::Session,
            "control" => Kind::Control,
            "trust" => Kind::Trust,
            other => panic!("`{other}` is no kind of document: {text}"),
        };
        Document::parse(kind, &text).unwrap_or_else(|error| panic!("{error}\n{text}"));
    }
}

#[test]
fn every_name_of_the_language_is_in_the_manual() {
    use crate::authz::policy::condition::{Key, Operator};
    let manual = include_str!("../../../../../../docs/policies.md");
    let names = Operator::ALL.map(|(name, ..)| name).into_iter().chain(Key::ALL.map(|(name, _)| name));
    for name in names {
        assert!(manual.contains(&format!("`{name}`")), "{name}");
    }
}
