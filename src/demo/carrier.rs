//! Carries what the vendors have to say to the server, as their own machines would: PagerDuty's webhooks, and Slack's
//! events about who came, who went, and what people said.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use serde_json::json;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use crate::sim::scene::World;
use crate::sim::signed::Signed;
use crate::sim::slack::{Channel, Slack};

/// Without a bell, look this often.
const EVERY: Duration = Duration::from_millis(50);

pub(super) async fn carry(world: World, base: String, bell: Arc<Notify>, stop: CancellationToken) {
    let mut known = Known::default();
    known.news(&world.slack); // what was before us is no news
    while !stop.is_cancelled() {
        // What is not taken stays in PagerDuty's queue for the next round.
        if let Err(error) = world.pagerduty.deliver(&base).await {
            tracing::error!(%error, "the simulated PagerDuty cannot deliver");
        }
        for event in known.news(&world.slack) {
            if let Err(error) = event.send(&base).await {
                tracing::warn!(%error, "an event of the simulated Slack is lost");
            }
        }
        tokio::select! {
            () = stop.cancelled() => {}
            () = bell.notified() => {}
            () = world.clock.sleep(EVERY) => {}
        }
    }
}

/// What has been told of each channel: its members, and its newest message.
#[derive(Default)]
struct Known(BTreeMap<String, (BTreeSet<String>, String)>);

impl Known {
    /// Slack tells an app of the channels that it is in.
    fn news(&mut self, slack: &Slack) -> Vec<Signed> {
        let mut news = Vec::new();
        for channel in slack.channels() {
            let newest = channel.messages.last().map(|m| m.ts.clone()).unwrap_or_default();
            let now = (channel.members.clone(), newest);
            let before = self.0.insert(channel.id.clone(), now).unwrap_or_default();
            if channel.members.contains(Slack::BOT_USER) {
                news.extend(moves(slack, &channel, &before.0));
                let said =
                    channel.messages.iter().filter(|m| m.ts > before.1 && !m.by_bot && m.subtype.is_none());
                news.extend(said.filter_map(|m| slack.message_event(&channel.id, &m.ts)));
            }
        }
        news
    }
}

fn moves(slack: &Slack, channel: &Channel, before: &BTreeSet<String>) -> Vec<Signed> {
    let event = |kind: &str, user: &String| {
        slack.event(json!({"type": kind, "user": user, "channel": channel.id, "team": Slack::TEAM_ID,
            "channel_type": if channel.is_private { "G" } else { "C" }}))
    };
    let came = channel.members.difference(before).map(|user| event("member_joined_channel", user));
    let went = before.difference(&channel.members).map(|user| event("member_left_channel", user));
    came.chain(went).collect()
}
