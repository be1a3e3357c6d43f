//! Makes what is missing: a user group, or the knowledge of a person.

use crate::app::App;
use crate::error::Result;
use crate::groups::model::target;
use crate::ids::PagerDutyUserId;
use crate::jobs::{Finished, Job};
use crate::oncall::{Group, Member, Step, replan};
use crate::store::Priority;

/// Makes a group that Slack does not have. A second attempt finds the handle taken: then the list is read anew, and the
/// group that is found is ours or somebody's, which makes no difference to what it should hold.
pub(super) async fn make(app: &App, job: &Job, handle: &str) -> Result<Finished> {
    let Some(target) = target(&app.config, handle) else { return job.finish_bare(&app.db).await };
    match app.slack.create_usergroup(&target.name(), handle).await {
        Ok(group) => {
            let mut tx = app.db.write(Priority::Job).await?;
            tx.save_group(&Group::from(group)).await?;
            tx.directory_changed().await?;
            tx.enqueue(replan("the group was made")).await?;
            job.finish(tx).await
        }
        Err(refused) if matches!(refused.code(), Some("handle_already_exists" | "name_already_exists")) => {
            let mut tx = app.db.write(Priority::Job).await?;
            tx.enqueue(Step::ReadGroups.because("the group was made")).await?;
            job.finish(tx).await
        }
        // Tried again at every full look.
        Err(refused) if refused.is_final() => {
            let mut tx = app.db.write(Priority::Job).await?;
            if let Some(state) = tx.group_state(handle).await?.filter(|state| state.group_id.is_none()) {
                super::write::refuse(app, &mut tx, &state, &refused).await?;
            }
            job.finish(tx).await
        }
        Err(away) => Err(away.into()),
    }
}

/// Looks for a PagerDuty user in Slack, by each of their addresses. Most are found in the list of all people; this is
/// for those who are newer than its last read.
pub(super) async fn find(app: &App, job: &Job, id: &PagerDutyUserId) -> Result<Finished> {
    let responder = app.db.read().await?.responder(id).await?;
    let Some(responder) = responder else { return job.finish_bare(&app.db).await };
    for email in &responder.emails.0 {
        if let Some(user) = app.slack.user_by_email(email).await? {
            let mut tx = app.db.write(Priority::Job).await?;
            tx.save_member(&Member::from(user)).await?;
            tx.mapped(id).await?;
            tx.directory_changed().await?;
            tx.enqueue(replan("somebody new in Slack")).await?;
            return job.finish(tx).await;
        }
    }
    job.finish_bare(&app.db).await
}
