//! The one match from a job to the step that does it.

use std::sync::Arc;

use serde_json::json;

use crate::app::App;
use crate::chat;
use crate::error::{Error, Problem, Result};
use crate::groups;
use crate::ids::SlackUserId;
use crate::incidents::{self, Effect, trouble};
use crate::jobs::{Finished, Job, NewJob, Perform};
use crate::metrics::Metrics;
use crate::store::{Priority, Tx};
use crate::{notices, oncall, paging, posts, runbooks, status};

/// What the runner performs.
#[derive(Clone)]
pub struct Dispatch {
    pub app: App,
    pub metrics: Arc<Metrics>,
}

impl Perform for Dispatch {
    async fn perform(&self, job: &Job) -> Result<Finished> {
        let outcome = self.step(job).await;
        self.metrics.job_done(&job.kind, word(&outcome));
        outcome
    }

    async fn parked(&self, tx: &mut Tx, job: &Job, error: &Error) -> Result<()> {
        match feature(job) {
            "incident" => match effect(job) {
                Ok(effect) => incidents::steps::parked(&self.app, tx, job, &effect, error).await,
                Err(_) => Ok(()),
            },
            "paging" => paging::steps::parked(&self.app, tx, job, error).await,
            "notices" => notices::steps::parked(&self.app, tx, job, error).await,
            _ => Ok(()),
        }
    }

    async fn stumbled(&self, tx: &mut Tx, job: &Job, error: &Error) -> Result<()> {
        match feature(job) {
            "incident" => match effect(job) {
                Ok(effect) => incidents::steps::stumbled(&self.app, tx, job, &effect, error).await,
                Err(_) => Ok(()),
            },
            "paging" => paging::steps::stumbled(&self.app, tx, job, error).await,
            "notices" => notices::steps::stumbled(&self.app, tx, job, error).await,
            _ => Ok(()),
        }
    }
}

/// The first part of its kind.
fn feature(job: &Job) -> &str {
    job.kind.split('.').next().unwrap_or_default()
}

/// Whether the job is one that leaves the next of its kind behind: given up, it would not come again.
pub fn comes_again(kind: &str) -> bool {
    let read = oncall::Step::ALL.iter().any(|step| step.kind() == kind);
    let ours = [Effect::Heal.kind(), "groups.plan", notices::page::READ, status::CHECK];
    read || ours.contains(&kind)
}

/// Gives a job up, parked or waiting; false when it runs, or is done. Whoever gives it up may know the database alone: a
/// job of its own tells those who wait for it.
pub async fn discard(tx: &mut Tx, job: &Job) -> Result<bool> {
    if !tx.discard_job(job.id).await? {
        return Ok(false);
    }
    if is_waited_for(job) {
        let tell = NewJob::new("discarded.tell", json!({ "job": job.id })).never_give_up();
        tx.enqueue(tell).await?;
    }
    Ok(true)
}

/// Whether somebody in Slack may wait for what the job does.
pub fn is_waited_for(job: &Job) -> bool {
    matches!(feature(job), "incident" | "paging" | "notices")
}

impl Dispatch {
    async fn step(&self, job: &Job) -> Result<Finished> {
        match job.kind.split_once('.') {
            Some(("incident", _)) => incidents::steps::run(&self.app, job, effect(job)?).await,
            Some(("oncall", "meet")) => {
                let id = job.payload.0["user"].as_str().unwrap_or_default();
                oncall::steps::meet(&self.app, job, &SlackUserId::new(id)).await
            }
            Some(("oncall", _)) => match oncall::Step::from_payload(&job.payload.0) {
                Some(step) => oncall::steps::run(&self.app, job, step).await,
                None => Err(unknown(job)),
            },
            Some(("chat", _)) => chat::steps::run(&self.app, job).await,
            Some(("posts", _)) => posts::steps::run(&self.app, job).await,
            Some(("groups", _)) => groups::steps::run(&self.app, job).await,
            Some(("paging", _)) => paging::steps::run(&self.app, job).await,
            Some(("notices", _)) => notices::steps::run(&self.app, job).await,
            Some(("runbooks", _)) => runbooks::steps::run(&self.app, job).await,
            Some(("status", _)) => status::steps::run(&self.app, job).await,
            Some(("discarded", _)) => self.tell_of_discarded(job).await,
            _ => Err(unknown(job)),
        }
    }

    /// A job that an operator gave up is told of as one that cannot be done; not when it was brought back meanwhile.
    async fn tell_of_discarded(&self, job: &Job) -> Result<Finished> {
        let mut tx = self.app.db.write(Priority::Job).await?;
        let discarded = tx.job(job.payload.0["job"].as_i64().unwrap_or_default()).await?;
        if let Some(discarded) = discarded.filter(|job| job.done_at.is_some()) {
            match effect(&discarded) {
                Ok(effect) => incidents::steps::discarded(&self.app, &mut tx, &discarded, &effect).await?,
                Err(_) => self.parked(&mut tx, &discarded, &Error::refused(trouble::DISCARDED)).await?,
            }
        }
        job.finish(tx).await
    }
}

/// One attempt, in a word for the metrics.
fn word(outcome: &Result<Finished>) -> &'static str {
    match outcome {
        Ok(_) => "done",
        Err(Error::Upstream(upstream)) => match upstream.problem {
            Problem::RateLimited { .. } => "rate_limited",
            Problem::Unavailable { .. } => "unavailable",
            Problem::Rejected { .. } => "rejected",
        },
        Err(Error::Internal(_)) => "internal",
        Err(_) => "refused",
    }
}

fn effect(job: &Job) -> Result<Effect> {
    Effect::from_payload(&job.payload.0).map_err(|_| unknown(job))
}

/// After a downgrade, a job of a later version: a person decides.
fn unknown(job: &Job) -> Error {
    Error::refused(format!("this version knows no job {:?} of that shape", job.kind))
}
