//! What is shown: messages, the pinned summary, the announcement.

use uuid::Uuid;

use super::channel::named;
use super::is_archived;
use crate::app::App;
use crate::config::SeverityWord;
use crate::error::{Error, Result};
use crate::front::Message;
use crate::ids::{ChannelId, IncidentId};
use crate::incidents::effects::Effect;
use crate::incidents::forms::{self, Summary};
use crate::incidents::messages;
use crate::incidents::model::{Incident, Step, StepRow, StepState};
use crate::incidents::trouble;
use crate::jobs::{Finished, Job};
use crate::slack::{Mark, Post};
use crate::store::{Priority, Tx};

pub(super) struct Saying {
    pub op_id: Uuid,
    pub message: Message,
    pub remember: Option<String>,
    pub entry: Option<Uuid>,
    pub until_done: Option<Step>,
}

/// Posts, once: a second attempt reads the channel for the mark first.
async fn post(
    app: &App,
    job: &Job,
    channel: &ChannelId,
    op_id: &str,
    incident: IncidentId,
    message: &Message,
) -> Result<String> {
    if let Some(ts) = app.posted_before(job, channel, None, op_id).await? {
        return Ok(ts);
    }
    let mark = Mark { op_id: op_id.to_owned(), incident_id: Some(incident.to_string()) };
    let post =
        Post { channel, text: &message.text, blocks: &message.blocks, thread_ts: None, mark: Some(&mark) };
    Ok(app.slack.post_message(&post).await?)
}

pub(super) async fn say(app: &App, job: &Job, id: IncidentId, what: &Saying) -> Result<Finished> {
    let mut tx = app.db.read().await?;
    let incident = tx.incident(id).await?;
    if let Some(step) = what.until_done
        && tx.step(id, step).await?.is_some_and(|row| row.state == StepState::Done)
    {
        return job.finish_bare(&app.db).await;
    }
    drop(tx);
    let Some(channel) = &incident.channel_id else {
        return say_elsewhere(app, job, &incident, what).await;
    };
    let message = messages::marked(&incident, &what.message);
    let ts = match post(app, job, channel, &what.op_id.to_string(), id, &message).await {
        // Somebody closed the room of what is not over: it goes on being told.
        Err(Error::Upstream(e)) if is_archived(&e) && incident.is_open() => {
            return say_elsewhere(app, job, &incident, what).await;
        }
        ts => ts?,
    };
    let mut tx = app.db.write(Priority::Job).await?;
    if let Some(kind) = &what.remember {
        tx.remember_message(id, kind, channel, &ts).await?;
    }
    if let (Some(entry), Some(us)) = (what.entry, &app.directory.current().ourselves) {
        tx.set_permalink(entry, &us.permalink(channel, &ts)).await?;
    }
    job.finish(tx).await
}

/// The lane put the channel first: without one, opening it has failed, and there is no room to say anything in.
/// Whoever declared the incident hears it in private; one that PagerDuty began is told of where incidents are announced.
async fn say_elsewhere(app: &App, job: &Job, incident: &Incident, what: &Saying) -> Result<Finished> {
    let announced = app.directory.current().announce_channel.clone().filter(|_| !incident.is_private);
    let channel = match (&incident.declared_by, announced) {
        (Some(user), _) => app.slack.open_dm(user).await?,
        (None, Some(channel)) => channel,
        (None, None) => return job.finish_bare(&app.db).await,
    };
    let message = trouble::without_room(incident, &what.message);
    let post =
        Post { channel: &channel, text: &message.text, blocks: &message.blocks, thread_ts: None, mark: None };
    // Not read back, for which we lack the right in private: twice rather than never.
    app.slack.post_message(&post).await?;
    job.finish_bare(&app.db).await
}

/// What the room is about, for people who have just been pulled in; as things stand when it is posted.
pub(super) async fn first_update(app: &App, job: &Job, id: IncidentId) -> Result<Finished> {
    let mut tx = app.db.read().await?;
    let incident = tx.incident(id).await?;
    let linked = tx.linked_pages(id).await?;
    let paging = paging_line(&tx.steps(id).await?);
    drop(tx);
    let Some(channel) = &incident.channel_id else { return job.finish_bare(&app.db).await };
    let message = messages::first_update(&incident, linked.first(), &paging, &app.config.commands);
    let ts = post(app, job, channel, &format!("first-update-{id}"), id, &message).await?;
    let mut tx = app.db.write(Priority::Job).await?;
    lead_to(app, &mut tx, &format!("channel:{id}"), channel, &ts).await?;
    super::finish_step(job, tx, id, Step::FirstUpdate).await
}

fn paging_line(steps: &[StepRow]) -> String {
    match steps.iter().find(|s| s.step == Step::Page).map(|r| (r.state, r.detail.as_deref())) {
        Some((StepState::Skipped, detail)) => {
            format!("nobody is paged ({})", detail.unwrap_or("not wanted"))
        }
        Some((StepState::Failed | StepState::Retrying, _)) => "not paged yet, see below".into(),
        _ => "being paged …".into(),
    }
}

/// The entry on the timeline with this key leads to the message from now on.
async fn lead_to(app: &App, tx: &mut Tx, key: &str, channel: &ChannelId, ts: &str) -> Result<()> {
    match &app.directory.current().ourselves {
        Some(us) => tx.set_permalink_of(key, &us.permalink(channel, ts)).await,
        None => Ok(()),
    }
}

/// Posts the summary, or edits it in place. Its lane coalesces: however much changed meanwhile, one edit shows it.
pub(super) async fn draw_summary(app: &App, job: &Job, id: IncidentId) -> Result<Finished> {
    let mut tx = app.db.read().await?;
    let incident = tx.incident(id).await?;
    let roles = tx.roles(id).await?;
    let pages = tx.linked_pages(id).await?;
    // That it could not be drawn is over once it can be read.
    let mut steps = tx.steps(id).await?;
    steps.retain(|row| row.step != Step::Summary);
    let outsiders = tx.outsiders(id).await?;
    let mut uninvited = named(app, &tx.uninvited(id).await?, &outsiders);
    uninvited.extend(outsiders.iter().filter(|o| o.slack_user_id.is_none()).map(messages::outsider));
    let posted = tx.message_ts(id, "summary").await?;
    drop(tx);
    let Some(channel) = &incident.channel_id else { return job.finish_bare(&app.db).await };
    let emoji = match app.config.severity(&incident.severity) {
        SeverityWord::Known(severity) => severity.emoji.as_str(),
        SeverityWord::TooHigh | SeverityWord::Unknown => ":question:",
    };
    let summary = forms::summary(&Summary {
        incident: &incident,
        emoji,
        roles: &roles,
        pages: &pages,
        steps: &steps,
        uninvited: &uninvited,
    });
    let mut deleted = false;
    if let Some((channel, ts)) = &posted {
        match app.slack.update_message(channel, ts, &summary.text, &summary.blocks, None).await {
            Ok(()) => {
                let mut tx = app.db.write(Priority::Job).await?;
                tx.set_step(id, Step::Summary, StepState::Done, None, None).await?;
                return job.finish(tx).await;
            }
            Err(e) if e.code() == Some("message_not_found") => deleted = true,
            Err(e) => return Err(e.into()),
        }
    }
    // Somebody deleted it: the new one needs a mark of its own, or the old one's would be looked for.
    let op_id = if deleted { format!("summary-{id}-{}", job.id) } else { format!("summary-{id}") };
    let ts = post(app, job, channel, &op_id, id, &summary).await?;
    let mut tx = app.db.write(Priority::Job).await?;
    tx.remember_message(id, "summary", channel, &ts).await?;
    tx.set_step(id, Step::Summary, StepState::Done, None, None).await?;
    tx.cause_step(&Effect::PinSummary { incident: id }).await?;
    job.finish(tx).await
}

pub(super) async fn pin_summary(app: &App, job: &Job, id: IncidentId) -> Result<Finished> {
    let posted = app.db.read().await?.message_ts(id, "summary").await?;
    if let Some((channel, ts)) = posted {
        app.slack.pin(&channel, &ts).await?;
    }
    let tx = app.db.write(Priority::Job).await?;
    super::finish_step(job, tx, id, Step::Pin).await
}

/// Tells everybody, and keeps what was told up to date.
pub(super) async fn announce(app: &App, job: &Job, id: IncidentId) -> Result<Finished> {
    let mut tx = app.db.read().await?;
    let incident = tx.incident(id).await?;
    let commander = tx.commander(id).await?;
    let posted = tx.message_ts(id, "announcement").await?;
    drop(tx);
    let (Some(name), Some(_), false) =
        (&app.config.slack.announce_channel, &incident.channel_id, incident.is_private)
    else {
        return job.finish_bare(&app.db).await;
    };
    let message = messages::announcement(&incident, commander.as_ref().map(|c| &c.slack_user_id));
    let (channel, ts) = if let Some((channel, ts)) = posted {
        match app.slack.update_message(&channel, &ts, &message.text, &[], None).await {
            Ok(()) => {}
            // Somebody took it down; it is not ours to put up again.
            Err(e) if e.code() == Some("message_not_found") => {}
            Err(e) => return Err(e.into()),
        }
        (channel, ts)
    } else {
        let channel = announce_channel(app, name).await?;
        let op_id = format!("announcement-{id}");
        let ts = post(app, job, &channel, &op_id, id, &message).await?;
        (channel, ts)
    };
    let mut tx = app.db.write(Priority::Job).await?;
    tx.remember_message(id, "announcement", &channel, &ts).await?;
    lead_to(app, &mut tx, &format!("declared:{id}"), &channel, &ts).await?;
    super::finish_step(job, tx, id, Step::Announce).await
}

/// The configured id, or the channel of that name among those we are in.
async fn announce_channel(app: &App, name: &str) -> Result<ChannelId> {
    if let Some(id) = &app.directory.current().announce_channel {
        return Ok(id.clone());
    }
    let channels = app.slack.my_channels().await?;
    channels.into_iter().find(|c| c.name == name && !c.is_archived).map(|c| c.id).ok_or_else(|| {
        Error::refused(format!(
            "I am not in #{name}: write /invite @firebell there, or give its id as slack.announce_channel"
        ))
    })
}
