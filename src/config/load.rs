//! From a file and the environment to a [`Config`], or to everything that is wrong with them.

use std::fmt;
use std::io::ErrorKind;
use std::path::Path;

use toml::Table;

use super::reader::{PREFIX, Reader};
use super::{Config, Database, check, sections};

/// Everything that has to change before the program can start. `Display` is a line with the count, then a line each.
/// No line holds the value of a secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problems(Vec<String>);

impl Problems {
    /// Each begins with the key or variable it is about.
    pub fn lines(&self) -> &[String] {
        &self.0
    }
}

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.len() {
            1 => f.write_str("1 problem in the configuration:")?,
            n => write!(f, "{n} problems in the configuration:")?,
        }
        self.0.iter().try_for_each(|line| write!(f, "\n  {line}"))
    }
}

impl std::error::Error for Problems {}

/// The process's variables, to be given to [`Config::load`].
pub fn environment() -> impl Iterator<Item = (String, String)> {
    let text = |os: std::ffi::OsString| os.to_string_lossy().into_owned();
    std::env::vars_os().map(move |(name, value)| (text(name), text(value)))
}

impl Config {
    /// Reads the file, if any, and lays the `FIREBELL__…` variables over it. With the configuration come warnings:
    /// one line each, to be logged.
    pub fn load(
        path: Option<&Path>,
        env: impl IntoIterator<Item = (String, String)>,
    ) -> Result<(Self, Vec<String>), Problems> {
        let text = path.map(read_file).transpose()?.unwrap_or_default();
        let name = path.map_or_else(|| "the file".to_owned(), |p| p.display().to_string());
        let file = parse(&text, &name)?;
        let env: Vec<_> = env.into_iter().collect();
        let mut reader = Reader::new(file, env.clone());
        let config = sections::read(&mut reader);
        check::check(&config, &mut reader);
        reader.warn_of_single_underscores(env.iter().map(|(name, _)| name.as_str()));
        warn_of_open_secrets(path, &mut reader);
        finish(reader, config)
    }

    /// Like [`Config::load`], for `firebell sync`: what a server needs beyond that (secrets of senders, an author for
    /// incidents) may be absent.
    pub fn load_for_sync(
        path: Option<&Path>,
        env: impl IntoIterator<Item = (String, String)>,
    ) -> Result<(Self, Vec<String>), Problems> {
        let text = path.map(read_file).transpose()?.unwrap_or_default();
        let name = path.map_or_else(|| "the file".to_owned(), |p| p.display().to_string());
        let mut reader = Reader::new(parse(&text, &name)?, env);
        reader.for_sync = true;
        let config = sections::read(&mut reader);
        check::check(&config, &mut reader);
        // The others are about a server.
        let is_ours = |warning: &String| {
            ["slack.", "pagerduty.", "group."].iter().any(|section| warning.starts_with(section))
        };
        reader.warnings.retain(is_ours);
        warn_of_open_secrets(path, &mut reader);
        finish(reader, config)
    }

    /// Like [`Config::load`] without environment and without warnings.
    pub fn from_toml(text: &str) -> Result<Self, Problems> {
        let mut reader = Reader::new(parse(text, "the text")?, []);
        let config = sections::read(&mut reader);
        check::check(&config, &mut reader);
        finish(reader, config).map(|(config, _)| config)
    }

    /// Every `section.key` that exists, sorted; keys of `[[service]]` and `[[severity]]` as `service.key`.
    pub fn keys() -> Vec<String> {
        let mut file = Table::new();
        let name = Table::from_iter([("name".to_owned(), "any".into())]);
        file.insert("pagerduty".into(), Table::new().into());
        file.insert("statuspage".into(), Table::new().into());
        file.insert("service".into(), vec![name.clone()].into());
        file.insert("hint_sender".into(), vec![name.clone()].into());
        file.insert("check".into(), vec![name].into());
        file.insert("runbook".into(), vec![Table::from_iter([("title".to_owned(), "any".into())])].into());
        file.insert("group".into(), vec![Table::from_iter([("handle".to_owned(), "any".into())])].into());
        let title = Table::from_iter([("title".to_owned(), "any".into())]);
        file.insert("commander".into(), vec![title].into());
        let mut reader = Reader::new(file, []);
        sections::read(&mut reader);
        reader.keys.into_iter().collect()
    }
}

impl Database {
    /// Reads only `[database]`, for work that needs no secrets of vendors, such as migrations.
    pub fn load(
        path: Option<&Path>,
        env: impl IntoIterator<Item = (String, String)>,
    ) -> Result<Self, Problems> {
        let text = path.map(read_file).transpose()?.unwrap_or_default();
        let name = path.map_or_else(|| "the file".to_owned(), |p| p.display().to_string());
        let mine = format!("{PREFIX}DATABASE__");
        let mut reader =
            Reader::new(parse(&text, &name)?, env.into_iter().filter(|(n, _)| n.starts_with(&mine)));
        let database = reader.section("database", sections::database);
        check::database(&database, &mut reader);
        finish(reader, database).map(|(database, _)| database)
    }
}

fn finish<T>(reader: Reader, value: T) -> Result<(T, Vec<String>), Problems> {
    if reader.problems.is_empty() { Ok((value, reader.warnings)) } else { Err(Problems(reader.problems)) }
}

fn read_file(path: &Path) -> Result<String, Problems> {
    std::fs::read_to_string(path).map_err(|e| {
        let path = path.display();
        Problems(vec![match e.kind() {
            ErrorKind::NotFound => format!(
                "there is no file {path}; give --config the path of yours, or write one: firebell.example.toml has every key"
            ),
            ErrorKind::InvalidData => format!("{path} is no text; give --config the path of a TOML file"),
            _ => format!("{path} cannot be read ({e}); let the user that runs Firebell read it"),
        }])
    })
}

/// Only the parser's own words and the line: its full text would repeat the line, which may hold a secret.
fn parse(text: &str, name: &str) -> Result<Table, Problems> {
    text.parse::<Table>().map_err(|e| {
        let before = e.span().map_or(0, |span| span.start);
        let line = 1 + text.bytes().take(before).filter(|b| *b == b'\n').count();
        let words = e.message().lines().next().unwrap_or_default().to_owned();
        Problems(vec![format!("{name}, line {line}, is not TOML: {words}")])
    })
}

fn warn_of_open_secrets(path: Option<&Path>, reader: &mut Reader) {
    if let Some(path) = path.filter(|p| reader.secret_in_file && readable_by_all(p)) {
        let path = path.display();
        reader
            .warnings
            .push(format!("{path} holds secrets and every user can read it; run chmod 600 {path}"));
    }
}

#[cfg(unix)]
fn readable_by_all(path: &Path) -> bool {
    use std::os::unix::fs::MetadataExt;
    std::fs::metadata(path).is_ok_and(|m| m.mode() & 0o004 != 0)
}

#[cfg(not(unix))]
fn readable_by_all(_: &Path) -> bool {
    false
}
