//! `/statuspage`, and the buttons and forms of what goes to the public.

use serde_json::Value;
use tokio::time::timeout;

use super::once::{self, Request, Turn};
use super::{Answer, LOOK_WITHIN, Typed, look, may, pressed_in};
use crate::app::App;
use crate::error::Result;
use crate::front::{Caller, Reply, Right};
use crate::incidents::pressed::Submitted;
use crate::notices::command::{self, Asked};
use crate::notices::help::help;
use crate::notices::{Page, messages, press, publish};
use crate::oncall::Known;

pub(super) async fn statuspage(app: &App, known: &Known, caller: &Caller, typed: &Typed) -> Result<Answer> {
    let asked = command::parse(&typed.text, known)?;
    let page = app.page.current();
    // From memory: whatever is down, this answers.
    if let Asked::Help { about } = &asked {
        return Ok(Answer::Looked(Reply::only(help(&known.config, about))));
    }
    publish::configured(&known.config)?;
    if asked == Asked::Status {
        return Ok(Answer::Looked(Reply::only(status(app, known, caller, &page).await)));
    }
    may(known, caller, Right::Statuspage)?;
    let Asked::Update(update) = &asked else {
        let form = async {
            let mut tx = app.db.read().await?;
            publish::form(&mut tx, known, &page, caller, &asked).await
        };
        return look(app, Box::pin(form)).await;
    };
    let request = Request::typed(app, typed);
    let mut tx = match once::begin(app, &request).await? {
        Turn::First(tx) => tx,
        Turn::Repeat(first) => return Ok(first),
    };
    let reply = publish::update(&mut tx, known, &page, caller, update).await?;
    once::finish(app, tx, &request, reply).await
}

/// The page from memory, whatever is down; and what the public has not read yet.
async fn status(app: &App, known: &Known, caller: &Caller, page: &Page) -> String {
    let looking = async {
        let mut tx = app.db.read().await?;
        publish::unpublished(&mut tx, caller).await
    };
    let now = app.clock.now();
    let waiting = match timeout(LOOK_WITHIN, looking).await {
        Ok(Ok(posts)) => messages::unpublished(&posts, now),
        failed => {
            tracing::warn!(?failed, "cannot look up what waits for the status page");
            messages::CANNOT_LOOK.to_owned()
        }
    };
    format!("{}\n{waiting}", messages::status(&known.config, page, now)).trim_end().to_owned()
}

pub(super) async fn press(app: &App, known: &Known, caller: &Caller, payload: &Value) -> Result<Answer> {
    may(known, caller, Right::Statuspage)?;
    let page = app.page.current();
    let pressed = pressed_in(payload);
    if press::only_looks(&pressed.action) {
        let form = async {
            let mut tx = app.db.read().await?;
            press::press(&mut tx, known, &page, caller, &pressed).await
        };
        return look(app, Box::pin(form)).await;
    }
    let request = Request::pressed(app, caller, payload, &pressed.value, true);
    let mut tx = match once::begin(app, &request).await? {
        Turn::First(tx) => tx,
        Turn::Repeat(first) => return Ok(first),
    };
    let reply = press::press(&mut tx, known, &page, caller, &pressed).await?;
    once::finish(app, tx, &request, reply).await
}

pub(super) async fn submit(
    app: &App,
    known: &Known,
    caller: &Caller,
    view: &Value,
    form: &Submitted,
) -> Result<Answer> {
    may(known, caller, Right::Statuspage)?;
    let page = app.page.current();
    let request = Request::submitted(app, caller, view);
    let mut tx = match once::begin(app, &request).await? {
        Turn::First(tx) => tx,
        Turn::Repeat(first) => return Ok(first),
    };
    let reply = press::submit(&mut tx, known, &page, caller, form).await?;
    if matches!(reply, Reply::FormErrors(_)) {
        return Ok(Answer::Looked(reply)); // nothing was done: the next try is another submission
    }
    once::finish(app, tx, &request, reply).await
}
