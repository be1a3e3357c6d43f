//! What can be said to `/runbook`.

use crate::config::Config;
use crate::slack::blocks::escape;
use crate::slack::spoken::{self, Spoken, more};

pub const VERBS: &[Spoken] = &[
    Spoken {
        word: "show",
        aliases: &["find"],
        arguments: "<service> [alert]",
        what: "a runbook: its link, what it is about, and its key commands",
        more: "The word `show` may be left out unless the service is called like a command. Letter case, dashes and small \
               slips do not matter: `payments high-error-rate` finds the alert HighErrorRate. A title or an alert alone \
               will do; where several share an alert, the title (or the file's name) says which: `payments \"Payments errors EU\"`. Without words, in an incident's channel, it is the runbook of the incident's service.",
        example: "payments high-error-rate",
    },
    Spoken {
        word: "list",
        aliases: &["ls"],
        arguments: "[service]",
        what: "all runbooks, or those of a service",
        more: "Only you see it.",
        example: "list payments",
    },
    spoken::help("help show"),
];

/// What can be said, in mrkdwn; or more about one subcommand.
pub fn help(config: &Config, about: &str) -> String {
    let name = &config.commands.runbook;
    if let Some(verb) = spoken::find(VERBS, about.trim()) {
        return more(name, verb);
    }
    let mut lines =
        vec![format!("*{name}* alone, in an incident's channel, shows the runbook of its service.")];
    lines.extend(VERBS.iter().map(|v| format!("`{name} {}` — {}", escape(&v.usage()), v.what)));
    lines.push(format!("Examples: `{name} payments`, `{name} payments high-error-rate`, `{name} list`"));
    lines.join("\n")
}
