//! What each subcommand of `/incident` does and answers.

use jiff::civil::Time;

use super::command::{Asked, Target, Verb, help};
use super::declare::{self, Declared, NewIncident};
use super::forms::{self, Summary};
use super::lifecycle::{self, Remark};
use super::model::{Actor, Incident};
use super::{messages, pressed};
use crate::clock::Timestamp;
use crate::config::nearest;
use crate::error::{Error, Result};
use crate::front::{Caller, Message, Reply};
use crate::ids::SlackUserId;
use crate::oncall::Known;
use crate::slack::words::{self, Reference, first_word};
use crate::store::Tx;

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
        let first: Vec<String> = on_call.iter().filter(|c| c.level == 1).map(messages::contact).collect();
        if first.is_empty() { "paging the on-call".into() } else { format!("paging {}", first.join(", ")) }
    } else {
        "paging nobody".into()
    };
    let channel = super::model::channel_name(
        &known.config.incidents.channel_prefix,
        incident.number,
        &incident.title,
        0,
    );
    let text = messages::declaring(incident, &channel, &paging);
    if new.severity.is_some() {
        return Message::text(text);
    }
    let text = format!("{text}\nYou named no severity, so it is {}. Change it:", incident.severity_shout());
    let blocks = vec![crate::slack::blocks::section(&text), forms::severity_buttons(&known.config, incident)];
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
        incidents
            .iter()
            .take(25)
            .map(|i| format!("• {}", messages::list_line(i, now)))
            .collect::<Vec<_>>()
            .join("\n")
    };
    let mut text = if open.is_empty() {
        ":white_check_mark: No open incidents.".to_owned()
    } else {
        format!("*Open incidents*\n{}", lines(&open))
    };
    if open.len() > 25 {
        text += "\n… and more: the oldest are not shown.";
    }
    if !closed.is_empty() {
        text += "\n*Last closed*\n";
        text += &lines(&closed);
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
    let time = Time::strptime("%H:%M", &padded).map_err(|_| {
        Error::refused(format!("`--at` takes a time such as 14:30, not {}.", words::plain(text)))
    })?;
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
