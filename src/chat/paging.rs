//! `/page` and `/ic`.

use super::once::{self, Request};
use super::{Typed, caller, may, settle};
use crate::app::App;
use crate::error::Result;
use crate::front::{Caller, Reply, Right};
use crate::oncall::Known;
use crate::paging::command::{self, Asked};
use crate::paging::{asked, help};
use crate::store::Priority;

pub(super) async fn page(app: &App, known: &Known, typed: &Typed) -> Result<Reply> {
    let caller = caller(app, known, &typed.user, Some(&typed.channel)).await?;
    match command::page(&typed.text, known)? {
        Asked::Help { .. } => Ok(Reply::only(help::page(&known.config))),
        wanted => ask(app, known, typed, &caller, &wanted).await,
    }
}

pub(super) async fn ic(app: &App, known: &Known, typed: &Typed) -> Result<Reply> {
    let caller = caller(app, known, &typed.user, Some(&typed.channel)).await?;
    ask(app, known, typed, &caller, &command::ic(&typed.text, known)?).await
}

async fn ask(app: &App, known: &Known, typed: &Typed, caller: &Caller, wanted: &Asked) -> Result<Reply> {
    if wanted.only_looks() {
        return asked::look(known, caller, wanted, app.clock.now());
    }
    may(known, caller, Right::Page)?;
    let request = Request::typed(typed);
    let mut tx = app.db.write(Priority::Command).await?;
    if let Some(first) = once::first_answer(&mut tx, &request).await? {
        return Ok(first);
    }
    let reply = asked::act(&mut tx, known, caller, wanted).await?;
    once::remember(&mut tx, &request, &reply).await?;
    Ok(settle(app, tx, reply).await)
}
