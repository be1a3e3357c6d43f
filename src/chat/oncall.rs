//! `/oncall`, and the buttons under what is said about groups.

use serde_json::Value;
use sha2::{Digest, Sha256};

use super::once::{self, Request};
use super::{Typed, caller, look, may, settle, text};
use crate::app::App;
use crate::error::{Error, Result};
use crate::front::{Caller, Reply, Right};
use crate::groups::command::{self, Asked};
use crate::groups::help::help;
use crate::groups::messages::{press, rota};
use crate::groups::{lookup, rollback, why};
use crate::oncall::Known;
use crate::store::Priority;

pub(super) async fn oncall(app: &App, known: &Known, typed: &Typed) -> Result<Reply> {
    let caller = caller(app, known, &typed.user, Some(&typed.channel)).await?;
    let now = app.clock.now();
    let asked = command::parse(&typed.text, known)?;
    let right = match &asked {
        // From memory: whatever is down, this answers.
        Asked::Help { about } => return Ok(Reply::only(help(&known.config, about))),
        Asked::Overview { is_public } => return Ok(rota::overview(known, now, *is_public)),
        Asked::Lookup(wanted) => {
            let subject = lookup::find(known, &caller.user, wanted)?;
            return Ok(rota::looked_up(known, &subject, wanted, now));
        }
        Asked::Why { group } => {
            let reply = look(app, known, &caller, async {
                let mut tx = app.db.read().await?;
                why::why(&mut tx, known, group).await
            })
            .await?;
            // The answer stands without it.
            if let Err(error) = more_later(app, group, typed).await {
                tracing::warn!(%error, "cannot have PagerDuty asked why somebody is on call");
            }
            return Ok(reply);
        }
        Asked::Sync { .. } => Right::Declare,
        Asked::Rollback { .. } => Right::Admin,
    };
    may(known, &caller, right)?;
    let request = Request::typed(typed);
    let mut tx = app.db.write(Priority::Command).await?;
    if let Some(first) = once::first_answer(&mut tx, &request).await? {
        return Ok(first);
    }
    let reply = match &asked {
        Asked::Sync { group } => rollback::sync(&mut tx, known, &caller, group.as_deref()).await?,
        Asked::Rollback { group } => rollback::roll_back(&mut tx, known, &caller, group).await?,
        _ => return Err(Error::internal("looking changes nothing")),
    };
    once::remember(&mut tx, &request, &reply).await?;
    Ok(settle(app, tx, reply).await)
}

async fn more_later(app: &App, group: &str, typed: &Typed) -> Result<()> {
    let mut tx = app.db.write(Priority::Command).await?;
    why::more_later(&mut tx, group, &typed.channel, &typed.user).await?;
    tx.commit().await
}

/// A button or menu under what was said about a group. What both do is for administrators.
pub(super) async fn press(app: &App, known: &Known, caller: &Caller, payload: &Value) -> Result<Reply> {
    may(known, caller, Right::Admin)?;
    let action = &payload["actions"][0];
    let (name, row) = (text(&action["action_id"]), text(&action["block_id"]));
    let chosen = if name == press::LINK { text(&action["selected_user"]) } else { text(&action["value"]) };
    let (message, time) = (text(&payload["container"]["message_ts"]), text(&action["action_ts"]));
    let request = Request {
        key: format!("press:{}:{message}:{name}:{time}", caller.user),
        place: String::new(),
        fingerprint: hex::encode(Sha256::digest(format!("{row} {chosen}"))),
    };
    let mut tx = app.db.write(Priority::Command).await?;
    if let Some(first) = once::first_answer(&mut tx, &request).await? {
        return Ok(first);
    }
    let reply = match name.as_str() {
        press::APPLY => rollback::apply(&mut tx, known, caller, &chosen).await?,
        press::LINK => rollback::link(&mut tx, known, caller, &row, &chosen).await?,
        _ => return Ok(Reply::Nothing),
    };
    once::remember(&mut tx, &request, &reply).await?;
    Ok(settle(app, tx, reply).await)
}
