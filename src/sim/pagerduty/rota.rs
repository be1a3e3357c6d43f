//! Layers of a schedule: whose turn it is, in wall-clock time of the schedule's zone.
//! PagerDuty API reference, "Create a schedule"; its knowledge base, "Schedule basics" and "Time zones".

use std::time::Duration;

use jiff::civil::{DateTime, Time};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, ToSpan as _};

use crate::clock::Timestamp;

/// One layer of a schedule: people who take turns.
#[derive(Clone, Debug)]
pub struct Layer {
    pub(super) id: String,
    pub name: String,
    /// Nobody is on call through it before.
    pub start: Timestamp,
    /// `None`: for ever.
    pub end: Option<Timestamp>,
    /// When a turn of the first user begins; before `start` or after it, turns are counted both ways.
    pub virtual_start: Timestamp,
    pub turn: Duration,
    /// In order; somebody may be there twice.
    pub users: Vec<String>,
    /// When the layer counts; always, without any.
    pub restrictions: Vec<Restriction>,
}

/// A window in which a layer counts, each day or one day a week. Several of one layer add up.
#[derive(Clone, Copy, Debug)]
pub struct Restriction {
    /// 1 is Monday, 7 Sunday; `None` for every day.
    pub day: Option<i8>,
    pub from: Time,
    pub lasts: Duration,
}

impl Layer {
    /// From `start` on, with the first user's turn first.
    pub fn new(name: &str, start: Timestamp, turn: Duration, users: &[&str]) -> Self {
        Self {
            id: String::new(),
            name: name.into(),
            start,
            end: None,
            virtual_start: start,
            turn,
            users: users.iter().map(ToString::to_string).collect(),
            restrictions: Vec::new(),
        }
    }

    /// The same, counting in these windows only.
    #[must_use]
    pub fn only(mut self, restrictions: &[Restriction]) -> Self {
        self.restrictions = restrictions.to_vec();
        self
    }

    pub(super) fn user_at(&self, zone: &Zone, at: Timestamp) -> Option<&str> {
        let is_open = self.start <= at && self.end.is_none_or(|end| at < end);
        let mut windows = self.restrictions.iter().flat_map(|r| r.windows(zone, at));
        if !is_open
            || !(self.restrictions.is_empty() || windows.any(|(from, until)| from <= at && at < until))
        {
            return None;
        }
        if !self.rotates() {
            return self.users.first().map(String::as_str);
        }
        let count = i64::try_from(self.users.len()).ok()?;
        let place = usize::try_from(self.turn_at(zone, at).rem_euclid(count)).ok()?;
        Some(&self.users[place])
    }

    /// The instants next to `at`, on both sides, at which somebody else may come on call.
    pub(super) fn edges(&self, zone: &Zone, at: Timestamp) -> Vec<Timestamp> {
        let mut edges = vec![self.start];
        edges.extend(self.end);
        if self.rotates() {
            let turn = self.turn_at(zone, at);
            edges.extend([self.bound(zone, turn), self.bound(zone, turn + 1)]);
        }
        let windows = self.restrictions.iter().flat_map(|r| r.windows(zone, at));
        edges.extend(windows.flat_map(|(from, until)| [from, until]));
        edges
    }

    fn rotates(&self) -> bool {
        self.users.iter().any(|user| *user != self.users[0])
    }

    /// Where this turn begins.
    fn bound(&self, zone: &Zone, turn: i64) -> Timestamp {
        let ahead = SignedDuration::from_secs(self.turn_secs().saturating_mul(turn));
        zone.instant(zone.civil(self.virtual_start).saturating_add(ahead))
    }

    fn turn_at(&self, zone: &Zone, at: Timestamp) -> i64 {
        let since = zone.civil(at).duration_since(zone.civil(self.virtual_start));
        let mut turn = since.as_secs().div_euclid(self.turn_secs());
        // A change of the clocks may have moved the bound to the other side.
        while self.bound(zone, turn) > at {
            turn -= 1;
        }
        while self.bound(zone, turn + 1) <= at {
            turn += 1;
        }
        turn
    }

    fn turn_secs(&self) -> i64 {
        i64::try_from(self.turn.as_secs()).unwrap_or(i64::MAX).max(1)
    }
}

impl Restriction {
    pub fn daily(hour: i8, minute: i8, lasts: Duration) -> Self {
        Self { day: None, from: Time::constant(hour, minute, 0, 0), lasts }
    }

    /// 1 is Monday, 7 Sunday.
    pub fn weekly(day: i8, hour: i8, minute: i8, lasts: Duration) -> Self {
        Self { day: Some(day), ..Self::daily(hour, minute, lasts) }
    }

    /// Those around `at`: at least one whole window before and after.
    fn windows(self, zone: &Zone, at: Timestamp) -> impl Iterator<Item = (Timestamp, Timestamp)> {
        let today = zone.civil(at).date();
        let reach = if self.day.is_some() { 14 } else { 2 };
        (-reach..=reach)
            .filter_map(move |days| today.checked_add(days.days()).ok())
            .filter(move |date| self.day.is_none_or(|day| date.weekday().to_monday_one_offset() == day))
            .map(move |date| zone.window(date.to_datetime(self.from), self.lasts))
    }
}

/// A time zone and what PagerDuty calls it.
#[derive(Clone, Debug)]
pub(super) struct Zone {
    pub name: String,
    zone: TimeZone,
}

impl Zone {
    pub fn named(name: &str) -> Self {
        let zone = TimeZone::get(name).unwrap_or_else(|_| panic!("there is no time zone {name}"));
        Self { name: name.into(), zone }
    }

    pub fn civil(&self, at: Timestamp) -> DateTime {
        self.zone.to_datetime(at.to_jiff())
    }

    /// In the hour that is skipped: as much later. In the hour that comes twice: the first time.
    pub fn instant(&self, local: DateTime) -> Timestamp {
        let at = self.zone.to_timestamp(local).unwrap_or(jiff::Timestamp::MAX);
        Timestamp::from_micros(at.as_microsecond())
    }

    /// From then until the wall clock has gone on by as much.
    pub fn window(&self, from: DateTime, lasts: Duration) -> (Timestamp, Timestamp) {
        (self.instant(from), self.instant(from.saturating_add(lasts)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: Duration = Duration::from_hours(24);
    const WEEK: Duration = Duration::from_hours(7 * 24);

    fn at(text: &str) -> Timestamp {
        Timestamp::parse(text).unwrap()
    }

    fn london() -> Zone {
        Zone::named("Europe/London")
    }

    fn who(layer: &Layer, times: &[&str]) -> String {
        let user = |time: &&str| layer.user_at(&london(), at(time)).unwrap_or("-").to_owned();
        times.iter().map(user).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn hand_offs_keep_their_hour_when_the_clocks_change() {
        let layer = Layer::new("Weekly", at("2026-03-02T09:00:00Z"), WEEK, &["ana", "ben", "cho"]);
        let spring =
            ["2026-03-23T08:59:59Z", "2026-03-23T09:00:00Z", "2026-03-30T07:59:59Z", "2026-03-30T08:00:00Z"];
        assert_eq!(who(&layer, &spring), "cho ana ana ben");
        let autumn =
            ["2026-10-19T07:59:59Z", "2026-10-19T08:00:00Z", "2026-10-26T08:59:59Z", "2026-10-26T09:00:00Z"];
        assert_eq!(who(&layer, &autumn), "cho ana ana ben");
    }

    #[test]
    fn a_turn_that_begins_in_the_skipped_hour_begins_an_hour_later() {
        let layer = Layer::new("Daily", at("2026-03-27T01:30:00Z"), DAY, &["ana", "ben"]);
        assert_eq!(who(&layer, &["2026-03-29T00:59:59Z", "2026-03-29T01:29:59Z"]), "ben ben");
        assert_eq!(
            who(&layer, &["2026-03-29T01:30:00Z", "2026-03-30T00:29:59Z", "2026-03-30T00:30:00Z"]),
            "ana ana ben"
        );
    }

    #[test]
    fn turns_are_counted_from_a_virtual_start_before_or_after() {
        let mut layer = Layer::new("Weekly", at("2026-06-01T09:00:00Z"), WEEK, &["ana", "ben", "cho"]);
        layer.virtual_start = at("2026-06-15T09:00:00Z");
        assert_eq!(
            who(&layer, &["2026-06-01T08:59:59Z", "2026-06-01T09:00:00Z", "2026-06-08T09:00:00Z"]),
            "- ben cho"
        );
        assert_eq!(who(&layer, &["2026-06-15T09:00:00Z"]), "ana");
        layer.end = Some(at("2026-06-16T00:00:00Z"));
        assert_eq!(who(&layer, &["2026-06-15T23:59:59Z", "2026-06-16T00:00:00Z"]), "ana -");
    }

    #[test]
    fn restrictions_hide_a_layer_and_the_turns_go_on_below() {
        let nights = Restriction::daily(22, 0, Duration::from_hours(8));
        let sunday = Restriction::weekly(7, 12, 0, Duration::from_hours(2));
        let layer =
            Layer::new("Nights", at("2026-01-05T12:00:00Z"), DAY, &["ana", "ben"]).only(&[nights, sunday]);
        let monday =
            ["2026-01-05T13:00:00Z", "2026-01-05T22:00:00Z", "2026-01-06T05:59:59Z", "2026-01-06T06:00:00Z"];
        assert_eq!(who(&layer, &monday), "- ana ana -");
        assert_eq!(
            who(&layer, &["2026-01-06T23:00:00Z", "2026-01-11T12:30:00Z", "2026-01-11T14:00:00Z"]),
            "ben ana -"
        );
    }
}
