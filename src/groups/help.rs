//! The registry of `/oncall`: every subcommand with its spellings, and what is made of it: help and `docs/commands.md`.

use std::iter;

use crate::config::{Config, nearest};
use crate::slack::blocks::escape;
use crate::slack::spoken::{self, Spoken, find, more};
use crate::slack::words::quoted;

pub const VERBS: &[Spoken] = &[
    Spoken {
        word: "list",
        aliases: &["ls"],
        arguments: "[--public]",
        what: "the groups that follow a rota and the services: who, until when, who is next",
        more: "The command alone says the same.",
        example: "list",
    },
    Spoken {
        word: "lookup",
        aliases: &["who"],
        arguments: "<service|@group|@user|schedule|policy> [--next] [--public]",
        what: "who is on call there on each level, until when, who is next; of a person: where",
        more: "The word `lookup` may be left out unless it is about something called like a command. `--next` shows only who follows. `--public` answers \
               to the channel, by default without phone numbers. Names are matched in any letter case; ids are understood too.",
        example: "payments",
    },
    Spoken {
        word: "why",
        aliases: &["explain"],
        arguments: "<@group>",
        what: "why each person is in the group, who is left out, and what triggered the last change",
        more: "Says too when Slack and the rota were last seen to agree, and what keeps them from it.",
        example: "why @payments-oncall",
    },
    Spoken {
        word: "sync",
        aliases: &["refresh"],
        arguments: "[@group]",
        what: "ask PagerDuty and Slack now, instead of in some seconds",
        more: "Nobody needs it in daily life. Whoever may declare incidents may do it; often does no harm.",
        example: "sync",
    },
    Spoken {
        word: "rollback",
        aliases: &["undo"],
        arguments: "<@group>",
        what: "put a group back as it was before the last write",
        more: "Needs the right to admin. The group stays so until who is on call changes next. A second time takes the \
               first back.",
        example: "rollback @payments-oncall",
    },
    spoken::help("help why"),
];

/// What can be said, in mrkdwn; or more about one subcommand.
pub fn help(config: &Config, about: &str) -> String {
    let name = &config.commands.oncall;
    let about = about.trim();
    if let Some(verb) = find(VERBS, about) {
        return more(name, verb);
    }
    let words = VERBS.iter().flat_map(|v| iter::once(v.word).chain(v.aliases.iter().copied()));
    let unknown = (!about.is_empty()).then(|| {
        let near = nearest(about, words).map(|near| format!(" Did you mean `{name} help {near}`?"));
        format!("There is no command {}.{}", quoted(about), near.unwrap_or_default())
    });
    let first = format!("*{name}* alone shows who is on call. Only you see the answers.");
    let verbs = VERBS.iter().map(|v| format!("`{name} {}` — {}", escape(&v.usage()), v.what));
    let examples = ["payments", "@payments-oncall --next", "@ana", "why @payments-oncall"];
    let examples = examples.map(|e| format!("`{name} {e}`")).join(", ");
    let last = format!("Examples: {examples}");
    unknown.into_iter().chain([first]).chain(verbs).chain([last]).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn subcommands_are_found_by_every_spelling() {
        assert_eq!(find(VERBS, "WHO").map(|v| v.word), Some("lookup"));
    }
}
