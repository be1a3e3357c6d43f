//! The registry of `/incident`: every subcommand with its spellings, and what is made of it: help, hints, and
//! `docs/commands.md`.

use crate::config::Config;
use crate::slack::blocks::escape;
use crate::slack::spoken::{self, Spoken, find, more};

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
        more: "PagerDuty stops escalating; if it could not ring anybody yet, it rings nobody. If it pages again later, acknowledge again.",
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
        more: "`--at` is the last time the clock showed that: a time that is still to come today means yesterday; `3:05 pm` \
               is as good as `15:05`. Notes of private incidents stay out of PagerDuty.",
        example: "note rolled back to v41 --at 03:12 --type action",
    },
    Spoken {
        word: "timeline",
        aliases: &[],
        arguments: "[INC-n] [page N]",
        what: "what happened, when, by whom",
        more: "Only you see the answer. It shows the last entries, as many as one message holds; what went before is on \
               page 2, 3 and so on. Of a long entry it shows the beginning, with a link to the message that has all of it.",
        example: "timeline page 2",
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
        more: "Reminders stop. It can be reopened. A post on the status page stays; if it is still open, the channel says so \
               and what to type.",
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
    spoken::help("help note"),
];

/// More about one subcommand, in mrkdwn; `None` when it is none.
pub fn about(config: &Config, word: &str) -> Option<String> {
    Some(more(&config.commands.incident, find(VERBS, word.trim())?))
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
    let status = &config.commands.status;
    text.extend(["\n`", name, " ", &status[1..], "` — how the systems are, as `", status, "` says it"]);
    text += "\n\n*Severities*\n";
    for severity in &config.severities {
        text.extend([&severity.emoji, " *", &severity.label(), "* ", &severity.description, "\n"]);
    }
    text += "When in doubt, take the higher one.";
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::slack::spoken::{find, near};

    #[test]
    fn subcommands_are_found_by_every_spelling_and_near_misses_are_named() {
        assert_eq!(find(VERBS, "ACKnowledge").map(|v| v.word), Some("ack"));
        assert_eq!(near(VERBS, "decalre"), Some("declare"));
        assert_eq!(near(VERBS, "acknowlege"), Some("ack"));
        assert_eq!(near(VERBS, "payments"), None);
    }
}
