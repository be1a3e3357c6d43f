//! `GET /oncalls`: who is on call, through which policy and level, by which schedule, between which bounds.
//! PagerDuty API reference, "List all of the on-calls".

use std::collections::{BTreeMap, HashSet};
use std::time::Duration;

use serde_json::{Value, json};

use crate::clock::Timestamp;

use super::answer::{Outcome, Refusal, page_of};
use super::incidents::time;
use super::render::{ZONE, in_zone};
use super::schedule::{Schedule, Stretch};
use super::server::Request;
use super::state::{Account, Policy};

/// `/oncalls` looks no further ahead.
const HORIZON: Duration = Duration::from_hours(90 * 24);

/// One row: a target of a policy's level and, for a schedule, one stretch of it.
struct OnCall<'a> {
    policy: &'a Policy,
    /// From 1.
    level: usize,
    user: String,
    shift: Option<(&'a Schedule, Stretch)>,
}

/// A repeated parameter that lets everything through when it is absent.
struct Filter<'a>(HashSet<&'a str>);

impl Filter<'_> {
    fn lets_through(&self, id: &str) -> bool {
        self.0.is_empty() || self.0.contains(id)
    }
}

/// One row per policy, level, target and shift that overlaps the range (now, unless told otherwise). A schedule
/// that no policy uses is not seen; a user named directly by a policy has neither schedule nor times. Edits, and
/// the default of now, are as old as the account's publishing lag.
pub(super) fn oncalls(a: &mut Account, r: &Request) -> Outcome {
    let now = a.clock.now();
    let known = now - a.publishing_lag;
    let since = time(r, "since")?.unwrap_or(known);
    let until = time(r, "until")?.unwrap_or(since.max(known));
    if until < since {
        return Err(Refusal::code(2005));
    }
    let zone = r.one("time_zone").unwrap_or(ZONE);
    if in_zone(now, zone).is_none() {
        return Err(Refusal::invalid("time_zone is not a valid time zone."));
    }
    let mut rows = rows(a, r, known, (since, until.min(now + HORIZON)));
    if r.one("earliest") == Some("true") {
        rows.sort_by_key(|row| row.shift.as_ref().map(|(_, stretch)| stretch.start));
        let mut seen: HashSet<(&str, usize, String)> = HashSet::new();
        rows.retain(|row| seen.insert((&row.policy.id, row.level, row.user.clone())));
    }
    page_of(r, "oncalls", &rows, |row| oncall_json(a, r, row, zone))
}

fn rows<'a>(
    a: &'a Account,
    r: &Request,
    known: Timestamp,
    (since, until): (Timestamp, Timestamp),
) -> Vec<OnCall<'a>> {
    let filter = |name| Filter(r.all(name).into_iter().collect());
    let (schedules, policies, users) =
        (filter("schedule_ids[]"), filter("escalation_policy_ids[]"), filter("user_ids[]"));
    let of_schedule =
        |s: &Schedule| if since <= until { s.stretches(known, since, until) } else { Vec::new() };
    let mut rendered: BTreeMap<&str, Vec<Stretch>> = BTreeMap::new();
    let mut rows = Vec::new();
    for policy in a.policies.iter().filter(|policy| policies.lets_through(&policy.id)) {
        for (level, targets) in (1..).zip(&policy.levels) {
            for target in targets {
                let schedule = a.schedule(target);
                // A schedule filter leaves directly named users out, unless the literal `null` asks for them.
                if !schedules.lets_through(schedule.map_or("null", |s| &s.id)) {
                    continue;
                }
                let Some(schedule) = schedule else {
                    rows.push(OnCall { policy, level, user: target.clone(), shift: None });
                    continue;
                };
                let stretches = rendered.entry(&schedule.id).or_insert_with(|| of_schedule(schedule));
                rows.extend(stretches.iter().filter_map(|stretch| {
                    let user = stretch.duty.user.clone()?;
                    Some(OnCall { policy, level, user, shift: Some((schedule, stretch.clone())) })
                }));
            }
        }
    }
    rows.retain(|row| users.lets_through(&row.user));
    rows
}

fn oncall_json(a: &Account, r: &Request, row: &OnCall<'_>, zone: &str) -> Value {
    let include = r.all("include[]");
    let (schedule, stretch) =
        row.shift.as_ref().map_or((None, None), |(s, stretch)| (Some(*s), Some(stretch)));
    let at = |at: Option<Timestamp>| at.and_then(|at| in_zone(at, zone));
    json!({
        "user": if include.contains(&"users") { a.user_json(&row.user, false) } else { a.user_ref(&row.user) },
        "schedule": schedule.map(|s| {
            if include.contains(&"schedules") { a.schedule_json(s) } else { a.schedule_ref(&s.id) }
        }),
        "escalation_policy": if include.contains(&"escalation_policies") {
            a.policy_json(row.policy)
        } else {
            a.policy_ref(&row.policy.id)
        },
        "escalation_level": row.level,
        "start": at(stretch.and_then(|s| s.start)),
        "end": at(stretch.and_then(|s| s.end)),
    })
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use serde_json::{Value, json};

    use crate::sim::pagerduty::probe::Probe;

    /// `policy level schedule user end` per row.
    async fn oncalls(probe: &Probe, query: &str) -> Vec<String> {
        let (status, body) = probe.get(&format!("/oncalls?{query}")).await;
        assert_eq!(status, 200, "{body}");
        let row = |r: &Value| {
            let id = |what: &str| r[what]["id"].as_str().unwrap_or("-").to_owned();
            let end = r["end"].as_str().unwrap_or("-");
            format!("{} {} {} {end}", r["escalation_level"], id("schedule"), id("user"))
        };
        body["oncalls"].as_array().unwrap().iter().map(row).collect()
    }

    #[tokio::test]
    async fn on_call_now_or_in_a_range() {
        let probe = Probe::start().await;
        let now = ["1 PSCHED1 PANA001 2026-11-22T10:00:00Z", "2 - PBEN001 -"];
        assert_eq!(oncalls(&probe, "time_zone=UTC").await, now);
        assert_eq!(
            oncalls(&probe, "schedule_ids[]=PSCHED1").await,
            ["1 PSCHED1 PANA001 2026-11-22T05:00:00-05:00"]
        );
        assert_eq!(
            oncalls(&probe, "schedule_ids%5B%5D=PSCHED1&schedule_ids[]=null&time_zone=UTC").await,
            now
        );
        assert_eq!(oncalls(&probe, "user_ids[]=PBEN001").await, ["2 - PBEN001 -"]);
        assert_eq!(oncalls(&probe, "escalation_policy_ids[]=PEPEMPTY").await, Vec::<String>::new());
        let range =
            "schedule_ids[]=PSCHED1&since=2026-11-22T00:00:00Z&until=2026-11-23T00:00:00Z&time_zone=UTC";
        assert_eq!(
            oncalls(&probe, range).await,
            ["1 PSCHED1 PANA001 2026-11-22T10:00:00Z", "1 PSCHED1 PBEN001 2026-11-23T10:00:00Z"]
        );
        probe.clock.advance(Duration::from_hours(24));
        let handed_over = ["1 PSCHED1 PBEN001 2026-11-23T10:00:00Z"];
        assert_eq!(oncalls(&probe, "schedule_ids[]=PSCHED1&time_zone=UTC").await, handed_over);
    }

    #[tokio::test]
    async fn earliest_hides_the_second_schedule_of_one_person() {
        let probe = Probe::start().await;
        let now = probe.clock.now();
        let hour = Duration::from_hours(1);
        probe.pagerduty.add_schedule("PSCHED3", "Also Ana", &[("PANA001", now - hour, now + hour)]);
        probe.pagerduty.add_escalation_policy("PEP3", "Both", &[&["PSCHED1", "PSCHED3"]]);
        let filter = "escalation_policy_ids[]=PEP3&time_zone=UTC";
        assert_eq!(oncalls(&probe, filter).await.len(), 2);
        assert_eq!(oncalls(&probe, &format!("{filter}&earliest=true")).await.len(), 1);
    }

    #[tokio::test]
    async fn bad_ranges_zones_and_limits_are_refused() {
        let probe = Probe::start().await;
        let code =
            async |query: &str| probe.get(&format!("/oncalls?{query}")).await.1["error"]["code"].clone();
        assert_eq!(code("since=2026-11-22T00:00:00Z&until=2026-11-21T00:00:00Z").await, 2005);
        assert_eq!(code("since=yesterday").await, 2004);
        assert_eq!(code("time_zone=Mars%2FOlympus").await, 2001);
        assert_eq!(code("limit=101").await, 2001);
        assert_eq!(code("limit=100&offset=9901").await, 2001);
    }

    #[tokio::test]
    async fn included_users_have_an_address_but_only_references_to_their_contacts() {
        let probe = Probe::start().await;
        let (_, body) = probe.get("/oncalls?include[]=users&limit=1").await;
        assert_eq!((&body["more"], &body["limit"], &body["total"]), (&json!(true), &json!(1), &Value::Null));
        let user = &body["oncalls"][0]["user"];
        assert_eq!((&user["type"], &user["email"]), (&json!("user"), &json!("ana@example.com")));
        assert_eq!(user["contact_methods"][0]["type"], "email_contact_method_reference");
        assert!(user["contact_methods"][1].get("address").is_none());
    }
}
