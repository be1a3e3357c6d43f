//! Tells people: messages about groups, and topics of channels.

use serde_json::Value;

use crate::app::App;
use crate::error::{Error, Result};
use crate::front::Message;
use crate::groups::messages;
use crate::ids::{ChannelId, SlackUserId};
use crate::jobs::{Finished, Job};
use crate::oncall::model::{is_channel_id, is_user_id};
use crate::slack::{Mark, Post};

/// Posts a message to a channel or a person. In a channel, a second attempt looks for the first one's.
pub(super) async fn tell(app: &App, job: &Job) -> Result<Finished> {
    let payload: &Value = &job.payload.0;
    let message: Message = serde_json::from_value(payload["message"].clone())?;
    let (to, op_id) = (text(payload, "to"), text(payload, "op"));
    let mark = Mark { op_id: op_id.to_owned(), incident_id: None };
    let channel = if is_user_id(to) {
        // We have no right to read it back in private: twice rather than never.
        app.slack.open_dm(&SlackUserId::new(to)).await?
    } else {
        let channel = channel(app, to)?;
        if app.posted_before(job, &channel, op_id).await?.is_some() {
            return job.finish_bare(&app.db).await;
        }
        channel
    };
    let post = Post {
        channel: &channel,
        text: &message.text,
        blocks: &message.blocks,
        thread_ts: None,
        mark: Some(&mark),
    };
    app.slack.post_message(&post).await?;
    job.finish_bare(&app.db).await
}

/// Keeps our part of a channel's topic: `… | On call: Ana, until Mon 09:00`. The rest of it stays as people wrote it.
pub(super) async fn topic(app: &App, job: &Job, handle: &str, name: &str) -> Result<Finished> {
    let channel = channel(app, name)?;
    let mut tx = app.db.read().await?;
    let state = tx.group_state(handle).await?;
    drop(tx);
    let Some(state) = state else { return job.finish_bare(&app.db).await };
    let was = app.slack.topic(&channel).await?;
    let is = messages::topic(&was, &app.directory.current(), &state, &app.config.incidents.timezone);
    if was != is {
        app.slack.set_topic(&channel, &is).await?;
    }
    job.finish_bare(&app.db).await
}

/// A channel's id, by its configured name.
fn channel(app: &App, name: &str) -> Result<ChannelId> {
    if is_channel_id(name) {
        return Ok(ChannelId::new(name));
    }
    let found = app.directory.current().channels.get(name).cloned();
    found.ok_or_else(|| Error::refused(format!("not in #{name}: write /invite @firebell there")))
}

fn text<'a>(payload: &'a Value, name: &str) -> &'a str {
    payload[name].as_str().unwrap_or_default()
}
