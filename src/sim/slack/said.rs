//! What people say to each other, and what Slack tells the app of it.
//! <https://docs.slack.dev/reference/events/message> · <https://docs.slack.dev/reference/events/app_mention>

use serde_json::{Value, json};

use super::Slack;
use super::state::Message;
use super::typed;
use crate::sim::signed::Signed;

impl Slack {
    /// A person writes a message, with mentions as typed, in a channel or a thread of it. Its `ts`, and the events
    /// that tell the app of it: none where the app is no member; two where it is mentioned, except in private.
    pub fn person_says(
        &self,
        user: &str,
        channel_id: &str,
        thread_ts: Option<&str>,
        typed: &str,
    ) -> (String, Vec<Signed>) {
        let text = typed::message(&self.shared.world(), typed);
        let said = Message { thread_ts: thread_ts.map(str::to_owned), ..Message::by(user, &text) };
        let ts = self.post(channel_id, said);
        let channel = self.channel(channel_id).expect("somebody just wrote there");
        let is_private = channel.dm_with.is_some();
        if !is_private && !channel.members.contains(Self::BOT_USER) {
            return (ts, Vec::new());
        }
        let mut events = vec![self.message_event(channel_id, &ts).expect("the message is there")];
        if !is_private && text.contains(&format!("<@{}>", Self::BOT_USER)) {
            let mut mention = json!({"type": "app_mention", "user": user, "text": text, "ts": ts,
                "team": Self::TEAM_ID, "channel": channel_id});
            if let Some(thread) = thread_ts {
                mention["thread_ts"] = json!(thread);
            }
            events.push(self.event(mention));
        }
        (ts, events)
    }

    /// The person mends a message that they wrote; the event that tells of it.
    /// <https://docs.slack.dev/reference/events/message/message_changed>
    pub fn person_edits(&self, channel_id: &str, ts: &str, text: &str) -> Signed {
        let message: Value = {
            let mut world = self.shared.world();
            let channel = world.channel_mut(channel_id);
            let message = channel.messages.iter_mut().find(|m| m.ts == ts).expect("the message is there");
            text.clone_into(&mut message.text);
            message.is_edited = true;
            message.to_json(true, 0)
        };
        self.event(json!({"type": "message", "subtype": "message_changed", "hidden": true,
            "channel": channel_id, "channel_type": "channel", "ts": self.action_ts(), "message": message}))
    }

    /// The direct conversation of our bot with this person; opened, if nobody has spoken there.
    pub fn dm_with(&self, user: &str) -> String {
        let now = self.shared.clock.now();
        self.shared.world().dm(user, now).0
    }
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::super::testing::{OPS, room};

    #[tokio::test]
    async fn the_app_hears_where_it_is_a_member_and_twice_when_it_is_mentioned() {
        let room = room().await;
        let (_, unheard) = room.slack.person_says("U1", OPS, None, "!oncall");
        assert!(unheard.is_empty(), "not a member yet");
        room.ok("conversations.join", serde_json::json!({"channel": OPS})).await;
        let events = |said: (String, Vec<super::Signed>)| -> Vec<Value> {
            let inner =
                |s: &super::Signed| serde_json::from_slice::<Value>(&s.body).expect("JSON")["event"].take();
            said.1.iter().map(inner).collect()
        };
        let (parent, _) = room.slack.person_says("U1", OPS, None, "!oncall a&b");
        let heard = events(room.slack.person_says("U2", OPS, Some(&parent), "@firebell ask @bob"));
        let kinds: Vec<&Value> = heard.iter().map(|e| &e["type"]).collect();
        assert_eq!(kinds, ["message", "app_mention"]);
        assert_eq!(heard[0]["ts"], heard[1]["ts"]);
        for event in &heard {
            assert_eq!(event["text"], "<@U0FIREBELL> ask <@U2>");
            assert_eq!(event["thread_ts"], parent.as_str());
        }
        let private = events(room.slack.person_says("U1", &room.slack.dm_with("U1"), None, "oncall"));
        assert_eq!((private.len(), &private[0]["channel_type"]), (1, &Value::from("im")));
    }
}
