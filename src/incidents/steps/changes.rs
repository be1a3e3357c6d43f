//! Telling PagerDuty what became of an incident. Repeating any of it changes nothing.

use uuid::Uuid;

use super::page::urgency;
use super::read;
use crate::app::App;
use crate::clock::Timestamp;
use crate::config::SeverityWord;
use crate::error::{Error, Problem, Result, Upstream};
use crate::ids::{IncidentId, PagerDutyIncidentId};
use crate::incidents::effects::{Effect, PageChange};
use crate::incidents::model::{Incident, LinkedPage};
use crate::incidents::trouble;
use crate::jobs::{Finished, Job};
use crate::pagerduty::{Change, Client, Status, roads};
use crate::store::{Priority, Tx};

/// Acknowledges, resolves or re-rates every PagerDuty incident of ours that is still open. One that cannot be changed
/// does not keep the others from it.
pub(super) async fn change(app: &App, job: &Job, id: IncidentId, change: &PageChange) -> Result<Finished> {
    let incident = read(app, id).await?;
    let linked = app.db.read().await?.linked_pages(id).await?;
    let Some(pagerduty) = &app.pagerduty else { return job.finish_bare(&app.db).await };
    if !still_wanted(change, &incident) {
        return job.finish_bare(&app.db).await;
    }
    let people = app.directory.current();
    let wanted = match (change, app.config.severity(&incident.severity)) {
        (PageChange::Acknowledge, _) => Change { status: Some(Status::Acknowledged), ..Change::default() },
        (PageChange::Resolve { note }, _) => {
            Change { status: Some(Status::Resolved), resolution: Some(note), ..Change::default() }
        }
        (PageChange::Severity, SeverityWord::Known(severity)) => Change {
            urgency: Some(urgency(severity.urgency)),
            priority_id: severity.priority.as_deref().and_then(|name| people.priority_id(name)),
            ..Change::default()
        },
        (PageChange::Severity, _) => return job.finish_bare(&app.db).await,
    };
    let (mut changed, mut trouble) = (Vec::new(), None);
    for page in linked.iter().filter(|page| page.is_open()) {
        match change_one(pagerduty, job, page, &wanted).await {
            // By PagerDuty's clock, as its webhooks are: ours may be ahead, and what a person does next not late.
            Ok(at) => changed.push((page, at.unwrap_or(page.status_changed_at))),
            Err(error) => trouble = trouble.or(Some(error)),
        }
    }
    let mut tx = app.db.write(Priority::Job).await?;
    if let Some(status) = wanted.status {
        let mut news = false;
        for (page, at) in changed {
            news |= tx.change_page_status(&page.id, status.as_str(), at).await?;
        }
        if news {
            tx.redraw(id).await?;
        }
    }
    let Some(trouble) = trouble else { return job.finish(tx).await };
    tx.commit().await?;
    Err(trouble.into())
}

async fn change_one(
    pagerduty: &Client,
    job: &Job,
    page: &LinkedPage,
    wanted: &Change<'_>,
) -> Result<Option<Timestamp>, Upstream> {
    if wanted.status == Some(Status::Acknowledged) {
        // An acknowledged one is acknowledged; acknowledging a resolved one would reopen it.
        let is_triggered = if job.is_retry() {
            pagerduty.incident(&page.id).await?.is_some_and(|now| now.status == Status::Triggered)
        } else {
            page.status == Status::Triggered.as_str()
        };
        if !is_triggered {
            return Ok(None);
        }
    }
    pagerduty.update_incident(&page.id, wanted).await
}

/// The incident may have moved on while PagerDuty was away: what it was to hear then is not true any more.
fn still_wanted(change: &PageChange, incident: &Incident) -> bool {
    match change {
        // Opening it again to page anew forgets who had acknowledged.
        PageChange::Acknowledge => incident.is_open() && incident.acknowledged_at.is_some(),
        PageChange::Severity => incident.is_open(),
        PageChange::Resolve { .. } => !incident.is_open(),
    }
}

pub(super) async fn close_double(
    app: &App,
    job: &Job,
    id: IncidentId,
    page: &PagerDutyIncidentId,
) -> Result<Finished> {
    let Some(pagerduty) = &app.pagerduty else { return job.finish_bare(&app.db).await };
    let changed_at = pagerduty.update_incident(page, &roads::close_double()).await?;
    let mut tx = app.db.write(Priority::Job).await?;
    let at = changed_at.unwrap_or(tx.now());
    if tx.change_page_status(page, Status::Resolved.as_str(), at).await? {
        tx.redraw(id).await?;
    }
    job.finish(tx).await
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

/// PagerDuty does not answer, twice now: until it does, it may go on ringing people for nothing.
pub(super) async fn stumbled(
    tx: &mut Tx,
    job: &Job,
    id: IncidentId,
    change: &PageChange,
    error: &Error,
) -> Result<()> {
    let is_away = matches!(error, Error::Upstream(Upstream { problem: Problem::Unavailable { .. }, .. }));
    if job.attempts != 2 || !is_away {
        return Ok(());
    }
    let incident = tx.incident(id).await?;
    match trouble::pagerduty_not_told(change) {
        Some(message) if still_wanted(change, &incident) => tx.say(&incident, message).await,
        _ => Ok(()),
    }
}

/// PagerDuty said no: somebody has to do it there.
pub(super) async fn parked(tx: &mut Tx, id: IncidentId, effect: &Effect, because: &str) -> Result<()> {
    let Some(message) = trouble::pagerduty_refused(effect, because) else { return Ok(()) };
    let incident = tx.incident(id).await?;
    tx.say(&incident, message).await
}
