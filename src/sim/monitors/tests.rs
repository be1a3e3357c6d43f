//! The simulated monitors answer what the real ones answer.

use serde_json::{Value, json};

use super::Monitors;
use crate::clock::{Clock, Timestamp};
use crate::sim::desk::{Desk, Fault};

struct Probe {
    monitors: Monitors,
    desk: Desk,
    http: reqwest::Client,
}

impl Probe {
    async fn start() -> Self {
        let clock = Clock::manual(Timestamp::from_secs(1_795_255_200));
        let desk = Desk::new(clock.clone());
        rustls::crypto::ring::default_provider().install_default().ok();
        let http = reqwest::Client::builder().no_proxy().tls_certs_only([]).build().expect("a client");
        let monitors = Monitors::start(clock, desk.clone()).await.expect("it listens");
        Self { monitors, desk, http }
    }

    #[expect(clippy::disallowed_methods, reason = "the probe speaks plain HTTP to the simulator")]
    async fn get(&self, monitor: &str, rest: &str) -> (u16, Value) {
        let request = self.http.get(format!("{}{rest}", self.monitors.url(monitor)));
        let request = match monitor {
            "alertmanager" => request.bearer_auth(Monitors::BEARER_TOKEN),
            "prometheus" => {
                let (user, password) = Monitors::BASIC_AUTH.split_once(':').expect("a pair");
                request.basic_auth(user, Some(password))
            }
            _ => request,
        };
        let answer = request.send().await.expect("an answer");
        (answer.status().as_u16(), answer.json().await.unwrap_or_default())
    }

    async fn alertnames(&self, query: &str) -> Vec<String> {
        let (status, body) = self.get("alertmanager", &format!("/api/v2/alerts{query}")).await;
        assert_eq!(status, 200, "{body}");
        let alerts = body.as_array().expect("a list");
        alerts.iter().map(|a| a["labels"]["alertname"].as_str().expect("a name").to_owned()).collect()
    }
}

#[tokio::test]
async fn alerts_are_filtered_by_switches_and_matchers() {
    let probe = Probe::start().await;
    probe.monitors.fire("HighErr", "page", "api", "5xx");
    probe.monitors.fire("Slow", "warning", "api", "p99");
    probe.monitors.fire("Old", "critical", "db", "disk");
    probe.monitors.silence("Old");
    assert_eq!(
        probe.alertnames("").await,
        ["HighErr", "Slow", "Old"],
        "silenced ones come unless switched off"
    );
    assert_eq!(probe.alertnames("?silenced=false").await, ["HighErr", "Slow"]);
    assert_eq!(probe.alertnames("?filter=severity%3D~%22critical%7Cpage%22").await, ["HighErr", "Old"]);
    assert_eq!(probe.alertnames("?filter=service%3D%22api%22&filter=severity!%3Dpage").await, ["Slow"]);
    probe.monitors.calm("HighErr");
    assert_eq!(probe.alertnames("?active=true&silenced=false").await, ["Slow"]);
    for wrong in ["?silenced=no", "?filter=severity"] {
        let (status, body) = probe.get("alertmanager", &format!("/api/v2/alerts{wrong}")).await;
        assert!(status == 400 && body.is_string(), "{wrong}: {status} {body}");
    }
}

#[tokio::test]
async fn queries_answer_texts_and_say_what_is_wrong_with_them() {
    let probe = Probe::start().await;
    probe.monitors.set_series("up", &[("job=api", "0.998"), ("job=db", "NaN")]);
    let (_, body) = probe.get("prometheus", "/api/v1/query?query=up&timeout=4s").await;
    assert_eq!(body["data"]["result"][0]["metric"], json!({ "job": "api" }));
    assert_eq!(body["data"]["result"][1]["value"][1], "NaN");
    let (status, body) = probe.get("prometheus", "/api/v1/query?query=down").await;
    assert_eq!((status, &body["data"]["result"]), (200, &json!([])), "no data is an empty vector");
    for wrong in ["", "?query=sum(up", "?query=up&timeout=soon"] {
        let (status, body) = probe.get("prometheus", &format!("/api/v1/query{wrong}")).await;
        assert_eq!((status, &body["errorType"]), (400, &json!("bad_data")), "{wrong}");
    }
}

#[tokio::test]
async fn the_page_and_the_health_check_show_what_the_scene_says() {
    let probe = Probe::start().await;
    probe.monitors.set_page("minor", "Partially Degraded Service", "API", "degraded_performance");
    let (_, body) = probe.get("page", "/api/v2/summary.json").await;
    assert_eq!(body["status"]["indicator"], "minor");
    assert_eq!(body["components"][0]["status"], "degraded_performance");
    probe.monitors.set_health(503, json!({ "status": "down" }));
    assert_eq!(probe.get("health", "").await, (503, json!({ "status": "down" })));
}

#[tokio::test]
#[expect(clippy::disallowed_methods, reason = "the probe speaks plain HTTP to the simulator")]
async fn doors_are_locked_faults_happen_and_wrong_paths_are_noted() {
    let probe = Probe::start().await;
    for monitor in ["alertmanager/api/v2/alerts", "prometheus/api/v1/query?query=up"] {
        let bare = probe.http.get(probe.monitors.url(monitor)).send().await.expect("an answer");
        assert_eq!(bare.status().as_u16(), 401, "{monitor}");
    }
    probe.desk.always("page", Fault::Refuse { code: "nonsense".into() });
    assert_eq!(probe.get("page", "/api/v2/summary.json").await, (200, Value::Null));
    probe.desk.next("GET /health", Fault::RateLimited { after_secs: 9 });
    assert_eq!(probe.get("health", "").await.0, 429);
    assert_eq!(probe.get("page", "/api/v1/summary.json").await.0, 404);
    assert_eq!(probe.desk.unexpected(), ["GET /page/api/v1/summary.json"]);
}
