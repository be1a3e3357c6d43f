//! The front desk: what people type and press becomes a feature's verb, in one transaction, once.

mod oncall;
mod once;
mod paging;
mod registry;
mod runbook;
mod said;
mod status;
mod statuspage;
pub mod steps;
mod store;

use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use tokio::time::timeout;

use crate::app::App;
use crate::audit::{Outcome, Use, Via};
use crate::config::{Command, Who};
use crate::error::{Error, Result};
use crate::front::{Answer, Caller, Reply, Right};
use crate::ids::{ChannelId, SlackUserId};
use crate::incidents::command::{self, Asked};
use crate::incidents::declare::NewIncident;
use crate::incidents::forms::declare_form;
use crate::incidents::help;
use crate::incidents::pressed::{self, Pressed, Submitted};
use crate::incidents::{asked, declare, trouble};
use crate::oncall::Known;
use crate::oncall::model::Contact;
use crate::oncall::reads::meet_job;
use crate::paging::seats;
use crate::slack::blocks::untrusted;
use once::{Request, Turn};
pub use said::{hear, is_asked};

/// A command from our workspace.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Typed {
    pub user: SlackUserId,
    pub channel: ChannelId,
    pub via: Via,
    /// With the slash or the exclamation mark, as typed.
    pub command: String,
    pub text: String,
    /// The same on every attempt of the same command, and unlike any other's.
    pub mark: String,
    /// The thread in which it was said.
    #[serde(default)]
    pub thread_ts: Option<String>,
}

impl Typed {
    fn used(&self, app: &App) -> Use {
        Use::new(app.clock.now(), (&self.user, Some(&self.channel)), self.via, &self.command, &self.text)
    }
}

/// Looking is given up before the edge's deadline: nothing is in doubt then, and the person can be told so.
const LOOK_WITHIN: Duration = Duration::from_millis(1_500);

/// Answers a command. Errors become the sentence that the person reads.
pub async fn answer(app: &App, typed: &Typed) -> Reply {
    let answered = command(app, &app.known(), typed).await;
    note(app, &answered, || typed.used(app));
    in_words(app, answered)
}

/// Puts on record what is not there yet.
fn note(app: &App, answered: &Result<Answer>, used: impl FnOnce() -> Use) {
    match answered {
        Ok(Answer::Done(_)) => {}
        Ok(Answer::Looked(_)) => app.notes.take(used(), Outcome::Answered),
        Err(error) => app.notes.take(used(), error.into()),
    }
}

async fn command(app: &App, known: &Known, typed: &Typed) -> Result<Answer> {
    let (command, typed) = registry::resolve(&known.config, typed)?;
    let caller = caller(app, known, &typed.user, Some(&typed.channel)).await?;
    // Whatever keeps a lot while it waits is in a box of its own: answers from memory do not carry it along.
    match command {
        Command::Incident => incident(app, known, &caller, &typed).await,
        Command::Oncall => oncall::oncall(app, known, &caller, &typed).await,
        Command::Page => paging::page(app, known, &caller, &typed).await,
        Command::Ic => paging::ic(app, known, &caller, &typed).await,
        Command::Statuspage => Box::pin(statuspage::statuspage(app, known, &caller, &typed)).await,
        Command::Runbook => Box::pin(runbook::runbook(app, known, &typed)).await,
        Command::Status => Box::pin(status::status(app, known, &caller, &typed)).await,
        Command::Firebell => Ok(Answer::Looked(Reply::only(registry::help(&known.config)))),
    }
}

async fn incident(app: &App, known: &Known, caller: &Caller, typed: &Typed) -> Result<Answer> {
    let asked = command::parse(&typed.text, known)?;
    match &asked {
        Asked::Help { about } => {
            let about = help::about(&known.config, about);
            return Ok(Answer::Looked(Reply::only(about.unwrap_or_else(|| app.help.to_string()))));
        }
        Asked::Form { new } => return open_form(known, caller, new),
        Asked::List => {
            return match app.list.at_hand(&app.db) {
                Some(reply) => Ok(Answer::Looked(reply)),
                None => Box::pin(look(app, app.list.reply(&app.db, known, caller))).await,
            };
        }
        _ => {}
    }
    // What follows keeps a lot while it waits for the database; what is answered from memory does not carry that along.
    Box::pin(ask_database(app, known, typed, caller, &asked)).await
}

async fn ask_database(
    app: &App,
    known: &Known,
    typed: &Typed,
    caller: &Caller,
    asked: &Asked,
) -> Result<Answer> {
    if asked.only_looks() {
        return look(app, async {
            let mut tx = app.db.read().await?;
            let reply = asked::look(&mut tx, known, caller, asked).await?;
            // A form is for those who may submit it.
            if matches!(reply, Reply::Modal(_)) {
                may(known, caller, Right::Declare)?;
            }
            Ok(reply)
        })
        .await;
    }
    may(known, caller, Right::Declare)?;
    let mut request = Request::typed(app, typed);
    if matches!(asked, Asked::On { verb, .. } if verb.is_done_once()) {
        request = request.but_not_by_words();
    }
    let mut tx = match once::begin(app, &request).await? {
        Turn::First(tx) => tx,
        Turn::Repeat(first) => return Ok(first),
    };
    match asked::act(&mut tx, known, caller, asked).await? {
        Answer::Done(reply) => once::finish(app, tx, &request, reply).await,
        looked @ Answer::Looked(_) => Ok(looked),
    }
}

/// The form to declare with, for those who may.
fn open_form(known: &Known, caller: &Caller, new: &NewIncident) -> Result<Answer> {
    may(known, caller, Right::Declare)?;
    Ok(Answer::Looked(Reply::Modal(declare_form(&known.config, new))))
}

/// What only reads: without a database there is nothing to see, and nothing is lost.
async fn look(app: &App, looking: impl Future<Output = Result<Reply>>) -> Result<Answer> {
    Ok(Answer::Looked(match timeout(LOOK_WITHIN, looking).await {
        Ok(Err(Error::Internal(inner))) => {
            tracing::error!(error = format!("{inner:#}"), "cannot look something up");
            whom_to_call(app, "I cannot look that up now: my database does not answer.")
        }
        Err(_) => whom_to_call(app, "I cannot look that up now: my database is slow."),
        Ok(other) => other?,
    }))
}

/// Answers a button or a submitted form.
pub async fn interaction(app: &App, payload: &Value) -> Reply {
    let answered = interact(app, payload).await;
    in_words(app, answered)
}

async fn interact(app: &App, payload: &Value) -> Result<Answer> {
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
        _ => Ok(Answer::Looked(Reply::Nothing)),
    }
}

/// A button's or menu's feature is the first part of its name.
async fn press(app: &App, known: &Known, caller: &Caller, payload: &Value) -> Result<Answer> {
    let name = text(&payload["actions"][0]["action_id"]);
    match name.split(['.', ':']).next() {
        Some("incident") => press_on_incident(app, known, caller, payload).await,
        Some("groups") => oncall::press(app, known, caller, payload).await,
        Some("notices") => statuspage::press(app, known, caller, payload).await,
        // A link's button, or a choice in a form that is read on submission.
        _ => Ok(Answer::Looked(Reply::Nothing)),
    }
}

async fn press_on_incident(app: &App, known: &Known, caller: &Caller, payload: &Value) -> Result<Answer> {
    let pressed = pressed_in(payload);
    may(known, caller, Right::Declare)?;
    if pressed.only_looks() {
        return look(app, async {
            let mut tx = app.db.read().await?;
            pressed::press(&mut tx, known, caller, &pressed).await
        })
        .await;
    }
    let request = Request::pressed(app, caller, payload, &pressed.value, pressed.is_once());
    let mut tx = match once::begin(app, &request).await? {
        Turn::First(tx) => tx,
        Turn::Repeat(first) => return Ok(first),
    };
    let reply = pressed::press(&mut tx, known, caller, &pressed).await?;
    once::finish(app, tx, &request, reply).await
}

/// A button, as its feature reads it.
fn pressed_in(payload: &Value) -> Pressed {
    let action = &payload["actions"][0];
    Pressed {
        action: text(&action["action_id"]),
        row: text(&action["block_id"]),
        value: text(&action["value"]),
    }
}

async fn submit(app: &App, known: &Known, caller: &Caller, payload: &Value) -> Result<Answer> {
    let view = &payload["view"];
    let form = Submitted {
        form: text(&view["callback_id"]),
        metadata: text(&view["private_metadata"]),
        values: view["state"]["values"].clone(),
    };
    if form.form.starts_with("notices.") {
        return statuspage::submit(app, known, caller, view, &form).await;
    }
    may(known, caller, Right::Declare)?;
    let request = Request::submitted(app, caller, view);
    let mut tx = match once::begin(app, &request).await? {
        Turn::First(tx) => tx,
        Turn::Repeat(first) => return Ok(first),
    };
    let reply = pressed::submit(&mut tx, known, caller, &form).await?;
    if matches!(reply, Reply::FormErrors(_) | Reply::Modal(_)) {
        return Ok(Answer::Looked(reply)); // nothing was done: the next try is another submission
    }
    once::finish(app, tx, &request, reply).await
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
    let caller = Caller { user: user.clone(), name: member.called().to_owned(), channel: channel.cloned() };
    may(known, &caller, Right::Use)?;
    Ok(caller)
}

async fn meet(app: &App, user: &SlackUserId) -> Result<()> {
    let mut tx = app.db.write(crate::store::Priority::Command).await?;
    tx.enqueue(meet_job(user)).await?;
    tx.commit().await
}

fn may(known: &Known, caller: &Caller, right: Right) -> Result<()> {
    let (whom, name) = match right {
        Right::Use => (&known.config.rights.uses, "use Firebell"),
        Right::Declare => (&known.config.rights.declare, "declare"),
        Right::Page => (&known.config.rights.page, "page"),
        Right::Statuspage => (&known.config.rights.statuspage, "write on the status page"),
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

/// What the person reads. Inner texts of errors are logged, once, here.
fn in_words(app: &App, answered: Result<Answer>) -> Reply {
    let error = match answered {
        Ok(Answer::Looked(reply) | Answer::Done(reply)) => return reply,
        Err(error) => error,
    };
    match error {
        Error::Refused(text) | Error::Denied(text) | Error::NotFound(text) => Reply::only(safe(&text)),
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

/// When the deadline passed: from memory alone. What shows whether it went through depends on what was asked.
pub fn late(app: &App, command: &str, text: &str) -> Reply {
    let (known, commands) = (app.known(), &app.config.commands);
    let asked = registry::named(commands, command, text);
    let what = match asked {
        Some(Command::Page | Command::Ic) => "Your page is not stored yet, or possibly stored: if it is, you hear here who \
             was paged. If you hear nothing for a minute, send it again: nobody is paged twice by the same words."
            .to_owned(),
        Some(Command::Statuspage) => format!(
            "Your update is not stored yet, or possibly stored: see `{} status`, and send it again if it is not there; the \
             same words are published once.",
            commands.statuspage
        ),
        _ => format!(
            "Your command is not stored yet, or possibly stored: see `{} list` before you repeat it.",
            commands.incident
        ),
    };
    let what = format!("My database is slow. {what}");
    let commanders = match asked {
        Some(Command::Ic) => seats::commanders(&known, app.clock.now()),
        _ => Vec::new(),
    };
    let commanders: Vec<_> =
        commanders.into_iter().map(|held| (held.seat.title.clone(), held.holders)).collect();
    if commanders.iter().any(|(_, holders)| !holders.is_empty()) {
        return call(app, &what, &commanders);
    }
    whom_to_call(app, &what)
}

/// Whatever is broken here, people can be called.
fn whom_to_call(app: &App, what: &str) -> Reply {
    let known = app.known();
    let now = app.clock.now();
    let on_call: Vec<_> =
        known.config.services.iter().map(|s| (s.name.clone(), declare::on_call(&known, s, now))).collect();
    call(app, what, &on_call)
}

fn call(app: &App, what: &str, whom: &[(String, Vec<Contact>)]) -> Reply {
    let phones = app.config.paging.phones.are_shown(false);
    Reply::only(format!(":warning: {what}\n{}", trouble::whom_to_call_by_service(whom, phones)))
}

/// Refusals quote what was typed; only our own backticks are markup.
fn safe(text: &str) -> String {
    text.split('`').map(untrusted).collect::<Vec<_>>().join("`")
}
