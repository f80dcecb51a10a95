//! Rules of the house that the compiler does not know: who may depend on whom, how long a file may be, what a layer may
//! import. A rule that fails says what to do about it.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

use cargo_metadata::{DependencyKind, MetadataCommand};

use crate::checkout::root;

const MAX_LINES: usize = 600;
const SERVICES: [&str; 5] = ["directory", "delegation", "security-center", "sase-policy", "bastion-audit"];

/// The local crates that a crate may use outside its tests.
fn allowed(package: &str) -> &'static [&'static str] {
    match package {
        "core" => &[],
        "api" | "db" => &["core"],
        "rpc" => &["core", "api"],
        "conditions" => &["core", "api"],
        "openid" => &["core"],
        "shell" => &[],
        "changelog" => &["core", "api", "rpc", "db"],
        "roster" => &["core", "api", "rpc", "db", "changelog"],
        "gateway" => &["core", "api", "rpc"],
        "directory" => &["core", "api", "rpc", "db", "changelog", "openid"],
        "delegation" => &["core", "api", "rpc", "db", "changelog"],
        "sase-policy" => &["core", "api", "rpc", "db", "changelog", "conditions", "roster", "openid"],
        "security-center" => &["core", "api", "rpc", "db", "changelog", "roster"],
        "bastion-audit" => &["core", "api", "rpc", "db", "changelog", "conditions", "roster", "shell"],
        "bailiwick" => &[
            "core",
            "api",
            "rpc",
            "db",
            "changelog",
            "gateway",
            "directory",
            "delegation",
            "security-center",
            "sase-policy",
            "bastion-audit",
        ],
        "testkit" | "tests" => {
            &["core", "api", "rpc", "db", "changelog", "roster", "gateway", "bailiwick", "directory", "delegation"]
        }
        "benches" => &["core", "api", "rpc", "db", "openid", "roster", "security-center", "sase-policy", "testkit"],
        other => panic!("crate `{other}` has no row in tidy.rs: say what it may depend on, and why, in docs/decisions"),
    }
}

#[test]
fn crates_depend_only_on_those_below_them() {
    let metadata = MetadataCommand::new().manifest_path(root().join("Cargo.toml")).no_deps().exec().unwrap();
    let mut wrong = Vec::new();
    for package in &metadata.packages {
        let name = package.name.trim_start_matches("bailiwick-");
        let allowed = allowed(name);
        for dependency in package.dependencies.iter().filter(|d| d.kind != DependencyKind::Development) {
            if let Some(local) = dependency.name.strip_prefix("bailiwick-")
                && !allowed.contains(&local)
            {
                wrong.push(format!("{name} -> {local}"));
            }
        }
    }
    assert!(wrong.is_empty(), "edges that the architecture does not have: {wrong:?}");
}

#[test]
fn versions_of_dependencies_stand_in_one_place() {
    let wrong: Vec<_> = files("toml")
        .into_iter()
        .filter(|(path, _)| path.ends_with("Cargo.toml") && path.components().count() > 1)
        .flat_map(|(path, text)| {
            let versioned = |line: &&str| {
                !line.starts_with("edition") && !line.starts_with("rust-version") && !line.starts_with("version")
            };
            let is_version = |line: &&str| line.contains("= \"") && line.chars().any(|c| c.is_ascii_digit());
            text.lines()
                .skip_while(|line| !line.contains("dependencies]"))
                .filter(|line| is_version(line) && versioned(line))
                .map(|line| format!("{}: {line}", path.display()))
                .collect::<Vec<_>>()
        })
        .collect();
    assert!(wrong.is_empty(), "use `x.workspace = true` and put the version into the root Cargo.toml: {wrong:#?}");
}

#[test]
fn files_are_short() {
    let long: BTreeMap<_, _> = rust_files()
        .into_iter()
        .filter(|(path, _)| !is_test(path))
        .map(|(path, text)| (path, text.lines().count()))
        .filter(|(_, lines)| *lines > MAX_LINES)
        .collect();
    assert!(long.is_empty(), "split by noun: {long:?}");
}

#[test]
fn nothing_is_named_after_its_untidiness() {
    let bad = ["utils", "util", "common", "helpers", "helper", "manager", "misc"];
    let named: Vec<_> = rust_files()
        .into_iter()
        .map(|(path, _)| path)
        .filter(|path| path.iter().any(|part| bad.contains(&part.to_str().unwrap().trim_end_matches(".rs"))))
        .collect();
    assert!(named.is_empty(), "name the file after its subject: {named:?}");
}

#[test]
fn layers_import_only_what_is_below_them() {
    let forbidden: &[(&str, &[&str])] = &[
        (
            "domain",
            &[
                "sea_orm",
                "tonic",
                "bailiwick_api",
                "bailiwick_rpc",
                "bailiwick_db",
                "crate::store",
                "crate::grpc",
                "crate::app",
            ],
        ),
        ("store", &["tonic", "bailiwick_rpc", "crate::grpc", "crate::app"]),
        ("app", &["tonic::Request", "tonic::Response", "tonic::transport", "crate::grpc"]),
        ("grpc", &["sea_orm", "crate::store"]),
    ];
    let mut wrong = Vec::new();
    for (path, text) in rust_files() {
        let service = path.components().nth(1).and_then(|c| c.as_os_str().to_str()).unwrap_or_default();
        if !path.starts_with("services") || !SERVICES.contains(&service) || is_test(&path) {
            continue;
        }
        let production = text.split("#[cfg(test)]").next().unwrap_or_default();
        for (layer, words) in forbidden {
            let in_layer = path.iter().any(|p| p == *layer || p.to_str() == Some(&format!("{layer}.rs")));
            let found = words.iter().filter(|word| in_layer && production.contains(**word));
            wrong.extend(found.map(|word| format!("{}: {word}", path.display())));
        }
    }
    assert!(wrong.is_empty(), "imports against the layers: {wrong:#?}");
}

#[test]
fn nothing_is_left_unfinished() {
    let marks = ["todo!(", "unimplemented!(", concat!("TO", "DO"), concat!("FIX", "ME"), "#[ignore"];
    let found: Vec<_> = rust_files()
        .into_iter()
        .filter(|(path, _)| !path.ends_with("tidy.rs"))
        .flat_map(|(path, text)| {
            let hits = marks.iter().filter(|mark| text.contains(**mark)).copied().collect::<Vec<_>>();
            hits.into_iter().map(move |mark| format!("{}: {mark}", path.display())).collect::<Vec<_>>()
        })
        .collect();
    assert!(found.is_empty(), "{found:#?}");
}

#[test]
fn nothing_sleeps_for_luck() {
    let found: Vec<_> = rust_files()
        .into_iter()
        .filter(|(path, text)| !path.ends_with("tidy.rs") && text.contains("thread::sleep"))
        .map(|(path, _)| path)
        .collect();
    assert!(found.is_empty(), "wait for what is expected, with a deadline: {found:?}");
}

fn rust_files() -> Vec<(PathBuf, String)> {
    files("rs")
}

fn is_test(path: &Path) -> bool {
    path.iter().any(|part| part == "tests" || part == "testkit")
        || path.to_str().is_some_and(|p| p.contains("tests.rs"))
}

/// The files of the project with an extension, by their path from the root.
fn files(extension: &str) -> Vec<(PathBuf, String)> {
    let root = root();
    let mut found = Vec::new();
    let mut folders = vec![root.clone()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_str().unwrap_or_default().to_owned();
            if path.is_dir()
                && !name.starts_with('.')
                && !["target", "node_modules", "data", "stubs"].contains(&name.as_str())
            {
                folders.push(path);
            } else if path.extension().is_some_and(|e| e == extension) {
                let text = fs::read_to_string(&path).unwrap();
                found.push((path.strip_prefix(&root).unwrap().to_owned(), text));
            }
        }
    }
    found.sort();
    found
}
