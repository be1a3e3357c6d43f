//! Rotations of a shift-based schedule: events that come back on some days of the week, and members who share them.
//! PagerDuty documentation, "Shift-based schedules".

use std::time::Duration;

use jiff::ToSpan as _;
use jiff::civil::Date;

use crate::clock::Timestamp;

use super::rota::Zone;

/// Events of one rotation. Several rotations run side by side, each with somebody on call.
#[derive(Clone, Debug)]
pub struct Rotation {
    pub id: String,
    pub events: Vec<ShiftEvent>,
}

/// A shift that comes back on days of the week.
#[derive(Clone, Debug)]
pub struct ShiftEvent {
    pub name: String,
    /// Of the first shift.
    pub start: Timestamp,
    /// Of each shift, at most two weeks.
    pub lasts: Duration,
    /// 1 is Monday, 7 Sunday.
    pub days: Vec<i8>,
    /// No shift reaches beyond.
    pub until: Option<Timestamp>,
    pub shifts_per_member: usize,
    /// `None` is the empty member: a shift that nobody has.
    pub members: Vec<Option<String>>,
}

impl Rotation {
    /// One event without an end, a shift for each in turn. An empty name is the empty member.
    pub fn new(id: &str, start: Timestamp, lasts: Duration, days: &[i8], members: &[&str]) -> Self {
        let event = ShiftEvent {
            name: "Shifts".into(),
            start,
            lasts,
            days: days.to_vec(),
            until: None,
            shifts_per_member: 1,
            members: members.iter().map(|m| (!m.is_empty()).then(|| m.to_string())).collect(),
        };
        Self { id: id.into(), events: vec![event] }
    }

    /// Everybody once and for ever: a day each.
    pub fn daily(id: &str, start: Timestamp, members: &[&str]) -> Self {
        Self::new(id, start, Duration::from_hours(24), &[1, 2, 3, 4, 5, 6, 7], members)
    }
}

/// One shift of an event.
pub(super) struct Occurrence<'a> {
    pub start: Timestamp,
    pub end: Timestamp,
    pub member: &'a Option<String>,
}

impl ShiftEvent {
    /// Those that may be under way at `at`.
    pub(super) fn around<'a>(
        &'a self,
        zone: &'a Zone,
        at: Timestamp,
    ) -> impl Iterator<Item = Occurrence<'a>> {
        self.occurrences(zone, at, 1)
    }

    /// Those around `at`, so many days to both sides; a week has one of each. They last at most two weeks.
    pub(super) fn occurrences<'a>(
        &'a self,
        zone: &'a Zone,
        at: Timestamp,
        days: i64,
    ) -> impl Iterator<Item = Occurrence<'a>> {
        let first = zone.civil(self.start);
        let today = zone.civil(at).date();
        let lasts = i64::try_from(self.lasts.as_secs() / 86_400).unwrap_or(14).min(14);
        (-lasts - days..=days)
            .filter_map(move |days| today.checked_add(days.days()).ok())
            .filter(move |date| *date >= first.date() && self.falls_on(*date) && !self.members.is_empty())
            .filter_map(move |date| {
                let (start, end) = zone.window(date.to_datetime(first.time()), self.lasts);
                let end = self.until.map_or(end, |until| end.min(until));
                let turn = self.shifts_before(first.date(), date) / self.shifts_per_member.max(1);
                let member = &self.members[turn % self.members.len()];
                (start < end).then_some(Occurrence { start, end, member })
            })
    }

    fn falls_on(&self, date: Date) -> bool {
        self.days.contains(&date.weekday().to_monday_one_offset())
    }

    /// How many shifts begin on a day from `first` on and before `date`.
    fn shifts_before(&self, first: Date, date: Date) -> usize {
        let days = usize::try_from(date.duration_since(first).as_hours() / 24).unwrap_or(0);
        let rest = (0..days % 7).filter_map(|n| first.checked_add(i64::try_from(n).ok()?.days()).ok());
        days / 7 * self.days.len() + rest.filter(|date| self.falls_on(*date)).count()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_share_the_days_of_the_week() {
        let at = |text: &str| Timestamp::parse(text).unwrap();
        let zone = Zone::named("America/Los_Angeles");
        let monday = at("2026-01-05T17:00:00Z");
        let weekdays =
            Rotation::new("ROT", monday, Duration::from_hours(8), &[1, 2, 3, 4, 5], &["ana", "", "cho"]);
        let event = &weekdays.events[0];
        let who = |time: &str| {
            let at = at(time);
            let found = event.around(&zone, at).find(|o| o.start <= at && at < o.end);
            found.map_or("-", |o| o.member.as_deref().unwrap_or("empty"))
        };
        assert_eq!(
            ["2026-01-05T16:59:59Z", "2026-01-05T17:00:00Z", "2026-01-06T01:00:00Z"].map(who),
            ["-", "ana", "-"]
        );
        assert_eq!(
            ["2026-01-06T18:00:00Z", "2026-01-07T18:00:00Z", "2026-01-08T18:00:00Z"].map(who),
            ["empty", "cho", "ana"]
        );
        assert_eq!(
            ["2026-01-10T18:00:00Z", "2026-01-12T18:00:00Z"].map(who),
            ["-", "cho"],
            "no shift at the weekend"
        );
        assert_eq!(
            ["2026-06-01T15:59:59Z", "2026-06-01T16:00:00Z"].map(who),
            ["-", "ana"],
            "nine o'clock in summer"
        );
    }
}
