//! Why a group holds whom it holds.

use super::messages::answers;
use super::model::target;
use crate::error::{Error, Result};
use crate::front::Reply;
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
