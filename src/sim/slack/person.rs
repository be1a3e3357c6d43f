//! The person at the keyboard: what Slack sends to the app when somebody types, clicks, submits or says something.
//! Every request is signed as Slack signs it: <https://docs.slack.dev/authentication/verifying-requests-from-slack>

use form_urlencoded::Serializer;
use hmac::{Hmac, KeyInit as _, Mac as _};
use serde_json::{Map, Value, json};
use sha2::Sha256;

use super::Slack;
use super::elements;
use super::response_url;
use super::state::{Message, Origin, ResponseUrl, World};
use super::typed;
use super::views::initial_values;
use crate::sim::signed::Signed;

/// `v0=` and the HMAC-SHA256 of `v0:<timestamp>:<body>`, in hex. The secret is taken as text, not as hex.
pub fn v0_signature(secret: &str, timestamp: &str, body: &[u8]) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).expect("HMAC takes keys of any length");
    mac.update(format!("v0:{timestamp}:").as_bytes());
    mac.update(body);
    format!("v0={}", hex::encode(mac.finalize().into_bytes()))
}

const FORM: &str = "application/x-www-form-urlencoded";

impl Slack {
    /// A slash command as typed (`/incident declare payments sev1`; `@ann`, `#ops`, `@oncall` and links become
    /// references), with a fresh trigger_id and response_url.
    pub fn command(&self, user: &str, channel_id: &str, typed: &str) -> Signed {
        let mut world = self.shared.world();
        let (command, text) = typed::split(&world, typed);
        let trigger_id = world.issue_trigger(user, None, self.shared.clock.now());
        let response_url = self.issue_response_url(&mut world, user, channel_id, Origin::Command);
        let channel_name = match world.channels.get(channel_id) {
            Some(c) if c.dm_with.is_some() => "directmessage",
            Some(c) if !c.is_private => &c.name,
            _ => "privategroup",
        };
        let (user_name, team_id) = match world.users.get(user) {
            Some(u) => (u.name.as_str(), u.team_id.as_str()),
            None => ("", Self::TEAM_ID),
        };
        let body = Serializer::new(String::new())
            .append_pair("token", "deprecated")
            .append_pair("team_id", team_id)
            .append_pair("team_domain", "firebell-demo")
            .append_pair("channel_id", channel_id)
            .append_pair("channel_name", channel_name)
            .append_pair("user_id", user)
            .append_pair("user_name", user_name)
            .append_pair("command", &command)
            .append_pair("text", &text)
            .append_pair("api_app_id", Self::APP_ID)
            .append_pair("is_enterprise_install", "false")
            .append_pair("response_url", &response_url)
            .append_pair("trigger_id", &trigger_id)
            .finish();
        self.request("/slack/commands", FORM, body)
    }

    /// A button of a channel message, with whatever value: a test may forge one.
    pub fn button(
        &self,
        user: &str,
        channel_id: &str,
        message_ts: &str,
        action_id: &str,
        value: &str,
    ) -> Signed {
        let mut world = self.shared.world();
        let message = world.channels.get(channel_id).and_then(|c| c.message(message_ts)).cloned();
        let found = message.iter().flat_map(|m| &m.blocks).find_map(|block| {
            let of_block = elements::interactive(block).into_iter();
            of_block.filter(|e| e["action_id"] == action_id).map(|e| (block.clone(), e.clone())).next()
        });
        let (block, element) =
            found.unwrap_or_else(|| (json!({"block_id": "gone"}), json!({"type": "button"})));
        let mut action = self.action(&block, &element);
        action["action_id"] = json!(action_id);
        action["value"] = json!(value);
        self.block_actions(&mut world, user, channel_id, message_ts, message.as_ref(), &action)
    }

    /// Presses the newest button of this label that the person sees in the channel, in messages or in what was
    /// shown to them alone. `None` when there is none, or they cannot see the channel.
    pub fn click(&self, user: &str, channel_id: &str, label: &str) -> Option<Signed> {
        let is_it = |e: &Value| e["type"] == "button" && e["text"]["text"] == label;
        self.use_newest(user, channel_id, is_it, &json!({}))
    }

    /// Chooses somebody in the newest menu of people with this placeholder, in the same way.
    pub fn choose_user(
        &self,
        user: &str,
        channel_id: &str,
        placeholder: &str,
        chosen: &str,
    ) -> Option<Signed> {
        let is_it = |e: &Value| e["type"] == "users_select" && e["placeholder"]["text"] == placeholder;
        self.use_newest(user, channel_id, is_it, &json!({"selected_user": chosen}))
    }

    fn use_newest(
        &self,
        user: &str,
        channel_id: &str,
        is_it: impl Fn(&Value) -> bool,
        with: &Value,
    ) -> Option<Signed> {
        let mut world = self.shared.world();
        let channel = world.channels.get(channel_id)?;
        if channel.is_private && !channel.members.contains(user) {
            return None;
        }
        let whispers = world.ephemerals.iter().filter(|e| e.channel == channel_id && e.user == user);
        let of_whispers = whispers.map(|e| (&e.ts, &e.blocks, None));
        let of_messages = channel.messages.iter().map(|m| (&m.ts, &m.blocks, Some(m)));
        let mut pressed: Vec<_> = of_whispers
            .chain(of_messages)
            .flat_map(|(ts, blocks, message)| blocks.iter().map(move |block| (ts, block, message)))
            .flat_map(|(ts, block, m)| {
                elements::interactive(block).into_iter().map(move |e| (ts, block, e, m))
            })
            .filter(|(_, _, element, _)| is_it(element))
            .collect();
        pressed.sort_by_key(|(ts, ..)| *ts);
        let (ts, block, element, message) = pressed.pop()?;
        let (ts, mut action, message) = (ts.clone(), self.action(block, element), message.cloned());
        for (key, value) in with.as_object().into_iter().flatten() {
            action[key] = value.clone();
        }
        Some(self.block_actions(&mut world, user, channel_id, &ts, message.as_ref(), &action))
    }

    fn action(&self, block: &Value, element: &Value) -> Value {
        let mut action = json!({"type": element["type"], "block_id": block["block_id"],
            "action_id": element["action_id"], "action_ts": self.action_ts()});
        for key in ["text", "value", "style"] {
            if let Some(value) = element.get(key) {
                action[key] = value.clone();
            }
        }
        action
    }

    pub(super) fn action_ts(&self) -> String {
        let micros = self.shared.clock.now().as_micros();
        format!("{}.{:06}", micros.div_euclid(1_000_000), micros.rem_euclid(1_000_000))
    }

    /// Without a message the button was on something shown to this person alone.
    fn block_actions(
        &self,
        world: &mut World,
        user: &str,
        channel_id: &str,
        ts: &str,
        message: Option<&Message>,
        action: &Value,
    ) -> Signed {
        let container = json!({"type": "message", "message_ts": ts, "channel_id": channel_id,
            "is_ephemeral": message.is_none()});
        let origin = match message {
            Some(_) => Origin::Message { ts: ts.into() },
            None => Origin::Ephemeral { ts: ts.into() },
        };
        let name = world.channels.get(channel_id).map(|c| c.name.clone());
        let mut payload = self.payload(world, "block_actions", user, None);
        payload["container"] = container;
        payload["channel"] = json!({"id": channel_id, "name": name});
        payload["response_url"] = json!(self.issue_response_url(world, user, channel_id, origin));
        payload["state"] = json!({"values": {}});
        payload["actions"] = json!([action]);
        if let Some(message) = message {
            payload["message"] = message.to_json(true, 0);
        }
        self.interaction(&payload)
    }

    /// A click inside an open modal. `action` is the object as Slack sends it, `{"type","action_id", …}`.
    pub fn view_action(&self, user: &str, view_id: &str, action: &Value) -> Signed {
        let mut world = self.shared.world();
        let mut payload = self.payload(&mut world, "block_actions", user, Some(view_id));
        payload["container"] = json!({"type": "view", "view_id": view_id});
        payload["view"] = view_of(&world, view_id);
        payload["actions"] = json!([action]);
        payload["actions"][0]["action_ts"] = json!(self.action_ts());
        self.interaction(&payload)
    }

    /// Submits a modal. `values` is `{block_id: {action_id: {…}}}`, as in `state.values`; inputs left out keep
    /// what the modal filled in.
    pub fn submit_view(&self, user: &str, view_id: &str, values: Value) -> Signed {
        let mut world = self.shared.world();
        let mut payload = self.payload(&mut world, "view_submission", user, Some(view_id));
        let mut view = view_of(&world, view_id);
        let mut state = Value::Object(initial_values(&view));
        let typed = if let Value::Object(typed) = values { typed } else { Map::new() };
        for (block_id, actions) in typed {
            for (action_id, value) in actions.as_object().into_iter().flatten() {
                state[&block_id][action_id] = value.clone();
            }
        }
        view["state"] = json!({"values": state});
        payload["view"] = view;
        payload["response_urls"] = json!([]);
        self.interaction(&payload)
    }

    /// Any interaction: shortcuts, message actions, closed views. Goes as the one form field `payload`.
    pub fn interaction(&self, payload: &Value) -> Signed {
        let body = Serializer::new(String::new()).append_pair("payload", &payload.to_string()).finish();
        self.request("/slack/interactions", FORM, body)
    }

    fn payload(&self, world: &mut World, kind: &str, user: &str, view: Option<&str>) -> Value {
        let trigger_id = world.issue_trigger(user, view, self.shared.clock.now());
        let (name, team) = match world.users.get(user) {
            Some(u) => (u.name.as_str(), u.team_id.as_str()),
            None => ("", Self::TEAM_ID),
        };
        json!({"type": kind, "team": {"id": team, "domain": "firebell-demo"}, "enterprise": null,
            "user": {"id": user, "username": name, "name": name, "team_id": team},
            "api_app_id": Self::APP_ID, "token": "deprecated", "trigger_id": trigger_id,
            "is_enterprise_install": false})
    }

    /// An event in its envelope, with a fresh `event_id`. `inner` is what stands under `event`.
    pub fn event(&self, mut inner: Value) -> Signed {
        let event_id = self.shared.world().fresh("Ev");
        if inner.get("event_ts").is_none() {
            inner["event_ts"] = inner.get("ts").cloned().unwrap_or_else(|| json!(self.action_ts()));
        }
        let envelope = json!({"type": "event_callback", "token": "deprecated", "team_id": Self::TEAM_ID,
            "api_app_id": Self::APP_ID, "event": inner, "event_context": format!("EC{event_id}"),
            "event_id": event_id, "event_time": self.shared.clock.now().as_secs(), "is_ext_shared_channel": false,
            "authorizations": [{"enterprise_id": null, "team_id": Self::TEAM_ID, "user_id": Self::BOT_USER,
                "is_bot": true, "is_enterprise_install": false}]});
        self.request("/slack/events", "application/json", envelope.to_string())
    }

    /// The event that tells of a message in a channel. `None` when it is not there.
    pub fn message_event(&self, channel_id: &str, ts: &str) -> Option<Signed> {
        let channel = self.channel(channel_id)?;
        let mut inner = channel.message(ts)?.to_json(true, 0);
        inner["channel"] = json!(channel_id);
        inner["channel_type"] = json!(match &channel.dm_with {
            Some(_) => "im",
            None if channel.is_private => "group",
            None => "channel",
        });
        Some(self.event(inner))
    }

    /// The two headers that sign this body at the clock's time.
    pub fn sign(&self, body: &[u8]) -> Vec<(String, String)> {
        let timestamp = self.shared.clock.now().as_secs().to_string();
        let signature = v0_signature(Self::SIGNING_SECRET, &timestamp, body);
        vec![("X-Slack-Request-Timestamp".into(), timestamp), ("X-Slack-Signature".into(), signature)]
    }

    fn request(&self, path: &str, content_type: &str, body: String) -> Signed {
        let body = body.into_bytes();
        let mut headers = self.sign(&body);
        headers.push(("Content-Type".into(), content_type.into()));
        Signed { path: path.into(), headers, body }
    }

    fn issue_response_url(&self, world: &mut World, user: &str, channel_id: &str, origin: Origin) -> String {
        let kind = if origin == Origin::Command { "commands" } else { "actions" };
        let path = format!("/{kind}/{}/{}/{}", Self::TEAM_ID, world.fresh("2"), world.fresh("r"));
        let ticket = ResponseUrl {
            user: user.into(),
            channel: channel_id.into(),
            origin,
            issued_at: self.shared.clock.now(),
            uses: 0,
        };
        world.response_urls.insert(path.clone(), ticket);
        format!("{}{path}", self.hooks_url())
    }

    /// Sends the request and does with the answer what Slack would: shows a command's reply, closes or changes
    /// a submitted modal. An answer that Slack could not use counts as an unexpected call.
    pub async fn deliver(&self, base: &str, request: &Signed) -> anyhow::Result<(u16, String)> {
        let (status, body) = request.send(base).await?;
        if status == 200
            && let Err(problem) = self.apply(request, &body)
        {
            self.shared.desk.note_unexpected(format!("slack: answer to {}: {problem}", request.path));
        }
        Ok((status, body))
    }

    fn apply(&self, request: &Signed, body: &str) -> Result<(), String> {
        let field = |name: &str| {
            let mut pairs = form_urlencoded::parse(&request.body);
            pairs.find(|(key, _)| key == name).map(|(_, value)| value.into_owned()).unwrap_or_default()
        };
        let mut world = self.shared.world();
        if request.path == "/slack/commands" {
            if body.is_empty() {
                return Ok(());
            }
            let message = serde_json::from_str(body).ok().filter(Value::is_object);
            let message = message.unwrap_or_else(|| json!({"text": body}));
            let ticket = ResponseUrl {
                user: field("user_id"),
                channel: field("channel_id"),
                origin: Origin::Command,
                issued_at: self.shared.clock.now(),
                uses: 0,
            };
            let shown = response_url::show(&mut world, self.shared.clock.now(), &ticket, &message);
            return shown.map_err(|(_, word)| word.to_owned());
        }
        let payload: Value = serde_json::from_str(&field("payload")).unwrap_or_default();
        match (payload["type"].as_str(), payload["view"]["id"].as_str()) {
            (Some("view_submission"), Some(view_id)) => world.submission_answered(view_id, body),
            _ => Ok(()),
        }
    }
}

fn view_of(world: &World, view_id: &str) -> Value {
    world.views.iter().find(|v| v.id == view_id).map_or(Value::Null, |v| v.view.clone())
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::super::Slack;
    use super::super::testing::{OPS, field, room};
    use super::v0_signature;

    #[test]
    fn signs_slacks_documented_example() {
        let body = "token=xyzz0WbapA4vBCDEFasx0q6G&team_id=T1DC2JH3J&team_domain=testteamnow&channel_id=G8PSS9T3V\
            &channel_name=foobar&user_id=U2CERLKJA&user_name=roadrunner&command=%2Fwebhook-collect&text=\
            &response_url=https%3A%2F%2Fhooks.slack.com%2Fcommands%2FT1DC2JH3J%2F397700885554%2F96rGlfmibIGlgcZRskXaIFfN\
            &trigger_id=398738663015.47445629121.803a0bc887a14d10d2c447fce8b6703c";
        assert_eq!(
            v0_signature("8f742231b10e8888abcd99yyyzzz85a5", "1531420618", body.as_bytes()),
            "v0=a2114d57b48eac39b9ad189dd8316235a7b4a8d21a10bd27519666489c69b503"
        );
    }

    #[tokio::test]
    async fn a_command_is_a_signed_form_with_tickets_of_its_own() {
        let room = room().await;
        let one = room.slack.command("U1", OPS, "/incident declare payments-down sev1");
        let two = room.slack.command("U1", OPS, "/incident");
        assert_eq!(one.path, "/slack/commands");
        let signature = v0_signature(Slack::SIGNING_SECRET, "1795255200", &one.body);
        assert_eq!(one.headers[0], ("X-Slack-Request-Timestamp".into(), "1795255200".into()));
        assert_eq!(one.headers[1], ("X-Slack-Signature".into(), signature));
        assert_eq!(field(&one.body, "command"), "/incident");
        assert_eq!(field(&one.body, "text"), "declare payments-down sev1");
        assert_eq!(field(&two.body, "text"), "");
        for name in ["trigger_id", "response_url"] {
            assert_ne!(field(&one.body, name), field(&two.body, name));
        }
    }

    #[tokio::test]
    async fn clicks_the_newest_button_of_that_label() {
        let room = room().await;
        let with_button = |value: &str| {
            let ack = json!({"type": "button", "action_id": "ack", "value": value, "text": {"type": "plain_text", "text": "Ack"}});
            json!({"channel": OPS, "text": value, "blocks": [{"type": "section",
                "text": {"type": "mrkdwn", "text": value}, "accessory": ack}]})
        };
        room.ok("chat.postMessage", with_button("old")).await;
        let ts = room.ok("chat.postMessage", with_button("new")).await["ts"].clone();
        let click = room.slack.click("U1", OPS, "Ack").expect("the button");
        let payload: Value = serde_json::from_str(&field(&click.body, "payload")).expect("JSON");
        assert_eq!(payload["actions"][0]["value"], "new");
        assert_eq!(payload["message"]["ts"], ts);
        assert_eq!(payload["container"]["message_ts"], ts);
        assert!(room.slack.click("U1", OPS, "Nope").is_none());
        let forged = room.slack.button("U2", OPS, ts.as_str().expect("a ts"), "ack", "other");
        let payload: Value = serde_json::from_str(&field(&forged.body, "payload")).expect("JSON");
        assert_eq!(payload["actions"][0]["value"], "other");
        assert_eq!(payload["actions"][0]["type"], "button");
        assert_eq!(payload["user"]["id"], "U2");
    }

    #[tokio::test]
    async fn events_come_in_envelopes_with_ids_of_their_own() {
        let room = room().await;
        let ts = room.slack.person_posts(OPS, "U1", "!ic");
        let one = room.slack.message_event(OPS, &ts).expect("the message");
        let envelope: Value = serde_json::from_slice(&one.body).expect("JSON");
        assert_eq!(envelope["event"]["channel_type"], "channel");
        assert_eq!((&envelope["event"]["text"], &envelope["event"]["event_ts"]), (&json!("!ic"), &json!(ts)));
        let two = room.slack.event(json!({"type": "app_uninstalled"}));
        let other: Value = serde_json::from_slice(&two.body).expect("JSON");
        assert_ne!(envelope["event_id"], other["event_id"]);
    }

    #[tokio::test]
    async fn the_answer_to_a_command_is_shown_to_who_typed_it() {
        let room = room().await;
        let typed = room.slack.command("U1", OPS, "/incident list");
        room.slack.apply(&typed, r#"{"response_type":"ephemeral","text":"none open"}"#).expect("shown");
        room.slack.apply(&typed, "plain words").expect("shown");
        room.slack.apply(&typed, "").expect("nothing to show");
        assert_eq!(room.slack.ephemerals("U1").len(), 2);
        assert!(room.slack.apply(&typed, r#"{"blocks":[{"type":"no"}]}"#).is_err());
    }

    #[tokio::test]
    async fn delivers_over_the_wire() {
        let room = room().await;
        let typed = room.slack.command("U1", OPS, "/incident list");
        // The workspace itself is no app: it has no such path.
        let (status, body) = room.slack.deliver(&room.slack.hooks_url(), &typed).await.expect("an answer");
        assert_eq!((status, body.as_str()), (404, "not found"));
    }
}
