//! `/oncall`, and the buttons under what is said about groups.

use serde_json::Value;

use super::once::{self, Request, Turn};
use super::{Answer, Typed, look, may, text};
use crate::app::App;
use crate::error::{Error, Result};
use crate::front::{Caller, Reply, Right};
use crate::groups::command::{self, Asked};
use crate::groups::help::help;
use crate::groups::messages::{press, rota};
use crate::groups::{lookup, rollback, why};
use crate::oncall::Known;
use crate::store::Priority;

pub(super) async fn oncall(app: &App, known: &Known, caller: &Caller, typed: &Typed) -> Result<Answer> {
    let now = app.clock.now();
    let asked = command::parse(&typed.text, known)?;
    // From memory: whatever is down, this answers.
    Ok(Answer::Looked(match &asked {
        Asked::Help { about } => Reply::only(help(&known.config, about)),
        Asked::Overview { is_public } => app.overview.reply(known, now, *is_public),
        Asked::Lookup(wanted) => {
            let subject = lookup::find(known, &caller.user, wanted)?;
            rota::looked_up(known, &subject, wanted, now)
        }
        _ => return Box::pin(ask_database(app, known, caller, typed, &asked)).await,
    }))
}

async fn ask_database(
    app: &App,
    known: &Known,
    caller: &Caller,
    typed: &Typed,
    asked: &Asked,
) -> Result<Answer> {
    let right = match asked {
        Asked::Why { group } => {
            let reply = look(app, async {
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
        Asked::Rollback { .. } => Right::Admin,
        _ => Right::Declare,
    };
    may(known, caller, right)?;
    let request = Request::typed(app, typed);
    let mut tx = match once::begin(app, &request).await? {
        Turn::First(tx) => tx,
        Turn::Repeat(first) => return Ok(first),
    };
    let reply = match asked {
        Asked::Sync { group } => rollback::sync(&mut tx, known, caller, group.as_deref()).await?,
        Asked::Rollback { group } => rollback::roll_back(&mut tx, known, caller, group).await?,
        _ => return Err(Error::internal("looking changes nothing")),
    };
    once::finish(app, tx, &request, reply).await
}

async fn more_later(app: &App, group: &str, typed: &Typed) -> Result<()> {
    let mut tx = app.db.write(Priority::Command).await?;
    why::more_later(&mut tx, group, &typed.channel, &typed.user).await?;
    tx.commit().await
}

/// A button or menu under what was said about a group. What both do is for administrators.
pub(super) async fn press(app: &App, known: &Known, caller: &Caller, payload: &Value) -> Result<Answer> {
    may(known, caller, Right::Admin)?;
    let action = &payload["actions"][0];
    let (name, row) = (text(&action["action_id"]), text(&action["block_id"]));
    let chosen = if name == press::LINK { text(&action["selected_user"]) } else { text(&action["value"]) };
    let request = Request::pressed(app, caller, payload, &format!("{row} {chosen}"), false);
    let mut tx = match once::begin(app, &request).await? {
        Turn::First(tx) => tx,
        Turn::Repeat(first) => return Ok(first),
    };
    let reply = match name.as_str() {
        press::APPLY => rollback::apply(&mut tx, known, caller, &chosen).await?,
        press::LINK => rollback::link(&mut tx, known, caller, &row, &chosen).await?,
        _ => return Ok(Answer::Looked(Reply::Nothing)),
    };
    once::finish(app, tx, &request, reply).await
}
