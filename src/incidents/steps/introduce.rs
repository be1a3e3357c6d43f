//! Somebody is paged whom the roster does not know in Slack: look for them at once, for being paged and not seeing why
//! is the oldest complaint; and if there is no account, say so by name.

use super::read;
use crate::app::App;
use crate::error::Result;
use crate::ids::{IncidentId, PagerDutyUserId};
use crate::incidents::effects::Effect;
use crate::incidents::messages;
use crate::incidents::model::Outsider;
use crate::jobs::{Finished, Job};
use crate::oncall::Step;
use crate::oncall::reads::meet_job;
use crate::store::Priority;

pub(super) async fn introduce(
    app: &App,
    job: &Job,
    id: IncidentId,
    responder: &PagerDutyUserId,
) -> Result<Finished> {
    let incident = read(app, id).await?;
    let outsiders = app.db.read().await?.outsiders(id).await?;
    let Some(mut outsider) = outsiders.into_iter().find(|o| o.pagerduty_user_id == *responder) else {
        return job.finish_bare(&app.db).await;
    };
    look(app, &mut outsider).await?;
    let mut tx = app.db.write(Priority::Job).await?;
    tx.describe_outsider(id, &outsider).await?;
    if let Some(user) = &outsider.slack_user_id {
        if tx.want_member(id, user, "paged").await? {
            tx.cause(&Effect::Invite { incident: id }).await?;
        }
        // The roster did not know them: from now on it shall.
        tx.enqueue(meet_job(user)).await?;
        let soon = Step::ReadResponders.soon(tx.now());
        tx.enqueue(soon).await?;
    } else {
        tx.say(&incident, messages::not_in_slack(&outsider)).await?;
        tx.redraw(id).await?;
    }
    job.finish(tx).await
}

/// Their account under any of their addresses; guests too, as far as Slack lets them in.
async fn look(app: &App, outsider: &mut Outsider) -> Result<()> {
    let id = &outsider.pagerduty_user_id;
    let mut responder = app.directory.current().responders.get(id).cloned();
    if responder.is_none()
        && let Some(pagerduty) = &app.pagerduty
    {
        responder = pagerduty.user(id).await?.map(Into::into);
    }
    let Some(responder) = responder else { return Ok(()) };
    for email in &responder.emails.0 {
        if let Some(user) = app.slack.user_by_email(email).await? {
            outsider.slack_user_id = Some(user.id);
            break;
        }
    }
    outsider.name = responder.name;
    outsider.phone = responder.phone;
    Ok(())
}
