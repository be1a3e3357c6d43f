//! Writes what differs, within Slack's limit, the most recent hand-offs first. <https://docs.slack.dev/apis/web-api/rate-limits>

use std::cmp::Reverse;
use std::collections::VecDeque;
use std::time::Duration;

use super::read::Seen;
use super::{End, Once, Outcome, failed};
use crate::clock::{Clock, Timestamp};
use crate::error::Upstream;
use crate::groups::model::{Plan, Target, targets};
use crate::groups::remedy::is_about_the_token;
use crate::ids::{SlackUserId, UserGroupId};

/// Slack counts calls of a method in this span.
const MINUTE: Duration = Duration::from_secs(60);

/// Lets so many calls of one method through in a minute.
struct Pace {
    most: usize,
    /// When they were answered: Slack counted them before that, whatever way they took.
    answered: VecDeque<Timestamp>,
}

impl Pace {
    fn new(most: usize) -> Self {
        Self { most, answered: VecDeque::new() }
    }

    async fn let_through<T>(&mut self, clock: &Clock, call: impl Future<Output = T>) -> T {
        if self.answered.len() >= self.most
            && let Some(oldest) = self.answered.pop_front()
        {
            clock.sleep_until(oldest + MINUTE).await;
        }
        let answer = call.await;
        self.answered.push_back(clock.now());
        answer
    }
}

/// Who is to be written, most urgent first.
fn in_order(seen: &Seen, groups: &[Outcome]) -> Vec<usize> {
    let changed = groups.iter().enumerate().filter(|(_, group)| matches!(group.end, End::Changed { .. }));
    let mut order: Vec<usize> = changed.map(|(n, _)| n).collect();
    order.sort_by_key(|n| Reverse(seen.handed_over_at(&groups[*n].plan)));
    order
}

/// Each group ends as `Changed` or as `Failed`.
pub(super) async fn write(once: &Once<'_>, seen: &Seen, groups: &mut [Outcome]) {
    let targets = targets(once.config);
    let order = in_order(seen, groups);
    let most = once.config.oncall.writes_per_minute as usize;
    let mut paces = [Pace::new(most), Pace::new(most)];
    for (done, &n) in order.iter().enumerate() {
        (once.progress)(&format!("writing {} of {} groups", done + 1, order.len()));
        let Err(refused) = write_one(once, &mut paces, targets[n], &mut groups[n].plan).await else {
            continue;
        };
        groups[n].end = failed(&groups[n].plan.handle, &refused);
        if is_about_the_token(&refused) {
            for &rest in &order[done + 1..] {
                groups[rest].end = failed(&groups[rest].plan.handle, &refused);
            }
            return;
        }
    }
}

async fn write_one(
    once: &Once<'_>,
    [makes, writes]: &mut [Pace; 2],
    target: Target<'_>,
    plan: &mut Plan,
) -> Result<(), Upstream> {
    let id: UserGroupId = if let Some(id) = &plan.group {
        id.clone()
    } else {
        let name = target.name();
        let make = once.patiently(async || once.slack.create_usergroup(&name, target.handle).await);
        plan.group.insert(makes.let_through(&once.clock, make).await?.id).clone()
    };
    let users: Vec<SlackUserId> = plan.wanted.iter().cloned().collect();
    let write = once.patiently(async || once.slack.set_usergroup_users(&id, &users).await);
    writes.let_through(&once.clock, write).await.map(|_| ())
}
