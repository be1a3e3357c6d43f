//! What the edge asks of the inside. The edge knows signatures, encodings and deadlines; the desk knows the rest.

use std::pin::Pin;

use serde_json::Value;

use crate::error::Result;
use crate::front::Reply;
use crate::ids::{ChannelId, SlackUserId};

pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// The inside, as the edge sees it.
pub trait FrontDesk: Send + Sync {
    /// The workspace we serve; `None` until it has been learnt from Slack.
    fn workspace(&self) -> Option<Workspace>;

    /// Answers a slash command. Dropped when it takes longer than the edge's deadline.
    fn command<'a>(&'a self, typed: &'a SlashCommand) -> BoxFuture<'a, Reply>;

    /// Answers a button, a submitted or closed form, or a shortcut: Slack's `payload` as it came, its workspace
    /// checked. Dropped when it takes longer than the edge's deadline.
    fn interaction(&self, payload: Value) -> BoxFuture<'_, Reply>;

    /// Whether an event of Slack's is worth keeping. People's messages to each other are not ours to store.
    fn wants(&self, event: &Value) -> bool;

    /// Opens a form: the one vendor call from the request path, because its trigger dies in 3 seconds.
    fn open_modal(&self, trigger_id: String, view: Value) -> BoxFuture<'_, Result<()>>;

    /// Says something about an interaction whose HTTP answer cannot carry words. `reply` is `Only`, `Everyone` or
    /// `Instead`. Must not block: it hands the words on and returns.
    fn follow_up(&self, payload: &Value, reply: Reply);

    /// Puts on record that somebody of another workspace tried a command. Must not block.
    fn note_stranger(&self, typed: &SlashCommand);

    /// What to say when the deadline passed: from memory, without the database. Nothing was typed for a button or a form.
    fn late(&self, typed: Option<&SlashCommand>) -> Reply;
}

/// The Slack workspace that is served, and our app in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Workspace {
    pub team_id: String,
    pub app_id: Option<String>,
}

/// A slash command from our workspace, its signature checked.
/// <https://docs.slack.dev/interactivity/implementing-slash-commands#app_command_handling>
#[derive(Clone, Debug)]
pub struct SlashCommand {
    pub team_id: String,
    pub user_id: SlackUserId,
    pub channel_id: ChannelId,
    /// With the leading slash.
    pub command: String,
    /// All after the command's first space, mentions and `& < >` escaped by Slack. May be empty, may have lines.
    pub text: String,
    /// Opens one form, within 3 seconds. The same on every attempt of the same command.
    pub trigger_id: String,
}
