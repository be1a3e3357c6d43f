//! What is done about pages, as durable jobs: page people, and look whether somebody answers.

mod ask;
mod follow_up;

use std::time::Duration;

use uuid::Uuid;

use super::told;
use crate::app::App;
use crate::error::{Error, Problem, Result, Upstream};
use crate::incidents::trouble::{self, Delay};
use crate::jobs::{Finished, Job};
use crate::store::Tx;

/// What passes within this time alarms nobody.
const HICCUP: Duration = Duration::from_secs(5);

/// Runs a job of this feature.
pub async fn run(app: &App, job: &Job) -> Result<Finished> {
    match job.kind.as_str() {
        "paging.page" => ask::page(app, job, page_of(job)?).await,
        "paging.set_alarm" => follow_up::find_time(app, job, page_of(job)?).await,
        "paging.follow_up" => follow_up::follow_up(app, job, page_of(job)?).await,
        other => Err(Error::refused(format!("this version knows no job {other:?}"))),
    }
}

fn page_of(job: &Job) -> Result<Uuid> {
    let id = job.payload.0["page"].as_str().and_then(|id| Uuid::parse_str(id).ok());
    id.ok_or_else(|| Error::refused("this job names no page"))
}

/// An attempt failed and will be repeated: said aloud once, as soon as it is more than a hiccup.
pub async fn stumbled(app: &App, tx: &mut Tx, job: &Job, error: &Error) -> Result<()> {
    if job.kind != "paging.page" {
        return Ok(());
    }
    let Some(page) = tx.page(page_of(job)?).await? else { return Ok(()) };
    let wait = match error {
        Error::Upstream(Upstream { problem: Problem::RateLimited { after }, .. }) => *after,
        // It is looked for only later.
        Error::Upstream(upstream) if upstream.is_late() => HICCUP,
        _ => Duration::ZERO,
    };
    if job.attempts == 1 && tx.now().since(page.asked_at) + wait < HICCUP {
        return Ok(());
    }
    told::alarm(tx, &app.known(), &page, &Delay::of(job, error), None).await
}

/// Somebody has to look at the job, or gave it up; until then people are called, unless it is over.
pub async fn parked(app: &App, tx: &mut Tx, job: &Job, error: &Error) -> Result<()> {
    if job.kind != "paging.page" {
        return Ok(());
    }
    let id = page_of(job)?;
    if let Some(incident) = tx.page(id).await?.and_then(|page| page.incident_id)
        && !tx.incident(incident).await?.is_open()
    {
        return told::drop_it(tx, &app.known(), id).await;
    }
    told::give_up(tx, &app.known(), id, &trouble::in_words(error)).await
}
