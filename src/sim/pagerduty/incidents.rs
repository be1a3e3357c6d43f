//! The REST calls that open, list, merge and snooze incidents, and how their bodies are read.
//! PagerDuty API reference, "Create an incident" and "List incidents".

use std::cmp::Ordering;
use std::time::Duration;

use serde_json::Value;

use crate::clock::Timestamp;

use super::answer::{Answer, Outcome, Refusal, page};
use super::server::{Request, wrap};
use super::state::{Account, Incident, Status};
use super::verbs::NewIncident;

const DAY: Duration = Duration::from_hours(24);

pub(super) fn get(a: &mut Account, r: &Request) -> Outcome {
    let n = a.incident_of(r)?;
    Ok(Answer::ok(wrap("incident", &a.incident_json(n, &r.all("include[]")))))
}

/// Without `date_range=all` only what was created in the window counts: the last 30 days unless told otherwise.
pub(super) fn list(a: &mut Account, r: &Request) -> Outcome {
    let window = match r.one("date_range") {
        Some("all") => None,
        _ => Some(window(a.clock.now(), r)?),
    };
    let fits = |i: &Incident| {
        let assigned = |u: &&str| i.assignees.iter().any(|a| a == u);
        let users = r.all("user_ids[]");
        window.is_none_or(|(since, until)| since <= i.created_at && i.created_at <= until)
            && r.lets_through("statuses[]", i.status.as_str())
            && r.lets_through("service_ids[]", &i.service_id)
            && r.lets_through("urgencies[]", &i.urgency)
            && r.one("incident_key").is_none_or(|key| i.incident_key.as_deref() == Some(key))
            && (users.is_empty() || users.iter().any(assigned))
    };
    let mut found: Vec<usize> = (0..a.incidents.len()).filter(|&n| fits(&a.incidents[n])).collect();
    let order = r.one("sort_by").unwrap_or("created_at:asc");
    for field in order.rsplit(',') {
        let (field, direction) = field.split_once(':').unwrap_or((field, "asc"));
        let by = compare_by(field)?;
        found.sort_by(|&x, &y| {
            let order = by(&a.incidents[x], &a.incidents[y]);
            if direction == "desc" { order.reverse() } else { order }
        });
    }
    let include = r.all("include[]");
    let rows: Vec<Value> = found.iter().map(|&n| a.incident_json(n, &include)).collect();
    page(r, "incidents", &rows)
}

fn compare_by(field: &str) -> Result<fn(&Incident, &Incident) -> Ordering, Refusal> {
    match field {
        "incident_number" => Ok(|x, y| x.number.cmp(&y.number)),
        "created_at" => Ok(|x, y| x.created_at.cmp(&y.created_at)),
        "resolved_at" => Ok(|x, y| x.resolved_at.cmp(&y.resolved_at)),
        "urgency" => Ok(|x, y| x.urgency.cmp(&y.urgency)),
        _ => Err(Refusal::invalid("sort_by is not a valid field.")),
    }
}

fn window(now: Timestamp, r: &Request) -> Result<(Timestamp, Timestamp), Refusal> {
    let until = time(r, "until")?.unwrap_or(now);
    let since = time(r, "since")?.unwrap_or(until - DAY * 30);
    if until < since || until.since(since) > DAY * 184 {
        return Err(Refusal::code(2005));
    }
    Ok((since, until))
}

/// An ISO 8601 time of the query, or 2004.
pub(super) fn time(r: &Request, name: &str) -> Result<Option<Timestamp>, Refusal> {
    r.one(name).map(|text| Timestamp::parse(text).map_err(|_| Refusal::code(2004))).transpose()
}

pub(super) fn create(a: &mut Account, r: &Request) -> Outcome {
    let by = a.requester(r)?;
    if !r.body["incident"].is_object() {
        return Err(Refusal::because(2003, "incident is missing"));
    }
    if r.text("/incident/type") != Some("incident") {
        return Err(Refusal::invalid("Incident type must be \"incident\"."));
    }
    let title = title(&r.body["incident"])?.ok_or_else(|| Refusal::invalid("Title cannot be empty."))?;
    let service = r.text("/incident/service/id").ok_or(Refusal::invalid("Service cannot be empty."))?;
    let service = a.service(service).ok_or(Refusal::code(5002))?.id.clone();
    let details = &r.body["incident"]["body"]["details"];
    if !details.is_null() && !details.is_string() {
        return Err(Refusal::invalid("Body details must be a string."));
    }
    let assignees = assignees(a, &r.body["incident"])?;
    let policy = policy(a, &r.body["incident"])?;
    if assignees.is_some() && policy.is_some() {
        return Err(Refusal::invalid("Assignments and escalation policy cannot both be given."));
    }
    if assignees.as_ref().is_some_and(|people| people.len() != 1) {
        return Err(Refusal::invalid("An incident can be created with one assignee only."));
    }
    let text = |pointer: &str| r.text(pointer).map(String::from);
    let key = text("/incident/incident_key").filter(|k| !k.is_empty());
    let new = NewIncident {
        service,
        policy,
        assignee: assignees.and_then(|mut people| people.pop()),
        title,
        urgency: urgency(&r.body["incident"])?.unwrap_or_else(|| "high".into()),
        priority: match priority(a, &r.body["incident"])? {
            Wish::Named(name) => Some(name),
            Wish::Unsaid | Wish::Without => None,
        },
        key: Some(key.unwrap_or_else(|| a.fresh_id('K').to_lowercase())),
        body: text("/incident/body/details"),
        conference_number: text("/incident/conference_bridge/conference_number"),
        conference_url: text("/incident/conference_bridge/conference_url"),
        by: Some(by),
    };
    let n = a.create(new)?;
    Ok(Answer::created(wrap("incident", &a.incident_json(n, &[]))))
}

/// The sources are resolved; their reason names the incident of the path.
pub(super) fn merge(a: &mut Account, r: &Request) -> Outcome {
    let by = a.requester(r)?;
    let into = a.incident_of(r)?;
    let listed = r.body["source_incidents"].as_array().filter(|l| !l.is_empty());
    let listed = listed.ok_or(Refusal::because(2003, "source_incidents is missing"))?;
    let find = |item: &Value| a.find(item["id"].as_str().unwrap_or_default()).ok_or(Refusal::code(5001));
    let sources: Vec<usize> = listed.iter().map(find).collect::<Result<_, _>>()?;
    for source in sources {
        a.merge(source, into, &by)?;
    }
    Ok(Answer::ok(wrap("incident", &a.incident_ref(into, &a.summary(into)))))
}

/// For 1 s to 7 days. The incident counts as acknowledged; a test wakes it with `unacknowledge`.
pub(super) fn snooze(a: &mut Account, r: &Request) -> Outcome {
    let by = a.requester(r)?;
    let n = a.incident_of(r)?;
    if !r.body["duration"].as_u64().is_some_and(|secs| (1..=604_800).contains(&secs)) {
        return Err(Refusal::code(1013));
    }
    match a.incidents[n].status {
        Status::Resolved => return Err(Refusal::code(1001)),
        Status::Triggered => a.acknowledge(n, Some(&by))?,
        Status::Acknowledged => {}
    }
    a.record(n, "snooze_log_entry", Some(&by), "snoozed {}");
    Ok(Answer::created(wrap("incident", &a.incident_json(n, &[]))))
}

pub(super) fn title(body: &Value) -> Result<Option<String>, Refusal> {
    match &body["title"] {
        Value::Null => Ok(None),
        Value::String(text) if !text.trim().is_empty() => Ok(Some(text.clone())),
        _ => Err(Refusal::invalid("Title cannot be empty.")),
    }
}

pub(super) fn urgency(body: &Value) -> Result<Option<String>, Refusal> {
    match &body["urgency"] {
        Value::Null => Ok(None),
        Value::String(word) if matches!(word.as_str(), "high" | "low") => Ok(Some(word.clone())),
        _ => Err(Refusal::invalid("Urgency must be \"high\" or \"low\".")),
    }
}

/// What a body says about the priority.
pub(super) enum Wish {
    Unsaid,
    Without,
    Named(String),
}

/// A reference by id, or a bare name; null takes it away.
pub(super) fn priority(a: &Account, body: &Value) -> Result<Wish, Refusal> {
    let wanted = match body.get("priority") {
        None => return Ok(Wish::Unsaid),
        Some(Value::Null) => return Ok(Wish::Without),
        Some(Value::String(name)) => a.priority(name).filter(|p| p.name == *name),
        Some(reference) => reference["id"].as_str().and_then(|id| a.priority(id).filter(|p| p.id == id)),
    };
    wanted.map(|p| Wish::Named(p.name.clone())).ok_or(Refusal::code(1020))
}

pub(super) fn policy(a: &Account, body: &Value) -> Result<Option<String>, Refusal> {
    match &body["escalation_policy"] {
        Value::Null => Ok(None),
        reference => {
            let found = reference["id"].as_str().and_then(|id| a.policy(id));
            found.map(|p| Some(p.id.clone())).ok_or(Refusal::code(1014))
        }
    }
}

pub(super) fn assignees(a: &Account, body: &Value) -> Result<Option<Vec<String>>, Refusal> {
    let Some(listed) = body["assignments"].as_array().filter(|l| !l.is_empty()) else { return Ok(None) };
    let person = |item: &Value| {
        let user = item["assignee"]["id"].as_str().and_then(|id| a.user(id));
        user.map(|u| u.id.clone()).ok_or(Refusal::code(1007))
    };
    listed.iter().map(person).collect::<Result<_, _>>().map(Some)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use serde_json::{Value, json};

    use crate::sim::pagerduty::PagerDuty;
    use crate::sim::pagerduty::probe::{Probe, read};

    fn declaration() -> Value {
        json!({"incident": {
            "type": "incident", "title": "payments-down", "urgency": "high",
            "service": {"id": "PSVC001", "type": "service_reference"},
            "priority": {"id": "PPRIO01", "type": "priority_reference"},
            "incident_key": "key-1",
            "body": {"type": "incident_body", "details": "Declared by @ana"},
            "conference_bridge": {"conference_url": "https://acme.slack.com/archives/C1"},
            "no_such_field": true,
        }})
    }

    #[tokio::test]
    async fn a_declared_incident_rings_the_first_level() {
        let probe = Probe::start().await;
        let (status, body) = probe.send("POST", "/incidents", declaration()).await;
        assert_eq!(status, 201);
        let created = &body["incident"];
        assert_eq!(created["summary"], "[#1] payments-down");
        assert_eq!(created["created_at"], "2026-11-21T10:00:00Z");
        assert_eq!(created["priority"]["summary"], "P1");
        assert_eq!(created["assignments"][0]["assignee"]["id"], "PANA001");
        assert_eq!(probe.get(&format!("/incidents/{}", created["id"].as_str().unwrap())).await.1, body);
        assert_eq!(probe.get("/incidents/1").await.1, body, "also by number");

        let incident = &probe.pagerduty.incidents()[0];
        assert!(incident.status == "triggered" && incident.level == 1);
        assert_eq!(incident.body.as_deref(), Some("Declared by @ana"));
        let pages = probe.pagerduty.pages();
        assert_eq!(pages.iter().map(|p| p.user_id.as_str()).collect::<Vec<_>>(), ["PANA001"]);
        assert_eq!(probe.events(), ["triggered"]);
    }

    #[tokio::test]
    async fn a_key_is_held_by_one_open_incident_of_a_service() {
        let probe = Probe::start().await;
        let id = probe.declare("payments-down", "key-1").await;
        let (status, body) = probe.send("POST", "/incidents", declaration()).await;
        assert_eq!(status, 400);
        insta::assert_snapshot!(body, @r#"{"error":{"code":2002,"errors":["Open incident with matching dedup key already exists on this service"],"message":"Arguments Caused Error"}}"#);
        probe.pagerduty.resolve(&id, Some("PANA001"));
        assert_eq!(probe.send("POST", "/incidents", declaration()).await.0, 201);
        assert_eq!(probe.pagerduty.find_by_key("key-1").len(), 2);
        let reopen = json!({"incident": {"type": "incident_reference", "status": "triggered"}});
        let (_, body) = probe.send("PUT", &format!("/incidents/{id}"), reopen).await;
        assert_eq!(body["error"]["code"], 2002, "the key has a new holder");
    }

    #[tokio::test]
    async fn what_cannot_be_created_says_why() {
        let probe = Probe::start().await;
        let cases: &[(&str, Value, u16)] = &[
            ("/incident/title", json!("  "), 2001),
            ("/incident/type", json!("incident_reference"), 2001),
            ("/incident/service/id", json!("PNOSUCH"), 5002),
            ("/incident/service/id", json!("PSVC002"), 1015),
            ("/incident/priority/id", json!("P1"), 1020),
            ("/incident/urgency", json!("critical"), 2001),
            ("/incident/body/details", json!({"text": "object"}), 2001),
        ];
        for (pointer, value, code) in cases {
            let mut body = declaration();
            *body.pointer_mut(pointer).unwrap() = value.clone();
            let (status, answer) = probe.send("POST", "/incidents", body).await;
            assert_eq!(
                (status, &answer["error"]["code"]),
                (400, &json!(code)),
                "{pointer} = {value}: {answer}"
            );
        }
        for (field, value, code) in [
            ("escalation_policy", json!({"id": "PNOSUCH"}), 1014),
            ("escalation_policy", json!({"id": "PEPEMPTY"}), 1015),
            ("assignments", json!([{"assignee": {"id": "PNOSUCH"}}]), 1007),
        ] {
            let mut body = declaration();
            body["incident"][field] = value;
            let (_, answer) = probe.send("POST", "/incidents", body).await;
            assert_eq!(answer["error"]["code"], code, "{field}");
        }
        assert_eq!(probe.pagerduty.incidents().len(), 0);
        assert_eq!(probe.events(), Vec::<String>::new());
    }

    #[tokio::test]
    async fn from_must_name_a_user() {
        let probe = Probe::start().await;
        let without = read(probe.request("POST", "/incidents").json(&declaration())).await;
        assert_eq!(without.0, 400);
        assert!(without.1["error"]["errors"][0].as_str().unwrap().contains("\"From\" header"));
        let stranger = probe.request("POST", "/incidents").header("from", "stranger@example.com");
        assert_eq!(read(stranger.json(&declaration())).await.1["error"]["code"], 1008);
    }

    #[tokio::test]
    async fn an_incident_given_to_its_creator_is_acknowledged_and_rings_nobody() {
        let probe = Probe::start().await;
        let mut body = declaration();
        body["incident"]["assignments"] =
            json!([{"assignee": {"id": PagerDuty::FROM_ID, "type": "user_reference"}}]);
        let (_, answer) = probe.send("POST", "/incidents", body).await;
        assert_eq!(answer["incident"]["status"], "acknowledged");
        assert!(probe.pagerduty.pages().is_empty());
        assert_eq!(probe.events(), ["triggered", "acknowledged"]);
    }

    #[tokio::test]
    async fn a_list_looks_back_one_month_unless_told_to_look_at_all() {
        let probe = Probe::start().await;
        probe.declare("old", "key-old").await;
        probe.clock.advance(Duration::from_hours(31 * 24));
        let ana = probe.pagerduty.trigger("PSVC001", "new", "low");
        let titles = async |query: &str| {
            let (_, body) = probe.get(&format!("/incidents?{query}")).await;
            let rows = body["incidents"].as_array().unwrap().clone();
            rows.iter().map(|i| i["title"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
        };
        assert_eq!(titles("").await, ["new"]);
        assert!(titles("incident_key=key-old").await.is_empty(), "the trap");
        assert_eq!(titles("incident_key=key-old&date_range=all").await, ["old"]);
        assert_eq!(titles("date_range=all&sort_by=created_at:desc").await, ["new", "old"]);
        assert_eq!(titles("date_range=all&urgencies%5B%5D=high").await, ["old"]);
        probe.pagerduty.acknowledge(&ana, "PBEN001");
        assert_eq!(titles("date_range=all&statuses[]=acknowledged&statuses[]=resolved").await, ["new"]);
        assert_eq!(titles("date_range=all&service_ids[]=PSVC002").await, Vec::<String>::new());
        assert_eq!(titles("date_range=all&status=resolved").await.len(), 2, "a misspelt filter is ignored");
        let (status, body) = probe.get("/incidents?date_range=all&limit=1&total=true").await;
        assert_eq!((status, &body["more"], &body["total"]), (200, &json!(true), &json!(2)));
        assert_eq!(probe.get("/incidents?limit=101").await.0, 400);
        assert_eq!(probe.get("/incidents?since=2020-01-01T00:00:00Z").await.1["error"]["code"], 2005);
    }

    #[tokio::test]
    async fn a_merge_resolves_the_source_with_the_target_as_its_reason() {
        let probe = Probe::start().await;
        let main = probe.declare("payments-down", "key-1").await;
        let other = probe.pagerduty.trigger("PSVC001", "payments-slow", "high");
        let body = json!({"source_incidents": [{"id": other, "type": "incident_reference"}]});
        let (status, answer) = probe.send("PUT", &format!("/incidents/{main}/merge"), body.clone()).await;
        assert_eq!((status, &answer["incident"]["type"]), (200, &json!("incident_reference")));
        let merged = probe.pagerduty.incident(&other).unwrap();
        assert!(merged.status == "resolved" && merged.merged_into.as_deref() == Some(&main));
        let (_, again) = probe.send("PUT", &format!("/incidents/{main}/merge"), body).await;
        assert_eq!(again["error"]["code"], 1019);
        assert_eq!(probe.events(), ["triggered", "triggered", "resolved"]);
    }

    #[tokio::test]
    async fn a_snooze_acknowledges_for_up_to_a_week() {
        let probe = Probe::start().await;
        let id = probe.declare("payments-down", "key-1").await;
        let path = format!("/incidents/{id}/snooze");
        assert_eq!(probe.send("POST", &path, json!({"duration": 604_801})).await.1["error"]["code"], 1013);
        let (status, body) = probe.send("POST", &path, json!({"duration": 3600})).await;
        assert_eq!((status, &body["incident"]["status"]), (201, &json!("acknowledged")));
    }
}
