//! The directory's durable jobs: each reads one source whole, replaces what was known of it, and comes again.
//!
//! A failed read changes nothing: the last good one stays, with its age. What a big company's read changes is written
//! in small transactions, because SQLite's one writer has commands waiting behind it.

mod rota;

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::json;

use super::model::{Group, Member, Ourselves, PagerDutyService, Priority, Responder};
use super::reads::{Step, replan};
use crate::app::App;
use crate::error::{Error, Result, Upstream};
use crate::ids::{ChannelId, SlackUserId};
use crate::jobs::{Finished, Job};
use crate::slack;
use crate::store::{Priority as Turn, Tx};

/// Deliveries and finished jobs are kept this long, so that late repeats are still recognised.
const KEPT: Duration = Duration::from_secs(7 * 24 * 3600);
/// A year, and some to look back from its end.
const AUDIT_KEPT: Duration = Duration::from_secs(400 * 24 * 3600);
/// Rows written in one transaction.
const AT_ONCE: usize = 100;

pub async fn run(app: &App, job: &Job, step: Step) -> Result<Finished> {
    let read = match step {
        Step::ReadOurselves => read_ourselves(app, job).await,
        Step::ReadMembers => read_members(app, job).await,
        Step::ReadGroups => read_groups(app, job).await,
        Step::ReadResponders => read_responders(app, job).await,
        Step::ReadServices => read_services(app, job).await,
        Step::ReadOnCall => rota::read_now(app, job).await,
        Step::ReadAhead => rota::read_ahead(app, job).await,
        Step::ReadSchedules => rota::read_schedules(app, job).await,
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
    let next_at = tx.now() + step.every(&app.config);
    tx.enqueue(step.job().at(next_at)).await?;
    job.finish(tx).await
}

/// What led to this read, for those who ask why something changed.
fn cause(job: &Job) -> &str {
    job.payload.0["cause"].as_str().unwrap_or("a regular look")
}

/// Finishes the job, arms the next one, and puts the new directory into memory.
async fn done(app: &App, job: &Job, step: Step, mut tx: Tx) -> Result<Finished> {
    tx.remember_fact(step.kind(), &json!({})).await?;
    let next_at = tx.now() + step.every(&app.config);
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
    let channels = configured_channels(app).await?;
    let mut tx = app.db.write(Turn::Job).await?;
    tx.remember_fact("ourselves", &Ourselves::from(identity)).await?;
    if let Some(channel) = app.config.slack.announce_channel.as_ref().and_then(|name| channels.get(name)) {
        tx.remember_fact("announce_channel", channel).await?;
    }
    tx.remember_fact("channels", &channels).await?;
    tx.enqueue(replan("at the start")).await?;
    done(app, job, Step::ReadOurselves, tx).await
}

/// The channels that the configuration names: by id, or by name among those that we are in.
async fn configured_channels(app: &App) -> Result<BTreeMap<String, ChannelId>> {
    let names = app.config.channels();
    if names.is_empty() {
        return Ok(BTreeMap::new());
    }
    let ours = app.slack.my_channels().await?;
    let mut found = BTreeMap::new();
    for name in names {
        match ours.iter().find(|c| (c.name == *name || c.id.as_str() == name) && !c.is_archived) {
            Some(channel) => {
                found.insert(name.clone(), channel.id.clone());
            }
            None => {
                tracing::warn!(channel = name, "not in a configured channel: write /invite @firebell there");
            }
        }
    }
    Ok(found)
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
    let mut tx = app.db.write(Turn::Job).await?;
    if !members.is_empty() {
        tx.enqueue(replan("people in Slack changed")).await?;
    }
    done(app, job, Step::ReadMembers, tx).await
}

/// Free plans have no user groups: that is no reason to know nobody.
async fn read_groups(app: &App, job: &Job) -> Result<Finished> {
    let asked_at = app.clock.now();
    let mut groups: Vec<Group> = match app.slack.list_usergroups().await {
        Ok(groups) => groups.into_iter().map(Group::from).collect(),
        Err(e) if matches!(e.code(), Some("plan_upgrade_required" | "paid_teams_only" | "missing_scope")) => {
            tracing::warn!(error = %e, "no user groups");
            Vec::new()
        }
        Err(e) => return Err(e.into()),
    };
    let mut tx = app.db.write(Turn::Job).await?;
    // What was written or made meanwhile is newer than this list.
    for newer in tx.groups_since(asked_at).await? {
        groups.retain(|group| group.id != newer.id);
        groups.push(newer);
    }
    if tx.groups().await? != groups {
        tx.replace_groups(&groups).await?;
    }
    // Even if nothing changed: this read is what shows that Slack and the rota agree.
    tx.enqueue(replan(cause(job))).await?;
    done(app, job, Step::ReadGroups, tx).await
}

/// Reads one person anew; for somebody who is not in the directory yet.
pub async fn meet(app: &App, job: &Job, id: &SlackUserId) -> Result<Finished> {
    let user = app.slack.user(id).await?;
    let mut tx = app.db.write(Turn::Job).await?;
    if let Some(user) = user {
        tx.save_member(&Member::from(user)).await?;
        tx.enqueue(replan("somebody new in Slack")).await?;
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
    if !news.is_empty() {
        tx.enqueue(replan("people in PagerDuty changed")).await?;
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
    // The policies decide whose rows are read.
    if tx.fact("services").await?.as_ref() != Some(&services) {
        tx.remember_fact("services", &services).await?;
        tx.enqueue(Step::ReadOnCall.because("a service's policy changed")).await?;
    }
    done(app, job, Step::ReadServices, tx).await
}

async fn tidy_up(app: &App, job: &Job) -> Result<Finished> {
    let mut tx = app.db.write(Turn::Job).await?;
    let before = tx.now() - KEPT;
    let forgotten = tx.forget_done(before).await?;
    let audited_before = tx.now() - AUDIT_KEPT;
    tx.forget_uses(audited_before).await?;
    if forgotten > 0 {
        tracing::info!(forgotten, "deleted jobs and deliveries done a week ago");
    }
    done(app, job, Step::TidyUp, tx).await
}
