//! A [`Reply`] in the forms that Slack reads from an HTTP answer.

use axum::http::{StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use serde::Serialize;
use serde_json::{Value, json};

use super::FrontDesk;
use crate::front::{Message, Reply};

/// The most that a section's text may hold. <https://docs.slack.dev/reference/block-kit/blocks/section-block>
const SECTION_CHARS: usize = 3_000;

/// Enough for most answers, so that they need not be moved while they grow.
const ROOM: usize = 4096;

/// Received; nothing to show.
pub(super) fn empty() -> Response {
    StatusCode::OK.into_response()
}

pub(super) fn json_body(body: &impl Serialize) -> Response {
    let mut text = Vec::with_capacity(ROOM);
    serde_json::to_writer(&mut text, body).expect("strings and JSON values always serialize");
    ([(header::CONTENT_TYPE, "application/json")], text).into_response()
}

#[derive(Serialize)]
struct Spoken<'a> {
    response_type: &'static str,
    text: &'a str,
    #[serde(skip_serializing_if = "<[Value]>::is_empty")]
    blocks: &'a [Value],
}

/// <https://docs.slack.dev/interactivity/implementing-slash-commands#responding_immediate_response>
pub(super) fn to_command(reply: Reply) -> Response {
    let spoken = |response_type, Message { text, blocks }: &Message| {
        json_body(&Spoken { response_type, text, blocks })
    };
    match in_words(reply) {
        Reply::Only(message) | Reply::Instead(message) => spoken("ephemeral", &message),
        Reply::Everyone(message) => spoken("in_channel", &message),
        _ => empty(),
    }
}

/// Slack reads words from the answer to a submitted form only: there they are shown in the form's place. After a
/// button or a shortcut, the desk says them another way.
/// <https://docs.slack.dev/surfaces/modals#updating_response>
pub(super) fn to_interaction(desk: &dyn FrontDesk, payload: &Value, reply: Reply) -> Response {
    let submitted = payload["type"] == "view_submission";
    match reply {
        Reply::FormErrors(errors) if submitted => {
            json_body(&json!({ "response_action": "errors", "errors": errors }))
        }
        Reply::Modal(view) if submitted => json_body(&json!({ "response_action": "update", "view": view })),
        Reply::Only(message) | Reply::Instead(message) if submitted => {
            json_body(&json!({ "response_action": "update", "view": notice(&message) }))
        }
        reply => {
            if let reply @ (Reply::Only(_) | Reply::Everyone(_) | Reply::Instead(_)) = in_words(reply) {
                desk.follow_up(payload, reply);
            }
            empty()
        }
    }
}

/// A form's errors, where there is no form to show them in.
fn in_words(reply: Reply) -> Reply {
    match reply {
        Reply::FormErrors(errors) => Reply::only(errors.into_values().collect::<Vec<_>>().join("\n")),
        other => other,
    }
}

/// A form that only says something.
fn notice(message: &Message) -> Value {
    let text: String = message.text.chars().take(SECTION_CHARS).collect();
    json!({
        "type": "modal",
        "title": { "type": "plain_text", "text": "Firebell" },
        "close": { "type": "plain_text", "text": "Close" },
        "blocks": [{ "type": "section", "text": { "type": "mrkdwn", "text": text } }],
    })
}
