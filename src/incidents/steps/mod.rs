//! The incidents' durable jobs: the only place in this feature that talks to Slack and PagerDuty. Each step reads
//! what it needs, makes its call outside any transaction, and records the effect in the transaction that finishes it.
//! A second attempt looks before it acts.

mod changes;
mod channel;
mod clocks;
mod heal;
mod introduce;
mod page;
mod show;

use super::effects::{Effect, PageChange};
use super::model::{Incident, PAGED_BY_SECOND_ROAD, PERHAPS_PAGED, Step, StepRow, StepState};
use super::{forms, trouble};
use crate::app::App;
use crate::error::{Error, Problem, Result, Upstream, Vendor};
use crate::ids::IncidentId;
use crate::jobs::{Finished, Job};
use crate::store::Tx;

pub async fn run(app: &App, job: &Job, effect: Effect) -> Result<Finished> {
    let what = effect.kind();
    match act(app, job, effect).await {
        // Somebody archived or deleted the room: there is nothing left to say it in.
        Err(Error::Upstream(e)) if is_archived(&e) => {
            tracing::info!(job = job.id, what, "the incident's channel is archived; left out");
            job.finish_bare(&app.db).await
        }
        other => other,
    }
}

/// `chat.update` has another word for it than the rest.
fn is_archived(refused: &Upstream) -> bool {
    refused.service == Vendor::Slack && matches!(refused.code(), Some("is_archived" | "is_inactive"))
}

async fn act(app: &App, job: &Job, effect: Effect) -> Result<Finished> {
    match effect {
        Effect::OpenChannel { incident } => channel::open(app, job, incident).await,
        Effect::Invite { incident } => channel::invite(app, job, incident).await,
        Effect::SetTopic { incident } => channel::set_topic(app, job, incident).await,
        Effect::AddBookmark { incident } => channel::add_bookmark(app, job, incident).await,
        Effect::Page { incident } => page::page(app, job, incident).await,
        Effect::ChangePage { incident, change } => changes::change(app, job, incident, &change).await,
        Effect::AcknowledgeAlert { incident } => page::acknowledge_alert(app, job, incident).await,
        Effect::CloseDouble { incident, page } => changes::close_double(app, job, incident, &page).await,
        Effect::NotePage { incident, note_id, text } => {
            changes::note(app, job, incident, note_id, &text).await
        }
        Effect::FirstUpdate { incident } => show::first_update(app, job, incident).await,
        Effect::Say { incident, op_id, message, remember, entry, until_done } => {
            let what = show::Saying { op_id, message, remember, entry, until_done };
            show::say(app, job, incident, &what).await
        }
        Effect::DrawSummary { incident } => show::draw_summary(app, job, incident).await,
        Effect::PinSummary { incident } => show::pin_summary(app, job, incident).await,
        Effect::Announce { incident } => show::announce(app, job, incident).await,
        Effect::RemindUpdate { incident } => clocks::remind_update(app, job, incident).await,
        Effect::NudgeCommander { incident } => clocks::nudge_commander(app, job, incident).await,
        Effect::Introduce { incident, responder } => {
            introduce::introduce(app, job, incident, &responder).await
        }
        Effect::CatchUp { page } => heal::catch_up(app, job, &page).await,
        Effect::Digest => clocks::digest(app, job).await,
        Effect::Heal => heal::heal(app, job).await,
    }
}

/// Reads the incident outside of any write.
async fn read(app: &App, id: IncidentId) -> Result<Incident> {
    app.db.read().await?.incident(id).await
}

/// Shows a finished step, and finishes. Trouble that the summary showed is taken off it.
async fn finish_step(job: &Job, mut tx: Tx, id: IncidentId, step: Step) -> Result<Finished> {
    let before = tx.step(id, step).await?.map(|row| row.state);
    tx.set_step(id, step, StepState::Done, None, None).await?;
    if matches!(before, Some(StepState::Retrying | StepState::Failed)) {
        tx.redraw(id).await?;
    }
    job.finish(tx).await
}

/// An attempt failed and will be repeated: the summary shows it, and a page that does not go out is said aloud.
pub async fn stumbled(app: &App, tx: &mut Tx, job: &Job, effect: &Effect, error: &Error) -> Result<()> {
    match effect {
        Effect::Page { incident } => return page::stumbled(app, tx, job, *incident, error).await,
        Effect::ChangePage { incident, change } => {
            return changes::stumbled(tx, job, *incident, change, error).await;
        }
        Effect::AcknowledgeAlert { incident } => {
            return changes::stumbled(tx, job, *incident, &PageChange::Acknowledge, error).await;
        }
        _ => {}
    }
    let (Some(id), Some(step)) = (effect.incident(), effect.step()) else { return Ok(()) };
    // Being told to wait is daily business: nothing is wrong that anybody should look at.
    if is_rate_limit(error) {
        return Ok(());
    }
    if tx.set_step(id, step, StepState::Retrying, Some(trouble::in_words(error)), Some(job.id)).await? {
        tx.redraw(id).await?;
    }
    Ok(())
}

/// A step needs a person: the summary shows it with a Retry button, or a message where there is no summary.
pub async fn parked(app: &App, tx: &mut Tx, job: &Job, effect: &Effect, error: &Error) -> Result<()> {
    let Some(id) = effect.incident() else { return Ok(()) };
    let because = trouble::in_words(error);
    let Some(step) = effect.step() else { return changes::parked(tx, id, effect, &because).await };
    let incident = tx.incident(id).await?;
    let row = tx.step(id, step).await?;
    if row.as_ref().is_some_and(StepRow::is_by_second_road) {
        let detail = Some(PAGED_BY_SECOND_ROAD.to_owned());
        tx.set_step(id, step, StepState::Done, detail, Some(job.id)).await?;
        return tx.redraw(id).await;
    }
    let is_in_doubt = row.is_some_and(|row| row.is_in_doubt());
    let doubt = if is_in_doubt { PERHAPS_PAGED } else { "" };
    tx.set_step(id, step, StepState::Failed, Some(format!("{because}{doubt}")), Some(job.id)).await?;
    match step {
        Step::Page => page::parked(app, tx, &incident, &because, is_in_doubt).await?,
        Step::Channel | Step::Summary => {
            let message = forms::step_failed(id, step, &because);
            tx.say_until_done(&incident, step, message).await?;
        }
        _ => {}
    }
    if step != Step::Summary {
        tx.redraw(id).await?;
    }
    Ok(())
}

/// An operator gave a job up: told as if it could not be done, unless that was done without it, or another one is at it.
pub async fn discarded(app: &App, tx: &mut Tx, job: &Job, effect: &Effect) -> Result<()> {
    if let (Some(id), Some(step)) = (effect.incident(), effect.step()) {
        let Some(row) = tx.step(id, step).await? else { return Ok(()) };
        let other = match row.job_id.filter(|other| *other != job.id) {
            Some(other) => tx.job(other).await?,
            None => None,
        };
        let is_tried_on = other.is_some_and(|other| other.done_at.is_none());
        if is_tried_on || matches!(row.state, StepState::Done | StepState::Skipped) {
            return Ok(());
        }
        let is_unpaged = step == Step::Page && !row.is_by_second_road();
        if is_unpaged && !tx.incident(id).await?.is_open() {
            return page::leave_out(tx, id).await;
        }
    }
    parked(app, tx, job, effect, &Error::refused(trouble::DISCARDED)).await
}

fn is_rate_limit(error: &Error) -> bool {
    matches!(error, Error::Upstream(Upstream { problem: Problem::RateLimited { .. }, .. }))
}
