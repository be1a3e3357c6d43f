//! The registry of `/statuspage`: every subcommand with its spellings, and what is made of it: help and `docs/commands.md`.

use std::iter;

use crate::config::Config;
use crate::slack::blocks::escape;
use crate::slack::spoken::{self, Spoken, find, more};

pub const VERBS: &[Spoken] = &[
    Spoken {
        word: "update",
        aliases: &["post", "publish"],
        arguments: "[INC-n] <status> [\"message\"] [component…] [--force \"reason\"] [--again]",
        what: "tell the public; the first time makes the post, later ones add to it",
        more: "The status is `investigating`, `identified`, `monitoring` or `resolved`: components that are named are listed \
               as affected, and their state stays as it is (not on Cachet, which shows no component without a state). Or it is the state of the components named, which it sets: \
               `degraded_performance`, `partial_outage`, `major_outage`, `under_maintenance`, `operational` (short: \
               `degraded`, `partial`, `major`, `maintenance`). The message goes in quotes; without one a standard sentence \
               is taken, which is shown to you first when it is about components. A component is named as on the page or by its beginning; commas or quotes tell several apart. \
               Resolving asks what becomes of components that are not well. A private incident needs `--force` with a reason, \
               which stays on its timeline. The same words once more within five minutes, by whomever, need `--again`. \
               Without a status a form opens.",
        example: "update major_outage \"Payments fail in Europe.\" Checkout",
    },
    Spoken {
        word: "status",
        aliases: &["show"],
        arguments: "",
        what: "the page as last read: what is not well, which posts are open; and what of ours is not out yet, and why",
        more: "Only you see the answer, which comes from memory and says how old it is.",
        example: "status",
    },
    spoken::help("help update"),
];

/// What can be said, in mrkdwn; or more about one subcommand.
pub fn help(config: &Config, about: &str) -> String {
    let name = &config.commands.statuspage;
    if let Some(verb) = find(VERBS, about.trim()) {
        return more(name, verb);
    }
    let first = format!(
        "*{name}* alone opens a form with the components. In an incident's channel the incident is implied."
    );
    let verbs = VERBS.iter().map(|v| format!("`{name} {}` — {}", escape(&v.usage()), v.what));
    let examples = [
        "update investigating \"Some payments fail.\" Checkout",
        "update degraded Checkout, Search",
        "update resolved",
    ];
    let examples = examples.map(|e| format!("`{name} {e}`")).join(", ");
    let last = format!("Examples: {examples}");
    iter::once(first).chain(verbs).chain([last]).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn subcommands_are_found_by_every_spelling() {
        assert_eq!(find(VERBS, "Publish").map(|v| v.word), Some("update"));
    }
}
