//! Declaring: the incident, its timeline and everything it sets in motion, in one transaction.

use std::collections::BTreeSet;

use super::effects::Effect;
use super::lifecycle::{self, Remark};
use super::messages;
use super::model::{Actor, Incident, Kind, Origin, Source, Status, Step, StepState};
use super::timeline::NewEntry;
use crate::config::{Config, Service, Severity, SeverityWord, nearest};
use crate::error::{Error, Result};
use crate::ids::{IncidentId, SlackUserId, new_id};
use crate::oncall::Known;
use crate::oncall::model::Contact;
use crate::slack::blocks::plain;
use crate::slack::words::quoted;
use crate::store::Tx;

/// The longest title; PagerDuty takes 1024 characters, people read fewer.
pub const LONGEST_TITLE: usize = 200;

/// What somebody, or PagerDuty, wants declared. Names are checked by [`check`].
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[expect(clippy::struct_excessive_bools, reason = "four independent switches of the command")]
pub struct NewIncident {
    pub title: String,
    /// As typed; `None` is the configured default.
    pub severity: Option<String>,
    pub service: Option<String>,
    pub private: bool,
    pub test: bool,
    pub no_page: bool,
    /// Declare although one that looks the same is open.
    pub anyway: bool,
}

/// A request whose names are known.
#[derive(Clone, Debug)]
pub struct Checked<'a> {
    pub title: String,
    pub severity: &'a Severity,
    pub service: Option<&'a Service>,
}

/// Declared now, or found to be open already.
#[derive(Clone, Debug)]
pub enum Declared {
    /// A test may have a twin that is open.
    New {
        incident: Box<Incident>,
        other_test: Option<Box<Incident>>,
    },
    LooksLike(Box<Incident>),
}

/// Which part of a request is wrong: a form says it beside that field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Field {
    Title,
    Severity,
    Service,
}

/// Everything that can be refused about a request, without a database. What is missing comes last, so that a form
/// that asks for it finds the rest in order.
pub fn check<'a>(config: &'a Config, new: &NewIncident) -> Result<Checked<'a>, (Field, Error)> {
    let severity = match &new.severity {
        None => config.default_severity(),
        Some(word) => severity(config, word).map_err(|e| (Field::Severity, e))?,
    };
    let service = match &new.service {
        Some(word) => Some(config.service(word).map_err(|e| (Field::Service, e))?),
        None => config.default_service(),
    };
    let title = title(&new.title);
    let name = &config.commands.incident;
    if title.is_empty() {
        let say = format!("An incident needs a title: `{name} declare payments down sev1`.");
        return Err((Field::Title, Error::refused(say)));
    }
    if service.is_none() && config.pagerduty.is_some() && !new.no_page && !new.test && severity.page {
        let names: Vec<&str> = config.services.iter().map(|s| s.name.as_str()).collect();
        let say = match names.as_slice() {
            [] => {
                "No service is configured, so nobody can be paged. Add `--no-page` to declare all the same."
                    .into()
            }
            _ => format!(
                "Which service is it? Add `--service` and one of: {}. Or add `--no-page` to page nobody.",
                names.join(", ")
            ),
        };
        return Err((Field::Service, Error::refused(say)));
    }
    Ok(Checked { title, severity, service })
}

/// One line that channels, topics, PagerDuty and the public can show: what a link is called, without its address.
fn title(typed: &str) -> String {
    let mut line = String::new();
    for word in typed.split_whitespace() {
        let address = ["(https://", "(http://"].iter().find_map(|scheme| word.strip_prefix(scheme));
        match address.and_then(|address| address.rsplit_once(')')) {
            Some((_, after)) if !line.is_empty() => line.push_str(after),
            _ => line.extend([if line.is_empty() { "" } else { " " }, word]),
        }
    }
    plain(&line, LONGEST_TITLE).trim().to_owned()
}

/// Whether the title has every word that was said.
fn is_whole(title: &str, typed: &str) -> bool {
    title == plain(&typed.split_whitespace().collect::<Vec<_>>().join(" "), usize::MAX).trim()
}

/// A severity by any of its words; errs with what to say instead.
pub fn severity<'a>(config: &'a Config, word: &str) -> Result<&'a Severity> {
    let names: Vec<&str> = config.severities.iter().map(|s| s.name.as_str()).collect();
    match config.severity(word) {
        SeverityWord::Known(severity) => Ok(severity),
        SeverityWord::TooHigh => Err(Error::refused(format!(
            "There is no {word} here: {} is the most severe. Use that if you mean it.",
            names.first().copied().unwrap_or("sev1")
        ))),
        SeverityWord::Unknown => {
            // "Did you mean sev1?" to somebody who typed sev9 would be a guess.
            let is_number = word.ends_with(|c: char| c.is_ascii_digit());
            let near =
                nearest(word, config.severities.iter().flat_map(Severity::words)).filter(|_| !is_number);
            let hint = near.map_or_else(String::new, |near| format!(" Did you mean {near}?"));
            Err(Error::refused(format!(
                "“{}” is no severity.{hint} The severities are {}.",
                quoted(word),
                names.join(", ")
            )))
        }
    }
}

/// Declares on behalf of a person. The caller has checked the right to.
pub async fn declare(tx: &mut Tx, known: &Known, by: &Actor, new: &NewIncident) -> Result<Declared> {
    let checked = check(&known.config, new).map_err(|(_, error)| error)?;
    tx.declare_alone().await?;
    // A test is nobody's real incident, and another test of it may be meant: those are only told of.
    if !new.anyway
        && !new.test
        && let Some(twin) = look_alike(tx, &checked, new, by.slack.as_ref()).await?
    {
        return Ok(Declared::LooksLike(Box::new(twin)));
    }
    let now = tx.now();
    let wants_page = checked.severity.page && !new.no_page && !new.test && pager(&known.config, &checked);
    let incident = Incident {
        id: IncidentId(new_id(tx.clock())),
        number: tx.next_incident_number().await?,
        title: checked.title.clone(),
        severity: checked.severity.name.clone(),
        status: Status::Investigating,
        service: checked.service.map(|s| s.name.clone()),
        is_private: new.private,
        is_test: new.test,
        wants_page,
        origin: Origin::Slack,
        declared_by: by.slack.clone(),
        declared_by_name: by.name.clone(),
        declared_at: now,
        acknowledged_at: None,
        mitigated_at: None,
        ended_at: None,
        status_changed_at: now,
        channel_id: None,
        channel_name: None,
        last_update: None,
        last_update_at: None,
        update_due_at: checked.severity.update_every.map(|every| now + every),
        commander_due_at: commander_due(&known.config, checked.severity).map(|after| now + after),
        reopened_count: 0,
    };
    let other_test = if new.test { look_alike(tx, &checked, new, by.slack.as_ref()).await? } else { None };
    found(tx, known, &incident, by, Source::Slack).await?;
    if incident.wants_page {
        tx.cause_step(&Effect::Page { incident: incident.id }).await?;
    } else {
        let why = messages::why_nobody_is_paged(new, &checked, known.config.pagerduty.is_some());
        tx.set_step(incident.id, Step::Page, StepState::Skipped, Some(why), None).await?;
    }
    if !is_whole(&checked.title, &new.title) {
        // The whole of what somebody pasted is worth keeping.
        let remark = Remark { kind: Kind::Note, text: new.title.clone(), occurred_at: None };
        lifecycle::note(tx, &incident, by, &remark).await?;
    }
    Ok(Declared::New { incident: Box::new(incident), other_test: other_test.map(Box::new) })
}

/// Writes the incident down and sets the room in motion; paging is the caller's.
pub async fn found(
    tx: &mut Tx,
    known: &Known,
    incident: &Incident,
    by: &Actor,
    source: Source,
) -> Result<()> {
    tx.insert_incident(incident).await?;
    let text = format!("Declared {} as {}", incident.title, incident.severity_shout());
    let entry = NewEntry::new(Kind::Declared, source, by.clone(), text);
    tx.append(incident.id, entry.once(format!("declared:{}", incident.id))).await?;
    for user in first_invitees(known, incident, tx) {
        tx.want_member(incident.id, &user, "declared").await?;
    }
    tx.cause_step(&Effect::OpenChannel { incident: incident.id }).await?;
    tx.cause_step(&Effect::FirstUpdate { incident: incident.id }).await?;
    for step in [Step::Invite, Step::Summary, Step::Pin, Step::Topic, Step::Bookmark] {
        tx.set_step(incident.id, step, StepState::Waiting, None, None).await?;
    }
    let announced = !incident.is_private && known.config.slack.announce_channel.is_some();
    let state = if announced { StepState::Waiting } else { StepState::Skipped };
    let why = (!announced).then(|| if incident.is_private { "private" } else { "off" }.to_owned());
    tx.set_step(incident.id, Step::Announce, state, why, None).await?;
    if let Some(at) = incident.update_due_at {
        tx.cause_at(&Effect::RemindUpdate { incident: incident.id }, at).await?;
    }
    if let Some(at) = incident.commander_due_at {
        tx.cause_at(&Effect::NudgeCommander { incident: incident.id }, at).await?;
    }
    Ok(())
}

fn pager(config: &Config, checked: &Checked<'_>) -> bool {
    config.pagerduty.is_some() && checked.service.is_some()
}

pub(super) fn commander_due(config: &Config, severity: &Severity) -> Option<std::time::Duration> {
    if severity.needs_commander { config.incidents.ic_nudge_after } else { None }
}

/// Whoever declares, whoever is on call first, and the groups of severity and service. A test is for its declarer
/// alone, and a private incident leaves the groups out unless configured.
fn first_invitees(known: &Known, incident: &Incident, tx: &Tx) -> BTreeSet<SlackUserId> {
    let mut invitees: BTreeSet<SlackUserId> = incident.declared_by.iter().cloned().collect();
    if incident.is_test {
        return invitees;
    }
    let service = incident.service.as_ref().and_then(|name| known.config.find_service(name));
    if let Some(service) = service {
        let first_level = on_call(known, service, tx.now());
        invitees.extend(first_level.into_iter().filter(|c| c.level == 1).filter_map(|c| c.slack));
    }
    invitees.extend(invited_groups(known, incident));
    invitees
}

/// Whom the configuration wants in the room of such an incident.
pub(super) fn invited_groups(known: &Known, incident: &Incident) -> BTreeSet<SlackUserId> {
    let is_open_to_groups = !incident.is_private || known.config.incidents.private_invites_severity_groups;
    if incident.is_test || !is_open_to_groups {
        return BTreeSet::new();
    }
    let service = incident.service.as_ref().and_then(|name| known.config.find_service(name));
    let mut whom = service.map(|s| s.invite.clone()).unwrap_or_default();
    if let SeverityWord::Known(severity) = known.config.severity(&incident.severity) {
        whom.extend(severity.invite.iter().cloned());
    }
    let (people, unknown) = known.people.expand(&whom);
    if !unknown.is_empty() {
        tracing::warn!(incident = incident.number, unknown = unknown.join(", "), "nobody known to invite");
    }
    people
}

/// Who is on call for a service now, first level first, as last read.
pub fn on_call(known: &Known, service: &Service, at: crate::clock::Timestamp) -> Vec<Contact> {
    let policy = known.people.policy_of(service);
    policy.map(|id| known.people.on_call(id, at)).unwrap_or_default()
}

/// An open incident whose title says nearly the same, if this person may know of it. Of the same service, if one was
/// named: the default is nobody's opinion.
async fn look_alike(
    tx: &mut Tx,
    checked: &Checked<'_>,
    new: &NewIncident,
    who: Option<&SlackUserId>,
) -> Result<Option<Incident>> {
    let Some(who) = who else { return Ok(None) };
    let service = checked.service.map(|s| s.name.as_str());
    let title = plain_words(&checked.title);
    let is_alike = |other: &str| match title.as_str() {
        // Signs and pictures have no words to compare.
        "" => other == checked.title,
        _ => strsim::normalized_damerau_levenshtein(&plain_words(other), &title) > 0.8,
    };
    let mut open = tx.visible_open_incidents(who).await?;
    open.retain(|i| {
        (new.service.is_none() || i.service.as_deref() == service)
            && i.is_test == new.test
            && is_alike(&i.title)
    });
    let nearest = open.iter().position(|i| i.service.as_deref() == service).unwrap_or_default();
    Ok((!open.is_empty()).then(|| open.swap_remove(nearest)))
}

fn plain_words(title: &str) -> String {
    let letters =
        title.chars().map(|c| if c.is_alphanumeric() { c } else { ' ' }).flat_map(char::to_lowercase);
    letters.collect::<String>().split_whitespace().collect::<Vec<_>>().join(" ")
}
