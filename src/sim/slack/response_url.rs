//! What a `response_url` takes: five posts in thirty minutes, no token.
//! <https://docs.slack.dev/interactivity/handling-user-interaction#message_responses>

use std::time::Duration;

use axum::http::{HeaderMap, StatusCode, header};
use serde_json::Value;

use super::Slack;
use super::content::check_blocks;
use super::state::{Ephemeral, Message, Origin, ResponseUrl, World};
use crate::clock::Timestamp;

const LIFETIME: Duration = Duration::from_secs(30 * 60);
const MOST_USES: u32 = 5;

type Denied = (StatusCode, &'static str);

/// One post to the URL with this path. The answer is `ok`, or a status and a word.
pub(super) fn accept(
    world: &mut World,
    now: Timestamp,
    path: &str,
    headers: &HeaderMap,
    body: &[u8],
) -> Result<(), Denied> {
    let ticket = world.response_urls.get(path).cloned().ok_or((StatusCode::NOT_FOUND, "no_such_url"))?;
    if now.since(ticket.issued_at) > LIFETIME {
        return Err((StatusCode::NOT_FOUND, "expired_url"));
    }
    if ticket.uses >= MOST_USES {
        return Err((StatusCode::NOT_FOUND, "used_url"));
    }
    let content_type = headers.get(header::CONTENT_TYPE).and_then(|v| v.to_str().ok()).unwrap_or_default();
    let message = serde_json::from_slice::<Value>(body).ok().filter(Value::is_object);
    let message = message.filter(|_| content_type.starts_with("application/json"));
    show(world, now, &ticket, &message.ok_or((StatusCode::BAD_REQUEST, "invalid_payload"))?)?;
    if let Some(ticket) = world.response_urls.get_mut(path) {
        ticket.uses += 1;
    }
    Ok(())
}

/// Shows a message payload where the ticket was issued; also what becomes of a command's direct answer.
pub(super) fn show(
    world: &mut World,
    now: Timestamp,
    ticket: &ResponseUrl,
    payload: &Value,
) -> Result<(), Denied> {
    let bad = |word| (StatusCode::BAD_REQUEST, word);
    if payload["delete_original"] == true {
        return if delete(world, ticket) { Ok(()) } else { Err(bad("invalid_payload")) };
    }
    let text = payload["text"].as_str().unwrap_or_default();
    let blocks = match payload.get("blocks") {
        None | Some(Value::Null) => Vec::new(),
        Some(blocks) => check_blocks(blocks.clone()).map_err(|_| bad("invalid_blocks"))?,
    };
    if text.is_empty() && blocks.is_empty() {
        return Err(bad("no_text"));
    }
    let blocks = world.complete(blocks);
    let replaces = payload["replace_original"] == true && ticket.origin != Origin::Command;
    match payload["response_type"].as_str().unwrap_or("ephemeral") {
        _ if replaces => replace(world, ticket, text, blocks),
        "in_channel" => post(world, now, ticket, payload, text, blocks)?,
        "ephemeral" => {
            let ts = match world.channels.get_mut(&ticket.channel) {
                Some(channel) => channel.next_ts(now),
                None => format!("{}.000000", now.as_secs()),
            };
            world.ephemerals.push(Ephemeral {
                thread_ts: None,
                channel: ticket.channel.clone(),
                text: text.into(),
                blocks,
                user: ticket.user.clone(),
                ts,
                shown_at: now,
            });
        }
        _ => return Err(bad("invalid_payload")),
    }
    Ok(())
}

/// Works in channels where the bot is no member, too.
fn post(
    world: &mut World,
    now: Timestamp,
    ticket: &ResponseUrl,
    payload: &Value,
    text: &str,
    blocks: Vec<Value>,
) -> Result<(), Denied> {
    let channel =
        world.channels.get_mut(&ticket.channel).ok_or((StatusCode::NOT_FOUND, "channel_not_found"))?;
    if channel.is_archived {
        return Err((StatusCode::BAD_REQUEST, "is_archived"));
    }
    let thread_ts = payload["thread_ts"].as_str().map(str::to_owned);
    channel.post(Message { blocks, thread_ts, ..Message::by(Slack::BOT_USER, text) }, now);
    Ok(())
}

fn replace(world: &mut World, ticket: &ResponseUrl, text: &str, blocks: Vec<Value>) {
    match &ticket.origin {
        Origin::Command => {}
        Origin::Message { ts } => {
            if let Some(message) = world.channels.get_mut(&ticket.channel).and_then(|c| c.message_mut(ts)) {
                message.text = text.into();
                message.blocks = blocks;
            }
        }
        Origin::Ephemeral { ts } => {
            let mine = |e: &&mut Ephemeral| e.ts == *ts && e.user == ticket.user;
            if let Some(whisper) = world.ephemerals.iter_mut().find(mine) {
                whisper.text = text.into();
                whisper.blocks = blocks;
            }
        }
    }
}

/// False for a command's URL: there is no original to delete.
fn delete(world: &mut World, ticket: &ResponseUrl) -> bool {
    match &ticket.origin {
        Origin::Command => return false,
        Origin::Message { ts } => {
            if let Some(channel) = world.channels.get_mut(&ticket.channel) {
                channel.remove(ts);
            }
        }
        Origin::Ephemeral { ts } => world.ephemerals.retain(|e| e.ts != *ts || e.user != ticket.user),
    }
    true
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::testing::{OPS, Room, field, room};

    fn url(room: &Room) -> String {
        field(&room.slack.command("U1", OPS, "/incident list").body, "response_url")
    }

    #[tokio::test]
    async fn takes_five_posts_for_the_person_to_whom_it_was_issued() {
        let room = room().await;
        let url = url(&room);
        assert!(url.starts_with(&format!("http://{}/commands/T0FIREBELL/", room.slack.host())));
        for _ in 0..5 {
            assert_eq!(room.respond(&url, json!({"text": "hi"})).await, (200, "ok".into()));
        }
        assert_eq!(room.respond(&url, json!({"text": "hi"})).await, (404, "used_url".into()));
        assert_eq!(room.slack.ephemerals("U1").len(), 5);
        assert_eq!(room.slack.channel_named("ops").expect("ops").messages.len(), 2, "joins only");
        assert_eq!(room.desk.count("response_url"), 6);
    }

    #[tokio::test]
    async fn dies_after_half_an_hour_and_refuses_nonsense() {
        let room = room().await;
        let url = url(&room);
        assert_eq!(room.respond(&url, json!({})).await.0, 400);
        assert_eq!(
            room.respond(&url, json!({"text": "x", "blocks": [{"type": "no"}]})).await.1,
            "invalid_blocks"
        );
        assert_eq!(room.respond(&url, json!({"delete_original": true})).await.0, 400);
        assert_eq!(room.respond(&url, json!({"response_type": "in_channel", "text": "all"})).await.0, 200);
        assert_eq!(room.slack.transcript("ops"), "10:00 firebell: all");
        room.later(30 * 60 + 1);
        assert_eq!(room.respond(&url, json!({"text": "late"})).await, (404, "expired_url".into()));
        let stranger = format!("{}/commands/T1/2/3", room.slack.hooks_url());
        assert_eq!(room.respond(&stranger, json!({"text": "x"})).await.0, 404);
    }

    #[tokio::test]
    async fn replaces_and_deletes_what_the_button_was_on() {
        let room = room().await;
        room.ok("conversations.join", json!({"channel": OPS})).await;
        let go = json!({"type": "button", "text": {"type": "plain_text", "text": "Go"}, "value": "1"});
        let blocks = json!([{"type": "actions", "elements": [go]}]);
        room.ok("chat.postEphemeral", json!({"channel": OPS, "user": "U1", "text": "go?", "blocks": blocks}))
            .await;
        assert!(room.slack.click("U2", OPS, "Go").is_none(), "only Ann saw it");
        let click = room.slack.click("U1", OPS, "Go").expect("the button");
        let payload: serde_json::Value = serde_json::from_str(&field(&click.body, "payload")).expect("JSON");
        assert_eq!(payload["container"]["is_ephemeral"], true);
        let url = payload["response_url"].as_str().expect("a URL");
        room.respond(url, json!({"replace_original": true, "text": "gone"})).await;
        assert_eq!(room.slack.ephemerals("U1")[0].text, "gone");
        room.respond(url, json!({"delete_original": true})).await;
        assert!(room.slack.ephemerals("U1").is_empty());
    }
}
