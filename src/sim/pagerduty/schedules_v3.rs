//! The REST calls about shift-based schedules. PagerDuty documentation, "Shift-based schedules".

use std::time::Duration;

use super::answer::{Answer, Outcome, Refusal, page_within};
use super::schedule::Schedule;
use super::schedules::{Shown, range};
use super::server::{Request, wrap};
use super::state::Account;

/// Shift-based ones, as references; no search by name, no `total`.
pub(super) fn list(a: &mut Account, r: &Request) -> Outcome {
    let found: Vec<&Schedule> = a.schedules.values().filter(|s| s.is_v3()).collect();
    let mut answer = page_within(r, "schedules", &found, (100, 1000), |s| a.schedule_ref(&s.id))?;
    if let Some(fields) = answer.body.as_object_mut() {
        fields.remove("total");
    }
    Ok(answer)
}

/// 400 for a layer-based one, which sends the caller to `/schedules`.
pub(super) fn get(a: &mut Account, r: &Request) -> Outcome {
    let schedule = a.schedule(&r.id).ok_or(Refusal::code(2100))?;
    if !schedule.is_v3() {
        return Err(Refusal::invalid("This schedule is layer-based; use /schedules."));
    }
    let include = r.all("include[]");
    if include.iter().any(|wanted| *wanted != "final_schedule") {
        return Err(Refusal::invalid("include[] can only be final_schedule."));
    }
    let now = a.clock.now();
    let range = range(r)?.unwrap_or((now, now + Duration::from_hours(14 * 24)));
    let shown = Shown::of(schedule, r, Some(range))?;
    Ok(Answer::ok(wrap("schedule", &a.schedule_v3_json(schedule, &shown, !include.is_empty()))))
}
