//! What PagerDuty says about its incidents, as it concerns ours: linking, and everything that people do there.
//! Deliveries may be repeated, late or out of order: each rule is guarded by what is stored.

use std::time::Duration;

use uuid::Uuid;

use super::effects::{Effect, PageChange};
use super::extras;
use super::forms;
use super::lifecycle::end;
use super::merges;
use super::messages::{self, pagerduty_line};
use super::model::{Actor, Incident, Kind, LinkedPage, Source, Status, Step, StepRow, StepState};
use super::opening;
use super::responders::bring_in;
use super::timeline::NewEntry;
use super::told::{Told, actor};
use super::trouble;
use crate::clock::Timestamp;
use crate::config::AutoResolve;
use crate::error::Result;
use crate::front::Message;
use crate::ids::{IncidentId, PagerDutyIncidentId, PagerDutyUserId};
use crate::oncall::Known;
use crate::pagerduty;
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

/// Whom PagerDuty asks to help.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Responder {
    Person(Person),
    /// Whoever is on call on an escalation policy, by its name.
    Policy(String),
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

/// What somebody wrote in PagerDuty.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Words {
    pub id: Option<String>,
    pub text: String,
    /// PagerDuty sent only the beginning.
    pub trimmed: bool,
}

/// What a PagerDuty incident was merged into, as far as it is said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    pub id: PagerDutyIncidentId,
    pub title: Option<String>,
    pub html_url: Option<String>,
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
    Resolved { merged_into: Option<Target> },
    Annotated(Words),
    ResponderAdded { who: Responder, message: Option<String> },
    ResponderReplied { who: Responder, joined: bool },
    StatusUpdate(Words),
}

impl PageEvent {
    /// PagerDuty's word for the status that the event leaves its incident in, when it says so.
    fn status_after(&self) -> Option<&str> {
        match &self.what {
            What::Triggered | What::Unacknowledged | What::Reopened => Some("triggered"),
            What::Acknowledged => Some("acknowledged"),
            What::Resolved { .. } => Some("resolved"),
            _ => {
                let status = self.details.as_ref().map(|d| d.status.as_str());
                status.filter(|word| matches!(*word, "triggered" | "acknowledged" | "resolved"))
            }
        }
    }

    /// Is PagerDuty's incident open after this?
    pub(super) fn leaves_open(&self) -> bool {
        self.status_after() != Some("resolved")
    }
}

impl From<&pagerduty::Incident> for LinkedPage {
    fn from(page: &pagerduty::Incident) -> Self {
        Self {
            id: page.id.clone(),
            incident_id: None,
            is_primary: false,
            number: Some(page.number),
            title: page.title.clone(),
            html_url: Some(page.html_url.clone()),
            service_id: Some(page.service_id.clone()),
            urgency: Some(page.urgency.as_str().to_owned()),
            priority: page.priority.clone(),
            status: page.status.as_str().to_owned(),
            status_changed_at: page.last_status_change_at.unwrap_or(page.created_at),
            held_at: None,
            is_extra: false,
        }
    }
}

/// Takes an event in. Events about incidents that are none of ours change nothing.
pub async fn observe(tx: &mut Tx, known: &Known, event: &PageEvent) -> Result<()> {
    let (page, is_new) = match tx.linked_page(&event.page).await? {
        Some(page) => (page, false),
        None => match first_sight(tx, known, event).await? {
            Some(page) => (page, true),
            None => return Ok(()),
        },
    };
    let moved = match event.status_after() {
        Some(status) => tx.change_page_status(&page.id, status, event.occurred_at).await?,
        None => false,
    };
    if let Some(details) = &event.details {
        tx.describe_page(&page.id, details, event.occurred_at).await?;
    }
    let home = if let Some(id) = page.incident_id {
        Some(tx.lock_incident(id).await?)
    } else {
        let may_open = is_new || (moved && event.what == What::Reopened);
        find_home(tx, known, &page, event, may_open).await?
    };
    let Some(incident) = home else { return Ok(()) };
    // With its home, and with what the event said of it; but as old as it was.
    let now = tx.linked_page(&event.page).await?.unwrap_or_else(|| page.clone());
    let page = LinkedPage { status_changed_at: page.status_changed_at, ..now };
    apply(tx, known, &incident, &page, event, moved).await
}

/// Writes a PagerDuty incident down when it is, or may become, ours. Its status is what the event changes next.
async fn first_sight(tx: &mut Tx, known: &Known, event: &PageEvent) -> Result<Option<LinkedPage>> {
    let Some(details) = &event.details else { return Ok(None) };
    let on_our_service =
        details.service_id.as_deref().is_some_and(|id| known.config.service_by_pagerduty(id).is_some());
    if !on_our_service
        && own_incident(tx, details).await?.is_none()
        && merges::incident_merged_into(tx, event).await?.is_none()
    {
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
        priority: details.priority.clone(),
        status: "triggered".into(),
        status_changed_at: Timestamp::from_secs(0),
        held_at: None,
        is_extra: false,
    };
    tx.see_page(&page).await?;
    tx.linked_page(&event.page).await
}

/// The incident of ours that a PagerDuty incident without one belongs to from now on: the one whose key it carries,
/// the one that it was merged into, or a new one. `may_open`: it is heard of for the first time, or is open again.
async fn find_home(
    tx: &mut Tx,
    known: &Known,
    page: &LinkedPage,
    event: &PageEvent,
    may_open: bool,
) -> Result<Option<Incident>> {
    let Some(details) = &event.details else { return Ok(None) };
    if let Some(expected) = extras::expected(tx, details).await? {
        return extras::adopt(tx, &expected, &page.id).await;
    }
    if let Some(ours) = own_incident(tx, details).await? {
        return adopt(tx, known, ours.id, page, event.occurred_at).await.map(Some);
    }
    if let Some(id) = merges::incident_merged_into(tx, event).await? {
        tx.link_page(&page.id, id, false).await?;
        return tx.find_incident(id).await;
    }
    if may_open && event.leaves_open() {
        return opening::open_or_hold(tx, known, page, details, event.occurred_at).await;
    }
    Ok(None)
}

/// Ours by its key; or, because incidents made of alerts carry none, by the title under which we send alerts.
async fn own_incident(tx: &mut Tx, details: &Details) -> Result<Option<Incident>> {
    let key = details.incident_key.as_deref().and_then(|key| Uuid::parse_str(key).ok());
    if let Some(id) = key
        && let Some(incident) = tx.find_incident(IncidentId(id)).await?
    {
        return Ok(Some(incident));
    }
    let unpaged = tx.incidents_without_page().await?;
    Ok(unpaged.into_iter().find(|i| i.public_title() == details.title))
}

/// Makes a PagerDuty incident that carries our key the primary of ours, once, whether its webhook or the answer to
/// our call comes first; the incident as it is then. A second one for the same page is closed; so is one that comes when ours has ended.
pub async fn adopt(
    tx: &mut Tx,
    known: &Known,
    id: IncidentId,
    page: &LinkedPage,
    at: Timestamp,
) -> Result<Incident> {
    // The channel may be opening at this moment: one of the two sees the other.
    let incident = tx.lock_incident(id).await?;
    let primary = tx.linked_pages(id).await?.into_iter().find(|p| p.is_primary && p.id != page.id);
    let earlier = tx.pages_of_earlier_rounds(id).await?;
    if primary.is_some_and(|p| p.pages_now(&earlier)) {
        if tx.link_page(&page.id, id, false).await? && page.is_open() {
            tx.cause(&Effect::CloseDouble { incident: id, page: page.id.clone() }).await?;
        }
        tx.redraw(id).await?;
        return Ok(incident);
    }
    if !tx.make_primary(&page.id, id).await? {
        return Ok(incident);
    }
    let step = tx.step(id, Step::Page).await?;
    tx.set_step(id, Step::Page, StepState::Done, None, None).await?;
    let text = format!("Opened PagerDuty incident {}", page.label());
    let entry = NewEntry::new(Kind::Page, Source::Firebell, Actor::firebell(), text);
    // PagerDuty tells whole seconds: it would have opened before it was declared.
    let at = at.max(incident.declared_at);
    tx.append(id, entry.at(at).once(format!("pd:{}:linked", page.id))).await?;
    if !incident.is_open() {
        let note = "It ended before it was paged.".to_owned();
        tx.cause(&Effect::ChangePage { incident: id, change: PageChange::Resolve { note } }).await?;
    } else if page.status == "triggered" && was_acknowledged(tx, &incident, step.as_ref()).await? {
        tx.cause(&Effect::ChangePage { incident: id, change: PageChange::Acknowledge }).await?;
        tx.say(&incident, trouble::acknowledged_unrung(&known.config.commands.page)).await?;
    } else if step.is_some_and(|row| matches!(row.state, StepState::Retrying | StepState::Failed)) {
        tx.say(&incident, trouble::paged_at_last(page)).await?;
    }
    if incident.channel_id.is_some() {
        room_for_page(tx, &incident).await?;
    }
    tx.redraw(id).await?;
    Ok(incident)
}

/// Whoever acknowledged while this page was wanted and had not rung meant it, too. What went out by the second road has
/// rung.
pub(super) async fn was_acknowledged(
    tx: &mut Tx,
    incident: &Incident,
    step: Option<&StepRow>,
) -> Result<bool> {
    let Some(job) = step.filter(|row| !row.is_by_second_road()).and_then(|row| row.job_id) else {
        return Ok(false);
    };
    let wanted_at = tx.job(job).await?.map(|job| job.created_at);
    Ok(incident.acknowledged_at.is_some_and(|at| wanted_at.is_some_and(|wanted| at >= wanted)))
}

/// The room leads to the primary, and the primary to the room.
pub(super) async fn room_for_page(tx: &mut Tx, incident: &Incident) -> Result<()> {
    note_the_room(tx, incident).await?;
    tx.cause_step(&Effect::AddBookmark { incident: incident.id }).await
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

async fn apply(
    tx: &mut Tx,
    known: &Known,
    incident: &Incident,
    page: &LinkedPage,
    event: &PageEvent,
    moved: bool,
) -> Result<()> {
    if moved {
        tx.redraw(incident.id).await?;
    }
    let us = known.people.our_responder.as_ref();
    if us.is_some() && event.agent.as_ref().map(|a| &a.id) == us && event.what != What::Triggered {
        // An echo: it stands on the timeline under the name of the person who asked us for it.
        return bring_in(tx, known, incident, event, false).await;
    }
    let news = tell(tx, known, incident, page, event).await?;
    bring_in(tx, known, incident, event, news).await?;
    match &event.what {
        What::Acknowledged => {
            if tx.set_acknowledged(incident.id, event.occurred_at).await? {
                tx.redraw(incident.id).await?;
            }
            Ok(())
        }
        What::Resolved { merged_into: Some(into) } => merges::merged(tx, incident, page, event, into).await,
        What::Resolved { merged_into: None } if page.is_primary && moved => {
            primary_resolved(tx, known, incident, page, event).await
        }
        What::Reopened if !incident.is_open() && moved => {
            tx.say(incident, forms::ask_to_reopen(incident)).await
        }
        _ => Ok(()),
    }
}

/// Once on the timeline, and aloud where people need it. True when it is news.
async fn tell(
    tx: &mut Tx,
    known: &Known,
    incident: &Incident,
    page: &LinkedPage,
    event: &PageEvent,
) -> Result<bool> {
    let into = match &event.what {
        What::Resolved { merged_into: Some(into) } => tx.linked_page(&into.id).await?,
        _ => None,
    };
    let told = Told::of(known, page, event, into.as_ref());
    let at = event.occurred_at;
    let entry = NewEntry::new(told.kind, Source::PagerDuty, told.actor, told.text);
    let entry = tx.append(incident.id, entry.at(at).once(told.key)).await?;
    if entry.is_none() {
        return Ok(false);
    }
    // What came too late is history, not a line for the room. PagerDuty's log knows whole seconds, so that what is of the
    // same second is not late.
    let is_rounded = Timestamp::from_secs(at.as_secs()) == at;
    let latest = if is_rounded { at + Duration::from_millis(999) } else { at };
    let outrun = event.status_after().is_some() && latest < page.status_changed_at;
    if told.loud && !outrun && (incident.is_open() || event.leaves_open()) {
        tx.say_entry(incident, entry, pagerduty_line(told.icon, &told.line)).await?;
    }
    Ok(true)
}

/// A person resolving the primary resolves ours; PagerDuty doing it by itself only asks, unless configured. Not while
/// the next one is on its way, after a reopening: then it is the end of an earlier round.
async fn primary_resolved(
    tx: &mut Tx,
    known: &Known,
    incident: &Incident,
    page: &LinkedPage,
    event: &PageEvent,
) -> Result<()> {
    let next = tx.step(incident.id, Step::Page).await?.map(|row| row.state);
    let is_paged_anew = matches!(next, Some(StepState::Waiting | StepState::Retrying | StepState::Failed));
    if !incident.is_open() || is_paged_anew {
        return Ok(());
    }
    let by = actor(known, event.agent.as_ref());
    match (&event.agent, known.config.incidents.auto_resolve) {
        (Some(_), _) | (None, AutoResolve::Always) => {
            end(tx, incident, &by, Status::Resolved, "", Some(event.occurred_at)).await?;
            Ok(())
        }
        (None, AutoResolve::Ask) => {
            let text = messages::resolved_by_itself(page, incident, true);
            tx.say(incident, forms::ask_to_resolve(incident.id, &text)).await
        }
        (None, AutoResolve::Never) => {
            tx.say(incident, Message::text(messages::resolved_by_itself(page, incident, false))).await
        }
    }
}
