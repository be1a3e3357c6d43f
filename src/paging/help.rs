//! The registries of `/page` and `/ic`: every subcommand with its spellings, and what is made of it: help and
//! `docs/commands.md`.

use std::iter;

use crate::config::Config;
use crate::slack::blocks::escape;
use crate::slack::spoken::{self, Spoken, find, more};

pub const PAGE: &[Spoken] = &[
    Spoken {
        word: "",
        aliases: &[],
        arguments: "[--all] [--again] [--test] <@group|@user|team|service> <message…>",
        what: "page people or a team through PagerDuty: those on call of a service or group, or one person",
        more: "In an incident's channel they are asked to help with the incident, and come into the channel. Elsewhere a \
               PagerDuty incident opens on the service, or assigned to the person. A name of several words goes in \
               quotes. A user group that follows a rota means who is on call; any other one means its members (more \
               than 20 only with `--all`). Several who are mentioned first are all paged: `@ana @ben please join`. It is said here whom PagerDuty has paged, who answers, and when nobody does. \
               The same page by somebody else a moment later rings nobody twice; `--again` does. `--test` pages nobody. Flags stand before the message, or behind one in quotes: \
               `@ana \"the checkout is down\" --test`.",
        example: "payments the checkout is down",
    },
    Spoken { arguments: "", what: "what can be said", ..spoken::help("help") },
];

pub const VERBS: &[Spoken] = &[
    Spoken {
        word: "list",
        aliases: &["ls", "commanders"],
        arguments: "[--public]",
        what: "the incident commanders on call: primary, backup, trainees, with their phone numbers",
        more: "The command alone says the same. `--public` answers to the channel.",
        example: "list",
    },
    Spoken {
        word: "page",
        aliases: &["call"],
        arguments: "[responders|<@user>] [--all] [--again] [--test]",
        what: "page all incident commanders; or all teams' responders; or one person",
        more: "Through PagerDuty: on the incident whose channel this is, or on a new one. One line tells for each \
               person whether they have been paged. Who have just been paged are paged once more only with `--again`. \
               `--test` pages nobody.",
        example: "page",
    },
    Spoken {
        word: "responders",
        aliases: &["responder", "teams"],
        arguments: "[--public]",
        what: "who is on call for each team",
        more: "",
        example: "responders",
    },
    Spoken {
        word: "who",
        aliases: &["whois"],
        arguments: "<@user>",
        what: "how somebody is reached",
        more: "By handle, name or e-mail address.",
        example: "who @ana",
    },
    spoken::help("help page"),
];

/// What can be paged by a word of its own.
pub fn responders() -> &'static [Spoken] {
    find(VERBS, "responders").map_or(&[], std::slice::from_ref)
}

/// What can be said to `/page`, in mrkdwn.
pub fn page(config: &Config) -> String {
    let name = &config.commands.page;
    let [use_of_it, ..] = PAGE else { return String::new() };
    let usage = format!("`{name} {}` — {}.", escape(use_of_it.arguments), use_of_it.what);
    let examples = ["payments the checkout is down", "@ana please join the call", "--test @sre-leads come"];
    let examples = examples.map(|e| format!("`{name} {e}`")).join(", ");
    format!("{usage}\n{}\nExamples: {examples}", use_of_it.more)
}

/// What can be said to `/ic`; or more about one subcommand.
pub fn ic(config: &Config, about: &str) -> String {
    let name = &config.commands.ic;
    if let Some(verb) = find(VERBS, about.trim()) {
        return more(name, verb);
    }
    let first = format!("*{name}* alone shows who commands incidents now. Only you see the answer.");
    let verbs = VERBS.iter().map(|v| format!("`{name} {}` — {}", escape(&v.usage()), v.what));
    iter::once(first).chain(verbs).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn subcommands_are_found_by_every_spelling() {
        assert_eq!(find(VERBS, "WHO").map(|v| v.word), Some("who"));
    }
}
