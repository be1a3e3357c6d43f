//! Names that nobody reads: of sections, keys and variables, each with what was most likely meant.

use toml::Value;

use super::reader::{PREFIX, Reader, Section};
use super::text::nearest;

impl Reader {
    /// Sections whose names are nearly right are read as they were meant: what stands in them is judged too, and nothing
    /// seems to be missing.
    pub fn mend_spelling(&mut self, sections: &[&str]) {
        let unknown: Vec<String> =
            self.file.keys().filter(|name| !sections.contains(&name.as_str())).cloned().collect();
        for name in unknown {
            let Some(meant) = nearest(&name, sections.iter().copied()) else { continue };
            if !self.file.contains_key(meant)
                && let Some(value @ (Value::Table(_) | Value::Array(_))) = self.file.remove(&name)
            {
                self.problems.push(format!("{name} is unknown; did you mean {meant}?"));
                self.file.insert(meant.to_owned(), value);
            }
        }
    }

    /// To be called after everything was read: what is left over is unknown.
    pub fn report_unknown(&mut self, sections: &[&str]) {
        for (name, value) in std::mem::take(&mut self.file) {
            let hint = match nearest(&name, sections.iter().copied()) {
                Some(near) => format!("did you mean {near}?"),
                None if value.is_table() => format!("the sections are {}", sections.join(", ")),
                None => format!("every key belongs into a section: {}", sections.join(", ")),
            };
            self.problems.push(format!("{name} is unknown; {hint}"));
        }
        for name in std::mem::take(&mut self.env).into_keys() {
            let hint = match nearest(&name, self.variables.iter().map(String::as_str)) {
                Some(near) => format!("did you mean {near}?"),
                None if name.starts_with("FIREBELL__SERVICE__") => {
                    "it belongs to a [[service]] of that name, and there is none".to_owned()
                }
                None => "variables are called FIREBELL__SECTION__KEY; correct or remove it".to_owned(),
            };
            self.problems.push(format!("{name} is unknown; {hint}"));
        }
    }

    /// Variables written with single underscores are most likely meant for us. Only a warning: Kubernetes sets
    /// FIREBELL_PORT and its kin by itself for a Service of that name.
    pub fn warn_of_single_underscores<'a>(&mut self, names: impl IntoIterator<Item = &'a str>) {
        for name in names.into_iter().filter(|n| !n.starts_with(PREFIX)) {
            let bare = name.replace("__", "_");
            if let Some(meant) = self.variables.iter().find(|v| v.replace("__", "_") == bare) {
                self.warnings.push(format!("{name} is not read; did you mean {meant}?"));
            }
        }
    }
}

impl Section<'_> {
    /// Unknown keys that are near to one that is known and was not `given`, with it.
    pub(super) fn misspelt(&self, given: impl Fn(&str) -> bool) -> Vec<(String, String)> {
        let absent: Vec<&str> = self.known.iter().map(String::as_str).filter(|key| !given(key)).collect();
        let mut found: Vec<(String, String)> = Vec::new();
        for typed in self.table.keys() {
            let known = self.known.iter().map(String::as_str);
            if let Some(meant) = nearest(typed, known).filter(|meant| absent.contains(meant))
                && found.iter().all(|(_, other)| other != meant)
            {
                found.push((typed.clone(), meant.to_owned()));
            }
        }
        found
    }

    pub(super) fn report_unknown_keys(&mut self) {
        for key in std::mem::take(&mut self.table).into_iter().map(|(key, _)| key) {
            let known: Vec<&str> = self.known.iter().map(String::as_str).collect();
            let hint = match nearest(&key, known.iter().copied()) {
                Some(near) => format!("did you mean {near}?"),
                None => format!("the keys here are {}", known.join(", ")),
            };
            self.problem(&key, &format!("is unknown; {hint}"));
        }
    }
}
