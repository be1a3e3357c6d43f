//! What PagerDuty says about its incidents, as it concerns ours: linking, opening channels for them, and everything
//! that people do there. Deliveries may be repeated, late or out of order: each rule is guarded by what is stored.

use std::time::Duration;

use uuid::Uuid;

use super::declare::found;
use super::effects::{Effect, PageChange};
use super::forms;
use super::lifecycle::{end, invite};
use super::messages::{paged_at_last, pagerduty_line};
use super::model::{Actor, Incident, Kind, LinkedPage, Origin, Source, Status, Step, StepState};
use super::timeline::NewEntry;
use super::told::{Told, actor};
use crate::clock::Timestamp;
use crate::config::{AutoOpen, AutoResolve, Config, Severity, Urgency};
use crate::error::Result;
use crate::ids::{IncidentId, PagerDutyIncidentId, PagerDutyUserId, new_id};
use crate::oncall::Known;
use crate::slack::blocks::{plain, untrusted};
use crate::store::Tx;

/// One thing that happened to a PagerDuty incident.
#[derive(Clone, Debug)]
pub struct PageEvent {
    pub page: PagerDutyIncidentId,
    pub what: What,
    pub occurred_at: Timestamp,
    /// Who did it; `None` is PagerDuty by itself.
    pub agent: Option<Person>,
    /// The incident as the event shows it; some events only name it.
    pub details: Option<Details>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Person {
    pub id: PagerDutyUserId,
    pub name: String,
}

#[derive(Clone, Debug)]
pub struct Details {
    pub number: Option<i64>,
    pub title: String,
    pub html_url: Option<String>,
    pub service_id: Option<String>,
    pub urgency: Option<String>,
    pub status: String,
    pub incident_key: Option<String>,
    pub priority: Option<String>,
    pub assignees: Vec<Person>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum What {
    Triggered,
    Acknowledged,
    Unacknowledged,
    Escalated,
    Reassigned,
    Delegated,
    PriorityChanged,
    Reopened,
    Resolved { merged_into: Option<PagerDutyIncidentId> },
    Annotated { text: String },
    ResponderAdded { who: Person },
    ResponderReplied { who: Person, joined: bool },
    StatusUpdate { text: String },
}

impl What {
    fn word(&self) -> &'static str {
        match self {
            Self::Triggered => "triggered",
            Self::Acknowledged => "acknowledged",
            Self::Unacknowledged => "unacknowledged",
            Self::Escalated => "escalated",
            Self::Reassigned => "reassigned",
            Self::Delegated => "delegated",
            Self::PriorityChanged => "priority",
            Self::Reopened => "reopened",
            Self::Resolved { .. } => "resolved",
            Self::Annotated { .. } => "annotated",
            Self::ResponderAdded { .. } => "responder-added",
            Self::ResponderReplied { .. } => "responder-replied",
            Self::StatusUpdate { .. } => "status-update",
        }
    }
}

/// Takes an event in. Events about incidents that are none of ours change nothing.
pub async fn observe(tx: &mut Tx, known: &Known, event: &PageEvent) -> Result<()> {
    let Some(page) = meet(tx, known, event).await? else { return Ok(()) };
    let Some(incident_id) = page.incident_id else {
        if let Some(status) = status_after(&event.what) {
            tx.change_page_status(&page.id, status, event.occurred_at).await?;
        }
        return Ok(());
    };
    let Some(incident) = tx.find_incident(incident_id).await? else { return Ok(()) };
    bring_in(tx, known, &incident, event).await?;
    apply(tx, known, &incident, &page, event).await
}

/// Finds the PagerDuty incident, or writes it down on first sight: ours by its key, or one to open a channel for.
async fn meet(tx: &mut Tx, known: &Known, event: &PageEvent) -> Result<Option<LinkedPage>> {
    if let Some(page) = tx.linked_page(&event.page).await? {
        return Ok(Some(page));
    }
    let Some(details) = &event.details else { return Ok(None) };
    let ours = match details.incident_key.as_deref().and_then(|key| Uuid::parse_str(key).ok()) {
        Some(id) => tx.find_incident(IncidentId(id)).await?,
        None => None,
    };
    let service = details.service_id.as_deref().and_then(|id| known.config.service_by_pagerduty(id));
    if ours.is_none() && service.is_none() {
        return Ok(None);
    }
    let page = LinkedPage {
        id: event.page.clone(),
        incident_id: None,
        is_primary: false,
        number: details.number,
        title: details.title.clone(),
        html_url: details.html_url.clone(),
        service_id: details.service_id.clone(),
        urgency: details.urgency.clone(),
        status: details.status.clone(),
        status_changed_at: event.occurred_at,
        held_at: None,
    };
    if !tx.see_page(&page).await? {
        return tx.linked_page(&event.page).await;
    }
    if let Some(ours) = ours {
        adopt(tx, ours.id, &page).await?;
    } else if page.is_open() && wants_channel(service.map(|s| s.auto_open), details) {
        open_or_hold(tx, known, &page, details).await?;
    }
    tx.linked_page(&event.page).await
}

/// Makes a PagerDuty incident that carries our key the primary of ours, once, whether its webhook or the answer to
/// our call comes first. A second one for the same page is closed; so is one that comes when ours has ended.
pub async fn adopt(tx: &mut Tx, id: IncidentId, page: &LinkedPage) -> Result<()> {
    // The channel may be opening at this moment: one of the two sees the other.
    let incident = tx.lock_incident(id).await?;
    let primary = tx.linked_pages(id).await?.into_iter().find(|p| p.is_primary && p.id != page.id);
    if primary.is_some_and(|p| p.is_open()) {
        if tx.link_page(&page.id, id, false).await? && page.is_open() {
            tx.cause(&Effect::CloseDouble { incident: id, page: page.id.clone() }).await?;
        }
        return tx.redraw(id).await;
    }
    if !tx.make_primary(&page.id, id).await? {
        return Ok(());
    }
    let was_told = tx.step(id, Step::Page).await?.is_some_and(|row| row.state == StepState::Retrying);
    tx.set_step(id, Step::Page, StepState::Done, None, None).await?;
    let text = format!("PagerDuty incident {} is paging", page.label());
    let entry = NewEntry::new(Kind::Page, Source::PagerDuty, Actor::firebell(), text);
    tx.append(id, entry.at(page.status_changed_at).once(format!("pd:{}:linked", page.id))).await?;
    if !incident.is_open() {
        let note = "It ended before it was paged.".to_owned();
        tx.cause(&Effect::ChangePage { incident: id, change: PageChange::Resolve { note } }).await?;
    } else if was_told {
        tx.say(&incident, paged_at_last(page)).await?;
    }
    if incident.channel_id.is_some() {
        note_the_room(tx, &incident).await?;
        tx.cause_step(&Effect::AddBookmark { incident: id }).await?;
    }
    tx.redraw(id).await
}

/// Tells those who look at PagerDuty where the room is.
pub async fn note_the_room(tx: &mut Tx, incident: &Incident) -> Result<()> {
    let Some(name) = &incident.channel_name else { return Ok(()) };
    let text = if incident.is_private {
        format!("{} is worked on in a private Slack channel", incident.label())
    } else {
        format!("{} is worked on in Slack: #{name}", incident.label())
    };
    // One note however often this is asked for: its id is the incident's own.
    tx.cause(&Effect::NotePage { incident: incident.id, note_id: incident.id.0, text }).await?;
    Ok(())
}

fn wants_channel(rule: Option<AutoOpen>, details: &Details) -> bool {
    match rule {
        Some(AutoOpen::All) => true,
        Some(AutoOpen::HighUrgency) => details.urgency.as_deref() != Some("low"),
        Some(AutoOpen::Never) | None => false,
    }
}

/// At most a few channels a minute: an alert storm must not become a channel storm.
async fn open_or_hold(tx: &mut Tx, known: &Known, page: &LinkedPage, details: &Details) -> Result<()> {
    let most = i64::from(known.config.incidents.max_auto_channels_per_minute);
    let a_minute_ago = tx.now() - Duration::from_secs(60);
    if tx.auto_opened_since(a_minute_ago).await? < most {
        open_for(tx, known, page, details.priority.as_deref()).await?;
        return Ok(());
    }
    tx.hold_page(&page.id).await?;
    let soon = tx.now() + Duration::from_secs(30);
    tx.cause_at(&Effect::Digest, soon).await?;
    Ok(())
}

/// Opens an incident of ours for one of PagerDuty's own; `None` when somebody else just did.
pub async fn open_for(
    tx: &mut Tx,
    known: &Known,
    page: &LinkedPage,
    priority: Option<&str>,
) -> Result<Option<Incident>> {
    let severity = severity_for(&known.config, priority, page.urgency.as_deref());
    let service = page.service_id.as_deref().and_then(|id| known.config.service_by_pagerduty(id));
    let now = tx.now();
    let incident = Incident {
        id: IncidentId(new_id(tx.clock())),
        number: tx.next_incident_number().await?,
        title: plain(&page.title, super::declare::LONGEST_TITLE),
        severity: severity.name.clone(),
        status: Status::Investigating,
        service: service.map(|s| s.name.clone()),
        is_private: false,
        is_test: false,
        wants_page: false,
        origin: Origin::PagerDuty,
        declared_by: None,
        declared_by_name: "PagerDuty".into(),
        declared_at: now,
        acknowledged_at: None,
        mitigated_at: None,
        ended_at: None,
        status_changed_at: now,
        channel_id: None,
        channel_name: None,
        last_update: None,
        last_update_at: None,
        update_due_at: severity.update_every.map(|every| now + every),
        commander_due_at: super::declare::commander_due(&known.config, severity).map(|after| now + after),
        reopened_count: 0,
    };
    let by = Actor { name: "PagerDuty".into(), slack: None };
    found(tx, known, &incident, &by, Source::PagerDuty).await?;
    if !tx.link_page(&page.id, incident.id, true).await? {
        return Err(crate::error::Error::refused("That PagerDuty incident has a channel already."));
    }
    tx.set_step(incident.id, Step::Page, StepState::Done, None, None).await?;
    Ok(Some(incident))
}

/// By priority if a severity names it; else the default, or for low urgency the first level that is low.
fn severity_for<'a>(config: &'a Config, priority: Option<&str>, urgency: Option<&str>) -> &'a Severity {
    let by_priority = priority.and_then(|p| {
        config
            .severities
            .iter()
            .find(|s| s.priority.as_deref().is_some_and(|own| own.eq_ignore_ascii_case(p)))
    });
    let by_urgency = || {
        if urgency != Some("low") {
            return None;
        }
        config.severities.iter().find(|s| s.urgency == Urgency::Low)
    };
    by_priority.or_else(by_urgency).unwrap_or_else(|| config.default_severity())
}

/// Being paged and not seeing why is the oldest complaint: everybody whom PagerDuty assigns or adds, and anyone who
/// acknowledges, is invited, private incidents included.
async fn bring_in(tx: &mut Tx, known: &Known, incident: &Incident, event: &PageEvent) -> Result<()> {
    let mut people: Vec<&Person> = Vec::new();
    if let Some(details) = &event.details {
        people.extend(&details.assignees);
    }
    match &event.what {
        What::ResponderAdded { who } | What::ResponderReplied { who, joined: true } => people.push(who),
        What::Acknowledged => people.extend(&event.agent),
        _ => {}
    }
    if incident.is_test || !incident.is_open() {
        return Ok(());
    }
    for person in people {
        match known.people.slack_of(&person.id) {
            Some(user) => invite(tx, incident, user, event.what.word()).await?,
            None if known.people.our_responder.as_ref() == Some(&person.id) => {}
            None => {
                tracing::warn!(
                    incident = incident.number,
                    responder = person.id.as_str(),
                    "is paged but not known in Slack"
                );
            }
        }
    }
    Ok(())
}

/// The status that an event leaves PagerDuty's incident in.
fn status_after(what: &What) -> Option<&'static str> {
    match what {
        What::Triggered | What::Unacknowledged | What::Escalated | What::Reopened => Some("triggered"),
        What::Acknowledged => Some("acknowledged"),
        What::Resolved { .. } => Some("resolved"),
        _ => None,
    }
}

async fn apply(
    tx: &mut Tx,
    known: &Known,
    incident: &Incident,
    page: &LinkedPage,
    event: &PageEvent,
) -> Result<()> {
    let moved = match status_after(&event.what) {
        Some(status) => tx.change_page_status(&page.id, status, event.occurred_at).await?,
        None => false,
    };
    if moved {
        tx.redraw(incident.id).await?;
    }
    let by_us =
        event.agent.is_some() && event.agent.as_ref().map(|a| &a.id) == known.people.our_responder.as_ref();
    if by_us && event.what != What::Triggered {
        return Ok(()); // it stands on the timeline under the name of the person who asked us for it
    }
    tell(tx, incident, page, event, &Told::of(known, page, event)).await?;
    match &event.what {
        What::Acknowledged => {
            if tx.set_acknowledged(incident.id, event.occurred_at).await? {
                tx.redraw(incident.id).await?;
            }
            Ok(())
        }
        What::Resolved { merged_into: Some(into) } => merged(tx, incident, page, into).await,
        What::Resolved { merged_into: None } if page.is_primary && moved => {
            primary_resolved(tx, known, incident, page, event).await
        }
        What::Reopened if !incident.is_open() && moved => {
            let text = format!(
                ":repeat: PagerDuty incident {} was reopened. If {} is not over, press *Reopen* on the summary.",
                untrusted(&page.label()),
                incident.label()
            );
            tx.say(incident, crate::front::Message::text(text)).await
        }
        _ => Ok(()),
    }
}

/// Once on the timeline, and aloud where people need it.
async fn tell(
    tx: &mut Tx,
    incident: &Incident,
    page: &LinkedPage,
    event: &PageEvent,
    told: &Told,
) -> Result<()> {
    let at = event.occurred_at;
    let key = format!("pd:{}:{}:{}:{}", page.id, event.what.word(), told.subject, at.as_secs());
    let entry = NewEntry::new(told.kind, Source::PagerDuty, told.actor.clone(), told.text.clone());
    let news = tx.append(incident.id, entry.at(at).once(key)).await?.is_some();
    if news && told.loud && incident.is_open() {
        tx.say(incident, pagerduty_line(told.icon, &told.line)).await?;
    }
    Ok(())
}

/// A person resolving the primary resolves ours; PagerDuty doing it by itself only asks, unless configured.
async fn primary_resolved(
    tx: &mut Tx,
    known: &Known,
    incident: &Incident,
    page: &LinkedPage,
    event: &PageEvent,
) -> Result<()> {
    if !incident.is_open() {
        return Ok(());
    }
    let actor = actor(known, event.agent.as_ref());
    match (&event.agent, known.config.incidents.auto_resolve) {
        (Some(_), _) | (None, AutoResolve::Always) => {
            end(tx, incident, &actor, Status::Resolved, "", Source::PagerDuty).await?;
        }
        (None, AutoResolve::Ask) => {
            let text = format!(
                ":question: PagerDuty resolved {} by itself. Is {} over?",
                untrusted(&page.label()),
                incident.label()
            );
            tx.say(incident, forms::ask_to_resolve(incident.id, &text)).await?;
        }
        (None, AutoResolve::Never) => {}
    }
    Ok(())
}

/// A merge closes one PagerDuty incident and carries on in another: so does the link.
async fn merged(
    tx: &mut Tx,
    incident: &Incident,
    page: &LinkedPage,
    into: &PagerDutyIncidentId,
) -> Result<()> {
    tx.set_merged_into(&page.id, into).await?;
    let target = tx.linked_page(into).await?;
    let elsewhere = target.as_ref().and_then(|t| t.incident_id).filter(|id| *id != incident.id);
    if let Some(other) = elsewhere {
        let other = tx.incident(other).await?;
        if page.is_primary && incident.is_open() && !other.is_private {
            let text = format!(
                ":twisted_rightwards_arrows: PagerDuty incident {} was merged into the one of {}. Is {} over?",
                untrusted(&page.label()),
                other.label(),
                incident.label()
            );
            tx.say(incident, forms::ask_to_resolve(incident.id, &text)).await?;
        }
        return Ok(());
    }
    if target.is_none() {
        let now = tx.now();
        let unseen = LinkedPage {
            id: into.clone(),
            incident_id: None,
            is_primary: false,
            number: None,
            title: page.title.clone(),
            html_url: None,
            service_id: page.service_id.clone(),
            urgency: page.urgency.clone(),
            status: "triggered".into(),
            status_changed_at: page.status_changed_at.min(now),
            held_at: None,
        };
        tx.see_page(&unseen).await?;
    }
    if page.is_primary {
        tx.make_primary(into, incident.id).await?;
    } else {
        tx.link_page(into, incident.id, false).await?;
    }
    tx.redraw(incident.id).await
}
