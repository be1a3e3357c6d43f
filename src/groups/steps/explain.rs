//! Through what somebody is on call: a layer, an override, a shift. `/oncalls` does not say, so it is asked for when a
//! person wants to know, and told after the answer that came from memory.

use crate::app::App;
use crate::clock::Timestamp;
use crate::error::{Result, Upstream};
use crate::groups::messages::answers;
use crate::groups::model::{Because, target};
use crate::ids::{ChannelId, SlackUserId};
use crate::jobs::{Finished, Job};
use crate::pagerduty::{Client, OnDuty, Through};
use crate::slack::Post;

/// Told only to whoever asked: beside their question, or in private where the bot is not in the channel.
pub(super) async fn explain(
    app: &App,
    job: &Job,
    handle: &str,
    channel: &str,
    user: &str,
) -> Result<Finished> {
    let (Some(target), Some(pagerduty)) = (target(&app.config, handle), &app.pagerduty) else {
        return job.finish_bare(&app.db).await;
    };
    let people = app.directory.current();
    let now = app.clock.now();
    let mut found = Vec::new();
    for id in target.spec.schedules.iter().filter_map(|word| people.schedule_id(word).ok()) {
        let is_shift_based = people.schedule(id).map(|s| s.is_shift_based);
        if let Some(on_duty) = on_duty(pagerduty, id, is_shift_based, now).await? {
            let because = on_duty.into_iter().map(|duty| because(id, duty)).collect::<Vec<_>>();
            found.push((people.schedule_name(id).to_owned(), because));
        }
    }
    if found.is_empty() {
        return job.finish_bare(&app.db).await;
    }
    let text = answers::through(&people, handle, &found);
    let (channel, user) = (ChannelId::new(channel), SlackUserId::new(user));
    if let Err(refused) = app.slack.post_ephemeral(&channel, &user, None, &text, &[]).await {
        if !refused.is_final() {
            return Err(refused.into());
        }
        let channel = app.slack.open_dm(&user).await?;
        app.slack
            .post_message(&Post { channel: &channel, text: &text, blocks: &[], thread_ts: None, mark: None })
            .await?;
    }
    job.finish_bare(&app.db).await
}

/// The two kinds of schedule have calls of their own, and each refuses the other's ids (400).
async fn on_duty(
    pagerduty: &Client,
    id: &str,
    is_shift_based: Option<bool>,
    now: Timestamp,
) -> Result<Option<Vec<OnDuty>>, Upstream> {
    let first = is_shift_based.unwrap_or(false);
    match pagerduty.schedule_now(id, first, now).await {
        Err(refused) if is_shift_based.is_none() && refused.code().is_some_and(|c| c.starts_with("400")) => {
            pagerduty.schedule_now(id, !first, now).await
        }
        other => other,
    }
}

fn because(schedule: &str, duty: OnDuty) -> Because {
    Because {
        responder: Some(duty.user_id),
        source: match duty.through {
            Through::Layer(layer) => format!("layer {layer}"),
            Through::Override => "an override".to_owned(),
            Through::Rotation(rotation) => format!("rotation {rotation}"),
            Through::RotationOverride(rotation) => format!("an override of rotation {rotation}"),
            Through::CustomShift => "a custom shift".to_owned(),
            Through::CustomShiftOverride => "an override of a custom shift".to_owned(),
            Through::Other => "the schedule".to_owned(),
        },
        schedule_id: Some(schedule.to_owned()),
        since: None,
        until: duty.until,
    }
}
