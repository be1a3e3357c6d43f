//! Commands in messages: `!oncall payments` in a channel or a thread, where Slack takes no slash commands of apps;
//! a mention anywhere; any words in private.
//! <https://docs.slack.dev/interactivity/implementing-slash-commands> ·
//! <https://docs.slack.dev/reference/events/message> · <https://docs.slack.dev/reference/events/app_mention>

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{Typed, once, registry};
use crate::audit::Via;
use crate::clock::Timestamp;
use crate::error::Result;
use crate::ids::{ChannelId, SlackUserId, opaque};
use crate::jobs::NewJob;
use crate::oncall::Known;
use crate::slack::moment;
use crate::slack::words::first_word;
use crate::store::Tx;

/// A command in a message, and where its answer goes.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Said {
    pub typed: Typed,
    pub ts: String,
    pub at: Timestamp,
    /// Nobody else reads there.
    pub is_private: bool,
}

/// Whether an event is worth keeping: of all that people say to each other only commands are.
pub fn is_asked(known: &Known, event: &Value) -> bool {
    !["message", "app_mention"].contains(&str_of(event, "type")) || listen(known, event).is_some()
}

/// Takes a message in: its answer follows by a job, once.
pub async fn hear(tx: &mut Tx, known: &Known, event: &Value) -> Result<()> {
    let Some(said) = listen(known, event) else { return Ok(()) };
    let mut marks = vec![said.typed.mark.replacen("message:", "heard:", 1)];
    // Some clients send one gesture as two messages.
    let gesture = opaque(&event["client_msg_id"]);
    marks.extend(gesture.map(|id| format!("heard:{id}")));
    if once::is_news(tx, &marks).await? {
        tx.enqueue(NewJob::new("chat.said", json!(said))).await?;
    }
    Ok(())
}

/// A command by somebody, if the message is one. Edits, bots and what people only say to each other are none.
fn listen(known: &Known, event: &Value) -> Option<Said> {
    let is_plain = ["", "file_share", "thread_broadcast"].contains(&str_of(event, "subtype"));
    if !["message", "app_mention"].contains(&str_of(event, "type")) || !is_plain || !event["bot_id"].is_null()
    {
        return None;
    }
    let us = known.people.ourselves.as_ref()?.bot_user.as_str();
    let user = opaque(&event["user"]).filter(|user| *user != us)?;
    let (channel, ts) = (opaque(&event["channel"])?, opaque(&event["ts"])?);
    let is_private = str_of(event, "channel_type") == "im";
    let (command, text) = asked(known, us, str_of(event, "text").trim(), is_private)?;
    Some(Said {
        typed: Typed {
            user: SlackUserId::new(user),
            channel: ChannelId::new(channel),
            via: Via::Message,
            command,
            text,
            mark: format!("message:{channel}:{ts}"),
            thread_ts: opaque(&event["thread_ts"]).map(str::to_owned),
        },
        ts: ts.to_owned(),
        at: moment(ts)?,
        is_private,
    })
}

/// The command and what is said to it. `!word` is one when the word is ours, or nearly; what is said to us, or in
/// private, always is, though perhaps one that we do not know. Who mentions us later in a sentence talks about us.
fn asked(known: &Known, us: &str, text: &str, is_private: bool) -> Option<(String, String)> {
    let commands = &known.config.commands;
    let to_us = |text: &str| Some((commands.firebell.clone(), text.to_owned()));
    let names_one = |text: &str| commands.word(first_word(text).0.trim_start_matches(['!', '/'])).is_some();
    let mut text = text;
    if let Some((before, after)) = around_mention(text, us) {
        if before.is_empty() || (is_greeting(before) && names_one(after)) {
            return to_us(after);
        }
        if after.is_empty() {
            text = before; // `!oncall payments @firebell`
        }
    }
    if is_private {
        return to_us(text);
    }
    let (word, rest) = first_word(text.strip_prefix('!').filter(|t| t.starts_with(char::is_alphabetic))?);
    if commands.word(word).is_some() {
        return Some((format!("!{word}"), rest.to_owned()));
    }
    registry::near(commands, word).and_then(|_| to_us(text))
}

/// "Hey", "ok, please": what people say before they ask.
fn is_greeting(text: &str) -> bool {
    const WORDS: [&str; 12] =
        ["hey", "hi", "hello", "yo", "dear", "ok", "okay", "please", "pls", "and", "now", "so"];
    let mut words = text.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty());
    words.all(|word| WORDS.iter().any(|known| known.eq_ignore_ascii_case(word)))
}

/// What stands before and after the first mention of us.
fn around_mention<'a>(text: &'a str, us: &str) -> Option<(&'a str, &'a str)> {
    let start = text.find(&format!("<@{us}"))?;
    let (before, mention) = text.split_at(start);
    let (inside, after) = mention.split_once('>')?;
    let named = inside[2 + us.len()..].is_empty() || inside[2 + us.len()..].starts_with('|');
    named.then(|| (before.trim(), after.trim_start_matches([',', ':']).trim()))
}

fn str_of<'a>(event: &'a Value, field: &str) -> &'a str {
    event[field].as_str().unwrap_or_default()
}
