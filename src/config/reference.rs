//! The files that describe the configuration to people agree with the code: the example file names every key with its
//! real default, docs/configuration.md is made from it, and the Slack manifest points at what is built.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use serde_json::Value;

use super::Config;

const EXAMPLE: &str = include_str!("../../firebell.example.toml");
const MANIFEST: &str = include_str!("../../slack-manifest.yaml");
const MARK: &str = "<!-- From here on made from firebell.example.toml: `cargo test` renews it. -->\n";

struct Section {
    /// `[server]`, `[[service]]`.
    header: String,
    prose: String,
    keys: Vec<Key>,
}

struct Key {
    name: String,
    value: String,
    prose: String,
}

impl Section {
    fn name(&self) -> &str {
        self.header.trim_matches(['[', ']'])
    }
}

impl Key {
    fn says(&self, word: &str) -> bool {
        self.prose.contains(word)
    }
}

/// A line of the example that is a setting, even if switched off.
fn setting(line: &str) -> Option<&str> {
    let bare = line.strip_prefix('#').unwrap_or(line);
    bare.starts_with(|c: char| c.is_ascii_lowercase() || c == '[').then_some(bare)
}

fn sections() -> Vec<Section> {
    let mut sections: Vec<Section> = Vec::new();
    let mut prose: Vec<&str> = Vec::new();
    for line in EXAMPLE.lines() {
        if let Some(header) = setting(line).filter(|l| l.starts_with('[')) {
            let prose = std::mem::take(&mut prose).join(" ");
            sections.push(Section { header: header.to_owned(), prose, keys: Vec::new() });
        } else if let Some(setting) = setting(line) {
            let (name, value) = setting.split_once(" = ").expect("key = value");
            let prose = std::mem::take(&mut prose).join(" ");
            assert!(!prose.is_empty(), "{name} is not explained");
            let key = Key { name: name.to_owned(), value: value.to_owned(), prose };
            sections.last_mut().expect("a section first").keys.push(key);
        } else if line.is_empty() {
            prose.clear();
        } else {
            prose.push(line.trim_start_matches('#').trim());
        }
    }
    sections
}

#[test]
fn the_example_names_every_key() {
    let mut named = BTreeSet::new();
    for section in sections() {
        for key in &section.keys {
            named.insert(format!("{}.{}", section.name(), key.name));
            if key.says("Secret") {
                named.insert(format!("{}.{}_file", section.name(), key.name));
            }
        }
    }
    assert_eq!(named, Config::keys().into_iter().collect());
}

#[test]
fn the_example_shows_the_real_defaults() {
    let everything: Vec<&str> = EXAMPLE.lines().filter_map(setting).collect();
    // Each secret another one, as they have to be.
    let text = everything.join("\n");
    let parts = text.split("...").enumerate();
    let filled: String =
        parts.map(|(n, part)| if n == 0 { part.to_owned() } else { format!("{n}{part}") }).collect();
    let shown = Config::from_toml(&filled).unwrap_or_else(|e| panic!("{e}"));
    let required = "[slack]\nbot_token = 'x'\nsigning_secrets = ['x']\n\
        [pagerduty]\ntoken = 'x'\nfrom_email = 'a@example.com'\nwebhook_secrets = ['x']\n\
        [statuspage]\npage_id = 'kctbh9vrtdwd'\napi_key = 'x'\n\
        [[service]]\nname = 'payments'\npagerduty_service = 'P1'\n\
        [[group]]\nhandle = 'payments-oncall'\nschedules = ['PSCHED1']\n\
        [[commander]]\ntitle = 'Incident Commander'\nschedule = 'PSCHED1'\n\
        [[hint_sender]]\nname = 'terraform'\nsecrets = ['y']\n\
        [[check]]\nname = 'x'\nkind = 'alertmanager'\nurl = 'https://x'\n\
        [[runbook]]\ntitle = 'x'\nurl = 'https://x'\n";
    let real = Config::from_toml(required).unwrap_or_else(|e| panic!("{e}"));
    let (shown, real) = (shown.summary_json(), real.summary_json());
    let value = |all: &Value, section: &str, key: &str| match &all[section] {
        Value::Array(entries) => entries[0][key].clone(),
        section => section[key].clone(),
    };
    for section in sections() {
        for key in section.keys.iter().filter(|k| !k.says("Required.") && !k.says("Optional.")) {
            let (name, key) = (section.name(), key.name.as_str());
            assert_eq!(value(&shown, name, key), value(&real, name, key), "{name}.{key}");
        }
    }
    assert_eq!(shown["severity"], real["severity"], "the level that is shown is built in");
}

#[test]
fn the_example_as_it_is_lacks_only_what_is_required() {
    let problems = Config::from_toml(EXAMPLE).expect_err("nothing is filled in");
    assert_eq!(problems.lines().len(), 2, "{problems}");
    assert!(problems.lines().iter().all(|line| line.contains("is missing")), "{problems}");
}

#[test]
fn the_documentation_is_made_from_the_example() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/configuration.md");
    let written = fs::read_to_string(&path).expect("docs/configuration.md");
    let (by_hand, _) = written.split_once(MARK).expect("the mark");
    let fresh = format!("{by_hand}{MARK}{}", reference());
    if written != fresh {
        fs::write(&path, fresh).expect("write");
        panic!("docs/configuration.md was stale and has been renewed; look at it and commit it");
    }
}

fn reference() -> String {
    let mut text = String::new();
    for Section { header, prose, keys } in sections() {
        let header_line =
            format!("\n## `{header}`\n\n{prose}\n\n| key | default | meaning |\n|---|---|---|\n");
        text.push_str(&header_line);
        for key in keys {
            let default = match () {
                () if key.says("Required.") => "required".to_owned(),
                () if key.says("Optional.") => "none".to_owned(),
                () => format!("`{}`", key.value),
            };
            let meaning = key.prose.replace(" Required.", "").replace(" Optional.", "").replace('|', "\\|");
            writeln!(text, "| `{}` | {default} | {meaning} |", key.name).expect("string");
        }
    }
    text
}

#[test]
fn the_slack_manifest_fits_the_code_and_slacks_limits() {
    let value = |key: &str| {
        let line =
            MANIFEST.lines().find_map(|l| l.trim().strip_prefix(key)).unwrap_or_else(|| panic!("{key}"));
        line.trim().trim_matches('"').to_owned()
    };
    let config = Config::from_toml("[slack]\nbot_token = 'x'\nsigning_secrets = ['x']\n").expect("defaults");
    let commands: Vec<_> = MANIFEST.lines().filter_map(|l| l.trim().strip_prefix("- command: ")).collect();
    let typed: Vec<_> = config.commands.all().into_iter().map(|(_, _, typed)| typed.to_owned()).collect();
    assert_eq!(commands, typed);
    assert_eq!(MANIFEST.matches("should_escape: true").count(), commands.len());
    for path in ["/slack/commands", "/slack/events", "/slack/interactions"] {
        assert!(MANIFEST.contains(&format!("https://firebell.example.com{path}\n")), "{path}");
    }
    // docs/operations.md replaces it by sed: once in a line, and nothing else is to be replaced.
    let addresses = || MANIFEST.lines().filter(|line| !line.starts_with('#') && line.contains("://"));
    assert!(addresses().all(|line| line.matches("firebell.example.com").count() == 1));
    assert_eq!(addresses().count(), commands.len() + 2);
    assert!(value("name:").len() <= 35);
    assert!(value("description:").len() <= 140);
    assert!(value("usage_hint:").len() <= 1_000);
    assert!(value("display_name:").chars().all(|c| c.is_ascii_lowercase()));
}
