//! The registry of `/status-check`: every subcommand with its spellings, and what is made of it.

use crate::config::Config;
use crate::slack::blocks::escape;
use crate::slack::spoken::{self, Spoken, more};

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
    spoken::help("help stalk"),
];

/// What can be said, in mrkdwn; or more about one subcommand.
pub fn help(config: &Config, about: &str) -> String {
    let name = &config.commands.status;
    if let Some(verb) = spoken::find(VERBS, about.trim()) {
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
