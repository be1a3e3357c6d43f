//! The final schedule, found stretch by stretch, against the same asked instant by instant, for random rotas.

use std::time::Duration;

use proptest::prelude::*;

use super::rota::{Layer, Restriction};
use super::rota_v3::Rotation;
use super::schedule::{Duty, Plan, Schedule, What};
use crate::clock::Timestamp;

const HOUR: Duration = Duration::from_hours(1);
const INSTANT: Duration = Duration::from_micros(1);
const USERS: [&str; 4] = ["ana", "ben", "cho", ""];

/// Sunday noon in Europe, the week before the clocks go back there.
fn noon() -> Timestamp {
    Timestamp::parse("2026-10-18T12:00:00Z").unwrap()
}

fn hours(count: u32) -> Duration {
    HOUR * count
}

fn span() -> impl Strategy<Value = (Timestamp, Timestamp)> {
    (0..400_u32, 1..60_u32).prop_map(|(from, lasts)| (noon() + hours(from), noon() + hours(from + lasts)))
}

fn layer() -> impl Strategy<Value = Layer> {
    let turn = prop_oneof![Just(1_u32), Just(7), Just(12), Just(24), Just(168)];
    let users = prop::collection::vec(0..3_usize, 1..5);
    let windows = prop::collection::vec((prop::option::of(1..=7_i8), 0..24_i8, 1..23_u32), 0..3);
    (0..200_u32, turn, users, windows, prop::option::of(100..400_u32)).prop_map(
        |(start, turn, users, windows, end)| {
            let names: Vec<&str> = users.iter().map(|user| USERS[*user]).collect();
            let restriction = |(day, hour, lasts): &(Option<i8>, i8, u32)| Restriction {
                day: *day,
                ..Restriction::daily(*hour, 30, hours(*lasts))
            };
            let restrictions: Vec<Restriction> = windows.iter().map(restriction).collect();
            let mut layer = Layer::new("Layer", noon() + hours(start), hours(turn), &names);
            layer.virtual_start = noon() + hours(77);
            layer.end = end.map(|end| noon() + hours(end));
            layer.only(&restrictions)
        },
    )
}

fn rotation() -> impl Strategy<Value = Rotation> {
    let days = prop::collection::btree_set(1..=7_i8, 1..7);
    (0..100_u32, 1..30_u32, days, prop::collection::vec(0..4_usize, 1..4)).prop_map(
        |(start, lasts, days, users)| {
            let days: Vec<i8> = days.into_iter().collect();
            let names: Vec<&str> = users.iter().map(|user| USERS[*user]).collect();
            Rotation::new("ROT", noon() + hours(start), hours(lasts), &days, &names)
        },
    )
}

fn schedule() -> impl Strategy<Value = Schedule> {
    let plan = || {
        prop_oneof![
            prop::collection::vec(layer(), 0..4).prop_map(Plan::Layers),
            prop::collection::vec(rotation(), 1..2).prop_map(Plan::Rotations),
        ]
    };
    let zone = prop_oneof![
        Just("Europe/London"),
        Just("America/New_York"),
        Just("Australia/Lord_Howe"),
        Just("UTC")
    ];
    let edit = prop::option::of((plan(), 0..300_u32));
    let extras = prop::collection::vec((0..3_usize, 0..3_usize, span(), 0..400_u32), 0..5);
    (plan(), zone, edit, extras).prop_map(|(plan, zone, edit, extras)| {
        let mut schedule = Schedule::new("PSCH", "Schedule", zone, plan);
        if let Some((plan, at)) = edit {
            schedule.rewrite(plan, noon() + hours(at));
        }
        for (n, (one, other, span, removed)) in extras.into_iter().enumerate() {
            let what = match n % 3 {
                0 => What::Override(USERS[one].into()),
                1 => What::CustomShift(vec![USERS[one].into()]),
                _ => What::Cover {
                    of: "ROT".into(),
                    overridden: Some(USERS[one].into()),
                    overriding: Some(USERS[other].into()),
                },
            };
            schedule.put(format!("X{n}"), what, span, noon());
            if removed < 200 {
                schedule.extras[n].remove(noon() + hours(removed));
            }
        }
        schedule
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn stretches_say_what_every_instant_says(schedule in schedule(), since in 0..300_u32, minutes in prop::collection::vec(0..6000_u32, 30)) {
        let known = noon() + hours(1000);
        let (since, until) = (noon() + hours(since), noon() + hours(since + 100));
        let stretches = schedule.stretches(known, since, until);
        let on = |duty: &Duty, at: Timestamp| schedule.duties(known, at).contains(duty);
        for stretch in &stretches {
            prop_assert!(stretch.start.is_none_or(|at| on(&stretch.duty, at) && !on(&stretch.duty, at - INSTANT)));
            prop_assert!(stretch.end.is_none_or(|at| !on(&stretch.duty, at) && on(&stretch.duty, at - INSTANT)));
        }
        for minute in minutes {
            let at = since + Duration::from_secs(60) * minute;
            let duties = schedule.duties(known, at);
            let covers = |duty: &Duty| stretches.iter().any(|s| s.duty == *duty && s.start.is_none_or(|from| from <= at) && s.end.is_none_or(|end| at < end));
            prop_assert!(duties.iter().all(covers), "{at}: {duties:?} {stretches:?}");
            let mut during = stretches.iter().filter(|s| s.start.is_none_or(|from| from <= at) && s.end.is_none_or(|end| at < end));
            prop_assert!(during.all(|s| duties.contains(&s.duty)), "{at}: {duties:?} {stretches:?}");
        }
    }
}
