//! `/statuspage`, and the buttons and forms of what goes to the public.

use serde_json::Value;
use sha2::{Digest, Sha256};

use super::once::{self, Request};
use super::{Typed, caller, look, may, settle, text};
use crate::app::App;
use crate::error::Result;
use crate::front::{Caller, Reply, Right};
use crate::incidents::pressed::{Pressed, Submitted};
use crate::notices::command::{self, Asked};
use crate::notices::help::help;
use crate::notices::{messages, press, publish};
use crate::oncall::Known;
use crate::store::Priority;

pub(super) async fn statuspage(app: &App, known: &Known, typed: &Typed) -> Result<Reply> {
    let caller = caller(app, known, &typed.user, Some(&typed.channel)).await?;
    let asked = command::parse(&typed.text, known)?;
    let page = app.page.current();
    let update = match &asked {
        // From memory: whatever is down, this answers.
        Asked::Help { about } => return Ok(Reply::only(help(&known.config, about))),
        Asked::Status => {
            publish::configured(&known.config)?;
            return Ok(Reply::only(messages::status(&known.config, &page, app.clock.now())));
        }
        Asked::Form { .. } => {
            publish::configured(&known.config)?;
            may(known, &caller, Right::Statuspage)?;
            return look(app, known, &caller, async {
                let mut tx = app.db.read().await?;
                publish::form(&mut tx, known, &page, &caller, &asked).await
            })
            .await;
        }
        Asked::Update(update) => update,
    };
    publish::configured(&known.config)?;
    may(known, &caller, Right::Statuspage)?;
    let request = Request::typed(typed);
    let mut tx = app.db.write(Priority::Command).await?;
    if let Some(first) = once::first_answer(&mut tx, &request).await? {
        return Ok(first);
    }
    let reply = publish::update(&mut tx, known, &page, &caller, update).await?;
    once::remember(&mut tx, &request, &reply).await?;
    Ok(settle(app, tx, reply).await)
}

pub(super) async fn press(
    app: &App,
    known: &Known,
    caller: &Caller,
    payload: &Value,
    pressed: &Pressed,
) -> Result<Reply> {
    may(known, caller, Right::Statuspage)?;
    let page = app.page.current();
    if press::only_looks(&pressed.action) {
        return look(app, known, caller, async {
            let mut tx = app.db.read().await?;
            press::press(&mut tx, &page, caller, pressed).await
        })
        .await;
    }
    let request = Request {
        key: format!("press:{}:{}:{}", caller.user, pressed.action, pressed.value),
        place: String::new(),
        fingerprint: text(&payload["container"]["message_ts"]),
    };
    let mut tx = app.db.write(Priority::Command).await?;
    if let Some(first) = once::first_answer(&mut tx, &request).await? {
        return Ok(first);
    }
    let reply = press::press(&mut tx, &page, caller, pressed).await?;
    once::remember(&mut tx, &request, &reply).await?;
    Ok(settle(app, tx, reply).await)
}

pub(super) async fn submit(
    app: &App,
    known: &Known,
    caller: &Caller,
    view: &Value,
    form: &Submitted,
) -> Result<Reply> {
    may(known, caller, Right::Statuspage)?;
    let page = app.page.current();
    let request = Request {
        key: format!("view:{}", text(&view["id"])),
        place: String::new(),
        fingerprint: hex::encode(Sha256::digest(format!("{} {} {}", form.form, form.metadata, form.values))),
    };
    let mut tx = app.db.write(Priority::Command).await?;
    if let Some(first) = once::first_answer(&mut tx, &request).await? {
        return Ok(first);
    }
    let reply = press::submit(&mut tx, known, &page, caller, form).await?;
    if matches!(reply, Reply::FormErrors(_)) {
        return Ok(reply); // nothing was done: the next try is another submission
    }
    once::remember(&mut tx, &request, &reply).await?;
    Ok(settle(app, tx, reply).await)
}
