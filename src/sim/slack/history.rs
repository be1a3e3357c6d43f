//! Reading messages back. <https://docs.slack.dev/reference/methods/conversations.history>

use serde_json::{Value, json};

use super::args::{Answer, Refusal, no};
use super::call::Call;
use super::state::{Message, ts_micros};

/// Newest first, without the replies in threads (but for those sent to the channel, too).
pub(super) fn history(call: &mut Call<'_>) -> Answer {
    let id = call.own_channel_id("channel")?;
    let window = Window::of(call)?;
    let shown: Vec<_> = call.world.channels[&id]
        .messages
        .iter()
        .rev()
        .filter(|m| window.has(m) && (m.thread_ts.is_none() || m.is_broadcast))
        .map(|m| json_of(call, &id, m))
        .collect();
    let (messages, next_cursor) = call.page(shown, 100)?;
    let has_more = !next_cursor.is_empty();
    let pin_count = call.world.channels[&id].pins.len();
    let mut answer = json!({"messages": messages, "has_more": has_more, "pin_count": pin_count});
    if has_more {
        answer["response_metadata"] = json!({"next_cursor": next_cursor});
    }
    Ok(answer)
}

/// A thread, oldest first; the parent leads whatever the window says.
pub(super) fn replies(call: &mut Call<'_>) -> Answer {
    let id = call.own_channel_id("channel")?;
    let window = Window::of(call)?;
    let ts = call.args.text("ts");
    let channel = &call.world.channels[&id];
    let parent = channel.message(&ts).ok_or_else(|| no("thread_not_found"))?;
    let replies = channel.messages.iter().filter(|m| m.is_reply_to(&parent.ts) && window.has(m));
    let shown: Vec<_> = std::iter::once(parent).chain(replies).map(|m| json_of(call, &id, m)).collect();
    let (messages, next_cursor) = call.page(shown, 1000)?;
    let has_more = !next_cursor.is_empty();
    let mut answer = json!({"messages": messages, "has_more": has_more});
    if has_more {
        answer["response_metadata"] = json!({"next_cursor": next_cursor});
    }
    Ok(answer)
}

fn json_of(call: &Call<'_>, channel: &str, message: &Message) -> Value {
    let replies = call.world.channels[channel].replies(&message.ts);
    message.to_json(call.args.flag("include_all_metadata"), replies)
}

/// `oldest` and `latest`, open at both ends unless `inclusive`.
struct Window {
    oldest: i64,
    latest: i64,
    is_inclusive: bool,
}

impl Window {
    fn of(call: &Call<'_>) -> Result<Self, Refusal> {
        let edge = |arg: &str, otherwise: i64| match call.args.opt(arg) {
            None => Ok(otherwise),
            Some(ts) => ts_micros(&ts).ok_or_else(|| no(&format!("invalid_ts_{arg}"))),
        };
        Ok(Self {
            oldest: edge("oldest", -1)?,
            latest: edge("latest", i64::MAX)?,
            is_inclusive: call.args.flag("inclusive"),
        })
    }

    fn has(&self, message: &Message) -> bool {
        let at = ts_micros(&message.ts).unwrap_or(0);
        let on_edge = self.is_inclusive && (at == self.oldest || at == self.latest);
        on_edge || (self.oldest < at && at < self.latest)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::testing::{OPS, room};

    #[tokio::test]
    async fn leaves_replies_to_their_thread() {
        let room = room().await;
        room.ok("conversations.join", json!({"channel": OPS})).await;
        let parent = room.slack.person_posts(OPS, "U1", "help");
        room.slack.person_replies(OPS, "U2", &parent, "coming");
        let reply = json!({"channel": OPS, "thread_ts": parent, "text": "all hear", "reply_broadcast": true});
        room.ok("chat.postMessage", reply).await;
        let history = room.get("conversations.history", &[("channel", OPS), ("limit", "3")]).await;
        let texts: Vec<_> =
            history["messages"].as_array().expect("messages").iter().map(|m| &m["text"]).collect();
        assert_eq!(texts, ["all hear", "help"], "newest first; a page is shorter than asked for");
        assert_eq!(history["has_more"], true);
        assert_eq!(history["messages"][1]["reply_count"], 2);
        let thread = room.get("conversations.replies", &[("channel", OPS), ("ts", &parent)]).await;
        let texts: Vec<_> =
            thread["messages"].as_array().expect("messages").iter().map(|m| &m["text"]).collect();
        assert_eq!(texts, ["help", "coming", "all hear"]);
        let no_thread = room.get("conversations.replies", &[("channel", OPS), ("ts", "1.2")]).await;
        assert_eq!(no_thread["error"], "thread_not_found");
        let stray = json!({"channel": OPS, "thread_ts": "1.2", "text": "x"});
        assert_eq!(room.no("chat.postMessage", stray).await, "cannot_reply_to_message");
    }

    #[tokio::test]
    async fn shows_the_metadata_only_when_asked() {
        let room = room().await;
        room.ok("conversations.join", json!({"channel": OPS})).await;
        let metadata = json!({"event_type": "step", "event_payload": {"op_id": "7"}});
        let blocks = json!([{"type": "divider", "block_id": "op:7"}]);
        let post = json!({"channel": OPS, "text": "x", "metadata": metadata, "blocks": blocks});
        room.ok("chat.postMessage", post).await;
        let brief = room.get("conversations.history", &[("channel", OPS)]).await;
        assert_eq!(brief["messages"][0]["metadata"], json!({"event_type": "step"}));
        assert_eq!(brief["messages"][0]["blocks"][0]["block_id"], "op:7");
        let whole =
            room.call("conversations.history", json!({"channel": OPS, "include_all_metadata": true})).await;
        assert_eq!(whole["messages"][0]["metadata"], metadata);
    }

    #[tokio::test]
    async fn reads_a_window_page_by_page() {
        let room = room().await;
        room.ok("conversations.join", json!({"channel": OPS})).await;
        let mut posted = Vec::new();
        for n in 0..6 {
            room.later(60);
            posted.push(room.slack.person_posts(OPS, "U1", &n.to_string()));
        }
        let since = [("channel", OPS), ("oldest", posted[1].as_str())];
        let read = async |args: &[(&str, &str)]| {
            let (messages, _) = room.all("conversations.history", "messages", args).await;
            messages.iter().map(|m| m["text"].as_str().expect("text").to_owned()).collect::<String>()
        };
        assert_eq!(read(&since).await, "5432");
        room.slack.set_page_size(2);
        assert_eq!(read(&[since[0], since[1], ("inclusive", "true"), ("latest", &posted[4])]).await, "4321");
        let bad = room.get("conversations.history", &[("channel", OPS), ("oldest", "noon")]).await;
        assert_eq!(bad["error"], "invalid_ts_oldest");
    }
}
