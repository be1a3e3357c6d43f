//! The room: making it, filling it, describing it.

use std::time::Duration;

use super::{finish_step, read};
use crate::app::App;
use crate::error::{Error, Result};
use crate::ids::{IncidentId, SlackUserId};
use crate::incidents::effects::Effect;
use crate::incidents::model::{Actor, Incident, Kind, Outsider, Source, Step, StepState, channel_name};
use crate::incidents::timeline::NewEntry;
use crate::incidents::{declare, messages, pages, trouble};
use crate::jobs::{Finished, Job};
use crate::oncall;
use crate::slack::Channel;
use crate::slack::blocks::unescape;
use crate::store::{Priority, Tx};

/// Names tried before giving up: `inc-7-x`, `inc-7-x-2` … `inc-7-x-10`.
const MOST_NAMES: u32 = 10;
/// What is not read by then of a new installation's user groups, Slack refuses.
const GROUPS_READ_WITHIN: Duration = Duration::from_secs(600);
const LOOK_AGAIN: Duration = Duration::from_secs(10);
/// Slack's clock and ours may differ by this much when a channel's age is judged.
const CLOCK_SKEW: Duration = Duration::from_secs(300);

pub(super) async fn open(app: &App, job: &Job, id: IncidentId) -> Result<Finished> {
    let incident = read(app, id).await?;
    if incident.channel_id.is_some() {
        return job.finish_bare(&app.db).await;
    }
    let channel = make(app, job, &incident).await?;
    let mut tx = app.db.write(Priority::Job).await?;
    if tx.set_channel(id, &channel.id, &channel.name).await? {
        furnish(&mut tx, app, id).await?;
    }
    finish_step(job, tx, id, Step::Channel).await
}

/// A channel of ours for this incident. `name_taken` carries no id, so a second attempt looks for the channel that
/// the first may have made; what is not provably ours is a stranger's, and the next name is tried.
async fn make(app: &App, job: &Job, incident: &Incident) -> Result<Channel> {
    let prefix = &app.config.incidents.channel_prefix;
    let mut ours: Option<Vec<Channel>> = None;
    for attempt in 0..MOST_NAMES {
        let name = channel_name(prefix, incident.number, &incident.title, attempt);
        match app.slack.create_channel(&name, incident.is_private).await {
            Err(e) if e.code() == Some("name_taken") => {}
            other => return Ok(other?),
        }
        if job.is_retry() {
            if ours.is_none() {
                ours = Some(app.slack.my_channels().await?);
            }
            let mine = ours.iter().flatten().find(|c| c.name == name);
            if let Some(channel) = mine
                && is_ours(app, job, channel).await?
            {
                return Ok(channel.clone());
            }
        }
    }
    Err(Error::refused("ten channel names are taken; rename or delete old channels of that name"))
}

async fn is_ours(app: &App, job: &Job, channel: &Channel) -> Result<bool> {
    let by_us = app.ourselves().await?.bot_user == channel.creator.as_str();
    let since_we_began = channel.created_at >= job.began_at() - CLOCK_SKEW;
    let mut tx = app.db.read().await?;
    Ok(by_us && since_we_began && !channel.is_archived && !tx.channel_has_owner(&channel.id).await?)
}

/// Everything that the room needs, side by side, in the transaction that makes it known.
async fn furnish(tx: &mut Tx, app: &App, id: IncidentId) -> Result<()> {
    let incident = tx.incident(id).await?;
    let name = incident.channel_name.clone().unwrap_or_default();
    let entry = NewEntry::new(Kind::Channel, Source::Firebell, Actor::firebell(), format!("Opened #{name}"));
    tx.append(id, entry.once(format!("channel:{id}"))).await?;
    // The first update waits already, behind this job; but not when opening had failed, and was tried again.
    for effect in [
        Effect::Invite { incident: id },
        Effect::FirstUpdate { incident: id },
        Effect::DrawSummary { incident: id },
        Effect::SetTopic { incident: id },
        Effect::AddBookmark { incident: id },
    ] {
        tx.cause_step(&effect).await?;
    }
    if !incident.is_private && app.config.slack.announce_channel.is_some() {
        tx.cause_step(&Effect::Announce { incident: id }).await?;
    }
    tx.ask_for_runbooks(id).await?;
    tx.tell_watchers(id).await?;
    if !tx.linked_pages(id).await?.is_empty() {
        pages::note_the_room(tx, &incident).await?;
    }
    Ok(())
}

/// Invites all who are wanted. One who cannot be invited never stops the rest, and is named.
pub(super) async fn invite(app: &App, job: &Job, id: IncidentId) -> Result<Finished> {
    let incident = read(app, id).await?;
    let wanted = wanted(app, &incident).await?;
    let (Some(channel), false) = (&incident.channel_id, wanted.is_empty()) else {
        let mut tx = app.db.write(Priority::Job).await?;
        if incident.channel_id.is_some() {
            tx.set_step(id, Step::Invite, StepState::Done, None, None).await?;
        }
        return job.finish(tx).await;
    };
    let invited = app.slack.invite(channel, &wanted).await?;
    let mut tx = app.db.write(Priority::Job).await?;
    for user in &wanted {
        match invited.failed.iter().find(|(failed, _)| failed == user) {
            None => tx.set_member(id, user, "in", None).await?,
            Some((_, code)) => tx.set_member(id, user, "failed", Some(code.clone())).await?,
        }
    }
    if !invited.failed.is_empty() {
        let names = named(app, &invited.failed, &tx.outsiders(id).await?);
        tx.say(&incident, trouble::uninvited(&names)).await?;
        tx.redraw(id).await?;
    }
    finish_step(job, tx, id, Step::Invite).await
}

/// Who waits to be invited. A new installation declares before it has read the user groups: then they follow.
async fn wanted(app: &App, incident: &Incident) -> Result<Vec<SlackUserId>> {
    let known = app.known();
    let is_new = incident.is_open() && app.clock.now().since(incident.declared_at) < GROUPS_READ_WITHIN;
    if !is_new {
        return app.db.read().await?.wanted_members(incident.id).await;
    }
    let mut tx = app.db.write(Priority::Job).await?;
    if known.people.read_at.contains_key(oncall::Step::ReadGroups.kind()) {
        for user in declare::invited_groups(&known, incident) {
            tx.want_newcomer(incident.id, &user, "declared").await?;
        }
    } else {
        let again_at = tx.now() + LOOK_AGAIN;
        tx.cause_at(&Effect::Invite { incident: incident.id }, again_at).await?;
    }
    let wanted = tx.wanted_members(incident.id).await?;
    tx.commit().await?;
    Ok(wanted)
}

/// By name: as the roster knows them, or as PagerDuty called them.
pub(super) fn named(
    app: &App,
    people: &[(SlackUserId, String)],
    outsiders: &[Outsider],
) -> Vec<(String, String)> {
    let directory = app.directory.current();
    let name = |user: &SlackUserId| {
        let outsider = outsiders.iter().find(|o| o.slack_user_id.as_ref() == Some(user));
        match outsider {
            Some(outsider) if directory.member(user).is_none() => outsider.name.clone(),
            _ => directory.name_of(user),
        }
    };
    people.iter().map(|(user, code)| (name(user), code.clone())).collect()
}

pub(super) async fn set_topic(app: &App, job: &Job, id: IncidentId) -> Result<Finished> {
    let mut tx = app.db.read().await?;
    let incident = tx.incident(id).await?;
    let commander = tx.commander(id).await?;
    let written = tx.message_ts(id, "topic").await?.map(|(_, topic)| topic);
    drop(tx);
    let Some(channel) = &incident.channel_id else { return job.finish_bare(&app.db).await };
    let topic = messages::topic(&incident, commander.as_ref().map(|c| c.name.as_str()));
    // Each change shows as a message in the channel: only real ones. What an earlier attempt wrote, we do not know.
    let there = if job.is_retry() {
        unescape(&app.slack.topic(channel).await?) == topic
    } else {
        written.as_deref() == Some(topic.as_str())
    };
    if !there {
        app.slack.set_topic(channel, &topic).await?;
    }
    let mut tx = app.db.write(Priority::Job).await?;
    tx.remember_message(id, "topic", channel, &topic).await?;
    finish_step(job, tx, id, Step::Topic).await
}

pub(super) async fn add_bookmark(app: &App, job: &Job, id: IncidentId) -> Result<Finished> {
    let mut tx = app.db.read().await?;
    let incident = tx.incident(id).await?;
    let linked = tx.linked_pages(id).await?;
    let added = tx.message_ts(id, "bookmark").await?.map(|(_, link)| link);
    drop(tx);
    let Some(channel) = &incident.channel_id else { return job.finish_bare(&app.db).await };
    let link = linked.first().and_then(|p| p.html_url.clone());
    let Some(link) = link else {
        return wait_for_link(app, job, &incident).await;
    };
    let there = added.as_deref() == Some(link.as_str())
        || (job.is_retry() && app.slack.bookmarks(channel).await?.iter().any(|b| b.link == link));
    if !there {
        app.slack.add_bookmark(channel, "PagerDuty incident", &link).await?;
    }
    let mut tx = app.db.write(Priority::Job).await?;
    tx.remember_message(id, "bookmark", channel, &link).await?;
    finish_step(job, tx, id, Step::Bookmark).await
}

/// The bookmark leads to PagerDuty; without a page there is nothing to mark, and while paging is under way the page
/// brings the bookmark along ([`super::page`]).
async fn wait_for_link(app: &App, job: &Job, incident: &Incident) -> Result<Finished> {
    let mut tx = app.db.write(Priority::Job).await?;
    if !incident.wants_page {
        let why = Some("nobody is paged".to_owned());
        tx.set_step(incident.id, Step::Bookmark, StepState::Skipped, why, None).await?;
    }
    job.finish(tx).await
}
