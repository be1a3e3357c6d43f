//! Schedules over HTTP: what each call shows of layers, overrides and shifts, now and later.

use std::time::Duration;

use serde_json::{Value, json};

use super::probe::{Probe, read};
use super::{Layer, Restriction, Rotation};
use crate::clock::Timestamp;

const DAY: Duration = Duration::from_hours(24);
const HOUR: Duration = Duration::from_hours(1);

fn at(text: &str) -> Timestamp {
    Timestamp::parse(text).unwrap()
}

/// Five past ten on Saturday, 21 November 2026 (UTC). Ana and Ben by day, nobody by night; a schedule on a policy.
async fn probe() -> Probe {
    let probe = Probe::start().await;
    let pd = &probe.pagerduty;
    pd.add_user("PCHO001", "Cho Example", "cho@example.com", None);
    let days = Layer::new("Days", at("2026-11-20T09:00:00Z"), DAY, &["PANA001", "PBEN001"])
        .only(&[Restriction::daily(9, 0, HOUR * 12)]);
    let weekend = Layer::new("Weekend", at("2026-11-01T00:00:00Z"), DAY, &["PCHO001"])
        .only(&[Restriction::weekly(7, 0, 0, DAY)]);
    pd.add_layered_schedule("PLAYERS", "Support", "Europe/London", &[days, weekend]);
    pd.add_escalation_policy("PEP9", "Support", &[&["PLAYERS"]]);
    probe
}

/// `user start end` per row of `/oncalls` on the policy PEP9.
async fn rows(probe: &Probe, query: &str) -> Vec<String> {
    let path = format!("/oncalls?escalation_policy_ids[]=PEP9&time_zone=UTC{query}");
    let (status, body) = probe.get(&path).await;
    assert_eq!(status, 200, "{body}");
    let text = |v: &Value| v.as_str().unwrap_or("-").replace(":00Z", "").replace("2026-11-", "");
    let row = |r: &Value| format!("{} {} {}", text(&r["user"]["id"]), text(&r["start"]), text(&r["end"]));
    body["oncalls"].as_array().unwrap().iter().map(row).collect()
}

#[tokio::test]
async fn rows_have_the_real_bounds_of_the_final_schedule() {
    let probe = probe().await;
    assert_eq!(rows(&probe, "").await, ["PBEN001 21T09:00 21T21:00"]);
    let two_days = "&since=2026-11-21T12:00:00Z&until=2026-11-23T12:00:00Z";
    let whole = ["PBEN001 21T09:00 21T21:00", "PCHO001 22T00:00 23T00:00", "PBEN001 23T09:00 23T21:00"];
    assert_eq!(rows(&probe, two_days).await, whole, "Ana's Sunday is hidden by the layer above");
    probe.clock.advance(HOUR * 12);
    assert_eq!(rows(&probe, "").await, Vec::<String>::new());
    assert_eq!(probe.pagerduty.on_call_now("PLAYERS"), Vec::<String>::new());
    let beyond = "&since=2027-03-01T10:00:00Z&until=2027-03-02T10:00:00Z";
    assert_eq!(rows(&probe, beyond).await, Vec::<String>::new(), "more than 90 days ahead");
}

#[tokio::test]
async fn alone_in_a_rotation_is_on_call_for_ever() {
    let probe = probe().await;
    let alone = Layer::new("Alone", at("2026-11-02T09:00:00Z"), DAY * 7, &["PANA001"]);
    probe.pagerduty.add_layered_schedule("PALONE", "Alone", "Asia/Tokyo", &[alone]);
    probe.pagerduty.add_escalation_policy("PEP9", "Alone", &[&["PALONE"]]);
    assert_eq!(rows(&probe, "").await, ["PANA001 02T09:00 -"]);
    let start = at("2026-11-02T09:00:00Z");
    probe.pagerduty.add_v3_schedule(
        "PV3",
        "Alone too",
        "UTC",
        &[Rotation::daily("ROT1", start, &["PBEN001"])],
    );
    probe.pagerduty.add_escalation_policy("PEP9", "Alone", &[&["PV3"]]);
    assert_eq!(rows(&probe, "").await, ["PBEN001 02T09:00 -"]);
    probe.pagerduty.add_escalation_policy("PEP9", "Alone", &[&["PANA001"]]);
    assert_eq!(rows(&probe, "").await, ["PANA001 - -"]);
}

#[tokio::test]
async fn the_override_created_last_wins_and_cuts_the_shifts() {
    let probe = probe().await;
    let (pd, now) = (&probe.pagerduty, at("2026-11-21T10:00:00Z"));
    let first = pd.add_override("PLAYERS", "PANA001", now + HOUR, now + HOUR * 5);
    let second = pd.add_override("PLAYERS", "PCHO001", now + HOUR * 2, now + HOUR * 3);
    let day = "&since=2026-11-21T10:00:00Z&until=2026-11-21T22:00:00Z";
    let expected = [
        "PBEN001 21T09:00 21T11:00",
        "PANA001 21T11:00 21T12:00",
        "PCHO001 21T12:00 21T13:00",
        "PANA001 21T13:00 21T15:00",
        "PBEN001 21T15:00 21T21:00",
    ];
    assert_eq!(rows(&probe, day).await, expected);
    pd.remove_override("PLAYERS", &second);
    assert_eq!(rows(&probe, day).await[1], "PANA001 21T11:00 21T15:00");
    probe.clock.advance(HOUR * 2);
    pd.remove_override("PLAYERS", &first);
    assert_eq!(pd.on_call_now("PLAYERS"), ["PBEN001"]);
    assert_eq!(rows(&probe, day).await[1], "PANA001 21T11:00 21T12:00");
}

#[tokio::test]
async fn an_edit_changes_who_is_on_call_and_leaves_the_past() {
    let probe = probe().await;
    let pd = &probe.pagerduty;
    let everybody = ["PCHO001", "PANA001"];
    pd.set_publishing_lag(Duration::from_secs(20));
    pd.edit_layers("PLAYERS", &[Layer::new("Days", at("2026-11-20T09:00:00Z"), DAY, &everybody)]);
    assert_eq!(pd.on_call_now("PLAYERS"), ["PANA001"]);
    assert_eq!(
        (pd.on_call_shown("PLAYERS"), rows(&probe, "").await[0].contains("PBEN")),
        (vec!["PBEN001".into()], true)
    );
    let explicit = "&since=2026-11-21T10:00:00.2Z";
    assert!(rows(&probe, explicit).await[0].contains("PBEN"), "an explicit time shows no more of the edit");
    probe.clock.advance(Duration::from_secs(20));
    assert_eq!(pd.on_call_shown("PLAYERS"), ["PANA001"]);
    let since = "&since=2026-11-21T09:30:00Z&until=2026-11-21T11:00:00Z";
    let shown = rows(&probe, since).await;
    assert_eq!(shown, ["PBEN001 21T09:00 21T10:00", "PANA001 21T10:00 22T09:00"]);
    pd.delete_schedule("PLAYERS");
    assert_eq!(rows(&probe, "").await, Vec::<String>::new());
    assert_eq!(probe.get("/schedules/PLAYERS").await.0, 404);
}

#[tokio::test]
async fn a_schedule_shows_layers_highest_first_and_what_they_render_to() {
    let probe = probe().await;
    probe.pagerduty.add_override(
        "PLAYERS",
        "PANA001",
        at("2026-11-21T20:00:00Z"),
        at("2026-11-21T23:00:00Z"),
    );
    let (_, body) = probe.get("/schedules/PLAYERS").await;
    let layers = &body["schedule"]["schedule_layers"];
    assert_eq!((&layers[0]["name"], &layers[1]["name"]), (&json!("Weekend"), &json!("Days")));
    assert_eq!(layers[0]["restrictions"][0]["start_day_of_week"], 7);
    assert_eq!(layers[1]["restrictions"][0]["type"], "daily_restriction");
    assert!(
        body["schedule"].get("final_schedule").is_none()
            && layers[0].get("rendered_schedule_entries").is_none()
    );
    let range = "since=2026-11-21T12:00:00Z&until=2026-11-22T12:00:00Z";
    let (_, body) = probe.get(&format!("/schedules/PLAYERS?{range}&time_zone=UTC")).await;
    let spans = |entries: &Value| {
        let entry = |e: &Value| {
            [&e["user"]["id"], &e["start"], &e["end"]].map(|v| v.as_str().unwrap().to_owned()).join(" ")
        };
        entries["rendered_schedule_entries"].as_array().unwrap().iter().map(entry).collect::<Vec<_>>()
    };
    let schedule = &body["schedule"];
    assert_eq!(
        spans(&schedule["final_schedule"]),
        [
            "PBEN001 2026-11-21T12:00:00Z 2026-11-21T20:00:00Z",
            "PANA001 2026-11-21T20:00:00Z 2026-11-21T23:00:00Z",
            "PCHO001 2026-11-22T00:00:00Z 2026-11-22T12:00:00Z"
        ]
    );
    let coverage = schedule["final_schedule"]["rendered_coverage_percentage"].as_f64().unwrap();
    assert!((coverage - 23.0 / 24.0 * 100.0).abs() < 0.01, "{coverage}");
    assert_eq!(spans(&schedule["overrides_subschedule"]).len(), 1);
    let days = &schedule["schedule_layers"][1];
    assert_eq!(spans(days)[0], "PBEN001 2026-11-21T12:00:00Z 2026-11-21T21:00:00Z");
    let (_, body) = probe.get(&format!("/schedules/PLAYERS?{range}&overflow=true")).await;
    assert!(spans(&body["schedule"]["final_schedule"])[0].starts_with("PBEN001 2026-11-21T09:00:00"));
    let (_, body) = probe.get(&format!("/schedules/PLAYERS/users?{range}")).await;
    assert_eq!(body["users"].as_array().unwrap().len(), 3);
}

#[tokio::test]
async fn overrides_come_and_go_with_their_odd_answers() {
    let probe = probe().await;
    let path = "/schedules/PLAYERS/overrides";
    let user = json!({"id": "PCHO001", "type": "user_reference"});
    let wanted = |start: &str, end: &str| json!({"start": start, "end": end, "user": user});
    let body = json!({"overrides": [
        wanted("2026-11-21T10:00:00Z", "2026-11-21T12:00:00Z"),
        wanted("2026-11-22T12:00:00Z", "2026-11-22T10:00:00Z"),
        wanted("2026-11-23T10:00:00Z", "2026-11-23T12:00:00Z"),
    ]});
    let (status, made) = probe.send("POST", path, body).await;
    let statuses: Vec<&Value> = made.as_array().unwrap().iter().map(|one| &one["status"]).collect();
    assert_eq!((status, statuses), (201, vec![&json!(201), &json!(400), &json!(201)]));
    assert_eq!(made[1]["errors"], json!(["Override must end after its start"]));
    assert_eq!(probe.pagerduty.on_call_now("PLAYERS"), ["PCHO001"]);
    let range = "since=2026-11-20T00:00:00Z&until=2026-11-30T00:00:00Z";
    assert_eq!(probe.get(path).await.0, 400);
    let (status, all) = probe.get(&format!("{path}?{range}")).await;
    assert_eq!((status, all["overrides"].as_array().unwrap().len()), (201, 2));
    assert!(all["overrides"][0].get("id").is_none(), "without editable there are no ids");
    let (_, editable) = probe.get(&format!("{path}?{range}&editable=true")).await;
    assert_eq!(editable["overrides"], json!([made[2]["override"]]));

    let delete =
        async |id: &Value| read(probe.request("DELETE", &format!("{path}/{}", id.as_str().unwrap()))).await.0;
    probe.clock.advance(HOUR);
    assert_eq!(delete(&made[0]["override"]["id"]).await, 200, "it was running");
    assert_eq!(delete(&made[0]["override"]["id"]).await, 400, "it is over");
    assert_eq!(delete(&made[2]["override"]["id"]).await, 204);
    assert_eq!(delete(&json!("PNOSUCH")).await, 404);
    assert_eq!(probe.pagerduty.on_call_now("PLAYERS"), ["PBEN001"]);
    assert_eq!(probe.send("POST", "/schedules/PNOSUCH/overrides", json!({})).await.0, 404);
    assert_eq!(probe.desk.unexpected(), Vec::<String>::new());
}

#[tokio::test]
async fn shift_based_schedules_have_several_people_at_once() {
    let probe = probe().await;
    let pd = &probe.pagerduty;
    let start = at("2026-11-16T09:00:00Z");
    let (one, two) = (
        Rotation::daily("ROT1", start, &["PANA001", ""]),
        Rotation::daily("ROT2", start, &["PBEN001", "PCHO001"]),
    );
    pd.add_v3_schedule("PV3", "Shifts", "UTC", &[one, two]);
    pd.add_escalation_policy("PEP9", "Shifts", &[&["PV3"]]);
    assert_eq!(rows(&probe, "").await, ["PCHO001 21T09:00 22T09:00"], "the empty member is nobody");
    probe.clock.advance(DAY);
    assert_eq!(pd.on_call_now("PV3"), ["PANA001", "PBEN001"]);
    let now = probe.clock.now();
    pd.cover("PV3", "ROT1", ("PANA001", "PCHO001"), (now, now + HOUR));
    let custom = pd.add_custom_shift("PV3", &["PANA001"], now, now + HOUR * 2);
    assert_eq!(pd.on_call_now("PV3"), ["PANA001", "PBEN001", "PCHO001"]);

    let path = "/v3/schedules/PV3?since=2026-11-22T10:00:01Z&until=2026-11-22T10:00:02Z";
    let (_, body) = probe.get(&format!("{path}&include[]=final_schedule")).await;
    let shifts = body["schedule"]["final_schedule"]["computed_shift_assignments"].as_array().unwrap();
    let shown: Vec<String> = shifts
        .iter()
        .map(|s| {
            format!("{} {}", s["member"]["user_id"].as_str().unwrap(), s["source"]["type"].as_str().unwrap())
        })
        .collect();
    assert_eq!(
        shown,
        ["PBEN001 schedule_rotation", "PCHO001 schedule_rotation_override", "PANA001 custom_shift"]
    );
    let event = &body["schedule"]["rotations"][0]["events"][0];
    assert_eq!(event["recurrence"], json!(["RRULE:FREQ=WEEKLY;BYDAY=MO,TU,WE,TH,FR,SA,SU"]));
    assert_eq!(event["assignment_strategy"]["members"][1], json!({"type": "empty_member"}));
    assert!(probe.get(path).await.1["schedule"].get("final_schedule").is_none());
    pd.remove_override("PV3", &custom);
    assert_eq!(pd.on_call_now("PV3"), ["PBEN001", "PCHO001"]);
}

#[tokio::test]
async fn each_kind_of_schedule_has_its_own_calls() {
    let probe = probe().await;
    let rotation = Rotation::daily("ROT1", at("2026-11-16T09:00:00Z"), &["PANA001"]);
    probe.pagerduty.add_v3_schedule("PV3", "Shifts", "UTC", std::slice::from_ref(&rotation));
    probe.pagerduty.add_escalation_policy("PEP9", "Shifts", &[&["PV3", "PLAYERS"]]);
    for (path, status) in [
        ("/v3/schedules/PLAYERS", 400),
        ("/schedules/PV3", 400),
        ("/v3/schedules/PNOSUCH", 404),
        ("/schedules/PNOSUCH", 404),
        ("/schedules/PV3/users", 400),
        ("/v3/schedules?limit=1000", 200),
        ("/v3/schedules?limit=1001", 400),
        ("/schedules?limit=101", 400),
    ] {
        assert_eq!(probe.get(path).await.0, status, "{path}");
    }
    let names = async |path: &str| {
        let (_, body) = probe.get(path).await;
        body["schedules"]
            .as_array()
            .unwrap()
            .iter()
            .map(|s| s["summary"].as_str().unwrap().to_owned())
            .collect::<Vec<_>>()
    };
    assert_eq!(names("/v3/schedules").await, ["Shifts"]);
    probe.pagerduty.rename_schedule("PLAYERS", "Help desk");
    assert_eq!(names("/schedules").await, ["Help desk", "Payments primary", "Nobody"]);
    let (_, body) = probe.get("/oncalls?schedule_ids[]=PV3&include[]=schedules").await;
    assert_eq!(body["oncalls"][0]["schedule"]["type"], "schedule_v3");
    let (_, body) = probe.get("/oncalls?schedule_ids[]=PV3").await;
    assert_eq!(body["oncalls"][0]["schedule"]["type"], "schedule_v3_reference");
    probe.pagerduty.edit_rotations("PLAYERS", &[rotation]);
    assert_eq!(
        (probe.get("/schedules/PLAYERS").await.0, probe.get("/v3/schedules/PLAYERS").await.0),
        (400, 200)
    );
}

#[tokio::test]
async fn the_clocks_go_back_and_the_rota_with_them() {
    let probe = probe().await;
    let layer = Layer::new("Daily", at("2026-10-20T08:00:00Z"), DAY, &["PANA001", "PBEN001"]);
    probe.pagerduty.add_layered_schedule("PDST", "London", "Europe/London", &[layer]);
    probe.pagerduty.add_escalation_policy("PEP9", "London", &[&["PDST"]]);
    let range = "&since=2026-10-24T12:00:00Z&until=2026-10-25T12:00:00Z";
    let expected = ["PANA001 2026-10-24T08:00 2026-10-25T09:00", "PBEN001 2026-10-25T09:00 2026-10-26T09:00"];
    assert_eq!(rows(&probe, range).await, expected);
}
