//! Why a group holds whom it holds.

use serde_json::json;

use super::messages::answers;
use super::model::target;
use crate::error::{Error, Result};
use crate::front::Reply;
use crate::ids::{ChannelId, SlackUserId};
use crate::jobs::NewJob;
use crate::oncall::Known;
use crate::store::Tx;

/// Each person with the reason, who is left out, and what led to the last change.
pub async fn why(tx: &mut Tx, known: &Known, handle: &str) -> Result<Reply> {
    let target = target(&known.config, handle);
    let target = target.ok_or_else(|| Error::not_found(format!("`@{handle}` follows no rota any more.")))?;
    let Some(state) = tx.group_state(target.handle).await? else {
        return Ok(Reply::only(format!(
            "I have not compared `@{handle}` with the rota yet: PagerDuty or Slack was not read since it was configured."
        )));
    };
    let last = tx.group_history(target.handle, 1).await?.pop();
    Ok(Reply::only(answers::why(known, target, &state, last.as_ref(), tx.now())))
}

/// Which layer or override it is, PagerDuty tells only when asked: that comes after the answer.
pub async fn more_later(tx: &mut Tx, handle: &str, channel: &ChannelId, user: &SlackUserId) -> Result<()> {
    let job = NewJob::new("groups.explain", json!({ "handle": handle, "channel": channel, "user": user }));
    let job = NewJob { max_attempts: Some(3), ..job };
    tx.enqueue(job.dedup(format!("groups.explain:{handle}:{user}"))).await?;
    Ok(())
}
