//! Something to say: a message to a channel, a thread or a person, kept with the fact that causes it and said once.

pub mod steps;

use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::error::Result;
use crate::front::Message;
use crate::ids::SlackUserId;
use crate::jobs::NewJob;
use crate::store::Tx;

/// A message and where it goes.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Post {
    /// A channel's name or id, or a person's id.
    pub to: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub thread_ts: Option<String>,
    pub message: Message,
    /// The person who is told when Slack does not let us speak there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub or_to: Option<SlackUserId>,
    /// Marks the message in Slack, and keeps it from being posted twice.
    pub op: String,
}

impl Post {
    /// `once` names what is said, unlike anything else that is ever said.
    pub fn new(to: impl Into<String>, message: Message, once: &str) -> Self {
        Self { to: to.into(), thread_ts: None, or_to: None, message, op: format!("posts.say:{once}") }
    }

    #[must_use]
    pub fn in_thread(mut self, thread_ts: Option<String>) -> Self {
        self.thread_ts = thread_ts;
        self
    }

    #[must_use]
    pub fn or_to(mut self, person: &SlackUserId) -> Self {
        self.or_to = Some(person.clone());
        self
    }

    pub fn job(&self) -> NewJob {
        NewJob::new("posts.say", json!(self)).dedup(&self.op)
    }
}

/// Says it after the commit.
pub async fn say(tx: &mut Tx, post: &Post) -> Result<()> {
    tx.enqueue(post.job()).await?;
    Ok(())
}
