//! Saying things: messages, ephemerals, answers to a `response_url`, modals; and reading back what was said.

use serde_json::{Value, json};
use url::{Host, Url};

use super::calls::{
    CHAT_GET_PERMALINK, CHAT_POST_EPHEMERAL, CHAT_POST_MESSAGE, CHAT_UPDATE, CONVERSATIONS_HISTORY,
    CONVERSATIONS_OPEN, CONVERSATIONS_REPLIES, RESPONSE_URL, VIEWS_OPEN, VIEWS_UPDATE,
};
use super::{Client, Mark, Message, Post, as_json};
use crate::error::{Problem, Upstream};
use crate::http_client::{Answer, unavailable};
use crate::ids::{ChannelId, SlackUserId};

impl Client {
    /// Posts, and returns the message's `ts`. Read back: [`Client::history`] since a minute before the first
    /// attempt, for the mark under our own `bot_id`.
    /// <https://docs.slack.dev/reference/methods/chat.postMessage> · chat:write · special · read_back
    pub async fn post_message(&self, post: &Post<'_>) -> Result<String, Upstream> {
        let mut body = message(post.channel, post.text, post.blocks, post.mark);
        body["unfurl_links"] = false.into();
        body["unfurl_media"] = false.into();
        if let Some(ts) = post.thread_ts {
            body["thread_ts"] = ts.into();
        }
        self.write(&CHAT_POST_MESSAGE, &body, &[], |answer| answer.need("/ts")).await
    }

    /// Replaces a message of ours; blocks not given are removed, a mark not given stays. `text` above 4,000
    /// characters is refused (`msg_too_long`).
    /// <https://docs.slack.dev/reference/methods/chat.update> · chat:write · tier 3 · idempotent
    pub async fn update_message(
        &self,
        channel: &ChannelId,
        ts: &str,
        text: &str,
        blocks: &[Value],
        mark: Option<&Mark>,
    ) -> Result<(), Upstream> {
        let mut body = message(channel, text, blocks, mark);
        body["ts"] = ts.into();
        self.write(&CHAT_UPDATE, &body, &[], |_| Ok(())).await
    }

    /// Shows something to one member of the channel only, in a thread if so said; it is not kept anywhere.
    /// <https://docs.slack.dev/reference/methods/chat.postEphemeral> · chat:write · tier 4 · at_most_once
    pub async fn post_ephemeral(
        &self,
        channel: &ChannelId,
        user: &SlackUserId,
        thread_ts: Option<&str>,
        text: &str,
        blocks: &[Value],
    ) -> Result<(), Upstream> {
        let mut body = message(channel, text, blocks, None);
        body["user"] = user.as_str().into();
        if let Some(ts) = thread_ts {
            body["thread_ts"] = ts.into();
        }
        self.write(&CHAT_POST_EPHEMERAL, &body, &[], |_| Ok(())).await
    }

    /// The message's address for people.
    /// <https://docs.slack.dev/reference/methods/chat.getPermalink> · no scope · special · idempotent
    pub async fn permalink(&self, channel: &ChannelId, ts: &str) -> Result<String, Upstream> {
        let form = [("channel", channel.as_str()), ("message_ts", ts)];
        self.read(&CHAT_GET_PERMALINK, &form, &[], |answer| answer.need("/permalink")).await
    }

    /// Every message of the channel since `oldest_ts` (inclusive), newest first, without thread answers. We must be
    /// a member.
    /// <https://docs.slack.dev/reference/methods/conversations.history> · channels:history groups:history im:history · tier 3 · idempotent
    pub async fn history(
        &self,
        channel: &ChannelId,
        oldest_ts: Option<&str>,
    ) -> Result<Vec<Message>, Upstream> {
        let mut form = vec![("channel", channel.as_str()), ("include_all_metadata", "true")];
        if let Some(oldest) = oldest_ts {
            form.extend([("oldest", oldest), ("inclusive", "true")]);
        }
        self.pages(&CONVERSATIONS_HISTORY, &form, "/messages", Message::read).await
    }

    /// The same of one thread, oldest first; its first message leads, however old.
    /// <https://docs.slack.dev/reference/methods/conversations.replies> · channels:history groups:history im:history · tier 3 · idempotent
    pub async fn replies(
        &self,
        channel: &ChannelId,
        thread_ts: &str,
        oldest_ts: &str,
    ) -> Result<Vec<Message>, Upstream> {
        let form = [
            ("channel", channel.as_str()),
            ("ts", thread_ts),
            ("include_all_metadata", "true"),
            ("oldest", oldest_ts),
            ("inclusive", "true"),
        ];
        self.pages(&CONVERSATIONS_REPLIES, &form, "/messages", Message::read).await
    }

    /// The direct conversation with a person, opened if need be.
    /// <https://docs.slack.dev/reference/methods/conversations.open> · im:write · tier 3 · idempotent
    pub async fn open_dm(&self, user: &SlackUserId) -> Result<ChannelId, Upstream> {
        let body = json!({ "users": user.as_str() });
        self.write(&CONVERSATIONS_OPEN, &body, &[], |answer| Ok(ChannelId(answer.need("/channel/id")?))).await
    }

    /// Opens a modal and returns its view id. The trigger works once and for three seconds.
    /// <https://docs.slack.dev/reference/methods/views.open> · no scope · tier 4 · at_most_once
    pub async fn open_view(&self, trigger_id: &str, view: &Value) -> Result<String, Upstream> {
        let body = json!({ "trigger_id": trigger_id, "view": view });
        self.write(&VIEWS_OPEN, &body, &[], |answer| answer.need("/view/id")).await
    }

    /// Replaces an open modal. One that the person has closed meanwhile is fine.
    /// <https://docs.slack.dev/reference/methods/views.update> · no scope · tier 4 · idempotent
    pub async fn update_view(&self, view_id: &str, view: &Value) -> Result<(), Upstream> {
        let body = json!({ "view_id": view_id, "view": view });
        self.write(&VIEWS_UPDATE, &body, &["not_found"], |_| Ok(())).await
    }

    /// Answers a command or a button through the address that came with it: five times, for half an hour. The
    /// address is a secret and was written by someone else, so it is never logged, and is refused
    /// (`response_url_refused`) unless its host is one of ours to trust, over TLS (or on this very machine).
    /// <https://docs.slack.dev/interactivity/handling-user-interaction> · no scope · 5 in 30 minutes · at_most_once
    pub async fn respond(&self, response_url: &str, body: &Value) -> Result<(), Upstream> {
        let Some(url) = self.trusted(response_url) else {
            let problem = Problem::Rejected {
                code: "response_url_refused".into(),
                detail: "its host is not in slack.response_hosts, or it is not https".into(),
            };
            return Err(self.wire.upstream(RESPONSE_URL.name, problem));
        };
        let request = as_json(self.wire.http.post(url), body);
        self.wire.exchange(&RESPONSE_URL, RESPONSE_URL.name, request, answered).await
    }

    fn trusted(&self, response_url: &str) -> Option<Url> {
        let url = Url::parse(response_url).ok()?;
        let host = url.host_str()?;
        let loopback = match url.host()? {
            Host::Domain(name) => name == "localhost",
            Host::Ipv4(ip) => ip.is_loopback(),
            Host::Ipv6(ip) => ip.is_loopback(),
        };
        // `host`, or `host:port` for one port only.
        let with_port = url.port_or_known_default().map(|port| format!("{host}:{port}")).unwrap_or_default();
        let is_listed =
            |allowed: &String| allowed.eq_ignore_ascii_case(host) || allowed.eq_ignore_ascii_case(&with_port);
        let listed = self.settings.response_hosts.iter().any(is_listed);
        let encrypted = url.scheme() == "https" || (loopback && url.scheme() == "http");
        (listed && encrypted).then_some(url)
    }
}

/// What all ways of posting share. The mark goes in twice, because metadata may be withheld from readers: into the
/// metadata, and into the first block's id unless that block has one of its own.
fn message(channel: &ChannelId, text: &str, blocks: &[Value], mark: Option<&Mark>) -> Value {
    let mut body = json!({ "channel": channel.as_str(), "text": text, "parse": "none" });
    if !blocks.is_empty() {
        body["blocks"] = blocks.into();
    }
    if let Some(mark) = mark {
        body["metadata"] = mark.metadata();
        if let Some(first) = body.pointer_mut("/blocks/0").and_then(Value::as_object_mut) {
            first.entry("block_id").or_insert_with(|| format!("op:{}", mark.op_id).into());
        }
    }
    body
}

/// A response_url speaks plain HTTP: 200 is done, any 4xx means that it will not work any more.
fn answered(answer: &Answer) -> Result<(), Problem> {
    let status = answer.status.as_u16();
    match status {
        200..=299 => Ok(()),
        400..=499 => Err(Problem::Rejected { code: format!("http_{status}"), detail: String::new() }),
        _ => Err(unavailable(format!("HTTP {status}"))),
    }
}
