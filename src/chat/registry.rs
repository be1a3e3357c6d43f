//! Every command of Firebell. One list gives the dispatch, `/firebell help`, near-miss hints and `docs/commands.md`.
//!
//! A new command gets a row in `[commands]` (`config/commands.rs`), a row here, a file beside this one with
//! `pub(super) async fn NAME(app, known, caller, typed) -> Result<Answer>`, and an arm in `chat::command`. Its feature
//! has the list of subcommands (`help.rs`), the grammar (`command.rs`) and the words. It then works as a slash command,
//! as a `!word`, as a mention, and behind `/firebell`.

use std::borrow::Cow;
use std::fmt::Write as _;

use super::Typed;
use crate::config::{Command, Commands, Config, SeverityWord, nearest};
use crate::error::{Error, Result};
use crate::slack::spoken::{HELP, Spoken, find};
use crate::slack::words::{dashed, first_word, last_word, quoted};
use crate::{groups, incidents, notices, paging, runbooks, status};

pub(super) struct Entry {
    pub command: Command,
    pub what: &'static str,
    pub verbs: &'static [Spoken],
}

pub(super) const COMMANDS: &[Entry] = &[
    Entry {
        command: Command::Incident,
        what: "declare an incident and run it",
        verbs: incidents::help::VERBS,
    },
    Entry {
        command: Command::Oncall,
        what: "who is on call, until when, and why",
        verbs: groups::help::VERBS,
    },
    Entry {
        command: Command::Page,
        what: "page people or a team through PagerDuty",
        verbs: paging::help::PAGE,
    },
    Entry {
        command: Command::Ic,
        what: "who commands incidents, and who responds for each team: their phones, and a page to them",
        verbs: paging::help::VERBS,
    },
    Entry {
        command: Command::Statuspage,
        what: "tell the public how things stand",
        verbs: notices::help::VERBS,
    },
    Entry {
        command: Command::Status,
        what: "the state of the systems, and stalking it",
        verbs: status::help::VERBS,
    },
    Entry {
        command: Command::Runbook,
        what: "the runbook of a service or an alert",
        verbs: runbooks::help::VERBS,
    },
];

/// Which command it is, and what was said to it: `/ic page`, `!ic page`, `/firebell ic page` and `@firebell ic page` are
/// the same.
pub(super) fn resolve<'a>(config: &Config, typed: &'a Typed) -> Result<(Command, Cow<'a, Typed>)> {
    let (command, typed) = which(config, typed)?;
    // `/ic page --help`; behind more words it may be part of them.
    let (before, last) = last_word(&typed.text);
    let asks_help = dashed(last).is_some_and(|(_, word)| word == "help") && first_word(before).1.is_empty();
    if asks_help && command != Command::Firebell {
        let text = format!("help {before}");
        return Ok((command, Cow::Owned(Typed { text, ..typed.into_owned() })));
    }
    Ok((command, typed))
}

fn which<'a>(config: &Config, typed: &'a Typed) -> Result<(Command, Cow<'a, Typed>)> {
    let commands = &config.commands;
    match spelt(commands, &typed.command) {
        None => Err(Error::not_found(format!(
            "{} is not set up here. An administrator can name it under [commands] in Firebell's configuration.",
            typed.command
        ))),
        Some(Command::Firebell) => behind_ours(commands, typed),
        Some(Command::Incident) => behind_incident(config, typed),
        Some(command) => Ok((command, Cow::Borrowed(typed))),
    }
}

/// In an incident's room, people say everything to `/incident`. What is another command's is not declared as one.
fn behind_incident<'a>(config: &Config, typed: &'a Typed) -> Result<(Command, Cow<'a, Typed>)> {
    let commands = &config.commands;
    let (word, rest) = first_word(&typed.text);
    // People look for it there; `/incident status` is the incident's own.
    if word.eq_ignore_ascii_case(&commands.status[1..]) {
        return behind_ours(commands, typed);
    }
    let own = |word: &str| find(incidents::help::VERBS, word);
    let (about, _) = first_word(rest);
    if own(word).is_some_and(|verb| verb.word == "help")
        && own(about).is_none()
        && others(commands, about).is_some()
    {
        return behind_ours(commands, typed);
    }
    let is_declared = || !matches!(config.severity(last_word(rest).1), SeverityWord::Unknown);
    let meant = match others(commands, word).filter(|_| own(word).is_none() && !is_declared()) {
        // `/incident ic @ana` is who commands this one.
        Some(Command::Ic) if find(paging::help::VERBS, about).is_none() => None,
        Some(command) => Some(format!("{} {rest}", commands.name(command))),
        None if own(word).is_none() && rest.is_empty() => {
            find(status::help::VERBS, word).map(|verb| format!("{} {}", commands.status, verb.word))
        }
        None => None,
    };
    match meant {
        Some(meant) => Err(Error::refused(format!(
            "I do not know `{} {}`. Did you mean `{}`?",
            commands.incident,
            quoted(&typed.text),
            quoted(&meant)
        ))),
        None => Ok((Command::Incident, Cow::Borrowed(typed))),
    }
}

/// The command that a word means, other than the two that stand for all.
fn others(commands: &Commands, word: &str) -> Option<Command> {
    let command = commands.word(word.trim_start_matches(['/', '!']))?;
    (!matches!(command, Command::Incident | Command::Firebell)).then_some(command)
}

/// `/firebell oncall payments`: the first word says which command is meant.
fn behind_ours<'a>(commands: &Commands, typed: &'a Typed) -> Result<(Command, Cow<'a, Typed>)> {
    let (word, rest) = first_word(&typed.text);
    let word = word.trim_start_matches(['/', '!']);
    let is_help = word.is_empty() || HELP.contains(&word);
    let (word, rest) = match first_word(rest) {
        ("", _) if is_help => return Ok((Command::Firebell, Cow::Borrowed(typed))),
        (about, more) if is_help => (about.trim_start_matches(['/', '!']), format!("help {more}")),
        _ => (word, rest.to_owned()),
    };
    let command = match commands.word(word) {
        Some(Command::Firebell) => return Ok((Command::Firebell, Cow::Borrowed(typed))),
        Some(command) => command,
        None => return Err(unknown(commands, word)),
    };
    let command_name = commands.name(command).to_owned();
    Ok((command, Cow::Owned(Typed { command: command_name, text: rest, ..typed.clone() })))
}

/// `/page` or `!page`.
fn spelt(commands: &Commands, command: &str) -> Option<Command> {
    match command.strip_prefix('!') {
        Some(word) => commands.word(word),
        None => commands.typed(command),
    }
}

/// The command that was typed, behind ours too.
pub(super) fn named(commands: &Commands, command: &str, text: &str) -> Option<Command> {
    match spelt(commands, command) {
        Some(Command::Firebell) => others(commands, first_word(text).0),
        found => found,
    }
}

fn unknown(commands: &Commands, word: &str) -> Error {
    let ours = &commands.firebell;
    let hint = match near(commands, word) {
        Some(near) => format!("Did you mean `{near}`?"),
        None => format!("All commands: `{ours} help`."),
    };
    Error::refused(format!("There is no command `{}`. {hint}", quoted(word)))
}

/// The typed name of the command that a misspelt word is nearest to.
pub(super) fn near<'a>(commands: &'a Commands, word: &str) -> Option<&'a str> {
    let all = commands.all();
    let words = all.iter().flat_map(|(_, key, typed)| [*key, &typed[1..]]);
    let near = nearest(word, words)?;
    Some(commands.name(commands.word(near)?))
}

/// `/firebell help`, in mrkdwn.
pub(super) fn help(config: &Config) -> String {
    let commands = &config.commands;
    let mut text = String::from("*Firebell* takes these commands:");
    for Entry { command, what, verbs } in COMMANDS {
        let all = commands.all();
        let key = all.iter().find(|(c, ..)| c == command).map_or("", |(_, key, _)| *key);
        let name = commands.name(*command);
        let also = if name[1..] == *key { String::new() } else { format!(" or `!{key}`") };
        let words: Vec<&str> = verbs.iter().map(|v| v.word).filter(|w| !w.is_empty()).collect();
        write!(text, "\n`{name}`{also} — {what} ({})", words.join(", ")).expect("a string takes it");
    }
    let ours = &commands.firebell;
    write!(
        text,
        "\nMore: `{ours} help &lt;command&gt;`. In a channel that I am in, and in its threads, `!{word} …` does the same as \
         `{first} …`; so do `{ours} {word} …` and mentioning me.",
        word = &commands.oncall[1..],
        first = commands.oncall,
    )
    .expect("a string takes it");
    text
}

#[cfg(test)]
mod tests {
    use std::fmt::Write as _;

    use super::*;
    use crate::slack::spoken::page;

    /// Where the list of what can be said to it is.
    fn file(command: Command) -> &'static str {
        match command {
            Command::Incident => "src/incidents/help.rs",
            Command::Oncall => "src/groups/help.rs",
            Command::Page => "src/paging/help.rs, /page",
            Command::Ic => "src/paging/help.rs, /ic",
            Command::Statuspage => "src/notices/help.rs",
            Command::Status => "src/status/help.rs",
            Command::Runbook => "src/runbooks/help.rs",
            Command::Firebell => "src/chat/registry.rs",
        }
    }

    #[test]
    fn the_commands_page_is_made_from_the_registries() {
        let commands = Commands::default();
        let mut all = String::from("\n| command | what it does |\n|---|---|\n");
        let mut parts = Vec::new();
        for Entry { command, what, verbs } in COMMANDS {
            let named = commands.all();
            let (_, key, name) = named.iter().find(|(c, ..)| c == command).expect("a name");
            writeln!(all, "| `{name}`, `!{key}`, `/firebell {key}`, `@firebell {key}` | {what} |")
                .expect("a string");
            parts.push((file(*command), page::made(name, verbs)));
        }
        parts.push((file(Command::Firebell), all));
        page::renew(&parts);
    }

    #[test]
    fn every_command_has_a_row() {
        for (command, key, _) in Commands::default().all() {
            let has_row = COMMANDS.iter().any(|entry| entry.command == command);
            assert!(has_row || command == Command::Firebell, "{key} has no row in the registry");
        }
    }
}
