//! `/status-check`: from memory what the monitors said, through the database what changes who is told.

use super::once::{self, Request, Turn};
use super::{Answer, LOOK_WITHIN, Typed, may};
use crate::app::App;
use crate::error::{Error, Result};
use crate::front::{Caller, Reply, Right};
use crate::oncall::Known;
use crate::status::command::{self, Asked};
use crate::status::help::help;
use crate::status::{Picture, messages, stalk};
use crate::store::Priority;

pub(super) async fn status(app: &App, known: &Known, caller: &Caller, typed: &Typed) -> Result<Answer> {
    let asked = command::parse(&typed.text, &known.config)?;
    match &asked {
        Asked::Help { about } => return Ok(Answer::Looked(Reply::only(help(&known.config, about)))),
        Asked::Show => return show(app, known, caller).await,
        Asked::Stalk | Asked::Unstalk => may(known, caller, Right::Declare)?,
    }
    let request = Request::typed(app, typed);
    let mut tx = match once::begin(app, &request).await? {
        Turn::First(tx) => tx,
        Turn::Repeat(first) => return Ok(first),
    };
    let reply = match &asked {
        Asked::Stalk => stalk::stalk(&mut tx, &known.config, caller).await?,
        Asked::Unstalk => stalk::unstalk(&mut tx, &known.config, caller).await?,
        _ => return Err(Error::internal("looking changes nothing")),
    };
    once::finish(app, tx, &request, reply).await
}

/// From memory: whatever is down, this answers.
async fn show(app: &App, known: &Known, caller: &Caller) -> Result<Answer> {
    stalk::must_have_checks(&known.config)?;
    let (readings, now) = (app.status.current(), app.clock.now());
    let picture = Picture::of(&known.config, &readings);
    let text = messages::status(&picture, now);
    if !picture.is_old(&known.config, now) {
        return Ok(Answer::Looked(Reply::everyone(text)));
    }
    let (age, asking) = (picture.age(now), ask_anew(app, known, caller));
    let more = match tokio::time::timeout(LOOK_WITHIN, asking).await {
        Ok(Ok(())) => messages::asking_now(age),
        failed => {
            tracing::warn!(?failed, "cannot have the monitors asked");
            messages::cannot_ask(age)
        }
    };
    Ok(Answer::Looked(Reply::everyone(format!("{text}\n{more}"))))
}

async fn ask_anew(app: &App, known: &Known, caller: &Caller) -> Result<()> {
    let mut tx = app.db.write(Priority::Command).await?;
    stalk::ask_anew(&mut tx, &known.config, caller).await?;
    tx.commit().await
}
