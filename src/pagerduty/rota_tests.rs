//! Who is on call, against recorded answers and against the simulated PagerDuty's own HTTP.

use std::time::Duration;

use serde_json::json;

use super::tests::{at, client};
use super::*;
use crate::clock::Timestamp;
use crate::http_client::stub::Stub;
use crate::sim::desk::Desk;
use crate::sim::pagerduty::{Layer, PagerDuty, Rotation};

const HOUR: Duration = Duration::from_hours(1);
const DAY: Duration = Duration::from_hours(24);

async fn oncalls(
    client: &Client,
    policies: &[&str],
    schedules: &[&str],
    since: Option<Timestamp>,
) -> Vec<OnCall> {
    let owned = |ids: &[&str]| ids.iter().map(ToString::to_string).collect::<Vec<_>>();
    let (policy_ids, schedule_ids) = (owned(policies), owned(schedules));
    let wanted = Filter { policy_ids: &policy_ids, schedule_ids: &schedule_ids };
    client.oncalls(&wanted, since, since.map(|at| at + HOUR)).await.expect("read")
}

#[tokio::test]
async fn on_calls_by_policy_and_by_schedule_are_joined_without_doubles() {
    let stub = Stub::start().await;
    let row = json!({
        "user": {"id": "PANA", "type": "user", "name": "Ana", "summary": "Ana E", "email": "ana@example.com"},
        "schedule": {"id": "PSCH", "type": "schedule_v3_reference", "summary": "Daily"},
        "escalation_policy": {"id": "PEP", "summary": "Payments"}, "escalation_level": 2,
        "start": "2015-03-06T15:28:51-05:00", "end": "2015-03-07T15:28:51.5-05:00"});
    let direct = json!({"user": {"id": "PBEN", "summary": "Ben"}, "schedule": null,
        "escalation_policy": {"id": "PEP", "summary": "Payments"}, "escalation_level": 1, "start": null, "end": null});
    stub.on("/oncalls", 200, json!({"oncalls": [row, direct, row], "limit": 100, "more": false}).to_string());
    let found = oncalls(&client(&stub), &["PEP"], &["PSCH"], None).await;
    assert_eq!((found.len(), found[0].is_v3, found[1].is_v3), (2, true, false));
    assert_eq!((found[0].user_name.as_str(), found[0].schedule_name.as_deref()), ("Ana", Some("Daily")));
    assert_eq!(found[0].ends_at, Some(at("2015-03-07T20:28:51.5Z")));
    assert_eq!(
        (found[1].email.as_deref(), found[1].schedule_id.as_deref(), found[1].ends_at),
        (None, None, None)
    );
    let asked = stub.asked();
    assert_eq!(asked[0].field("escalation_policy_ids[]").as_deref(), Some("PEP"));
    assert_eq!(asked[0].field("schedule_ids[]"), None, "both in one call would mean both at once");
    assert_eq!(asked[1].field("schedule_ids[]").as_deref(), Some("PSCH"));
    assert_eq!(asked[1].field("time_zone").as_deref(), Some("UTC"));
}

#[tokio::test]
async fn ids_go_out_in_as_few_calls_as_fit() {
    let stub = Stub::start().await;
    stub.on("/oncalls", 200, r#"{"oncalls":[],"limit":100,"more":false}"#);
    let ids = |count: usize, width: usize| (0..count).map(|n| format!("P{n:0width$}")).collect::<Vec<_>>();
    for (width, policies, schedules, calls) in [(6, 0, 0, 0), (6, 200, 201, 3), (13, 200, 1000, 7)] {
        let before = stub.asked().len();
        let (policy_ids, schedule_ids) = (ids(policies, width), ids(schedules, width));
        let wanted = Filter { policy_ids: &policy_ids, schedule_ids: &schedule_ids };
        client(&stub).oncalls(&wanted, None, None).await.expect("read");
        let asked = stub.asked().split_off(before);
        assert_eq!(asked.len(), calls);
        assert!(asked.iter().all(|one| one.query.len() < 7_800 && one.field("since").is_none()));
        let named = asked.iter().flat_map(super::super::http_client::stub::Asked::form);
        assert_eq!(named.filter(|(name, _)| name.ends_with("_ids[]")).count(), policies + schedules);
    }
    let now = at("2026-11-21T10:00:00Z");
    oncalls(&client(&stub), &[], &["PSCH"], Some(now)).await;
    let range = ["since", "until"].map(|name| stub.last().field(name));
    assert_eq!(range, [Some("2026-11-21T10:00:00Z".into()), Some("2026-11-21T11:00:00Z".into())]);
}

/// The simulated account, and our client for it.
async fn account() -> (PagerDuty, Client, Desk, Clock) {
    let clock = Clock::manual(at("2026-11-21T10:00:00Z"));
    let desk = Desk::new(clock.clone());
    let pagerduty = PagerDuty::start(clock.clone(), desk.clone()).await.expect("a free port");
    for (id, name) in [("PANA", "Ana"), ("PBEN", "Ben"), ("PCHO", "Cho")] {
        pagerduty.add_user(id, name, &format!("{}@example.com", name.to_lowercase()), None);
    }
    let settings = Settings {
        api_url: pagerduty.api_url(),
        events_url: pagerduty.events_url(),
        token: PagerDuty::TOKEN.into(),
        from_email: PagerDuty::FROM_EMAIL.into(),
    };
    let http = crate::http_client::client(Duration::from_secs(5));
    let client = Client::new(http, clock.clone(), settings, std::sync::Arc::new(|_, _, _, _| {}));
    (pagerduty, client, desk, clock)
}

#[tokio::test]
async fn a_thousand_schedules_are_ten_pages() {
    let (pagerduty, client, desk, clock) = account().await;
    let ids: Vec<String> = (0..1000).map(|n| format!("PSCH{n:04}")).collect();
    for id in &ids {
        let layer = Layer::new("Weekly", clock.now() - DAY, DAY * 7, &["PANA", "PBEN"]);
        pagerduty.add_layered_schedule(id, id, "Europe/London", &[layer]);
        pagerduty.add_escalation_policy(&format!("PEP{id}"), "Policy", &[&[id]]);
    }
    let wanted = Filter { schedule_ids: &ids, ..Filter::default() };
    let now = clock.now();
    let rows = client.oncalls(&wanted, Some(now), Some(now)).await.expect("read");
    assert_eq!((rows.len(), desk.count("GET /oncalls")), (1000, 10));
    assert!(rows.iter().all(|row| row.email.as_deref() == Some("ana@example.com") && !row.is_v3));
    assert_eq!(rows[0].ends_at, Some(now + DAY * 6));
}

#[tokio::test]
async fn both_kinds_of_schedule_are_listed_and_told_apart() {
    let (pagerduty, client, desk, clock) = account().await;
    let now = clock.now();
    pagerduty.add_schedule("PONE", "One", &[("PANA", now, now + DAY)]);
    pagerduty.add_schedule("PTWO", "Two", &[]);
    pagerduty.add_v3_schedule("PVEE", "Vee", "UTC", &[Rotation::daily("ROT1", now, &["PBEN", "PCHO"])]);
    pagerduty.add_escalation_policy("PEP", "Payments", &[&["PONE", "PVEE"]]);
    let listed = client.schedules().await.expect("listed");
    let brief: Vec<_> = listed.iter().map(|s| (s.name.as_str(), s.is_v3, s.policy_ids.as_deref())).collect();
    let used = ["PEP".to_owned()];
    let none: &[String] = &[];
    assert_eq!(brief, [("One", false, Some(&used[..])), ("Two", false, Some(none)), ("Vee", true, None)]);
    let rows = oncalls(&client, &[], &["PONE", "PVEE", "PTWO"], Some(now)).await;
    let brief: Vec<_> = rows.iter().map(|r| (r.user_name.as_str(), r.is_v3)).collect();
    assert_eq!(brief, [("Ana", false), ("Ben", true)]);

    desk.always("GET /v3/", crate::sim::desk::Fault::Refuse { code: "2010".into() });
    assert_eq!(
        client.schedules().await.expect("listed").len(),
        2,
        "an account without shift-based schedules"
    );
    desk.always("GET /v3/", crate::sim::desk::Fault::Unavailable { status: 502 });
    assert!(client.schedules().await.is_err(), "half a list would hide schedules");
}

#[tokio::test]
async fn a_schedule_says_who_is_on_call_and_why() {
    let (pagerduty, client, _desk, clock) = account().await;
    let now = clock.now();
    let low = Layer::new("Everyday", now - HOUR, DAY, &["PANA", "PBEN"]);
    let high = Layer::new("Weekend", now - HOUR, DAY * 7, &["PCHO"])
        .only(&[crate::sim::pagerduty::Restriction::weekly(6, 12, 0, HOUR)]);
    pagerduty.add_layered_schedule("PSCH", "Support", "America/New_York", &[low, high]);
    let who = async || {
        let found = client.schedule_now("PSCH", false, clock.now()).await.expect("read").expect("there");
        found.into_iter().map(|d| (d.user_id.to_string(), d.through, d.until)).collect::<Vec<_>>()
    };
    let layer = |name: &str| Through::Layer(name.into());
    // Noon in New York is 17:00 in UTC.
    let noon = at("2026-11-21T17:00:00Z");
    assert_eq!(who().await, [("PANA".into(), layer("Everyday"), Some(noon))]);
    clock.advance(HOUR * 7);
    assert_eq!(who().await, [("PCHO".into(), layer("Weekend"), Some(noon + HOUR))]);
    pagerduty.add_override("PSCH", "PBEN", noon, noon + HOUR * 3);
    assert_eq!(who().await, [("PBEN".into(), Through::Override, Some(noon + HOUR * 3))]);
    pagerduty.edit_layers("PSCH", &[Layer::new("Alone", now, DAY, &["PANA"])]);
    clock.advance(HOUR * 3);
    assert_eq!(who().await, [("PANA".into(), layer("Alone"), None)]);
    assert_eq!(client.schedule_now("PNONE", false, now).await.expect("asked"), None);
    assert_eq!(client.schedule_now("PSCH", true, now).await.expect_err("no shifts").code(), Some("400/2001"));
}

#[tokio::test]
async fn a_shift_based_schedule_says_so_too() {
    let (pagerduty, client, _desk, clock) = account().await;
    let now = clock.now();
    let (one, two) =
        (Rotation::daily("ROT1", now, &["PANA", ""]), Rotation::daily("ROT2", now, &["PBEN", "PCHO"]));
    pagerduty.add_v3_schedule("PVEE", "Vee", "UTC", &[one, two]);
    pagerduty.cover("PVEE", "ROT1", ("PANA", "PCHO"), (now, now + HOUR));
    pagerduty.add_custom_shift("PVEE", &["PANA"], now, now + HOUR * 2);
    let who = async || {
        let found = client.schedule_now("PVEE", true, clock.now()).await.expect("read").expect("there");
        let mut found: Vec<_> =
            found.into_iter().map(|d| (d.user_id.to_string(), d.through, d.until)).collect();
        found.sort_by(|a, b| a.0.cmp(&b.0));
        found
    };
    let shifts = || "Shifts".to_owned();
    assert_eq!(
        who().await,
        [
            ("PANA".into(), Through::CustomShift, Some(now + HOUR * 2)),
            ("PBEN".into(), Through::Rotation(shifts()), Some(now + DAY)),
            ("PCHO".into(), Through::RotationOverride(shifts()), Some(now + HOUR)),
        ]
    );
    clock.advance(DAY);
    let expected = [("PCHO".to_owned(), Through::Rotation(shifts()), Some(now + DAY * 2))];
    assert_eq!(who().await, expected, "an empty member is nobody");
    assert_eq!(client.schedule_now("PNONE", true, now).await.expect("asked"), None);
}

#[tokio::test]
async fn an_answer_without_its_list_is_none() {
    for body in
        ["{}", r#"{"error":{"message":"Internal"}}"#, r#"{"oncalls":null,"users":null,"schedule":{}}"#]
    {
        let stub = Stub::start().await;
        for path in ["/oncalls", "/users", "/schedules/PS1", "/v3/schedules/PS1", "/priorities", "/abilities"]
        {
            stub.on(path, 200, body);
        }
        let client = client(&stub);
        let ids = ["PS1".to_owned()];
        let wanted = Filter { policy_ids: &[], schedule_ids: &ids };
        let now = at("2026-11-21T10:00:00Z");
        let answers = [
            client.oncalls(&wanted, None, None).await.map(|_| ()),
            client.users_with_contacts().await.map(|_| ()),
            client.schedule_now("PS1", false, now).await.map(|_| ()),
            client.schedule_now("PS1", true, now).await.map(|_| ()),
            client.members_of("PS1").await.map(|_| ()),
            client.priorities().await.map(|_| ()),
            client.abilities().await.map(|_| ()),
        ];
        for answer in answers {
            let problem = answer.expect_err("no answer").problem;
            assert!(matches!(problem, Problem::Unavailable { .. }), "{problem:?}");
        }
    }
}

#[tokio::test]
async fn pages_end_when_one_is_empty_or_they_run_in_circles() {
    let stub = Stub::start().await;
    stub.on("/oncalls", 200, r#"{"oncalls":[],"limit":100,"more":true}"#);
    assert!(oncalls(&client(&stub), &[], &["PS1"], None).await.is_empty());
    assert_eq!(stub.asked().len(), 1);

    let stub = Stub::start().await;
    let user = json!({"users": [{"id": "PANA", "name": "Ana"}], "limit": 100, "more": true});
    stub.on("/users", 200, user.to_string());
    let circle = client(&stub).users_with_contacts().await.expect_err("no end");
    assert!(matches!(circle.problem, Problem::Unavailable { .. }), "{circle:?}");
    assert_eq!(stub.asked().len(), 101);
}
