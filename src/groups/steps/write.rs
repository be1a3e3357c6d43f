//! Writes one waiting group: whole lists, because Slack knows no other way. Writing the same list twice changes nothing,
//! so a second attempt needs no look. <https://docs.slack.dev/reference/methods/usergroups.users.update>

use std::collections::BTreeSet;
use std::time::Duration;

use super::write_job;
use crate::app::App;
use crate::clock::Timestamp;
use crate::error::{Result, Upstream};
use crate::groups::messages;
use crate::groups::model::State;
use crate::ids::SlackUserId;
use crate::jobs::{Finished, Job};
use crate::oncall::{Group, Step, replan};
use crate::store::{Priority, Tx};

/// Slack counts calls in this span.
const MINUTE: Duration = Duration::from_secs(60);
/// Other replicas hear of new members when all is written, and at the latest after so many groups.
const AT_ONCE: i64 = 20;

/// A look that goes first is waited for in steps of this.
const A_MOMENT: Duration = Duration::from_secs(1);

pub(super) async fn write_one(app: &App, job: &Job) -> Result<Finished> {
    let mut tx = app.db.read().await?;
    let next = tx.most_urgent_group().await?;
    let Some(mut state) = next else { return job.finish_bare(&app.db).await };
    let Some(group) = &state.group_id.clone() else { return job.finish_bare(&app.db).await };
    let now = app.clock.now();
    let behind = is_behind(&mut tx, app, &state).await?.then_some(now + A_MOMENT);
    let later = behind.or(free_at(&mut tx, app).await?).filter(|at| *at > now);
    let before = tx.group(group).await?;
    let before: BTreeSet<SlackUserId> = before.map(|g| g.members.0.into_iter().collect()).unwrap_or_default();
    drop(tx);
    let mut tx = app.db.write(Priority::Job).await?;
    if later.is_some() || !tx.sending_group(&state).await? {
        tx.enqueue(write_job().at(later.unwrap_or(now))).await?;
        return job.finish(tx).await;
    }
    tx.commit().await?;
    state.version += 1;
    let wanted: Vec<SlackUserId> = state.wanted.0.iter().cloned().collect();
    match app.slack.set_usergroup_users(group, &wanted).await {
        Ok(answer) => {
            let mut tx = app.db.write(Priority::Job).await?;
            let mut written = Group::from(answer);
            if written.members.0.is_empty() {
                written.members.0 = wanted;
            }
            tx.save_group(&written).await?;
            if !tx.group_written(&state, group, &before).await? {
                tx.enqueue(replan(&state.cause)).await?;
            }
            after_write(app, &mut tx, &state).await?;
            go_on(app, job, tx).await
        }
        Err(refused) if refused.is_final() => {
            let mut tx = app.db.write(Priority::Job).await?;
            refuse(app, &mut tx, &state, &refused).await?;
            go_on(app, job, tx).await
        }
        Err(away) => Err(away.into()),
    }
}

/// A decision from before this program started may be about a rota of long ago: the first look and the plan that
/// follows from it go first, unless there is trouble with them.
async fn is_behind(tx: &mut Tx, app: &App, state: &State) -> Result<bool> {
    if state.changed_at >= app.started_at {
        return Ok(false);
    }
    Ok(tx.is_due(Step::ReadOnCall.kind()).await? || tx.is_due(&replan("").kind).await?)
}

/// When the next write is within Slack's limit; `None` for at once.
async fn free_at(tx: &mut Tx, app: &App) -> Result<Option<Timestamp>> {
    let most = i64::from(app.config.oncall.writes_per_minute);
    let since = tx.now() - MINUTE;
    let recent = tx.group_writes_since(since, most).await?;
    let is_full = i64::try_from(recent.len()).is_ok_and(|n| n >= most);
    Ok(recent.last().filter(|_| is_full).map(|oldest| *oldest + MINUTE))
}

/// The one who changed it by hand hears why it is back as it was.
async fn after_write(app: &App, tx: &mut Tx, state: &State) -> Result<()> {
    tracing::info!(
        group = state.handle,
        people = state.wanted.0.len(),
        cause = state.cause,
        "user group written"
    );
    // What a written group still had for a problem, Slack's no or a question, was told and is over.
    if state.problem.is_some()
        && let Some(channel) = channel_of(app, state)
    {
        let once = format!("over:{}:{}", state.handle, state.version);
        super::say(tx, channel, &messages::trouble_is_over(&app.directory.current(), state), &once).await?;
    }
    let Some(editor) = &state.edited_by else { return Ok(()) };
    let once = format!("edited:{}:{}", state.handle, state.changed_at.as_micros());
    super::say(tx, editor.as_str(), &messages::put_right(app.config.commands.oncall.as_str(), state), &once)
        .await
}

/// Where the group's people are told what it needs.
fn channel_of<'a>(app: &'a App, state: &State) -> Option<&'a str> {
    let target = crate::groups::model::target(&app.config, &state.handle);
    target.map_or(app.config.oncall.channel.as_deref(), |target| app.config.channel_of(target.spec))
}

pub(super) async fn refuse(app: &App, tx: &mut Tx, state: &State, refused: &Upstream) -> Result<()> {
    let code = refused.code().unwrap_or_default();
    let problem = messages::refusal(code, &state.handle);
    tracing::error!(group = state.handle, code, "Slack refuses to change a user group");
    if !tx.group_refused(state, &problem).await? {
        tx.enqueue(replan(&state.cause)).await?;
        return Ok(());
    }
    // What we believe of Slack is wrong: read it anew, which causes another plan; not at once, for it may go on saying no.
    let soon = tx.now() + MINUTE;
    match code {
        "invalid_users" | "failed_for_some_users" | "user_not_found" => {
            tx.enqueue(Step::ReadMembers.because("Slack refused somebody").at(soon)).await?;
        }
        "no_such_subteam" | "subteam_not_found" => {
            tx.enqueue(Step::ReadGroups.because("Slack does not know a group").at(soon)).await?;
        }
        _ => {}
    }
    if let Some(channel) = channel_of(app, state).filter(|_| state.problem.as_ref() != Some(&problem)) {
        let told = State { problem: Some(problem), ..state.clone() };
        let once = format!("refused:{}:{code}:{}", state.handle, state.changed_at.as_micros());
        super::say(tx, channel, &messages::trouble(&told), &once).await?;
    }
    Ok(())
}

/// The next one, as long as one waits.
async fn go_on(app: &App, job: &Job, mut tx: Tx) -> Result<Finished> {
    let more = tx.most_urgent_group().await?.is_some();
    if more {
        tx.enqueue(write_job()).await?;
    }
    let since = tx.now() - MINUTE;
    let tell = !more || tx.count_group_writes_since(since).await? % AT_ONCE == 0;
    if tell {
        tx.directory_changed().await?;
    }
    let finished = job.finish(tx).await?;
    if tell && let Err(error) = app.reload_directory().await {
        tracing::error!(%error, "cannot load the directory");
    }
    Ok(finished)
}
