//! The registry of `/incident`: every subcommand with its spellings, and what is made of it: help, hints, and
//! `docs/commands.md`.

use crate::config::{Config, nearest};
use crate::slack::blocks::escape;

/// A subcommand as people know it.
#[derive(Debug)]
pub struct Spoken {
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

pub const VERBS: &[Spoken] = &[
    Spoken {
        word: "declare",
        aliases: &["new", "open", "create"],
        arguments: "<title…> [sev1..5] [--service S] [--private] [--test] [--no-page]",
        what: "declare an incident: page the on-call, open a channel",
        more: "The severity is the last word (`sev1`, `SEV-1`, `p1`, `sev 1`). Without one the default is taken, and \
               buttons change it. `--private` opens a private channel and announces nothing. `--test` marks every \
               message and pages nobody. Without a title a form opens.",
        example: "declare payments down sev1",
    },
    Spoken {
        word: "status",
        aliases: &["show"],
        arguments: "[INC-n]",
        what: "where it stands",
        more: "Only you see the answer. Steps that failed come with a button to retry them.",
        example: "status INC-7",
    },
    Spoken {
        word: "list",
        aliases: &["ls"],
        arguments: "",
        what: "open incidents, and the last closed ones",
        more: "Private incidents are shown to their members only.",
        example: "list",
    },
    Spoken {
        word: "ack",
        aliases: &["acknowledge"],
        arguments: "[INC-n]",
        what: "acknowledge, here and in PagerDuty",
        more: "PagerDuty stops escalating. If it pages again later, acknowledge again.",
        example: "ack",
    },
    Spoken {
        word: "update",
        aliases: &[],
        arguments: "[INC-n] [--status S] <text>",
        what: "tell everybody what is new",
        more: "S is investigating, identified or monitoring; `update identified: …` says the same. The clock of the next \
               update starts anew.",
        example: "update identified: the cache is full, we are adding nodes",
    },
    Spoken {
        word: "sev",
        aliases: &["severity"],
        arguments: "[INC-n] <1..5>",
        what: "change the severity",
        more: "Raising pages and invites what the new level needs. Lowering takes nobody out of the channel.",
        example: "sev 2",
    },
    Spoken {
        word: "role",
        aliases: &[],
        arguments: "[INC-n] <ic|deputy|scribe|liaison> [@user]",
        what: "give a role; without a name, to yourself",
        more: "`lead`, `ic` and `commander` are short for `role ic`.",
        example: "role ic @ana",
    },
    Spoken {
        word: "note",
        aliases: &[],
        arguments: "[INC-n] <text> [--at HH:MM] [--type hypothesis|decision|action]",
        what: "add to the timeline, and to PagerDuty",
        more: "`--at` is the last time the clock showed that: a time that is still to come today means yesterday. Notes of \
               private incidents stay out of PagerDuty.",
        example: "note rolled back to v41 --at 03:12 --type action",
    },
    Spoken {
        word: "timeline",
        aliases: &[],
        arguments: "[INC-n]",
        what: "what happened, when, by whom",
        more: "Only you see the answer.",
        example: "timeline",
    },
    Spoken {
        word: "mitigated",
        aliases: &["mitigate"],
        arguments: "[INC-n] [text]",
        what: "customers are no longer hurt; the incident stays open",
        more: "A milestone on the timeline. Close the incident with `resolve`.",
        example: "mitigated",
    },
    Spoken {
        word: "resolve",
        aliases: &["resolved", "close"],
        arguments: "[INC-n] [text]",
        what: "close it, here and in PagerDuty",
        more: "Reminders stop. It can be reopened.",
        example: "resolve the cache has room again",
    },
    Spoken {
        word: "cancel",
        aliases: &[],
        arguments: "[INC-n] [text]",
        what: "close it: it was none",
        more: "As `resolve`, but it counts as no incident.",
        example: "cancel it was the load test",
    },
    Spoken {
        word: "reopen",
        aliases: &[],
        arguments: "[INC-n] <reason> [--page]",
        what: "open it again; --page pages the on-call anew",
        more: "The channel, the roles and the timeline are the same. `--page` makes a second PagerDuty incident.",
        example: "reopen errors are back --page",
    },
    Spoken {
        word: "help",
        aliases: &["--help", "-h", "?"],
        arguments: "[command]",
        what: "this list, or more about one command",
        more: "",
        example: "help note",
    },
];

/// The subcommand that a word means, in any letter case.
pub fn find(word: &str) -> Option<&'static Spoken> {
    VERBS.iter().find(|v| v.words().any(|w| w.eq_ignore_ascii_case(word)))
}

/// The nearest subcommand to a word that is none.
pub fn near(word: &str) -> Option<&'static str> {
    let near = nearest(word, VERBS.iter().flat_map(Spoken::words))?;
    Some(find(near)?.word)
}

impl Spoken {
    pub fn words(&self) -> impl Iterator<Item = &'static str> {
        std::iter::once(self.word).chain(self.aliases.iter().copied())
    }

    /// `declare <title…> …`
    pub fn usage(&self) -> String {
        if self.arguments.is_empty() { self.word.into() } else { format!("{} {}", self.word, self.arguments) }
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

/// What can be said, in mrkdwn: the same as long as the configuration is.
pub fn list(config: &Config) -> String {
    let name = &config.commands.incident;
    let mut text = String::with_capacity(4096);
    text.extend([
        "*",
        name,
        "* alone opens a form. In an incident's channel the incident is implied; elsewhere name it, as in `",
    ]);
    text.extend([name, " status INC-7`."]);
    for verb in VERBS {
        text.extend(["\n`", name, " ", &escape(&verb.usage()), "` — ", verb.what]);
    }
    text += "\n\n*Severities*\n";
    for severity in &config.severities {
        text.extend([&severity.emoji, " *", &severity.label(), "* ", &severity.description, "\n"]);
    }
    text += "When in doubt, take the higher one.";
    text
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
    use std::fmt::Write as _;
    use std::fs;
    use std::path::Path;

    use super::{Spoken, capital, code_list};

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

    pub fn made(command: &str, verbs: &[Spoken]) -> String {
        let mut text = String::from("\n| command | what it does |\n|---|---|\n");
        // Headings of one page need different names.
        let own = if command == "/incident" { String::new() } else { format!("{} ", &command[1..]) };
        for verb in verbs {
            let usage = verb.usage().replace('|', "\\|");
            let heading = format!("{own}{}", verb.word).replace(' ', "-");
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
                "\n### {own}{}\n\n`{command} {}`\n\n{}.{more}\n\nExample: `{command} {}`{aliases}",
                verb.word,
                verb.usage(),
                capital(verb.what),
                verb.example,
            )
            .expect("a string takes it");
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn the_commands_page_is_made_from_the_registry() {
        page::renew("src/incidents/help.rs", &page::made("/incident", VERBS));
    }

    #[test]
    fn no_word_means_two_things() {
        let mut seen = BTreeSet::new();
        for word in VERBS.iter().flat_map(Spoken::words) {
            assert!(seen.insert(word), "{word} is in the registry twice");
        }
        assert_eq!(find("ACKnowledge").map(|v| v.word), Some("ack"));
        assert_eq!(near("decalre"), Some("declare"));
        assert_eq!(near("acknowlege"), Some("ack"));
        assert_eq!(near("payments"), None);
    }
}
