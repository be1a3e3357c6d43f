//! The fewest calls that can do it, and the least time that Slack's limits leave for them.

use std::time::Duration;

use crate::organisation::LATENCY;

const MINUTE: Duration = Duration::from_secs(60);
/// Slack's tiers: writes of groups, and look-ups by e-mail.
const TIER_2: usize = 20;
const TIER_3: usize = 50;

#[derive(Clone, Copy)]
pub struct Cost {
    pub calls: usize,
    pub time: Duration,
}

/// A thousand schedules are ten pages.
pub fn pages(groups: usize) -> usize {
    (2 * groups).div_ceil(100)
}

/// One look at everything, and a write for each group that changed.
pub fn least(groups: usize, changed: usize, is_limited: bool) -> Cost {
    let looks = pages(groups) + 1;
    let time = one_by_one(looks, None) + one_by_one(changed, is_limited.then_some(TIER_2));
    Cost { calls: looks + changed, time }
}

/// What the cron script costs when it is not run: a call for each rotation, person, and address, and a write for each
/// group. The calls that it is refused under the limits come on top.
pub fn cron(groups: usize, people: usize, is_limited: bool) -> Cost {
    let (rotations, people) = (2 * groups, people.min(2 * groups));
    let (tier_2, tier_3) = (is_limited.then_some(TIER_2), is_limited.then_some(TIER_3));
    let time =
        one_by_one(rotations + people + 1, None) + one_by_one(people, tier_3) + one_by_one(groups, tier_2);
    Cost { calls: rotations + 2 * people + 1 + groups, time }
}

/// Calls one after the other, at most so many in any minute.
fn one_by_one(calls: usize, a_minute: Option<usize>) -> Duration {
    let mut done: Vec<Duration> = Vec::with_capacity(calls);
    for n in 0..calls {
        let before = done.last().copied().unwrap_or_default();
        let free = a_minute.and_then(|most| Some(done[n.checked_sub(most)?] + MINUTE)).unwrap_or_default();
        done.push(before.max(free) + LATENCY);
    }
    done.last().copied().unwrap_or_default()
}
