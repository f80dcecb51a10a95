use std::{borrow::Cow, collections::BTreeMap};

use bailiwick_core::{
    Timestamp,
    filter::{Field, Kind},
};
use proptest::{
    prelude::*,
    strategy::ValueTree,
    test_runner::{Config, TestRunner},
};
use sea_orm::{ActiveModelTrait, ConnectionTrait, IntoActiveModel, QuerySelect, QueryTrait, Schema as Tables};

use super::*;
use crate::{
    Tx,
    testing::{World, worlds},
};

mod item {
    use sea_orm::entity::prelude::*;

    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "items")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub id: i64,
        pub name: String,
        pub remark: String,
        pub kind: String,
        pub marked: bool,
        pub add_us: i64,
        pub level: i64,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

mod entry {
    use sea_orm::entity::prelude::*;

    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "entries")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub item: i64,
        #[sea_orm(primary_key, auto_increment = false)]
        pub word: String,
        pub said: String,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

/// What an item has under keys follows from its other columns.
fn labels(row: &item::Model) -> BTreeMap<String, String> {
    let keys = ["env", "a b"].into_iter().zip([row.marked, row.kind == "cloud"]);
    keys.filter(|(_, there)| *there).map(|(key, _)| (key.to_owned(), row.remark.clone())).collect()
}

const TYPES: [(&str, &str); 2] = [("ACCOUNT_TYPE_RESOURCE", "resource"), ("ACCOUNT_TYPE_CLOUD", "cloud")];
const SCHEMA: Schema = Schema {
    fields: &[
        Field::sorted("name", Kind::Text),
        Field::sorted("account", Kind::Text),
        Field::new("remark", Kind::Text),
        Field::new("type", Kind::Enum(&["ACCOUNT_TYPE_RESOURCE", "ACCOUNT_TYPE_CLOUD"])),
        Field::new("marked", Kind::Bool),
        Field::sorted("add_time", Kind::Time),
        Field::new("path", Kind::Name),
        Field::new("labels", Kind::Map),
        Field::sorted("level", Kind::Enum(&["LEVEL_LOW", "LEVEL_HIGH", "LEVEL_TOP"])),
        Field::new("item", Kind::Name),
    ],
};
const LEVELS: [(&str, i64); 3] = [("LEVEL_LOW", 1), ("LEVEL_HIGH", 5), ("LEVEL_TOP", 10)];
const COLUMNS: Columns = Columns { schema: &SCHEMA, id: || Expr::col(item::Column::Id), source };

fn source(name: &str) -> Option<Source> {
    Some(match name {
        "name" => Source::Text(Expr::col(item::Column::Name)),
        "account" => Source::Text(Expr::cust("('accounts/' || CAST(id AS TEXT))")),
        "remark" => Source::Text(Expr::col(item::Column::Remark)),
        "type" => Source::Code(Expr::col(item::Column::Kind), &TYPES),
        "marked" => Source::Bool(Expr::col(item::Column::Marked)),
        "add_time" => Source::Time(Expr::col(item::Column::AddUs)),
        "path" => Source::Text(Expr::cust("('paths/' || name)")),
        "level" => Source::Rank(Expr::col(item::Column::Level), &LEVELS),
        "item" => Source::Named(Expr::col(item::Column::Id), |name| name.strip_prefix("items/")?.parse().ok()),
        "labels" => Source::Entries(Entries { table: "entries", key: "word", text: "said", item: "item" }),
        _ => return None,
    })
}

fn value<'a>(row: &'a item::Model, labels: &'a BTreeMap<String, String>, name: &str) -> Option<Value<'a>> {
    Some(match name {
        "path" => Value::Text(Cow::Owned(format!("paths/{}", row.name))),
        "labels" => Value::Map(labels),
        "level" => Value::Enum(LEVELS.iter().find(|(_, number)| *number == row.level)?.0),
        "item" => Value::Text(Cow::Owned(format!("items/{}", row.id))),
        "name" => Value::Text(row.name.as_str().into()),
        "account" => Value::Text(Cow::Owned(format!("accounts/{}", row.id))),
        "remark" => Value::Text(row.remark.as_str().into()),
        "type" => Value::Enum(TYPES.iter().find(|(_, code)| *code == row.kind)?.0),
        "marked" => Value::Bool(row.marked),
        "add_time" => Value::Time(Timestamp::from_micros(row.add_us)),
        _ => return None,
    })
}

/// Texts from few characters, so that they meet; with those that patterns are made of.
fn text() -> impl Strategy<Value = String> {
    prop_oneof![r#"[aAbBéÉ信%_!*\\'" .]{0,4}"#, Just("ab".to_owned()), Just("aB%".to_owned())]
}

fn row() -> impl Strategy<Value = item::Model> {
    let kind = proptest::sample::select(vec!["resource", "cloud", ""]);
    let level = proptest::sample::select(LEVELS.to_vec());
    let parts = (text(), text(), kind, any::<bool>(), 0_i64..4, level);
    parts.prop_map(|(name, remark, kind, marked, add_us, (_, level))| item::Model {
        id: 0,
        name,
        remark,
        kind: kind.to_owned(),
        marked,
        add_us,
        level,
    })
}

fn key() -> impl Strategy<Value = String> {
    proptest::sample::select(vec!["env", "a b", "ENV"]).prop_map(str::to_owned)
}

fn filter() -> impl Strategy<Value = Filter> {
    let name = || proptest::sample::select(vec!["name", "remark", "account"]);
    let part = || prop_oneof![text(), "[0-9]", Just("COUNTS/1".to_owned())];
    let wanted = || {
        prop_oneof![
            part().prop_map(Match::Contains),
            part().prop_map(Match::Begins),
            part().prop_map(Match::Ends),
            Just(Match::Present)
        ]
    };
    let relations = [Relation::Equal, Relation::Before, Relation::UpTo, Relation::After, Relation::From];
    let time = (proptest::sample::select(relations.to_vec()), (0_i64..4).prop_map(Timestamp::from_micros));
    let leaf = prop_oneof![
        wanted().prop_map(Filter::Search),
        (name(), wanted()).prop_map(|(name, wanted)| Filter::Text(name, wanted)),
        (name(), text()).prop_map(|(name, text)| Filter::Text(name, Match::Equals(text))),
        proptest::sample::select(TYPES.to_vec()).prop_map(|(name, _)| Filter::Enum("type", name)),
        any::<bool>().prop_map(|marked| Filter::Bool("marked", marked)),
        time.prop_map(|(relation, time)| Filter::Time("add_time", relation, time)),
        proptest::sample::select(LEVELS.to_vec()).prop_map(|(name, _)| Filter::Enum("level", name)),
        (0..70).prop_map(|id| Filter::Name("item", format!("items/{id}"))),
        text().prop_map(|name| Filter::Name("item", name)),
        text().prop_map(|name| Filter::Name("path", format!("paths/{name}"))),
        (key(), wanted()).prop_map(|(key, wanted)| Filter::Entry("labels", key, wanted)),
        (key(), text()).prop_map(|(key, text)| Filter::Entry("labels", key, Match::Equals(text))),
        key().prop_map(|key| Filter::Key("labels", key)),
    ];
    leaf.prop_recursive(3, 12, 3, |inner| {
        let some = || proptest::collection::vec(inner.clone(), 0..4);
        prop_oneof![
            some().prop_map(Filter::All),
            some().prop_map(Filter::Any),
            inner.clone().prop_map(|part| Filter::Not(Box::new(part))),
        ]
    })
}

fn sample<T>(runner: &mut TestRunner, strategy: impl Strategy<Value = T>) -> T {
    strategy.new_tree(runner).unwrap().current()
}

async fn fill(world: &World, rows: &[item::Model]) {
    let fill = |tx: Tx| async move {
        let conn = tx.conn();
        conn.execute(&Tables::new(conn.get_database_backend()).create_table_from_entity(item::Entity)).await?;
        let models = rows.iter().map(|row| row.clone().into_active_model().reset_all());
        item::Entity::insert_many(models).exec_without_returning(conn).await?;
        conn.execute(&Tables::new(conn.get_database_backend()).create_table_from_entity(entry::Entity)).await?;
        let entries = rows
            .iter()
            .flat_map(|row| labels(row).into_iter().map(|(word, said)| entry::Model { item: row.id, word, said }));
        let models = entries.map(|entry| entry.into_active_model().reset_all());
        entry::Entity::insert_many(models).exec_without_returning(conn).await?;
        Ok::<_, DbError>(())
    };
    world.db.write("fill", fill).await.unwrap();
}

async fn filled(world: &World, runner: &mut TestRunner) -> Vec<item::Model> {
    let rows: Vec<_> = (1..=60).map(|id| item::Model { id, ..sample(runner, row()) }).collect();
    fill(world, &rows).await;
    rows
}

async fn ids(world: &World, listing: &Listing, after: Option<&Place>, limit: u64) -> Vec<item::Model> {
    let conn = world.db.reader();
    let select = COLUMNS.select(item::Entity::find(), listing, after, conn.get_database_backend()).unwrap();
    select.limit(limit).all(conn).await.unwrap_or_else(|e| panic!("{}: {}: {e}", world.engine(), listing.filter))
}

async fn in_parts(world: &World, listing: &Listing, after: Option<&Place>, limit: u64) -> Vec<item::Model> {
    let (conn, mut found) = (world.db.reader(), Vec::new());
    let engine = conn.get_database_backend();
    for part in COLUMNS.select_parts(&item::Entity::find(), listing, after, engine).unwrap() {
        let left = limit - u64::try_from(found.len()).unwrap();
        found.extend(part.limit(left).all(conn).await.unwrap());
    }
    found
}

#[test]
fn a_place_without_a_value_of_its_order_is_refused() {
    for (order, place) in [("level", "1 LEVEL"), ("level", "1 5"), ("add_time", "1 x")] {
        let listing = Listing { filter: Filter::default(), order: SCHEMA.order(order).unwrap() };
        let place = place.parse().unwrap();
        assert!(COLUMNS.select(item::Entity::find(), &listing, Some(&place), DbBackend::Sqlite).is_err());
        assert!(COLUMNS.select_parts(&item::Entity::find(), &listing, Some(&place), DbBackend::Sqlite).is_err());
    }
}

#[tokio::test]
async fn both_engines_select_what_the_filter_means() {
    let mut runner = TestRunner::new(Config::default());
    for world in worlds().await {
        let rows = filled(&world, &mut runner).await;
        let mut hits = 0;
        for _ in 0..400 {
            let listing = Listing { filter: sample(&mut runner, filter()), order: None };
            let meant = |row: &&item::Model| {
                let labels = labels(row);
                listing.filter.matches(&SCHEMA, &|name| value(row, &labels, name))
            };
            let expected: Vec<i64> = rows.iter().filter(meant).map(|row| row.id).collect();
            let found: Vec<i64> = ids(&world, &listing, None, 1_000).await.iter().map(|row| row.id).collect();
            assert_eq!(found, expected, "{}: {}: {rows:#?}", world.engine(), listing.filter);
            hits += usize::from(!found.is_empty() && found.len() < rows.len());
        }
        assert!(hits > 100, "filters that tell rows apart: {hits}");
    }
}

#[tokio::test]
async fn pages_have_each_item_once_in_the_order_asked_for() {
    let mut runner = TestRunner::new(Config::default());
    for world in worlds().await {
        let rows = filled(&world, &mut runner).await;
        let orders = ["", "name", "name desc", "account", "account desc", "add_time", "add_time desc"];
        for order in orders.into_iter().chain(["level", "level desc"]) {
            let filter = SCHEMA.filter("NOT name = ab").unwrap();
            let listing = Listing { filter, order: SCHEMA.order(order).unwrap() };
            let mut expected: Vec<_> = rows.iter().filter(|row| row.name != "ab").cloned().collect();
            let account = |row: &item::Model| format!("accounts/{}", row.id);
            expected.sort_by(|a, b| {
                let ascending = match order.split(' ').next() {
                    Some("name") => a.name.cmp(&b.name),
                    Some("account") => account(a).cmp(&account(b)),
                    Some("add_time") => a.add_us.cmp(&b.add_us),
                    Some("level") => a.level.cmp(&b.level),
                    _ => std::cmp::Ordering::Equal,
                };
                if order.ends_with("desc") { ascending.reverse() } else { ascending }.then(a.id.cmp(&b.id))
            });
            let (mut found, mut after) = (Vec::new(), None);
            loop {
                let page = ids(&world, &listing, after.as_ref(), 7).await;
                assert_eq!(in_parts(&world, &listing, after.as_ref(), 7).await, page, "{}: {order}", world.engine());
                let Some(last) = page.last() else { break };
                let labels = labels(last);
                let place = Place::of(last.id, &listing, |name| value(last, &labels, name));
                assert_eq!(place.to_string().parse(), Ok(place.clone()));
                after = Some(place);
                found.extend(page);
            }
            assert_eq!(found, expected, "{}: {order}", world.engine());
        }
    }
}

#[tokio::test]
async fn the_largest_filter_is_one_that_both_engines_take() {
    for world in worlds().await {
        filled(&world, &mut TestRunner::deterministic()).await;
        let words = format!("{}{}{}", "NOT (".repeat(16), vec!["a*"; 64].join(" OR "), ")".repeat(16));
        let listing = Listing { filter: SCHEMA.filter(&words).unwrap(), order: None };
        ids(&world, &listing, None, 10).await;
    }
}

#[test]
fn a_place_of_something_else_is_refused() {
    for text in ["", "1", "x y", " 1"] {
        assert_eq!(text.parse::<Place>(), Err(PageTokenError::Invalid), "{text}");
    }
}

#[tokio::test]
async fn texts_are_found_by_their_characters_alone() {
    for world in worlds().await {
        let mut saved = Vec::new();
        for (id, name) in (1..).zip(["a_b", "axb", "A%B", "a!b", "É", "é", "Z", "a", "\\"]) {
            let (remark, kind) = (String::new(), "cloud".to_owned());
            saved.push(item::Model { id, name: name.to_owned(), remark, kind, marked: false, add_us: 0, level: 1 });
        }
        fill(&world, &saved).await;
        for (filter, found) in [
            ("a_b", vec!["a_b"]),
            ("_", vec!["a_b"]),
            ("%", vec!["A%B"]),
            ("\"!\"", vec!["a!b"]),
            ("name = A*", vec!["A%B", "a", "a!b", "a_b", "axb"]),
            ("name = *É", vec!["É"]),
            ("é", vec!["é"]),
            ("\"\\\\\"", vec!["\\"]),
        ] {
            let listing = Listing { filter: SCHEMA.filter(filter).unwrap(), order: SCHEMA.order("name").unwrap() };
            let names: Vec<_> = ids(&world, &listing, None, 100).await.into_iter().map(|row| row.name).collect();
            assert_eq!(names, found, "{}: {filter}", world.engine());
        }
    }
}

#[test]
fn postgres_compares_bytes_whatever_its_locale() {
    let listing = Listing { filter: SCHEMA.filter("name:a").unwrap(), order: SCHEMA.order("name").unwrap() };
    let sql = |engine| {
        let place = "1 b".parse().ok();
        COLUMNS.select(item::Entity::find(), &listing, place.as_ref(), engine).unwrap().build(engine).to_string()
    };
    assert_eq!(sql(DbBackend::Postgres).matches(r#"("name") COLLATE "C""#).count(), 4);
    assert!(!sql(DbBackend::Sqlite).contains("COLLATE"));
}
