//! Answers a command that came in a message: there is no HTTP answer to put the words into.

use std::time::Duration;

use super::said::Said;
use super::{answer, registry};
use crate::app::App;
use crate::error::{Error, Result};
use crate::front::{Message, Reply};
use crate::jobs::{Finished, Job};
use crate::posts::{self, Post};
use crate::store::Priority;

/// Slack tells late of what it could not tell in time, up to hours; nobody expects an answer then, least of all a page.
const TOO_LATE: Duration = Duration::from_secs(300);

pub async fn run(app: &App, job: &Job) -> Result<Finished> {
    let said: Said = serde_json::from_value(job.payload.0.clone())
        .map_err(|_| Error::refused("this version knows no command of that shape"))?;
    // By when it came to us: a job may wait for its turn, or for a server that was away.
    let late = app.clock.now().since(said.at);
    let reply = if late > TOO_LATE {
        let minutes = late.as_secs() / 60;
        Reply::only(format!(
            "`{}` reached me only now, {minutes} minutes late, so I did nothing. Say it again if you still want it.",
            said.typed.command
        ))
    } else {
        Box::pin(answer(app, &said.typed)).await
    };
    match reply {
        Reply::Everyone(message) => post(app, job, &said, message).await,
        Reply::Only(message) | Reply::Instead(message) if said.is_private => {
            post(app, job, &said, message).await
        }
        Reply::Only(message) | Reply::Instead(message) => show(app, job, &said, &message).await,
        Reply::Modal(_) => show(app, job, &said, &Message::text(no_form(app, &said))).await,
        Reply::FormErrors(_) | Reply::Nothing => job.finish_bare(&app.db).await,
    }
}

/// A form opens only for who pressed or typed something with a trigger.
/// <https://docs.slack.dev/surfaces/modals#opening_modals>
fn no_form(app: &App, said: &Said) -> String {
    let commands = &app.config.commands;
    let command = registry::resolve(&app.config, &said.typed);
    let name = command.map_or(commands.firebell.clone(), |(command, _)| commands.name(command).to_owned());
    format!(
        "Slack opens forms from slash commands only: type `{name}` for the form, or say it in words (`{name} help`)."
    )
}

/// For everybody there: once, whatever is lost.
async fn post(app: &App, job: &Job, said: &Said, message: Message) -> Result<Finished> {
    let post = Post::new(said.typed.channel.as_str(), message, &said.typed.mark);
    let mut tx = app.db.write(Priority::Job).await?;
    posts::say(&mut tx, &post.in_thread(said.typed.thread_ts.clone())).await?;
    job.finish(tx).await
}

/// For the person alone. Slack keeps no trace of it, so a second attempt shows it again; if Slack does not take it,
/// there is nobody to tell.
async fn show(app: &App, job: &Job, said: &Said, message: &Message) -> Result<Finished> {
    let (channel, user) = (&said.typed.channel, &said.typed.user);
    let thread = said.typed.thread_ts.as_deref();
    match app.slack.post_ephemeral(channel, user, thread, &message.text, &message.blocks).await {
        Err(refused) if refused.is_final() => {
            tracing::warn!(%refused, "an answer to a message did not arrive");
        }
        other => other?,
    }
    job.finish_bare(&app.db).await
}
