//! Messages as a person reads them, part by part, for those who show them on a screen: the demo.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::state::{Message, World};
use super::transcript::{block_text, element_text, object_text};
use super::{Slack, mrkdwn};
use crate::clock::Timestamp;

/// One message.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reading {
    /// Names it within its channel.
    pub ts: String,
    pub at: Timestamp,
    /// Empty for Slack's own lines, such as a changed topic.
    pub author: String,
    pub is_pinned: bool,
    pub is_reply: bool,
    pub parts: Vec<Part>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Part {
    Text(String),
    /// (label, value), which Slack sets in two columns.
    Fields(Vec<(String, String)>),
    Buttons(Vec<String>),
    /// Slack's small grey print.
    Small(String),
}

impl Slack {
    /// The channel from top to bottom, without the joins, which Slack folds away.
    pub fn read(&self, channel_id: &str) -> Vec<Reading> {
        let world = self.shared.world();
        let Some(channel) = world.channels.get(channel_id) else { return Vec::new() };
        let shown = channel.messages.iter().filter(|m| m.subtype.as_deref() != Some("channel_join"));
        shown.map(|m| reading(&world, m, channel.pins.contains(&m.ts))).collect()
    }

    /// What only this person saw, oldest first.
    pub fn read_whispers(&self, user: &str) -> Vec<Reading> {
        let world = self.shared.world();
        let whispers = world.ephemerals.iter().filter(|e| e.user == user);
        let readings = whispers.map(|e| Reading {
            ts: e.ts.clone(),
            at: e.shown_at,
            author: mrkdwn::user(&world, Self::BOT_USER),
            is_pinned: false,
            is_reply: false,
            parts: parts(&world, &e.text, &e.blocks),
        });
        readings.collect()
    }
}

fn reading(world: &World, message: &Message, is_pinned: bool) -> Reading {
    let by_slack = message.subtype.as_deref().is_some_and(|s| s.starts_with("channel_"));
    Reading {
        ts: message.ts.clone(),
        at: message.posted_at,
        author: if by_slack { String::new() } else { mrkdwn::user(world, &message.user) },
        is_pinned,
        is_reply: message.thread_ts.is_some(),
        parts: parts(world, &message.text, &message.blocks),
    }
}

fn parts(world: &World, text: &str, blocks: &[Value]) -> Vec<Part> {
    if blocks.is_empty() {
        return vec![Part::Text(mrkdwn::plain(world, text))];
    }
    let parts = blocks.iter().flat_map(|block| match block["type"].as_str() {
        Some("section") => section(world, block),
        Some("actions") => vec![Part::Buttons(labels(world, list(block, "elements")))],
        Some("context") => vec![Part::Small(block_text(world, block))],
        _ => vec![Part::Text(block_text(world, block))],
    });
    parts.filter(|part| !matches!(part, Part::Text(text) if text.is_empty())).collect()
}

fn section(world: &World, block: &Value) -> Vec<Part> {
    let mut parts = vec![Part::Text(object_text(world, &block["text"]))];
    let fields = list(block, "fields").iter().map(|field| {
        let text = object_text(world, field);
        let (label, value) = text.split_once('\n').unwrap_or(("", &text));
        (label.to_owned(), value.to_owned())
    });
    let fields: Vec<_> = fields.collect();
    if !fields.is_empty() {
        parts.push(Part::Fields(fields));
    }
    if block["accessory"].is_object() {
        parts.push(Part::Buttons(labels(world, std::slice::from_ref(&block["accessory"]))));
    }
    parts
}

fn labels(world: &World, elements: &[Value]) -> Vec<String> {
    elements.iter().map(|e| element_text(world, e)).collect()
}

fn list<'a>(block: &'a Value, key: &str) -> &'a [Value] {
    block[key].as_array().map(Vec::as_slice).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::testing::{OPS, room};
    use super::Part;

    #[tokio::test]
    async fn a_message_is_read_part_by_part() {
        let room = room().await;
        let first = room.slack.person_posts(OPS, "U1", "help <@U2>");
        room.slack.person_replies(OPS, "U2", &first, "on it");
        let button =
            json!({"type": "button", "text": {"type": "plain_text", "text": "Resolve"}, "value": "1"});
        let blocks = json!([
            {"type": "header", "text": {"type": "plain_text", "text": "SEV1"}},
            {"type": "section", "fields": [{"type": "mrkdwn", "text": "*IC*\n<@U1>"}, {"type": "mrkdwn", "text": "alone"}]},
            {"type": "context", "elements": [{"type": "mrkdwn", "text": "small"}]},
            {"type": "actions", "elements": [button]},
        ]);
        room.ok("conversations.join", json!({"channel": OPS})).await;
        room.ok("chat.postMessage", json!({"channel": OPS, "text": "fallback", "blocks": blocks})).await;
        room.ok("chat.postEphemeral", json!({"channel": OPS, "user": "U1", "text": "*psst*"})).await;
        let read = room.slack.read(OPS);
        let said: Vec<_> = read.iter().map(|r| (r.author.as_str(), r.is_reply, r.parts.clone())).collect();
        let text = |text: &str| Part::Text(text.into());
        let fields = vec![("IC".into(), "@ann".into()), (String::new(), "alone".into())];
        let summary = vec![
            text("SEV1"),
            Part::Fields(fields),
            Part::Small("small".into()),
            Part::Buttons(vec!["[Resolve]".into()]),
        ];
        assert_eq!(
            said,
            [
                ("ann", false, vec![text("help @bob")]),
                ("bob", true, vec![text("on it")]),
                ("firebell", false, summary),
            ]
        );
        assert_eq!(room.slack.read_whispers("U1")[0].parts, [text("psst")]);
        assert!(room.slack.read_whispers("U2").is_empty() && room.slack.read("C0").is_empty());
    }
}
