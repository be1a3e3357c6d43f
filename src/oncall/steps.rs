//! The directory's durable jobs: each reads one source whole, replaces what was known of it, and comes again.
//!
//! A failed read changes nothing: the last good one stays, with its age.

use std::time::Duration;

use serde_json::json;

use super::model::{Group, Member, OnCall, Ourselves, PagerDutyService, Priority, Responder, Step};
use crate::app::App;
use crate::error::{Error, Result, Upstream};
use crate::ids::{ChannelId, PagerDutyUserId, SlackUserId};
use crate::jobs::{Finished, Job};
use crate::pagerduty::ContactKind;
use crate::slack;
use crate::store::{Json, Priority as Turn, Tx};

/// Deliveries and finished jobs are kept this long, so that late repeats are still recognised.
const KEPT: Duration = Duration::from_secs(7 * 24 * 3600);

pub async fn run(app: &App, job: &Job, step: Step) -> Result<Finished> {
    let read = match step {
        Step::ReadOurselves => read_ourselves(app, job).await,
        Step::ReadSlack => read_slack(app, job).await,
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

/// Finishes the job, arms the next one, and puts the new directory into memory after the commit.
async fn done(app: &App, job: &Job, step: Step, mut tx: Tx) -> Result<Finished> {
    tx.remember_fact(step.kind(), &json!({})).await?;
    relink(app, &mut tx).await?;
    let directory = tx.directory().await?;
    let next_at = tx.now() + Duration::from_secs(step.every_secs());
    tx.enqueue(step.job().at(next_at)).await?;
    let finished = job.finish(tx).await?;
    app.directory.replace(directory);
    Ok(finished)
}

/// E-mail joins the two worlds; cheap enough to do after each read of either.
async fn relink(app: &App, tx: &mut Tx) -> Result<()> {
    let directory = tx.directory().await?;
    if let Some(team_id) = app.team_id(&directory) {
        let links = directory.links_by_email(&team_id);
        if links != directory.links {
            tx.replace_email_links(&links).await?;
        }
    }
    Ok(())
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
    let responder = match &app.pagerduty {
        Some(pagerduty) => pagerduty.user_by_email(&app.from_email()).await?.map(|u| u.id),
        None => None,
    };
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
    if let Some(id) = responder {
        tx.remember_fact("our_responder", &id).await?;
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

async fn read_slack(app: &App, job: &Job) -> Result<Finished> {
    let users = app.slack.list_users().await?;
    // Free plans have no user groups: that is no reason to know nobody.
    let groups = match app.slack.list_usergroups().await {
        Ok(groups) => groups,
        Err(e) if matches!(e.code(), Some("plan_upgrade_required" | "paid_teams_only" | "missing_scope")) => {
            tracing::warn!(error = %e, "no user groups");
            Vec::new()
        }
        Err(e) => return Err(e.into()),
    };
    let groups: Vec<Group> = groups.into_iter().map(group).collect();
    let mut tx = app.db.write(Turn::Job).await?;
    let before = tx.directory().await?;
    for user in users {
        let member = member(user);
        if before.member(&member.id) != Some(&member) {
            tx.save_member(&member).await?;
        }
    }
    if before.groups != groups {
        tx.replace_groups(&groups).await?;
    }
    done(app, job, Step::ReadSlack, tx).await
}

/// Reads one person anew; for somebody who is not in the directory yet.
pub async fn meet(app: &App, job: &Job, id: &SlackUserId) -> Result<Finished> {
    let user = app.slack.user(id).await?;
    let mut tx = app.db.write(Turn::Job).await?;
    if let Some(user) = user {
        tx.save_member(&member(user)).await?;
    }
    relink(app, &mut tx).await?;
    let directory = tx.directory().await?;
    let finished = job.finish(tx).await?;
    app.directory.replace(directory);
    Ok(finished)
}

fn member(user: slack::User) -> Member {
    let real_name = if user.real_name.is_empty() { user.display_name } else { user.real_name };
    Member {
        id: user.id,
        name: user.name,
        real_name,
        email: user.email,
        time_zone: user.tz,
        team_id: user.team_id,
        is_bot: user.is_bot,
        is_guest: user.is_guest || user.is_stranger,
        is_deleted: user.deleted,
    }
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

async fn read_responders(app: &App, job: &Job) -> Result<Finished> {
    let Some(pagerduty) = &app.pagerduty else { return job.finish_bare(&app.db).await };
    let responders: Vec<Responder> = pagerduty
        .users_with_contacts()
        .await?
        .into_iter()
        .map(|u| {
            let mut emails: Vec<String> = u.email.clone().into_iter().collect();
            for method in u.contact_methods.iter().filter(|m| m.kind == ContactKind::Email && m.enabled) {
                if !emails.iter().any(|e| e.eq_ignore_ascii_case(&method.address)) {
                    emails.push(method.address.clone());
                }
            }
            let phone = u
                .contact_methods
                .iter()
                .filter(|m| m.enabled)
                .find(|m| m.kind == ContactKind::Phone)
                .or_else(|| u.contact_methods.iter().find(|m| m.kind == ContactKind::Sms && m.enabled))
                .map(|m| match &m.country_code {
                    Some(code) => format!("+{code} {}", m.address),
                    None => m.address.clone(),
                });
            Responder {
                id: u.id,
                name: u.name,
                email: u.email,
                emails: Json(emails),
                phone,
                html_url: Some(u.html_url),
            }
        })
        .collect();
    let mut tx = app.db.write(Turn::Job).await?;
    let before = tx.directory().await?;
    if !before.responders.values().eq(responders.iter()) {
        tx.replace_responders(&responders).await?;
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

async fn read_oncall(app: &App, job: &Job) -> Result<Finished> {
    let Some(pagerduty) = &app.pagerduty else { return job.finish_bare(&app.db).await };
    let policies = app.policies();
    let rows: Vec<OnCall> = if policies.is_empty() {
        Vec::new()
    } else {
        pagerduty
            .oncalls(&policies, &[])
            .await?
            .into_iter()
            .map(|r| OnCall {
                policy_id: r.policy_id,
                policy_name: r.policy_name,
                level: r.level,
                schedule_id: r.schedule_id,
                schedule_name: r.schedule_name,
                pagerduty_user_id: r.user_id,
                user_name: r.user_name,
                starts_at: r.starts_at,
                ends_at: r.ends_at,
            })
            .collect()
    };
    let mut tx = app.db.write(Turn::Job).await?;
    tx.replace_oncall(&rows).await?;
    let handoff_at = rows.iter().filter_map(|r| r.ends_at).min();
    if let Some(at) = handoff_at {
        tx.enqueue(Step::ReadOnCall.job().at(at + Duration::from_secs(2))).await?;
    }
    done(app, job, Step::ReadOnCall, tx).await
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

/// The ids under which our own acts come back from PagerDuty.
pub fn is_us(ours: Option<&PagerDutyUserId>, agent: Option<&str>) -> bool {
    matches!((ours, agent), (Some(ours), Some(agent)) if ours.as_str() == agent)
}
