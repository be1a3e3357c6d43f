//! What a group may hold at an instant: what the simulator says is so, or said so short enough ago that nobody could
//! have noticed yet.

use std::collections::BTreeSet;
use std::time::Duration;

use firebell::clock::Timestamp;
use firebell::sim::pagerduty::PagerDuty;

use super::story::{Group, PEOPLE, Schedule};

pub type People = BTreeSet<usize>;

/// After the vendor shows a hand-off, or what a hint told of.
pub const AT_ONCE: Duration = Duration::from_secs(5);
/// After the vendor shows an edit that nobody told of: a poll and a little.
pub const A_POLL: Duration = Duration::from_secs(30 + 5);

/// A schedule through time.
pub struct Track {
    id: String,
    lag: Duration,
    /// What `/oncalls` shows, and what is so.
    shown: People,
    now: People,
    /// What was shown, and until when a group may still hold it.
    old: Vec<(People, Timestamp)>,
    /// A change within this is somebody's edit: how long it may take.
    edit: Option<(Timestamp, Timestamp)>,
    pub changes: usize,
}

impl Track {
    pub fn new(number: usize, schedule: &Schedule, lag: u64) -> Self {
        // Schedules without a policy are asked for one by one, and those answers are never behind.
        let lag = Duration::from_secs(if schedule.is_used { lag } else { 0 });
        let (shown, now) = (People::new(), People::new());
        Self { id: format!("PS{number}"), lag, shown, now, old: Vec::new(), edit: None, changes: 0 }
    }

    pub fn edited(&mut self, at: Timestamp, is_hinted: bool) {
        let shown_at = at + self.lag;
        let until = shown_at + if is_hinted { AT_ONCE } else { A_POLL };
        self.edit = Some((shown_at + A_POLL, self.edit.map_or(until, |(_, other)| other.max(until))));
        self.changes += 1;
    }

    /// From now on nobody can hear of it: what was not heard yet may take as long as it takes to be called stale.
    pub fn unheard(&mut self, at: Timestamp) {
        let edit = self.edit.iter_mut().map(|(_, until)| until);
        for until in edit.chain(self.old.iter_mut().map(|(_, until)| until)) {
            *until = (*until).max(at + A_POLL);
        }
    }

    /// Looks at the simulator.
    pub fn look(&mut self, pagerduty: &PagerDuty, at: Timestamp) {
        let people = |ids: Vec<String>| -> People {
            let place = |id: &String| PEOPLE.iter().position(|(known, _)| known == id);
            ids.iter().filter_map(place).collect()
        };
        let now = people(pagerduty.on_call_now(&self.id));
        let shown = if self.lag.is_zero() { now.clone() } else { people(pagerduty.on_call_shown(&self.id)) };
        let edit = self.edit.filter(|(still, _)| at <= *still).map(|(_, until)| until);
        self.edit = edit.and(self.edit);
        if shown != self.shown {
            let until = edit.unwrap_or(at).max(at + AT_ONCE);
            self.old.push((std::mem::replace(&mut self.shown, shown), until));
            self.changes += 1;
        }
        if now != self.now {
            // Somebody may have heard of it ahead, and of its end as late as everybody.
            let until = edit.unwrap_or(at + self.lag).max(at + self.lag + AT_ONCE);
            self.old.push((std::mem::replace(&mut self.now, now), until));
        }
        self.old.retain(|(_, until)| *until >= at);
    }

    /// From when on less is allowed than now.
    pub fn stricter_at(&self, after: Timestamp) -> Option<Timestamp> {
        self.old.iter().map(|(_, until)| *until + Duration::from_millis(1)).filter(|at| *at > after).min()
    }

    fn allowed(&self) -> impl Iterator<Item = &People> {
        [&self.shown, &self.now].into_iter().chain(self.old.iter().map(|(people, _)| people))
    }
}

/// Who is in the group though nobody is on call.
pub fn always(group: &Group) -> Option<&'static str> {
    group.always.filter(|who| group.never != Some(*who)).and_then(|who| PEOPLE[who].1)
}

/// Every answer that the rules of the group give for what its schedules may be taken to say. `None`: nobody is on
/// call, and Slack has no empty groups.
pub fn allowed(group: &Group, tracks: &[Track]) -> Vec<Option<BTreeSet<String>>> {
    let mut combined: Vec<People> =
        vec![group.policy.filter(|p| p.1).map(|(of, _)| of % 5).into_iter().collect()];
    let of_policy = group.policy.map(|(of, _)| of);
    let schedules: BTreeSet<usize> = group.schedules.iter().copied().chain(of_policy).collect();
    for track in schedules.iter().map(|n| &tracks[*n]) {
        let each = |so_far: &People| track.allowed().map(|more| so_far | more).collect::<Vec<_>>();
        combined = combined.iter().flat_map(each).collect();
    }
    let slack = |who: &usize| PEOPLE[*who].1.filter(|_| group.never != Some(*who)).map(str::to_owned);
    let rules = |people: People| {
        let mut wanted: BTreeSet<String> = people.iter().filter_map(slack).collect();
        if wanted.is_empty() {
            wanted.extend(Some(group.fallback.as_ref().and_then(slack)?));
        }
        wanted.extend(group.always.as_ref().and_then(slack));
        Some(wanted)
    };
    combined.into_iter().map(rules).collect()
}
