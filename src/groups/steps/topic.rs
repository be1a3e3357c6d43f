//! Topics of channels that name who is on call.

use crate::app::App;
use crate::error::Result;
use crate::groups::messages;
use crate::jobs::{Finished, Job};

/// Keeps our part of a channel's topic: `… | On call: Ana, until Mon 09:00`. The rest of it stays as people wrote it.
pub(super) async fn topic(app: &App, job: &Job, handle: &str, name: &str) -> Result<Finished> {
    let channel = app.directory.current().channel(name)?;
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
