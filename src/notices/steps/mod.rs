//! The jobs that talk to the public page: one reads it, one publishes a post.

mod post;
mod read;

use std::time::Duration;

use uuid::Uuid;

use super::messages;
use super::model::{Post, PostState, Standing};
use super::page::READ;
use crate::app::App;
use crate::error::{Error, Problem, Result, Upstream};
use crate::ids::{IncidentId, SlackUserId};
use crate::incidents::model::{Actor, Kind, Source};
use crate::incidents::timeline::NewEntry;
use crate::incidents::trouble::in_words;
use crate::jobs::{Finished, Job};
use crate::store::{Priority, Tx};

const POST: &str = "notices.post";
/// A wait that people should know of.
const LONG: Duration = Duration::from_secs(15);

/// Runs a job of this feature.
pub async fn run(app: &App, job: &Job) -> Result<Finished> {
    match job.kind.as_str() {
        READ => read::read(app, job).await,
        POST => post::publish(app, job, id(job)).await,
        "notices.left_open" => left_open(app, job).await,
        other => Err(Error::refused(format!("this version knows no job {other:?}"))),
    }
}

fn id(job: &Job) -> Uuid {
    job.payload.0["post"].as_str().and_then(|id| Uuid::parse_str(id).ok()).unwrap_or_default()
}

/// An incident is over, and the public reads of it as if it were not: whoever ended it learns how to say so.
async fn left_open(app: &App, job: &Job) -> Result<Finished> {
    let Some(config) = &app.config.statuspage else { return job.finish_bare(&app.db).await };
    let payload = &job.payload.0;
    let id: IncidentId = serde_json::from_value(payload["incident"].clone())?;
    let by = payload["by"].as_str().map(SlackUserId::new);
    let mut tx = app.db.write(Priority::Job).await?;
    let incident = tx.incident(id).await?;
    let notice = tx.notice(id).await?.filter(|notice| notice.place == config.place());
    let standing = Standing::of(notice.as_ref(), &tx.waiting_posts(id).await?);
    if !incident.is_open() && standing.is_open() {
        let url = notice.and_then(|notice| notice.url);
        let message = messages::left_open(&app.config, by.as_ref(), standing.status, url.as_deref());
        tx.say(&incident, message).await?;
    }
    job.finish(tx).await
}

/// The page does not answer, twice now, or wants us to wait for long: the room hears what the public does not know yet.
pub async fn stumbled(app: &App, tx: &mut Tx, job: &Job, error: &Error) -> Result<()> {
    let Error::Upstream(Upstream { problem, .. }) = error else { return Ok(()) };
    if job.kind != POST {
        return Ok(());
    }
    let Some(post) = tx.notice_post(id(job)).await? else { return Ok(()) };
    let incident = tx.incident(post.incident_id).await?;
    let because = in_words(error);
    match problem {
        Problem::Unavailable { .. } if job.attempts == 2 => {
            tx.say(&incident, messages::delayed(&post, &because)).await
        }
        Problem::RateLimited { after } if *after >= LONG => {
            let text = format!("Nothing reaches the status page for now: {because}");
            let entry = NewEntry::new(Kind::Statuspage, Source::Firebell, by(&post), text);
            let entry = tx.append(incident.id, entry.once(format!("notice:waits:{}", post.id))).await?;
            if entry.is_none() {
                return Ok(()); // told already
            }
            let url = tx.notice(incident.id).await?.and_then(|notice| notice.url);
            let message = messages::waits(&app.config, &post, url.as_deref(), job.id, &because);
            tx.say_entry(&incident, entry, message).await
        }
        _ => Ok(()),
    }
}

/// The page said no, or nothing for too long: a person has to post it by hand.
pub async fn parked(app: &App, tx: &mut Tx, job: &Job, error: &Error) -> Result<()> {
    if job.kind != POST {
        return Ok(());
    }
    let Some(post) = tx.notice_post(id(job)).await? else { return Ok(()) };
    if !post.is_on_its_way() {
        return Ok(());
    }
    tx.move_post(post.id, post.state, PostState::Failed).await?;
    let because = in_words(error);
    let incident = tx.incident(post.incident_id).await?;
    let url = tx.notice(post.incident_id).await?.and_then(|notice| notice.url);
    let text = match (post.state, post.status) {
        (PostState::Said, _) | (_, None) => format!("Components not set on the status page ({because})"),
        _ => format!("Not published on the status page ({because}): {}", post.body),
    };
    let entry = NewEntry::new(Kind::Statuspage, Source::Firebell, by(&post), text);
    let entry = tx.append(post.incident_id, entry).await?;
    let message = messages::failed(&app.config, &post, url.as_deref(), job.id, &because);
    tx.say_entry(&incident, entry, message).await
}

fn by(post: &Post) -> Actor {
    Actor { name: post.asked_by_name.clone(), slack: Some(post.asked_by.clone()) }
}
