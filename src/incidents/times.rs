//! Times of day that people type.

use jiff::civil::Time;
use jiff::tz::{AmbiguousOffset, TimeZone};

use crate::clock::Timestamp;
use crate::error::{Error, Result};
use crate::slack::words::quoted;

/// When the clock in this zone last showed `14:30`: today, or yesterday if that is still to come. In the night in
/// which clocks go back, the later of the two that have passed.
pub(super) fn last_time_of_day(text: &str, zone: &TimeZone, now: Timestamp) -> Result<Timestamp> {
    let wrong =
        || Error::refused(format!("`--at` takes a time such as 14:30 or 9:05, not “{}”.", quoted(text)));
    let (hours, minutes) = text.trim().split_once([':', '.']).ok_or_else(wrong)?;
    let digits = |part: &str, most: usize| {
        let good = (1..=most).contains(&part.len()) && part.chars().all(|c| c.is_ascii_digit());
        if good { part.parse::<i8>().map_err(|_| wrong()) } else { Err(wrong()) }
    };
    let minutes = if minutes.len() == 2 { digits(minutes, 2)? } else { return Err(wrong()) };
    let time = Time::new(digits(hours, 2)?, minutes, 0, 0).map_err(|_| wrong())?;
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
        for wrong in ["2pm", "25:00", "14:3", "14", "14:60", ":30", "-1:30", "١٤:٣٠", "", "14:30:00"] {
            assert!(at(wrong, "UTC", "2026-11-21T10:00:00Z").starts_with("`--at` takes a time"), "{wrong}");
        }
    }
}
