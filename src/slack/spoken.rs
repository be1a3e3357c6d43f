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

/// What people say for help.
pub const HELP: [&str; 4] = ["help", "--help", "-h", "?"];

/// The subcommand that all but one of the commands have alike.
pub const fn help(example: &'static str) -> Spoken {
    Spoken {
        word: "help",
        aliases: &["--help", "-h", "?"],
        arguments: "[command]",
        what: "this list, or more about one command",
        more: "",
        example,
    }
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

/// The commands page: each registry has a part of `docs/commands.md`, between two marks.
#[cfg(test)]
pub mod page {
    use std::collections::BTreeSet;
    use std::fmt::Write as _;
    use std::fs;
    use std::path::Path;

    use super::{Spoken, capital, code_list};

    const MADE: &str = "<!-- Made from ";
    const END: &str = "\n<!-- -->\n";

    /// Fails when a part of the page was stale, and renews them all: one test calls it, with every part, because two at
    /// the same time would take each other's renewal back. Each part: the file that it is made from, and its text.
    pub fn renew(parts: &[(&str, String)]) {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/commands.md");
        let written = fs::read_to_string(&path).expect("docs/commands.md");
        assert_eq!(written.matches(MADE).count(), parts.len(), "parts of docs/commands.md");
        let new = parts.iter().fold(written.clone(), |page, (file, text)| with_part(&page, file, text));
        if new != written {
            fs::write(&path, new).expect("docs/commands.md");
            panic!("docs/commands.md was stale and has been renewed; look at it and commit it");
        }
    }

    fn with_part(page: &str, file: &str, text: &str) -> String {
        let mark = format!("{MADE}{file}: `cargo test` renews it. -->\n");
        let (prose, rest) = page.split_once(&mark).unwrap_or_else(|| panic!("the mark {mark}"));
        // From the mark's own end of line, so that a part may be empty.
        let at = page.len() - rest.len() - 1;
        let (old, after) =
            page[at..].split_once(END).unwrap_or_else(|| panic!("an end of the part of {file}"));
        assert!(!old.contains("<!--"), "the part of {file} has no end");
        format!("{prose}{mark}{text}{END}{after}")
    }

    #[test]
    fn a_part_takes_its_place_and_no_prose() {
        let mark = |file: &str| format!("{MADE}{file}: `cargo test` renews it. -->\n");
        let page =
            |part: &str| format!("Before.\n\n{}{part}{END}\nBetween.\n\n{}x\n{END}", mark("a"), mark("b"));
        for (was, is) in [("", "new\n"), ("\nold\n", "new\n"), ("old\n", "")] {
            assert_eq!(with_part(&page(was), "a", is), page(is));
        }
    }

    #[test]
    #[should_panic(expected = "the part of a has no end")]
    fn a_part_without_an_end_is_not_guessed() {
        let endless = format!("{MADE}a: `cargo test` renews it. -->\nx\n{MADE}b: -->\ny\n{END}");
        with_part(&endless, "a", "new\n");
    }

    /// The text of a registry's part. Fails when a word means two things.
    pub fn made(command: &str, verbs: &[Spoken]) -> String {
        let mut seen = BTreeSet::new();
        for word in verbs.iter().flat_map(Spoken::words) {
            assert!(seen.insert(word), "{word} is in the registry of {command} twice");
        }
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
