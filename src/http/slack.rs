//! Slack's three ways in: commands, interactions, events. Each is answered within 3 seconds, and business errors are
//! 200 with a sentence: a status only says whether we received it.
//! <https://docs.slack.dev/interactivity/implementing-slash-commands#responding_to_commands>

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::http::{StatusCode, Uri, header};
use axum::response::{IntoResponse as _, Response};
use serde_json::Value;
use tokio::time::timeout;

use super::desk::{BoxFuture, SlashCommand};
use super::form::{self, BadForm, Form};
use super::slack_answers::{empty, to_command, to_interaction};
use super::verified::VerifiedSlack;
use super::{Edge, Workspace, said};
use crate::front::Reply;
use crate::ids::{ChannelId, SlackUserId};

/// Past it the person gets the desk's late answer: Slack shows an error after 3 s, and the network needs its share.
const ANSWER_WITHIN: Duration = Duration::from_secs(2);
/// A trigger dies 3 s after the person's click (<https://docs.slack.dev/interactivity/handling-user-interaction>);
/// it was on its way for some of that, and so will be the sentence that stands in for the form.
const FORM_WITHIN: Duration = Duration::from_millis(2_500);

/// Older Slack documentation looks with a GET whether we answer; a browser is told that this is no page.
pub(super) async fn ssl_check(uri: Uri) -> Response {
    if form::asks_ssl_check(uri.query().unwrap_or_default().as_bytes()) {
        return empty();
    }
    (StatusCode::METHOD_NOT_ALLOWED, [(header::ALLOW, "POST")]).into_response()
}

/// `POST /slack/commands`
pub(super) async fn commands(State(edge): State<Arc<Edge>>, signed: VerifiedSlack) -> Response {
    let Ok((typed, app_id)) = read_command(&signed) else {
        return unreadable(&edge, "a command without one of its fields");
    };
    match whose(&edge, app_id.as_deref(), |ours| typed.team_id == ours) {
        Whose::Ours => {}
        Whose::Anothers => {
            edge.desk.note_stranger(&typed);
            return to_command(Reply::only("This workspace is not the one Firebell serves."));
        }
        Whose::AnotherApps => {
            let why = "This command belongs to another Slack app than the one whose token Firebell has: an administrator \
                       can take slack.bot_token and slack.signing_secrets from one app, and remove the other.";
            return to_command(Reply::only(why));
        }
        Whose::Unknown => return to_command(starting()),
    }
    to_command(ask(&edge, edge.desk.command(&typed), Some(&typed.trigger_id), Some(&typed)).await)
}

/// `POST /slack/interactions`
pub(super) async fn interactions(State(edge): State<Arc<Edge>>, signed: VerifiedSlack) -> Response {
    let Ok(payload) = read_payload(&signed) else {
        return unreadable(&edge, "an interaction without a JSON payload");
    };
    let kind = payload["type"].as_str().unwrap_or_default();
    if !["block_actions", "view_submission", "view_closed", "shortcut", "message_action"].contains(&kind) {
        tracing::info!(kind, "an interaction that nothing here asks for; acknowledged");
        return empty();
    }
    match whose(&edge, payload["api_app_id"].as_str(), |ours| is_from(&payload, ours)) {
        Whose::Ours => {}
        Whose::Anothers | Whose::AnotherApps => return empty(),
        Whose::Unknown => return to_interaction(&*edge.desk, &payload, starting()),
    }
    // A submitted form is replaced in the answer itself; everything else opens a form with its trigger.
    let trigger_id = payload["trigger_id"].as_str().filter(|_| kind != "view_submission");
    let reply = ask(&edge, edge.desk.interaction(payload.clone()), trigger_id, None).await;
    to_interaction(&*edge.desk, &payload, reply)
}

/// Waits for the desk, and opens the form if that is its answer.
async fn ask(
    edge: &Edge,
    asking: BoxFuture<'_, Reply>,
    trigger_id: Option<&str>,
    typed: Option<&SlashCommand>,
) -> Reply {
    let answering = async {
        let Ok(reply) = timeout(ANSWER_WITHIN, asking).await else {
            tracing::warn!("no answer within the deadline; the person was told so");
            return edge.desk.late(typed);
        };
        match (reply, trigger_id) {
            (Reply::Modal(view), Some(trigger_id)) => open_form(edge, trigger_id, view).await,
            (reply, _) => reply,
        }
    };
    timeout(FORM_WITHIN, answering).await.unwrap_or_else(|_| {
        tracing::warn!("Slack did not answer views.open while the trigger lived");
        not_opened()
    })
}

async fn open_form(edge: &Edge, trigger_id: &str, view: Value) -> Reply {
    match edge.desk.open_modal(trigger_id.to_owned(), view).await {
        Ok(()) => Reply::Nothing,
        Err(error) => {
            tracing::error!(error = said(&error), "cannot open a form");
            not_opened()
        }
    }
}

fn not_opened() -> Reply {
    Reply::only("Slack did not open the form. Please try again, or type the whole command instead.")
}

fn starting() -> Reply {
    Reply::only(
        "Firebell is still starting: Slack has not told it yet which workspace is its own. Please try again in a few seconds. If \
         it goes on like this, an administrator finds the reason with `firebell doctor`.",
    )
}

/// Signed by Slack, and yet not what Slack documents.
pub(super) fn unreadable(edge: &Edge, what: &'static str) -> Response {
    edge.metrics.refused("slack", "unreadable");
    tracing::warn!(what, "signed by Slack, but not in the documented form");
    StatusCode::BAD_REQUEST.into_response()
}

fn read_command(signed: &VerifiedSlack) -> Result<(SlashCommand, Option<String>), BadForm> {
    let form = read_form(signed)?;
    let typed = SlashCommand {
        team_id: form.need("team_id")?,
        user_id: SlackUserId::new(form.need("user_id")?),
        channel_id: ChannelId::new(form.need("channel_id")?),
        command: form.need("command")?,
        text: form.or_empty("text")?,
        trigger_id: form.or_empty("trigger_id")?,
    };
    Ok((typed, form.get("api_app_id")?.map(Cow::into_owned)))
}

fn read_payload(signed: &VerifiedSlack) -> Result<Value, BadForm> {
    let payload = read_form(signed)?.need("payload")?;
    let payload: Value = serde_json::from_str(&payload).map_err(|_| BadForm)?;
    if payload["type"].is_string() { Ok(payload) } else { Err(BadForm) }
}

fn read_form(signed: &VerifiedSlack) -> Result<Form<'_>, BadForm> {
    if form::is_form(&signed.headers) { Form::parse(&signed.body) } else { Err(BadForm) }
}

/// Whose request it is. Our signature only says that it is about our app; the app may be installed elsewhere.
pub(super) enum Whose {
    Ours,
    Anothers,
    /// From our workspace, where another app uses our address.
    AnotherApps,
    /// We do not know yet which workspace is ours.
    Unknown,
}

pub(super) fn whose(edge: &Edge, app_id: Option<&str>, is_from: impl FnOnce(&str) -> bool) -> Whose {
    let Some(Workspace { team_id, app_id: our_app }) = edge.desk.workspace() else {
        edge.metrics.refused("slack", "starting");
        return Whose::Unknown;
    };
    let another_app = matches!((app_id, our_app.as_deref()), (Some(theirs), Some(ours)) if theirs != ours);
    if !is_from(&team_id) {
        edge.metrics.refused("slack", "other_workspace");
        return Whose::Anothers;
    }
    if another_app {
        edge.metrics.refused("slack", "other_app");
        tracing::warn!(
            app_id,
            ours = our_app,
            "a request of another app than the one that slack.bot_token belongs to"
        );
        return Whose::AnotherApps;
    }
    Whose::Ours
}

/// Installed in our workspace, and pressed by one of its people: in a shared channel strangers see our buttons too.
/// An org-wide install leaves `team` empty.
fn is_from(payload: &Value, ours: &str) -> bool {
    let installed =
        [&payload["team"]["id"], &payload["view"]["app_installed_team_id"], &payload["user"]["team_id"]];
    let installed = installed.iter().find_map(|id| id.as_str());
    let person = payload["user"]["team_id"].as_str();
    installed == Some(ours) && person.is_none_or(|team| team == ours)
}
