//! The status' durable jobs: ask a monitor, compare, follow an incident, and have things said in channels.

use std::time::Duration;

use super::messages;
use super::model::{Picture, Reading, every};
use super::stalk::{by_name, changes, stalk_for, tell};
use super::{check_job, compare_job, expire_job, unheard_job};
use crate::app::App;
use crate::clock::Timestamp;
use crate::error::{Error, Problem, Result, Upstream};
use crate::front::Message;
use crate::ids::{ChannelId, IncidentId, SlackUserId};
use crate::jobs::{Finished, Job};
use crate::posts::{self, Post};
use crate::store::Priority;

/// What belongs together changes together: a moment for the other monitors to say so too.
const AFTER_A_CHANGE: Duration = Duration::from_secs(2);
/// A check that no server has for this long is gone …
const ROLLED_OUT_WITHIN: Duration = Duration::from_secs(900);
/// … and until then, it is looked for this often.
const LEFT_TO_OTHERS: Duration = Duration::from_secs(5);
/// The levels whose incidents are watched by themselves: the most severe so many.
const WATCHED_LEVELS: usize = 2;

/// Runs a job of this feature.
pub async fn run(app: &App, job: &Job) -> Result<Finished> {
    let payload = &job.payload.0;
    let text = |name: &str| payload[name].as_str().unwrap_or_default();
    let channel = ChannelId::new(text("channel"));
    let user = payload["user"].as_str().map(SlackUserId::new);
    match job.kind.as_str() {
        super::CHECK => check(app, job, text("check")).await,
        "status.compare" => compare(app, job).await,
        "status.follow" => follow(app, job, serde_json::from_value(payload["incident"].clone())?).await,
        "status.expire" => expire(app, job, &channel).await,
        "status.answer" => answer(app, job, &channel, user.as_ref()).await,
        super::UNHEARD => unheard(app, job, &channel, user.as_ref()).await,
        other => Err(Error::refused(format!("this version knows no job {other:?}"))),
    }
}

/// Asks one monitor, remembers what it said, and leaves the next look behind. No answer is a reading too.
async fn check(app: &App, job: &Job, name: &str) -> Result<Finished> {
    let Some(check) = app.config.checks.iter().find(|check| check.name == name) else {
        return is_gone(app, job, name).await;
    };
    let answer = app.monitors.read(check).await;
    let mut wait = Duration::ZERO;
    if let Err(Upstream { problem: Problem::RateLimited { after }, .. }) = &answer {
        wait = *after;
    }
    let mut tx = app.db.write(Priority::Job).await?;
    let before = tx.reading(name).await?;
    let now = tx.now();
    let reading = Reading::next(before.as_ref(), name, answer, now);
    tx.save_reading(&reading).await?;
    if before.is_none_or(|before| before.settled != reading.settled) {
        tx.enqueue(compare_job().at(now + AFTER_A_CHANGE)).await?;
    }
    let is_watched = !tx.stalks().await?.is_empty();
    let next_at = now + every(check, &app.config, is_watched).max(wait);
    tx.enqueue(check_job(name).at(next_at)).await?;
    let finished = job.finish(tx).await?;
    // The job is done whatever comes now; memory is made good by the next load.
    if let Err(error) = app.reload_status().await {
        tracing::error!(%error, "cannot load what the monitors said");
    }
    Ok(finished)
}

/// This server's configuration has no such check. While a new version is rolled out, another server's may: the look is
/// left to it for a while.
async fn is_gone(app: &App, job: &Job, name: &str) -> Result<Finished> {
    let mut tx = app.db.write(Priority::Job).await?;
    let now = tx.now();
    let gone_since: Option<Timestamp> = serde_json::from_value(job.payload.0["gone_since"].clone())?;
    let gone_since = gone_since.unwrap_or(now);
    if now.since(gone_since) < ROLLED_OUT_WITHIN {
        let mut again = check_job(name).at(now + LEFT_TO_OTHERS);
        again.payload["gone_since"] = gone_since.to_string().into();
        tx.enqueue(again).await?;
    } else {
        tx.forget_reading(name).await?;
    }
    job.finish(tx).await
}

/// Writes down what each stalking channel is told, and has it said. Talks to nobody itself.
async fn compare(app: &App, job: &Job) -> Result<Finished> {
    let mut tx = app.db.write(Priority::Job).await?;
    let readings = by_name(&mut tx).await?;
    let picture = Picture::of(&app.config, &readings);
    let told = picture.settled();
    for stalk in tx.stalks().await? {
        let was = changes(&stalk.told.0, &told);
        if was.is_empty() || !tx.set_told(&stalk, told.clone()).await? {
            continue;
        }
        let entry = messages::change_entry(&stalk.told.0, &told, &was);
        let message = messages::changed(&picture, &told, &was, tx.now());
        tell(&mut tx, &stalk, &entry, Message::text(message)).await?;
    }
    job.finish(tx).await
}

/// Something happened to an incident: what is so now decides whether its room is told of changes.
async fn follow(app: &App, job: &Job, id: IncidentId) -> Result<Finished> {
    if app.config.checks.is_empty() {
        return job.finish_bare(&app.db).await;
    }
    let mut tx = app.db.write(Priority::Job).await?;
    let incident = tx.lock_incident(id).await?;
    if !incident.is_open() {
        for stalk in tx.end_stalks_of(id).await? {
            let message = messages::over_with_incident(&stalk.told.0);
            tell(&mut tx, &stalk, "No longer stalking the status", Message::text(message)).await?;
        }
    } else if app.config.severities.iter().take(WATCHED_LEVELS).any(|level| level.name == incident.severity) {
        stalk_for(&mut tx, &app.config, &incident).await?;
    }
    job.finish(tx).await
}

async fn expire(app: &App, job: &Job, channel: &ChannelId) -> Result<Finished> {
    let mut tx = app.db.write(Priority::Job).await?;
    if let Some(stalk) = tx.expire_stalk(channel).await? {
        let readings = by_name(&mut tx).await?;
        let told = Picture::of(&app.config, &readings).settled();
        let message = messages::over_by_time(&told, &app.config.commands.status);
        tell(&mut tx, &stalk, "", Message::text(message)).await?;
    } else if let Some(ends_at) = tx.stalk_in(channel).await?.and_then(|stalk| stalk.ends_at) {
        // Ended and begun anew since.
        tx.enqueue(expire_job(channel).at(ends_at)).await?;
    }
    job.finish(tx).await
}

/// The answer to somebody who was shown old readings.
async fn answer(app: &App, job: &Job, channel: &ChannelId, user: Option<&SlackUserId>) -> Result<Finished> {
    let mut tx = app.db.write(Priority::Job).await?;
    let text = messages::status(&Picture::of(&app.config, &by_name(&mut tx).await?), tx.now());
    let post = Post::new(channel.as_str(), Message::text(text), &format!("status-answer:{}", job.id));
    posts::say(&mut tx, &post.if_refused(unheard_job(channel, user))).await?;
    job.finish(tx).await
}

/// Where we may not write, nobody is told anything: the stalk ends, and whoever wanted it hears why.
async fn unheard(app: &App, job: &Job, channel: &ChannelId, user: Option<&SlackUserId>) -> Result<Finished> {
    let mut tx = app.db.write(Priority::Job).await?;
    tx.end_stalk(channel, true).await?;
    if let Some(user) = user {
        let why = Message::text(messages::cannot_write(channel));
        posts::say(&mut tx, &Post::new(user.as_str(), why, &format!("status-unheard:{}", job.id))).await?;
    }
    job.finish(tx).await
}
