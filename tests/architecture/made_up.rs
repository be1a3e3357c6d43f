//! The checker checked, on made-up sources: what is wrong is found, what is right is left alone.

use super::source::{Path, Source};
use super::verdicts::{
    migrations, reasons, shape_of_file, stray_sql, test_only_modules, use_of_clients, use_of_inner_rooms,
    use_of_modules,
};

fn paths(file: &str, text: &str) -> Vec<String> {
    Source::new(file, text).paths().iter().map(|path| path.segments.join("::")).collect()
}

fn strings(words: &[&str]) -> Vec<String> {
    words.iter().map(|&word| word.to_owned()).collect()
}

#[test]
fn use_trees_are_spread_out() {
    let text = "pub(crate) use crate::{ids, store::{self, Tx as T, row::*}, oncall as o};";
    assert_eq!(
        paths("src/a.rs", text),
        ["crate::ids", "crate::store", "crate::store::Tx", "crate::store::row::*", "crate::oncall"]
    );
}

#[test]
fn inline_paths_casts_and_qualified_paths_are_seen() {
    let text =
        "fn f(x: crate::jobs::Job) -> Vec::<u8> { y as crate::slack::Ts; <T as crate::web::Page>::NAME }";
    assert_eq!(paths("src/a.rs", text), ["crate::jobs::Job", "crate::slack::Ts", "crate::web::Page"]);
}

#[test]
fn super_is_resolved() {
    assert_eq!(paths("src/oncall/people.rs", "use super::super::slack::Client;"), ["crate::slack::Client"]);
    assert_eq!(paths("src/oncall/people.rs", "use super::model::Person;"), ["crate::oncall::model::Person"]);
    assert_eq!(paths("src/oncall/mod.rs", "use self::super::jobs::Job;"), ["crate::jobs::Job"]);
}

#[test]
fn comments_literals_and_test_code_are_no_uses() {
    let text = r##"
// crate::a::A
/* crate::b::B /* nested */ crate::c::C */
const S: &str = "\" crate::d::D";
const R: &str = r#"" crate::e::E"#;
const C: [char; 3] = ['"', '\'', '\u{22}'];
fn lifetimes<'a>(x: &'a str) -> crate::seen::Here { break }
#[cfg(test)]
use crate::f::F;
#[cfg(test)]
mod tests {
    use crate::g::G;
    fn f() { if true { "}" } }
}
fn after() -> crate::seen::Too {}
"##;
    let source = Source::new("src/a.rs", text);
    let seen = |line, name: &str| Path { line, segments: strings(&["crate", "seen", name]) };
    assert_eq!(source.paths(), [seen(7, "Here"), seen(15, "Too")]);
}

#[test]
fn modules_of_their_own_that_only_tests_compile_are_known() {
    let text = "pub mod claim;\n#[cfg(test)]\nmod claim_tests;\n#[cfg(test)]\nmod tests { }";
    assert_eq!(test_only_modules(&Source::new("src/jobs/mod.rs", text)), ["src/jobs/claim_tests"]);
    assert_eq!(test_only_modules(&Source::new("src/jobs.rs", text)), ["src/jobs/claim_tests"]);
}

#[test]
fn uphill_uses_are_found() {
    for (file, text) in [
        ("src/slack/mod.rs", "use crate::store::Tx;"),
        ("src/pagerduty/client.rs", "use crate::{ids, jobs::Job};"),
        ("src/sim/slack/mod.rs", "use crate::slack::Client;"),
        ("src/sim/desk.rs", "use crate::error::Error;"),
        ("src/oncall/roster.rs", "use crate::incidents::Incident;"),
        ("src/incidents/declare.rs", "use super::super::http::intake;"),
        ("src/incidents/command.rs", "fn f() { crate::chat::parse(); }"),
        ("src/jobs/mod.rs", "use crate::oncall;"),
        ("src/oncall/roster.rs", "use crate::app::App;"),
        ("src/http/mod.rs", "use crate::testing::sqlite;"),
    ] {
        assert_eq!(use_of_modules(&Source::new(file, text)).len(), 1, "{file}: {text}");
    }
}

#[test]
fn downhill_uses_are_left_alone() {
    for (file, text) in [
        ("src/lib.rs", "pub mod slack; use crate::slack::Client;"),
        ("src/incidents/declare.rs", "use crate::{oncall::Person, store::Tx}; use super::model::Incident;"),
        ("src/slack/mod.rs", "use crate::{error::Error, http_client, slack::blocks::Block};"),
        ("src/sim/desk.rs", "use crate::{clock::Clock, sim::slack::World}; use axum::http::StatusCode;"),
        ("src/oncall/steps.rs", "use crate::app::App;"),
        ("src/cli/serve.rs", "use crate::{app::App, http, config::Config};"),
    ] {
        assert_eq!(use_of_modules(&Source::new(file, text)), [""; 0], "{file}: {text}");
    }
}

#[test]
fn a_module_without_a_row_is_told_where_to_go() {
    let wrong = use_of_modules(&Source::new("src/bells/mod.rs", "//! Bells."));
    assert!(
        wrong.len() == 1 && wrong[0].contains("no rule for `bells`. Give it a row in MAY_USE"),
        "{wrong:?}"
    );
}

#[test]
fn clients_are_for_steps() {
    for text in
        ["use crate::slack::{blocks, Client};", "use crate::pagerduty::*;", "fn f(c: &slack::Client) {}"]
    {
        assert_eq!(use_of_clients(&Source::new("src/incidents/declare.rs", text)).len(), 1, "{text}");
        assert_eq!(use_of_clients(&Source::new("src/chat/mod.rs", text)).len(), 1, "{text}");
        for file in
            ["src/incidents/steps.rs", "src/incidents/steps/invite.rs", "src/dispatch.rs", "src/slack/a.rs"]
        {
            assert_eq!(use_of_clients(&Source::new(file, text)), [""; 0], "{file}: {text}");
        }
    }
    let words = "use crate::slack::blocks::Block; use crate::sim::slack::Client;";
    assert_eq!(use_of_clients(&Source::new("src/incidents/messages.rs", words)), [""; 0]);
}

#[test]
fn the_inside_of_a_feature_is_its_own() {
    let found = |file, text| use_of_inner_rooms(&Source::new(file, text)).len();
    assert_eq!(found("src/incidents/declare.rs", "use crate::oncall::{steps, store::rows};"), 2);
    assert_eq!(found("src/incidents/declare.rs", "use crate::oncall::people; use super::steps;"), 0);
    assert_eq!(found("src/dispatch.rs", "use crate::oncall::{steps::refresh, store};"), 1);
}

#[test]
fn sql_is_found_outside_the_stores_and_only_there() {
    for statement in
        ["SELECT 1", "WITH x AS (SELECT 1)", "INSERT INTO a", "DELETE FROM a", "UPDATE a\n   \\\n SET b = 1"]
    {
        let text = format!("fn f() {{\n    tx.exec(\"{statement}\"); }}");
        let wrong = stray_sql(&Source::new("src/incidents/declare.rs", &text));
        assert!(wrong.len() == 1 && wrong[0].starts_with("src/incidents/declare.rs:2: move"), "{wrong:?}");
        for file in
            ["src/incidents/store.rs", "src/oncall/store/people.rs", "src/store/inbox.rs", "src/jobs/mod.rs"]
        {
            assert_eq!(stray_sql(&Source::new(file, &text)), [""; 0], "{file}");
        }
        let in_tests = format!("#[cfg(test)]\nmod tests {{ const S: &str = \"{statement}\"; }}");
        assert_eq!(stray_sql(&Source::new("src/incidents/declare.rs", &in_tests)), [""; 0]);
    }
    let prose = "const S: &str = \"Select a service, then update it and set its severity\"; // SELECT 1";
    assert_eq!(stray_sql(&Source::new("src/incidents/messages.rs", prose)), [""; 0]);
}

#[test]
fn the_shape_of_a_file_is_judged() {
    let wrong = |file: &str, text: &str| shape_of_file(&Source::new(file, text));
    assert_eq!(wrong("src/a.rs", "//! A.\nfn f() { \"todo!()\"; } // #[allow(x)]"), [""; 0]);
    assert_eq!(wrong("tests/a.rs", "fn f() {}"), [""; 0]);
    assert_eq!(wrong("src/a.rs", "fn f() {}").len(), 1);
    assert_eq!(wrong("src/a.rs", &format!("//! A.{}", "\n".repeat(451))).len(), 1);
    let unfinished = "//! A.\n#![allow(x)]\n#[allow(y)]\nfn f() { todo!() }\n#[cfg(test)]\nmod t { #[ignore = \"later\"] }";
    assert_eq!(wrong("src/a.rs", unfinished).len(), 4);
}

#[test]
fn migrations_are_compared_and_counted() {
    let good = strings(&["0001_jobs.sql", "0002_incidents.sql"]);
    assert_eq!(migrations(&good, &good), [""; 0]);
    assert_eq!(
        migrations(&good, &good[..1]),
        ["migrations/sqlite: 0002_incidents.sql is missing: both engines get every step"]
    );
    let hole = strings(&["0001_jobs.sql", "0003_incidents.sql"]);
    assert_eq!(migrations(&hole, &hole).len(), 1);
}

#[test]
fn dependencies_need_a_reason_each() {
    let manifest =
        "[dependencies]\nserde = \"1\"\naxum = { version = \"1\" }\n[dev-dependencies]\ninsta = \"1\"";
    let document = "# A\n\n## Dependencies\n\n- `serde`: JSON.\n- `axum`: \n- `gone`: no more.\n\n## Next\n- `insta`: snapshots.";
    let wrong = reasons(manifest, document).join("\n");
    for (word, blamed) in
        [("`axum` has no", true), ("`insta` has no", true), ("`gone` is no longer", true), ("`serde`", false)]
    {
        assert_eq!(wrong.contains(word), blamed, "{word} in\n{wrong}");
    }
}
