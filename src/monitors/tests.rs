//! What monitors answer, and what it means: recorded answers, and those that no monitor should give.

use std::time::Duration;

use serde_json::{Value, json};

use super::*;
use crate::clock::Timestamp;
use crate::config::Config;
use crate::http_client::client;
use crate::http_client::stub::Stub;

const ALERTS: &str = "/api/v2/alerts";
const QUERY: &str = "/api/v1/query";
const SUMMARY: &str = "/api/v2/summary.json";

/// A check of this kind at the stub; an `http_json` is asked at `/health`.
fn check(stub: &Stub, kind: &str, more: &str) -> Check {
    let path = if kind == "http_json" { "/health?deep=1" } else { "" };
    let toml = format!(
        "[slack]\nbot_token = 'x'\nsigning_secrets = ['x']\n[[check]]\nname = 'it'\nkind = '{kind}'\nurl = '{}{path}'\n{more}",
        stub.url
    );
    let mut config = Config::from_toml(&toml).unwrap_or_else(|problems| panic!("{problems}"));
    config.checks.remove(0)
}

fn monitors(stub: &Stub) -> Client {
    Client::new(client(Duration::from_secs(5)), Clock::manual(Timestamp::from_secs(0)), stub.observer())
}

/// `STATE: note | note`, or what is wrong.
async fn read(kind: &str, path: &str, status: u16, body: &str, more: &str) -> String {
    let stub = Stub::start().await;
    stub.on(path, status, body);
    match monitors(&stub).read(&check(&stub, kind, more)).await {
        Ok(heard) => format!("{}: {}", heard.state, heard.notes.join(" | ")),
        Err(upstream) => upstream.to_string(),
    }
}

fn alert(name: &str, severity: &str) -> Value {
    json!({
        "labels": { "alertname": name, "severity": severity }, "annotations": { "summary": "it hurts" },
        "status": { "state": "active", "silencedBy": [], "inhibitedBy": [], "mutedBy": [] },
    })
}

#[tokio::test]
async fn the_worst_alert_counts() {
    let alerts =
        |alerts: Value| async move { read("alertmanager", ALERTS, 200, &alerts.to_string(), "").await };
    assert_eq!(alerts(json!([])).await, "NORMAL: ");
    assert_eq!(alerts(json!([alert("Watchdog", "page"), alert("InfoInhibitor", "page")])).await, "NORMAL: ");
    assert_eq!(alerts(json!([alert("Fyi", "info")])).await, "NORMAL: ");
    let mut muted = alert("Muted", "page");
    muted["status"]["state"] = "suppressed".into();
    assert_eq!(alerts(json!([muted])).await, "NORMAL: ");
    assert_eq!(
        alerts(json!([alert("Slow", "warning"), alert("Down", "page"), alert("Full", "CRITICAL")])).await,
        "MAJOR_OUTAGE: Down (page): it hurts | Full (CRITICAL): it hurts | Slow (warning): it hurts"
    );
    assert_eq!(alerts(json!([alert("Odd", "p7")])).await, "DEGRADED: Odd (p7): it hurts", "listed nowhere");
    assert_eq!(alerts(json!([{ "labels": {} }])).await, "DEGRADED: an alert");
    let storm: Vec<Value> = (0..30).map(|n| alert(&format!("A{n:02}"), "page")).collect();
    assert!(alerts(storm.into()).await.ends_with("A02 (page): it hurts | and 27 more"));
}

#[tokio::test]
async fn alertmanager_is_asked_for_what_counts_with_its_token() {
    let stub = Stub::start().await;
    stub.on(ALERTS, 200, "[]");
    let check = check(
        &stub,
        "alertmanager",
        "bearer_token = 's3cret'\nfilter = ['severity=~\"page|critical\"', 'a=b']",
    );
    monitors(&stub).read(&check).await.expect("it answers");
    let asked = stub.last();
    assert_eq!(
        asked.query,
        "active=true&silenced=false&inhibited=false&unprocessed=false&filter=severity%3D%7E%22page%7Ccritical%22&filter=a%3Db"
    );
    assert_eq!(asked.headers["authorization"], "Bearer s3cret");
    assert!(!format!("{check:?}").contains("s3cret"));
}

#[tokio::test]
async fn values_are_held_against_their_bounds() {
    let bounds =
        "query = 'x'\ndegraded_below = 0.99\nmajor_below = 0.5\ndegraded_above = 10\npartial_above = 20";
    let value = |value: &'static str| async move {
        let body = json!({ "status": "success", "data": { "resultType": "vector", "result": [
            { "metric": { "__name__": "up", "job": "api" }, "value": [1, value] },
        ] } });
        read("prometheus", QUERY, 200, &body.to_string(), bounds).await
    };
    assert_eq!(value("0.99").await, "NORMAL: ");
    assert_eq!(value("0.98").await, "DEGRADED: {job=api} 0.98 is below 0.99");
    assert_eq!(value("0.4").await, "MAJOR_OUTAGE: {job=api} 0.4 is below 0.5");
    assert_eq!(value("20.5").await, "PARTIAL_OUTAGE: {job=api} 20.5 is above 20");
    assert_eq!(value("+Inf").await, "PARTIAL_OUTAGE: {job=api} inf is above 20");
    assert_eq!(value("-Inf").await, "MAJOR_OUTAGE: {job=api} -inf is below 0.5");
    assert_eq!(value("NaN").await, "UNKNOWN: {job=api} is no number");
    assert_eq!(value("much").await, "UNKNOWN: {job=api} is no number");

    let data = |data: Value| async move {
        read("prometheus", QUERY, 200, &json!({ "status": "success", "data": data }).to_string(), bounds)
            .await
    };
    assert_eq!(
        data(json!({ "resultType": "vector", "result": [] })).await,
        "UNKNOWN: the query finds no data"
    );
    assert_eq!(
        data(json!({ "resultType": "scalar", "result": [1, "0.1"] })).await,
        "MAJOR_OUTAGE: 0.1 is below 0.5"
    );
    let two = json!({ "resultType": "vector", "result": [
        { "metric": { "job": "a" }, "value": [1, "1"] }, { "metric": { "job": "b" }, "value": [1, "0.9"] },
    ] });
    assert_eq!(data(two).await, "DEGRADED: {job=b} 0.9 is below 0.99", "the worst series counts");
    assert_eq!(
        data(json!({ "resultType": "matrix", "result": [] })).await,
        "The monitor did not answer prometheus GET /api/v1/query: the query gives a matrix; it must give one value a series"
    );
    let error = json!({ "status": "error", "errorType": "bad_data", "error": "parse error" }).to_string();
    assert_eq!(
        read("prometheus", QUERY, 400, &error, bounds).await,
        "The monitor refused prometheus GET /api/v1/query: HTTP 400 (parse error)"
    );
}

#[tokio::test]
async fn prometheus_gets_its_password() {
    let stub = Stub::start().await;
    stub.on(QUERY, 200, r#"{"status":"success","data":{"resultType":"vector","result":[]}}"#);
    let check =
        check(&stub, "prometheus", "basic_auth = 'ana:s3:cret'\nquery = 'sum(up) > 1'\nmajor_below = 1");
    monitors(&stub).read(&check).await.expect("it answers");
    let asked = stub.last();
    assert_eq!(asked.field("query").as_deref(), Some("sum(up) > 1"));
    assert_eq!(asked.headers["authorization"], "Basic YW5hOnMzOmNyZXQ=");
}

#[tokio::test]
async fn a_page_is_as_bad_as_its_worst_part() {
    let page = |indicator: &'static str, status: &'static str| async move {
        let body = json!({ "status": { "indicator": indicator, "description": "Words" }, "components": [
            { "name": "API", "status": status, "group": false },
            { "name": "All", "status": "major_outage", "group": true },
        ] });
        read("statuspage", SUMMARY, 200, &body.to_string(), "").await
    };
    assert_eq!(page("none", "operational").await, "NORMAL: ");
    assert_eq!(page("minor", "degraded_performance").await, "DEGRADED: API: degraded performance | Words");
    assert_eq!(page("none", "major_outage").await, "MAJOR_OUTAGE: API: major outage");
    assert_eq!(page("critical", "operational").await, "MAJOR_OUTAGE: Words");
    assert_eq!(page("major", "under_maintenance").await, "PARTIAL_OUTAGE: Words | API: under maintenance");
    assert_eq!(page("maintenance", "operational").await, "MAINTENANCE: Words");
    assert_eq!(
        page("purple", "on_fire").await,
        "UNKNOWN: API: on fire | Words",
        "unknown words are not good news"
    );
}

#[tokio::test]
async fn any_json_can_say_how_something_is() {
    let words = "pointer = '/checks/0/ok'\nnormal = ['true', 'OK']\ndegraded = ['slow']\npartial = ['2']\nmajor = ['down']\nmaintenance = ['planned']";
    let says = |status: u16, value: Value| async move {
        read("http_json", "/health", status, &json!({ "checks": [{ "ok": value }] }).to_string(), words).await
    };
    assert_eq!(says(200, "ok".into()).await, "NORMAL: ");
    assert_eq!(says(200, true.into()).await, "NORMAL: ");
    assert_eq!(says(200, 2.into()).await, "PARTIAL_OUTAGE: says “2”");
    assert_eq!(says(503, "down".into()).await, "MAJOR_OUTAGE: says “down”", "health checks answer so");
    assert_eq!(says(503, "ok".into()).await, "The monitor did not answer http_json GET: HTTP 503");
    assert_eq!(says(200, "planned".into()).await, "MAINTENANCE: says “planned”");
    assert_eq!(
        says(200, "purple".into()).await,
        "UNKNOWN: says “purple”, which the configuration does not list"
    );
    assert_eq!(
        says(200, json!({})).await,
        "The monitor did not answer http_json GET: the answer has no /checks/0/ok"
    );
}

#[tokio::test]
async fn what_is_no_answer_is_a_problem_and_never_good_news() {
    let more = |kind| match kind {
        "prometheus" => "query = 'x'\nmajor_below = 1",
        "http_json" => "pointer = '/status'\nnormal = ['ok']",
        _ => "",
    };
    for (kind, path) in
        [("alertmanager", ALERTS), ("prometheus", QUERY), ("statuspage", SUMMARY), ("http_json", "/health")]
    {
        for body in ["<html>", "{}", "null", "[[]]", "\"ok\"", "", "{\"status\":[]}", "[{}]"] {
            let said = read(kind, path, 200, body, more(kind)).await;
            assert!(said.starts_with("The monitor did not answer"), "{kind} {body}: {said}");
        }
        for status in [302, 500, 502] {
            let said = read(kind, path, status, "<html>", more(kind)).await;
            assert!(said.contains(&format!("HTTP {status}")), "{kind} {status}: {said}");
        }
        let said = read(kind, path, 429, "", more(kind)).await;
        assert!(said.contains("asks us to wait"), "{kind}: {said}");
    }
    let refused = read("alertmanager", ALERTS, 400, "\"bad matcher format\"", "").await;
    assert_eq!(refused, "The monitor refused alertmanager GET /api/v2/alerts: HTTP 400 (bad matcher format)");
}
