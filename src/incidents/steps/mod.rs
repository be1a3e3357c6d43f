//! The incidents' durable jobs: the only place in this feature that talks to Slack and PagerDuty. Each step reads
//! what it needs, makes its call outside any transaction, and records the effect in the transaction that finishes it.
//! A second attempt looks before it acts.

mod channel;
mod clocks;
mod heal;
mod page;
mod show;

use super::effects::Effect;
use super::messages;
use super::model::{Incident, Step, StepState};
use crate::app::App;
use crate::error::{Error, Result, Vendor};
use crate::ids::IncidentId;
use crate::jobs::{Finished, Job};
use crate::store::Tx;

pub async fn run(app: &App, job: &Job, effect: Effect) -> Result<Finished> {
    let what = effect.kind();
    match act(app, job, effect).await {
        // Somebody archived or deleted the room: there is nothing left to say it in.
        Err(Error::Upstream(e)) if e.service == Vendor::Slack && e.code() == Some("is_archived") => {
            tracing::info!(job = job.id, what, "the incident's channel is archived; left out");
            job.finish_bare(&app.db).await
        }
        other => other,
    }
}

async fn act(app: &App, job: &Job, effect: Effect) -> Result<Finished> {
    match effect {
        Effect::OpenChannel { incident } => channel::open(app, job, incident).await,
        Effect::Invite { incident } => channel::invite(app, job, incident).await,
        Effect::SetTopic { incident } => channel::set_topic(app, job, incident).await,
        Effect::AddBookmark { incident } => channel::add_bookmark(app, job, incident).await,
        Effect::Page { incident } => page::create(app, job, incident).await,
        Effect::ChangePage { incident, change } => page::change(app, job, incident, &change).await,
        Effect::NotePage { incident, note_id, text } => page::note(app, job, incident, note_id, &text).await,
        Effect::Say { incident, op_id, message, remember, step } => {
            let what = show::Saying { op_id, message, remember, step };
            show::say(app, job, incident, &what).await
        }
        Effect::DrawSummary { incident } => show::draw_summary(app, job, incident).await,
        Effect::PinSummary { incident } => show::pin_summary(app, job, incident).await,
        Effect::Announce { incident } => show::announce(app, job, incident).await,
        Effect::RemindUpdate { incident } => clocks::remind_update(app, job, incident).await,
        Effect::NudgeCommander { incident } => clocks::nudge_commander(app, job, incident).await,
        Effect::Digest => clocks::digest(app, job).await,
        Effect::Heal => heal::heal(app, job).await,
    }
}

/// Reads the incident outside of any write.
async fn read(app: &App, id: IncidentId) -> Result<Incident> {
    app.db.read().await?.incident(id).await
}

/// Shows a finished step, and finishes.
async fn finish_step(job: &Job, mut tx: Tx, id: IncidentId, step: Step) -> Result<Finished> {
    tx.set_step(id, step, StepState::Done, None, None).await?;
    job.finish(tx).await
}

/// A first attempt failed and will be repeated: the summary shows it, and a page that does not go out is said aloud.
pub async fn stumbled(app: &App, tx: &mut Tx, job: &Job, effect: &Effect, error: &Error) -> Result<()> {
    let (Some(id), Some(step)) = (effect.incident(), effect.step()) else { return Ok(()) };
    tx.set_step(id, step, StepState::Retrying, Some(in_words(error)), Some(job.id)).await?;
    if step == Step::Page {
        let incident = tx.incident(id).await?;
        let on_call = page::on_call(app, &incident, tx.now());
        tx.say(&incident, messages::nobody_paged_yet(&incident, &on_call, &in_words(error))).await?;
    }
    tx.redraw(id).await
}

/// A step needs a person: the summary shows it with a Retry button.
pub async fn parked(app: &App, tx: &mut Tx, job: &Job, effect: &Effect, error: &Error) -> Result<()> {
    let (Some(id), Some(step)) = (effect.incident(), effect.step()) else { return Ok(()) };
    tx.set_step(id, step, StepState::Failed, Some(in_words(error)), Some(job.id)).await?;
    if step == Step::Page {
        let incident = tx.incident(id).await?;
        let on_call = page::on_call(app, &incident, tx.now());
        tx.say(&incident, messages::paging_failed(&incident, &on_call, &in_words(error))).await?;
    }
    if step != Step::Summary {
        tx.redraw(id).await?;
    }
    Ok(())
}

/// Enough for a person to act on; never an inner text.
fn in_words(error: &Error) -> String {
    match error {
        Error::Internal(_) => "something broke on our side; the log says what".into(),
        other => other.to_string(),
    }
}
