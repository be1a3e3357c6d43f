//! The architecture, as a test. It reads the source tree as text; docs/architecture.md says why the rules are so.
//! Each failure says what to do.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path as FilePath, PathBuf};

#[path = "architecture/made_up.rs"]
mod made_up;
#[path = "architecture/source.rs"]
mod source;
#[path = "architecture/verdicts.rs"]
mod verdicts;

use source::Source;

/// Who may use whom: a module, and the modules it may name. Lowest first: a row names only rows above it, so there
/// is no circle. A module of one file and a folder are the same to this table.
const MAY_USE: &[(&str, &[&[&str]])] = &[
    ("clock", &[]),
    ("ids", &[&["clock"]]),
    ("error", &[&["clock", "ids"]]),
    ("config", &[&["clock", "ids", "error"]]),
    ("metrics", &[&["clock", "ids", "error", "config"]]),
    ("front", &[GROUND]),
    ("store", &[GROUND]),
    ("http_client", &[GROUND]),
    ("slack", &[GROUND, &["http_client"]]),
    ("pagerduty", &[GROUND, &["http_client"]]),
    ("statuspage", &[GROUND, &["http_client"]]),
    ("monitors", &[GROUND, &["http_client"]]),
    ("jobs", &[GROUND, &["store"]]),
    ("audit", &[GROUND, &["store"]]),
    // Features, downhill: each sees those above it.
    ("oncall", &[GROUND, BELOW_FEATURES]),
    ("posts", &[GROUND, BELOW_FEATURES, &["oncall"]]),
    ("incidents", &[GROUND, BELOW_FEATURES, &["oncall", "posts"]]),
    ("groups", &[GROUND, BELOW_FEATURES, &["oncall", "posts", "incidents"]]),
    ("paging", &[GROUND, BELOW_FEATURES, &["oncall", "posts", "incidents", "groups"]]),
    ("notices", &[GROUND, BELOW_FEATURES, &["oncall", "posts", "incidents"]]),
    ("status", &[GROUND, BELOW_FEATURES, &["oncall", "posts", "incidents"]]),
    ("runbooks", &[GROUND, BELOW_FEATURES, &["oncall", "posts", "incidents"]]),
    ("app", &[GROUND, BELOW_FEATURES, FEATURES, &["http_client"]]),
    ("chat", &[GROUND, BELOW_FEATURES, FEATURES, &["app"]]),
    ("events", &[GROUND, BELOW_FEATURES, FEATURES, &["app", "chat"]]),
    ("web", &[GROUND, BELOW_FEATURES, FEATURES, &["app"]]),
    ("dispatch", &[GROUND, BELOW_FEATURES, FEATURES, &["app", "chat", "events"]]),
    ("http", &[GROUND, BELOW_FEATURES, FEATURES, FRONT_OF_HOUSE]),
    ("serve", &[GROUND, BELOW_FEATURES, FEATURES, FRONT_OF_HOUSE, &["http"]]),
    // The vendors' doubles share nothing with the clients: a fake that spoke the client's types would prove nothing.
    ("sim", &[&["clock"]]),
    ("demo", &[GROUND, BELOW_FEATURES, FEATURES, FRONT_OF_HOUSE, &["http_client", "http", "serve", "sim"]]),
    (
        "cli",
        &[GROUND, BELOW_FEATURES, FEATURES, FRONT_OF_HOUSE, &["http_client", "http", "serve", "sim", "demo"]],
    ),
    // Databases and worlds for tests: nothing above may use it, outside its own tests.
    ("testing", &[GROUND, BELOW_FEATURES, FEATURES, FRONT_OF_HOUSE, &["http_client", "http", "sim"]]),
];
const GROUND: &[&str] = &["clock", "ids", "error", "config", "metrics"];
const BELOW_FEATURES: &[&str] =
    &["front", "store", "slack", "pagerduty", "statuspage", "monitors", "jobs", "audit"];
const FEATURES: &[&str] =
    &["oncall", "posts", "incidents", "groups", "paging", "notices", "status", "runbooks"];
const FRONT_OF_HOUSE: &[&str] = &["app", "chat", "events", "web", "dispatch"];

/// A feature's `steps` get the whole app from `dispatch`: the clients are in it. The one use that runs uphill.
const STEPS_ALSO_USE: &[&str] = &["app"];

const CLIENTS: &[&str] = &["slack", "pagerduty", "statuspage", "monitors"];

/// Only a durable job talks to the outside world: a feature's `steps` may name a `Client` or take one out
/// of the app, and these.
const ALSO_SEE_CLIENTS: &[(&str, &str)] = &[
    ("src/dispatch", "hands each step the client it needs"),
    ("src/app", "builds the clients"),
    ("src/cli", "`sync --once` and `doctor` need no database, hence no job"),
    ("src/chat/steps", "durable jobs too: the answer to a command that came in a message"),
    ("src/groups/once", "`sync --once` needs no database, hence no job"),
    ("src/http/inside", "views.open, whose trigger dies after three seconds; an answer to a button"),
];

/// Who may hold SQL, beside a feature's `store.rs` (or `store/`).
const HOLD_SQL: &[&str] = &["src/store", "src/jobs", "src/chat/store", "src/audit/store"];

const LONGEST_FILE: usize = 450;

/// Switched-off checks and unfinished code, with what to do instead.
const NEVER: &[(&str, &str)] = &[
    ("#[allow(", "use #[expect(lint, reason = \"…\")], which complains when it is no longer needed"),
    ("#![allow(", "use #![expect(lint, reason = \"…\")], which complains when it is no longer needed"),
    ("#[ignore", "make the test run everywhere, or delete it"),
    ("todo!(", "finish it, or leave it out"),
    ("unimplemented!(", "finish it, or leave it out"),
];

fn root() -> &'static FilePath {
    FilePath::new(env!("CARGO_MANIFEST_DIR"))
}

fn read(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path} must be there: {error}"))
}

fn entries(folder: &FilePath) -> Vec<PathBuf> {
    let entries =
        fs::read_dir(folder).unwrap_or_else(|error| panic!("{} must be there: {error}", folder.display()));
    let mut paths: Vec<_> = entries.map(|entry| entry.expect("a readable folder").path()).collect();
    paths.sort();
    paths
}

/// Every Rust file below these folders; a folder that does not exist has none.
fn sources(folders: &[&str]) -> Vec<Source> {
    let mut found = Vec::new();
    let mut left: Vec<_> =
        folders.iter().map(|folder| root().join(folder)).filter(|folder| folder.is_dir()).collect();
    while let Some(folder) = left.pop() {
        for path in entries(&folder) {
            if path.is_dir() {
                left.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let name = path.strip_prefix(root()).expect("a path below the root").display().to_string();
                found.push(Source::new(&name, &read(&name)));
            }
        }
    }
    found
}

fn demand_none(what: &str, wrong: &[String]) {
    assert!(wrong.is_empty(), "{what}:\n  {}\n", wrong.join("\n  "));
}

/// The product's own code: no files that are compiled for tests alone.
fn product() -> Vec<Source> {
    let all = sources(&["src"]);
    assert!(all.len() > 5, "the test looks in the wrong place: only {} files in src/", all.len());
    let tests: Vec<String> = all.iter().flat_map(verdicts::test_only_modules).collect();
    all.into_iter().filter(|source| !tests.iter().any(|test| verdicts::lies_in(&source.path, test))).collect()
}

#[test]
fn modules_use_only_what_lies_below_them() {
    let wrong: Vec<String> = product().iter().flat_map(verdicts::use_of_modules).collect();
    demand_none("Uses against the direction of docs/architecture.md", &wrong);
}

#[test]
fn only_steps_talk_to_the_vendors() {
    let wrong: Vec<String> = product().iter().flat_map(verdicts::use_of_clients).collect();
    demand_none("Clients where no client may be", &wrong);
}

#[test]
fn features_keep_their_steps_and_their_sql_to_themselves() {
    let wrong: Vec<String> = product().iter().flat_map(verdicts::use_of_inner_rooms).collect();
    demand_none("Uses of another feature's inside", &wrong);
}

#[test]
fn sql_lives_in_the_store_files() {
    let wrong: Vec<String> = product().iter().flat_map(verdicts::stray_sql).collect();
    demand_none("SQL outside the store files", &wrong);
}

#[test]
fn files_are_short_introduced_and_finished() {
    let wrong: Vec<String> =
        sources(&["src", "tests", "benches"]).iter().flat_map(verdicts::shape_of_file).collect();
    demand_none("Files against the rules of the house", &wrong);
}

#[test]
fn the_table_has_no_circle_and_is_in_the_document() {
    let document = read("docs/architecture.md");
    let mut above = BTreeSet::new();
    for (module, groups) in MAY_USE {
        for used in groups.iter().copied().flatten() {
            assert!(
                above.contains(used),
                "MAY_USE: `{module}` may use `{used}`, so `{used}` must stand above it"
            );
        }
        assert!(above.insert(*module), "MAY_USE names `{module}` twice");
        assert!(
            document.contains(&format!("`{module}`")),
            "docs/architecture.md: say what `{module}` is for"
        );
    }
}

#[test]
fn both_engines_have_the_same_migrations() {
    let names = |engine: &str| -> Vec<String> {
        let paths = entries(&root().join("migrations").join(engine));
        paths.iter().filter_map(|path| Some(path.file_name()?.to_str()?.to_owned())).collect()
    };
    // The store and its migrations came together; before it there was nothing to compare.
    if root().join("src/store").exists() || root().join("migrations").exists() {
        let wrong = verdicts::migrations(&names("postgres"), &names("sqlite"));
        demand_none("Migrations that do not match", &wrong);
    }
}

#[test]
fn every_dependency_has_its_reason_in_the_document() {
    let wrong = verdicts::reasons(&read("Cargo.toml"), &read("docs/architecture.md"));
    demand_none("Dependencies and docs/architecture.md do not agree", &wrong);
}
