//! `/page` and `/ic`.

use super::once::{self, Request, Turn};
use super::{Typed, may};
use crate::app::App;
use crate::error::Result;
use crate::front::{Answer, Caller, Reply, Right};
use crate::oncall::Known;
use crate::paging::command::{self, Asked};
use crate::paging::{asked, help};

pub(super) async fn page(app: &App, known: &Known, caller: &Caller, typed: &Typed) -> Result<Answer> {
    match command::page(&typed.text, known)? {
        Asked::Help { .. } => Ok(Answer::Looked(Reply::only(help::page(&known.config)))),
        wanted => ask(app, known, caller, typed, &wanted).await,
    }
}

pub(super) async fn ic(app: &App, known: &Known, caller: &Caller, typed: &Typed) -> Result<Answer> {
    ask(app, known, caller, typed, &command::ic(&typed.text, known)?).await
}

async fn ask(app: &App, known: &Known, caller: &Caller, typed: &Typed, wanted: &Asked) -> Result<Answer> {
    if wanted.only_looks() {
        let reply = asked::look(known, caller, wanted, &typed.command, app.clock.now())?;
        return Ok(Answer::Looked(reply));
    }
    Box::pin(act(app, known, caller, typed, wanted)).await
}

async fn act(app: &App, known: &Known, caller: &Caller, typed: &Typed, wanted: &Asked) -> Result<Answer> {
    may(known, caller, Right::Page)?;
    let request = Request::typed(app, typed).but_not_by_words();
    let mut tx = match once::begin(app, &request).await? {
        Turn::First(tx) => tx,
        Turn::Repeat(first) => return Ok(first),
    };
    match asked::act(&mut tx, known, caller, wanted, typed.thread_ts.clone()).await? {
        Answer::Done(reply) => once::finish(app, tx, &request, reply).await,
        looked @ Answer::Looked(_) => Ok(looked),
    }
}
