//! The front desk: what people type and press becomes a feature's verb, in one transaction, once.

mod oncall;
mod once;
mod status;
mod store;

use std::time::Duration;

use serde_json::Value;
use sha2::{Digest as _, Sha256};
use tokio::time::timeout;

use crate::app::App;
use crate::config::{Command, Who};
use crate::error::{Error, Result};
use crate::front::{Caller, Reply, Right};
use crate::ids::{ChannelId, SlackUserId};
use crate::incidents::command::{self, Asked};
use crate::incidents::declare::NewIncident;
use crate::incidents::forms::declare_form;
use crate::incidents::help;
use crate::incidents::pressed::{self, Pressed, Submitted};
use crate::incidents::{asked, declare, trouble};
use crate::oncall::Known;
use crate::oncall::reads::meet_job;
use crate::slack::blocks::untrusted;
use crate::store::{Priority, Tx};
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

/// Looking is given up before the edge's deadline: nothing is in doubt then, and the person can be told so.
const LOOK_WITHIN: Duration = Duration::from_millis(1_500);

/// Answers a command. Errors become the sentence that the person reads.
pub async fn answer(app: &App, typed: &Typed) -> Reply {
    command(app, typed).await.unwrap_or_else(|error| in_words(app, &error))
}

async fn command(app: &App, typed: &Typed) -> Result<Reply> {
    let known = app.known();
    match known.config.commands.typed(&typed.command) {
        Some(Command::Incident) => incident(app, &known, typed).await,
        Some(Command::Oncall) => oncall::oncall(app, &known, typed).await,
        Some(Command::Status) => status::status(app, &known, typed).await,
        None => Err(Error::not_found(format!(
            "{} is not set up here. An administrator can name it under [commands] in Firebell's configuration.",
            typed.command
        ))),
    }
}

async fn incident(app: &App, known: &Known, typed: &Typed) -> Result<Reply> {
    let caller = caller(app, known, &typed.user, Some(&typed.channel)).await?;
    let asked = command::parse(&typed.text, known)?;
    match &asked {
        Asked::Help { about } => {
            let verb = help::find(about.trim());
            return Ok(Reply::only(
                verb.map_or_else(|| app.help.to_string(), |v| help::more(&known.config.commands.incident, v)),
            ));
        }
        Asked::Form { new } => return open_form(known, &caller, new),
        _ => {}
    }
    // What follows keeps a lot while it waits for the database; what is answered from memory does not carry that along.
    Box::pin(ask_database(app, known, typed, &caller, &asked)).await
}

async fn ask_database(
    app: &App,
    known: &Known,
    typed: &Typed,
    caller: &Caller,
    asked: &Asked,
) -> Result<Reply> {
    if asked.only_looks() {
        return look(app, known, caller, async {
            let mut tx = app.db.read().await?;
            asked::look(&mut tx, known, caller, asked).await
        })
        .await;
    }
    may(known, caller, Right::Declare)?;
    let request = Request::typed(typed);
    let mut tx = app.db.write(Priority::Command).await?;
    if let Some(first) = once::first_answer(&mut tx, &request).await? {
        return Ok(first);
    }
    let reply = asked::act(&mut tx, known, caller, asked).await?;
    once::remember(&mut tx, &request, &reply).await?;
    Ok(settle(app, tx, reply).await)
}

/// The form to declare with, for those who may.
fn open_form(known: &Known, caller: &Caller, new: &NewIncident) -> Result<Reply> {
    may(known, caller, Right::Declare)?;
    Ok(Reply::Modal(declare_form(&known.config, new)))
}

/// What only reads: without a database there is nothing to see, and nothing is lost.
async fn look(
    app: &App,
    known: &Known,
    caller: &Caller,
    looking: impl Future<Output = Result<Reply>>,
) -> Result<Reply> {
    match timeout(LOOK_WITHIN, looking).await {
        Ok(Err(Error::Internal(inner))) => {
            tracing::error!(error = format!("{inner:#}"), "cannot look something up");
            Ok(whom_to_call(app, "I cannot look that up now: my database does not answer."))
        }
        Err(_) => Ok(whom_to_call(app, "I cannot look that up now: my database is slow.")),
        Ok(Ok(reply @ Reply::Modal(_))) => may(known, caller, Right::Declare).map(|()| reply),
        Ok(other) => other,
    }
}

/// Commits, and answers. When the commit's own answer is lost nobody knows what became of it.
async fn settle(app: &App, tx: Tx, reply: Reply) -> Reply {
    match tx.commit().await {
        Ok(()) => reply,
        Err(error) => {
            tracing::error!(error = format!("{error:#}"), "a commit's answer was lost");
            late(app)
        }
    }
}

/// Answers a button or a submitted form.
pub async fn interaction(app: &App, payload: &Value) -> Reply {
    interact(app, payload).await.unwrap_or_else(|error| in_words(app, &error))
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
        "shortcut" => open_form(&known, &caller, &NewIncident::default()),
        _ => Ok(Reply::Nothing),
    }
}

async fn press(app: &App, known: &Known, caller: &Caller, payload: &Value) -> Result<Reply> {
    let action = &payload["actions"][0];
    let pressed = Pressed {
        action: text(&action["action_id"]),
        row: text(&action["block_id"]),
        value: text(&action["value"]),
    };
    if pressed.action.starts_with("groups:") {
        return oncall::press(app, known, caller, payload).await;
    }
    // A link's button, or a choice in a form that is read on submission.
    if !pressed.action.starts_with("incident.") {
        return Ok(Reply::Nothing);
    }
    may(known, caller, Right::Declare)?;
    if pressed.only_looks() {
        return look(app, known, caller, async {
            let mut tx = app.db.read().await?;
            pressed::press(&mut tx, known, caller, &pressed).await
        })
        .await;
    }
    let time = if pressed.is_once() { String::new() } else { text(&action["action_ts"]) };
    let message = text(&payload["container"]["message_ts"]);
    let request = Request {
        key: format!("press:{}:{message}:{}:{time}", caller.user, pressed.action),
        place: String::new(),
        fingerprint: hex::encode(Sha256::digest(&pressed.value)),
    };
    let mut tx = app.db.write(Priority::Command).await?;
    if let Some(first) = once::first_answer(&mut tx, &request).await? {
        return Ok(first);
    }
    let reply = pressed::press(&mut tx, known, caller, &pressed).await?;
    once::remember(&mut tx, &request, &reply).await?;
    Ok(settle(app, tx, reply).await)
}

async fn submit(app: &App, known: &Known, caller: &Caller, payload: &Value) -> Result<Reply> {
    let view = &payload["view"];
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
        fingerprint: hex::encode(Sha256::digest(format!("{} {} {}", form.form, form.metadata, form.values))),
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
    Ok(settle(app, tx, reply).await)
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

/// Full members of our workspace only. Somebody we have not met is read from Slack at once, and asked to try again.
async fn caller(app: &App, known: &Known, user: &SlackUserId, channel: Option<&ChannelId>) -> Result<Caller> {
    let Some(member) = known.people.member(user) else {
        Box::pin(meet(app, user)).await?;
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

async fn meet(app: &App, user: &SlackUserId) -> Result<()> {
    let mut tx = app.db.write(Priority::Command).await?;
    tx.enqueue(meet_job(user)).await?;
    tx.commit().await
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
    let who: Vec<String> = whom
        .iter()
        .map(|who| match who {
            Who::User(id) => known.people.name_of(&SlackUserId::new(id.clone())),
            other => other.to_string(),
        })
        .collect();
    Err(Error::Denied(match who.as_slice() {
        [] => format!("Nobody has the right to {name}. An administrator can give it under [rights]."),
        who => format!(
            "That needs the right to {name}. Ask one of those who have it ({}), or an administrator to extend [rights].",
            who.join(", ")
        ),
    }))
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
            whom_to_call(
                app,
                "Something is broken on my side: nothing was stored, and nobody was paged. Please try again.",
            )
        }
    }
}

/// When the deadline passed: from memory alone.
pub fn late(app: &App) -> Reply {
    let list = format!("`{} list`", app.config.commands.incident);
    let what = format!(
        "My database is slow. Your command is not stored yet, or possibly stored: see {list} before you repeat it."
    );
    whom_to_call(app, &what)
}

/// Whatever is broken here, people can be called.
fn whom_to_call(app: &App, what: &str) -> Reply {
    let known = app.known();
    let now = app.clock.now();
    let on_call: Vec<_> =
        known.config.services.iter().map(|s| (s.name.clone(), declare::on_call(&known, s, now))).collect();
    Reply::only(format!(":warning: {what}\n{}", trouble::whom_to_call_by_service(&on_call)))
}

/// Refusals quote what was typed; only our own backticks are markup.
fn safe(text: &str) -> String {
    text.split('`').map(untrusted).collect::<Vec<_>>().join("`")
}
