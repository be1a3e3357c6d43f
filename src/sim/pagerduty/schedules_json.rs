//! How PagerDuty writes down schedules: layers with what they render to, and the shifts of `/v3`.

use serde_json::{Value, json};

use crate::clock::Timestamp;

use super::render::{full, team_ref};
use super::rota::{Layer, Restriction};
use super::rota_v3::{Rotation, ShiftEvent};
use super::schedule::{Plan, Schedule, Source, Stretch};
use super::schedules::Shown;
use super::state::{Account, Policy};

impl Account {
    /// As lists and includes have it.
    pub fn schedule_json(&self, schedule: &Schedule) -> Value {
        let names_it = |p: &&Policy| p.levels.iter().flatten().any(|target| *target == schedule.id);
        let policies = self.policies.iter().filter(names_it).map(|p| self.policy_ref(&p.id));
        let mut users = schedule.users();
        users.sort_unstable();
        full(
            self.schedule_ref(&schedule.id),
            json!({
                "name": schedule.name,
                "time_zone": schedule.zone.name,
                "description": null,
                "escalation_policies": policies.collect::<Vec<_>>(),
                "users": users.iter().map(|u| self.user_ref(u)).collect::<Vec<_>>(),
                "teams": [team_ref()],
            }),
        )
    }

    /// Highest precedence first, though a write lists the lowest first.
    pub fn layers_json(&self, schedule: &Schedule, shown: &Shown) -> Value {
        match schedule.plan() {
            Plan::Layers(layers) => {
                layers.iter().rev().map(|layer| self.layer_json(schedule, layer, shown)).collect()
            }
            Plan::Fixed(_) => json!([self.fixed_json(schedule, shown)]),
            Plan::Rotations(_) => json!([]),
        }
    }

    /// A list of shifts, written down as the one layer that it might be.
    fn fixed_json(&self, schedule: &Schedule, shown: &Shown) -> Value {
        let users: Vec<Value> =
            schedule.users().iter().map(|user| json!({"user": self.user_ref(user)})).collect();
        let mut value = json!({"id": format!("{}L1", schedule.id), "name": "Layer 1", "users": users});
        if let Some((since, until)) = shown.range {
            let mut stretches = schedule.stretches(self.clock.now(), since, until);
            stretches.retain(|stretch| matches!(stretch.duty.source, Source::Fixed(_)));
            value["rendered_schedule_entries"] = entries(self, &stretches, shown);
        }
        value
    }

    fn layer_json(&self, schedule: &Schedule, layer: &Layer, shown: &Shown) -> Value {
        let mut value = json!({
            "id": layer.id,
            "name": layer.name,
            "start": shown.time(layer.start),
            "end": layer.end.and_then(|end| shown.time(end)),
            "rotation_virtual_start": shown.time(layer.virtual_start),
            "rotation_turn_length_seconds": layer.turn.as_secs(),
            "users": layer.users.iter().map(|u| json!({"user": self.user_ref(u)})).collect::<Vec<_>>(),
            "restrictions": layer.restrictions.iter().map(restriction_json).collect::<Vec<_>>(),
        });
        if let Some((since, until)) = shown.range {
            let stretches = schedule.layer_stretches(layer, since, until);
            value["rendered_schedule_entries"] = entries(self, &stretches, shown);
            value["rendered_coverage_percentage"] = coverage(&stretches, (since, until));
        }
        value
    }

    pub fn final_json(&self, schedule: &Schedule, shown: &Shown) -> Value {
        let Some((since, until)) = shown.range else { return Value::Null };
        let stretches = schedule.stretches(self.clock.now(), since, until);
        json!({
            "name": "Final Schedule",
            "rendered_schedule_entries": entries(self, &stretches, shown),
            "rendered_coverage_percentage": coverage(&stretches, (since, until)),
        })
    }

    /// The shift-based schedule, with what is rendered if asked for.
    pub fn schedule_v3_json(&self, schedule: &Schedule, shown: &Shown, rendered: bool) -> Value {
        let Plan::Rotations(rotations) = schedule.plan() else { return Value::Null };
        let mut value = json!({
            "id": schedule.id,
            "type": "schedule_v3",
            "name": schedule.name,
            "time_zone": schedule.zone.name,
            "rotations": rotations.iter().map(|rotation| rotation_json(schedule, rotation)).collect::<Vec<_>>(),
        });
        if let Some((since, until)) = shown.range.filter(|_| rendered) {
            let stretches = schedule.stretches(self.clock.now(), since, until);
            let shifts = stretches.iter().map(|stretch| {
                let (start, end) = cut(stretch, shown);
                json!({
                    "type": "computed_shift_assignment",
                    "start_time": start.and_then(|at| shown.time(at)),
                    "end_time": end.and_then(|at| shown.time(at)),
                    "member": member_json(stretch.duty.user.as_deref()),
                    "source": source_json(&stretch.duty.source),
                })
            });
            value["final_schedule"] = json!({
                "type": "final_schedule",
                "rendered_coverage_percentage": coverage(&stretches, (since, until)),
                "computed_shift_assignments": shifts.collect::<Vec<_>>(),
            });
        }
        value
    }
}

fn restriction_json(restriction: &Restriction) -> Value {
    let mut value = json!({
        "type": if restriction.day.is_some() { "weekly_restriction" } else { "daily_restriction" },
        "start_time_of_day": restriction.from.strftime("%H:%M:%S").to_string(),
        "duration_seconds": restriction.lasts.as_secs(),
    });
    if let Some(day) = restriction.day {
        value["start_day_of_week"] = json!(day);
    }
    value
}

/// `rendered_schedule_entries`.
pub(super) fn entries(a: &Account, stretches: &[Stretch], shown: &Shown) -> Value {
    let entry = |stretch: &Stretch| {
        let (start, end) = cut(stretch, shown);
        let user = stretch.duty.user.as_deref()?;
        Some(json!({
            "start": start.and_then(|at| shown.time(at)),
            "end": end.and_then(|at| shown.time(at)),
            "user": a.user_ref(user),
        }))
    };
    stretches.iter().filter_map(entry).collect()
}

/// The stretch within the range, unless overflow was asked for. What has no bound ends at the range all the same.
fn cut(stretch: &Stretch, shown: &Shown) -> (Option<Timestamp>, Option<Timestamp>) {
    let Some((since, until)) = shown.range else { return (stretch.start, stretch.end) };
    if shown.overflow {
        return (stretch.start.or(Some(since)), stretch.end.or(Some(until)));
    }
    (Some(stretch.start.unwrap_or(since).max(since)), Some(stretch.end.unwrap_or(until).min(until)))
}

/// How much of the range somebody has, in per cent.
fn coverage(stretches: &[Stretch], (since, until): (Timestamp, Timestamp)) -> Value {
    let mut spans: Vec<(Timestamp, Timestamp)> = stretches
        .iter()
        .filter(|stretch| stretch.duty.user.is_some())
        .map(|s| (s.start.unwrap_or(since).max(since), s.end.unwrap_or(until).min(until)))
        .collect();
    spans.sort_unstable();
    let (mut covered, mut reached) = (0.0, since);
    for (start, end) in spans {
        covered += end.since(start.max(reached)).as_secs_f64();
        reached = reached.max(end);
    }
    let whole = until.since(since).as_secs_f64();
    json!(if whole > 0.0 { covered * 100.0 / whole } else { 0.0 })
}

fn rotation_json(schedule: &Schedule, rotation: &Rotation) -> Value {
    let event =
        |(n, event): (usize, &ShiftEvent)| event_json(schedule, &format!("{}E{n}", rotation.id), event);
    json!({
        "id": rotation.id,
        "type": "schedule_rotation",
        "events": rotation.events.iter().enumerate().map(event).collect::<Vec<_>>(),
    })
}

fn event_json(schedule: &Schedule, id: &str, event: &ShiftEvent) -> Value {
    let zone = &schedule.zone.name;
    let day =
        |day: &i8| ["MO", "TU", "WE", "TH", "FR", "SA", "SU"][usize::try_from(day - 1).unwrap_or(0) % 7];
    let days: Vec<&str> = event.days.iter().map(day).collect();
    let local = |at: Timestamp| json!({"date_time": super::render::in_zone(at, zone), "time_zone": zone});
    let members: Vec<Value> = event.members.iter().map(|member| member_json(member.as_deref())).collect();
    json!({
        "id": id,
        "type": "schedule_event",
        "name": event.name,
        "start_time": local(event.start),
        "end_time": local(event.start + event.lasts),
        "effective_since": super::render::seconds(event.start),
        "effective_until": event.until.map(super::render::seconds),
        "recurrence": [format!("RRULE:FREQ=WEEKLY;BYDAY={}", days.join(","))],
        "assignment_strategy": {
            "type": "rotating_member_assignment_strategy",
            "shifts_per_member": event.shifts_per_member,
            "members": members,
        },
    })
}

fn member_json(user: Option<&str>) -> Value {
    match user {
        Some(user) => json!({"type": "user_member", "user_id": user}),
        None => json!({"type": "empty_member"}),
    }
}

fn source_json(source: &Source) -> Value {
    match source {
        Source::Rotation(id) => json!({"type": "schedule_rotation", "rotation_id": id}),
        Source::CustomShift(id) => json!({"type": "custom_shift", "custom_shift_id": id}),
        Source::RotationOverride { rotation, id } => {
            json!({"type": "schedule_rotation_override", "rotation_id": rotation, "override_id": id})
        }
        Source::CustomShiftOverride { shift, id } => {
            json!({"type": "custom_shift_override", "custom_shift_id": shift, "override_id": id})
        }
        // Of layer-based schedules, which have no such thing.
        Source::Fixed(_) | Source::Layered => Value::Null,
    }
}
