//! Reads one key at a time from the file and the environment and collects every problem on the way, so that one run
//! shows all of them. A key exists because something reads it: what nobody read is unknown.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Display;
use std::ops::RangeInclusive;

use toml::{Table, Value};

use super::text::{Parsed, nearest};

pub(super) const PREFIX: &str = "FIREBELL__";

pub(super) struct Reader {
    pub(super) file: Table,
    /// `FIREBELL__…` variables that nobody has asked for yet.
    pub(super) env: BTreeMap<String, String>,
    /// Every `section.key` that was asked for; entries of `[[service]]` share one name.
    pub keys: BTreeSet<String>,
    /// The variables that were asked for: the candidates for "did you mean".
    pub variables: BTreeSet<String>,
    pub problems: Vec<String>,
    pub warnings: Vec<String>,
    /// Keys of which a problem was reported: what follows from those is none of its own.
    bad: BTreeSet<String>,
    pub secret_in_file: bool,
    /// Only what a synchronisation needs is required: it receives nothing, and keeps nothing.
    pub for_sync: bool,
    /// Entries whose name another one has.
    doubles: Vec<(&'static str, Entry)>,
}

/// One `[section]`, or one entry of a `[[list]]`.
pub(super) struct Section<'r> {
    pub(super) reader: &'r mut Reader,
    kind: &'static str,
    /// `slack`, `service.payments`: how problems name it.
    path: String,
    /// `FIREBELL__SLACK__`, `FIREBELL__SERVICE__PAYMENTS__`.
    env_prefix: String,
    pub(super) table: Table,
    /// Those that were asked for.
    pub(super) known: BTreeSet<String>,
}

/// One entry of `[[service]]` or `[[severity]]`, before its keys are read.
pub(super) struct Entry {
    pub name: String,
    pub table: Table,
}

/// A value and the name under which its writer knows it.
struct Found {
    name: String,
    value: Raw,
}

pub(super) enum Raw {
    Env(String),
    File(Value),
}

/// Entries are addressed in the environment by their name in capitals, everything else than letters and digits as `_`.
pub(super) fn segment(name: &str) -> String {
    name.chars().map(|c| if c.is_alphanumeric() { c.to_ascii_uppercase() } else { '_' }).collect()
}

/// A name without what people write around it.
fn bare(name: &str) -> &str {
    name.trim().trim_start_matches('@')
}

impl Reader {
    pub fn new(file: Table, env: impl IntoIterator<Item = (String, String)>) -> Self {
        let env: BTreeMap<_, _> = env.into_iter().filter(|(name, _)| name.starts_with(PREFIX)).collect();
        Self {
            file,
            env,
            keys: BTreeSet::new(),
            variables: BTreeSet::new(),
            problems: Vec::new(),
            warnings: Vec::new(),
            bad: BTreeSet::new(),
            secret_in_file: false,
            for_sync: false,
            doubles: Vec::new(),
        }
    }

    /// True when the file has the section or any variable belongs to it.
    pub fn mentions(&self, section: &'static str) -> bool {
        let prefix = format!("{PREFIX}{}__", segment(section));
        self.file.contains_key(section) || self.env.keys().any(|name| name.starts_with(&prefix))
    }

    pub fn section<T>(&mut self, kind: &'static str, read: impl Fn(&mut Section<'_>) -> T) -> T {
        let env_prefix = format!("{PREFIX}{}__", segment(kind));
        let (table, is_section) = match self.file.remove(kind) {
            None => (Table::new(), true),
            Some(Value::Table(table)) => (table, true),
            Some(_) => (Table::new(), false),
        };
        if !is_section {
            self.problems.push(format!("{kind} is not a section; write [{kind}] above its keys"));
        }
        let so_far = self.problems.len();
        let value = self.open(kind, kind, &env_prefix, table, read);
        if !is_section {
            self.problems.truncate(so_far); // it lacks all that it may have held
        }
        value
    }

    /// Whether a problem of this `section.key` was reported.
    pub fn is_bad(&self, path: &str) -> bool {
        self.bad.contains(path)
    }

    /// The entries of `[[kind]]` in the file, then those that only the environment names (by `…__NAME`, or whichever
    /// key names them; the `@` of a handle is no part of the name).
    pub fn entries(&mut self, kind: &'static str, key: &'static str) -> Vec<Entry> {
        let tables = match self.file.remove(kind) {
            None => Vec::new(),
            Some(Value::Array(items)) => items,
            Some(_) => {
                self.problems
                    .push(format!("{kind} is not a list; write [[{kind}]] with a {key} for each entry"));
                Vec::new()
            }
        };
        let mut entries: Vec<Entry> = Vec::new();
        for (index, item) in tables.into_iter().enumerate() {
            let place = format!("[[{kind}]] number {}", index + 1);
            let Value::Table(mut table) = item else {
                self.problems.push(format!("{place} is not a section; write [[{kind}]] above its keys"));
                continue;
            };
            if !table.contains_key(key)
                && let Some(typed) = nearest(key, table.keys().map(String::as_str)).map(str::to_owned)
                && let Some(value) = table.remove(&typed)
            {
                self.problems.push(format!("{place}: {typed} is unknown; did you mean {key}?"));
                table.insert(key.to_owned(), value);
            }
            match table.get(key).and_then(Value::as_str).map(bare) {
                // The rest of it is read all the same, for its other problems.
                None | Some("") => {
                    self.problems.push(format!("{place} has no {key}; write {key} = \"…\""));
                    let name = format!("number-{}", index + 1);
                    table.insert(key.to_owned(), name.clone().into());
                    entries.push(Entry { name, table });
                }
                Some(name) if entries.iter().any(|e| segment(&e.name) == segment(name)) => {
                    self.problems.push(format!("{place}: the {key} {name} is taken; choose another"));
                    self.doubles.push((kind, Entry { name: name.to_owned(), table }));
                }
                Some(name) => entries.push(Entry { name: name.to_owned(), table }),
            }
        }
        let prefix = format!("{PREFIX}{}__", segment(kind));
        let suffix = format!("__{}", segment(key));
        for (variable, name) in &self.env {
            let address = variable.strip_prefix(&prefix).and_then(|rest| rest.strip_suffix(&suffix));
            let Some(address) = address else { continue };
            if entries.iter().all(|e| segment(&e.name) != address) && segment(bare(name)) == address {
                entries.push(Entry { name: bare(name).to_owned(), table: Table::new() });
            }
        }
        entries
    }

    pub fn take_doubles(&mut self, wanted: &str) -> Vec<Entry> {
        self.doubles.extract_if(.., |(kind, _)| *kind == wanted).map(|(_, entry)| entry).collect()
    }

    pub fn entry<T>(&mut self, kind: &'static str, entry: Entry, read: impl Fn(&mut Section<'_>) -> T) -> T {
        let env_prefix = format!("{PREFIX}{}__{}__", segment(kind), segment(&entry.name));
        self.open(kind, &format!("{kind}.{}", entry.name), &env_prefix, entry.table, read)
    }

    /// A section with misspelt keys is read again as it was meant: that a key seems to be missing is no problem of its own.
    fn open<T>(
        &mut self,
        kind: &'static str,
        path: &str,
        env_prefix: &str,
        mut table: Table,
        read: impl Fn(&mut Section<'_>) -> T,
    ) -> T {
        let before = (self.problems.len(), self.warnings.len(), self.env.clone(), self.bad.clone());
        let mut section = self.in_section(kind, path, env_prefix, table.clone());
        let value = read(&mut section);
        let given = |key: &str| {
            table.contains_key(key) || before.2.contains_key(&format!("{env_prefix}{}", segment(key)))
        };
        let misspelt = section.misspelt(given);
        if misspelt.is_empty() {
            section.report_unknown_keys();
            return value;
        }
        self.problems.truncate(before.0);
        self.warnings.truncate(before.1);
        (self.env, self.bad) = (before.2, before.3);
        for (typed, meant) in misspelt {
            self.problems.push(format!("{path}.{typed} is unknown; did you mean {meant}?"));
            if let Some(value) = table.remove(&typed) {
                table.insert(meant, value);
            }
        }
        let mut section = self.in_section(kind, path, env_prefix, table);
        let value = read(&mut section);
        section.report_unknown_keys();
        value
    }

    fn in_section(&mut self, kind: &'static str, path: &str, env_prefix: &str, table: Table) -> Section<'_> {
        let (path, env_prefix) = (path.to_owned(), env_prefix.to_owned());
        Section { reader: self, kind, path, env_prefix, table, known: BTreeSet::new() }
    }
}

impl Section<'_> {
    /// Makes the key known; answers with its two names, in the file and in the environment.
    pub(super) fn register(&mut self, key: &str) -> (String, String) {
        let variable = self.variable(key);
        self.reader.keys.insert(format!("{}.{key}", self.kind));
        self.reader.variables.insert(variable.clone());
        self.known.insert(key.to_owned());
        (format!("{}.{key}", self.path), variable)
    }

    /// True when the file or the environment has the key.
    pub fn given(&self, key: &str) -> bool {
        let variable = self.variable(key);
        self.table.contains_key(key) || self.reader.env.contains_key(&variable)
    }

    /// The variable of this section's key.
    pub(super) fn variable(&self, key: &str) -> String {
        format!("{}{}", self.env_prefix, segment(key))
    }

    fn find(&mut self, key: &str) -> Option<Found> {
        let (path, variable) = self.register(key);
        let in_file = self.table.remove(key);
        match self.reader.env.remove(&variable) {
            Some(text) => Some(Found { name: variable, value: Raw::Env(text) }),
            None => in_file.map(|value| Found { name: path, value: Raw::File(value) }),
        }
    }

    /// `phrase` completes "KEY …".
    pub fn problem(&mut self, key: &str, phrase: &str) {
        let path = format!("{}.{key}", self.path);
        self.reader.problems.push(format!("{path} {phrase}"));
        self.reader.bad.insert(path);
    }

    /// Whether a problem of this key was reported.
    pub fn is_bad(&self, key: &str) -> bool {
        self.reader.is_bad(&format!("{}.{key}", self.path))
    }

    /// The same for what is allowed but odd.
    pub fn warning(&mut self, key: &str, phrase: &str) {
        self.reader.warnings.push(format!("{}.{key} {phrase}", self.path));
    }

    /// The same of a key's other name, its variable.
    pub(super) fn wrong(&mut self, name: &str, phrase: &str) {
        self.reader.problems.push(format!("{name} {phrase}"));
        let key = self.known.iter().find(|key| self.variable(key) == name);
        let path = key.map_or_else(|| name.to_owned(), |key| format!("{}.{key}", self.path));
        self.reader.bad.insert(path);
    }

    fn text(&mut self, key: &str) -> Option<(String, String)> {
        let Found { name, value } = self.find(key)?;
        match value {
            Raw::Env(text) | Raw::File(Value::String(text)) => Some((name, text)),
            Raw::File(_) => {
                self.wrong(&name, "is not text; put it in quotes");
                None
            }
        }
    }

    /// The value, or the default when it is absent or wrong.
    pub fn parsed<T>(&mut self, key: &str, default: T, parse: impl Fn(&str) -> Parsed<T>) -> T {
        let Some((name, text)) = self.text(key) else { return default };
        self.check(&name, &text, parse).unwrap_or(default)
    }

    /// Like [`Self::parsed`], where empty text means "none".
    pub fn optional<T>(
        &mut self,
        key: &str,
        default: Option<T>,
        parse: impl Fn(&str) -> Parsed<T>,
    ) -> Option<T> {
        match self.text(key) {
            None => default,
            Some((_, text)) if text.trim().is_empty() => None,
            Some((name, text)) => self.check(&name, &text, parse).or(default),
        }
    }

    /// The value; missing is a problem, and `hint` says what to write. The placeholder never leaves the loader.
    pub fn required<T: Default>(&mut self, key: &str, hint: &str, parse: impl Fn(&str) -> Parsed<T>) -> T {
        if !self.given(key) {
            let (_, variable) = self.register(key);
            self.problem(key, &format!("is missing; write {hint} (or set {variable})"));
            return T::default();
        }
        self.parsed(key, T::default(), parse)
    }

    fn check<T>(&mut self, name: &str, text: &str, parse: impl Fn(&str) -> Parsed<T>) -> Option<T> {
        match parse(text) {
            Ok(value) => Some(value),
            Err(phrase) => {
                self.wrong(name, &format!("= {} {phrase}", quoted(text)));
                None
            }
        }
    }

    pub fn number<T>(&mut self, key: &str, default: T, range: RangeInclusive<T>) -> T
    where
        T: TryFrom<i64> + PartialOrd + Display + Copy,
    {
        let Some(Found { name, value }) = self.find(key) else { return default };
        let number = match &value {
            Raw::Env(text) => text.trim().parse::<i64>().ok(),
            Raw::File(value) => value.as_integer(),
        };
        if let Some(number) = number.and_then(|n| T::try_from(n).ok()).filter(|n| range.contains(n)) {
            return number;
        }
        let (low, high) = (range.start(), range.end());
        self.wrong(
            &name,
            &format!("must be a whole number from {low} to {high}, without quotes; the default is {default}"),
        );
        default
    }

    /// A number that may have a fraction.
    pub fn decimal(&mut self, key: &str) -> Option<f64> {
        let Found { name, value } = self.find(key)?;
        let number = match &value {
            Raw::Env(text) => text.trim().parse::<f64>().ok(),
            Raw::File(Value::Integer(whole)) => whole.to_string().parse().ok(),
            Raw::File(value) => value.as_float(),
        };
        let number = number.filter(|n| n.is_finite());
        if number.is_none() {
            self.wrong(&name, "must be a number, without quotes, such as 0.99");
        }
        number
    }

    pub fn flag(&mut self, key: &str, default: bool) -> bool {
        let Some(Found { name, value }) = self.find(key) else { return default };
        let flag = match &value {
            Raw::Env(text) => text.trim().to_ascii_lowercase().parse().ok(),
            Raw::File(value) => value.as_bool(),
        };
        flag.unwrap_or_else(|| {
            self.wrong(&name, "must be true or false, without quotes");
            default
        })
    }

    /// A list of texts; comma-separated in the environment.
    pub fn list<T>(&mut self, key: &str, default: Vec<T>, parse: impl Fn(&str) -> Parsed<T>) -> Vec<T> {
        let Some(Found { name, value }) = self.find(key) else { return default };
        let Some(items) = self.items(&name, value) else { return default };
        let values: Vec<Option<T>> = items.iter().map(|item| self.check(&name, item, &parse)).collect();
        values.into_iter().collect::<Option<Vec<T>>>().unwrap_or(default)
    }

    pub(super) fn items(&mut self, name: &str, value: Raw) -> Option<Vec<String>> {
        let texts: Option<Vec<String>> = match value {
            Raw::Env(text) => Some(text.split(',').map(str::to_owned).collect()),
            Raw::File(Value::Array(items)) => {
                items.iter().map(|item| item.as_str().map(str::to_owned)).collect()
            }
            Raw::File(_) => None,
        };
        if texts.is_none() {
            self.wrong(name, "is not a list of texts; write it as [\"…\", \"…\"]");
        }
        texts.map(|all| all.iter().map(|t| t.trim().to_owned()).filter(|t| !t.is_empty()).collect())
    }
}

/// A value as a problem shows it: short, and hidden when it could be a token in the wrong place or has a password.
pub(super) fn quoted(text: &str) -> String {
    let token = |word: &str| {
        word.len() >= 18 && word.contains(|c: char| c.is_ascii_digit()) && word.contains(char::is_alphabetic)
    };
    let tokens = text.split(|c: char| !c.is_alphanumeric()).any(token) || text.to_lowercase().contains("xox");
    let password = text.contains("://") && text.contains('@');
    if tokens || password || text.chars().count() > 60 { "(not shown)".into() } else { format!("{text:?}") }
}
