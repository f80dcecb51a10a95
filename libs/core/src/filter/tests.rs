use proptest::prelude::*;

use super::*;
use crate::rfc3339;

const TYPES: &[&str] = &["ACCOUNT_TYPE_RESOURCE", "ACCOUNT_TYPE_CLOUD"];
const LEVELS: &[&str] = &["LEVEL_LOW", "LEVEL_HIGH"];
const SCHEMA: Schema = Schema {
    fields: &[
        Field::sorted("name", Kind::Text),
        Field::new("remark", Kind::Text),
        Field::new("type", Kind::Enum(TYPES)),
        Field::new("marked", Kind::Bool),
        Field::sorted("add_time", Kind::Time),
        Field::new("folder", Kind::Name),
        Field::new("labels", Kind::Map),
        Field::sorted("level", Kind::Enum(LEVELS)),
    ],
};

fn printed(text: &str) -> String {
    SCHEMA.filter(text).unwrap_or_else(|e| panic!("{text}: {e}")).to_string()
}

fn refused(text: &str) -> (usize, String) {
    let error = SCHEMA.filter(text).expect_err(text);
    (error.position, error.problem)
}

#[test]
fn filters_are_read_as_the_grammar_says() {
    for (text, read) in [
        ("", ""),
        ("  \t\n", ""),
        ("foo", r#""foo""#),
        ("foo bar", r#""foo" AND "bar""#),
        ("a AND b OR c", r#""a" AND "b" OR "c""#),
        ("a OR b AND c", r#""a" OR "b" AND "c""#),
        ("a b OR c d", r#""a" AND "b" OR "c" AND "d""#),
        ("(a AND b) OR c", r#"("a" AND "b") OR "c""#),
        ("(a OR b) c", r#""a" OR "b" AND "c""#),
        ("-a b", r#"NOT "a" AND "b""#),
        ("NOT a OR b", r#"NOT "a" OR "b""#),
        ("NOT(a OR b)", r#"NOT ("a" OR "b")"#),
        ("-(-a)", r#"NOT (NOT "a")"#),
        ("((((a))))", r#""a""#),
        ("or not ORDER NOTE", r#""or" AND "not" AND "ORDER" AND "NOTE""#),
        ("a-b \"-c\"", r#""a-b" AND "-c""#),
        ("name=x", r#"name = "x""#),
        ("name != x", r#"NOT name = "x""#),
        ("name:x", r#"name:"x""#),
        ("name : 'it\\'s \"x\"'", r#"name:"it's \"x\"""#),
        ("name = x*", r#"name:"x*""#),
        ("name = *x", r#"name:"*x""#),
        ("name:*x*", r#"name:"x""#),
        ("remark:*", r#"remark:"*""#),
        ("remark = \"\"", r#"remark = """#),
        (r#"name = "a\*""#, r#"name = "a\*""#),
        (r#"name = "\\*""#, r#"name:"\\*""#),
        ("信*", r#""信*""#),
        ("name:a:b", r#"name:"a:b""#),
        ("type = ACCOUNT_TYPE_CLOUD", "type = ACCOUNT_TYPE_CLOUD"),
        ("type != \"ACCOUNT_TYPE_CLOUD\"", "NOT type = ACCOUNT_TYPE_CLOUD"),
        ("level != LEVEL_LOW", "NOT level = LEVEL_LOW"),
        ("marked=true", "marked = true"),
        ("marked", r#""marked""#),
        ("add_time < 2026-01-31T08:00:00Z", r#"add_time < "2026-01-31T08:00:00.000000Z""#),
        ("add_time>='2026-03-01T00:30:00.25+01:00'", r#"add_time >= "2026-02-28T23:30:00.250000Z""#),
        ("add_time = 2024-02-29T00:00:00.000001Z", r#"add_time = "2024-02-29T00:00:00.000001Z""#),
        ("folder = a/b", r#"folder = "a/b""#),
        ("folder != a/b", r#"NOT folder = "a/b""#),
        ("labels.env = prod", r#"labels."env" = "prod""#),
        ("labels.env != prod", r#"NOT labels."env" = "prod""#),
        ("labels.a.b:pro", r#"labels."a.b":"pro""#),
        ("labels.env = pro*", r#"labels."env":"pro*""#),
        ("labels.env:*", r#"labels:"env""#),
        ("labels:env", r#"labels:"env""#),
        (r#"labels."a \"b\"" = x"#, r#"labels."a \"b\"" = "x""#),
    ] {
        assert_eq!(printed(text), read, "{text}");
    }
}

#[test]
fn or_binds_tighter_than_and() {
    let [a, b, c] = ["a", "b", "c"].map(|word| Filter::Search(Match::Contains(word.to_owned())));
    let either = |x: &Filter, y: &Filter| Filter::Any(vec![x.clone(), y.clone()]);
    let both = |x: Filter, y: Filter| Filter::All(vec![x, y]);
    assert_eq!(SCHEMA.filter("a OR b AND c"), Ok(both(either(&a, &b), c.clone())));
    assert_eq!(SCHEMA.filter("a AND b OR c"), Ok(both(a.clone(), either(&b, &c))));
    assert_eq!(SCHEMA.filter("a b OR c"), Ok(both(a, either(&b, &c))));
}

#[test]
fn faults_say_where_and_what_was_expected() {
    for (text, position, part) in [
        (
            "nome = x",
            1,
            "one of the fields `name`, `remark`, `type`, `marked`, `add_time`, `folder`, `labels`, `level`",
        ),
        ("信 AND nome = x", 7, "one of the fields"),
        ("name.first = x", 1, "one of the fields"),
        ("\"name\" = x", 1, "one of the fields"),
        ("nam* = x", 1, "one of the fields"),
        ("name < x", 6, "`=`, `!=` or `:` after `name`"),
        ("type : ACCOUNT_TYPE_CLOUD", 6, "`=` or `!=`"),
        ("level > LEVEL_LOW", 7, "`=` or `!=`"),
        ("type = CLOUD", 8, "`ACCOUNT_TYPE_RESOURCE`, `ACCOUNT_TYPE_CLOUD`"),
        ("type = ACCOUNT_TYPE_CLOUD*", 8, "`ACCOUNT_TYPE_RESOURCE`"),
        ("marked = yes", 10, "`true`, `false`"),
        ("marked > true", 8, "`=` or `!=`"),
        ("add_time : 2026-01-31T08:00:00Z", 10, "`<=`"),
        ("add_time < yesterday", 12, "a time such as"),
        ("add_time < 2026-02-29T00:00:00Z", 12, "a time"),
        ("add_time < 2026-01-31T24:00:00Z", 12, "a time"),
        ("add_time < 2026-01-31", 12, "a time"),
        ("add_time < 0001-01-01T00:00:00+00:01", 12, "a time"),
        ("name =", 7, "a value"),
        ("name = AND", 8, "a value"),
        ("AND a", 1, "a field or a text"),
        ("a AND", 6, "a field or a text"),
        ("a OR OR b", 6, "a field or a text"),
        ("NOT NOT a", 5, "a field or a text"),
        ("--a", 2, "a field or a text"),
        ("()", 2, "a field or a text"),
        ("= x", 1, "a field or a text"),
        ("(a", 3, "`)`"),
        ("a)", 2, "no `)`"),
        ("a\"b\"", 2, "a space"),
        ("f(x)", 2, "a space"),
        ("\"open", 1, "a string that ends with `\"`"),
        ("\"a\\n\"", 3, "one of the escapes"),
        ("\"a\u{0}\"", 3, "no control character"),
        ("a\u{0}", 2, "a space"),
        ("name = a*b", 9, "`*` at the beginning or the end"),
        ("name = \"***\"", 10, "`*` at the beginning or the end"),
        ("folder:a", 7, "`=` or `!=` after `folder`"),
        ("folder = a*", 10, "without `*`"),
        ("labels = a", 8, "`labels.env"),
        ("labels. = a", 1, "one of the fields"),
        ("labels.a\"b\" = c", 9, "a space"),
        ("labels.\"a\"", 11, "a comparison"),
        ("labels.\"*\" = c", 9, "no `*` in a key"),
        ("labels.env > a", 12, "after `labels`"),
        ("labels:a*", 8, "without `*`"),
        ("name.\"a\" = b", 1, "one of the fields"),
    ] {
        let (found, problem) = refused(text);
        assert!(found == position && problem.contains(part), "{text}: at character {found}: {problem}");
    }
}

#[test]
fn what_is_too_large_is_refused() {
    let nested = |depth: usize| format!("{}a{}", "(".repeat(depth), ")".repeat(depth));
    assert!(SCHEMA.filter(&nested(16)).is_ok());
    assert_eq!(refused(&nested(17)), (17, "expected at most 16 levels of parentheses".to_owned()));
    let words = |count: usize| vec!["a"; count].join(" ");
    assert!(SCHEMA.filter(&words(64)).is_ok());
    assert_eq!(refused(&words(65)), (129, "expected at most 64 restrictions".to_owned()));
    assert!(SCHEMA.filter(&"a".repeat(2_048)).is_ok());
    assert_eq!(refused(&"a".repeat(2_049)), (1, "expected at most 2048 bytes".to_owned()));
}

#[test]
fn a_list_is_ordered_by_one_field_of_those_that_sort() {
    let order = |field, descending| Ok(Some(Order { field, descending }));
    assert_eq!(SCHEMA.order(""), Ok(None));
    assert_eq!(SCHEMA.order(" name "), order("name", false));
    assert_eq!(SCHEMA.order("add_time  desc"), order("add_time", true));
    assert_eq!(SCHEMA.order("level desc"), order("level", true));
    for (text, position, part) in [
        ("remark", 1, "`name`, `add_time`, `level`"),
        ("type", 1, "`name`, `add_time`, `level`"),
        ("  nome desc", 3, "`name`, `add_time`"),
        ("name asc", 6, "`desc`"),
        ("name, add_time", 1, "`name`, `add_time`"),
        ("name desc desc", 11, "the end"),
    ] {
        let error = SCHEMA.order(text).expect_err(text);
        assert!(error.position == position && error.problem.contains(part), "{text}: {error}");
    }
}

#[test]
fn an_item_has_one_value_of_an_enumeration() {
    for (filter, matches) in [
        ("level = LEVEL_HIGH", true),
        ("level != LEVEL_HIGH", false),
        ("level = LEVEL_LOW", false),
        ("level = LEVEL_LOW OR level = LEVEL_HIGH", true),
        ("NOT (level = LEVEL_LOW)", true),
    ] {
        let item = |name: &str| (name == "level").then_some(Value::Enum("LEVEL_HIGH"));
        assert_eq!(SCHEMA.filter(filter).unwrap().matches(&SCHEMA, &item), matches, "{filter}");
    }
}

#[test]
fn listings_have_different_fingerprints() {
    let listing =
        |filter, order| Listing { filter: SCHEMA.filter(filter).unwrap(), order: SCHEMA.order(order).unwrap() };
    let all = [("", ""), ("a", ""), ("", "name"), ("a", "name"), ("a", "name desc"), ("-a", "name"), ("name", "")];
    let prints: std::collections::BTreeSet<_> = all.map(|(f, o)| listing(f, o).fingerprint()).into_iter().collect();
    assert_eq!(prints.len(), all.len());
    assert_eq!(listing("a  b", "name").fingerprint(), listing("a AND \"b\"", " name").fingerprint());
}

fn text() -> impl Strategy<Value = String> {
    r#"[ -~éÉ信]{0,6}"#
}

fn searched() -> impl Strategy<Value = Match> {
    let some = || r#"[ -~é]{1,4}"#;
    prop_oneof![
        text().prop_map(Match::Contains),
        some().prop_map(Match::Begins),
        some().prop_map(Match::Ends),
        Just(Match::Present),
    ]
}

/// From year 1 to 9999.
fn moment() -> impl Strategy<Value = Timestamp> {
    (-62_135_596_800_000_000_i64..253_402_300_800_000_000).prop_map(Timestamp::from_micros)
}

fn filter() -> impl Strategy<Value = Filter> {
    let name = || prop_oneof![Just("name"), Just("remark")];
    let relation = prop_oneof![
        Just(Relation::Equal),
        Just(Relation::Before),
        Just(Relation::UpTo),
        Just(Relation::After),
        Just(Relation::From)
    ];
    let leaf = prop_oneof![
        searched().prop_map(Filter::Search),
        (name(), searched()).prop_map(|(name, wanted)| Filter::Text(name, wanted)),
        (name(), text()).prop_map(|(name, text)| Filter::Text(name, Match::Equals(text))),
        proptest::sample::select(TYPES).prop_map(|value| Filter::Enum("type", value)),
        any::<bool>().prop_map(|value| Filter::Bool("marked", value)),
        (relation, moment()).prop_map(|(relation, time)| Filter::Time("add_time", relation, time)),
        text().prop_map(|name| Filter::Name("folder", name)),
        (text(), text()).prop_map(|(key, text)| Filter::Entry("labels", key, Match::Equals(text))),
        (text(), r#"[ -~é]{1,4}"#).prop_map(|(key, part)| Filter::Entry("labels", key, Match::Begins(part))),
        text().prop_map(|key| Filter::Key("labels", key)),
    ];
    leaf.prop_recursive(4, 24, 3, |inner| {
        let some = || proptest::collection::vec(inner.clone(), 2..4);
        prop_oneof![
            some().prop_map(Filter::All),
            some().prop_map(Filter::Any),
            inner.clone().prop_map(|part| Filter::Not(Box::new(part))),
        ]
    })
}

/// Texts that are often filters.
fn likely() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        Just("name"),
        Just("type"),
        Just("marked"),
        Just("add_time"),
        Just("labels."),
        Just(" AND "),
        Just(" OR "),
        Just("NOT "),
        Just("-"),
        Just("("),
        Just(")"),
        Just(" "),
        Just("="),
        Just("!="),
        Just(":"),
        Just("<="),
        Just("\""),
        Just("'"),
        Just("*"),
        Just("\\"),
        Just("x"),
        Just("true"),
        Just("ACCOUNT_TYPE_CLOUD"),
        Just("信"),
        Just("2026-01-31T08:00:00Z"),
        Just("\u{0}"),
    ];
    proptest::collection::vec(piece, 0..14).prop_map(|pieces| pieces.concat())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn what_is_printed_is_read_again(filter in filter()) {
        prop_assume!(filter.to_string().len() <= 2_048);
        prop_assert_eq!(SCHEMA.filter(&filter.to_string()), Ok(filter));
    }

    #[test]
    fn what_is_read_is_printed_and_read_again(text in likely()) {
        if let Ok(filter) = SCHEMA.filter(&text) {
            prop_assert_eq!(SCHEMA.filter(&filter.to_string()), Ok(filter));
        }
    }

    #[test]
    fn any_text_is_read_or_refused_within_it(text in any::<String>(), order in any::<String>()) {
        for error in [SCHEMA.filter(&text).err(), SCHEMA.order(&text).err()].into_iter().flatten() {
            prop_assert!(error.position <= text.chars().count() + 1);
        }
        let _ = SCHEMA.order(&order);
    }

    #[test]
    fn times_are_printed_as_they_are_read(time in moment()) {
        prop_assert_eq!(rfc3339::parse(&rfc3339::Printed(time).to_string()), Some(time));
    }
}
