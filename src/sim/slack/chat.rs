//! `chat.*`: posting, editing, whispering, deleting. <https://docs.slack.dev/reference/methods/chat.postMessage>

use serde_json::{Value, json};

use super::Slack;
use super::args::{Answer, Refusal, no};
use super::call::Call;
use super::content::Content;
use super::state::{Channel, Ephemeral, Message};

/// `chat.update` refuses what `chat.postMessage` would cut.
const LONGEST_UPDATE: usize = 4000;

pub(super) fn post_message(call: &mut Call<'_>) -> Answer {
    let channel_id = open_target(call)?;
    let content = Content::of(&call.args)?;
    if content.is_empty() {
        return Err(no("no_text"));
    }
    let parent = parent(&call.world.channels[&channel_id], call.args.opt("thread_ts"))?;
    let message = Message {
        blocks: call.world.complete(content.blocks.unwrap_or_default()),
        metadata: content.metadata.filter(|m| m["event_type"].is_string()),
        is_broadcast: parent.is_some() && call.args.flag("reply_broadcast"),
        thread_ts: parent,
        ..Message::by(call.me(), &content.text.unwrap_or_default())
    };
    let now = call.now;
    let channel = call.world.channel_mut(&channel_id);
    let ts = channel.post(message, now);
    Ok(json!({"channel": channel_id, "ts": ts, "message": shown(channel, &ts)}))
}

/// The conversation to post in. A person's id stands for the direct conversation with them. Without
/// membership a public channel takes `chat:write.public`.
fn open_target(call: &mut Call<'_>) -> Result<String, Refusal> {
    let target = call.args.text("channel");
    if let Some(user) = call.world.users.get(&target) {
        if user.deleted || user.is_bot {
            return Err(no("channel_not_found"));
        }
        return Ok(call.world.dm(&target, call.now).0);
    }
    let id = call.channel_id("channel")?;
    let channel = &call.world.channels[&id];
    if channel.is_archived {
        return Err(no("is_archived"));
    }
    if !channel.members.contains(call.me()) && !call.has_scope("chat:write.public") {
        return Err(no("not_in_channel"));
    }
    Ok(id)
}

/// A reply names the first message of its thread, never another reply.
pub(super) fn parent(channel: &Channel, thread_ts: Option<String>) -> Result<Option<String>, Refusal> {
    let Some(ts) = thread_ts else { return Ok(None) };
    let is_parent = channel.message(&ts).is_some_and(|m| m.thread_ts.is_none() && m.subtype.is_none());
    if is_parent { Ok(Some(ts)) } else { Err(no("cannot_reply_to_message")) }
}

fn shown(channel: &Channel, ts: &str) -> Value {
    channel.message(ts).map_or(Value::Null, |m| m.to_json(true, channel.replies(ts)))
}

pub(super) fn update(call: &mut Call<'_>) -> Answer {
    let channel_id = call.channel_id("channel")?;
    let content = Content::of(&call.args)?;
    let ts = own_message(call, &channel_id, "cant_update_message")?;
    if call.world.channels[&channel_id].is_archived {
        return Err(no("is_inactive"));
    }
    if content.is_empty() {
        return Err(no("no_text"));
    }
    if content.text.as_ref().is_some_and(|t| t.chars().count() > LONGEST_UPDATE) {
        return Err(no("msg_too_long"));
    }
    // Text alone takes the blocks away.
    let blocks = call.world.complete(content.blocks.unwrap_or_default());
    let channel = call.world.channel_mut(&channel_id);
    let message = channel.message_mut(&ts).ok_or_else(|| no("message_not_found"))?;
    let has_rich_text = |blocks: &[Value]| blocks.iter().any(|b| b["type"] == "rich_text");
    if has_rich_text(&message.blocks) && !has_rich_text(&blocks) {
        return Err(no("block_mismatch"));
    }
    message.is_edited = blocks.is_empty();
    message.blocks = blocks;
    if let Some(text) = content.text {
        message.text = text;
    }
    if let Some(metadata) = content.metadata {
        message.metadata = Some(metadata).filter(|m| m["event_type"].is_string());
    }
    let text = message.text.clone();
    Ok(json!({"channel": channel_id, "ts": ts, "text": text, "message": shown(channel, &ts)}))
}

/// The `ts` argument, if the caller wrote that message.
fn own_message(call: &Call<'_>, channel_id: &str, otherwise: &str) -> Result<String, Refusal> {
    let ts = call.args.text("ts");
    let message = call.world.channels[channel_id].message(&ts).ok_or_else(|| no("message_not_found"))?;
    let is_own = message.user == call.me() && message.subtype.is_none();
    if is_own { Ok(ts) } else { Err(no(otherwise)) }
}

pub(super) fn post_ephemeral(call: &mut Call<'_>) -> Answer {
    let channel_id = call.channel_id("channel")?;
    let content = Content::of(&call.args)?;
    let user = call.args.text("user");
    let channel = &call.world.channels[&channel_id];
    if channel.is_archived {
        return Err(no("is_archived"));
    }
    if !channel.members.contains(call.me()) {
        return Err(no("not_in_channel"));
    }
    if !channel.members.contains(&user) {
        return Err(no("user_not_in_channel"));
    }
    if content.is_empty() {
        return Err(no("no_text"));
    }
    let ts = call.world.channel_mut(&channel_id).next_ts(call.now);
    let thread_ts = parent(&call.world.channels[&channel_id], call.args.opt("thread_ts"))?;
    let whisper = Ephemeral {
        channel: channel_id,
        thread_ts,
        text: content.text.unwrap_or_default(),
        blocks: call.world.complete(content.blocks.unwrap_or_default()),
        user,
        ts: ts.clone(),
        shown_at: call.now,
    };
    call.world.ephemerals.push(whisper);
    Ok(json!({"message_ts": ts}))
}

pub(super) fn get_permalink(call: &mut Call<'_>) -> Answer {
    let id = call.channel_id("channel")?;
    let ts = call.args.text("message_ts");
    let message = call.world.channels[&id].message(&ts).ok_or_else(|| no("message_not_found"))?;
    let in_thread =
        message.thread_ts.as_ref().map_or_else(String::new, |parent| format!("?thread_ts={parent}&cid={id}"));
    let permalink = format!("{}archives/{id}/p{}{in_thread}", Slack::WORKSPACE_URL, ts.replace('.', ""));
    Ok(json!({"channel": id, "permalink": permalink}))
}

pub(super) fn delete(call: &mut Call<'_>) -> Answer {
    let id = call.channel_id("channel")?;
    let ts = own_message(call, &id, "cant_delete_message")?;
    call.world.channel_mut(&id).remove(&ts);
    Ok(json!({"channel": id, "ts": ts}))
}

impl Channel {
    /// A message that is gone; a parent leaves a tombstone over its replies.
    pub(super) fn remove(&mut self, ts: &str) {
        self.pins.retain(|pin| pin != ts);
        if self.replies(ts) == 0 {
            self.messages.retain(|m| m.ts != ts);
        } else if let Some(parent) = self.message_mut(ts) {
            parent.subtype = Some("tombstone".into());
            parent.text = "This message was deleted.".into();
            parent.blocks.clear();
            parent.metadata = None;
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::testing::{OPS, room};

    #[tokio::test]
    async fn posts_where_it_may() {
        let room = room().await;
        let secret = room.slack.add_channel("secret", true, "U1", &[]);
        let to = |channel: &str| json!({"channel": channel, "text": "hello"});
        assert_eq!(room.no("chat.postMessage", to("C404")).await, "channel_not_found");
        assert_eq!(room.no("chat.postMessage", to("#ops")).await, "channel_not_found");
        assert_eq!(room.no("chat.postMessage", to(&secret)).await, "channel_not_found");
        let posted = room.ok("chat.postMessage", to(OPS)).await;
        assert_eq!(posted["message"]["bot_id"], "B0FIREBELL");
        assert_eq!(room.no("chat.postMessage", json!({"channel": OPS})).await, "no_text");
        room.slack.set_scopes(&["chat:write"]);
        assert_eq!(room.no("chat.postMessage", to(OPS)).await, "not_in_channel");
        room.slack.archive(OPS);
        assert_eq!(room.no("chat.postMessage", to(OPS)).await, "is_archived");
    }

    #[tokio::test]
    async fn posting_twice_makes_two_messages_with_two_names() {
        let room = room().await;
        let post = json!({"channel": OPS, "text": "x"});
        let first = room.ok("chat.postMessage", post.clone()).await["ts"].clone();
        let second = room.ok("chat.postMessage", post).await["ts"].clone();
        assert!(first.as_str() < second.as_str(), "{first} {second}");
        assert!(first.as_str().expect("a ts").starts_with("1795255200."));
        assert_eq!(room.slack.channel_named("ops").expect("ops").messages.len(), 4);
    }

    #[tokio::test]
    async fn an_update_with_text_alone_drops_the_blocks_and_keeps_the_metadata() {
        let room = room().await;
        let metadata = json!({"event_type": "step", "event_payload": {"op_id": "1"}});
        let blocks = json!([{"type": "divider"}]);
        let post = json!({"channel": OPS, "text": "a", "blocks": blocks, "metadata": metadata});
        let ts = room.ok("chat.postMessage", post).await["ts"].clone();
        room.ok("chat.update", json!({"channel": OPS, "ts": ts, "text": "b"})).await;
        let message = room.slack.channel_named("ops").expect("ops").messages.pop().expect("one");
        assert_eq!((message.text.as_str(), message.blocks.len(), message.is_edited), ("b", 0, true));
        assert_eq!(message.metadata, Some(metadata));
        room.ok("chat.update", json!({"channel": OPS, "ts": ts, "text": "c", "metadata": {}})).await;
        assert_eq!(room.slack.channel_named("ops").expect("ops").messages.pop().expect("one").metadata, None);
    }

    #[tokio::test]
    async fn an_update_refuses_long_texts_foreign_messages_and_lost_ones() {
        let room = room().await;
        let long = "x".repeat(4001);
        let ts = room.ok("chat.postMessage", json!({"channel": OPS, "text": long})).await["ts"].clone();
        let update = |ts: &serde_json::Value, text: &str| json!({"channel": OPS, "ts": ts, "text": text});
        assert_eq!(room.no("chat.update", update(&ts, &long)).await, "msg_too_long");
        room.ok("chat.update", update(&ts, &"x".repeat(4000))).await;
        let anns = json!(room.slack.person_posts(OPS, "U1", "mine"));
        assert_eq!(room.no("chat.update", update(&anns, "x")).await, "cant_update_message");
        assert_eq!(room.no("chat.delete", json!({"channel": OPS, "ts": anns})).await, "cant_delete_message");
        assert_eq!(room.no("chat.update", update(&json!("1.2"), "x")).await, "message_not_found");
        room.slack.archive(OPS);
        assert_eq!(room.no("chat.update", update(&ts, "x")).await, "is_inactive");
    }

    #[tokio::test]
    async fn rich_text_stays_rich_text() {
        let room = room().await;
        let rich = json!([{"type": "rich_text", "elements": [{"type": "rich_text_section",
            "elements": [{"type": "text", "text": "x"}]}]}]);
        let ts =
            room.ok("chat.postMessage", json!({"channel": OPS, "text": "x", "blocks": rich})).await["ts"]
                .clone();
        let plain = json!({"channel": OPS, "ts": ts, "text": "y", "blocks": [{"type": "divider"}]});
        assert_eq!(room.no("chat.update", plain).await, "block_mismatch");
    }

    #[tokio::test]
    async fn whispers_only_to_members_in_channels_of_ours() {
        let room = room().await;
        let to = |user: &str| json!({"channel": OPS, "user": user, "text": "psst"});
        assert_eq!(room.no("chat.postEphemeral", to("U1")).await, "not_in_channel");
        room.ok("conversations.join", json!({"channel": OPS})).await;
        room.ok("chat.postEphemeral", to("U1")).await;
        assert_eq!(room.no("chat.postEphemeral", to("U3")).await, "user_not_in_channel");
        assert_eq!(room.slack.ephemerals("U1")[0].text, "psst");
        assert!(room.slack.ephemerals("U2").is_empty());
        assert_eq!(room.slack.ephemeral_transcript("U1"), "10:00 #ops (only you): psst");
    }

    #[tokio::test]
    async fn metadata_is_flat_and_small() {
        let room = room().await;
        let with = |metadata| json!({"channel": OPS, "text": "x", "metadata": metadata});
        let nested = json!({"event_type": "e", "event_payload": {"a": {"b": 1}}});
        assert_eq!(room.no("chat.postMessage", with(nested)).await, "invalid_metadata_format");
        let shouting = json!({"event_type": "e", "event_payload": {"OpId": 1}});
        assert_eq!(room.no("chat.postMessage", with(shouting)).await, "invalid_metadata_format");
        let large = json!({"event_type": "e", "event_payload": {"a": "x".repeat(5000)}});
        assert_eq!(room.no("chat.postMessage", with(large)).await, "metadata_too_large");
    }

    #[tokio::test]
    async fn bad_blocks_are_refused_with_their_place() {
        let room = room().await;
        let body = room
            .call("chat.postMessage", json!({"channel": OPS, "text": "x", "blocks": [{"type": "no"}]}))
            .await;
        assert_eq!(body["error"], "invalid_blocks");
        assert_eq!(body["errors"], json!(["unsupported type: no [json-pointer:/blocks/0/type]"]));
    }

    #[tokio::test]
    async fn links_point_at_messages_that_are_there() {
        let room = room().await;
        let ts = room.slack.person_posts(OPS, "U1", "hello");
        let link = room.get("chat.getPermalink", &[("channel", OPS), ("message_ts", &ts)]).await;
        let digits = ts.replace('.', "");
        assert_eq!(link["permalink"], format!("https://firebell-demo.slack.com/archives/{OPS}/p{digits}"));
        room.slack.person_deletes(OPS, &ts);
        let gone = room.get("chat.getPermalink", &[("channel", OPS), ("message_ts", &ts)]).await;
        assert_eq!(gone["error"], "message_not_found");
    }
}
