//! What can be said to a command: its subcommands with their spellings, and what is made of such a list: help, hints,
//! and `docs/commands.md`.

use super::blocks::escape;
use crate::config::nearest;

/// A subcommand as people know it.
#[derive(Debug)]
pub struct Spoken {
    /// Empty for what is said to a command that has no subcommand for it.
    pub word: &'static str,
    /// What people say instead.
    pub aliases: &'static [&'static str],
    pub arguments: &'static str,
    /// In a few words, for the list.
    pub what: &'static str,
    /// What one would not guess.
    pub more: &'static str,
    /// Without the command's name.
    pub example: &'static str,
}

/// The subcommand that a word means, in any letter case.
pub fn find<'a>(verbs: &'a [Spoken], word: &str) -> Option<&'a Spoken> {
    verbs.iter().find(|v| v.words().any(|w| w.eq_ignore_ascii_case(word)))
}

/// The nearest subcommand to a word that is none.
pub fn near(verbs: &[Spoken], word: &str) -> Option<&'static str> {
    let near = nearest(word, verbs.iter().flat_map(Spoken::words))?;
    Some(find(verbs, near)?.word)
}

impl Spoken {
    pub fn words(&self) -> impl Iterator<Item = &'static str> {
        std::iter::once(self.word).chain(self.aliases.iter().copied())
    }

    /// `declare <title…> …`
    pub fn usage(&self) -> String {
        format!("{} {}", self.word, self.arguments).trim().to_owned()
    }
}

/// More about one subcommand of the command of this name, in mrkdwn.
pub fn more(name: &str, verb: &Spoken) -> String {
    let aliases = match verb.aliases {
        [] => String::new(),
        words => format!("\nAlso: {}", code_list(words)),
    };
    format!(
        "`{name} {}`\n{}. {}\nExample: `{name} {}`{aliases}",
        escape(&verb.usage()),
        capital(verb.what),
        verb.more,
        verb.example
    )
}

fn capital(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map(|first| first.to_uppercase().chain(letters).collect()).unwrap_or_default()
}

fn code_list(words: &[&str]) -> String {
    words.iter().map(|w| format!("`{w}`")).collect::<Vec<_>>().join(", ")
}

/// The commands page: each registry has a part of `docs/commands.md`, between a mark and the next.
#[cfg(test)]
pub mod page {
    use std::collections::BTreeSet;
    use std::fmt::Write as _;
    use std::fs;
    use std::path::Path;

    use super::{Spoken, capital, code_list};

    /// Fails when a word means two things, and when the part of the page that is made from this registry was stale,
    /// which it renews.
    pub fn check(file: &str, command: &str, verbs: &[Spoken]) {
        let mut seen = BTreeSet::new();
        for word in verbs.iter().flat_map(Spoken::words) {
            assert!(seen.insert(word), "{word} is in the registry of {command} twice");
        }
        renew(file, &made(command, verbs));
    }

    /// Fails when the part that is made from this file was stale, and renews it.
    pub fn renew(file: &str, new: &str) {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/commands.md");
        let written = fs::read_to_string(&path).expect("docs/commands.md");
        let mark = format!("<!-- Made from {file}: `cargo test` renews it. -->\n");
        let (prose, rest) = written.split_once(&mark).expect("the mark in docs/commands.md");
        let end = rest.find("\n\n<!-- ").map_or(rest.len(), |at| at + 1);
        let (old, after) = rest.split_at(end);
        if old != new {
            fs::write(&path, format!("{prose}{mark}{new}{after}")).expect("docs/commands.md");
            panic!("docs/commands.md was stale and has been renewed; look at it and commit it");
        }
    }

    fn made(command: &str, verbs: &[Spoken]) -> String {
        let mut text = String::from("\n| command | what it does |\n|---|---|\n");
        // Headings of one page need different names.
        let own = if command == "/incident" { String::new() } else { format!("{} ", &command[1..]) };
        for verb in verbs {
            let usage = verb.usage().replace('|', "\\|");
            let heading = format!("{own}{}", verb.word).trim().replace(' ', "-");
            writeln!(text, "| [`{usage}`](#{heading}) | {} |", verb.what).expect("a string takes it");
        }
        for verb in verbs {
            let aliases = match verb.aliases {
                [] => String::new(),
                words => format!("\n\nAlso: {}.", code_list(words)),
            };
            let more = if verb.more.is_empty() { String::new() } else { format!(" {}", verb.more) };
            writeln!(
                text,
                "\n### {}\n\n`{command} {}`\n\n{}.{more}\n\nExample: `{command} {}`{aliases}",
                format!("{own}{}", verb.word).trim(),
                verb.usage(),
                capital(verb.what),
                verb.example,
            )
            .expect("a string takes it");
        }
        text
    }
}
