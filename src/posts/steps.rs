//! Says what waits to be said. A second attempt looks for the first one's message.

use super::Post;
use crate::app::App;
use crate::error::Result;
use crate::ids::SlackUserId;
use crate::jobs::{Finished, Job};
use crate::oncall::model::is_user_id;
use crate::slack::{self, Mark};

/// Posts a message to a channel or a person.
pub async fn run(app: &App, job: &Job) -> Result<Finished> {
    let post: Post = serde_json::from_value(job.payload.0.clone())?;
    let channel = if is_user_id(&post.to) {
        app.slack.open_dm(&SlackUserId::new(post.to.clone())).await?
    } else {
        app.directory.current().channel(&post.to)?
    };
    if app.posted_before(job, &channel, post.thread_ts.as_deref(), &post.op).await?.is_some() {
        return job.finish_bare(&app.db).await;
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
    job.finish_bare(&app.db).await
}
