//! Missed deliveries heal: what PagerDuty says now is compared with what we believe, and the missing transitions are
//! taken in as if their webhooks had just arrived, under the same dedup keys.

use std::time::Duration;

use crate::app::App;
use crate::error::{Error, Result};
use crate::ids::{PagerDutyIncidentId, PagerDutyUserId};
use crate::incidents::effects::Effect;
use crate::incidents::pages::{self, Details, PageEvent, Person, Target, What};
use crate::jobs::{Finished, Job};
use crate::pagerduty::{Incident, Ref, Status};
use crate::store::{Priority, Tx};

/// Webhooks come in seconds; this is for those that never came.
const EVERY: Duration = Duration::from_secs(300);

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
    let Some(incident) = pagerduty.incident(page).await? else { return job.finish_bare(&app.db).await };
    let known = app.known();
    let mut tx = app.db.write(Priority::Job).await?;
    let Some(believed) = tx.linked_page(page).await? else { return job.finish(tx).await };
    for event in missed(&incident, None).into_iter().chain(missed(&incident, Some(&believed.status))) {
        pages::observe(&mut tx, &known, &event).await?;
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
    let known = app.known();
    let mut tx = app.db.write(Priority::Job).await?;
    for incident in &seen {
        let believed = tx.linked_page(&incident.id).await?.map(|p| p.status);
        for event in missed(incident, believed.as_deref()) {
            pages::observe(&mut tx, &known, &event).await?;
        }
    }
    come_again(job, tx).await
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

fn event(
    incident: &Incident,
    what: What,
    occurred_at: crate::clock::Timestamp,
    agent: Option<Person>,
) -> PageEvent {
    PageEvent {
        page: incident.id.clone(),
        what,
        occurred_at,
        agent,
        details: Some(Details {
            number: Some(incident.number),
            title: incident.title.clone(),
            html_url: Some(incident.html_url.clone()),
            service_id: Some(incident.service_id.clone()),
            urgency: Some(incident.urgency.as_str().to_owned()),
            status: incident.status.as_str().to_owned(),
            incident_key: incident.incident_key.clone(),
            priority: incident.priority.clone(),
            assignees: incident.assignees.iter().filter_map(person).collect(),
        }),
    }
}

/// A user; a service that changed a status by itself is nobody.
fn person(reference: &Ref) -> Option<Person> {
    reference
        .kind
        .starts_with("user")
        .then(|| Person { id: PagerDutyUserId::new(reference.id.clone()), name: reference.summary.clone() })
}
