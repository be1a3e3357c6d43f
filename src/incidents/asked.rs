//! What each subcommand of `/incident` does and answers.

use super::command::{Asked, Target, Verb};
use super::declare::{self, Declared, NewIncident};
use super::forms::{self, Summary};
use super::lifecycle::{self, Remark};
use super::model::{Actor, Incident};
use super::times::last_time_of_day;
use super::{messages, pressed};
use crate::clock::Timestamp;
use crate::config::nearest;
use crate::error::{Error, Result};
use crate::front::{Answer, Caller, Message, Reply};
use crate::ids::SlackUserId;
use crate::oncall::Known;
use crate::slack::blocks::{self, untrusted};
use crate::slack::words::{self, Reference, first_word, quoted};
use crate::store::Tx;

/// What only looks.
pub async fn look(tx: &mut Tx, known: &Known, caller: &Caller, asked: &Asked) -> Result<Reply> {
    let (target, verb) = match asked {
        Asked::Form { new } => return Ok(Reply::Modal(forms::declare_form(&known.config, new))),
        Asked::List | Asked::Help { .. } | Asked::Declare { .. } => {
            return Err(Error::internal("no look at the database"));
        }
        Asked::On { target, verb } => (target.as_ref(), verb),
    };
    let incident = find(tx, known, caller, target, &spoken(known, verb)).await?;
    match verb {
        Verb::Timeline { page } => {
            let entries = tx.timeline(incident.id).await?;
            let zone = &known.config.incidents.timezone;
            let commands = &known.config.commands;
            Ok(Reply::Only(messages::timeline(&incident, &entries, *page, zone, commands)?))
        }
        Verb::UpdateForm { status } => {
            lifecycle::must_be_open(known, &incident)?;
            Ok(Reply::Modal(forms::update_form(&incident, *status)))
        }
        Verb::Severities => {
            lifecycle::must_be_open(known, &incident)?;
            Ok(Reply::Only(choose_severity(known, &incident, &messages::which_severity(&incident))))
        }
        Verb::ReopenForm if incident.is_open() => Ok(Reply::only(messages::is_open(&incident))),
        Verb::ReopenForm => Ok(Reply::Modal(forms::reopen_form(&incident))),
        _ => status(tx, &incident).await,
    }
}

/// What changes something, in one transaction.
pub async fn act(tx: &mut Tx, known: &Known, caller: &Caller, asked: &Asked) -> Result<Answer> {
    match asked {
        Asked::Declare { new } => {
            let by = Actor::from(caller);
            Ok(match declare::declare(tx, known, &by, new).await? {
                Declared::New { incident, other_test } => {
                    let message = declared(known, &incident, other_test.as_deref(), new, tx.now());
                    Answer::Done(Reply::Only(message))
                }
                // Nothing is declared before it is said that it is meant.
                Declared::LooksLike(twin) => {
                    Answer::Looked(Reply::Only(pressed::offer_anyway(&twin, new, tx.now())))
                }
            })
        }
        Asked::On { target, verb } => {
            let found = find(tx, known, caller, target.as_ref(), &spoken(known, verb)).await?;
            let incident = tx.lock_incident(found.id).await?;
            Ok(Answer::Done(verb_on(tx, known, caller, &incident, verb).await?))
        }
        _ => Ok(Answer::Looked(look(tx, known, caller, asked).await?)),
    }
}

/// "Declaring INC-7 …": what will happen in the next seconds, and whom to call if it does not.
pub(super) fn declared(
    known: &Known,
    incident: &Incident,
    other_test: Option<&Incident>,
    new: &NewIncident,
    now: Timestamp,
) -> Message {
    let paging = match declare::check(&known.config, new) {
        Ok(checked) if !incident.wants_page => {
            let has_pagerduty = known.config.pagerduty.is_some();
            format!("paging nobody ({})", messages::why_nobody_is_paged(new, &checked, has_pagerduty))
        }
        _ => paging(known, incident, now),
    };
    let prefix = &known.config.incidents.channel_prefix;
    let channel = super::model::channel_name(prefix, incident.number, &incident.title, 0);
    let mut text = messages::declaring(incident, &channel, &paging);
    if let Some(other) = other_test {
        text.push_str(&messages::another_test(other));
    }
    if new.severity.is_some() {
        return Message::text(text);
    }
    let text = format!("{text}\nYou named no severity, so it is *{}*. Change it:", incident.severity_shout());
    choose_severity(known, incident, &text)
}

/// `paging Ana Example ☎ +49 …`
fn paging(known: &Known, incident: &Incident, now: Timestamp) -> String {
    let service = incident.service.as_deref().and_then(|name| known.config.find_service(name));
    let on_call = service.map(|s| declare::on_call(known, s, now)).unwrap_or_default();
    let phones = known.config.paging.phones.are_shown(false);
    let first: Vec<String> =
        on_call.iter().filter(|c| c.level == 1).map(|c| messages::contact(c, phones)).collect();
    if first.is_empty() { "paging the on-call".into() } else { format!("paging {}", first.join(", ")) }
}

fn choose_severity(known: &Known, incident: &Incident, text: &str) -> Message {
    let buttons = forms::severity_buttons(&known.config, incident);
    Message::with_blocks(text, vec![blocks::section(text), buttons])
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
        Ok(Reply::only(format!("{label} {}.", if news { what } else { already })))
    };
    match verb {
        Verb::Acknowledge => {
            let news = lifecycle::acknowledge(tx, known, incident, &by).await?;
            done(news, "acknowledged", "was acknowledged already")
        }
        Verb::Update { status, text } => {
            lifecycle::update(tx, known, incident, &by, *status, text).await?;
            done(true, "updated", "")
        }
        Verb::Severity { word } => {
            let to = declare::severity(&known.config, word)?;
            let news = lifecycle::change_severity(tx, known, incident, &by, to).await?;
            let text = severity_now(tx, known, incident, news).await?;
            Ok(Reply::only(text))
        }
        Verb::Role { role, who } => {
            let to = person(known, caller, who.as_deref())?;
            let news = lifecycle::assign_role(tx, known, incident, &by, *role, &to).await?;
            let (role, name) = (role.title().to_lowercase(), untrusted(&to.name));
            done(news, &format!("has {name} as {role}"), &format!("had {name} as {role} already"))
        }
        Verb::Note { kind, at, text } => {
            let zone = &known.config.incidents.timezone;
            let occurred_at = at.as_deref().map(|at| last_time_of_day(at, zone, tx.now())).transpose()?;
            let remark = Remark { kind: *kind, text: text.clone(), occurred_at };
            lifecycle::note(tx, incident, &by, &remark).await?;
            let at = occurred_at.map(|at| format!(", as of {}", blocks::date(at))).unwrap_or_default();
            let is_cut = text.chars().count() > messages::LONGEST_LINE
                && !incident.is_private
                && (incident.wants_page || !tx.linked_pages(incident.id).await?.is_empty());
            let cut = if is_cut { messages::cut_in_pagerduty() } else { String::new() };
            done(true, &format!("noted{at}{cut}"), "")
        }
        Verb::Mitigated { text } => {
            if !lifecycle::mitigated(tx, known, incident, &by, text).await? {
                return in_vain(tx, known, incident, "was mitigated already", text).await;
            }
            done(true, "is mitigated. It stays open until somebody resolves it", "")
        }
        Verb::Resolve { text } => {
            if !lifecycle::resolve(tx, incident, &by, text).await? {
                return in_vain(tx, known, incident, &format!("is {} already", incident.status), text).await;
            }
            done(true, "resolved", "")
        }
        Verb::Cancel { text } => {
            if !lifecycle::cancel(tx, incident, &by, text).await? {
                return in_vain(tx, known, incident, &format!("is {} already", incident.status), text).await;
            }
            done(true, "cancelled", "")
        }
        Verb::Reopen { reason, page } => {
            if !lifecycle::reopen(tx, known, incident, &by, reason, *page).await? {
                return open_already(tx, known, incident, reason, *page).await;
            }
            let pages = *page && lifecycle::can_page(known, incident);
            let paging = if pages { paging(known, incident, tx.now()) } else { "paging nobody".into() };
            done(true, &format!("is open again, {paging}"), "")
        }
        _ => Err(Error::internal("looking changes nothing")),
    }
}

/// It is so already. What was said of it stands nowhere then, unless it is what was said when it was done: people repeat
/// what they saw no answer to.
async fn in_vain(
    tx: &mut Tx,
    known: &Known,
    incident: &Incident,
    already: &str,
    text: &str,
) -> Result<Reply> {
    let end = format!(": {text}");
    let is_kept =
        text.is_empty() || tx.timeline(incident.id).await?.iter().any(|entry| entry.text.ends_with(&end));
    let lost =
        if is_kept { String::new() } else { messages::not_kept(&known.config.commands, incident, text) };
    Ok(Reply::only(format!("{} {already}.{lost}", incident.label())))
}

/// There was nothing to reopen.
pub(super) async fn open_already(
    tx: &mut Tx,
    known: &Known,
    incident: &Incident,
    reason: &str,
    page: bool,
) -> Result<Reply> {
    let already = if page { "is open, so nobody was paged" } else { "is open" };
    in_vain(tx, known, incident, already, reason).await
}

/// "INC-7 is SEV1 now, paging …"
pub(super) async fn severity_now(
    tx: &mut Tx,
    known: &Known,
    before: &Incident,
    news: bool,
) -> Result<String> {
    let incident = tx.incident(before.id).await?;
    let shown = format!("{} is *{}*", incident.label(), incident.severity_shout());
    Ok(match (news, incident.wants_page && !before.wants_page) {
        (false, _) => format!("{shown} already."),
        (true, true) => format!("{shown} now, {}.", paging(known, &incident, tx.now())),
        (true, false) => format!("{shown} now."),
    })
}

fn spoken(known: &Known, verb: &Verb) -> String {
    format!("{} {}", known.config.commands.incident, verb.word())
}

/// The incident meant: named, or the one whose channel this is. Private ones exist for their members only. `command` is
/// what the hint says to type with the incident's name behind it.
pub async fn find(
    tx: &mut Tx,
    known: &Known,
    caller: &Caller,
    target: Option<&Target>,
    command: &str,
) -> Result<Incident> {
    let name = &known.config.commands.incident;
    let (channel, otherwise) = match target {
        Some(Target::Number(number)) => {
            let found = tx.visible_incident(&caller.user, *number).await?;
            return found.ok_or_else(|| {
                Error::not_found(format!("There is no incident INC-{number}. See `{name} list`."))
            });
        }
        Some(Target::Channel(channel)) => (Some(channel), "That channel is no incident's room."),
        None => (caller.channel.as_ref(), "Which incident?"),
    };
    if let Some(channel) = channel
        && let Some(incident) = tx.incident_in(channel).await?
        && let Some(incident) = tx.visible_incident_by_id(&caller.user, incident.id).await?
    {
        return Ok(incident);
    }
    let open = tx.visible_open_incidents(&caller.user).await?;
    let which = open.first().map_or_else(|| "INC-7".to_owned(), Incident::label);
    let hint = format!("Say this in its channel, or name it: `{command} {which}`.");
    let shown: Vec<String> = open.iter().take(5).map(|i| quoted(&i.headline())).collect();
    let shown = match shown.as_slice() {
        [] => "No incident is open.".to_owned(),
        some => format!("Open: {}.", some.join(", ")),
    };
    Err(Error::not_found(format!("{otherwise} {hint} {shown}")))
}

async fn status(tx: &mut Tx, incident: &Incident) -> Result<Reply> {
    let roles = tx.roles(incident.id).await?;
    let pages = tx.linked_pages(incident.id).await?;
    let steps = tx.steps(incident.id).await?;
    let summary =
        Summary { incident, emoji: "", roles: &roles, pages: &pages, steps: &steps, uninvited: &[] };
    Ok(Reply::Only(forms::status(&summary, tx.now())))
}

/// A mention, a handle, an address, or nobody (the caller).
fn person(known: &Known, caller: &Caller, word: Option<&str>) -> Result<Actor> {
    let Some(word) = word else { return Ok(Actor::from(caller)) };
    let (word, _) = first_word(word);
    if word.eq_ignore_ascii_case("me") {
        return Ok(Actor::from(caller));
    }
    let people = &known.people;
    let spoken = words::plain(word);
    let member = match words::reference(word) {
        Some(Reference::User(id)) => match people.member(&id) {
            Some(member) => Some(member),
            // Slack vouches for the mention; we have not met them yet.
            None => return Ok(met_by_mention(id, &spoken)),
        },
        Some(_) => {
            let text = format!("A role is for one person, and {} is none.", quoted(word));
            return Err(Error::refused(text));
        }
        None => people.member_by_handle(&spoken).or_else(|| people.member_by_email(&spoken)),
    };
    match member {
        Some(m) if m.is_bot || m.is_deleted || m.is_guest => Err(Error::refused(format!(
            "{} cannot take a role: only full members of this workspace can.",
            quoted(m.called())
        ))),
        Some(m) => Ok(Actor { name: m.called().to_owned(), slack: Some(m.id.clone()) }),
        None => {
            let handles = people.members.values().filter(|m| !m.is_deleted).map(|m| m.name.as_str());
            let hint = nearest(spoken.trim_start_matches('@'), handles)
                .map(|near| format!(" Did you mean @{near}?"))
                .unwrap_or_default();
            Err(Error::not_found(format!("I know nobody called {}.{hint}", quoted(word))))
        }
    }
}

fn met_by_mention(id: SlackUserId, spoken: &str) -> Actor {
    Actor { name: spoken.trim_start_matches('@').to_owned(), slack: Some(id) }
}
