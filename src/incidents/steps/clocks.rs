//! Reminders and the digest. A job only wakes up; what is true then, the rows say.

use std::time::Duration;

use crate::app::App;
use crate::config::SeverityWord;
use crate::error::Result;
use crate::ids::{ChannelId, IncidentId};
use crate::incidents::effects::Effect;
use crate::incidents::model::LinkedPage;
use crate::incidents::{forms, messages};
use crate::jobs::{Finished, Job};
use crate::slack::{Mark, Post};
use crate::store::Priority;

/// An update is due: say so, and again one interval later, until somebody updates, snoozes or resolves.
pub(super) async fn remind_update(app: &App, job: &Job, id: IncidentId) -> Result<Finished> {
    let mut tx = app.db.write(Priority::Job).await?;
    let incident = tx.incident(id).await?;
    let now = tx.now();
    let (true, Some(due_at)) = (incident.is_open(), incident.update_due_at) else {
        return job.finish(tx).await;
    };
    if due_at > now {
        tx.cause_at(&Effect::RemindUpdate { incident: id }, due_at).await?;
        return job.finish(tx).await;
    }
    let every = match app.config.severity(&incident.severity) {
        SeverityWord::Known(severity) => severity.update_every,
        SeverityWord::TooHigh | SeverityWord::Unknown => None,
    };
    let Some(every) = every else { return job.finish(tx).await };
    let commander = tx.commander(id).await?;
    let text = messages::update_wanted(&incident, every, commander.as_ref().map(|c| &c.slack_user_id), now);
    tx.say(&incident, forms::remind_update(id, &text)).await?;
    let next_at = now + every;
    tx.set_update_due(id, Some(next_at)).await?;
    tx.cause_at(&Effect::RemindUpdate { incident: id }, next_at).await?;
    job.finish(tx).await
}

/// Nobody has taken command: ask once, with a button.
pub(super) async fn nudge_commander(app: &App, job: &Job, id: IncidentId) -> Result<Finished> {
    let mut tx = app.db.write(Priority::Job).await?;
    let incident = tx.incident(id).await?;
    let (true, Some(due_at)) = (incident.is_open(), incident.commander_due_at) else {
        return job.finish(tx).await;
    };
    if due_at > tx.now() {
        tx.cause_at(&Effect::NudgeCommander { incident: id }, due_at).await?;
        return job.finish(tx).await;
    }
    if tx.commander(id).await?.is_none() {
        let text = messages::commander_wanted(&incident);
        tx.say(&incident, forms::take_command(id, &text)).await?;
        tx.set_commander_due(id, None).await?;
    }
    job.finish(tx).await
}

/// PagerDuty incidents beyond the limit, in one message with a button each: those held until the job began, so that a
/// second attempt means the same ones.
pub(super) async fn digest(app: &App, job: &Job) -> Result<Finished> {
    let began_at = job.began_at();
    let held = app.db.read().await?.held_pages(began_at).await?;
    let channel = app.directory.current().announce_channel.clone();
    let (Some(channel), false) = (channel, held.is_empty()) else {
        if !held.is_empty() {
            tracing::warn!(held = held.len(), "no announce channel for PagerDuty incidents without a room");
        }
        return job.finish_bare(&app.db).await;
    };
    post_digest(app, job, &channel, &held).await?;
    let mut tx = app.db.write(Priority::Job).await?;
    tx.release_held(&held).await?;
    let now = tx.now();
    if !tx.held_pages(now).await?.is_empty() {
        let soon = now + Duration::from_secs(5);
        tx.cause_at(&Effect::Digest, soon).await?;
    }
    job.finish(tx).await
}

async fn post_digest(app: &App, job: &Job, channel: &ChannelId, held: &[LinkedPage]) -> Result<()> {
    let op_id = format!("digest-{}", job.began_at().as_micros());
    if app.posted_before(job, channel, None, &op_id).await?.is_some() {
        return Ok(());
    }
    let message = forms::digest(held);
    let mark = Mark { op_id, incident_id: None };
    let post =
        Post { channel, text: &message.text, blocks: &message.blocks, thread_ts: None, mark: Some(&mark) };
    app.slack.post_message(&post).await?;
    Ok(())
}
