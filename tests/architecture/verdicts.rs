//! The rules themselves: each takes a file (or two lists) and says what is wrong with it, one sentence each.

use std::collections::BTreeSet;

use super::source::{Path, Source};
use super::{ALSO_SEE_CLIENTS, CLIENTS, FEATURES, HOLD_SQL, LONGEST_FILE, MAY_USE, NEVER, STEPS_ALSO_USE};

/// Whether a file is this module: `src/store` holds `src/store.rs` and all of `src/store/`.
pub fn lies_in(path: &str, module: &str) -> bool {
    path.strip_prefix(module).is_some_and(|rest| rest == ".rs" || rest.starts_with('/'))
}

/// Modules declared with `#[cfg(test)] mod name;`, as `src/jobs/claim_tests`.
pub fn test_only_modules(source: &Source) -> Vec<String> {
    let folder = source.path.trim_end_matches(".rs");
    let folder =
        ["/mod", "/lib", "/main"].iter().find_map(|root| folder.strip_suffix(root)).unwrap_or(folder);
    let declared = source.text.split("#[cfg(test)]").skip(1).filter_map(|rest| {
        let (name, _) = rest.trim_start().strip_prefix("mod ")?.split_once(';')?;
        name.chars().all(|c| c.is_alphanumeric() || c == '_').then(|| format!("{folder}/{name}"))
    });
    declared.collect()
}

pub fn use_of_modules(source: &Source) -> Vec<String> {
    let module = source.module();
    // lib.rs is the map of the house, main.rs its door: both may see all of it.
    let Some(own) = module.first() else { return Vec::new() };
    let Some((_, allowed)) = MAY_USE.iter().find(|(name, _)| name == own) else {
        return vec![format!(
            "{}: no rule for `{own}`. Give it a row in MAY_USE (tests/architecture.rs), below all that it uses and \
             above all that use it, and a line in docs/architecture.md",
            source.path
        )];
    };
    let mut allowed: BTreeSet<&str> = allowed.iter().copied().flatten().copied().chain([*own]).collect();
    if is_steps_of_feature(source) {
        allowed.extend(STEPS_ALSO_USE);
    }
    each_use(source, source.paths(), |path| {
        let used = top_module(path)?;
        let known = MAY_USE.iter().any(|(name, _)| *name == used);
        (known && !allowed.contains(used)).then(|| {
            format!(
                "`{own}` may not use `{used}`. Move the code to where both are in sight, or pass in what it needs; \
                 MAY_USE in tests/architecture.rs lists what `{own}` sees"
            )
        })
    })
}

pub fn use_of_clients(source: &Source) -> Vec<String> {
    let Some(own) = source.module().first().copied() else { return Vec::new() };
    let granted = ALSO_SEE_CLIENTS.iter().any(|(place, _)| lies_in(&source.path, place));
    if granted || CLIENTS.contains(&own) || is_steps_of_feature(source) {
        return Vec::new();
    }
    let mut uses = source.paths();
    uses.extend(source.fields_of("app"));
    each_use(source, uses, |path| {
        let segments: Vec<&str> = path.segments.iter().map(String::as_str).collect();
        let vendor = segments.iter().position(|segment| CLIENTS.contains(segment))?;
        let field = segments[0] == "app";
        let names_client =
            field || segments[vendor..].iter().any(|segment| matches!(*segment, "Client" | "*"));
        (names_client && !segments.contains(&"sim")).then(|| {
            "only a durable job talks to the outside world: do this in the feature's steps.rs and enqueue it, \
             or, when no job can do it, give the file a row with its reason in ALSO_SEE_CLIENTS (tests/architecture.rs)"
                .to_owned()
        })
    })
}

pub fn use_of_inner_rooms(source: &Source) -> Vec<String> {
    let module = source.module();
    let Some(own) = module.first() else { return Vec::new() };
    each_use(source, source.paths(), |path| {
        let feature = top_module(path).filter(|used| FEATURES.contains(used) && used != own)?;
        let room = path.segments.get(2)?;
        let closed = room == "store" || (room == "steps" && *own != "dispatch");
        closed.then(|| {
            format!("`{feature}::{room}` is for `{feature}` alone: call one of its verbs or reads, or write one there")
        })
    })
}

pub fn stray_sql(source: &Source) -> Vec<String> {
    let in_feature_store =
        source.module().first().is_some_and(|own| FEATURES.contains(own)) && is_room(source, "store");
    if in_feature_store || HOLD_SQL.iter().any(|place| lies_in(&source.path, place)) {
        return Vec::new();
    }
    let sql = source.literals().filter(|(_, words)| is_sql(words));
    sql.map(|(line, _)| {
        format!(
            "{}:{line}: move this statement into the feature's store.rs (or src/store/, src/jobs/)",
            source.path
        )
    })
    .collect()
}

fn is_sql(words: &str) -> bool {
    let updates = words.split_once("UPDATE ").is_some_and(|(_, rest)| rest.contains(" SET "));
    updates || ["SELECT ", "INSERT INTO ", "DELETE FROM "].iter().any(|verb| words.contains(verb))
}

pub fn shape_of_file(source: &Source) -> Vec<String> {
    let path = &source.path;
    let mut wrong = Vec::new();
    let lines = source.text.lines().count();
    if lines > LONGEST_FILE {
        wrong.push(format!(
            "{path}: {lines} lines, {LONGEST_FILE} at most. Move one of its subjects to its own file"
        ));
    }
    if path.starts_with("src/") && !source.text.starts_with("//!") {
        wrong.push(format!("{path}: begin with `//!` and a sentence on what the file is for"));
    }
    for (text, instead) in NEVER {
        let found = source.code.match_indices(text);
        wrong.extend(found.map(|(at, _)| format!("{path}:{}: `{text}`: {instead}", source.line(at))));
    }
    wrong
}

/// Both folders hold the same names, numbered 1, 2, 3 …
pub fn migrations(postgres: &[String], sqlite: &[String]) -> Vec<String> {
    let mut wrong = Vec::new();
    for (names, other, missing_in) in [(postgres, sqlite, "sqlite"), (sqlite, postgres, "postgres")] {
        let missing = names.iter().filter(|name| !other.contains(name));
        wrong.extend(
            missing.map(|name| {
                format!("migrations/{missing_in}: {name} is missing: both engines get every step")
            }),
        );
    }
    for (name, expected) in postgres.iter().zip(1_u32..) {
        let number = name.strip_suffix(".sql").and_then(|stem| stem.split('_').next()?.parse().ok());
        if number != Some(expected) {
            wrong
                .push(format!("migrations/*/{name}: number {expected} was due, as in 0001_what_it_does.sql"));
        }
    }
    wrong
}

/// Each dependency has a line "- `name`: reason" under "## Dependencies", and nothing else has.
pub fn reasons(manifest: &str, document: &str) -> Vec<String> {
    let manifest: toml::Table = manifest.parse().expect("Cargo.toml is TOML");
    let used: BTreeSet<&str> = ["dependencies", "dev-dependencies"]
        .iter()
        .filter_map(|table| manifest.get(*table)?.as_table())
        .flat_map(|table| table.keys().map(String::as_str))
        .collect();
    let section =
        document.split("\n## ").find_map(|section| section.strip_prefix("Dependencies\n")).unwrap_or("");
    let reasons = section.lines().filter_map(|line| line.strip_prefix("- `")?.split_once("`: "));
    let explained: BTreeSet<&str> =
        reasons.filter(|(_, why)| !why.is_empty()).map(|(name, _)| name).collect();
    let missing = used.difference(&explained).map(|name| {
        format!("`{name}` has no reason: add \"- `{name}`: why\" under \"## Dependencies\" in docs/architecture.md")
    });
    let stale = explained.difference(&used).map(|name| {
        format!("`{name}` is no longer in Cargo.toml: take its line out of docs/architecture.md")
    });
    missing.chain(stale).collect()
}

fn each_use(source: &Source, uses: Vec<Path>, judge: impl Fn(&Path) -> Option<String>) -> Vec<String> {
    let wrong = uses.into_iter().filter_map(|path| {
        Some(format!("{}:{}: {}: {}", source.path, path.line, path.segments.join("::"), judge(&path)?))
    });
    wrong.collect()
}

fn top_module(path: &Path) -> Option<&str> {
    match path.segments.as_slice() {
        [root, module, ..] if root == "crate" => Some(module),
        _ => None,
    }
}

/// `steps` is `steps.rs` and everything under `steps/`.
fn is_room(source: &Source, room: &str) -> bool {
    source.module().get(1) == Some(&room)
}

fn is_steps_of_feature(source: &Source) -> bool {
    source.module().first().is_some_and(|own| FEATURES.contains(own)) && is_room(source, "steps")
}
