//! The directory's durable jobs: each reads one source whole, replaces what was known of it, and comes again.
//!
//! A failed read changes nothing: the last good one stays, with its age. What a big company's read changes is written
//! in small transactions, because SQLite's one writer has commands waiting behind it.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use serde_json::json;

use super::model::{Group, Member, OnCall, Ourselves, PagerDutyService, Priority, Responder, Step};
use crate::app::App;
use crate::error::{Error, Result, Upstream};
use crate::ids::{ChannelId, SlackUserId};
use crate::jobs::{Finished, Job};
use crate::pagerduty;
use crate::slack;
use crate::store::{Json, Priority as Turn, Tx};

/// Deliveries and finished jobs are kept this long, so that late repeats are still recognised.
const KEPT: Duration = Duration::from_secs(7 * 24 * 3600);
/// Rows written in one transaction.
const AT_ONCE: usize = 100;
/// Shifts that begin within this are read ahead: while PagerDuty is away, hand-offs go on.
const READ_AHEAD: Duration = Duration::from_secs(24 * 3600);
/// PagerDuty's own hand-off may take a moment.
const AFTER_HANDOFF: Duration = Duration::from_secs(2);

pub async fn run(app: &App, job: &Job, step: Step) -> Result<Finished> {
    let read = match step {
        Step::ReadOurselves => read_ourselves(app, job).await,
        Step::ReadMembers => read_members(app, job).await,
        Step::ReadGroups => read_groups(app, job).await,
        Step::ReadResponders => read_responders(app, job).await,
        Step::ReadServices => read_services(app, job).await,
        Step::ReadOnCall => read_oncall(app, job).await,
        Step::TidyUp => tidy_up(app, job).await,
    };
    match read {
        Err(Error::Upstream(refused)) if refused.is_final() => come_again(app, job, step, &refused).await,
        other => other,
    }
}

/// Refused (a token without a scope, or expired): what is known stays, and the next read comes in its time. Parking
/// would end the reads for good, though the token may be mended tomorrow.
async fn come_again(app: &App, job: &Job, step: Step, refused: &Upstream) -> Result<Finished> {
    tracing::error!(%refused, step = step.kind(), "cannot read; what was known stays");
    let mut tx = app.db.write(Turn::Job).await?;
    let next_at = tx.now() + Duration::from_secs(step.every_secs());
    tx.enqueue(step.job().at(next_at)).await?;
    job.finish(tx).await
}

/// Finishes the job, arms the next one, and puts the new directory into memory.
async fn done(app: &App, job: &Job, step: Step, mut tx: Tx) -> Result<Finished> {
    tx.remember_fact(step.kind(), &json!({})).await?;
    let next_at = tx.now() + Duration::from_secs(step.every_secs());
    tx.enqueue(step.job().at(next_at)).await?;
    finish(app, job, tx).await
}

async fn finish(app: &App, job: &Job, mut tx: Tx) -> Result<Finished> {
    tx.directory_changed().await?;
    let finished = job.finish(tx).await?;
    // The job is done whatever comes now; a memory left behind is made good by the next look at the version.
    if let Err(error) = app.reload_directory().await {
        tracing::error!(%error, "cannot load the directory");
    }
    Ok(finished)
}

async fn read_ourselves(app: &App, job: &Job) -> Result<Finished> {
    let identity = app.slack.auth_test().await?;
    let missing = slack::missing_scopes(&identity.scopes);
    if !missing.is_empty() {
        tracing::error!(
            missing = missing.join(" "),
            "the Slack token lacks scopes; reinstall the app with the manifest"
        );
    }
    let announce_channel = announce_channel(app).await?;
    let ourselves = Ourselves {
        team_id: identity.team_id,
        app_id: identity.app_id,
        bot_user: identity.user_id.to_string(),
        bot_id: identity.bot_id,
        workspace_url: identity.url,
    };
    let mut tx = app.db.write(Turn::Job).await?;
    tx.remember_fact("ourselves", &ourselves).await?;
    if let Some(channel) = announce_channel {
        tx.remember_fact("announce_channel", &channel).await?;
    }
    done(app, job, Step::ReadOurselves, tx).await
}

/// The configured id, or the channel of that name among those that we are in.
async fn announce_channel(app: &App) -> Result<Option<ChannelId>> {
    let Some(name) = &app.config.slack.announce_channel else { return Ok(None) };
    let channels = app.slack.my_channels().await?;
    let found = channels.into_iter().find(|c| (c.name == *name || c.id.as_str() == name) && !c.is_archived);
    if found.is_none() {
        tracing::warn!(channel = name, "not in the announce channel: write /invite @firebell there");
    }
    Ok(found.map(|c| c.id))
}

async fn read_members(app: &App, job: &Job) -> Result<Finished> {
    let mut members: Vec<Member> = app.slack.list_users().await?.into_iter().map(Member::from).collect();
    let before = app.db.read().await?.directory().await?;
    members.retain(|member| before.member(&member.id) != Some(member));
    for some in members.chunks(AT_ONCE) {
        let mut tx = app.db.write(Turn::Job).await?;
        for member in some {
            tx.save_member(member).await?;
        }
        tx.commit().await?;
    }
    done(app, job, Step::ReadMembers, app.db.write(Turn::Job).await?).await
}

/// Free plans have no user groups: that is no reason to know nobody.
async fn read_groups(app: &App, job: &Job) -> Result<Finished> {
    let groups: Vec<Group> = match app.slack.list_usergroups().await {
        Ok(groups) => groups.into_iter().map(group).collect(),
        Err(e) if matches!(e.code(), Some("plan_upgrade_required" | "paid_teams_only" | "missing_scope")) => {
            tracing::warn!(error = %e, "no user groups");
            Vec::new()
        }
        Err(e) => return Err(e.into()),
    };
    let mut tx = app.db.write(Turn::Job).await?;
    if tx.directory().await?.groups != groups {
        tx.replace_groups(&groups).await?;
    }
    done(app, job, Step::ReadGroups, tx).await
}

fn group(group: slack::UserGroup) -> Group {
    Group {
        id: group.id,
        handle: group.handle,
        name: group.name,
        members: Json(group.users),
        is_disabled: group.disabled,
    }
}

/// Reads one person anew; for somebody who is not in the directory yet.
pub async fn meet(app: &App, job: &Job, id: &SlackUserId) -> Result<Finished> {
    let user = app.slack.user(id).await?;
    let mut tx = app.db.write(Turn::Job).await?;
    if let Some(user) = user {
        tx.save_member(&Member::from(user)).await?;
    }
    finish(app, job, tx).await
}

async fn read_responders(app: &App, job: &Job) -> Result<Finished> {
    let Some(pagerduty) = &app.pagerduty else { return job.finish_bare(&app.db).await };
    let responders: Vec<Responder> =
        pagerduty.users_with_contacts().await?.into_iter().map(Responder::from).collect();
    let before = app.db.read().await?.directory().await?;
    let news: Vec<&Responder> =
        responders.iter().filter(|r| before.responders.get(&r.id) != Some(r)).collect();
    for some in news.chunks(AT_ONCE) {
        let mut tx = app.db.write(Turn::Job).await?;
        for responder in some {
            tx.save_responder(responder).await?;
        }
        tx.commit().await?;
    }
    let mut tx = app.db.write(Turn::Job).await?;
    for gone in before.responders.keys().filter(|id| responders.iter().all(|r| r.id != **id)) {
        tx.forget_responder(gone).await?;
    }
    let from = app.from_email();
    let us = responders.iter().find(|r| r.email.as_ref().is_some_and(|e| e.eq_ignore_ascii_case(&from)));
    if let Some(us) = us {
        tx.remember_fact("our_responder", &us.id).await?;
    } else {
        tracing::error!(from, "no PagerDuty user has this login; mend pagerduty.from_email");
    }
    done(app, job, Step::ReadResponders, tx).await
}

async fn read_services(app: &App, job: &Job) -> Result<Finished> {
    let Some(pagerduty) = &app.pagerduty else { return job.finish_bare(&app.db).await };
    let priorities: Vec<Priority> =
        pagerduty.priorities().await?.into_iter().map(|p| Priority { id: p.id, name: p.name }).collect();
    let mut services = Vec::new();
    for service in &app.config.services {
        let Some(found) = pagerduty.service(&service.pagerduty_service).await? else {
            tracing::error!(
                service = service.name,
                id = service.pagerduty_service,
                "PagerDuty has no such service; mend pagerduty_service in the configuration"
            );
            continue;
        };
        services.push(PagerDutyService {
            id: found.id,
            name: found.name,
            html_url: Some(found.html_url),
            policy_id: Some(found.escalation_policy_id).filter(|id| !id.is_empty()),
        });
    }
    let mut tx = app.db.write(Turn::Job).await?;
    tx.remember_fact("priorities", &priorities).await?;
    tx.remember_fact("services", &services).await?;
    // The policies decide whose rows are read.
    tx.enqueue(Step::ReadOnCall.job()).await?;
    done(app, job, Step::ReadServices, tx).await
}

/// Today's shifts and those read ahead; the next read comes when the next hand-off has happened, or in its time.
async fn read_oncall(app: &App, job: &Job) -> Result<Finished> {
    let Some(client) = &app.pagerduty else { return job.finish_bare(&app.db).await };
    // Not from memory: the read of the services that caused this one may not have arrived there.
    let mut before = app.db.read().await?.directory().await?;
    let policies = app.policies(&before);
    let until = app.clock.now() + READ_AHEAD;
    let wanted = pagerduty::Filter { policy_ids: &policies, ..Default::default() };
    let mut rows: Vec<OnCall> =
        client.oncalls(&wanted, None, Some(until)).await?.into_iter().map(oncall_row).collect();
    let order = |r: &OnCall| (r.policy_id.clone(), r.level, r.starts_at, r.pagerduty_user_id.clone());
    rows.sort_by_key(order);
    let mut tx = app.db.write(Turn::Job).await?;
    before.oncall.sort_by_key(order);
    let (was, is) = (by_policy(&before.oncall), by_policy(&rows));
    for id in was.keys().chain(is.keys()).collect::<BTreeSet<_>>() {
        if was.get(id) != is.get(id) {
            tx.replace_oncall(id, is.get(id).map(Vec::as_slice).unwrap_or_default()).await?;
        }
    }
    if let Some(at) = OnCall::next_handoff(&rows, tx.now()) {
        tx.enqueue(Step::ReadOnCall.job().at(at + AFTER_HANDOFF)).await?;
    }
    done(app, job, Step::ReadOnCall, tx).await
}

fn by_policy(rows: &[OnCall]) -> BTreeMap<&str, Vec<&OnCall>> {
    let mut policies: BTreeMap<&str, Vec<&OnCall>> = BTreeMap::new();
    for row in rows {
        policies.entry(&row.policy_id).or_default().push(row);
    }
    policies
}

fn oncall_row(r: pagerduty::OnCall) -> OnCall {
    OnCall {
        policy_id: r.policy_id,
        policy_name: r.policy_name,
        level: r.level,
        schedule_id: r.schedule_id,
        schedule_name: r.schedule_name,
        pagerduty_user_id: r.user_id,
        user_name: r.user_name,
        starts_at: r.starts_at,
        ends_at: r.ends_at,
    }
}

async fn tidy_up(app: &App, job: &Job) -> Result<Finished> {
    let mut tx = app.db.write(Turn::Job).await?;
    let before = tx.now() - KEPT;
    let forgotten = tx.forget_done(before).await?;
    if forgotten > 0 {
        tracing::info!(forgotten, "deleted jobs and deliveries done a week ago");
    }
    done(app, job, Step::TidyUp, tx).await
}
