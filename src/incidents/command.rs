//! The grammar of `/incident` and what each subcommand does. Free text survives as it was typed.

use jiff::civil::Time;

use super::declare::{self, Declared, NewIncident};
use super::forms::{self, Summary};
use super::lifecycle::{self, Remark};
use super::model::{Actor, Incident, Kind, Role, Status};
use super::{messages, pressed};
use crate::chat::words::{self, Flag, Reference, Words, first_word, option, switch, take_flags, unquoted};
use crate::clock::Timestamp;
use crate::config::{Config, SeverityWord, nearest};
use crate::error::{Error, Result};
use crate::front::{Caller, Message, Reply};
use crate::ids::SlackUserId;
use crate::oncall::Known;
use crate::store::Tx;

/// Every subcommand: its word, its arguments, what it is for.
pub const VERBS: &[(&str, &str, &str)] = &[
    ("declare", "<title…> [sev1..5] [--service S] [--private] [--test] [--no-page]", "declare an incident"),
    ("status", "[INC-n]", "where it stands"),
    ("list", "", "open incidents, and the last closed ones"),
    ("ack", "[INC-n]", "acknowledge, here and in PagerDuty"),
    ("update", "[INC-n] [--status S] <text>", "tell everybody what is new (S: investigating, identified, monitoring)"),
    ("sev", "[INC-n] <1..5>", "change the severity; raising pages and invites"),
    ("role", "[INC-n] <ic|deputy|scribe|liaison> [@user]", "give a role; without a name, to yourself"),
    ("note", "[INC-n] <text> [--at HH:MM] [--type hypothesis|decision|action]", "add to the timeline and to PagerDuty"),
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
    Channel(crate::ids::ChannelId),
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
        None => format!("To declare an incident: `{name} declare {word} … sev1`. All commands: `{name} help`."),
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
        service: words.value("service").map(|s| words::plain(s)),
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
    let word = if word.chars().all(|c| c.is_ascii_digit()) { format!("sev{word}") } else { words::plain(word) };
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

/// What only looks.
pub async fn look(tx: &mut Tx, known: &Known, caller: &Caller, asked: &Asked) -> Result<Reply> {
    match asked {
        Asked::Form { title } => Ok(Reply::Modal(forms::declare_form(&known.config, title))),
        Asked::Help { about } => Ok(Reply::only(help(&known.config, about))),
        Asked::List => list(tx, caller).await,
        Asked::On { target, verb: Verb::Timeline } => {
            let incident = find(tx, known, caller, target.as_ref()).await?;
            let entries = tx.timeline(incident.id).await?;
            Ok(Reply::only(messages::timeline(&incident, &entries)))
        }
        Asked::On { target, .. } => {
            let incident = find(tx, known, caller, target.as_ref()).await?;
            status(tx, &incident).await
        }
        Asked::Declare { .. } => Err(Error::internal("declaring is no look")),
    }
}

/// What changes something, in one transaction.
pub async fn act(tx: &mut Tx, known: &Known, caller: &Caller, asked: &Asked) -> Result<Reply> {
    match asked {
        Asked::Declare { new } => declare_for(tx, known, caller, new).await,
        Asked::On { target, verb } => {
            let incident = find(tx, known, caller, target.as_ref()).await?;
            verb_on(tx, known, caller, &incident, verb).await
        }
        _ => look(tx, known, caller, asked).await,
    }
}

pub async fn declare_for(tx: &mut Tx, known: &Known, caller: &Caller, new: &NewIncident) -> Result<Reply> {
    let by = Actor::from(caller);
    match declare::declare(tx, known, &by, new).await? {
        Declared::New(incident) => Ok(Reply::Only(declared(known, &incident, new, tx.now()))),
        Declared::LooksLike(twin) => Ok(Reply::Only(pressed::offer_anyway(&twin, new, tx.now()))),
    }
}

/// "Declaring INC-7 …": what will happen in the next seconds, and whom to call if it does not.
fn declared(known: &Known, incident: &Incident, new: &NewIncident, now: Timestamp) -> Message {
    let service = incident.service.as_deref().and_then(|name| known.config.service(name).ok());
    let paging = if incident.wants_page {
        let on_call = service.map(|s| declare::on_call(known, s, now)).unwrap_or_default();
        let first: Vec<String> =
            on_call.iter().filter(|c| c.level == 1).map(super::messages::contact).collect();
        if first.is_empty() { "paging the on-call".into() } else { format!("paging {}", first.join(", ")) }
    } else {
        "paging nobody".into()
    };
    let channel =
        super::model::channel_name(&known.config.incidents.channel_prefix, incident.number, &incident.title, 0);
    let text = messages::declaring(incident, &channel, &paging);
    if new.severity.is_some() {
        return Message::text(text);
    }
    let text = format!(
        "{text}\nYou named no severity, so it is {}. Change it:",
        incident.severity_shout()
    );
    let blocks =
        vec![crate::slack::blocks::section(&text), forms::severity_buttons(&known.config, incident)];
    Message::with_blocks(text, blocks)
}

async fn verb_on(
    tx: &mut Tx,
    known: &Known,
    caller: &Caller,
    incident: &Incident,
    verb: &Verb,
) -> Result<Reply> {
    let by = Actor::from(caller);
    let label = incident.label();
    let done = |news: bool, what: &str, already: &str| {
        Ok(Reply::only(if news { format!("{label} {what}.") } else { format!("{label} {already}.") }))
    };
    match verb {
        Verb::Status | Verb::Timeline => status(tx, incident).await,
        Verb::Acknowledge => {
            let news = lifecycle::acknowledge(tx, incident, &by).await?;
            done(news, "acknowledged", "was acknowledged already")
        }
        Verb::Update { status, text } => {
            lifecycle::update(tx, known, incident, &by, *status, text).await?;
            done(true, "updated", "")
        }
        Verb::Severity { word } => {
            let to = declare::severity(&known.config, word)?;
            let news = lifecycle::change_severity(tx, known, incident, &by, to).await?;
            done(news, &format!("is {} now", to.label()), &format!("is {} already", to.label()))
        }
        Verb::Role { role, who } => {
            let to = person(known, caller, who.as_deref())?;
            let news = lifecycle::assign_role(tx, incident, &by, *role, &to).await?;
            let role = role.title().to_lowercase();
            let name = crate::slack::blocks::untrusted(&to.name);
            done(news, &format!("has {name} as {role}"), &format!("had {name} as {role} already"))
        }
        Verb::Note { kind, at, text } => {
            let occurred_at = at.as_deref().map(|at| time_of_day(at, known, tx.now())).transpose()?;
            let remark = Remark { kind: *kind, text: text.clone(), occurred_at };
            lifecycle::note(tx, incident, &by, &remark).await?;
            done(true, "noted", "")
        }
        Verb::Mitigated => {
            let news = lifecycle::mitigated(tx, incident, &by).await?;
            done(news, "is mitigated", "was mitigated already")
        }
        Verb::Resolve { text } => {
            let news = lifecycle::resolve(tx, incident, &by, text).await?;
            done(news, "resolved", &format!("is {} already", incident.status))
        }
        Verb::Cancel { text } => {
            let news = lifecycle::cancel(tx, incident, &by, text).await?;
            done(news, "cancelled", &format!("is {} already", incident.status))
        }
        Verb::Reopen { reason, page } => {
            let news = lifecycle::reopen(tx, known, incident, &by, reason, *page).await?;
            done(news, "is open again", "is open")
        }
    }
}

/// The incident meant: named, or the one whose channel this is. Private ones exist for their members only.
async fn find(tx: &mut Tx, known: &Known, caller: &Caller, target: Option<&Target>) -> Result<Incident> {
    let name = &known.config.commands.incident;
    let found = match target {
        Some(Target::Number(number)) => {
            let found = tx.visible_incident(&caller.user, *number).await?;
            return found.ok_or_else(|| {
                Error::not_found(format!("There is no incident INC-{number}. See `{name} list`."))
            });
        }
        Some(Target::Channel(channel)) => tx.incident_in(channel).await?,
        None => match &caller.channel {
            Some(channel) => tx.incident_in(channel).await?,
            None => None,
        },
    };
    match found {
        Some(incident) => tx.visible_incident_by_id(&caller.user, incident.id).await?,
        None => None,
    }
    .ok_or_else(|| {
        Error::not_found(format!(
            "Which incident? Say this in its channel, or name it, as in `{name} status INC-7`. Open ones: `{name} list`."
        ))
    })
}

async fn list(tx: &mut Tx, caller: &Caller) -> Result<Reply> {
    let now = tx.now();
    let open = tx.visible_open_incidents(&caller.user).await?;
    let closed = tx.visible_recent_incidents(&caller.user, 5).await?;
    let lines = |incidents: &[Incident]| {
        incidents.iter().take(25).map(|i| format!("• {}", messages::list_line(i, now))).collect::<Vec<_>>().join("\n")
    };
    let mut text = if open.is_empty() {
        ":white_check_mark: No open incidents.".to_owned()
    } else {
        format!("*Open incidents*\n{}", lines(&open))
    };
    if open.len() > 25 {
        text.push_str(&format!("\n… and {} more", open.len() - 25));
    }
    if !closed.is_empty() {
        text.push_str(&format!("\n*Last closed*\n{}", lines(&closed)));
    }
    Ok(Reply::only(text))
}

async fn status(tx: &mut Tx, incident: &Incident) -> Result<Reply> {
    let roles = tx.roles(incident.id).await?;
    let pages = tx.linked_pages(incident.id).await?;
    let steps = tx.steps(incident.id).await?;
    let summary =
        Summary { incident, emoji: "", roles: &roles, pages: &pages, steps: &steps, uninvited: &[] };
    Ok(Reply::only(forms::status_text(&summary, tx.now())))
}

/// A mention, a handle, or nobody (the caller).
fn person(known: &Known, caller: &Caller, word: Option<&str>) -> Result<Actor> {
    let Some(word) = word else { return Ok(Actor::from(caller)) };
    let (word, _) = first_word(word);
    if word.eq_ignore_ascii_case("me") {
        return Ok(Actor::from(caller));
    }
    let user: Option<SlackUserId> = match words::reference(word) {
        Some(Reference::User(id)) => Some(id),
        Some(_) => None,
        None => known.people.member_by_handle(word).map(|m| m.id.clone()),
    };
    let member = user.and_then(|id| known.people.member(&id).cloned());
    match member {
        Some(m) if m.is_bot || m.is_deleted => {
            Err(Error::refused(format!("{} cannot take a role: a bot or a deactivated account.", m.called())))
        }
        Some(m) => Ok(Actor { name: m.called().to_owned(), slack: Some(m.id) }),
        None => {
            let handles = known.people.members.values().filter(|m| !m.is_deleted).map(|m| m.name.as_str());
            let hint = nearest(word.trim_start_matches('@'), handles)
                .map(|near| format!(" Did you mean @{near}?"))
                .unwrap_or_default();
            Err(Error::not_found(format!("I know nobody called {}.{hint}", words::plain(word))))
        }
    }
}

/// `14:30` today in the configured zone, or yesterday if that is still to come.
fn time_of_day(text: &str, known: &Known, now: Timestamp) -> Result<Timestamp> {
    let zone = &known.config.incidents.timezone;
    let padded = if text.len() == 4 { format!("0{text}") } else { text.to_owned() };
    let time = Time::strptime("%H:%M", &padded)
        .map_err(|_| Error::refused(format!("`--at` takes a time such as 14:30, not {}.", words::plain(text))))?;
    let today = now.to_jiff().to_zoned(zone.clone()).date();
    let at = |date: jiff::civil::Date| {
        date.to_datetime(time)
            .to_zoned(zone.clone())
            .map(|z| Timestamp::from_micros(z.timestamp().as_microsecond()))
            .map_err(|_| Error::refused("That time does not exist on that day."))
    };
    let today_at = at(today)?;
    if today_at <= now {
        return Ok(today_at);
    }
    at(today.yesterday().map_err(|_| Error::refused("That time is out of range."))?)
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
    let severities: Vec<String> = config
        .severities
        .iter()
        .map(|s| format!("{} *{}* {}", s.emoji, s.label(), s.description))
        .collect();
    format!(
        "*{name}* alone opens a form. In an incident's channel the incident is implied.\n{}\n\n*Severities*\n{}",
        VERBS.iter().map(line).collect::<Vec<_>>().join("\n"),
        severities.join("\n")
    )
}
