//! Says what waits to be said. A second attempt looks for the first one's message.

use super::Post;
use crate::app::App;
use crate::error::{Error, Result};
use crate::ids::SlackUserId;
use crate::jobs::{Finished, Job};
use crate::oncall::model::is_user_id;
use crate::slack::{self, Mark};
use crate::store::Priority;

/// Posts a message to a channel or a person.
pub async fn run(app: &App, job: &Job) -> Result<Finished> {
    let post: Post = serde_json::from_value(job.payload.0.clone())
        .map_err(|_| Error::refused("this version knows no message of that shape"))?;
    let refused = match say(app, job, &post).await {
        // We are not in that channel, or it is no more: somebody should know all the same.
        Err(Error::Upstream(refused)) if refused.is_final() && post.is_minded() => refused,
        other => {
            other?;
            return job.finish_bare(&app.db).await;
        }
    };
    tracing::info!(%refused, to = post.to, "cannot speak there; whoever minds is told");
    if let Some(person) = &post.or_to {
        say(app, job, &Post { to: person.to_string(), thread_ts: None, ..post.clone() }).await?;
    }
    let mut tx = app.db.write(Priority::Job).await?;
    if let Some(then) = post.if_refused {
        tx.enqueue(*then).await?;
    }
    job.finish(tx).await
}

async fn say(app: &App, job: &Job, post: &Post) -> Result<()> {
    let channel = if is_user_id(&post.to) {
        app.slack.open_dm(&SlackUserId::new(post.to.clone())).await?
    } else {
        app.directory.current().channel(&post.to)?
    };
    match app.posted_before(job, &channel, post.thread_ts.as_deref(), &post.op).await {
        Ok(Some(_)) => return Ok(()),
        // A public channel that we are not in takes our words and does not let us read: twice rather than never.
        Err(Error::Upstream(refused)) if refused.is_final() => {}
        other => drop(other?),
    }
    let mark = Mark { op_id: post.op.clone(), incident_id: None };
    let said = slack::Post {
        channel: &channel,
        text: &post.message.text,
        blocks: &post.message.blocks,
        thread_ts: post.thread_ts.as_deref(),
        mark: Some(&mark),
    };
    app.slack.post_message(&said).await?;
    Ok(())
}
