//! Has somebody answered? Webhooks tell, and may be lost: PagerDuty is asked once more before people are alarmed.

use std::time::Duration;

use serde_json::json;
use uuid::Uuid;

use crate::app::App;
use crate::error::{Error, Result};
use crate::incidents::trouble;
use crate::jobs::{Finished, Job, NewJob};
use crate::pagerduty::{Incident, roads};
use crate::paging::model::{ANSWER_WITHIN, State};
use crate::paging::{answers, messages, told};
use crate::store::Priority;

/// So often PagerDuty is asked how long its policy waits, before our own time is taken.
const MOST_QUESTIONS: i64 = 5;

/// Finds out when to look.
pub(super) fn set_alarm(page: Uuid) -> NewJob {
    NewJob::new("paging.set_alarm", json!({ "page": page })).dedup(format!("paging.set_alarm:{page}"))
}

pub(super) async fn find_time(app: &App, job: &Job, id: Uuid) -> Result<Finished> {
    let mut tx = app.db.read().await?;
    let (page, targets) = (tx.page(id).await?, tx.page_targets(id).await?);
    drop(tx);
    let Some(asked_at) = page.and_then(|p| p.done_at) else { return job.finish_bare(&app.db).await };
    let policy = targets.iter().find_map(|t| t.policy_id.as_deref());
    let within = match (policy, &app.pagerduty) {
        (Some(policy), Some(pagerduty)) => match pagerduty.escalation_delay(policy).await {
            Err(away) if !away.is_final() && job.attempts < MOST_QUESTIONS => return Err(away.into()),
            answer => answer.ok().flatten(),
        },
        _ => None,
    };
    let within = within.unwrap_or(ANSWER_WITHIN);
    let mut tx = app.db.write(Priority::Job).await?;
    let payload = json!({ "page": id, "within": within.as_secs() });
    let look = NewJob::new("paging.follow_up", payload).dedup(format!("paging.follow_up:{id}"));
    tx.enqueue(look.at(asked_at + within)).await?;
    job.finish(tx).await
}

pub(super) async fn follow_up(app: &App, job: &Job, id: Uuid) -> Result<Finished> {
    let mut tx = app.db.read().await?;
    let (page, targets) = (tx.page(id).await?, tx.page_targets(id).await?);
    let is_over = match page.as_ref().and_then(|p| p.incident_id) {
        Some(incident) => !tx.incident(incident).await?.is_open(),
        None => false,
    };
    drop(tx);
    let Some(page) = page.filter(|p| p.answered_at.is_none() && !is_over) else {
        return job.finish_bare(&app.db).await;
    };
    let mut asked_on: Vec<_> =
        targets.iter().filter(|t| t.state == State::Paged).filter_map(|t| t.pagerduty_id.clone()).collect();
    asked_on.sort();
    asked_on.dedup();
    let mut seen: Vec<Incident> = Vec::new();
    // While PagerDuty is away, what we know has to do, and is said to be no more than that.
    let mut away = None;
    if let Some(pagerduty) = &app.pagerduty {
        for on in &asked_on {
            match pagerduty.incident(on).await {
                Ok(incident) => seen.extend(incident),
                Err(hiccup) if !hiccup.is_final() && job.attempts < roads::FIRST_ROAD_TRIES => {
                    return Err(hiccup.into());
                }
                Err(problem) => away = Some(trouble::in_words(&Error::Upstream(roads::patiently(problem)))),
            }
        }
    }
    let known = app.known();
    let mut tx = app.db.write(Priority::Job).await?;
    for incident in &seen {
        answers::take_in_all(&mut tx, &known, incident).await?;
    }
    let silent = !asked_on.is_empty() && tx.page(id).await?.is_some_and(|p| p.answered_at.is_none());
    if silent {
        let now = tx.now();
        let waited = Duration::from_secs(job.payload.0["within"].as_u64().unwrap_or_default());
        let mut targets = tx.page_targets(id).await?;
        targets.retain(|t| !matches!(t.state, State::Failed | State::Dropped));
        let text = match &away {
            None => format!("Nobody has answered the page of {}", page.whom),
            Some(away) => format!("No answer to the page of {} is known: {away}", page.whom),
        };
        let away = away.as_deref();
        told::say(
            &mut tx,
            &page,
            messages::answers::unanswered(&known, &page, &targets, (waited, away), now),
        )
        .await?;
        told::note(&mut tx, &page, text).await?;
        if let Some(numbers) = messages::numbers(&known, &page, &targets, now) {
            told::whisper(&mut tx, &page, numbers).await?;
        }
    }
    job.finish(tx).await
}
