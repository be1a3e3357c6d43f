//! Readings, what counts of them, and the picture they make. Pure.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::clock::Timestamp;
use crate::config::{Check, CheckKind, Config};
use crate::error::{Problem, Upstream};
use crate::ids::{ChannelId, IncidentId, SlackUserId};
pub use crate::monitors::{Heard, State};
use crate::row;
use crate::store::Json;

/// How often a monitor is asked while somebody watches.
pub const WATCHED: Duration = Duration::from_secs(30);
/// Status pages are cached, and ask not to be asked more often.
const STATUSPAGE: Duration = Duration::from_secs(60);
/// A stalk that belongs to no incident ends by itself.
pub const LONGEST_STALK: Duration = Duration::from_secs(24 * 3600);
/// Readings that decide what counts.
const WINDOW: usize = 3;

row! {
    /// What a monitor said last.
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub struct Reading {
        /// The check's.
        pub name: String,
        pub state: State,
        pub notes: Json<Vec<String>>,
        pub read_at: Timestamp,
        /// The last answer, when this reading is that there was none.
        pub known: Option<State>,
        pub known_at: Option<Timestamp>,
        /// The last three, newest first.
        pub recent: Json<Vec<State>>,
        /// What counts of these.
        pub settled: State,
    }
}

impl Reading {
    /// The reading after `before`.
    pub fn next(before: Option<&Self>, name: &str, answer: Result<Heard, Upstream>, at: Timestamp) -> Self {
        let last = before.map(|b| match b.known {
            None if b.state != State::Unknown => (Some(b.state), Some(b.read_at)),
            known => (known, b.known_at),
        });
        let (heard, (known, known_at)) = match answer {
            Ok(heard) => (heard, (None, None)),
            Err(failed) => {
                let heard = Heard { state: State::Unknown, notes: vec![why(&failed.problem)] };
                (heard, last.unwrap_or_default())
            }
        };
        let mut recent = before.map(|b| b.recent.0.clone()).unwrap_or_default();
        recent.insert(0, heard.state);
        recent.truncate(WINDOW);
        let settled = before.map_or(heard.state, |b| settle(b.settled, &recent));
        let state = heard.state;
        Self {
            name: name.into(),
            state,
            notes: Json(heard.notes),
            read_at: at,
            known,
            known_at,
            recent: Json(recent),
            settled,
        }
    }
}

/// What counts, given what counted and the last readings (newest first). It gets worse when two of the last three are
/// worse, and better when the last two are better: what flaps stays at its worse end, and makes no noise.
pub fn settle(settled: State, recent: &[State]) -> State {
    let mut worst_first = recent.to_vec();
    worst_first.sort_by(|a, b| b.cmp(a));
    let worse = worst_first.get(1).copied().filter(|state| *state > settled);
    let better = recent.get(1).map(|one| *one.max(&recent[0])).filter(|state| *state < settled);
    worse.or(better).unwrap_or(settled)
}

/// Why a monitor gave no answer, for people: without addresses, and without the names of calls.
pub fn why(problem: &Problem) -> String {
    match problem {
        Problem::RateLimited { after } => format!("it asks me to come back in {} s", after.as_secs()),
        Problem::Unavailable { detail, .. } => format!("it gives no usable answer ({detail})"),
        Problem::Rejected { code, detail } => {
            let hint = match code.as_str() {
                "HTTP 401" | "HTTP 403" => "; look at its token in the configuration",
                "HTTP 404" => "; look at its url in the configuration",
                _ => "",
            };
            let detail = if detail.is_empty() { String::new() } else { format!(": {detail}") };
            format!("it refuses to say ({code}{detail}){hint}")
        }
    }
}

/// The time until a monitor is asked again.
pub fn every(check: &Check, config: &Config, is_watched: bool) -> Duration {
    let every = if is_watched { config.status.every.min(WATCHED) } else { config.status.every };
    match check.kind {
        CheckKind::Statuspage => every.max(STATUSPAGE),
        _ => every,
    }
}

/// All configured checks, each with what it said last; `None` before its first reading.
pub struct Picture<'a>(pub Vec<(&'a str, Option<&'a Reading>)>);

/// The state of each check as a channel was told it.
pub type Told = BTreeMap<String, State>;

impl<'a> Picture<'a> {
    pub fn of(config: &'a Config, readings: &'a BTreeMap<String, Reading>) -> Self {
        Self(config.checks.iter().map(|check| (check.name.as_str(), readings.get(&check.name))).collect())
    }

    /// The worst of what each said last. Nothing said is unknown.
    pub fn state(&self) -> State {
        let states = self.0.iter().map(|(_, reading)| reading.map_or(State::Unknown, |r| r.state));
        states.max().unwrap_or(State::Unknown)
    }

    /// What counts of each.
    pub fn settled(&self) -> Told {
        let settled = |reading: Option<&Reading>| reading.map_or(State::Unknown, |r| r.settled);
        self.0.iter().map(|(name, reading)| ((*name).to_owned(), settled(*reading))).collect()
    }

    /// How old the oldest reading is; `None` when a check was never read.
    pub fn age(&self, now: Timestamp) -> Option<Duration> {
        let ages = self.0.iter().map(|(_, reading)| reading.map(|r| now.since(r.read_at)));
        ages.collect::<Option<Vec<_>>>()?.into_iter().max()
    }

    /// Whether monitors should have been asked long ago.
    pub fn is_old(&self, config: &Config, now: Timestamp) -> bool {
        let longest = 3 * config.status.every.max(STATUSPAGE);
        self.age(now).is_none_or(|age| age > longest)
    }
}

/// The worst of what a channel was told.
pub fn worst(told: &Told) -> State {
    told.values().copied().max().unwrap_or(State::Unknown)
}

row! {
    /// A channel that is told of changes.
    #[derive(Clone, Debug)]
    pub struct Stalk {
        pub channel_id: ChannelId,
        /// Whose room it is: the stalk ends with it.
        pub incident_id: Option<IncidentId>,
        /// `None`: by itself, with the incident.
        pub started_by: Option<SlackUserId>,
        pub started_at: Timestamp,
        pub ends_at: Option<Timestamp>,
        pub told: Json<Told>,
    }
}

#[cfg(test)]
mod tests {
    use State::{Degraded, MajorOutage, Normal, PartialOutage, Unknown};
    use proptest::prelude::*;

    use super::*;

    fn read(readings: &[State]) -> Vec<State> {
        let mut last: Option<Reading> = None;
        let mut settled = Vec::new();
        for state in readings {
            let heard = Heard { state: *state, notes: Vec::new() };
            let next = Reading::next(last.as_ref(), "x", Ok(heard), Timestamp::from_secs(0));
            settled.push(next.settled);
            last = Some(next);
        }
        settled
    }

    #[test]
    fn two_of_the_last_three_readings_count() {
        assert_eq!(read(&[MajorOutage]), [MajorOutage], "the first is all there is");
        assert_eq!(read(&[Normal, Degraded, Normal, Normal]), [Normal; 4], "one odd reading is not news");
        assert_eq!(read(&[Normal, Degraded, Degraded]), [Normal, Normal, Degraded]);
        assert_eq!(read(&[Normal, Degraded, Normal, Degraded])[3], Degraded, "two of three");
        assert_eq!(read(&[Normal, Degraded, MajorOutage])[2], Degraded, "two are at least that bad");
        assert_eq!(read(&[Degraded, Normal, Normal])[1..], [Degraded, Normal]);
        assert_eq!(read(&[MajorOutage, Unknown, PartialOutage])[2], PartialOutage);
    }

    #[test]
    fn what_flaps_is_told_once() {
        let flapping: Vec<State> = (0..20).map(|n| if n % 2 == 0 { Normal } else { MajorOutage }).collect();
        let mut settled = read(&flapping);
        settled.dedup();
        assert_eq!(settled, [Normal, MajorOutage]);
    }

    #[test]
    fn a_failed_reading_keeps_what_was_known() {
        let away = || {
            Err(Upstream {
                service: crate::error::Vendor::Monitor,
                call: "x",
                problem: crate::http_client::unavailable("no connection"),
            })
        };
        let at = Timestamp::from_secs;
        let first = Reading::next(None, "x", away(), at(1));
        assert_eq!((first.state, first.known), (Unknown, None));
        let heard = Heard { state: Normal, notes: Vec::new() };
        let good = Reading::next(Some(&first), "x", Ok(heard.clone()), at(2));
        assert_eq!((good.state, good.known), (Normal, None));
        assert_eq!(good.settled, Unknown, "one good reading is not news either");
        let good = Reading::next(Some(&good), "x", Ok(heard.clone()), at(2));
        let once = Reading::next(Some(&good), "x", away(), at(3));
        let twice = Reading::next(Some(&once), "x", away(), at(4));
        assert_eq!((twice.known, twice.known_at), (Some(Normal), Some(at(2))));
        assert_eq!((once.settled, twice.settled), (Normal, Unknown));
        assert_eq!(twice.notes.0, ["it gives no usable answer (no connection)"]);
    }

    proptest! {
        #[test]
        fn what_counts_was_read(readings in proptest::collection::vec(0usize..6, 1..30)) {
            let readings: Vec<State> = readings.into_iter().map(|n| State::ALL[n]).collect();
            for (at, settled) in read(&readings).into_iter().enumerate() {
                prop_assert!(readings[..=at].contains(&settled));
            }
            let last = readings[readings.len() - 1];
            let held: Vec<State> = readings.into_iter().chain([last, last]).collect();
            prop_assert_eq!(read(&held).pop(), Some(last), "what holds for three readings counts");
        }
    }
}
