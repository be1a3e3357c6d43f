//! The simulated account, without the project's client.

use std::time::Duration;

use serde_json::{Value, json};

use super::Statuspage;
use crate::clock::{Clock, Timestamp};
use crate::sim::desk::{Desk, Fault};

struct Probe {
    page: Statuspage,
    desk: Desk,
    clock: Clock,
    http: reqwest::Client,
}

impl Probe {
    async fn start() -> Self {
        let clock = Clock::manual(Timestamp::from_secs(1_795_255_200));
        let desk = Desk::new(clock.clone());
        let page = Statuspage::start(clock.clone(), desk.clone()).await.unwrap();
        page.add_component("c1", "API");
        page.add_group("g1", "Europe");
        page.add_member("g1", "c2", "Search");
        rustls::crypto::ring::default_provider().install_default().ok();
        let http = reqwest::Client::builder().no_proxy().tls_certs_only([]).build().unwrap();
        Self { page, desk, clock, http }
    }

    #[expect(clippy::disallowed_methods, reason = "the simulator is tested without the project's client")]
    async fn call(&self, method: &str, path: &str, key: &str, body: Option<Value>) -> (u16, Value) {
        let url = format!("{}/v1/pages/{path}", self.page.api_url());
        let mut request = self.http.request(method.parse().unwrap(), url).header("authorization", key);
        if let Some(body) = body {
            request = request.json(&body);
        }
        let answer = request.send().await.unwrap();
        (answer.status().as_u16(), serde_json::from_slice(&answer.bytes().await.unwrap()).unwrap_or_default())
    }

    async fn get(&self, path: &str) -> (u16, Value) {
        self.call("GET", &format!("{}{path}", Statuspage::PAGE_ID), &key(), None).await
    }

    async fn send(&self, method: &str, path: &str, body: Value) -> (u16, Value) {
        self.call(method, &format!("{}{path}", Statuspage::PAGE_ID), &key(), Some(body)).await
    }
}

fn key() -> String {
    format!("OAuth {}", Statuspage::API_KEY)
}

fn incident(changes: Value) -> Value {
    let mut fields = json!({"name": "Slow", "body": "We look.", "deliver_notifications": true});
    let Value::Object(changes) = changes else { panic!("an object of changes") };
    for (name, value) in changes {
        fields[&name] = value.clone();
        if value.is_null() {
            fields.as_object_mut().unwrap().remove(&name);
        }
    }
    json!({ "incident": fields })
}

#[tokio::test]
async fn only_the_key_under_its_own_scheme_opens_the_page() {
    let probe = Probe::start().await;
    let bearer = format!("Bearer {}", Statuspage::API_KEY);
    for wrong in ["OAuth other", Statuspage::API_KEY, &bearer] {
        let (status, body) = probe.call("GET", Statuspage::PAGE_ID, wrong, None).await;
        assert_eq!((status, &body["error"]), (401, &json!("Could not authenticate")), "{wrong}");
    }
    assert_eq!(probe.call("GET", "another", &key(), None).await.0, 404, "another page");
    assert_eq!(probe.get("").await.1["name"], "Acme Status");
    assert_eq!(probe.get("/components.json").await.0, 200, "the suffix is allowed");
    assert_eq!(probe.get("/subscribers").await.0, 404);
    assert_eq!(probe.desk.unexpected().len(), 1);
    probe.page.revoke_key();
    assert_eq!(probe.get("").await.0, 401);
}

#[tokio::test]
async fn sixty_calls_a_minute_and_not_one_more() {
    let probe = Probe::start().await;
    for n in 0..60 {
        assert_eq!(probe.get("").await.0, 200, "call {n}");
    }
    assert_eq!(probe.get("").await.0, 420);
    probe.clock.advance(Duration::from_secs(59));
    assert_eq!(probe.get("").await.0, 420);
    probe.clock.advance(Duration::from_secs(1));
    assert_eq!(probe.get("").await.0, 200);
}

#[tokio::test]
async fn what_is_wrong_is_refused_as_a_whole() {
    let probe = Probe::start().await;
    for (wrong, field) in [
        (json!({"name": ""}), "name"),
        (json!({"name": "x".repeat(256)}), "name"),
        (json!({"body": "x".repeat(25_001)}), "body"),
        (json!({"body": null}), "body"),
        (json!({"deliver_notifications": null}), "deliver_notifications"),
        (json!({"status": "fixed"}), "status"),
        (json!({"impact_override": "huge"}), "impact_override"),
        (json!({"component_ids": ["nope"]}), "component_ids"),
        (json!({"components": {"c1": "broken"}}), "components"),
        (json!({"components": {"g1": "major_outage"}}), "components"),
        (json!({"metadata": {"ours": "text"}}), "metadata"),
        (json!({"tweet": true}), "tweet"),
    ] {
        let (status, body) = probe.send("POST", "/incidents", incident(wrong)).await;
        assert_eq!(status, 422, "{field}: {body}");
        assert!(body["error"][field].is_array(), "{field}: {body}");
    }
    assert!(probe.page.incidents().is_empty());
    assert_eq!(probe.page.status_of("c1"), "operational");
    assert_eq!(probe.send("POST", "/incidents", json!({})).await.0, 400);
    let group = json!({"component": {"status": "major_outage"}});
    assert_eq!(probe.send("PATCH", "/components/g1", group.clone()).await.0, 422);
    assert_eq!(probe.send("PATCH", "/components/c9", group).await.0, 404);
}

#[tokio::test]
async fn resolving_leaves_components_as_they_are() {
    let probe = Probe::start().await;
    let new = incident(json!({"component_ids": ["c1"], "components": {"c1": "major_outage"},
        "metadata": {"ours": {"id": "1"}}}));
    let (status, made) = probe.send("POST", "/incidents", new).await;
    assert_eq!(
        (status, &made["status"], &made["metadata"]["ours"]["id"]),
        (201, &json!("investigating"), &json!("1"))
    );
    let path = format!("/incidents/{}", made["id"].as_str().unwrap());
    assert_eq!(probe.get("/incidents/unresolved").await.1.as_array().map(Vec::len), Some(1));
    let resolved = incident(json!({"name": null, "status": "resolved", "deliver_notifications": false}));
    let (status, resolved) = probe.send("PATCH", &path, resolved).await;
    assert_eq!(
        (status, &resolved["incident_updates"][0]["status"]),
        (200, &json!("resolved")),
        "newest first"
    );
    assert_eq!(probe.page.status_of("c1"), "major_outage");
    assert_eq!(probe.get("/incidents/unresolved").await.1, json!([]));
    assert_eq!(probe.get("/incidents?limit=1").await.1.as_array().map(Vec::len), Some(1));
    assert_eq!(probe.page.notified(), ["Slow: investigating"]);
    probe.page.delete_by_hand(made["id"].as_str().unwrap());
    assert_eq!(probe.get(&path).await.0, 404);
}

#[tokio::test]
async fn faults_have_the_vendors_words() {
    let probe = Probe::start().await;
    probe.desk.next("GET /pages/{page}", Fault::RateLimited { after_secs: 7 });
    assert_eq!(probe.get("").await, (420, Value::Null));
    probe.desk.next("GET /pages/{page}", Fault::Refuse { code: "nonsense".into() });
    assert_eq!(probe.get("").await, (200, Value::Null));
    probe.desk.next("POST /pages/{page}/incidents", Fault::Refuse { code: "422".into() });
    assert_eq!(probe.send("POST", "/incidents", incident(json!({}))).await.0, 422);
    assert!(probe.page.incidents().is_empty());
}
