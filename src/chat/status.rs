//! `/status-check`: from memory what was asked of the monitors, through the database what changes who is told.

use super::once::{self, Request};
use super::{Typed, caller, may, settle};
use crate::app::App;
use crate::error::{Error, Result};
use crate::front::{Caller, Reply, Right};
use crate::oncall::Known;
use crate::status::command::{self, Asked};
use crate::status::help::help;
use crate::status::{Picture, messages, stalk};
use crate::store::Priority;

pub(super) async fn status(app: &App, known: &Known, typed: &Typed) -> Result<Reply> {
    let caller = caller(app, known, &typed.user, Some(&typed.channel)).await?;
    let asked = command::parse(&typed.text, &known.config)?;
    match &asked {
        Asked::Help { about } => return Ok(Reply::only(help(&known.config, about))),
        Asked::Show => return show(app, known, &caller).await,
        Asked::Stalk | Asked::Unstalk => may(known, &caller, Right::Declare)?,
    }
    let request = Request::typed(typed);
    let mut tx = app.db.write(Priority::Command).await?;
    if let Some(first) = once::first_answer(&mut tx, &request).await? {
        return Ok(first);
    }
    let reply = match &asked {
        Asked::Stalk => stalk::stalk(&mut tx, &known.config, &caller).await?,
        Asked::Unstalk => stalk::unstalk(&mut tx, &known.config, &caller).await?,
        _ => return Err(Error::internal("looking changes nothing")),
    };
    once::remember(&mut tx, &request, &reply).await?;
    Ok(settle(app, tx, reply).await)
}

/// From memory: whatever is down, this answers.
async fn show(app: &App, known: &Known, caller: &Caller) -> Result<Reply> {
    stalk::must_have_checks(&known.config)?;
    let (readings, now) = (app.status.current(), app.clock.now());
    let picture = Picture::of(&known.config, &readings);
    let text = messages::status(&picture, now);
    if !picture.is_old(&known.config, now) {
        return Ok(Reply::everyone(text));
    }
    let (age, asking) = (picture.age(now), ask_anew(app, known, caller));
    let more = match tokio::time::timeout(super::LOOK_WITHIN, asking).await {
        Ok(Ok(())) => messages::asking_now(age),
        failed => {
            tracing::warn!(?failed, "cannot have the monitors asked");
            messages::cannot_ask(age)
        }
    };
    Ok(Reply::everyone(format!("{text}\n{more}")))
}

async fn ask_anew(app: &App, known: &Known, caller: &Caller) -> Result<()> {
    let mut tx = app.db.write(Priority::Command).await?;
    stalk::ask_anew(&mut tx, &known.config, caller).await?;
    tx.commit().await
}
