//! The inside as the edge sees it, and the two calls to Slack that cannot wait for a job: opening a form, whose
//! trigger dies in 3 seconds, and an answer to a button, which nothing important depends on.

use serde_json::Value;
use tokio_util::task::TaskTracker;

use super::desk::{BoxFuture, FrontDesk, SlashCommand, Workspace};
use crate::app::App;
use crate::audit::{Outcome, Use, Via};
use crate::chat::{self, Typed};
use crate::error::Result;
use crate::front::{Message, Reply};

pub struct Inside {
    app: App,
    tasks: TaskTracker,
}

impl Inside {
    pub fn new(app: App, tasks: TaskTracker) -> Self {
        Self { app, tasks }
    }
}

impl FrontDesk for Inside {
    fn workspace(&self) -> Option<Workspace> {
        let people = self.app.directory.current();
        let app_id = self.app.config.slack.app_id.clone();
        Some(Workspace {
            team_id: self.app.team_id(&people)?,
            app_id: app_id.or_else(|| people.ourselves.as_ref()?.app_id.clone()),
        })
    }

    fn command<'a>(&'a self, typed: &'a SlashCommand) -> BoxFuture<'a, Reply> {
        Box::pin(async move {
            let typed = Typed {
                mark: format!("trigger:{}:{}", typed.user_id, typed.trigger_id),
                user: typed.user_id.clone(),
                channel: typed.channel_id.clone(),
                via: Via::Slash,
                command: typed.command.clone(),
                text: typed.text.clone(),
                thread_ts: None,
            };
            chat::answer(&self.app, &typed).await
        })
    }

    fn interaction(&self, payload: Value) -> BoxFuture<'_, Reply> {
        Box::pin(async move { chat::interaction(&self.app, &payload).await })
    }

    fn wants(&self, event: &Value) -> bool {
        chat::is_asked(&self.app.known(), event)
    }

    fn open_modal(&self, trigger_id: String, view: Value) -> BoxFuture<'_, Result<()>> {
        Box::pin(async move {
            self.app.slack.open_view(&trigger_id, &view).await?;
            Ok(())
        })
    }

    fn follow_up(&self, payload: &Value, reply: Reply) {
        let (message, kind, replaces) = match reply {
            Reply::Only(message) => (message, "ephemeral", false),
            Reply::Everyone(message) => (message, "in_channel", false),
            Reply::Instead(message) => (message, "ephemeral", true),
            _ => return,
        };
        let Some(url) = payload["response_url"].as_str().map(str::to_owned) else { return };
        let slack = self.app.slack.clone();
        self.tasks.spawn(async move {
            if let Err(error) = slack.respond(&url, &body(&message, kind, replaces)).await {
                tracing::warn!(%error, "an answer to a button did not arrive");
            }
        });
    }

    fn note_stranger(&self, typed: &SlashCommand) {
        let SlashCommand { team_id, user_id, channel_id, command, .. } = typed;
        // Their words are their workspace's.
        let from = format!("(from workspace {team_id})");
        let who = (user_id, Some(channel_id));
        let used = Use::new(self.app.clock.now(), who, Via::Slash, command, &from);
        self.app.notes.take(used, Outcome::Denied);
    }

    fn late(&self, typed: Option<&SlashCommand>) -> Reply {
        let (command, text) = typed.map_or(("", ""), |typed| (&typed.command, &typed.text));
        chat::late(&self.app, command, text)
    }
}

/// Without `replace_original` the button's message stays.
fn body(message: &Message, kind: &str, replaces: bool) -> Value {
    let mut body = serde_json::json!({ "replace_original": replaces, "text": message.text });
    if !replaces {
        body["response_type"] = kind.into();
    }
    if !message.blocks.is_empty() {
        body["blocks"] = message.blocks.clone().into();
    }
    body
}
