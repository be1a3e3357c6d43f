//! The simulated site, without the project's client.

use serde_json::{Value, json};

use super::Cachet;
use crate::clock::{Clock, Timestamp};
use crate::sim::desk::Desk;

struct Probe {
    site: Cachet,
    desk: Desk,
    http: reqwest::Client,
}

impl Probe {
    async fn start() -> Self {
        let clock = Clock::manual(Timestamp::from_secs(1_795_255_200));
        let desk = Desk::new(clock.clone());
        let site = Cachet::start(clock, desk.clone()).await.unwrap();
        site.add_component("API");
        rustls::crypto::ring::default_provider().install_default().ok();
        let http = reqwest::Client::builder().no_proxy().tls_certs_only([]).build().unwrap();
        Self { site, desk, http }
    }

    #[expect(clippy::disallowed_methods, reason = "the simulator is tested without the project's client")]
    async fn call(&self, method: &str, path: &str, token: Option<&str>, body: Value) -> (u16, Value) {
        let url = format!("{}{path}", self.site.api_url());
        let mut request = self.http.request(method.parse().unwrap(), url);
        if let Some(token) = token {
            request = request.header("authorization", format!("Bearer {token}"));
        }
        let request = if body.is_null() { request } else { request.json(&body) };
        let answer = request.send().await.unwrap();
        (answer.status().as_u16(), serde_json::from_slice(&answer.bytes().await.unwrap()).unwrap_or_default())
    }

    async fn get(&self, path: &str) -> (u16, Value) {
        self.call("GET", path, None, Value::Null).await
    }

    async fn send(&self, method: &str, path: &str, body: Value) -> (u16, Value) {
        self.call(method, path, Some(Cachet::TOKEN), body).await
    }
}

fn incident(changes: Value) -> Value {
    let mut fields = json!({"name": "Slow", "message": "We look.", "status": 1});
    let Value::Object(changes) = changes else { panic!("an object of changes") };
    for (name, value) in changes {
        fields[&name] = value.clone();
    }
    fields
}

#[tokio::test]
async fn reading_is_free_and_writing_needs_the_token() {
    let probe = Probe::start().await;
    assert_eq!(probe.get("/api/status").await.1["data"]["status"], "operational");
    for token in [None, Some("other")] {
        assert_eq!(probe.call("POST", "/api/incidents", token, incident(json!({}))).await.0, 401);
    }
    assert!(probe.site.incidents().is_empty());
    probe.site.revoke_token();
    assert_eq!(probe.send("PUT", "/api/components/1", json!({"status": 2})).await.0, 401);
    assert_eq!(probe.get("/api/nothing").await.0, 404);
    assert_eq!(probe.desk.unexpected(), ["GET /api/nothing"]);
}

#[tokio::test]
async fn what_is_not_asked_for_is_not_shown_to_anybody() {
    let probe = Probe::start().await;
    assert_eq!(probe.send("POST", "/api/incidents", incident(json!({}))).await.0, 201);
    assert!(!probe.site.incidents()[0].visible);
    assert_eq!(probe.site.public(), "All systems are operational");
    let shown = incident(json!({"visible": true, "notifications": true}));
    probe.send("POST", "/api/incidents", shown).await;
    assert_eq!(probe.site.public(), "Slow (Investigating)\n  We look.");
    assert_eq!(probe.site.notified(), ["Slow: Investigating"]);
}

#[tokio::test]
async fn a_components_state_is_the_worst_of_its_own_and_of_what_is_open() {
    let probe = Probe::start().await;
    let worst = incident(json!({"visible": true, "components": [{"id": 1, "status": 4}]}));
    probe.send("POST", "/api/incidents", worst).await;
    probe.send("PUT", "/api/components/1", json!({"status": 2})).await;
    assert_eq!(probe.get("/api/components").await.1["data"][0]["attributes"]["status"]["value"], 4);
    let over = json!({"status": 4, "message": "Over."});
    assert_eq!(probe.send("POST", "/api/incidents/1/updates", over).await.0, 201);
    assert_eq!(probe.get("/api/components").await.1["data"][0]["attributes"]["status"]["value"], 2);
    assert_eq!(
        probe.get("/api/incidents?filter[status]=4").await.1["data"].as_array().map(Vec::len),
        Some(1)
    );
    assert_eq!(probe.get("/api/incidents/1/updates").await.1["data"][0]["attributes"]["message"], "Over.");
}

#[tokio::test]
async fn what_is_wrong_is_refused_in_laravels_words() {
    let probe = Probe::start().await;
    for (wrong, field) in [
        (json!({"name": ""}), "name"),
        (json!({"message": null}), "message"),
        (json!({"status": 5}), "status"),
        (json!({"components": [{"id": 9, "status": 1}]}), "components"),
        (json!({"components": [{"id": 1, "status": 7}]}), "components"),
        (json!({"meta": "text"}), "meta"),
    ] {
        let (status, body) = probe.send("POST", "/api/incidents", incident(wrong)).await;
        assert_eq!(status, 422, "{field}: {body}");
        assert!(body["errors"][field].is_array(), "{field}: {body}");
    }
    assert_eq!(probe.send("PUT", "/api/components/1", json!({"status": 9})).await.0, 422);
    assert_eq!(probe.send("PUT", "/api/components/9", json!({"status": 1})).await.0, 404);
    assert_eq!(probe.get("/api/components?per_page=101").await.0, 422);
}

#[tokio::test]
async fn incidents_are_found_by_their_meta_data_and_pages_are_short_unless_asked() {
    let probe = Probe::start().await;
    for n in 0..20 {
        let new = incident(json!({"visible": true, "meta": {"key": format!("v{n}")}}));
        probe.send("POST", "/api/incidents", new).await;
    }
    assert_eq!(probe.get("/api/incidents").await.1["data"].as_array().map(Vec::len), Some(15));
    let (_, found) = probe.get("/api/incidents?filter%5Bmeta%5D%5Bkey%5D=v3&include=meta").await;
    assert_eq!(found["data"].as_array().map(Vec::len), Some(1));
    assert_eq!(found["data"][0]["attributes"]["meta"], Value::Null, "only among what is included");
    assert_eq!(found["included"][0]["attributes"], json!({"key": "key", "value": "v3"}));
}

#[tokio::test]
async fn three_hundred_calls_a_minute() {
    let probe = Probe::start().await;
    for _ in 0..300 {
        assert_eq!(probe.get("/api/status").await.0, 200);
    }
    let (status, body) = probe.get("/api/status").await;
    assert_eq!((status, &body["message"]), (429, &json!("Too Many Attempts.")));
}
