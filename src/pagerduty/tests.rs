//! The client against recorded answers: what goes out, and what each kind of answer means.

use std::time::Duration;

use serde_json::json;

use super::*;
use crate::clock::Timestamp;
use crate::http_client::stub::Stub;
use crate::ids::{PagerDutyIncidentId, PagerDutyUserId};

pub(super) fn client_at(stub: &Stub, clock: &Clock) -> Client {
    let settings = Settings {
        api_url: stub.url.clone(),
        events_url: format!("{}/events/", stub.url),
        token: "hidden".into(),
        from_email: "bot@example.com".into(),
    };
    Client::new(crate::http_client::client(Duration::from_secs(5)), clock.clone(), settings, stub.observer())
}

pub(super) fn client(stub: &Stub) -> Client {
    client_at(stub, &clock())
}

fn clock() -> Clock {
    Clock::manual(at("2026-11-21T10:00:00Z"))
}

pub(super) fn at(text: &str) -> Timestamp {
    Timestamp::parse(text).expect("a time")
}

fn id() -> PagerDutyIncidentId {
    PagerDutyIncidentId::new("Q1")
}

fn reference(id: &str, name: &str) -> Value {
    json!({"id": id, "type": "user_reference", "summary": name, "self": "…", "html_url": format!("https://a/{id}")})
}

fn incident(id: &str, status: &str, created_at: &str) -> Value {
    json!({
        "id": id, "type": "incident", "summary": "[#1234] payments-down", "incident_number": 1234,
        "title": "payments-down", "created_at": created_at, "updated_at": null, "status": status,
        "incident_key": "key-1", "urgency": "high", "html_url": "https://acme.pagerduty.com/incidents/Q1",
        "service": {"id": "PSVC", "type": "service_reference", "summary": "payments"},
        "escalation_policy": {"id": "PEP", "type": "escalation_policy_reference", "summary": "Payments"},
        "assignments": [{"at": created_at, "assignee": reference("PANA", "Ana")}],
        "acknowledgements": [{"at": "2015-10-06T16:31:00-05:00", "acknowledger": reference("PBEN", "Ben")}],
        "last_status_change_at": "2015-10-06T21:38:23Z", "last_status_change_by": reference("PBEN", "Ben"),
        "priority": {"id": "P53", "type": "priority_reference", "summary": "P2"}, "resolved_at": null,
        "resolve_reason": {"type": "merge_resolve_reason", "incident": {"id": "Q9"}},
        "conference_bridge": {"conference_number": 1_415_555, "conference_url": null},
    })
}

fn new_incident<'a>() -> NewIncident<'a> {
    NewIncident {
        title: "payments-down",
        service_id: "PSVC",
        escalation_policy_id: None,
        assignee_id: None,
        priority_id: Some("P53"),
        urgency: Urgency::High,
        incident_key: "key-1",
        details: "Declared by Ana",
        conference_url: Some("https://acme.slack.com/archives/C1"),
    }
}

#[tokio::test]
async fn a_declared_incident_goes_out_and_comes_back_whole() {
    let stub = Stub::start().await;
    let body = json!({"incident": incident("Q1", "triggered", "2015-10-06T16:30:42-05:00")});
    stub.on("/incidents", 201, body.to_string());
    let made = client(&stub).create_incident(&new_incident()).await.expect("made");
    let asked = stub.last();
    assert_eq!(
        ["authorization", "accept", "from", "content-type"].map(|name| asked.headers[name].as_str()),
        [
            "Token token=hidden",
            "application/vnd.pagerduty+json;version=2",
            "bot@example.com",
            "application/json"
        ]
    );
    assert_eq!(
        asked.json(),
        json!({"incident": {
            "type": "incident", "title": "payments-down", "urgency": "high", "incident_key": "key-1",
            "service": {"id": "PSVC", "type": "service_reference"},
            "priority": {"id": "P53", "type": "priority_reference"},
            "body": {"type": "incident_body", "details": "Declared by Ana"},
            "conference_bridge": {"conference_url": "https://acme.slack.com/archives/C1"},
        }})
    );
    assert_eq!((made.number, made.status, made.urgency), (1234, Status::Triggered, Urgency::High));
    assert_eq!(made.created_at, at("2015-10-06T21:30:42Z"));
    assert_eq!((made.priority.as_deref(), made.resolved_at), (Some("P2"), None));
    assert_eq!(made.assignees[0].summary, "Ana");
    assert_eq!(
        (made.acknowledgers[0].0.id.as_str(), made.acknowledgers[0].1),
        ("PBEN", at("2015-10-06T21:31:00Z"))
    );
    assert_eq!(made.merged_into, Some(PagerDutyIncidentId::new("Q9")));
    assert_eq!((made.service_id.as_str(), made.escalation_policy_id.as_str()), ("PSVC", "PEP"));
}

#[tokio::test]
async fn errors_are_read_however_they_are_written() {
    let text = "Open incident with matching dedup key already exists on this service";
    let duplicate = json!({"error": {"message": "Arguments Caused Error", "code": 2002, "errors": [text]}});
    let cases = [
        (400, duplicate.to_string(), "400/2002", format!("Arguments Caused Error: {text}"), true),
        (
            400,
            r#"{"error":{"message":"Bad","code":"2001","errors":"Title"}}"#.into(),
            "400/2001",
            "Bad: Title".into(),
            false,
        ),
        (400, r#"{"error":{"errors":{"event.since":["must be"]}}}"#.into(), "400", "must be".into(), false),
        (400, r#"{"error":["one","two"]}"#.into(), "400", "one: two".into(), false),
        (401, r#"{"error":"who are you"}"#.into(), "401", "who are you".into(), false),
        (
            400,
            r#"{"error":{"message":"Incident key is too long","code":2001}}"#.into(),
            "400/2001",
            "Incident key is too long".into(),
            false,
        ),
        (403, "<html>no</html>".into(), "403", String::new(), false),
        (400, String::new(), "400", String::new(), false),
    ];
    for (status, body, code, detail, is_duplicate) in cases {
        let stub = Stub::start().await;
        stub.on("/incidents", status, body.clone());
        let error = client(&stub).create_incident(&new_incident()).await.expect_err(&body);
        assert_eq!(error.problem, Problem::Rejected { code: code.into(), detail }, "{body}");
        assert_eq!(is_duplicate_key(&error), is_duplicate, "{body}");
    }
    for (status, body) in [(408, ""), (500, "<html>"), (503, "{}"), (200, "<html>"), (201, "{}"), (302, "")] {
        let stub = Stub::start().await;
        stub.on("/incidents", status, body);
        let error = client(&stub).create_incident(&new_incident()).await.expect_err(body);
        assert!(
            matches!(error.problem, Problem::Unavailable { .. }) && !is_duplicate_key(&error),
            "{status}: {error}"
        );
        assert!(!format!("{error:?}").contains("hidden"));
    }
}

#[tokio::test]
async fn a_limit_holds_for_the_token_but_a_calls_own_limit_for_that_call_alone() {
    let (stub, clock) = (Stub::start().await, clock());
    stub.on_with(
        "/oncalls",
        429,
        &[("ratelimit-reset", "20")],
        r#"{"error":{"message":"Rate Limit Exceeded"}}"#,
    );
    stub.on("/priorities", 429, "").on("/priorities", 200, r#"{"priorities":[]}"#);
    stub.on("/abilities", 200, r#"{"abilities":["teams"]}"#);
    stub.on(
        "/incidents",
        201,
        json!({"incident": incident("Q1", "triggered", "2015-10-06T21:30:42Z")}).to_string(),
    );
    let client = client_at(&stub, &clock);
    let policies = ["PEP".to_owned()];
    let wanted = Filter { policy_ids: &policies, ..Filter::default() };
    let after = |secs| Problem::RateLimited { after: Duration::from_secs(secs) };
    let oncalls = client.oncalls(&wanted, None, None).await.expect_err("limited");
    assert_eq!(oncalls.problem, after(20));
    assert_eq!(client.abilities().await.expect("not limited"), ["teams"]);
    assert_eq!(client.priorities().await.expect_err("a bare 429").problem, after(5));
    assert_eq!(client.abilities().await.expect_err("the same token").problem, after(5));
    client.create_incident(&new_incident()).await.expect("paging is not held back on suspicion");
    clock.advance(Duration::from_secs(5));
    assert_eq!(client.priorities().await.expect("open again"), []);
    assert_eq!(client.oncalls(&wanted, None, None).await.expect_err("still").problem, after(15));
}

#[tokio::test]
async fn looking_up_by_key_reads_all_time_and_puts_the_newest_first() {
    let stub = Stub::start().await;
    let incidents = [
        incident("Q1", "resolved", "2015-10-06T21:30:42Z"),
        incident("Q2", "triggered", "2016-10-06T21:30:42Z"),
    ];
    stub.on("/incidents", 200, json!({"incidents": incidents, "limit": 100, "more": false}).to_string());
    let found = client(&stub).find_by_key("key-1", "PSVC").await.expect("found");
    assert_eq!(found.iter().map(|i| i.id.as_str()).collect::<Vec<_>>(), ["Q2", "Q1"]);
    assert_eq!(found[1].status, Status::Resolved);
    let asked = stub.last();
    let expected = [
        ("incident_key", "key-1"),
        ("service_ids[]", "PSVC"),
        ("date_range", "all"),
        ("sort_by", "created_at:desc"),
        ("limit", "100"),
        ("offset", "0"),
    ];
    assert_eq!(asked.form(), expected.map(|(key, value)| (key.to_owned(), value.to_owned())));
}

#[tokio::test]
async fn open_incidents_come_from_every_page_once() {
    let stub = Stub::start().await;
    let (first, second) = (
        incident("Q1", "triggered", "2015-10-06T21:30:42Z"),
        incident("Q2", "novel", "2015-10-06T21:30:42Z"),
    );
    stub.on(
        "/incidents",
        200,
        json!({"incidents": [first], "limit": 1, "offset": 0, "more": true}).to_string(),
    );
    stub.on("/incidents", 200, json!({"incidents": [first, second], "limit": 1, "more": false}).to_string());
    let client = client(&stub);
    assert_eq!(client.open_incidents(&[]).await.expect("nothing asked"), []);
    let found = client.open_incidents(&["PSVC".into(), "PSV2".into()]).await.expect("read");
    assert_eq!(found.iter().map(|i| i.status).collect::<Vec<_>>(), [Status::Triggered, Status::Other]);
    let asked = stub.asked();
    assert_eq!((asked.len(), asked[1].field("offset").as_deref()), (2, Some("1")));
    assert!(asked[0].query.contains("service_ids%5B%5D=PSVC&service_ids%5B%5D=PSV2"));
    assert!(asked[0].query.contains("statuses%5B%5D=triggered&statuses%5B%5D=acknowledged"));
}

#[tokio::test]
async fn what_is_there_already_is_fine_and_what_is_not_there_is_none() {
    let stub = Stub::start().await;
    let client = client(&stub);
    let refused = |code: u32| json!({"error": {"message": "Incident Already …", "code": code}}).to_string();
    stub.on("/incidents/Q1", 400, refused(1001)).on("/incidents/Q1", 400, refused(1002));
    stub.on("/incidents/Q1", 400, refused(1001)).on("/incidents/Q1", 404, refused(2100));
    let resolve = Change { status: Some(Status::Resolved), resolution: Some("fixed"), ..Change::default() };
    let acknowledge = Change { status: Some(Status::Acknowledged), ..Change::default() };
    client.update_incident(&id(), &resolve).await.expect("resolved already");
    let body = stub.last().json();
    assert_eq!(
        body,
        json!({"incident": {"type": "incident_reference", "status": "resolved", "resolution": "fixed"}})
    );
    client.update_incident(&id(), &acknowledge).await.expect("acknowledged already");
    let error = client.update_incident(&id(), &acknowledge).await.expect_err("resolved, so not acknowledged");
    assert_eq!(error.code(), Some("400/1001"));
    assert_eq!(client.incident(&id()).await.expect("asked"), None);
    stub.on("/services/P%2F..", 404, "");
    assert_eq!(client.service("P/..").await.expect("asked"), None);
    stub.on("/priorities", 402, r#"{"error":{"code":2014}}"#);
    assert_eq!(client.priorities().await.expect("the plan has none"), []);
}

#[tokio::test]
async fn changes_name_only_what_changes() {
    let stub = Stub::start().await;
    stub.on(
        "/incidents/Q1",
        200,
        json!({"incident": incident("Q1", "triggered", "2015-10-06T21:30:42Z")}).to_string(),
    );
    let change = Change {
        title: Some("t"),
        urgency: Some(Urgency::Low),
        priority_id: Some("P1"),
        escalation_level: Some(2),
        escalation_policy_id: Some("PEP"),
        ..Change::default()
    };
    client(&stub).update_incident(&id(), &change).await.expect("changed");
    assert_eq!(stub.last().method, "PUT");
    assert_eq!(
        stub.last().json()["incident"],
        json!({
            "type": "incident_reference", "title": "t", "urgency": "low", "escalation_level": 2,
            "priority": {"id": "P1", "type": "priority_reference"},
            "escalation_policy": {"id": "PEP", "type": "escalation_policy_reference"},
        })
    );
}

#[tokio::test]
async fn notes_responders_and_the_log() {
    let stub = Stub::start().await;
    let note = json!({"id": "PN1", "user": reference("PANA", "Ana"), "content": "hi", "created_at": "2013-03-06T15:28:51-05:00"});
    stub.on("/incidents/Q1/notes", 200, json!({"note": note}).to_string());
    stub.on("/incidents/Q1/notes", 200, json!({"notes": [note]}).to_string());
    stub.on("/incidents/Q1/responder_requests", 200, r#"{"responder_request":{}}"#);
    let entry = json!({"id": "R1", "type": "notify_log_entry", "summary": "Notified Ana", "created_at": "2015-11-07T00:14:20Z",
        "agent": {"id": "PSVC", "type": "service_reference", "summary": "payments"}, "channel": {"type": "auto", "summary": "SMS"},
        "assignees": [reference("PANA", "Ana")], "event_details": {"description": "disk full"}});
    stub.on(
        "/incidents/Q1/log_entries",
        200,
        json!({"log_entries": [entry], "limit": 100, "more": false}).to_string(),
    );
    let client = client(&stub);
    assert_eq!(client.add_note(&id(), "hi").await.expect("added"), "PN1");
    assert_eq!(stub.last().json(), json!({"note": {"content": "hi"}}));
    let notes = client.notes(&id()).await.expect("read");
    assert_eq!(
        (notes[0].user_id.clone(), notes[0].created_at),
        (Some(PagerDutyUserId::new("PANA")), at("2013-03-06T20:28:51Z"))
    );
    let requester = PagerDutyUserId::new("PBOT");
    let users = [PagerDutyUserId::new("PBEN")];
    client.request_responders(&id(), &requester, "come", &users, &["PEP".into()]).await.expect("asked");
    assert_eq!(
        stub.last().json(),
        json!({"requester_id": "PBOT", "message": "come", "responder_request_targets": [
            {"responder_request_target": {"id": "PBEN", "type": "user_reference"}},
            {"responder_request_target": {"id": "PEP", "type": "escalation_policy_reference"}},
        ]})
    );
    let log = client.log_entries(&id(), Some(at("2015-11-07T00:00:00Z"))).await.expect("read");
    assert_eq!(stub.last().field("since").as_deref(), Some("2015-11-07T00:00:00Z"));
    assert_eq!((log[0].kind.as_str(), log[0].channel_summary.as_str()), ("notify_log_entry", "SMS"));
    assert_eq!((log[0].message.as_deref(), log[0].note.as_deref()), (Some("disk full"), None));
    assert_eq!(log[0].agent.as_ref().map(|agent| agent.kind.as_str()), Some("service_reference"));
}

#[tokio::test]
async fn people_services_and_priorities() {
    let stub = Stub::start().await;
    let ana = json!({"id": "PANA", "type": "user", "name": "Ana", "email": "Ana@Example.com", "time_zone": "America/Lima",
        "html_url": "https://a/PANA", "contact_methods": [
            {"id": "C1", "type": "phone_contact_method", "label": "Work", "address": "5551234", "country_code": 49, "enabled": false},
            {"id": "C2", "type": "email_contact_method", "label": "Default", "address": "ana@example.com"},
            {"id": "C3", "type": "push_notification_contact_method", "address": "x"},
            {"id": "C4", "type": "sms_contact_method_reference", "summary": "no address"}]});
    let other = json!({"id": "PX", "type": "user", "name": "ana@example.com", "email": null, "contact_methods": null});
    stub.on("/users", 200, json!({"users": [other, ana], "limit": 100, "more": false}).to_string());
    let service = json!({"id": "PSVC", "name": "payments", "status": "active", "html_url": "https://a/PSVC",
        "escalation_policy": {"id": "PEP", "type": "escalation_policy_reference", "summary": "Payments"}});
    let services = json!({"services": [service, {"id": "PX"}], "limit": 100, "more": false});
    stub.on("/services", 200, services.to_string()).on(
        "/services/PSVC",
        200,
        json!({"service": service}).to_string(),
    );
    stub.on("/priorities", 200, r#"{"priorities":[{"id":"P53","type":"priority","name":"P1"}]}"#);
    let client = client(&stub);
    let users = client.users_with_contacts().await.expect("read");
    let methods: Vec<_> =
        users[1].contact_methods.iter().map(|m| (m.kind, m.enabled, m.country_code.as_deref())).collect();
    assert_eq!(
        methods,
        [
            (ContactKind::Phone, false, Some("49")),
            (ContactKind::Email, true, None),
            (ContactKind::Other, true, None)
        ]
    );
    let found = client.user_by_email("ana@example.com").await.expect("read");
    assert_eq!(found.map(|user| user.id), Some(PagerDutyUserId::new("PANA")));
    assert_eq!(stub.last().field("query").as_deref(), Some("ana@example.com"));
    let one = client.service("PSVC").await.expect("read").expect("there");
    assert_eq!((one.escalation_policy_id.as_str(), one.escalation_policy_name.as_str()), ("PEP", "Payments"));
    assert_eq!(client.services(&["PSVC".into(), "PGONE".into()]).await.expect("read"), [one]);
    assert_eq!(client.priorities().await.expect("read"), [Priority { id: "P53".into(), name: "P1".into() }]);
}

#[tokio::test]
async fn events_carry_no_token_and_each_routing_key_has_its_own_limit() {
    let stub = Stub::start().await;
    let accepted = r#"{"status":"success","message":"Event processed","dedup_key":"key-1"}"#;
    stub.on("/events/v2/enqueue", 202, accepted).on("/events/v2/enqueue", 429, "");
    stub.on(
        "/events/v2/enqueue",
        400,
        r#"{"status":"invalid event","message":"Event object is invalid","errors":["'source' is missing"]}"#,
    );
    let (key, other): (SecretString, SecretString) = ("routing-hidden".into(), "other-hidden".into());
    let event = Event {
        routing_key: &key,
        action: Action::Trigger,
        dedup_key: "key-1",
        summary: &"s".repeat(2000),
        source: "firebell",
        severity: Severity::Critical,
        link: Some(("https://acme.slack.com/archives/C1", "Channel")),
    };
    let client = client(&stub);
    client.enqueue(&event).await.expect("accepted");
    let asked = stub.last();
    assert!(!asked.headers.contains_key("authorization"));
    let body = asked.json();
    assert_eq!((&body["event_action"], &body["routing_key"]), (&json!("trigger"), &json!("routing-hidden")));
    assert_eq!(body["payload"]["summary"].as_str().map(str::len), Some(1024));
    assert_eq!(body["links"][0]["text"], "Channel");
    let resolve = Event { action: Action::Resolve, ..event.clone() };
    assert!(matches!(client.enqueue(&resolve).await.expect_err("429").problem, Problem::RateLimited { .. }));
    let expected = json!({"routing_key": "routing-hidden", "event_action": "resolve", "dedup_key": "key-1"});
    assert_eq!(stub.last().json(), expected);
    let error =
        client.enqueue(&Event { routing_key: &other, ..event.clone() }).await.expect_err("sent, and refused");
    assert_eq!(
        error.to_string(),
        "PagerDuty refused POST /v2/enqueue: 400 (Event object is invalid: 'source' is missing)"
    );
    assert!(!format!("{event:?}").contains("hidden"));
}

#[test]
fn the_documentation_of_each_method_says_what_the_data_says() {
    let sources =
        [include_str!("incidents.rs"), include_str!("people.rs"), include_str!("schedules.rs")].concat();
    for (index, spec) in CALLS.iter().enumerate() {
        let (method, path) = spec.name.split_once(' ').expect("a method and a path");
        let page = if spec.name == "POST /v2/enqueue" {
            "docs/send-alert-event".to_owned()
        } else {
            let path = path.replace('/', "~1").replace('{', "%7B").replace('}', "%7D");
            format!("api-reference/reference/REST/openapiv3.json/paths/{path}/{}", method.to_lowercase())
        };
        let scopes = if spec.scopes.is_empty() { "no scope".to_owned() } else { spec.scopes.join(" ") };
        let line = format!(
            "/// <https://developer.pagerduty.com/{page}> · {scopes} · {} · {}\n",
            spec.tier, spec.effect
        );
        assert!(sources.contains(&line), "{line}");
        assert!(CALLS[..index].iter().all(|other| other.name != spec.name), "{} twice", spec.name);
    }
}
