//! Times of day that people type.

use jiff::civil::Time;
use jiff::tz::{AmbiguousOffset, TimeZone};

use crate::clock::Timestamp;
use crate::error::{Error, Result};
use crate::slack::words::{ended, quoted};

/// What stands behind a time of a 12-hour clock, without the last dot.
pub(super) const HALVES: [&str; 4] = ["am", "pm", "a.m", "p.m"];

/// When the clock in this zone last showed `14:30`, `2:30 pm` or `2pm`: today, or yesterday if that is still to come. In
/// the night in which clocks go back, the later of the two that have passed.
pub(super) fn last_time_of_day(text: &str, zone: &TimeZone, now: Timestamp) -> Result<Timestamp> {
    let wrong = || {
        Error::refused(format!("`--at` takes a time such as 14:30, 9:05 or 2:30 pm, not “{}”.", quoted(text)))
    };
    let lower = ended(text).to_lowercase();
    let half =
        HALVES.iter().find_map(|half| Some((lower.strip_suffix(half)?.trim_end(), half.starts_with('p'))));
    let (hours, minutes) = match half {
        Some((time, _)) => time.split_once([':', '.']).unwrap_or((time, "00")),
        None => lower.split_once([':', '.']).ok_or_else(wrong)?,
    };
    let digits = |part: &str, most: usize| {
        let good = (1..=most).contains(&part.len()) && part.chars().all(|c| c.is_ascii_digit());
        if good { part.parse::<i8>().map_err(|_| wrong()) } else { Err(wrong()) }
    };
    let minutes = if minutes.len() == 2 { digits(minutes, 2)? } else { return Err(wrong()) };
    let hours = match (digits(hours, 2)?, half) {
        (hours @ 1..=12, Some((_, is_after_noon))) => hours % 12 + if is_after_noon { 12 } else { 0 },
        (_, Some(_)) => return Err(wrong()),
        (hours, None) => hours,
    };
    let time = Time::new(hours, minutes, 0, 0).map_err(|_| wrong())?;
    let clock = now.to_jiff().to_zoned(zone.clone()).datetime();
    for date in [clock.date(), clock.date().yesterday().map_err(|_| wrong())?] {
        let typed = zone.to_ambiguous_timestamp(date.to_datetime(time));
        let is_skipped = matches!(typed.offset(), AmbiguousOffset::Gap { .. });
        if is_skipped && typed.datetime() > clock {
            continue;
        }
        if is_skipped {
            let zone = zone.iana_name().unwrap_or("UTC");
            return Err(Error::refused(format!(
                "No clock in {zone} showed {text} on {date}: it went forward that night. Say a time before or after."
            )));
        }
        // Both are the same but in the night in which clocks go back.
        let instants = [typed.earlier(), typed.later()];
        let instants = instants.into_iter().flatten().map(|at| Timestamp::from_micros(at.as_microsecond()));
        if let Some(at) = instants.filter(|at| *at <= now).max() {
            return Ok(at);
        }
    }
    Err(wrong())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str, zone: &str, now: &str) -> String {
        let zone = TimeZone::get(zone).expect("a zone");
        match last_time_of_day(text, &zone, Timestamp::parse(now).expect("an instant")) {
            Ok(at) => at.to_string(),
            Err(error) => error.to_string(),
        }
    }

    #[test]
    fn a_time_is_the_last_time_the_clock_showed_it() {
        assert_eq!(at("09:30", "UTC", "2026-11-21T10:00:00Z"), "2026-11-21T09:30:00Z");
        assert_eq!(at("9:30", "Europe/Berlin", "2026-11-21T10:00:00Z"), "2026-11-21T08:30:00Z");
        assert_eq!(at("10:00", "UTC", "2026-11-21T10:00:00Z"), "2026-11-21T10:00:00Z");
        // Still to come today: yesterday.
        assert_eq!(at("23:50", "UTC", "2026-11-21T00:10:00Z"), "2026-11-20T23:50:00Z");
        // Today is the local day.
        assert_eq!(at("00:30", "Asia/Tokyo", "2026-11-20T16:00:00Z"), "2026-11-20T15:30:00Z");
    }

    #[test]
    fn a_time_may_be_of_a_12_hour_clock() {
        for (typed, clock) in [
            ("2pm", "14:00"),
            ("2:30 PM", "14:30"),
            ("2.30 p.m.", "14:30"),
            ("12am", "00:00"),
            ("12:05 a.m", "00:05"),
            ("12 pm,", "12:00"),
            ("11:59pm", "23:59"),
        ] {
            let now = "2026-11-21T23:59:59Z";
            assert_eq!(at(typed, "UTC", now), at(clock, "UTC", now), "{typed}");
        }
    }

    #[test]
    fn the_night_in_which_clocks_go_forward_leaves_times_out() {
        // Berlin, 29 March 2026: 02:00 became 03:00, at 01:00 UTC.
        assert_eq!(
            at("02:30", "Europe/Berlin", "2026-03-29T04:00:00Z"),
            "No clock in Europe/Berlin showed 02:30 on 2026-03-29: it went forward that night. Say a time before or after."
        );
        assert_eq!(at("03:30", "Europe/Berlin", "2026-03-29T04:00:00Z"), "2026-03-29T01:30:00Z");
        assert_eq!(at("01:50", "Europe/Berlin", "2026-03-29T01:05:00Z"), "2026-03-29T00:50:00Z");
        // Before the gap, 02:30 was yesterday's.
        assert_eq!(at("02:30", "Europe/Berlin", "2026-03-29T00:50:00Z"), "2026-03-28T01:30:00Z");
        assert_eq!(at("02:30", "Europe/Berlin", "2026-03-29T00:10:00Z"), "2026-03-28T01:30:00Z");
    }

    #[test]
    fn the_night_in_which_clocks_go_back_shows_times_twice() {
        // Berlin, 25 October 2026: 03:00 became 02:00, at 01:00 UTC.
        assert_eq!(at("02:30", "Europe/Berlin", "2026-10-25T03:00:00Z"), "2026-10-25T01:30:00Z");
        assert_eq!(at("02:30", "Europe/Berlin", "2026-10-25T01:10:00Z"), "2026-10-25T00:30:00Z");
    }

    #[test]
    fn what_is_no_time_is_refused() {
        for wrong in [
            "13pm",
            "0:30 am",
            "14:30 pm",
            "pm",
            "2:3 pm",
            "25:00",
            "14:3",
            "14",
            "14:60",
            ":30",
            "-1:30",
            "١٤:٣٠",
            "",
            "14:30:00",
        ] {
            assert!(at(wrong, "UTC", "2026-11-21T10:00:00Z").starts_with("`--at` takes a time"), "{wrong}");
        }
    }
}
