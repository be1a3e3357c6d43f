//! What a story begins with: groups in the configuration, and schedules in the simulated PagerDuty.

use std::fmt::Write as _;
use std::time::Duration;

use firebell::clock::Timestamp;
use firebell::sim::pagerduty::{Layer, Restriction, Rotation};
use firebell::sim::scene::World;

use super::story::{Group, PEOPLE, Shape, Turns, name};

const MINUTE: Duration = Duration::from_secs(60);

pub fn group_toml(n: usize, group: &Group) -> String {
    let quoted = |list: Vec<String>| list.iter().map(|s| format!("{s:?}")).collect::<Vec<_>>().join(", ");
    let schedules = quoted(group.schedules.iter().map(|s| format!("PS{s}")).collect());
    let mut toml = format!("[[group]]\nhandle = \"group-{n}\"\nschedules = [{schedules}]\n");
    if let Some((of, is_whole)) = group.policy {
        writeln!(toml, "escalation_policies = [\"PEP10{of}{}\"]", if is_whole { "" } else { ":1" })
            .expect("writes");
    }
    let slack = |who: usize| PEOPLE[who].1.unwrap_or_default();
    for (key, who) in [("always", group.always), ("fallback", group.fallback)] {
        if let Some(who) = who {
            writeln!(toml, "{key} = [{:?}]", slack(who)).expect("writes");
        }
    }
    // By another word, so that somebody may be in both lists.
    if let Some(who) = group.never {
        writeln!(toml, "never = [\"{}@example.com\"]", name(who)).expect("writes");
    }
    if group.fallback.is_some() {
        toml += "when_empty = \"fallback\"\n";
    }
    if group.is_additive {
        toml += "mode = \"additive\"\n";
    }
    toml
}

pub fn users(turns: &Turns) -> Vec<&'static str> {
    turns.people.iter().map(|p| PEOPLE[*p].0).collect()
}

pub fn layers(turns: &[Turns], now: Timestamp) -> Vec<Layer> {
    let layer = |(n, t): (usize, &Turns)| {
        let begins = now - MINUTE * t.ago;
        let layer = Layer::new(&format!("Layer {n}"), begins, MINUTE * t.minutes, &users(t));
        match t.only {
            Some((hour, minute, lasts)) => layer.only(&[Restriction::daily(hour, minute, MINUTE * lasts)]),
            None => layer,
        }
    };
    turns.iter().enumerate().map(layer).collect()
}

pub fn rotations(turns: &[Turns], now: Timestamp) -> Vec<Rotation> {
    let rotation = |(n, t): (usize, &Turns)| {
        let begins = now - MINUTE * t.ago;
        // One shift a day each.
        let lasts = MINUTE * (t.minutes * 5).min(24 * 60);
        Rotation::new(&format!("R{n}"), begins, lasts, &[1, 2, 3, 4, 5, 6, 7], &users(t))
    };
    turns.iter().enumerate().map(rotation).collect()
}

pub fn add_shifts(world: &World, n: usize, shape: &Shape) {
    let Shape::Shifts(shifts) = shape else { return };
    let now = world.clock.now();
    let begin = |from: i32| match u32::try_from(from) {
        Ok(later) => now + MINUTE * later,
        Err(_) => now - MINUTE * from.unsigned_abs(),
    };
    let shifts: Vec<_> = shifts
        .iter()
        .map(|(who, from, lasts)| (PEOPLE[*who].0, begin(*from), begin(*from) + MINUTE * *lasts))
        .collect();
    world.pagerduty.add_schedule(&format!("PS{n}"), &format!("Rota {n}"), &shifts);
}
