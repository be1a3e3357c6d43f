//! For the tests of this folder: a small company on the simulated account, and a bare HTTP client.

use std::time::Duration;

use serde_json::{Value, json};

use crate::clock::{Clock, Timestamp};
use crate::sim::desk::Desk;

use super::PagerDuty;

pub const ROUTING_KEY: &str = "0123456789abcdef0123456789abcdef";

pub struct Probe {
    pub pagerduty: PagerDuty,
    pub desk: Desk,
    pub clock: Clock,
    http: reqwest::Client,
}

impl Probe {
    /// Ana is on call first (by schedule), then Ben; the policy PEPEMPTY has a schedule that nobody is on.
    pub async fn start() -> Self {
        let start = Timestamp::parse("2026-11-21T10:00:00.123Z").unwrap();
        let clock = Clock::manual(start);
        let desk = Desk::new(clock.clone());
        let pagerduty = PagerDuty::start(clock.clone(), desk.clone()).await.unwrap();
        let day = Duration::from_hours(24);
        pagerduty.add_user("PANA001", "Ana Example", "ana@example.com", Some("+44 20 7946 0001"));
        pagerduty.add_user("PBEN001", "Ben Example", "ben@example.com", None);
        pagerduty.add_schedule(
            "PSCHED1",
            "Payments primary",
            &[("PANA001", start - day, start + day), ("PBEN001", start + day, start + day * 2)],
        );
        pagerduty.add_schedule("PSCHED2", "Nobody", &[]);
        pagerduty.add_escalation_policy("PEP0001", "Payments", &[&["PSCHED1"], &["PBEN001"]]);
        pagerduty.add_escalation_policy("PEPEMPTY", "Nobody", &[&["PSCHED2"]]);
        pagerduty.add_service("PSVC001", "payments-api", "PEP0001", Some(ROUTING_KEY));
        pagerduty.add_service("PSVC002", "orphan", "PEPEMPTY", None);
        let http = reqwest::Client::builder().no_proxy().tls_certs_only([]).build().unwrap();
        Self { pagerduty, desk, clock, http }
    }

    pub fn request(&self, method: &str, path: &str) -> reqwest::RequestBuilder {
        self.bare(method, path).header("authorization", format!("Token token={}", PagerDuty::TOKEN))
    }

    /// Without a token.
    pub fn bare(&self, method: &str, path: &str) -> reqwest::RequestBuilder {
        self.http.request(method.parse().unwrap(), format!("{}{path}", self.pagerduty.api_url()))
    }

    pub async fn get(&self, path: &str) -> (u16, Value) {
        read(self.request("GET", path)).await
    }

    /// With the right `From`.
    pub async fn send(&self, method: &str, path: &str, body: Value) -> (u16, Value) {
        read(self.request(method, path).header("from", PagerDuty::FROM_EMAIL).json(&body)).await
    }

    /// Opens an incident on the payments service and returns its id.
    pub async fn declare(&self, title: &str, key: &str) -> String {
        let body = json!({"incident": {
            "type": "incident", "title": title, "service": {"id": "PSVC001", "type": "service_reference"},
            "incident_key": key,
        }});
        let (status, body) = self.send("POST", "/incidents", body).await;
        assert_eq!(status, 201, "{body}");
        body["incident"]["id"].as_str().unwrap().into()
    }

    /// Event types that wait to be delivered, without their `incident.`.
    pub fn events(&self) -> Vec<String> {
        let short = |kind: String| kind.strip_prefix("incident.").unwrap_or(&kind).to_owned();
        self.pagerduty.webhooks().into_iter().map(|w| short(w.event_type)).collect()
    }
}

/// Status and JSON body; null for a body that is none.
pub async fn read(request: reqwest::RequestBuilder) -> (u16, Value) {
    let response = send(request).await.unwrap();
    let status = response.status().as_u16();
    (status, serde_json::from_slice(&response.bytes().await.unwrap()).unwrap_or_default())
}

#[expect(clippy::disallowed_methods, reason = "the simulator is tested without the project's client")]
pub async fn send(request: reqwest::RequestBuilder) -> reqwest::Result<reqwest::Response> {
    request.send().await
}
