//! The grammar of `/incident`: words in, what was asked for out. Free text survives as it was typed.

use super::declaration::{declaration, is_severity, is_severity_shaped};
use super::declare::NewIncident;
use super::help::VERBS;
use super::messages::LONGEST_TEXT;
use super::model::{Kind, Role, Status};
use super::times::HALVES;
use crate::config::{Config, nearest};
use crate::error::{Error, Result};
use crate::ids::ChannelId;
use crate::oncall::Known;
use crate::slack::spoken;
use crate::slack::words::{
    self, Reference, Unknown, Words, first_word, last_word, option, option_in, quoted, switch, take_flags,
    unquoted,
};

/// What was asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Asked {
    /// The form, with what was said already.
    Form {
        new: NewIncident,
    },
    Help {
        about: String,
    },
    List,
    Declare {
        new: NewIncident,
    },
    On {
        target: Option<Target>,
        verb: Verb,
    },
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
    /// Pages are counted from the last entries, the first is 1.
    Timeline {
        page: usize,
    },
    Acknowledge,
    Update {
        status: Option<Status>,
        text: String,
    },
    /// `update` with nothing after it.
    UpdateForm {
        status: Option<Status>,
    },
    Severity {
        word: String,
    },
    /// `sev` with nothing after it.
    Severities,
    Role {
        role: Role,
        who: Option<String>,
    },
    Note {
        kind: Kind,
        at: Option<String>,
        text: String,
    },
    Mitigated {
        text: String,
    },
    Resolve {
        text: String,
    },
    Cancel {
        text: String,
    },
    Reopen {
        reason: String,
        page: bool,
    },
    /// `reopen` with nothing after it.
    ReopenForm,
}

impl Asked {
    /// Looking writes nothing.
    pub fn only_looks(&self) -> bool {
        match self {
            Self::Form { .. } | Self::Help { .. } | Self::List => true,
            Self::Declare { .. } => false,
            Self::On { verb, .. } => verb.only_looks(),
        }
    }
}

impl Verb {
    pub fn only_looks(&self) -> bool {
        matches!(
            self,
            Self::Status
                | Self::Timeline { .. }
                | Self::UpdateForm { .. }
                | Self::Severities
                | Self::ReopenForm
        )
    }

    /// Whether to ask for it once more finds it done. What is said would be said twice.
    pub fn is_done_once(&self) -> bool {
        !matches!(self, Self::Update { .. } | Self::Note { .. })
    }

    /// As in the registry.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Status => "status",
            Self::Timeline { .. } => "timeline",
            Self::Acknowledge => "ack",
            Self::Update { .. } | Self::UpdateForm { .. } => "update",
            Self::Severity { .. } | Self::Severities => "sev",
            Self::Role { .. } => "role",
            Self::Note { .. } => "note",
            Self::Mitigated { .. } => "mitigated",
            Self::Resolve { .. } => "resolve",
            Self::Cancel { .. } => "cancel",
            Self::Reopen { .. } | Self::ReopenForm => "reopen",
        }
    }
}

/// Reads the words after the command's name.
pub fn parse(raw: &str, known: &Known) -> Result<Asked> {
    let config = &known.config;
    // `INC-7 resolve` is as good as `resolve INC-7`.
    let (lead, rest) = target(raw, config, false);
    let (word, rest) = first_word(rest);
    if word.is_empty() {
        let form = Asked::Form { new: NewIncident::default() };
        return Ok(if lead.is_some() { Asked::On { target: lead, verb: Verb::Status } } else { form });
    }
    let Some(spoken) = spoken::find(VERBS, word) else {
        return short(lead, word, rest, known).unwrap_or_else(|| Err(unknown_verb(raw, word, config)));
    };
    match spoken.word {
        "declare" => declaration(rest, known),
        "help" => Ok(Asked::Help { about: rest.to_owned() }),
        "list" if rest.is_empty() => Ok(Asked::List),
        "list" => Err(too_much("list", rest, config)),
        verb => on(lead, verb, rest, known),
    }
}

fn on(lead: Option<Target>, word: &str, rest: &str, known: &Known) -> Result<Asked> {
    let (rest, page) = if word == "timeline" { take_page(rest) } else { (rest, 1) };
    let says_something = matches!(word, "update" | "note" | "mitigated" | "resolve" | "cancel" | "reopen");
    let (own, rest) = match &lead {
        Some(_) => (None, rest),
        None => target(rest, &known.config, says_something),
    };
    // Where nothing else can follow, `status 7` is clear; `sev 2` is not.
    let takes_nothing = matches!(word, "status" | "timeline" | "ack");
    let bare = || rest.trim_start_matches('#').parse().ok().filter(|n| *n > 0).map(Target::Number);
    let (own, rest) = if own.is_none() && lead.is_none() && takes_nothing {
        bare().map_or((own, rest), |number| (Some(number), ""))
    } else {
        (own, rest)
    };
    let nothing_more = |verb: Verb| {
        if rest.is_empty() { Ok(verb) } else { Err(too_much(word, rest, &known.config)) }
    };
    let verb = match word {
        "status" => nothing_more(Verb::Status),
        "timeline" => nothing_more(Verb::Timeline { page }),
        "ack" => nothing_more(Verb::Acknowledge),
        "update" => update(rest, known),
        "sev" => Ok(severity(rest)),
        "role" => role(rest, &known.config),
        "note" => note(rest, known),
        "mitigated" => said(word, rest, known).map(|text| Verb::Mitigated { text }),
        "resolve" => said(word, rest, known).map(|text| Verb::Resolve { text }),
        "cancel" => said(word, rest, known).map(|text| Verb::Cancel { text }),
        "reopen" => reopen(rest, known),
        other => Err(Error::internal(format!("the registry has {other}, and the grammar has not"))),
    }?;
    Ok(Asked::On { target: lead.or(own), verb })
}

/// `page 2`, before or after the incident.
fn take_page(rest: &str) -> (&str, usize) {
    let is_page = |word| words::dashed(word).map_or(word, |(_, word)| word).eq_ignore_ascii_case("page");
    let (head, last) = last_word(rest);
    let (before, word) = last_word(head);
    let at_end = last.parse().ok().filter(|_| is_page(word)).map(|page| (before, page));
    let at_start = || {
        let (first, tail) = first_word(rest);
        let (number, after) = first_word(tail);
        number.parse().ok().filter(|_| is_page(first)).map(|page| (after, page))
    };
    at_end.or_else(at_start).unwrap_or((rest, 1))
}

/// Words that are no subcommand and clear all the same: `ic @ana`, `sev2`.
fn short(lead: Option<Target>, word: &str, rest: &str, known: &Known) -> Option<Result<Asked>> {
    if ["lead", "ic", "commander"].iter().any(|w| w.eq_ignore_ascii_case(word)) {
        return Some(on(lead, "role", &format!("ic {rest}"), known));
    }
    let (own, left) = target(rest, &known.config, false);
    (is_severity_shaped(word) && left.is_empty())
        .then(|| Ok(Asked::On { target: lead.or(own), verb: severity(word) }))
}

fn too_much(word: &str, rest: &str, config: &Config) -> Error {
    let name = &config.commands.incident;
    let rest = quoted(rest);
    Error::refused(match word {
        "list" => format!("`{name} list` takes no more words, so “{rest}” says nothing to me."),
        _ => format!(
            "`{name} {word}` takes an incident such as INC-7, or nothing; “{rest}” says nothing to me. \
             To tell everybody: `{name} update {rest}`"
        ),
    })
}

/// What is said with a verb. A flag before it is no part of it, and was meant to change what is done.
fn said(verb: &str, raw: &str, known: &Known) -> Result<String> {
    let (word, _) = first_word(raw);
    if words::dashed(word).is_some() {
        let name = &known.config.commands.incident;
        return Err(Error::refused(format!(
            "`{name} {verb}` knows no `{}`, so I have changed nothing. If it is part of the text, put the text in quotes.",
            quoted(word)
        )));
    }
    let text = typed(raw, known);
    let length = text.chars().count();
    if length > LONGEST_TEXT {
        return Err(Error::refused(format!(
            "That is {length} characters, and I take up to {LONGEST_TEXT} at a time: I have done and kept nothing. \
             Say it in several parts, or post it as a file."
        )));
    }
    Ok(text)
}

/// The words as a person reads them, without quotes around the whole, and without what no text should hold.
pub(super) fn typed(raw: &str, known: &Known) -> String {
    let words = words::plain_addressed(unquoted(raw), |id| known.people.name_of(id));
    words
        .chars()
        .filter(|c| !c.is_control() || matches!(c, '\n' | '\t'))
        .collect::<String>()
        .trim()
        .to_owned()
}

fn unknown_verb(raw: &str, word: &str, config: &Config) -> Error {
    let name = &config.commands.incident;
    let (said, all) = (quoted(word), quoted(raw));
    let rest = quoted(raw.trim().strip_prefix(word).unwrap_or_default());
    let hint = match spoken::near(VERBS, word) {
        _ if is_severity_shaped(word) => {
            format!("To declare an incident: `{name} declare {rest} {said}`.")
        }
        Some(near) => {
            format!("Did you mean `{}`?", format!("{name} {near} {rest}").trim_end())
        }
        None if is_severity(last_word(raw).1, config) => {
            format!("To declare an incident: `{name} declare {all}`.")
        }
        None => format!("To declare an incident: `{name} declare {all} sev1`. All commands: `{name} help`."),
    };
    Error::refused(format!("I do not know `{name} {said}`. {hint}"))
}

/// `INC-7`, `#inc-7-…` or its escaped form, as the first word. Where words follow that say something, a channel that
/// is not named like an incident's is one of them.
pub fn target<'a>(rest: &'a str, config: &Config, says_something: bool) -> (Option<Target>, &'a str) {
    let (word, after) = first_word(rest);
    let prefix = format!("{}-", config.incidents.channel_prefix);
    if let Some(Reference::Channel(id, label)) = words::reference(word) {
        let is_room = label.is_empty() || label.starts_with(&prefix);
        return if is_room || !says_something { (Some(Target::Channel(id)), after) } else { (None, rest) };
    }
    let lower = word.to_lowercase();
    let lower = lower.trim_end_matches([':', ',']);
    let number = match lower.strip_prefix('#').and_then(|name| name.strip_prefix(&prefix)) {
        Some(name) => name.split('-').next(),
        None => lower.strip_prefix("inc").map(|n| n.strip_prefix('-').unwrap_or(n)),
    };
    match number.and_then(|n| n.parse().ok()).filter(|n| *n > 0) {
        Some(number) => (Some(Target::Number(number)), after),
        None => (None, rest.trim()),
    }
}

fn update(rest: &str, known: &Known) -> Result<Verb> {
    let words = take_flags(rest, &[option("status")], Unknown::IsText)?;
    let mut status = words.value("status").map(status_word).transpose()?;
    let mut text = words.text.as_str();
    // `update identified: it is the cache` says the same.
    if status.is_none()
        && let Some((first, after)) = text.split_once(':')
        && let Some(named) = Status::from_word(&first.trim().to_lowercase())
    {
        if !named.is_open() {
            let (name, after) = (&known.config.commands.incident, quoted(after.trim()));
            let verb = if named == Status::Resolved { "resolve" } else { "cancel" };
            return Err(Error::refused(format!(
                "`{name} update` leaves the incident open. To end it: `{name} {verb} {after}`."
            )));
        }
        status = Some(named);
        text = after;
    }
    let text = said("update", text, known)?;
    Ok(if text.is_empty() { Verb::UpdateForm { status } } else { Verb::Update { status, text } })
}

fn status_word(word: &str) -> Result<Status> {
    const OPEN: [Status; 3] = [Status::Investigating, Status::Identified, Status::Monitoring];
    let lower = word.to_lowercase();
    Status::from_word(&lower).filter(|s| s.is_open()).ok_or_else(|| {
        let hint = match nearest(&lower, OPEN.iter().map(|s| s.word())) {
            Some(near) => format!("Did you mean {near}?"),
            None => "Say investigating, identified or monitoring, or use `resolve`.".to_owned(),
        };
        Error::refused(format!("“{}” is no status to update to. {hint}", quoted(word)))
    })
}

fn severity(rest: &str) -> Verb {
    let word = words::plain(rest.trim());
    match word.as_str() {
        "" => Verb::Severities,
        digits if digits.chars().all(|c| c.is_ascii_digit()) => {
            Verb::Severity { word: format!("sev{digits}") }
        }
        _ => Verb::Severity { word },
    }
}

/// `ic @ana`, `ic`, and the other way round.
fn role(rest: &str, config: &Config) -> Result<Verb> {
    let (word, who) = first_word(rest);
    if !first_word(who).1.is_empty() {
        let name = &config.commands.incident;
        return Err(Error::refused(format!("A role is for one person: `{name} role ic @ana`.")));
    }
    if let Some(role) = Role::from_spoken(word) {
        return Ok(Verb::Role { role, who: (!who.is_empty()).then(|| who.to_owned()) });
    }
    if let Some(role) = Role::from_spoken(who) {
        return Ok(Verb::Role { role, who: Some(word.to_owned()) });
    }
    let name = &config.commands.incident;
    let hint = match nearest(word, Role::ALL.iter().map(|r| r.word())) {
        Some(near) => format!("Did you mean `{name} role {near}`?"),
        None => format!("`{name} role ic @ana` gives it to Ana, `{name} role ic` to yourself."),
    };
    Err(Error::refused(format!("Which role: ic, deputy, scribe or liaison? {hint}")))
}

fn note(rest: &str, known: &Known) -> Result<Verb> {
    const TYPES: [&str; 4] = ["note", "hypothesis", "decision", "action"];
    let words: Words = take_flags(rest, &[option_in("at", &HALVES), option("type")], Unknown::IsText)?;
    let kind = match words.value("type").map(str::to_lowercase).as_deref() {
        None | Some("note") => Kind::Note,
        Some("hypothesis") => Kind::Hypothesis,
        Some("decision") => Kind::Decision,
        Some("action") => Kind::Action,
        Some(other) => {
            let hint = match nearest(other, TYPES) {
                Some(near) => format!("Did you mean {near}?"),
                None => "Say hypothesis, decision or action.".to_owned(),
            };
            return Err(Error::refused(format!("“{}” is no type of note. {hint}", quoted(other))));
        }
    };
    let text = said("note", &words.text, known)?;
    if text.is_empty() {
        let name = &known.config.commands.incident;
        return Err(Error::refused(format!(
            "What shall be noted? `{name} note rolled back to v41 --at 03:12`"
        )));
    }
    Ok(Verb::Note { kind, at: words.value("at").map(str::to_owned), text })
}

fn reopen(rest: &str, known: &Known) -> Result<Verb> {
    let words = take_flags(rest, &[switch("page")], Unknown::IsText)?;
    let reason = said("reopen", &words.text, known)?;
    if reason.is_empty() {
        return Ok(Verb::ReopenForm);
    }
    Ok(Verb::Reopen { reason, page: words.has("page") })
}
