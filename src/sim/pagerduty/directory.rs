//! The REST calls that say who is who and who is on call: users, services, policies, schedules, `/oncalls`.
//! PagerDuty API reference, "List all of the on-calls".

use std::time::Duration;

use serde_json::{Value, json};

use crate::clock::Timestamp;

use super::answer::{Answer, Outcome, Refusal, page};
use super::incidents::time;
use super::render::{ZONE, in_zone};
use super::server::{Request, wrap};
use super::state::{Account, Policy, Schedule, Shift};

/// `/oncalls` looks no further ahead.
const HORIZON: Duration = Duration::from_hours(90 * 24);

/// One row of `/oncalls`: a target of a policy's level and, for a schedule, one shift.
struct OnCall<'a> {
    policy: &'a Policy,
    /// From 1.
    level: usize,
    schedule: Option<&'a Schedule>,
    user: &'a str,
    shift: Option<&'a Shift>,
}

/// One row per policy, level, target and shift that overlaps the range (now, unless told otherwise). A schedule
/// that no policy uses is not seen; a user named directly by a policy has neither schedule nor times.
pub(super) fn oncalls(a: &mut Account, r: &Request) -> Outcome {
    let now = a.clock.now();
    let since = time(r, "since")?.unwrap_or(now);
    let until = time(r, "until")?.unwrap_or(since.max(now));
    if until < since {
        return Err(Refusal::code(2005));
    }
    let zone = r.one("time_zone").unwrap_or(ZONE);
    if in_zone(now, zone).is_none() {
        return Err(Refusal::invalid("time_zone is not a valid time zone."));
    }
    let mut rows: Vec<OnCall<'_>> = rows(a, since, until.min(now + HORIZON));
    rows.retain(|row| {
        // A schedule filter leaves directly named users out, unless the literal `null` asks for them.
        r.lets_through("schedule_ids[]", row.schedule.map_or("null", |s| &s.id))
            && r.lets_through("escalation_policy_ids[]", &row.policy.id)
            && r.lets_through("user_ids[]", row.user)
    });
    if r.one("earliest") == Some("true") {
        rows.sort_by_key(|row| row.shift.map(|s| s.start));
        let mut seen: Vec<(&str, usize, &str)> = Vec::new();
        rows.retain(|row| {
            let key = (row.policy.id.as_str(), row.level, row.user);
            let new = !seen.contains(&key);
            seen.push(key);
            new
        });
    }
    let rows: Vec<Value> = rows.iter().map(|row| oncall_json(a, r, row, zone)).collect();
    page(r, "oncalls", &rows)
}

fn rows(a: &Account, since: Timestamp, until: Timestamp) -> Vec<OnCall<'_>> {
    let mut rows = Vec::new();
    for policy in &a.policies {
        for (level, targets) in (1..).zip(&policy.levels) {
            for target in targets {
                let Some(schedule) = a.schedule(target) else {
                    rows.push(OnCall { policy, level, schedule: None, user: target, shift: None });
                    continue;
                };
                let shifts = schedule.shifts.iter().filter(|shift| overlaps(shift, since, until));
                rows.extend(shifts.map(|shift| OnCall {
                    policy,
                    level,
                    schedule: Some(schedule),
                    user: &shift.user,
                    shift: Some(shift),
                }));
            }
        }
    }
    rows
}

fn overlaps(shift: &Shift, since: Timestamp, until: Timestamp) -> bool {
    shift.covers(since) || (since < shift.end && shift.start < until)
}

fn oncall_json(a: &Account, r: &Request, row: &OnCall<'_>, zone: &str) -> Value {
    let include = r.all("include[]");
    let at = |pick: fn(&Shift) -> Timestamp| row.shift.and_then(|shift| in_zone(pick(shift), zone));
    json!({
        "user": if include.contains(&"users") { a.user_json(row.user, false) } else { a.user_ref(row.user) },
        "schedule": row.schedule.map(|s| {
            if include.contains(&"schedules") { a.schedule_json(s) } else { a.schedule_ref(&s.id) }
        }),
        "escalation_policy": if include.contains(&"escalation_policies") {
            a.policy_json(row.policy)
        } else {
            a.policy_ref(&row.policy.id)
        },
        "escalation_level": row.level,
        "start": at(|shift| shift.start),
        "end": at(|shift| shift.end),
    })
}

/// `query` looks in names and e-mail addresses.
pub(super) fn users(a: &mut Account, r: &Request) -> Outcome {
    let query = r.one("query").unwrap_or_default().to_lowercase();
    let contacts = r.all("include[]").contains(&"contact_methods");
    let fits = |text: &str| text.to_lowercase().contains(&query);
    let found = a.users.iter().filter(|u| fits(&u.name) || fits(&u.email));
    let rows: Vec<Value> = found.map(|u| a.user_json(&u.id, contacts)).collect();
    page(r, "users", &rows)
}

pub(super) fn user(a: &mut Account, r: &Request) -> Outcome {
    a.user(&r.id).ok_or(Refusal::code(2100))?;
    let contacts = r.all("include[]").contains(&"contact_methods");
    Ok(Answer::ok(wrap("user", &a.user_json(&r.id, contacts))))
}

pub(super) fn contact_methods(a: &mut Account, r: &Request) -> Outcome {
    a.user(&r.id).ok_or(Refusal::code(2100))?;
    Ok(Answer::ok(json!({"contact_methods": a.contact_methods_json(&r.id, true)})))
}

/// `query` looks for a part of the name, `name` for the whole.
pub(super) fn services(a: &mut Account, r: &Request) -> Outcome {
    let query = r.one("query").unwrap_or_default().to_lowercase();
    let found = a.services.iter().filter(|s| {
        s.name.to_lowercase().contains(&query) && r.one("name").is_none_or(|name| s.name == name)
    });
    let rows: Vec<Value> = found.map(|s| a.service_json(s, r)).collect();
    page(r, "services", &rows)
}

pub(super) fn service(a: &mut Account, r: &Request) -> Outcome {
    let service = a.service(&r.id).ok_or(Refusal::code(2100))?;
    Ok(Answer::ok(wrap("service", &a.service_json(service, r))))
}

pub(super) fn policies(a: &mut Account, r: &Request) -> Outcome {
    let query = r.one("query").unwrap_or_default().to_lowercase();
    let found = a.policies.iter().filter(|p| p.name.to_lowercase().contains(&query));
    let rows: Vec<Value> = found.map(|p| a.policy_json(p)).collect();
    page(r, "escalation_policies", &rows)
}

pub(super) fn policy(a: &mut Account, r: &Request) -> Outcome {
    let policy = a.policy(&r.id).ok_or(Refusal::code(2100))?;
    Ok(Answer::ok(wrap("escalation_policy", &a.policy_json(policy))))
}

pub(super) fn schedules(a: &mut Account, r: &Request) -> Outcome {
    let query = r.one("query").unwrap_or_default().to_lowercase();
    let found = a.schedules.iter().filter(|s| s.name.to_lowercase().contains(&query));
    let rows: Vec<Value> = found.map(|s| a.schedule_json(s)).collect();
    page(r, "schedules", &rows)
}

/// With `since` and `until` also the final schedule's entries, cut at these bounds.
pub(super) fn schedule(a: &mut Account, r: &Request) -> Outcome {
    let schedule = a.schedule(&r.id).ok_or(Refusal::code(2100))?;
    let mut value = a.schedule_json(schedule);
    if let (Some(since), Some(until)) = (time(r, "since")?, time(r, "until")?) {
        if until < since {
            return Err(Refusal::code(2005));
        }
        let entries: Vec<Value> = schedule
            .shifts
            .iter()
            .filter(|shift| overlaps(shift, since, until))
            .map(|shift| {
                json!({
                    "start": in_zone(shift.start.max(since), ZONE),
                    "end": in_zone(shift.end.min(until), ZONE),
                    "user": a.user_ref(&shift.user),
                })
            })
            .collect();
        value["final_schedule"] = json!({"name": "Final Schedule", "rendered_schedule_entries": entries});
    }
    Ok(Answer::ok(wrap("schedule", &value)))
}

/// Full users. Without a range it is everybody of the rotation, not who is on call.
pub(super) fn schedule_users(a: &mut Account, r: &Request) -> Outcome {
    let schedule = a.schedule(&r.id).ok_or(Refusal::code(2100))?;
    let range = time(r, "since")?.zip(time(r, "until")?);
    let mut found: Vec<&str> = Vec::new();
    for shift in &schedule.shifts {
        let wanted = range.is_none_or(|(since, until)| overlaps(shift, since, until));
        if wanted && !found.contains(&shift.user.as_str()) {
            found.push(&shift.user);
        }
    }
    let rows: Vec<Value> = found.iter().map(|u| a.user_json(u, false)).collect();
    Ok(Answer::ok(json!({"users": rows})))
}

/// Most severe first; 402 when the plan has none.
pub(super) fn priorities(a: &mut Account, r: &Request) -> Outcome {
    let priorities = a.priorities.as_ref().ok_or(Refusal::code(2014))?;
    let rows: Vec<Value> = priorities.iter().map(|p| a.priority_json(p)).collect();
    page(r, "priorities", &rows)
}

#[expect(clippy::unnecessary_wraps, reason = "endpoints have one signature")]
pub(super) fn abilities(a: &mut Account, _: &Request) -> Outcome {
    Ok(Answer::ok(json!({"abilities": a.abilities})))
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

    #[tokio::test]
    async fn people_are_found_with_their_contacts() {
        let probe = Probe::start().await;
        let (_, body) = probe.get("/users?query=ANA&include[]=contact_methods").await;
        let user = &body["users"][0];
        assert_eq!(body["users"].as_array().unwrap().len(), 1);
        assert_eq!(user["contact_methods"][1]["country_code"], 44);
        assert_eq!(user["contact_methods"][1]["address"], "2079460001");
        assert_eq!(probe.get("/users/PANA001").await.1["user"]["name"], "Ana Example");
        assert_eq!(probe.get("/users/PNOSUCH").await.0, 404);
        let (_, body) = probe.get("/users/PBEN001/contact_methods").await;
        assert_eq!(body["contact_methods"][0]["address"], "ben@example.com");
    }

    #[tokio::test]
    async fn services_policies_and_schedules_name_each_other() {
        let probe = Probe::start().await;
        let (_, body) = probe.get("/services?query=pay&include[]=escalation_policies").await;
        let policy = &body["services"][0]["escalation_policy"];
        assert_eq!(policy["escalation_rules"][0]["targets"][0]["type"], "schedule_reference");
        assert_eq!(probe.get("/services/PSVC001").await.1["service"]["status"], "active");
        let (_, body) = probe.get("/escalation_policies/PEP0001").await;
        assert_eq!(body["escalation_policy"]["services"][0]["summary"], "payments-api");
        assert_eq!(
            probe.get("/escalation_policies").await.1["escalation_policies"].as_array().unwrap().len(),
            2
        );
        let range = "since=2026-11-21T12:00:00Z&until=2026-11-21T12:00:01Z";
        let (_, body) = probe.get(&format!("/schedules/PSCHED1?{range}")).await;
        let entry = &body["schedule"]["final_schedule"]["rendered_schedule_entries"][0];
        assert_eq!(
            (&entry["user"]["id"], &entry["end"]),
            (&json!("PANA001"), &json!("2026-11-21T07:00:01-05:00"))
        );
        assert_eq!(body["schedule"]["escalation_policies"][0]["id"], "PEP0001");
        let on_call = probe.get(&format!("/schedules/PSCHED1/users?{range}")).await.1;
        assert_eq!(on_call["users"].as_array().unwrap().len(), 1);
        assert_eq!(probe.get("/schedules/PSCHED1/users").await.1["users"].as_array().unwrap().len(), 2);
        assert_eq!(probe.get("/schedules?query=nobody").await.1["schedules"][0]["id"], "PSCHED2");
    }

    #[tokio::test]
    async fn priorities_and_abilities_depend_on_the_plan() {
        let probe = Probe::start().await;
        let (_, body) = probe.get("/priorities").await;
        assert_eq!(
            (&body["priorities"][0]["name"], &body["priorities"][0]["type"]),
            (&json!("P1"), &json!("priority"))
        );
        probe.pagerduty.disable_priorities();
        let (status, body) = probe.get("/priorities").await;
        assert_eq!((status, &body["error"]["code"]), (402, &json!(2014)));
        probe.pagerduty.set_abilities(&["teams"]);
        assert_eq!(probe.get("/abilities").await.1, json!({"abilities": ["teams"]}));
    }
}
