//! Paging: making the PagerDuty incident, and telling PagerDuty what became of it. At least once, and never two: our
//! incident's id is the key, looked up before each repetition.

use std::time::Duration;

use uuid::Uuid;

use super::read;
use crate::app::App;
use crate::clock::Timestamp;
use crate::config::{Service, SeverityWord, Urgency};
use crate::error::{Error, Problem, Result, Upstream, Vendor};
use crate::ids::IncidentId;
use crate::incidents::declare;
use crate::incidents::effects::PageChange;
use crate::incidents::messages;
use crate::incidents::model::{Incident, LinkedPage, Step, StepState};
use crate::incidents::pages;
use crate::jobs::{Finished, Job};
use crate::oncall::model::Contact;
use crate::pagerduty::{self, Change, Event, NewIncident, Status};
use crate::store::Priority;

/// What the step's row says while the page went the second road and its number is not known yet.
const BY_SECOND_ROAD: &str = "paged through the Events API; its number follows";
/// How long PagerDuty may take to turn an event into an incident before we page again by the first road.
const EVENTS_TAKE: Duration = Duration::from_secs(120);
/// The first road is tried this often before the second is taken.
const FIRST_ROAD_TRIES: i64 = 2;

pub(super) fn on_call(app: &App, incident: &Incident, at: Timestamp) -> Vec<Contact> {
    let known = app.known();
    let service = incident.service.as_deref().and_then(|name| known.config.service(name).ok());
    service.map(|s| declare::on_call(&known, s, at)).unwrap_or_default()
}

pub(super) async fn create(app: &App, job: &Job, id: IncidentId) -> Result<Finished> {
    let mut tx = app.db.read().await?;
    let incident = tx.incident(id).await?;
    let linked = tx.linked_pages(id).await?;
    let step = tx.steps(id).await?.into_iter().find(|s| s.step == Step::Page);
    drop(tx);
    // The webhook about our own incident may have been quicker than the answer to us.
    if !incident.is_open() || linked.iter().any(LinkedPage::is_open) {
        return job.finish_bare(&app.db).await;
    }
    let service = incident.service.as_deref().map(|name| app.config.service(name)).transpose()?;
    let (Some(pagerduty), Some(service)) = (&app.pagerduty, service) else {
        return Err(Error::refused("no PagerDuty service is configured for this incident"));
    };
    let sent = step.filter(|s| s.detail.as_deref() == Some(BY_SECOND_ROAD)).map(|s| s.changed_at);
    let attempt = Attempt { app, job, incident: &incident, service, sent_by_events_at: sent };
    match attempt.first_road(pagerduty).await {
        Ok(page) => attempt.record(page).await,
        Err(error) if attempt.may_take_second_road(&error) => attempt.second_road(pagerduty, error).await,
        Err(error) => Err(error),
    }
}

struct Attempt<'a> {
    app: &'a App,
    job: &'a Job,
    incident: &'a Incident,
    service: &'a Service,
    /// When an earlier attempt paged through the Events API.
    sent_by_events_at: Option<Timestamp>,
}

impl Attempt<'_> {
    /// REST: look, then make. PagerDuty answers 400 to a key that is open already: then look again.
    async fn first_road(&self, pagerduty: &pagerduty::Client) -> Result<pagerduty::Incident> {
        let key = self.incident.id.to_string();
        if self.job.is_retry()
            && let Some(found) = self.look(pagerduty, &key).await?
        {
            return Ok(found);
        }
        let now = self.app.clock.now();
        if self.sent_by_events_at.is_some_and(|at| now.since(at) < EVENTS_TAKE) {
            return Err(not_yet("the event is accepted and not yet an incident"));
        }
        let people = self.app.directory.current();
        let severity = match self.app.config.severity(&self.incident.severity) {
            SeverityWord::Known(severity) => severity,
            SeverityWord::TooHigh | SeverityWord::Unknown => self.app.config.default_severity(),
        };
        let title = self.incident.public_title();
        let details = messages::pagerduty_details(self.incident);
        let new = NewIncident {
            title: &title,
            service_id: &self.service.pagerduty_service,
            escalation_policy_id: self.service.escalation_policy.as_deref(),
            priority_id: severity.priority.as_deref().and_then(|name| people.priority_id(name)),
            urgency: urgency(severity.urgency),
            incident_key: &key,
            details: &details,
            conference_url: None,
        };
        match pagerduty.create_incident(&new).await {
            Err(e) if pagerduty::is_duplicate_key(&e) => self
                .look(pagerduty, &key)
                .await?
                .ok_or_else(|| not_yet("the key is taken, and its incident not to be found")),
            other => Ok(other?),
        }
    }

    /// Ours under this key: open, or made since this job began (an earlier round of a reopened incident is neither).
    async fn look(&self, pagerduty: &pagerduty::Client, key: &str) -> Result<Option<pagerduty::Incident>> {
        let since = self.job.created_at - Duration::from_secs(300);
        let found = pagerduty.find_by_key(key, &self.service.pagerduty_service).await?;
        let mut ours: Vec<_> =
            found.into_iter().filter(|i| i.status != Status::Resolved || i.created_at >= since).collect();
        ours.sort_by_key(|i| (i.status == Status::Resolved, i.created_at));
        // Both roads made one: the first stays, the others are closed as its doubles.
        for double in ours.iter().skip(1).filter(|i| i.status != Status::Resolved) {
            tracing::warn!(incident = self.incident.number, double = double.number, "closing a double page");
            let change = Change {
                status: Some(Status::Resolved),
                resolution: Some("A double of the same page."),
                ..Change::default()
            };
            pagerduty.update_incident(&double.id, &change).await?;
        }
        Ok(ours.into_iter().next())
    }

    /// Only when the first road does not answer (a refusal is an answer), and not twice.
    fn may_take_second_road(&self, error: &Error) -> bool {
        matches!(error, Error::Upstream(Upstream { problem: Problem::Unavailable { .. }, .. }))
            && self.service.routing_key.is_some()
            && self.sent_by_events_at.is_none()
            && self.job.attempts >= FIRST_ROAD_TRIES
    }

    /// Events v2 under the same key. It pages, but tells no number: the job goes on looking for it.
    async fn second_road(&self, pagerduty: &pagerduty::Client, error: Error) -> Result<Finished> {
        let Some(routing_key) = &self.service.routing_key else { return Err(error) };
        let key = self.incident.id.to_string();
        let title = self.incident.public_title();
        let event = Event {
            routing_key,
            action: pagerduty::Action::Trigger,
            dedup_key: &key,
            summary: &title,
            source: "firebell",
            severity: pagerduty::Severity::Critical,
            link: None,
        };
        pagerduty.enqueue(&event).await?;
        let mut tx = self.app.db.write(Priority::Job).await?;
        let id = self.incident.id;
        tx.set_step(id, Step::Page, StepState::Retrying, Some(BY_SECOND_ROAD.into()), Some(self.job.id))
            .await?;
        tx.say(self.incident, messages::paged_by_second_road()).await?;
        tx.redraw(id).await?;
        tx.commit().await?;
        Err(error)
    }

    async fn record(&self, page: pagerduty::Incident) -> Result<Finished> {
        let id = self.incident.id;
        let mut tx = self.app.db.write(Priority::Job).await?;
        let linked = LinkedPage {
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
        };
        tx.see_page(&linked).await?;
        let incident = pages::adopt(&mut tx, id, &linked, page.created_at).await?;
        if self.job.is_retry() {
            tx.say(&incident, messages::paged_at_last(&linked)).await?;
        }
        self.job.finish(tx).await
    }
}

fn urgency(urgency: Urgency) -> pagerduty::Urgency {
    match urgency {
        Urgency::High => pagerduty::Urgency::High,
        Urgency::Low => pagerduty::Urgency::Low,
    }
}

fn not_yet(detail: &str) -> Error {
    let problem = Problem::Unavailable { detail: detail.into() };
    Error::Upstream(Upstream { service: Vendor::PagerDuty, call: "GET /incidents", problem })
}

/// Acknowledges, resolves or re-rates every PagerDuty incident of ours that is still open. Repeating it changes
/// nothing.
pub(super) async fn change(app: &App, job: &Job, id: IncidentId, change: &PageChange) -> Result<Finished> {
    let incident = read(app, id).await?;
    let open: Vec<LinkedPage> =
        app.db.read().await?.linked_pages(id).await?.into_iter().filter(LinkedPage::is_open).collect();
    let Some(pagerduty) = &app.pagerduty else { return job.finish_bare(&app.db).await };
    if !still_wanted(change, &incident) {
        return job.finish_bare(&app.db).await;
    }
    let people = app.directory.current();
    let mut changed = Vec::new();
    for page in &open {
        // An acknowledged one is acknowledged; acknowledging a resolved one would reopen it.
        if matches!(change, PageChange::Acknowledge) && page.status != "triggered" {
            continue;
        }
        let wanted = match change {
            PageChange::Acknowledge => Change { status: Some(Status::Acknowledged), ..Change::default() },
            PageChange::Resolve { note } => {
                Change { status: Some(Status::Resolved), resolution: Some(note), ..Change::default() }
            }
            PageChange::Severity => {
                let SeverityWord::Known(severity) = app.config.severity(&incident.severity) else { continue };
                Change {
                    urgency: Some(urgency(severity.urgency)),
                    priority_id: severity.priority.as_deref().and_then(|name| people.priority_id(name)),
                    ..Change::default()
                }
            }
        };
        let changed_at = pagerduty.update_incident(&page.id, &wanted).await?;
        changed.push((page, wanted.status, changed_at));
    }
    let mut tx = app.db.write(Priority::Job).await?;
    for (page, status, changed_at) in changed {
        if let Some(status) = status {
            // By PagerDuty's clock, as its webhooks are: ours may be ahead, and what a person does next not late.
            let at = changed_at.unwrap_or(page.status_changed_at);
            tx.change_page_status(&page.id, status.as_str(), at).await?;
        }
    }
    tx.redraw(id).await?;
    job.finish(tx).await
}

/// The incident may have moved on while PagerDuty was away: what it was to hear then is not true any more.
fn still_wanted(change: &PageChange, incident: &Incident) -> bool {
    match change {
        PageChange::Acknowledge | PageChange::Severity => incident.is_open(),
        PageChange::Resolve { .. } => !incident.is_open(),
    }
}

/// Notes have no key: the note's id stands at its end, and a second attempt looks for it.
pub(super) async fn note(
    app: &App,
    job: &Job,
    id: IncidentId,
    note_id: Uuid,
    text: &str,
) -> Result<Finished> {
    let primary = app.db.read().await?.linked_pages(id).await?.into_iter().next();
    let (Some(pagerduty), Some(page)) = (&app.pagerduty, primary) else {
        return job.finish_bare(&app.db).await;
    };
    let mark = format!("[{}]", note_id.simple());
    let there = job.is_retry() && pagerduty.notes(&page.id).await?.iter().any(|n| n.content.ends_with(&mark));
    if !there {
        pagerduty.add_note(&page.id, &format!("{text} {mark}")).await?;
    }
    job.finish_bare(&app.db).await
}
