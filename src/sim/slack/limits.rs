//! Slack's rate limits, when switched on: <https://docs.slack.dev/apis/web-api/rate-limits>

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use crate::clock::Timestamp;

/// How many calls of one method a minute.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Tier {
    T2,
    T3,
    T4,
    Special,
}

const MINUTE: Duration = Duration::from_secs(60);
/// One post a second in a channel, five at once.
const POST_EVERY: Duration = Duration::from_secs(1);
const POST_BURST: u32 = 5;

#[derive(Default)]
pub(super) struct Limiter {
    pub is_on: bool,
    calls: BTreeMap<&'static str, VecDeque<Timestamp>>,
    /// Per channel the time at which its bucket is full again.
    posts: BTreeMap<String, Timestamp>,
}

impl Limiter {
    /// Counts the call, or says for how many whole seconds to wait. `post_to` is the channel of a post.
    pub fn admit(
        &mut self,
        method: &'static str,
        tier: Tier,
        post_to: Option<&str>,
        now: Timestamp,
    ) -> Result<(), u64> {
        if !self.is_on {
            return Ok(());
        }
        self.admit_method(method, tier, now)?;
        self.admit_post(post_to, now)?;
        self.calls.entry(method).or_default().push_back(now);
        Ok(())
    }

    fn admit_method(&mut self, method: &'static str, tier: Tier, now: Timestamp) -> Result<(), u64> {
        let most = match tier {
            Tier::T2 => 20,
            Tier::T3 => 50,
            Tier::T4 => 100,
            Tier::Special => return Ok(()),
        };
        let calls = self.calls.entry(method).or_default();
        while calls.front().is_some_and(|at| now.since(*at) >= MINUTE) {
            calls.pop_front();
        }
        match calls.front() {
            Some(oldest) if calls.len() >= most => Err(whole_secs((*oldest + MINUTE).since(now))),
            _ => Ok(()),
        }
    }

    fn admit_post(&mut self, channel: Option<&str>, now: Timestamp) -> Result<(), u64> {
        let Some(channel) = channel else { return Ok(()) };
        let full_at = self.posts.get(channel).copied().unwrap_or(now).max(now);
        let room = POST_EVERY * (POST_BURST - 1);
        let ahead = full_at.since(now);
        if ahead > room {
            return Err(whole_secs(ahead.saturating_sub(room)));
        }
        self.posts.insert(channel.to_owned(), full_at + POST_EVERY);
        Ok(())
    }
}

/// Rounded up, at least one: what `Retry-After` says.
fn whole_secs(wait: Duration) -> u64 {
    (wait.as_secs() + u64::from(wait.subsec_nanos() > 0)).max(1)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::Slack;
    use super::super::testing::{OPS, room};

    #[tokio::test]
    async fn a_method_may_be_called_so_often_a_minute() {
        let room = room().await;
        room.slack.enforce_tiers(true);
        for _ in 0..20 {
            assert_eq!(room.get("users.list", &[]).await["ok"], true);
        }
        room.later(10);
        let (status, headers, _) = room.raw("users.list", Slack::BOT_TOKEN, json!({})).await;
        assert_eq!((status, headers["retry-after"].to_str().expect("ascii")), (429, "50"));
        assert_eq!(room.get("users.info", &[("user", "U1")]).await["ok"], true);
        room.later(50);
        assert_eq!(room.get("users.list", &[]).await["ok"], true);
    }

    #[tokio::test]
    async fn a_channel_takes_one_post_a_second_and_five_at_once() {
        let room = room().await;
        room.slack.enforce_tiers(true);
        let post = json!({"channel": OPS, "text": "x"});
        for _ in 0..5 {
            room.ok("chat.postMessage", post.clone()).await;
        }
        assert_eq!(room.raw("chat.postMessage", Slack::BOT_TOKEN, post.clone()).await.0, 429);
        room.ok("chat.postMessage", json!({"channel": "U1", "text": "x"})).await;
        room.later(1);
        room.ok("chat.postMessage", post).await;
    }
}
