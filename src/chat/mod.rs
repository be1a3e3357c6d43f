//! The front desk: what people type and press becomes a feature's verb, in one transaction, once.

mod once;
mod store;

use serde_json::Value;
use sha2::{Digest as _, Sha256};

use crate::app::App;
use crate::config::{Command, Who};
use crate::error::{Error, Result};
use crate::front::{Caller, Reply, Right};
use crate::ids::{ChannelId, SlackUserId};
use crate::incidents::asked;
use crate::incidents::command::{self, Asked};
use crate::incidents::declare;
use crate::incidents::messages;
use crate::incidents::pressed::{self, Pressed, Submitted};
use crate::oncall::Known;
use crate::oncall::model::meet_job;
use crate::store::Priority;
use once::Request;

/// A slash command from our workspace.
#[derive(Clone, Debug)]
pub struct Typed {
    pub user: SlackUserId,
    pub channel: ChannelId,
    /// With the slash, as typed.
    pub command: String,
    pub text: String,
    /// The same on every attempt of the same command.
    pub trigger_id: String,
}

/// Answers a command. Errors become the sentence that the person reads.
pub async fn answer(app: &App, typed: &Typed) -> Reply {
    match command(app, typed).await {
        Ok(reply) => reply,
        Err(error) => in_words(app, &error),
    }
}

async fn command(app: &App, typed: &Typed) -> Result<Reply> {
    let known = app.known();
    match known.config.commands.typed(&typed.command) {
        Some(Command::Incident) => incident(app, &known, typed).await,
        None => Err(Error::not_found(format!(
            "{} is not set up here. An administrator can name it under [commands] in Firebell's configuration.",
            typed.command
        ))),
    }
}

async fn incident(app: &App, known: &Known, typed: &Typed) -> Result<Reply> {
    let caller = caller(app, known, &typed.user, Some(&typed.channel)).await?;
    let asked = command::parse(&typed.text, known)?;
    if let Asked::Form { .. } | Asked::Help { .. } = &asked {
        return without_database(known, &asked);
    }
    if asked.only_looks() {
        let mut tx = app.db.read().await?;
        return asked::look(&mut tx, known, &caller, &asked).await;
    }
    may(known, &caller, Right::Declare)?;
    let request = Request {
        key: format!("trigger:{}", typed.trigger_id),
        place: format!("typed:{}:{}", typed.user, typed.channel),
        fingerprint: hex::encode(Sha256::digest(format!("{} {}", typed.command, typed.text))),
    };
    let mut tx = app.db.write(Priority::Command).await?;
    if let Some(first) = once::first_answer(&mut tx, &request).await? {
        return Ok(first);
    }
    let reply = asked::act(&mut tx, known, &caller, &asked).await?;
    once::remember(&mut tx, &request, &reply).await?;
    tx.commit().await?;
    Ok(reply)
}

fn without_database(known: &Known, asked: &Asked) -> Result<Reply> {
    match asked {
        Asked::Form { title } => {
            Ok(Reply::Modal(crate::incidents::forms::declare_form(&known.config, title)))
        }
        Asked::Help { about } => Ok(Reply::only(command::help(&known.config, about))),
        _ => Err(Error::internal("this needs the database")),
    }
}

/// Answers a button or a submitted form.
pub async fn interaction(app: &App, payload: &Value) -> Reply {
    match interact(app, payload).await {
        Ok(reply) => reply,
        Err(error) => in_words(app, &error),
    }
}

async fn interact(app: &App, payload: &Value) -> Result<Reply> {
    let known = app.known();
    let user = SlackUserId::new(payload["user"]["id"].as_str().unwrap_or_default());
    let channel = payload
        .pointer("/channel/id")
        .or_else(|| payload.pointer("/container/channel_id"))
        .and_then(Value::as_str)
        .map(ChannelId::new);
    let caller = caller(app, &known, &user, channel.as_ref()).await?;
    match payload["type"].as_str().unwrap_or_default() {
        "block_actions" => press(app, &known, &caller, payload).await,
        "view_submission" => submit(app, &known, &caller, payload).await,
        "shortcut" => without_database(&known, &Asked::Form { title: String::new() }),
        _ => Ok(Reply::Nothing),
    }
}

async fn press(app: &App, known: &Known, caller: &Caller, payload: &Value) -> Result<Reply> {
    let action = &payload["actions"][0];
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let pressed = Pressed { action: text(&action["action_id"]), value: text(&action["value"]) };
    // A link's button, or a choice in a form that is read on submission.
    if !pressed.action.starts_with("incident.") {
        return Ok(Reply::Nothing);
    }
    may(known, caller, Right::Declare)?;
    if pressed.only_looks() {
        let mut tx = app.db.read().await?;
        return pressed::press(&mut tx, known, caller, &pressed).await;
    }
    let request = Request {
        key: format!(
            "press:{}:{}:{}:{}",
            caller.user,
            text(&payload["container"]["message_ts"]),
            pressed.action,
            text(&action["action_ts"])
        ),
        place: String::new(),
        fingerprint: String::new(),
    };
    let mut tx = app.db.write(Priority::Command).await?;
    if let Some(first) = once::first_answer(&mut tx, &request).await? {
        return Ok(first);
    }
    let reply = pressed::press(&mut tx, known, caller, &pressed).await?;
    once::remember(&mut tx, &request, &reply).await?;
    tx.commit().await?;
    Ok(reply)
}

async fn submit(app: &App, known: &Known, caller: &Caller, payload: &Value) -> Result<Reply> {
    let view = &payload["view"];
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let form = Submitted {
        form: text(&view["callback_id"]),
        metadata: text(&view["private_metadata"]),
        values: view["state"]["values"].clone(),
    };
    may(known, caller, Right::Declare)?;
    // The same form submitted twice is one submission, unless what was written in it was mended in between.
    let request = Request {
        key: format!("view:{}", text(&view["id"])),
        place: String::new(),
        fingerprint: hex::encode(Sha256::digest(form.values.to_string())),
    };
    let mut tx = app.db.write(Priority::Command).await?;
    if let Some(first) = once::first_answer(&mut tx, &request).await? {
        return Ok(first);
    }
    let reply = pressed::submit(&mut tx, known, caller, &form).await?;
    if matches!(reply, Reply::FormErrors(_)) {
        return Ok(reply); // nothing was done: the next try is another submission
    }
    once::remember(&mut tx, &request, &reply).await?;
    tx.commit().await?;
    Ok(reply)
}

/// Full members of our workspace only. Somebody we have not met is read from Slack at once, and asked to try again.
async fn caller(app: &App, known: &Known, user: &SlackUserId, channel: Option<&ChannelId>) -> Result<Caller> {
    let Some(member) = known.people.member(user) else {
        let mut tx = app.db.write(Priority::Command).await?;
        tx.enqueue(meet_job(user)).await?;
        tx.commit().await?;
        return Err(Error::Denied(
            "I have not met you yet and am reading your profile: please try again in a few seconds.".into(),
        ));
    };
    let team_id = app.team_id(&known.people).unwrap_or_default();
    if !member.is_full(&team_id) {
        return Err(Error::Denied(
            "Firebell takes commands from full members of this workspace only; ask one of them.".into(),
        ));
    }
    Ok(Caller { user: user.clone(), name: member.called().to_owned(), channel: channel.cloned() })
}

fn may(known: &Known, caller: &Caller, right: Right) -> Result<()> {
    let (whom, name) = match right {
        Right::Declare => (&known.config.rights.declare, "declare"),
        Right::Page => (&known.config.rights.page, "page"),
        Right::Admin => (&known.config.rights.admin, "admin"),
    };
    if known.people.is_one_of(&caller.user, whom) {
        return Ok(());
    }
    let who: Vec<String> = whom.iter().map(Who::to_string).collect();
    Err(Error::Denied(format!(
        "That needs the right to {name}, which {} have. Ask one of them, or an administrator to extend [rights].",
        if who.is_empty() { "none".into() } else { who.join(", ") }
    )))
}

/// The sentence for a person. Inner texts are logged, once, here.
fn in_words(app: &App, error: &Error) -> Reply {
    match error {
        Error::Refused(text) | Error::Denied(text) | Error::NotFound(text) => Reply::only(safe(text)),
        Error::Upstream(upstream) => {
            tracing::warn!(error = %upstream, "a command met a vendor's fault");
            Reply::only(format!("{} is not answering; please try again.", upstream.service))
        }
        Error::Internal(inner) => {
            tracing::error!(error = format!("{inner:#}"), "a command failed");
            not_stored(app, "Something broke on our side, and nothing was stored.")
        }
    }
}

/// When the deadline passed: from memory alone.
pub fn late(app: &App) -> Reply {
    let list = format!("`{} list`", app.config.commands.incident);
    not_stored(
        app,
        &format!(
            "The database is slow. Your command is not stored yet, or possibly stored: see {list} before you repeat it."
        ),
    )
}

/// Whatever is broken here, people can be called.
fn not_stored(app: &App, what: &str) -> Reply {
    let known = app.known();
    let now = app.clock.now();
    let mut on_call = Vec::new();
    for service in known.config.default_service().into_iter().chain(&known.config.services) {
        on_call.extend(declare::on_call(&known, service, now));
        if !on_call.is_empty() {
            break;
        }
    }
    Reply::only(format!(":warning: {what}\nIf it is urgent:\n{}", messages::whom_to_call(&on_call)))
}

/// Refusals quote what was typed.
fn safe(text: &str) -> String {
    crate::slack::blocks::escape(text).replace("&lt;!", "&lt;\u{200B}!")
}
