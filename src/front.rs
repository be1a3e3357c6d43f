//! What every feature says to the front desk: who asks, what they may, and what they are answered.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::ids::{ChannelId, SlackUserId};

/// A verified member of our workspace who asks for something.
#[derive(Clone, Debug)]
pub struct Caller {
    pub user: SlackUserId,
    /// As people know them, for timelines and transcripts.
    pub name: String,
    /// Where they asked; `None` from a modal or the home tab.
    pub channel: Option<ChannelId>,
}

/// A message: the text is what notifications and screen readers get, the blocks what is seen.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Message {
    pub text: String,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub blocks: Vec<Value>,
}

impl Message {
    /// Plain mrkdwn without blocks. The text must already be escaped where people typed it.
    pub fn text(text: impl Into<String>) -> Self {
        Self { text: text.into(), blocks: Vec::new() }
    }

    pub fn with_blocks(text: impl Into<String>, blocks: Vec<Value>) -> Self {
        Self { text: text.into(), blocks }
    }
}

/// The answer to a command, a button or a submitted form.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Reply {
    /// Acknowledged; nothing to say.
    Nothing,
    /// Only the person sees it.
    Only(Message),
    /// The channel sees it, with the typed command.
    Everyone(Message),
    /// Takes the place of the question whose button was pressed.
    Instead(Message),
    /// A form to open; its trigger dies in 3 seconds, so the edge opens it before anything else.
    Modal(Value),
    /// What is wrong with a submitted form: block id → sentence.
    FormErrors(BTreeMap<String, String>),
}

/// What came of a request that may change something.
pub enum Answer {
    /// Nothing changed, so that there is nothing to remember; that somebody looked is written later.
    Looked(Reply),
    /// What is in this transaction, which puts it on record.
    Done(Reply),
}

impl Reply {
    pub fn only(text: impl Into<String>) -> Self {
        Self::Only(Message::text(text))
    }

    pub fn instead(text: impl Into<String>) -> Self {
        Self::Instead(Message::text(text))
    }

    /// One thing is wrong with a submitted form: the block's id, and a sentence.
    pub fn form_error(block: &str, why: impl Into<String>) -> Self {
        Self::FormErrors(BTreeMap::from([(block.to_owned(), why.into())]))
    }

    pub fn everyone(text: impl Into<String>) -> Self {
        Self::Everyone(Message::text(text))
    }
}

/// Rights that the configuration maps to people.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Right {
    /// Use any command at all.
    Use,
    /// Declare incidents and work on them.
    Declare,
    /// Page people.
    Page,
    /// Write on the public status page.
    Statuspage,
    /// Retry and discard jobs, see private incidents' existence in operator tools.
    Admin,
}
