//! The flow: what each crate may know, held against `cargo metadata` and against the sources.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

/// Every crate, and the crates of ours that it may depend on. Ours are in the order of the flow: a crate may only name ones above it.
const FLOW: &[(&str, &[&str])] = &[
    ("base", &[]),
    ("staging", &["base"]),
    ("model", &["base", "staging"]),
    ("sample", &["base"]),
    ("schedule", &["base"]),
    ("ingest", &["base", "staging"]),
    ("transform", &["base", "staging", "model", "ingest"]),
    ("project", &["base", "staging", "model", "ingest", "transform"]),
    ("catalog", &["base", "staging", "model", "ingest", "transform"]),
    ("trace", &["base", "staging", "model", "ingest", "transform"]),
    ("testing", &["base", "staging", "model", "ingest", "transform", "project"]),
    ("warehouse", &["base"]),
    ("sync", &["base", "staging", "model", "warehouse"]),
    ("diff", &["base", "staging", "model", "transform", "project", "warehouse", "sync"]),
    ("history", &["base"]),
    ("metrics", &[]),
    ("fixtures", &["base", "metrics"]),
    ("dashboard", &["base", "metrics"]),
    ("export", &["base", "metrics", "dashboard"]),
    ("server", &["base", "staging", "warehouse", "history", "metrics", "dashboard", "export"]),
];

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// The crates of the workspace and what they depend on among themselves, tests left out.
fn workspace() -> BTreeMap<String, BTreeSet<String>> {
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--no-deps", "--format-version", "1", "--offline", "--locked"])
        .current_dir(root())
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let metadata: Value = serde_json::from_slice(&output.stdout).unwrap();
    let ours = |name: &str| name.strip_prefix("salesmart-").map(str::to_owned);
    let packages = metadata["packages"].as_array().unwrap().iter();
    packages
        .filter_map(|package| {
            let needs = package["dependencies"].as_array().unwrap().iter().filter(|one| one["kind"].is_null());
            Some((
                ours(package["name"].as_str().unwrap())?,
                needs.filter_map(|one| ours(one["name"].as_str().unwrap())).collect(),
            ))
        })
        .collect()
}

#[test]
fn no_crate_depends_on_a_later_one() {
    for (place, (name, allowed)) in FLOW.iter().enumerate() {
        let earlier: BTreeSet<&str> = FLOW[..place].iter().map(|(name, _)| *name).collect();
        let late: Vec<_> = allowed.iter().filter(|one| !earlier.contains(**one)).collect();
        assert!(late.is_empty(), "{name} comes before {late:?}");
    }
    let found = workspace();
    let known: BTreeSet<&str> = FLOW.iter().map(|(name, _)| *name).collect();
    assert_eq!(found.keys().map(String::as_str).collect::<BTreeSet<_>>(), known, "the crates of the flow");
    for (name, allowed) in FLOW {
        let allowed: BTreeSet<String> = allowed.iter().map(|one| (*one).to_owned()).collect();
        assert_eq!(found[*name], allowed, "what {name} depends on");
    }
}

#[test]
fn the_stages_come_in_the_order_of_the_pipeline() {
    let stages = ["ingest", "transform", "sync", "server"];
    let found = workspace();
    let all = |name: &str| {
        let (mut open, mut seen) = (vec![name.to_owned()], BTreeSet::new());
        while let Some(next) = open.pop() {
            open.extend(found[&next].iter().filter(|one| seen.insert((*one).clone())).cloned());
        }
        seen
    };
    for (place, stage) in stages.iter().enumerate() {
        let needs = all(stage);
        let later: Vec<_> = stages[place..].iter().filter(|later| needs.contains(**later)).collect();
        assert!(later.is_empty(), "{stage} depends on {later:?}");
    }
}

/// Every package that is compiled along these edges, with its features.
fn features(edges: &str) -> BTreeMap<String, BTreeSet<String>> {
    let output = Command::new(env!("CARGO"))
        .args(["tree", "--workspace", "--offline", "--locked", "--prefix", "none", "-f", "{p}|{f}", "-e", edges])
        .current_dir(root())
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let mut found: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    // A blank line ends each crate of the workspace.
    for line in String::from_utf8(output.stdout).unwrap().lines().filter(|line| !line.is_empty()) {
        let (package, features) = line.trim_end_matches(" (*)").split_once('|').unwrap();
        found
            .entry(package.to_owned())
            .or_default()
            .extend(features.split(',').filter(|feature| !feature.is_empty()).map(str::to_owned));
    }
    found
}

/// Else cargo compiles such a package, and all that depend on it, once for the program and once more for the tests.
#[test]
fn tests_ask_for_no_features_that_the_program_does_not() {
    let (program, with_tests) = (features("normal,build"), features("normal,build,dev"));
    assert!(program.len() > 300, "{} packages", program.len());
    for (package, features) in &program {
        let more: Vec<_> = with_tests[package].difference(features).collect();
        assert!(
            more.is_empty(),
            "{package}: add the features {more:?} to those in Cargo.toml that only the tests ask for"
        );
    }
}

/// The Rust files below a folder.
fn sources(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let (folders, files): (Vec<_>, Vec<_>) = entries.partition(|path| path.is_dir());
    let files = files.into_iter().filter(|path| path.extension().is_some_and(|extension| extension == "rs"));
    files.chain(folders.iter().flat_map(|folder| sources(folder))).collect()
}

#[test]
fn only_the_command_line_prints() {
    let mut files = 0;
    for path in sources(&root().join("crates"))
        .into_iter()
        .filter(|path| path.components().any(|part| part.as_os_str() == "src"))
    {
        files += 1;
        for (number, line) in std::fs::read_to_string(&path).unwrap().lines().enumerate() {
            let code = line.trim_start();
            let is_comment = code.starts_with("//");
            for word in
                ["println!", "print!", "eprintln!", "eprint!", "dbg!", "io::stdout()", "io::stderr()", "Console"]
            {
                let is_whole = code
                    .match_indices(word)
                    .any(|(at, _)| !code[..at].ends_with(|c: char| c.is_alphanumeric() || c == '_'));
                assert!(is_comment || !is_whole, "{}:{}: {word}", path.display(), number + 1);
            }
        }
    }
    assert!(files > 150, "{files} files looked at");
}
