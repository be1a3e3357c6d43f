//! Something to say: a message to a channel, a thread or a person, kept with the fact that causes it and said once.
//! What is said in one place keeps its order, while a message is tried again too; other places do not wait for it, and
//! one that is refused for good gives way.

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
    /// What is to be done besides when Slack does not let us speak there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub if_refused: Option<Box<NewJob>>,
    /// Marks the message in Slack, and keeps it from being posted twice.
    pub op: String,
}

impl Post {
    /// `once` names what is said, unlike anything else that is ever said.
    pub fn new(to: impl Into<String>, message: Message, once: &str) -> Self {
        let op = format!("posts.say:{once}");
        Self { to: to.into(), thread_ts: None, or_to: None, if_refused: None, message, op }
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

    #[must_use]
    pub fn if_refused(mut self, job: NewJob) -> Self {
        self.if_refused = Some(Box::new(job));
        self
    }

    /// Whether a refusal has somebody who is told or something that follows; otherwise it parks.
    fn is_minded(&self) -> bool {
        self.or_to.is_some() || self.if_refused.is_some()
    }

    pub fn job(&self) -> NewJob {
        // A thread is a place of its own: its answers need not wait for the channel.
        let thread = self.thread_ts.as_deref().unwrap_or_default();
        let lane = format!("posts:{}:{thread}", self.to);
        NewJob::new("posts.say", json!(self)).dedup(&self.op).lane(lane)
    }
}

/// Says it after the commit.
pub async fn say(tx: &mut Tx, post: &Post) -> Result<()> {
    tx.enqueue(post.job()).await?;
    Ok(())
}
