//! Tells what became of a page: in the channel where it was asked, or, where we are not in it, the asker alone.

use crate::app::App;
use crate::error::Result;
use crate::front::Message;
use crate::ids::{ChannelId, SlackUserId};
use crate::jobs::{Finished, Job};
use crate::slack::{Mark, Post};

pub(super) async fn tell(app: &App, job: &Job) -> Result<Finished> {
    let payload = &job.payload.0;
    let message: Message = serde_json::from_value(payload["message"].clone())?;
    let op_id = payload["op"].as_str().unwrap_or_default();
    let mark = Mark { op_id: op_id.to_owned(), incident_id: None };
    if let Some(channel) = payload["channel"].as_str().map(ChannelId::new) {
        match in_channel(app, job, &channel, payload["thread"].as_str(), &message, &mark).await {
            // Not in it, or it is no more: then at least whoever asked is told.
            Err(crate::error::Error::Upstream(refused)) if refused.is_final() => {
                tracing::info!(%refused, "cannot tell a channel what became of a page; telling the asker");
            }
            other => {
                other?;
                return job.finish_bare(&app.db).await;
            }
        }
    }
    // Not read back, for which we lack the right in private: twice rather than never.
    let asker = SlackUserId::new(payload["user"].as_str().unwrap_or_default());
    let channel = app.slack.open_dm(&asker).await?;
    app.slack.post_message(&post(&channel, None, &message, &mark)).await?;
    job.finish_bare(&app.db).await
}

async fn in_channel(
    app: &App,
    job: &Job,
    channel: &ChannelId,
    thread_ts: Option<&str>,
    message: &Message,
    mark: &Mark,
) -> Result<()> {
    // What stands in a thread is not in the channel's history: it is posted again rather than not at all.
    if thread_ts.is_none() && app.posted_before(job, channel, &mark.op_id).await?.is_some() {
        return Ok(());
    }
    app.slack.post_message(&post(channel, thread_ts, message, mark)).await?;
    Ok(())
}

fn post<'a>(
    channel: &'a ChannelId,
    thread_ts: Option<&'a str>,
    message: &'a Message,
    mark: &'a Mark,
) -> Post<'a> {
    Post { channel, text: &message.text, blocks: &message.blocks, thread_ts, mark: Some(mark) }
}
