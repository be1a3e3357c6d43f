//! Missed deliveries heal: what PagerDuty says now is compared with what we believe, and the missing transitions are
//! taken in as if their webhooks had just arrived, under the same dedup keys.

use std::time::Duration;

use crate::app::App;
use crate::clock::Timestamp;
use crate::error::{Error, Result};
use crate::ids::{PagerDutyIncidentId, PagerDutyUserId};
use crate::incidents::effects::Effect;
use crate::incidents::model::LinkedPage;
use crate::incidents::pages::{self, Details, PageEvent, Person, Target, What, Words};
use crate::jobs::{Finished, Job};
use crate::pagerduty::{Client, Incident, Ref, Status};
use crate::store::{Priority, Tx};

/// Webhooks come in seconds; this is for those that never came.
const EVERY: Duration = Duration::from_secs(300);
/// Clocks differ a little, and the last comparison took a moment.
const OVERLAP: Duration = Duration::from_secs(120);

pub(super) async fn heal(app: &App, job: &Job) -> Result<Finished> {
    match compare(app, job).await {
        Err(Error::Upstream(refused)) if refused.is_final() => {
            tracing::error!(%refused, "cannot compare with PagerDuty");
            come_again(job, app.db.write(Priority::Job).await?).await
        }
        other => other,
    }
}

/// A PagerDuty incident of which we know only that it is ours: what it is called, and whom it pages.
pub(super) async fn catch_up(app: &App, job: &Job, page: &PagerDutyIncidentId) -> Result<Finished> {
    let Some(pagerduty) = &app.pagerduty else { return job.finish_bare(&app.db).await };
    let before = app.db.read().await?.linked_page(page).await?;
    let Some(incident) = pagerduty.incident(page).await? else { return job.finish_bare(&app.db).await };
    let known = app.known();
    let mut tx = app.db.write(Priority::Job).await?;
    let Some(believed) = tx.lock_page(page).await? else { return job.finish(tx).await };
    for event in missed(&incident, None) {
        pages::observe(&mut tx, &known, &event).await?;
    }
    if !has_moved(before.as_ref(), Some(&believed)) {
        for event in missed(&incident, Some(&believed.status)) {
            pages::observe(&mut tx, &known, &event).await?;
        }
    }
    if let (Some(id), true, None) = (believed.incident_id, believed.is_primary, believed.html_url) {
        tx.cause_step(&Effect::AddBookmark { incident: id }).await?;
    }
    job.finish(tx).await
}

async fn come_again(job: &Job, mut tx: Tx) -> Result<Finished> {
    let next_at = tx.now() + EVERY;
    tx.cause_at(&Effect::Heal, next_at).await?;
    job.finish(tx).await
}

async fn compare(app: &App, job: &Job) -> Result<Finished> {
    let Some(pagerduty) = &app.pagerduty else { return job.finish_bare(&app.db).await };
    let services: Vec<String> = app.config.services.iter().map(|s| s.pagerduty_service.clone()).collect();
    let mut seen = pagerduty.open_incidents(&services).await?;
    let believed = app.db.read().await?.open_pages().await?;
    for page in believed {
        if seen.iter().all(|i| i.id != page.id)
            && let Some(incident) = pagerduty.incident(&page.id).await?
        {
            seen.push(incident);
        }
    }
    // This job was enqueued when the last comparison ended, however long ago that is.
    let since = job.created_at - OVERLAP;
    let mut trouble = None;
    for incident in &seen {
        // One that cannot be taken in keeps none of the others from it.
        if let Err(error) = take_in(app, pagerduty, incident, since).await {
            tracing::error!(page = incident.id.as_str(), %error, "cannot make good what was missed");
            trouble = trouble.or(Some(error));
        }
    }
    match trouble {
        None => come_again(job, app.db.write(Priority::Job).await?).await,
        Some(error) => Err(error),
    }
}

async fn take_in(app: &App, pagerduty: &Client, incident: &Incident, since: Timestamp) -> Result<()> {
    let believed = app.db.read().await?.linked_page(&incident.id).await?;
    let again;
    let incident = match &believed {
        // Was this moved after that was listed? Asked now, PagerDuty knows at least what we do.
        Some(page) if page.status != incident.status.as_str() => {
            again = pagerduty.incident(&incident.id).await?;
            let Some(again) = &again else { return Ok(()) };
            again
        }
        _ => incident,
    };
    let history = match &believed {
        // One that came and went without us is of no use to anybody now.
        None if incident.status == Status::Resolved => return Ok(()),
        None => history(pagerduty, incident, "triggered", None).await?,
        Some(page) if page.incident_id.is_some() && incident.updated_at.is_none_or(|at| at >= since) => {
            history(pagerduty, incident, &page.status, Some(since)).await?
        }
        Some(_) => Vec::new(),
    };
    let known = app.known();
    let mut tx = app.db.write(Priority::Job).await?;
    let has_moved = has_moved(believed.as_ref(), tx.lock_page(&incident.id).await?.as_ref());
    for event in history {
        pages::observe(&mut tx, &known, &event).await?;
    }
    if !has_moved {
        let believed = tx.linked_page(&incident.id).await?.map(|p| p.status);
        for event in missed(incident, believed.as_deref()) {
            pages::observe(&mut tx, &known, &event).await?;
        }
    }
    tx.commit().await
}

/// While we asked, a webhook told us of something newer than the answer: comparing the two would tell of its undoing.
fn has_moved(before: Option<&LinkedPage>, now: Option<&LinkedPage>) -> bool {
    before.map(|page| &page.status) != now.map(|page| &page.status)
}

/// What happened between then and now, by PagerDuty's own log, oldest first. Who was asked to help and what was
/// published to subscribers is not in it.
async fn history(
    pagerduty: &Client,
    incident: &Incident,
    status: &str,
    since: Option<Timestamp>,
) -> Result<Vec<PageEvent>> {
    // From its beginning: who was paged at some moment is told by what came before.
    let mut log = pagerduty.log_entries(&incident.id, None).await?;
    log.reverse(); // newest first, as they come, of one second too
    log.sort_by_key(|entry| entry.created_at);
    let is_missed = |at: Timestamp| since.is_none_or(|since| at >= since);
    let first = log.iter().find(|entry| !entry.assignees.is_empty());
    let mut now = Details { status: status.to_owned(), ..details(incident) };
    now.assignees = first.iter().flat_map(|entry| &entry.assignees).filter_map(person).collect();
    let mut events = Vec::new();
    for entry in &log {
        if !entry.assignees.is_empty() {
            now.assignees = entry.assignees.iter().filter_map(person).collect();
        }
        if !is_missed(entry.created_at) {
            continue;
        }
        let by = entry.agent.as_ref().and_then(person);
        let what = match (entry.kind.as_str(), &by) {
            ("trigger_log_entry", _) => What::Triggered,
            ("acknowledge_log_entry", Some(_)) => What::Acknowledged,
            ("unacknowledge_log_entry", _) => What::Unacknowledged,
            ("escalate_log_entry", _) => What::Escalated,
            ("delegate_log_entry", _) => What::Delegated,
            ("assign_log_entry", Some(_)) if now.status == "resolved" => What::Reopened,
            // PagerDuty's own assignments go with what caused them.
            ("assign_log_entry", Some(_)) => What::Reassigned,
            // The last one may be a merge, which the incident itself tells.
            ("resolve_log_entry", _) if incident.status != Status::Resolved => {
                What::Resolved { merged_into: None }
            }
            _ => continue,
        };
        let status = match what {
            What::Acknowledged => Status::Acknowledged,
            What::Resolved { .. } => Status::Resolved,
            _ => Status::Triggered,
        };
        status.as_str().clone_into(&mut now.status);
        let details = Some(now.clone());
        events.push(PageEvent { details, ..event(incident, what, entry.created_at, by) });
    }
    if log.iter().any(|entry| entry.kind == "annotate_log_entry" && is_missed(entry.created_at)) {
        events.extend(notes(pagerduty, incident, since).await?);
    }
    events.sort_by_key(|event| event.occurred_at);
    Ok(events)
}

async fn notes(pagerduty: &Client, incident: &Incident, since: Option<Timestamp>) -> Result<Vec<PageEvent>> {
    let notes = pagerduty.notes(&incident.id).await?;
    let missed = notes.into_iter().filter(|note| since.is_none_or(|since| note.created_at >= since));
    let told = missed.map(|note| {
        let by = note.user_id.map(|id| Person { id, name: String::new() });
        let words = Words { id: Some(note.id), text: note.content, trimmed: false };
        PageEvent { details: None, ..event(incident, What::Annotated(words), note.created_at, by) }
    });
    Ok(told.collect())
}

/// The events that lead from what we believe to what is.
fn missed(incident: &Incident, believed: Option<&str>) -> Vec<PageEvent> {
    let mut events = Vec::new();
    let changed_at = incident.last_status_change_at.unwrap_or(incident.created_at);
    if believed.is_none() && incident.status != Status::Resolved {
        events.push(event(incident, What::Triggered, incident.created_at, None));
    }
    match (incident.status, believed) {
        (Status::Acknowledged, Some("triggered") | None) => {
            for (by, at) in &incident.acknowledgers {
                events.push(event(incident, What::Acknowledged, *at, person(by)));
            }
        }
        (Status::Triggered, Some("acknowledged")) => {
            events.push(event(incident, What::Unacknowledged, changed_at, None));
        }
        (Status::Triggered | Status::Acknowledged, Some("resolved")) => {
            let by = incident.last_status_change_by.as_ref().and_then(person);
            events.push(event(incident, What::Reopened, changed_at, by));
        }
        (Status::Resolved, Some("triggered" | "acknowledged")) => {
            let merged_into =
                incident.merged_into.clone().map(|id| Target { id, title: None, html_url: None });
            let by = incident.last_status_change_by.as_ref().and_then(person);
            events.push(event(incident, What::Resolved { merged_into }, changed_at, by));
        }
        _ => {}
    }
    events
}

fn event(incident: &Incident, what: What, occurred_at: Timestamp, agent: Option<Person>) -> PageEvent {
    PageEvent { page: incident.id.clone(), what, occurred_at, agent, details: Some(details(incident)) }
}

/// As it is now.
fn details(incident: &Incident) -> Details {
    Details {
        number: Some(incident.number),
        title: incident.title.clone(),
        html_url: Some(incident.html_url.clone()),
        service_id: Some(incident.service_id.clone()),
        urgency: Some(incident.urgency.as_str().to_owned()),
        status: incident.status.as_str().to_owned(),
        incident_key: incident.incident_key.clone(),
        priority: incident.priority.clone(),
        assignees: incident.assignees.iter().filter_map(person).collect(),
    }
}

/// A user; a service that changed a status by itself is nobody.
fn person(reference: &Ref) -> Option<Person> {
    reference
        .kind
        .starts_with("user")
        .then(|| Person { id: PagerDutyUserId::new(reference.id.clone()), name: reference.summary.clone() })
}
