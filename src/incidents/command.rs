//! The grammar of `/incident`: words in, what was asked for out. Free text survives as it was typed.

use super::declare::{self, NewIncident};
use super::model::{Kind, Role, Status};
use crate::config::{Config, SeverityWord, nearest};
use crate::error::{Error, Result};
use crate::ids::ChannelId;
use crate::oncall::Known;
use crate::slack::words::{self, Flag, Reference, Words, first_word, option, switch, take_flags, unquoted};

/// Every subcommand: its word, its arguments, what it is for.
pub const VERBS: &[(&str, &str, &str)] = &[
    ("declare", "<title…> [sev1..5] [--service S] [--private] [--test] [--no-page]", "declare an incident"),
    ("status", "[INC-n]", "where it stands"),
    ("list", "", "open incidents, and the last closed ones"),
    ("ack", "[INC-n]", "acknowledge, here and in PagerDuty"),
    (
        "update",
        "[INC-n] [--status S] <text>",
        "tell everybody what is new (S: investigating, identified, monitoring)",
    ),
    ("sev", "[INC-n] <1..5>", "change the severity; raising pages and invites"),
    ("role", "[INC-n] <ic|deputy|scribe|liaison> [@user]", "give a role; without a name, to yourself"),
    (
        "note",
        "[INC-n] <text> [--at HH:MM] [--type hypothesis|decision|action]",
        "add to the timeline and to PagerDuty",
    ),
    ("timeline", "[INC-n]", "what happened, when, by whom"),
    ("mitigated", "[INC-n]", "customers are no longer hurt; the incident stays open"),
    ("resolve", "[INC-n] [text]", "close it, here and in PagerDuty"),
    ("cancel", "[INC-n] [text]", "it was none"),
    ("reopen", "[INC-n] <reason> [--page]", "open it again; --page pages the on-call anew"),
    ("help", "[command]", "this"),
];

/// What was asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Asked {
    Form { title: String },
    Help { about: String },
    List,
    Declare { new: NewIncident },
    On { target: Option<Target>, verb: Verb },
}

/// An incident named by number, or by its channel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    Number(i64),
    Channel(ChannelId),
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verb {
    Status,
    Timeline,
    Acknowledge,
    Update { status: Option<Status>, text: String },
    Severity { word: String },
    Role { role: Role, who: Option<String> },
    Note { kind: Kind, at: Option<String>, text: String },
    Mitigated,
    Resolve { text: String },
    Cancel { text: String },
    Reopen { reason: String, page: bool },
}

impl Asked {
    /// Looking writes nothing.
    pub fn only_looks(&self) -> bool {
        matches!(
            self,
            Self::Form { .. }
                | Self::Help { .. }
                | Self::List
                | Self::On { verb: Verb::Status | Verb::Timeline, .. }
        )
    }
}

/// Reads the words after the command's name.
pub fn parse(raw: &str, known: &Known) -> Result<Asked> {
    let (verb, rest) = first_word(raw);
    if verb.is_empty() {
        return Ok(Asked::Form { title: String::new() });
    }
    let on = |verb: &dyn Fn(&str) -> Result<Verb>| -> Result<Asked> {
        let (target, rest) = target(rest);
        Ok(Asked::On { target, verb: verb(rest)? })
    };
    match verb.to_lowercase().as_str() {
        "declare" | "new" | "open" | "create" if rest.is_empty() => Ok(Asked::Form { title: String::new() }),
        "declare" | "new" | "open" | "create" => declaration(rest, known),
        "help" | "--help" | "-h" | "?" => Ok(Asked::Help { about: rest.to_lowercase() }),
        "list" | "ls" => no_more(rest, Asked::List),
        "status" | "show" => on(&|rest| no_more(rest, Verb::Status)),
        "timeline" => on(&|rest| no_more(rest, Verb::Timeline)),
        "ack" | "acknowledge" => on(&|rest| no_more(rest, Verb::Acknowledge)),
        "update" => on(&|rest| update(rest, known)),
        "sev" | "severity" => on(&|rest| severity(rest)),
        "role" => on(&role),
        "lead" | "ic" | "commander" => on(&|rest| {
            Ok(Verb::Role { role: Role::Commander, who: (!rest.is_empty()).then(|| rest.to_owned()) })
        }),
        "note" => on(&|rest| note(rest, known)),
        "mitigated" | "mitigate" => on(&|rest| no_more(rest, Verb::Mitigated)),
        "resolve" | "resolved" | "close" => on(&|rest| Ok(Verb::Resolve { text: typed(rest, known) })),
        "cancel" => on(&|rest| Ok(Verb::Cancel { text: typed(rest, known) })),
        "reopen" => on(&|rest| reopen(rest, known)),
        other => Err(unknown_verb(other, &known.config)),
    }
}

fn no_more<T>(rest: &str, asked: T) -> Result<T> {
    if rest.is_empty() {
        return Ok(asked);
    }
    Err(Error::refused(format!("I do not know what to do with “{}”.", words::plain(rest))))
}

/// The words as a person reads them, without quotes around the whole.
fn typed(raw: &str, known: &Known) -> String {
    words::plain_named(unquoted(raw), |id| known.people.name_of(id))
}

fn unknown_verb(word: &str, config: &Config) -> Error {
    let name = &config.commands.incident;
    let word = words::plain(word);
    let hint = match nearest(&word, VERBS.iter().map(|v| v.0)) {
        Some(near) => format!("Did you mean `{name} {near}`?"),
        None => {
            format!("To declare an incident: `{name} declare {word} … sev1`. All commands: `{name} help`.")
        }
    };
    Error::refused(format!("I do not know `{name} {word}`. {hint}"))
}

const DECLARE: &[Flag] = &[option("service"), switch("private"), switch("test"), switch("no-page")];

fn declaration(rest: &str, known: &Known) -> Result<Asked> {
    let words = take_flags(rest, DECLARE)?;
    let (title, severity) = severity_last(&words.text, &known.config);
    let new = NewIncident {
        title: typed(&title, known),
        severity,
        service: words.value("service").map(words::plain),
        private: words.has("private"),
        test: words.has("test"),
        no_page: words.has("no-page"),
        anyway: false,
    };
    declare::check(&known.config, &new)?;
    Ok(Asked::Declare { new })
}

/// The last word, or the last two (`sev 1`), if they are a severity, or look like one that does not exist.
fn severity_last(text: &str, config: &Config) -> (String, Option<String>) {
    let is_severity = |word: &str| {
        let digits = word.trim_start_matches(|c: char| c.is_alphabetic() || c == '-');
        let lower = word.to_lowercase();
        let shaped = (lower.starts_with("sev") || lower.starts_with('p'))
            && !digits.is_empty()
            && digits.chars().all(|c| c.is_ascii_digit())
            && word.len() - digits.len() <= 4;
        shaped || !matches!(config.severity(word), SeverityWord::Unknown)
    };
    let parts: Vec<&str> = text.split_whitespace().collect();
    let cut = |n: usize| {
        let tail = parts[parts.len() - n..].join(" ");
        let head = text.trim_end().strip_suffix(parts[parts.len() - 1]).unwrap_or(text).trim_end();
        let head = if n == 2 { head.strip_suffix(parts[parts.len() - 2]).unwrap_or(head) } else { head };
        (head.trim_end().to_owned(), Some(tail))
    };
    match parts.as_slice() {
        [.., last] if parts.len() > 1 && is_severity(last) => cut(1),
        [.., "sev" | "SEV" | "Sev", n] if n.chars().all(|c| c.is_ascii_digit()) && parts.len() > 2 => cut(2),
        _ => (text.to_owned(), None),
    }
}

/// `INC-7`, `#inc-7-…` or its escaped form, as the first word after the verb.
fn target(rest: &str) -> (Option<Target>, &str) {
    let (word, after) = first_word(rest);
    if let Some(Reference::Channel(id, _)) = words::reference(word) {
        return (Some(Target::Channel(id)), after);
    }
    let lower = word.to_lowercase();
    let number = lower.strip_prefix("inc-").map(|n| n.trim_end_matches([':', ',']));
    match number.and_then(|n| n.parse().ok()) {
        Some(number) => (Some(Target::Number(number)), after),
        None => (None, rest),
    }
}

fn update(rest: &str, known: &Known) -> Result<Verb> {
    let words = take_flags(rest, &[option("status")])?;
    let mut status = words.value("status").map(status_word).transpose()?;
    let mut text = words.text.as_str();
    // `update identified: it is the cache` says the same.
    if status.is_none()
        && let Some((first, after)) = text.split_once(':')
        && let Some(named) = Status::from_word(&first.trim().to_lowercase()).filter(|s| s.is_open())
    {
        status = Some(named);
        text = after;
    }
    let text = typed(text, known);
    if text.trim().is_empty() {
        return Err(Error::refused("What is new? Say it after `update`."));
    }
    Ok(Verb::Update { status, text })
}

fn status_word(word: &str) -> Result<Status> {
    Status::from_word(&word.to_lowercase()).filter(|s| s.is_open()).ok_or_else(|| {
        Error::refused(format!(
            "{} is no status to update to: say investigating, identified or monitoring, or use `resolve`.",
            words::plain(word)
        ))
    })
}

fn severity(rest: &str) -> Result<Verb> {
    let word = rest.trim();
    if word.is_empty() {
        return Err(Error::refused("Which severity? `sev 2`, for example."));
    }
    let word =
        if word.chars().all(|c| c.is_ascii_digit()) { format!("sev{word}") } else { words::plain(word) };
    Ok(Verb::Severity { word })
}

fn role(rest: &str) -> Result<Verb> {
    let (word, who) = first_word(rest);
    let role = Role::from_spoken(word).ok_or_else(|| {
        let hint = nearest(word, Role::ALL.iter().map(|r| r.word()))
            .map(|near| format!(" Did you mean {near}?"))
            .unwrap_or_default();
        Error::refused(format!("Which role? ic, deputy, scribe or liaison.{hint}"))
    })?;
    Ok(Verb::Role { role, who: (!who.is_empty()).then(|| who.to_owned()) })
}

fn note(rest: &str, known: &Known) -> Result<Verb> {
    let words: Words = take_flags(rest, &[option("at"), option("type")])?;
    let kind = match words.value("type").map(str::to_lowercase).as_deref() {
        None | Some("note") => Kind::Note,
        Some("hypothesis") => Kind::Hypothesis,
        Some("decision") => Kind::Decision,
        Some("action") => Kind::Action,
        Some(other) => {
            return Err(Error::refused(format!(
                "{} is no type of note: say hypothesis, decision or action.",
                words::plain(other)
            )));
        }
    };
    let text = typed(&words.text, known);
    if text.trim().is_empty() {
        return Err(Error::refused("What shall be noted? Say it after `note`."));
    }
    Ok(Verb::Note { kind, at: words.value("at").map(str::to_owned), text })
}

fn reopen(rest: &str, known: &Known) -> Result<Verb> {
    let words = take_flags(rest, &[switch("page")])?;
    let reason = typed(&words.text, known);
    if reason.trim().is_empty() {
        return Err(Error::refused("Why is it opened again? Say it after `reopen`."));
    }
    Ok(Verb::Reopen { reason, page: words.has("page") })
}

/// What can be said, and about one command more.
pub fn help(config: &Config, about: &str) -> String {
    let name = &config.commands.incident;
    let line = |(verb, arguments, what): &(&str, &str, &str)| {
        let arguments = if arguments.is_empty() { String::new() } else { format!(" {arguments}") };
        format!("`{name} {verb}{arguments}` — {what}")
    };
    if let Some(verb) = VERBS.iter().find(|v| v.0 == about) {
        return line(verb);
    }
    let severities: Vec<String> =
        config.severities.iter().map(|s| format!("{} *{}* {}", s.emoji, s.label(), s.description)).collect();
    format!(
        "*{name}* alone opens a form. In an incident's channel the incident is implied.\n{}\n\n*Severities*\n{}",
        VERBS.iter().map(line).collect::<Vec<_>>().join("\n"),
        severities.join("\n")
    )
}
