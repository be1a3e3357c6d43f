//! The REST calls about layer-based schedules and their overrides. PagerDuty API reference, "Schedules".

use std::time::Duration;

use serde_json::{Value, json};

use crate::clock::Timestamp;

use super::answer::{Answer, Outcome, Refusal, page_of};
use super::incidents::time;
use super::render::in_zone;
use super::schedule::{Extra, Schedule, What};
use super::schedules_json::entries;
use super::server::{Request, wrap};
use super::state::Account;

/// How far the other end is when a call gives only one of `since` and `until`.
const TWO_WEEKS: Duration = Duration::from_hours(14 * 24);

/// Layer-based ones, without any rendering.
pub(super) fn list(a: &mut Account, r: &Request) -> Outcome {
    let query = r.one("query").unwrap_or_default().to_lowercase();
    let found: Vec<&Schedule> =
        a.schedules.values().filter(|s| !s.is_v3() && s.name.to_lowercase().contains(&query)).collect();
    page_of(r, "schedules", &found, |schedule| a.schedule_json(schedule))
}

/// With `since` or `until` also what is rendered between them, cut there unless `overflow` says otherwise.
pub(super) fn get(a: &mut Account, r: &Request) -> Outcome {
    let schedule = layered(a, &r.id)?;
    let range = range(r)?;
    let shown = Shown::of(schedule, r, range)?;
    let mut value = a.schedule_json(schedule);
    value["schedule_layers"] = a.layers_json(schedule, &shown);
    if range.is_some() {
        value["overrides_subschedule"] = a.overrides_json(schedule, &shown);
        value["final_schedule"] = a.final_json(schedule, &shown);
    }
    Ok(Answer::ok(wrap("schedule", &value)))
}

/// Full users. Without a range it is everybody of the rotation, not who is on call.
pub(super) fn users(a: &mut Account, r: &Request) -> Outcome {
    let schedule = layered(a, &r.id)?;
    let mut found: Vec<String> = Vec::new();
    let everybody = match range(r)? {
        None => schedule.users().into_iter().map(ToOwned::to_owned).collect(),
        Some((since, until)) => {
            let stretches = schedule.stretches(a.clock.now(), since, until);
            stretches.into_iter().filter_map(|stretch| stretch.duty.user).collect::<Vec<_>>()
        }
    };
    for user in everybody {
        if !found.contains(&user) {
            found.push(user);
        }
    }
    let rows: Vec<Value> = found.iter().map(|u| a.user_json(u, false)).collect();
    Ok(Answer::ok(json!({"users": rows})))
}

/// Answers 201, of all things. Only `editable`, which leaves out what has begun, shows ids.
pub(super) fn overrides(a: &mut Account, r: &Request) -> Outcome {
    let schedule = layered(a, &r.id)?;
    let missing = || Refusal::because(2003, "since and until are required.");
    let (since, until) = (time(r, "since")?.ok_or_else(missing)?, time(r, "until")?.ok_or_else(missing)?);
    if until < since {
        return Err(Refusal::code(2005));
    }
    let shown = Shown::of(schedule, r, Some((since, until)))?;
    let (now, editable) = (a.clock.now(), r.one("editable") == Some("true"));
    let wanted = schedule.extras.iter().filter(|extra| {
        !extra.is_gone() && extra.start < until && since < extra.end(now) && (!editable || now < extra.start)
    });
    let rows: Vec<Value> = wanted
        .map(|extra| {
            let mut row = a.override_json(extra, &shown);
            if !editable && let Some(fields) = row.as_object_mut() {
                fields.remove("id");
            }
            row
        })
        .collect();
    Ok(Answer::created(json!({"overrides": rows})))
}

/// Each override gets its own status; the answer is a bare array.
pub(super) fn add_overrides(a: &mut Account, r: &Request) -> Outcome {
    layered(a, &r.id)?;
    let listed = r.body["overrides"].as_array().filter(|l| !l.is_empty());
    let listed = listed.ok_or(Refusal::because(2003, "overrides is missing"))?;
    let outcomes: Vec<Value> = listed
        .iter()
        .map(|wanted| match add_override(a, &r.id, wanted) {
            Ok(made) => json!({"status": 201, "override": made}),
            Err(error) => json!({"status": 400, "errors": [error], "override": wanted}),
        })
        .collect();
    Ok(Answer::created(json!(outcomes)))
}

fn add_override(a: &mut Account, schedule: &str, wanted: &Value) -> Result<Value, &'static str> {
    let at = |name: &str| wanted[name].as_str().and_then(|text| Timestamp::parse(text).ok());
    let start = at("start").ok_or("Override start is invalid")?;
    let end = at("end").ok_or("Override end is invalid")?;
    if end <= start {
        return Err("Override must end after its start");
    }
    if end <= a.clock.now() {
        return Err("Override must end in the future");
    }
    let user = wanted["user"]["id"].as_str().filter(|id| a.user(id).is_some()).ok_or("User not found")?;
    let id = a.add_extra(schedule, What::Override(user.into()), (start, end)).ok_or("Schedule not found")?;
    let schedule = a.schedule(schedule).ok_or("Schedule not found")?;
    let made = schedule.extras.iter().find(|extra| extra.id == id).ok_or("Override not found")?;
    Ok(a.override_json(made, &Shown::plain(schedule)))
}

/// 204 for one to come; 200 for one that was running and is cut to now. What is over stays.
pub(super) fn delete_override(a: &mut Account, r: &Request) -> Outcome {
    layered(a, &r.id)?;
    let now = a.clock.now();
    let schedule = a.schedules.get_mut(&r.id).ok_or(Refusal::code(2100))?;
    let found = schedule.extras.iter_mut().find(|extra| extra.id == r.second && !extra.is_gone());
    let extra = found.ok_or(Refusal::code(2100))?;
    if extra.end(now) <= now {
        return Err(Refusal::because(4004, "Overrides in the past cannot be removed."));
    }
    let was_running = extra.start < now;
    extra.remove(now);
    Ok(if was_running { Answer::ok(json!({})) } else { Answer::empty() })
}

/// The schedule of the path. A shift-based one has its own calls.
fn layered<'a>(a: &'a Account, id: &str) -> Result<&'a Schedule, Refusal> {
    let schedule = a.schedule(id).ok_or(Refusal::code(2100))?;
    if schedule.is_v3() {
        return Err(Refusal::invalid("This schedule is shift-based; use /v3/schedules."));
    }
    Ok(schedule)
}

pub(super) fn range(r: &Request) -> Result<Option<(Timestamp, Timestamp)>, Refusal> {
    let range = match (time(r, "since")?, time(r, "until")?) {
        (None, None) => return Ok(None),
        (Some(since), Some(until)) => (since, until),
        (Some(since), None) => (since, since + TWO_WEEKS),
        (None, Some(until)) => (until - TWO_WEEKS, until),
    };
    if range.1 < range.0 { Err(Refusal::code(2005)) } else { Ok(Some(range)) }
}

/// What of a schedule a call wants to see, and how times are written.
pub(super) struct Shown {
    pub range: Option<(Timestamp, Timestamp)>,
    pub overflow: bool,
    pub zone: String,
}

impl Shown {
    pub fn of(
        schedule: &Schedule,
        r: &Request,
        range: Option<(Timestamp, Timestamp)>,
    ) -> Result<Self, Refusal> {
        let zone = r.one("time_zone").unwrap_or(&schedule.zone.name).to_owned();
        if in_zone(Timestamp::from_secs(0), &zone).is_none() {
            return Err(Refusal::invalid("time_zone is not a valid time zone."));
        }
        Ok(Self { range, overflow: r.one("overflow") == Some("true"), zone })
    }

    fn plain(schedule: &Schedule) -> Self {
        Self { range: None, overflow: false, zone: schedule.zone.name.clone() }
    }

    pub fn time(&self, at: Timestamp) -> Option<String> {
        in_zone(at, &self.zone)
    }
}

impl Account {
    /// Puts something on top of a schedule's plan, from now on known.
    pub fn add_extra(&mut self, schedule: &str, what: What, span: (Timestamp, Timestamp)) -> Option<String> {
        let (id, now) = (self.fresh_id('O'), self.clock.now());
        self.schedules.get_mut(schedule)?.put(id.clone(), what, span, now);
        Some(id)
    }

    fn override_json(&self, extra: &Extra, shown: &Shown) -> Value {
        let What::Override(user) = &extra.what else { return Value::Null };
        json!({
            "id": extra.id,
            "start": shown.time(extra.start),
            "end": shown.time(extra.end(self.clock.now())),
            "user": self.user_ref(user),
        })
    }

    fn overrides_json(&self, schedule: &Schedule, shown: &Shown) -> Value {
        let now = self.clock.now();
        let found = shown.range.map(|(since, until)| schedule.override_stretches(now, since, until));
        json!({"name": "Overrides", "rendered_schedule_entries": entries(self, &found.unwrap_or_default(), shown)})
    }
}
