//! A channel as a person reads it, in plain text: for tests' snapshots and for the demo.

use serde_json::Value;

use super::state::{Channel, Message, World};
use super::{Slack, mrkdwn};

impl Slack {
    /// The channel from top to bottom, one message per paragraph: `10:00 firebell: …` (UTC). Replies are
    /// indented below their parent, pinned messages marked, edits shown in their last version. Joins, which Slack
    /// folds away, and what only one person saw are left out. Empty when there is no such channel.
    pub fn transcript(&self, channel_name: &str) -> String {
        let world = self.shared.world();
        let channel = world.channels.values().find(|c| c.dm_with.is_none() && c.name == channel_name);
        channel.map(|c| of_channel(&world, c)).unwrap_or_default()
    }

    /// The direct conversation of our bot with this person, in the same form.
    pub fn dm_transcript(&self, user: &str) -> String {
        let world = self.shared.world();
        let talk = world.channels.values().find(|c| c.dm_with.as_deref() == Some(user));
        talk.map(|c| of_channel(&world, c)).unwrap_or_default()
    }

    /// What only this person saw, in the same form, with the channel: `10:00 #ops (only you): …`.
    pub fn ephemeral_transcript(&self, user: &str) -> String {
        let world = self.shared.world();
        let paragraphs: Vec<_> = world
            .ephemerals
            .iter()
            .filter(|e| e.user == user)
            .map(|e| {
                let place = mrkdwn::channel(&world, &e.channel);
                let whom = if e.thread_ts.is_some() { "only you, in a thread" } else { "only you" };
                format!("{} #{place} ({whom}): {}", e.shown_at.hh_mm(), body(&world, &e.text, &e.blocks))
            })
            .collect();
        paragraphs.join("\n\n")
    }
}

fn of_channel(world: &World, channel: &Channel) -> String {
    let mut paragraphs = Vec::new();
    for message in channel.messages.iter().filter(|m| m.thread_ts.is_none()) {
        if message.subtype.as_deref() == Some("channel_join") {
            continue;
        }
        paragraphs.push(paragraph(world, channel, message));
        for reply in channel.messages.iter().filter(|m| m.is_reply_to(&message.ts)) {
            paragraphs.push(format!("  ↳ {}", paragraph(world, channel, reply).replace('\n', "\n    ")));
        }
    }
    paragraphs.join("\n\n")
}

fn paragraph(world: &World, channel: &Channel, message: &Message) -> String {
    let at = message.posted_at.hh_mm();
    if message.subtype.as_deref().is_some_and(|s| s.starts_with("channel_")) {
        return format!("{at} {}", mrkdwn::plain(world, &message.text));
    }
    let pinned = if channel.pins.contains(&message.ts) { " [pinned]" } else { "" };
    let author = mrkdwn::user(world, &message.user);
    let said = format!("{at} {author}{pinned}: {}", body(world, &message.text, &message.blocks));
    let reactions = message.reactions.iter().map(|(name, users)| format!(":{name}: {}", users.len()));
    std::iter::once(said).chain(reactions).collect::<Vec<_>>().join("\n")
}

/// The blocks when there are any, else the text: what Slack shows.
fn body(world: &World, text: &str, blocks: &[Value]) -> String {
    if blocks.is_empty() {
        return mrkdwn::plain(world, text);
    }
    blocks.iter().map(|b| block_text(world, b)).filter(|b| !b.is_empty()).collect::<Vec<_>>().join("\n")
}

pub(super) fn block_text(world: &World, block: &Value) -> String {
    let list = |key: &str| block[key].as_array().map(Vec::as_slice).unwrap_or_default();
    match block["type"].as_str().unwrap_or_default() {
        "header" => object_text(world, &block["text"]),
        "section" => {
            let mut lines = vec![object_text(world, &block["text"])];
            lines.extend(list("fields").iter().map(|f| object_text(world, f)));
            lines.push(element_text(world, &block["accessory"]));
            lines.retain(|line| !line.is_empty());
            lines.join("\n")
        }
        "context" | "actions" => {
            list("elements").iter().map(|e| element_text(world, e)).collect::<Vec<_>>().join(" ")
        }
        "rich_text" => list("elements").iter().map(|e| rich_text(world, e)).collect::<Vec<_>>().join("\n"),
        "markdown" => block["text"].as_str().unwrap_or_default().to_owned(),
        "image" => format!("[image: {}]", block["alt_text"].as_str().unwrap_or_default()),
        "divider" => "———".into(),
        _ => String::new(),
    }
}

pub(super) fn object_text(world: &World, object: &Value) -> String {
    let text = object["text"].as_str().unwrap_or_default();
    if object["type"] == "mrkdwn" { mrkdwn::plain(world, text) } else { text.to_owned() }
}

/// `[Acknowledge]` for a button, `[Choose one ▾]` for a menu.
pub(super) fn element_text(world: &World, element: &Value) -> String {
    match element["type"].as_str().unwrap_or_default() {
        "" => String::new(),
        "mrkdwn" | "plain_text" => object_text(world, element),
        "image" => format!("[image: {}]", element["alt_text"].as_str().unwrap_or_default()),
        "button" => format!("[{}]", object_text(world, &element["text"])),
        "overflow" => "[…]".into(),
        _ => format!("[{} ▾]", object_text(world, &element["placeholder"])),
    }
}

fn rich_text(world: &World, part: &Value) -> String {
    let children = part["elements"].as_array().map(Vec::as_slice).unwrap_or_default();
    match part["type"].as_str().unwrap_or_default() {
        "rich_text_list" => {
            children.iter().map(|c| format!("• {}", rich_text(world, c))).collect::<Vec<_>>().join("\n")
        }
        "rich_text_quote" => {
            let text: String = children.iter().map(|c| span(world, c)).collect();
            format!("> {}", text.replace('\n', "\n> "))
        }
        _ => children.iter().map(|c| span(world, c)).collect(),
    }
}

fn span(world: &World, span: &Value) -> String {
    let field = |key: &str| span[key].as_str().unwrap_or_default();
    match field("type") {
        "user" => format!("@{}", mrkdwn::user(world, field("user_id"))),
        "usergroup" => format!("@{}", mrkdwn::usergroup(world, field("usergroup_id"))),
        "channel" => format!("#{}", mrkdwn::channel(world, field("channel_id"))),
        "broadcast" => format!("@{}", field("range")),
        "emoji" => format!(":{}:", field("name")),
        "date" => field("fallback").to_owned(),
        "link" if field("text").is_empty() => field("url").to_owned(),
        _ => field("text").to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::testing::{OPS, room};

    #[tokio::test]
    async fn reads_like_the_channel() {
        let room = room().await;
        room.slack.add_usergroup("S1", "oncall", &["U1"]);
        let parent = room.slack.person_posts(
            OPS,
            "U1",
            "help <@U2> &amp; <!subteam^S1>: *all* is `a_b_c` <https://x.y|here>",
        );
        room.later(60);
        room.slack.person_replies(OPS, "U2", &parent, "on it");
        let button = |text: &str| json!({"type": "button", "text": {"type": "plain_text", "text": text}, "value": "1"});
        let blocks = json!([
            {"type": "header", "text": {"type": "plain_text", "text": "SEV1 payments-down"}},
            {"type": "section", "text": {"type": "mrkdwn", "text": "*Status* investigating since <!date^1^{time}|10:00 UTC>"},
             "fields": [{"type": "mrkdwn", "text": "*IC* <@U1>"}, {"type": "plain_text", "text": "*raw* <x>"}]},
            {"type": "rich_text", "elements": [{"type": "rich_text_section", "elements": [
                {"type": "text", "text": "said <b> by "}, {"type": "user", "user_id": "U2"}]}]},
            {"type": "context", "elements": [{"type": "mrkdwn", "text": "in <#C0000001>"}]},
            {"type": "actions", "elements": [button("Acknowledge"), button("Resolve")]},
        ]);
        room.ok("conversations.join", json!({"channel": OPS})).await;
        let ts = room
            .ok("chat.postMessage", json!({"channel": OPS, "text": "fallback", "blocks": blocks}))
            .await["ts"]
            .clone();
        room.ok("pins.add", json!({"channel": OPS, "timestamp": ts})).await;
        room.ok("conversations.setTopic", json!({"channel": OPS, "topic": "SEV1"})).await;
        assert_eq!(
            room.slack.transcript("ops"),
            "10:00 ann: help @bob & @oncall: all is a_b_c here\n\n  ↳ 10:01 bob: on it\n\n\
             10:01 firebell [pinned]: SEV1 payments-down\n\
             Status investigating since 10:00 UTC\nIC @ann\n*raw* <x>\nsaid <b> by @bob\nin #ops\n\
             [Acknowledge] [Resolve]\n\n10:01 @firebell set the channel topic: SEV1"
        );
    }
}
