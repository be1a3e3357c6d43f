//! Reading secrets: from the file, the environment, or a file that either of them names. Nothing here repeats a value.

use secrecy::SecretString;
use toml::Value;

use super::reader::{Raw, Section};

/// Where a secret was found, by the name its writer knows.
enum SecretSource {
    Plain(String, Raw),
    Content(String, String),
    /// A problem has been noted; an empty stand-in follows.
    Reported,
}

impl Section<'_> {
    /// A secret, given as it is or as the name of a file that holds it. Problems never quote it.
    pub fn secret(&mut self, key: &str) -> Option<SecretString> {
        Some(match self.secret_source(key)? {
            SecretSource::Content(name, text) => self.clean_secret(&name, &text),
            SecretSource::Plain(name, Raw::Env(text) | Raw::File(Value::String(text))) => {
                self.clean_secret(&name, &text)
            }
            SecretSource::Plain(name, Raw::File(_)) => {
                self.wrong(&name, "is not text; put it in quotes");
                SecretString::default()
            }
            SecretSource::Reported => SecretString::default(),
        })
    }

    /// Like [`Self::secret`]; missing is a problem.
    pub fn required_secret(&mut self, key: &str, hint: &str) -> SecretString {
        self.secret(key).unwrap_or_else(|| {
            self.missing_secret(key, hint);
            SecretString::default()
        })
    }

    /// Several secrets that are valid at the same time, so that one can replace another; one per line in a file.
    pub fn required_secrets(&mut self, key: &str, hint: &str) -> Vec<SecretString> {
        let (name, items) = match self.secret_source(key) {
            None => {
                if !self.reader.for_sync {
                    self.missing_secret(key, hint);
                }
                return Vec::new();
            }
            Some(SecretSource::Reported) => return Vec::new(),
            Some(SecretSource::Content(name, text)) => {
                let lines = text.lines().map(|l| l.trim().to_owned()).filter(|l| !l.is_empty());
                (name, Some(lines.collect()))
            }
            Some(SecretSource::Plain(name, raw)) => {
                let items = self.items(&name, raw);
                (name, items)
            }
        };
        let items: Vec<String> = match items {
            None => return Vec::new(),
            Some(items) if items.is_empty() => {
                self.wrong(&name, &format!("is empty; write {hint}"));
                return Vec::new();
            }
            Some(items) => items,
        };
        items.iter().map(|text| self.clean_secret(&name, text)).collect()
    }

    fn missing_secret(&mut self, key: &str, hint: &str) {
        let variable = self.variable(key);
        self.problem(key, &format!("is missing; write {hint} (or set {variable} or {variable}_FILE)"));
    }

    fn clean_secret(&mut self, name: &str, text: &str) -> SecretString {
        // A line break at the end is what editors and `echo` leave behind, in files as in mounted variables.
        let text = text.trim_end_matches(['\r', '\n']);
        if text.is_empty() {
            self.wrong(name, "is empty; write its value, or remove it");
        } else if text.ends_with("...") {
            self.wrong(name, "is the placeholder of an example; write the real value");
        } else if text.contains(|c: char| c.is_whitespace() || c.is_control()) {
            self.wrong(name, "has a space or line break in it; write the value alone");
        }
        text.into()
    }

    fn secret_source(&mut self, key: &str) -> Option<SecretSource> {
        let key_file = format!("{key}_file");
        let (path, variable) = self.register(key);
        let (path_of_file, variable_of_file) = self.register(&key_file);
        let in_file = (self.table.remove(key), self.table.remove(&key_file));
        let in_env = (self.reader.env.remove(&variable), self.reader.env.remove(&variable_of_file));
        // The path of an SQLite file is nothing to hide.
        let harmless = |value: &Value| value.as_str().is_some_and(|t| t.starts_with("sqlite:"));
        self.reader.secret_in_file |= in_file.0.as_ref().is_some_and(|value| !harmless(value));
        Some(match (in_env, in_file) {
            ((Some(_), Some(_)), _) => self.twice(&variable, &variable_of_file),
            ((Some(text), None), _) => SecretSource::Plain(variable, Raw::Env(text)),
            ((None, Some(file)), _) => self.content(variable_of_file, &file),
            (_, (Some(_), Some(_))) => self.twice(&path, &path_of_file),
            (_, (Some(value), None)) => SecretSource::Plain(path, Raw::File(value)),
            (_, (None, Some(Value::String(file)))) => self.content(path_of_file, &file),
            (_, (None, Some(_))) => {
                self.wrong(&path_of_file, "is not text; write the path of a file, in quotes");
                SecretSource::Reported
            }
            (_, (None, None)) => return None,
        })
    }

    fn twice(&mut self, name: &str, other: &str) -> SecretSource {
        self.wrong(name, &format!("and {other} are both set; keep one"));
        SecretSource::Reported
    }

    /// The path is not repeated in the problem: it may be a token in the wrong place.
    fn content(&mut self, name: String, file: &str) -> SecretSource {
        match std::fs::read_to_string(file.trim()) {
            Ok(text) => SecretSource::Content(name, text),
            Err(e) => {
                self.wrong(&name, &format!("names a file that cannot be read ({e}); write its path"));
                SecretSource::Reported
            }
        }
    }
}
