//! The registry of `/status-check`: every subcommand with its spellings, and what is made of it.

use crate::config::{Config, nearest};
use crate::incidents::help::{Spoken, more};
use crate::slack::blocks::escape;

pub const VERBS: &[Spoken] = &[
    Spoken {
        word: "show",
        aliases: &["now", "check"],
        arguments: "",
        what: "the state of the systems, as the monitors said last",
        more: "The command alone says the same. The answer comes from memory, with the age of each reading, so it is there \
               at once whatever is down. When the readings are old, the monitors are asked and the channel is told.",
        example: "show",
    },
    Spoken {
        word: "stalk",
        aliases: &["watch", "follow"],
        arguments: "",
        what: "tell this channel of every change",
        more: "Monitors are then asked every 30 seconds. A change counts when two of the last three readings show it, and \
               is over when two in a row do. It starts by itself in the channel of an incident of the two most severe \
               levels, ends with the incident, and puts each change on its timeline; elsewhere it ends after 24 hours.",
        example: "stalk",
    },
    Spoken {
        word: "unstalk",
        aliases: &["unwatch", "unfollow", "stop"],
        arguments: "",
        what: "stop telling this channel",
        more: "In an incident's channel it does not start by itself again.",
        example: "unstalk",
    },
    Spoken {
        word: "help",
        aliases: &["--help", "-h", "?"],
        arguments: "[command]",
        what: "this list, or more about one command",
        more: "",
        example: "help stalk",
    },
];

/// The subcommand that a word means, in any letter case.
pub fn find(word: &str) -> Option<&'static Spoken> {
    VERBS.iter().find(|v| v.words().any(|w| w.eq_ignore_ascii_case(word)))
}

/// The subcommand that a word was most likely meant to be.
pub fn near(word: &str) -> Option<&'static str> {
    nearest(word, VERBS.iter().flat_map(Spoken::words)).and_then(find).map(|verb| verb.word)
}

/// What can be said, in mrkdwn; or more about one subcommand.
pub fn help(config: &Config, about: &str) -> String {
    let name = &config.commands.status;
    if let Some(verb) = find(about.trim()) {
        return more(name, verb);
    }
    let mut lines = vec![format!("*{name}* alone shows the state of the systems; `!status` says the same.")];
    lines.extend(
        VERBS
            .iter()
            .map(|v| format!("`{}` — {}", escape(format!("{name} {}", v.usage()).trim_end()), v.what)),
    );
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::incidents::help::page;

    #[test]
    fn the_commands_page_is_made_from_the_registry() {
        page::renew("src/status/help.rs", &page::made("/status-check", VERBS));
    }

    #[test]
    fn no_word_means_two_things() {
        let mut seen = BTreeSet::new();
        for word in VERBS.iter().flat_map(Spoken::words) {
            assert!(seen.insert(word), "{word} is in the registry twice");
        }
        assert_eq!(find("WATCH").map(|v| v.word), Some("stalk"));
        assert_eq!(near("stak"), Some("stalk"));
    }
}
